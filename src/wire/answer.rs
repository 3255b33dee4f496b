//! An answer, and the `expect_*` helpers: the only makers of a Fail from an answer.
//!
//! 429 and 5xx prove nothing about a promise, so they are an Error wherever they come. A refusal counts only in the
//! registry's own words.

use anyhow::Context as _;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;
use url::Url;

use super::Origin;
use crate::check::{Failure, Why};

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body; its start alone where the request asked for a hash.
    pub(crate) body: Bytes,
    /// How many bytes the whole body has.
    pub(crate) size: u64,
    /// The digest of the whole body, where the request asked for it.
    pub(crate) sha256: Option<String>,
    /// The certificate of the server, in DER, where the connection was encrypted.
    pub(crate) certificate: Option<Bytes>,
    /// Its place in the transcript.
    pub(crate) index: usize,
}

impl Answer {
    /// A header's value, if it is there once or more and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type, lower-case, without parameters.
    pub(crate) fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(crate) fn is_html(&self) -> bool {
        let start = self.body.iter().copied().skip_while(u8::is_ascii_whitespace).take(15).collect::<Vec<u8>>();
        let start = start.to_ascii_lowercase();
        self.media_type() == "text/html" || start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
    }

    /// The answer in a few words: status, error code, kind of body.
    pub(crate) fn brief(&self) -> String {
        let mut text = format!("{} to {} {}", self.status, self.method, self.target());
        if let Some(code) = self.error_code() {
            text.push_str(&format!(" ({code})"));
        } else if self.is_html() {
            text.push_str(" (an HTML page)");
        }
        if (300..400).contains(&self.status)
            && let Some(location) = self.header("location")
        {
            text.push_str(&format!(", redirecting to {location}"));
        }
        text
    }

