//! `man`: the manual pages, generated from the command line, one for the program and one for each command.
//!
//! Says nothing that `--help` does not say.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Trouble, show};
use crate::cli::{self, Cli, EXIT_STATUS};
use crate::commands::Terminal;
use crate::model::outcome::ExitStatus;

/// Prints one page, or writes all of them into a folder.
pub(crate) fn man(args: &cli::Man, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let pages = pages();
    if let Some(folder) = &args.out {
        write(folder, &pages)?;
        return Ok(ExitStatus::Proven);
    }
    let wanted = args.command.as_ref().map_or_else(|| "regproof".to_owned(), |name| format!("regproof-{name}"));
    let page = pages.iter().find(|page| page.name == wanted);
    let page =
        page.ok_or_else(|| Trouble::usage(format_args!("there is no command `{}`", wanted.replacen('-', " ", 1))))?;
    show(terminal, &page.roff)
}

/// A manual page of section 1.
struct Page {
    name: String,
    roff: String,
}

/// The page of the program, then those of its commands.
fn pages() -> Vec<Page> {
    // The manual has a separate section for what the help says last.
    let mut program = Cli::command().disable_help_subcommand(true).after_help(None::<&str>);
    program.build();
    let commands: Vec<Command> = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    std::iter::once(program).chain(commands).map(page).collect()
}

fn page(command: Command) -> Page {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let man = Man::new(command).source(concat!("regproof ", env!("CARGO_PKG_VERSION"))).manual("regproof");
    let mut roff = Vec::new();
    man.render(&mut roff).expect("a vector takes everything that is written to it");
    let mut roff = String::from_utf8_lossy(&roff).into_owned();
    if ["regproof", "regproof-run"].contains(&name.as_str()) {
        roff.push_str(&exit_status());
    }
    Page { name, roff }
}

/// The section of the exit status: one tagged paragraph for each.
fn exit_status() -> String {
    let lines = EXIT_STATUS.lines().filter_map(|line| line.trim().split_once("  "));
    let paragraphs = lines.map(|(status, meaning)| format!(".TP\n\\fB{status}\\fR\n{meaning}\n"));
    std::iter::once(".SH \"EXIT STATUS\"\n".to_owned()).chain(paragraphs).collect()
}

fn write(folder: &Path, pages: &[Page]) -> Result<(), Trouble> {
    let failed = |path: &Path, error: &std::io::Error| {
        Trouble::failed(format_args!("failed to write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for page in pages {
        let file = folder.join(format!("{}.1", page.name));
        std::fs::write(&file, &page.roff).map_err(|error| failed(&file, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_its_options() {
        let pages = pages();
        assert_eq!(pages[0].name, "regproof");
        assert!(pages[0].roff.contains(".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\neverything"), "{}", pages[0].roff);
        assert!(!pages[0].roff.contains("EXTRA"), "{}", pages[0].roff);
        for command in Cli::command().get_subcommands() {
            let name = format!("regproof-{}", command.get_name());
            let page = pages.iter().find(|page| page.name == name).unwrap_or_else(|| panic!("no page {name}"));
            assert!(page.roff.contains(".TH regproof-"), "{}", page.roff);
            let plain = page.roff.replace('\\', "");
            for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(plain.contains(&format!("--{option}")), "{name} lacks --{option}: {plain}");
            }
        }
    }

    #[test]
    fn all_pages_are_written_into_a_new_folder() {
        let folder = tempfile::tempdir().unwrap();
        let man = folder.path().join("share/man/man1");
        write(&man, &pages()).unwrap();
        assert!(man.join("regproof.1").is_file() && man.join("regproof-run.1").is_file());
        assert!(write(&man.join("regproof.1"), &pages()).is_err(), "a file is no folder");
    }
}
