//! Judgements of whole folders, and the corrected files.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::mirror::folder::{Folder, Found, read_folder};
use crate::mirror::model::Scheme;
use crate::zot::config::Config;

mod mistakes;
mod zots;

fn configs() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/configs"))
}

/// The hardened zot: docker.io, ghcr.io and quay.io, each below a destination.
fn seed() -> Config {
    Config::parse("seed.json", &fs::read_to_string(configs().join("seed.json")).unwrap()).unwrap()
}

const HOST: &str = "registry.example.test";

fn registry(config: &Config) -> Registry<'_> {
    Registry { addresses: vec![(Scheme::Https, HOST.to_owned())], config: Some(config), release: None }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn judged(path: &Path, config: &Config) -> Vec<(Found, Judgement)> {
    let Folder { clients, findings } = read_folder(path).unwrap();
    assert_eq!(findings, []);
    let judged = |found: Found| {
        let judgement = judge(&found.config, &registry(config), &found.texts);
        (found, judgement)
    };
    clients.into_iter().map(judged).collect()
}

fn put(fixes: &[Fix]) {
    for fix in fixes {
        fs::create_dir_all(Path::new(&fix.file).parent().unwrap()).unwrap();
        if fix.text.is_empty() { fs::remove_file(&fix.file).unwrap() } else { fs::write(&fix.file, &fix.text).unwrap() }
    }
}

fn codes(judgement: &Judgement, level: Level) -> Vec<&'static str> {
    judgement.findings.iter().filter(|one| one.level == level).map(|one| one.code).collect()
}

/// All files below a folder by their path there.
fn texts(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn todays_files_go_to_the_internet_in_silence() {
    let config = seed();
    let wanted = [
        ("containerd", "mirror::no_override"),
        ("dockerd", "mirror::docker_ping"),
        ("k3s", "mirror::no_path"),
        ("podman", "mirror::no_mirror"),
    ];
    let judged = judged(&configs().join("mirrors/today"), &config);
    assert_eq!(judged.len(), wanted.len());
    for (node, code) in wanted {
        let (_, judgement) = judged.iter().find(|(found, _)| found.config.nodes == [node]).unwrap();
        let finding = &judgement.findings[0];
        assert_eq!((finding.code, finding.level), (code, Level::Failure), "{finding:?}");
        assert!(finding.what.contains("to the internet in silence"), "{}", finding.what);
        assert!(!judgement.fixes.is_empty(), "{node}");
    }
}

#[test]
fn corrected_files_are_as_written_and_clean() {
    let config = seed();
    let folder = tempfile::tempdir().unwrap();
    copy(&configs().join("mirrors/today"), folder.path());
    judged(folder.path(), &config).iter().for_each(|(_, judgement)| put(&judgement.fixes));
    for (found, judgement) in judged(folder.path(), &config) {
        assert!(!judgement.fails(), "{:?}: {:#?}", found.config.client, judgement.findings);
    }
    if std::env::var_os("REGPROOF_WRITE_RIGHT").is_some() {
        copy(folder.path(), &configs().join("mirrors/right"));
    }
    assert_eq!(texts(folder.path()), texts(&configs().join("mirrors/right")));
}

#[test]
fn a_diff_shows_the_changed_lines_alone() {
    let config = seed();
    let judged = judged(&configs().join("mirrors/today"), &config);
    let (_, judgement) = judged.iter().find(|(found, _)| found.config.nodes == ["containerd"]).unwrap();
    assert_eq!(judgement.fixes[0].diff, "@@ line 4 @@\n+  override_path = true\n");
}

#[test]
fn rules_that_no_client_asks_for_are_told() {
    let config = seed();
    let clients = |name: &str| {
        let folder = read_folder(&configs().join("mirrors").join(name)).unwrap();
        folder.clients.into_iter().map(|found| found.config).collect::<Vec<_>>()
    };
    let unasked = |clients: &[ClientConfig]| unasked(&registry(&config), clients, "config.json").len();
    assert_eq!(unasked(&clients("right")), 0);
    let containerd = clients("right").into_iter().filter(|client| client.nodes == ["containerd"]).collect::<Vec<_>>();
    assert_eq!(unasked(&containerd), 2);
}

/// A file often says how the registry itself is reached; that is no mirror.
#[test]
fn settings_of_the_registry_itself_are_no_mirror() {
    let config = seed();
    let folder = tempfile::tempdir().unwrap();
    copy(&configs().join("mirrors/right"), folder.path());
    let own = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + text).unwrap();
    };
    own(
        "containerd/etc/containerd/certs.d/registry.example.test/hosts.toml",
        "[host.\"https://registry.example.test\"]\n",
    );
    own(
        "k3s/etc/rancher/k3s/registries.yaml",
        "  registry.example.test:\n    endpoint: [\"https://registry.example.test\"]\n",
    );
    own(
        "podman/etc/containers/registries.conf",
        "[[registry]]\nlocation = \"registry.example.test\"\ninsecure = true\n",
    );
    for (found, judgement) in judged(folder.path(), &config) {
        assert!(!judgement.fails(), "{:?}: {:#?}", found.config.client, judgement.findings);
    }
}

#[test]
fn another_mirror_is_the_operators_choice() {
    let config = seed();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node/registries.yaml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mirror = |host: &str| format!("  {host}:\n    endpoint: [\"https://other.example.test\"]\n");
    fs::write(path, format!("mirrors:\n{}{}{}", mirror("docker.io"), mirror("ghcr.io"), mirror("quay.io"))).unwrap();
    assert!(!judged(folder.path(), &config)[0].1.fails());
}
