//! Names as zot was seen to map them.

use super::*;

/// A zot with these rules in front of the Hub.
fn zot(content: &str) -> Config {
    let text = format!(
        r#"{{"distSpecVersion":"1.1.1","storage":{{"rootDirectory":"/var/lib/zot"}},"http":{{"address":"127.0.0.1","port":"5050"}},
        "extensions":{{"sync":{{"enable":true,"registries":[{{"urls":["https://registry-1.docker.io"],"onDemand":true{content}}}]}}}}}}"#
    );
    Config::parse("config.json", &text).unwrap()
}

fn rule(prefix: &str, destination: &str, strip: bool) -> Config {
    let destination = if destination.is_empty() { String::new() } else { format!(r#","destination":"{destination}""#) };
    let strip = if strip { r#","stripPrefix":true"# } else { "" };
    zot(&format!(r#","content":[{{"prefix":"{prefix}"{destination}{strip}}}]"#))
}

/// What the recorded zot did with these rules and names (`zot-misc-zotlog.txt`): 200 with the upstream's name, or 404.
#[test]
fn names_map_as_zot_was_seen_to_map() {
    let table: &[(&str, &str, bool, &str, Option<&str>)] = &[
        ("/library/**", "/docker.io", true, "docker.io/alpine", Some("library/alpine")),
        ("/library/**", "/docker.io", true, "docker.io/library/alpine", None),
        ("library/*", "/docker.io", false, "docker.io/library/alpine", Some("library/alpine")),
        ("library/*", "/docker.io", false, "docker.io/grafana/grafana", None),
        ("library/*", "/docker.io", false, "library/alpine", None),
        ("**", "", false, "library/alpine", Some("library/alpine")),
        ("**", "/", false, "library/alpine", Some("library/alpine")),
        ("*", "/docker.io", false, "docker.io/library/alpine", None),
        ("/**", "docker.io/", false, "docker.io/library/alpine", Some("library/alpine")),
        ("library/alpine", "/docker.io", true, "docker.io", Some("library/alpine")),
        ("library/alpine", "/docker.io", true, "docker.io/library/alpine", None),
        ("**", "/hub/docker.io", false, "hub/docker.io/library/alpine", Some("library/alpine")),
    ];
    for (prefix, destination, strip, name, wanted) in table {
        let config = rule(prefix, destination, *strip);
        let found = sources(&config, name);
        // Under a name that maps to `library/library/alpine` the Hub has nothing: zot answered 404 to those too.
        let found =
            found.first().map(|source| source.repository.as_str()).filter(|name| !name.contains("library/library"));
        assert_eq!(found, *wanted, "{prefix} {destination} {strip} {name}");
    }
}

#[test]
fn the_first_rule_that_matches_counts() {
    let config =
        zot(r#","content":[{"prefix":"**","destination":"/docker.io/v2"},{"prefix":"**","destination":"/docker.io"}]"#);
    let source = &sources(&config, "docker.io/v2/library/alpine")[0];
    assert_eq!((source.rule.as_str(), source.repository.as_str()), ("docker.io/v2/**", "library/alpine"));
    let registry = Registry { config: Some(&config), ..Registry::default() };
    assert_eq!(registry.prefix("docker.io", "v2").as_deref(), Some("docker.io"));
    assert_eq!(registry.prefix("docker.io", "").as_deref(), Some("docker.io"));
}

#[test]
fn a_zot_without_content_keeps_names() {
    let config = zot("");
    let registry = Registry { config: Some(&config), ..Registry::default() };
    assert_eq!(registry.prefix("docker.io", "").as_deref(), Some(""));
    assert_eq!(registry.local_name("docker.io", "library/alpine").as_deref(), Some("library/alpine"));
}

#[test]
fn a_stripped_prefix_has_no_path_for_clients() {
    let config = rule("library/**", "/docker.io", true);
    let registry = Registry { config: Some(&config), ..Registry::default() };
    assert_eq!(registry.local_name("docker.io", "library/alpine").as_deref(), Some("docker.io/alpine"));
    assert_eq!(registry.prefix("docker.io", ""), None);
}

#[test]
fn paths_have_names_only_below_v2() {
    assert_eq!(name_in("/v2/docker.io/v2/library/alpine/manifests/3.20"), Some("docker.io/v2/library/alpine"));
    assert_eq!(name_in("/docker.io/v2/library/alpine/manifests/3.20"), None);
    assert_eq!(name_in("/v2/Docker.io/library/alpine/manifests/3.20"), None);
    assert_eq!(name_in("/v2/"), None);
}

/// As the hardened zot answered (`zot-misc-zotlog.txt`).
#[test]
fn pings_and_reads_are_answered_as_recorded() {
    let config = Config::parse("seed.json", include_str!("../../../tests/configs/seed.json")).unwrap();
    let registry = Registry { config: Some(&config), ..Registry::default() };
    let image = Reference {
        host: "docker.io".to_owned(),
        repository: "library/alpine".to_owned(),
        tag: "3.20".to_owned(),
        digest: None,
    };
    let fate = |path: &str| registry.fate(path, Sent::Nothing, &image);
    assert!(matches!(fate("/v2/docker.io/library/alpine/manifests/3.20"), Fate::Served(_)));
    assert!(
        matches!(fate("/v2/docker.io/v2/library/alpine/manifests/3.20"), Fate::Elsewhere(source) if source.repository == "v2/library/alpine")
    );
    assert_eq!(fate("/v2/library/alpine/manifests/3.20"), Fate::NotThere);
    assert_eq!(registry.upstreams(), ["docker.io", "ghcr.io", "quay.io"]);
    let request = |agent: &'static str| Request {
        stage: Stage::Ping,
        role: super::super::pull::Role::Mirror(0),
        scheme: Scheme::Http,
        host: "zot.test:5050".to_owned(),
        method: "GET",
        path: "/v2/".to_owned(),
        query: None,
        accept: vec![],
        agent,
        sent: Sent::Nothing,
    };
    assert_eq!(registry.answer(&request("docker/"), &image), Answer::Basic);
    assert_eq!(registry.answer(&request("skopeo/"), &image), Answer::OkAndBasic);
}
