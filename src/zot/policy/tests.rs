//! Hand-made cases for each rule of the evaluation, and properties over random policies.

use proptest::prelude::*;

use super::*;

fn config(access: &str) -> Config {
    let text = format!(r#"{{"http":{{"auth":{{"htpasswd":{{"path":"/x"}}}},"accessControl":{access}}}}}"#);
    Config::parse("config.json", &text).unwrap()
}

fn who(name: &str, groups: &[&str]) -> Who {
    Who { name: name.to_owned(), groups: groups.iter().map(|group| (*group).to_owned()).collect(), login: Login::Own }
}

#[test]
fn the_longest_pattern_replaces_the_others() {
    let config = config(
        r#"{"repositories":{
        "**":{"policies":[{"groups":["ci"],"actions":["create"]}],"anonymousPolicy":["read"]},
        "blumeops/**":{"defaultPolicy":["read"]}}}"#,
    );
    let ci = who("zot-ci", &["ci"]);
    assert!(decide(&config, &ci, "other/app", Action::Create).is_allowed());
    assert!(decide(&config, &ci, "blumeops/app", Action::Create).is_denied());
    assert!(decide(&config, &ci, "blumeops", Action::Read).is_allowed());
    assert!(decide(&config, &Who::anonymous(), "blumeops/app", Action::Read).is_denied());
    assert!(decide(&config, &Who::anonymous(), "other", Action::Read).is_allowed());
}

#[test]
fn an_object_without_content_is_no_pattern() {
    let config = config(r#"{"repositories":{"**":{"anonymousPolicy":["read"]},"private/**":{}}}"#);
    assert!(decide(&config, &Who::anonymous(), "private/app", Action::Read).is_allowed());
    assert_eq!(config.vanished[0].value, "http.accessControl.repositories.private/**");
}

#[test]
fn grants_in_a_pattern_are_a_union_and_admins_come_on_top() {
    let config = config(
        r#"{"repositories":{"a/*":{"policies":[{"users":["bob"],"actions":["create"]},{"groups":["g"],"actions":["delete"]}],
        "defaultPolicy":["read"]}},"adminPolicy":{"users":["root"],"actions":["update"]},"groups":{"G":{"users":["bob"]}}}"#,
    );
    let bob = who("bob", &[]);
    let may = |who: &Who, repository| Action::ALL.map(|action| decide(&config, who, repository, action).is_allowed());
    assert_eq!(may(&bob, "a/b"), [true, true, false, true]);
    assert_eq!(may(&bob, "elsewhere"), [false; 4]);
    assert_eq!(may(&who("root", &[]), "elsewhere"), [false, false, true, false]);
    assert_eq!(may(&Who::anonymous(), "a/b"), [false; 4]);
}

