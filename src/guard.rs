//! The one choke point: decides whether a request may be sent at all, before a socket is opened.
//!
//! Pure. What is not allowed here cannot be sent by any check, whatever its code says.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::apikeys;
use crate::check::Effect;

/// What a check may send, and where.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) effect: Effect,
    pub(crate) scratch: Option<String>,
    /// Whether a session or key of regproof's own making may be ended.
    pub(crate) ends_sessions: bool,
    /// What may be done with an API key of regproof's own making.
    pub(crate) key: KeyUse,
}

/// What may be done with an API key; each is for one request, and never for a key that was there before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Nothing.
    #[default]
    None,
    /// One with this label may be made, if it has an end.
    Mint { label: String },
    /// The one with this id may be revoked.
    Revoke { uuid: String },
}

/// The body that asks whether a route mints keys: zot reads it after authorization, and no key can come of it.
pub(crate) const NOT_A_KEY: &[u8] = b"{";

/// The Content-Type of the manifest oracles; no registry can store it.
pub(crate) const ORACLE_TYPE: &str = "application/x-regproof";

/// A request as the guard sees it.
pub(crate) struct Intent<'a> {
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) content_range: Option<&'a str>,
    pub(crate) range: bool,
    pub(crate) body: &'a [u8],
}

/// Why a request was not sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not sent: {method} {target} is outside of what a check with effect `{effect}` may send: {rule}")]
pub(crate) struct Refused {
    method: String,
    target: String,
    effect: Effect,
    rule: &'static str,
}

impl Guard {
    pub(crate) fn permit(&self, intent: &Intent<'_>) -> Result<(), Refused> {
        let rule = match intent.method {
            "GET" | "HEAD" | "OPTIONS" => self.reads(intent),
            "POST" if self.ends_sessions && intent.target == "/zot/auth/logout" => Ok(()),
            "POST" | "DELETE" if intent.target.starts_with(apikeys::PATH) => self.keys(intent),
            "POST" | "PUT" | "PATCH" | "DELETE" => self.writes(intent),
            _ => Err("an unknown method"),
        };
        rule.map_err(|rule| Refused {
            method: intent.method.to_owned(),
            target: intent.target.to_owned(),
            effect: self.effect,
            rule,
        })
    }

