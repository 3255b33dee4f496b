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

/// The query of the mount oracle: two digests where one is allowed, and neither is a digest.
pub(crate) const MOUNT_ORACLE: &str = "mount=x&mount=y";

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
        // A server decodes the path before it looks at it.
        let decoded = decoded(intent.target.split('?').next().unwrap_or_default());
        let path = decoded.as_str();
        if path.ends_with("/pprof/profile") || path.ends_with("/pprof/trace") {
            return Err("profiling loads the registry");
        }
        let blob = path.contains("/blobs/") && (!path.contains("/blobs/uploads/") || path.contains(".."));
        if blob && (intent.method == "HEAD" || intent.range) && !self.in_scratch(intent.target) {
            return Err("a HEAD or ranged GET of a blob can write (zot up to v2.1.20 links the blob)");
        }
        Ok(())
    }

    fn writes(&self, method: &str, intent: &Intent<'_>) -> Result<(), &'static str> {
        if !is_plain(intent.target) {
            return Err("its path is not plain, so a server may read another one");
        }
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
        is_plain(target) && (rest.starts_with("/manifests/") || rest.starts_with("/blobs/"))
    }
}

/// Whether every URL parser and every server reads this path as it is written: nothing encoded, no dots, no gaps.
fn is_plain(target: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(path) = path.strip_prefix('/') else { return false };
    let of_path = |b: u8| b.is_ascii_alphanumeric() || b"/_.-:~+=@,".contains(&b);
    let segments: Vec<&str> = path.split('/').collect();
    let gap = segments.iter().rev().skip(1).any(|segment| segment.is_empty());
    let dots = segments.iter().any(|segment| matches!(*segment, "." | ".."));
    path.bytes().all(of_path) && !gap && !dots && query.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

/// A path without its percent-encoding, however often it was encoded.
fn decoded(path: &str) -> String {
    let mut path = path.replace('\\', "/");
    loop {
        let next = percent_decoded(&path);
        if next == path {
            return path;
        }
        path = next;
    }
}

fn percent_decoded(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| bytes[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Requests that are valid for authorization and invalid for the handler, so that nothing is stored (zot, by
/// reading `pkg/api/routes.go` and by trying v2.1.14 to v2.1.20).
fn is_oracle(method: &str, intent: &Intent<'_>) -> bool {
    let (path, query) = intent.target.split_once('?').unwrap_or((intent.target, ""));
    if !is_plain(intent.target) || !path.starts_with("/v2/") {
        return false;
    }
    // From the right: a repository may have a part named `manifests`, a reference has no slash.
    if let Some((_, reference)) = path.rsplit_once("/manifests/").filter(|(_, reference)| !reference.contains('/')) {
        let hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let unknown = reference.strip_prefix("sha256:").is_some_and(hex);
        return match method {
            "PUT" => intent.content_type == Some(ORACLE_TYPE) && intent.body == b"{}",
            "DELETE" => unknown && query.is_empty(),
            _ => false,
        };
    }
    if let Some((_, session)) = path.rsplit_once("/blobs/uploads/") {
        return match method {
            "POST" => session.is_empty() && matches!(query, "from=x" | MOUNT_ORACLE) && intent.body.is_empty(),
            "PATCH" => is_uuid(session) && intent.content_range == Some("5-1") && intent.body.len() <= 1,
            "PUT" => is_uuid(session) && query.is_empty() && intent.body.is_empty(),
            "DELETE" => is_uuid(session) && query.is_empty(),
            _ => false,
        };
    }
    method == "DELETE" && query.is_empty() && path.ends_with("/blobs/notadigest") && !path.contains(':')
}

/// A list of names: no method can change anything there (OCI distribution spec, section Endpoints).
fn is_listing(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path == "/v2/_catalog" || (path.starts_with("/v2/") && path.ends_with("/tags/list"))
}

/// A POST without a body to a manifest or a list: no registry has such an endpoint (OCI distribution spec, section Endpoints).
fn is_unroutable_post(intent: &Intent<'_>) -> bool {
    let path = intent.target.split('?').next().unwrap_or_default();
    let empty = intent.body.is_empty() && is_plain(intent.target);
    empty && (is_listing(intent.target) || (path.starts_with("/v2/") && path.contains("/manifests/")))
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::parse_str(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn permitted(effect: Effect, method: &str, target: &str, content_type: Option<&str>, body: &[u8]) -> bool {
        let guard = Guard { effect, scratch: Some("team/scratch".to_owned()), ends_sessions: false };
        let intent =
            Intent { method, target, content_type, content_range: None, range: false, override_method: None, body };
        guard.permit(&intent).is_ok()
    }

    /// What is outside of the scratch repository, by every trick with a path that parsers disagree on.
    fn anywhere() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "v2",
            "team",
            "scratch",
            "scratch2",
            "production",
            "manifests",
            "blobs",
            "uploads",
            "latest",
            "notadigest",
            "..",
            ".",
            "",
            "%2e%2e",
            "%2E.",
            "..%2f..",
            "%252e%252e",
            "..;",
            "\\..\\..",
            "\t..",
            "%00",
            "x#",
            "#",
            "?",
            "a?b",
            "zot",
            "auth",
            "logout",
            "sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "@evil.test",
            "00000000-0000-4000-8000-000000000000",
        ]);
        let query =
            prop::sample::select(vec!["", "?from=x", "?digest=a", "?tag=latest", "#/v2/team/scratch/manifests/x"]);
        let start =
            prop::sample::select(vec!["/v2/team/scratch/", "/v2/team/scratch/manifests/", "/v2/", "/", "//", ""]);
        (start, prop::collection::vec(part, 0..8), query).prop_map(|(a, b, c)| format!("{a}{}{c}", b.join("/")))
    }

    /// Where a request really goes: as a URL parser, and a server that decodes, see its path.
    fn seen(target: &str) -> Vec<String> {
        let url = url::Url::parse(&format!("http://r.test{target}"));
        let path = url.map_or_else(|_| target.to_owned(), |url| url.path().to_owned());
        let again = url::Url::parse(&format!("http://r.test{}", decoded(&path)));
        vec![again.map_or_else(|_| path.clone(), |url| url.path().to_owned()), path]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn nothing_but_reads_and_oracles_passes_outside_of_the_scratch_repository(
            method in prop::sample::select(vec!["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "post", "MKCOL"]),
            target in anywhere(),
            kind in prop::option::of(prop::sample::select(vec![ORACLE_TYPE, "application/json"])),
            body in prop::sample::select(vec![&b""[..], b"{}", b"x", b"much more"]),
            effect in prop::sample::select(vec![Effect::ReadOnly, Effect::Oracle, Effect::Writes]),
        ) {
            if permitted(effect, method, &target, kind, body) {
                prop_assert!(effect > Effect::ReadOnly, "{effect} {method} {target}");
                let inside = |path: &String| {
                    path.starts_with("/v2/team/scratch/manifests/") || path.starts_with("/v2/team/scratch/blobs/")
                };
                let within = effect == Effect::Writes && seen(&target).iter().all(inside);
                let impossible = kind == Some(ORACLE_TYPE) && method == "PUT" && body == b"{}";
                let unknown = method == "DELETE" && !target.contains(['?', '#', '%'])
                    && (target.ends_with("/blobs/notadigest") || target.contains("/manifests/sha256:0"));
                let session = target.contains("/blobs/uploads/") && body.len() <= 1;
                // No registry has an endpoint there, and it carries nothing.
                let unroutable = method == "POST" && body.is_empty()
                    && (target.contains("/manifests/") || target.contains("/tags/list") || target.contains("/_catalog"));
                prop_assert!(within || impossible || unknown || session || unroutable, "{effect} {method} {target}");
            }
        }

        #[test]
        fn a_check_that_reads_only_reads(target in anywhere(), range: bool) {
            // The wire joins nothing else to an origin.
            prop_assume!(target.starts_with('/'));
            for method in ["GET", "HEAD", "OPTIONS"] {
                let guard = Guard { effect: Effect::ReadOnly, scratch: None, ends_sessions: false };
                let intent = Intent { method, target: &target, content_type: None, content_range: None, range, override_method: None, body: b"" };
                let blob = seen(&target).iter().any(|path| path.contains("/blobs/") && !path.contains("/uploads/"));
                if guard.permit(&intent).is_ok() && (range || method == "HEAD") {
                    prop_assert!(!blob, "{method} {target}");
                }
            }
        }
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
            (Oracle, "POST", "/v2/a/blobs/uploads/?mount=x&mount=y", None, b"", true),
            (Oracle, "POST", "/v2/a/blobs/uploads/?mount=x", None, b"", false),
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
