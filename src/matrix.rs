//! The permission matrix, live: identities x repositories x requests, each cell asked by an oracle and compared with the
//! promise. Leaves nothing behind.
//!
//! Knows how cells are asked and judged; what the whole means is the check's to say.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, StreamExt};

use crate::context::Cx;
use crate::oracle::{self, Oracle, Permission, Subject};
use crate::outcome::{self, Table, Verdict};
use crate::scenario::Action;
use crate::transfer;
use crate::wire::Client;
use crate::zot::release::Release;
use crate::zot::{glob, policy};

/// How many cells are asked at once.
const AT_ONCE: usize = 8;
/// How often a cell is asked on which the registry's safety rests, so that random answers show.
const CRITICAL: usize = 20;
/// The first release that heeds `?tag=`.
const QUERY_TAGS: Release = Release::new(2, 1, 16);
/// A name that no scenario declares.
const UNDECLARED: &str = "regproof-undeclared/nothing-here";

/// Whoever asks.
#[derive(Debug)]
pub(crate) struct Asker {
    /// `anonymous`, or the identity's name.
    pub(crate) name: String,
    identity: Option<String>,
    client: Client,
}

/// One cell, asked.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) who: String,
    pub(crate) repository: String,
    pub(crate) oracle: Oracle,
    /// What is promised; nothing where it is not said.
    pub(crate) promised: Option<bool>,
    /// All different answers, in order; one where the registry is of one mind.
    pub(crate) seen: Vec<Permission>,
    /// What the answer means in this release, where that is special.
    pub(crate) note: Option<&'static str>,
    /// Why there was nothing to ask.
    pub(crate) unasked: Option<&'static str>,
    pub(crate) exchange: Option<usize>,
}

impl Cell {
    /// How the cell ends; a denial nobody controls is not a proof, and listed so.
    pub(crate) fn verdict(&self, controlled: &BTreeSet<Oracle>) -> Verdict {
        let (Some(promised), None) = (self.promised, self.unasked) else { return Verdict::Skip };
        match self.seen.as_slice() {
            [Permission::Allowed] if promised => Verdict::Pass,
            [Permission::Denied] if !promised && controlled.contains(&self.oracle) => Verdict::Pass,
            [Permission::Denied] if !promised => Verdict::Skip,
            [Permission::Allowed | Permission::Denied] => Verdict::Fail,
            seen if seen.contains(&Permission::Allowed) && seen.contains(&Permission::Denied) => Verdict::Fail,
            _ => Verdict::Error,
        }
    }

    /// What was seen, in words.
    pub(crate) fn actual(&self) -> String {
        let word = |permission: &Permission| match permission {
            Permission::Allowed => "allowed".to_owned(),
            Permission::Denied => "denied".to_owned(),
            Permission::Undecided(why) => why.clone(),
        };
        let seen = self.seen.iter().map(word).collect::<Vec<_>>().join(", then ");
        self.note.map_or(seen.clone(), |note| format!("{seen}: {note}"))
    }
}

/// The groups of requests that reports show as one.
pub(crate) const GROUPS: [(&str, &[Oracle]); 5] = [
    ("read", &[Oracle::ReadManifest, Oracle::ReadBlob, Oracle::ListTags]),
    ("create a tag", &[Oracle::CreateTag]),
    ("move a tag", &[Oracle::UpdateTag, Oracle::UpdateLatest, Oracle::MoveTagByQuery]),
    ("upload", &[Oracle::StartUpload, Oracle::ContinueUpload, Oracle::FinishUpload]),
    ("delete", &[Oracle::DeleteManifest, Oracle::DeleteBlob, Oracle::DeleteUpload]),
];

/// Everybody who can ask: anonymous first, then the identities by name.
pub(crate) fn askers(cx: &Cx) -> anyhow::Result<Vec<Asker>> {
    let anonymous = Asker { name: "anonymous".to_owned(), identity: None, client: cx.anonymous()? };
    let mut askers = vec![anonymous];
    for name in cx.scenario().identities.keys() {
        askers.push(Asker { name: name.clone(), identity: Some(name.clone()), client: cx.identity(name)? });
    }
    Ok(askers)
}

