//! A method hidden in a header or in the query changes nothing.
//!
//! ## Why it matters
//!
//! Frameworks and proxies know a dozen ways to say "execute this GET as a DELETE". Authorization may look at one method and the
//! handler at the other. A right to read then becomes a right to write.
//!
//! ## How it is proven
//!
//! Each probe is a request that names a second method, and is harmless as both. Pushes have a media type that no registry
//! stores. Removals name a list or a digest that does not exist. A read must get the same answer as without the header, byte
//! for byte. A write must be refused with the registry's own error. The control: an identity that may write gets through to the
//! handler.
//!
//! ## When it fails
//!
//! A proxy or a framework in front of the registry applies the header. Switch that off, or drop these headers there.
//!
//! ## References
//!
//! RFC 9110, section 9.1. zot `pkg/api/authz.go`, `DistSpecAuthzHandler`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::PublicRepository], effect: Effect::Oracle, usual: Duration::from_millis(60) };

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS, rows::GROUND];

const WHY: Why<'static> = Why {
    claim: "a method in a header or query is ignored",
    cause: "a proxy or framework applies the second method after the decision about rights",
    remedy: "drop X-HTTP-Method-Override, X-Method-Override, X-HTTP-Method and _method in front of the registry",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    severity: Severity::Critical,
    impact: Impact::Oracle,
    expect: Expect::Ignored,
    bad: Bad::status(415),
    reference: "RFC 9110, section 9.1",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "override-header-put",
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("X-HTTP-Method-Override", "PUT")]),
        reason: "If a read is executed as a push, it passes every rule for reads",
        ..BASE
    },
    Probe {
        id: "override-short-header-put",
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("X-Method-Override", "PUT")]),
        reason: "If a read is executed as a push, it passes every rule for reads",
        ..BASE
    },
    Probe {
        id: "override-microsoft-header-put",
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("X-HTTP-Method", "PUT")]),
        reason: "If a read is executed as a push, it passes every rule for reads",
        ..BASE
    },
    Probe {
        id: "override-header-delete-list",
        severity: Severity::High,
        impact: Impact::ReadOnly,
        shape: Shape::get("/v2/{public}/tags/list").with(&[("X-HTTP-Method-Override", "DELETE")]),
        bad: Bad::status(202),
        reason: "A read that is taken for a removal; asked of a list, where nothing can be removed",
        ..BASE
    },
    Probe {
        id: "override-query-delete-list",
        severity: Severity::High,
        impact: Impact::ReadOnly,
        shape: Shape::get("/v2/{public}/tags/list?_method=DELETE").plain("/v2/{public}/tags/list"),
        bad: Bad::status(202),
        reason: "Web frameworks know the method in the query; asked of a list, where nothing can be removed",
        ..BASE
    },
    Probe {
        id: "push-called-a-read",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("X-HTTP-Method-Override", "GET")]),
        expect: Expect::Denied,
        reason: "A push that calls itself a read may be judged as one and executed as the other",
        reference: "zot pkg/api/authz.go",
        ..BASE
    },
    Probe {
        id: "upload-called-a-read",
        shape: Shape::new("POST", "/v2/{public}/blobs/uploads/?from=x").with(&[("X-Method-Override", "GET")]),
        expect: Expect::Denied,
        bad: Bad::status(405),
        reason: "An upload that calls itself a read may be judged as one and executed as the other",
        reference: "zot pkg/api/authz.go",
        ..BASE
    },
    Probe {
        id: "delete-called-a-read",
        shape: Shape::new("DELETE", "/v2/{public}/manifests/sha256:{random}")
            .with(&[("X-HTTP-Method-Override", "GET")]),
        expect: Expect::Denied,
        bad: Bad::status(404),
        reason: "A removal that calls itself a read may be judged as one and executed as the other",
        reference: "zot pkg/api/authz.go",
        ..BASE
    },
    Probe {
        id: "private-read-called-a-post",
        severity: Severity::High,
        shape: Shape::new("POST", "/v2/{private}/manifests/{private_tag}").with(&[("X-HTTP-Method-Override", "GET")]),
        expect: Expect::Closed,
        bad: Bad::body("{\"digest\":\"{private_digest}\"}"),
        reason: "A rule that covers only reads does not see a read in a POST",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::method_override_is_ignored";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_an_override_is_honoured() {
        let finding = fails(ID, Weakness::MethodOverrideHonoured).await;
        assert!(finding.promise.ends_with(": override-header-put"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
