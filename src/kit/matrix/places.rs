//! Where the matrix asks: the repositories, and what of each exists, so that an oracle has something to ask about.
//!
//! Reads only what is listed; a cache is never asked for what it lacks, since that would ask its upstream.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt};

use super::Asker;
use crate::check::context::Cx;
use crate::http::Client;
use crate::kit::oracle::Subject;
use crate::kit::transfer;
use crate::model::failure::Why;
use crate::model::image::digest_of;
use crate::scenario::Scenario;
use crate::scenario::loaded::is_repository_name;
use crate::zot::config::{AccessControl, Config};
use crate::zot::{glob, policy};

/// Names that no scenario declares, one part, two parts and three parts long: patterns as `*` and `*/*` match by parts.
const UNDECLARED: [&str; 3] =
    ["regproof-undeclared", "regproof-undeclared/nothing-here", "regproof-undeclared/nothing/here"];
/// How many folders of the scenario's repositories get an undeclared name too.
const FOLDERS: usize = 3;
/// How many repositories that nobody named are asked about.
const OTHERS: usize = 12;
/// The same where the registry holds back each refusal.
const OTHERS_DELAYED: usize = 3;
/// How many repositories are looked at at once.
const LOOKS: usize = 8;
/// How many tags of a repository are asked about, `latest` not counted.
const TAGS: usize = 4;
/// A blob larger than this is not read just to see whether it may be.
const SMALL: u64 = 256 << 10;

const READ: Why<'static> = Why {
    claim: "the manifests of a repository can be read",
    cause: "the manifest is damaged",
    remedy: "look at access::anonymous_can_pull",
};

/// A repository that is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) repository: String,
    pub(crate) subject: Subject,
    /// The tags that exist and are asked about, with their digests; the first is the subject's. Not `latest`.
    pub(crate) tags: Vec<(String, String)>,
    /// Whether nobody else changes it while this check runs.
    pub(crate) still: bool,
    /// Whether its safety is what the registry stands for, so that random answers must show here.
    pub(crate) critical: bool,
    /// Whether it is asked as each client too.
    pub(crate) as_clients: bool,
    /// Whether the next run may ask about another one in its place.
    pub(crate) passing: bool,
}

/// Every place, with what exists there, and how many repositories of the catalog were left out.
pub(crate) async fn places(cx: &Cx, askers: &[Asker]) -> anyhow::Result<(Vec<Place>, Catalog)> {
    let scenario = cx.scenario();
    let (catalog, whole) = catalog(askers).await?;
    let declared = &scenario.repositories;
    let mut names = names(scenario, &catalog);
    let bound = if scenario.fail_delay().is_zero() { OTHERS } else { OTHERS_DELAYED };
    let listed = catalog.len();
    let passing = others(&catalog, &names, cx.run_id(), bound);
    names.extend(passing.iter().cloned());
    let asked = names.iter().filter(|name| catalog.contains(*name)).count();
    names.extend(undeclared(scenario, &names));
    let looked = futures::stream::iter(names.into_iter().map(|repository| async move {
        let mut subject = Subject { cached: may_be_cached(scenario, &repository), ..Subject::default() };
        let tags = look_around(scenario, askers, &repository, &mut subject).await?;
        let is = |name: Option<&String>| name == Some(&repository);
        let scratch = is(declared.scratch.as_ref());
        let chance = scenario.config.as_ref().is_some_and(|config| is_random(config, &repository));
        anyhow::Ok(Place {
            still: !scratch && !subject.cached,
            critical: scratch || is(declared.public.first()) || chance,
            as_clients: scratch || is(declared.public.first()) || is(declared.private.first()),
            repository,
            subject,
            tags,
            passing: false,
        })
    }));
    let mut places: Vec<Place> = looked.buffered(LOOKS).try_collect().await?;
    places.iter_mut().for_each(|place| place.passing = passing.contains(&place.repository));
    Ok((places, Catalog { asked, listed, whole }))
}

/// How much of the catalog was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Catalog {
    asked: usize,
    listed: usize,
    /// Whether all of it was shown.
    whole: bool,
}

