//! What differs between two snapshots. Pure; knows neither where they come from nor how the difference is shown.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::snapshot::{Snapshot, Tags};

/// How two snapshots differ in one answer or tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The answer is another one.
    Changed,
    /// The tag has another digest.
    Moved,
    /// The tag is no longer there.
    Gone,
    /// What was answered before is not decided now: nothing is known of it.
    Lost,
    /// What was not asked or not decided before is answered now.
    New,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// How they differ.
    pub kind: Kind,
    /// Question and both answers, as printed: what a list of accepted changes names.
    pub id: String,
    /// What was asked.
    pub question: String,
    /// The answer before.
    pub before: Option<String>,
    /// The answer after.
    pub after: Option<String>,
    /// Whether it is on the list of accepted changes.
    pub accepted: bool,
}

/// Which registry, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The scenario's name.
    pub scenario: String,
    /// The registry's URL.
    pub target: String,
    /// Product and release, as claimed.
    pub registry: String,
}

/// Everything that differs between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Version of this format.
    pub schema: u32,
    /// The first snapshot.
    pub before: Head,
    /// The second one.
    pub after: Head,
    /// All differences, by kind.
    pub changes: Vec<Change>,
    /// How many answers are in both.
    pub answers: usize,
    /// How many tags are in both.
    pub tags: usize,
    /// How many tags are new, which is no difference: pushing makes them.
    pub new_tags: usize,
    /// What to know before believing it.
    pub notes: Vec<String>,
    /// What was asked for one of the snapshots, and not decided: whether it changed is not known.
    pub undecided: Vec<String>,
}

impl Diff {
    /// The changes that nobody accepted.
    pub fn open(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| !change.accepted)
    }
}

/// Compares two snapshots; changes whose id is in `accepted` are marked.
#[must_use]
pub fn compare(before: &Snapshot, after: &Snapshot, accepted: &BTreeSet<String>) -> Diff {
    let mut diff = Diff {
        schema: 1,
        before: head(before),
        after: head(after),
        changes: vec![],
        answers: 0,
        tags: 0,
        new_tags: 0,
        notes: notes(before, after),
        undecided: undecided(before, after),
    };
    for (question, old) in &before.answers {
        match after.answers.get(question) {
            Some(new) => {
                diff.answers += 1;
                if old != new {
                    diff.add(Kind::Changed, question, Some(old), Some(new));
                }
            }
            None => diff.add(Kind::Lost, question, Some(old), None),
        }
    }
    for (question, new) in after.answers.iter().filter(|(question, _)| !before.answers.contains_key(*question)) {
        diff.add(Kind::New, question, None, Some(new));
    }
    for (repository, old) in &before.tags {
        diff.tags_of(repository, old, after.tags.get(repository));
    }
    let unknown = after.tags.iter().filter(|(repository, _)| !before.tags.contains_key(*repository));
    diff.new_tags += unknown.map(|(_, tags)| tags.digests.len()).sum::<usize>();
    for change in &mut diff.changes {
        change.accepted = accepted.contains(&change.id);
    }
    diff.changes.sort();
    let unused = accepted.iter().filter(|id| !diff.changes.iter().any(|change| change.id == **id));
    let unused: Vec<String> = unused.map(|id| format!("accepted, and not there: {id}")).collect();
    diff.notes.extend(unused);
    diff
}

impl Diff {
    fn add(&mut self, kind: Kind, question: &str, before: Option<&str>, after: Option<&str>) {
        let missing = match kind {
            Kind::Gone => "gone",
            Kind::New => "not known",
            _ => "not answered",
        };
        self.changes.push(Change {
            kind,
            id: format!("{question}: {} -> {}", before.unwrap_or(missing), after.unwrap_or(missing)),
            question: question.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            accepted: false,
        });
    }

    fn tags_of(&mut self, repository: &str, old: &Tags, new: Option<&Tags>) {
        let Some(new) = new else {
            let count = format!("{} tags", old.digests.len());
            return self.add(Kind::Lost, &format!("tags of {repository}"), Some(&count), None);
        };
        for (tag, digest) in &old.digests {
            // Without a digest nothing was known of it.
            let Some(digest) = digest else { continue };
            let name = format!("tag {repository}:{tag}");
            match new.digests.get(tag) {
                Some(Some(now)) => {
                    self.tags += 1;
                    if now != digest {
                        self.add(Kind::Moved, &name, Some(digest), Some(now));
                    }
                }
                None if new.whole => self.add(Kind::Gone, &name, Some(digest), None),
                Some(None) | None => self.add(Kind::Lost, &name, Some(digest), None),
            }
        }
        self.new_tags += new.digests.keys().filter(|tag| !old.digests.contains_key(*tag)).count();
    }
}

fn head(snapshot: &Snapshot) -> Head {
    let answer = |question: &str| snapshot.answers.get(question).map(String::as_str);
    let registry = [answer("product"), answer("release")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Head { scenario: snapshot.scenario.clone(), target: snapshot.target.clone(), registry }
}

fn undecided(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let lines = |when: &str, snapshot: &Snapshot| -> Vec<String> {
        snapshot.undecided.iter().map(|line| format!("{when}: {line}")).collect()
    };
    [lines("before", before), lines("after", after)].concat()
}

fn notes(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let mut notes = Vec::new();
    let mut differ = |what: &str, one: &str, other: &str| {
        if one != other {
            notes.push(format!("{what}: {one} before, {other} after; some questions may be in one snapshot only"));
        }
    };
    differ("they were taken by different releases of regproof", &before.regproof, &after.regproof);
    differ("they were taken with different scenarios", &before.scenario, &after.scenario);
    if before.catalog != after.catalog {
        notes.push("only one of them has the whole catalog".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests;
