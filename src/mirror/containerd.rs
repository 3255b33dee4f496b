//! containerd: `certs.d/*/hosts.toml`, and `config.toml` of which it depends whether they are read.

use super::address::{Address, is_loopback};
use super::finding::{Finding, Level};
use super::hosts_toml::{self, Hosts, folders, missing_authority};
use super::model::{Capabilities, Client, ClientConfig, Endpoint, Kind, Route, Scheme, Upstream, Version, WayOut};
use super::source::{Files, as_bool, as_list, as_str, bad_file, below, entries, entry, tree};
use crate::zot::format::Format;
use crate::zot::tree::{Node, Place, Value};

/// The folder of `config_path`, from which containerd reads hosts for the kubelet's pulls.
pub(crate) const CERTS: &str = "/etc/containerd/certs.d";
/// containerd's own configuration.
pub(crate) const CONFIG: &str = "/etc/containerd/config.toml";
/// What stands for `config_path` from [`DEFAULT_LIST`] on, where the file has none.
const LIST: &str = "/etc/containerd/certs.d:/etc/docker/certs.d";
const DEFAULT_LIST: Version = Version(2, 2, 0);
/// From this version the kubelet's pulls go through the transfer service, which reads no list.
const TRANSFER: Version = Version(2, 1, 0);

#[cfg(test)]
/// Reads the files of containerd as `ctr --hosts-dir` does: the folders alone.
pub(crate) fn read_ctr(files: &Files, version: Option<Version>, folder: &str) -> ClientConfig {
    let mut config = ClientConfig::new(Client::new(Kind::Ctr, version));
    hosts(&mut config, files, &[folder]);
    config
}

/// Reads the files of containerd as the kubelet's pulls use them.
pub(crate) fn read(files: &Files, version: Option<Version>) -> ClientConfig {
    let mut config = ClientConfig::new(Client::new(Kind::Cri, version));
    let does = "containerd does not start with this file: no image is pulled";
    let root = match tree(files, CONFIG, Format::Toml, does) {
        Ok(Some(root)) => root,
        // Without its config.toml it is taken that containerd reads the usual folder.
        Ok(None) => {
            hosts(&mut config, files, &[CERTS]);
            return config;
        }
        Err(finding) => {
            config.stops = Some(finding.why.clone());
            config.findings.push(*finding);
            return config;
        }
    };
    config.files.push(files.shown(CONFIG));
    Plugin::find(&root).read(&mut config, files);
    config
}

/// The parts of `config.toml` that decide.
struct Plugin<'a> {
    images: Option<&'a Node>,
    registry: Option<&'a Node>,
}

impl<'a> Plugin<'a> {
    /// By the names of the plugin in version 3, 2 and 1 of the file.
    fn find(root: &'a Node) -> Self {
        let names = ["io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri", "cri"];
        let images = names.iter().find_map(|name| below(root, &["plugins", name]));
        Self { images, registry: images.and_then(|images| below(images, &["registry"])) }
    }

    fn read(&self, config: &mut ClientConfig, files: &Files) {
        let mirrors = self.registry.and_then(|registry| entry(registry, "mirrors"));
        let mirrors = mirrors.filter(|mirrors| !entries(&mirrors.node).is_empty());
        let path = self.registry.and_then(|registry| entry(registry, "config_path"));
        let path = path.filter(|path| as_str(&path.node).is_some_and(|text| !text.is_empty()));
        match (path, mirrors) {
            (Some(path), Some(mirrors)) => {
                let what = "containerd does not start with this file: no image is pulled";
                let why = "`mirrors` and `config_path` cannot stand in one file";
                config.stops = Some(why.to_owned());
                let finding = Finding::new("mirror::two_ways", Level::Failure, &files.shown(CONFIG), mirrors.place);
                let line = path.place.line;
                config.findings.push(finding.what(what).why(why).remedy(format!(
                    "remove `mirrors` and write a hosts.toml below the folder of line {line} instead"
                )));
            }
            (None, Some(mirrors)) => self.mirrors(config, files, &mirrors.node),
            (path, None) => {
                let written = path.and_then(|path| as_str(&path.node));
                let place = path.map_or(Place::START, |path| path.node.place);
                self.folders(config, files, written, place);
            }
        }
        self.credentials(config);
    }

