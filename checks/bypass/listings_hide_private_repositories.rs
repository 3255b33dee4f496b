//! Listings and direct reads show nothing of a private repository.
//!
//! ## Why it matters
//!
//! A repository is private only if every route is. There are lists, pages of lists, tags, manifests by tag and by digest, blobs,
//! referrers and search. Each route has separate code. Registries were found open on one of them for years.
//!
//! ## How it is proven
//!
//! The control: an identity with the right reads the private repository. The other requests are sent without credentials, and
//! by an identity without the right. No list, and no page of a list, may name the repository. Every direct read must be 401 or
//! 403 with the registry's own error.
//!
//! ## When it fails
//!
//! A name in a list: look for an anonymous or default policy on a pattern that matches it. A direct read: the same. Also look
//! for a pattern that is longer than the private one, since only the longest applies.
//!
//! ## References
//!
//! CVE-2022-46463. CVE-2026-27771. OCI distribution spec, section Content Discovery.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PrivateRepository, Need::AnyIdentity],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "a private repository is shown only to users who may read it",
    cause: "a policy on another pattern lets everyone read, or a list is not filtered",
    remedy: "look at every pattern that matches this repository: only the longest applies",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    expect: Expect::Unnamed,
    bad: Bad::body("{\"repositories\":[\"{private}\"]}"),
    reference: "OCI distribution spec, section Content Discovery; CVE-2022-46463",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "catalog",
        shape: Shape::get("/v2/_catalog"),
        reason: "The catalog must be filtered by rights",
        ..BASE
    },
    Probe {
        id: "catalog-by-an-outsider",
        who: Principal::Outsider,
        shape: Shape::get("/v2/_catalog"),
        reason: "A login alone gives no right to private repositories",
        ..BASE
    },
    Probe {
        id: "catalog-first-page",
        shape: Shape::get("/v2/_catalog?n=1"),
        reason: "Pages are often cut before they are filtered",
        ..BASE
    },
    Probe {
        id: "catalog-large-page",
        severity: Severity::Medium,
        shape: Shape::get("/v2/_catalog?n=1000"),
        reason: "Pages are often cut before they are filtered",
        ..BASE
    },
    Probe {
        id: "catalog-after-private",
        severity: Severity::Medium,
        shape: Shape::get("/v2/_catalog?last={private}"),
        reason: "A marker with a private name must not confirm that it exists",
        ..BASE
    },
    Probe {
        id: "catalog-after-public",
        shape: Shape::get("/v2/_catalog?n=1000&last={public}"),
        reason: "A page in the middle is filtered as the first one",
        ..BASE
    },
    Probe {
        id: "catalog-negative-page",
        severity: Severity::Medium,
        shape: Shape::get("/v2/_catalog?n=-1"),
        reason: "A wrong number must not switch the filter off",
        ..BASE
    },
    Probe {
        id: "catalog-wrong-page",
        severity: Severity::Medium,
        shape: Shape::get("/v2/_catalog?n=abc"),
        reason: "A wrong number must not switch the filter off",
        ..BASE
    },
    Probe {
        id: "catalog-huge-page",
        severity: Severity::Low,
        impact: Impact::Strains,
        shape: Shape::get("/v2/_catalog?n=2147483647"),
        reason: "A huge page must not exhaust the registry (CVE-2023-2253)",
        ..BASE
    },
    Probe {
        id: "private-tags",
        severity: Severity::Critical,
        shape: Shape::get("/v2/{private}/tags/list"),
        expect: Expect::Unauthorized,
        bad: Probe::ANONYMOUS.bad,
        reason: "A private page in the interface may be open in the API (CVE-2026-27771)",
        ..BASE
    },
    Probe {
        id: "private-manifest-by-tag",
        severity: Severity::Critical,
        shape: Shape::get("/v2/{private}/manifests/{private_tag}"),
        expect: Expect::Unauthorized,
        bad: Bad::body("{\"digest\":\"{private_digest}\"}"),
        reason: "Each route has its own rule, so each is asked",
        ..BASE
    },
    Probe {
        id: "private-manifest-by-digest",
        severity: Severity::Critical,
        shape: Shape::get("/v2/{private}/manifests/{private_digest}"),
        expect: Expect::Unauthorized,
        bad: Bad::body("{\"digest\":\"{private_digest}\"}"),
        reason: "Each route has its own rule, so each is asked",
        ..BASE
    },
    Probe {
        id: "private-blob",
        severity: Severity::Critical,
        shape: Shape::get("/v2/{private}/blobs/{private_blob}"),
        expect: Expect::Unauthorized,
        bad: Bad::body("p"),
        reason: "Each route has its own rule, so each is asked",
        ..BASE
    },
    Probe {
        id: "private-referrers-by-an-outsider",
        severity: Severity::Critical,
        who: Principal::Outsider,
        shape: Shape::get("/v2/{private}/referrers/{private_digest}"),
        expect: Expect::Denied,
        bad: Bad::body("{\"manifests\":[]}"),
        reason: "A login alone gives no right to private repositories",
        ..BASE
    },
    Probe {
        id: "private-referrers",
        shape: Shape::get("/v2/{private}/referrers/{private_digest}"),
        expect: Expect::Unauthorized,
        bad: Bad::body("{\"manifests\":[]}"),
        reason: "Each route has its own rule, so each is asked",
        ..BASE
    },
    Probe {
        id: "search",
        shape: Shape::get(
            "/v2/_zot/ext/search?query=%7BGlobalSearch(query:%22{private_part}%22)%7BRepos%7BName%7D%7D%7D",
        ),
        bad: Bad::body("{\"data\":{\"GlobalSearch\":{\"Repos\":[{\"Name\":\"{private}\"}]}}}"),
        reason: "Search has a separate index, and must filter it",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::listings_hide_private_repositories";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_the_catalog_is_not_filtered() {
        let finding = fails(ID, Weakness::CatalogListsEverything).await;
        assert!(finding.promise.ends_with(": catalog"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
