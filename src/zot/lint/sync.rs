//! Lints of the sync rules: names that two upstreams can fill, and names of the operator's own that an upstream can fill.

use super::{Beside, Findings};
use crate::zot::config::{CacheNamespace, Config};
use crate::zot::glob;

pub(super) fn lint(config: &Config, beside: &Beside, findings: &mut Findings) {
    let namespaces = config.extensions.cache_namespaces();
    for (index, later) in namespaces.iter().enumerate() {
        meets(&namespaces[..index], later, findings);
        covers(later, beside, findings);
    }
}

/// Two rules of different upstreams that fill one name.
fn meets(earlier: &[CacheNamespace], later: &CacheNamespace, findings: &mut Findings) {
    let others = earlier.iter().filter(|one| one.upstream != later.upstream);
    let met = others.filter_map(|one| Some((one, glob::common_name(&one.pattern, &later.pattern)?))).next();
    if let Some((one, name)) = met {
        let consequence = format!(
            "`{name}` can come from {} and from {}: which one answers first decides what is served under that name",
            one.upstream, later.upstream
        );
        let remedy = "give each upstream a `destination` of its own, as `/docker.io` and `/ghcr.io`";
        findings.add("lint::sync_rules_meet", later.place, consequence, remedy);
    }
}

/// A rule that fills a repository which the scenario calls its own.
fn covers(rule: &CacheNamespace, beside: &Beside, findings: &mut Findings) {
    let own: Vec<&str> =
        beside.repositories.iter().map(String::as_str).filter(|name| glob::matches(&rule.pattern, name)).collect();
    if own.is_empty() {
        return;
    }
    let consequence = format!(
        "the rule for `{}` covers {}: zot asks {} for them, which learns their names and can serve an image under them",
        rule.pattern,
        own.join(", "),
        rule.upstream
    );
    let remedy = "set a `destination` under which nothing of your own is, or a narrower `prefix`";
    findings.add("lint::sync_covers_own_names", rule.place, consequence, remedy);
}
