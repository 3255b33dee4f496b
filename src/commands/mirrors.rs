//! `mirrors`: what container clients ask of the registry by their files, and what goes to the internet in silence.
//!
//! Reads files alone. Sends nothing.

use std::path::Path;

use url::Url;

use super::{Terminal, Trouble};
use crate::base::log;
use crate::mirror::folder::read_folder;
use crate::mirror::names::{Registry, address_of};
use crate::mirror::report::Report;
use crate::model::outcome::ExitStatus;
use crate::zot::config::Config;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The folder: one folder for each node, or the files of one.
    pub(crate) folder: &'a Path,
    /// Where clients reach the registry; without it every mirror is taken for the registry.
    pub(crate) urls: &'a [Url],
    /// zot's configuration.
    pub(crate) zot: Option<&'a Config>,
    /// Images that are asked about besides the usual ones.
    pub(crate) images: &'a [String],
    /// JSON instead of text.
    pub(crate) json: bool,
}

/// `mirrors`. The status is 1 where a finding is a failure, and 4 where no client file is there.
pub(crate) fn mirrors(wanted: &Wanted<'_>, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let shown = wanted.folder.display();
    let folder =
        read_folder(wanted.folder).map_err(|error| Trouble::usage(format_args!("cannot read {shown}: {error}")))?;
    if folder.clients.is_empty() {
        (terminal.tell)(&format!("no client file is below {shown}: copy them there, one folder for each node\n"));
        return Ok(ExitStatus::Nothing);
    }
    let registry = Registry { addresses: wanted.urls.iter().filter_map(address_of).collect(), config: wanted.zot, release: None };
    let file = wanted.zot.map_or("", |config| &config.file);
    let report = Report::of(folder, &registry, file, wanted.images);
    let text = if wanted.json {
        let text = serde_json::to_string_pretty(&report).map_err(Trouble::failed)?;
        format!("{text}\n")
    } else {
        log::clean(&report.text())
    };
    (terminal.print)(&text).map_err(|error| Trouble::failed(format_args!("cannot write to stdout: {error}")))?;
    Ok(if report.failures() == 0 { ExitStatus::Proven } else { ExitStatus::Broken })
}
