//! The client files below a folder: found by their names, read once each, equal ones of many nodes joined.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Level};
use super::model::{ClientConfig, Kind, Version};
use super::source::{Files, Unread, read};
use super::{buildkitd, containerd, dockerd, k3s, registries_conf, talos};
use crate::zot::tree::Place;

/// No more text than this is held, in bytes.
const MOST_TEXT: usize = 64 << 20;
/// No more files than this are looked at.
const MOST_FILES: usize = 200_000;
/// No folder deeper than this is looked into.
const DEEPEST: usize = 24;

/// One client of one or of many nodes, with the text of its files.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The client.
    pub(crate) config: ClientConfig,
    /// Its files as they are shown, for corrected ones.
    pub(crate) texts: BTreeMap<String, String>,
}

impl std::fmt::Debug for Found {
    /// Without the texts, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("client", &self.config.client).finish_non_exhaustive()
    }
}

/// What is below a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Folder {
    /// The clients, by their kind and first node.
    pub(crate) clients: Vec<Found>,
    /// What was not looked at.
    pub(crate) findings: Vec<Finding>,
}

/// Reads the client files below a folder. Links to folders are not followed.
///
/// # Errors
/// When the folder itself cannot be read.
pub(crate) fn read_folder(path: &Path) -> std::io::Result<Folder> {
    fs::read_dir(path)?;
    let mut folder = Folder::default();
    let mut nodes: BTreeMap<String, Vec<(String, PathBuf)>> = BTreeMap::new();
    for file in files(path, &mut folder.findings) {
        let relative = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
        if let Some((node, canonical)) = place(&relative) {
            nodes.entry(node).or_default().push((canonical, file));
        }
    }
    let mut groups: BTreeMap<(Kind, Texts), Group> = BTreeMap::new();
    let mut held = 0;
    for (node, files) in nodes {
        for (kind, files) in by_client(read_node(files, &mut held)) {
            let texts: Texts = files.texts.iter().map(|(path, text)| (path.clone(), text.clone())).collect();
            let size: usize = texts.iter().map(|(_, text)| text.as_ref().map_or(0, String::len)).sum();
            match groups.entry((kind, texts)) {
                std::collections::btree_map::Entry::Occupied(mut group) => {
                    group.get_mut().nodes.push(node.clone());
                    held -= size.min(held);
                }
                std::collections::btree_map::Entry::Vacant(group) => {
                    group.insert(Group { nodes: vec![node.clone()], files });
                }
            }
        }
    }
    let mut clients: Vec<Found> = groups.into_iter().map(|((kind, _), group)| found(kind, group)).collect();
    clients
        .sort_by(|one, other| (one.config.client, &one.config.nodes).cmp(&(other.config.client, &other.config.nodes)));
    folder.clients = clients;
    Ok(folder)
}

type Texts = Vec<(String, Result<String, Unread>)>;

struct Group {
    nodes: Vec<String>,
    files: Files,
}

