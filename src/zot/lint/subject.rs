//! The kinds of client that a policy tells apart: the subjects over which a lint compares answers.

use crate::zot::config::{AccessControl, Config, Policy};
use crate::zot::policy::{Who, groups_of};

/// A name that no configuration lists: a user who can log in and has no grant by name.
const STRANGER: &str = "\u{0}stranger";

/// One kind of client.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subject {
    pub(super) who: Who,
    pub(super) groups: Vec<String>,
    pub(super) label: String,
    /// Whether the configuration names it, as opposed to everybody.
    pub(super) named: bool,
}

/// Anonymous clients, strangers, and every user and group that the policies name.
pub(super) fn subjects(config: &Config, access: &AccessControl) -> Vec<Subject> {
    let subject = |name: &str, groups: Vec<String>, label: String, named| {
        let who = Who { name: name.to_owned(), groups, ..Who::default() };
        Subject { groups: groups_of(config, access, &who), who, label, named }
    };
    let mut subjects = Vec::new();
    if access.lets_anonymous_in() || !config.can_authenticate() {
        subjects.push(subject("", Vec::new(), "anonymous clients".to_owned(), false));
    }
    if !config.can_authenticate() {
        return subjects;
    }
    subjects.push(subject(STRANGER, Vec::new(), "users whom no policy names".to_owned(), false));
    let policies = || access.repositories.iter().flat_map(|rule| &rule.policies).chain(&access.admin);
    let names = |pick: fn(&Policy) -> &[crate::zot::tree::At<String>]| {
        let mut names: Vec<String> = policies().flat_map(pick).map(|at| at.value.clone()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| !name.is_empty());
        names
    };
    for name in names(|policy| &policy.users) {
        subjects.push(subject(&name, Vec::new(), format!("user `{name}`"), true));
    }
    for name in names(|policy| &policy.groups) {
        subjects.push(subject(STRANGER, vec![name.clone()], format!("group `{name}`"), true));
    }
    subjects
}
