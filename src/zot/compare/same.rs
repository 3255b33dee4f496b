//! Whether parts of two configurations say the same, wherever they are in their files.

use crate::zot::config::{Config, Policy, Repository};
use crate::zot::tree::At;

/// Texts without their places.
type Texts<'a> = Vec<&'a str>;

/// Whether everything besides the patterns is the same, as far as it decides about rights in repositories.
pub(super) fn around(old: &Config, new: &Config) -> bool {
    let logins = |config: &Config| {
        let auth = &config.auth;
        let doors =
            [auth.bearer.is_some(), auth.openid.is_some(), config.can_authenticate(), config.config_groups_apply()];
        (doors, config.access.as_ref().map(|access| access.lets_anonymous_in()))
    };
    logins(old) == logins(new) && admin(old) == admin(new) && groups(old) == groups(new)
}

fn admin(config: &Config) -> Option<Grant<'_>> {
    config.access.as_ref().and_then(|access| access.admin.as_ref()).map(Grant::of)
}

fn groups(config: &Config) -> Vec<(&str, Texts<'_>)> {
    let groups = config.access.iter().flat_map(|access| &access.groups);
    groups.map(|group| (group.name.as_str(), texts(&group.users))).collect()
}

/// Whether two lists of rules, for the same pattern, say the same.
pub(super) fn rules(old: &[&Repository], new: &[&Repository]) -> bool {
    old.len() == new.len()
        && old.iter().zip(new).all(|(old, new)| {
            let lists = texts(&old.default) == texts(&new.default) && texts(&old.anonymous) == texts(&new.anonymous);
            lists && old.policies.iter().map(Grant::of).eq(new.policies.iter().map(Grant::of))
        })
}

/// A policy without its places.
#[derive(PartialEq)]
struct Grant<'a> {
    users: Texts<'a>,
    groups: Texts<'a>,
    actions: Texts<'a>,
    conditions: Texts<'a>,
}

impl<'a> Grant<'a> {
    fn of(policy: &'a Policy) -> Self {
        let conditions = policy.conditions.iter().map(|condition| condition.expression.value.as_str());
        Self {
            users: texts(&policy.users),
            groups: texts(&policy.groups),
            actions: texts(&policy.actions),
            conditions: conditions.collect(),
        }
    }
}

fn texts(listed: &[At<String>]) -> Texts<'_> {
    listed.iter().map(|at| at.value.as_str()).collect()
}
