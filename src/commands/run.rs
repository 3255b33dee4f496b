//! `run`: boards, a runtime, a watchdog and signals; whichever ends the run, it ends with reports and one exit status.
//!
//! Decides no verdict.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;

use super::progress::Progress;
use super::signals::Signals;
use super::{Terminal, Trouble, colour, prepare, ready, reports, runtime};
use crate::base::log;
use crate::base::redact::Redactor;
use crate::base::watchdog::Watchdog;
use crate::cli::{self, Files};
use crate::kit::process;
use crate::model::outcome::{ExitStatus, Run};
use crate::report::{Format, Look};
use crate::run::runner;
use crate::run::runner::{Board, Stop};

/// What a run may take beyond what all deadlines allow it, before it counts as hanging.
const GRACE: Duration = Duration::from_secs(30);

/// `run`.
pub(crate) fn run(args: &cli::Run, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    prepare::distinct(&args.files)?;
    let scenarios = if args.scenarios.is_empty() { vec![prepare::usual()] } else { args.scenarios.clone() };
    let boards = prepare::boards(&scenarios, &args.selection, prepare::against(args)?)?;
    let closing = Closing {
        format: args.format.into(),
        colour: colour(args.look.colour, terminal),
        quiet: args.quiet,
        verbose: args.verbose,
        no_skips: args.no_skips,
        files: args.files.clone(),
        ..Closing::new(boards, terminal)
    };
    let signals = Signals::listen(terminal)?;
    let wait = args.wait.map_or(Duration::ZERO, |period| period.0);
    conduct(&Arc::new(closing), wait, &signals).map(|(_, status)| status)
}

/// All that is needed to end a run, from whichever thread.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) boards: Vec<Arc<Board>>,
    pub(crate) files: Files,
    pub(crate) format: Format,
    pub(crate) colour: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    pub(crate) no_skips: bool,
    terminal: Terminal,
    redactor: Redactor,
    closed: AtomicBool,
}

impl Closing {
    /// A run without files, shown as it is for people.
    pub(crate) fn new(boards: Vec<Arc<Board>>, terminal: &Terminal) -> Closing {
        let redactor = Redactor::all(boards.iter().map(|board| &**board.target().redactor()));
        Closing {
            boards,
            files: Files::default(),
            format: Format::Pretty,
            colour: false,
            quiet: false,
            verbose: false,
            no_skips: false,
            terminal: *terminal,
            redactor,
            closed: AtomicBool::new(false),
        }
    }

    fn look(&self) -> Look {
        // A runner reads its lines as they are.
        let width = self.terminal.width.filter(|_| self.format == Format::Pretty);
        Look { colour: self.colour, verbose: self.verbose, width }
    }

    /// Writes and prints all reports. Nothing if another thread is already at it.
    fn close(&self, interrupted: Option<&str>) -> Option<(Vec<Run>, ExitStatus)> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return None;
        }
        let runs: Vec<Run> = self.boards.iter().map(|board| board.run(interrupted)).collect();
        let mut status = status(&runs, self.no_skips);
        let mut problems: Vec<String> =
            reports::write(&self.files, &runs, &self.redactor).iter().map(|e| format!("failed to {e}")).collect();
        if !(self.quiet && status == ExitStatus::Proven && problems.is_empty()) {
            let (text, leaked) = reports::console(&runs, self.format, self.look(), &self.redactor);
            if leaked {
                problems.push("a secret was kept out of the console's report; please report this as a bug".to_owned());
            }
            if let Err(error) = (self.terminal.print)(&text) {
                problems.push(format!("failed to print the report: {error}"));
            }
        }
        for problem in &problems {
            (self.terminal.tell)(&format!("error: {}\n", log::clean(problem)));
        }
        if !problems.is_empty() && status == ExitStatus::Proven {
            status = ExitStatus::NotProven;
        }
        Some((runs, status))
    }
}

/// One exit status for several runs: the worst, where a scenario of which nothing ran is only as bad as nothing else ran.
pub(crate) fn status(runs: &[Run], no_skips: bool) -> ExitStatus {
    use ExitStatus::{Broken, NotProven, Nothing, Proven};
    let all: Vec<ExitStatus> = runs.iter().map(|run| run.exit_status(no_skips)).collect();
    [Broken, NotProven, Proven].into_iter().find(|status| all.contains(status)).unwrap_or(Nothing)
}

/// Ends the run from outside, with its children and with its reports, once it took longer than anything may.
fn watch(closing: &Arc<Closing>, limit: Duration, stop: Stop, end_children: fn()) -> std::io::Result<Watchdog> {
    let closing = Arc::clone(closing);
    Watchdog::start(limit, move || {
        end_children();
        let interrupted = stop.borrow().clone();
        let reason =
            interrupted.unwrap_or_else(|| format!("the run hung: {limit:?} passed, and every deadline with it"));
        if let Some((_, status)) = closing.close(Some(&reason)) {
            (closing.terminal.end)(status)
        }
    })
}

/// The longest that a run of these boards can take before it counts as hanging.
pub(crate) fn limit(boards: &[Arc<Board>]) -> Duration {
    boards.iter().map(|board| board.budget()).max().unwrap_or_default().saturating_add(GRACE)
}

/// Runs the boards on a separate runtime. Its end also ends everything that a check may have started.
pub(crate) fn execute(
    boards: &[Arc<Board>],
    wait: Duration,
    signals: &Signals,
    progress: &Progress,
) -> Result<Vec<Run>, Trouble> {
    let runtime = runtime()?;
    let runs = runtime.block_on(join_all(boards.iter().map(async |board| {
        if !wait.is_zero() && board.plan().runs() > 0 {
            ready::ready(board.target(), wait, signals.stop()).await;
        }
        runner::execute(board, signals.stop(), |event| progress.event(event)).await
    })));
    // What is left is not worth waiting for: the checks have ended, and what they started with them.
    runtime.shutdown_background();
    Ok(runs)
}

