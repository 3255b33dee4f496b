//! Files that are wrong in every way: a finding with its place, what that client does, and never a panic.

use proptest::prelude::*;

use super::*;
use crate::mirror::model::{ClientConfig, Kind, Scheme, Upstream, Version, WayOut};
use crate::mirror::{buildkitd, containerd, dockerd, k3s, registries_conf, talos};

const HOSTS: &str = "/etc/containerd/certs.d/docker.io/hosts.toml";

fn hosts(text: &str) -> ClientConfig {
    containerd::read(&Files::from_texts([(HOSTS, text)]), None)
}

fn k3s(text: &str) -> ClientConfig {
    k3s::read(&Files::from_texts([(k3s::K3S, text)]), Kind::K3s, None, false)
}

fn docker(text: &str, version: &str) -> ClientConfig {
    dockerd::read(&Files::from_texts([(dockerd::DAEMON, text)]), Version::read(version), None)
}

fn conf(text: &str) -> ClientConfig {
    let files = Files::from_texts([(registries_conf::CONF, text)]);
    registries_conf::read(&files, Kind::Podman, None, registries_conf::CONF)
}

fn buildkit(text: &str) -> ClientConfig {
    buildkitd::read(&Files::from_texts([(buildkitd::CONFIG, text)]), None)
}

/// The place and what the client does, of the first finding.
fn told(config: &ClientConfig) -> (String, String) {
    let finding = config.findings.first().unwrap_or_else(|| panic!("nothing is told of {config:?}"));
    assert!(!finding.why.is_empty() && !finding.remedy.is_empty());
    (finding.place.to_string(), finding.what.clone())
}

#[test]
fn containerd_ignores_a_hosts_toml_that_is_wrong() {
    let ignored = "containerd ignores this file: pulls of docker.io go to the internet in silence";
    for (text, place) in [
        ("server = \"https://x\n", "1:20"),
        ("a = 1\na = 2\n", "2:1"),
        ("[Host.\"http://zot\"]\n", "1:2"),
        ("[host.\"http://zot\"]\ncapabilities = [\"pull\", \"reslove\"]\n", "2:25"),
        ("[host.\"http://zot\"]\ncapabilities = \"pull\"\n", "2:16"),
        ("[host.\"http://zot\"]\noverride_path = \"true\"\n", "2:17"),
        ("[host.\"http://zot:port\"]\n", "1:7"),
        ("[host.\"ftp://zot\"]\n", "1:7"),
        ("[host.\"http://zot\"]\nca = 1\n", "2:6"),
        ("[host.\"http://zot\"]\nheader = 1\n", "2:10"),
        ("server = 1\n", "1:10"),
        ("", "1:1"),
        ("# nothing\n", "1:1"),
    ] {
        assert_eq!(told(&hosts(text)), (place.to_owned(), ignored.to_owned()), "{text}");
    }
}

#[test]
fn a_missing_authority_breaks_every_pull() {
    let text = "[host.\"https://zot\"]\nca = \"/etc/containerd/certs.d/docker.io/ca.pem\"\n";
    let config = hosts(text);
    assert_eq!(told(&config).1, "containerd fails every pull of docker.io");
    assert!(config.routes[0].broken.is_some());
    let with = Files::from_texts([(HOSTS, text), ("/etc/containerd/certs.d/docker.io/ca.pem", "x")]);
    assert_eq!(containerd::read(&with, None).findings, []);
    // A folder that was not copied tells nothing.
    assert_eq!(hosts("[host.\"https://zot\"]\nca = \"/etc/ssl/ca.pem\"\n").findings, []);
}

#[test]
fn server_below_a_host_belongs_to_that_host() {
    let config = hosts("[host.\"https://zot\"]\nserver = \"https://registry-1.docker.io\"\n");
    assert_eq!(config.findings[0].code, "mirror::unknown_key");
    assert_eq!(config.routes[0].way_out, WayOut::Upstream);
}

