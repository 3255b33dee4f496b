//! From arguments to boards: scenarios read, secrets resolved, plans made. Everything that can end with status 3.
//!
//! Sends nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Trouble;
use crate::base::log;
use crate::check::Check;
use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::checks;
use crate::checks::CHECKS;
use crate::cli::{self, Files, Selection};
use crate::drift;
use crate::model::effect::Effect;
use crate::model::snapshot::Snapshot;
use crate::run::plan::Plan;
use crate::run::plan::PlanError;
use crate::run::runner::Board;
use crate::scenario::load;
use crate::scenario::loaded::ScenarioError;

impl Target {
    /// Reads a scenario and everything it points at; `effects` is the most that any check may send, by default what the
    /// scenario allows for.
    pub fn open(file: &Path, effects: Option<Effect>, machine: Machine) -> Result<Target, ScenarioError> {
        let loaded = load::read(file, |id| checks::find(id).is_some(), time::OffsetDateTime::now_utc().date())?;
        Target::ready(loaded, effects, machine)
    }

    /// Which of these checks will run, and why not the others; `only` holds what the ids start with, and none means all.
    ///
    /// # Errors
    /// If something in `only` is the start of no id.
    pub fn plan(&self, checks: &'static [Check], only: &[&str]) -> Result<Plan, PlanError> {
        let only: Vec<String> = only.iter().map(ToString::to_string).collect();
        let mut plan = Plan::new(checks, self.scenario(), &self.machine, self.effects, &only)?;
        // Whatever is selected: who names a snapshot wants the comparison.
        plan.steps.extend(self.against.is_some().then(|| drift::step(self.effects)));
        Ok(plan)
    }
}

/// One scenario made ready, and what of it will run.
pub(crate) fn one(scenario: &Path, selection: &Selection) -> Result<(Target, Plan), Trouble> {
    let target = target(scenario, selection)?;
    let plan = planned(&target, selection)?;
    Ok((target, plan))
}

fn target(scenario: &Path, selection: &Selection) -> Result<Target, Trouble> {
    let target = Target::open(scenario, selection.effects, Machine::here(selection.no_browser))?;
    log::hide(target.redactor());
    Ok(target)
}

/// What of a target will run.
pub(crate) fn planned(target: &Target, selection: &Selection) -> Result<Plan, Trouble> {
    let only: Vec<&str> = selection.only.iter().map(String::as_str).collect();
    let plan = target.plan(CHECKS, &only)?;
    let plan = if selection.strict { plan.strict() } else { plan };
    Ok(match selection.partition {
        Some(part) => plan.part(part, target.effects()),
        None => plan,
    })
}

/// The scenario that is meant where none is named. An empty variable is none, as CI systems have it.
pub(crate) fn usual() -> PathBuf {
    let named = std::env::var_os("REGPROOF_SCENARIO").filter(|file| !file.is_empty());
    named.map_or_else(|| PathBuf::from("regproof.toml"), PathBuf::from)
}

/// All scenarios of a run; an error in any of them ends the run before anything is sent.
pub(crate) fn boards(
    scenarios: &[PathBuf],
    selection: &Selection,
    against: Option<(Snapshot, BTreeSet<String>)>,
) -> Result<Vec<Arc<Board>>, Trouble> {
    if against.is_some() && scenarios.len() > 1 {
        return Err(Trouble::usage("--against is for one scenario: a snapshot is of one registry"));
    }
    let mut names = BTreeSet::new();
    let mut boards = Vec::new();
    for file in scenarios {
        let mut target = target(file, selection)?;
        if let Some((before, accepted)) = against.clone() {
            target = target.against(before, accepted);
        }
        let plan = planned(&target, selection)?;
        if !names.insert(target.scenario().name.clone()) {
            let name = &target.scenario().name;
            return Err(Trouble::usage(format_args!(
                "{}: another scenario of this run is called `{name}` too, and no report could tell them apart; \
                 give each its own name",
                file.display()
            )));
        }
        boards.push(Arc::new(Board::new(Arc::new(target), plan)));
    }
    Ok(boards)
}

/// What `run` is to be compared with, if anything, and which changes are accepted.
pub(crate) fn against(args: &cli::Run) -> Result<Option<(Snapshot, BTreeSet<String>)>, Trouble> {
    let Some(file) = &args.against else { return Ok(None) };
    let before = Snapshot::read(file).map_err(|error| Trouble::usage(format_args!("failed to {error}")))?;
    Ok(Some((before, super::diff::accepted(args.accept.as_deref())?)))
}

/// No report may overwrite another one.
pub(crate) fn distinct(files: &Files) -> Result<(), Trouble> {
    let all = [&files.junit, &files.json, &files.html, &files.markdown, &files.prometheus, &files.har];
    let mut seen = BTreeSet::new();
    for file in all.into_iter().flatten() {
        if !seen.insert(file) {
            let message = format!("two reports would be written to {}; give each its own file", file.display());
            return Err(Trouble::usage(message));
        }
    }
    Ok(())
}
