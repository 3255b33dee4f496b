//! Parts of a run that several machines shared, joined to the one run that they are. Pure.
//!
//! Refuses whatever would make the joined run say more than its parts proved: a gap, a part twice, parts of different runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::model::outcome::{Root, Run};
use crate::run::root;

/// Why parts do not make a whole.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MergeError {
    /// The text is no report of `run`.
    #[error("{file}: not a JSON report of `regproof run` or `regproof audit`: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The run was not run in parts.
    #[error("{0}: this run was not one of several parts; run it with `--partition`")]
    Whole(String),
    /// Two parts are of different runs.
    #[error("{file}: the {what} is {theirs}, and that of another part is {ours}")]
    Different {
        /// The file.
        file: String,
        /// What differs.
        what: &'static str,
        /// What this file has.
        theirs: String,
        /// What the others have.
        ours: String,
    },
    /// A part came twice.
    #[error("{file}: part {part} of `{scenario}` is there already")]
    Doubled {
        /// The file.
        file: String,
        /// Which part.
        part: u64,
        /// The scenario.
        scenario: String,
    },
    /// Some files are of runs and some of audits.
    #[error("some of these files are reports of `regproof run` and some of `regproof audit`; merge them apart")]
    Mixed,
    /// Parts are not there.
    #[error("`{scenario}` has {of} parts, and these are not there: {missing}")]
    Missing {
        /// The scenario.
        scenario: String,
        /// How many parts there are.
        of: u64,
        /// Which are not there.
        missing: String,
    },
    /// A check is in a part that it does not belong to, or twice.
    #[error("{file}: {id} does not belong to part {part}, or is there twice")]
    Stray {
        /// The file.
        file: String,
        /// The check.
        id: String,
        /// The part.
        part: u64,
    },
    /// All parts are there, and some of their checks are not.
    #[error("`{scenario}` has {planned} checks, and its parts have {there}")]
    Incomplete {
        /// The scenario.
        scenario: String,
        /// How many checks were planned.
        planned: usize,
        /// How many there are.
        there: usize,
    },
}

/// Reads the JSON report of one part: one run, or several.
///
/// # Errors
/// If it is no such report.
pub fn read(file: &str, text: &str) -> Result<Vec<Run>, MergeError> {
    #[derive(Deserialize)]
    struct Runs {
        schema: u32,
        runs: Vec<Run>,
    }
    let unreadable = |reason: String| MergeError::Unreadable { file: file.to_owned(), reason };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let read = if value.get("runs").is_some() {
        serde_json::from_value::<Runs>(value).map(|runs| (runs.schema, runs.runs))
    } else {
        serde_json::from_value::<Run>(value).map(|run| (run.schema, vec![run]))
    };
    let (schema, runs) = read.map_err(|error| unreadable(error.to_string()))?;
    if schema != 1 || runs.iter().any(|run| run.schema != 1) {
        return Err(unreadable(format!("its schema is {schema}, and this version reads 1")));
    }
    Ok(runs)
}

/// Joins parts to whole runs, one for each scenario, by name.
///
/// # Errors
/// If the parts are not exactly all parts of the same runs.
pub fn merge(parts: Vec<(String, Run)>) -> Result<Vec<Run>, MergeError> {
    let mut scenarios: BTreeMap<String, Vec<(String, Run)>> = BTreeMap::new();
    for (file, run) in parts {
        scenarios.entry(run.scenario.clone()).or_default().push((file, run));
    }
    // Every part ran every scenario: a part that is wholly missing for one of them shows there.
    scenarios.into_values().map(one).collect()
}

/// Parts of one run begin together; one that was left behind by another day's run is not of it.
pub(crate) const MOST_APART: time::Duration = time::Duration::hours(6);

