//! Decides, from the configuration alone, what zot answers to whom.
//!
//! This is written from zot's observed behaviour and shares no code with it (pkg/api/authz.go, pkg/api/authn.go at
//! v2.1.20 are what it is compared with). It sends nothing and must not guess: what cannot be known from the file is
//! [`Decision::Condition`] or [`Decision::Random`], never a yes.

mod doors;

use std::collections::BTreeSet;
use std::fmt;

use super::config::{AccessControl, Condition, Config, Policy, Repository};
use super::glob;
use super::tree::{At, Place};

pub use doors::{DOCKER_MUST_LOG_IN, METRICS_ANONYMOUS_POLICY, metrics_decision, ping_answer};

/// What somebody wants to do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Pull and list.
    Read,
    /// Push what is new.
    Create,
    /// Move a tag that exists.
    Update,
    /// Delete.
    Delete,
}

impl Action {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Read, Self::Create, Self::Update, Self::Delete];

    /// The word that zot's policies use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Somebody who asks. An empty name is a client without credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// The username as zot knows it.
    pub name: String,
    /// The groups that the identity provider gives; those of `accessControl.groups` are found here.
    pub groups: Vec<String>,
    /// How they prove who they are.
    pub login: Login,
}

/// How somebody proves who they are, as far as it decides about their groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Login {
    /// By a password or a certificate, or not at all.
    #[default]
    Own,
    /// At an OpenID provider.
    OpenId,
    /// By an API key, which has the groups with which its owner logged in last.
    Key,
}

impl Who {
    /// A client without credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Whether there are no credentials.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.name.is_empty()
    }
}

/// The part of the configuration that grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// In words, such as `` policies of `**` for group `admins` ``.
    pub what: String,
    /// Where it stands.
    pub place: Place,
}

/// What zot will decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, by this rule.
    Allowed(Rule),
    /// No, and why.
    Denied(String),
    /// It depends on what the file cannot tell: the text says on what.
    Condition(String),
    /// Patterns of equal length disagree, and zot picks one by chance for each request.
    Random(Vec<String>),
}

impl Decision {
    /// Whether it is a plain yes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Whether it is a plain no.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied(_))
    }

    fn same_answer(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Whether `who` may do `action` in `repository`.
#[must_use]
pub fn decide(config: &Config, who: &Who, repository: &str, action: Action) -> Decision {
    let patterns = config.access.as_ref().map_or(vec![], |access| winning(access, repository));
    decide_by(config, who, &patterns, action)
}

/// Whether `who` may do `action` where these rules decide: one, none, or several of equal length.
pub(crate) fn decide_by(config: &Config, who: &Who, patterns: &[&Repository], action: Action) -> Decision {
    if let Some(bearer) = by_token(config) {
        return bearer;
    }
    // Without any way to log in zot ignores credentials: everybody is anonymous.
    let nobody = Who::anonymous();
    let who = if config.can_authenticate() { who } else { &nobody };
    let Some(access) = &config.access else {
        return without_access_control(config, who);
    };
    if who.is_anonymous() && config.can_authenticate() && !access.lets_anonymous_in() {
        return Decision::Denied("no `anonymousPolicy` anywhere, so zot asks every client for credentials".to_owned());
    }
    if who.login == Login::Key && config.auth.openid.is_some() {
        let by = |login| with_groups(access, &Who { login, ..who.clone() }, config, patterns, action);
        let (own, openid) = (by(Login::Own), by(Login::OpenId));
        let on = "whether the key's owner logged in by a password of zot's own or by OpenID, where `accessControl.groups` \
                  are not counted";
        return if own.same_answer(&openid) { openid } else { Decision::Condition(on.to_owned()) };
    }
    with_groups(access, who, config, patterns, action)
}

fn with_groups(
    access: &AccessControl,
    who: &Who,
    config: &Config,
    patterns: &[&Repository],
    action: Action,
) -> Decision {
    let groups = groups_of(config, access, who);
    let mut answers = patterns.iter().map(|rule| by_pattern(access, Some(rule), who, &groups, action));
    let Some(first) = answers.next() else {
        return by_pattern(access, None, who, &groups, action);
    };
    if answers.all(|answer| answer.same_answer(&first)) {
        return first;
    }
    Decision::Random(patterns.iter().map(|rule| rule.pattern.value.clone()).collect())
}

/// A Bearer token carries its rights, or claims that only its issuer knows.
fn by_token(config: &Config) -> Option<Decision> {
    config.auth.bearer?;
    Some(Decision::Condition("the bearer token, which is not evaluated here".to_owned()))
}

fn without_access_control(config: &Config, who: &Who) -> Decision {
    if who.is_anonymous() && config.can_authenticate() {
        return Decision::Denied("no `accessControl`, so only authenticated users are let in".to_owned());
    }
    let what = "no `accessControl`: every client that is let in may do everything".to_owned();
    Decision::Allowed(Rule { what, place: config.http.place })
}

/// The groups that zot counts for somebody.
pub(crate) fn groups_of(config: &Config, access: &AccessControl, who: &Who) -> Vec<String> {
    let mut groups = who.groups.clone();
    if config.config_groups_apply() && !who.is_anonymous() && who.login != Login::OpenId {
        let own = access.groups.iter().filter(|group| group.users.iter().any(|user| user.value == who.name));
        groups.extend(own.map(|group| group.name.clone()));
    }
    groups
}

/// The same client with the groups of the file written out, where its login does not leave them open. The answers are the
/// same, and are found without a look at all groups of the file.
pub(crate) fn settled(config: &Config, who: &Who) -> Who {
    let open = who.login == Login::Key && config.auth.openid.is_some();
    match &config.access {
        Some(access) if !open => {
            Who { name: who.name.clone(), groups: groups_of(config, access, who), login: Login::OpenId }
        }
        _ => who.clone(),
    }
}

/// The longest patterns that match: one, or several of equal length. Length is in bytes, as Go counts it. A rule for
/// the empty pattern is what zot falls back to where nothing matches.
pub(crate) fn winning<'a>(access: &'a AccessControl, repository: &str) -> Vec<&'a Repository> {
    let find = || {
        let rules = access.repositories.iter().enumerate();
        let matching: Vec<(usize, usize)> = rules
            .filter(|(_, rule)| rule.pattern.value.is_empty() || glob::matches(&rule.pattern.value, repository))
            .map(|(index, rule)| (index, rule.pattern.value.len()))
            .collect();
        let longest = matching.iter().map(|(_, length)| *length).max();
        matching.into_iter().filter(|(_, length)| Some(*length) == longest).map(|(index, _)| index).collect()
    };
    let found = access.winners.of(repository, find);
    found.into_iter().map(|index| &access.repositories[index]).collect()
}

