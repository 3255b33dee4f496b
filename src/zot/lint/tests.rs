//! The seed's findings with their lines, and one case for each lint.

use proptest::prelude::*;

use super::*;

const SEED: &str = include_str!("../../../tests/configs/seed.json");

fn found(text: &str, release: Option<&str>) -> Vec<LintFinding> {
    let config = Config::parse("config.json", text).unwrap();
    lint(&config, release.map(|text| text.parse().unwrap()))
}

fn ids(access: &str) -> Vec<&'static str> {
    let text = format!(r#"{{"http":{{"auth":{{"htpasswd":{{"path":"/x"}}}},"accessControl":{access}}}}}"#);
    found(&text, Some("v2.1.15")).into_iter().map(|finding| finding.id).collect()
}

fn line_of(needle: &str) -> usize {
    SEED.lines().position(|line| line.contains(needle)).unwrap() + 1
}

#[test]
fn the_seed_has_the_known_defects_at_their_lines() {
    let findings = found(SEED, Some("v2.1.20"));
    let seen: Vec<_> = findings.iter().map(|finding| (finding.id, finding.place.line, finding.severity)).collect();
    assert_eq!(
        seen,
        [
            ("lint::default_timeouts", line_of("\"http\": {"), Severity::Medium),
            ("lint::plain_listener", line_of("\"address\""), Severity::Medium),
            ("lint::insecure_session", line_of("\"externalUrl\""), Severity::Medium),
            ("lint::random_session_keys", line_of("\"openid\""), Severity::Low),
            ("lint::create_in_cache", line_of("artifact-workloads") - 1, Severity::Medium),
            ("lint::docker_must_log_in", line_of("\"anonymousPolicy\""), Severity::Medium),
            ("lint::metrics_form", line_of("\"users\": [\"\"]"), Severity::High),
            ("lint::digest_changes", line_of("registry-1.docker.io") - 1, Severity::Low),
            ("lint::digest_changes", line_of("quay.io\"]") - 1, Severity::Low),
        ]
    );
    assert_eq!(
        findings[4].consequence,
        "group `artifact-workloads` may push into the cache docker.io/**, ghcr.io/**, quay.io/**"
    );
}

#[test]
fn an_old_release_has_other_defects() {
    let seen: Vec<_> = found(SEED, Some("v2.1.10")).into_iter().map(|finding| finding.id).collect();
    let dated = ["lint::key_too_new"];
    let seen: Vec<_> = seen.into_iter().filter(|id| !dated.contains(id)).collect();
    assert_eq!(
        seen,
        [
            "lint::plain_listener",
            "lint::random_session_keys",
            "lint::create_in_cache",
            "lint::metrics_form",
            "lint::digest_changes",
            "lint::digest_changes"
        ]
    );
}

#[test]
fn a_hardened_deployment_is_silent() {
    let text = r#"{"http":{"address":"127.0.0.1","externalUrl":"https://r.test","readTimeout":"30m","writeTimeout":"30m",
        "auth":{"secureSession":true,"sessionKeysFile":"/k","openid":{"providers":{"oidc":{"issuer":"https://i.test","clientid":"z","scopes":["openid"]}}}},
        "accessControl":{"repositories":{"**":{"policies":[{"groups":["ci"],"actions":["read","create"]}],"defaultPolicy":["read"]}},
        "metrics":{"users":["prometheus"]}}},"extensions":{"metrics":{"enable":true}}}"#;
    assert_eq!(found(text, None), []);
}

