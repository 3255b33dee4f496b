//! Talos: the machine configuration, in its older and its newer form, which becomes hosts.toml.

use super::address::Address;
use super::finding::{Finding, Level};
use super::hosts_toml::base;
use super::model::{Client, ClientConfig, Endpoint, Kind, Route, Scheme, Upstream, Version, WayOut};
use super::source::{Files, as_bool, as_str, bad_file, below, entries, entry};
use crate::zot::format::{Format, parse_as};
use crate::zot::tree::{Entry, Node, Place, Value};

const REFUSES: &str = "Talos refuses this configuration";

#[cfg(test)]
/// Whether a YAML text is a machine configuration.
pub(crate) fn is_one(text: &str) -> bool {
    let starts = |word: &str| text.lines().any(|line| line.starts_with(word));
    starts("machine:") || starts("kind: RegistryMirrorConfig")
}

/// Reads the file at `path`.
pub(crate) fn read(files: &Files, version: Option<Version>, path: &str) -> ClientConfig {
    let mut config = ClientConfig::new(Client::new(Kind::Talos, version));
    let file = files.shown(path);
    config.files.push(file.clone());
    let text = match files.texts.get(path) {
        Some(Ok(text)) => text,
        Some(Err(unread)) => {
            config.findings.push(bad_file(&file, unread.place, &unread.message, REFUSES));
            return config;
        }
        None => return config,
    };
    for (first, part) in documents(text) {
        match parse_as(Format::Yaml, &part) {
            Ok(root) => document(&mut config, &root, &file, first),
            Err(complaint) => {
                let place = shifted(complaint.place, first);
                config.stops = Some(complaint.message.clone());
                config.findings.push(bad_file(&file, place, &complaint.message, REFUSES));
            }
        }
    }
    config
}

/// The documents of the file, each with the number of lines before it.
fn documents(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(0, String::new())];
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("---") {
            documents.push((number + 1, String::new()));
        } else if let Some((_, part)) = documents.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    documents.retain(|(_, part)| !part.trim().is_empty());
    documents
}

fn shifted(place: Place, lines: usize) -> Place {
    Place { line: place.line + lines, ..place }
}

fn document(config: &mut ClientConfig, root: &Node, file: &str, first: usize) {
    let registries = below(root, &["machine", "registries"]);
    let settings = registries.and_then(|registries| below(registries, &["config"]));
    let mirrors = registries.and_then(|registries| below(registries, &["mirrors"])).map_or(&[][..], entries);
    for mirror in mirrors {
        route(config, &mirror.key, &mirror.node, settings, (file, shifted(mirror.place, first), first));
    }
    if below(root, &["kind"]).and_then(as_str) == Some("RegistryMirrorConfig")
        && let Some(name) = below(root, &["name"]).and_then(as_str)
    {
        route(config, name, root, None, (file, shifted(Place::START, first), first));
    }
}

fn route(config: &mut ClientConfig, name: &str, node: &Node, settings: Option<&Node>, at: (&str, Place, usize)) {
    let (file, place, first) = at;
    let flag = |node: &Node, key: &str| below(node, &[key]).and_then(as_bool).unwrap_or(false);
    let listed = entry(node, "endpoints").map_or(Vec::new(), |entry| items(entry));
    let mut endpoints = Vec::new();
    for item in listed {
        // An endpoint is a text, or in the newer form an object with its settings.
        let written = as_str(item).or_else(|| below(item, &["url"]).and_then(as_str)).unwrap_or_default();
        let own = flag(node, "overridePath") || flag(item, "overridePath");
        match Address::read(written, Scheme::Https) {
            Ok(address) => {
                let base = base(&address.path, own);
                let place = shifted(item.place, first);
                let mut endpoint = Endpoint::new(written, file, place, address.scheme, &address.host, &base);
                endpoint.override_path = own;
                let host = settings.and_then(|settings| below(settings, &[&address.host]));
                endpoint.credentials = host.is_some_and(|host| entry(host, "auth").is_some());
                let tls = host.and_then(|host| below(host, &["tls"]));
                endpoint.tls.skip_verify = tls.is_some_and(|tls| flag(tls, "insecureSkipVerify"));
                endpoints.push(endpoint);
            }
            Err(wrong) => config.findings.push(
                Finding::new("mirror::bad_endpoint", Level::Failure, file, shifted(item.place, first))
                    .what(format!("Talos refuses the endpoint `{written}`"))
                    .why(wrong)
                    .remedy("write it as http://HOST:PORT/v2/NAME with overridePath: true"),
            ),
        }
    }
    let way_out = if flag(node, "skipFallback") { WayOut::Nowhere } else { WayOut::Upstream };
    let upstream = if name == "*" { Upstream::Every } else { Upstream::Host(name.to_owned()) };
    config.routes.push(Route { upstream, endpoints, way_out, file: file.to_owned(), place, broken: None });
}

fn items(entry: &Entry) -> Vec<&Node> {
    match &entry.node.value {
        Value::List(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}
