//! Everyone about whom one of two configurations says something, and a stand-in for everyone else.

use std::collections::BTreeSet;
use std::fmt;

use crate::zot::config::{Config, Policy};
use crate::zot::policy::{Login, Who};

/// A client, by what a configuration can know of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A client without credentials.
    Anonymous,
    /// A user whom neither file names, in no group.
    AnyUser,
    /// A user whom neither file names, in this group.
    Group(String),
    /// This user, with the groups that the file itself gives.
    User(String),
}

impl Name {
    /// Reads `anonymous`, `any-user`, `group:NAME`, `user:NAME` or the name of a user.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "anonymous" => Self::Anonymous,
            "any-user" => Self::AnyUser,
            _ => match (text.strip_prefix("group:"), text.strip_prefix("user:")) {
                (Some(group), _) => Self::Group(group.to_owned()),
                (None, user) => Self::User(user.unwrap_or(text).to_owned()),
            },
        }
    }

    /// As [`Name::read`] reads it.
    #[must_use]
    pub fn written(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::AnyUser => "any-user".to_owned(),
            Self::Group(group) => format!("group:{group}"),
            Self::User(user) if Self::read(user) == *self => user.clone(),
            Self::User(user) => format!("user:{user}"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::AnyUser => f.write_str("any user"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::User(user) => write!(f, "user {user}"),
        }
    }
}

/// A client whose rights are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub name: Name,
    /// How it logs in, where that decides about its groups.
    pub login: Option<Login>,
    /// As the evaluator takes it.
    pub who: Who,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        match self.login {
            None => Ok(()),
            Some(Login::Own) => f.write_str(" (by password)"),
            Some(Login::OpenId) => f.write_str(" (by OpenID)"),
            Some(Login::Key) => f.write_str(" (by API key)"),
        }
    }
}

/// Everyone whom the files name, and a stand-in for everyone else.
pub(super) fn people(old: &Config, new: &Config) -> Vec<Person> {
    let configs = [old, new];
    let users: BTreeSet<&str> =
        configs.iter().flat_map(|config| users(config)).filter(|user| !user.is_empty()).collect();
    let any = stranger(&users);
    let client = |groups: Vec<String>| Who { name: any.clone(), groups, login: Login::Own };
    let mut people = vec![
        Person { name: Name::Anonymous, login: None, who: Who::anonymous() },
        Person { name: Name::AnyUser, login: None, who: client(vec![]) },
    ];
    let groups: BTreeSet<String> = configs.iter().flat_map(|config| groups(config)).collect();
    people.extend(groups.into_iter().map(|group| Person {
        name: Name::Group(group.clone()),
        login: None,
        who: client(vec![group]),
    }));
    let openid = configs.iter().any(|config| config.auth.openid.is_some());
    let keys = configs.iter().any(|config| config.auth.api_keys());
    let members: BTreeSet<&str> = configs.iter().flat_map(|config| members(config)).collect();
    for user in users {
        let who = |login| Who { name: user.to_owned(), groups: vec![], login };
        let name = Name::User(user.to_owned());
        // The groups of the file count for some logins only.
        if !openid || !members.contains(user) {
            people.push(Person { name, login: None, who: who(Login::Own) });
            continue;
        }
        let logins = [Login::Own, Login::OpenId].into_iter().chain(keys.then_some(Login::Key));
        people.extend(logins.map(|login| Person { name: name.clone(), login: Some(login), who: who(login) }));
    }
    people
}

/// The name of a user whom no file names.
pub(super) fn stranger(users: &BTreeSet<&str>) -> String {
    let mut name = "(any user)".to_owned();
    while users.contains(name.as_str()) {
        name.push('\'');
    }
    name
}

fn policies(config: &Config) -> impl Iterator<Item = &Policy> {
    let access = config.access.iter();
    access.flat_map(|access| access.repositories.iter().flat_map(|rule| &rule.policies).chain(&access.admin))
}

/// Every user that a configuration names.
pub(super) fn users(config: &Config) -> impl Iterator<Item = &str> {
    let granted = policies(config).flat_map(|policy| &policy.users);
    let scrapers = config.access.iter().flat_map(|access| &access.metrics.users);
    granted.chain(scrapers).map(|user| user.value.as_str()).chain(members(config))
}

fn members(config: &Config) -> impl Iterator<Item = &str> {
    let groups = config.access.iter().flat_map(|access| &access.groups);
    groups.flat_map(|group| &group.users).map(|user| user.value.as_str())
}

fn groups(config: &Config) -> impl Iterator<Item = String> {
    let granted = policies(config).flat_map(|policy| &policy.groups).map(|group| group.value.clone());
    let own = config.access.iter().flat_map(|access| &access.groups).map(|group| group.name.clone());
    granted.chain(own)
}
