//! What an answer to a probe means. Pure.
//!
//! 429 and 5xx decide nothing; content that should not be there is a Fail, whatever its status.

use std::collections::BTreeMap;

use super::{Expect, Probe};
use crate::http::{Answer, Origin, is_registry_error};
use crate::model::failure::{Failure, Why};

/// What the answer is held against.
pub(crate) struct Against<'a> {
    pub(crate) why: &'a Why<'a>,
    pub(crate) origin: &'a Origin,
    /// Where the provider's login is, to which a gate in front of the registry may send.
    pub(crate) issuer: Option<&'a Origin>,
    /// The answer to the same request without the trick.
    pub(crate) plain: Option<&'a Answer>,
    pub(crate) secret_names: &'a [String],
}

/// Decides one probe.
pub(crate) fn judge(probe: &Probe, answer: &Answer, against: &Against<'_>) -> Result<(), Failure> {
    let why = against.why;
    let reason = match answer.status {
        429 => Some("the registry limits the rate of requests"),
        500..=599 => Some("the registry or its proxy failed"),
        _ => None,
    };
    if let Some(reason) = reason {
        return Err(why.undecided(probe.expect, format_args!("{}: {reason}", answer.brief()), answer.index));
    }
    if !matches!(probe.expect, Expect::NoForeignOrigin | Expect::SameLogin) {
        answer.needs_no_token(why, probe.expect)?;
    }
    // A page that names a private repository shows content: a Fail.
    if asks_the_api(probe) && unnamed(answer, against).is_ok() {
        answer.expect_no_page(why, probe.expect)?;
    }
    let broken = |actual: String| Err(why.fail(probe.expect, actual, answer.index));
    match probe.expect {
        Expect::Denied | Expect::Unauthorized if is_no_route(probe, answer) => Ok(()),
        Expect::Denied => denied(answer, why, probe.expect),
        Expect::Unauthorized => answer.expect_unauthorized(why).map(|_| ()),
        Expect::Closed => closed(answer, against).or_else(broken),
        Expect::Silent if answer.status < 300 && answer.body.is_empty() => Ok(()),
        Expect::Silent => closed(answer, against).or_else(broken),
        Expect::Foreign => foreign(answer, against).or_else(broken),
        Expect::NotMounted if answer.status == 202 => Ok(()),
        Expect::NotMounted => closed(answer, against).or_else(broken),
        Expect::Ignored => match against.plain {
            Some(plain) if plain.status == answer.status && plain.body == answer.body => Ok(()),
            // What the handler of the other method says, such as 415 to a push, is no refusal.
            _ if answer.status == probe.bad.status => broken(answer.brief()),
            _ => closed(answer, against).or_else(broken),
        },
        Expect::Unnamed => unnamed(answer, against).or_else(broken),
        Expect::NoSecret => match secret(answer) {
            Some(key) => broken(format!("{}, with a value for `{key}`", answer.brief())),
            None => Ok(()),
        },
        Expect::NoForeignOrigin => origin_is_closed(answer).or_else(broken),
        Expect::SameLogin => same_login(answer, against).or_else(broken),
    }
}

/// What a difference from the plain answer means where the plain answer itself has changed meanwhile.
pub(crate) fn if_moved(answer: &Answer, before: &Answer, now: &Answer, why: &Why<'_>) -> Option<Result<(), Failure>> {
    if now.body == before.body {
        return None;
    }
    let same = now.body == answer.body;
    let moved = || why.undecided("the same plain answer before and after", now.brief(), now.index);
    Some(if same { Ok(()) } else { Err(moved()) })
}

/// Whether the request can only reach the API of the OCI distribution spec, which has no pages. A trick in the path may reach more.
fn asks_the_api(probe: &Probe) -> bool {
    let path = probe.shape.target.split(['?', '#']).next().unwrap_or_default();
    let tricks = ["..", "//", "%", ";", "\\", "/./"];
    matches!(probe.expect, Expect::Denied | Expect::Unauthorized | Expect::Closed | Expect::Silent)
        && path.starts_with("/v2/")
        && !tricks.iter().any(|trick| path.contains(trick))
}

/// Whether the registry does not have the list of referrers at all, which is newer than many a registry (OCI distribution spec,
/// section Listing Referrers): its router's own 404 shows nothing to anybody.
fn is_no_route(probe: &Probe, answer: &Answer) -> bool {
    probe.shape.target.contains("/referrers/")
        && answer.status == 404
        && !answer.is_html()
        && !is_registry_error(answer)
}

/// 405 and 412 are what others refuse with; to an oracle they are the handler's words, after authorization.
fn denied(answer: &Answer, why: &Why<'_>, expect: Expect) -> Result<(), Failure> {
    match answer.status {
        401 | 403 => answer.expect_denied(why).map(|_| ()),
        _ => Err(why.fail(expect, answer.brief(), answer.index)),
    }
}

