//! `[access]`: who may do what, in short for all named repositories, and by repository pattern where that is too short.
//!
//! Reads and decides by the scenario alone. A deployed zot configuration is `zot::policy`'s matter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Identity, Scenario};
use crate::scenario::loaded::{Loaded, ScenarioError};
use crate::zot::{glob, policy};

/// What one may do to a repository; zot's own four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Action {
    /// Pull, list tags.
    Read,
    /// Push what is not there yet.
    Create,
    /// Move an existing tag.
    Update,
    /// Delete.
    Delete,
}

impl Action {
    /// All four.
    pub(crate) const ALL: [Action; 4] = [Action::Read, Action::Create, Action::Update, Action::Delete];

    /// The word that scenarios and zot's policies use.
    #[must_use]
    pub fn word(self) -> &'static str {
        policy::Action::from(self).word()
    }
}

impl From<Action> for policy::Action {
    fn from(action: Action) -> policy::Action {
        match action {
            Action::Read => policy::Action::Read,
            Action::Create => policy::Action::Create,
            Action::Update => policy::Action::Update,
            Action::Delete => policy::Action::Delete,
        }
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Action, D::Error> {
        let text = String::deserialize(deserializer)?;
        Action::ALL.into_iter().find(|action| action.word() == text).ok_or_else(|| {
            let words = Action::ALL.map(Action::word);
            D::Error::custom(format!(
                "`{text}` is no action; the actions are {}{}",
                words.join(", "),
                or_nearest(&text, words)
            ))
        })
    }
}

/// `; did you mean X?`, if one of the names is near enough to be meant.
pub(crate) fn or_nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let near = names.into_iter().map(|name| (strsim::jaro_winkler(wrong, name), name));
    let nearest = near.filter(|(score, _)| *score > 0.75).max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// Who may do what in some repositories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// What clients without credentials may do.
    pub anonymous: BTreeSet<Action>,
    /// What every user with credentials may do.
    pub authenticated: BTreeSet<Action>,
    /// What members of a group may do besides.
    pub groups: BTreeMap<String, BTreeSet<Action>>,
    /// What a user may do besides, by user name.
    pub users: BTreeMap<String, BTreeSet<Action>>,
}

impl Grants {
    fn by_name(&self, username: &str, groups: &BTreeSet<String>, action: Action) -> bool {
        let by_group = groups.iter().filter_map(|group| self.groups.get(group));
        by_group.chain(self.users.get(username)).flatten().any(|right| *right == action)
    }

    /// Whether they grant this, where nothing else is to be thought of.
    pub(crate) fn allow(&self, client: Option<(&str, &BTreeSet<String>)>, action: Action) -> bool {
        match client {
            None => self.anonymous.contains(&action),
            Some((name, groups)) => self.authenticated.contains(&action) || self.by_name(name, groups, action),
        }
    }
}

/// Who may do what, in short, in the repositories that the scenario names. What is not granted is refused everywhere else too.
///
/// A private one is closed to anonymous clients; a group may do there what it may do elsewhere. Where that is too short,
/// `[access."team/**"]` says it for the repositories that match: the longest pattern that matches counts, and nothing else.
/// `registry.zot_config` says it in full.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
pub struct Access {
    /// What holds in repositories that no pattern covers.
    #[schemars(flatten)]
    pub short: Grants,
    /// What holds in the repositories that match, in zot's pattern language, instead of all that is said in short.
    #[schemars(flatten)]
    pub patterns: BTreeMap<String, Grants>,
}

impl<'de> Deserialize<'de> for Access {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Access, D::Error> {
        deserializer.deserialize_map(AccessVisitor)
    }
}

const KEYS: [&str; 4] = ["anonymous", "authenticated", "groups", "users"];

struct AccessVisitor;

impl<'de> Visitor<'de> for AccessVisitor {
    type Value = Access;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of rights")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Access, A::Error> {
        let mut access = Access::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "anonymous" => access.short.anonymous = map.next_value()?,
                "authenticated" => access.short.authenticated = map.next_value()?,
                "groups" => access.short.groups = map.next_value()?,
                "users" => access.short.users = map.next_value()?,
                pattern => {
                    let grants = map.next_value_seed(Named(pattern))?;
                    access.patterns.insert(key, grants);
                }
            }
        }
        Ok(access)
    }
}

