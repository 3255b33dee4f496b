//! The command line: parse, dispatch, print, exit. The only place that prints results or ends the process.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use regproof::base::log;
use regproof::cli::Cli;
use regproof::commands::{self, Terminal};
use regproof::model::outcome::ExitStatus;

fn main() -> ExitCode {
    log::start();
    // A fault of our own proves nothing about a registry, and the log has it already.
    let status = std::panic::catch_unwind(run).unwrap_or(ExitStatus::NotProven);
    ExitCode::from(status.code())
}

fn run() -> ExitStatus {
    match Cli::try_parse() {
        Ok(cli) => commands::execute(&cli, &terminal()),
        Err(error) => {
            let printed = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion if printed.is_ok() => ExitStatus::Proven,
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitStatus::NotProven,
                _ => ExitStatus::Usage,
            }
        }
    }
}

fn terminal() -> Terminal {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    let colour = io::stdout().is_terminal() && !plain;
    Terminal { print, tell, end, colour, width, live: io::stderr().is_terminal() }
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn tell(text: &str) {
    // Where stderr is closed, nothing is left to tell it with.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[expect(clippy::exit, reason = "a run that hangs, or whose user asks twice, ends from another thread than main's")]
fn end(status: ExitStatus) -> ! {
    std::process::exit(status.code().into())
}
