//! The one choke point: decides whether a request may be sent at all, before a socket is opened.
//!
//! Pure. What is not allowed here cannot be sent by any check, whatever its code says.

use crate::check::Effect;

/// What a check may send, and where.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) effect: Effect,
    pub(crate) scratch: Option<String>,
    /// Whether a session or key of regproof's own making may be ended.
    pub(crate) ends_sessions: bool,
}

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
    /// The method that the request asks to be taken for.
    pub(crate) override_method: Option<&'a str>,
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
        let rule = self.allows(intent.method, intent).and_then(|()| match intent.override_method {
            Some(method) if !is_listing(intent.target) => self.allows(method, intent),
            _ => Ok(()),
        });
        rule.map_err(|rule| Refused {
            method: intent.method.to_owned(),
            target: intent.target.to_owned(),
            effect: self.effect,
            rule,
        })
    }

    fn allows(&self, method: &str, intent: &Intent<'_>) -> Result<(), &'static str> {
        match method {
            "GET" | "HEAD" | "OPTIONS" => self.reads(intent),
            "POST" if self.ends_sessions && intent.target == "/zot/auth/logout" => Ok(()),
            "POST" if is_unroutable_post(intent) && self.effect >= Effect::Oracle => Ok(()),
            "POST" | "PUT" | "PATCH" | "DELETE" => self.writes(method, intent),
            _ => Err("an unknown method"),
        }
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

    fn writes(&self, method: &str, intent: &Intent<'_>) -> Result<(), &'static str> {
        if self.effect >= Effect::Writes && self.in_scratch(intent.target) {
            return Ok(());
        }
        if self.effect >= Effect::Oracle && is_oracle(method, intent) {
            return Ok(());
        }
        Err(match self.effect {
            Effect::Writes => "writing is for the scratch repository only",
            Effect::Oracle => "nothing but the oracles, which store nothing",
            Effect::ReadOnly => "nothing but GET and HEAD",
        })
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
fn is_oracle(method: &str, intent: &Intent<'_>) -> bool {
    let (path, query) = intent.target.split_once('?').unwrap_or((intent.target, ""));
    if path.contains("/../") || path.contains("//") || !path.starts_with("/v2/") {
        return false;
    }
    if let Some((_, reference)) = path.split_once("/manifests/") {
        let unknown = reference.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64);
        return match method {
            "PUT" => intent.content_type == Some(ORACLE_TYPE) && intent.body == b"{}",
            "DELETE" => unknown && query.is_empty(),
            _ => false,
        };
    }
    if let Some((_, session)) = path.split_once("/blobs/uploads/") {
        return match method {
            "POST" => session.is_empty() && query == "from=x" && intent.body.is_empty(),
            "PATCH" => is_uuid(session) && intent.content_range == Some("5-1") && intent.body.len() <= 1,
            "PUT" => is_uuid(session) && query.is_empty() && intent.body.is_empty(),
            "DELETE" => is_uuid(session) && query.is_empty(),
            _ => false,
        };
    }
    method == "DELETE" && query.is_empty() && path.ends_with("/blobs/notadigest")
}

/// A list of names: no method can change anything there (OCI distribution spec, section Endpoints).
fn is_listing(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path == "/v2/_catalog" || (path.starts_with("/v2/") && path.ends_with("/tags/list"))
}

/// A POST without a body to a manifest or a list: no registry has such an endpoint (OCI distribution spec, section Endpoints).
fn is_unroutable_post(intent: &Intent<'_>) -> bool {
    let path = intent.target.split('?').next().unwrap_or_default();
    intent.body.is_empty() && (is_listing(intent.target) || (path.starts_with("/v2/") && path.contains("/manifests/")))
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::parse_str(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(effect: Effect, method: &str, target: &str, content_type: Option<&str>, body: &[u8]) -> bool {
        let guard = Guard { effect, scratch: Some("team/scratch".to_owned()), ends_sessions: false };
        let intent =
            Intent { method, target, content_type, content_range: None, range: false, override_method: None, body };
        guard.permit(&intent).is_ok()
    }

    #[test]
    fn a_request_that_asks_to_be_another_must_be_harmless_as_both() {
        let guard = Guard { effect: Effect::Writes, scratch: Some("team/scratch".to_owned()), ends_sessions: false };
        let digest = format!("/v2/a/manifests/sha256:{}", "0".repeat(64));
        for (method, target, other, content_type, body, expected) in [
            ("GET", "/v2/a/manifests/v1", "DELETE", None, "", false),
            ("GET", "/v2/a/manifests/v1?_method=DELETE", "DELETE", None, "", false),
            ("GET", "/v2/a/manifests/v1", "PUT", None, "", false),
            ("GET", "/v2/a/manifests/v1", "PUT", Some(ORACLE_TYPE), "{}", true),
            ("GET", "/v2/a/tags/list", "DELETE", None, "", true),
            ("GET", &digest, "DELETE", None, "", true),
            ("POST", "/v2/a/manifests/v1", "GET", None, "", true),
            ("POST", "/v2/a/manifests/v1", "PUT", None, "", false),
        ] {
            let intent = Intent {
                method,
                target,
                content_type,
                content_range: None,
                range: false,
                override_method: Some(other),
                body: body.as_bytes(),
            };
            assert_eq!(guard.permit(&intent).is_ok(), expected, "{method} {target} as {other}");
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
