//! Reading: the seed's deployment, the odd ways of zot's reader, and messages with their place.

use proptest::prelude::*;

use super::*;

const SEED: &str = include_str!("../../../tests/configs/seed.json");

fn read(text: &str) -> Config {
    Config::parse("config.json", text).unwrap()
}

fn message(text: &str) -> String {
    Config::parse("config.json", text).unwrap_err().to_string()
}

#[test]
fn the_seed_is_understood() {
    let config = read(SEED);
    assert_eq!((config.http.listen_address(), config.http.listen_port()), ("0.0.0.0", 5050));
    assert_eq!(config.http.external_url.as_ref().unwrap().value, "https://registry.example.test");
    assert_eq!(config.http.address.as_ref().unwrap().place, Place { line: 8, column: 16 });
    let provider = &config.auth.providers[0];
    assert_eq!(provider.issuer.as_ref().unwrap().value, "https://idp.example.test/application/o/zot/");
    assert_eq!(provider.username_claim.as_ref().unwrap().value, "preferred_username");
    assert_eq!(provider.scopes.len(), 3);
    assert!(config.auth.api_keys() && config.auth.accepts_basic() && !config.secure_session());
    assert_eq!(config.metrics_path(), Some("/metrics"));
    let namespaces: Vec<_> = config.extensions.cache_namespaces().into_iter().map(|space| space.pattern).collect();
    assert_eq!(namespaces, ["docker.io/**", "ghcr.io/**", "quay.io/**"]);
    assert_eq!(config.vanished, []);
}

#[test]
fn the_same_deployment_in_yaml_says_the_same() {
    let value: serde_json::Value = serde_json::from_str(SEED).unwrap();
    let yaml = serde_yaml_ng::to_string(&value).unwrap();
    let config = Config::parse("config.yaml", &yaml).unwrap();
    let access = config.access.unwrap();
    assert_eq!(access.repositories[0].policies.len(), 2);
    let line = yaml
        .lines()
        .position(|line| line.contains("'**':") || line.contains("\"**\":") || line.trim() == "**:")
        .unwrap()
        + 1;
    assert_eq!(access.repositories[0].pattern.place.line, line);
    assert_eq!(config.extensions.upstreams.len(), 3);
}

#[test]
fn keys_are_read_in_any_case() {
    let config = read(
        r#"{"HTTP":{"accesscontrol":{"Repositories":{"**":{"ANONYMOUSPOLICY":"read"}},"groups":{"Admins":{"users":["bob"]}}}}}"#,
    );
    let access = config.access.unwrap();
    assert_eq!(access.repositories[0].anonymous[0].value, "read");
    assert_eq!((access.groups[0].name.as_str(), access.groups[0].written.value.as_str()), ("admins", "Admins"));
}

#[test]
fn openid_forces_api_keys_on() {
    let text = r#"{"http":{"auth":{"apikey":false,"openid":{"providers":{"oidc":{"issuer":"https://i.test","clientid":"z","scopes":["openid"]}}}}}}"#;
    assert!(read(text).auth.api_keys());
    assert!(!read(r#"{"http":{"auth":{"apikey":false}}}"#).auth.api_keys());
}

#[test]
fn an_empty_extension_counts_only_among_empty_ones() {
    assert_eq!(read(r#"{"extensions":{"metrics":{}}}"#).metrics_path(), Some("/metrics"));
    let beside = read(r#"{"extensions":{"metrics":{},"search":{"enable":true}}}"#);
    assert_eq!(beside.metrics_path(), None);
    assert!(beside.extensions.search.is_some());
    assert_eq!(read(r#"{"extensions":{"metrics":{"enable":false}}}"#).metrics_path(), None);
}

#[test]
fn cache_namespaces_follow_destination_and_prefix() {
    let pattern = |content: &str| {
        let text = format!(
            r#"{{"extensions":{{"sync":{{"registries":[{{"urls":["https://u.test"],"onDemand":true,"content":[{content}]}}]}}}}}}"#
        );
        read(&text).extensions.cache_namespaces()[0].pattern.clone()
    };
    assert_eq!(pattern(r#"{"prefix":"**"}"#), "**");
    assert_eq!(pattern(r#"{"prefix":"library/*","destination":"/hub"}"#), "hub/library/*");
    assert_eq!(pattern(r#"{"prefix":"library/*","destination":"/hub","stripPrefix":true}"#), "hub/*");
    assert_eq!(pattern(r#"{"prefix":"library/alpine","destination":"/hub","stripPrefix":true}"#), "hub");
}

#[test]
fn errors_say_file_line_column_and_what() {
    let wrong = message(
        "{\n \"http\": {\n  \"accessControl\": {\"repositories\": {\"**\": {\"anonymusPolicy\": [\"read\"]}}}\n }\n}",
    );
    assert!(wrong.starts_with("config.json:3:45: unknown key `anonymusPolicy` in `**`"), "{wrong}");
    assert!(message(r#"{"http":{"port":"70000"}}"#).contains("not a port"));
    assert!(message(r#"{"http":{"readTimeout":"soon"}}"#).contains("not a duration"));
    assert!(message(r#"{"http":{"auth":{"failDelay":"1.5"}}}"#).contains("whole number of seconds"));
    assert!(
        message(r#"{"http":{"accessControl":{"groups":{"a":{"users":["x"]},"A":{"users":["y"]}}}}}"#)
            .contains("same key")
    );
    assert!(message("{\"http\": {{ http }} }").contains("template"));
    assert!(message("[]").contains("must be an object"));
}

#[test]
fn no_secret_is_kept() {
    let text = r#"{"http":{"auth":{"openid":{"providers":{"oidc":{"issuer":"https://i.test","clientid":"z","clientsecret":"hunter2","scopes":["openid"]}}}}}}"#;
    assert!(!format!("{:?}", read(text)).contains("hunter2"));
}

proptest! {
    #[test]
    fn a_damaged_file_is_read_or_refused_with_a_place_inside_it(at in 0..SEED.len(), length in 0..40_usize, with in "[a-z{}\\[\\]\",:é ]{0,3}", yaml: bool) {
        let value: serde_json::Value = serde_json::from_str(SEED).unwrap();
        let whole = if yaml { serde_yaml_ng::to_string(&value).unwrap() } else { SEED.to_owned() };
        let start = at.min(whole.len());
        let end = (at + length).min(whole.len());
        let damaged = format!("{}{with}{}", &whole[..start], &whole[end..]);
        let lines = damaged.lines().count() + 1;
        match Config::parse(if yaml { "config.yaml" } else { "config.json" }, &damaged) {
            Ok(config) => prop_assert!(crate::zot::lint::lint(&config, None).iter().all(|finding| finding.place.line <= lines)),
            Err(error) => prop_assert!(error.place.line <= lines, "{error}"),
        }
    }
}
