//! A login leads to the provider and back, whatever the headers and the query say; forged returns are refused.
//!
//! ## Why it matters
//!
//! The return address carries the code that is the login. An attacker who changes it, or forges the return, logs in as
//! another user.
//!
//! ## How it is proven
//!
//! The control: the plain login redirects to the provider. Then the login is asked for with forwarding headers, a foreign Host,
//! and queries that name another return address. Each must lead to the same place with the same `redirect_uri` and client.
//! Forged returns must be refused. An error of the provider must not come back as markup. No login is completed.
//!
//! ## When it fails
//!
//! A foreign host in `redirect_uri`: set `http.externalUrl` in zot, and let the provider accept only that address.
//!
//! ## References
//!
//! OpenID Connect Core 1.0, section 3.1.2.1. RFC 9700, section 4. zot `pkg/api/authn.go`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[Need::Oidc], effect: Effect::ReadOnly, usual: Duration::from_millis(60) };

pub(crate) const SENDS: &[Rows] = &[rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "the login leads to the provider and back, nowhere else",
    cause: "the return address is built from headers or a query of the client",
    remedy: "set http.externalUrl in zot, and register exactly one redirect_uri at the provider",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    severity: Severity::Critical,
    expect: Expect::SameLogin,
    bad: Bad::header(
        302,
        &[(
            "location",
            "https://regproof.invalid/auth?client_id=x&redirect_uri=https%3A%2F%2Fregproof.invalid%2Fzot%2Fauth%2Fcallback%2Foidc",
        )],
    ),
    reference: "zot pkg/api/authn.go, AuthURLHandler",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "login-x-forwarded-host",
        shape: Shape::get("/zot/auth/login?provider={provider}").with(&[("X-Forwarded-Host", "regproof.invalid")]),
        reason: "The return address must come from the configuration, not from the client",
        ..BASE
    },
    Probe {
        id: "login-forwarded-host",
        shape: Shape::get("/zot/auth/login?provider={provider}")
            .with(&[("Forwarded", "host=regproof.invalid;proto=http")]),
        reason: "The return address must come from the configuration, not from the client",
        ..BASE
    },
    Probe {
        id: "login-x-forwarded-proto",
        severity: Severity::High,
        shape: Shape::get("/zot/auth/login?provider={provider}")
            .with(&[("X-Forwarded-Proto", "ftp"), ("X-Forwarded-Prefix", "/x")]),
        reason: "A wrong scheme in the return address breaks the login, or sends it in the clear",
        ..BASE
    },
    Probe {
        id: "login-x-original-host",
        severity: Severity::High,
        shape: Shape::get("/zot/auth/login?provider={provider}")
            .with(&[("X-Original-Host", "regproof.invalid"), ("X-Host", "regproof.invalid")]),
        reason: "The return address must come from the configuration, not from the client",
        ..BASE
    },
    Probe {
        id: "login-foreign-host",
        shape: Shape::get("/zot/auth/login?provider={provider}").with(&[("Host", "regproof.invalid")]).raw("1.1"),
        reason: "The return address must not be built from the Host header",
        ..BASE
    },
    Probe {
        id: "login-redirect-uri-in-query",
        shape: Shape::get("/zot/auth/login?provider={provider}&redirect_uri=https://regproof.invalid/")
            .plain("/zot/auth/login?provider={provider}"),
        reason: "The client must not choose the return address",
        ..BASE
    },
    Probe {
        id: "login-client-id-in-query",
        severity: Severity::High,
        shape: Shape::get("/zot/auth/login?provider={provider}&client_id=regproof")
            .plain("/zot/auth/login?provider={provider}"),
        reason: "The client must not choose which application the provider sees",
        ..BASE
    },
    Probe {
        id: "login-foreign-callback-ui",
        severity: Severity::High,
        shape: Shape::get("/zot/auth/login?provider={provider}&callback_ui=https://regproof.invalid/")
            .plain("/zot/auth/login?provider={provider}"),
        reason: "The first redirect leads to the provider, whatever comes later",
        ..BASE
    },
    Probe {
        id: "login-scheme-relative-callback-ui",
        severity: Severity::High,
        shape: Shape::get("/zot/auth/login?provider={provider}&callback_ui=//regproof.invalid/")
            .plain("/zot/auth/login?provider={provider}"),
        reason: "zot up to v2.1.14 and v2.1.18 let such addresses through",
        ..BASE
    },
    Probe {
        id: "login-backslash-callback-ui",
        severity: Severity::High,
        shape: Shape::get("/zot/auth/login?provider={provider}&callback_ui=/%5Cregproof.invalid/")
            .plain("/zot/auth/login?provider={provider}"),
        reason: "zot up to v2.1.18 let such addresses through",
        ..BASE
    },
    Probe {
        id: "login-without-provider",
        severity: Severity::Low,
        shape: Shape::get("/zot/auth/login"),
        expect: Expect::Closed,
        bad: Bad::status(200),
        reason: "A login without a provider must not begin",
        ..BASE
    },
    Probe {
        id: "login-unknown-provider",
        severity: Severity::Medium,
        shape: Shape::get("/zot/auth/login?provider=regproof"),
        expect: Expect::Closed,
        bad: Bad::header(302, &[("location", "https://regproof.invalid/")]),
        reason: "A login with an unknown provider must not begin",
        ..BASE
    },
    Probe {
        id: "callback-forged",
        shape: Shape::get("/zot/auth/callback/{provider}?code=regproof&state=regproof"),
        expect: Expect::Closed,
        bad: Bad::header(200, &[("set-cookie", "session=regproof")]),
        reason: "A return without a login is a forgery",
        ..BASE
    },
    Probe {
        id: "callback-forged-with-cookie",
        shape: Shape::get("/zot/auth/callback/{provider}?code=regproof&state=regproof")
            .with(&[("Cookie", "state=regproof; statecookie=regproof")]),
        expect: Expect::Closed,
        bad: Bad::header(200, &[("set-cookie", "session=regproof")]),
        reason: "The registry must not accept a state that the client made",
        ..BASE
    },
    Probe {
        id: "callback-error-as-page",
        severity: Severity::Medium,
        shape: Shape::get(
            "/zot/auth/callback/{provider}?error=%3Cscript%3Eregproof&error_description=%3Cscript%3Eregproof",
        ),
        expect: Expect::Closed,
        bad: Bad { status: 400, headers: &[("content-type", "text/html")], body: "<html><script>regproof</html>" },
        reason: "An error text of the provider must not become markup",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::login_cannot_be_led_astray";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_the_client_chooses_the_return_address() {
        let finding = fails(ID, Weakness::RedirectUriFromHost).await;
        assert!(finding.promise.ends_with(": login-x-forwarded-host"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
