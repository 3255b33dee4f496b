//! A run of some checks on a scenario, through the library, as the program does it.
//!
//! It judges nothing: what was found is the test's to compare.

use std::path::Path;
use std::sync::Arc;

use regproof::check::machine::Machine;
use regproof::check::target::Target;
use regproof::checks::CHECKS;
use regproof::model::effect::Effect;
use regproof::model::outcome::{Finding, Outcome, Run};
use regproof::run::runner;
use regproof::run::runner::Board;

use super::http::block_on;

/// Runs the checks whose ids start so, with all that this scenario allows.
#[track_caller]
pub fn run(scenario: &Path, only: &[&str], machine: &Machine) -> Run {
    run_with(scenario, Effect::Writes, only, machine)
}

/// The same with no more than these effects.
#[track_caller]
pub fn run_with(scenario: &Path, effects: Effect, only: &[&str], machine: &Machine) -> Run {
    let board = board(scenario, effects, only, machine);
    block_on(async move { runner::execute(&board, runner::no_stop(), |_| ()).await })
}

/// The same on the runtime that is there already.
pub async fn run_within(scenario: &Path, effects: Effect, only: &[&str], machine: &Machine) -> Run {
    runner::execute(&board(scenario, effects, only, machine), runner::no_stop(), |_| ()).await
}

#[track_caller]
fn board(scenario: &Path, effects: Effect, only: &[&str], machine: &Machine) -> Board {
    let target = Target::open(scenario, Some(effects), machine.clone()).expect("the scenario is sound");
    let plan = target.plan(CHECKS, only).expect("the checks exist");
    Board::new(Arc::new(target), plan)
}

/// What one check of a run found.
#[track_caller]
pub fn outcome<'a>(run: &'a Run, id: &str) -> &'a Outcome {
    run.outcomes.iter().find(|outcome| outcome.id == id).unwrap_or_else(|| panic!("{id} is not in this run"))
}

/// What is written about one check that did not pass.
#[track_caller]
pub fn finding<'a>(run: &'a Run, id: &str) -> &'a Finding {
    let outcome = outcome(run, id);
    outcome.finding.as_ref().unwrap_or_else(|| panic!("{id} is {:?} and has no finding", outcome.verdict))
}
