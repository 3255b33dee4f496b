//! zot's side: which repository a request is for, which content rule fills it on demand, and from where.
//!
//! zot: `GetContentByLocalRepo` and `getRepoSource` in pkg/extensions/sync/content.go at v2.1.20.

use serde::Serialize;

use super::model::{Scheme, registry_of};
use super::pull::{Answer, Request, Sent, Stage};
use super::reference::Reference;
use crate::zot::config::{Config, Content, Upstream};
use crate::zot::glob;
use crate::zot::policy::{Action, Who, decide, ping_answer};
use crate::zot::release::Release;
use crate::zot::tree::Place;

/// The registry that clients use as a mirror.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry<'a> {
    /// How it is spoken to and at which hosts. The first is written into corrected files. Without any, every mirror is taken for it.
    pub(crate) addresses: Vec<(Scheme, String)>,
    /// zot's configuration.
    pub(crate) config: Option<&'a Config>,
    /// zot's release.
    pub(crate) release: Option<Release>,
}

impl Registry<'_> {
    /// Whether a host is this registry's.
    pub(crate) fn is_at(&self, host: &str) -> bool {
        self.addresses.is_empty() || self.address(host).is_some()
    }

    /// The address of that host.
    pub(crate) fn address(&self, host: &str) -> Option<&(Scheme, String)> {
        self.addresses.iter().find(|(scheme, own)| {
            let usual = if *scheme == Scheme::Http { ":80" } else { ":443" };
            own == host || host.strip_suffix(usual) == Some(own) || own.strip_suffix(usual) == Some(host)
        })
    }

    /// Whether a client that speaks so gets through; what is not known is taken to.
    pub(crate) fn speaks(&self, scheme: Scheme, host: &str) -> bool {
        let plain = |own: Scheme| own == Scheme::Http;
        self.address(host).is_none_or(|(own, _)| scheme == Scheme::HttpsThenHttp || plain(*own) == plain(scheme))
    }

    /// What zot answers to a request in a pull of `reference`, from its configuration alone. Without one, all that has a name is
    /// served.
    pub(crate) fn answer(&self, request: &Request, reference: &Reference) -> Answer {
        if !self.speaks(request.scheme, &request.host) {
            return Answer::Unreachable;
        }
        if request.stage == Stage::Ping {
            return self.ping(request);
        }
        match self.fate(&request.path, request.sent, reference) {
            Fate::Served(_) | Fate::Unknown => Answer::Ok,
            Fate::Refused => Answer::Basic,
            Fate::NotThere | Fate::Elsewhere(_) | Fate::NoName => Answer::Status(404),
        }
    }

    fn ping(&self, request: &Request) -> Answer {
        if request.path != "/v2/" {
            return Answer::Status(404);
        }
        let Some(config) = self.config else { return Answer::Ok };
        let docker = request.agent.starts_with("docker/");
        match ping_answer(config, self.release, &Who::anonymous(), docker) {
            Some(false) => Answer::Basic,
            Some(true) if config.can_authenticate() => Answer::OkAndBasic,
            _ => Answer::Ok,
        }
    }

    /// What becomes of a request for this path in a pull of `reference`.
    pub(crate) fn fate(&self, path: &str, sent: Sent, reference: &Reference) -> Fate {
        let Some(name) = name_in(path) else { return Fate::NoName };
        let Some(config) = self.config else { return Fate::Unknown };
        // Whether other credentials are good cannot be known from files.
        let anonymous = matches!(sent, Sent::Nothing | Sent::EmptyBasic);
        if anonymous && config.can_authenticate() && decide(config, &Who::anonymous(), name, Action::Read).is_denied() {
            return Fate::Refused;
        }
        // Rules are asked one after the other until an upstream has the name.
        let sources = sources(config, name);
        let first = sources.first().cloned();
        match (sources.into_iter().find(|source| source.repository == reference.repository), first) {
            (Some(source), _) => Fate::Served(source),
            (None, Some(first)) => Fate::Elsewhere(first),
            (None, None) => Fate::NotThere,
        }
    }

    /// The hosts of references that zot fills from upstreams, in the order of its configuration.
    pub(crate) fn upstreams(&self) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for upstream in self.config.map_or(&[][..], |config| &config.extensions.upstreams) {
            let host = host_of(upstream).filter(|_| upstream.on_demand);
            hosts.extend(host.filter(|host| !hosts.contains(host)));
        }
        hosts
    }

    /// The name under which zot has a repository of an upstream on demand.
    pub(crate) fn local_name(&self, host: &str, repository: &str) -> Option<String> {
        let config = self.config?;
        let upstreams = config.extensions.upstreams.iter().filter(|one| host_of(one).as_deref() == Some(host));
        let names = upstreams.flat_map(|one| {
            let all = one.content.is_empty().then(|| repository.to_owned());
            one.content.iter().filter_map(|content| local(content, repository)).chain(all)
        });
        let served = |name: &String| {
            sources(config, name).first().is_some_and(|source| source.host == host && source.repository == repository)
        };
        names.into_iter().find(served)
    }

    /// What a client must put before the names of an upstream: `docker.io`, or nothing. `after` is what the client
    /// puts behind it, as dockerd does with `v2`.
    pub(crate) fn prefix(&self, host: &str, after: &str) -> Option<String> {
        let config = self.config?;
        let repository = some_repository(host);
        let upstreams = config.extensions.upstreams.iter().filter(|one| host_of(one).as_deref() == Some(host));
        let destinations = upstreams.flat_map(|one| {
            let root = one.content.is_empty().then_some("");
            one.content.iter().map(|content| content.destination.trim_matches('/')).chain(root)
        });
        let serves = |destination: &&str| {
            let name = format!("{destination}/{repository}").trim_matches('/').to_owned();
            sources(config, &name).first().is_some_and(|source| source.host == host && source.repository == repository)
        };
        let end = |destination: &str| match after {
            "" => Some(destination.to_owned()),
            _ if destination.is_empty() => None,
            after => destination.strip_suffix(after).map(|rest| rest.trim_end_matches('/').to_owned()),
        };
        let mut found: Vec<String> = destinations.filter(serves).filter_map(end).collect();
        // One that is meant for dockerd serves the others too, and is not what is written for them.
        found.sort_by_key(|prefix| prefix.ends_with("/v2"));
        found.into_iter().next()
    }
}

