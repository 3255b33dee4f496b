//! `audit`: every tag of every repository is read, what is not whole is told at once, and the end is a report.
//!
//! Sends nothing but GET.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::signals::Signals;
use super::{Terminal, Trouble, prepare, runtime};
use crate::audit::{self, ANONYMOUS, Audit, Options, Tell, Work};
use crate::cli;
use crate::log;
use crate::outcome::ExitStatus;
use crate::output::write_atomically;
use crate::redact::Redactor;
use crate::report::ReportError;
use crate::runner::Stop;
use crate::scenario::{Action, Scenario};
use crate::target::Target;
use crate::zot::glob;

/// How often the line on stderr is drawn.
const DRAWN: Duration = Duration::from_millis(200);
/// To the start of the line, and erase it.
const CLEAR: &str = "\r\x1b[2K";

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
    let target = Arc::new(Target::open(&args.scenario.clone().unwrap_or_else(prepare::usual), None)?);
    log::hide(target.redactor());
    let options = Options {
        identity: who(args.identity.as_deref(), target.scenario())?,
        deep: args.deep,
        concurrency: usize::from(args.concurrency),
        repositories: args.repository.clone(),
        part: args.partition,
    };
    let printed = Arc::new(AtomicBool::new(true));
    let work = Work::resumed(Arc::clone(&target), options, args.resume.as_deref(), tell(terminal, &printed))
        .map_err(|error| Trouble::failed(format_args!("{error:#}")))?
        .map_err(Trouble::usage)?;
    let work = Arc::new(work);
    let signals = Signals::listen(terminal)?;
    let (started, began) = (OffsetDateTime::now_utc(), Instant::now());
    let runtime = runtime()?;
    let interrupted = runtime.block_on(conduct(&work, terminal, signals.stop()));
    runtime.shutdown_background();
    let audit = work.end(started, began.elapsed().as_secs_f64(), interrupted);
    close(&audit, &work, args, terminal, printed.load(Ordering::Relaxed))
}

fn who(wanted: Option<&str>, scenario: &Scenario) -> Result<Option<String>, Trouble> {
    match wanted {
        Some(ANONYMOUS) => Ok(None),
        Some(name) if scenario.identities.contains_key(name) => Ok(Some(name.to_owned())),
        Some(name) => Err(Trouble::usage(format_args!("the scenario has no identity `{name}`"))),
        None if scenario.promised(None).contains(&Action::Read) => Ok(None),
        None => Ok(scenario.identities.keys().next().cloned()),
    }
}

/// Findings go to stdout when they are found: nobody should wait for the end of a long audit.
fn tell(terminal: &Terminal, printed: &Arc<AtomicBool>) -> Tell {
    let (terminal, printed) = (*terminal, Arc::clone(printed));
    Box::new(move |found| {
        if terminal.live {
            (terminal.tell)(CLEAR);
        }
        if (terminal.print)(&log::clean(&audit::line(found))).is_err() {
            printed.store(false, Ordering::Relaxed);
        }
    })
}

/// Walks until the end, or until somebody ends it; tells why it ended early.
async fn conduct(work: &Arc<Work>, terminal: &Terminal, mut stop: Stop) -> Option<String> {
    let show = async {
        if !terminal.live {
            return std::future::pending::<()>().await;
        }
        let total = audit::count(work).await;
        let (began, before) = (Instant::now(), work.repositories.load(Ordering::Relaxed));
        loop {
            (terminal.tell)(&format!("{CLEAR}{}", progress(work, total, before, began.elapsed())));
            tokio::time::sleep(DRAWN).await;
        }
    };
    let reason = tokio::select! {
        () = audit::walk(work) => None,
        () = show => None,
        ended = stop.wait_for(Option::is_some) => ended.ok().and_then(|reason| reason.clone()),
    };
    if terminal.live {
        (terminal.tell)(CLEAR);
    }
    reason
}

fn progress(work: &Work, total: Option<u64>, before: u64, taken: Duration) -> String {
    let (tags, repositories) = (work.tags.load(Ordering::Relaxed), work.repositories.load(Ordering::Relaxed));
    let all = total.map_or_else(String::new, |total| format!("/{total}"));
    let mut line = format!("[{repositories}{all} repositories] {tags} tags");
    let new = repositories.saturating_sub(before);
    if let Some(total) = total.filter(|total| new > 0 && *total >= repositories) {
        let left = taken.as_secs_f64() / new as f64 * (total - repositories) as f64;
        let left = left as u64;
        line.push_str(&format!(", about {}:{:02}:{:02} left", left / 3600, left / 60 % 60, left % 60));
    }
    line
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
    if audit.interrupted.is_none()
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
