//! `snapshot`: what a live registry answers now, as a file to be compared with other days.
//!
//! Decides no verdict, and writes nothing but the file.

use super::signals::Signals;
use super::{Terminal, Trouble, prepare, runtime, show};
use crate::base::log;
use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::cli;
use crate::drift;
use crate::model::effect::Effect;
use crate::model::outcome::ExitStatus;
use crate::report::output::{firewall, write_atomically};

/// `snapshot`.
pub(crate) fn snapshot(args: &cli::Snapshot, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let file = args.scenario.clone().unwrap_or_else(prepare::usual);
    let target = Target::open(&file, Some(Effect::Oracle), Machine::here(false))?;
    log::hide(target.redactor());
    let signals = Signals::listen(terminal)?;
    let runtime = runtime()?;
    let taken = runtime.block_on(drift::take(&target, args.catalog, signals.stop()));
    runtime.shutdown_background();
    let taken = taken.map_err(|error| Trouble::failed(format_args!("cannot take a snapshot: {error:#}")))?;
    let text = taken.text();
    for gap in &taken.gaps {
        (terminal.tell)(&format!("not in the snapshot: {}\n", log::clean(gap)));
    }
    // The file is written all the same: what it does not know, it says.
    let status = if taken.undecided.is_empty() { ExitStatus::Proven } else { ExitStatus::NotProven };
    let Some(path) = &args.output else {
        let (text, leaked) = firewall(&text, target.redactor());
        show(terminal, &text)?;
        return if leaked {
            Err(Trouble::failed("a secret was kept out of the snapshot; please report this as a bug"))
        } else {
            Ok(status)
        };
    };
    write_atomically(path, &text, target.redactor())
        .map_err(|error| Trouble::failed(format_args!("failed to {error}")))?;
    let (answers, tags) = (taken.answers.len(), taken.tag_count());
    let missing = match taken.undecided.len() {
        0 => String::new(),
        count => format!("; {count} questions are undecided, see above"),
    };
    show(terminal, &format!("{answers} answers and {tags} tags in {}{missing}\n", path.display()))?;
    Ok(status)
}
