//! The checks as trials of libtest-mimic: one per check, by id.
//!
//! Decides nothing: plan and `execute_one` are the binary's. Without `REGPROOF_SCENARIO` every trial is ignored, so that
//! an ordinary test run stays green and says so. Listing sends nothing.

use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use regproof::check::machine::Machine;
use regproof::check::target::Target;
use regproof::checks::CHECKS;
use regproof::model::outcome::{Outcome, Verdict};
use regproof::report::output::redacted;
use regproof::report::{self, Format};
use regproof::run::plan::{Plan, Step};
use regproof::run::runner;
use regproof::run::runner::Board;

const VARIABLE: &str = "REGPROOF_SCENARIO";

/// Lists or runs the checks as the arguments say; the exit status.
pub fn run(arguments: &Arguments) -> u8 {
    let trials = match std::env::var_os(VARIABLE).filter(|file| !file.is_empty()) {
        None => Ok(without_scenario()),
        Some(file) => trials(Path::new(&file)),
    };
    let trials = match trials {
        Ok(trials) => trials,
        Err(message) => return refused(&message),
    };
    if let (true, Some(name)) = (arguments.exact, &arguments.filter)
        && !trials.iter().any(|trial| trial.name() == name)
    {
        return refused(&format!("there is no check `{name}`; `regproof list` names all"));
    }
    // 101 is what libtest ends with, and so libtest-mimic.
    if libtest_mimic::run(arguments, trials).has_failed() { 101 } else { 0 }
}

#[expect(clippy::print_stderr, reason = "a separate test program, which has no other way to say it")]
fn refused(message: &str) -> u8 {
    eprintln!("error: {message}");
    3
}

fn without_scenario() -> Vec<Trial> {
    let trial = |id: &str| {
        let fail = || Err(Failed::from(format!("no scenario: set {VARIABLE} to the path of a scenario file")));
        Trial::test(id, fail).with_ignored_flag(true)
    };
    CHECKS.iter().map(|check| trial(check.id)).collect()
}

fn trials(file: &Path) -> Result<Vec<Trial>, String> {
    let target = Target::open(file, None, Machine::here(false)).map_err(|error| error.to_string())?;
    let target = Arc::new(target);
    let plan = target.plan(CHECKS, &[]).map_err(|error| error.to_string())?;
    let trial = |step: &Step| {
        let (step, target) = (step.clone(), Arc::clone(&target));
        let skipped = step.skip.is_some();
        Trial::ignorable_test(step.check.id, move || prove(step, &target)).with_ignored_flag(skipped)
    };
    Ok(plan.steps.iter().map(trial).collect())
}

fn prove(step: Step, target: &Arc<Target>) -> Result<Completion, Failed> {
    if let Some(reason) = &step.skip {
        // Only `--ignored` leads here: a skipped check that is forced to run must not read as proven.
        return Err(Failed::from(format!("not proven: {reason}")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(runner::execute_one(&step, target, runner::no_stop()));
    match outcome.verdict {
        Verdict::Pass => Ok(Completion::Completed),
        // A waiver turned a Fail into a Skip.
        Verdict::Skip => Ok(Completion::ignored_with(reason(&outcome))),
        Verdict::Fail | Verdict::Error => Err(Failed::from(pretty(step, target, outcome))),
    }
}

fn reason(outcome: &Outcome) -> String {
    let summary = outcome.finding.as_ref().map_or("", |finding| finding.summary.as_str());
    let waived = outcome.waived.as_ref().map(|reason| format!("waived: {reason} ({summary})"));
    waived.unwrap_or_else(|| summary.to_owned())
}

/// The finding as `regproof run` prints it.
fn pretty(step: Step, target: &Arc<Target>, outcome: Outcome) -> String {
    let mut run = Board::new(Arc::clone(target), Plan { steps: vec![step], share: None }).run(None);
    run.outcomes = vec![outcome];
    let text = report::console(&[&redacted(&run, target.redactor())], Format::Pretty, false);
    target.redactor().text(&text)
}
