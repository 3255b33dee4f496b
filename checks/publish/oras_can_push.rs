//! The real oras can push an image and a multi-arch index as CI, with its login in a file.
//!
//! ## Why it matters
//!
//! Clients differ in how they log in, in the media types they send, and in what they take for success. oras, and all tools that
//! share its library (Helm, Flux, Notation), send their login only after a challenge.
//!
//! ## How it is proven
//!
//! 1. A tiny image and a tiny index for two architectures are written as OCI layouts into a private folder. The identity's login
//!    is in a file there that only this user may read; no secret is on the command line.
//! 2. `oras cp --from-oci-layout` pushes each to the scratch repository under a new tag.
//! 3. The exit status does not count. The check reads tag, manifests and blobs over HTTP and hashes them.
//! 4. The same push again is refused or changes nothing: the tag keeps its digest.
//!
//! ## When it fails
//!
//! `unauthorized` although the API-key push works: a 401 comes without a challenge, so the client sends no login. Let the
//! proxy pass WWW-Authenticate on. Otherwise see `publish::api_key_can_push`.
//!
//! ## References
//!
//! oras documentation, command oras cp. OCI image spec, section Image Layout.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::Program("oras")],
    effect: Effect::Writes,
    usual: Duration::from_millis(500),
};

pub(crate) const SENDS: &[Rows] = &[rows::program!("oras"), rows::READ_BACK, rows::CLEAN_UP];

pub(crate) async fn run(cx: &Cx) -> Proof {
    let shop = Shop::open(cx, "oras", "version", clients::why("oras can push a new tag as CI")).await?;
    // Without it oras takes every registry on localhost for one in plain text.
    let plain = format!("--to-plain-http={}", shop.plain());
    let authority = shop.certificates.as_ref().map(|folder| format!("{folder}/ca.crt"));
    shop.push_layouts(|layout| {
        let source = format!("{}:{}", layout.path, clients::NAME);
        let mut arguments = vec!["cp", "--no-tty", "--from-oci-layout", "--to-registry-config", &shop.login, &plain];
        if let Some(authority) = &authority {
            arguments.extend(["--to-ca-file", authority]);
        }
        arguments.extend([source.as_str(), &layout.reference]);
        clients::words(&arguments)
    })
    .await
}

#[cfg(test)]
mod tests {
    use crate::trial::{client_fails, client_proven, error_when_down};

    const ID: &str = "publish::oras_can_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        client_proven(ID, "oras ").await;
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_and_when_the_push_is_lost() {
        client_fails(ID).await;
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
