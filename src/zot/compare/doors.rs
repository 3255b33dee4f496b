//! What decides about access besides the rights in repositories: the ways to log in, the metrics, `/v2/`, and origins.
//!
//! A door that opens, or leads to other users, is a gain of any user. What is behind `ldap` and `bearer` is not compared.

use super::answers::Answer;
use super::people::{Name, Person};
use super::{Kind, kind};
use crate::zot::config::{Config, Provider, without_credentials};
use crate::zot::policy::{self, Decision};
use crate::zot::release::Release;
use crate::zot::tree::{At, Place};

/// A word for the right to log in.
pub const LOG_IN: &str = "log-in";
/// A word for the right to read the metrics.
pub const SCRAPE: &str = "scrape";

/// A right that belongs to no repository, and that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// Who has it.
    pub name: Name,
    /// `log-in` or `scrape`.
    pub action: &'static str,
    /// Which door: `htpasswd`, `ldap`, `certificate`, `openid/ID`, `api-key`, `bearer`, or the path of the metrics.
    pub door: String,
    /// What changed.
    pub kind: Kind,
    /// What the old file says, with its line.
    pub before: (String, Option<Place>),
    /// The same of the new file.
    pub after: (String, Option<Place>),
    /// Whether the reader allows it.
    pub allowed: bool,
}

/// A setting that changed. No client has more or fewer rights by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What it is about.
    pub what: &'static str,
    /// What the old file says, with its line.
    pub before: (String, Option<Place>),
    /// The same of the new file.
    pub after: (String, Option<Place>),
}

/// A way to log in: what it is, where it stands, and what decides who a user is.
struct Login {
    door: String,
    place: Place,
    says: String,
    /// What it asks a provider for.
    scopes: Vec<String>,
}

/// All doors that changed.
pub(super) fn doors(old: &Config, new: &Config, people: &[Person], release: Option<Release>) -> Vec<Door> {
    let mut doors = logins(old, new);
    doors.extend(metrics(old, new, people, release));
    doors
}

fn logins(old: &Config, new: &Config) -> Vec<Door> {
    let (before, after) = (ways(old), ways(new));
    let mut names: Vec<&String> = before.iter().chain(&after).map(|login| &login.door).collect();
    names.sort();
    names.dedup();
    let find = |all: &'_ [Login], name: &str| all.iter().position(|login| login.door == name);
    let told = |all: &[Login], at: Option<usize>| match at.and_then(|at| all.get(at)) {
        Some(login) if login.scopes.is_empty() => (login.says.clone(), Some(login.place)),
        Some(login) => (format!("{}, scopes {}", login.says, login.scopes.join(" ")), Some(login.place)),
        None => ("off".to_owned(), None),
    };
    // Where less is asked for, the provider tells less of a user.
    let less = |had: &Login, has: &Login| had.says == has.says && has.scopes.iter().all(|one| had.scopes.contains(one));
    let changed = names.into_iter().filter_map(|name| {
        let (had, has) = (find(&before, name), find(&after, name));
        let (was, is) = (told(&before, had), told(&after, has));
        let kind = match (had, has) {
            (None, Some(_)) => Kind::Gain,
            (Some(_), None) => Kind::Loss,
            _ if was.0 == is.0 => return None,
            (Some(had), Some(has)) if less(&before[had], &after[has]) => Kind::PossibleLoss,
            _ => Kind::PossibleGain,
        };
        Some(Door {
            name: Name::AnyUser,
            action: LOG_IN,
            door: name.clone(),
            kind,
            before: was,
            after: is,
            allowed: false,
        })
    });
    changed.collect()
}

fn ways(config: &Config) -> Vec<Login> {
    let auth = &config.auth;
    let mut ways = Vec::new();
    let mut way = |door: &str, place: Place, says: String| {
        ways.push(Login { door: door.to_owned(), place, says, scopes: vec![] });
    };
    if let Some(path) = &auth.htpasswd {
        way("htpasswd", path.place, format!("users of {}", path.value));
    }
    if let Some(place) = auth.ldap {
        way("ldap", place, "on".to_owned());
    }
    if let Some(place) = auth.bearer {
        way("bearer", place, "on".to_owned());
    }
    if config.mutual_tls() {
        let place = config.http.tls.as_ref().map_or(config.http.place, |tls| tls.place);
        way("certificate", place, "on".to_owned());
    }
    if auth.api_keys() {
        let place = auth.openid.or(auth.api_key.as_ref().map(|at| at.place));
        way("api-key", place.unwrap_or(config.http.place), "on".to_owned());
    }
    for provider in auth.providers.iter().filter(|_| auth.openid.is_some()) {
        let door = format!("openid/{}", provider.id.value);
        let scopes = provider.scopes.iter().map(|scope| scope.value.clone()).collect();
        ways.push(Login { door, place: provider.id.place, says: of_provider(provider), scopes });
    }
    ways
}