fn closed(answer: &Answer, against: &Against<'_>) -> Result<(), String> {
    unnamed(answer, against)?;
    match answer.status {
        300..=399 => match answer.header("location").map(|location| lands(answer, location)) {
            Some(Ok(url)) if against.origin.owns(&url) || against.issuer.is_some_and(|it| it.owns(&url)) => Ok(()),
            Some(Err(_)) | None => Ok(()),
            Some(Ok(url)) => Err(format!("{}, which leads to {url}", answer.brief())),
        },
        400..=499 if answer.is_html() && scripted(answer) => {
            Err(format!("{}, which repeats the request", answer.brief()))
        }
        400..=499 => Ok(()),
        _ => Err(answer.brief()),
    }
}

/// A request for another host may be answered by whatever site is the default here, so long as that is not the registry.
fn foreign(answer: &Answer, against: &Against<'_>) -> Result<(), String> {
    unnamed(answer, against)?;
    let registry = answer.header("docker-distribution-api-version").is_some() || answer.is_json();
    match answer.status {
        0..=299 if answer.body.is_empty() || !registry => Ok(()),
        300..=399 => Ok(()),
        _ => closed(answer, against),
    }
}

/// Where a browser or client would go.
fn lands(answer: &Answer, location: &str) -> Result<url::Url, url::ParseError> {
    answer.url.join(location)
}

/// What the callback's probe sends, come back as markup.
fn scripted(answer: &Answer) -> bool {
    String::from_utf8_lossy(&answer.body).contains("<script>regproof")
}

/// Refusals may repeat what was asked for; content may not name what is private.
fn unnamed(answer: &Answer, against: &Against<'_>) -> Result<(), String> {
    if answer.status >= 300 || is_registry_error(answer) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer.body);
    let origin = against.origin.to_string();
    let host = origin.split("://").nth(1).unwrap_or_default();
    match against.secret_names.iter().find(|name| names(&text, name, host)) {
        Some(name) => Err(format!("{}, which names {name}", answer.brief())),
        None => Ok(()),
    }
}

/// Whether a text names a repository: as it is, or as a part of an address, but not as a part of another one's name
/// (OCI distribution spec, section Pulling manifests).
fn names(text: &str, name: &str, host: &str) -> bool {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between = |c: char| "._/-".contains(c);
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let at_host =
            |before: &str| before.ends_with(host) || before.rsplit_once("://").is_some_and(|(_, it)| is_host(it));
        let within = before.ends_with("/v2/") || before.strip_suffix('/').is_some_and(at_host);
        let begins = within || !before.trim_end_matches(between).ends_with(part);
        let of_the_api = ["/manifests/", "/blobs/", "/tags/", "/referrers/"].iter().any(|part| after.starts_with(part));
        begins && (of_the_api || !after.trim_start_matches(between).starts_with(part))
    })
}

/// A registry may know itself by another name than the one that it is asked by.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c))
}

/// A key of a JSON object that promises a secret and has a value.
fn secret(answer: &Answer) -> Option<String> {
    let mut left = vec![answer.json().ok()?];
    while let Some(value) = left.pop() {
        match value {
            serde_json::Value::Object(members) => {
                for (key, value) in members {
                    let name = key.to_ascii_lowercase();
                    let telling = ["secret", "password", "token", "credential"].iter().any(|word| name.contains(word));
                    if telling && value.as_str().is_some_and(|text| !text.is_empty()) {
                        return Some(key);
                    }
                    left.push(value);
                }
            }
            serde_json::Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    None
}

/// Fetch standard, section CORS protocol and credentials.
fn origin_is_closed(answer: &Answer) -> Result<(), String> {
    let allowed = answer.header("access-control-allow-origin").unwrap_or_default();
    let credentials = answer.header("access-control-allow-credentials").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let foreign = allowed == "*" || allowed == "null" || allowed.contains("regproof.invalid");
    if credentials && foreign {
        return Err(format!("{} with Access-Control-Allow-Origin: {allowed} and credentials allowed", answer.brief()));
    }
    Ok(())
}

fn same_login(answer: &Answer, against: &Against<'_>) -> Result<(), String> {
    let read = |answer: &Answer| {
        let url = url::Url::parse(answer.header("location")?).ok()?;
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let part = |name: &str| query.get(name).cloned().unwrap_or_default();
        let place = format!("{}{}", Origin::of(&url), url.path());
        Some((place, part("redirect_uri"), part("client_id"), part("response_type")))
    };
    let plain = against.plain.and_then(read).ok_or("no login to compare with")?;
    // The site that is the default for other names may answer them in its own way: no login begins there.
    let text = [answer.header("location").unwrap_or_default(), &String::from_utf8_lossy(&answer.body)].concat();
    let begins = ["regproof.invalid", "redirect_uri=", "client_id="].iter().any(|sign| text.contains(sign));
    if answer.status >= 400 || !begins && answer.header("set-cookie").is_none() || read(answer) == Some(plain) {
        return Ok(());
    }
    Err(answer.brief())
}

#[cfg(test)]
mod tests;
