//! Malformed, doubled and foreign Authorization headers are refused.
//!
//! ## Why it matters
//!
//! A registry that treats unreadable credentials as none hides dead keys. If it picks one of two headers, a proxy may pick the
//! other one. The two then disagree on the user.
//!
//! ## How it is proven
//!
//! On the manifest of a public repository, which everyone may read without the header. The requests have keys in a wrong scheme,
//! malformed Basic, and two headers. All must be 401 with the registry's own error. Mixed case of the scheme must not matter.
//! Empty credentials must not push; the control is an identity that may.
//!
//! ## When it fails
//!
//! 200 with a wrong header: look at what the proxy does with Authorization, and whether an authentication proxy merges headers.
//!
//! ## References
//!
//! RFC 9110, section 11.6.2. zot `pkg/api/authn.go`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::AnyIdentity, Need::PublicRepository, Need::AnonymousReads],
    effect: Effect::Oracle,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "malformed credentials are refused",
    cause: "something reads, merges or drops Authorization headers before the registry does",
    remedy: "pass the Authorization header on unchanged, and refuse requests that have two",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    expect: Expect::Unauthorized,
    bad: Bad::body("{}"),
    reference: "RFC 9110, section 11.6.2; zot pkg/api/authn.go",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "bearer-with-a-key",
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "Bearer {key}")]),
        reason: "A key counts in the scheme that it was made for, or not at all",
        ..BASE
    },
    Probe {
        id: "token-with-a-key",
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "Token {key}")]),
        reason: "An unknown scheme is no credential, and no anonymous request either",
        ..BASE
    },
    Probe {
        id: "bare-key",
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "{key}")]),
        reason: "A key without a scheme is malformed",
        ..BASE
    },
    Probe {
        id: "digest-scheme",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "Digest username=\"{user}\"")]),
        reason: "A scheme that is not offered is refused",
        ..BASE
    },
    Probe {
        id: "negotiate-scheme",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "Negotiate YII=")]),
        reason: "A scheme that is not offered is refused",
        ..BASE
    },
    Probe {
        id: "basic-not-base64",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "Basic !!!")]),
        reason: "Malformed credentials are wrong credentials",
        ..BASE
    },
    Probe {
        id: "basic-without-colon",
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "Basic {basic_no_colon}")]),
        reason: "A user name alone is no credential",
        ..BASE
    },
    Probe {
        id: "basic-key-unencoded",
        severity: Severity::Medium,
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "Basic {user}:{key}")]),
        reason: "Credentials count only in their encoding",
        ..BASE
    },
    Probe {
        id: "two-headers-valid-first",
        shape: Shape::get("/v2/{public}/manifests/{tag}")
            .with(&[("Authorization", "Basic {basic}"), ("Authorization", "Basic cmVncHJvb2Y6d3Jvbmc=")]),
        reason: "Two programs may each use another of the two headers",
        ..BASE
    },
    Probe {
        id: "two-headers-valid-last",
        shape: Shape::get("/v2/{public}/manifests/{tag}")
            .with(&[("Authorization", "Basic cmVncHJvb2Y6d3Jvbmc="), ("Authorization", "Basic {basic}")]),
        reason: "Two programs may each use another of the two headers",
        ..BASE
    },
    Probe {
        id: "two-credentials-in-one-header",
        shape: Shape::get("/v2/{public}/manifests/{tag}")
            .with(&[("Authorization", "Basic {basic}, Basic cmVncHJvb2Y6d3Jvbmc=")]),
        reason: "A proxy that joins headers makes one of two",
        ..BASE
    },
    Probe {
        id: "scheme-in-mixed-case",
        severity: Severity::Low,
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "bAsIc {basic}")]),
        expect: Expect::Ignored,
        reason: "The scheme is case-insensitive: the answer must be the same for every spelling",
        ..BASE
    },
    Probe {
        id: "empty-credentials-push",
        severity: Severity::Critical,
        impact: Impact::Oracle,
        shape: Shape::new("PUT", "/v2/{public}/manifests/{tag}").with(&[("Authorization", "Basic Og==")]),
        expect: Expect::Denied,
        bad: Bad::status(415),
        reason: "Empty name and password are no login, also where a policy names the empty user",
        reference: "zot pkg/api/authn.go",
        ..BASE
    },
    Probe {
        id: "very-long-user-name",
        severity: Severity::Low,
        impact: Impact::Strains,
        shape: Shape::get("/v2/{public}/manifests/{tag}").with(&[("Authorization", "Basic {long}")]),
        expect: Expect::Closed,
        reason: "Eight KiB of credentials must be refused, not crash",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, config, error_when_down, fails, proven};

    const ID: &str = "bypass::malformed_authorization_is_refused";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    /// The registry stores what zot refuses, so the shape is sent to no other repository.
    #[tokio::test]
    async fn undecided_where_its_critical_probes_are_not_asked() {
        let outcome = config::run(ID, Some(Weakness::StoresAnyMediaType), |_| ()).await;
        let finding = outcome.finding.expect("an Error has a finding");
        assert_eq!(outcome.verdict.word(), "error", "{finding:?}");
        assert_eq!(finding.expected, "an answer to every critical probe", "{finding:?}");
    }

    #[tokio::test]
    async fn fails_when_any_scheme_is_taken() {
        let finding = fails(ID, Weakness::AnySchemeAccepted).await;
        assert!(finding.promise.ends_with(": bearer-with-a-key"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
