//! What goes wrong with a client's files, from configuration alone: where each image would come from, why, and the file as it
//! must be.

mod coverage;
mod diagnose;
mod edits;

use std::collections::BTreeMap;

use super::finding::{Finding, Fix, Level, fixes};
use super::model::{ClientConfig, Endpoint, Route, Upstream, WayOut};
use super::names::{Fate, Registry, samples};
use super::pull::{Answer, Image, Logins, Pull, Request, Role, Stage, hosts, pull};
use super::reference::Reference;

pub(crate) use coverage::unasked;
pub(crate) use diagnose::fate_of;

/// What was found for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// The findings, the worst first.
    pub(crate) findings: Vec<Finding>,
    /// The corrected files: what fails is put right, advice is not taken.
    pub(crate) fixes: Vec<Fix>,
}

impl Judgement {
    #[cfg(test)]
    /// Whether anything fails.
    pub(crate) fn fails(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Failure)
    }
}

/// Where the parts of a pull come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The image.
    pub(crate) reference: Reference,
    /// Its requests and answers.
    pub(crate) pull: Pull,
    /// What each role is.
    pub(crate) hosts: Vec<(Role, Endpoint)>,
    /// The repository's upstream is another one than the reference's.
    pub(crate) wrong: Option<String>,
}

/// From where an image comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum From {
    /// All of it from the registry.
    Registry,
    /// From the registry, and from another upstream than its own.
    WrongUpstream,
    /// The tag from the internet, the rest from the registry.
    TagFromInternet,
    /// From the internet, or from a host that is not the registry.
    Internet,
    /// From nowhere: the pull fails.
    Nowhere,
}

impl Outcome {
    /// Follows a pull of an image as zot's configuration answers it. Hosts that are no mirror serve everything.
    pub(crate) fn of(config: &ClientConfig, registry: &Registry<'_>, reference: &Reference) -> Self {
        let route = config.route(&reference.host, &reference.repository);
        let hosts = hosts(config, route, reference);
        let mut wrong = None;
        let mut ask = |request: &Request| {
            let ours = is_ours(registry, &hosts, request.role);
            if !ours {
                // Of another mirror nothing is known; it is taken to serve nothing, so that what comes after it is seen.
                return if request.role == Role::WayOut { Answer::Ok } else { Answer::Unreachable };
            }
            if let Fate::Served(source) = registry.fate(&request.path, request.sent, reference)
                && source.host != reference.host
            {
                wrong.get_or_insert(source.host);
            }
            registry.answer(request, reference)
        };
        let pull = pull(config, reference, &Image::unknown(), &Logins::default(), &mut ask);
        Self { reference: reference.clone(), pull, hosts: hosts.clone(), wrong }
    }

    /// Where it comes from.
    pub(crate) fn from(&self, registry: &Registry<'_>) -> From {
        if self.pull.failed.is_some() {
            return From::Nowhere;
        }
        let ours = |stage| self.pull.source(stage).is_some_and(|role| is_ours(registry, &self.hosts, role));
        let blobs = self.pull.served.iter().any(|(stage, _)| matches!(stage, Stage::Blob(_)));
        match (ours(Stage::Tag), blobs && ours(Stage::Blob(0))) {
            (true, true) if self.wrong.is_some() => From::WrongUpstream,
            (true, true) => From::Registry,
            (false, true) => From::TagFromInternet,
            _ => From::Internet,
        }
    }

    /// The host that is asked in the end.
    pub(crate) fn last_host(&self) -> &str {
        self.pull.steps.last().map_or("", |step| &step.request.host)
    }
}

fn is_ours(registry: &Registry<'_>, hosts: &[(Role, Endpoint)], role: Role) -> bool {
    let endpoint = hosts.iter().find(|(at, _)| *at == role).map(|(_, endpoint)| endpoint);
    // Where no address is known, every mirror is taken for the registry, and never the upstream.
    let upstream = role == Role::WayOut && registry.addresses.is_empty();
    endpoint.is_some_and(|endpoint| !upstream && registry.is_at(&endpoint.host))
}

/// Judges a client. `texts` are its files, for the corrected ones.
pub(crate) fn judge(config: &ClientConfig, registry: &Registry<'_>, texts: &BTreeMap<String, String>) -> Judgement {
    let mut judge = Judge { config, registry, texts, findings: config.findings.clone() };
    if config.stops.is_none() {
        judge.keys();
        judge.images();
        judge.routes();
        judge.coverage();
    }
    let mut findings = judge.findings;
    let key = |one: &Finding| (std::cmp::Reverse(one.level), one.file.clone(), one.place, one.code);
    // Two images can show the same mistake: the first finding is kept.
    findings.sort_by_key(key);
    findings.dedup_by(|later, first| {
        let same = key(later) == key(first);
        if same {
            first.edits.append(&mut later.edits);
        }
        same
    });
    let failures = findings.iter().filter(|finding| finding.level == Level::Failure);
    let fixes = fixes(failures, texts);
    Judgement { findings, fixes }
}

