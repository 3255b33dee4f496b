//! Unclean paths do not lead into a private repository.
//!
//! ## Why it matters
//!
//! The proxy and the registry both read the path. If one sees `/v2/public/../private` as public and the other as private,
//! everyone can read private repositories.
//!
//! ## How it is proven
//!
//! The control: an identity with the right reads the private repository. Then the same repository is read without credentials,
//! by unclean paths: double slashes, dots, semicolons, backslashes. They are sent exactly as written. Each must end in 4xx, or in
//! a redirect that stays on this origin. No answer may name the private repository.
//!
//! ## When it fails
//!
//! Content: make the proxy reject or normalise unclean paths before it decides. A redirect to another host: the same.
//!
//! ## References
//!
//! RFC 3986, section 6.2.2.3. zot `pkg/api/routes.go`: unclean paths are redirected before anybody is authenticated.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PrivateRepository, Need::AnyIdentity],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "an unclean path gives no access to a private repository",
    cause: "the proxy and the registry read this path differently",
    remedy: "let the proxy reject unclean paths, or normalise them before it decides",
};

/// What most of them have in common.
const BASE: Probe = Probe { reference: "RFC 3986, section 6.2.2.3; zot pkg/api/routes.go", ..Probe::ANONYMOUS };

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "path-double-slash",
        shape: Shape::get("/v2//{private}/manifests/{private_tag}").raw("1.1"),
        reason: "A rule for /v2/private does not match /v2//private",
        ..BASE
    },
    Probe {
        id: "path-leading-double-slash",
        shape: Shape::get("//v2/{private}/manifests/{private_tag}").raw("1.1"),
        reason: "A rule for /v2/ does not match //v2/",
        ..BASE
    },
    Probe {
        id: "path-dot-segment",
        shape: Shape::get("/v2/./{private}/manifests/{private_tag}").raw("1.1"),
        reason: "A rule that compares text does not see the dot",
        ..BASE
    },
    Probe {
        id: "path-dot-dot-from-public",
        severity: Severity::Critical,
        shape: Shape::get("/v2/{public}/../../{private}/manifests/{private_tag}").raw("1.1"),
        reason: "May be judged as the public repository, and served as the private one",
        ..BASE
    },
    Probe {
        id: "path-dot-dot-from-metrics",
        severity: Severity::Critical,
        shape: Shape::get("/metrics/../v2/{private}/tags/list").raw("1.1"),
        reason: "May be judged as the open metrics, and served as the private repository",
        ..BASE
    },
    Probe {
        id: "path-trailing-slash",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{private}/manifests/{private_tag}/").raw("1.1"),
        reason: "A rule for the exact path does not match",
        ..BASE
    },
    Probe {
        id: "path-list-trailing-slash",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{private}/tags/list/").raw("1.1"),
        reason: "A rule for the exact path does not match",
        ..BASE
    },
    Probe {
        id: "path-semicolon",
        shape: Shape::get("/v2/{private};x=y/manifests/{private_tag}").raw("1.1"),
        reason: "Servlet proxies cut path parameters off after they decided",
        ..BASE
    },
    Probe {
        id: "path-dot-dot-semicolon",
        shape: Shape::get("/v2/{public}/..;/..;/{private}/manifests/{private_tag}").raw("1.1"),
        reason: "A proxy that strips path parameters makes this a way up",
        ..BASE
    },
    Probe {
        id: "path-backslash",
        shape: Shape::get("/v2\\{private}\\manifests\\{private_tag}").raw("1.1"),
        reason: "Some proxies turn a backslash into a slash after they decided",
        ..BASE
    },
    Probe {
        id: "path-upper-case-api",
        severity: Severity::Medium,
        shape: Shape::get("/V2/{private}/manifests/{private_tag}").raw("1.1"),
        reason: "A proxy may compare case where the registry does not",
        ..BASE
    },
    Probe {
        id: "path-static-suffix",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{private}/tags/list;.css").raw("1.1"),
        reason: "Caches and proxies let static files through",
        ..BASE
    },
    Probe {
        id: "path-open-page-in-query",
        shape: Shape::get("/v2/{private}/tags/list?next=/metrics"),
        expect: Expect::Unauthorized,
        reason: "A rule that searches the whole target finds the open metrics in it",
        reference: "RFC 3986, section 3.4",
        ..BASE
    },
    Probe {
        id: "path-names-another-host",
        shape: Shape::get("//regproof.invalid/v2/").raw("1.1"),
        bad: Bad::header(301, &[("location", "//regproof.invalid/v2")]),
        reason: "A clean-up of the path must not redirect to a host of the client's choice",
        reference: "RFC 3986, section 4.2",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::path_tricks_do_not_open_doors";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_unclean_paths_are_served() {
        let finding = fails(ID, Weakness::UncleanPathsServed).await;
        assert!(finding.promise.ends_with(": path-dot-dot-from-public"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
