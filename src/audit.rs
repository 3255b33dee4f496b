//! The audit: every tag of every repository of a registry is read, and everything that it names is there and is what its digest says.
//!
//! Reads only, through the same guard as a check of effect read-only. Holds neither the list of tags nor the list of blobs, but
//! sixteen bytes for each name and digest that was seen, so that a list that repeats itself ends and a layer is read once.
//!
//! One thing no reader can keep a registry from: a pull-through cache (zot's `sync` with `onDemand`) may ask its upstream whenever
//! a tag is read, by an audit as by any client.

mod image;
mod journal;
mod manifest;
mod merge;
mod names;
mod report;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use crate::base::redact::Redactor;
use crate::check::target::Target;
use crate::http::guard::Guard;
use crate::http::recorder::Recorder;
use crate::http::{Answer, Client, Credential, Request};
use crate::model::failure::Failure;
use crate::model::outcome::{ExitStatus, Verdict};
use crate::model::partition::Part;

use journal::Journal;
pub(crate) use merge::{merge, read};
pub(crate) use report::{json, junit, line, summary};
pub(crate) use walk::{count, walk};

/// As many findings are kept for the reports; each is told when it is found, and counted.
const MOST_KEPT: usize = 10_000;
/// After so many requests in a row that decided nothing, the registry is down or does not want to be asked.
const PATIENCE: u64 = 64;
/// How often a request is sent that the registry puts off.
const TRIES: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What to look at, and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Who asks; nobody for an anonymous audit.
    pub(crate) identity: Option<String>,
    /// Whether every blob is read whole and hashed.
    pub(crate) deep: bool,
    /// How many requests there are at once.
    pub(crate) concurrency: usize,
    /// Patterns of repositories; all repositories where there are none.
    pub(crate) repositories: Vec<String>,
    pub(crate) part: Option<Part>,
}

/// One thing that is not whole, or that could not be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    pub(crate) repository: String,
    pub(crate) tag: String,
    /// The manifest or blob; empty for a list.
    pub(crate) digest: String,
    pub(crate) expected: String,
    pub(crate) actual: String,
    pub(crate) cause: String,
    pub(crate) remedy: String,
}

impl Found {
    fn new(failure: &Failure, redactor: &Redactor, repository: &str, tag: &str, digest: &str) -> Found {
        let finding = failure.finding();
        let verdict = if matches!(failure, Failure::Fail(_)) { Verdict::Fail } else { Verdict::Error };
        let cause = if finding.cause.is_empty() { UNREACHABLE.0 } else { &finding.cause };
        let remedy = if finding.remedy.is_empty() { UNREACHABLE.1 } else { &finding.remedy };
        let expected = if finding.expected.is_empty() { "an answer of the registry" } else { &finding.expected };
        Found {
            verdict,
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest: digest.to_owned(),
            expected: redactor.text(expected),
            actual: redactor.text(&finding.actual),
            cause: cause.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

const UNREACHABLE: (&str, &str) = (
    "the network, a proxy or the registry failed, so this image is undecided",
    "run the audit again with `--resume`: finished repositories are not asked again",
);

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) repositories: u64,
    pub(crate) tags: u64,
    pub(crate) manifests: u64,
    pub(crate) blobs: u64,
    /// Bytes of blobs that were hashed.
    pub(crate) hashed: u64,
    /// Layers that by their manifest lie elsewhere.
    pub(crate) foreign: u64,
    /// Tags that were removed while the audit ran.
    pub(crate) vanished: u64,
    pub(crate) broken: u64,
    pub(crate) undecided: u64,
}

impl Counts {
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Fail => self.broken += 1,
            _ => self.undecided += 1,
        }
    }

    fn add(&mut self, more: &Counts) {
        let Counts { repositories, tags, manifests, blobs, hashed, foreign, vanished, broken, undecided } = more;
        self.repositories += repositories;
        self.tags += tags;
        self.manifests += manifests;
        self.blobs += blobs;
        self.hashed += hashed;
        self.foreign += foreign;
        self.vanished += vanished;
        self.broken += broken;
        self.undecided += undecided;
    }
}

/// A whole audit, as reports tell it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Audit {
    pub(crate) schema: u32,
    pub(crate) version: String,
    pub(crate) scenario: String,
    pub(crate) target: String,
    pub(crate) who: String,
    pub(crate) deep: bool,
    /// Patterns of the repositories that were looked at; all where there are none.
    pub(crate) patterns: Vec<String>,
    pub(crate) part: Option<Part>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) started: OffsetDateTime,
    pub(crate) seconds: f64,
    /// How many repositories an earlier audit had finished.
    pub(crate) resumed: u64,
    /// When it had finished the first of them.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub(crate) resumed_since: Option<OffsetDateTime>,
    pub(crate) interrupted: Option<String>,
    pub(crate) counts: Counts,
    /// The first of them; `counts` counts all.
    pub(crate) findings: Vec<Found>,
}

impl Audit {
    /// 0 all whole, 1 something broken, 2 undecided or ended early, 4 nothing was there to look at.
    pub(crate) fn exit_status(&self) -> ExitStatus {
        if self.counts.broken > 0 {
            ExitStatus::Broken
        } else if self.counts.undecided > 0 || self.interrupted.is_some() {
            ExitStatus::NotProven
        } else if self.counts.tags == 0 {
            ExitStatus::Nothing
        } else {
            ExitStatus::Proven
        }
    }
}

/// What tells of each finding when it is found.
pub(crate) type Tell = Box<dyn Fn(&Found) + Send + Sync>;