/// The rights of one pattern; whatever is no table was meant for another key.
struct Named<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = Grants;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Grants, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Named<'_> {
    fn unknown<E: Error>(&self) -> E {
        E::custom(format!(
            "unknown key `{}` in [access]; known are {}, and a table for a repository pattern, as [access.\"team/**\"]{}",
            self.0,
            KEYS.join(", "),
            or_nearest(self.0, KEYS)
        ))
    }
}

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Grants;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of rights")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Grants, A::Error> {
        Grants::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Grants, A::Error> {
        Err(self.unknown())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Grants, E> {
        Err(self.unknown())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Grants, E> {
        Err(self.unknown())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Grants, E> {
        Err(self.unknown())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Grants, E> {
        Err(self.unknown())
    }
}

impl Access {
    /// The pattern that decides about a repository, with its rights: the longest that matches, in bytes, as zot has it.
    /// Two of equal length that match the same name are refused when a scenario is read.
    pub(crate) fn pattern_of(&self, repository: &str) -> Option<(&str, &Grants)> {
        let matching = self.patterns.iter().filter(|(pattern, _)| glob::matches(pattern, repository));
        matching.max_by_key(|(pattern, _)| pattern.len()).map(|(pattern, grants)| (pattern.as_str(), grants))
    }

    /// What is said about one client in one repository; nothing where it is not said.
    pub(crate) fn promise(
        &self,
        scenario: &Scenario,
        client: Option<&Identity>,
        repository: &str,
        action: Action,
    ) -> Option<bool> {
        if let Some((_, grants)) = self.pattern_of(repository) {
            return Some(grants.allow(client.map(|client| (client.username.as_str(), &client.groups)), action));
        }
        let private = scenario.is_private(repository);
        let Some(client) = client else {
            return Some(self.short.anonymous.contains(&action) && !private);
        };
        if self.short.by_name(&client.username, &client.groups, action) {
            // A cache is to be filled by its upstream; who else may write there is not said in short.
            return if action != Action::Read && scenario.is_cached(repository) { None } else { Some(true) };
        }
        // A private repository is closed to anonymous clients; who else may enter is not said in short.
        let by_login = self.short.authenticated.contains(&action);
        if private && by_login { None } else { Some(by_login) }
    }

    /// The words that say so.
    pub(crate) fn grounds(&self, repository: &str) -> String {
        match self.pattern_of(repository) {
            Some((pattern, _)) => format!("[access.\"{pattern}\"] of the scenario"),
            None => "[access] of the scenario".to_owned(),
        }
    }

    fn all(&self) -> impl Iterator<Item = (Option<&str>, &Grants)> {
        let patterns = self.patterns.iter().map(|(pattern, grants)| (Some(pattern.as_str()), grants));
        std::iter::once((None, &self.short)).chain(patterns)
    }

    /// Where anonymous clients may write, as the scenario says it, and what they may do there.
    pub(crate) fn open(&self) -> Vec<(String, Vec<Action>)> {
        let writes = |grants: &Grants| grants.anonymous.iter().copied().filter(|it| *it != Action::Read).collect();
        let name = |pattern: Option<&str>| match pattern {
            Some(pattern) => format!("[access.\"{pattern}\"]"),
            None => "[access]".to_owned(),
        };
        let places = self.all().map(|(pattern, grants)| (name(pattern), writes(grants)));
        places.filter(|(_, writes): &(String, Vec<Action>)| !writes.is_empty()).collect()
    }

    /// Every group that has a right somewhere.
    pub(crate) fn groups(&self) -> BTreeSet<&str> {
        self.all().flat_map(|(_, grants)| grants.groups.keys().map(String::as_str)).collect()
    }
}

/// What is wrong with `[access]`, with its place.
pub(super) fn validate(loaded: &Loaded) -> Result<(), ScenarioError> {
    let scenario = &loaded.scenario;
    let Some(access) = &scenario.access else { return Ok(()) };
    for (name, identity) in &scenario.identities {
        let known = access.groups();
        if let Some(group) = identity.groups.iter().find(|group| !known.contains(group.as_str())) {
            let message = format!(
                "[access] says nothing about the group `{group}`; add `groups.{group} = [\"read\"]`{}",
                or_nearest(group, known)
            );
            return Err(loaded.error(&["identities", name, "groups"], message));
        }
    }
    for (pattern, grants) in access.all() {
        users(loaded, pattern, grants)?;
    }
    patterns(loaded, access)?;
    repositories(loaded, access)
}

/// A right of a user whom nobody can act as is never proven, and is often a name misspelt.
fn users(loaded: &Loaded, pattern: Option<&str>, grants: &Grants) -> Result<(), ScenarioError> {
    let identities = &loaded.scenario.identities;
    for user in grants.users.keys() {
        let names: Vec<&str> = identities.values().map(|identity| identity.username.as_str()).collect();
        if names.contains(&user.as_str()) {
            continue;
        }
        let message = match identities.get(user) {
            Some(identity) => {
                format!("`{user}` is the scenario's name for the user `{0}`; write `{0}`", identity.username)
            }
            None => format!("no identity has the user name `{user}`{}", or_nearest(user, names)),
        };
        let path: Vec<&str> = ["access"].into_iter().chain(pattern).chain(["users", user]).collect();
        return Err(loaded.error(&path, message));
    }
    Ok(())
}

fn patterns(loaded: &Loaded, access: &Access) -> Result<(), ScenarioError> {
    let names: Vec<&str> = access.patterns.keys().map(String::as_str).collect();
    for (index, pattern) in names.iter().copied().enumerate() {
        let failed = |message: String| Err(loaded.error(&["access", pattern], message));
        if !glob::is_valid(pattern) {
            return failed(format!("`{pattern}` is no pattern: close the bracket or brace, or escape it"));
        }
        if glob::some_name(pattern, super::loaded::is_repository_name).is_none() {
            let known = or_nearest(pattern, KEYS);
            return failed(format!(
                "no repository name can match `{pattern}`: names are in lower case, and neither start nor end with a slash{known}"
            ));
        }
        if let Some(longer) = names.iter().find(|other| other.len() > pattern.len() && glob::covers(other, pattern)) {
            return failed(format!(
                "`{pattern}` is never used: `{longer}` is longer and matches the same names; make it longer, or leave it out"
            ));
        }
        for other in names[..index].iter().filter(|other| other.len() == pattern.len()) {
            if let Some(name) = glob::common_name(other, pattern) {
                return failed(format!(
                    "`{other}` and `{pattern}` have equal length, and both match `{name}`: zot would take one of them by \
                     chance; make one of them longer"
                ));
            }
        }
    }
    Ok(())
}

/// Public is what anyone may read, and private what not everyone may.
fn repositories(loaded: &Loaded, access: &Access) -> Result<(), ScenarioError> {
    let declared = &loaded.scenario.repositories;
    for (list, names, public) in [("public", &declared.public, true), ("private", &declared.private, false)] {
        for (index, name) in names.iter().enumerate() {
            let Some((pattern, grants)) = access.pattern_of(name) else { continue };
            let may = grants.anonymous.contains(&Action::Read);
            if may != public {
                let verb = if may { "may" } else { "may not" };
                let message = format!(
                    "the scenario says that {name} is {list}, and [access.\"{pattern}\"] that anonymous clients {verb} read it; \
                     make them agree"
                );
                return Err(loaded.error(&["repositories", list, &index.to_string()], message));
            }
        }
    }
    let open = |name: &String| access.pattern_of(name).filter(|(_, grants)| grants.anonymous.contains(&Action::Read));
    if let Some((name, (pattern, _))) = declared.private_scratch.as_ref().and_then(|name| Some((name, open(name)?))) {
        let message = format!(
            "the scenario says that {name} is private, and [access.\"{pattern}\"] that anonymous clients may read it; make them agree"
        );
        return Err(loaded.error(&["repositories", "private_scratch"], message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
