//! Rights by repository pattern: who wins, who is replaced, and what is refused with its place.

use std::path::Path;

use super::super::load;
use super::*;
use crate::scenario::loaded::{Loaded, ScenarioError};

const BASE: &str = r#"schema = 1
name = "n"
[registry]
url = "https://r.example.test"
[repositories]
scratch = "ci/scratch"
public = ["team/app", "open/site"]
private = ["team/secret/ledger"]
[identities.ci]
username = "zot-ci"
groups = ["ci"]
password = { env = "X" }
[identities.guest]
username = "eve"
password = { env = "X" }
[[cache]]
image = "mirror/alpine:3"
"#;

fn load(more: &str) -> Result<Loaded, ScenarioError> {
    let today = time::macros::date!(2026 - 01 - 01);
    load::parse(Path::new("r.toml"), format!("{BASE}{more}"), |_| true, today)
}

const PATTERNS: &str = r#"[access]
anonymous = ["read"]
authenticated = ["read"]
groups.ci = ["create"]
[access."team/**"]
anonymous = ["read"]
groups.ci = ["update"]
[access."team/secret/**"]
authenticated = ["read"]
users.eve = ["create"]
[access."mirror/**"]
groups.ci = ["create"]
"#;

#[test]
fn the_longest_pattern_wins_and_replaces_what_is_said_in_short() {
    let scenario = load(PATTERNS).unwrap().scenario;
    let may = |who, repository| {
        let action = |action: &Action| scenario.promise(who, repository, *action) == Some(true);
        Action::ALL.into_iter().filter(action).map(Action::word).collect::<Vec<_>>().join(" ")
    };
    for (who, repository, rights) in [
        (None, "open/site", "read"),
        (Some("ci"), "open/site", "read create"),
        (None, "team/app", "read"),
        // `authenticated` in short no longer holds there.
        (Some("ci"), "team/app", "update"),
        (Some("guest"), "team/app", ""),
        (None, "team/secret/ledger", ""),
        (Some("ci"), "team/secret/ledger", "read"),
        (Some("guest"), "team/secret/ledger", "read create"),
        // A repository that nobody declared, where a pattern speaks of it.
        (None, "team/of/others", "read"),
        (None, "elsewhere", ""),
        // In short nobody can say who writes into a cache; a pattern can.
        (Some("ci"), "mirror/alpine", "create"),
    ] {
        assert_eq!(may(who, repository), rights, "{who:?} {repository}");
    }
    assert_eq!(scenario.promise(Some("ci"), "mirror/alpine", Action::Delete), Some(false));
    let grounds = scenario.promise_with_grounds(Some("ci"), "team/app", Action::Update).grounds;
    assert_eq!(grounds, "[access.\"team/**\"] of the scenario");
}

#[test]
fn a_login_has_the_rights_of_its_groups_where_checks_write() {
    let scenario =
        load("[access]\ngroups.ci = [\"read\"]\n[access.\"ci/**\"]\ngroups.ci = [\"create\"]\n").unwrap().scenario;
    let groups = BTreeSet::from(["ci".to_owned()]);
    assert_eq!(scenario.promised_by_groups("zot-ci", &groups), BTreeSet::from([Action::Create]));
}

#[test]
fn every_mistake_names_its_place_and_the_nearest_name() {
    let access = "[access]\ngroups.ci = [\"read\"]\n";
    for (text, place, words) in [
        ("[access]\nanonymus = [\"read\"]\n", "r.toml:19:", "unknown key `anonymus` in [access]; known are"),
        (
            "[access]\ngroups.ci = [\"raed\"]\n",
            "r.toml:19:",
            "`raed` is no action; the actions are read, create, update, delete; did you mean `read`?",
        ),
        ("[access]\ngroups.cii = [\"read\"]\n", "r.toml:11:", "did you mean `cii`?"),
        (&format!("{access}[access.\"a/**\"]\nanonymus = [\"read\"]\n"), "r.toml:21:", "unknown field `anonymus`"),
        (&format!("{access}[access.\"a/**\"]\ngroups.ci = [\"pull\"]\n"), "r.toml:21:", "`pull` is no action"),
        (&format!("{access}[access.\"a/[b\"]\n"), "r.toml:20:", "`a/[b` is no pattern"),
        (&format!("{access}[access.\"Team/**\"]\n"), "r.toml:20:", "no repository name can match `Team/**`"),
        (&format!("{access}[access.\"/team/**\"]\n"), "r.toml:20:", "no repository name can match"),
        (
            &format!("{access}[access.\"a/*\"]\n[access.\"a/**\"]\n"),
            "r.toml:20:",
            "`a/*` is never used: `a/**` is longer",
        ),
        (
            &format!("{access}[access.\"a/**\"]\n[access.\"**/b\"]\n"),
            "r.toml:20:",
            "`**/b` and `a/**` have equal length",
        ),
        (&format!("{access}[access.\"a/**\"]\nusers.ci = [\"read\"]\n"), "r.toml:21:", "write `zot-ci`"),
        (&format!("{access}[access.\"a/**\"]\nusers.zot-cj = [\"read\"]\n"), "r.toml:21:", "did you mean `zot-ci`?"),
        (
            &format!("{access}[access.\"team/**\"]\ngroups.ci = [\"read\"]\n"),
            "r.toml:7:",
            "anonymous clients may not read it",
        ),
        (
            &format!("{access}[access.\"team/secret/**\"]\nanonymous = [\"read\"]\n"),
            "r.toml:8:",
            "team/secret/ledger is private",
        ),
    ] {
        let message = load(text).expect_err(text).to_string();
        assert!(message.starts_with(place) && message.contains(words), "{message}\nfor\n{text}");
    }
}

#[test]
fn patterns_of_equal_length_that_meet_nowhere_are_fine() {
    load("[access]\ngroups.ci = [\"read\"]\n[access.\"team-a/**\"]\n[access.\"team-b/**\"]\n").unwrap();
}

#[test]
fn the_schema_has_the_patterns_too() {
    let schema = Scenario::json_schema();
    let access = &schema["$defs"]["Access"];
    assert!(access["properties"]["anonymous"].is_object(), "{access:#}");
    assert!(access["additionalProperties"].is_object(), "{access:#}");
}