/// All files below a folder, in the order of their names.
fn files(path: &Path, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    let (mut found, mut open, mut seen) = (Vec::new(), vec![(path.to_owned(), 0)], 0);
    let mut left_out = |path: &Path, why: &str| {
        findings.push(
            Finding::new("mirror::not_read", Level::Advice, &path.to_string_lossy(), Place::START)
                .what("this folder was not looked into")
                .why(why)
                .remedy("name a folder with the clients' files alone"),
        );
    };
    while let Some((path, depth)) = open.pop() {
        let Ok(entries) = fs::read_dir(&path) else {
            left_out(&path, "it cannot be read");
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            seen += 1;
            if seen > MOST_FILES {
                left_out(&path, "there are too many files");
                found.sort();
                return found;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEEPEST => open.push((entry.path(), depth + 1)),
                Ok(kind) if kind.is_dir() => left_out(&entry.path(), "it is too deep"),
                // A link to a file is read as the client reads it; one to a folder might lead round.
                Ok(kind) if kind.is_file() || entry.path().is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The node of a file and its path there. A node is the folder above `etc`; files may also lie right in the node's folder.
fn place(relative: &str) -> Option<(String, String)> {
    let relative = relative.replace('\\', "/");
    let (above, name) = relative.rsplit_once('/').unwrap_or(("", &relative));
    let canonical = canonical(above, name)?;
    let node = match format!("/{relative}").strip_suffix(&canonical) {
        Some(node) => node.trim_start_matches('/').to_owned(),
        None => node_of(above),
    };
    let node = node.trim_end_matches('/').to_owned();
    Some((if node.is_empty() { ".".to_owned() } else { node }, canonical))
}

/// The folder of a node whose files do not lie as they do there.
fn node_of(above: &str) -> String {
    let parts: Vec<&str> = above.split('/').collect();
    let own = |part: &&str| {
        matches!(
            *part,
            "etc" | "certs.d" | "containerd" | "docker" | "rancher" | "containers" | "buildkit" | "registries.conf.d"
        )
    };
    let end = parts.iter().position(own).unwrap_or(parts.len());
    parts.get(..end).unwrap_or_default().join("/")
}

/// Where a client looks for a file of this name.
fn canonical(above: &str, name: &str) -> Option<String> {
    let last = above.rsplit('/').next().unwrap_or_default();
    let below_certs = above.rfind("certs.d/").map(|at| above.get(at + 8..).unwrap_or_default());
    Some(match name {
        "registries.yaml" if above.contains("rke2") => k3s::RKE2.to_owned(),
        "registries.yaml" => k3s::K3S.to_owned(),
        "config.yaml" if last == "k3s" || last == "rke2" => format!("/etc/rancher/{last}/config.yaml"),
        "daemon.json" => dockerd::DAEMON.to_owned(),
        "registries.conf" => registries_conf::CONF.to_owned(),
        "buildkitd.toml" => buildkitd::CONFIG.to_owned(),
        "config.toml" if last == "containerd" => containerd::CONFIG.to_owned(),
        _ if last == "registries.conf.d" && name.ends_with(".conf") => format!("{}{name}", registries_conf::CONF_D),
        _ if below_certs.is_some() => {
            let certs = if above.contains("docker/certs.d/") { dockerd::CERTS } else { containerd::CERTS };
            format!("{certs}/{}/{name}", below_certs.unwrap_or_default())
        }
        "controlplane.yaml" | "worker.yaml" | "machine.yaml" | "talos.yaml" => format!("/talos/{name}"),
        _ => return None,
    })
}

/// The files of a node; certificates are known by name and not read.
fn read_node(files: Vec<(String, PathBuf)>, held: &mut usize) -> Files {
    let mut node = Files::default();
    for (canonical, path) in files {
        node.present.insert(canonical.clone());
        let name = canonical.rsplit('/').next().unwrap_or_default();
        if canonical.contains("/certs.d/") && name != "hosts.toml" {
            continue;
        }
        node.elsewhere.insert(canonical.clone(), path.to_string_lossy().into_owned());
        let text = if *held > MOST_TEXT {
            let message = format!("it was not read: the files have more than {} MiB in all", MOST_TEXT >> 20);
            Err(Unread { message, place: Place::START, readable: true })
        } else {
            read(&path)
        };
        *held += text.as_ref().map_or(0, String::len);
        node.texts.insert(canonical, text);
    }
    node
}

/// The clients of a node, each with its files.
fn by_client(files: Files) -> Vec<(Kind, Files)> {
    let parts: [(Kind, &[&str]); 7] = [
        (Kind::Cri, &["/etc/containerd/"]),
        (Kind::K3s, &["/etc/rancher/k3s/"]),
        (Kind::Rke2, &["/etc/rancher/rke2/"]),
        (Kind::DockerdClassic, &["/etc/docker/"]),
        (Kind::Podman, &["/etc/containers/"]),
        (Kind::BuildKit, &["/etc/buildkit/"]),
        (Kind::Talos, &["/talos/"]),
    ];
    let part = |(kind, starts): (Kind, &[&str])| {
        let own = |path: &String| starts.iter().any(|start| path.starts_with(start));
        let mut part = files.clone();
        part.texts.retain(|path, _| own(path));
        part.present.retain(own);
        (!part.texts.is_empty()).then_some((kind, part))
    };
    parts.into_iter().filter_map(part).collect()
}

fn found(kind: Kind, group: Group) -> Found {
    let mut config = configured(kind, &group.files, None);
    config.nodes = group.nodes;
    Found { config, texts: group.files.shown_texts() }
}

fn configured(kind: Kind, files: &Files, version: Option<Version>) -> ClientConfig {
    match kind {
        Kind::K3s | Kind::Rke2 => k3s::read(files, kind, version, false),
        Kind::DockerdClassic => dockerd::read(files, version, None),
        Kind::BuildKit => buildkitd::read(files, version),
        Kind::Talos => {
            let path = files.texts.keys().next().cloned().unwrap_or_default();
            talos::read(files, version, &path)
        }
        Kind::Podman | Kind::Buildah | Kind::Skopeo | Kind::CriO => {
            registries_conf::read(files, kind, version, registries_conf::CONF)
        }
        _ => containerd::read(files, version),
    }
}

/// Reads one client: its file, or for containerd and containers the folder of its files.
///
/// # Errors
/// When the file or folder cannot be opened.
pub(crate) fn read_client(kind: Kind, path: &Path, version: Option<Version>) -> std::io::Result<Found> {
    let mut named: Vec<(String, PathBuf)> = Vec::new();
    if fs::metadata(path)?.is_dir() {
        fs::read_dir(path)?;
        for file in files(path, &mut Vec::new()) {
            let relative = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().replace('\\', "/");
            let (above, name) = relative.rsplit_once('/').unwrap_or(("", &relative));
            // The folder itself is `certs.d` where it has the folders of hosts.
            let own = canonical(above, name)
                .or_else(|| (kind == Kind::Cri).then(|| format!("{}/{relative}", containerd::CERTS)));
            named.extend(own.map(|own| (own, file)));
        }
    } else {
        fs::File::open(path)?;
        let file = match kind {
            Kind::K3s => k3s::K3S,
            Kind::Rke2 => k3s::RKE2,
            Kind::DockerdClassic => dockerd::DAEMON,
            Kind::BuildKit => buildkitd::CONFIG,
            Kind::Podman | Kind::Buildah | Kind::Skopeo | Kind::CriO => registries_conf::CONF,
            Kind::Talos => "/talos/machine.yaml",
            _ => containerd::CONFIG,
        };
        named.push((file.to_owned(), path.to_owned()));
    }
    let files = read_node(named, &mut 0);
    let config = configured(kind, &files, version);
    Ok(Found { config, texts: files.shown_texts() })
}

#[cfg(test)]
mod tests;
