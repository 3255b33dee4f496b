//! k3s and RKE2: `registries.yaml`, which they translate into hosts.toml (k3s: pkg/agent/containerd/config.go).

use super::address::{Address, is_loopback, port};
use super::finding::{Finding, Level};
use super::model::{Client, ClientConfig, Endpoint, Kind, Names, Rewrite, Route, Scheme, Upstream, Version, WayOut};
use super::source::{Files, as_list, as_str, bad_file, below, entries, entry, tree};
use crate::zot::format::Format;
use crate::zot::tree::{Entry, Node, Place, Value};

/// Where k3s reads it.
pub(crate) const K3S: &str = "/etc/rancher/k3s/registries.yaml";
/// Where RKE2 reads it.
pub(crate) const RKE2: &str = "/etc/rancher/rke2/registries.yaml";
/// The settings of the program itself, of which one switch counts here.
pub(crate) const SWITCH: &str = "disable-default-registry-endpoint";

/// Reads the file as k3s or RKE2 does. `closed`: it runs with `--disable-default-registry-endpoint`.
pub(crate) fn read(files: &Files, kind: Kind, version: Option<Version>, closed: bool) -> ClientConfig {
    let mut config = ClientConfig::new(Client::new(kind, version));
    let path = if kind == Kind::Rke2 { RKE2 } else { K3S };
    let does = format!("{} does not start its containerd with this file", kind.word());
    let root = match tree(files, path, Format::Yaml, &does) {
        Ok(Some(root)) => root,
        Ok(None) => return config,
        Err(finding) => {
            config.stops = Some(finding.why.clone());
            config.findings.push(*finding);
            return config;
        }
    };
    let file = files.shown(path);
    config.files.push(file.clone());
    if !matches!(root.value, Value::Map(_) | Value::Null) {
        config.stops = Some("it is no object".to_owned());
        config.findings.push(bad_file(&file, root.place, "the file must be an object with `mirrors`", &does));
        return config;
    }
    Reader { root: &root, file, closed: closed || switched(files, kind) }.read(&mut config);
    config
}

/// Whether the program's own configuration has the switch.
fn switched(files: &Files, kind: Kind) -> bool {
    let path = format!("/etc/rancher/{}/config.yaml", kind.word());
    let Ok(Some(root)) = tree(files, &path, Format::Yaml, "") else { return false };
    below(&root, &[SWITCH]).is_some_and(|node| matches!(&node.value, Value::Bool(true)) || as_str(node) == Some("true"))
}

struct Reader<'a> {
    root: &'a Node,
    file: String,
    closed: bool,
}

