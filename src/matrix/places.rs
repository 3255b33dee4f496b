//! Where the matrix asks: the repositories, and what of each exists, so that an oracle has something to ask about.
//!
//! Reads only what is listed; a cache is never asked for what it lacks, since that would ask its upstream.

use std::collections::BTreeSet;

use super::Asker;
use crate::check::Why;
use crate::context::Cx;
use crate::oracle::Subject;
use crate::scenario::Scenario;
use crate::scenario::load::is_repository_name;
use crate::transfer;
use crate::wire::Client;
use crate::zot::config::{AccessControl, Config};
use crate::zot::{glob, policy};

/// A name that no scenario declares.
const UNDECLARED: &str = "regproof-undeclared/nothing-here";
/// A blob larger than this is not read just to see whether it may be.
const SMALL: u64 = 256 << 10;

const READ: Why<'static> = Why {
    claim: "what exists in a repository can be read",
    cause: "the manifest is damaged",
    remedy: "look at access::anonymous_can_pull",
};

/// A repository that is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) repository: String,
    pub(crate) subject: Subject,
    /// Whether nobody else changes it while this check runs.
    pub(crate) still: bool,
    /// Whether its safety is what the registry stands for, so that random answers must show here.
    pub(crate) critical: bool,
}

/// Every place, with what exists there.
pub(crate) async fn places(cx: &Cx, askers: &[Asker]) -> anyhow::Result<Vec<Place>> {
    let scenario = cx.scenario();
    let catalog = match &scenario.config {
        Some(_) => catalog(askers).await?,
        None => BTreeSet::new(),
    };
    let declared = &scenario.repositories;
    let mut places = Vec::new();
    for repository in names(scenario, &catalog) {
        let subject = subject(scenario, askers, &repository).await?;
        let scratch = declared.scratch.as_ref() == Some(&repository);
        places.push(Place {
            still: !scratch && !subject.cached,
            critical: scratch
                || declared.public.first() == Some(&repository)
                || scenario.config.as_ref().is_some_and(|config| is_random(config, &repository)),
            repository,
            subject,
        });
    }
    Ok(places)
}

/// The repositories of the scenario, one for each pattern and each cache of the configuration, one for each two patterns
/// between which zot chooses by chance, and a name that nobody declared.
fn names(scenario: &Scenario, catalog: &BTreeSet<String>) -> Vec<String> {
    let declared = &scenario.repositories;
    let mut names: Vec<String> =
        declared.scratch.iter().chain(&declared.public).chain(&declared.private).cloned().collect();
    // [access] in short speaks of the operator's own repositories; cache::ci_cannot_push_into_the_cache proves the rest.
    let caches = scenario.cache.iter().filter(|_| scenario.config.is_some());
    let caches = caches.filter_map(|cache| cache.image.rsplit_once(':'));
    names.extend(caches.map(|(name, _)| name.to_owned()));
    if let Some(config) = &scenario.config {
        let caches = config.extensions.cache_namespaces();
        for pattern in caches.iter().map(|cache| cache.pattern.as_str()) {
            add_one(&mut names, catalog, pattern, |name| glob::matches(pattern, name));
        }
        let repositories = config.access.as_ref().map_or(&[][..], |access| &access.repositories);
        for (index, rule) in repositories.iter().enumerate() {
            let pattern = rule.pattern.value.as_str();
            let wins = |name: &str| config.access.as_ref().is_some_and(|access| decides(access, pattern, name));
            add_one(&mut names, catalog, pattern, wins);
            for other in repositories[..index].iter().map(|other| other.pattern.value.as_str()) {
                let clash = (other.len() == pattern.len()).then(|| glob::common_name(other, pattern)).flatten();
                names.extend(clash.filter(|name| is_repository_name(name) && wins(name)));
            }
        }
    }
    for pattern in scenario.access.iter().flat_map(|access| access.patterns.keys()) {
        let wins = |name: &str| {
            let access = scenario.access.as_ref();
            access.and_then(|access| access.pattern_of(name)).is_some_and(|(winner, _)| winner == pattern)
        };
        add_one(&mut names, catalog, pattern, wins);
    }
    names.push(UNDECLARED.to_owned());
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// A name that stands for a pattern, unless one does already: one that exists, else one that could.
fn add_one(names: &mut Vec<String>, catalog: &BTreeSet<String>, pattern: &str, stands: impl Fn(&str) -> bool) {
    if names.iter().any(|name| stands(name)) {
        return;
    }
    let possible = || glob::common_name(pattern, pattern).filter(|name| is_repository_name(name) && stands(name));
    names.extend(catalog.iter().find(|name| stands(name)).cloned().or_else(possible));
}

fn decides(access: &AccessControl, pattern: &str, name: &str) -> bool {
    policy::winning(access, name).iter().any(|rule| rule.pattern.value == pattern)
}

fn is_random(config: &Config, name: &str) -> bool {
    config.access.as_ref().is_some_and(|access| policy::winning(access, name).len() > 1)
}

/// What anyone of us is shown of the catalog's first page.
async fn catalog(askers: &[Asker]) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for asker in askers {
        let answer = asker.client.get("/v2/_catalog?n=1000").send().await?;
        let listed = answer.json().ok().and_then(|body| body.get("repositories")?.as_array().cloned());
        let listed = listed.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned));
        names.extend(listed.filter(|name| is_repository_name(name)));
    }
    Ok(names)
}

