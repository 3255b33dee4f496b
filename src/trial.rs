//! The one helper of the checks' own tests: runs a check against the lab, healthy, weak or gone.
//!
//! Only for tests. Goes through scenario, plan and `execute_one` like a real run, so that no test proves a shortcut.

use std::path::Path;
use std::sync::Arc;

use crate::check::Effect;
use crate::checks;
pub(crate) use crate::lab::Weakness;
use crate::lab::{Lab, Options};
use crate::outcome::{Finding, Outcome, Verdict};
use crate::plan::{Machine, Plan};
use crate::runner;
use crate::target::Target;

/// Runs one check as a scenario file asks for it.
pub(crate) async fn run_scenario(id: &str, file: &Path) -> Outcome {
    let target = Arc::new(Target::open(file, None).expect("the lab's own scenario is sound"));
    let machine = Machine::here(false);
    let plan = Plan::new(checks::CHECKS, target.scenario(), &machine, Effect::Writes, &[id.to_owned()])
        .expect("the test names a check that exists");
    let mut step = plan.steps.first().expect("a plan that was made has a step").clone();
    // What the check found, not what the lab's scenario makes of it.
    step.waived = None;
    runner::execute_one(&step, &target, runner::no_stop()).await
}

/// Runs one check against a running lab.
pub(crate) async fn run_on(id: &str, lab: &Lab) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
    run_scenario(id, &file).await
}

/// Runs one check against a lab of its own.
pub(crate) async fn run_in(id: &str, options: Options) -> Outcome {
    let lab = Lab::start(options).await.expect("the lab starts");
    run_on(id, &lab).await
}

async fn run_with(id: &str, weakness: Option<Weakness>) -> Outcome {
    run_in(id, Options { weaknesses: weakness.into_iter().collect(), ..Options::default() }).await
}

fn named(weakness: Option<Weakness>) -> &'static str {
    weakness.map_or("no weakness", Weakness::name)
}

/// Pass on the healthy lab.
pub(crate) async fn proven(id: &str) -> Outcome {
    let lab = Lab::healthy().await.expect("the lab starts");
    let outcome = run_on(id, &lab).await;
    assert_eq!(outcome.verdict, Verdict::Pass, "{id} on the healthy lab: {:#?}", outcome.finding);
    assert!(!outcome.transcript.is_empty(), "{id} passed without a single exchange");
    outcome
}

/// Fail under a weakness, or on the lab as it is, with what it found.
pub(crate) async fn fails(id: &str, weakness: impl Into<Option<Weakness>>) -> Finding {
    let weakness = weakness.into();
    let outcome = run_with(id, weakness).await;
    assert_eq!(outcome.verdict, Verdict::Fail, "{id} under {}: {:#?}", named(weakness), outcome.finding);
    let finding = outcome.finding.expect("a Fail has a finding");
    for (part, text) in [
        ("expected", &finding.expected),
        ("actual", &finding.actual),
        ("cause", &finding.cause),
        ("remedy", &finding.remedy),
    ] {
        assert!(!text.is_empty(), "{id} under {}: no {part}", named(weakness));
    }
    finding
}

/// Error under a weakness that leaves the promise undecided.
pub(crate) async fn errs(id: &str, weakness: Weakness) -> Outcome {
    let outcome = run_with(id, Some(weakness)).await;
    assert_eq!(outcome.verdict, Verdict::Error, "{id} under {}: {:#?}", weakness.name(), outcome.finding);
    outcome
}

/// Error, not Fail and not Pass, when nothing answers.
pub(crate) async fn error_when_down(id: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let lab = Lab::healthy().await.expect("the lab starts");
    let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
    lab.stop().await;
    let outcome = run_scenario(id, &file).await;
    assert_eq!(outcome.verdict, Verdict::Error, "{id} with the lab stopped: {:#?}", outcome.finding);
}
