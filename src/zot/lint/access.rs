//! Lints of `http.accessControl`: who gets more or less than the file seems to say.

use super::clash;
use super::fix::Change;
use super::subject::{Subject, subjects};
use super::{Findings, Severity};
use crate::zot::config::{AccessControl, Config, Policy, Repository};
use crate::zot::glob;
use crate::zot::policy::{Action, Decision, decide_by, winning};
use crate::zot::tree::{At, Place};

const ACTIONS: [&str; 5] = ["read", "create", "update", "delete", "detectManifestCollision"];
const WRITES: [&str; 3] = ["create", "update", "delete"];

pub(super) fn lint(config: &Config, findings: &mut Findings) {
    let Some(access) = &config.access else { return };
    let subjects = subjects(config, access);
    for rule in &access.repositories {
        patterns(access, rule, findings);
        defaults(config, rule, findings);
    }
    names(access, findings);
    groups(config, access, findings);
    let caches = config.extensions.cache_namespaces();
    for (index, one) in access.repositories.iter().enumerate() {
        for other in &access.repositories[index + 1..] {
            clash::lint(access, one, other, &subjects, &caches, findings);
        }
    }
    cache(config, &subjects, findings);
}

fn patterns(access: &AccessControl, rule: &Repository, findings: &mut Findings) {
    let pattern = &rule.pattern.value;
    let last = pattern.rsplit('/').next().unwrap_or(pattern);
    let double_inside = last.contains("**") && last != "**";
    if last != "*" && !double_inside {
        return;
    }
    let sample = format!("{}/deeper", pattern.replace('*', "x"));
    let simple = !pattern.contains(['[', '{', '?', '\\']);
    if simple && winning(access, &sample).is_empty() {
        let consequence =
            format!("`{pattern}` does not cover repositories such as `{sample}`, and no other pattern does");
        let remedy = "write `**` as a whole segment";
        findings.add("lint::single_star", rule.pattern.place, consequence, remedy);
    }
}

fn defaults(config: &Config, rule: &Repository, findings: &mut Findings) {
    let pattern = &rule.pattern.value;
    let writes = |listed: &[At<String>]| {
        let found: Vec<_> = listed.iter().map(|at| at.value.as_str()).filter(|word| WRITES.contains(word)).collect();
        (!found.is_empty()).then(|| found.join(", "))
    };
    if let Some(words) = writes(&rule.anonymous) {
        let consequence = format!("every client, without credentials, may {words} in `{pattern}`");
        let place = rule.anonymous_place.unwrap_or(rule.pattern.place);
        findings.add("lint::anonymous_may_write", place, consequence, "leave only `read` in `anonymousPolicy`");
        let old: Vec<&str> = rule.anonymous.iter().map(|at| at.value.as_str()).collect();
        let changes = [Change::set("anonymousPolicy", old, vec!["read"])];
        findings.fix(&format!("http.accessControl.repositories.{pattern}"), &changes);
    }
    let place = rule.default_place.unwrap_or(rule.pattern.place);
    let wider: Vec<_> = rule.default.iter().filter(|at| !lists(&rule.anonymous, &at.value)).cloned().collect();
    if let Some(words) = writes(&wider) {
        let consequence = format!("every user who can log in may {words} in `{pattern}`");
        findings.add("lint::default_policy_writes", place, consequence, "grant it to a group instead");
    }
    // Another lint reports that anonymous clients may write, and says to take it away.
    let narrower: Vec<_> = rule
        .anonymous
        .iter()
        .map(|at| at.value.as_str())
        .filter(|word| !WRITES.contains(word) && !lists(&rule.default, word))
        .collect();
    if !narrower.is_empty() && config.can_authenticate() {
        let consequence =
            format!("in `{pattern}` anonymous clients may {}, users who log in may not", narrower.join(", "));
        let place = rule.anonymous_place.unwrap_or(place);
        let remedy = "repeat it in `defaultPolicy`";
        findings.add("lint::default_narrower_than_anonymous", place, consequence, remedy);
        let mut wider: Vec<&str> = rule.default.iter().map(|at| at.value.as_str()).collect();
        let old = (!wider.is_empty()).then(|| wider.clone().into());
        wider.extend(&narrower);
        let change = Change { key: "defaultPolicy", old, new: Some(wider.into()) };
        findings.fix(&format!("http.accessControl.repositories.{pattern}"), &[change]);
    }
}

fn lists(listed: &[At<String>], wanted: &str) -> bool {
    listed.iter().any(|at| at.value == wanted)
}