/// What exists in a repository, as the first who may read it sees it.
pub(crate) async fn subject(scenario: &Scenario, askers: &[Asker], repository: &str) -> anyhow::Result<Subject> {
    let mut subject = Subject { cached: scenario.is_cached(repository), ..Subject::default() };
    for asker in askers {
        let answer = asker.client.get(format!("/v2/{repository}/tags/list")).send().await?;
        let tags = answer.json().ok().filter(|_| answer.status == 200);
        let tags = tags.and_then(|body| body.get("tags")?.as_array().cloned());
        let tags: Vec<String> = tags.into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)).collect();
        if tags.is_empty() {
            continue;
        }
        for tag in chosen(scenario, repository, &tags) {
            look(&asker.client, repository, tag, &mut subject).await;
        }
        return Ok(subject);
    }
    Ok(subject)
}

/// The same tags as they are now, of a place that stays still. Where there were none, whatever there is.
pub(crate) async fn again(scenario: &Scenario, askers: &[Asker], place: &Place) -> anyhow::Result<Subject> {
    debug_assert!(place.still, "nobody can say what another client, or a cache, makes of the others");
    let before = &place.subject;
    let named = before.tag.iter().map(|(tag, _)| tag.as_str());
    let tags: Vec<&str> = named.chain(before.latest.as_ref().map(|_| "latest")).collect();
    if tags.is_empty() {
        return subject(scenario, askers, &place.repository).await;
    }
    let nothing = Subject::default();
    for asker in askers {
        let mut now = Subject::default();
        for tag in &tags {
            look(&asker.client, &place.repository, tag, &mut now).await;
        }
        if now != nothing {
            return Ok(now);
        }
    }
    Ok(nothing)
}

/// The tags that requests are about: the first with a name of its own, and `latest`.
fn chosen<'a>(scenario: &Scenario, repository: &str, tags: &'a [String]) -> Vec<&'a str> {
    let declared = &scenario.repositories;
    let own = declared.scratch.iter().chain(&declared.public).chain(&declared.private).any(|name| name == repository);
    let scratch = declared.scratch.as_deref() == Some(repository);
    // Other checks make and remove tags in the scratch repository meanwhile; `latest` stays there. Of a cache, the
    // scenario's own image is asked for anyway, and it is there: it is listed.
    let promised = scenario.cache.iter().filter_map(|cache| cache.image.rsplit_once(':'));
    let promised: Vec<&str> = promised.filter(|(name, _)| *name == repository).map(|(_, tag)| tag).collect();
    let usable = |tag: &&str| match (scratch, scenario.is_cached(repository) && !own) {
        (true, _) => *tag == "latest",
        (false, true) => promised.contains(tag),
        (false, false) => true,
    };
    let tags: Vec<&str> = tags.iter().map(String::as_str).filter(usable).collect();
    let named = tags.iter().find(|tag| **tag != "latest");
    named.into_iter().chain(tags.iter().find(|tag| **tag == "latest")).copied().collect()
}