/// What all parts of a running audit share.
pub(crate) struct Work {
    pub(crate) options: Options,
    client: Client,
    target: Arc<Target>,
    permits: Semaphore,
    journal: Option<Journal>,
    tell: Tell,
    state: Mutex<State>,
    /// Counted as they happen, for the progress line.
    pub(crate) tags: AtomicU64,
    pub(crate) repositories: AtomicU64,
    in_a_row: AtomicU64,
    gave_up: AtomicBool,
}

#[derive(Default)]
struct State {
    counts: Counts,
    kept: Vec<Found>,
    stores: Vec<Client>,
    last_trouble: String,
}

impl Work {
    pub(crate) fn new(
        target: Arc<Target>,
        options: Options,
        journal: Option<Journal>,
        tell: Tell,
    ) -> anyhow::Result<Work> {
        let client = client(&target, options.identity.as_deref())?;
        let work = Work {
            permits: Semaphore::new(options.concurrency),
            options,
            client,
            target,
            journal,
            tell,
            state: Mutex::default(),
            tags: AtomicU64::new(0),
            repositories: AtomicU64::new(0),
            in_a_row: AtomicU64::new(0),
            gave_up: AtomicBool::new(false),
        };
        Ok(work)
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        self.target.redactor()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the audit ends before it is through, if the registry does not answer any more.
    pub(crate) fn gave_up(&self) -> Option<String> {
        self.gave_up
            .load(Ordering::Relaxed)
            .then(|| format!("{PATIENCE} answers in a row were undecided; the last: {}", self.state().last_trouble))
    }

    /// Sends a request once there is room for it, and again where the registry asks to be asked later.
    async fn ask<'c>(&self, request: impl Fn() -> Request<'c>) -> anyhow::Result<Answer> {
        for tries in 1.. {
            let answer = {
                let _room = self.permits.acquire().await?;
                request().send().await
            };
            let trouble = match &answer {
                Err(error) => Some(format!("{error:#}")),
                Ok(answer) if matches!(answer.status, 429 | 502..=504) => Some(answer.brief()),
                Ok(_) => None,
            };
            let Some(trouble) = trouble else {
                self.in_a_row.store(0, Ordering::Relaxed);
                return answer;
            };
            if let Ok(answer) = &answer
                && answer.status == 429
                && tries < TRIES
            {
                tokio::time::sleep(later(answer)).await;
                continue;
            }
            if self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE {
                self.state().last_trouble = trouble;
                self.gave_up.store(true, Ordering::Relaxed);
            }
            return answer;
        }
        anyhow::bail!("no further try")
    }

    /// Takes a finding into the reports, and counts it.
    fn report(&self, found: &Found) {
        self.state().counts.count(found.verdict);
        self.keep(found);
    }

    fn keep(&self, found: &Found) {
        (self.tell)(found);
        let mut state = self.state();
        if state.kept.len() < MOST_KEPT {
            state.kept.push(found.clone());
        }
    }

    /// Everything that was found, at the end.
    pub(crate) fn end(&self, started: OffsetDateTime, seconds: f64, interrupted: Option<String>) -> Audit {
        // Asked before the lock is held, which it takes itself.
        let interrupted = interrupted.or_else(|| self.gave_up());
        let mut state = self.state();
        let mut findings = std::mem::take(&mut state.kept);
        findings.sort_by(|a, b| (&a.repository, &a.tag, &a.digest).cmp(&(&b.repository, &b.tag, &b.digest)));
        Audit {
            schema: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: self.target.scenario().name.clone(),
            target: self.target.scenario().registry.url.to_string(),
            who: self.options.identity.clone().unwrap_or_else(|| ANONYMOUS.to_owned()),
            deep: self.options.deep,
            patterns: self.options.repositories.clone(),
            part: self.options.part,
            started,
            seconds: (seconds * 1e3).round() / 1e3,
            resumed: self.journal.as_ref().map_or(0, Journal::finished),
            resumed_since: self.journal.as_ref().and_then(Journal::oldest),
            interrupted,
            counts: state.counts,
            findings,
        }
    }
}

/// Who asks without credentials.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// A client that may read and nothing else, and keeps no transcript: an audit has more exchanges than memory holds.
fn client(target: &Arc<Target>, identity: Option<&str>) -> anyhow::Result<Client> {
    let credential = match identity {
        None => None,
        Some(name) => {
            let identity = target.scenario().identities.get(name);
            let secret = target.secrets.identities.get(name);
            let (Some(identity), Some(secret)) = (identity, secret) else { anyhow::bail!("no identity `{name}`") };
            Some(Credential { username: identity.username.clone(), secret: secret.clone() })
        }
    };
    let who = identity.unwrap_or(ANONYMOUS);
    Client::new(
        &target.route,
        target.origin(),
        who,
        credential,
        guard(),
        Recorder::blind(Arc::clone(target.redactor())),
    )
}

fn guard() -> Arc<Guard> {
    Arc::new(Guard::read_only())
}

/// How long a registry that limits the rate of requests wants to be left alone (RFC 9110, section Retry-After).
fn later(answer: &Answer) -> Duration {
    let asked = answer.header("retry-after").and_then(|text| text.trim().parse().ok());
    Duration::from_secs(asked.unwrap_or(1)).min(LONGEST_PAUSE)
}

/// A name or digest in sixteen bytes. 128 bits: a collision among 10^9 names is less likely than a disk error.
fn short(text: &str) -> u128 {
    let hash = Sha256::digest(text.as_bytes());
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(first)
}

/// Every digest that would be asked for after this answer.
#[cfg(test)]
pub(crate) fn asked_for(answer: &Answer) -> Vec<String> {
    let Ok(kind) = manifest::read(answer, None) else { return vec![] };
    let named = kind.blobs.into_iter().chain(kind.manifests);
    named.filter(|part| part.is_well_formed() && !part.is_foreign()).map(|part| part.digest).collect()
}
