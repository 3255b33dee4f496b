//! Ctrl-C, SIGTERM and a closed terminal: the first ends the run with a report, the second ends the process at once.
//!
//! Listens on a separate thread, so that the program can be ended even while its runtime is blocked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Terminal, Trouble};
use crate::base::watchdog::Leash;
use crate::kit::process;
use crate::model::outcome::ExitStatus;
use crate::run::runner::Stop;

/// How long a run may take to end after it was asked to: checks are dropped, clean-up is done, reports are written.
const PATIENCE: Duration = Duration::from_secs(20);

/// The listener.
#[derive(Debug)]
pub(crate) struct Signals {
    stop: Stop,
    leash: Arc<Mutex<Option<Leash>>>,
}

impl Signals {
    /// From now on, signals are taken.
    pub(crate) fn listen(terminal: &Terminal) -> Result<Signals, Trouble> {
        let failed = |error: std::io::Error| Trouble::failed(format_args!("cannot listen for signals: {error}"));
        let (sender, stop) = watch::channel(None);
        let leash: Arc<Mutex<Option<Leash>>> = Arc::default();
        let held = Arc::clone(&leash);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (mut interrupt, mut terminate, mut hangup) = {
            let _inside = runtime.enter();
            let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup()).map_err(failed)?) };
            (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?, hangup)
        };
        let end = terminal.end;
        let listening = async move {
            let mut next = async || {
                tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                    Some(_) = async { hangup.as_mut()?.recv().await } => "SIGHUP",
                }
            };
            let name = next().await;
            // No task may be waiting for it yet; a task that looks later sees it.
            sender.send_replace(Some(format!("interrupted by {name}")));
            if let Some(leash) = &*held.lock().unwrap_or_else(PoisonError::into_inner) {
                leash.within(PATIENCE);
            }
            next().await;
            process::kill_all();
            end(ExitStatus::NotProven)
        };
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || runtime.block_on(listening)).map_err(failed)?;
        Ok(Signals { stop, leash })
    }

    /// What ends a run.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Why the run is to end, if it is.
    pub(crate) fn reason(&self) -> Option<String> {
        self.stop.borrow().clone()
    }

    /// Which watchdog becomes impatient at the first signal.
    pub(crate) fn hold(&self, leash: Leash) {
        *self.leash.lock().unwrap_or_else(PoisonError::into_inner) = Some(leash.clone());
        // The signal may have come before there was a watchdog to tell.
        if self.reason().is_some() {
            leash.within(PATIENCE);
        }
    }
}

/// Whether this process was started to survive its terminal, as `nohup` does; taking the signal would undo that.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}