#[test]
fn an_empty_user_is_the_anonymous_one_once_anonymous_clients_are_let_in() {
    let grants = r#""policies":[{"users":[""],"actions":["create"]}]"#;
    let closed = config(&format!(r#"{{"repositories":{{"**":{{{grants}}}}}}}"#));
    assert!(decide(&closed, &Who::anonymous(), "a", Action::Create).is_denied());
    let open = config(&format!(r#"{{"repositories":{{"**":{{{grants},"anonymousPolicy":["read"]}}}}}}"#));
    assert!(decide(&open, &Who::anonymous(), "a", Action::Create).is_allowed());
}

#[test]
fn equal_length_is_random_only_where_the_answers_differ() {
    let config =
        config(r#"{"repositories":{"a/*":{"anonymousPolicy":["read"]},"*/b":{"anonymousPolicy":["read","create"]}}}"#);
    assert!(decide(&config, &Who::anonymous(), "a/b", Action::Read).is_allowed());
    assert!(
        matches!(decide(&config, &Who::anonymous(), "a/b", Action::Create), Decision::Random(patterns) if patterns.len() == 2)
    );
    assert!(decide(&config, &Who::anonymous(), "a/c", Action::Create).is_denied());
}

#[test]
fn conditions_are_left_open_unless_they_are_constant() {
    let decision = |expression: &str| {
        let access = format!(
            r#"{{"repositories":{{"**":{{"policies":[{{"users":["bob"],"actions":["read"],"conditions":[{{"expression":"{expression}"}}]}}]}}}}}}"#
        );
        decide(&config(&access), &who("bob", &[]), "a", Action::Read)
    };
    assert!(decision("true").is_allowed());
    assert!(decision("false").is_denied());
    assert!(matches!(decision("req.tls.enabled"), Decision::Condition(_)));
}

#[test]
fn no_access_control_lets_every_user_do_everything() {
    let config = Config::parse("c.json", r#"{"http":{"auth":{"apikey":true}}}"#).unwrap();
    assert!(decide(&config, &who("bob", &[]), "a", Action::Delete).is_allowed());
    assert!(decide(&config, &Who::anonymous(), "a", Action::Read).is_denied());
    let open = Config::parse("c.json", r#"{"http":{"port":"5000"}}"#).unwrap();
    assert!(decide(&open, &Who::anonymous(), "a", Action::Delete).is_allowed());
}

#[test]
fn metrics_follow_the_release() {
    let seed = Config::parse("seed.json", include_str!("../../../tests/configs/seed.json")).unwrap();
    let release = |text: &str| Some(text.parse().unwrap());
    let anonymous = Who::anonymous();
    assert!(metrics_decision(&seed, release("v2.1.17"), &anonymous).is_allowed());
    assert!(metrics_decision(&seed, release("v2.1.18"), &anonymous).is_denied());
    assert!(metrics_decision(&seed, None, &who("bob", &[])).is_denied());
    let text = r#"{"http":{"auth":{"apikey":true},"accessControl":{"metrics":{"anonymousPolicy":["read"]}}},"extensions":{"metrics":{"enable":true}}}"#;
    let open = Config::parse("c.json", text).unwrap();
    assert!(metrics_decision(&open, None, &anonymous).is_allowed());
    assert!(metrics_decision(&open, release("v2.1.15"), &anonymous).is_denied());
}

#[test]
fn docker_is_asked_to_log_in_where_policies_are_mixed() {
    let seed = Config::parse("seed.json", include_str!("../../../tests/configs/seed.json")).unwrap();
    let release = |text: &str| Some(text.parse().unwrap());
    let anonymous = Who::anonymous();
    assert_eq!(ping_answer(&seed, release("v2.1.20"), &anonymous, false), Some(true));
    assert_eq!(ping_answer(&seed, release("v2.1.16"), &anonymous, true), Some(false));
    assert_eq!(ping_answer(&seed, release("v2.1.15"), &anonymous, true), Some(true));
    assert_eq!(ping_answer(&seed, None, &who("bob", &[]), true), Some(true));
}

#[test]
fn bearer_tokens_leave_everything_open() {
    let text = r#"{"http":{"auth":{"bearer":{"realm":"r","service":"s","cert":"c"}}},"extensions":{"metrics":{"enable":true}}}"#;
    let config = Config::parse("c.json", text).unwrap();
    let bob = who("bob", &[]);
    assert!(matches!(decide(&config, &bob, "a", Action::Read), Decision::Condition(_)));
    assert!(matches!(metrics_decision(&config, None, &bob), Decision::Condition(_)));
    assert_eq!(ping_answer(&config, None, &bob, false), None);
}

fn policies() -> impl Strategy<Value = String> {
    let words = proptest::sample::subsequence(vec!["read", "create", "update", "delete"], 0..4);
    let pattern = proptest::sample::select(vec!["**", "a/**", "a/*", "*/b", "*", "{a,b}/**", "b", "a/b"]);
    let rule = (words.clone(), words.clone(), words, proptest::sample::select(vec!["u", "g", ""])).prop_map(
        |(granted, default, anonymous, name)| {
            serde_json::json!({"policies":[{"users":[name],"groups":[name],"actions":granted}],"defaultPolicy":default,"anonymousPolicy":anonymous})
        },
    );
    proptest::collection::btree_map(pattern, rule, 1..5)
        .prop_map(|rules| serde_json::json!({"repositories": rules}).to_string())
}

proptest! {
    #[test]
    fn a_shorter_pattern_never_changes_the_answer(access in policies(), name in "[ab](/[ab])?", action in proptest::sample::select(Action::ALL.to_vec())) {
        let whole = config(&access);
        let mut alone = whole.clone();
        let access = whole.access.as_ref().unwrap();
        let kept = &mut alone.access.as_mut().unwrap().repositories;
        *kept = winning(access, &name).into_iter().cloned().collect();
        // The switch that lets anonymous clients in is global: an unrelated pattern keeps it as it was.
        if let Some(door) = access.repositories.iter().find(|rule| !rule.anonymous.is_empty()) {
            let mut unrelated = door.clone();
            "unrelated".clone_into(&mut unrelated.pattern.value);
            kept.push(unrelated);
        }
        for who in [Who::anonymous(), who("u", &[]), who("x", &["g"])] {
            prop_assert_eq!(decide(&whole, &who, &name, action), decide(&alone, &who, &name, action));
        }
    }

    #[test]
    fn more_groups_never_take_a_right_away(access in policies(), name in "[ab](/[ab])?", action in proptest::sample::select(Action::ALL.to_vec())) {
        let config = config(&access);
        if decide(&config, &who("u", &[]), &name, action).is_allowed() {
            prop_assert!(decide(&config, &who("u", &["g"]), &name, action).is_allowed());
        }
    }
}

#[test]
fn groups_of_the_file_reach_those_who_log_in_by_it_and_nobody_else() {
    let groups = r#""groups":{"ci":{"users":["bob",""]}},"repositories":{"**":{}}"#;
    let by_file = config(&format!("{{{groups}}}"));
    let of = |config: &Config, who: &Who| groups_of(config, config.access.as_ref().unwrap(), who);
    assert_eq!(of(&by_file, &who("bob", &["idp"])), ["idp", "ci"]);
    assert_eq!(of(&by_file, &who("eve", &[])), [""; 0]);
    assert_eq!(of(&by_file, &Who::anonymous()), [""; 0]);
    let openid =
        r#"{"openid":{"providers":{"oidc":{"issuer":"https://idp.test","clientid":"zot","scopes":["openid"]}}}}"#;
    let text = format!(r#"{{"http":{{"auth":{openid},"accessControl":{{{groups}}}}}}}"#);
    let by_provider = Config::parse("config.json", &text).unwrap();
    assert_eq!(of(&by_provider, &who("bob", &["idp"])), ["idp"]);
}

#[test]
fn what_a_key_may_do_depends_on_how_its_owner_logs_in_where_groups_of_the_file_decide() {
    let access = r#""groups":{"ci":{"users":["bob"]}},"repositories":{"**":{"policies":[
        {"groups":["ci"],"actions":["create"]},{"groups":["idp"],"actions":["read"]}]}}"#;
    let openid =
        r#""openid":{"providers":{"oidc":{"issuer":"https://idp.test","clientid":"zot","scopes":["openid"]}}}"#;
    let config = |auth: &str| {
        let text = format!(r#"{{"http":{{"auth":{{{auth}}},"accessControl":{{{access}}}}}}}"#);
        Config::parse("config.json", &text).unwrap()
    };
    let (file, both) = (r#""htpasswd":{"path":"h"}"#, format!(r#""htpasswd":{{"path":"h"}},{openid}"#));
    let create = |config: &Config, login| decide(config, &Who { login, ..who("bob", &["idp"]) }, "a", Action::Create);
    assert!(create(&config(file), Login::Key).is_allowed());
    assert!(create(&config(&both), Login::Own).is_allowed());
    assert!(create(&config(&both), Login::OpenId).is_denied());
    assert!(matches!(create(&config(&both), Login::Key), Decision::Condition(_)));
    assert!(create(&config(openid), Login::Key).is_denied());
    let read = decide(&config(&both), &Who { login: Login::Key, ..who("bob", &["idp"]) }, "a", Action::Read);
    assert!(read.is_allowed(), "both ways lead there");
}

#[test]
fn an_action_is_written_as_in_a_policy() {
    assert_eq!(Action::ALL.map(|action| action.to_string()), ["read", "create", "update", "delete"]);
}
