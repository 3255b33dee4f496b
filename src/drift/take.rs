//! Takes a snapshot: runs the checks that ask the most, adds read-only questions, and keeps what was decided.
//!
//! Sends oracles at most. What the checks make of the answers is not kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{WHOLE, ask};
use crate::check::target::Target;
use crate::checks::CHECKS;
use crate::model::effect::Effect;
use crate::model::outcome::{Outcome, Run, Verdict};
use crate::model::snapshot::{SCHEMA, Snapshot, Tags};
use crate::report::output::redacted;
use crate::run::plan::Plan;
use crate::run::runner;
use crate::run::runner::{Board, Stop};

/// The checks whose answers are worth keeping.
const CHECKS_ASKED: [&str; 3] = ["access::permission_matrix", "bypass::", "clients::"];

/// What the registry answers now; with `catalog`, the tags of everything in its catalog too.
///
/// # Errors
/// If it was interrupted, or if nothing was answered.
pub async fn take(target: &Target, catalog: bool, stop: Stop) -> anyhow::Result<Snapshot> {
    let mut quiet = Target { against: None, ..target.clone() };
    quiet.effects = quiet.effects.min(Effect::Oracle);
    let only = CHECKS_ASKED.map(str::to_owned);
    let scenario = quiet.scenario();
    // A check that may write asks what it can without writing: the target's effects bind it nevertheless.
    let mut plan = Plan::new(CHECKS, scenario, &quiet.machine, Effect::Writes, &only)?;
    let own = if catalog { &ask::CATALOG } else { &ask::DECLARED };
    plan.steps.extend(Plan::new(own, scenario, &quiet.machine, Effect::Writes, &[])?.steps);
    let board = Board::new(Arc::new(quiet), plan);
    let run = runner::execute(&board, stop, |_| ()).await;
    if let Some(reason) = &run.interrupted {
        anyhow::bail!("{reason}");
    }
    let snapshot = of(&redacted(&run, target.redactor()), catalog);
    let why = snapshot.gaps.first().map_or("", String::as_str);
    anyhow::ensure!(!snapshot.answers.is_empty(), "the registry answered nothing: {why}");
    Ok(snapshot)
}

/// What a run was told, sorted.
fn of(run: &Run, catalog: bool) -> Snapshot {
    let mut answers = BTreeMap::new();
    let mut tags: BTreeMap<String, Tags> = BTreeMap::new();
    let (lists, others): (Vec<&Outcome>, Vec<&Outcome>) =
        run.outcomes.iter().partition(|outcome| outcome.id == ask::TAGS);
    for told in others.iter().flat_map(|outcome| &outcome.told) {
        answers.insert(told.question.clone(), told.answer.clone());
    }
    for told in lists.iter().flat_map(|outcome| &outcome.told) {
        match told.question.rsplit_once(':') {
            None => tags.entry(told.question.clone()).or_default().whole = told.answer == WHOLE,
            Some((repository, tag)) => {
                let digest = Some(told.answer.clone()).filter(|digest| !digest.is_empty());
                tags.entry(repository.to_owned()).or_default().digests.insert(tag.to_owned(), digest);
            }
        }
    }
    // Alone it would make a registry that answers nothing else look like one that answers.
    if let (false, Some(product)) = (answers.is_empty(), &run.registry.product) {
        answers.insert("product".to_owned(), product.clone());
        answers.extend(run.registry.release.clone().map(|release| ("release".to_owned(), release)));
    }
    Snapshot {
        schema: SCHEMA,
        regproof: run.version.clone(),
        scenario: run.scenario.clone(),
        target: run.target.clone(),
        catalog,
        answers,
        tags,
        gaps: gaps(run),
        undecided: undecided(run),
    }
}

/// What was asked and ended in an Error. What was not asked at all is a gap: where a check may not write, or has no oracle.
fn undecided(run: &Run) -> Vec<String> {
    let asked = |outcome: &Outcome| outcome.id.starts_with("snapshot::") || !outcome.cases.is_empty();
    let errors = run.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Error && asked(outcome));
    let line = |outcome: &Outcome| {
        let actual = outcome.finding.as_ref().map(|finding| finding.actual.as_str()).unwrap_or_default();
        format!("{}: {actual}", outcome.id)
    };
    let mut lines: Vec<String> = errors.map(line).collect();
    lines.sort();
    lines
}

fn gaps(run: &Run) -> Vec<String> {
    let mut gaps = Vec::new();
    for outcome in &run.outcomes {
        let own = outcome.id.starts_with("snapshot::");
        let finding = outcome.finding.as_ref();
        match outcome.verdict {
            Verdict::Skip => gaps.extend(finding.map(|finding| format!("{}: {}", outcome.id, finding.summary))),
            Verdict::Error => gaps.extend(finding.map(|finding| format!("{}: {}", outcome.id, finding.actual))),
            Verdict::Pass | Verdict::Fail => {}
        }
        let notes = outcome.notes.iter().filter(|note| own || note.contains("not asked"));
        gaps.extend(notes.map(|note| format!("{}: {note}", outcome.id)));
    }
    gaps.sort();
    gaps
}
