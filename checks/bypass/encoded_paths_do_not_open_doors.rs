//! Percent-encoded paths do not lead into a private repository.
//!
//! ## Why it matters
//!
//! The proxy may decide about one path, and the registry may decode and serve another. Encoded slashes and dots have passed
//! the rules of proxies again and again.
//!
//! ## How it is proven
//!
//! The control: an identity with the right reads the private repository. Then its paths are sent without credentials, exactly
//! as written. Letters, slashes and dots are encoded once, twice, half and wrongly. Each must end in 4xx, or in a redirect
//! within this origin. Such paths are only read, since a server may understand another path.
//!
//! ## When it fails
//!
//! The proxy decodes paths after its decision, or passes them on decoded. Pass the raw path on, and refuse `%2F` and `%2e` at
//! the proxy.
//!
//! ## References
//!
//! RFC 3986, section 2.1. zot `pkg/api/controller.go`: paths are matched raw and never decoded.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PrivateRepository, Need::AnyIdentity],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "an encoded path gives no access to a private repository",
    cause: "something decodes the path after the decision about rights",
    remedy: "let the proxy pass the raw path on, or refuse encoded slashes and dots",
};

/// What most of them have in common.
const BASE: Probe =
    Probe { reference: "RFC 3986, section 2.1; gorilla/mux, UseEncodedPath, as zot uses it", ..Probe::ANONYMOUS };

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "encoded-slash",
        shape: Shape::get("/v2/{private_slash}/manifests/{private_tag}").raw("1.1"),
        reason: "One program sees one segment, the other two",
        ..BASE
    },
    Probe {
        id: "encoded-letter",
        shape: Shape::get("/v2/{private_encoded}/manifests/{private_tag}").raw("1.1"),
        reason: "Judged as another name, served as the private one",
        ..BASE
    },
    Probe {
        id: "encoded-kind",
        shape: Shape::get("/v2/{private}/%6Danifests/{private_tag}").raw("1.1"),
        reason: "A rule for manifests does not match",
        ..BASE
    },
    Probe {
        id: "encoded-dot-dot",
        severity: Severity::Critical,
        shape: Shape::get("/v2/{public}/%2e%2e/%2e%2e/{private}/manifests/{private_tag}").raw("1.1"),
        reason: "Decoded after the decision, this is a way up",
        ..BASE
    },
    Probe {
        id: "encoded-mixed-dot-dot",
        severity: Severity::Critical,
        shape: Shape::get("/v2/{public}/.%2e/%2e./{private}/manifests/{private_tag}").raw("1.1"),
        reason: "Half encoded, for filters that know one form",
        ..BASE
    },
    Probe {
        id: "encoded-twice",
        shape: Shape::get("/v2/{public}/%252e%252e/%252e%252e/{private}/manifests/{private_tag}").raw("1.1"),
        reason: "Two programs may each decode it once",
        ..BASE
    },
    Probe {
        id: "encoded-overlong",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{public}/%c0%ae%c0%ae/%c0%ae%c0%ae/{private}/manifests/{private_tag}").raw("1.1"),
        reason: "An overlong form of the dot, which strict decoders refuse",
        ..BASE
    },
    Probe {
        id: "encoded-backslash",
        shape: Shape::get("/v2%5c{private}%5cmanifests%5c{private_tag}").raw("1.1"),
        reason: "A backslash that is decoded becomes a slash",
        ..BASE
    },
    Probe {
        id: "encoded-nul",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{private}%00/manifests/{private_tag}").raw("1.1"),
        reason: "What follows a NUL is cut off by some programs",
        ..BASE
    },
    Probe {
        id: "encoded-line-break",
        shape: Shape::get("/v2/{private}/manifests/{private_tag}%0d%0aX-Regproof:%20x").raw("1.1"),
        reason: "A decoded line break is a header of the client's choice",
        ..BASE
    },
    Probe {
        id: "encoded-question-mark",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{private}/tags/list%3fn=1").raw("1.1"),
        reason: "Decoded after the decision, this is a query",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::encoded_paths_do_not_open_doors";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_paths_are_decoded_after_the_decision() {
        let finding = fails(ID, Weakness::EncodedPathsDecoded).await;
        assert!(finding.promise.ends_with(": encoded-dot-dot"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
