//! The promises of a scenario as they are now, with the words and lines that say so.
//!
//! Depends on the scenario and its configuration alone: not on this machine, nor on how the command line narrows a run.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Check;
use crate::check::machine::Machine;
use crate::model::effect::Effect;
use crate::run::plan::Plan;
use crate::scenario::lock::{Lock, Promises, RUNS, Table, VERSION};
use crate::scenario::{Access, Action, Identity, Scenario, SecretSource, who};
use crate::zot::config::{Config, Repository};
use crate::zot::policy::{self, Decision, Who, decide};

/// The check that compares; it is not one of those that are agreed.
const OWN: &str = "policy::promises_are_as_agreed";
/// Where no pattern of the configuration matches.
const ELSEWHERE: &str = "(no pattern matches)";
/// A name that no policy can list: zot's user names have no parentheses around them.
const ANY: &str = "(any user)";

/// What a scenario promises now.
pub(crate) fn now(scenario: &Scenario, checks: &'static [Check]) -> Promises {
    let lock = Lock {
        version: VERSION,
        scenario: scenario.name.clone(),
        promises: others(scenario),
        checks: plan(scenario, checks),
        ..Lock::default()
    };
    let mut promises = Promises { lock, ..Promises::default() };
    match (&scenario.config, &scenario.access) {
        (Some(config), _) => by_config(scenario, config, &mut promises),
        (None, Some(access)) => by_access(scenario, access, &mut promises),
        (None, None) => {}
    }
    promises
}

/// Every repository that the scenario names.
fn named(scenario: &Scenario) -> BTreeSet<&str> {
    let declared = &scenario.repositories;
    let images = scenario.cache.iter().flat_map(|cache| std::iter::once(&cache.image).chain(&cache.cold));
    let images = images.filter_map(|image| image.rsplit_once(':')).map(|(name, _)| name);
    let scratch = declared.scratch.iter().chain(&declared.private_scratch);
    let names = scratch.chain(&declared.public).chain(&declared.private).map(String::as_str);
    names.chain(images).collect()
}

/// Everybody about whom a configuration, or the scenario, says something.
fn askers(scenario: &Scenario, config: &Config) -> Vec<(String, Who)> {
    let any = |groups: Vec<String>| Who { name: ANY.to_owned(), groups, ..Who::default() };
    let mut askers = vec![("anonymous".to_owned(), Who::anonymous()), ("any user".to_owned(), any(vec![]))];
    let access = config.access.as_ref();
    let policies = || {
        let rules = access.iter().flat_map(|access| &access.repositories).flat_map(|rule| &rule.policies);
        rules.chain(access.and_then(|access| access.admin.as_ref()))
    };
    let own = || access.iter().flat_map(|access| &access.groups);
    let mut groups: BTreeSet<String> =
        policies().flat_map(|policy| &policy.groups).map(|group| group.value.clone()).collect();
    groups.extend(own().map(|group| group.name.clone()));
    groups.extend(scenario.identities.values().flat_map(|identity| identity.groups.iter().cloned()));
    askers.extend(groups.into_iter().map(|group| (format!("group {group}"), any(vec![group]))));
    let listed = policies().flat_map(|policy| &policy.users).chain(own().flat_map(|group| &group.users));
    let users: BTreeSet<&str> = listed.map(|user| user.value.as_str()).filter(|name| !name.is_empty()).collect();
    let acted = |name: &str| scenario.identities.values().any(|identity| identity.username == name);
    let users = users.into_iter().filter(|name| !acted(name));
    askers.extend(users.map(|name| (format!("user {name}"), Who { name: name.to_owned(), ..Who::default() })));
    let identities = scenario.identities.iter();
    askers.extend(identities.map(|(name, identity)| (format!("identity {name}"), who(Some(identity)))));
    askers
}

fn by_config(scenario: &Scenario, config: &Config, promises: &mut Promises) {
    let rules: &[Repository] = config.access.as_ref().map_or(&[], |access| &access.repositories);
    let nowhere = rules.iter().all(|rule| rule.pattern.value != "**");
    for (subject, who) in askers(scenario, config) {
        for action in Action::ALL {
            for name in named(scenario) {
                let said = words(config, decide(config, &who, name, action.into()), action);
                promises.add(Table::Repositories, name, &subject, action, said);
            }
            for rule in rules {
                let decision = policy::decide_by(config, &who, &[rule], action.into());
                let said = words(config, decision, action);
                promises.add(Table::Patterns, &rule.pattern.value, &subject, action, said);
            }
            if nowhere {
                let said = words(config, policy::decide_by(config, &who, &[], action.into()), action);
                promises.add(Table::Patterns, ELSEWHERE, &subject, action, said);
            }
        }
    }
}

