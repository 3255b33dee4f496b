//! `diff`: what differs between two snapshots. Sends nothing.

use super::{Terminal, Trouble, show};
use crate::cli::{self, DiffFormat};
use crate::drift::{accept, compare, show as words};
use crate::model::outcome::ExitStatus;
use crate::model::snapshot::Snapshot;

/// `diff`.
pub(crate) fn diff(args: &cli::Diff, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let read = |path| Snapshot::read(path).map_err(|error| Trouble::usage(format_args!("failed to {error}")));
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let diff = compare::compare(&before, &after, &accepted(args.accept.as_deref())?);
    let text = match args.format {
        DiffFormat::Text => words::text(&diff),
        DiffFormat::Json => words::json(&diff),
        DiffFormat::Markdown => words::markdown(&diff),
    };
    show(terminal, &text)?;
    Ok(match (diff.open().next(), diff.undecided.is_empty()) {
        (Some(_), _) => ExitStatus::Broken,
        (None, false) => ExitStatus::NotProven,
        (None, true) => ExitStatus::Proven,
    })
}

/// The accepted changes; none without a file.
pub(crate) fn accepted(path: Option<&std::path::Path>) -> Result<std::collections::BTreeSet<String>, Trouble> {
    let Some(path) = path else { return Ok(Default::default()) };
    accept::read(path).map_err(|error| Trouble::usage(format_args!("failed to {error}")))
}