#[test]
fn inline_host_tables_are_not_in_the_list_of_containerd_2() {
    let config = hosts("host = { \"https://zot\" = { capabilities = [\"pull\", \"resolve\"] } }\n");
    assert_eq!(told(&config).1, "containerd never asks https://zot");
    assert_eq!(config.routes[0].endpoints, []);
}

#[test]
fn a_server_alone_is_read_from_1_7_32_on() {
    let files = Files::from_texts([("/certs/docker.io/hosts.toml", "server = \"http://zot\"\n")]);
    let reads = |version| containerd::read_ctr(&files, Version::read(version), "/certs").findings.is_empty();
    let seen: Vec<bool> = ["1.6.20", "1.7.31", "1.7.32", "2.4.2"].into_iter().map(reads).collect();
    assert_eq!(seen, [false, false, true, true]);
}

#[test]
fn k3s_tells_wrong_yaml_and_wrong_entries() {
    let stops = k3s("mirrors:\n  docker.io: [\n");
    assert_eq!(told(&stops).1, "k3s does not start its containerd with this file");
    assert!(stops.stops.is_some());
    assert!(k3s("- a\n").stops.is_some());
    let rewrite =
        k3s("mirrors:\n  docker.io:\n    endpoint: [\"http://zot\"]\n    rewrite:\n      \"(.*\": \"x/$1\"\n");
    assert_eq!(told(&rewrite), ("5:7".to_owned(), "k3s leaves the rewrite `(.*` out".to_owned()));
    let endpoint = k3s("mirrors:\n  docker.io:\n    endpoint:\n      - \"http://:5050\"\n");
    assert_eq!(told(&endpoint), ("4:7".to_owned(), "k3s drops the endpoint `http://:5050`".to_owned()));
    assert_eq!(told(&k3s("Mirrors: {}\n")).1, "k3s ignores `Mirrors`");
    assert_eq!(told(&k3s("mirrors:\n  docker.io:\n    endpoints: [\"http://zot\"]\n")).1, "k3s ignores `endpoints`");
    for text in ["mirrors:\n  docker.io: http://zot\n", "mirrors:\n  docker.io:\n    endpoint: http://zot\n"] {
        assert!(k3s(text).stops.is_some(), "{text}");
    }
}

#[test]
fn yaml_anchors_are_followed() {
    let text = "mirrors:\n  docker.io: &zot\n    endpoint:\n      - http://zot\n  quay.io: *zot\n";
    let config = k3s(text);
    assert_eq!(config.routes.len(), 2);
    assert_eq!(config.routes[1].endpoints[0].host, "zot");
}

#[test]
fn k3s_without_a_default_endpoint_has_no_way_out() {
    let text = "mirrors:\n  docker.io:\n    endpoint: [\"http://zot/v2/docker.io\"]\n";
    let way_out = |text: &str| {
        let files = Files::from_texts([(k3s::K3S, text)]);
        k3s::read(&files, Kind::K3s, None, true).routes[0].way_out.clone()
    };
    assert_eq!(way_out(text), WayOut::Nowhere);
    // The switch does not count for a host that is in `configs`.
    assert_eq!(way_out(&format!("{text}configs:\n  docker.io: {{}}\n")), WayOut::Upstream);
    let files = Files::from_texts([
        (k3s::K3S, text),
        ("/etc/rancher/k3s/config.yaml", "disable-default-registry-endpoint: true\n"),
    ]);
    assert_eq!(k3s::read(&files, Kind::K3s, None, false).routes[0].way_out, WayOut::Nowhere);
}

#[test]
fn dockerd_does_not_start_with_wrong_files() {
    for (text, version, place) in [
        ("{\n  // mirrors\n}", "29", "2:3"),
        ("{\"registry-mirrors\": [\"zot:5050\"]}", "29", "1:23"),
        ("{\"registry-mirrors\": [\"http://u:p@zot\"]}", "29", "1:23"),
        ("{\"registry-mirrors\": [\"http://zot/docker.io\"]}", "20.10.24", "1:23"),
        ("{\"registry-mirrors\": \"http://zot\"}", "29", "1:22"),
        ("{\"Registry-Mirrors\": []}", "29", "1:2"),
        ("[]", "29", "1:1"),
    ] {
        let config = docker(text, version);
        assert_eq!(told(&config), (place.to_owned(), "dockerd does not start with this file".to_owned()), "{text}");
        assert!(config.stops.is_some());
    }
    assert!(docker("", "29").findings.is_empty());
    assert_eq!(
        told(&docker("{\"registry-mirror\": []}", "29")).1,
        "dockerd configures no mirror: every pull goes to the internet in silence"
    );
}

