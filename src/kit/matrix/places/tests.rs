//! Which repositories, names and tags are asked about.

use std::sync::Arc;

use super::*;

fn config(patterns: &str) -> Config {
    let text = format!(
        r#"{{"http": {{"auth": {{"apikey": true}}, "accessControl": {{"repositories": {{{patterns}}}}}}},
            "extensions": {{"sync": {{"enable": true, "registries": [{{"urls": ["https://up.example.test"],
            "onDemand": true, "content": [{{"prefix": "**", "destination": "/mirror"}}]}}]}}}}}}"#
    );
    Config::parse("c.json", &text).unwrap()
}

fn sampled(patterns: &str, catalog: &[&str]) -> Vec<String> {
    let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n";
    let mut scenario: Scenario = toml::from_str(text).unwrap();
    scenario.config = Some(Arc::new(config(patterns)));
    names(&scenario, &catalog.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn every_pattern_and_every_cache_is_stood_for() {
    let open = r#"{"anonymousPolicy": ["read"]}"#;
    let names = sampled(&format!(r#""**": {open}, "team/**": {open}, "private/*": {open}"#), &["team/app", "zoo"]);
    assert!(names.contains(&"team/app".to_owned()), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("private/")), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("mirror")), "{names:?}");
    assert!(names.iter().all(|name| is_repository_name(name)), "{names:?}");
}

#[test]
fn two_patterns_that_zot_chooses_between_by_chance_are_asked_about() {
    let names = sampled(r#""a/**": {"anonymousPolicy": ["read"]}, "**/b": {"defaultPolicy": ["read"]}"#, &[]);
    assert!(names.iter().any(|name| glob::matches("a/**", name) && glob::matches("**/b", name)), "{names:?}");
}

#[test]
fn what_others_move_and_what_a_cache_may_lack_is_not_asked_about() {
    let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n[repositories]\n\
                scratch = \"s\"\npublic = [\"mirror/own\"]\n[[cache]]\nimage = \"mirror/up:3.20\"\n";
    let mut scenario: Scenario = toml::from_str(text).unwrap();
    scenario.config = Some(Arc::new(config(r#""**": {}"#)));
    let tags = ["a", "latest", "3.20", "b"].map(str::to_owned);
    for (repository, expected) in [
        ("s", &["latest"][..]),
        ("mirror/up", &["3.20"]),
        ("mirror/another", &[]),
        ("mirror/own", &["a", "b", "latest"]),
        ("own", &["a", "b", "latest"]),
    ] {
        let cached = may_be_cached(&scenario, repository);
        assert_eq!(chosen(&scenario, repository, cached, &tags), expected, "{repository}");
    }
    assert_eq!(chosen(&scenario, "own", false, &tags[1..2]), ["latest"]);
}

#[test]
fn the_tags_that_a_rule_may_single_out_are_asked_about() {
    let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n";
    let scenario: Scenario = toml::from_str(text).unwrap();
    let of = |tags: &[&str]| {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        chosen(&scenario, "app", false, &tags).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let many = ["0", "a", "latest", "stable", "v1.2.3", "v1.2.4", "x", "z"];
    assert_eq!(of(&many), ["0", "stable", "v1.2.4", "z", "latest"]);
    assert_eq!(of(&["v1.0.0-abcdef0"]), ["v1.0.0-abcdef0"]);
    assert!(of(&[]).is_empty());
}

#[test]
fn unnamed_repositories_are_asked_about_by_folder_and_others_in_each_run() {
    let mut catalog: BTreeSet<String> = (0..40).map(|at| format!("many/{at}")).collect();
    catalog.extend(["one/app", "two/app", "named/app"].map(str::to_owned));
    let named = ["named/app".to_owned()];
    let first = others(&catalog, &named, "1", 12);
    assert_eq!(first.len(), 12);
    assert!(first.contains(&"one/app".to_owned()) && first.contains(&"two/app".to_owned()), "{first:?}");
    assert!(!first.contains(&"named/app".to_owned()));
    assert_eq!(others(&catalog, &named, "1", 12), first, "one run asks about the same");
    let runs: BTreeSet<Vec<String>> = (0..8).map(|run| others(&catalog, &named, &run.to_string(), 12)).collect();
    assert!(runs.len() > 1, "{runs:?}");
    assert_eq!(others(&catalog, &named, "1", 100).len(), 42);
}

#[test]
fn what_was_left_out_of_the_catalog_is_told() {
    let line = |asked, listed, whole| Catalog { asked, listed, whole }.line().unwrap_or_default();
    assert_eq!(line(12, 340, true), "12 of 340 catalog repositories asked");
    assert_eq!(line(12, 1000, false), "12 of more than 1000 catalog repositories asked");
    assert_eq!(line(3, 3, true), "");
    assert!(line(0, 0, true).starts_with("the registry shows no catalog"));
}

#[test]
fn undeclared_names_are_of_each_length_and_beside_the_repositories_of_the_scenario() {
    let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n[repositories]\n\
                scratch = \"team/scratch\"\npublic = [\"team/app\", \"plain\"]\nprivate = [\"a/b/c\"]\n";
    let scenario: Scenario = toml::from_str(text).unwrap();
    let names = undeclared(&scenario, &[]);
    let lengths: BTreeSet<usize> = names.iter().map(|name| name.split('/').count()).collect();
    assert_eq!(lengths, BTreeSet::from([1, 2, 3]));
    assert!(names.contains(&"team/regproof-undeclared".to_owned()), "{names:?}");
    assert!(names.contains(&"a/b/regproof-undeclared".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| is_repository_name(name) && may_be_cached(&scenario, name)), "{names:?}");
}

#[test]
fn a_pattern_that_no_repository_can_have_is_not_asked_about() {
    let names = sampled(r#""a-/**": {"anonymousPolicy": ["read"]}, "**/b-": {"defaultPolicy": ["read"]}"#, &[]);
    assert!(names.iter().all(|name| is_repository_name(name)), "{names:?}");
}

#[test]
fn only_two_rules_of_the_same_weight_make_a_choice_by_chance() {
    let open = r#"{"anonymousPolicy": ["read"]}"#;
    let config = config(&format!(r#""a/**": {open}, "**/b": {open}, "c/**": {open}"#));
    for (name, random) in [("a/b", true), ("a/c", false), ("c/d", false), ("d", false)] {
        assert_eq!(is_random(&config, name), random, "{name}");
    }
}
