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
use crate::model::failure::{Failure, Why};
use crate::model::failure::{TOKEN_CAUSE, TOKEN_REMEDY};

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
    pub(crate) digest: Option<String>,
    /// The certificate of the server, in DER, where the connection was encrypted.
    pub(crate) certificate: Option<Bytes>,
    /// Whether it came over HTTP/2.
    pub(crate) http2: bool,
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

    /// Whether this answer to `GET /v2/` is a registry's: it names the API, or it challenges in the registry's own words (OCI
    /// distribution spec, section Determining Support; the header is of Docker's registry, and all known ones send it).
    pub(crate) fn speaks_the_api(&self) -> bool {
        let named = self.header("docker-distribution-api-version") == Some("registry/2.0");
        let challenged = self.headers.contains_key("www-authenticate");
        let own = match self.status {
            401 => challenged && (named || is_registry_error(self)),
            200 => named,
            _ => false,
        };
        own && !self.is_html()
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

    /// Whether the body is JSON; nothing of it is kept, which for a body of 4 MiB could be 50.
    pub(crate) fn is_json(&self) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
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

    /// Nothing is proven by an answer that says the registry could not, would not now, or wants a token first.
    pub(crate) fn undecided(&self, why: &Why<'_>, expected: &str) -> Result<(), Failure> {
        self.needs_no_token(why, expected)?;
        let (reason, remedy) = match self.status {
            429 => (
                "the registry limits the rate of requests",
                "set `rate` under [limits] to the requests a second that are allowed",
            ),
            500..=599 => ("the registry or its proxy failed", "look at its log at the time of this run"),
            _ => return Ok(()),
        };
        let why = Why { claim: why.claim, cause: reason, remedy };
        Err(why.undecided(expected, format_args!("{}: {reason}", self.brief()), self.index))
    }

    /// Where a 401 sends clients for a token, if it does: with a token the answer may be another one.
    pub(crate) fn asks_for_token(&self) -> Option<String> {
        realms_of(self.status, &self.headers)
    }

    /// Whether it is a 401 that asks for a password and for no token. The registry or a proxy may have written it.
    pub(crate) fn wants_a_password(&self) -> bool {
        self.status == 401 && takes_basic(&self.headers) && self.asks_for_token().is_none()
    }

    /// An Error for a 401 that asks for a token: it neither keeps nor breaks a promise.
    pub(crate) fn needs_no_token(&self, why: &Why<'_>, expected: impl std::fmt::Display) -> Result<(), Failure> {
        let Some(realm) = self.asks_for_token() else { return Ok(()) };
        let token = Why { claim: why.claim, cause: TOKEN_CAUSE, remedy: TOKEN_REMEDY };
        let actual =
            format!("{}: the registry asks for tokens of {realm}, which this version does not fetch", self.brief());
        Err(token.undecided(expected, actual, self.index))
    }

    /// Where the registry's challenges send clients for tokens (distribution's token authentication); a challenge that
    /// cannot be read is told whole, since a client may read it in another way.
    pub(crate) fn token_realms(&self) -> Vec<String> {
        token_realms(&self.headers)
    }

    /// Realm and service of the first challenge that asks for a token.
    pub(crate) fn token_service(&self) -> Option<(String, Option<String>)> {
        let text = self.header("www-authenticate")?;
        let parsed = http_auth::parse_challenges(text).ok()?;
        let bearer = parsed.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))?;
        let value = |wanted: &str| {
            let found = bearer.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.to_unescaped())
        };
        Some((value("realm")?, value("service")))
    }

    /// One of these statuses, else Fail.
    pub(crate) fn expect_status(&self, statuses: &[u16], why: &Why<'_>) -> Result<&Answer, Failure> {
        let expected = statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
        // A check that names 401 asks for the challenge itself.
        if self.status == 401 && statuses.contains(&401) {
            return Ok(self);
        }
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
        self.needs_no_token(why, format_args!("{expected} for {who}"))?;
        let actual = format!("{}: the control failed", self.brief());
        let control = Why {
            claim: why.claim,
            cause: match self.status {
                401 => "the credentials of the identity that may do this are refused",
                403 => "the identity that may do this is logged in, but lacks the right",
                404 => "the requested object does not exist",
                429 => "the registry limits the rate of requests",
                500..=599 => "the registry or its proxy failed",
                _ => "the identity that may do this did not get through",
            },
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

    /// The 401 to a request without credentials, where the same request with credentials got through a moment before. A Basic
    /// challenge says then what was missing, also where a proxy in front of the registry wrote it: tells whether one did.
    pub(crate) fn expect_challenged(&self, why: &Why<'_>) -> Result<bool, Failure> {
        if self.wants_a_password() && !is_registry_error(self) {
            return Ok(true);
        }
        self.expect_unauthorized(why).map(|_| false)
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
            cause: "something in front of the registry (a proxy, a firewall, a login page) refused the request; the \
                    registry's own answer is not known",
            remedy: "send the request to the registry itself: look at the proxy's rules for this path and method",
        };
        foreign.undecided(expected, format_args!("{}, without the registry's error body", self.brief()), self.index)
    }

    /// What else than the registry answered, if the answer shows it: a page where only the API answers.
    pub(crate) fn expect_no_page(&self, why: &Why<'_>, expected: impl std::fmt::Display) -> Result<(), Failure> {
        let markup = self.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
        if !(200..300).contains(&self.status) || !self.is_html() || !markup {
            return Ok(());
        }
        let page = Why {
            claim: why.claim,
            cause: "a page for people answers in the registry's place, so what the registry would do is not known",
            remedy: "leave /v2/ out of the proxy's login; the registry asks for credentials itself",
        };
        Err(page.undecided(expected, format_args!("{}, a page for people", self.brief()), self.index))
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

/// The realms of a 401 that asks for a token, as text.
pub(super) fn realms_of(status: u16, headers: &HeaderMap) -> Option<String> {
    let realms = token_realms(headers);
    let named = |realm: String| if realm.is_empty() { "a server that it does not name".to_owned() } else { realm };
    (status == 401 && !realms.is_empty()).then(|| realms.into_iter().map(named).collect::<Vec<_>>().join(" and "))
}

/// Whether one of the challenges is Basic (RFC 7617).
pub(super) fn takes_basic(headers: &HeaderMap) -> bool {
    headers.get_all("www-authenticate").iter().any(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let basic = |scheme: &str| scheme.eq_ignore_ascii_case("basic");
        let parsed = http_auth::parse_challenges(&text).map(|all| all.iter().any(|one| basic(one.scheme)));
        // zot's own `basic realm=` is not valid.
        parsed.unwrap_or_else(|_| text.split_whitespace().next().is_some_and(basic))
    })
}

fn token_realms(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("www-authenticate").iter();
    let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    // zot's own `basic realm=` is not even valid (RFC 9110, section 11.2), and only a token has a realm to be sent to.
    let asking = texts.filter(|text| text.to_ascii_lowercase().contains("bearer"));
    asking.flat_map(|text| realms(&text).unwrap_or_else(|| vec![text])).collect()
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
