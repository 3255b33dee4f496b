//! `lab`: serves the lab until it is ended.
//!
//! Prints one line when it is ready, which is all that a script has to wait for.

use std::path::Path;

use super::signals::Signals;
use super::{Terminal, Trouble, runtime, show};
use crate::cli;
use crate::lab::{Lab, Options};
use crate::model::outcome::ExitStatus;

/// `lab`.
pub(crate) fn lab(args: &cli::Lab, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let signals = Signals::listen(terminal)?;
    runtime()?.block_on(serve(args, terminal, &signals))
}

async fn serve(args: &cli::Lab, terminal: &Terminal, signals: &Signals) -> Result<ExitStatus, Trouble> {
    let options = Options {
        listen: args.listen,
        weaknesses: args.weakness.iter().copied().collect(),
        release: args.release,
        ..Options::default()
    };
    let lab = Lab::start(options).await.map_err(|error| {
        let at = args.listen.map_or_else(|| "a free port".to_owned(), |listen| listen.to_string());
        Trouble::usage(format_args!("the lab cannot listen on {at}: {error}; choose another --listen"))
    })?;
    let scenario = args.scenario_out.as_deref().map(|file| write(&lab, file)).transpose()?;
    let about = scenario.map_or_else(String::new, |file| format!(" (scenario: {file})"));
    let ready = show(terminal, &format!("lab ready at {}{about}\n", lab.url()));
    if ready.is_ok() {
        // The sender lives as long as the process.
        let _ = signals.stop().wait_for(Option::is_some).await;
    }
    lab.stop().await;
    ready
}

fn write(lab: &Lab, file: &Path) -> Result<String, Trouble> {
    lab.write_scenario_as(file)
        .map_err(|error| Trouble::usage(format_args!("cannot write the scenario {}: {error}", file.display())))?;
    Ok(file.display().to_string())
}
