//! Headers that claim an identity, an address or another path change nothing.
//!
//! ## Why it matters
//!
//! A forward-auth proxy names the logged-in user to the service behind it, by a header. If a client can send that header
//! itself, it can act as any user.
//!
//! ## How it is proven
//!
//! A push that stores nothing goes to an existing tag, without credentials. It has the headers by which proxies and providers
//! claim a user, a group, an address or another path. Each must be refused with the registry's own error, as without
//! the header. The control: an identity that may push gets through to the handler.
//!
//! ## When it fails
//!
//! The proxy passes the header on, and something behind it believes it. Let the proxy drop these headers from clients.
//!
//! ## References
//!
//! RFC 7239, section 8.1. zot `pkg/api/authn.go`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PublicRepository, Need::AnonymousCannotCreate, Need::PublicWriter],
    effect: Effect::Oracle,
    usual: Duration::from_millis(80),
};

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS, rows::GROUND];

const WHY: Why<'static> = Why {
    claim: "a header cannot make a client another user",
    cause: "the registry, or something in front of it, believes a header that clients can send",
    remedy: "let the proxy drop this header from clients",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    severity: Severity::Critical,
    impact: Impact::Oracle,
    expect: Expect::Denied,
    bad: Bad::status(415),
    reference: "zot pkg/api/authn.go knows no such header",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "x-forwarded-user",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("X-Forwarded-User", "{other_user}")]),
        reason: "Behind a forward-auth proxy this header is the login",
        ..BASE
    },
    Probe {
        id: "remote-user",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("Remote-User", "{other_user}")]),
        reason: "Behind a forward-auth proxy this header is the login",
        ..BASE
    },
    Probe {
        id: "x-remote-user",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}")
            .with(&[("X-Remote-User", "{other_user}"), ("X-Remote-Group", "admins")]),
        reason: "Behind a forward-auth proxy this header is the login",
        ..BASE
    },
    Probe {
        id: "x-webauth-user",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("X-Webauth-User", "{other_user}")]),
        reason: "Behind a forward-auth proxy this header is the login",
        ..BASE
    },
    Probe {
        id: "x-authentik-username",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}")
            .with(&[("X-authentik-username", "{other_user}"), ("X-authentik-groups", "admins")]),
        reason: "The provider's outpost sets this header, and must drop it from clients",
        ..BASE
    },
    Probe {
        id: "x-auth-request-user",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}")
            .with(&[("X-Auth-Request-User", "{other_user}"), ("X-Auth-Request-Groups", "admins")]),
        reason: "An OAuth proxy sets this header, and must drop it from clients",
        ..BASE
    },
    Probe {
        id: "client-certificate-header",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}")
            .with(&[("X-SSL-Client-S-DN", "CN={other_user}"), ("X-SSL-Client-Verify", "SUCCESS")]),
        reason: "A proxy that ends mutual TLS sets these headers, and must drop them from clients",
        ..BASE
    },
    Probe {
        id: "user-cookie",
        severity: Severity::High,
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("Cookie", "user={other_user}")]),
        reason: "zot's cookie of that name is for its pages alone: it is no login",
        ..BASE
    },
    Probe {
        id: "forged-session",
        severity: Severity::High,
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}")
            .with(&[("Cookie", "session=regproof"), ("X-ZOT-API-CLIENT", "zot-ui")]),
        reason: "A session that was not opened is no session",
        ..BASE
    },
    Probe {
        id: "x-forwarded-for-loopback",
        severity: Severity::High,
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("X-Forwarded-For", "127.0.0.1")]),
        reason: "A client that claims to be on the same host is not",
        ..BASE
    },
    Probe {
        id: "x-real-ip-loopback",
        severity: Severity::High,
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("X-Real-IP", "127.0.0.1")]),
        reason: "A client that claims to be on the same host is not",
        ..BASE
    },
    Probe {
        id: "forwarded-loopback",
        severity: Severity::High,
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("Forwarded", "for=127.0.0.1;proto=https")]),
        reason: "RFC 7239 warns that this header is whatever the client says",
        ..BASE
    },
    Probe {
        id: "x-original-url",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("X-Original-URL", "/metrics")]),
        reason: "May be judged as the open metrics and executed as the push",
        ..BASE
    },
    Probe {
        id: "x-rewrite-url",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("X-Rewrite-URL", "/metrics")]),
        reason: "May be judged as the open metrics and executed as the push",
        ..BASE
    },
    Probe {
        id: "x-forwarded-uri",
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}")
            .with(&[("X-Forwarded-Uri", "/metrics"), ("X-Forwarded-Method", "GET")]),
        reason: "Forward-auth decides on these, and a client must not set them",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::identity_headers_are_ignored";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_a_header_is_the_login() {
        let finding = fails(ID, Weakness::IdentityHeadersTrusted).await;
        assert!(finding.promise.ends_with(": x-forwarded-user"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
