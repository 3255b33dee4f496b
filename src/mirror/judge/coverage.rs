//! Clients without a mirror, and rules of zot that no client asks for.

use super::{Judge, Outcome, edits, has_mirror, references};
use crate::mirror::finding::{Finding, Level};
use crate::mirror::model::{ClientConfig, Kind};
use crate::mirror::names::{Fate, Registry, host_of};
use crate::zot::tree::Place;

impl Judge<'_> {
    /// Upstreams that zot fills and this client does not ask it for.
    pub(super) fn coverage(&mut self) {
        let upstreams = self.registry.upstreams();
        let asked = |host: &String| {
            let repository = references(host).first().map(|one| one.repository.clone()).unwrap_or_default();
            let route = self.config.route(host, &repository);
            route.is_some_and(|route| has_mirror(self.registry, route) || route.broken.is_some())
        };
        let (with, without): (Vec<_>, Vec<_>) = upstreams.into_iter().partition(asked);
        // Where the file names another mirror, the operator has chosen.
        let chosen = |host: &String| {
            self.config.routes.iter().any(|route| !route.endpoints.is_empty() && route.upstream.names(host))
        };
        let without: Vec<String> = without.into_iter().filter(|host| !chosen(host)).collect();
        // What its reader found is the cause already.
        let told = self.config.findings.iter().any(|finding| finding.level == Level::Failure);
        if without.is_empty() || told || self.findings.iter().any(|finding| finding.code == "mirror::wrong_key") {
            return;
        }
        let alone = with.is_empty();
        // dockerd's classic store can have a mirror of Docker Hub only.
        if !alone && self.config.client.kind == Kind::DockerdClassic {
            return;
        }
        let finding = self.without_mirror(&without, alone);
        self.findings.push(finding);
    }

    fn without_mirror(&self, without: &[String], alone: bool) -> Finding {
        let file = self.config.files.first().cloned().unwrap_or_default();
        let client = self.config.client.kind.word();
        let hosts = without.join(", ");
        let (code, level) = if alone {
            ("mirror::no_mirror", Level::Failure)
        } else {
            ("mirror::upstream_without_mirror", Level::Advice)
        };
        let change = edits::Change { config: self.config, registry: self.registry, texts: self.texts };
        let blocks = without.iter().filter_map(|host| Some(change.block(host, &self.registry.prefix(host, "")?)));
        let edits: Vec<_> = blocks.flatten().collect();
        Finding::new(code, level, &file, Place::START)
            .what(format!("{client} asks {hosts} itself: images from there go to the internet in silence"))
            .why("the file names no mirror for them, and zot caches them")
            .remedy("name the registry as their mirror")
            .edits(edits)
    }
}

/// Rules of zot whose names no client asks for.
pub(crate) fn unasked(registry: &Registry<'_>, clients: &[ClientConfig], file: &str) -> Vec<Finding> {
    let Some(config) = registry.config else { return Vec::new() };
    let mut findings = Vec::new();
    for upstream in config.extensions.upstreams.iter().filter(|upstream| upstream.on_demand) {
        let Some(host) = host_of(upstream) else { continue };
        for content in &upstream.content {
            let fills = |client: &ClientConfig| {
                references(&host).iter().any(|reference| {
                    let outcome = Outcome::of(client, registry, reference);
                    outcome.pull.steps.iter().any(|step| {
                        let fate = registry.fate(&step.request.path, step.request.sent, reference);
                        matches!(fate, Fate::Served(source) if source.place == content.place)
                    })
                })
            };
            if !clients.iter().any(fills) {
                let finding = Finding::new("mirror::unasked_rule", Level::Advice, file, content.place)
                    .what(format!("no client asks for names of the rule `{}`", content.local_pattern()))
                    .why(format!("none of the files leads images of {host} to these names"))
                    .remedy("correct the clients, or remove the rule");
                findings.push(finding);
            }
        }
    }
    findings
}