    fn folders(&self, config: &mut ClientConfig, files: &Files, written: Option<&str>, place: Place) {
        let default = if config.client.since(DEFAULT_LIST) { LIST } else { "" };
        let list = written.unwrap_or(default);
        let one = !list.is_empty() && !list.contains(':');
        if one || !list.is_empty() && (!config.client.since(TRANSFER) || self.pulls_locally()) {
            hosts(config, files, &list.split(':').collect::<Vec<_>>());
            return;
        }
        let unread = folders(files, &[CERTS, "/etc/docker/certs.d"]);
        if unread.is_empty() && written.is_none() {
            return;
        }
        let why = match (written, list.is_empty()) {
            (Some(_), _) => "from version 2.1 on containerd takes a list of folders as the name of one folder",
            (None, true) => "without `config_path` this containerd reads no hosts.toml",
            (None, false) => {
                "without `config_path` this containerd has a list of two folders, and takes it as one name"
            }
        };
        let finding = Finding::new("mirror::colon_list", Level::Failure, &files.shown(CONFIG), place)
            .what("containerd reads no hosts.toml at all: every pull goes to the internet in silence")
            .why(why)
            .remedy(format!("set config_path = \"{CERTS}\", one folder"))
            .edits(self.one_folder(files, written, place));
        config.findings.push(finding);
    }

    /// The line of `config_path` with one folder, or a new table with it.
    fn one_folder(&self, files: &Files, written: Option<&str>, place: Place) -> Vec<super::finding::Edit> {
        let file = files.shown(CONFIG);
        let text = files.texts.get(CONFIG).and_then(|text| text.as_ref().ok()).map_or("", String::as_str);
        if let Some(written) = written {
            let line = text.lines().nth(place.line - 1).unwrap_or_default();
            let first = written.split(':').find(|folder| !folder.is_empty()).unwrap_or(CERTS);
            let new = vec![line.replace(&format!("\"{written}\""), &format!("\"{first}\""))];
            return vec![super::finding::Edit { file, line: place.line, gone: 1, new }];
        }
        if let Some(registry) = self.registry.filter(|registry| !entries(registry).is_empty()) {
            let line = entries(registry).iter().map(|entry| entry.place.line).min().unwrap_or(1);
            return vec![super::finding::Edit { file, line, gone: 0, new: vec![format!("config_path = \"{CERTS}\"")] }];
        }
        let name = if text.contains("io.containerd.grpc.v1.cri") {
            "io.containerd.grpc.v1.cri"
        } else {
            "io.containerd.cri.v1.images"
        };
        let new = vec![String::new(), format!("[plugins.\"{name}\".registry]"), format!("  config_path = \"{CERTS}\"")];
        vec![super::finding::Edit { file, line: text.lines().count() + 1, gone: 0, new }]
    }

    /// Whether pulls do not go through the transfer service: the switch, or a setting that only the local pull knows
    /// (containerd: `CheckLocalImagePullConfigs`).
    fn pulls_locally(&self) -> bool {
        let Some(images) = self.images else { return false };
        let flag = |key: &str| entry(images, key).and_then(|entry| as_bool(&entry.node)) == Some(true);
        let downloads = entry(images, "max_concurrent_downloads").map(|entry| &entry.node.value);
        let configs = self.registry.and_then(|registry| entry(registry, "configs"));
        flag("use_local_image_pull")
            || flag("discard_unpacked_layers")
            || downloads.is_some_and(|value| !matches!(value, Value::Number(text) if text == "3"))
            || configs.is_some_and(|configs| !entries(&configs.node).is_empty())
    }

    /// `registry.mirrors`: the path is taken as it is, and the upstream always comes last.
    fn mirrors(&self, config: &mut ClientConfig, files: &Files, mirrors: &Node) {
        let file = files.shown(CONFIG);
        for mirror in entries(mirrors) {
            let Some(listed) = entry(&mirror.node, "endpoint").map_or(Some(vec![]), |entry| as_list(&entry.node))
            else {
                let does = "containerd does not start with this file: no image is pulled";
                config.stops = Some("`endpoint` must be a list of texts".to_owned());
                config.findings.push(bad_file(&file, mirror.place, "`endpoint` must be a list of texts", does));
                return;
            };
            let mut endpoints = Vec::new();
            for (written, place) in listed {
                match Address::read(written, Scheme::Https) {
                    Ok(address) => {
                        let base = if address.path.is_empty() { "/v2" } else { &address.path };
                        let mut endpoint = Endpoint::new(written, &file, place, address.scheme, &address.host, base);
                        endpoint.override_path = true;
                        endpoints.push(endpoint);
                    }
                    Err(wrong) => config.findings.push(
                        Finding::new("mirror::bad_file", Level::Failure, &file, place)
                            .what(format!("containerd fails every pull of {}", mirror.key))
                            .why(format!("`{written}`: {wrong}"))
                            .remedy("write the endpoint as http://HOST:PORT/v2/NAME"),
                    ),
                }
            }
            let upstream = if mirror.key == "*" { Upstream::Every } else { Upstream::Host(mirror.key.clone()) };
            let (file, place) = (file.clone(), mirror.place);
            config.routes.push(Route { upstream, endpoints, way_out: WayOut::Upstream, file, place, broken: None });
        }
    }

