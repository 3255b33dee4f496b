//! `watch`: runs the checklist at fixed times, and serves what the last run found.
//!
//! Each run is a run of `run`: the same boards, watchdog and signals. Only the last one is kept, and only as the pages
//! that are served of it.

mod pages;
mod schedule;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::macros::format_description;
use tokio::net::TcpListener;

use self::pages::Pages;
use self::schedule::Schedule;
use super::progress::Progress;
use super::signals::Signals;
use super::{Terminal, Trouble, prepare, run, show};
use crate::base::log;
use crate::base::watchdog::Watchdog;
use crate::check::target::Target;
use crate::cli::{self, Selection};
use crate::kit::process;
use crate::model::outcome::{ExitStatus, Run, Verdict};
use crate::run::plan::Plan;
use crate::run::runner::Board;

/// `watch`.
pub(crate) fn watch(args: &cli::Watch, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let file = args.scenario.clone().unwrap_or_else(prepare::usual);
    let mut source = Source::open(file, args.selection.clone())?;
    let signals = Signals::listen(terminal)?;
    // One thread that no check shares: whatever a run does, the pages tell how old they are.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("pages").enable_all().build();
    let runtime = runtime.map_err(|error| Trouble::failed(format_args!("cannot start the runtime: {error}")))?;
    let cannot = |error: std::io::Error| {
        Trouble::usage(format_args!("cannot listen on {}: {error}; choose another --listen", args.listen))
    };
    let listener = runtime.block_on(TcpListener::bind(args.listen)).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    if !address.ip().is_loopback() {
        tracing::warn!("everyone who reaches {address} reads the reports: repositories, users and findings");
    }
    let interval = args.interval.0;
    let pages = Arc::new(Pages::new(source.name(), interval));
    runtime.spawn(server::serve(listener, Arc::clone(&pages)));
    show(terminal, &format!("watching {} every {interval:?}: http://{address}/\n", source.name()))?;

    let mut schedule = Schedule::new(interval);
    let began = Instant::now();
    loop {
        let pause = schedule.next().saturating_sub(began.elapsed());
        if runtime.block_on(stopped(&signals, pause)) {
            return Ok(ExitStatus::Proven);
        }
        let board = source.board(&pages, terminal);
        let run = one(&board, &signals, terminal)?;
        let leaked = pages.publish(&run, &board, signals.reason().is_some());
        if leaked {
            (terminal.tell)("error: a secret was kept out of the pages; please report this as a bug\n");
        }
        // Where nobody reads stdout, the pages are still read.
        let _ = (terminal.print)(&board.target().redactor().text(&line(&run)));
        pages.missed(schedule.ended(began.elapsed()));
    }
}

/// Waits for the next start; true as soon as there will be none.
async fn stopped(signals: &Signals, pause: Duration) -> bool {
    let mut stop = signals.stop();
    // An error would mean that nobody can stop this any more, and then the time alone ends the wait.
    let asked = async {
        if stop.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::time::timeout(pause, asked).await.is_ok()
}

/// One run, under its watchdog.
///
/// A run that hangs ends the process: threads that nobody can end must not pile up, and a supervisor starts it anew.
fn one(board: &Arc<Board>, signals: &Signals, terminal: &Terminal) -> Result<Run, Trouble> {
    let boards = [Arc::clone(board)];
    let limit = run::limit(&boards);
    let (tell, end) = (terminal.tell, terminal.end);
    let watchdog = Watchdog::start(limit, move || {
        process::kill_all();
        tell("error: the run hung: every deadline has passed; watch ends, so that a supervisor can restart it\n");
        end(ExitStatus::NotProven)
    });
    let watchdog = watchdog.map_err(|error| Trouble::failed(format_args!("cannot start the watchdog: {error}")))?;
    signals.hold(watchdog.leash());
    let runs = run::execute(&boards, Duration::ZERO, signals, &Progress::new(None, 0))?;
    drop(watchdog);
    let reason = signals.reason();
    Ok(runs.into_iter().next().unwrap_or_else(|| board.run(reason.as_deref())))
}

/// A run as one line of a log.
fn line(run: &Run) -> String {
    let at =
        run.started.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z")).unwrap_or_default();
    let sum = run.summary();
    let named = |verdict: Verdict, word: &str| {
        let ids = run
            .outcomes
            .iter()
            .filter(|outcome| outcome.verdict == verdict && !outcome.warns())
            .map(|outcome| outcome.id.as_str());
        let ids = ids.collect::<Vec<_>>().join(" ");
        if ids.is_empty() { ids } else { format!("; {word}: {ids}") }
    };
    let left: usize = run.outcomes.iter().map(|outcome| outcome.leftovers.len()).sum();
    let left = if left == 0 { String::new() } else { format!("; {left} left in the registry, see `regproof clean`") };
    format!(
        "{at} {}: {} passed, {} failed, {} errors{}, {} skipped in {:.2}s{}{}{}{left}\n",
        run.scenario,
        sum.pass,
        sum.fail,
        sum.error,
        if sum.warn == 0 { String::new() } else { format!(", {} warnings", sum.warn) },
        sum.skip,
        run.duration.as_secs_f64(),
        run.interrupted.as_ref().map_or_else(String::new, |reason| format!("; {reason}")),
        named(Verdict::Fail, "failed"),
        named(Verdict::Error, "not proven"),
    )
}

/// The scenario file, and what was last read of it without an error.
#[derive(Debug)]
struct Source {
    file: PathBuf,
    selection: Selection,
    good: (Target, Plan),
    /// Whether it was read a moment ago, and no run has used it yet.
    new: bool,
}

impl Source {
    fn open(file: PathBuf, selection: Selection) -> Result<Source, Trouble> {
        let good = prepare::one(&file, &selection)?;
        Ok(Source { file, selection, good, new: true })
    }

    fn name(&self) -> &str {
        &self.good.0.scenario().name
    }

    /// A board for the next run, of the scenario as it is now; where that cannot be read, of the last one that could.
    fn board(&mut self, pages: &Pages, terminal: &Terminal) -> Arc<Board> {
        if !std::mem::take(&mut self.new) {
            match self.reload() {
                Ok(()) => pages.reloaded(self.name()),
                Err(trouble) => {
                    pages.not_reloaded();
                    let message = log::clean(&trouble.message);
                    (terminal.tell)(&format!("error: {message}\nthe last good scenario stays in use\n"));
                }
            }
        }
        let (target, plan) = &self.good;
        Arc::new(Board::new(Arc::new(target.clone()), plan.clone()))
    }

    fn reload(&mut self) -> Result<(), Trouble> {
        match prepare::one(Path::new(&self.file), &self.selection) {
            Ok(good) => {
                log::forget(self.good.0.redactor());
                self.good = good;
                Ok(())
            }
            Err(trouble) => {
                // What was accepted until yesterday is accepted no longer, and no two runs may use the same tags.
                let target = self.good.0.again(OffsetDateTime::now_utc().date());
                let plan = prepare::planned(&target, &self.selection)?;
                self.good = (target, plan);
                Err(trouble)
            }
        }
    }
}