    fn reads(&self, intent: &Intent<'_>) -> Result<(), &'static str> {
        let path = intent.target.split('?').next().unwrap_or_default();
        if path.ends_with("/pprof/profile") || path.ends_with("/pprof/trace") {
            return Err("profiling loads the registry");
        }
        let blob = path.contains("/blobs/") && !path.contains("/blobs/uploads/");
        if blob && (intent.method == "HEAD" || intent.range) && !self.in_scratch(intent.target) {
            return Err("a HEAD or ranged GET of a blob can write (zot up to v2.1.20 links the blob)");
        }
        Ok(())
    }

    fn writes(&self, intent: &Intent<'_>) -> Result<(), &'static str> {
        if self.effect >= Effect::Writes && self.in_scratch(intent.target) {
            return Ok(());
        }
        if self.effect >= Effect::Oracle && is_oracle(intent) {
            return Ok(());
        }
        Err(match self.effect {
            Effect::Writes => "writing is for the scratch repository only",
            Effect::Oracle => "nothing but the oracles, which store nothing",
            Effect::ReadOnly => "nothing but GET and HEAD",
        })
    }

    fn keys(&self, intent: &Intent<'_>) -> Result<(), &'static str> {
        let asks = intent.method == "POST" && intent.target == apikeys::PATH;
        match &self.key {
            _ if asks && intent.body == NOT_A_KEY && self.effect >= Effect::Oracle => Ok(()),
            KeyUse::Mint { label } if asks && self.effect >= Effect::Writes && ends(intent.body, label) => Ok(()),
            KeyUse::Revoke { uuid } if self.effect >= Effect::Writes && is_uuid(uuid) => {
                let own = intent.method == "DELETE" && intent.target == format!("{}?id={uuid}", apikeys::PATH);
                own.then_some(()).ok_or("only a key of this run's own making may be revoked")
            }
            _ => Err("keys are neither made nor revoked, but for a short-lived one of this run's own"),
        }
    }

    fn in_scratch(&self, target: &str) -> bool {
        let Some(scratch) = &self.scratch else { return false };
        let Some(rest) = target.strip_prefix("/v2/").and_then(|rest| rest.strip_prefix(scratch.as_str())) else {
            return false;
        };
        let canonical = !target.contains("/../") && !target.contains("/./") && !target.contains("//");
        canonical && (rest.starts_with("/manifests/") || rest.starts_with("/blobs/"))
    }
}

/// Requests that are valid for authorization and invalid for the handler, so that nothing is stored (zot, by
/// reading `pkg/api/routes.go` and by trying v2.1.14 to v2.1.20).
fn is_oracle(intent: &Intent<'_>) -> bool {
    let (path, query) = intent.target.split_once('?').unwrap_or((intent.target, ""));
    if path.contains("/../") || path.contains("//") || !path.starts_with("/v2/") {
        return false;
    }
    if let Some((_, reference)) = path.split_once("/manifests/") {
        let unknown = reference.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64);
        return match intent.method {
            "PUT" => intent.content_type == Some(ORACLE_TYPE) && intent.body == b"{}",
            "DELETE" => unknown && query.is_empty(),
            _ => false,
        };
    }
    if let Some((_, session)) = path.split_once("/blobs/uploads/") {
        return match intent.method {
            "POST" => session.is_empty() && query == "from=x" && intent.body.is_empty(),
            "PATCH" => is_uuid(session) && intent.content_range == Some("5-1") && intent.body.len() <= 1,
            "PUT" => is_uuid(session) && query.is_empty() && intent.body.is_empty(),
            "DELETE" => is_uuid(session) && query.is_empty(),
            _ => false,
        };
    }
    intent.method == "DELETE" && query.is_empty() && path.ends_with("/blobs/notadigest")
}

/// Whether the body asks for a key of this label that does not live for ever.
fn ends(body: &[u8], label: &str) -> bool {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let until = body.get("expirationDate").and_then(serde_json::Value::as_str).unwrap_or_default();
    let dated = OffsetDateTime::parse(until, &Rfc3339).is_ok_and(|at| at.year() > 1);
    dated && label.starts_with("regproof-") && body.get("label").and_then(serde_json::Value::as_str) == Some(label)
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::parse_str(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(effect: Effect, method: &str, target: &str, content_type: Option<&str>, body: &[u8]) -> bool {
        let guard = Guard { effect, scratch: Some("team/scratch".to_owned()), ends_sessions: false, key: KeyUse::None };
        let intent = Intent { method, target, content_type, content_range: None, range: false, body };
        guard.permit(&intent).is_ok()
    }

    #[test]
    fn keys_are_made_with_an_end_and_revoked_by_their_own_id_alone() {
        const ID: &str = "9f3a9e0c-4b0e-4f6b-9d53-0d2f4a5f7c11";
        let mint = || KeyUse::Mint { label: "regproof-1".to_owned() };
        let revoke = || KeyUse::Revoke { uuid: ID.to_owned() };
        let (path, own) = (apikeys::PATH, format!("{}?id={ID}", apikeys::PATH));
        let other = format!("{}?id=8f3a9e0c-4b0e-4f6b-9d53-0d2f4a5f7c11", apikeys::PATH);
        let short = r#"{"label":"regproof-1","expirationDate":"2026-01-01T00:00:00Z"}"#;
        use Effect::{Oracle, ReadOnly, Writes};
        for (effect, key, method, target, body, expected) in [
            (Oracle, KeyUse::None, "POST", path, "{", true),
            (ReadOnly, KeyUse::None, "POST", path, "{", false),
            (Writes, KeyUse::None, "POST", path, "{}", false),
            (Writes, KeyUse::None, "POST", path, "", false),
            (Writes, KeyUse::None, "POST", path, short, false),
            (Oracle, mint(), "POST", path, short, false),
            (Writes, mint(), "POST", path, short, true),
            (Writes, mint(), "POST", path, r#"{"label":"regproof-1"}"#, false),
            (Writes, mint(), "POST", path, r#"{"label":"ci","expirationDate":"2026-01-01T00:00:00Z"}"#, false),
            (Writes, mint(), "POST", path, r#"{"label":"regproof-1","expirationDate":"0001-01-01T00:00:00Z"}"#, false),
            (Writes, mint(), "DELETE", &own, "", false),
            (Writes, revoke(), "DELETE", &own, "", true),
            (Oracle, revoke(), "DELETE", &own, "", false),
            (Writes, revoke(), "DELETE", &other, "", false),
            (Writes, revoke(), "POST", path, short, false),
            (Writes, KeyUse::None, "DELETE", &own, "", false),
        ] {
            let guard = Guard { effect, scratch: None, ends_sessions: false, key: key.clone() };
            let intent =
                Intent { method, target, content_type: None, content_range: None, range: false, body: body.as_bytes() };
            assert_eq!(guard.permit(&intent).is_ok(), expected, "{effect} {key:?} {method} {target} {body}");
        }
    }

    #[test]
    fn each_effect_allows_only_its_own() {
        use Effect::{Oracle, ReadOnly, Writes};
        let digest = format!("/v2/a/manifests/sha256:{}", "0".repeat(64));
        for (effect, method, target, content_type, body, expected) in [
            (ReadOnly, "GET", "/v2/a/manifests/x", None, &b""[..], true),
            (ReadOnly, "GET", "/v2/_zot/pprof/profile?seconds=1", None, b"", false),
            (ReadOnly, "HEAD", "/v2/a/blobs/sha256:00", None, b"", false),
            (Writes, "HEAD", "/v2/team/scratch/blobs/sha256:00", None, b"", true),
            (ReadOnly, "PUT", "/v2/a/manifests/x", Some(ORACLE_TYPE), b"{}", false),
            (Oracle, "PUT", "/v2/a/manifests/x", Some(ORACLE_TYPE), b"{}", true),
            (Oracle, "PUT", "/v2/a/manifests/x", Some("application/vnd.oci.image.manifest.v1+json"), b"{}", false),
            (Oracle, "DELETE", &digest, None, b"", true),
            (Oracle, "DELETE", "/v2/a/manifests/v1", None, b"", false),
            (Oracle, "POST", "/v2/a/blobs/uploads/?from=x", None, b"", true),
            (Oracle, "POST", "/v2/a/blobs/uploads/", None, b"", false),
            (Oracle, "DELETE", "/v2/a/blobs/notadigest", None, b"", true),
            (Oracle, "PUT", "/v2/team/scratch/manifests/x", Some("a/b"), b"x", false),
            (Writes, "PUT", "/v2/team/scratch/manifests/x", Some("a/b"), b"x", true),
            (Writes, "PUT", "/v2/team/scratch/../prod/manifests/x", Some("a/b"), b"x", false),
            (Writes, "PUT", "/v2/team/scratch2/manifests/x", Some("a/b"), b"x", false),
            (Writes, "DELETE", "/v2/team/manifests/x", None, b"", false),
            (Writes, "POST", "/zot/auth/logout", None, b"", false),
            (Writes, "TRACE", "/v2/", None, b"", false),
        ] {
            assert_eq!(permitted(effect, method, target, content_type, body), expected, "{effect} {method} {target}");
        }
    }
}