#[test]
fn shadowing_names_who_loses_what() {
    let access = r#"{"repositories":{"**":{"policies":[{"groups":["ci"],"actions":["create"]}],"defaultPolicy":["read"]},"blumeops/**":{"defaultPolicy":["read"]}}}"#;
    let text = format!(r#"{{"http":{{"auth":{{"apikey":true}},"accessControl":{access}}}}}"#);
    let finding = found(&text, None).into_iter().find(|finding| finding.id == "lint::shadowed_grants").unwrap();
    assert!(
        finding.consequence.starts_with("`blumeops/**` replaces `**` and drops create for group `ci`"),
        "{}",
        finding.consequence
    );
    let repeated = r#"{"repositories":{"**":{"defaultPolicy":["read"]},"blumeops/**":{"defaultPolicy":["read"],"policies":[{"users":["bob"],"actions":["create"]}]}}}"#;
    assert_eq!(ids(repeated), Vec::<&str>::new());
}

#[test]
fn each_access_lint_speaks_and_stays_silent() {
    let rule = |body: &str| format!(r#"{{"repositories":{{"**":{body}}}}}"#);
    assert_eq!(
        ids(&rule(r#"{"anonymousPolicy":["read","create"],"defaultPolicy":["read","create"]}"#)),
        ["lint::anonymous_may_write"]
    );
    assert_eq!(ids(&rule(r#"{"anonymousPolicy":["read"]}"#)), ["lint::default_narrower_than_anonymous"]);
    assert_eq!(ids(&rule(r#"{"defaultPolicy":["read","delete"]}"#)), ["lint::default_policy_writes"]);
    assert_eq!(ids(&rule(r#"{"policies":[{"users":[""],"actions":["read"]}]}"#)), ["lint::empty_user"]);
    assert_eq!(ids(&rule(r#"{"policies":[{"users":["*"],"actions":["read"]}]}"#)), ["lint::star_is_a_name"]);
    assert_eq!(ids(&rule(r#"{"defaultPolicy":["pull"]}"#)), ["lint::unknown_action"]);
    assert_eq!(ids(r#"{"repositories":{"*":{"defaultPolicy":["read"]}}}"#), ["lint::single_star"]);
    assert_eq!(
        ids(r#"{"repositories":{"*":{"defaultPolicy":["read"]},"**":{"defaultPolicy":["read"]}}}"#),
        Vec::<&str>::new()
    );
    assert_eq!(
        ids(
            r#"{"repositories":{"a/*":{"defaultPolicy":["read"]},"*/b":{"defaultPolicy":[]},"**":{"defaultPolicy":["read"]}}}"#
        ),
        ["lint::equal_length_patterns", "lint::shadowed_grants"]
    );
    assert_eq!(
        ids(r#"{"repositories":{"**":{"defaultPolicy":["read"]},"secret/**":{}}}"#),
        ["lint::empty_object_dropped"]
    );
    assert_eq!(ids("{}"), ["lint::empty_object_dropped"]);
    let group = |name: &str| {
        format!(
            r#"{{"repositories":{{"**":{{"policies":[{{"groups":["{name}"],"actions":["read"]}}]}}}},"groups":{{"{name}":{{"users":["bob"]}}}}}}"#
        )
    };
    assert_eq!(ids(&group("Admins")), ["lint::group_name_case"]);
    assert_eq!(ids(&group("admins")), Vec::<&str>::new());
}

#[test]
fn a_registry_without_rules_is_told_as_what_it_is() {
    let told = |text: &str| {
        let found = found(text, Some("v2.1.15")).into_iter().filter(|finding| finding.severity == Severity::High);
        found.map(|finding| (finding.id, finding.consequence)).collect::<Vec<_>>()
    };
    let open = told(r#"{"http":{"port":"5000"},"extensions":{"metrics":{"enable":true}}}"#);
    assert_eq!(open.len(), 1);
    assert!(open[0].0 == "lint::no_access_control" && open[0].1.contains("/metrics is open"), "{open:?}");
    let users = told(r#"{"http":{"auth":{"htpasswd":{"path":"/x"}}}}"#);
    assert_eq!(users.iter().map(|found| found.0).collect::<Vec<_>>(), ["lint::every_user_may_delete"]);
    let ruled = told(
        r#"{"http":{"auth":{"htpasswd":{"path":"/x"}},"accessControl":{"repositories":{"**":{"defaultPolicy":["read"]}}}}}"#,
    );
    assert_eq!(ruled, []);
    let partial = told(r#"{"http":{"auth":{"bearer":{"realm":"https://t.test","service":"s"}}}}"#);
    let ids: Vec<_> = partial.iter().map(|found| found.0).collect();
    assert_eq!(ids, ["lint::no_access_control", "lint::partial_bearer"], "{partial:?}");
    let tokens = told(r#"{"http":{"auth":{"bearer":{"realm":"https://t.test","service":"s","cert":"/c"}}}}"#);
    assert_eq!(tokens, [], "the token says what it grants");
}

#[test]
fn sync_rules_that_meet_and_that_cover_own_names_are_told() {
    let rules = |one: &str, two: &str| {
        let rule = |host: &str, content: &str| {
            format!(r#"{{"urls":["https://{host}"],"onDemand":true,"content":[{content}]}}"#)
        };
        let text = format!(
            r#"{{"http":{{"auth":{{"htpasswd":{{"path":"/x"}}}},"accessControl":{{"repositories":{{"**":{{"defaultPolicy":["read"]}}}}}}}},"extensions":{{"sync":{{"registries":[{},{}]}}}}}}"#,
            rule("a.test", one),
            rule("b.test", two)
        );
        let config = Config::parse("config.json", &text).unwrap();
        let beside = Beside { repositories: vec!["team/app".to_owned()], ..Beside::default() };
        let found = lint_beside(&config, Some("v2.1.15".parse().unwrap()), &beside);
        found
            .into_iter()
            .filter(|finding| finding.id.contains("sync_"))
            .map(|finding| (finding.id, finding.consequence))
            .collect::<Vec<_>>()
    };
    let apart = rules(r#"{"prefix":"**","destination":"/a"}"#, r#"{"prefix":"**","destination":"/b"}"#);
    assert_eq!(apart, []);
    let meet = rules(r#"{"prefix":"**","destination":"/a"}"#, r#"{"prefix":"library/**","destination":"/a"}"#);
    assert!(meet.len() == 1 && meet[0].0 == "lint::sync_rules_meet", "{meet:?}");
    assert!(meet[0].1.contains("https://a.test and from https://b.test"), "{meet:?}");
    let own = rules(r#"{"prefix":"**"}"#, r#"{"prefix":"**","destination":"/b"}"#);
    assert!(
        own.iter().any(|(id, text)| *id == "lint::sync_covers_own_names"
            && text.contains("covers team/app: zot asks it for each pull of a tag")),
        "{own:?}"
    );
}

#[test]
fn a_group_in_only_one_of_both_files_is_told_with_the_nearest_name() {
    let text = r#"{"http":{"auth":{"htpasswd":{"path":"/x"}},"accessControl":{"repositories":{"**":{"policies":[{"groups":["artifact-workloads"],"actions":["read"]},{"groups":["admins"],"actions":["delete"]}]}}}}}"#;
    let config = Config::parse("config.json", text).unwrap();
    let told = |groups: &[(&str, &str)]| {
        let groups = groups.iter().map(|(who, group)| ((*who).to_owned(), (*group).to_owned())).collect();
        let found = lint_beside(&config, Some("v2.1.15".parse().unwrap()), &Beside { groups, ..Beside::default() });
        found
            .into_iter()
            .filter(|finding| finding.id.contains("group"))
            .map(|finding| (finding.id, finding.consequence))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&[]), []);
    assert_eq!(told(&[("ci", "artifact-workloads"), ("admin", "admins")]), []);
    let slip = told(&[("ci", "artifact-workload"), ("admin", "admins")]);
    assert_eq!(
        slip.iter().map(|found| found.0).collect::<Vec<_>>(),
        ["lint::identity_group_without_grant", "lint::granted_group_without_identity"]
    );
    assert!(
        slip[0].1.contains("`artifact-workload`")
            && slip[0].1.contains("the most similar group is `artifact-workloads`"),
        "{slip:?}"
    );
    assert!(!told(&[("ci", "quite-another")])[0].1.contains("similar"));
}

#[test]
fn each_deployment_lint_speaks() {
    let id = |text: &str, id: &str| found(text, None).iter().any(|finding| finding.id == id);
    let openid = r#""openid":{"providers":{"oidc":{"issuer":"https://i.test","clientid":"z","scopes":["openid"]}}}"#;
    assert!(id(&format!(r#"{{"http":{{"auth":{{{openid}}}}}}}"#), "lint::no_external_url"));
    assert!(id(&format!(r#"{{"http":{{"auth":{{"apikey":false,{openid}}}}}}}"#), "lint::apikey_false_has_no_effect"));
    assert!(id(r#"{"http":{"readTimeout":60}}"#, "lint::timeout_in_nanoseconds"));
    let too_new = found(r#"{"http":{"readTimeout":"10m"}}"#, Some("v2.1.16"));
    assert!(too_new.iter().any(|finding| finding.id == "lint::key_too_new"));
    assert!(id(r#"{"extensions":{"metrics":{},"search":{"enable":true}}}"#, "lint::empty_object_dropped"));
    assert!(id(
        r#"{"extensions":{"sync":{"registries":[{"urls":["https://u.test"],"tlsVerify":false}]}}}"#,
        "lint::tls_verify_off"
    ));
    let groups = format!(
        r#"{{"http":{{"auth":{{{openid}}},"accessControl":{{"repositories":{{"**":{{"policies":[{{"groups":["ci"],"actions":["read"]}}]}}}},"groups":{{"ci":{{"users":["bob"]}}}}}}}}}}"#
    );
    assert!(id(&groups, "lint::config_groups_reach_nobody"));
    let both = groups.replacen(r#""auth":{"#, r#""auth":{"htpasswd":{"path":"/etc/zot/htpasswd"},"#, 1);
    assert!(id(&both, "lint::config_groups_miss_openid") && !id(&both, "lint::config_groups_reach_nobody"));
    let metrics = r#"{"http":{"auth":{"apikey":true},"accessControl":{"metrics":{"anonymousPolicy":["read"]}}},"extensions":{"metrics":{"enable":true}}}"#;
    assert!(id(metrics, "lint::metrics_users_missing"));
    let old = found(metrics, Some("v2.1.17"));
    assert!(old.iter().any(|finding| finding.id == "lint::metrics_form" && finding.severity == Severity::High));
}

#[test]
fn the_table_lists_every_lint_once_and_in_order() {
    assert!(LINTS.windows(2).all(|pair| pair[0].id < pair[1].id));
    let sources = [
        include_str!("access.rs"),
        include_str!("clash.rs"),
        include_str!("deployment.rs"),
        include_str!("groups.rs"),
        include_str!("keys.rs"),
        include_str!("open.rs"),
        include_str!("retention.rs"),
        include_str!("sync.rs"),
    ]
    .concat();
    for info in LINTS {
        assert!(sources.contains(&format!("\"{}\"", info.id)), "{} is never found", info.id);
        assert!(!info.explain.contains("  "), "{}", info.id);
    }
    for used in sources.split("\"lint::").skip(1) {
        let id = format!("lint::{}", used.split('"').next().unwrap());
        assert!(info(&id).is_some(), "{id} is not in the table");
    }
}

fn of(text: &str, id: &str) -> Vec<LintFinding> {
    found(text, None).into_iter().filter(|finding| finding.id == id).collect()
}

#[test]
fn retention_is_told_with_what_goes_and_what_of_it_is_promised() {
    let text = include_str!("../../../tests/configs/field/retention-deletes.json");
    let config = Config::parse("config.json", text).unwrap();
    let told = |tags: &[(&str, Option<&str>)]| {
        let tags = tags.iter().map(|(name, tag)| ((*name).to_owned(), tag.map(str::to_owned))).collect();
        let found = lint_beside(&config, None, &Beside { tags, ..Beside::default() });
        let found: Vec<_> = found.into_iter().filter(|finding| finding.id == "lint::retention_deletes").collect();
        assert_eq!(found.len(), 1);
        (found[0].severity, found[0].consequence.clone())
    };
    let (severity, text) = told(&[("team/app", None)]);
    assert_eq!(severity, Severity::Medium);
    assert_eq!(
        text,
        "in `releases/**` zot removes tags, every 1 h: every tag that `v.*` does not match; of those that `v.*` matches all but \
         the 3 pushed last"
    );
    let (severity, text) = told(&[("releases/app", None), ("releases/a", Some("stable")), ("other/a", Some("stable"))]);
    assert_eq!(severity, Severity::High);
    assert!(text.ends_with("promises tags that may be among them: releases/app, releases/a:stable"), "{text}");
    for silent in [
        r#"{"storage":{"retention":{"dryRun":true,"policies":[{"repositories":["**"],"keepTags":[{"patterns":["v"]}]}]}}}"#,
        r#"{"storage":{"gc":false,"retention":{"policies":[{"repositories":["**"],"keepTags":[{"patterns":["v"]}]}]}}}"#,
        r#"{"storage":{"retention":{"policies":[{"repositories":["**"],"deleteUntagged":true}]}}}"#,
        r#"{"storage":{"retention":{"policies":[{"repositories":["**"],"keepTags":[{}]}]}}}"#,
    ] {
        assert_eq!(of(silent, "lint::retention_deletes"), [], "{silent}");
    }
    let sub = r#"{"storage":{"subPaths":{"/a":{"rootDirectory":"/d","gc":true,"retention":{"policies":[{"repositories":["b/*"],"keepTags":[{"mostRecentlyPulledCount":2,"pushedWithin":"168h"}]}]}}}}}"#;
    let told = of(sub, "lint::retention_deletes");
    assert!(
        told[0].consequence.contains("of all tags all but the 2 pulled last and those pushed within 7 d"),
        "{told:?}"
    );
}

#[test]
fn keys_secrets_and_placeholders_are_told_and_no_secret_is_shown() {
    let secret = r#"{"http":{"auth":{"openid":{"providers":{"oidc":{"issuer":"https://i.test","clientid":"z","clientsecret":"hunter2","scopes":["openid"]}}}}}}"#;
    let told = of(secret, "lint::secret_in_the_file");
    assert_eq!(told.len(), 1);
    assert!(
        !format!("{told:?}").contains("hunter2") && told[0].fix.iter().any(|line| line.contains("credentialsFile")),
        "{told:?}"
    );
    let from_outside = secret.replace("hunter2", "${CLIENT_SECRET}");
    assert_eq!(of(&from_outside, "lint::secret_in_the_file"), []);
    assert!(of(&from_outside, "lint::placeholder")[0].consequence.contains("`${CLIENT_SECRET}`"));
    let redis = |url: &str| format!(r#"{{"http":{{"auth":{{"sessionDriver":{{"name":"redis","url":"{url}"}}}}}}}}"#);
    assert_eq!(of(&redis("redis://:geheim@r.test"), "lint::secret_in_the_file").len(), 1);
    assert_eq!(of(&redis("redis://r.test:6379"), "lint::secret_in_the_file").len(), 0);
    assert_eq!(of("{\"http\":{\"port\":\"1\",\"port\":\"2\"}}", "lint::key_written_twice").len(), 1);
    let newer = include_str!("../../../tests/configs/field/newer-than-the-newest-known.json");
    assert!(of(newer, "lint::key_newer_than_known")[0].consequence.contains("reqConcurrent"));
    let old = found(newer, Some("v2.1.20"));
    assert!(
        old.iter().any(|finding| finding.id == "lint::key_too_new" && finding.consequence.contains("after v2.1.20"))
    );
}

#[test]
fn sync_at_the_root_and_images_with_another_digest_are_told() {
    let root = include_str!("../../../tests/configs/field/mirrors-into-the-root.json");
    let told = of(root, "lint::sync_fills_the_root");
    assert_eq!(told.len(), 2);
    assert!(
        told[0].consequence.contains("learns every requested name") && told[0].fix[1].contains("\"/one.example.test\""),
        "{told:?}"
    );
    let mirror = |more: &str| {
        format!(
            r#"{{"http":{{"compat":["docker2s2"]}},"extensions":{{"sync":{{"registries":[{{"urls":["https://registry-1.docker.io"],"onDemand":true{more},"content":[{{"prefix":"**","destination":"/d"}}]}}]}}}}}}"#
        )
    };
    assert_eq!(of(&mirror(""), "lint::digest_changes").len(), 1);
    assert_eq!(of(&mirror(r#","preserveDigest":true"#), "lint::digest_changes").len(), 0);
    assert_eq!(of(&mirror(""), "lint::sync_fills_the_root").len(), 0);
    let limited = include_str!("../../../tests/configs/field/rate-limited.json");
    assert!(of(limited, "lint::rate_limit")[0].consequence.contains("more than 10 requests"));
}

#[test]
fn advice_that_was_followed_draws_no_finding() {
    let advised = include_str!("../../../tests/configs/field/cache-pattern-as-advised.json");
    assert_eq!(found(advised, None), []);
    // Who may not read there any more is told still.
    let closed = advised.replacen(
        r#"          "anonymousPolicy": [
            "read"
          ],
          "defaultPolicy": [
            "read"
          ]
        }
      }"#,
        r#"          "defaultPolicy": []
        }
      }"#,
        1,
    );
    assert!(closed != advised && !of(&closed, "lint::shadowed_grants").is_empty());
}

#[test]
fn an_empty_certificate_is_plain_http_and_containers_are_thought_of() {
    let plain = of(include_str!("../../../tests/configs/field/empty-tls.json"), "lint::plain_listener");
    assert!(
        plain[0].consequence.contains("no certificate and key") && plain[0].remedy.contains("in a container"),
        "{plain:?}"
    );
}

fn patterns() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec!["a", "b", "*", "**", "{a,b}", "[ab]", "a*", "?"]);
    proptest::collection::vec(word, 1..4).prop_map(|words| words.join("/"))
}

proptest! {
    #[test]
    fn random_configurations_never_panic_and_findings_point_into_the_file(
        rules in proptest::collection::btree_map(patterns(), proptest::sample::subsequence(vec!["read", "create", "update", "delete"], 0..4), 0..6)
    ) {
        let repositories: serde_json::Map<_, _> = rules.into_iter()
            .map(|(pattern, words)| (pattern, serde_json::json!({"anonymousPolicy": words, "defaultPolicy": ["read"]}))).collect();
        let document = serde_json::json!({"http": {"auth": {"apikey": true}, "accessControl": {"repositories": repositories}}});
        let text = serde_json::to_string_pretty(&document).unwrap();
        let lines = text.lines().count();
        for finding in found(&text, None) {
            prop_assert!(finding.place.line >= 1 && finding.place.line <= lines);
            prop_assert!(info(finding.id).is_some());
        }
    }
}
