//! Rights that are promised and that no identity of the scenario can show: a group that nobody is in, a group that nothing
//! grants, a grant to every user where every identity has more.
//!
//! Pure. Only says what is not proven; whether that is a mistake is the operator's to know.

use std::collections::BTreeSet;

use crate::scenario::Scenario;
use crate::zot::policy::{self, Login, Who};

/// How many are told one by one.
const TOLD: usize = 5;

/// To whom anything is granted at all.
#[derive(Debug, Default)]
struct Granted {
    groups: BTreeSet<String>,
    users: BTreeSet<String>,
    /// What gives rights to every user, in the operator's own word.
    every_user: Option<&'static str>,
}

/// What is not proven, in words.
pub(crate) fn unproven(scenario: &Scenario) -> Vec<String> {
    let Some(granted) = granted(scenario) else { return vec![] };
    let members = members(scenario);
    let groups: BTreeSet<&str> = members.iter().flat_map(|(_, _, groups)| groups).map(String::as_str).collect();
    let mut told = Vec::new();
    for group in granted.groups.iter().filter(|group| !groups.contains(group.as_str())) {
        let near = nearest(group, groups.iter().copied().filter(|name| !granted.groups.contains(*name)));
        told.push(format!("group `{group}` is not proven: no identity is in it{near}"));
    }
    for (identity, _, groups) in &members {
        for group in groups.iter().filter(|group| !granted.groups.contains(*group)) {
            let near = nearest(group, granted.groups.iter().map(String::as_str));
            told.push(format!("group `{group}` of `{identity}` is granted nothing{near}"));
        }
    }
    let users: BTreeSet<&str> = members.iter().map(|(_, user, _)| user.as_str()).collect();
    for user in granted.users.iter().filter(|user| !user.is_empty() && !users.contains(user.as_str())) {
        told.push(format!("user `{user}` is not proven: no identity is that user"));
    }
    if let Some(word) = granted.every_user {
        let plain = members.iter().any(|(_, user, groups)| {
            !granted.users.contains(user) && groups.iter().all(|group| !granted.groups.contains(group))
        });
        if !plain {
            told.push(format!("`{word}` is not proven: no identity without groups"));
        }
    }
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0 {
        told.push(format!("{more} more such rights are not proven"));
    }
    told
}

fn granted(scenario: &Scenario) -> Option<Granted> {
    let mut granted = Granted::default();
    if let Some(config) = &scenario.config {
        let access = config.access.as_ref()?;
        let policies = access.repositories.iter().flat_map(|rule| &rule.policies).chain(&access.admin);
        for policy in policies.filter(|policy| !policy.actions.is_empty()) {
            granted.groups.extend(policy.groups.iter().map(|group| group.value.clone()));
            granted.users.extend(policy.users.iter().map(|user| user.value.clone()));
        }
        let by_login = access.repositories.iter().any(|rule| !rule.default.is_empty());
        granted.every_user = by_login.then_some("defaultPolicy");
        return Some(granted);
    }
    let access = scenario.access.as_ref()?;
    for grants in std::iter::once(&access.short).chain(access.patterns.values()) {
        granted
            .groups
            .extend(grants.groups.iter().filter(|(_, actions)| !actions.is_empty()).map(|(name, _)| name.clone()));
        granted
            .users
            .extend(grants.users.iter().filter(|(_, actions)| !actions.is_empty()).map(|(name, _)| name.clone()));
        if !grants.authenticated.is_empty() {
            granted.every_user = Some("authenticated");
        }
    }
    Some(granted)
}

/// The identities: name, user name and groups.
fn members(scenario: &Scenario) -> Vec<(&str, String, BTreeSet<String>)> {
    let access = scenario.config.as_ref().and_then(|config| Some((config, config.access.as_ref()?)));
    let identities = scenario.identities.iter().map(|(name, identity)| {
        let mut groups = identity.groups.clone();
        if let Some((config, access)) = access {
            let who = Who { name: identity.username.clone(), groups: vec![], login: Login::Own };
            groups.extend(policy::groups_of(config, access, &who));
        }
        (name.as_str(), identity.username.clone(), groups)
    });
    identities.collect()
}

