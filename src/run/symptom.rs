//! What an exchange shows that is no answer to the question of a check: nothing listens, a login page, a refused key.
//!
//! Pure. Decides no verdict. The first symptom that fits an exchange names the cause, whichever check asked.

mod words;

use std::collections::BTreeSet;

use url::Url;

use crate::model::exchange::{Exchange, PROGRAM};
use crate::model::outcome::{Finding, Outcome};
use crate::scenario::Scenario;

pub(crate) use words::{CODES, Told};

/// What is known of a scenario beside the exchanges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The registry's address, as `https://registry.example:443`.
    pub(crate) target: Option<Url>,
    /// The authorities of the scenario, if it names any.
    pub(crate) ca_file: Option<String>,
    /// Whether the scenario names an address to connect to instead.
    pub(crate) mapped: bool,
    /// The repositories that the scenario says are there.
    pub(crate) repositories: Vec<String>,
    pub(crate) people: Vec<Person>,
}

/// One identity of the scenario.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) username: String,
    /// Where its secret is, in words.
    pub(crate) secret: String,
    pub(crate) api_key: bool,
    pub(crate) groups: Vec<String>,
}

impl Facts {
    pub(crate) fn of(scenario: &Scenario) -> Facts {
        let person = |(name, one): (&String, &crate::scenario::Identity)| Person {
            name: name.clone(),
            username: one.username.clone(),
            secret: format!("the {}", one.password),
            api_key: one.api_key,
            groups: one.groups.iter().cloned().collect(),
        };
        Facts {
            target: Some(scenario.registry.url.clone()),
            ca_file: scenario.registry.ca_file.as_ref().map(|file| file.display().to_string()),
            mapped: !scenario.registry.resolve.is_empty(),
            repositories: scenario.repositories.public.iter().chain(&scenario.repositories.private).cloned().collect(),
            people: scenario.identities.iter().map(person).collect(),
        }
    }

    /// The path of a URL of the registry.
    fn path<'a>(&self, url: &'a Url) -> Option<&'a str> {
        let target = self.target.as_ref()?;
        (url.host_str() == target.host_str() && url.port_or_known_default() == target.port_or_known_default())
            .then(|| url.path())
    }

    /// The identity that sent its own credentials with this.
    pub(crate) fn person(&self, exchange: &Exchange) -> Option<&Person> {
        let sent = exchange.request_headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let named = |person: &&Person| {
            let rest = exchange.who.strip_prefix(&person.name);
            // `ci, over HTTP/2` is ci; `ci without credentials` is not.
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
                && exchange.username.as_deref() == Some(person.username.as_str())
        };
        self.people.iter().find(named).filter(|_| sent)
    }
}

/// What an exchange shows. In the order of depth: what comes first hides what comes after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Symptom {
    /// The name does not resolve.
    NoSuchHost,
    /// The connection was refused.
    Refused,
    /// No connection for another reason.
    Unreachable,
    /// The certificate is of an authority that is not trusted here.
    Untrusted,
    /// The certificate has expired.
    Expired,
    /// The certificate is for another name.
    ForeignName,
    /// The port does not speak TLS.
    NoTls,
    /// The port speaks TLS alone.
    TlsExpected,
    /// A connection, and no answer.
    Silent,
    /// A page for people, or a redirect to one, where the registry should answer.
    LoginPage,
    /// 502, 503 or 504.
    Gateway(u16),
    /// 500 and the rest.
    Broken(u16),
    /// 429.
    RateLimited,
    /// An encoding of the answer that nobody asked for.
    Encoded,
    /// Credentials were sent, and what answers has not seen them.
    Stripped,
    /// The credentials of this identity were refused.
    KeyRefused(String),
    /// This identity is known, and may not do what is promised.
    RightMissing(String),
    /// There is no such repository.
    NoSuchRepository(String),
    /// 413: the body is too large for what stands in front of the registry.
    BodyLimit,
    /// 405 without the registry's error: the method does not get through.
    MethodRefused,
    /// 404 without the registry's error: something else answers here.
    ForeignAbsence,
}

impl Symptom {
    /// Whether it says nothing about a promise. A check that fails on one of these has looked at more than one answer.
    fn proves_nothing(&self) -> bool {
        matches!(self, Symptom::Silent | Symptom::Gateway(_) | Symptom::Broken(_) | Symptom::RateLimited)
    }

    /// Whether it can be the root of several checks.
    pub(crate) fn is_root(&self) -> bool {
        !matches!(self, Symptom::BodyLimit | Symptom::MethodRefused | Symptom::ForeignAbsence)
    }
}

