//! podman, skopeo, buildah and CRI-O: `registries.conf` and `registries.conf.d` (containers/image: pkg/sysregistriesv2).

use super::finding::Finding;
use super::model::{
    Client, ClientConfig, Endpoint, Kind, Names, Route, Scheme, Upstream, Version, WayOut, When, registry_of,
};
use super::source::{Files, as_bool, as_str, bad_file, entries, entry, tree};
use crate::zot::format::Format;
use crate::zot::tree::{Entry, Node, Place, Value};

/// The file.
pub(crate) const CONF: &str = "/etc/containers/registries.conf";
/// Files that are added to it, in the order of their names.
pub(crate) const CONF_D: &str = "/etc/containers/registries.conf.d/";
/// What happens with a file that is refused.
const FAILS: &str = "podman, skopeo, buildah and CRI-O fail every pull with this file";

/// Reads the files as this program does. `file` is the main one.
pub(crate) fn read(files: &Files, kind: Kind, version: Option<Version>, file: &str) -> ClientConfig {
    let mut config = ClientConfig::new(Client::new(kind, version));
    let added = files.present.iter().filter(|path| path.starts_with(CONF_D) && path.ends_with(".conf"));
    let all: Vec<String> = std::iter::once(file.to_owned()).chain(added.cloned()).collect();
    for path in all.iter().filter(|path| files.texts.contains_key(*path)) {
        config.files.push(files.shown(path));
        if let Err(finding) = one(&mut config, files, path) {
            config.stops.get_or_insert_with(|| finding.why.clone());
            config.findings.push(*finding);
        }
    }
    config
}

fn one(config: &mut ClientConfig, files: &Files, path: &str) -> Result<(), Box<Finding>> {
    let Some(root) = tree(files, path, Format::Toml, FAILS)? else { return Ok(()) };
    let file = files.shown(path);
    let bad = |(place, message): Wrong| Box::new(bad_file(&file, place, &message, FAILS));
    let Some(found) = key(&root, "registry") else { return Ok(()) };
    let Value::List(tables) = &found.node.value else {
        return Err(bad((found.place, "write [[registry]], with two brackets".to_owned())));
    };
    if let Some(old) = key(&root, "registries") {
        return Err(bad((old.place, "[registries] is version 1 and cannot stand beside [[registry]]".to_owned())));
    }
    for table in tables {
        let route = Table { node: table, file: &file }.route().map_err(bad)?;
        // A table for the same prefix takes the place of an earlier file's.
        config.routes.retain(|other| other.upstream != route.upstream || other.file == file);
        config.routes.push(route);
    }
    Ok(())
}

type Wrong = (Place, String);

/// The key in whatever case: the library's reader does not mind.
fn key<'a>(node: &'a Node, name: &str) -> Option<&'a Entry> {
    entry(node, name).or_else(|| entries(node).iter().find(|entry| entry.key.eq_ignore_ascii_case(name)))
}

struct Table<'a> {
    node: &'a Node,
    file: &'a str,
}

/// A prefix or a location, split at the first slash.
struct Location {
    host: String,
    path: String,
}

