//! The arguments of what keeps and compares a registry's answers. Data, as all of the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

const TAKEN: &str = "\
Exit status:
  0  the snapshot has every answer
  2  some questions are undecided, or there is no snapshot
  3  bad usage";

const COMPARED: &str = "\
Exit status:
  0  no change, or only accepted ones
  1  at least one other change
  2  no known change, but some questions are undecided
  3  a file cannot be used";

/// `snapshot`.
#[derive(Clone, Debug, Args)]
#[command(after_help = TAKEN)]
pub struct Snapshot {
    /// The scenario file [default: $REGPROOF_SCENARIO, else regproof.toml]
    #[arg(value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenario: Option<PathBuf>,
    /// Where to write it [default: stdout]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Also save the tags of all repositories in the catalog
    #[arg(long)]
    pub catalog: bool,
}

/// `diff`.
#[derive(Clone, Debug, Args)]
#[command(after_help = COMPARED)]
pub struct Diff {
    /// The earlier snapshot
    #[arg(value_name = "BEFORE", value_hint = ValueHint::FilePath)]
    pub before: PathBuf,
    /// The later one
    #[arg(value_name = "AFTER", value_hint = ValueHint::FilePath)]
    pub after: PathBuf,
    /// In which format
    #[arg(long, value_enum, default_value = "text")]
    pub format: DiffFormat,
    /// Changes that do not count, as this command prints them
    ///
    /// One per line, or `accept = [...]` in a .toml file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub accept: Option<PathBuf>,
}

/// How a difference is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a comment or a job summary
    Markdown,
}
