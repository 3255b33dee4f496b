//! One tag: its manifest, those below it, and every blob that they name.
//!
//! A blob is asked for by a plain GET whose body, if it is long, is left unread. Not by HEAD and not by a range, which would be
//! cheaper: zot up to v2.1.20 answers those for a blob that the repository does *not* hold by linking it there from another
//! repository. That writes, so the guard forbids it, and it would mend the very thing that the audit is to find, unseen. The plain
//! GET of a missing blob is 404 and changes nothing. Ending an answer early costs a connection; short blobs are
//! read whole, and hashed for nothing.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;

use super::manifest::{self, Descriptor, Kind};
use super::names::Names;
use super::{Counts, Found, MOST_KEPT, Work, short};
use crate::http::recorder::Recorder;
use crate::http::{Answer, Client, MANIFEST_LIMIT, Origin};
use crate::kit::transfer::{ACCEPT, may_lead_to};
use crate::model::failure::{Failure, Why};
use crate::model::outcome::Verdict;

/// Up to this size, reading a blob to its end is cheaper than a new connection.
const SHORT: u64 = 128 << 10;
/// The slowest that a whole blob may come.
const SLOWEST: u64 = 64 << 10;
/// How deep indexes may be nested, and how many manifests may be below one tag.
const DEEPEST: usize = 4;
const MOST_MANIFESTS: usize = 10_000;
/// How often the list of tags is read again to learn whether a tag that was not found is still promised.
const MOST_RELISTS: usize = 50;
/// Stores that blobs may be redirected to.
const MOST_STORES: usize = 16;

const BLOB: Why<'static> = Why {
    claim: "every config and layer exists and matches its digest",
    cause: "the storage lost or changed bytes, or garbage collection took what a manifest still names",
    remedy: "push the image again; run zot's scrub over the storage; look at gc and at the last restore",
};

/// One repository while it is looked at.
pub(super) struct Repository {
    pub(super) work: Arc<Work>,
    pub(super) name: String,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) counts: Counts,
    pub(super) findings: Vec<Found>,
    seen: HashSet<u128>,
    /// What is being looked at, and for which tag.
    open: HashMap<u128, Arc<str>>,
    /// Tags whose scan skipped digests because another tag's scan had reserved them, keyed by that other tag.
    relying: HashMap<Arc<str>, HashSet<Arc<str>>>,
    relists: usize,
}

/// What one look at a tag found.
struct Look {
    tag: Arc<str>,
    counts: Counts,
    found: Vec<Found>,
    digest: Option<String>,
    claimed: Vec<u128>,
    /// What this look saw, if it leaves nothing to the looks at other tags.
    alone: Option<HashSet<u128>>,
}

impl Look {
    fn new(tag: &Arc<str>, alone: bool) -> Look {
        Look {
            tag: Arc::clone(tag),
            counts: Counts::default(),
            found: Vec::new(),
            digest: None,
            claimed: Vec::new(),
            alone: alone.then(HashSet::new),
        }
    }

    fn is_broken(&self) -> bool {
        self.found.iter().any(|found| found.verdict == Verdict::Fail)
    }
}

/// What a tag is at a second look.
enum Now {
    Same,
    Moved,
    Gone,
}

