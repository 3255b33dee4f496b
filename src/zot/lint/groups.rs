//! Lints of the groups that the scenario and the configuration name: a group that only one of the two knows is a mistake.

use std::collections::{BTreeMap, BTreeSet};

use super::{Beside, Findings};
use crate::zot::config::{AccessControl, Config};
use crate::zot::tree::Place;

/// How alike two names must be to be a slip of one another, from 0 to 1.
const ALIKE: f64 = 0.8;

pub(super) fn lint(config: &Config, beside: &Beside, findings: &mut Findings) {
    let Some(access) = &config.access else { return };
    let granted = granted(access);
    let said: BTreeSet<&str> = beside.groups.iter().map(|(_, group)| group.as_str()).collect();
    for (identity, group) in &beside.groups {
        if granted.contains_key(group.as_str()) {
            continue;
        }
        let nearest = nearest(group, granted.keys().copied());
        let nearest = nearest.map(|name| format!("; the most similar group is `{name}`")).unwrap_or_default();
        let consequence =
            format!("identity `{identity}` is said to be in the group `{group}`, and no policy names it{nearest}");
        let remedy = "write the group as the identity provider sends it, here and in the scenario";
        findings.add("lint::identity_group_without_grant", access.place, consequence, remedy);
    }
    if beside.groups.is_empty() {
        return;
    }
    for (group, place) in granted.iter().filter(|(group, _)| !said.contains(*group)) {
        let consequence = format!("no identity of the scenario is in the group `{group}`: its rights are not proven");
        let remedy = "name an identity of that group in the scenario, or remove the grant if the group is empty";
        findings.add("lint::granted_group_without_identity", *place, consequence, remedy);
    }
}

/// The groups that some policy grants something to, and where the first one stands.
fn granted(access: &AccessControl) -> BTreeMap<&str, Place> {
    let mut granted = BTreeMap::new();
    for policy in access.repositories.iter().flat_map(|rule| &rule.policies).chain(&access.admin) {
        for group in policy.groups.iter().filter(|group| !policy.actions.is_empty() && group.value != "*") {
            granted.entry(group.value.as_str()).or_insert(group.place);
        }
    }
    granted
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, known)| known)
}
