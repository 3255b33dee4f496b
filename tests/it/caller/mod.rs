//! Requests to a lab as one of its identities, and the permission oracles.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regproof::lab::Lab;

use crate::wire::browser::{Jar, log_in, target_of};
use crate::wire::{Reply, send};

/// A repository of the seeded lab that everyone may read.
pub const PUBLIC: &str = "/v2/blumeops/navidrome";
/// A digest that nothing has.
pub const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A request that is valid for authorization and invalid for the handler.
pub struct Oracle {
    pub method: &'static str,
    pub path: &'static str,
    pub header: Option<(&'static str, &'static str)>,
    pub body: Option<&'static str>,
    /// The action that it asks for.
    pub action: &'static str,
    /// The status where the action is allowed.
    pub allowed: u16,
}

const fn oracle(
    method: &'static str,
    path: &'static str,
    header: Option<(&'static str, &'static str)>,
    body: Option<&'static str>,
    action: &'static str,
    allowed: u16,
) -> Oracle {
    Oracle { method, path, header, body, action, allowed }
}

const TYPE: Option<(&str, &str)> = Some(("Content-Type", "application/x-regproof"));

pub const ORACLES: &[Oracle] = &[
    oracle("PUT", "/manifests/unused", TYPE, Some("{}"), "create", 415),
    oracle("PUT", "/manifests/latest", TYPE, Some("{}"), "update", 415),
    oracle(
        "PUT",
        "/manifests/sha256:0000000000000000000000000000000000000000000000000000000000000000?tag=latest",
        TYPE,
        Some("{}"),
        "update",
        415,
    ),
    oracle("POST", "/blobs/uploads/?from=x", None, None, "create", 405),
    oracle(
        "PATCH",
        "/blobs/uploads/11111111-1111-4111-8111-111111111111",
        Some(("Content-Range", "5-1")),
        Some("x"),
        "create",
        416,
    ),
    oracle("PUT", "/blobs/uploads/11111111-1111-4111-8111-111111111111", None, None, "create", 400),
    oracle(
        "DELETE",
        "/manifests/sha256:0000000000000000000000000000000000000000000000000000000000000000",
        None,
        None,
        "delete",
        404,
    ),
    oracle("DELETE", "/blobs/notadigest", None, None, "delete", 404),
    oracle("DELETE", "/blobs/uploads/11111111-1111-4111-8111-111111111111", None, None, "delete", 404),
];

impl Oracle {
    /// Asks as `who`.
    pub async fn ask(&self, lab: &Lab, who: &str) -> Reply {
        let target = format!("{PUBLIC}{}", self.path);
        ask(lab, who, self.method, &target, self.header.as_slice(), self.body).await
    }
}

pub fn basic(user: &str, password: &str) -> (String, String) {
    ("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// One request as `who`: anonymous, or the owner of one of the lab's keys.
pub async fn ask(
    lab: &Lab,
    who: &str,
    method: &str,
    target: &str,
    extra: &[(&str, &str)],
    body: Option<&str>,
) -> Reply {
    let mut headers: Vec<(String, String)> =
        extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if who != "anonymous" {
        headers.push(basic(who, lab.api_key(who)));
    }
    send(lab.url(), method, target, &headers, body).await
}

pub async fn get(lab: &Lab, target: &str) -> Reply {
    ask(lab, "anonymous", "GET", target, &[], None).await
}

/// Logs in; answers the callback's answer and the jar.
pub async fn login(lab: &Lab) -> (Reply, Jar) {
    let mut jar = Jar::default();
    let begin = get(lab, "/zot/auth/login?provider=oidc&callback_ui=/home").await;
    jar.keep(&begin);
    let callback = log_in(lab, lab.login().0, begin.header("location").unwrap()).await;
    let headers: Vec<(String, String)> = jar.header().into_iter().collect();
    let reply = send(lab.url(), "GET", &target_of(&callback), &headers, None).await;
    jar.keep(&reply);
    (reply, jar)
}

pub async fn with_session(lab: &Lab, jar: &Jar, method: &str, target: &str) -> Reply {
    let mut headers: Vec<(String, String)> = jar.header().into_iter().collect();
    headers.push(("X-ZOT-API-CLIENT".to_owned(), "zot-ui".to_owned()));
    send(lab.url(), method, target, &headers, None).await
}
