//! containerd's `hosts.toml`: what it asks, or why containerd does as if there were no file.
//!
//! containerd: core/remotes/docker/config/hosts.go at v2.3.2, remotes/docker/config/hosts.go at v1.7.29.

use std::collections::BTreeMap;

use super::address::{Address, clean, port};
use super::finding::{Finding, Level};
use super::model::{Capabilities, Client, Endpoint, Names, Rewrite, Scheme, Tls, Version};
use super::source::{Files, as_bool, as_list, as_str, bad_file, entries, entry, tree};
use crate::zot::format::Format;
use crate::zot::tree::{Entry, Node, Place, Value};

/// From this version a file with `server` alone is read; in 1.7 from [`SERVER_ALONE_1_7`].
const SERVER_ALONE: Version = Version(2, 0, 0);
const SERVER_ALONE_1_7: Version = Version(1, 7, 32);
/// From this version `http://` with settings of TLS is tried with TLS first.
const TLS_FIRST: Version = Version(1, 7, 20);
/// From this version the capability `referrers` is known.
const REFERRERS: Version = Version(2, 0, 0);

/// What containerd makes of the file.
pub(crate) enum Hosts {
    /// It asks these, in order, and then the server.
    Read {
        /// The `[host]` tables.
        endpoints: Vec<Endpoint>,
        /// `server`, where it is written.
        server: Option<Endpoint>,
        /// What else was seen.
        findings: Vec<Finding>,
    },
    /// It does as if there were no file.
    Ignored(Finding),
}

/// Where the file is and who reads it.
struct Reader<'a> {
    files: &'a Files,
    path: &'a str,
    shown: String,
    client: Client,
    findings: Vec<Finding>,
}

/// Reads the file of one folder below `certs.d`.
pub(crate) fn read(files: &Files, path: &str, client: Client) -> Hosts {
    let mut reader = Reader { files, path, shown: files.shown(path), client, findings: Vec::new() };
    let does = ignores(client, path);
    let root = match tree(files, path, Format::Toml, &does) {
        Ok(Some(root)) if !entries(&root).is_empty() => root,
        Ok(_) => return Hosts::Ignored(bad_file(&reader.shown, Place::START, "the file says nothing", &does)),
        Err(finding) => return Hosts::Ignored(*finding),
    };
    reader.hosts(&root).unwrap_or_else(|(place, message)| Hosts::Ignored(reader.dropped(place, &message)))
}

/// What follows where a file is not read.
pub(crate) fn ignores(client: Client, path: &str) -> String {
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    format!("{} ignores this file: pulls of {folder} go to the internet in silence", client.kind.word())
}

type Wrong = (Place, String);

