//! A private repository's content is not served under another repository's name.
//!
//! ## Why it matters
//!
//! Registries keep one copy of equal blobs. Whoever knows a digest may get the bytes by another repository's name, unless the
//! registry asks who may read the original.
//!
//! ## How it is proven
//!
//! Only with a declared private repository, and a scratch repository that those may read who ask: a refusal there would say
//! nothing. The control: an identity that may reads the private manifest
//! and learns a blob's digest. Then this blob is asked for under the scratch repository's name, whole, by HEAD, in part and by
//! mount, without credentials and by an identity that may not read it: nothing may be served or mounted. A blob that a broken
//! registry linked there is removed again, where an identity may delete, else listed as left behind.
//!
//! ## When it fails
//!
//! 206 on a range: zot v2.1.17 to v2.1.20 has this hole. Upgrade; until then make no digest of a private image known.
//!
//! ## References
//!
//! CVE-2024-39897. zot pull request 4363. zot `pkg/api/routes.go`, `GetBlob`.

use std::time::Duration;

use crate::check::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::PrivateRepository, Need::AnyIdentity, Need::ForeignReader],
    effect: Effect::Writes,
    usual: Duration::from_millis(60),
};

const WHY: Why<'static> = Why {
    claim: "a private blob is served by its own repository alone",
    cause: "the registry shares blobs between repositories without asking who may read them",
    remedy: "upgrade the registry (zot: to a release after v2.1.20)",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    severity: Severity::Critical,
    impact: Impact::Scratch,
    bad: Bad { status: 206, headers: &[("content-range", "bytes 0-0/9")], body: "p" },
    reference: "CVE-2024-39897; zot pull request 4363",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "foreign-blob-get",
        shape: Shape::get("/v2/{scratch}/blobs/{private_blob}"),
        bad: Bad::body("p"),
        reason: "A private blob under the name of a repository that anyone may read",
        ..BASE
    },
    Probe {
        id: "foreign-blob-head",
        shape: Shape::new("HEAD", "/v2/{scratch}/blobs/{private_blob}"),
        bad: Bad::status(200),
        reason: "zot up to v2.0.4 linked the blob into the repository that was asked",
        ..BASE
    },
    Probe {
        id: "foreign-manifest",
        shape: Shape::get("/v2/{scratch}/manifests/{private_digest}"),
        bad: Bad::body("{\"digest\":\"{private_digest}\"}"),
        reason: "A private manifest under the name of a repository that anyone may read",
        ..BASE
    },
    Probe {
        id: "foreign-referrers",
        severity: Severity::High,
        shape: Shape::get("/v2/{private}/referrers/{private_digest}"),
        bad: Bad::body("{\"manifests\":[{\"digest\":\"{private_digest}\"}]}"),
        reason: "What refers to a private image is private too",
        ..BASE
    },
    Probe {
        id: "mount-by-an-outsider",
        who: Principal::Outsider,
        shape: Shape::new("POST", "/v2/{scratch}/blobs/uploads/?mount={private_blob}&from={private}"),
        expect: Expect::NotMounted,
        bad: Bad::status(201),
        reason: "A mount copies a blob without sending it, so it needs the right to read it",
        ..BASE
    },
    Probe {
        id: "mount-without-from-by-an-outsider",
        who: Principal::Outsider,
        shape: Shape::new("POST", "/v2/{scratch}/blobs/uploads/?mount={private_blob}"),
        expect: Expect::NotMounted,
        bad: Bad::status(201),
        reason: "Without a source the registry searches everywhere",
        ..BASE
    },
    Probe {
        id: "foreign-blob-range",
        shape: Shape::get("/v2/{scratch}/blobs/{private_blob}").with(&[("Range", "bytes=0-0")]),
        reason: "zot v2.1.17 to v2.1.20 serves a range without asking who may read the blob",
        ..BASE
    },
    Probe {
        id: "foreign-blob-open-range",
        shape: Shape::get("/v2/{scratch}/blobs/{private_blob}").with(&[("Range", "bytes=0-")]),
        reason: "zot v2.1.17 to v2.1.20 serves a range without asking who may read the blob",
        ..BASE
    },
    Probe {
        id: "foreign-blob-range-by-an-outsider",
        who: Principal::Outsider,
        shape: Shape::get("/v2/{scratch}/blobs/{private_blob}").with(&[("Range", "bytes=0-0")]),
        reason: "A login alone is no right to read what is private",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::trial::{Weakness, config, error_when_down, fails, proven};

    const ID: &str = "bypass::private_blobs_stay_private";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_a_range_is_served_to_anyone() {
        let finding = fails(ID, Weakness::RangedGetUnchecked).await;
        assert!(finding.summary.ends_with(": foreign-blob-range"), "{finding:?}");
    }

    fn scratch_is_open_to(config: &mut Value, all_who_log_in: &[&str]) {
        let policies = [json!({ "groups": ["artifact-workloads", "admins"], "actions": ["read", "create"] })];
        config["http"]["accessControl"]["repositories"]["blumeops/regproof"] =
            json!({ "defaultPolicy": all_who_log_in, "policies": policies });
    }

    #[tokio::test]
    async fn a_refusal_by_a_closed_scratch_repository_says_nothing() {
        let closed = config::run(ID, None, |config| scratch_is_open_to(config, &[]));
        assert_eq!(closed.await.verdict.word(), "skip");
        let half = config::run(ID, None, |config| scratch_is_open_to(config, &["read"]));
        let half = half.await;
        assert_eq!(half.verdict.word(), "pass", "{:?}", half.finding);
        let left_out = "not asked, anonymous clients may not read blumeops/regproof";
        assert!(half.notes.iter().any(|note| note.contains(left_out)), "{:?}", half.notes);
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
