//! `storage`: what its retention lets go, and how often. Nothing else of it is promised to anybody.

use std::time::Duration;

use super::super::tree::{At, Complaint, Node, Place};
use super::super::{duration, glob, number, regex};
use super::{optional, texts};

/// What garbage collection removes, and when.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Storage {
    /// How often it runs, where the file says so.
    pub interval: Option<Duration>,
    /// The rules of the storage and of its sub-paths, in the file's order.
    pub retention: Vec<Retention>,
}

/// One rule of the retention.
#[derive(Debug, Clone, PartialEq)]
pub struct Retention {
    /// Where it stands.
    pub place: Place,
    /// Where its repositories lie: empty, or a sub-path such as `/a`.
    pub below: String,
    /// For these repositories.
    pub repositories: Vec<At<String>>,
    /// The tags that are kept; without any, all are.
    pub keep: Vec<Keep>,
}

/// Tags that are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Keep {
    /// Where it stands.
    pub place: Place,
    /// Those that one of these matches; without any, all.
    pub patterns: Vec<At<String>>,
    /// And of those only the ones that one of these limits keeps, in words; without any, all.
    pub limits: Vec<String>,
}

impl Retention {
    /// Whether tags are removed at all.
    #[must_use]
    pub fn removes(&self) -> bool {
        let everything = |keep: &Keep| keep.patterns.is_empty() && keep.limits.is_empty();
        !self.keep.is_empty() && !self.keep.first().is_some_and(everything)
    }

    /// Whether it is for this repository.
    #[must_use]
    pub fn covers(&self, repository: &str) -> bool {
        let below = self.below.trim_matches('/');
        let inside = match below.is_empty() {
            true => Some(repository),
            false => repository.strip_prefix(below).and_then(|rest| rest.strip_prefix('/')),
        };
        // Whether a sub-path's patterns are for whole names or for what follows it is not documented: either counts.
        let names = inside.map(|inside| [repository, inside]);
        names.is_some_and(|names| {
            self.repositories.iter().any(|at| names.iter().any(|name| glob::matches(&at.value, name)))
        })
    }

    /// What keeps a tag: nothing, where it goes.
    #[must_use]
    pub fn keeps(&self, tag: &str) -> Option<&Keep> {
        let matches = |at: &At<String>| regex::compile(&at.value).is_some_and(|regex| regex.is_match(tag));
        self.keep.iter().find(|keep| keep.patterns.is_empty() || keep.patterns.iter().any(matches))
    }
}

pub(super) fn read(storage: &Node) -> Result<Storage, Complaint> {
    let interval = optional(storage, "gcInterval", duration::of)?.and_then(duration::limit);
    let mut retention = rules(storage, "", true)?;
    if let Some(below) = storage.present("subPaths") {
        for entry in below.node.named("subPaths")? {
            retention.extend(rules(&entry.node, &entry.key, false)?);
        }
    }
    Ok(Storage { interval, retention })
}

/// Without garbage collection, and in a dry run, nothing goes.
fn rules(store: &Node, below: &str, collects: bool) -> Result<Vec<Retention>, Complaint> {
    let collects = optional(store, "gc", Node::flag)?.map_or(collects, |at| at.value);
    let Some(retention) = store.present("retention").filter(|_| collects) else { return Ok(Vec::new()) };
    if optional(&retention.node, "dryRun", Node::flag)?.is_some_and(|at| at.value) {
        return Ok(Vec::new());
    }
    let policies = retention.node.present("policies").map_or(Vec::new(), |policies| policies.node.items());
    let rule = |node: &Node| {
        let keep = node.present("keepTags").map_or(Vec::new(), |keep| keep.node.items());
        Ok(Retention {
            place: node.place,
            below: below.to_owned(),
            repositories: texts(node, "repositories")?,
            keep: keep.into_iter().map(kept).collect::<Result<_, _>>()?,
        })
    };
    policies.into_iter().map(rule).collect()
}

fn kept(node: &Node) -> Result<Keep, Complaint> {
    let mut limits = Vec::new();
    for (key, words) in [("mostRecentlyPushedCount", "pushed last"), ("mostRecentlyPulledCount", "pulled last")] {
        let count = optional(node, key, number::whole)?.filter(|count| *count != 0);
        limits.extend(count.map(|count| format!("the {count} {words}")));
    }
    for (key, words) in [("pushedWithin", "pushed"), ("pulledWithin", "pulled")] {
        let within = optional(node, key, duration::of)?.and_then(duration::limit);
        limits.extend(within.map(|within| format!("those {words} within {}", words_of(within))));
    }
    Ok(Keep { place: node.place, patterns: texts(node, "patterns")?, limits })
}

/// A length of time in the unit that fits.
pub(crate) fn words_of(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{time:?}"),
        _ if seconds.is_multiple_of(86400) => format!("{} d", seconds / 86400),
        _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}