impl Catalog {
    /// What was left out, in words; nothing where nothing was.
    pub(crate) fn line(self) -> Option<String> {
        let Catalog { asked, listed, whole } = self;
        match (listed, whole) {
            (0, _) => Some("the registry shows no catalog, so undeclared repositories are not asked about".to_owned()),
            _ if asked == listed && whole => None,
            (_, true) => Some(format!("{asked} of {listed} catalog repositories asked")),
            (_, false) => Some(format!("{asked} of more than {listed} catalog repositories asked")),
        }
    }
}

/// Repositories of the catalog that nobody named: of each top folder one, then the next; others in each run.
fn others(catalog: &BTreeSet<String>, named: &[String], run: &str, bound: usize) -> Vec<String> {
    let mut folders: BTreeMap<&str, Vec<(String, &String)>> = BTreeMap::new();
    for name in catalog.iter().filter(|name| !named.contains(*name)) {
        let folder = name.split('/').next().unwrap_or_default();
        // Which comes first is another one in each run, so that in time all are asked about.
        folders.entry(folder).or_default().push((digest_of(format!("{run} {name}").as_bytes()), name));
    }
    folders.values_mut().for_each(|names| names.sort());
    let longest = folders.values().map(Vec::len).max().unwrap_or_default();
    let in_turn = (0..longest).flat_map(|at| folders.values().filter_map(move |names| names.get(at)));
    in_turn.take(bound).map(|(_, name)| (*name).clone()).collect()
}

/// Names that nobody declared: of each length, and beside the repositories of the scenario.
fn undeclared(scenario: &Scenario, named: &[String]) -> Vec<String> {
    let declared = &scenario.repositories;
    let own = declared.scratch.iter().chain(&declared.public).chain(&declared.private);
    let folders: BTreeSet<&str> = own.filter_map(|name| name.rsplit_once('/')).map(|(folder, _)| folder).collect();
    let beside = folders.into_iter().take(FOLDERS).map(|folder| format!("{folder}/regproof-undeclared"));
    let names = UNDECLARED.iter().map(|name| (*name).to_owned()).chain(beside);
    names.filter(|name| !named.contains(name)).collect()
}

/// Whether the registry may ask an upstream for what it does not have here. Where no configuration says it: what lies in the
/// top folder of a cached image, and what nobody declared.
fn may_be_cached(scenario: &Scenario, repository: &str) -> bool {
    let declared = &scenario.repositories;
    let own = declared.scratch.iter().chain(&declared.public).chain(&declared.private).any(|name| name == repository);
    let top = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let beside_a_cache = || scenario.cache.iter().any(|cache| top(&cache.image) == top(repository));
    let unknown = scenario.config.is_none() && (beside_a_cache() || repository.contains("regproof-undeclared"));
    scenario.is_cached(repository) || (!own && unknown)
}

/// The repositories of the scenario, one for each pattern and each cache of the configuration, one for each two patterns
/// between which zot chooses by chance.
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

/// What anyone of us is shown of the catalog's first page, and whether that is all of it.
async fn catalog(askers: &[Asker]) -> anyhow::Result<(BTreeSet<String>, bool)> {
    let (mut names, mut whole) = (BTreeSet::new(), true);
    for asker in askers {
        let answer = asker.client.get("/v2/_catalog?n=1000").send().await?;
        let listed = answer.json().ok().filter(|_| answer.status == 200);
        let listed = listed.and_then(|body| body.get("repositories")?.as_array().cloned());
        let listed = listed.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned));
        names.extend(listed.filter(|name| is_repository_name(name)));
        whole &= answer.header("link").is_none();
    }
    Ok((names, whole))
}