impl Reader<'_> {
    fn read(&self, config: &mut ClientConfig) {
        let known = |entry: &&Entry| !matches!(entry.key.as_str(), "mirrors" | "configs" | "auths");
        for odd in entries(self.root).iter().filter(known) {
            let finding = Finding::new("mirror::unknown_key", Level::Failure, &self.file, odd.place)
                .what(format!("{} ignores `{}`", config.client.kind.word(), odd.key))
                .why("the file has the keys `mirrors` and `configs`")
                .remedy("write `mirrors` or `configs` in lower case, or remove the key");
            config.findings.push(finding);
        }
        let mirrors = below(self.root, &["mirrors"]).map_or(&[][..], entries);
        for mirror in mirrors {
            self.check(mirror, config);
            let route = self.route(mirror, config);
            config.routes.push(route);
        }
    }

    /// A value of another type is an error of the whole file; a key that is not known is left out.
    fn check(&self, mirror: &Entry, config: &mut ClientConfig) {
        let kind = config.client.kind.word();
        let is_object = |node: &Node| matches!(node.value, Value::Map(_) | Value::Null);
        let endpoint = entry(&mirror.node, "endpoint");
        let wrong_list = endpoint.filter(|entry| as_list(&entry.node).is_none() && entry.node.value != Value::Null);
        let rewrite = entry(&mirror.node, "rewrite").filter(|entry| !is_object(&entry.node));
        let bad = match (is_object(&mirror.node), wrong_list, rewrite) {
            (false, _, _) => Some((mirror.place, format!("`{}` must be an object with `endpoint`", mirror.key))),
            (_, Some(entry), _) => Some((entry.place, "`endpoint` must be a list of URLs".to_owned())),
            (_, _, Some(entry)) => Some((entry.place, "`rewrite` must be an object of patterns".to_owned())),
            _ => None,
        };
        if let Some((place, why)) = bad {
            config.stops.get_or_insert_with(|| why.clone());
            let does = format!("{kind} does not start its containerd with this file");
            config.findings.push(bad_file(&self.file, place, &why, &does));
        }
        let known = |entry: &&Entry| !matches!(entry.key.as_str(), "endpoint" | "rewrite");
        for odd in entries(&mirror.node).iter().filter(known) {
            let finding = Finding::new("mirror::unknown_key", Level::Failure, &self.file, odd.place)
                .what(format!("{kind} ignores `{}`", odd.key))
                .why("a mirror has the keys `endpoint` and `rewrite`")
                .remedy("write `endpoint` or `rewrite`, or remove the key");
            config.findings.push(finding);
        }
    }

    fn route(&self, mirror: &Entry, config: &mut ClientConfig) -> Route {
        let names = self.names(mirror, config);
        let mut endpoints: Vec<Endpoint> = Vec::new();
        let listed = entry(&mirror.node, "endpoint").and_then(|entry| as_list(&entry.node)).unwrap_or_default();
        for (written, place) in listed {
            match self.endpoint(written, place) {
                Ok(mut endpoint) => {
                    endpoint.names = names.clone();
                    let same = |other: &Endpoint| {
                        other.host == endpoint.host && other.scheme == endpoint.scheme && other.base == endpoint.base
                    };
                    if !endpoints.iter().any(same) {
                        endpoints.push(endpoint);
                    }
                }
                Err(wrong) => {
                    let finding = Finding::new("mirror::bad_endpoint", Level::Failure, &self.file, place)
                        .what(format!("{} drops the endpoint `{written}`", config.client.kind.word()))
                        .why(wrong)
                        .remedy("write it as https://HOST:PORT/v2/NAME");
                    config.findings.push(finding);
                }
            }
        }
        let upstream = if mirror.key == "*" { Upstream::Every } else { Upstream::Host(mirror.key.clone()) };
        let way_out = self.way_out(mirror, &mut endpoints);
        Route { upstream, endpoints, way_out, file: self.file.clone(), place: mirror.place, broken: None }
    }

    /// The default endpoint comes last unless it is switched off. The switch does not count for a host that is in
    /// `configs` too.
    fn way_out(&self, mirror: &Entry, endpoints: &mut Vec<Endpoint>) -> WayOut {
        let configured = below(self.root, &["configs"]).is_some_and(|configs| entry(configs, &mirror.key).is_some());
        if self.closed && !configured {
            return WayOut::Nowhere;
        }
        let own = super::model::registry_of(&mirror.key);
        let last = endpoints.pop_if(|last| last.scheme == Scheme::Https && last.host == own && last.base == "/v2");
        last.map_or(WayOut::Upstream, |last| WayOut::To(Box::new(last)))
    }

    fn endpoint(&self, written: &str, place: Place) -> Result<Endpoint, String> {
        let address = Address::read(written, Scheme::Https)?;
        let plain =
            !written.contains("://") && address.is_loopback() && !matches!(port(&address.host), None | Some("443"));
        let scheme = if plain { Scheme::Http } else { address.scheme };
        let default = matches!(address.path.as_str(), "" | "/" | "/v2");
        let base = if default { "/v2".to_owned() } else { super::address::clean(&address.path) };
        let host = super::model::registry_of(&address.host);
        let mut endpoint = Endpoint::new(written, &self.file, place, scheme, host, &base);
        endpoint.override_path = !default;
        let settings = below(self.root, &["configs"]).and_then(|configs| below(configs, &[&address.host]));
        if let Some(settings) = settings {
            endpoint.credentials = entry(settings, "auth").is_some();
            let tls = below(settings, &["tls"]);
            let skip = tls.and_then(|tls| below(tls, &["insecure_skip_verify"]));
            endpoint.tls.skip_verify = skip.is_some_and(|node| matches!(node.value, Value::Bool(true)));
            let ca = tls.and_then(|tls| below(tls, &["ca_file"])).and_then(as_str);
            endpoint.tls.ca = ca.map(str::to_owned).into_iter().collect();
            endpoint.tls.client = tls.is_some_and(|tls| entry(tls, "cert_file").is_some());
        }
        if endpoint.scheme == Scheme::Http
            && endpoint.tls != super::model::Tls::default()
            && !is_loopback(&endpoint.host)
        {
            endpoint.scheme = Scheme::HttpsThenHttp;
        }
        Ok(endpoint)
    }

    fn names(&self, mirror: &Entry, config: &mut ClientConfig) -> Names {
        let Some(rewrites) = entry(&mirror.node, "rewrite") else { return Names::Same };
        let mut kept = Vec::new();
        for rewrite in entries(&rewrites.node) {
            match regex::Regex::new(&rewrite.key) {
                Ok(_) => {
                    let replacement = as_str(&rewrite.node).unwrap_or_default().to_owned();
                    kept.push(Rewrite { pattern: rewrite.key.clone(), replacement, place: rewrite.place });
                }
                Err(error) => {
                    let error = error.to_string();
                    let reason =
                        error.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
                    let finding = Finding::new("mirror::bad_rewrite", Level::Failure, &self.file, rewrite.place)
                        .what(format!("{} leaves the rewrite `{}` out", config.client.kind.word(), rewrite.key))
                        .why(format!("it is no regular expression: {reason}"))
                        .remedy("write ^(.*)$ for all names");
                    config.findings.push(finding);
                }
            }
        }
        Names::Rewrites(kept)
    }
}