struct Judge<'a> {
    config: &'a ClientConfig,
    registry: &'a Registry<'a>,
    texts: &'a BTreeMap<String, String>,
    findings: Vec<Finding>,
}

/// The hosts of references that are asked about: those that zot fills, and those of the client's routes.
pub(crate) fn asked_hosts(config: &ClientConfig, registry: &Registry<'_>) -> Vec<String> {
    let mut hosts = registry.upstreams();
    for route in &config.routes {
        let host = match &route.upstream {
            Upstream::Host(host) => host.clone(),
            Upstream::Below(prefix) => prefix.split('/').next().unwrap_or_default().to_owned(),
            // What zot knows nothing of goes through such a route too.
            Upstream::Domain(_) | Upstream::Every => "registry.k8s.io".to_owned(),
        };
        // What the file says of the registry itself is no mirror.
        let own = !registry.addresses.is_empty() && registry.is_at(&host);
        if !hosts.contains(&host) && !ALIASES.contains(&host.as_str()) && !own {
            hosts.push(host);
        }
    }
    if hosts.is_empty() && !config.routes.is_empty() {
        hosts.push("docker.io".to_owned());
    }
    hosts
}

/// Other names of Docker Hub, under which no client looks its images up.
pub(crate) const ALIASES: &[&str] = &["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// Images of a host, by which files are judged.
pub(crate) fn references(host: &str) -> Vec<Reference> {
    let reference = |repository: &&str| Reference {
        host: host.to_owned(),
        repository: (*repository).to_owned(),
        tag: "latest".to_owned(),
        digest: None,
    };
    samples(host).iter().map(reference).collect()
}

impl Judge<'_> {
    /// Routes under a name of Docker Hub that no image is looked up under.
    fn keys(&mut self) {
        let wrong = self.config.routes.iter().filter_map(|route| match &route.upstream {
            Upstream::Host(name) | Upstream::Below(name) if ALIASES.contains(&name.as_str()) => Some((route, name)),
            _ => None,
        });
        let right =
            self.config.route("docker.io", "library/alpine").is_some_and(|route| has_mirror(self.registry, route));
        for (route, name) in wrong {
            let (level, then) = if right {
                (Level::Advice, "remove it")
            } else {
                (Level::Failure, "images of Docker Hub go to the internet in silence")
            };
            let finding = Finding::new("mirror::wrong_key", level, &route.file, route.place)
                .what(format!("`{name}` is never used: {then}"))
                .why("images of Docker Hub are looked up under docker.io")
                .remedy("write docker.io")
                .edits(edits::renamed(self.texts, route, name));
            self.findings.push(finding);
        }
    }

    /// Follows a pull of each image.
    fn images(&mut self) {
        for host in asked_hosts(self.config, self.registry) {
            let outcomes: Vec<Outcome> =
                references(&host).iter().map(|one| Outcome::of(self.config, self.registry, one)).collect();
            let from: Vec<From> = outcomes.iter().map(|outcome| outcome.from(self.registry)).collect();
            for (outcome, from_where) in outcomes.iter().zip(&from) {
                if *from_where == From::Registry || !self.has_mirror(outcome) {
                    continue;
                }
                let others = from.contains(&From::Registry);
                let found = diagnose::diagnose(self.config, self.registry, self.texts, outcome, others);
                self.findings.extend(found);
            }
        }
    }

    fn has_mirror(&self, outcome: &Outcome) -> bool {
        let reference = &outcome.reference;
        let route = self.config.route(&reference.host, &reference.repository);
        route.is_some_and(|route| route.broken.is_none() && has_mirror(self.registry, route))
    }

    /// What is wrong with a route whatever the image is.
    fn routes(&mut self) {
        for route in &self.config.routes {
            for endpoint in route.endpoints.iter().filter(|endpoint| self.registry.is_at(&endpoint.host)) {
                self.findings.extend(diagnose::settings(self.config, self.texts, self.registry, route, endpoint));
            }
            self.findings.extend(diagnose::way_out(self.config, self.registry, route));
        }
    }
}

/// Whether a route leads to the registry at all.
pub(crate) fn has_mirror(registry: &Registry<'_>, route: &Route) -> bool {
    let server = match &route.way_out {
        WayOut::To(server) if !registry.addresses.is_empty() => Some(&**server),
        WayOut::To(server) if route.endpoints.is_empty() => Some(&**server),
        _ => None,
    };
    route.endpoints.iter().chain(server).any(|endpoint| registry.is_at(&endpoint.host))
}

#[cfg(test)]
mod tests;