impl Repository {
    pub(super) fn new(work: Arc<Work>, name: String) -> Repository {
        Repository { work, name, state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a failure into the reports.
    pub(super) fn report(&self, found: Found) {
        self.work.report(&found);
        let mut state = self.state();
        state.counts.count(found.verdict);
        if state.findings.len() < MOST_KEPT {
            state.findings.push(found);
        }
    }

    /// Looks at one tag, and at those that relied on a look of which nothing was kept.
    pub(super) async fn tag(self: Arc<Self>, tag: String) {
        let tag = Arc::from(tag);
        let (look, relying) = self.settled(&tag, false).await;
        match look {
            Some(look) => {
                self.state().counts.add(&look.counts);
                look.found.into_iter().for_each(|found| self.report(found));
                self.state().counts.tags += 1;
            }
            None => self.state().counts.vanished += 1,
        }
        for other in relying {
            // Counted it was when it left something to the other look.
            let Some(look) = self.settled(&other, true).await.0 else { continue };
            for found in look.found {
                let same = |told: &Found| told.tag == found.tag && told.digest == found.digest;
                if !self.state().findings.iter().any(same) {
                    self.report(found);
                }
            }
        }
        self.work.tags.fetch_add(1, Ordering::Relaxed);
    }

    /// A look whose findings hold, or nothing if the tag is gone; and the tags that relied on one that was given up. What is
    /// broken is asked for twice: a registry is in use, and a tag may be moved or removed meanwhile.
    async fn settled(&self, tag: &Arc<str>, alone: bool) -> (Option<Look>, HashSet<Arc<str>>) {
        let look = self.look(Look::new(tag, alone)).await;
        let now = if look.is_broken() { self.now(tag, look.digest.as_deref()).await } else { Now::Same };
        let mut relying = self.close(&look, matches!(now, Now::Same));
        match now {
            Now::Same => (Some(look), HashSet::new()),
            Now::Gone => (None, relying),
            Now::Moved => {
                let look = self.look(Look::new(tag, alone)).await;
                self.close(&look, true);
                relying.remove(tag);
                (Some(look), relying)
            }
        }
    }

    /// Ends a look. What is not kept counts as not looked at, and those who relied on it are answered.
    fn close(&self, look: &Look, keep: bool) -> HashSet<Arc<str>> {
        let mut state = self.state();
        for digest in &look.claimed {
            state.open.remove(digest);
            if !keep {
                state.seen.remove(digest);
            }
        }
        // A look that left nothing to others had nobody rely on it; a second one of the same tag may be going on beside it.
        let relying = if look.alone.is_none() { state.relying.remove(&look.tag) } else { None };
        relying.filter(|_| !keep).unwrap_or_default()
    }

    async fn look(&self, mut look: Look) -> Look {
        let tag = Arc::clone(&look.tag);
        let found =
            |failure: &Failure, digest: &str| Found::new(failure, self.work.redactor(), &self.name, &tag, digest);
        let top = match self.manifest(&tag, None).await {
            Ok(top) => top,
            Err(failure) => {
                look.found.push(found(&failure, ""));
                return look;
            }
        };
        look.digest = Some(top.digest.clone());
        if !self.claim(&top.digest, &mut look) {
            return look;
        }
        let at_once = self.work.options.concurrency;
        let mut waiting: Vec<(Descriptor, usize)> = Vec::new();
        let mut here = vec![(top, 0)];
        loop {
            for (manifest, depth) in here.drain(..) {
                look.counts.manifests += 1;
                let mut blobs = manifest.blobs;
                look.counts.foreign += blobs.iter().filter(|blob| blob.is_foreign()).count() as u64;
                blobs.retain(|blob| !blob.is_foreign() && self.claim(&blob.digest, &mut look));
                for some in blobs.chunks(at_once) {
                    let ends = join_all(some.iter().map(|blob| self.blob(blob))).await;
                    for (blob, end) in some.iter().zip(ends) {
                        look.counts.blobs += 1;
                        match end {
                            Ok(hashed) => look.counts.hashed += hashed,
                            Err(failure) => look.found.push(found(&failure, &blob.digest)),
                        }
                    }
                }
                for child in manifest.manifests {
                    if self.claim(&child.digest, &mut look) {
                        waiting.push((child, depth + 1));
                    }
                }
            }
            if let Some((child, _)) = waiting.iter().find(|(_, depth)| *depth > DEEPEST) {
                let failure = manifest::WHY.undecided(
                    format_args!("an index of at most {DEEPEST} levels"),
                    "one that goes on below",
                    None,
                );
                look.found.push(found(&failure, &child.digest));
                return look;
            }
            if look.claimed.len() > MOST_MANIFESTS * 8 || waiting.len() > MOST_MANIFESTS {
                let failure = manifest::WHY.undecided(
                    format_args!("at most {MOST_MANIFESTS} manifests below a tag"),
                    "more of them",
                    None,
                );
                look.found.push(found(&failure, ""));
                return look;
            }
            if waiting.is_empty() {
                return look;
            }
            let some = waiting.split_off(waiting.len().saturating_sub(at_once));
            let ends = join_all(some.iter().map(|(child, _)| self.manifest(&child.digest, Some(child)))).await;
            for ((child, depth), end) in some.into_iter().zip(ends) {
                match end {
                    Ok(manifest) => here.push((manifest, depth)),
                    Err(failure) => look.found.push(found(&failure, &child.digest)),
                }
            }
        }
    }

    /// Whether this look is the one that has to look at this digest of this repository.
    fn claim(&self, digest: &str, look: &mut Look) -> bool {
        let key = short(digest);
        if let Some(seen) = &mut look.alone {
            return seen.insert(key);
        }
        let mut state = self.state();
        if state.seen.insert(key) {
            state.open.insert(key, Arc::clone(&look.tag));
            look.claimed.push(key);
            return true;
        }
        if let Some(other) = state.open.get(&key).filter(|other| **other != look.tag).cloned() {
            state.relying.entry(other).or_default().insert(Arc::clone(&look.tag));
        }
        false
    }

    async fn get_manifest(&self, reference: &str) -> anyhow::Result<Answer> {
        let target = format!("/v2/{}/manifests/{reference}", self.name);
        let client = &self.work.client;
        self.work.ask(|| client.get(&target).header("Accept", ACCEPT).limit(MANIFEST_LIMIT)).await
    }

    async fn manifest(&self, reference: &str, promised: Option<&Descriptor>) -> Result<Kind, Failure> {
        if promised.is_some_and(|promised| !promised.is_well_formed()) {
            return Err(manifest::WHY.fail("a digest", format_args!("{:.100?}", reference), None));
        }
        manifest::read(&self.get_manifest(reference).await?, promised)
    }

    /// The bytes that were hashed.
    async fn blob(&self, blob: &Descriptor) -> Result<u64, Failure> {
        if !blob.is_well_formed() {
            return Err(BLOB.fail("a digest", format_args!("{:.100?}", blob.digest), None));
        }
        let target = format!("/v2/{}/blobs/{}", self.name, blob.digest);
        let mut answer = self.get_blob(&self.work.client, &target, blob).await?;
        for _ in 0..3 {
            let location = answer.header("location").filter(|_| matches!(answer.status, 301..=303 | 307 | 308));
            let Some(url) = location.and_then(|location| answer.url.join(location).ok()) else { break };
            let store = self.store(&url)?;
            let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
            answer = self.get_blob(&store, target, blob).await?;
        }
        answer.expect_status(&[200], &BLOB)?;
        if answer.size != blob.size {
            return Err(BLOB.fail(format_args!("{} bytes", blob.size), format_args!("{} bytes", answer.size), None));
        }
        let Some(digest) = answer.digest else { return Ok(0) };
        if blob.is_sha256() && digest != blob.digest {
            return Err(BLOB.fail(&blob.digest, format_args!("bytes whose digest is {digest}"), None));
        }
        if !blob.is_sha256() && self.work.options.deep {
            return Err(BLOB.undecided("a sha256 digest", "another one, which was not computed", None));
        }
        Ok(answer.size)
    }

    async fn get_blob(&self, client: &Client, target: &str, blob: &Descriptor) -> anyhow::Result<Answer> {
        // An answer that says to be longer than the blob is not the blob, and need not be read to be sure.
        let opened = if self.work.options.deep { blob.size.max(SHORT) } else { SHORT };
        let limit = usize::try_from(blob.size.max(SHORT)).unwrap_or(usize::MAX).saturating_add(1);
        let patience = Duration::from_secs(if self.work.options.deep { blob.size.min(1 << 40) / SLOWEST } else { 0 });
        self.work.ask(|| client.get(target).hashed().opened(opened).limit(limit).patience(patience)).await
    }

    /// A client for where a redirect leads: the same on the registry's own origin, one without credentials elsewhere.
    fn store(&self, url: &url::Url) -> anyhow::Result<Client> {
        let client = &self.work.client;
        if client.origin().owns(url) {
            return Ok(client.clone());
        }
        may_lead_to(client, url)?;
        let mut state = self.work.state();
        if let Some(known) = state.stores.iter().find(|store| store.origin().owns(url)) {
            return Ok(known.clone());
        }
        anyhow::ensure!(state.stores.len() < MOST_STORES, "blobs are redirected to more than {MOST_STORES} hosts");
        let target = &self.work.target;
        let recorder = Recorder::blind(Arc::clone(target.redactor()));
        let store = Client::new(&target.route, Origin::of(url), super::ANONYMOUS, None, super::guard(), recorder)?;
        state.stores.push(store.clone());
        Ok(store)
    }

    /// What has become of a tag since it was looked at.
    async fn now(&self, tag: &str, digest: Option<&str>) -> Now {
        let Ok(answer) = self.get_manifest(tag).await else { return Now::Same };
        match answer.status {
            200 if digest == Some(crate::model::image::digest_of(&answer.body).as_str()) => Now::Same,
            200 => Now::Moved,
            404 if self.is_listed(tag).await == Some(false) => Now::Gone,
            _ => Now::Same,
        }
    }

    /// Whether the list still has this tag; nothing if that cannot be learnt.
    async fn is_listed(&self, tag: &str) -> Option<bool> {
        {
            let mut state = self.state();
            state.relists += 1;
            if state.relists > MOST_RELISTS {
                return None;
            }
        }
        let mut names = Names::tags(&self.name);
        while let Some(page) = names.page(&self.work).await.ok()? {
            if page.iter().any(|name| name == tag) {
                return Some(true);
            }
        }
        Some(false)
    }
}
