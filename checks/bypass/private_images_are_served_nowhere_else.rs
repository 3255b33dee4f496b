//! A private image and its referrers are not served under another repository's name.
//!
//! ## Why it matters
//!
//! Registries keep one copy of equal blobs. A client may know a digest from a log or a deployment. It may then get the bytes
//! under the name of a repository that everyone may read.
//!
//! ## How it is proven
//!
//! Only with a declared private repository, and a scratch repository that anonymous clients may read. Elsewhere a refusal would
//! prove nothing.
//!
//! 1. The control: an identity with the right reads the private manifest and learns a layer's digest. An index is followed to an
//!    image.
//! 2. Without credentials, by plain GET, which changes nothing: the layer and the manifest under the scratch repository's name.
//!    Also the referrers of the private image. Nothing is served.
//!
//! `bypass::private_blobs_stay_private` sends the requests that could make a blob readable, and only for a canary.
//!
//! ## When it fails
//!
//! The registry serves blobs by digest and does not check which repository holds them. Or a cache in front stores them only by
//! digest.
//!
//! ## References
//!
//! OCI distribution spec, sections Pulling blobs and Listing Referrers. CVE-2024-39897.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::PrivateRepository, Need::AnyIdentity, Need::ForeignReader],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "a private image is served only by its own repository",
    cause: "the registry, or a cache in front of it, shares blobs between repositories without a check of the rights",
    remedy: "upgrade the registry (zot: to a release after v2.1.20); let caches store blobs by repository and digest",
};

/// What all of them have in common.
const BASE: Probe = Probe { severity: Severity::Critical, reference: "CVE-2024-39897", ..Probe::ANONYMOUS };

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "private-blob-elsewhere",
        shape: Shape::get("/v2/{scratch}/blobs/{private_blob}"),
        bad: Bad::body("p"),
        reason: "A private blob under the name of a repository that everyone may read",
        ..BASE
    },
    Probe {
        id: "private-manifest-elsewhere",
        shape: Shape::get("/v2/{scratch}/manifests/{private_digest}"),
        bad: Bad::body("{\"digest\":\"{private_digest}\"}"),
        reason: "A private manifest under the name of a repository that everyone may read",
        ..BASE
    },
    Probe {
        id: "private-image-referrers",
        severity: Severity::High,
        shape: Shape::get("/v2/{private}/referrers/{private_digest}"),
        bad: Bad::body("{\"manifests\":[{\"digest\":\"{private_digest}\"}]}"),
        reason: "The referrers of a private image are private too",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::trial::{Setting, Weakness, config, error_when_down, fails, proven};

    const ID: &str = "bypass::private_images_are_served_nowhere_else";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert_eq!(proven(ID).await.cases.len(), 3);
    }

    #[tokio::test]
    async fn proven_for_an_index_too_whose_layers_are_those_of_its_images() {
        let outcome = Setting { id: ID, weaknesses: &[Weakness::PrivateIndex], change: |text| text }.proven().await;
        assert!(
            outcome.cases.iter().any(|case| case.name.starts_with("private-blob-elsewhere")),
            "{:?}",
            outcome.cases
        );
    }

    #[tokio::test]
    async fn fails_when_blobs_are_served_under_any_name() {
        for weakness in [Weakness::BlobsServedByDigest, Weakness::PrivatePatternMistyped] {
            fails(ID, weakness).await;
        }
    }

    #[tokio::test]
    async fn a_refusal_by_a_closed_scratch_repository_says_nothing() {
        fn closed(config: &mut Value) {
            let policies = [json!({ "groups": ["artifact-workloads", "admins"], "actions": ["read", "create"] })];
            config["http"]["accessControl"]["repositories"]["blumeops/regproof"] =
                json!({ "defaultPolicy": [], "policies": policies });
        }
        assert_eq!(config::run(ID, None, closed).await.verdict.word(), "skip");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