/// What a connection that failed says, by this program's words and those of the client programs.
const CONNECTIONS: &[(Symptom, &[&str])] = &[
    (
        Symptom::NoSuchHost,
        &[
            "failed to lookup address",
            "no such host",
            "name or service not known",
            "name resolution",
            "no address associated",
            "nodename nor servname",
            "err_name_not_resolved",
        ],
    ),
    (Symptom::Untrusted, &["unknownissuer", "signed by unknown authority", "err_cert_authority_invalid"]),
    (Symptom::Expired, &["certificate expired", "has expired or is not yet valid", "err_cert_date_invalid"]),
    (
        Symptom::ForeignName,
        &["not valid for name", "notvalidforname", "certificate is valid for", "err_cert_common_name_invalid"],
    ),
    (
        Symptom::NoTls,
        &["invalidcontenttype", "first record does not look like a tls", "server gave http response to https client"],
    ),
    (Symptom::Refused, &["connection refused", "err_connection_refused"]),
    (Symptom::Encoded, &["has content-encoding"]),
    (Symptom::Silent, &["no answer in", "no complete answer in", "the answer did not end", "deadline has elapsed"]),
    (Symptom::Unreachable, &["cannot connect", "no route to host", "network is unreachable"]),
];

/// What a text says about a connection.
fn by_words(text: &str) -> Option<Symptom> {
    let text = text.to_lowercase();
    let fits = |(_, words): &&(Symptom, &[&str])| words.iter().any(|word| text.contains(word));
    CONNECTIONS.iter().find(fits).map(|(symptom, _)| symptom.clone())
}

/// What one exchange shows. `decides` says that a finding points at it: then a refusal and an absence count too.
pub(crate) fn of(exchange: &Exchange, facts: &Facts, decides: bool) -> Option<Symptom> {
    if exchange.method == PROGRAM {
        return by_words(&format!("{} {}", exchange.error.as_deref().unwrap_or_default(), exchange.response_body));
    }
    let url = Url::parse(&exchange.url).ok()?;
    let path = facts.path(&url)?;
    let Some(status) = exchange.status else { return by_words(exchange.error.as_deref()?) };
    if let Some(Symptom::Encoded) = exchange.error.as_deref().and_then(by_words) {
        return Some(Symptom::Encoded);
    }
    match status {
        // An answer of 429 that was waited out decides nothing, and some pages of zot answer 500 to anyone.
        429 if decides => return Some(Symptom::RateLimited),
        502..=504 => return Some(Symptom::Gateway(status)),
        500..=599 if decides => return Some(Symptom::Broken(status)),
        _ => {}
    }
    let of_the_api = path.starts_with("/v2/") && !path.starts_with("/v2/_");
    // A list of keys that is refused is asked with the same key.
    let own_keys = status == 401 && path == "/zot/auth/apikey";
    if !(exchange.is_request() && (of_the_api || own_keys)) {
        return None;
    }
    match status {
        200 if is_page(exchange) => Some(Symptom::LoginPage),
        301 | 302 | 303 | 307 | 308 if leads_away(exchange, path) => Some(Symptom::LoginPage),
        400 if exchange.response_body.to_lowercase().contains("http request")
            && exchange.response_body.to_lowercase().contains("https") =>
        {
            Some(Symptom::TlsExpected)
        }
        401 if !header(exchange, "www-authenticate").to_lowercase().contains("bearer") => {
            let person = facts.person(exchange)?;
            // zot answers so to a client without credentials; to wrong ones with a bare object.
            let anonymous =
                exchange.response_body.contains("\"errors\"") && exchange.response_body.contains("\"description\"");
            Some(if anonymous { Symptom::Stripped } else { Symptom::KeyRefused(person.name.clone()) })
        }
        403 if decides && is_error(exchange) && !url.query().is_some_and(|query| query.contains("mount=")) => {
            facts.person(exchange).map(|person| Symptom::RightMissing(person.name.clone()))
        }
        404 if decides && exchange.response_body.contains("NAME_UNKNOWN") => {
            // A cache has no repository of an image before it has fetched it.
            repository(path).filter(|name| facts.repositories.contains(name)).map(Symptom::NoSuchRepository)
        }
        404 if decides && !is_error(exchange) && !exchange.response_body.is_empty() => Some(Symptom::ForeignAbsence),
        405 if decides && !is_error(exchange) => Some(Symptom::MethodRefused),
        413 if decides => Some(Symptom::BodyLimit),
        _ => None,
    }
}

/// Whether a finding points at this page, wherever the registry was asked: a proxy that asks for a login does so everywhere.
pub(crate) fn shows_page(outcome: &Outcome, facts: &Facts, page: &str) -> bool {
    let shown = outcome.finding.as_ref().and_then(|finding| outcome.transcript.get(finding.exchange?));
    shown.is_some_and(|exchange| {
        let here = Url::parse(&exchange.url).is_ok_and(|url| facts.path(&url).is_some());
        here && exchange.status == Some(200) && is_page(exchange) && exchange.response_body == page
    })
}

fn header<'a>(exchange: &'a Exchange, wanted: &str) -> &'a str {
    let found = exchange.response_headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map_or("", |(_, value)| value.as_str())
}

fn is_page(exchange: &Exchange) -> bool {
    let start = exchange.response_body.trim_start().to_ascii_lowercase();
    header(exchange, "content-type").to_ascii_lowercase().starts_with("text/html")
        || start.starts_with("<!doctype html")
        || start.starts_with("<html")
}