/// What decides which user a login is.
fn of_provider(provider: &Provider) -> String {
    let text = |at: &Option<At<String>>, default: &str| at.as_ref().map_or(default.to_owned(), |at| at.value.clone());
    format!(
        "issuer {}, client {}, name from {}, groups from {}",
        without_credentials(&text(&provider.issuer, "of zot")),
        text(&provider.client_id, "of its file"),
        text(&provider.username_claim, "email"),
        text(&provider.groups_claim, "groups"),
    )
}

fn metrics(old: &Config, new: &Config, people: &[Person], release: Option<Release>) -> Vec<Door> {
    let path = new.metrics_path().or(old.metrics_path()).unwrap_or_default();
    let asked = |config: &Config, person: &Person| {
        let decision = policy::metrics_decision(config, release, &person.who);
        let place = metrics_place(config);
        match decision {
            Decision::Allowed(rule) => (Answer::Yes, (rule.what, Some(rule.place))),
            Decision::Denied(_) if config.extensions.metrics.is_none() => (Answer::No, ("off".to_owned(), None)),
            Decision::Denied(_) => (Answer::No, ("not listed".to_owned(), Some(place))),
            Decision::Condition(on) => (Answer::Depends([on.clone()].into()), (on, Some(place))),
            Decision::Random(_) => (Answer::Depends(["chance".to_owned()].into()), ("chance".to_owned(), Some(place))),
        }
    };
    // The metrics know users, and no groups.
    let asks = |person: &&Person| {
        !matches!(person.name, Name::Group(_)) && person.login.is_none_or(|login| login == policy::Login::Own)
    };
    let any = people.iter().find(|person| person.name == Name::AnyUser);
    let any = any.and_then(|person| kind(&asked(old, person).0, &asked(new, person).0));
    let changed = people.iter().filter(asks).filter_map(|person| {
        let ((was, before), (is, after)) = (asked(old, person), asked(new, person));
        let kind = kind(&was, &is)?;
        // What any user gains or loses is said once.
        if matches!(person.name, Name::User(_)) && any == Some(kind) {
            return None;
        }
        let name = person.name.clone();
        Some(Door { name, action: SCRAPE, door: path.to_owned(), kind, before, after, allowed: false })
    });
    changed.collect()
}

fn metrics_place(config: &Config) -> Place {
    let listed = config.access.as_ref().map(|access| access.metrics.place.unwrap_or(access.place));
    listed.or(config.extensions.metrics.as_ref().map(|at| at.place)).unwrap_or(config.http.place)
}

/// Settings around access that changed.
pub(super) fn settings(old: &Config, new: &Config, release: Option<Release>) -> Vec<Setting> {
    type Says = fn(&Config, Option<Release>) -> (String, Option<Place>);
    let all: [(&'static str, Says); 7] = [
        ("GET /v2/ without credentials", |config, release| ping(config, release, false)),
        ("GET /v2/ by Docker without credentials", |config, release| ping(config, release, true)),
        ("path of the metrics", |config, _| text(config.extensions.metrics.as_ref(), "off")),
        ("http.allowOrigin", |config, _| text(config.http.allow_origin.as_ref(), "none")),
        ("openid.callbackAllowOrigins", |config, _| origins(config)),
        ("http.auth.failDelay", |config, _| {
            let at = config.auth.fail_delay.as_ref();
            (format!("{} s", config.auth.fail_delay_seconds()), at.map(|at| at.place))
        }),
        ("Secure cookies", |config, _| {
            let at = config.auth.secure_session.as_ref().map(|at| at.place);
            let word = if config.secure_session() { "yes" } else { "no" };
            (word.to_owned(), at.or(config.http.tls.as_ref().map(|at| at.place)))
        }),
    ];
    let changed =
        all.into_iter().map(|(what, says)| Setting { what, before: says(old, release), after: says(new, release) });
    changed.filter(|setting| setting.before.0 != setting.after.0).collect()
}

fn ping(config: &Config, release: Option<Release>, docker: bool) -> (String, Option<Place>) {
    let place = config.access.as_ref().map_or(config.http.place, |access| access.place);
    let word = match policy::ping_answer(config, release, &policy::Who::anonymous(), docker) {
        Some(true) => "200",
        Some(false) => "401: a login is asked for",
        None => "the tokens decide",
    };
    (word.to_owned(), Some(place))
}

fn text(at: Option<&At<String>>, absent: &str) -> (String, Option<Place>) {
    at.map_or_else(|| (absent.to_owned(), None), |at| (at.value.clone(), Some(at.place)))
}

fn origins(config: &Config) -> (String, Option<Place>) {
    let origins = &config.auth.callback_allow_origins;
    let listed: Vec<&str> = origins.iter().map(|at| at.value.as_str()).collect();
    (if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }, origins.first().map(|at| at.place))
}

/// What both files have and nothing here compares.
pub(super) fn notes(old: &Config, new: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if old.auth.ldap.is_some() && new.auth.ldap.is_some() {
        notes.push("both files have `ldap`; its settings are not compared".to_owned());
    }
    if old.auth.bearer.is_some() && new.auth.bearer.is_some() {
        notes.push("both files have `bearer`; the tokens decide, and no right is compared".to_owned());
    }
    if old.mutual_tls() && new.mutual_tls() {
        notes.push("both files take client certificates; their authority is not compared".to_owned());
    }
    notes
}