impl Reader<'_> {
    fn dropped(&self, place: Place, message: &str) -> Finding {
        bad_file(&self.shown, place, message, &ignores(self.client, self.path))
    }

    fn hosts(&mut self, root: &Node) -> Result<Hosts, Wrong> {
        let mut endpoints = Vec::new();
        let hosts = entry(root, "host").map_or(&[][..], |host| entries(&host.node));
        if let Some(capital) =
            entries(root).iter().find(|entry| entry.key != "host" && entry.key.eq_ignore_ascii_case("host"))
        {
            return Err((capital.place, format!("containerd knows `host`, not `{}`", capital.key)));
        }
        for host in hosts {
            let endpoint = self.host(host)?;
            if self.is_table(host.place) || !self.client.since(Version(2, 0, 0)) {
                endpoints.push(endpoint);
            } else {
                let finding = Finding::new("mirror::bad_file", Level::Failure, &self.shown, host.place)
                    .what(format!("containerd never asks {}", host.key))
                    .why("it takes its hosts from `[host.\"...\"]` lines, not from inline tables")
                    .remedy("write the host as a table with a line for each key");
                self.findings.push(finding);
            }
        }
        let server = self.server(root)?;
        if hosts.is_empty() && !self.reads_server_alone() {
            return Err((Place::START, "this version reads no file without a [host] table".to_owned()));
        }
        Ok(Hosts::Read { endpoints, server, findings: std::mem::take(&mut self.findings) })
    }

    fn reads_server_alone(&self) -> bool {
        let old = !self.client.since(SERVER_ALONE);
        !old || self.client.since(SERVER_ALONE_1_7)
    }

    /// Whether a key stands in a table's header: only those are in containerd's list of hosts.
    fn is_table(&self, place: Place) -> bool {
        let text = self.files.texts.get(self.path).and_then(|text| text.as_ref().ok());
        let line = text.and_then(|text| text.lines().nth(place.line - 1));
        line.is_some_and(|line| line.trim_start().starts_with('['))
    }

    fn server(&mut self, root: &Node) -> Result<Option<Endpoint>, Wrong> {
        let Some(server) = entry(root, "server") else {
            // The settings at the top are checked too, and one that is wrong drops the file.
            self.settings(root, "https://none", Place::START)?;
            return Ok(None);
        };
        let written = as_str(&server.node).ok_or((server.node.place, "`server` must be text".to_owned()))?;
        if written.is_empty() {
            return Ok(None);
        }
        self.settings(root, written, server.node.place).map(Some)
    }

    fn host(&mut self, host: &Entry) -> Result<Endpoint, Wrong> {
        if !matches!(host.node.value, Value::Map(_)) {
            return Err((host.node.place, "a host must be a table".to_owned()));
        }
        self.unknown_keys(host);
        self.settings(&host.node, &host.key, host.place)
    }

    fn unknown_keys(&mut self, host: &Entry) {
        const KNOWN: &[&str] =
            &["capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout", "rewrite"];
        for key in entries(&host.node).iter().filter(|entry| !KNOWN.contains(&entry.key.to_lowercase().as_str())) {
            let why = match key.key.as_str() {
                "server" => "the key stands below a [host] line, so it belongs to that host, which has no such key",
                _ => "a host has no such key",
            };
            let finding = Finding::new("mirror::unknown_key", Level::Advice, &self.shown, key.place)
                .what(format!("containerd ignores `{}`", key.key))
                .why(why)
                .remedy("put it above the first [host] line, or remove it");
            self.findings.push(finding);
        }
    }

    fn settings(&mut self, node: &Node, written: &str, place: Place) -> Result<Endpoint, Wrong> {
        let address =
            Address::read(written, Scheme::Https).map_err(|wrong| (place, format!("`{written}`: {wrong}")))?;
        let override_path = self.flag(node, "override_path")?.unwrap_or(false);
        let base = base(&address.path, override_path);
        let mut endpoint = Endpoint::new(written, &self.shown, place, address.scheme, &address.host, &base);
        endpoint.override_path = override_path;
        endpoint.capabilities = self.capabilities(node)?;
        endpoint.tls = self.tls(node)?;
        endpoint.headers = self.headers(node)?;
        endpoint.names = self.rewrites(node)?;
        let tls = &endpoint.tls;
        let tls = tls.client || !tls.ca.is_empty() || entry(node, "skip_verify").is_some();
        if endpoint.scheme == Scheme::Http && tls && port(&endpoint.host) != Some("80") && self.client.since(TLS_FIRST)
        {
            endpoint.scheme = Scheme::HttpsThenHttp;
        }
        Ok(endpoint)
    }

    fn flag(&self, node: &Node, key: &str) -> Result<Option<bool>, Wrong> {
        let Some(found) = entry(node, key) else { return Ok(None) };
        as_bool(&found.node)
            .map(Some)
            .ok_or_else(|| (found.node.place, format!("`{key}` must be true or false, without quotes")))
    }

    fn capabilities(&self, node: &Node) -> Result<Capabilities, Wrong> {
        let Some(found) = entry(node, "capabilities") else { return Ok(Capabilities::ALL) };
        let wrong = || (found.node.place, "`capabilities` must be a list of texts".to_owned());
        let listed = as_list(&found.node).ok_or_else(wrong)?;
        if listed.is_empty() {
            return Ok(Capabilities::ALL);
        }
        let mut has = Capabilities { pull: false, resolve: false, push: false, place: Some(found.place) };
        for (word, place) in listed {
            match word.to_lowercase().as_str() {
                "pull" => has.pull = true,
                "resolve" => has.resolve = true,
                "push" => has.push = true,
                "referrers" if self.client.since(REFERRERS) => {}
                _ => return Err((place, format!("`{word}` is not a capability of containerd"))),
            }
        }
        Ok(has)
    }

    fn tls(&self, node: &Node) -> Result<Tls, Wrong> {
        let mut tls = Tls { skip_verify: self.flag(node, "skip_verify")?.unwrap_or(false), ..Tls::default() };
        if let Some(found) = entry(node, "ca") {
            let wrong = || (found.node.place, "`ca` must be text or a list of texts".to_owned());
            tls.ca = match as_str(&found.node) {
                Some(one) => vec![one.to_owned()],
                None => as_list(&found.node).ok_or_else(wrong)?.into_iter().map(|(one, _)| one.to_owned()).collect(),
            };
        }
        tls.client = entry(node, "client").is_some();
        Ok(tls)
    }

    fn headers(&self, node: &Node) -> Result<Vec<String>, Wrong> {
        let Some(found) = entry(node, "header") else { return Ok(Vec::new()) };
        let Value::Map(headers) = &found.node.value else {
            return Err((found.node.place, "`header` must be a table".to_owned()));
        };
        let bad = headers.iter().find(|header| as_str(&header.node).is_none() && as_list(&header.node).is_none());
        match bad {
            Some(header) => Err((header.place, format!("the header `{}` must be text", header.key))),
            None => Ok(headers.iter().map(|header| header.key.clone()).collect()),
        }
    }

    fn rewrites(&mut self, node: &Node) -> Result<Names, Wrong> {
        let Some(found) = entry(node, "rewrite") else { return Ok(Names::Same) };
        if !self.client.kind.rewrites() {
            let finding = Finding::new("mirror::rewrite_unknown", Level::Failure, &self.shown, found.place)
                .what("containerd ignores `rewrite`: it asks for the name as it is")
                .why("only k3s's and RKE2's containerd knows `rewrite`")
                .remedy("write the path into the host's URL, with override_path = true");
            self.findings.push(finding);
            return Ok(Names::Same);
        }
        let rewrites = entries(&found.node).iter().filter_map(|entry| {
            let replacement = as_str(&entry.node)?.to_owned();
            Some(Rewrite { pattern: entry.key.clone(), replacement, place: entry.place })
        });
        Ok(Names::Rewrites(rewrites.collect()))
    }
}

