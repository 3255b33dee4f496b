//! Ctrl-C and SIGTERM: the first ends the run with a report, the second ends the process at once.
//!
//! Listens on a thread of its own, so that a blocked runtime cannot keep anyone from ending the program.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Terminal, Trouble};
use crate::outcome::ExitStatus;
use crate::process;
use crate::runner::Stop;
use crate::watchdog::Leash;

/// How long a run may take to end after it was asked to: checks are dropped, clean-up is done, reports are written.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever listens.
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
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?)
        };
        let end = terminal.end;
        let listening = async move {
            let mut next = async || {
                tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                }
            };
            let name = next().await;
            if let Some(leash) = &*held.lock().unwrap_or_else(PoisonError::into_inner) {
                leash.within(PATIENCE);
            }
            // Nobody may be waiting for it yet; whoever looks later sees it.
            sender.send_replace(Some(format!("interrupted by {name}")));
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
        *self.leash.lock().unwrap_or_else(PoisonError::into_inner) = Some(leash);
    }
}
