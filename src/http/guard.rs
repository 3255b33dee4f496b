//! The one choke point: decides whether a request may be sent at all, before a socket is opened.
//!
//! Pure. What is not allowed here cannot be sent by any check, whatever its code says.

mod shape;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::model::effect::Effect;
use crate::zot::api;
pub(crate) use shape::{Cleared, OracleShape, Reasons};

/// What a check may send, and where.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) effect: Effect,
    pub(crate) scratch: Option<String>,
    /// Whether a session or key of regproof's own making may be ended.
    pub(crate) ends_sessions: bool,
    /// What may be done with an API key of regproof's own making.
    pub(crate) key: KeyUse,
    /// Which oracles may be sent outside of the scratch repository.
    pub(crate) cleared: Cleared,
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

/// The query of the mount oracle: two digests where one is allowed, and neither is a digest.
pub(crate) const MOUNT_ORACLE: &str = "mount=x&mount=y";

const ONLY_READS: &str = "nothing but GET and HEAD";

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

impl<'a> Intent<'a> {
    /// A request without a range and without a trick.
    pub(crate) fn new(method: &'a str, target: &'a str, content_type: Option<&'a str>, body: &'a [u8]) -> Intent<'a> {
        Intent { method, target, content_type, content_range: None, range: false, override_method: None, body }
    }
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

impl Refused {
    /// The rule alone.
    pub(crate) fn rule(&self) -> &'static str {
        self.rule
    }
}

impl Guard {
    /// Nothing but GET and HEAD.
    pub(crate) fn read_only() -> Guard {
        let (key, cleared) = (KeyUse::None, Cleared::default());
        Guard { effect: Effect::ReadOnly, scratch: None, ends_sessions: false, key, cleared }
    }

    pub(crate) fn permit(&self, intent: &Intent<'_>) -> Result<(), Refused> {
        let rule = self.allows(intent.method, intent).and_then(|()| match intent.override_method {
            Some(method) => self.overrides(method, intent),
            None => Ok(()),
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
            "GET" | "HEAD" => self.reads(intent),
            // It changes nothing by its definition (RFC 9110, section 9.3.7), so that a check that reads may send it too, where
            // the run may send oracles.
            "OPTIONS" if self.effect == Effect::ReadOnly => {
                self.reads(intent).and_then(|()| self.cleared.allows(OracleShape::Options))
            }
            "OPTIONS" => self.reads(intent).and_then(|()| self.oracle(OracleShape::Options, intent)),
            "POST" if self.ends_sessions && intent.target == "/zot/auth/logout" => Ok(()),
            "POST" | "DELETE" if intent.target.starts_with(api::PATH) => self.keys(method, intent),
            "POST" if is_unroutable_post(intent) => self.oracle(OracleShape::NoEndpoint, intent),
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
        let upload = path.split_once("/blobs/").is_some_and(|(_, rest)| rest.starts_with("uploads/"));
        let blob = path.contains("/blobs/") && (!upload || path.contains("..") || path.contains('#'));
        let may_write = self.effect >= Effect::Writes && self.in_scratch(intent.target);
        if blob && (intent.method == "HEAD" || intent.range) && !may_write {
            return Err("a HEAD or ranged GET of a blob can write (zot up to v2.1.20 links the blob)");
        }
        Ok(())
    }

    fn writes(&self, method: &str, intent: &Intent<'_>) -> Result<(), &'static str> {
        if !is_plain(intent.target) {
            return Err("its path is not plain, so a server may understand another path");
        }
        if self.effect >= Effect::Writes && self.in_scratch(intent.target) {
            return Ok(());
        }
        if let Some(shape) = shape::of_write(method, intent) {
            return self.oracle(shape, intent);
        }
        Err(match self.effect {
            Effect::Writes => "writing is for the scratch repository only",
            Effect::Oracle => "only reads and the oracles, which store nothing",
            Effect::ReadOnly => ONLY_READS,
        })
    }

    /// An oracle is tried in the scratch repository before it is sent anywhere else.
    fn oracle(&self, shape: OracleShape, intent: &Intent<'_>) -> Result<(), &'static str> {
        match self.effect {
            Effect::ReadOnly => Err(ONLY_READS),
            Effect::Writes if self.in_scratch(intent.target) || self.lists_scratch(intent.target) => Ok(()),
            Effect::Oracle | Effect::Writes => self.cleared.allows(shape),
        }
    }

    /// The request must be allowed as the method that it asks to be taken for, too.
    fn overrides(&self, method: &str, intent: &Intent<'_>) -> Result<(), &'static str> {
        self.oracle(OracleShape::MethodOverride, intent)?;
        if is_listing(intent.target) {
            self.oracle(OracleShape::NoEndpoint, intent)
        } else {
            self.allows(method, intent)
        }
    }

    fn keys(&self, method: &str, intent: &Intent<'_>) -> Result<(), &'static str> {
        let asks = method == "POST" && intent.target == api::PATH;
        match &self.key {
            _ if asks && intent.body == NOT_A_KEY => self.oracle(OracleShape::MintKey, intent),
            KeyUse::Mint { label } if asks && self.effect >= Effect::Writes && ends(intent.body, label) => Ok(()),
            KeyUse::Revoke { uuid } if self.effect >= Effect::Writes && is_uuid(uuid) => {
                let own = method == "DELETE" && intent.target == format!("{}?id={uuid}", api::PATH);
                own.then_some(()).ok_or("only a key that this run made may be revoked")
            }
            _ => Err("a run makes and revokes only its own short-lived key"),
        }
    }

    /// The list of the scratch repository's tags, where no method changes anything.
    fn lists_scratch(&self, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or_default();
        self.scratch.as_ref().is_some_and(|scratch| path == format!("/v2/{scratch}/tags/list")) && is_plain(target)
    }

    fn in_scratch(&self, target: &str) -> bool {
        let Some(scratch) = &self.scratch else { return false };
        let Some(rest) = target.strip_prefix("/v2/").and_then(|rest| rest.strip_prefix(scratch.as_str())) else {
            return false;
        };
        // A router reads from the right: with one slash more, this is a repository below the scratch repository.
        let rest = rest.split('?').next().unwrap_or_default();
        let place = ["/blobs/uploads/", "/manifests/", "/blobs/"].iter().find_map(|place| rest.strip_prefix(place));
        is_plain(target) && place.is_some_and(|reference| !reference.contains('/'))
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

/// A list of names: no method can change anything there (OCI distribution spec, section Endpoints).
fn is_listing(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path == "/v2/_catalog" || (path.starts_with("/v2/") && path.ends_with("/tags/list"))
}

/// A POST without a body to a manifest or a list: no registry has such an endpoint (OCI distribution spec, section Endpoints).
fn is_unroutable_post(intent: &Intent<'_>) -> bool {
    let path = intent.target.split('?').next().unwrap_or_default();
    let empty = intent.body.is_empty() && is_plain(intent.target);
    // From the right, as routers read: `/manifests/blobs/uploads/` starts an upload.
    let manifest = path.strip_prefix("/v2/").and_then(|rest| rest.rsplit_once("/manifests/"));
    empty && (is_listing(intent.target) || manifest.is_some_and(|(_, reference)| !reference.contains('/')))
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
mod tests;