/// Names that do not mean what they seem to, and actions that mean nothing.
fn names(access: &AccessControl, findings: &mut Findings) {
    let lists = access.repositories.iter().flat_map(|rule| rule.default.iter().chain(&rule.anonymous));
    actions(lists, findings);
    for rule in &access.repositories {
        for policy in &rule.policies {
            policy_names(access, policy, &format!("in `{}`", rule.pattern.value), findings);
        }
    }
    if let Some(admin) = &access.admin {
        policy_names(access, admin, "as an administrator, in every repository", findings);
    }
    for user in access.metrics.users.iter().filter(|user| user.value == "*") {
        let consequence = "only a user called `*` may scrape the metrics".to_owned();
        findings.add("lint::star_is_a_name", user.place, consequence, "list the users who scrape");
    }
}

fn policy_names(access: &AccessControl, policy: &Policy, where_: &str, findings: &mut Findings) {
    actions(policy.actions.iter(), findings);
    for at in policy.users.iter().chain(&policy.groups).filter(|at| at.value == "*") {
        let consequence = format!("the grant is only for a user or group called `*`, {where_}");
        findings.add("lint::star_is_a_name", at.place, consequence, "use `defaultPolicy` for every authenticated user");
    }
    let words: Vec<_> = policy.actions.iter().map(|at| at.value.as_str()).collect();
    for user in policy.users.iter().filter(|user| user.value.is_empty()) {
        let (severity, when) = if access.lets_anonymous_in() {
            (Severity::High, "every client, without credentials, may")
        } else {
            (Severity::Medium, "as soon as any `anonymousPolicy` is set, every client may")
        };
        let consequence = format!("{when} {} {where_}", words.join(", "));
        let remedy = "remove the empty name; check the template variable that should fill it";
        findings.add_with("lint::empty_user", severity, user.place, consequence, remedy);
    }
}

fn actions<'a>(listed: impl Iterator<Item = &'a At<String>>, findings: &mut Findings) {
    for at in listed.filter(|at| !ACTIONS.contains(&at.value.as_str())) {
        let consequence = format!("`{}` grants nothing", at.value);
        let remedy = "use read, create, update, delete or detectManifestCollision, in this spelling";
        findings.add("lint::unknown_action", at.place, consequence, remedy);
    }
}

fn groups(config: &Config, access: &AccessControl, findings: &mut Findings) {
    let granted = || access.repositories.iter().flat_map(|rule| &rule.policies).chain(&access.admin);
    let grants = |name: &str| granted().any(|policy| lists(&policy.groups, name));
    for group in &access.groups {
        let written = &group.written.value;
        if group.name != *written && grants(written) && !grants(&group.name) {
            let consequence =
                format!("zot knows this group as `{}`; a grant to `{written}` reaches none of its users", group.name);
            findings.add(
                "lint::group_name_case",
                group.written.place,
                consequence,
                "write the name in lower case everywhere",
            );
        }
        if !grants(&group.name) && !grants(written) {
            continue;
        }
        if !config.config_groups_apply() {
            let consequence = format!("there is no htpasswd, LDAP or certificate login, so `{written}` has no members");
            let remedy = "let the identity provider send the group";
            findings.add("lint::config_groups_reach_nobody", group.written.place, consequence, remedy);
        } else if config.auth.openid.is_some() {
            let consequence =
                format!("users who log in by OpenID, and their API keys, are not in `{written}`, even if listed");
            let remedy = "let the identity provider send the group too, if it is meant for them";
            findings.add("lint::config_groups_miss_openid", group.written.place, consequence, remedy);
        }
    }
}

/// Who may push into a namespace that mirrors an upstream, rule by rule.
fn cache(config: &Config, subjects: &[Subject], findings: &mut Findings) {
    let mut by_rule: Vec<(Place, Vec<String>, Vec<String>)> = Vec::new();
    for namespace in config.extensions.cache_namespaces() {
        // A mirror of everything at the root leaves no other place to push to.
        if namespace.pattern == "**" {
            continue;
        }
        let Some(name) = glob::common_name(&namespace.pattern, "**") else {
            continue;
        };
        let patterns = config.access.as_ref().map_or(Vec::new(), |access| winning(access, &name));
        for subject in subjects {
            let ask = |action| decide_by(config, &subject.who, &patterns, action);
            // A user who may delete there is an administrator of the cache.
            if let (Decision::Allowed(rule), false) = (ask(Action::Create), ask(Action::Delete).is_allowed()) {
                let known = by_rule.iter_mut().find(|known| known.0 == rule.place);
                let (_, who, patterns) = match known {
                    Some(known) => known,
                    None => {
                        by_rule.push((rule.place, Vec::new(), Vec::new()));
                        by_rule.last_mut().expect("it was just pushed")
                    }
                };
                if !who.contains(&subject.label) {
                    who.push(subject.label.clone());
                }
                if !patterns.contains(&namespace.pattern) {
                    patterns.push(namespace.pattern.clone());
                }
            }
        }
    }
    for (place, who, patterns) in by_rule {
        let consequence = format!("{} may push into the cache {}", who.join(", "), patterns.join(", "));
        let remedy = "give the cache a longer pattern that grants `read` only";
        findings.add("lint::create_in_cache", place, consequence, remedy);
    }
}
