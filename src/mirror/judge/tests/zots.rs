//! The same files in front of other zots.

use super::*;

/// zot with these content rules for Docker Hub, and this policy for `**`.
fn zot(content: &str, policy: Option<&str>) -> Config {
    let access = policy.map_or(String::new(), |policy| {
        format!(r#","auth":{{"htpasswd":{{"path":"/etc/zot/htpasswd"}}}},"accessControl":{{"repositories":{{"**":{{{policy}}}}}}}"#)
    });
    let text = format!(
        r#"{{"distSpecVersion":"1.1.1","storage":{{"rootDirectory":"/var/lib/zot"}},"http":{{"address":"0.0.0.0","port":"5050"{access}}},
        "extensions":{{"sync":{{"enable":true,"registries":[{{"urls":["https://registry-1.docker.io"],"onDemand":true,"content":[{content}]}}]}}}}}}"#
    );
    Config::parse("config.json", &text).unwrap()
}

const BELOW: &str = r#"{"prefix":"**","destination":"/docker.io"}"#;
const ROOT: &str = r#"{"prefix":"**"}"#;
const BOTH: &str = r#"{"prefix":"**","destination":"/docker.io/v2"},{"prefix":"**","destination":"/docker.io"}"#;
const MIXED: &str = r#""anonymousPolicy":["read"],"defaultPolicy":["read","create"]"#;
const CLOSED: &str = r#""defaultPolicy":["read"]"#;

/// The failures of one file in front of a zot, and those that its corrected files leave.
fn failures(config: &Config, scheme: Scheme, path: &str, text: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("node").join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    let registry = Registry { addresses: vec![(scheme, HOST.to_owned())], config: Some(config), release: None };
    let judged = || {
        let clients = read_folder(root.path()).unwrap().clients;
        clients.iter().map(|found| judge(&found.config, &registry, &found.texts)).collect::<Vec<_>>()
    };
    let all = |judged: &[Judgement]| judged.iter().flat_map(|one| codes(one, Level::Failure)).collect();
    let before = judged();
    before.iter().for_each(|judgement| put(&judgement.fixes));
    (all(&before), all(&judged()))
}

const DAEMON: &str = "etc/docker/daemon.json";
const HOSTS: &str = "etc/containerd/certs.d/docker.io/hosts.toml";
const CONF: &str = "etc/containers/registries.conf";
const BUILDKIT: &str = "etc/buildkit/buildkitd.toml";

fn daemon(url: &str, store: bool) -> String {
    format!("{{\"features\": {{\"containerd-snapshotter\": {store}}}, \"registry-mirrors\": [\"{url}\"]}}")
}