async fn look(client: &Client, repository: &str, tag: &str, subject: &mut Subject) {
    let Ok(manifest) = transfer::manifest(client, repository, tag, &READ).await else { return };
    let config = manifest.content.config.as_ref().filter(|config| config.size <= SMALL);
    if let Some(config) = config {
        subject.blob = Some(config.digest.clone());
    }
    if tag == "latest" {
        subject.latest = Some(manifest.digest);
    } else {
        subject.tag = Some((tag.to_owned(), manifest.digest));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn config(patterns: &str) -> Config {
        let text = format!(
            r#"{{"http": {{"auth": {{"apikey": true}}, "accessControl": {{"repositories": {{{patterns}}}}}}},
                "extensions": {{"sync": {{"enable": true, "registries": [{{"urls": ["https://up.example.test"],
                "onDemand": true, "content": [{{"prefix": "**", "destination": "/mirror"}}]}}]}}}}}}"#
        );
        Config::parse("c.json", &text).unwrap()
    }

    fn sampled(patterns: &str, catalog: &[&str]) -> Vec<String> {
        let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n";
        let mut scenario: Scenario = toml::from_str(text).unwrap();
        scenario.config = Some(Arc::new(config(patterns)));
        names(&scenario, &catalog.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn every_pattern_and_every_cache_is_stood_for() {
        let open = r#"{"anonymousPolicy": ["read"]}"#;
        let names = sampled(&format!(r#""**": {open}, "team/**": {open}, "private/*": {open}"#), &["team/app", "zoo"]);
        assert!(names.contains(&"team/app".to_owned()), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("private/")), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("mirror")), "{names:?}");
        assert_eq!(names.last().map(String::as_str), Some(UNDECLARED));
        assert!(names.iter().all(|name| is_repository_name(name)), "{names:?}");
    }

    #[test]
    fn two_patterns_that_zot_chooses_between_by_chance_are_asked_about() {
        let names = sampled(r#""a/**": {"anonymousPolicy": ["read"]}, "**/b": {"defaultPolicy": ["read"]}"#, &[]);
        assert!(names.iter().any(|name| glob::matches("a/**", name) && glob::matches("**/b", name)), "{names:?}");
    }

    #[test]
    fn what_others_move_and_what_a_cache_may_lack_is_not_asked_about() {
        let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n[repositories]\n\
                    scratch = \"s\"\npublic = [\"mirror/own\"]\n[[cache]]\nimage = \"mirror/up:3.20\"\n";
        let mut scenario: Scenario = toml::from_str(text).unwrap();
        scenario.config = Some(Arc::new(config(r#""**": {}"#)));
        let tags = ["a", "latest", "3.20", "b"].map(str::to_owned);
        for (repository, expected) in [
            ("s", &["latest"][..]),
            ("mirror/up", &["3.20"]),
            ("mirror/another", &[]),
            ("mirror/own", &["a", "latest"]),
            ("own", &["a", "latest"]),
        ] {
            assert_eq!(chosen(&scenario, repository, &tags), expected, "{repository}");
        }
        assert_eq!(chosen(&scenario, "own", &tags[1..2]), ["latest"]);
    }

    #[test]
    fn a_pattern_that_no_repository_can_have_is_not_asked_about() {
        let names = sampled(r#""a-/**": {"anonymousPolicy": ["read"]}, "**/b-": {"defaultPolicy": ["read"]}"#, &[]);
        assert!(names.iter().all(|name| is_repository_name(name)), "{names:?}");
    }

    #[test]
    fn only_two_rules_of_the_same_weight_make_a_choice_by_chance() {
        let open = r#"{"anonymousPolicy": ["read"]}"#;
        let config = config(&format!(r#""a/**": {open}, "**/b": {open}, "c/**": {open}"#));
        for (name, random) in [("a/b", true), ("a/c", false), ("c/d", false), ("d", false)] {
            assert_eq!(is_random(&config, name), random, "{name}");
        }
    }
}
