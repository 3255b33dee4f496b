//! Random pairs of configurations. `REGPROOF_TEST_WHOLE` asks for 10,000 of them, and for longer names.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::brute::{File, hold, names};
use crate::zot::compare::{self, Allowed, Answer, Undecided, compare, regions};
use crate::zot::policy::{self, Decision};

fn whole() -> bool {
    std::env::var_os("REGPROOF_TEST_WHOLE").is_some()
}

fn cases() -> u32 {
    if whole() { 10_000 } else { 200 }
}

static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| if whole() { names("ab-/", 5) } else { names("ab/", 4) });

fn pattern() -> impl Strategy<Value = String> {
    let known = vec![
        "**", "*", "a/**", "a/*", "*/b", "**/b", "a", "a/b", "b/**", "{a,b}/**", "[a-b]*", "[!a]/**", "*a*", "?",
        "a*/**", "", "**/a/**", "*-*", "a/**/b", "a?/*", "b*",
    ];
    prop_oneof![
        3 => select(known).prop_map(str::to_owned),
        1 => r"(\*\*/|\*|a|b|/|-|\[\^a\]|\?|\{a,b/\*\}){1,5}(\*\*)?",
    ]
}

fn words() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(vec!["read", "create", "update", "delete"], 0..=3)
}

fn some(of: Vec<&'static str>) -> impl Strategy<Value = Vec<&'static str>> {
    let length = of.len();
    subsequence(of, 0..=length.min(2))
}

fn grant() -> impl Strategy<Value = Value> {
    let conditions = some(vec!["req.a", "req.b", "true", "false"]);
    let conditions = prop_oneof![3 => Just(vec![]), 1 => conditions];
    (some(vec!["u", "v", ""]), some(vec!["g", "h"]), words(), conditions).prop_map(|(users, groups, actions, all)| {
        let all: Vec<Value> = all.iter().map(|expression| json!({"expression": expression, "message": "m"})).collect();
        json!({"users": users, "groups": groups, "actions": actions, "conditions": all})
    })
}

fn rule() -> impl Strategy<Value = Value> {
    (proptest::collection::vec(grant(), 0..3), words(), words()).prop_map(|(policies, default, anonymous)| {
        json!({"policies": policies, "defaultPolicy": default, "anonymousPolicy": anonymous})
    })
}

fn auth() -> impl Strategy<Value = Value> {
    let openid = json!({"providers": {"oidc": {"issuer": "https://idp.test", "clientid": "z", "scopes": ["openid"]}}});
    let bearer = json!({"realm": "r", "service": "s", "cert": "c"});
    prop_oneof![
        4 => Just(json!({"htpasswd": {"path": "h"}})),
        2 => Just(json!({"htpasswd": {"path": "h"}, "openid": openid})),
        1 => Just(json!({"openid": openid})),
        1 => Just(json!({"apikey": true})),
        1 => Just(json!({"bearer": bearer})),
        1 => Just(json!({})),
    ]
}

/// The text of a configuration; most of them start.
fn text() -> impl Strategy<Value = String> {
    let rules = proptest::collection::btree_map(pattern(), rule(), 0..6);
    let admin = prop_oneof![2 => Just(Value::Null), 1 => grant()];
    let groups = some(vec!["u", "w"]).prop_map(|users| json!({"G": {"users": users}}));
    let access = (rules, admin, groups, some(vec!["u", "m", ""]));
    (auth(), prop_oneof![9 => access.prop_map(Some), 1 => Just(None)]).prop_map(|(auth, access)| {
        let mut http = json!({"auth": auth});
        if let Some((rules, admin, groups, scrapers)) = access {
            http["accessControl"] = json!({
                "repositories": rules, "adminPolicy": admin, "groups": groups, "metrics": {"users": scrapers},
            });
        }
        json!({"http": http}).to_string()
    })
}

/// What the second file of a pair has of a third one: a section, a pattern, or one key of one policy.
const PARTS: &[&str] =
    &["auth", "accessControl", "members", "adminPolicy", "one pattern", "users", "groups", "actions", "conditions"];

/// Two files, the second one often a small change of the first.
fn pair() -> impl Strategy<Value = (File, File)> {
    let file =
        || text().prop_filter_map("zot does not start with it", |text| Some((File::read("f.json", &text)?, text)));
    let changed = (file(), text(), select(PARTS)).prop_filter_map(
        "zot does not start with it",
        |((old, before), other, part)| {
            let [mut mixed, other] = [before, other].map(|text| serde_json::from_str::<Value>(&text).unwrap());
            let access = &other["http"]["accessControl"];
            let rules = access["repositories"].as_object();
            match part {
                "auth" | "accessControl" => mixed["http"][part] = other["http"][part].clone(),
                "members" => mixed["http"]["accessControl"]["groups"] = access["groups"].clone(),
                "adminPolicy" => mixed["http"]["accessControl"][part] = access[part].clone(),
                "one pattern" => {
                    let (pattern, rule) = rules?.iter().next()?;
                    mixed["http"]["accessControl"]["repositories"][pattern] = rule.clone();
                }
                _ => {
                    let mine = mixed.pointer_mut("/http/accessControl/repositories")?.as_object_mut()?.values_mut();
                    let (mine, other) = (mine.last()?, rules?.values().next()?);
                    match mine.pointer(&format!("/policies/0/{part}")).and(other["policies"].get(0)) {
                        Some(policy) => mine["policies"][0][part] = policy[part].clone(),
                        None => mine["defaultPolicy"] = other["defaultPolicy"].clone(),
                    }
                }
            }
            Some((old, File::read("g.json", &mixed.to_string())?))
        },
    );
    let apart = (file(), file()).prop_map(|((old, _), (new, _))| (old, new));
    prop_oneof![1 => apart, 2 => changed]
}

fn allowed() -> impl Strategy<Value = Vec<Allowed>> {
    let text =
        (select(vec!["anonymous", "any-user", "group:g", "u", "*"]), select(vec!["read", "create", "*"]), pattern());
    let one = text.prop_filter_map("a part is empty", |(name, action, pattern)| {
        format!("{name}:{action}:{pattern}").parse().ok()
    });
    proptest::collection::vec(one, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1_000_000, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn no_difference_is_missed_and_none_is_invented((old, new) in pair(), allowed in allowed()) {
        let comparison = compare(&old.config, &new.config, None, &allowed).unwrap();
        let patterns: Vec<String> = allowed.iter().map(|allowed| allowed.pattern.clone()).collect();
        hold(&old, &new, &comparison, &patterns, &NAMES);
        for change in &comparison.changes {
            let followed = change.follows.map(|other| comparison.changes.iter().any(|one| {
                (one.person, one.region, one.action, one.kind) == (other, change.region, change.action, change.kind)
            }));
            prop_assert!(followed != Some(false), "{change:?} follows from nothing");
            let names = [Some(change.person), change.follows].map(|number| number.map(|number| &comparison.people[number].name));
            let witness = &comparison.regions[change.region].witness;
            let fits = |allowed: &Allowed| {
                allowed.name.as_ref().is_none_or(|name| names.contains(&Some(name)))
                    && allowed.action.as_ref().is_none_or(|action| action == change.action.word())
                    && crate::zot::glob::matches(&allowed.pattern, witness)
            };
            prop_assert_eq!(change.allowed, change.kind.is_gain() && allowed.iter().any(fits), "{:?}", change);
        }
    }

    #[test]
    fn a_file_has_no_difference_from_itself((file, _) in pair()) {
        let comparison = compare(&file.config, &file.config, None, &[]).unwrap();
        prop_assert!(comparison.changes.is_empty() && comparison.doors.is_empty() && comparison.settings.is_empty());
        prop_assert!(!comparison.gains());
    }

    #[test]
    fn what_one_way_gains_the_other_way_loses((old, new) in pair()) {
        let forth = compare(&old.config, &new.config, None, &[]).unwrap();
        let back = compare(&new.config, &old.config, None, &[]).unwrap();
        prop_assert_eq!(forth.regions.len(), back.regions.len());
        prop_assert_eq!(forth.changes.len(), back.changes.len());
    }

    #[test]
    fn one_answer_is_the_evaluators_and_its_line_is_in_the_file((file, other) in pair(), name in "[ab](/[ab])?") {
        for person in compare::people::people(&file.config, &other.config) {
            for action in policy::Action::ALL {
                let said = compare::ask(&file.config, &person.who, &name, action);
                match (policy::decide(&file.config, &person.who, &name, action), &said.answer) {
                    (Decision::Allowed(rule), Answer::Yes) => {
                        prop_assert_eq!((&said.words, said.place), (&rule.what, rule.place));
                    }
                    (Decision::Denied(_), Answer::No) | (Decision::Condition(_) | Decision::Random(_), Answer::Depends(_)) => {}
                    (decision, answer) => prop_assert!(false, "{decision:?} is told as {answer:?}"),
                }
                prop_assert!(said.place.line == 1 && said.place.column >= 1 && !said.words.is_empty());
            }
        }
    }

    #[test]
    fn groups_that_are_written_out_change_no_answer((file, other) in pair(), name in "[ab](/[ab])?") {
        let people = compare::people::people(&file.config, &other.config);
        for person in people {
            let settled = policy::settled(&file.config, &person.who);
            for action in policy::Action::ALL {
                let ask = |who| policy::decide(&file.config, who, &name, action);
                prop_assert_eq!(ask(&person.who), ask(&settled));
            }
        }
    }
}

#[test]
fn patterns_that_meet_in_too_many_ways_are_undecided() {
    let file = |action: &str| {
        let rule = |letter: char| json!({"policies": [{"users": [letter], "actions": [action]}]});
        let rules: serde_json::Map<String, Value> =
            ('a'..='z').map(|letter| (format!("**/{letter}/**"), rule(letter))).collect();
        let text = json!({"http": {"auth": {"apikey": true}, "accessControl": {"repositories": rules}}}).to_string();
        File::read("f.json", &text).unwrap()
    };
    let (old, new) = (file("read"), file("create"));
    let cut = |sets, states| regions::regions(&old.config, &new.config, &[], regions::Limits { sets, states });
    assert_eq!(cut(2000, usize::MAX).unwrap_err(), Undecided::TooMany(2000));
    assert!(matches!(cut(usize::MAX, 5000).unwrap_err(), Undecided::TooMany(_)));
    assert!(cut(2000, usize::MAX).unwrap_err().to_string().starts_with("undecided: "));
}
