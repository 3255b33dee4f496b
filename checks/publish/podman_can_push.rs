//! The real podman can push an image and a multi-arch index as CI, with its login in a file.
//!
//! ## Why it matters
//!
//! Clients differ in how they log in, in the media types they send, and in what they take for success. podman pushes from its
//! local image store. The store keeps unpacked images, so podman builds the layers anew.
//!
//! ## How it is proven
//!
//! 1. A tiny image and a tiny index for two architectures are written as OCI layouts into a private folder. They are loaded into
//!    a store there. The identity's login is in a file that only this user may read; no secret is on the command line.
//! 2. `podman push` and `podman manifest push --all` push each to the scratch repository under a new tag.
//! 3. The exit status does not count. The check reads tag, manifests and blobs over HTTP and hashes them.
//!    The tag's digest is the one that podman reports.
//! 4. The same push again is refused or changes nothing: the tag keeps its digest.
//!
//! ## When it fails
//!
//! `unauthorized` although the API-key push works: `/v2/` answers 200 without a challenge, so the client sends no login. Let
//! the proxy pass WWW-Authenticate on. Where podman cannot keep a store (no user namespaces), the check is undecided.
//!
//! ## References
//!
//! podman-push(1), podman-manifest-push(1), containers-auth.json(5).

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::Program("podman")],
    effect: Effect::Writes,
    usual: Duration::from_millis(1200),
};

pub(crate) const SENDS: &[Rows] = &[rows::program!("podman"), rows::READ_BACK, rows::CLEAN_UP];

pub(crate) async fn run(cx: &Cx) -> Proof {
    clients::push_from_store(cx, "podman", clients::why("podman can push a new tag as CI")).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{client_fails, client_proven, error_when_down};

    const ID: &str = "publish::podman_can_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        client_proven(ID, "podman ").await;
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
