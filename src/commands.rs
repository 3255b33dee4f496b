//! What each command does. Decides and computes; what reaches stdout, stderr or the end of the process goes through the
//! functions that `main` lends.

mod audit;
mod can;
mod clean;
mod demo;
mod diff;
mod explain;
pub mod init;
mod lab;
mod list;
mod man;
mod merge;
mod mirrors;
mod plan;
mod policy;
mod prepare;
mod progress;
mod prove;
mod ready;
mod reports;
mod run;
mod signals;
mod snapshot;
mod watch;

use std::fmt;
use std::io;

use clap::CommandFactory;

use crate::base::log;
use crate::cli::{self, Cli, Colour, Command};
use crate::model::outcome::ExitStatus;
use crate::run::plan::PlanError;
use crate::scenario::Scenario;
use crate::scenario::loaded::ScenarioError;

/// What `main` lends: the only ways to stdout, stderr and the end of the process.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Writes to stdout, whole and flushed.
    pub print: fn(&str) -> io::Result<()>,
    /// Writes to stderr as it is.
    pub tell: fn(&str),
    /// Ends the process.
    pub end: fn(ExitStatus) -> !,
    /// Whether stdout takes colours.
    pub colour: bool,
    /// The columns of stdout, where it is a terminal.
    pub width: Option<usize>,
    /// Whether somebody looks at stderr.
    pub live: bool,
}

/// Why a command could not be done.
#[derive(Debug)]
pub(crate) struct Trouble {
    status: ExitStatus,
    message: String,
}

impl Trouble {
    /// Bad usage or scenario; nothing was sent.
    pub(crate) fn usage(message: impl fmt::Display) -> Trouble {
        Trouble { status: ExitStatus::Usage, message: message.to_string() }
    }

    /// It was tried, and it did not work.
    pub(crate) fn failed(message: impl fmt::Display) -> Trouble {
        Trouble { status: ExitStatus::NotProven, message: message.to_string() }
    }
}

impl From<ScenarioError> for Trouble {
    fn from(error: ScenarioError) -> Trouble {
        Trouble::usage(error)
    }
}

impl From<PlanError> for Trouble {
    fn from(error: PlanError) -> Trouble {
        Trouble::usage(error)
    }
}

/// Does what was asked for, and answers how the process should end.
#[must_use]
pub fn execute(cli: &Cli, terminal: &Terminal) -> ExitStatus {
    let done = match &cli.command {
        Command::Demo(args) => demo::demo(args, terminal),
        Command::Prove(args) => prove::prove(args, terminal),
        Command::Run(args) => run::run(args, terminal),
        Command::Watch(args) => watch::watch(args, terminal),
        Command::Audit(args) => audit::audit(args, terminal),
        Command::Merge(args) => merge::merge(args, terminal),
        Command::Plan(args) => plan::plan(args, terminal),
        Command::Snapshot(args) => snapshot::snapshot(args, terminal),
        Command::Diff(args) => diff::diff(args, terminal),
        Command::Can(args) => can::can(args, terminal),
        Command::Policy(args) => policy::policy(args, terminal),
        Command::Mirrors(args) => mirrors::mirrors(args, terminal),
        Command::List(args) => show(terminal, &list::list(args.format)),
        Command::Explain(args) => explain::explain(&args.id).and_then(|text| show(terminal, &text)),
        Command::Init(args) => init(args, terminal),
        Command::Schema => show(terminal, &format!("{:#}\n", Scenario::json_schema())),
        Command::Lab(args) => lab::lab(args, terminal),
        Command::Clean(args) => clean::clean(args, terminal),
        Command::Completions(args) => {
            let mut text = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "regproof", &mut text);
            show(terminal, &String::from_utf8_lossy(&text))
        }
        Command::Man(args) => man::man(args, terminal),
    };
    done.unwrap_or_else(|trouble| {
        (terminal.tell)(&format!("error: {}\n", log::clean(&trouble.message)));
        trouble.status
    })
}

/// `init`: a first scenario, from what a live registry shows to anyone.
fn init(args: &cli::Init, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let failed = |error: anyhow::Error| Trouble::failed(format_args!("{error:#}"));
    let seen = runtime()?.block_on(init::look(&args.url)).map_err(failed)?;
    show(terminal, &init::scenario(&args.url, &seen))
}

/// Prints a text that is the whole result.
fn show(terminal: &Terminal, text: &str) -> Result<ExitStatus, Trouble> {
    (terminal.print)(text).map_err(|error| Trouble::failed(format_args!("cannot write to stdout: {error}")))?;
    Ok(ExitStatus::Proven)
}

fn colour(wanted: Colour, terminal: &Terminal) -> bool {
    match wanted {
        Colour::Auto => terminal.colour,
        Colour::Always => true,
        Colour::Never => false,
    }
}

/// The number of threads of a runtime. It is small: each thread keeps its own memory, and most of the work is to wait.
#[must_use]
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

/// A runtime for everything that waits.
fn runtime() -> Result<tokio::runtime::Runtime, Trouble> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build();
    built.map_err(|error| Trouble::failed(format_args!("cannot start the runtime: {error}")))
}
