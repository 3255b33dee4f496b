//! `audit`: every tag of every repository is read, what is not whole is told at once, and the end is a report.
//!
//! Sends nothing but GET.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use time::OffsetDateTime;

use super::progress;
use super::signals::Signals;
use super::{Terminal, Trouble, prepare, runtime};
use crate::audit::{self, ANONYMOUS, Audit, Options, Tell, Work};
use crate::base::log;
use crate::base::redact::Redactor;
use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::cli;
use crate::model::outcome::ExitStatus;
use crate::report::ReportError;
use crate::report::output::write_atomically;
use crate::run::runner::Stop;
use crate::scenario::Scenario;
use crate::zot::glob;

/// How often the line on stderr is brought up to date.
const DRAWN: Duration = Duration::from_millis(200);
/// The line, while it is not known how many repositories there are, and afterwards.
const UNKNOWN: &str = "[{pos} repositories] {wide_msg}";
const KNOWN: &str = "[{pos}/{len} repositories] about {eta_precise} left, {wide_msg}";

/// `audit`.
pub(crate) fn audit(args: &cli::Audit, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    if args.json.is_some() && (args.json == args.junit || args.json == args.resume)
        || args.junit.is_some() && args.junit == args.resume
    {
        return Err(Trouble::usage("`--json`, `--junit` and `--resume` need a file each"));
    }
    if let Some(pattern) = args.repository.iter().find(|pattern| !glob::is_valid(pattern)) {
        return Err(Trouble::usage(format_args!("`{pattern}` is not a pattern of repositories")));
    }
    let target =
        Arc::new(Target::open(&args.scenario.clone().unwrap_or_else(prepare::usual), None, Machine::here(true))?);
    log::hide(target.redactor());
    let options = Options {
        identity: who(args.identity.as_deref(), target.scenario())?,
        deep: args.deep,
        concurrency: usize::from(args.concurrency),
        repositories: args.repository.clone(),
        part: args.partition,
    };
    let printed = Arc::new(AtomicBool::new(true));
    let line = progress::line(terminal.live.then_some(terminal.tell), None, UNKNOWN);
    let tell = tell(terminal, &line, &printed);
    let work = Work::resumed(Arc::clone(&target), options, args.resume.as_deref(), tell)
        .map_err(|error| Trouble::failed(format_args!("{error:#}")))?
        .map_err(Trouble::usage)?;
    let work = Arc::new(work);
    let signals = Signals::listen(terminal)?;
    let (started, began) = (OffsetDateTime::now_utc(), Instant::now());
    let runtime = runtime()?;
    let interrupted = runtime.block_on(conduct(&work, &line, signals.stop()));
    runtime.shutdown_background();
    line.finish_and_clear();
    let audit = work.end(started, began.elapsed().as_secs_f64(), interrupted);
    close(&audit, &work, args, terminal, printed.load(Ordering::Relaxed))
}

fn who(wanted: Option<&str>, scenario: &Scenario) -> Result<Option<String>, Trouble> {
    match wanted {
        Some(ANONYMOUS) => Ok(None),
        Some(name) if scenario.identities.contains_key(name) => Ok(Some(name.to_owned())),
        Some(name) => Err(Trouble::usage(format_args!("the scenario has no identity `{name}`"))),
        None => Ok(scenario.reader(scenario.seen_by_all()).map(str::to_owned)),
    }
}

/// Findings go to stdout when they are found: nobody should wait for the end of a long audit.
fn tell(terminal: &Terminal, line: &ProgressBar, printed: &Arc<AtomicBool>) -> Tell {
    let (terminal, line, printed) = (*terminal, line.clone(), Arc::clone(printed));
    Box::new(move |found| {
        let told = line.suspend(|| (terminal.print)(&log::clean(&audit::line(found))));
        if told.is_err() {
            printed.store(false, Ordering::Relaxed);
        }
    })
}

/// Walks until the end, or until somebody ends it; tells why it ended early.
async fn conduct(work: &Arc<Work>, line: &ProgressBar, mut stop: Stop) -> Option<String> {
    let show = async {
        if line.is_hidden() {
            return std::future::pending::<()>().await;
        }
        if let Some(total) = audit::count(work).await {
            line.set_style(ProgressStyle::with_template(KNOWN).expect("the shapes of our own lines are well-formed"));
            line.set_length(total);
            // What an earlier audit finished took this one no time.
            line.set_position(work.repositories.load(Ordering::Relaxed));
            line.reset_eta();
        }
        loop {
            line.set_position(work.repositories.load(Ordering::Relaxed));
            line.set_message(format!("{} tags", work.tags.load(Ordering::Relaxed)));
            tokio::time::sleep(DRAWN).await;
        }
    };
    tokio::select! {
        () = audit::walk(work) => None,
        () = show => None,
        ended = stop.wait_for(Option::is_some) => ended.ok().and_then(|reason| reason.clone()),
    }
}

/// Reports and the exit status.
fn close(
    audit: &Audit,
    work: &Work,
    args: &cli::Audit,
    terminal: &Terminal,
    printed: bool,
) -> Result<ExitStatus, Trouble> {
    let redactor = work.redactor();
    let mut status = audit.exit_status();
    let mut problems = Vec::new();
    let mut put = |file: Option<&Path>, text: &dyn Fn() -> Result<String, ReportError>| {
        if let Some(file) = file {
            problems.extend(write(file, text, redactor).err().map(|error| format!("failed to {error}")));
        }
    };
    put(args.json.as_deref(), &|| Ok(audit::json(audit)));
    put(args.junit.as_deref(), &|| audit::junit(audit));
    let text = format!("{} in {:.1}s   exit {}\n", audit::summary(audit), audit.seconds, status.code());
    if (terminal.print)(&log::clean(&text)).is_err() || !printed {
        problems.push("failed to print the report".to_owned());
    }
    // Nor where a report is missing: the journal is all there is of hours of work.
    if problems.is_empty()
        && audit.interrupted.is_none()
        && audit.counts.undecided == 0
        && let Err(error) = work.forget()
    {
        problems.push(format!("failed to remove the journal: {error}"));
    }
    for problem in &problems {
        (terminal.tell)(&format!("error: {}\n", log::clean(problem)));
    }
    if !problems.is_empty() && status == ExitStatus::Proven {
        status = ExitStatus::NotProven;
    }
    Ok(status)
}

fn write(file: &Path, text: &dyn Fn() -> Result<String, ReportError>, redactor: &Redactor) -> Result<(), ReportError> {
    write_atomically(file, &text()?, redactor)
}