/// Runs the boards to their end, whatever end that is, and reports it.
pub(crate) fn conduct(
    closing: &Arc<Closing>,
    wait: Duration,
    signals: &Signals,
) -> Result<(Vec<Run>, ExitStatus), Trouble> {
    let limit = limit(&closing.boards).saturating_add(wait);
    let watchdog = watch(closing, limit, signals.stop(), process::kill_all)
        .map_err(|error| Trouble::failed(format_args!("cannot start the watchdog: {error}")))?;
    signals.hold(watchdog.leash());
    let total = closing.boards.iter().map(|board| board.plan().steps.len()).sum();
    let live = closing.terminal.live && !closing.quiet;
    let progress = Progress::new(live.then_some(closing.terminal.tell), total);
    execute(&closing.boards, wait, signals, &progress)?;
    progress.end();
    drop(watchdog);
    let Some(ended) = closing.close(signals.reason().as_deref()) else {
        // The watchdog was first, and ends the process as soon as its reports are written.
        loop {
            std::thread::park();
        }
    };
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;
    use crate::check::Check;
    use crate::check::machine::Machine;
    use crate::check::target::Target;
    use crate::model::effect::{Effect, Meta};
    use crate::model::outcome::Verdict;
    use crate::run::plan::{Plan, Step};
    use crate::scenario::load;

    /// Does what no check may do, and what no timer of its runtime can end.
    static BLOCKS: Check = Check::new(
        "test::blocks",
        "none",
        "//! It blocks.",
        Meta { needs: &[], effect: Effect::ReadOnly, usual: Duration::ZERO },
        |_| {
            Box::pin(async {
                std::thread::sleep(Duration::from_secs(600));
                Ok(())
            })
        },
    );

    static ENDED: Mutex<Option<ExitStatus>> = Mutex::new(None);

    fn silent(_: &str) {}

    fn end(status: ExitStatus) -> ! {
        *ENDED.lock().unwrap() = Some(status);
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn a_run_that_hangs_ends_with_2_and_a_whole_report() {
        let folder = tempfile::tempdir().unwrap();
        let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"http://127.0.0.1:1\"\n".to_owned();
        let today = time::macros::date!(2026 - 01 - 01);
        let loaded = load::parse(&folder.path().join("r.toml"), text, |_| true, today).unwrap();
        let target = Arc::new(Target::ready(loaded, None, Machine::here(true)).unwrap());
        let steps = vec![Step { check: &BLOCKS, skip: None, waived: None, level: None, last: false }];
        let board = Arc::new(Board::new(target, Plan { steps, share: None }));
        let terminal = Terminal { print: |_| Ok(()), tell: silent, end, colour: false, width: None, live: false };
        let junit = folder.path().join("report.xml");
        let files = Files { junit: Some(junit.clone()), ..Files::default() };
        let closing = Arc::new(Closing { files, ..Closing::new(vec![Arc::clone(&board)], &terminal) });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(runner::execute(&board, runner::no_stop(), |_| {}))
        });
        // The children of this process are those of other tests.
        let _watchdog = watch(&closing, Duration::from_millis(300), runner::no_stop(), || {}).unwrap();
        let patience = Instant::now() + Duration::from_secs(30);
        while ENDED.lock().unwrap().is_none() {
            assert!(Instant::now() < patience, "the watchdog did not end the run");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(*ENDED.lock().unwrap(), Some(ExitStatus::NotProven));
        let report = std::fs::read_to_string(junit).unwrap();
        assert!(report.contains("errors=\"1\"") && report.contains("the run hung"), "{report}");
        assert!(closing.close(None).is_none(), "reports are written once");
    }

    #[test]
    fn a_run_that_ended_is_not_changed_by_those_that_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"http://127.0.0.1:1\"\n".to_owned();
        let today = time::macros::date!(2026 - 01 - 01);
        let loaded = load::parse(&folder.path().join("r.toml"), text, |_| true, today).unwrap();
        let target = Arc::new(Target::ready(loaded, None, Machine::here(true)).unwrap());
        let board = Board::new(target, Plan { steps: vec![], share: None });
        assert_eq!(board.run(Some("it rains")).interrupted.as_deref(), Some("it rains"));
        let ended = runtime().unwrap().block_on(runner::execute(&board, runner::no_stop(), |_| {}));
        let later = board.run(Some("it rains"));
        assert_eq!((later.duration, later.interrupted), (ended.duration, None));
    }

    fn run(verdicts: &[Verdict]) -> Run {
        let mut run = crate::report::sample::small();
        let one = run.outcomes.remove(0);
        run.outcomes = verdicts
            .iter()
            .map(|verdict| crate::model::outcome::Outcome { verdict: *verdict, ..one.clone() })
            .collect();
        run
    }

    #[test]
    fn several_runs_have_the_status_of_the_worst() {
        use Verdict::{Error, Fail, Pass, Skip};
        for (one, two, expected) in [
            (&[Pass][..], &[Pass][..], ExitStatus::Proven),
            (&[Pass], &[Skip], ExitStatus::Proven),
            (&[Skip], &[Skip], ExitStatus::Nothing),
            (&[Error], &[Pass], ExitStatus::NotProven),
            (&[Error], &[Fail], ExitStatus::Broken),
        ] {
            assert_eq!(status(&[run(one), run(two)], false), expected, "{one:?} {two:?}");
        }
        assert_eq!(status(&[run(&[Pass]), run(&[Skip])], true), ExitStatus::NotProven);
    }
}
