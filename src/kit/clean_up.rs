//! Clean-up: removes what a check made, and writes down what could not be removed.
//!
//! Removes only what the ledger of this check names. A manifest goes by its digest only where no tag of anybody else points
//! to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::check::context::{CLEAN_UP, Cx};
use crate::http::ledger::{Entry, Fate, UNNAMED};
use crate::http::{Answer, Client, MANIFEST_LIMIT};
use crate::kit::api_keys;
use crate::kit::listing;
use crate::kit::transfer::{ACCEPT, Content, TagList, is_digest, is_tag};
use crate::model::image::digest_of;
use crate::model::outcome::Leftover;
use crate::scenario::Action;

/// More tags than this are not looked at to see what else points to a digest.
const MOST_TAGS: usize = 200;
/// Nor more pages of them.
const MOST_PAGES: usize = 10;
const TOO_MANY: &str = "the repository has more than the 200 tags that clean-up reads";

const NOBODY: &str = "no identity of the scenario may delete";

impl Cx {
    /// What tells an image of this check from others. Where it can be removed it is this run's own, so that no other run misses
    /// it; where nobody may delete, it is the same each time, so that what stays does not become more.
    pub(crate) fn flavour(&self, word: &str) -> String {
        self.scenario().remover().map_or_else(|| word.to_owned(), |_| format!("{word}-{}", self.run_id()))
    }

    /// Removes what was made, and writes down what could not be. Run by the runner, whatever became of the check.
    pub(crate) async fn clean_up(&self) {
        // A check that used all its time gets little more: a registry that stalls must not hold up the run.
        let end = Instant::now() + self.time_left().clamp(Duration::from_secs(2), CLEAN_UP);
        let keys = std::mem::take(&mut self.found().keys);
        for own in keys {
            if let Some(reason) = api_keys::revoke(self, &own, end).await {
                self.keeps("(API keys)", &own.label, &reason);
            }
        }
        self.tell_readers(end).await;
        self.sweep(self.ledger().close(), end).await;
    }

    /// Writes down who else can read what stays on purpose.
    async fn tell_readers(&self, end: Instant) {
        let scratch = self.scratch().unwrap_or_default().to_owned();
        let janitor = Janitor::new(self, end, None);
        let kept = self.found().leftovers.clone();
        for left in kept.iter().filter(|left| left.repository == scratch && is_tag(&left.reference)) {
            let entry = Entry::new(&scratch, &format!("manifests/{}", left.reference), Fate::Made);
            let readers = janitor.readers(&entry).await;
            for known in self.found().leftovers.iter_mut().filter(|known| *known == left) {
                known.readable_by.clone_from(&readers);
            }
        }
    }

    /// Removes what was made, but for the canary in the private scratch repository, which is asked for still.
    pub(crate) async fn clean_up_but_the_canary(&self) {
        let end = Instant::now() + self.time_left().clamp(Duration::from_secs(2), CLEAN_UP);
        let (canary, made) = self.ledger().close().into_iter().partition(|entry| self.is_canary(entry));
        self.ledger().restore(canary);
        self.sweep(made, end).await;
    }

    fn is_canary(&self, entry: &Entry) -> bool {
        self.scenario().repositories.private_scratch.as_ref() == Some(&entry.repository)
    }

