//! What differs between agreed promises and those of now: who gained what, who lost what, where, and by which line.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lock, Promises, RUNS, Rights};

/// What kind of change it is, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Somebody may do more.
    Gain,
    /// Somebody may do less.
    Loss,
    /// Another promise has another value, or is new, or is gone.
    Promise,
    /// A check that was agreed to run does not.
    Unproven,
    /// A check that was agreed to run is not known to this regproof.
    Unknown,
    /// A check runs that was not agreed to run. No promise is weaker by it.
    Proven,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) kind: Kind,
    /// In short, the same for the same change, as `group ci gains update`.
    pub(crate) name: String,
    /// What was agreed.
    pub(crate) agreed: String,
    /// What is promised now.
    pub(crate) now: String,
    /// Which words say so, with their line, where they are known.
    pub(crate) grounds: String,
}

/// All changes, the gravest first.
pub(crate) fn compare(agreed: &Lock, now: &Promises) -> Vec<Difference> {
    let mut all = rights(agreed, now);
    all.extend(promises(&agreed.promises, &now.lock.promises));
    all.extend(checks(&agreed.checks, &now.lock.checks));
    all.sort_by_key(|difference| difference.kind);
    all
}

/// Where and who, and what was gained or lost there.
type Changed<'a> = BTreeMap<(Kind, &'a str, Vec<&'a str>), Vec<(String, &'a str)>>;

fn rights(agreed: &Lock, now: &Promises) -> Vec<Difference> {
    let mut changed: Changed<'_> = BTreeMap::new();
    let tables =
        [("", &agreed.repositories, &now.lock.repositories), ("pattern ", &agreed.patterns, &now.lock.patterns)];
    let (nobody, nothing) = (Rights::new(), BTreeSet::new());
    for (word, before, after) in tables {
        for place in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let (before, after) = (before.get(place).unwrap_or(&nobody), after.get(place).unwrap_or(&nobody));
            for subject in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                let (had, has) = (before.get(subject).unwrap_or(&nothing), after.get(subject).unwrap_or(&nothing));
                for (kind, entries) in [(Kind::Gain, has.difference(had)), (Kind::Loss, had.difference(has))] {
                    let entries: Vec<&str> = entries.map(String::as_str).collect();
                    if !entries.is_empty() {
                        let places = changed.entry((kind, subject, entries)).or_default();
                        places.push((format!("{word}{place}"), place));
                    }
                }
            }
        }
    }
    changed.into_iter().map(|((kind, subject, entries), places)| right(now, kind, subject, &entries, &places)).collect()
}

fn right(now: &Promises, kind: Kind, subject: &str, entries: &[&str], places: &[(String, &str)]) -> Difference {
    let what = entries.join(", ");
    let names: Vec<&str> = places.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    let mut grounds = BTreeSet::new();
    for (_, place) in places {
        let action = |entry: &&str| entry.split(':').next().unwrap_or(entry).to_owned();
        let said = entries.iter().map(action).filter_map(|action| now.grounds(place, subject, &action));
        grounds.extend(said.map(str::to_owned));
    }
    if kind == Kind::Loss && grounds.is_empty() {
        grounds.insert("no rule grants it any more".to_owned());
    }
    let (verb, agreed, now) = match kind {
        Kind::Gain => ("gains", "not promised", "promised"),
        _ => ("loses", "promised", "not promised"),
    };
    Difference {
        kind,
        name: format!("{subject} {verb} {what}"),
        agreed: format!("{agreed} to {subject}: {what} in {names}"),
        now: format!("{now} to {subject}: {what} in {names}"),
        grounds: grounds.into_iter().collect::<Vec<_>>().join("; "),
    }
}

fn promises(agreed: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Difference> {
    let keys: BTreeSet<&String> = agreed.keys().chain(now.keys()).collect();
    let word = |value: Option<&String>| value.map_or_else(|| "not promised".to_owned(), |value| format!("`{value}`"));
    let changed = keys.into_iter().filter(|key| agreed.get(*key) != now.get(*key));
    changed
        .map(|key| Difference {
            kind: Kind::Promise,
            name: format!("{key} changes"),
            agreed: format!("{key}: {}", word(agreed.get(key))),
            now: format!("{key}: {}", word(now.get(key))),
            grounds: String::new(),
        })
        .collect()
}

fn checks(agreed: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Difference> {
    let mut all = Vec::new();
    for (id, before) in agreed.iter().filter(|(_, before)| *before == RUNS) {
        let (kind, name, after) = match now.get(id) {
            Some(after) if after == RUNS => continue,
            Some(after) => (Kind::Unproven, format!("{id} no longer runs"), format!("{id}: {after}")),
            None => (Kind::Unknown, format!("{id} is not known"), format!("{id}: this regproof has no such check")),
        };
        all.push(Difference { kind, name, agreed: format!("{id}: {before}"), now: after, grounds: String::new() });
    }
    for (id, after) in now.iter().filter(|(_, after)| *after == RUNS) {
        let before = agreed.get(id).map_or("not known", String::as_str);
        if before != RUNS {
            all.push(Difference {
                kind: Kind::Proven,
                name: format!("{id} runs now"),
                agreed: format!("{id}: {before}"),
                now: format!("{id}: {after}"),
                grounds: String::new(),
            });
        }
    }
    all
}
