//! `merge`: reports of the parts of a run become the report of the run.
//!
//! Sends nothing, and decides no verdict.

use super::run::status;
use super::{Terminal, Trouble, reports, show};
use crate::cli::{self, Files};
use crate::log;
use crate::merge::{self, MergeError};
use crate::outcome::ExitStatus;
use crate::redact::Redactor;
use crate::report::Format;

/// No report of a part is longer; more would not fit into memory several times over.
const MOST: u64 = 512 << 20;

/// `merge`.
pub(crate) fn merge(args: &cli::Merge, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let files = Files { json: args.json.clone(), junit: args.junit.clone(), ..Files::default() };
    super::prepare::distinct(&files)?;
    let mut parts = Vec::new();
    for file in &args.parts {
        let name = file.display().to_string();
        let unreadable = |reason: String| Trouble::usage(MergeError::Unreadable { file: name.clone(), reason });
        let size = std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
        if size > MOST {
            return Err(unreadable(format!("it has {size} bytes")));
        }
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
        let runs = merge::read(&name, &text).map_err(Trouble::usage)?;
        parts.extend(runs.into_iter().map(|run| (name.clone(), run)));
    }
    let runs = merge::merge(parts).map_err(Trouble::usage)?;
    // The parts were redacted when they were written, by whoever knew the secrets.
    let redactor = Redactor::new([]);
    let mut found = status(&runs, args.no_skips);
    let problems = reports::write(&files, &runs, &redactor);
    for problem in &problems {
        (terminal.tell)(&format!("error: failed to {}\n", log::clean(&problem.to_string())));
    }
    let (text, _) = reports::console(&runs, Format::Pretty, false, &redactor);
    show(terminal, &text)?;
    if !problems.is_empty() && found == ExitStatus::Proven {
        found = ExitStatus::NotProven;
    }
    Ok(found)
}