/// The repositories to ask about: those of the scenario, one for each pattern of the configuration, each cache, and a name
/// that nobody declared.
pub(crate) async fn repositories(cx: &Cx, askers: &[Asker]) -> anyhow::Result<Vec<String>> {
    let scenario = cx.scenario();
    let declared = &scenario.repositories;
    let mut names: Vec<String> =
        declared.scratch.iter().chain(&declared.public).chain(&declared.private).cloned().collect();
    let caches = scenario.cache.iter().filter_map(|cache| cache.image.rsplit_once(':'));
    names.extend(caches.map(|(name, _)| name.to_owned()));
    if let Some(access) = scenario.config.as_ref().and_then(|config| config.access.as_ref()) {
        let catalog = catalog(askers).await?;
        for repository in &access.repositories {
            let pattern = repository.pattern.value.as_str();
            let longest = |name: &&String| {
                let others = access.repositories.iter().filter(|other| glob::matches(&other.pattern.value, name));
                others.map(|other| other.pattern.value.len()).max() == Some(pattern.len())
                    && glob::matches(pattern, name)
            };
            if !names.iter().any(|name| longest(&name)) {
                names.extend(catalog.iter().find(longest).cloned());
            }
        }
    }
    names.push(UNDECLARED.to_owned());
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Ok(names)
}

/// What anyone of us is shown of the catalog's first page.
async fn catalog(askers: &[Asker]) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for asker in askers {
        let answer = asker.client.get("/v2/_catalog?n=1000").send().await?;
        let listed = answer.json().ok().and_then(|body| body.get("repositories")?.as_array().cloned());
        names.extend(listed.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)));
    }
    Ok(names)
}

/// What exists in a repository, as the first who may read it sees it. A cache is asked for its tags only: asking it for a
/// manifest may ask its upstream.
pub(crate) async fn subject(cx: &Cx, askers: &[Asker], repository: &str) -> anyhow::Result<Subject> {
    let scenario = cx.scenario();
    let cached =
        scenario.cache.iter().any(|cache| cache.image.rsplit_once(':').is_some_and(|(name, _)| name == repository));
    for asker in askers {
        let answer = asker.client.get(format!("/v2/{repository}/tags/list")).send().await?;
        let tags = answer.json().ok().and_then(|body| body.get("tags")?.as_array().cloned());
        let tags: Vec<String> = tags.into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)).collect();
        if answer.status != 200 || tags.is_empty() {
            continue;
        }
        let mut subject = Subject::default();
        if cached {
            return Ok(subject);
        }
        // Other checks make and remove tags in the scratch repository while this one asks; `latest` stays there.
        let scratch = scenario.repositories.scratch.as_deref() == Some(repository);
        let tags: Vec<String> = tags.into_iter().filter(|tag| !scratch || tag == "latest").collect();
        for tag in tags.iter().find(|tag| *tag != "latest").into_iter().chain(tags.iter().find(|tag| *tag == "latest"))
        {
            let Ok(manifest) = transfer::manifest(&asker.client, repository, tag, &READ).await else { continue };
            subject.blob = manifest.content.config.as_ref().map(|config| config.digest.clone()).or(subject.blob);
            if tag == "latest" {
                subject.latest = Some(manifest.digest);
            } else {
                subject.tag = Some((tag.clone(), manifest.digest));
            }
        }
        return Ok(subject);
    }
    Ok(Subject::default())
}

const READ: crate::check::Why<'static> = crate::check::Why {
    claim: "what exists in a repository can be read",
    cause: "the manifest is damaged",
    remedy: "look at access::anonymous_can_pull",
};

/// Asks every cell.
pub(crate) async fn ask(
    cx: &Cx,
    askers: &[Asker],
    subjects: &BTreeMap<String, Subject>,
    release: Option<Release>,
) -> Vec<Cell> {
    let mut cells = Vec::new();
    for asker in askers {
        for (repository, subject) in subjects {
            for oracle in GROUPS.iter().flat_map(|(_, oracles)| *oracles) {
                cells.push(one(cx, asker, repository, subject, *oracle, release).boxed());
            }
        }
    }
    futures::stream::iter(cells).buffered(AT_ONCE).collect().await
}