/// What one pattern, or none, together with the administrators' policy gives.
pub(crate) fn by_pattern(
    access: &AccessControl,
    rule: Option<&Repository>,
    who: &Who,
    groups: &[String],
    action: Action,
) -> Decision {
    let mut conditions = Vec::new();
    for grant in grants(access, rule, who, groups, action) {
        match grant {
            Grant::Plain(rule) => return Decision::Allowed(rule),
            Grant::When { words, .. } => conditions.push(words),
        }
    }
    if !conditions.is_empty() {
        return Decision::Condition(conditions.join(" or "));
    }
    let name = if who.is_anonymous() { "anonymous clients" } else { &who.name };
    Decision::Denied(match rule {
        Some(rule) => {
            format!("`{}` (line {}) does not grant {action} to {name}", rule.pattern.value, rule.pattern.place.line)
        }
        None => "no repository pattern matches".to_owned(),
    })
}

/// Conditions that must hold together; none is a plain yes.
pub(crate) type Together = BTreeSet<String>;

/// Each set of conditions that is enough for a yes from one pattern, or from none. Sets that say no more than a smaller one
/// are left out, so that equal rights have equal sets.
pub(crate) fn ways(
    access: &AccessControl,
    rule: Option<&Repository>,
    who: &Who,
    groups: &[String],
    action: Action,
) -> BTreeSet<Together> {
    let all: BTreeSet<Together> = grants(access, rule, who, groups, action)
        .map(|grant| match grant {
            Grant::Plain(_) => Together::new(),
            Grant::When { all, .. } => all,
        })
        .collect();
    let least = |one: &Together| !all.iter().any(|other| other != one && other.is_subset(one));
    all.iter().filter(|one| least(one)).cloned().collect()
}

enum Grant {
    Plain(Rule),
    When { words: String, all: Together },
}

fn grants(
    access: &AccessControl,
    rule: Option<&Repository>,
    who: &Who,
    groups: &[String],
    action: Action,
) -> impl Iterator<Item = Grant> {
    let grants = rule.into_iter().flat_map(move |rule| pattern_grants(rule, who, groups, action));
    let admin = access.admin.iter().filter_map(move |policy| grant(policy, "adminPolicy", who, groups, action));
    grants.chain(admin)
}

fn pattern_grants(rule: &Repository, who: &Who, groups: &[String], action: Action) -> Vec<Grant> {
    let pattern = &rule.pattern.value;
    let where_ = format!("policies of `{pattern}`");
    let mut grants: Vec<_> =
        rule.policies.iter().filter_map(|policy| grant(policy, &where_, who, groups, action)).collect();
    let (listed, place, name) = if who.is_anonymous() {
        (&rule.anonymous, rule.anonymous_place, "anonymousPolicy")
    } else {
        (&rule.default, rule.default_place, "defaultPolicy")
    };
    if has(listed, action.word()) {
        let what = format!("{name} of `{pattern}`");
        grants.push(Grant::Plain(Rule { what, place: place.unwrap_or(rule.pattern.place) }));
    }
    grants
}

fn grant(policy: &Policy, where_: &str, who: &Who, groups: &[String], action: Action) -> Option<Grant> {
    if !has(&policy.actions, action.word()) {
        return None;
    }
    let group = policy.groups.iter().find(|group| groups.contains(&group.value));
    let whom = match group {
        _ if has(&policy.users, &who.name) => format!("user `{}`", who.name),
        Some(group) => format!("group `{}`", group.value),
        None => return None,
    };
    match hold(&policy.conditions) {
        Some(false) => None,
        Some(true) => Some(Grant::Plain(Rule { what: format!("{where_} for {whom}"), place: policy.place })),
        None => {
            let texts: Vec<_> = policy.conditions.iter().map(|condition| condition.expression.value.as_str()).collect();
            let words = format!("{where_} for {whom}, when {}", texts.join(" and "));
            let open = texts.iter().map(|text| text.trim()).filter(|text| *text != "true");
            Some(Grant::When { words, all: open.map(str::to_owned).collect() })
        }
    }
}

/// Whether all conditions hold; `None` where only the request can tell.
fn hold(conditions: &[Condition]) -> Option<bool> {
    let known = |condition: &Condition| match condition.expression.value.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    if conditions.iter().any(|condition| known(condition) == Some(false)) {
        return Some(false);
    }
    conditions.iter().all(|condition| known(condition) == Some(true)).then_some(true)
}

fn has(listed: &[At<String>], wanted: &str) -> bool {
    listed.iter().any(|at| at.value == wanted)
}

#[cfg(test)]
mod tests;
