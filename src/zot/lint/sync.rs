//! Lints of the sync rules: names that two upstreams can fill, and the operator's names that an upstream can fill.

use url::Url;

use super::fix::Change;
use super::{Beside, Findings};
use crate::zot::config::{CacheNamespace, Config};
use crate::zot::glob;

pub(super) fn lint(config: &Config, beside: &Beside, findings: &mut Findings) {
    let namespaces = config.extensions.cache_namespaces();
    for (index, later) in namespaces.iter().enumerate() {
        meets(&namespaces[..index], later, findings);
        covers(later, beside, findings);
        root(later, findings);
    }
    digests(config, findings);
}

/// A rule that fills names at the root, where the operator's own are too.
fn root(rule: &CacheNamespace, findings: &mut Findings) {
    let first = rule.pattern.split('/').next().unwrap_or_default();
    if !first.contains(['*', '?', '[', '{']) {
        return;
    }
    let leak = if rule.on_demand { "learns every requested name that is not here, private ones too, and " } else { "" };
    let consequence = format!(
        "`{}` fills names at the root: {} {leak}can serve an image under a name of yours (dependency confusion)",
        rule.pattern, rule.upstream
    );
    let host = Url::parse(&rule.upstream).ok().and_then(|url| url.host_str().map(str::to_owned));
    let remedy = "set a `destination`: images from there then have a name below it, and clients ask for that name";
    findings.add("lint::sync_fills_the_root", rule.place, consequence, remedy);
    if let Some(host) = host {
        findings.fix("extensions.sync.registries.content", &[Change::add("destination", format!("/{host}"))]);
    }
}

/// Registries that are known to hold images in Docker's format.
const DOCKERS: &[&str] = &[
    "registry-1.docker.io",
    "docker.io",
    "index.docker.io",
    "quay.io",
    "gcr.io",
    "registry.k8s.io",
    "mcr.microsoft.com",
];

/// An upstream whose images get another digest here.
fn digests(config: &Config, findings: &mut Findings) {
    for upstream in config.extensions.upstreams.iter().filter(|upstream| !upstream.preserve_digest) {
        let host = |url: &str| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let found = upstream.urls.iter().filter_map(|at| host(&at.value)).find(|host| DOCKERS.contains(&host.as_str()));
        let Some(host) = found else { continue };
        let consequence = format!(
            "zot makes OCI images of {host}'s images in Docker's format, with another digest: a pull by the upstream's digest is 404"
        );
        let remedy = "set `preserveDigest`, with `http.compat`, where clients pull by digest";
        findings.add("lint::digest_changes", upstream.place, consequence, remedy);
        let mut changes = vec![Change::add("preserveDigest", true)];
        if !config.http.compat {
            changes.push(Change::add("http.compat", vec!["docker2s2"]));
        }
        findings.fix("extensions.sync.registries", &changes);
    }
}

/// Two rules of different upstreams that fill one name.
fn meets(earlier: &[CacheNamespace], later: &CacheNamespace, findings: &mut Findings) {
    let others = earlier.iter().filter(|one| one.upstream != later.upstream);
    let met = others.filter_map(|one| Some((one, glob::common_name(&one.pattern, &later.pattern)?))).next();
    if let Some((one, name)) = met {
        let consequence = format!(
            "`{name}` can come from {} and from {}: zot serves the image of the one that answers first",
            one.upstream, later.upstream
        );
        let remedy = "give each upstream a different `destination`, as `/docker.io` and `/ghcr.io`";
        findings.add("lint::sync_rules_meet", later.place, consequence, remedy);
    }
}

/// A rule that fills a repository which the scenario calls its own.
fn covers(rule: &CacheNamespace, beside: &Beside, findings: &mut Findings) {
    let own: Vec<&str> =
        beside.repositories.iter().map(String::as_str).filter(|name| glob::matches(&rule.pattern, name)).collect();
    if own.is_empty() {
        return;
    }
    let learns = match rule.on_demand {
        true => "zot asks it for each pull of a tag, those of a run too, so it learns their names and",
        false => "it",
    };
    let consequence = format!(
        "the rule for `{}` and {} covers {}: {learns} can serve an image under them",
        rule.pattern,
        rule.upstream,
        own.join(", ")
    );
    let remedy = "set a `destination` that holds none of your repositories, or a narrower `prefix`";
    findings.add("lint::sync_covers_own_names", rule.place, consequence, remedy);
}
