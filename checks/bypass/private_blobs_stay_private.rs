//! A private repository's content is not served under another repository's name.
//!
//! ## Why it matters
//!
//! Registries keep one copy of equal blobs. Some registries do not check the rights to the original. A client that knows a digest
//! then gets the bytes under another name.
//!
//! ## How it is proven
//!
//! On a registry with this weakness, such a request makes the private blob readable from then on. So the check asks only for a
//! canary, in `[repositories] private_scratch`. Without that repository the check is left out.
//!
//! 1. A made-up image, new in each run, is pushed to the private scratch repository. The control: an identity with the right
//!    reads its layer there, and anonymous clients do not.
//! 2. The layer is requested under the scratch repository's name, by HEAD, in part and by mount. The clients have no credentials,
//!    or may not read it. The layer must be neither served nor mounted.
//! 3. A broken registry may link the layer. The link is removed at once if an identity may delete, else listed as left behind.
//!    So is the canary.
//!
//! `bypass::private_images_are_served_nowhere_else` sends the requests that change nothing.
//!
//! ## When it fails
//!
//! 206 on a range: zot v2.1.17 to v2.1.20 has this weakness. Upgrade. Until then keep the digests of private images secret.
//!
//! ## References
//!
//! CVE-2024-39897. zot pull request 4363. zot `pkg/api/routes.go`, `GetBlob`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::AnyIdentity, Need::PrivateScratch],
    effect: Effect::Writes,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS, rows::CANARY, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "a private blob is served only by its own repository",
    cause: "the registry shares blobs between repositories without a check of the rights to read them",
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
        id: "foreign-blob-head",
        shape: Shape::new("HEAD", "/v2/{scratch}/blobs/{canary_blob}"),
        bad: Bad::status(200),
        reason: "zot up to v2.0.4 linked the blob into the repository that was asked",
        ..BASE
    },
    Probe {
        id: "mount-by-an-outsider",
        who: Principal::Outsider,
        shape: Shape::new("POST", "/v2/{scratch}/blobs/uploads/?mount={canary_blob}&from={canary}"),
        expect: Expect::NotMounted,
        bad: Bad::status(201),
        reason: "A mount copies a blob without sending it, so it needs the right to read it",
        ..BASE
    },
    Probe {
        id: "mount-without-from-by-an-outsider",
        who: Principal::Outsider,
        shape: Shape::new("POST", "/v2/{scratch}/blobs/uploads/?mount={canary_blob}"),
        expect: Expect::NotMounted,
        bad: Bad::status(201),
        reason: "Without a source the registry searches everywhere",
        ..BASE
    },
    Probe {
        id: "foreign-blob-range",
        shape: Shape::get("/v2/{scratch}/blobs/{canary_blob}").with(&[("Range", "bytes=0-0")]),
        reason: "zot v2.1.17 to v2.1.20 serves a range without a check of the rights to the blob",
        ..BASE
    },
    Probe {
        id: "foreign-blob-open-range",
        shape: Shape::get("/v2/{scratch}/blobs/{canary_blob}").with(&[("Range", "bytes=0-")]),
        reason: "zot v2.1.17 to v2.1.20 serves a range without a check of the rights to the blob",
        ..BASE
    },
    Probe {
        id: "foreign-blob-range-by-an-outsider",
        who: Principal::Outsider,
        shape: Shape::get("/v2/{scratch}/blobs/{canary_blob}").with(&[("Range", "bytes=0-0")]),
        reason: "A login alone gives no right to private repositories",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Setting, Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::private_blobs_stay_private";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_a_range_is_served_to_anyone() {
        let finding = fails(ID, Weakness::RangedGetUnchecked).await;
        assert!(finding.promise.ends_with(": foreign-blob-range"), "{finding:?}");
    }

    #[tokio::test]
    async fn what_is_really_private_is_never_asked_for_and_the_canary_is_gone_afterwards() {
        let outcome = proven(ID).await;
        let private = outcome.transcript.iter().find(|exchange| exchange.url.contains("private/ledger"));
        assert_eq!(private.map(|exchange| &exchange.url), None);
        assert_eq!(outcome.leftovers, []);
    }

    #[tokio::test]
    async fn left_out_without_a_canary_of_our_own() {
        let change = |text: String| {
            text.lines().filter(|line| !line.starts_with("private_scratch")).collect::<Vec<_>>().join("\n")
        };
        let outcome = Setting { id: ID, weaknesses: &[], change }.run(None, false).await;
        assert_eq!(outcome.verdict.word(), "skip");
        assert!(outcome.finding.is_some_and(|finding| finding.summary.contains("private_scratch is not set")));
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