fn one(parts: Vec<(String, Run)>) -> Result<Run, MergeError> {
    let mut parts = parts.into_iter();
    let (file, mut whole) = parts.next().expect("a scenario is known by one of its parts");
    let share = whole.part.take().ok_or_else(|| MergeError::Whole(file.clone()))?;
    let mut seen = BTreeSet::from([share.part.index]);
    let mut ids = BTreeSet::new();
    belong(&file, share.part, &whole, &mut ids)?;
    let mut roots: Vec<Root> = whole.root.take().into_iter().collect();
    let mut ends = whole.started + whole.duration;
    for (file, run) in parts {
        let other = run.part.ok_or_else(|| MergeError::Whole(file.clone()))?;
        let products = |run: &Run| format!("{:?} {:?}", run.registry.product, run.registry.release);
        // A part of which nothing ran has not asked what the registry is.
        let known = run.registry.product.is_some() && whole.registry.product.is_some();
        for (what, theirs, ours) in [
            ("version of regproof", run.version.clone(), whole.version.clone()),
            ("registry", run.target.clone(), whole.target.clone()),
            ("number of parts", other.part.of.to_string(), share.part.of.to_string()),
            ("most that a check may send", other.effects.to_string(), share.effects.to_string()),
            ("number of planned checks", other.planned.to_string(), share.planned.to_string()),
            ("release of the registry", products(&run), if known { products(&whole) } else { products(&run) }),
        ] {
            if theirs != ours {
                return Err(MergeError::Different { file, what, theirs, ours });
            }
        }
        if (run.started - whole.started).abs() > MOST_APART {
            let (theirs, ours) = (run.started.to_string(), whole.started.to_string());
            return Err(MergeError::Different { file, what: "time of the run", theirs, ours });
        }
        if !seen.insert(other.part.index) {
            return Err(MergeError::Doubled { file, part: other.part.index, scenario: run.scenario });
        }
        belong(&file, other.part, &run, &mut ids)?;
        ends = ends.max(run.started + run.duration);
        whole.started = whole.started.min(run.started);
        if whole.registry.product.is_none() {
            whole.registry = run.registry;
        }
        whole.interrupted = match (whole.interrupted.take(), run.interrupted) {
            (Some(one), Some(two)) if one != two => Some(format!("{one}; {two}")),
            (one, two) => one.or(two),
        };
        roots.extend(run.root);
        whole.outcomes.extend(run.outcomes);
    }
    whole.root = root::joined(roots.into_iter());
    let missing: Vec<u64> = (1..=share.part.of).filter(|index| !seen.contains(index)).take(100).collect();
    if !missing.is_empty() {
        let missing = missing.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        return Err(MergeError::Missing { scenario: whole.scenario, of: share.part.of, missing });
    }
    if whole.outcomes.len() != share.planned {
        let (planned, there) = (share.planned, whole.outcomes.len());
        return Err(MergeError::Incomplete { scenario: whole.scenario, planned, there });
    }
    // A plan is in the order of its ids.
    whole.outcomes.sort_by(|a, b| a.id.cmp(&b.id));
    whole.duration = (ends - whole.started).try_into().unwrap_or_default();
    Ok(whole)
}

