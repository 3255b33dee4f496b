//! The one helper of the checks' own tests: runs a check against the lab, healthy, weak or gone.
//!
//! Only for tests. Goes through scenario, plan and `execute_one` like a real run, so that no test proves a shortcut.

#[path = "../tests/support/common.rs"]
pub(crate) mod common;
pub(crate) mod config;
mod content_fuzz;
pub(crate) mod fuzz;
pub(crate) mod mirrors;
pub(crate) mod proxy;
#[cfg(test)]
mod sound;
pub(crate) mod tls;
pub(crate) mod vantage;

use std::path::Path;
use std::sync::Arc;

use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::checks;
pub(crate) use crate::lab::Weakness;
use crate::lab::{Lab, Options};
use crate::model::outcome::{Finding, Outcome, Verdict};
use crate::run::runner;
use crate::scenario::lock;

/// A check on a lab that is not as it comes: what is different about it, and about its scenario.
pub(crate) struct Setting {
    pub(crate) id: &'static str,
    /// What is different about the lab.
    pub(crate) weaknesses: &'static [Weakness],
    /// What is different about the scenario.
    pub(crate) change: fn(String) -> String,
}

impl Setting {
    /// How it ends, also when nothing answers.
    pub(crate) async fn run(&self, more: Option<Weakness>, down: bool) -> Outcome {
        let weaknesses = self.weaknesses.iter().copied().chain(more).collect();
        let lab = Lab::start(Options { weaknesses, ..Options::default() }).await.expect("the lab starts");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
        let text = std::fs::read_to_string(&file).expect("the scenario can be read");
        std::fs::write(&file, (self.change)(text)).expect("the scenario can be written");
        let _vacancy = if down { Some(lab.vacate().await.expect("its addresses are free again")) } else { None };
        run_scenario(self.id, &file).await
    }

    /// Pass without a further weakness.
    pub(crate) async fn proven(&self) -> Outcome {
        let outcome = self.run(None, false).await;
        assert_eq!(outcome.verdict, Verdict::Pass, "{}: {:#?}", self.id, outcome.finding);
        outcome
    }

    /// Fail under a further weakness.
    pub(crate) async fn fails(&self, weakness: Weakness) -> Finding {
        whole_finding(self.id, Some(weakness), self.run(Some(weakness), false).await)
    }

    /// Error when nothing answers.
    pub(crate) async fn error_when_down(&self) {
        undecided(self.id, "the lab stopped", &self.run(None, true).await, true);
    }
}

/// Writes the lock of a scenario beside it, as `plan --lock` does, and answers where.
pub(crate) fn lock_scenario(file: &Path) -> std::path::PathBuf {
    let target = Target::open(file, None, machine()).expect("the lab's own scenario is sound");
    let path = lock::path(&target.loaded);
    let text = crate::run::promises::now(target.scenario(), checks::CHECKS).lock.text();
    std::fs::write(&path, text).expect("the lock can be written");
    path
}

/// Runs one check as a scenario file asks for it.
pub(crate) async fn run_scenario(id: &str, file: &Path) -> Outcome {
    run_on_machine(id, file, machine()).await
}

/// This machine with the programs of `make tools`, and with stand-ins for those that need a daemon or are rarely there.
fn machine() -> Machine {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = std::env::var_os("PATH").unwrap_or_default();
    let folders = [project.join("tests/stand-ins"), project.join(".tools/bin")];
    let folders = folders.into_iter().chain(std::env::split_paths(&here));
    let path = std::env::join_paths(folders).expect("no folder has a colon in its name");
    Machine::with_path(&path, false).with_engine()
}

/// Runs one check with these programs.
pub(crate) async fn run_on_machine(id: &str, file: &Path, machine: Machine) -> Outcome {
    let target = Arc::new(Target::open(file, None, machine).expect("the lab's own scenario is sound"));
    let plan = target.plan(checks::CHECKS, &[id]).expect("the test names a check that exists");
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

/// Runs one check against a new lab.
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
    whole_finding(id, weakness, run_with(id, weakness).await)
}

/// Pass for the check of a client program, which notes this version and what the same push again did.
pub(crate) async fn client_proven(id: &str, version: &str) {
    let notes = proven(id).await.notes;
    assert!(notes.iter().any(|note| note.starts_with(version)), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("the same push again")), "{notes:?}");
}

/// Fail for the check of a client program that is refused, and for that of one whose push is taken and lost.
pub(crate) async fn client_fails(id: &str) {
    let finding = fails(id, Weakness::CiCannotCreate).await;
    assert!(finding.actual.to_lowercase().contains("denied"), "{finding:?}");
    fails(id, Weakness::PushAcceptedButLost).await;
}

fn whole_finding(id: &str, weakness: Option<Weakness>, outcome: Outcome) -> Finding {
    assert_eq!(outcome.verdict, Verdict::Fail, "{id} under {}: {:#?}", named(weakness), outcome.finding);
    let finding = outcome.finding.expect("a Fail has a finding");
    assert!(!finding.summary.is_empty(), "{id} under {}: nothing happened", named(weakness));
    for promise in [&finding.promise, &outcome.title] {
        assert_ne!(&finding.summary, promise, "{id} under {}: says the promise, not what happened", named(weakness));
    }
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
    undecided(id, weakness.name(), &outcome, false);
    outcome
}

/// Error, not Fail and not Pass, when nothing answers.
pub(crate) async fn error_when_down(id: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let lab = Lab::healthy().await.expect("the lab starts");
    let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let _vacancy = lab.vacate().await.expect("its addresses are free again");
    undecided(id, "the lab stopped", &run_scenario(id, &file).await, true);
}

/// Error, and for the right reason: a check that panicked is an Error too, and nothing that anybody may rely on.
fn undecided(id: &str, under: &str, outcome: &Outcome, down: bool) {
    assert_eq!(outcome.verdict, Verdict::Error, "{id} under {under}: {:#?}", outcome.finding);
    let told = format!("{:?} {:?}", outcome.finding, outcome.transcript);
    assert!(!told.contains("panicked"), "{id} under {under}: {:#?}", outcome.finding);
    let refused = ["connect", "refused"].iter().any(|word| told.to_lowercase().contains(word));
    assert!(!down || refused, "{id} does not say that nothing answers: {:#?}", outcome.finding);
}
