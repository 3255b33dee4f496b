//! Who asks: accounts, API keys, and the order in which zot looks for credentials (zot `pkg/api/authn.go`).
//!
//! It says who somebody is, never what they may do.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use super::answer::{Answer, SESSION_CLIENT, unauthenticated};
use super::config::Config;
use super::session::{EXPIRED_SESSION, SESSION_COOKIE};
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;

/// Minting keys is open to every user; without a bound one caller could fill the memory.
const MOST_KEYS: usize = 10_000;

/// A user as the registry knows one: a name, and the groups of the last login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// One API key.
#[derive(Clone)]
pub(crate) struct ApiKey {
    pub(crate) secret: String,
    pub(crate) owner: String,
    pub(crate) uuid: String,
    pub(crate) label: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) creator: String,
    pub(crate) created: OffsetDateTime,
    pub(crate) expires: Option<OffsetDateTime>,
    pub(crate) last_used: Option<OffsetDateTime>,
}

impl ApiKey {
    pub(crate) fn new(owner: &str, label: &str) -> Self {
        Self {
            secret: format!("zak_{}", uuid::Uuid::new_v4().simple()),
            owner: owner.to_owned(),
            uuid: uuid::Uuid::new_v4().to_string(),
            label: label.to_owned(),
            scopes: Vec::new(),
            creator: String::new(),
            created: OffsetDateTime::now_utc(),
            expires: None,
            last_used: None,
        }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.expires.is_some_and(|at| at <= OffsetDateTime::now_utc())
    }
}

/// Groups by user, and the keys.
#[derive(Default)]
pub(crate) struct Accounts {
    groups: BTreeMap<String, Vec<String>>,
    keys: Vec<ApiKey>,
}

impl Accounts {
    /// The groups of a user are those of the last login, also for keys made before.
    pub(crate) fn logged_in(&mut self, name: &str, groups: Vec<String>) {
        self.groups.insert(name.to_owned(), groups);
    }

    pub(crate) fn user(&self, name: &str) -> User {
        User { name: name.to_owned(), groups: self.groups.get(name).cloned().unwrap_or_default() }
    }

    /// `false` where there are too many.
    pub(crate) fn add(&mut self, key: ApiKey) -> bool {
        let room = self.keys.len() < MOST_KEYS;
        if room {
            self.keys.push(key);
        }
        room
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.iter()
    }

    pub(crate) fn revoke(&mut self, owner: &str, uuid: &str) {
        self.keys.retain(|key| key.owner != owner || key.uuid != uuid);
    }

    fn by_password(&mut self, name: &str, password: &str, any_owner: bool) -> Option<User> {
        let key = self.keys.iter_mut().find(|key| key.secret == password && (any_owner || key.owner == name))?;
        if key.is_expired() {
            return None;
        }
        key.last_used = Some(OffsetDateTime::now_utc());
        let owner = key.owner.clone();
        Some(self.user(&owner))
    }
}

/// Who asks, and what every answer to them must carry.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) user: Option<User>,
    /// zot leaves out `WWW-Authenticate` for its UI, so that the browser shows no dialogue.
    pub(crate) ui: bool,
    /// A session that is not known is answered with an expired cookie.
    pub(crate) clear_session: bool,
}

impl Caller {
    pub(crate) fn dress(&self, answer: Answer) -> Answer {
        if self.clear_session { answer.header("set-cookie", EXPIRED_SESSION) } else { answer }
    }
}

/// Finds the caller, or answers 401.
///
/// `metrics` and `version` name the two paths that have special rules.
pub(crate) fn authenticate(shared: &Shared, ask: &Ask, metrics: bool, version: bool) -> Result<Caller, Answer> {
    let config = &shared.config;
    if let Some(user) = &ask.disguise {
        return Ok(Caller { user: Some(user.clone()), ui: false, clear_session: false });
    }
    let ui = ask.headers.contains_key(SESSION_CLIENT);
    let refuse = || unauthenticated(ui);
    let anonymous = Caller { user: None, ui, clear_session: false };
    let open = opens_to_anonymous(config, metrics);

    let credentials: Vec<_> = ask.headers.get_all("authorization").iter().collect();
    if credentials.len() > 1 {
        return Err(refuse());
    }
    // An empty user name with an empty password counts as no credentials at all.
    let header = ask.header("authorization");
    let basic = parse_basic(header);
    let given = !header.is_empty() && basic.as_ref().is_none_or(|(name, key)| !name.is_empty() || !key.is_empty());
    if given {
        let user = basic.and_then(|(name, password)| by_basic(shared, &name, &password));
        return match user {
            Some(user) => Ok(Caller { user: Some(user), ..anonymous }),
            None if config.has(Weakness::WrongKeyFallsBackToAnonymous) => Ok(anonymous),
            None => Err(refuse()),
        };
    }
    if ask.header(SESSION_CLIENT) == "zot-ui" {
        let session = ask.cookie(SESSION_COOKIE);
        let name = session.and_then(|id| held(&shared.sessions).user(&id));
        return match name {
            Some(name) => Ok(Caller { user: Some(held(&shared.accounts).user(&name)), ..anonymous }),
            None if open => Ok(Caller { clear_session: true, ..anonymous }),
            None => Err(refuse().header("set-cookie", EXPIRED_SESSION)),
        };
    }
    let agent = ask.header("user-agent");
    let docker = agent.contains("Docker-Client") || agent.starts_with("docker/");
    if !open || (docker && version && config.release.challenges_docker()) {
        return Err(refuse());
    }
    Ok(anonymous)
}

fn opens_to_anonymous(config: &Config, metrics: bool) -> bool {
    let Some(policy) = &config.policy else {
        return false;
    };
    policy.has_anonymous() || (metrics && config.metrics.anonymous)
}

fn by_basic(shared: &Shared, name: &str, password: &str) -> Option<User> {
    let mut accounts = held(&shared.accounts);
    if password.is_empty() && shared.config.has(Weakness::EmptyPasswordAccepted) {
        return Some(accounts.user(name));
    }
    accounts.by_password(name, password, shared.config.has(Weakness::ForeignKeyAccepted))
}

/// User name and password of a Basic header; the scheme is case-insensitive.
pub(crate) fn parse_basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_read_in_any_case_and_refused_when_malformed() {
        assert_eq!(parse_basic("bAsIc YTpiOmM="), Some(("a".into(), "b:c".into())));
        assert_eq!(parse_basic("Basic !!!"), None);
        assert_eq!(parse_basic("Bearer abc"), None);
    }

    #[test]
    fn an_expired_key_and_a_foreign_name_do_not_log_in() {
        let mut accounts = Accounts::default();
        let mut key = ApiKey::new("a", "x");
        let secret = key.secret.clone();
        accounts.add(key.clone());
        assert!(accounts.by_password("a", &secret, false).is_some());
        assert!(accounts.by_password("b", &secret, false).is_none());
        accounts.revoke("a", &key.uuid);
        key.expires = Some(OffsetDateTime::UNIX_EPOCH);
        accounts.add(key);
        assert!(accounts.by_password("a", &secret, false).is_none());
    }
}
