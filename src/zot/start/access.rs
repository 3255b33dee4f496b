//! Rules of `http.accessControl`: policies need a way to log in, and patterns and conditions must be readable.

use super::{Broken, Section, Zot, auth, glob};
use crate::zot::cel;

pub(super) fn needs_a_login(zot: &Zot<'_>) -> Result<(), Broken> {
    let Some(entry) = zot.at(&["http", "accessControl"]) else { return Ok(()) };
    let certificates = zot.has(12) && auth::certificates_count(zot);
    let tokens = zot.has(14) && auth::tokens_count(zot);
    if auth::users_count(zot) || certificates || tokens {
        return Ok(());
    }
    let access = Section::of(&entry.node);
    if only_anonymous(access) || zot.has(18) && only_metrics(access) {
        return Ok(());
    }
    let why = "`accessControl` needs a way to log in (htpasswd, ldap, openid, apikey, bearer or a client certificate), or only \
               `anonymousPolicy`";
    Err((entry.place, why.to_owned()))
}

fn counts(policy: Section<'_>, keys: &[&str]) -> bool {
    keys.iter().any(|key| !policy.texts(key).is_empty())
}

fn only_anonymous(access: Section<'_>) -> bool {
    let admin = access.get("adminPolicy").is_some_and(|admin| counts(Section::of(&admin.node), &["actions", "users"]));
    let rules = access.named("repositories");
    let other = rules.iter().any(|(_, rule)| {
        let policies = rule.each("policies");
        counts(*rule, &["defaultPolicy"]) || policies.iter().any(|policy| counts(*policy, &["actions", "users"]))
    });
    !admin && !other && rules.iter().any(|(_, rule)| counts(*rule, &["anonymousPolicy"]))
}

fn only_metrics(access: Section<'_>) -> bool {
    let admin = access.get("adminPolicy").map(|entry| Section::of(&entry.node));
    let metrics = access.get("metrics").map(|entry| Section::of(&entry.node));
    !admin.is_some_and(|admin| counts(admin, &["actions", "users", "groups"]))
        && access.named("repositories").is_empty()
        && access.named("groups").is_empty()
        && metrics.is_some_and(|metrics| metrics.texts("anonymousPolicy").iter().any(|at| at.value == "read"))
}

pub(super) fn patterns(zot: &Zot<'_>) -> Result<(), Broken> {
    for (entry, _) in zot.section(&["http", "accessControl"]).named("repositories") {
        if !glob::is_valid(&entry.key.to_lowercase()) {
            let why = format!("the pattern `{}` is malformed: close its bracket or brace, or escape it", entry.key);
            return Err((entry.place, why));
        }
    }
    Ok(())
}

/// Conditions are CEL.
pub(super) fn conditions(zot: &Zot<'_>) -> Result<(), Broken> {
    let access = zot.section(&["http", "accessControl"]);
    let rules = access.named("repositories").into_iter().flat_map(|(_, rule)| rule.each("policies"));
    let admin = access.get("adminPolicy").map(|entry| Section::of(&entry.node));
    for condition in rules.chain(admin).flat_map(|policy| policy.each("conditions")) {
        let expression = condition.text("expression");
        if expression.trim().is_empty() {
            return Err((condition.place(), "a condition needs an `expression`".to_owned()));
        }
        if let Some(why) = cel::fault(&expression) {
            return Err((condition.place_of("expression"), why));
        }
    }
    Ok(())
}
