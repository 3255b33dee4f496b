//! Compares two configurations name by name, by the evaluator alone, and holds a [`Comparison`] to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::zot::compare::names::is_name;
use crate::zot::compare::{Change, Comparison, Kind};
use crate::zot::config::{Config, Repository};
use crate::zot::glob;
use crate::zot::policy::{self, Action, Decision, Login, Who};

/// Every repository name over some letters, up to a length.
pub fn names(letters: &str, length: usize) -> Vec<String> {
    let (mut all, mut last) = (Vec::new(), vec![String::new()]);
    for _ in 0..length {
        last = last.iter().flat_map(|text| letters.chars().map(move |letter| format!("{text}{letter}"))).collect();
        all.extend(last.iter().filter(|name| is_name(name)).cloned());
    }
    all
}

/// A configuration as text, and with every value of its conditions.
pub struct File {
    pub config: Config,
    text: String,
    /// By the values of `req.a` and `req.b`.
    values: Vec<Config>,
}

impl File {
    /// Nothing where zot does not start with it.
    pub fn read(name: &str, text: &str) -> Option<Self> {
        let config = Config::parse(name, text).ok()?;
        let values = [(true, true), (true, false), (false, true), (false, false)];
        let of = |(a, b): (bool, bool)| {
            let text = text.replace("\"req.a\"", &format!("\"{a}\"")).replace("\"req.b\"", &format!("\"{b}\""));
            Config::parse(name, &text).unwrap()
        };
        Some(Self { config, text: text.to_owned(), values: values.map(of).into() })
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn winning<'a>(config: &'a Config, name: &str) -> Vec<&'a Repository> {
    config.access.as_ref().map_or(vec![], |access| policy::winning(access, name))
}

/// The numbers of the rules that decide about a name.
fn numbers(config: &Config, name: &str) -> Vec<usize> {
    let Some(access) = &config.access else { return vec![] };
    let winning = policy::winning(access, name);
    let number = |rule: &&Repository| access.repositories.iter().position(|other| std::ptr::eq(other, *rule)).unwrap();
    winning.iter().map(number).collect()
}

/// What an answer that depends depends on: its value for each value of the conditions, each pattern and each login.
fn truth(file: &File, who: &Who, name: &str, action: Action) -> BTreeMap<(String, String), Vec<bool>> {
    if file.config.auth.bearer.is_some() {
        return BTreeMap::new();
    }
    let open = who.login == Login::Key && file.config.auth.openid.is_some();
    let logins = if open { vec![Login::Own, Login::OpenId] } else { vec![who.login] };
    let mut truth = BTreeMap::new();
    for login in logins {
        let who = Who { login, ..who.clone() };
        let patterns: Vec<String> = winning(&file.config, name).iter().map(|rule| rule.pattern.value.clone()).collect();
        let ask = |number: Option<usize>| -> Vec<bool> {
            let value = |config: &Config| {
                let rules = winning(config, name);
                let rules: Vec<&Repository> = number.map(|number| rules[number]).into_iter().collect();
                let decision = policy::decide_by(config, &who, &rules, action);
                assert!(decision.is_allowed() || decision.is_denied(), "{decision:?}");
                decision.is_allowed()
            };
            file.values.iter().map(value).collect()
        };
        let each: Vec<(String, Vec<bool>)> = match patterns.len() {
            0 => vec![(String::new(), ask(None))],
            _ => patterns.iter().enumerate().map(|(number, pattern)| (pattern.clone(), ask(Some(number)))).collect(),
        };
        let same = each.iter().all(|(_, values)| *values == each[0].1);
        for (pattern, values) in each {
            let pattern = if same { String::new() } else { pattern };
            truth.insert((format!("{login:?}"), pattern), values);
        }
    }
    let by = |login: Login| -> Vec<_> {
        truth
            .iter()
            .filter(|((by, _), _)| *by == format!("{login:?}"))
            .map(|((_, at), it)| (at.clone(), it.clone()))
            .collect()
    };
    if open && by(Login::Own) == by(Login::OpenId) {
        return by(Login::Own).into_iter().map(|(at, values)| ((String::new(), at), values)).collect();
    }
    truth.into_iter().map(|((login, at), values)| ((if open { login } else { String::new() }, at), values)).collect()
}

fn kind(old: &File, new: &File, who: &Who, name: &str, action: Action) -> Option<Kind> {
    let ask = |file: &File| policy::decide(&file.config, who, name, action);
    match (ask(old), ask(new)) {
        (Decision::Allowed(_), Decision::Allowed(_)) | (Decision::Denied(_), Decision::Denied(_)) => None,
        (_, Decision::Allowed(_)) => Some(Kind::Gain),
        (_, Decision::Denied(_)) => Some(Kind::Loss),
        (Decision::Allowed(_), _) => Some(Kind::PossibleLoss),
        (Decision::Denied(_), _) => Some(Kind::PossibleGain),
        _ if truth(old, who, name, action) == truth(new, who, name, action) => None,
        _ => Some(Kind::PossibleGain),
    }
}

/// Holds a comparison to the evaluator, in each of the names and in each witness.
pub fn hold(old: &File, new: &File, comparison: &Comparison<'_>, allowed: &[String], names: &[String]) {
    type Key = (Vec<usize>, Vec<usize>, Vec<usize>);
    let mut regions: BTreeMap<Key, usize> = BTreeMap::new();
    for (number, region) in comparison.regions.iter().enumerate() {
        assert!(is_name(&region.witness), "{} is no name", region.witness);
        let key = (region.old.clone(), region.new.clone(), region.allowed.clone());
        assert_eq!(regions.insert(key, number), None, "a region is there twice");
    }
    let mut cells: BTreeMap<usize, BTreeSet<(usize, Action, Kind)>> = BTreeMap::new();
    for Change { person, region, action, kind, .. } in &comparison.changes {
        assert!(cells.entry(*region).or_default().insert((*person, *action, *kind)), "a change is there twice");
    }
    let nothing = BTreeSet::new();
    let witnesses = comparison.regions.iter().enumerate().map(|(number, region)| (Some(number), &region.witness));
    for (witness_of, name) in witnesses.chain(names.iter().map(|name| (None, name))) {
        let matching = allowed.iter().enumerate().filter(|(_, pattern)| glob::matches(pattern, name));
        let key =
            (numbers(&old.config, name), numbers(&new.config, name), matching.map(|(number, _)| number).collect());
        let region = regions.get(&key);
        assert!(witness_of.is_none_or(|number| Some(&number) == region), "{name} is the witness of another region");
        // Names in which the files cannot differ are in no region.
        let told = region.and_then(|region| cells.get(region)).unwrap_or(&nothing);
        let mut expected = BTreeSet::new();
        for (number, person) in comparison.people.iter().enumerate() {
            for action in Action::ALL {
                expected.extend(kind(old, new, &person.who, name, action).map(|kind| (number, action, kind)));
            }
        }
        assert_eq!(*told, expected, "{name} of {region:?}: {:?}", comparison.people);
    }
}
