//! Pages of another origin cannot use a visitor's session.
//!
//! ## Why it matters
//!
//! A browser sends the session of a logged-in user with every request. If any origin may read the answers, every page that
//! this user visits can list, read and mint keys.
//!
//! ## How it is proven
//!
//! Requests and preflights with a foreign origin and with `null`, on the API, the catalog and the key endpoint. No answer may
//! have `Access-Control-Allow-Credentials: true` together with that origin, `null` or `*`. `*` without credentials is harmless.
//!
//! ## When it fails
//!
//! zot before v2.1.16 sends `*` together with credentials; browsers refuse that, others may not. A named foreign origin: look at
//! `http.allowOrigin` in zot and at the proxy's own headers.
//!
//! ## References
//!
//! Fetch standard, section CORS protocol and credentials. zot release v2.1.16.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[], effect: Effect::ReadOnly, usual: Duration::from_millis(30) };

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "pages of foreign origins cannot read with credentials",
    cause: "http.allowOrigin or the proxy allows any origin, or zot is older than v2.1.16",
    remedy: "upgrade zot, and name the origins of your pages in http.allowOrigin",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    expect: Expect::NoForeignOrigin,
    bad: Bad::header(
        200,
        &[("access-control-allow-origin", "https://regproof.invalid"), ("access-control-allow-credentials", "true")],
    ),
    reference: "Fetch standard, section CORS protocol and credentials; zot v2.1.16",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "cors-foreign-origin",
        shape: Shape::get("/v2/").with(&[("Origin", "https://regproof.invalid")]),
        reason: "A page of another origin must not read with the visitor's session",
        ..BASE
    },
    Probe {
        id: "cors-catalog",
        shape: Shape::get("/v2/_catalog").with(&[("Origin", "https://regproof.invalid")]),
        reason: "A page of another origin must not list with the visitor's session",
        ..BASE
    },
    Probe {
        id: "cors-null-origin",
        shape: Shape::get("/v2/_catalog").with(&[("Origin", "null")]),
        bad: Bad::header(200, &[("access-control-allow-origin", "null"), ("access-control-allow-credentials", "true")]),
        reason: "Any sandboxed frame has the origin null",
        ..BASE
    },
    Probe {
        id: "cors-any-origin-with-credentials",
        severity: Severity::Medium,
        shape: Shape::get("/v2/_catalog")
            .with(&[("Origin", "https://regproof.invalid"), ("Cookie", "session=regproof")]),
        bad: Bad::header(200, &[("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true")]),
        reason: "Any origin together with credentials is a contradiction that old clients resolve wrongly",
        ..BASE
    },
    Probe {
        id: "cors-preflight-catalog",
        shape: Shape::new("OPTIONS", "/v2/_catalog").with(&[
            ("Origin", "https://regproof.invalid"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "authorization"),
        ]),
        reason: "The browser asks this before it sends a key",
        ..BASE
    },
    Probe {
        id: "cors-preflight-keys",
        severity: Severity::Critical,
        shape: Shape::new("OPTIONS", "/zot/auth/apikey")
            .with(&[("Origin", "https://regproof.invalid"), ("Access-Control-Request-Method", "POST")]),
        reason: "A page of another origin must not mint keys with the visitor's session",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::foreign_origins_get_no_credentials";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_every_origin_is_trusted() {
        let finding = fails(ID, Weakness::CorsReflectsOrigin).await;
        assert!(finding.promise.ends_with(": cors-preflight-keys"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
