//! The arguments of `mirrors`. Data, as all of the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use url::Url;

use super::Reading;

const JUDGED: &str = "\
Exit status:
  0  the cache serves every client that names it as a mirror
  1  a client goes to the internet in silence, or its pulls fail
  3  bad usage, or a file cannot be used
  4  no client file was found

Example:
  regproof mirrors nodes/ --url https://registry.example.test \\
    --zot-config config.json";

/// `mirrors`.
#[derive(Clone, Debug, Args)]
#[command(after_help = JUDGED)]
pub struct Mirrors {
    /// The folder: one folder for each node, or the files of one node
    ///
    /// Files are known by their names: certs.d/*/hosts.toml, registries.yaml, daemon.json, registries.conf,
    /// buildkitd.toml, and machine configurations of Talos.
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// The registry's URL as clients reach it; repeatable
    ///
    /// Without it, every mirror in the files is taken for the registry.
    #[arg(long, value_name = "URL")]
    pub url: Vec<Url>,
    /// The zot configuration, which says what becomes of each request
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub zot_config: Option<PathBuf>,
    /// One more image to ask about, as `ghcr.io/org/app:v1`; repeatable
    #[arg(long, value_name = "IMAGE")]
    pub image: Vec<String>,
    /// In which format
    #[arg(long, value_enum, default_value = "text")]
    pub format: MirrorsFormat,
    /// Where to read the configuration.
    #[command(flatten)]
    pub reading: Reading,
}

/// How the clients are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MirrorsFormat {
    /// For people
    Text,
    /// For programs
    Json,
}
