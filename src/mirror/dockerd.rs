//! dockerd: `daemon.json`, and `/etc/docker/certs.d` where it has the containerd image store.

use super::address::Address;
use super::containerd;
use super::finding::{Finding, Level};
use super::model::{Client, ClientConfig, Endpoint, Kind, Route, Scheme, Upstream, Version, WayOut};
use super::source::{Files, as_bool, as_list, bad_file, below, entries, entry, tree};
use crate::zot::format::Format;
use crate::zot::tree::{Entry, Node, Place, Value};

/// The daemon's configuration.
pub(crate) const DAEMON: &str = "/etc/docker/daemon.json";
/// Certificates, and hosts.toml for the containerd store.
pub(crate) const CERTS: &str = "/etc/docker/certs.d";
/// From this version a mirror may have a path.
const PATHS: Version = Version(25, 0, 0);
/// From this version a new installation has the containerd store.
const NEW_STORE: Version = Version(29, 0, 0);
/// What happens with a file that dockerd refuses.
const REFUSES: &str = "dockerd does not start with this file";

/// Which image store the daemon has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// dockerd's own.
    Classic,
    /// containerd's.
    Containerd,
}

/// Reads the daemon's files. `store` wins over the file's setting, and that over the version's default.
pub(crate) fn read(files: &Files, version: Option<Version>, store: Option<Store>) -> ClientConfig {
    let parsed = match files.texts.get(DAEMON) {
        // dockerd takes an empty file for no file.
        Some(Ok(text)) if text.trim().is_empty() => Ok(None),
        _ => tree(files, DAEMON, Format::Json, REFUSES),
    };
    let root = parsed.as_ref().ok().and_then(Option::as_ref);
    let flag = root.and_then(|root| below(root, &["features", "containerd-snapshotter"])).and_then(as_bool);
    let by_file = flag.map(|on| if on { Store::Containerd } else { Store::Classic });
    let new = version.is_some_and(|version| version >= NEW_STORE);
    let store = store.or(by_file).unwrap_or(if new { Store::Containerd } else { Store::Classic });
    let kind = if store == Store::Containerd { Kind::DockerdContainerd } else { Kind::DockerdClassic };
    let mut config = ClientConfig::new(Client::new(kind, version));
    if files.texts.contains_key(DAEMON) {
        config.files.push(files.shown(DAEMON));
    }
    match parsed {
        Ok(Some(root)) => mirrors(&mut config, files, &root),
        Ok(None) => {}
        Err(finding) => refuse(&mut config, *finding),
    }
    certs(&mut config, files);
    config
}

fn refuse(config: &mut ClientConfig, finding: Finding) {
    config.stops.get_or_insert_with(|| finding.why.clone());
    config.findings.push(finding);
}

fn mirrors(config: &mut ClientConfig, files: &Files, root: &Node) {
    let file = files.shown(DAEMON);
    if !matches!(root.value, Value::Map(_)) {
        refuse(config, bad_file(&file, root.place, "the file must be an object", REFUSES));
        return;
    }
    names_of_keys(config, root, &file);
    let Some(found) = entry(root, "registry-mirrors") else { return };
    let Some(listed) = as_list(&found.node) else {
        refuse(config, bad_file(&file, found.node.place, "`registry-mirrors` must be a list of texts", REFUSES));
        return;
    };
    let mut endpoints = Vec::new();
    for (written, place) in listed {
        match endpoint(config.client, written, &file, place) {
            Ok(endpoint) => endpoints.push(endpoint),
            Err(why) => refuse(config, bad_file(&file, place, &why, REFUSES)),
        }
    }
    if !endpoints.is_empty() {
        let upstream = Upstream::Host("docker.io".to_owned());
        let route = Route { upstream, endpoints, way_out: WayOut::Upstream, file, place: found.place, broken: None };
        config.routes.push(route);
    }
}

/// Keys that are meant to be `registry-mirrors` and are not. Of keys that dockerd does not know it says so and ends; the name of
/// the option on its command line is known, and without effect in the file (moby: daemon/config/config.go).
fn names_of_keys(config: &mut ClientConfig, root: &Node, file: &str) {
    let plain = |key: &str| key.to_lowercase().replace(['_', '-'], "");
    let meant = |entry: &&Entry| {
        entry.key != "registry-mirrors" && strsim::levenshtein(&plain(&entry.key), "registrymirrors") <= 2
    };
    for odd in entries(root).iter().filter(meant) {
        if odd.key == "registry-mirror" {
            let finding = Finding::new("mirror::unknown_key", Level::Failure, file, odd.place)
                .what("dockerd configures no mirror: every pull goes to the internet in silence")
                .why("`registry-mirror` is the option of the command line; the key of the file is `registry-mirrors`")
                .remedy("write `registry-mirrors`");
            config.findings.push(finding);
        } else {
            let message = format!("`{}` is no key of dockerd: write `registry-mirrors`", odd.key);
            refuse(config, bad_file(file, odd.place, &message, REFUSES));
        }
    }
}

fn endpoint(client: Client, written: &str, file: &str, place: Place) -> Result<Endpoint, String> {
    if !written.contains("://") {
        return Err(format!("the mirror `{written}` has no scheme: write http:// or https://"));
    }
    let address = Address::read(written, Scheme::Https)?;
    if written.contains(['?', '#']) || written.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) {
        return Err("a mirror has no user, no query and no fragment".to_owned());
    }
    let path = address.path.trim_end_matches('/');
    if !path.is_empty() && !client.since(PATHS) {
        return Err(format!("before version {} a mirror has no path", PATHS.0));
    }
    let whole = client.kind == Kind::DockerdContainerd && path.ends_with("/v2");
    let base = if whole { path.to_owned() } else { format!("{path}/v2") };
    Ok(Endpoint::new(written, file, place, address.scheme, &address.host, &base))
}

/// With the containerd store a hosts.toml counts, and more than `registry-mirrors`. With the classic store the folder has
/// certificates only.
fn certs(config: &mut ClientConfig, files: &Files) {
    if config.client.kind == Kind::DockerdContainerd {
        let mut folders = ClientConfig::new(config.client);
        containerd::hosts(&mut folders, files, &[CERTS]);
        config.routes.retain(|route| !folders.routes.iter().any(|other| other.upstream == route.upstream));
        config.routes.append(&mut folders.routes);
        config.findings.append(&mut folders.findings);
        config.files.append(&mut folders.files);
        return;
    }
    for path in super::hosts_toml::folders(files, &[CERTS]).values() {
        let finding = Finding::new("mirror::hosts_toml_unread", Level::Failure, &files.shown(path), Place::START)
            .what("dockerd does not read this file: pulls go to the internet in silence")
            .why("with the classic image store only certificates count in this folder")
            .remedy("switch the containerd store on: \"features\": {\"containerd-snapshotter\": true}");
        config.findings.push(finding);
    }
}
