//! What zot checks before it starts, as its `verify` does: a configuration that breaks a rule is refused here too.
//!
//! Written from `pkg/cli/server/root.go` of v2.1.14 to v2.1.20, rule by rule, each with the first release that has it. Files that the
//! configuration names are not opened: a missing one stops zot, and that is not seen here.

mod access;
mod auth;
mod storage;
mod sync;

use super::number;
use super::release::Release;
use super::schema::NEWEST;
use super::tree::{Complaint, Entry, Node, Place, Value};
use super::{duration, glob};

/// What breaks a rule, and where.
type Broken = (Place, String);
/// One rule.
type Rule = fn(&Zot<'_>) -> Result<(), Broken>;

const fn since(patch: u32) -> Release {
    Release::new(2, 1, patch)
}

/// Every rule, with the first release that has it.
const RULES: &[(Release, Rule)] = &[
    (since(0), log_level),
    (since(0), port),
    (since(0), storage::garbage),
    (since(0), auth::ldap),
    (since(12), auth::mutual_tls),
    (since(0), auth::openid),
    (since(15), auth::bearer),
    (since(0), sync::registries),
    (since(0), storage::roots),
    (since(0), storage::remote_cache),
    (since(9), auth::sessions),
    (since(18), metrics_path),
    (since(3), event_sinks),
    (since(0), pages_need_search),
    (since(0), storage::scanning),
    (since(0), access::needs_a_login),
    (since(17), access::conditions),
    (since(0), storage::drivers),
    (since(0), access::patterns),
    (since(0), cluster),
];

/// Refuses what the named release, or the newest one that is known, does not start with.
pub(super) fn check(tree: &Node, release: Option<Release>) -> Result<(), Complaint> {
    let zot = Zot { tree, release: release.unwrap_or(NEWEST).min(NEWEST) };
    for (first, rule) in RULES {
        if zot.release >= *first
            && let Err((place, why)) = rule(&zot)
        {
            return Err(Complaint::new(place, format!("zot does not start with this: {why}")));
        }
    }
    Ok(())
}

/// The configuration as one release sees it.
struct Zot<'a> {
    tree: &'a Node,
    release: Release,
}

impl Zot<'_> {
    fn has(&self, patch: u32) -> bool {
        self.release >= since(patch)
    }

    fn at(&self, path: &[&str]) -> Option<&Entry> {
        let (last, above) = path.split_last()?;
        above.iter().try_fold(self.tree, |node, key| node.present(key).map(|entry| &entry.node))?.present(last)
    }

    /// The section, or an empty one.
    fn section(&self, path: &[&str]) -> Section<'_> {
        Section { node: self.at(path).map(|entry| &entry.node) }
    }
}

/// One section; what it does not say is zero, as in Go.
#[derive(Clone, Copy)]
struct Section<'a> {
    node: Option<&'a Node>,
}

impl<'a> Section<'a> {
    fn of(node: &'a Node) -> Self {
        Self { node: Some(node) }
    }

    fn get(self, key: &str) -> Option<&'a Entry> {
        self.node?.get(key).filter(|entry| !matches!(entry.node.value, Value::Null))
    }

    fn place(self) -> Place {
        self.node.map_or(Place::START, |node| node.place)
    }

    /// Where a key stands, or its section.
    fn place_of(self, key: &str) -> Place {
        self.get(key).map_or(self.place(), |entry| entry.place)
    }

    // The decoder has looked at every value, so that none of these can meet what it cannot read.
    fn text(self, key: &str) -> String {
        self.get(key).and_then(|entry| entry.node.text(key).ok()).map_or_else(String::new, |at| at.value)
    }

    fn texts(self, key: &str) -> Vec<super::tree::At<String>> {
        self.get(key).and_then(|entry| entry.node.texts(key).ok()).unwrap_or_default()
    }

    fn flag(self, key: &str) -> Option<bool> {
        Some(self.get(key)?.node.flag(key).ok()?.value)
    }

    fn whole(self, key: &str) -> Option<i64> {
        number::whole(&self.get(key)?.node, key).ok()
    }

    fn duration(self, key: &str) -> Option<i64> {
        duration::of(&self.get(key)?.node, key).ok()
    }

    fn each(self, key: &str) -> Vec<Section<'a>> {
        self.get(key).map_or(Vec::new(), |entry| entry.node.items()).into_iter().map(Section::of).collect()
    }

    /// The sections that the operator names.
    fn named(self, key: &str) -> Vec<(&'a Entry, Section<'a>)> {
        let Some(entry) = self.get(key) else { return Vec::new() };
        let list = matches!(entry.node.value, Value::List(_));
        let entries = entry.node.named(key).unwrap_or_default();
        let seen = entries.into_iter().filter(|entry| list || entry.node.survives());
        seen.map(|entry| (entry, Section::of(&entry.node))).collect()
    }
}

