//! BuildKit: `buildkitd.toml` (buildkit: util/resolver/resolver.go).

use super::address::{clean, is_loopback};
use super::finding::Finding;
use super::model::{Client, ClientConfig, Endpoint, Kind, Route, Scheme, Upstream, Version, WayOut, registry_of};
use super::source::{Files, as_bool, as_list, bad_file, entries, entry, tree};
use crate::zot::format::Format;
use crate::zot::tree::{Entry, Node, Value};

/// Where buildkitd reads it.
pub(crate) const CONFIG: &str = "/etc/buildkit/buildkitd.toml";
const REFUSES: &str = "buildkitd does not start with this file";

/// Reads the file.
pub(crate) fn read(files: &Files, version: Option<Version>) -> ClientConfig {
    let mut config = ClientConfig::new(Client::new(Kind::BuildKit, version));
    let read = tree(files, CONFIG, Format::Toml, REFUSES)
        .and_then(|root| root.map_or(Ok(()), |root| routes(&mut config, files, &root)));
    if let Err(finding) = read {
        config.stops = Some(finding.why.clone());
        config.findings.push(*finding);
    }
    config
}

fn routes(config: &mut ClientConfig, files: &Files, root: &Node) -> Result<(), Box<Finding>> {
    let file = files.shown(CONFIG);
    config.files.push(file.clone());
    let Some(registry) = entry(root, "registry") else { return Ok(()) };
    let tables = entries(&registry.node);
    for table in tables {
        let bad = |message: &str| Box::new(bad_file(&file, table.place, message, REFUSES));
        if !matches!(table.node.value, Value::Map(_)) {
            return Err(bad("write [registry.\"docker.io\"]"));
        }
        let mirrors = match entry(&table.node, "mirrors") {
            None => Vec::new(),
            Some(found) => as_list(&found.node).ok_or_else(|| bad("`mirrors` must be a list of texts"))?,
        };
        let endpoints = mirrors.into_iter().map(|(written, place)| {
            let bare = written.split_once("://").map_or(written, |(_, rest)| rest);
            let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
            let base = clean(&format!("/v2/{path}"));
            let mut endpoint = Endpoint::new(written, &file, place, scheme(tables, host), host, &base);
            endpoint.tls.skip_verify = flag(tables, host, "insecure");
            endpoint
        });
        let endpoints: Vec<_> = endpoints.collect();
        let way_out = way_out(tables, table, &file);
        if endpoints.is_empty() && way_out == WayOut::Upstream {
            continue;
        }
        let upstream = Upstream::Host(table.key.clone());
        config.routes.push(Route {
            upstream,
            endpoints,
            way_out,
            file: file.clone(),
            place: table.place,
            broken: None,
        });
    }
    Ok(())
}

/// The settings of a host are in its own table, not in that of the upstream.
fn scheme(tables: &[Entry], host: &str) -> Scheme {
    let written = tables.iter().find(|table| table.key == host).and_then(|table| entry(&table.node, "http"));
    let plain = written.map_or(is_loopback(host), |entry| as_bool(&entry.node) == Some(true));
    match (plain, flag(tables, host, "insecure")) {
        (true, true) => Scheme::HttpsThenHttp,
        (true, false) => Scheme::Http,
        (false, _) => Scheme::Https,
    }
}

fn flag(tables: &[Entry], host: &str, key: &str) -> bool {
    let table = tables.iter().find(|table| table.key == host);
    table.and_then(|table| entry(&table.node, key)).is_some_and(|entry| as_bool(&entry.node) == Some(true))
}

fn way_out(tables: &[Entry], table: &Entry, file: &str) -> WayOut {
    let scheme = scheme(tables, &table.key);
    if scheme == Scheme::Https {
        return WayOut::Upstream;
    }
    WayOut::To(Box::new(Endpoint::new(&table.key, file, table.place, scheme, registry_of(&table.key), "/v2")))
}
