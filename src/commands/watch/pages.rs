//! What `watch` shows: metrics, health, the last report. Every answer says how old its run is, or leaves the run out.
//!
//! Holds one run at most, already redacted.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::model::outcome::Run;
use crate::report::output::{firewall, redacted};
use crate::report::{self, Watched};
use crate::run::runner::Board;

/// The pages.
#[derive(Debug)]
pub(super) struct Pages(Mutex<State>);

#[derive(Debug)]
struct State {
    about: Watched,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    run: Run,
    html: String,
    ended: (Instant, SystemTime),
    /// How long after its end a run is still told.
    patience: Duration,
}

impl Last {
    fn age(&self) -> Duration {
        // The one clock stands still while the machine sleeps, the other one may be set back.
        let by_wall = self.ended.1.elapsed().unwrap_or_default();
        self.ended.0.elapsed().max(by_wall)
    }

    fn fresh(&self) -> bool {
        self.age() <= self.patience
    }
}

impl Pages {
    /// Pages before the first run.
    pub(super) fn new(scenario: &str, interval: Duration) -> Pages {
        let about =
            Watched { scenario: scenario.to_owned(), interval, runs: 0, missed: 0, reload_errors: 0, reloaded: true };
        Pages(Mutex::new(State { about, last: None }))
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, this run is shown; answers whether a secret had to be kept out of it at the last moment. An
    /// interrupted run tells nothing about the registry, and is not shown.
    pub(super) fn publish(&self, run: &Run, board: &Board, interrupted: bool) -> bool {
        if interrupted {
            return false;
        }
        let redactor = board.target().redactor();
        let mut run = redacted(run, redactor);
        let (html, leaked) = firewall(&report::html(&[&run]), redactor);
        // The metrics need none of it, and it is most of what a run holds.
        for outcome in &mut run.outcomes {
            outcome.transcript = Vec::new();
            outcome.screenshots = Vec::new();
        }
        let mut state = self.held();
        let patience = (2 * state.about.interval).saturating_add(board.target().deadline());
        state.about.runs += 1;
        state.last = Some(Last { run, html, ended: (Instant::now(), SystemTime::now()), patience });
        leaked
    }

    /// The scenario was read anew.
    pub(super) fn reloaded(&self, scenario: &str) {
        let mut state = self.held();
        state.about.reloaded = true;
        scenario.clone_into(&mut state.about.scenario);
    }

    /// It could not be read anew.
    pub(super) fn not_reloaded(&self) {
        let mut state = self.held();
        state.about.reloaded = false;
        state.about.reload_errors += 1;
    }

    /// So many starts were skipped.
    pub(super) fn missed(&self, starts: u64) {
        self.held().about.missed += starts;
    }

    /// `/metrics`.
    pub(super) fn metrics(&self) -> String {
        let state = self.held();
        let fresh = state.last.as_ref().is_some_and(Last::fresh);
        report::watched(&state.about, state.last.as_ref().map(|last| &last.run), fresh)
    }

    /// `/healthz`: whether the last run is recent, and a sentence.
    pub(super) fn health(&self) -> (bool, String) {
        match &self.held().last {
            None => (false, "No run has ended yet.".to_owned()),
            Some(last) => {
                let age = last.age().as_secs();
                if last.fresh() {
                    (true, format!("The last run ended {age} s ago."))
                } else {
                    (false, format!("Stale: the last run ended {age} s ago."))
                }
            }
        }
    }

    /// `/report`: the last run's report, under a warning once it is stale.
    pub(super) fn report(&self) -> Option<String> {
        let state = self.held();
        let last = state.last.as_ref()?;
        if last.fresh() {
            return Some(last.html.clone());
        }
        let warning = format!(
            "<body>\n<p role=\"alert\"><strong>This report is stale: its run ended {} s ago.</strong></p>",
            last.age().as_secs()
        );
        Some(last.html.replacen("<body>", &warning, 1))
    }

    /// `/`.
    pub(super) fn index(&self) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>regproof watch</title>\n</head>\n<body>\n\
             <h1>regproof watch</h1>\n<p>{}</p>\n<ul>\n<li><a href=\"/report\">the last report</a></li>\n\
             <li><a href=\"/metrics\">metrics</a></li>\n<li><a href=\"/healthz\">health</a></li>\n</ul>\n\
             </body>\n</html>\n",
            self.health().1
        )
    }
}