    /// `registry.configs."HOST".auth` counts for the endpoints with that host.
    fn credentials(&self, config: &mut ClientConfig) {
        let Some(configs) = self.registry.and_then(|registry| entry(registry, "configs")) else { return };
        for host in entries(&configs.node) {
            let auth = entry(&host.node, "auth").is_some_and(|auth| !entries(&auth.node).is_empty());
            let skip = below(&host.node, &["tls", "insecure_skip_verify"]).and_then(as_bool) == Some(true);
            for endpoint in config.routes.iter_mut().flat_map(|route| &mut route.endpoints) {
                if endpoint.host == host.key {
                    endpoint.credentials |= auth;
                    endpoint.tls.skip_verify |= skip;
                }
            }
        }
    }
}

/// A route for each folder with a `hosts.toml`.
pub(crate) fn hosts(config: &mut ClientConfig, files: &Files, roots: &[&str]) {
    let mut without: Vec<Route> = Vec::new();
    for (folder, path) in folders(files, roots) {
        let (file, place) = (files.shown(&path), Place::START);
        config.files.push(file.clone());
        let upstream = if folder == "_default" { Upstream::Every } else { Upstream::Host(host_of(&folder)) };
        let mut route = Route { upstream, endpoints: vec![], way_out: WayOut::Upstream, file, place, broken: None };
        match hosts_toml::read(files, &path, config.client) {
            Hosts::Read { endpoints, server, findings } => {
                route.endpoints = endpoints;
                route.way_out = server.map_or(WayOut::Upstream, |server| WayOut::To(Box::new(server)));
                config.findings.extend(findings);
                broken(config, files, &path, &mut route);
                config.routes.push(route);
            }
            // A folder without a usable file still takes the place of `_default`.
            Hosts::Ignored(finding) => {
                config.findings.push(finding);
                without.push(route);
            }
        }
    }
    config.routes.extend(without);
}

/// An authority's file that is missing fails every pull: there is no next host.
fn broken(config: &mut ClientConfig, files: &Files, path: &str, route: &mut Route) {
    let folder = path.strip_suffix("/hosts.toml").unwrap_or_default();
    let server = match &route.way_out {
        WayOut::To(server) => Some(&**server),
        _ => None,
    };
    let found =
        route.endpoints.iter().chain(server).find_map(|one| Some((one, missing_authority(files, folder, one)?)));
    let Some((endpoint, ca)) = found else { return };
    let why = format!("`ca` names {ca}, and there is no such file");
    let finding = Finding::new("mirror::missing_ca", Level::Failure, &route.file, endpoint.place)
        .what(format!("containerd fails every pull of {}", route.upstream))
        .why(why.clone())
        .remedy("put the authority's certificate there, or remove `ca`");
    config.findings.push(finding);
    route.broken = Some(why);
}

/// The host of a folder: `zot_5050_` is `zot:5050`.
fn host_of(folder: &str) -> String {
    let port = folder.strip_suffix('_').and_then(|rest| rest.rsplit_once('_'));
    match port {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() => {
            format!("{host}:{port}")
        }
        _ => folder.to_owned(),
    }
}

/// The registry itself, as containerd asks it without any file.
pub(crate) fn upstream_endpoint(host: &str) -> Endpoint {
    let scheme = if is_loopback(host) { Scheme::HttpsThenHttp } else { Scheme::Https };
    let mut endpoint = Endpoint::new(host, "", Place::START, scheme, super::model::registry_of(host), "/v2");
    endpoint.capabilities = Capabilities::ALL;
    endpoint
}
