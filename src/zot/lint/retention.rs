//! The lint of retention: which tags go, where, when, and which of them the scenario promises.

use std::time::Duration;

use super::{Beside, Findings, Severity};
use crate::zot::config::{Config, Retention, words_of};

/// How often zot collects garbage where nothing else is said.
const USUAL: Duration = Duration::from_secs(3600);

pub(super) fn lint(config: &Config, beside: &Beside, findings: &mut Findings) {
    let rules = &config.storage.retention;
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.removes()) {
        let names: Vec<String> = rule.repositories.iter().map(|at| format!("`{}{}`", below(rule), at.value)).collect();
        let every = words_of(config.storage.interval.unwrap_or(USUAL));
        // The first rule that covers a repository is the one that counts.
        let first = |name: &str| rule.covers(name) && !rules[..index].iter().any(|earlier| earlier.covers(name));
        let promised: Vec<String> =
            beside.tags.iter().filter(|(name, _)| first(name)).filter_map(|it| goes(rule, it)).collect();
        let mut consequence = format!("in {} zot removes tags, every {every}: {}", names.join(", "), what_goes(rule));
        let severity = if promised.is_empty() {
            Severity::Medium
        } else {
            consequence
                .push_str(&format!("; the scenario promises tags that may be among them: {}", promised.join(", ")));
            Severity::High
        };
        let remedy =
            "keep it if that is meant; try it with `dryRun`, and add a pattern for the tags that others deploy";
        findings.add_with("lint::retention_deletes", severity, rule.place, consequence, remedy);
    }
}

fn below(rule: &Retention) -> String {
    let below = rule.below.trim_matches('/');
    if below.is_empty() { String::new() } else { format!("{below}/ ") }
}

fn what_goes(rule: &Retention) -> String {
    let everything = rule.keep.iter().any(|keep| keep.patterns.is_empty());
    let mut parts = Vec::new();
    if !everything {
        let patterns = rule.keep.iter().flat_map(|keep| &keep.patterns);
        let patterns: Vec<String> = patterns.map(|at| format!("`{}`", at.value)).collect();
        parts.push(format!("every tag that {} does not match", patterns.join(" or ")));
    }
    for keep in rule.keep.iter().filter(|keep| !keep.limits.is_empty()) {
        let patterns: Vec<String> = keep.patterns.iter().map(|at| format!("`{}`", at.value)).collect();
        let of = if patterns.is_empty() {
            "all tags".to_owned()
        } else {
            format!("those that {} matches", patterns.join(" or "))
        };
        parts.push(format!("of {of} all but {}", keep.limits.join(" and ")));
    }
    parts.join("; ")
}

/// A promised tag that may go, in words.
fn goes(rule: &Retention, (name, tag): &(String, Option<String>)) -> Option<String> {
    match tag {
        None => Some(name.clone()),
        Some(tag) => match rule.keeps(tag) {
            Some(keep) if keep.limits.is_empty() => None,
            _ => Some(format!("{name}:{tag}")),
        },
    }
}
