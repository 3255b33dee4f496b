//! Rules of `storage`: garbage collection, retention, folders, drivers and caches.

use std::path::{Component, Path, PathBuf};

use super::{Broken, Section, Zot, glob, is_regex, since, switched_on};
use crate::zot::tree::{Place, Value};

const LOCAL: &str = "local";

/// The storage itself and each sub-path, with its name.
fn stores<'a>(zot: &'a Zot<'_>) -> Vec<(String, Section<'a>)> {
    let main = zot.section(&["storage"]);
    let below = main.named("subPaths").into_iter().map(|(entry, section)| (entry.key.to_lowercase(), section));
    let mut stores: Vec<_> = std::iter::once((String::new(), main)).chain(below).collect();
    stores.sort_by(|one, other| one.0.cmp(&other.0));
    stores
}

/// The name of a driver; zot compares it as it is, so that only text counts.
pub(super) fn driver_name(driver: Section<'_>) -> Option<String> {
    match &driver.get("name")?.node.value {
        Value::Text(name) => Some(name.clone()),
        _ => Some(String::new()),
    }
}

fn driver<'a>(store: Section<'a>, key: &str) -> Option<Section<'a>> {
    store.get(key).filter(|entry| entry.node.survives()).map(|entry| Section::of(&entry.node))
}

pub(super) fn garbage(zot: &Zot<'_>) -> Result<(), Broken> {
    for (name, store) in stores(zot) {
        for key in ["gcDelay", "gcInterval"] {
            if name.is_empty() && store.duration(key).is_some_and(|time| time < 0) {
                return Err((store.place_of(key), format!("`{key}` is negative")));
            }
        }
        let delay = store.duration("gcDelay");
        if !name.is_empty() && store.flag("gc") == Some(true) && delay.is_some_and(|delay| delay <= 0) {
            return Err((store.place_of("gcDelay"), "the `gcDelay` of a sub-path is not more than zero".to_owned()));
        }
        retention(store)?;
    }
    Ok(())
}

fn retention(store: Section<'_>) -> Result<(), Broken> {
    let Some(retention) = store.get("retention") else { return Ok(()) };
    for policy in Section::of(&retention.node).each("policies") {
        if let Some(at) = policy.texts("repositories").iter().find(|at| !glob::is_valid(&at.value)) {
            return Err((at.place, format!("the pattern `{}` of the retention is malformed", at.value)));
        }
        let patterns = policy.each("keepTags").into_iter().flat_map(|keep| keep.texts("patterns"));
        if let Some(at) = patterns.into_iter().find(|at| !is_regex(&at.value)) {
            return Err((at.place, format!("`{}` is not a regular expression; tags are kept by those", at.value)));
        }
    }
    Ok(())
}

pub(super) fn roots(zot: &Zot<'_>) -> Result<(), Broken> {
    let stores = stores(zot);
    let root = |store: &Section<'_>| store.text("rootDirectory");
    for (index, (_, store)) in stores.iter().enumerate() {
        for (_, other) in &stores[index + 1..] {
            let conflict = if zot.has(12) {
                kind(store) == kind(other) && conflict(&root(store), &root(other))
            } else {
                let same = root(store).eq_ignore_ascii_case(&root(other));
                same && (index == 0 || settings(store) != settings(other))
            };
            if conflict {
                let why = "two stores have one folder, or one within the other's".to_owned();
                return Err((other.place_of("rootDirectory"), why));
            }
        }
    }
    Ok(())
}

fn settings(store: &Section<'_>) -> (bool, bool, Option<i64>, Option<i64>) {
    let flag = |key| store.flag(key) == Some(true);
    (flag("gc"), flag("dedupe"), store.duration("gcDelay"), store.duration("gcInterval"))
}

fn kind(store: &Section<'_>) -> String {
    driver(*store, "storageDriver")
        .map_or(LOCAL.to_owned(), |driver| driver_name(driver).unwrap_or_else(|| "<nil>".to_owned()))
}

/// Two folders of which one is the other or inside of it. Where zot starts is not known: relative ones are all below one folder.
fn conflict(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase() == other.to_lowercase(), (absolute(one), absolute(other)));
    one || other.0.starts_with(&other.1) && other.0 != other.1 || other.1.starts_with(&other.0) && other.0 != other.1
}

fn absolute(path: &str) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in Path::new("/\u{0}here").join(path).components() {
        match part {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

pub(super) fn remote_cache(zot: &Zot<'_>) -> Result<(), Broken> {
    for (name, store) in stores(zot) {
        let main = name.is_empty();
        let remote = driver(store, "storageDriver").is_some();
        let cache = driver(store, "cacheDriver");
        let dedupe = store.flag("dedupe").unwrap_or(main);
        let on = store.flag("remoteCache").unwrap_or(dedupe && remote);
        if dedupe && remote && on && cache.is_none() {
            let why = "`dedupe` (which is on by default) with a remote `storageDriver` needs a `cacheDriver`";
            return Err((store.place_of("storageDriver"), why.to_owned()));
        }
        let Some(cache) = cache.filter(|_| on) else { continue };
        let kind = driver_name(cache).unwrap_or_default();
        let redis = main && kind == "redis";
        if !remote && !redis {
            return Err((store.place_of("cacheDriver"), "local storage takes no remote `cacheDriver`".to_owned()));
        }
        if kind != "dynamodb" && !redis {
            return Err((cache.place(), format!("there is no cache driver `{kind}`")));
        }
    }
    Ok(())
}

pub(super) fn drivers(zot: &Zot<'_>) -> Result<(), Broken> {
    let known: &[&str] = if zot.has(18) {
        &["s3", "gcs", "azure"]
    } else if zot.has(15) {
        &["s3", "gcs"]
    } else {
        &["s3"]
    };
    for (_, store) in stores(zot) {
        let driver = driver(store, "storageDriver");
        if zot.release >= since(18) && store.flag("redirectBlobURL") == Some(true) && driver.is_none() {
            return Err((store.place_of("redirectBlobURL"), "`redirectBlobURL` needs a `storageDriver`".to_owned()));
        }
        let Some(driver) = driver else { continue };
        let kind = driver_name(driver).unwrap_or_default();
        if !known.contains(&kind.as_str()) {
            let why = format!("there is no storage driver `{kind}`; there are {}", known.join(", "));
            return Err((driver.place_of("name"), why));
        }
        if let Some(place) = syncs(zot) {
            let sync = zot.section(&["extensions", "sync"]);
            if sync.text("downloadDir").is_empty() {
                return Err((place, "`sync` with a remote `storageDriver` needs `downloadDir`".to_owned()));
            }
        }
    }
    Ok(())
}

fn syncs(zot: &Zot<'_>) -> Option<Place> {
    let entry = zot.at(&["extensions", "sync"])?;
    Section::of(&entry.node).flag("enable").unwrap_or(true).then_some(entry.place)
}

pub(super) fn scanning(zot: &Zot<'_>) -> Result<(), Broken> {
    let remote = stores(zot).iter().any(|(_, store)| driver(*store, "storageDriver").is_some());
    let scanning = zot.at(&["extensions", "search", "cve"]).filter(|_| switched_on(zot, "search").is_some());
    match scanning {
        Some(entry) if remote => Err((entry.place, "`cve` does not work with a remote `storageDriver`".to_owned())),
        _ => Ok(()),
    }
}