#[test]
fn secrets_of_a_mirrors_url_are_not_told() {
    let config = docker("{\"registry-mirrors\": [\"http://user:hunter2@zot\"]}", "29");
    assert!(!format!("{:?}", config.findings).contains("hunter2"), "{:?}", config.findings);
}

#[test]
fn a_classic_store_reads_no_hosts_toml() {
    let path = "/etc/docker/certs.d/docker.io/hosts.toml";
    let files = Files::from_texts([(path, "[host.\"http://zot\"]\n")]);
    assert_eq!(dockerd::read(&files, Version::read("28"), None).findings[0].code, "mirror::hosts_toml_unread");
    let new = dockerd::read(&files, Version::read("29"), None);
    assert_eq!((new.findings.len(), new.routes.len()), (0, 1));
}

#[test]
fn containers_image_fails_with_wrong_files() {
    let fails = "podman, skopeo, buildah and CRI-O fail every pull with this file";
    for (text, place) in [
        ("[[registry]\n", "1:12"),
        ("[registry]\nlocation = \"docker.io\"\n", "1:2"),
        ("[[registry]]\nprefix = \"docker.io\"\n", "2:10"),
        ("[[registry]]\nlocation = \"https://docker.io\"\n", "2:12"),
        ("[[registry]]\nlocation = \"docker.io\"\ninsecure = \"true\"\n", "3:12"),
        (
            "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\npull-from-mirror = \"digests\"\nlocation = \"zot\"\n",
            "4:20",
        ),
        ("[[registry]]\nblocked = true\n", "2:1"),
        ("[registries.search]\nregistries = []\n[[registry]]\nlocation = \"docker.io\"\n", "1:2"),
    ] {
        assert_eq!(told(&conf(text)), (place.to_owned(), fails.to_owned()), "{text}");
    }
}

#[test]
fn added_files_take_the_place_of_a_prefix() {
    let added = format!("{}50-zot.conf", registries_conf::CONF_D);
    let files = Files::from_texts([
        (registries_conf::CONF, "[[registry]]\nlocation = \"docker.io\"\n"),
        (added.as_str(), "[[registry]]\nprefix = \"docker.io\"\nlocation = \"zot/docker.io\"\n"),
    ]);
    let config = registries_conf::read(&files, Kind::Podman, None, registries_conf::CONF);
    assert_eq!(config.routes.len(), 1);
    assert_eq!(config.routes[0].upstream, Upstream::Below("docker.io".to_owned()));
    assert!(matches!(&config.routes[0].way_out, WayOut::To(endpoint) if endpoint.host == "zot"));
}

#[test]
fn buildkitd_does_not_start_with_wrong_files() {
    for text in [
        "[registry.\"docker.io\"\n",
        "registry = { \"docker.io\" = 1 }\n",
        "[registry.\"docker.io\"]\nmirrors = \"zot\"\n",
    ] {
        assert_eq!(told(&buildkit(text)).1, "buildkitd does not start with this file");
    }
    let plain = buildkit("[registry.\"docker.io\"]\nmirrors = [\"localhost:5000/docker.io\"]\n");
    assert_eq!(plain.routes[0].endpoints[0].scheme, Scheme::Http);
}

