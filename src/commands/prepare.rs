//! From arguments to boards: scenarios read, secrets resolved, plans made. Everything that can end with status 3.
//!
//! Sends nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Trouble;
use crate::checks::CHECKS;
use crate::cli::{Files, Selection};
use crate::log;
use crate::plan::{Machine, Plan};
use crate::runner::Board;
use crate::target::Target;

/// One scenario made ready, and what of it will run.
pub(crate) fn one(scenario: &Path, selection: &Selection) -> Result<(Target, Plan), Trouble> {
    let machine = Machine::here(selection.no_browser);
    let target = Target::open(scenario, selection.effects)?.on(machine);
    log::hide(target.redactor());
    let plan = planned(&target, selection)?;
    Ok((target, plan))
}

/// What of a target will run.
pub(crate) fn planned(target: &Target, selection: &Selection) -> Result<Plan, Trouble> {
    let plan = Plan::new(CHECKS, target.scenario(), &target.machine, target.effects(), &selection.only)?;
    Ok(match selection.partition {
        Some(part) => plan.part(part),
        None => plan,
    })
}

/// The scenario that is meant where none is named. An empty variable is none, as CI systems have it.
pub(crate) fn usual() -> PathBuf {
    let named = std::env::var_os("REGPROOF_SCENARIO").filter(|file| !file.is_empty());
    named.map_or_else(|| PathBuf::from("regproof.toml"), PathBuf::from)
}

/// All scenarios of a run; an error in any of them ends the run before anything is sent.
pub(crate) fn boards(scenarios: &[PathBuf], selection: &Selection) -> Result<Vec<Arc<Board>>, Trouble> {
    let mut names = BTreeSet::new();
    let mut boards = Vec::new();
    for file in scenarios {
        let (target, plan) = one(file, selection)?;
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
