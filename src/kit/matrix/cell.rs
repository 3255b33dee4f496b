//! One cell of the matrix: who asked for what, where, what was answered, and what that means.
//!
//! Pure. What all cells together mean is for `claim` and the check to say.

use std::collections::BTreeSet;

use super::GROUPS;
use crate::kit::oracle::{Oracle, Permission};
use crate::model::outcome::Verdict;
use crate::scenario::Promise;

/// A request and the client that it is sent as: a denial counts where somebody was allowed exactly this.
pub(crate) type Control = (Oracle, Option<&'static str>);

/// One answer, and how often it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) permission: Permission,
    times: usize,
    /// The status of the first of them; 0 where there was no answer.
    pub(super) status: u16,
    exchange: Option<usize>,
}

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) who: String,
    pub(crate) repository: String,
    pub(crate) oracle: Oracle,
    /// The existing tag that it is about.
    pub(crate) tag: Option<String>,
    /// The client that it is sent as, where that is not regproof itself.
    pub(crate) client: Option<&'static str>,
    pub(crate) promise: Promise,
    /// All different answers, in order; one if the registry always answers the same.
    pub(crate) seen: Vec<Seen>,
    /// What the answer means in this release, where that is special.
    pub(super) note: Option<&'static str>,
    /// Why there was nothing to ask, or nothing to learn.
    pub(crate) unasked: Option<&'static str>,
}

impl Cell {
    /// How the cell ends. One answer against the promise breaks it, whatever else was answered; a denial that nobody
    /// controls is not a proof, and listed so.
    pub(crate) fn verdict(&self, controlled: &BTreeSet<Control>) -> Verdict {
        if self.unasked.is_some() {
            return Verdict::Skip;
        }
        if self.is_random() {
            return Verdict::Fail;
        }
        match self.promise.allowed {
            // The configuration leaves it to chance, so that no answer is one to rely on.
            None if self.promise.random => Verdict::Error,
            None => Verdict::Skip,
            Some(promised) if self.has(if promised { &Permission::Denied } else { &Permission::Allowed }) => {
                Verdict::Fail
            }
            Some(_) if self.is_unanswered() => Verdict::Error,
            Some(false) if !controlled.contains(&(self.oracle, self.client)) => Verdict::Skip,
            Some(_) => Verdict::Pass,
        }
    }

    /// Whether it was asked and an answer says nothing.
    pub(super) fn is_unanswered(&self) -> bool {
        self.seen.is_empty() || self.seen.iter().any(|seen| matches!(seen.permission, Permission::Undecided(_)))
    }

    /// Whether the same request was allowed and denied.
    pub(crate) fn is_random(&self) -> bool {
        self.has(&Permission::Allowed) && self.has(&Permission::Denied)
    }

    pub(super) fn has(&self, permission: &Permission) -> bool {
        self.seen.iter().any(|seen| seen.permission == *permission)
    }

    /// The name that reports and waivers know it by, as `ci: move a tag in team/app`.
    pub(crate) fn name(&self) -> String {
        let group = GROUPS.iter().find(|(_, oracles)| oracles.contains(&self.oracle)).map_or("", |(group, _)| *group);
        format!("{}: {group} in {}", self.who, self.repository)
    }

    /// The request, in words.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("{} to {} in {}", self.who, self.oracle.describe(), self.repository);
        if let Some(tag) = &self.tag {
            text.push_str(&format!(", tag {tag}"));
        }
        if let Some(client) = self.client {
            text.push_str(&format!(", with the User-Agent of {client}"));
        }
        text
    }

    /// What was seen, in words.
    pub(crate) fn actual(&self) -> String {
        let word = |seen: &Seen| {
            let times = match (self.seen.len(), seen.times) {
                (1, _) => String::new(),
                (_, 1) => " once".to_owned(),
                (_, times) => format!(" {times} times"),
            };
            match &seen.permission {
                Permission::Allowed => format!("allowed{times}"),
                Permission::Denied => format!("denied{times}"),
                Permission::Undecided(why) => format!("{why}{times}"),
            }
        };
        let seen = self.seen.iter().map(word).collect::<Vec<_>>().join(", ");
        self.note.map_or(seen.clone(), |note| format!("{seen}: {note}"))
    }

    /// The exchange that shows what is wrong: of several answers, the one that the promise does not have.
    pub(crate) fn exchange(&self) -> Option<usize> {
        let good = match self.promise.allowed {
            Some(false) => Permission::Denied,
            _ => Permission::Allowed,
        };
        let wrong = self.seen.iter().find(|seen| seen.permission != good).or(self.seen.first());
        wrong.and_then(|seen| seen.exchange)
    }

    pub(super) fn add(&mut self, permission: Permission, status: u16, exchange: Option<usize>) {
        match self.seen.iter_mut().find(|seen| seen.permission == permission) {
            Some(seen) => seen.times += 1,
            None => self.seen.push(Seen { permission, times: 1, status, exchange }),
        }
    }

    /// Whether what is asked about can be moved or removed by others meanwhile.
    pub(super) fn is_about_content(&self) -> bool {
        use Oracle::{MoveTagByQuery, ReadBlob, ReadManifest, UpdateLatest, UpdateTag};
        matches!(self.oracle, ReadManifest | ReadBlob | UpdateTag | UpdateLatest | MoveTagByQuery)
    }
}

/// The requests that somebody was seen to be allowed: their denials count.
pub(crate) fn controlled(cells: &[Cell]) -> BTreeSet<Control> {
    let allowed = cells.iter().filter(|cell| cell.unasked.is_none() && cell.has(&Permission::Allowed));
    allowed.map(|cell| (cell.oracle, cell.client)).collect()
}

/// Takes back a yes that looks like the answer to another request, which no registry gives to that one: what is in front of
/// it answers all requests of a method alike, and knows nothing of rights.
pub(super) fn suspect(cells: &mut [Cell]) {
    let foreign: BTreeSet<(String, String, Control, u16)> = cells
        .iter()
        .filter(|cell| matches!(cell.oracle, Oracle::CreateTag | Oracle::DeleteManifest))
        .flat_map(|cell| cell.seen.iter().map(move |seen| (cell, seen)))
        .filter(|(_, seen)| matches!(seen.permission, Permission::Undecided(_)))
        .map(|(cell, seen)| (cell.who.clone(), cell.repository.clone(), (cell.oracle, cell.client), seen.status))
        .collect();
    for cell in cells {
        use crate::zot::policy::Action;
        let twin = match cell.oracle.action(None) {
            Action::Read => continue,
            Action::Delete => Oracle::DeleteManifest,
            Action::Create | Action::Update => Oracle::CreateTag,
        };
        for seen in cell.seen.iter_mut().filter(|seen| seen.permission == Permission::Allowed) {
            let status = seen.status;
            if foreign.contains(&(cell.who.clone(), cell.repository.clone(), (twin, cell.client), status)) {
                let why =
                    format!("{status}, as to a request that no registry answers so: not the registry's own answer");
                seen.permission = Permission::Undecided(why);
            }
        }
    }
}