/// Looks what exists in a repository, as the first who may read it sees it; the tags that are there.
async fn look_around(
    scenario: &Scenario,
    askers: &[Asker],
    repository: &str,
    subject: &mut Subject,
) -> anyhow::Result<Vec<(String, String)>> {
    for asker in askers {
        let answer = asker.client.get(format!("/v2/{repository}/tags/list")).send().await?;
        let listed = answer.json().ok().filter(|_| answer.status == 200);
        let listed = listed.and_then(|body| body.get("tags")?.as_array().cloned());
        let listed: Vec<String> =
            listed.into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)).collect();
        let listed: Vec<String> = listed.into_iter().filter(|tag| transfer::is_tag(tag)).collect();
        if listed.is_empty() {
            continue;
        }
        let mut tags = Vec::new();
        for tag in chosen(scenario, repository, subject.cached, &listed) {
            tags.extend(look(&asker.client, repository, tag, subject).await);
        }
        subject.tag = tags.first().cloned();
        return Ok(tags);
    }
    Ok(vec![])
}

/// Looks again at those tags of a place that are still there.
pub(super) async fn look_again(askers: &[Asker], place: &mut Place, now: &BTreeMap<String, String>) {
    let mut names: Vec<String> = place.tags.iter().map(|(tag, _)| tag.clone()).collect();
    names.push("latest".to_owned());
    names.retain(|tag| now.contains_key(tag));
    place.subject = Subject { cached: place.subject.cached, ..Subject::default() };
    place.tags.clear();
    for asker in askers {
        for tag in &names {
            place.tags.extend(look(asker.client(), &place.repository, tag, &mut place.subject).await);
        }
        if place.subject.latest.is_some() || !place.tags.is_empty() {
            break;
        }
    }
    place.subject.tag = place.tags.first().cloned();
}

/// The tags that requests are about: those that a rule may single out, and `latest`.
fn chosen<'a>(scenario: &Scenario, repository: &str, cached: bool, tags: &'a [String]) -> Vec<&'a str> {
    let declared = &scenario.repositories;
    let own = declared.scratch.iter().chain(&declared.public).chain(&declared.private).any(|name| name == repository);
    let scratch = declared.scratch.as_deref() == Some(repository);
    // Other checks make and remove tags in the scratch repository meanwhile; `latest` stays there. Of a cache, the
    // scenario's own image is asked for anyway, and it is there: it is listed.
    let promised = scenario.cache.iter().filter_map(|cache| cache.image.rsplit_once(':'));
    let promised: Vec<&str> = promised.filter(|(name, _)| *name == repository).map(|(_, tag)| tag).collect();
    let usable = |tag: &&str| match (scratch, cached && !own) {
        (true, _) => *tag == "latest",
        (false, true) => promised.contains(tag),
        (false, false) => true,
    };
    let tags: Vec<&str> = tags.iter().map(String::as_str).filter(usable).collect();
    let named: Vec<&str> = tags.iter().copied().filter(|tag| *tag != "latest").collect();
    let of_a_release =
        |tag: &&str| tag.trim_start_matches('v').split('.').count() >= 3 && tag.contains(char::is_numeric);
    let wanted = [
        named.first().copied(),
        named.iter().copied().find(|tag| *tag == "stable"),
        named.iter().rev().copied().find(of_a_release),
        named.last().copied(),
    ];
    let mut found: Vec<&str> = Vec::new();
    for tag in wanted.into_iter().flatten().take(TAGS).chain(tags.iter().copied().filter(|tag| *tag == "latest")) {
        if !found.contains(&tag) {
            found.push(tag);
        }
    }
    found
}

/// Reads one tag: what it holds goes into the subject; a tag other than `latest` is told with its digest.
async fn look(client: &Client, repository: &str, tag: &str, subject: &mut Subject) -> Option<(String, String)> {
    let manifest = transfer::manifest(client, repository, tag, &READ).await.ok()?;
    let config = manifest.content.config.as_ref().filter(|config| config.size <= SMALL);
    if let Some(config) = config.filter(|_| subject.blob.is_none()) {
        subject.blob = Some(config.digest.clone());
    }
    if tag == "latest" {
        subject.latest = Some(manifest.digest);
        return None;
    }
    Some((tag.to_owned(), manifest.digest))
}

#[cfg(test)]
mod tests;