/// How a URL is spoken to, and its host, with the port where one is written.
pub(crate) fn address_of(url: &url::Url) -> Option<(Scheme, String)> {
    let scheme = if url.scheme() == "http" { Scheme::Http } else { Scheme::Https };
    let host = url.host_str()?;
    Some((scheme, url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))))
}

/// What zot makes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    /// It is filled on demand from there.
    Served(Source),
    /// A rule has the name, and looks for another repository than the image's: 404.
    Elsewhere(Source),
    /// No rule has such a name: 404.
    NotThere,
    /// Clients without credentials may not read it: 401.
    Refused,
    /// The path is none of a registry: 404, as text.
    NoName,
    /// zot's configuration is not known.
    Unknown,
}

/// Where a repository is filled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Source {
    /// The rule: the pattern of local names.
    pub(crate) rule: String,
    /// Where it stands in zot's configuration.
    #[serde(skip)]
    pub(crate) place: Place,
    /// The upstream, as references name it.
    pub(crate) host: String,
    /// The repository there.
    pub(crate) repository: String,
}

/// The repository of a path of the distribution interface.
pub(crate) fn name_in(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v2/")?;
    let end = rest.rfind("/manifests/").or_else(|| rest.rfind("/blobs/"))?;
    let name = rest.get(..end)?;
    let valid = |next: char| next.is_ascii_lowercase() || next.is_ascii_digit() || "._-/".contains(next);
    (name.chars().all(valid) && !name.is_empty() && !name.starts_with('/')).then_some(name)
}

/// Where a local name is filled from: of each upstream the first rule that matches.
pub(crate) fn sources(config: &Config, name: &str) -> Vec<Source> {
    let on_demand = config.extensions.upstreams.iter().filter(|upstream| upstream.on_demand);
    on_demand.filter_map(|upstream| source(upstream, name)).collect()
}

fn source(upstream: &Upstream, name: &str) -> Option<Source> {
    let host = host_of(upstream)?;
    if upstream.content.is_empty() {
        let (rule, repository) = ("**".to_owned(), name.to_owned());
        return Some(Source { rule, place: upstream.place, host, repository });
    }
    let content = upstream.content.iter().find(|content| glob::matches(&content.local_pattern(), name))?;
    let destination = content.destination.trim_matches('/');
    let rest = name.strip_prefix(destination)?.trim_start_matches('/');
    let repository = if content.strip_prefix { format!("{}/{rest}", fixed_part(content)) } else { rest.to_owned() };
    let repository = repository.trim_matches('/').to_owned();
    Some(Source { rule: content.local_pattern(), place: content.place, host, repository })
}

/// The part of the prefix that is stripped: what comes before its first pattern.
fn fixed_part(content: &Content) -> String {
    let prefix = content.prefix.trim_matches('/');
    let pattern = glob::from_first_wildcard(prefix);
    prefix.strip_suffix(pattern).unwrap_or(prefix).trim_end_matches('/').to_owned()
}

/// The local name of an upstream's repository by one rule.
fn local(content: &Content, repository: &str) -> Option<String> {
    let destination = content.destination.trim_matches('/');
    let rest = if content.strip_prefix {
        let fixed = fixed_part(content);
        repository.strip_prefix(fixed.as_str())?.trim_start_matches('/').to_owned()
    } else {
        repository.to_owned()
    };
    Some(format!("{destination}/{rest}").trim_matches('/').to_owned())
}

/// The host of references whose images an upstream has.
pub(crate) fn host_of(upstream: &Upstream) -> Option<String> {
    let url = &upstream.urls.first()?.value;
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.strip_suffix(":443").unwrap_or(host);
    let hub = host == registry_of("docker.io") || host == "index.docker.io";
    Some(if hub { "docker.io".to_owned() } else { host.to_owned() })
}

/// A repository as an upstream usually has them.
pub(crate) fn some_repository(host: &str) -> &'static str {
    samples(host).first().copied().unwrap_or("org/app")
}

/// Repositories by whose length and kind files go wrong: official ones, users', with one and three segments.
pub(crate) fn samples(host: &str) -> &'static [&'static str] {
    match host {
        "docker.io" => &["library/alpine", "grafana/grafana"],
        "ghcr.io" => &["org/app", "org/app/web"],
        "quay.io" => &["prometheus/busybox"],
        "registry.k8s.io" => &["pause", "coredns/coredns"],
        _ => &["org/app"],
    }
}

#[cfg(test)]
mod tests;