/// Sync rules, access policy, mirror, containerd store on or off, and the expected finding.
type Case = (&'static str, Option<&'static str>, &'static str, bool, &'static [&'static str]);

/// As the recorded dockerd and zot did, in `zot-dockerd-*.txt` and `zot-v2dest*.txt`.
#[test]
fn dockerd_is_served_as_it_was_in_front_of_real_zots() {
    let (plain, mapped) = ("https://registry.example.test", "https://registry.example.test/v2/docker.io");
    let table: &[Case] = &[
        (BELOW, Some(MIXED), plain, false, &["mirror::docker_ping"]),
        (ROOT, Some(MIXED), plain, false, &["mirror::docker_ping"]),
        (ROOT, None, plain, false, &[]),
        (BELOW, Some(MIXED), plain, true, &["mirror::no_path"]),
        (ROOT, Some(MIXED), plain, true, &[]),
        (ROOT, None, plain, true, &[]),
        (BELOW, Some(MIXED), mapped, false, &["mirror::docker_path"]),
        (BELOW, Some(MIXED), mapped, true, &["mirror::docker_path"]),
        (BOTH, Some(MIXED), mapped, false, &[]),
        (BOTH, Some(MIXED), mapped, true, &[]),
        (BOTH, Some(MIXED), plain, false, &["mirror::docker_ping"]),
    ];
    for (content, policy, url, store, wanted) in table {
        let config = zot(content, *policy);
        let (found, left) = failures(&config, Scheme::Https, DAEMON, &daemon(url, *store));
        assert_eq!(&found, wanted, "{content} {policy:?} {url} {store}");
        assert_eq!(left, Vec::<&str>::new(), "{content} {url} {store}");
    }
}

#[test]
fn a_zot_without_anonymous_read_needs_credentials() {
    let config = zot(BELOW, Some(CLOSED));
    let hosts = "[host.\"https://registry.example.test/v2/docker.io\"]\ncapabilities = [\"pull\", \"resolve\"]\noverride_path = true\n";
    assert_eq!(failures(&config, Scheme::Https, HOSTS, hosts).0, ["mirror::needs_credentials"]);
    let header =
        format!("{hosts}[host.\"https://registry.example.test/v2/docker.io\".header]\nAuthorization = \"Basic x\"\n");
    assert_eq!(failures(&config, Scheme::Https, HOSTS, &header).0, Vec::<&str>::new());
    let conf =
        "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"registry.example.test/docker.io\"\n";
    assert_eq!(failures(&config, Scheme::Https, CONF, conf).0, ["mirror::needs_credentials"]);
}

#[test]
fn a_plain_registry_must_be_written_as_plain() {
    let config = zot(BELOW, None);
    let wrong: &[(&str, &str)] = &[
        (
            HOSTS,
            "[host.\"https://registry.example.test/v2/docker.io\"]\ncapabilities = [\"pull\", \"resolve\"]\noverride_path = true\n",
        ),
        (
            HOSTS,
            "[host.\"registry.example.test/v2/docker.io\"]\ncapabilities = [\"pull\", \"resolve\"]\noverride_path = true\n",
        ),
        (
            CONF,
            "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"registry.example.test/docker.io\"\n",
        ),
        (BUILDKIT, "[registry.\"docker.io\"]\nmirrors = [\"registry.example.test/docker.io\"]\n"),
    ];
    for (path, text) in wrong {
        let (found, left) = failures(&config, Scheme::Http, path, text);
        assert_eq!((found, left), (vec!["mirror::scheme"], vec![]), "{text}");
    }
}

#[test]
fn a_zot_without_a_rule_is_not_blamed_on_the_client() {
    let config = zot(r#"{"prefix":"library/*","destination":"/docker.io"}"#, None);
    let hosts = "[host.\"https://registry.example.test/v2/docker.io\"]\ncapabilities = [\"pull\", \"resolve\"]\noverride_path = true\n";
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("node").join(HOSTS);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, hosts).unwrap();
    let (_, judgement) = judged(root.path(), &config).remove(0);
    let advice = codes(&judgement, Level::Advice);
    assert!(!judgement.fails() && advice.contains(&"mirror::no_rule"), "{:#?}", judgement.findings);
}

#[test]
fn advice_is_given_and_fails_nothing() {
    let config = zot(BELOW, None);
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("node").join(HOSTS);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = "server = \"https://docker.io\"\n[host.\"https://registry.example.test/v2/docker.io\"]\noverride_path = true\n[host.\"https://registry.example.test/v2/docker.io\".header]\nAuthorization = [\"Basic x\"]\n";
    fs::write(&file, text).unwrap();
    let (_, judgement) = judged(root.path(), &config).remove(0);
    let advice = codes(&judgement, Level::Advice);
    for wanted in ["mirror::takes_pushes", "mirror::header_key", "mirror::server_no_registry"] {
        assert!(advice.contains(&wanted), "{wanted}: {advice:?}");
    }
    assert!(!judgement.fails() && judgement.fixes.is_empty());
}

#[test]
fn no_way_out_is_a_failed_pull_and_told() {
    let config = zot(BELOW, None);
    let text = "server = \"https://registry.example.test\"\n[host.\"https://registry.example.test\"]\ncapabilities = [\"pull\", \"resolve\"]\n";
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("node").join(HOSTS);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    let (_, judgement) = judged(root.path(), &config).remove(0);
    assert!(judgement.findings[0].what.contains("fails every pull"), "{:#?}", judgement.findings[0]);
}

#[test]
fn a_server_in_the_default_folder_is_for_all() {
    let config = zot(BELOW, None);
    let path = "etc/containerd/certs.d/_default/hosts.toml";
    let text = "server = \"https://registry-1.docker.io\"\n[host.\"https://registry.example.test/v2/docker.io\"]\ncapabilities = [\"pull\", \"resolve\"]\noverride_path = true\n";
    let (found, left) = failures(&config, Scheme::Https, path, text);
    assert!(found.contains(&"mirror::server_for_all") && found.contains(&"mirror::wrong_upstream"), "{found:?}");
    assert_eq!(left, Vec::<&str>::new());
}

#[test]
fn without_zots_configuration_a_doubled_v2_is_advice() {
    let registry = Registry { addresses: vec![(Scheme::Https, HOST.to_owned())], ..Registry::default() };
    let clients = read_folder(&configs().join("mirrors/today")).unwrap().clients;
    let judged: Vec<Judgement> = clients.iter().map(|found| judge(&found.config, &registry, &found.texts)).collect();
    let advice: Vec<_> = judged.iter().flat_map(|one| codes(one, Level::Advice)).collect();
    assert!(advice.contains(&"mirror::no_override"), "{advice:?}");
    assert!(!judged.iter().any(Judgement::fails));
}