#[test]
fn talos_is_read_in_both_forms() {
    let text = "machine:\n  registries:\n    mirrors:\n      docker.io:\n        endpoints: [\"http://zot/v2/docker.io\"]\n        overridePath: true\n        skipFallback: true\n---\napiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: ghcr.io\nendpoints:\n  - url: http://zot/v2/ghcr.io\n    overridePath: true\n";
    assert!(talos::is_one(text));
    let config = talos::read(&Files::from_texts([("/talos/worker.yaml", text)]), None, "/talos/worker.yaml");
    let bases: Vec<&str> = config.routes.iter().map(|route| route.endpoints[0].base.as_str()).collect();
    assert_eq!(bases, ["/v2/docker.io", "/v2/ghcr.io"]);
    assert_eq!(config.routes[0].way_out, WayOut::Nowhere);
    assert_eq!(config.routes[1].endpoints[0].place.line, 13);
}

#[test]
fn a_list_of_folders_depends_on_the_version_and_the_pull() {
    let toml = "version = 3\n[plugins.\"io.containerd.cri.v1.images\".registry]\nconfig_path = \"/etc/containerd/certs.d:/etc/docker/certs.d\"\n";
    let read = |toml: &str, version| {
        let files = Files::from_texts([(containerd::CONFIG, toml), (HOSTS, "[host.\"http://zot\"]\n")]);
        containerd::read(&files, Version::read(version)).routes.len()
    };
    assert_eq!(read(toml, "1.7.0"), 1);
    assert_eq!(read(toml, "2.4.2"), 0);
    let local = toml
        .replace("\n[plugins", "\n[plugins.\"io.containerd.cri.v1.images\"]\nuse_local_image_pull = true\n[plugins");
    assert_eq!(read(&local, "2.4.2"), 1);
    assert_eq!(read(&toml.replace(":/etc/docker/certs.d", ""), "2.4.2"), 1);
    assert_eq!(read("version = 2\n", "1.7.0"), 0);
}

#[test]
fn a_text_that_is_too_large_is_not_held() {
    let unread = text(vec![b'a'; usize::try_from(LARGEST).unwrap() + 1]).unwrap_err();
    assert!(unread.readable);
    assert!(text(vec![b'a'; 10]).is_ok());
}

#[test]
fn a_folder_is_no_file() {
    assert!(read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_err().message.contains("plain file"));
    assert!(read(Path::new("/nonexistent/file")).unwrap_err().message.contains("no such file"));
}

/// Texts that are nearly right, and some that are not.
fn hostile() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[host.\"http://zot:5050\"]\n",
        "capabilities = [\"pull\"]\n",
        "server = \"x\"\n",
        "override_path = true\n",
        "mirrors:\n",
        "  docker.io:\n",
        "    endpoint:\n",
        "      - \"http://zot\"\n",
        "    rewrite:\n",
        "      \"(.*)\": \"$1$2${x}\"\n",
        "{",
        "}",
        "[",
        "]",
        "\"registry-mirrors\":",
        "[\"http://zot\"]",
        "[[registry]]\n",
        "prefix = \"*.io\"\n",
        "location = \"zot/docker.io\"\n",
        "[[registry.mirror]]\n",
        "&a ",
        "*a ",
        "---\n",
        "machine:\n",
        "é",
        "\u{0}",
        "\u{feff}",
        "\n",
        " ",
        "\t",
        "\"",
        "'",
        "=",
        ":",
        "#",
        "//",
        "%zz",
        "..",
        "{{ x }}",
        "<<: *a\n",
        "!!tag ",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in prop_oneof![hostile(), any::<String>()]) {
        for config in [hosts(&text), k3s(&text), docker(&text, "29"), docker(&text, "20.10"), conf(&text), buildkit(&text)] {
            let registry = crate::mirror::names::Registry::default();
            let texts = [(HOSTS.to_owned(), text.clone()), (k3s::K3S.to_owned(), text.clone()), (dockerd::DAEMON.to_owned(), text.clone()),
                (registries_conf::CONF.to_owned(), text.clone()), (buildkitd::CONFIG.to_owned(), text.clone())].into_iter().collect();
            crate::mirror::judge::judge(&config, &registry, &texts);
        }
        let files = Files::from_texts([(containerd::CONFIG, text.as_str()), (HOSTS, text.as_str()), ("/talos/worker.yaml", text.as_str())]);
        containerd::read(&files, None);
        talos::read(&files, None, "/talos/worker.yaml");
    }
}