/// Every check has exactly one part that it can be in.
fn belong(
    file: &str,
    part: crate::model::partition::Part,
    run: &Run,
    ids: &mut BTreeSet<String>,
) -> Result<(), MergeError> {
    let stray = run.outcomes.iter().find(|outcome| !part.holds(&outcome.id) || !ids.insert(outcome.id.clone()));
    match stray {
        None => Ok(()),
        Some(outcome) => Err(MergeError::Stray { file: file.to_owned(), id: outcome.id.clone(), part: part.index }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::effect::Effect;
    use crate::model::partition::{Part, Share};
    use crate::report::{json, sample};

    /// The sample run, cut into parts as `--partition` cuts it.
    fn parts(of: u64) -> Vec<(String, Run)> {
        let whole = sample::run();
        let planned = whole.outcomes.len();
        (1..=of)
            .map(|index| {
                let part = Part { index, of };
                let mut run = whole.clone();
                run.outcomes.retain(|outcome| part.holds(&outcome.id));
                run.part = Some(Share { part, planned, effects: Effect::Oracle });
                (format!("part{index}"), run)
            })
            .collect()
    }

    #[test]
    fn four_parts_through_their_files_are_exactly_the_whole() {
        let read = parts(4).into_iter().map(|(file, run)| {
            let mut runs = read(&file, &json(&[&run])).unwrap();
            (file, runs.remove(0))
        });
        let merged = merge(read.rev().collect()).unwrap();
        let mut whole = sample::run();
        whole.outcomes.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(json(&[&merged[0]]), json(&[&whole]));
    }

    #[test]
    fn bad_parts_are_refused() {
        type Change = fn(&mut Vec<(String, Run)>);
        let changes: [(&str, Change); 12] = [
            ("not there: 2", |parts| drop(parts.remove(1))),
            ("is there already", |parts| parts.push(parts[1].clone())),
            ("version of regproof", |parts| parts[1].1.version = "0.0.0".to_owned()),
            ("not there: 1, 3, 4", |parts| parts[1].1.scenario = "another".to_owned()),
            ("the registry is", |parts| parts[1].1.target = "http://another".to_owned()),
            ("not one of several", |parts| parts[1].1.part = None),
            ("does not belong", |parts| {
                let all = sample::run().outcomes;
                parts[1].1.outcomes = all;
            }),
            ("its parts have", |parts| {
                let part = parts.iter_mut().find(|(_, run)| !run.outcomes.is_empty()).unwrap();
                part.1.outcomes.pop();
            }),
            ("release of the registry", |parts| parts[1].1.registry.release = Some("v0.0.1".to_owned())),
            ("time of the run", |parts| parts[1].1.started -= time::Duration::days(1)),
            ("most that a check may send", |parts| parts[2].1.part.as_mut().unwrap().effects = Effect::Writes),
            ("number of planned", |parts| parts[2].1.part.as_mut().unwrap().planned += 1),
        ];
        for (expected, change) in changes {
            let mut parts = parts(4);
            change(&mut parts);
            let error = merge(parts).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        for text in ["", "{}", "{\"schema\":1,\"findings\":[]}", "{\"schema\":2,\"runs\":[]}"] {
            assert!(matches!(read("part", text), Err(MergeError::Unreadable { .. })), "{text}");
        }
    }

    #[test]
    fn the_whole_lasts_from_the_first_start_to_the_last_end() {
        let mut parts = parts(3);
        let start = parts[0].1.started;
        for ((_, run), (after, duration)) in parts.iter_mut().zip([(0, 7), (-3, 2), (4, 5)]) {
            run.started = start + time::Duration::seconds(after);
            run.duration = std::time::Duration::from_secs(duration);
        }
        for _ in 0..3 {
            parts.rotate_left(1);
            let whole = merge(parts.clone()).unwrap().remove(0);
            assert_eq!(whole.started, start - time::Duration::seconds(3));
            assert_eq!(whole.duration, std::time::Duration::from_secs(12));
        }
    }

    #[test]
    fn parts_may_be_as_far_apart_as_the_limit_says() {
        let mut parts = parts(2);
        parts[1].1.started = parts[0].1.started + MOST_APART;
        assert!(merge(parts.clone()).is_ok());
        parts[1].1.started += time::Duration::SECOND;
        assert!(matches!(merge(parts), Err(MergeError::Different { .. })));
    }

    #[test]
    fn a_part_that_knows_no_registry_takes_it_from_the_others() {
        let known = sample::run().registry;
        for unknown in [0, 1] {
            let mut parts = parts(2);
            parts[unknown].1.registry = Default::default();
            assert_eq!(merge(parts).unwrap()[0].registry.product, known.product, "part {unknown}");
        }
    }

    #[test]
    fn each_reason_of_an_interruption_is_told_once() {
        let told = |reasons: [Option<&str>; 3]| {
            let mut parts = parts(3);
            for ((_, run), reason) in parts.iter_mut().zip(reasons) {
                run.interrupted = reason.map(str::to_owned);
            }
            merge(parts).unwrap().remove(0).interrupted
        };
        assert_eq!(told([None, None, None]), None);
        assert_eq!(told([None, Some("a"), None]).as_deref(), Some("a"));
        assert_eq!(told([Some("a"), Some("a"), None]).as_deref(), Some("a"));
        assert_eq!(told([Some("a"), None, Some("b")]).as_deref(), Some("a; b"));
    }
}