/// `, perhaps X is meant`, if one of the names is near enough.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let (lower, most) = (wrong.to_lowercase(), (wrong.len() / 3).max(1));
    let far = names.map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name));
    let near = far.filter(|(far, _)| *far <= most).min();
    near.map_or_else(String::new, |(_, name)| format!(" (perhaps `{name}` is meant)"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::zot::config::Config;

    const HEAD: &str = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n";

    fn scenario(rest: &str) -> Scenario {
        toml::from_str(&format!("{HEAD}{rest}")).unwrap()
    }

    fn identity(name: &str, groups: &str) -> String {
        format!("[identities.{name}]\nusername = \"{name}\"\npassword = {{ env = \"X\" }}\ngroups = [{groups}]\n")
    }

    fn by_config(repositories: &str, identities: &str) -> Vec<String> {
        let text = format!(
            r#"{{"http": {{"auth": {{"apikey": true, "htpasswd": {{"path": "users"}}}}, "accessControl": {{"repositories": {{{repositories}}},
                "groups": {{"family": {{"users": ["kid"]}}}}}}}}}}"#
        );
        let mut scenario = scenario(identities);
        scenario.config = Some(Arc::new(Config::parse("c.json", &text).unwrap()));
        unproven(&scenario)
    }

    #[test]
    fn a_misspelt_group_is_told_from_both_sides_with_what_is_meant() {
        let told = by_config(
            r#""**": {"policies": [{"groups": ["artifact-worklaods"], "actions": ["create"]}]}"#,
            &identity("ci", "\"artifact-workloads\""),
        );
        assert_eq!(
            told,
            [
                "group `artifact-worklaods` is not proven: no identity is in it (perhaps `artifact-workloads` is meant)",
                "group `artifact-workloads` of `ci` is granted nothing (perhaps `artifact-worklaods` is meant)",
            ]
        );
    }

    #[test]
    fn a_grant_to_every_user_needs_an_identity_that_has_nothing_else() {
        let open =
            r#""**": {"defaultPolicy": ["read", "create"], "policies": [{"groups": ["g"], "actions": ["read"]}]}"#;
        let expected = ["`defaultPolicy` is not proven: no identity without groups"];
        assert_eq!(by_config(open, &identity("ci", "\"g\"")), expected);
        assert!(by_config(open, &(identity("ci", "\"g\"") + &identity("guest", ""))).is_empty());
        let short =
            format!("[access]\nauthenticated = [\"read\"]\ngroups.g = [\"create\"]\n{}", identity("ci", "\"g\""));
        assert_eq!(unproven(&scenario(&short)), ["`authenticated` is not proven: no identity without groups"]);
        assert!(unproven(&scenario(&(short + &identity("guest", "")))).is_empty());
    }

    #[test]
    fn groups_of_the_file_and_users_by_name_count() {
        let family = r#""**": {"policies": [{"groups": ["family"], "actions": ["read"]}, {"users": ["bob", ""], "actions": ["read"]}]}"#;
        assert_eq!(by_config(family, &identity("kid", "")), ["user `bob` is not proven: no identity is that user"]);
        assert_eq!(by_config(family, &(identity("kid", "") + &identity("bob", ""))), [""; 0]);
        let nothing = r#""**": {"policies": [{"groups": ["idle"], "actions": []}]}"#;
        assert_eq!(by_config(nothing, &identity("ci", "")), [""; 0], "who is granted nothing has nothing to prove");
    }

    #[test]
    fn many_are_counted() {
        let groups: Vec<String> = (10..20).map(|at| format!("\"team-{at}\"")).collect();
        let all = format!(r#""**": {{"policies": [{{"groups": [{}], "actions": ["read"]}}]}}"#, groups.join(", "));
        let told = by_config(&all, &identity("ci", ""));
        assert_eq!(told.len(), TOLD + 1);
        assert_eq!(told.last().map(String::as_str), Some("5 more such rights are not proven"));
    }
}
