//! The accounts of the lab: users with their groups, and API keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

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

    pub(crate) fn by_password(&mut self, name: &str, password: &str, any_owner: bool) -> Option<User> {
        let key = self.keys.iter_mut().find(|key| key.secret == password && (any_owner || key.owner == name))?;
        if key.is_expired() {
            return None;
        }
        key.last_used = Some(OffsetDateTime::now_utc());
        let owner = key.owner.clone();
        Some(self.user(&owner))
    }
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