impl Table<'_> {
    fn route(&self) -> Result<Route, Wrong> {
        let place = self.first_place();
        let location = location(self.node, "location")?;
        let prefix =
            text(self.node, "prefix")?.map(|(text, at)| Ok::<_, Wrong>((trimmed(text, at)?, at))).transpose()?;
        let prefix = match (&prefix, &location) {
            (None, None) => return Err((place, "both `prefix` and `location` are missing".to_owned())),
            (Some((prefix, at)), None) if !prefix.starts_with("*.") => {
                return Err((*at, format!("`location` is missing beside `prefix = \"{prefix}\"`")));
            }
            (Some((prefix, _)), _) => prefix.clone(),
            (None, Some((_, written, _))) => written.clone(),
        };
        let upstream = match prefix.strip_prefix("*.") {
            Some(domain) => Upstream::Domain(domain.to_owned()),
            None => Upstream::Below(prefix.clone()),
        };
        let endpoints = self.mirrors(&prefix)?;
        let blocked = flag(self.node, "blocked")?;
        let way_out = match &location {
            _ if blocked => WayOut::Nowhere,
            None => WayOut::Upstream,
            Some((_, written, at)) => self.way_out(&prefix, written, *at)?,
        };
        Ok(Route { upstream, endpoints, way_out, file: self.file.to_owned(), place, broken: None })
    }

    fn first_place(&self) -> Place {
        entries(self.node).iter().map(|entry| entry.place).min().unwrap_or(self.node.place)
    }

    fn way_out(&self, prefix: &str, written: &str, at: Place) -> Result<WayOut, Wrong> {
        let insecure = flag(self.node, "insecure")?;
        if written == prefix && !insecure {
            return Ok(WayOut::Upstream);
        }
        Ok(WayOut::To(Box::new(endpoint(self.file, prefix, written, at, insecure))))
    }

    fn mirrors(&self, prefix: &str) -> Result<Vec<Endpoint>, Wrong> {
        let Some(found) = key(self.node, "mirror") else { return Ok(Vec::new()) };
        let Value::List(tables) = &found.node.value else {
            return Err((found.place, "write [[registry.mirror]], with two brackets".to_owned()));
        };
        let digests_only = flag(self.node, "mirror-by-digest-only")?;
        tables.iter().map(|table| self.mirror(table, prefix, digests_only)).collect()
    }

    fn mirror(&self, table: &Node, prefix: &str, digests_only: bool) -> Result<Endpoint, Wrong> {
        let Some((_, written, at)) = location(table, "location")? else {
            return Err((table.place, "a mirror needs a `location`".to_owned()));
        };
        let when = match text(table, "pull-from-mirror")? {
            None | Some(("" | "all", _)) if digests_only => When::Digests,
            None | Some(("" | "all", _)) => When::Always,
            Some((_, at)) if digests_only => {
                return Err((at, "`pull-from-mirror` cannot stand beside `mirror-by-digest-only`".to_owned()));
            }
            Some(("digest-only", _)) => When::Digests,
            Some(("tag-only", _)) => When::Tags,
            Some((other, at)) => return Err((at, format!("`pull-from-mirror` knows no `{other}`"))),
        };
        let mut endpoint = endpoint(self.file, prefix, &written, at, flag(table, "insecure")?);
        endpoint.when = when;
        Ok(endpoint)
    }
}

fn endpoint(file: &str, prefix: &str, written: &str, at: Place, insecure: bool) -> Endpoint {
    let scheme = if insecure { Scheme::HttpsThenHttp } else { Scheme::Https };
    let Location { host, path } = split(written);
    let mut endpoint = Endpoint::new(written, file, at, scheme, registry_of(&host), "/v2");
    endpoint.tls.skip_verify = insecure;
    endpoint.names =
        if prefix.starts_with("*.") { Names::Below(path) } else { Names::Replace { prefix: prefix.to_owned(), path } };
    endpoint
}

fn split(location: &str) -> Location {
    let (host, path) = location.split_once('/').unwrap_or((location, ""));
    Location { host: host.to_owned(), path: path.to_owned() }
}

fn location<'a>(node: &'a Node, name: &str) -> Result<Option<(&'a str, String, Place)>, Wrong> {
    let Some((written, at)) = text(node, name)?.filter(|(written, _)| !written.is_empty()) else { return Ok(None) };
    Ok(Some((written, trimmed(written, at)?, at)))
}

fn trimmed(written: &str, at: Place) -> Result<String, Wrong> {
    if written.starts_with("http://") || written.starts_with("https://") {
        return Err((at, format!("`{written}` has a scheme: write it without, with `insecure = true` for plain HTTP")));
    }
    Ok(written.trim_end_matches('/').to_owned())
}

fn text<'a>(node: &'a Node, name: &str) -> Result<Option<(&'a str, Place)>, Wrong> {
    let Some(found) = key(node, name) else { return Ok(None) };
    let text = as_str(&found.node).ok_or_else(|| (found.node.place, format!("`{name}` must be text")))?;
    Ok(Some((text, found.node.place)))
}

fn flag(node: &Node, name: &str) -> Result<bool, Wrong> {
    let Some(found) = key(node, name) else { return Ok(false) };
    as_bool(&found.node).ok_or_else(|| (found.node.place, format!("`{name}` must be true or false, without quotes")))
}