/// A regular expression as Go takes it (RE2), which is not wholly as the `regex` crate does.
fn is_regex(text: &str) -> bool {
    super::regex::parses(text)
}

fn log_level(zot: &Zot<'_>) -> Result<(), Broken> {
    let log = zot.section(&["log"]);
    let Some(entry) = log.get("level") else { return Ok(()) };
    let level = log.text("level");
    let known = ["debug", "trace", "info", "warn", "warning", "error", "fatal", "panic"];
    if known.contains(&level.to_lowercase().as_str()) {
        return Ok(());
    }
    Err((entry.node.place, format!("`{level}` is no log level; there are {}", known.join(", "))))
}

fn port(zot: &Zot<'_>) -> Result<(), Broken> {
    let http = zot.section(&["http"]);
    let port = http.text("port");
    if port.is_empty() || port.parse::<i64>().is_ok_and(|port| (0..=65535).contains(&port)) {
        return Ok(());
    }
    let hint = if port.contains('$') || port.contains("{{") {
        "; zot fills no placeholder in: name the file with the value in it"
    } else {
        ""
    };
    Err((http.get("port").map_or(http.place(), |entry| entry.node.place), format!("`{port}` is not a port{hint}")))
}

fn metrics_path(zot: &Zot<'_>) -> Result<(), Broken> {
    let Some(prometheus) = zot.at(&["extensions", "metrics", "prometheus"]) else { return Ok(()) };
    let section = Section::of(&prometheus.node);
    let path = section.text("path");
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let clean = parts.iter().all(|part| !part.is_empty() && *part != "." && *part != "..");
    if path.starts_with('/') && clean && path != "/v2" {
        return Ok(());
    }
    Err((section.place_of("path"), format!("`{path}` is not a path for metrics")))
}

fn event_sinks(zot: &Zot<'_>) -> Result<(), Broken> {
    for sink in zot.section(&["extensions", "events"]).each("sinks") {
        let kind = sink.text("type");
        if kind != "http" && kind != "nats" {
            return Err((sink.place_of("type"), format!("`{kind}` is no kind of event sink; there are http and nats")));
        }
    }
    Ok(())
}

fn pages_need_search(zot: &Zot<'_>) -> Result<(), Broken> {
    match (switched_on(zot, "ui"), switched_on(zot, "search")) {
        (Some(ui), None) => Err((ui, "the pages (`ui`) need `search`, which is not on".to_owned())),
        _ => Ok(()),
    }
}

/// Where an extension is switched on; see [`super::config::Extensions`] for those that are empty.
fn switched_on(zot: &Zot<'_>, name: &str) -> Option<Place> {
    let extensions = zot.tree.get("extensions")?;
    let none = !extensions.node.survives();
    let entry = extensions.node.get(name).filter(|entry| none || entry.node.survives())?;
    Section::of(&entry.node).flag("enable").unwrap_or(true).then_some(entry.place)
}

fn cluster(zot: &Zot<'_>) -> Result<(), Broken> {
    let Some(entry) = zot.at(&["cluster"]) else { return Ok(()) };
    let cluster = Section::of(&entry.node);
    if cluster.texts("members").is_empty() {
        return Err((entry.place, "a cluster needs `members`".to_owned()));
    }
    if cluster.text("hashKey").len() != 16 {
        return Err((cluster.place_of("hashKey"), "the `hashKey` of a cluster has 16 characters".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
