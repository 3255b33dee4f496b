//! `mirrors`: what container clients ask of the registry by their files, and what goes to the internet in silence.
//!
//! Reads files alone. Sends nothing.

use super::policy::config;
use super::{Terminal, Trouble};
use crate::base::log;
use crate::cli::{self, MirrorsFormat};
use crate::mirror::folder::read_folder;
use crate::mirror::names::{Registry, address_of};
use crate::mirror::report::Report;
use crate::model::outcome::ExitStatus;

/// `mirrors`. The status is 1 where a finding is a failure, and 4 where no client file is there.
pub(crate) fn mirrors(args: &cli::Mirrors, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let zot = args.zot_config.as_ref().map(|file| config(file, &args.reading)).transpose()?;
    let shown = args.folder.display();
    let folder =
        read_folder(&args.folder).map_err(|error| Trouble::usage(format_args!("cannot read {shown}: {error}")))?;
    if folder.clients.is_empty() {
        (terminal.tell)(&format!("no client file is below {shown}: copy them there, one folder for each node\n"));
        return Ok(ExitStatus::Nothing);
    }
    let addresses = args.url.iter().filter_map(address_of).collect();
    let registry = Registry { addresses, config: zot.as_ref(), release: args.reading.release };
    let report = Report::of(folder, &registry, zot.as_ref().map_or("", |config| &config.file), &args.image);
    let text = match args.format {
        MirrorsFormat::Json => format!("{}\n", serde_json::to_string_pretty(&report).map_err(Trouble::failed)?),
        MirrorsFormat::Text => log::clean(&report.text()),
    };
    super::show(terminal, &text)?;
    Ok(if report.failures() == 0 { ExitStatus::Proven } else { ExitStatus::Broken })
}
