//! `policy`: who gains and who loses what between two zot configurations, before a deploy. Sends nothing.

mod json;
mod show;

use std::path::Path;

use super::{Terminal, Trouble};
use crate::cli::{self, PolicyFormat};
use crate::model::outcome::ExitStatus;
use crate::scenario::config_text;
use crate::zot::compare::compare;
use crate::zot::config::Config;

pub(crate) use show::wrapped;

/// `policy`.
pub(crate) fn policy(args: &cli::Policy, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let (old, new) = (config(&args.old, &args.reading)?, config(&args.new, &args.reading)?);
    let comparison = compare(&old, &new, args.reading.release, &args.allow_gain).map_err(Trouble::failed)?;
    let text = match args.format {
        PolicyFormat::Text => show::text(&comparison),
        PolicyFormat::Json => json::json(&comparison),
        PolicyFormat::Markdown => show::markdown(&comparison),
    };
    super::show(terminal, &text)?;
    Ok(if comparison.gains() { ExitStatus::Broken } else { ExitStatus::Proven })
}

/// A configuration from its file.
pub(crate) fn config(file: &Path, reading: &cli::Reading) -> Result<Config, Trouble> {
    let text = config_text(file).map_err(Trouble::usage)?;
    let shown = file.display().to_string();
    Config::parse_part(&shown, &text, reading.key.as_deref(), reading.release).map_err(Trouble::usage)
}
