//! What one configuration answers to one client, in a form in which two answers can be compared, and the line that says so.

use std::collections::BTreeSet;

use crate::zot::config::{AccessControl, Config, Policy, Repository};
use crate::zot::policy::{self, Action, Decision, Login, Who};
use crate::zot::tree::Place;

/// What bearer tokens leave open.
const TOKEN: &str = "the bearer token decides, and no file says what it grants";

/// What a key leaves open.
const OWNER: &str = "if its owner logged in by ";

/// What zot will answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// No.
    No,
    /// It depends on these: conditions, chance, or what no file says.
    Depends(BTreeSet<String>),
    /// Yes.
    Yes,
}

/// An answer in words, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The answer.
    pub answer: Answer,
    /// Why.
    pub words: String,
    /// The line that decides.
    pub place: Place,
}

impl Said {
    /// `yes`, `no` or `it depends`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.answer {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Depends(_) => "it depends",
        }
    }
}

/// The rules of a configuration by their numbers.
pub(super) fn rules<'a>(config: &'a Config, numbers: &[usize]) -> Vec<&'a Repository> {
    let all = config.access.as_ref().map_or(&[][..], |access| &access.repositories);
    numbers.iter().filter_map(|number| all.get(*number)).collect()
}

/// The answer where these rules decide. `who` has the groups of the file written out (`policy::settled`).
pub(super) fn answer(config: &Config, who: &Who, rules: &[&Repository], action: Action) -> Answer {
    if who.login == Login::Key && config.auth.openid.is_some() && config.auth.bearer.is_none() {
        return by_key(config, who, rules, action);
    }
    match (policy::decide_by(config, who, rules, action), &config.access) {
        (Decision::Allowed(_), _) => Answer::Yes,
        (Decision::Denied(_), _) => Answer::No,
        (Decision::Condition(_) | Decision::Random(_), Some(access)) if config.auth.bearer.is_none() => {
            Answer::Depends(on(access, who, rules, action))
        }
        (Decision::Condition(_) | Decision::Random(_), _) => Answer::Depends(BTreeSet::from([TOKEN.to_owned()])),
    }
}

/// A key has the groups with which its owner logged in last, and no file says how that was.
fn by_key(config: &Config, who: &Who, rules: &[&Repository], action: Action) -> Answer {
    let by = |login| answer(config, &policy::settled(config, &Who { login, ..who.clone() }), rules, action);
    let (own, openid) = (by(Login::Own), by(Login::OpenId));
    if own == openid {
        return own;
    }
    let words = |answer: &Answer| match answer {
        Answer::Yes => "yes".to_owned(),
        Answer::No => "no".to_owned(),
        Answer::Depends(on) => format!("when {}", on.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")),
    };
    let each = [("password", own), ("OpenID", openid)];
    Answer::Depends(each.iter().map(|(by, answer)| format!("{OWNER}{by}: {}", words(answer))).collect())
}

/// On what it depends, in the same words for the same thing.
fn on(access: &AccessControl, who: &Who, rules: &[&Repository], action: Action) -> BTreeSet<String> {
    let each: Vec<BTreeSet<String>> = match rules {
        [] => vec![ways(access, None, who, action)],
        rules => rules.iter().map(|rule| ways(access, Some(rule), who, action)).collect(),
    };
    match each.as_slice() {
        [first, others @ ..] if others.iter().all(|other| other == first) => first.clone(),
        each => rules.iter().zip(each).map(|(rule, ways)| by_chance(rule, ways)).collect(),
    }
}

fn by_chance(rule: &Repository, ways: &BTreeSet<String>) -> String {
    let ways: Vec<&str> = ways.iter().map(String::as_str).collect();
    let answer = match ways.as_slice() {
        [] => "no".to_owned(),
        [""] => "yes".to_owned(),
        ways => format!("when {}", ways.join(" or ")),
    };
    format!("`{}` says {answer}", rule.pattern.value)
}

fn ways(access: &AccessControl, rule: Option<&Repository>, who: &Who, action: Action) -> BTreeSet<String> {
    let ways = policy::ways(access, rule, who, &who.groups, action);
    ways.into_iter().map(|together| together.into_iter().collect::<Vec<_>>().join(" and ")).collect()
}

/// The answer in words, with the line that decides. `who` as for [`answer`].
pub(super) fn said(config: &Config, who: &Who, rules: &[&Repository], action: Action) -> Said {
    let answer = answer(config, who, rules, action);
    let decision = policy::decide_by(config, who, rules, action);
    let (words, place) = match (decision, &answer) {
        (Decision::Allowed(rule), _) => (rule.what, rule.place),
        (Decision::Denied(why), _) => denied(config, who, rules, why),
        (_, Answer::Depends(on)) => (depends(rules, on), open_place(config, who, rules, action)),
        (Decision::Condition(on), _) => (on, config.http.place),
        (Decision::Random(_), _) => ("by chance".to_owned(), config.http.place),
    };
    Said { answer, words, place }
}

/// Why not, without the client's name, and the line where a grant would be.
fn denied(config: &Config, who: &Who, rules: &[&Repository], why: String) -> (String, Place) {
    let Some(access) = &config.access else { return (why, config.http.place) };
    // Where there is no way to log in, every client is anonymous.
    let anonymous = who.is_anonymous() || !config.can_authenticate();
    if anonymous && config.can_authenticate() && !access.lets_anonymous_in() {
        return (why, access.place);
    }
    match rules {
        [] => ("no pattern matches".to_owned(), access.place),
        [rule, ..] => {
            let listed = if anonymous { rule.anonymous_place } else { None };
            (format!("no grant in `{}`", rule.pattern.value), listed.unwrap_or(rule.pattern.place))
        }
    }
}

fn depends(rules: &[&Repository], on: &BTreeSet<String>) -> String {
    let listed = on.iter().map(String::as_str).collect::<Vec<_>>();
    if on.contains(TOKEN) {
        return TOKEN.to_owned();
    }
    if on.iter().any(|one| one.starts_with('`')) {
        let patterns: Vec<String> = rules.iter().map(|rule| format!("`{}`", rule.pattern.value)).collect();
        return format!("{} have equal length: {}", patterns.join(" and "), listed.join(", "));
    }
    if on.iter().any(|one| one.starts_with(OWNER)) {
        return listed.join(", ");
    }
    format!("when {}", listed.join(" or "))
}

/// The line of what leaves it open: the bearer tokens, the first of equal patterns, or the first policy with a condition.
fn open_place(config: &Config, who: &Who, rules: &[&Repository], action: Action) -> Place {
    let Some(access) = &config.access else { return config.auth.bearer.unwrap_or(config.http.place) };
    let first = rules.first().map_or(access.place, |rule| rule.pattern.place);
    if config.auth.bearer.is_some() || rules.len() > 1 {
        return config.auth.bearer.unwrap_or(first);
    }
    let concerns = |policy: &&Policy| {
        !policy.conditions.is_empty()
            && policy.actions.iter().any(|at| at.value == action.word())
            && (policy.users.iter().any(|at| at.value == who.name)
                || policy.groups.iter().any(|at| who.groups.contains(&at.value)))
    };
    let policies = rules.iter().flat_map(|rule| &rule.policies).chain(&access.admin);
    policies.into_iter().find(concerns).map_or(first, |policy| policy.place)
}
