//! Old and odd forms of a request have the same rights as every other.
//!
//! ## Why it matters
//!
//! Proxies handle HTTP/1.0, a target with a host, two Host headers, or an upgrade by other rules. These are seldom tested. Each
//! of them has passed an access rule somewhere.
//!
//! ## How it is proven
//!
//! Sent as written, over TLS where the registry has it. Reads of a private repository without credentials must end in 4xx. A
//! public read by HTTP/1.0 must be answered as every other, or refused. A push must be refused with the registry's own error.
//! The controls: identities that may read and push get through.
//!
//! ## When it fails
//!
//! The transcript shows the form that got through. Refuse it at the proxy, or let the default virtual host refuse everything.
//!
//! ## References
//!
//! RFC 9112, section 3.2. RFC 9113, section 3.1.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PrivateRepository, Need::AnyIdentity],
    effect: Effect::Oracle,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS, rows::GROUND];

const WHY: Why<'static> = Why {
    claim: "rights do not depend on the form of the request",
    cause: "a proxy or a default virtual host treats this form of request by other rules",
    remedy: "let the proxy refuse this form, and let its default virtual host refuse everything",
};

/// What most of them have in common.
const BASE: Probe = Probe { reference: "RFC 9112, section 3.2", ..Probe::ANONYMOUS };

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "http10-without-host",
        shape: Shape::get("/v2/{private}/tags/list").raw("1.0"),
        expect: Expect::Foreign,
        reason: "Without a Host the request goes to the default virtual host",
        ..BASE
    },
    Probe {
        id: "http10-with-host",
        shape: Shape::get("/v2/{private}/tags/list").with(&[("Host", "{host}")]).raw("1.0"),
        reason: "Rules and filters are often written only for HTTP/1.1",
        ..BASE
    },
    Probe {
        id: "http10-public-read",
        severity: Severity::Low,
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Host", "{host}")]).raw("1.0"),
        expect: Expect::Ignored,
        bad: Bad::body("{}"),
        reason: "An old client gets what everyone gets",
        ..BASE
    },
    Probe {
        id: "http10-push",
        severity: Severity::Critical,
        impact: Impact::Oracle,
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("Host", "{host}")]).raw("1.0"),
        expect: Expect::Denied,
        bad: Bad::status(415),
        reason: "Rights must not depend on the version of the protocol",
        ..BASE
    },
    Probe {
        id: "absolute-form",
        shape: Shape::get("{origin}/v2/{private}/tags/list").with(&[("Host", "{host}")]).raw("1.1"),
        reason: "A target with scheme and host is matched by other rules than a path",
        reference: "RFC 9112, section 3.2.2",
        ..BASE
    },
    Probe {
        id: "absolute-form-foreign-host",
        shape: Shape::get("http://regproof.invalid/v2/{private}/tags/list").with(&[("Host", "{host}")]).raw("1.1"),
        expect: Expect::Foreign,
        reason: "The target names another host than the Host header",
        reference: "RFC 9112, section 3.2.2",
        ..BASE
    },
    Probe {
        id: "foreign-host",
        shape: Shape::get("/v2/{private}/tags/list").with(&[("Host", "regproof.invalid")]).raw("1.1"),
        expect: Expect::Foreign,
        reason: "A virtual host without rules may be the default",
        reference: "RFC 9110, section 7.2",
        ..BASE
    },
    Probe {
        id: "localhost-host",
        shape: Shape::get("/v2/{private}/tags/list").with(&[("Host", "localhost")]).raw("1.1"),
        expect: Expect::Foreign,
        reason: "Some programs trust a client that says localhost",
        reference: "RFC 9110, section 7.2",
        ..BASE
    },
    Probe {
        id: "two-hosts",
        shape: Shape::get("/v2/{private}/tags/list")
            .with(&[("Host", "{host}"), ("Host", "regproof.invalid")])
            .raw("1.1"),
        reason: "Two programs may each use another of the two Hosts",
        ..BASE
    },
    Probe {
        id: "upgrade-to-http2",
        shape: Shape::get("/v2/{private}/tags/list")
            .with(&[
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Upgrade", "h2c"),
                ("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
            ])
            .raw("1.1"),
        reason: "A proxy that passes an upgrade on no longer sees what follows",
        reference: "RFC 9113, section 3.1",
        ..BASE
    },
    Probe {
        id: "hop-by-hop-host",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{private}/tags/list").with(&[("Connection", "close, Host, X-Forwarded-For")]).raw("1.1"),
        reason: "Headers that are named hop-by-hop are dropped on the way",
        reference: "RFC 9110, section 7.6.1",
        ..BASE
    },
    Probe {
        id: "expect-continue-push",
        severity: Severity::Medium,
        impact: Impact::Oracle,
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("Expect", "100-continue")]).raw("1.1"),
        expect: Expect::Denied,
        bad: Bad::status(415),
        reason: "A body that is only announced needs the same rights",
        reference: "RFC 9110, section 10.1.1",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::raw_requests_are_judged_alike";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_old_requests_are_not_checked() {
        let finding = fails(ID, Weakness::OldProtocolUnchecked).await;
        assert!(finding.promise.ends_with(": http10-push"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
