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
    assert_eq!(read(r#"{"http":{"port":"1"},"extensions":{"metrics":{}}}"#).metrics_path(), Some("/metrics"));
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
    assert!(
        wrong.starts_with("config.json:3:45: unknown key `anonymusPolicy` in `http.accessControl.repositories.**`"),
        "{wrong}"
    );
    assert!(message(r#"{"http":{"port":"70000"}}"#).contains("not a port"));
    assert!(message(r#"{"http":{"readTimeout":"soon"}}"#).contains("not a duration"));
    assert!(message(r#"{"http":{"auth":{"failDelay":"1.5"}}}"#).contains("whole number"));
    assert!(
        message(r#"{"http":{"accessControl":{"groups":{"a":{"users":["x"]},"A":{"users":["y"]}}}}}"#)
            .contains("same key")
    );
    assert!(message("{\"http\": {{ http }} }").contains("template"));
    assert!(message("[]").contains("must be an object"));
}

#[test]
fn of_two_equal_keys_the_last_counts_in_json_and_is_an_error_elsewhere() {
    let config = read("{\"http\": {\"port\": \"1\",\n \"port\": \"2\"}}");
    assert_eq!(config.http.listen_port(), 2);
    assert_eq!(config.overruled, [At { value: "port".to_owned(), place: Place { line: 1, column: 11 } }]);
    assert!(Config::parse("c.yaml", "http:\n  port: 1\n  port: 2\n").is_err());
    assert!(Config::parse("c.toml", "[http]\nport = 1\nport = 2\n").is_err());
}

#[test]
fn toml_says_the_same_as_json() {
    let value: serde_json::Value = serde_json::from_str(SEED).unwrap();
    let text = ::toml::to_string(&value).unwrap();
    for file in ["config.toml", "config"] {
        let config = Config::parse(file, &text).unwrap();
        assert_eq!(config.access.as_ref().unwrap().repositories[0].policies.len(), 2);
        assert_eq!((config.format, config.extensions.upstreams.len()), (Format::Toml, 3));
    }
}

#[test]
fn a_configuration_inside_of_another_file_is_found_and_read_with_its_places() {
    let values = include_str!("../../../tests/configs/field/not-zot-helm-values.yaml");
    let error = Config::parse("chart/values.yaml", values).unwrap_err();
    assert_eq!(error.place, Place { line: 8, column: 3 });
    assert!(error.message.contains("the values of a Helm chart"), "{error}");
    let named = r#"zot_config = { file = "values.yaml", key = 'configFiles."config.json"' }"#;
    assert!(error.message.contains(named), "{error}");
    let key = Some("configFiles.\"config.json\"");
    let config = Config::parse_part("values.yaml", values, key, None).unwrap();
    let rule = &config.access.unwrap().repositories[0];
    let line = values.lines().position(|line| line.contains("anonymousPolicy")).unwrap() + 1;
    let column = values.lines().nth(line - 1).unwrap().find("\"**\"").unwrap() + 1;
    assert_eq!((rule.pattern.value.as_str(), rule.pattern.place), ("**", Place { line, column }));
    // Slips inside have their place in the outer file too.
    let slip = values.replace("\"anonymousPolicy\"", "\"anonymusPolicy\"");
    let error = Config::parse_part("values.yaml", &slip, key, None).unwrap_err();
    assert!(error.place.line == line && error.message.contains("anonymusPolicy"), "{error}");
    let broken = values.replace("[\"read\"]", "[\"read\"");
    assert!(Config::parse_part("values.yaml", &broken, key, None).unwrap_err().place.line >= line);
    let error = Config::parse_part("values.yaml", values, Some("configFiles.config"), None).unwrap_err();
    assert!(
        error.message.contains("there is no `config` here") && error.message.contains("a configuration is in"),
        "{error}"
    );
    let map = include_str!("../../../tests/configs/field/not-zot-configmap.yaml");
    let error = Config::parse("cm.yaml", map).unwrap_err();
    assert!(error.message.contains("a ConfigMap") && error.message.contains("'data.\"config.json\"'"), "{error}");
    assert_eq!(
        Config::parse_part("cm.yaml", map, Some("data.\"config.json\""), None).unwrap().http.listen_port(),
        5000
    );
    // As an object, and as text on one line.
    let object = "zot:\n  config:\n    storage: {rootDirectory: /x}\n    http: {port: 5000}\n";
    assert!(Config::parse("v.yaml", object).unwrap_err().message.contains("`zot.config`"));
    assert_eq!(Config::parse_part("v.yaml", object, Some("zot.config"), None).unwrap().http.listen_port(), 5000);
    let line = r#"{"data": {"config.json": "{\"http\": {\"prt\": 1}}"}}"#;
    let error = Config::parse_part("cm.json", line, Some("data.\"config.json\""), None).unwrap_err();
    assert_eq!(error.place.line, 1);
}

#[test]
fn hostile_files_are_refused_with_a_place() {
    for yaml in ["a: &a [*a]\n", "a: &a {b: *a}\n", "http: &h\n  auth: *h\n"] {
        let error = Config::parse("c.yaml", yaml).unwrap_err();
        assert!(error.place.line <= 3, "{error}");
    }
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    assert!(Config::parse("c.yaml", &laughs).is_err());
    let rules: Vec<String> =
        (0..100_000).map(|index| format!("\"t{index}/**\":{{\"anonymousPolicy\":[\"read\"]}}")).collect();
    let many = format!("{{\"http\":{{\"accessControl\":{{\"repositories\":{{{}}}}}}}}}", rules.join(",\n"));
    let error = Config::parse("c.json", &many).unwrap_err();
    assert!(error.place.line == MOST_PATTERNS + 1 && error.message.contains("100000 patterns"), "{error}");
}

#[test]
fn what_is_served_and_asked_for_is_what_zot_serves_and_asks_for() {
    let plain = read(include_str!("../../../tests/configs/field/empty-tls.json"));
    assert!(!plain.serves_tls() && plain.secure_session());
    let partial = read(include_str!("../../../tests/configs/field/bearer-without-a-certificate.json"));
    assert!(!partial.can_authenticate() && partial.auth.bearer.is_none());
    assert_eq!(partial.auth.partial_bearer.map(|at| at.value), Some("cert"));
    let whole = read(r#"{"http":{"auth":{"bearer":{"oidc":[{"issuer":"https://i.test","audiences":["zot"]}]}}}}"#);
    assert!(whole.can_authenticate() && whole.auth.partial_bearer.is_none());
    let nobody = read(
        r#"{"http":{"auth":{"apikey":true},"accessControl":{"repositories":{"**":{"policies":[{"users":[null],"actions":["read"]}]}}}}}"#,
    );
    assert_eq!(nobody.access.unwrap().repositories[0].policies[0].users[0].value, "", "a null is the empty user");
}

#[test]
fn no_secret_is_kept_whatever_key_holds_it() {
    let text = r#"{"http":{"auth":{"openid":{"providers":{"oidc":{"issuer":"https://i.test","clientid":"z","clientsecret":"hunter2","scopes":["openid"]}}}}}}"#;
    assert!(!format!("{:?}", read(text)).contains("hunter2"));
    for url in [
        "https://u:hunter2@up.test/a",
        "https://hunter2@up.test/",
        "https://u:hunter2/@@up.test",
        "u:hunter2@up.test",
        "https://up.test/?key=hunter2",
    ] {
        let text = format!(
            r#"{{"extensions":{{"sync":{{"registries":[{{"urls":["{url}"],"onDemand":true,"tlsVerify":false}}]}}}}}}"#
        );
        let config = read(&text);
        assert!(!format!("{config:?}").contains("hunter2"), "{url}");
        assert!(config.extensions.upstreams[0].urls[0].value.contains("up.test"), "{url}");
    }
    let spoilt = message(r#"{"http":{"auth":{"ldap":{"bindPassword": hunter2}}}}"#);
    assert!(!spoilt.contains("hunter2"), "{spoilt}");
}

#[test]
fn several_documents_are_read_as_zot_reads_them() {
    let own = "storage:\n  rootDirectory: /x\nhttp:\n  address: 127.0.0.1\n";
    let map = "kind: ConfigMap\ndata:\n  config.json: |\n    {\"storage\": {\"rootDirectory\": \"/x\"},\n     \"http\": {\"port\": \"5050\"}}\n";
    let values = "replicaCount: 1\nservice:\n  port: 5000\n";
    // zot reads the first alone.
    let config = Config::parse("z.yaml", &format!("{own}---\n{map}")).unwrap();
    assert_eq!(config.http.listen_address(), "127.0.0.1");
    // A values file and what was rendered of it, in one file.
    let both = format!("# values\n{values}---\n{map}");
    let error = Config::parse("all.yaml", &both).unwrap_err().to_string();
    assert!(
        error.starts_with("all.yaml:8:3: this is a ConfigMap") && error.contains("key = 'data.\"config.json\"'"),
        "{error}"
    );
    let part = |text: &str, key: &str| Config::parse_part("all.yaml", text, Some(key), None);
    let config = part(&both, "data.\"config.json\"").unwrap();
    assert_eq!(config.http.port.map(|at| (at.value, at.place.line)), Some((5050, 10)));
    let error = part(&both, "data.other").unwrap_err().to_string();
    assert!(error.starts_with("all.yaml:7:1: there is no `other` here"), "{error}");
    let error = part(&format!("{map}---\n{map}"), "data.\"config.json\"").unwrap_err().to_string();
    assert!(error.starts_with("all.yaml:9:3: two documents") && error.contains("the other at 3:3"), "{error}");
    let error = part(&format!("{map}---\na: [\n"), "data.\"config.json\"").unwrap_err().to_string();
    assert!(error.starts_with("all.yaml:7:") || error.starts_with("all.yaml:8:"), "{error}");
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
