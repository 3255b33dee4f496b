//! The real crane can push an image and a multi-arch index as CI, with its login in a file.
//!
//! ## Why it matters
//!
//! Clients differ in how they log in, in the media types they send, and in what they take for success. crane asks `/v2/` for
//! a challenge first, and pushes blobs in parallel. So do all tools that share its library (ko, Kaniko, cosign).
//!
//! ## How it is proven
//!
//! 1. A tiny image and a tiny index for two architectures are written as OCI layouts into a private folder. The identity's login
//!    is in a file there that only this user may read; no secret is on the command line.
//! 2. `crane push` pushes each to the scratch repository under a new tag.
//! 3. The exit status does not count. The check reads tag, manifests and blobs over HTTP and hashes them.
//! 4. The same push again is refused or changes nothing: the tag keeps its digest.
//!
//! ## When it fails
//!
//! `UNAUTHORIZED` although the API-key push works: `/v2/` answers 200 without a challenge, so the client sends no login. Let
//! the proxy pass WWW-Authenticate on. `did not include Docker-Content-Digest`: a proxy removes that header. Otherwise see
//! `publish::api_key_can_push`.
//!
//! ## References
//!
//! go-containerregistry, cmd/crane/doc/crane_push.md. OCI image spec, section Image Layout.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::Program("crane")],
    effect: Effect::Writes,
    usual: Duration::from_millis(500),
};

pub(crate) const SENDS: &[Rows] = &[rows::program!("crane"), rows::READ_BACK, rows::CLEAN_UP];

pub(crate) async fn run(cx: &Cx) -> Proof {
    let shop = Shop::open(cx, "crane", "version", clients::why("crane can push a new tag as CI")).await?;
    let plain: &[&str] = if shop.plain() { &["--insecure"] } else { &[] };
    shop.push_layouts(|layout| clients::words(&[&["push", &layout.path, &layout.reference], plain].concat())).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, client_fails, client_proven, error_when_down, fails};

    const ID: &str = "publish::crane_can_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        client_proven(ID, "crane ").await;
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_and_when_the_push_is_lost() {
        client_fails(ID).await;
    }

    #[tokio::test]
    async fn fails_when_a_proxy_removes_the_header_that_crane_knows_a_manifest_by() {
        let finding = fails(ID, Weakness::DigestHeaderLost).await;
        assert!(finding.remedy.contains("Docker-Content-Digest"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
