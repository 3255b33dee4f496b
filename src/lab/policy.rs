//! Who may do what: zot's access control, evaluated as zot evaluates it (zot `pkg/api/authz.go`).
//!
//! Exactly one repository pattern applies, the longest that matches; patterns never merge. Within it, grants are a union.

use serde_json::{Value, json};

use crate::lab::accounts::User;

/// An action that zot's policies grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Read,
    Create,
    Update,
    Delete,
}

impl Action {
    pub(crate) const ALL: [Self; 4] = [Self::Read, Self::Create, Self::Update, Self::Delete];

    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The grants of one repository pattern.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    pub(crate) anonymous: Vec<Action>,
    pub(crate) authenticated: Vec<Action>,
    pub(crate) groups: Vec<(&'static str, Vec<Action>)>,
}

/// zot's `accessControl`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) repositories: Vec<(&'static str, Grants)>,
}

impl Policy {
    /// Whether `user` (`None`: anonymous) may do `action` in `repository`.
    pub(crate) fn allows(&self, user: Option<&User>, action: Action, repository: &str) -> bool {
        let matching = self.repositories.iter().filter(|(pattern, _)| matches(pattern, repository));
        let Some((_, grants)) = matching.max_by_key(|(pattern, _)| pattern.len()) else {
            return false;
        };
        match user {
            None => grants.anonymous.contains(&action),
            Some(user) => {
                grants.authenticated.contains(&action)
                    || grants
                        .groups
                        .iter()
                        .any(|(group, actions)| actions.contains(&action) && user.groups.iter().any(|g| g == group))
            }
        }
    }

    /// Whether anonymous requests get past authentication at all.
    pub(crate) fn has_anonymous(&self) -> bool {
        self.repositories.iter().any(|(_, grants)| !grants.anonymous.is_empty())
    }

    pub(crate) fn to_json(&self) -> Value {
        let names = |actions: &[Action]| -> Vec<&str> { actions.iter().map(|action| action.name()).collect() };
        let repositories = self.repositories.iter().map(|(pattern, grants)| {
            let policies: Vec<Value> = grants
                .groups
                .iter()
                .map(|(group, actions)| json!({ "groups": [group], "actions": names(actions) }))
                .collect();
            let value = json!({
                "anonymousPolicy": names(&grants.anonymous),
                "defaultPolicy": names(&grants.authenticated),
                "policies": policies,
            });
            ((*pattern).to_owned(), value)
        });
        Value::Object(repositories.collect())
    }
}

/// doublestar's rule: `**` stands for any number of path segments, also none, so `a/**` matches `a`.
fn matches(pattern: &str, repository: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = repository.split('/').collect();
    segments(&pattern, &path)
}

fn segments(pattern: &[&str], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((&"**", rest)) => (0..=path.len()).any(|skipped| segments(rest, &path[skipped..])),
        Some((first, rest)) => path
            .split_first()
            .is_some_and(|(segment, others)| glob(first.as_bytes(), segment.as_bytes()) && segments(rest, others)),
    }
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        Some((b'?', rest)) => text.split_first().is_some_and(|(_, others)| glob(rest, others)),
        Some((byte, rest)) => text.split_first().is_some_and(|(first, others)| first == byte && glob(rest, others)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_star_matches_the_folder_itself_and_all_below() {
        assert!(matches("**", "blumeops/navidrome"));
        assert!(matches("private/**", "private"));
        assert!(matches("private/**", "private/a/b"));
        assert!(!matches("private/**", "privates/a"));
        assert!(matches("*/probe", "blumeops/probe"));
        assert!(!matches("*", "a/b"));
    }

    #[test]
    fn the_longest_pattern_replaces_the_others() {
        let all = Grants { anonymous: vec![Action::Read], ..Grants::default() };
        let policy = Policy { repositories: vec![("**", all), ("private/**", Grants::default())] };
        assert!(policy.allows(None, Action::Read, "blumeops/navidrome"));
        assert!(!policy.allows(None, Action::Read, "private/ledger"));
    }

    #[test]
    fn grants_of_several_groups_are_a_union() {
        let grants =
            Grants { groups: vec![("a", vec![Action::Read]), ("b", vec![Action::Delete])], ..Grants::default() };
        let policy = Policy { repositories: vec![("**", grants)] };
        let user = User { name: "x".into(), groups: vec!["a".into(), "b".into()] };
        assert!(policy.allows(Some(&user), Action::Read, "r") && policy.allows(Some(&user), Action::Delete, "r"));
        assert!(!policy.allows(Some(&user), Action::Create, "r"));
    }
}
