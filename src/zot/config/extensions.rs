//! `extensions`: metrics, search, the pages and the pull-through cache. Other extensions promise nothing that is proven.

use std::time::Duration;

use super::super::tree::{At, Complaint, Entry, Node, Place};
use super::super::{duration, glob};
use super::{optional, texts};

/// The extensions that promises can be derived from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extensions {
    /// The path of the metrics, where they are on; the place is that of `metrics`.
    pub metrics: Option<At<String>>,
    /// Where search is switched on; the management endpoint comes with it.
    pub search: Option<Place>,
    /// Where the pages are switched on.
    pub ui: Option<Place>,
    /// The upstreams of the pull-through cache and of periodic mirrors.
    pub upstreams: Vec<Upstream>,
}

impl Extensions {
    /// The repository patterns that zot fills from upstreams, in the file's order.
    #[must_use]
    pub fn cache_namespaces(&self) -> Vec<CacheNamespace> {
        let mut namespaces = Vec::new();
        for upstream in &self.upstreams {
            let url = upstream.urls.first().map_or_else(String::new, |url| url.value.clone());
            if upstream.content.is_empty() && upstream.on_demand {
                namespaces.push(CacheNamespace {
                    pattern: "**".to_owned(),
                    upstream: url.clone(),
                    on_demand: true,
                    check_interval: upstream.check_interval,
                    place: upstream.place,
                });
            }
            for content in &upstream.content {
                let pattern = content.local_pattern();
                let (on_demand, check_interval) = (upstream.on_demand, upstream.check_interval);
                let (upstream, place) = (url.clone(), content.place);
                namespaces.push(CacheNamespace { pattern, upstream, on_demand, check_interval, place });
            }
        }
        namespaces
    }
}

/// A part of the registry that mirrors another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheNamespace {
    /// Which repositories.
    pub pattern: String,
    /// The first URL of the upstream, without credentials.
    pub upstream: String,
    /// Whether a pull fetches what is missing.
    pub on_demand: bool,
    /// For how long after one question to the upstream about a tag none follows.
    pub check_interval: Option<Duration>,
    /// Where the file says so.
    pub place: Place,
}

/// One registry that zot copies from.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Where it stands.
    pub place: Place,
    /// Its URLs.
    pub urls: Vec<At<String>>,
    /// Whether a pull fetches what is missing.
    pub on_demand: bool,
    /// For how long after one question about a tag none follows; without it, zot asks for each pull by tag.
    pub check_interval: Option<Duration>,
    /// Whether its certificate is verified; zot's default is yes.
    pub tls_verify: Option<At<bool>>,
    /// Whether images keep the format, and so the digest, that they have there.
    pub preserve_digest: bool,
    /// Which repositories, and where they go.
    pub content: Vec<Content>,
}

/// Which repositories of an upstream go where.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Where it stands.
    pub place: Place,
    /// A pattern of the upstream's repositories.
    pub prefix: String,
    /// Where they go; empty or `/` is the root.
    pub destination: String,
    /// Whether the prefix is left out of the local name.
    pub strip_prefix: bool,
}

impl Content {
    /// The local repositories that this fills: destination and prefix joined, as zot finds the source of an on-demand
    /// pull (pkg/extensions/sync/content.go).
    #[must_use]
    pub fn local_pattern(&self) -> String {
        let destination = self.destination.trim_matches('/');
        let prefix = self.prefix.trim_matches('/');
        let prefix = if self.strip_prefix { glob::from_first_wildcard(prefix) } else { prefix };
        format!("{destination}/{prefix}").trim_matches('/').to_owned()
    }
}

pub(super) fn read(entry: Option<&Entry>) -> Result<Extensions, Complaint> {
    let Some(entry) = entry else {
        return Ok(Extensions::default());
    };
    let node = &entry.node;
    node.entries("extensions")?;
    // `"extensions": {"search": {}}` switches search on, but only while no extension has a setting: beside one that
    // has, the empty ones are dropped (pkg/cli/server/root.go `applyDefaultValues`).
    let all_empty = !node.survives();
    let switched = |key: &str| -> Result<Option<Place>, Complaint> {
        let Some(found) = node.get(key).filter(|found| all_empty || found.node.survives()) else {
            return Ok(None);
        };
        let enabled = optional(&found.node, "enable", Node::flag)?;
        Ok(enabled.is_none_or(|at| at.value).then_some(found.place))
    };
    let metrics = match switched("metrics")? {
        Some(place) => Some(At { value: metrics_path(node)?, place }),
        None => None,
    };
    Ok(Extensions {
        metrics,
        search: switched("search")?,
        ui: switched("ui")?,
        upstreams: optional(node, "sync", |node, _| sync(node))?.unwrap_or_default(),
    })
}

fn metrics_path(extensions: &Node) -> Result<String, Complaint> {
    let default = || "/metrics".to_owned();
    let Some(metrics) = extensions.present("metrics") else {
        return Ok(default());
    };
    let Some(prometheus) = metrics.node.present("prometheus") else {
        return Ok(default());
    };
    let path = optional(&prometheus.node, "path", Node::text)?;
    Ok(path.map_or_else(default, |path| path.value))
}

fn sync(node: &Node) -> Result<Vec<Upstream>, Complaint> {
    if optional(node, "enable", Node::flag)?.is_some_and(|at| !at.value) {
        return Ok(Vec::new());
    }
    let registries = node.present("registries").map_or(Vec::new(), |registries| registries.node.items());
    registries.into_iter().map(upstream).collect()
}

fn upstream(node: &Node) -> Result<Upstream, Complaint> {
    let content = node.present("content").map_or(Vec::new(), |content| content.node.items());
    Ok(Upstream {
        place: node.place,
        urls: texts(node, "urls")?.into_iter().map(|at| At { value: without_credentials(&at.value), ..at }).collect(),
        on_demand: optional(node, "onDemand", Node::flag)?.is_some_and(|at| at.value),
        check_interval: optional(node, "manifestCheckInterval", duration::of)?.and_then(duration::limit),
        tls_verify: optional(node, "tlsVerify", Node::flag)?,
        preserve_digest: optional(node, "preserveDigest", Node::flag)?.is_some_and(|at| at.value),
        content: content.into_iter().map(self::content).collect::<Result<_, _>>()?,
    })
}

/// The URL as it can be shown: zot takes a user and a password in it, and a report must not hold them.
pub(crate) fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    // A password that is not encoded may hold any sign: all that is before the last `@` goes.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let place = rest.split(['?', '#']).next().unwrap_or_default();
    if scheme.is_empty() { place.to_owned() } else { format!("{scheme}://{place}") }
}

fn content(node: &Node) -> Result<Content, Complaint> {
    let text = |key| Ok(optional(node, key, Node::text)?.map_or_else(String::new, |text| text.value));
    Ok(Content {
        place: node.place,
        prefix: text("prefix")?,
        destination: text("destination")?,
        strip_prefix: optional(node, "stripPrefix", Node::flag)?.is_some_and(|at| at.value),
    })
}