    fn target(&self) -> String {
        self.url.query().map_or_else(|| self.url.path().to_owned(), |query| format!("{}?{query}", self.url.path()))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("the body of {} is not JSON", self.brief()))
    }

    /// The first error code of a registry's error body (OCI distribution spec, section Error codes), or zot's bare one.
    pub(crate) fn error_code(&self) -> Option<String> {
        if self.body.len() > 64 << 10 {
            return None;
        }
        let value: Value = serde_json::from_slice(&self.body).ok()?;
        let error = value.get("errors").and_then(|errors| errors.get(0)).unwrap_or(&value);
        error.get("code").and_then(Value::as_str).map(str::to_owned)
    }

    /// Nothing is proven by an answer that says the registry could not, or would not now.
    fn undecided(&self, why: &Why<'_>, expected: &str) -> Result<(), Failure> {
        let reason = match self.status {
            429 => "the registry limits the rate of requests; run again later, or with fewer at once",
            500..=599 => "the registry or its proxy failed",
            _ => return Ok(()),
        };
        Err(why.undecided(expected, format_args!("{}: {reason}", self.brief()), self.index))
    }

    /// Where the registry's challenges send clients for tokens (distribution's token authentication); a challenge that
    /// cannot be read is told whole, since a client may read it in another way.
    pub(crate) fn token_realms(&self) -> Vec<String> {
        let values = self.headers.get_all("www-authenticate").iter();
        let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        // zot's own `basic realm=` is not even valid (RFC 9110, section 11.2), and only a token has a realm to be sent to.
        let asking = texts.filter(|text| text.to_ascii_lowercase().contains("bearer"));
        asking.flat_map(|text| realms(&text).unwrap_or_else(|| vec![text])).collect()
    }

    /// One of these statuses, else Fail.
    pub(crate) fn expect_status(&self, statuses: &[u16], why: &Why<'_>) -> Result<&Answer, Failure> {
        let expected = statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
        self.undecided(why, &expected)?;
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        Err(why.fail(expected, self.brief(), self.index))
    }

    /// A control: the same request by one who may. Anything but these statuses proves nothing about the refusals.
    pub(crate) fn expect_control(&self, statuses: &[u16], who: &str, why: &Why<'_>) -> Result<&Answer, Failure> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let expected = statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
        let actual = format!("{}: the control failed, so the refusal of others proves nothing", self.brief());
        let control = Why {
            claim: why.claim,
            cause: "the identity that may do this was refused too: its key may have expired or lost its group, or \
                    something in front of the registry refuses everyone",
            remedy: "first make `publish::api_key_can_push` pass for this identity",
        };
        Err(control.undecided(format_args!("{expected} for {who}"), actual, self.index))
    }

    /// The registry's own 401 to a client without, or with wrong, credentials.
    pub(crate) fn expect_unauthorized(&self, why: &Why<'_>) -> Result<&Answer, Failure> {
        let expected = "401 by the registry itself";
        self.undecided(why, expected)?;
        match self.status {
            401 if is_registry_error(self) && self.headers.contains_key("www-authenticate") => Ok(self),
            401 | 403 if !is_registry_error(self) => Err(self.foreign_refusal(why, expected)),
            _ => Err(why.fail(expected, self.brief(), self.index)),
        }
    }

    /// The registry's own refusal of an identity: zot 403, others 401, 405, 409, 412 or 400 with their error body.
    pub(crate) fn expect_denied(&self, why: &Why<'_>) -> Result<&Answer, Failure> {
        let expected = "a refusal by the registry itself";
        self.undecided(why, expected)?;
        match self.status {
            401 | 403 | 405 | 409 | 412 if is_registry_error(self) => Ok(self),
            // Amazon ECR refuses to move an immutable tag this way; any other 400 means that the request was looked at.
            400 if self.error_code().as_deref() == Some("TAG_INVALID") => Ok(self),
            401 | 403 => Err(self.foreign_refusal(why, expected)),
            _ => Err(why.fail(expected, self.brief(), self.index)),
        }
    }

    fn foreign_refusal(&self, why: &Why<'_>, expected: &str) -> Failure {
        let foreign = Why {
            claim: why.claim,
            cause: "something in front of the registry (a proxy, a firewall, a login page) refused the request, so \
                    what the registry would do is not known",
            remedy: "send the request to the registry itself: look at the proxy's rules for this path and method",
        };
        foreign.undecided(expected, format_args!("{}, without the registry's error body", self.brief()), self.index)
    }

    /// Where an upload goes on: the `Location`, which must stay on this origin and in this repository.
    pub(crate) fn expect_upload_location(&self, repository: &str, why: &Why<'_>) -> Result<String, Failure> {
        let prefix = format!("/v2/{repository}/blobs/uploads/");
        let expected = format!("a Location below {prefix} of the same origin");
        let Some(location) = self.header("location") else {
            return Err(why.fail(expected, "no Location header", self.index));
        };
        let joined = self.url.join(location).ok().filter(|url| Origin::of(&self.url).owns(url));
        match joined {
            Some(url) if url.path().strip_prefix(&prefix).is_some_and(|session| !session.is_empty()) => {
                Ok(url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
            }
            _ => {
                let leads = Why {
                    claim: "an upload stays on the registry's public origin",
                    cause: "the registry or its proxy builds absolute URLs from another host, port or scheme",
                    remedy: "let the proxy pass Host and X-Forwarded-Proto on, or set the registry's external URL",
                };
                Err(leads.fail(expected, format_args!("Location: {location}"), self.index))
            }
        }
    }
}

fn realms(challenges: &str) -> Option<Vec<String>> {
    let parsed = http_auth::parse_challenges(challenges).ok()?;
    let bearer = parsed.iter().filter(|challenge| !challenge.scheme.eq_ignore_ascii_case("basic"));
    let realm = |challenge: &http_auth::ChallengeRef<'_>| {
        let found = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case("realm"));
        found.map(|(_, value)| value.to_unescaped()).unwrap_or_default()
    };
    Some(bearer.map(realm).collect())
}

/// Whether the body is a registry's error: the spec's list, or the bare object of zot's authentication.
pub(crate) fn is_registry_error(answer: &Answer) -> bool {
    let is_code = |code: String| !code.is_empty() && code.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    answer.media_type() == "application/json" && answer.error_code().is_some_and(is_code)
}