    async fn sweep(&self, made: Vec<Entry>, end: Instant) {
        let made = made.into_iter().filter(|entry| entry.fate != Fate::Refused);
        let (private, open): (Vec<Entry>, Vec<Entry>) = made.partition(|entry| self.is_canary(entry));
        for entries in [open, private] {
            let Some(first) = entries.first() else { continue };
            let private = self.is_canary(first).then(|| first.repository.clone());
            let mut janitor = Janitor::new(self, end, private.as_deref());
            for entry in entries.iter().rev() {
                let (digest, parts) = janitor.contents(entry).await;
                match janitor.remove(entry, digest).await {
                    Some(reason) => self.lists(&janitor, entry, reason).await,
                    // What an index named has no tag, and stays when the index goes.
                    None => {
                        for part in parts {
                            if let Some(reason) = janitor.remove_part(&part).await {
                                self.lists(&janitor, &part, reason).await;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Writes down what stays, once.
    async fn lists(&self, janitor: &Janitor<'_>, entry: &Entry, reason: String) {
        let reference = entry.what.strip_prefix("manifests/").unwrap_or(&entry.what).to_owned();
        let (check, repository) = (self.id().to_owned(), entry.repository.clone());
        let readable_by = janitor.readers(entry).await;
        let left = Leftover { check, repository, reference, reason, readable_by };
        let mut found = self.found();
        if !found.leftovers.contains(&left) {
            found.leftovers.push(left);
        }
    }
}

/// Whether something is there.
enum There {
    No,
    /// With its digest, where the registry names it.
    Yes(Option<String>),
    Unknown(String),
}

/// How a removal by digest ended.
enum ByDigest {
    Removed,
    /// A tag that somebody else made points to it.
    Shared,
    Not(String),
}

type Tags = Result<BTreeMap<String, Option<String>>, String>;

/// Removes things one by one.
struct Janitor<'a> {
    cx: &'a Cx,
    end: Instant,
    /// Who may delete.
    remover: Option<Client>,
    /// Who looks: the one who deletes, else the one who pushes, else anyone.
    eyes: Option<Client>,
    /// The tags of each repository that others made, with their digests.
    foreign: BTreeMap<String, Tags>,
}

impl<'a> Janitor<'a> {
    /// For the private scratch repository, or for all others.
    fn new(cx: &'a Cx, end: Instant, private: Option<&str>) -> Janitor<'a> {
        let (scenario, is_private) = (cx.scenario(), private.is_some());
        let client = |name: &str| match is_private {
            true => cx.keeper(name).ok(),
            false => cx.identity(name).ok().map(|client| cx.trier(&client)),
        };
        let who = |action, usual| private.map_or(usual, |repository| scenario.one_who_may(action, repository));
        let remover = who(Action::Delete, scenario.remover()).and_then(client);
        let writer = who(Action::Create, scenario.writer()).and_then(client);
        let eyes = remover.clone().or(writer).or_else(|| cx.anonymous().ok());
        Janitor { cx, end, remover, eyes, foreign: BTreeMap::new() }
    }

    /// The digest that a tag of this run points to, and what that names if it is an index; asked where it is not known.
    async fn contents(&self, entry: &Entry) -> (Option<String>, Vec<Entry>) {
        let known = entry.digest.clone();
        let wanted = self.is_own(entry) && self.remover.is_some() && (entry.is_index || known.is_none());
        let (Some(eyes), true) = (&self.eyes, wanted) else { return (known, vec![]) };
        let request = eyes.get(entry.target()).header("Accept", ACCEPT).limit(MANIFEST_LIMIT);
        let answer = self.timed(request.send()).await.ok().filter(|answer| answer.status == 200);
        let Some(answer) = answer else { return (known, vec![]) };
        let content: Content = serde_json::from_slice(&answer.body).unwrap_or_default();
        let digests =
            content.manifests.into_iter().flatten().map(|part| part.digest).filter(|digest| is_digest(digest));
        let part = |digest: String| Entry::new(&entry.repository, &format!("manifests/{digest}"), Fate::Made);
        (known.or_else(|| Some(digest_of(&answer.body))), digests.map(part).collect())
    }

    /// Whether it is a tag that only this run gives.
    fn is_own(&self, entry: &Entry) -> bool {
        let own = format!("manifests/regproof-{}-", self.cx.run_id());
        entry.what.starts_with(&own)
    }

    /// Nothing if what an index named is gone, or is named by others too; else why it is still there.
    async fn remove_part(&mut self, part: &Entry) -> Option<String> {
        let (remover, digest) = (self.remover.clone()?, part.what.strip_prefix("manifests/")?);
        match self.by_digest(&remover, &part.repository, digest).await {
            ByDigest::Removed | ByDigest::Shared => None,
            ByDigest::Not(why) => Some(format!("its index is removed, but it is not: {why}")),
        }
    }

    /// Nothing if it is gone, or was never there; else why it is still there.
    async fn remove(&mut self, entry: &Entry, digest: Option<String>) -> Option<String> {
        let doubt = match &entry.fate {
            Fate::Maybe(why) => format!("it may have been made: {why}; "),
            _ => String::new(),
        };
        if entry.what == UNNAMED {
            return Some(format!("{doubt}the registry did not name it"));
        }
        let Some(remover) = self.remover.clone() else {
            return match self.look(&entry.target()).await {
                There::No => None,
                There::Yes(_) => Some(NOBODY.to_owned()),
                There::Unknown(_) if self.was_never_made(entry) => None,
                There::Unknown(_) if entry.fate == Fate::Made => Some(NOBODY.to_owned()),
                There::Unknown(why) => Some(format!("{doubt}{NOBODY}, and it may be there: {why}")),
            };
        };
        if let Some(digest) = entry.digest.as_deref().filter(|digest| entry.what == format!("manifests/{digest}")) {
            return self.what_it_was(&remover, &entry.repository, Some(digest)).await;
        }
        let digest = digest.filter(|_| self.is_own(entry));
        let digest = digest.as_deref();
        match self.delete(&remover, &entry.target()).await {
            Ok(answer) if is_done(&answer) => self.what_it_was(&remover, &entry.repository, digest).await,
            Ok(answer) => {
                let why = answer.brief();
                match (self.look(&entry.target()).await, digest) {
                    (There::No, _) => None,
                    // Some registries remove by digest alone (OCI distribution spec, section Deleting tags).
                    (There::Yes(Some(seen)), Some(digest)) if seen == digest => {
                        match self.by_digest(&remover, &entry.repository, digest).await {
                            ByDigest::Removed => None,
                            ByDigest::Shared => Some(format!("{why}; tags that others made point to its digest")),
                            ByDigest::Not(also) => Some(format!("{why}; by its digest: {also}")),
                        }
                    }
                    _ => Some(format!("{doubt}{why}")),
                }
            }
            Err(_) if self.was_never_made(entry) => None,
            Err(why) => Some(format!("{doubt}{why}")),
        }
    }

    /// The tag is gone; what it pointed to may still be there.
    async fn what_it_was(&mut self, remover: &Client, repository: &str, digest: Option<&str>) -> Option<String> {
        let digest = digest?;
        match self.look(&format!("/v2/{repository}/manifests/{digest}")).await {
            There::Yes(_) => match self.by_digest(remover, repository, digest).await {
                ByDigest::Removed | ByDigest::Shared => None,
                ByDigest::Not(why) => Some(format!("the manifest {digest} is not removed: {why}")),
            },
            There::No => None,
            There::Unknown(why) => Some(format!("the manifest {digest} may still be there: {why}")),
        }
    }

    /// A client program that never reached the registry made nothing.
    fn was_never_made(&self, entry: &Entry) -> bool {
        entry.fate == Fate::Booked && self.cx.recorder().exchanges().iter().all(|exchange| exchange.status.is_none())
    }

    async fn by_digest(&mut self, remover: &Client, repository: &str, digest: &str) -> ByDigest {
        let foreign = match self.foreign(repository).await {
            Ok(foreign) => foreign,
            Err(why) => return ByDigest::Not(why.clone()),
        };
        if foreign.values().flatten().any(|other| other == digest) {
            return ByDigest::Shared;
        }
        if let Some((tag, _)) = foreign.iter().find(|(_, digest)| digest.is_none()) {
            return ByDigest::Not(format!("the digest of the tag {tag} is not known"));
        }
        match self.delete(remover, &format!("/v2/{repository}/manifests/{digest}")).await {
            // 404: another tag of this run was its last, and took it along.
            Ok(answer) if is_done(&answer) || answer.status == 404 => ByDigest::Removed,
            Ok(answer) => ByDigest::Not(answer.brief()),
            Err(why) => ByDigest::Not(why),
        }
    }

    /// The tags that this run did not make, with their digests, as they were when first looked at.
    async fn foreign(&mut self, repository: &str) -> &Tags {
        if !self.foreign.contains_key(repository) {
            let found = self.foreign_tags(repository).await;
            self.foreign.insert(repository.to_owned(), found);
        }
        &self.foreign[repository]
    }

    async fn foreign_tags(&self, repository: &str) -> Tags {
        let own = format!("regproof-{}-", self.cx.run_id());
        let mut tags = self.all_tags(repository).await?;
        tags.retain(|tag| !tag.starts_with(&own));
        if tags.len() > MOST_TAGS {
            return Err(TOO_MANY.to_owned());
        }
        let mut foreign = BTreeMap::new();
        for tag in tags {
            match self.look(&format!("/v2/{repository}/manifests/{tag}")).await {
                There::No => {}
                There::Yes(digest) => _ = foreign.insert(tag, digest),
                There::Unknown(_) => _ = foreign.insert(tag, None),
            }
        }
        Ok(foreign)
    }

    /// The list of tags with its next pages: some registries name one after each (OCI distribution spec, section Listing Tags).
    async fn all_tags(&self, repository: &str) -> Result<BTreeSet<String>, String> {
        let eyes = self.eyes.as_ref().ok_or("nobody can look")?;
        let path = format!("/v2/{repository}/tags/list");
        let (mut tags, mut target) = (BTreeSet::new(), path.clone());
        for _ in 0..MOST_PAGES {
            let answer = self.timed(eyes.get(&target).send()).await?;
            let list: Option<TagList> = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200);
            let Some(list) = list else { return Err(format!("the tags cannot be listed: {}", answer.brief())) };
            let page = list.tags.unwrap_or_default();
            let (known, is_last) = (tags.len(), page.is_empty());
            tags.extend(page.into_iter().filter(|tag| is_tag(tag)));
            match listing::next(&answer, &path).filter(|_| !is_last) {
                None => return Ok(tags),
                Some(Ok(further)) if tags.len() > known => target = further,
                Some(_) => return Err("the list of its tags has a wrong next page".to_owned()),
            }
        }
        Err(TOO_MANY.to_owned())
    }

    async fn look(&self, target: &str) -> There {
        match &self.eyes {
            Some(eyes) => self.see(eyes, target).await,
            None => There::Unknown("nobody can look".to_owned()),
        }
    }

    async fn see(&self, eyes: &Client, target: &str) -> There {
        let session = target.contains("/blobs/uploads/");
        let request = if session { eyes.get(target) } else { eyes.head(target).header("Accept", ACCEPT) };
        match self.timed(request.send()).await {
            Err(why) => There::Unknown(why),
            Ok(answer) => match answer.status {
                200 | 204 => There::Yes(answer.header("docker-content-digest").map(str::to_owned)),
                404 => There::No,
                _ => There::Unknown(answer.brief()),
            },
        }
    }

    /// Who else can read what stays.
    async fn readers(&self, entry: &Entry) -> Option<String> {
        if entry.what.starts_with("blobs/uploads/") {
            return None;
        }
        let scenario = self.cx.scenario();
        if scenario.repositories.scratch.as_deref() != Some(entry.repository.as_str()) {
            return Some(format!("everyone who may read {}", entry.repository));
        }
        let anyone = self.cx.anonymous().ok()?;
        if let There::Yes(_) = self.see(&anyone, &entry.target()).await {
            return Some("everyone, without a login".to_owned());
        }
        let by_login = scenario.promised_by_groups("", &BTreeSet::new()).contains(&Action::Read);
        by_login.then(|| "every user who can log in".to_owned())
    }

    async fn delete(&self, client: &Client, target: &str) -> Result<Answer, String> {
        self.timed(client.delete(target).send()).await
    }

    async fn timed(&self, work: impl Future<Output = anyhow::Result<Answer>>) -> Result<Answer, String> {
        let left = self.end.saturating_duration_since(Instant::now());
        let sent = tokio::time::timeout(left, work).await;
        sent.map_err(|_| "clean-up ran out of time".to_owned())?.map_err(|error| format!("{error:#}"))
    }
}

fn is_done(answer: &Answer) -> bool {
    matches!(answer.status, 200 | 202 | 204)
}

#[cfg(test)]
mod tests;
