//! `merge`: reports of the parts of a run, or of an audit, become the report of the whole.
//!
//! Sends nothing, and decides no verdict.

use std::path::Path;

use super::run::status;
use super::{Terminal, Trouble, reports, show};
use crate::audit::{self, Audit};
use crate::base::log;
use crate::base::redact::Redactor;
use crate::cli::{self, Files};
use crate::model::outcome::{ExitStatus, Run};
use crate::report::output::write_atomically;
use crate::report::{Format, ReportError};
use crate::run::merge;
use crate::run::merge::MergeError;

/// No report of a part is longer; more would not fit into memory several times over.
const MOST: u64 = 512 << 20;

/// `merge`.
pub(crate) fn merge(args: &cli::Merge, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let files = Files { json: args.json.clone(), junit: args.junit.clone(), ..Files::default() };
    super::prepare::distinct(&files)?;
    let (mut parts, mut audits) = (Vec::new(), Vec::new());
    for file in &args.parts {
        let name = file.display().to_string();
        let text = text(file, &name)?;
        match audit::read(&name, &text).map_err(Trouble::usage)? {
            Some(audit) => audits.push((name, audit)),
            None => {
                let runs = merge::read(&name, &text).map_err(Trouble::usage)?;
                parts.extend(runs.into_iter().map(|run| (name.clone(), run)));
            }
        }
    }
    // The parts were redacted when they were written, by the runs that knew the secrets.
    let redactor = Redactor::new([]);
    let (problems, text, mut found) = match (parts.is_empty(), audits.is_empty()) {
        (_, true) => whole_runs(&merge::merge(parts).map_err(Trouble::usage)?, &files, args.no_skips, &redactor),
        (true, false) => whole_audit(&audit::merge(audits).map_err(Trouble::usage)?, &files, &redactor),
        (false, false) => return Err(Trouble::usage(MergeError::Mixed)),
    };
    for problem in &problems {
        (terminal.tell)(&format!("error: failed to {}\n", log::clean(&problem.to_string())));
    }
    show(terminal, &text)?;
    if !problems.is_empty() && found == ExitStatus::Proven {
        found = ExitStatus::NotProven;
    }
    Ok(found)
}

fn text(file: &Path, name: &str) -> Result<String, Trouble> {
    let unreadable = |reason: String| Trouble::usage(MergeError::Unreadable { file: name.to_owned(), reason });
    let size = std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MOST {
        return Err(unreadable(format!("it has {size} bytes")));
    }
    std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))
}

type Whole = (Vec<ReportError>, String, ExitStatus);

fn whole_runs(runs: &[Run], files: &Files, no_skips: bool, redactor: &Redactor) -> Whole {
    let problems = reports::write(files, runs, redactor);
    (problems, reports::console(runs, Format::Pretty, false, redactor).0, status(runs, no_skips))
}

fn whole_audit(audit: &Audit, files: &Files, redactor: &Redactor) -> Whole {
    let mut problems = Vec::new();
    let mut put = |file: Option<&Path>, text: &dyn Fn() -> Result<String, ReportError>| {
        if let Some(file) = file {
            problems.extend(text().and_then(|text| write_atomically(file, &text, redactor)).err());
        }
    };
    put(files.json.as_deref(), &|| Ok(audit::json(audit)));
    put(files.junit.as_deref(), &|| audit::junit(audit));
    let status = audit.exit_status();
    let mut text: String = audit.findings.iter().map(audit::line).collect();
    text.push_str(&format!("{} in {:.1}s   exit {}\n", audit::summary(audit), audit.seconds, status.code()));
    (problems, log::clean(&text), status)
}