/// What comes before the repository's name.
pub(crate) fn base(path: &str, override_path: bool) -> String {
    if path.is_empty() {
        return if override_path { String::new() } else { "/v2".to_owned() };
    }
    let path = clean(path);
    if override_path || path.ends_with("/v2") { path } else { format!("{}/v2", path.trim_end_matches('/')) }
}

/// The first authority file that an endpoint names and that is not there. Relative names start at the folder of the hosts.toml.
pub(crate) fn missing_authority(files: &Files, folder: &str, endpoint: &Endpoint) -> Option<String> {
    let path = |name: &str| if name.starts_with('/') { name.to_owned() } else { format!("{folder}/{name}") };
    endpoint.tls.ca.iter().map(|name| path(name)).find(|path| files.knows(path) == Some(false))
}

/// The `hosts.toml` of each folder below one of `roots`; the first root with a folder counts.
pub(crate) fn folders(files: &Files, roots: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for root in roots {
        let below = format!("{}/", root.trim_end_matches('/'));
        for path in files.present.iter().filter(|path| path.ends_with("/hosts.toml")) {
            let Some(folder) = path.strip_prefix(&below).and_then(|rest| rest.strip_suffix("/hosts.toml")) else {
                continue;
            };
            if !folder.contains('/') {
                found.entry(folder.to_owned()).or_insert_with(|| path.clone());
            }
        }
    }
    found
}