async fn one(
    cx: &Cx,
    asker: &Asker,
    repository: &str,
    subject: &Subject,
    oracle: Oracle,
    release: Option<Release>,
) -> Cell {
    // What the operator means by the policy, which is the rule of the newest release: one that lets `create` move a tag
    // breaks the promise.
    let action = match oracle.action(None) {
        policy::Action::Read => Action::Read,
        policy::Action::Create => Action::Create,
        policy::Action::Update => Action::Update,
        policy::Action::Delete => Action::Delete,
    };
    let ignored = oracle == Oracle::MoveTagByQuery && release.is_some_and(|release| release < QUERY_TAGS);
    let scenario = cx.scenario();
    let mut cell = Cell {
        who: asker.name.clone(),
        repository: repository.to_owned(),
        oracle,
        promised: scenario.promise(asker.identity.as_deref(), repository, action),
        seen: vec![],
        unasked: ignored.then_some("this release ignores `?tag=`, so the answer tells nothing"),
        note: oracle.note(release),
        exchange: None,
    };
    let weak = asker.identity.is_none() || scenario.creator() == asker.identity.as_deref();
    let critical =
        matches!(oracle, Oracle::CreateTag | Oracle::UpdateTag | Oracle::UpdateLatest | Oracle::DeleteManifest);
    let declared = scenario.repositories.scratch.as_deref() == Some(repository)
        || scenario.repositories.public.first().is_some_and(|name| name == repository);
    let times = match (ignored, weak && critical && declared) {
        (true, _) => 0,
        (false, true) => CRITICAL,
        (false, false) => 1,
    };
    for _ in 0..times {
        let Some(request) = oracle::request(oracle, &asker.client, repository, subject, cx.run_id()) else {
            cell.unasked = Some("nothing there to ask about");
            break;
        };
        let seen = match request.send().await {
            Ok(answer) => {
                cell.exchange = cell.exchange.or(Some(answer.index));
                oracle::permission(oracle, &answer, asker.identity.is_none())
            }
            Err(error) => Permission::Undecided(format!("{error:#}")),
        };
        if !cell.seen.contains(&seen) {
            cell.seen.push(seen);
        }
    }
    cell
}

/// The requests that somebody was seen to be allowed: their denials count.
pub(crate) fn controlled(cells: &[Cell]) -> BTreeSet<Oracle> {
    let allowed = cells.iter().filter(|cell| cell.seen.contains(&Permission::Allowed));
    allowed.map(|cell| cell.oracle).collect()
}

/// The matrix as a table: a row for each who and where, a column for each request.
pub(crate) fn table(cells: &[Cell]) -> Table {
    let controlled = controlled(cells);
    let oracles: Vec<Oracle> = GROUPS.iter().flat_map(|(_, oracles)| *oracles).copied().collect();
    let mut columns = vec!["who".to_owned(), "repository".to_owned()];
    columns.extend(oracles.iter().map(|oracle| oracle.describe().to_owned()));
    let mut rows: Vec<Vec<outcome::Cell>> = Vec::new();
    let label = |text: &str| outcome::Cell { text: text.to_owned(), verdict: None };
    for row in cells.chunks(oracles.len()) {
        let Some(first) = row.first() else { continue };
        let mut line = vec![label(&first.who), label(&first.repository)];
        line.extend(row.iter().map(|cell| {
            let verdict = cell.verdict(&controlled);
            let seen = match cell.seen.as_slice() {
                [Permission::Allowed] => "yes",
                [Permission::Denied] => "no",
                [] => "-",
                [_] => "?",
                _ => "random",
            };
            let text = match (verdict, cell.promised) {
                (Verdict::Fail, Some(promised)) => format!("{seen}, promised {}", if promised { "yes" } else { "no" }),
                _ => seen.to_owned(),
            };
            outcome::Cell { text, verdict: (verdict != Verdict::Skip).then_some(verdict) }
        }));
        rows.push(line);
    }
    Table { title: "Who may do what, as asked live".to_owned(), columns, rows }
}