/// The lock's entry of a decision, without a line number, which changes with any edit; and its grounds, with one.
fn words(config: &Config, decision: Decision, action: Action) -> (Option<String>, String) {
    let (word, file) = (action.word(), &config.file);
    match decision {
        Decision::Allowed(rule) => (Some(word.to_owned()), format!("{} ({file}:{})", rule.what, rule.place)),
        Decision::Denied(why) => (None, format!("{why} ({file})")),
        Decision::Condition(on) => (Some(format!("{word}: depends on {on}")), format!("it depends on {on} ({file})")),
        Decision::Random(patterns) => {
            let patterns = patterns.join("` and `");
            let said = format!("by chance: `{patterns}` have equal length");
            (Some(format!("{word}: {said}")), format!("{said} ({file})"))
        }
    }
}

fn by_access(scenario: &Scenario, access: &Access, promises: &mut Promises) {
    let client = |username: &str, groups: &[&str]| Identity {
        username: username.to_owned(),
        password: SecretSource::Env(String::new()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        api_key: false,
    };
    let mut askers = vec![("anonymous".to_owned(), None), ("any user".to_owned(), Some(client(ANY, &[])))];
    askers.extend(access.groups().into_iter().map(|group| (format!("group {group}"), Some(client(ANY, &[group])))));
    let identities = scenario.identities.iter();
    askers.extend(identities.map(|(name, identity)| (format!("identity {name}"), Some(identity.clone()))));
    for (subject, client) in askers {
        for action in Action::ALL {
            for name in named(scenario) {
                let entry = match access.promise(scenario, client.as_ref(), name, action) {
                    Some(true) => Some(action.word().to_owned()),
                    Some(false) => None,
                    None => Some(format!("{}: not said", action.word())),
                };
                promises.add(Table::Repositories, name, &subject, action, (entry, access.grounds(name)));
            }
            for (pattern, grants) in &access.patterns {
                let known = client.as_ref().map(|client| (client.username.as_str(), &client.groups));
                let entry = grants.allow(known, action).then(|| action.word().to_owned());
                let grounds = format!("[access.\"{pattern}\"] of the scenario");
                promises.add(Table::Patterns, pattern, &subject, action, (entry, grounds));
            }
        }
    }
}

/// Promises besides rights: what the scenario says, or leaves to the configuration.
fn others(scenario: &Scenario) -> BTreeMap<String, String> {
    let mut others = BTreeMap::new();
    let mut say = |key: &str, value: String| _ = others.insert(key.to_owned(), value);
    if let Some(metrics) = &scenario.metrics {
        say("metrics.path", metrics.path.clone());
        say("metrics.anonymous", metrics.anonymous.to_string());
    }
    if let Some(oidc) = &scenario.oidc {
        say("oidc.provider", oidc.provider.clone());
        say("oidc.issuer", oidc.issuer.clone());
        say("oidc.client_id", oidc.client_id.clone());
        if let Some(scopes) = &oidc.scopes {
            say("oidc.scopes", scopes.join(" "));
        }
    }
    if let Some(tags) = &scenario.tags {
        say("tags.pattern", tags.pattern.clone());
    }
    if let Some(reception) = scenario.content.docker_media_type {
        say("content.docker_media_type", format!("{reception:?}").to_lowercase());
    }
    let Some(config) = &scenario.config else { return others };
    let scrapers = config.access.iter().flat_map(|access| &access.metrics.users);
    let scrapers: Vec<&str> = scrapers.map(|user| user.value.as_str()).collect();
    if scenario.metrics.is_some() {
        say("metrics.users", scrapers.join(", "));
    }
    let mut caches: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for namespace in config.extensions.cache_namespaces() {
        caches.entry(namespace.pattern).or_default().push(namespace.upstream);
    }
    for (pattern, upstreams) in caches {
        say(&format!("cache {pattern}"), upstreams.join(", "));
    }
    others
}

/// What becomes of each check on a machine that has everything, with all that the scenario allows.
fn plan(scenario: &Scenario, checks: &'static [Check]) -> BTreeMap<String, String> {
    let effects = if scenario.repositories.scratch.is_some() { Effect::Writes } else { Effect::Oracle };
    // No selection can be wrong where there is none.
    let Ok(plan) = Plan::new(checks, scenario, &Machine::with_everything(), effects, &[]) else {
        return BTreeMap::new();
    };
    let steps = plan.steps.into_iter().filter(|step| step.check.id != OWN);
    let word = |skip: Option<String>| skip.map_or_else(|| RUNS.to_owned(), |reason| format!("skipped: {reason}"));
    steps.map(|step| (step.check.id.to_owned(), word(step.skip))).collect()
}
