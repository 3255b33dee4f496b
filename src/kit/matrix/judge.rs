//! What the cells together mean: cases, waivers, and the finding of the worst.
//!
//! Pure but for what it tells the check's context.

use std::collections::BTreeSet;

use super::cell::{Cell, controlled};
use super::{Asker, GROUPS};
use crate::check::context::Cx;
use crate::model::failure::{Failure, Proof, Why, graver};
use crate::model::outcome::{Finding, Verdict};

const WHY: Why<'static> = Why {
    claim: "everyone may do what is promised and nothing else",
    cause: "the running policy differs from the promise: another pattern matches, a group is missing or holds more, or zot \
            still runs with an older configuration",
    remedy: "compare accessControl for this repository with the promise, and restart zot if the file is right",
};

const CHANCE: Why<'static> = Why {
    claim: "the same request has the same answer each time",
    cause: "random answers: two patterns of equal length match this repository, or one of several backends is bad",
    remedy: "make one of the patterns longer; if there are no such patterns, ask each backend by itself",
};

/// How many cells a finding names one by one.
const NAMED: usize = 6;

/// One case for each identity and group of requests; the whole is as good as its worst cell.
pub(crate) fn judge(cx: &Cx, askers: &[Asker], cells: &[Cell]) -> Proof {
    let controlled = controlled(cells);
    let verdict = |cell: &Cell| cell.verdict(&controlled);
    let waived = cx.waived_cells(cells.iter().map(Cell::name))?;
    for asker in askers {
        for (group, oracles) in GROUPS {
            let of_case = |cell: &&Cell| cell.who == asker.name && oracles.contains(&cell.oracle);
            let mut proof: Proof = Ok(());
            for cell in cells.iter().filter(of_case) {
                proof = graver(proof, failure(cell, verdict(cell)));
            }
            if cells.iter().filter(of_case).any(|cell| cell.unasked.is_none()) {
                cx.case(format!("{}: {group}", asker.name), &proof);
            }
        }
    }
    let wrong = |wanted| cells.iter().filter(move |cell| verdict(cell) == wanted);
    let uncovered: Vec<&Cell> = wrong(Verdict::Fail).filter(|cell| !waived.contains(&cell.name())).collect();
    if !uncovered.is_empty() {
        return several(&uncovered, Verdict::Fail, cells.len());
    }
    let unanswered: Vec<&Cell> = wrong(Verdict::Error).collect();
    if !unanswered.is_empty() {
        return several(&unanswered, Verdict::Error, cells.len());
    }
    let Some(first) = wrong(Verdict::Fail).next() else { return Ok(()) };
    cx.covered_by_waiver();
    let names: BTreeSet<String> = wrong(Verdict::Fail).map(Cell::name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(match failure(first, Verdict::Fail) {
        Err(Failure::Fail(mut finding)) => {
            finding.summary = format!("waived cells: {}", names.join("; "));
            // The summary is said as it stands: it is not made of what was expected and what came.
            finding.promise = String::new();
            Failure::Fail(finding)
        }
        Err(other) => other,
        Ok(()) => return Ok(()),
    })
}

/// The finding of the first of several, with their number and where they are.
fn several(cells: &[&Cell], verdict: Verdict, all: usize) -> Proof {
    let Some(first) = cells.first() else { return Ok(()) };
    let names: BTreeSet<String> = cells.iter().map(|cell| cell.name()).collect();
    let mut named: Vec<&str> = names.iter().map(String::as_str).take(NAMED).collect();
    if names.len() > NAMED {
        named.push("…");
    }
    let what = if verdict == Verdict::Fail { "differ" } else { "were asked and not answered" };
    let more = format!("{} of {all} cells {what}: {}", cells.len(), named.join("; "));
    let counted = |mut finding: Box<Finding>| {
        if cells.len() > 1 {
            finding.actual = format!("{}; {more}", finding.actual);
        }
        finding
    };
    Err(match failure(first, verdict) {
        Err(Failure::Fail(finding)) => Failure::Fail(counted(finding)),
        Err(Failure::Error(error, Some(finding))) => Failure::Error(error, Some(counted(finding))),
        Err(other) => other,
        Ok(()) => return Ok(()),
    })
}

fn failure(cell: &Cell, verdict: Verdict) -> Proof {
    let what = cell.describe();
    let grounds = format!("promised by {}; {}", cell.promise.grounds, WHY.cause);
    let why = if cell.is_random() || cell.promise.random { CHANCE } else { Why { cause: &grounds, ..WHY } };
    let expected = match cell.promise.allowed {
        Some(true) => format!("allowed: {what}"),
        Some(false) => format!("denied: {what}"),
        None => format!("always the same: {what}; {}", cell.promise.grounds),
    };
    match verdict {
        Verdict::Fail => Err(why.fail(expected, cell.actual(), cell.exchange())),
        Verdict::Error => Err(why.undecided(expected, cell.actual(), cell.exchange())),
        Verdict::Pass | Verdict::Skip => Ok(()),
    }
}
