//! The real oras can push an image and a multi-arch index as CI, with its login in a file.
//!
//! ## Why it matters
//!
//! Clients differ: in how they ask for a login, in the media types they send, in what they take for success. oras, and all
//! tools that share its library (Helm, Flux, Notation), send no login before they are challenged.
//!
//! ## How it is proven
//!
//! 1. A tiny image and a tiny index for two architectures are written as OCI layouts into a private folder, and the
//!    identity's login into a file beside them that nobody else may read: nothing secret is on the command line.
//! 2. `oras cp --from-oci-layout` pushes each to the scratch repository under a new tag.
//! 3. Its exit status is not believed: tag, manifests and blobs are read over HTTP and hashed.
//! 4. The same push again is refused or changes nothing: the tag keeps its digest.
//!
//! ## When it fails
//!
//! `unauthorized` although the API-key push works: a 401 comes without a challenge, so the client sends no login; let the
//! proxy pass WWW-Authenticate on. Otherwise as for `publish::api_key_can_push`.
//!
//! ## References
//!
//! oras documentation, command oras cp. OCI image spec, section Image Layout.

use std::time::Duration;

use crate::check::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::Program("oras")],
    effect: Effect::Writes,
    usual: Duration::from_millis(500),
};

const WHY: Why<'static> =
    Why { claim: "oras can push a new tag as CI", cause: clients::CAUSE, remedy: clients::REMEDY };

pub(crate) async fn run(cx: &Cx) -> Proof {
    let shop = Shop::open(cx, "oras", "version", WHY).await?;
    let (image, index) = (Image::tiny("oras"), Index::tiny("oras"));
    image.write_layout(shop.path("image").as_ref(), "it")?;
    index.write_layout(shop.path("index").as_ref(), "it")?;
    let authority = shop.certificates.as_ref().map(|folder| format!("{folder}/ca.crt"));
    for (what, digest) in [("image", image.digest()), ("index", index.digest())] {
        let (tag, layout) = (cx.tag(what), format!("{}:it", shop.path(what)));
        let reference = shop.reference(&tag);
        // Without it oras takes every registry on localhost for one in plain text.
        let plain = format!("--to-plain-http={}", shop.plain());
        let mut arguments = vec!["cp", "--no-tty", "--from-oci-layout", "--to-registry-config", &shop.login, &plain];
        if let Some(authority) = &authority {
            arguments.extend(["--to-ca-file", authority]);
        }
        arguments.extend([layout.as_str(), reference.as_str()]);
        shop.push(&tag, &arguments, &Pushed::Digest(digest)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "publish::oras_can_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert!(outcome.notes.iter().any(|note| note.starts_with("oras ")), "{:?}", outcome.notes);
        assert!(outcome.notes.iter().any(|note| note.contains("the same push again")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_and_when_the_push_is_lost() {
        let finding = fails(ID, Weakness::CiCannotCreate).await;
        assert!(finding.actual.to_lowercase().contains("denied"), "{finding:?}");
        fails(ID, Weakness::PushAcceptedButLost).await;
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