/// A redirect of what registries answer themselves; that of a blob to its storage is usual.
fn leads_away(exchange: &Exchange, path: &str) -> bool {
    !path.contains("/blobs/") && !header(exchange, "location").contains("/v2/")
}

fn is_error(exchange: &Exchange) -> bool {
    header(exchange, "content-type").starts_with("application/json") && exchange.response_body.contains("\"code\"")
}

/// The repository that a path of the API names (OCI distribution spec, section Endpoints).
fn repository(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/v2/")?;
    let ends = ["/manifests/", "/tags/list", "/blobs/", "/referrers/"];
    let end = ends.iter().filter_map(|end| rest.find(end)).min()?;
    Some(rest[..end].to_owned())
}

/// The findings of an outcome that is not proven: its own, and those of the cases that differ.
fn findings(outcome: &Outcome) -> impl Iterator<Item = &Finding> {
    use crate::model::outcome::Verdict::{Error, Fail};
    let cases = outcome.cases.iter().filter(|case| matches!(case.verdict, Fail | Error));
    outcome.finding.iter().chain(cases.filter_map(|case| case.finding.as_ref()))
}

/// What one finding shows, by the exchange that it points at; else by its own words, where they name the registry. A finding may
/// point at a refusal as the proof of something else, as of a tag that moved nevertheless: then it does not begin with it.
pub(crate) fn of_finding(finding: &Finding, outcome: &Outcome, facts: &Facts) -> Option<Symptom> {
    match finding.exchange {
        Some(index) => {
            let exchange = outcome.transcript.get(index)?;
            let about = exchange.status.is_none_or(|status| finding.actual.contains(&format!("{status} to ")));
            of(exchange, facts, true).filter(|_| about || exchange.error.is_some())
        }
        None => {
            let here = facts.target.as_ref().is_some_and(|url| finding.actual.contains(&authority(url)));
            here.then(|| by_words(&finding.actual)).flatten()
        }
    }
}

/// Host and port, as a URL has them.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What an outcome that is not proven may hang on. A broken promise hangs on it only where its own evidence shows it.
pub(crate) fn shown(outcome: &Outcome, facts: &Facts) -> BTreeSet<Symptom> {
    use crate::model::outcome::Verdict::{Error, Fail};
    // In the words of the permission matrix, which knows a better cause.
    let denied = |finding: &Finding| {
        let exchange = outcome.transcript.get(finding.exchange.filter(|_| finding.actual.starts_with("denied"))?)?;
        of(exchange, facts, true)
    };
    let decided: Vec<Option<Symptom>> =
        findings(outcome).map(|finding| of_finding(finding, outcome, facts).or_else(|| denied(finding))).collect();
    match outcome.verdict {
        Fail => {
            let decided: Vec<_> =
                decided.into_iter().map(|one| one.filter(|symptom| !symptom.proves_nothing())).collect();
            // One finding that shows something else is a separate broken promise.
            let last = outcome.transcript.iter().rev().find(|exchange| exchange.method == PROGRAM);
            let by_program = || last.and_then(|exchange| of(exchange, facts, true));
            let all: Option<Vec<Symptom>> = decided.into_iter().map(|one| one.or_else(by_program)).collect();
            let all: BTreeSet<Symptom> = all.unwrap_or_default().into_iter().collect();
            if all.len() == 1 { all } else { BTreeSet::new() }
        }
        Error => {
            let seen = outcome.transcript.iter().filter_map(|exchange| of(exchange, facts, false));
            decided.into_iter().flatten().chain(seen).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Gives the findings of a check the cause that their exchanges show, and a code that `explain` knows. Without `zot` nothing is
/// said that holds for zot alone.
pub(crate) fn fit(outcome: &mut Outcome, facts: &Facts, zot: bool) {
    if outcome.verdict == crate::model::outcome::Verdict::Skip {
        return;
    }
    let causes: Vec<Option<Told>> = {
        let failed = outcome.verdict == crate::model::outcome::Verdict::Fail;
        let told = |finding: &Finding| {
            let symptom =
                of_finding(finding, outcome, facts).filter(|symptom| !(failed && symptom.proves_nothing()))?;
            Some(symptom.told(facts, zot))
        };
        let own = outcome.finding.iter().map(told);
        own.chain(outcome.cases.iter().filter_map(|case| case.finding.as_ref()).map(told)).collect()
    };
    let id = outcome.id.clone();
    let lint = |name: &str| name.split_whitespace().find(|word| word.starts_with("lint::")).map(str::to_owned);
    let own = outcome.finding.iter_mut().map(|finding| (lint(&finding.actual), finding));
    let cases = outcome.cases.iter_mut().filter_map(|case| Some((lint(&case.name), case.finding.as_mut()?)));
    for ((lint, finding), cause) in own.chain(cases).zip(causes) {
        finding.code = lint.unwrap_or_else(|| id.clone());
        if let Some(told) = cause {
            finding.code = told.code.to_owned();
            finding.cause = told.cause;
            finding.remedy = told.remedy;
        }
    }
}

#[cfg(test)]
mod tests;
