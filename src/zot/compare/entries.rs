//! The changes as a reader wants them: one entry for each client and kind, with all actions and all places that it is about.

use std::collections::BTreeMap;

use super::answers::{self, Said};
use super::{Comparison, Kind};
use crate::zot::policy::{self, Action};

/// The same change of one client in several places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number of the client.
    pub person: usize,
    /// What changed.
    pub kind: Kind,
    /// Whether the reader allows it.
    pub allowed: bool,
    /// The rights.
    pub actions: Vec<Action>,
    /// The numbers of the regions.
    pub regions: Vec<usize>,
    /// What the old file says, of the first action in the first region.
    pub before: Said,
    /// The same of the new file.
    pub after: Said,
    /// The numbers of the clients for which it follows from this.
    pub also: Vec<usize>,
}

/// All changes that do not follow from another one, the gravest first; those that are allowed last.
#[must_use]
pub fn entries(comparison: &Comparison<'_>) -> Vec<Entry> {
    /// The actions of one client in one region.
    type Cells = BTreeMap<(usize, Kind, bool, usize), Vec<Action>>;
    let mut cells = Cells::new();
    let mut also: BTreeMap<(usize, Kind, usize), Vec<usize>> = BTreeMap::new();
    for change in &comparison.changes {
        match change.follows {
            None => {
                let key = (change.person, change.kind, change.allowed, change.region);
                cells.entry(key).or_default().push(change.action);
            }
            Some(other) => also.entry((other, change.kind, change.region)).or_default().push(change.person),
        }
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for ((person, kind, allowed, region), actions) in cells {
        let Some(action) = actions.first().copied() else { continue };
        let before = said(comparison, Side::Old, person, region, action);
        let after = said(comparison, Side::New, person, region, action);
        let (Some(before), Some(after)) = (before, after) else { continue };
        let same = format!("{person} {kind:?} {allowed} {actions:?} {before:?} {after:?}");
        let number = *open.entry(same).or_insert_with(|| {
            let (regions, also) = (vec![], vec![]);
            entries.push(Entry { person, kind, allowed, actions, regions, before, after, also });
            entries.len() - 1
        });
        if let Some(entry) = entries.get_mut(number) {
            entry.regions.push(region);
            entry.also.extend(also.get(&(person, kind, region)).into_iter().flatten());
        }
    }
    for entry in &mut entries {
        entry.also.sort_unstable();
        entry.also.dedup();
    }
    entries.sort_by_key(|entry| (entry.allowed, entry.kind, entry.person));
    entries
}

/// Which file.
#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
}

/// What a file says to a client in a region.
fn said(comparison: &Comparison<'_>, side: Side, person: usize, region: usize, action: Action) -> Option<Said> {
    let (person, region) = (comparison.people.get(person)?, comparison.regions.get(region)?);
    let (config, numbers) = match side {
        Side::Old => (comparison.old, &region.old),
        Side::New => (comparison.new, &region.new),
    };
    let rules = answers::rules(config, numbers);
    Some(answers::said(config, &policy::settled(config, &person.who), &rules, action))
}
