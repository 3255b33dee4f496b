//! The arguments of what runs for long, or on many machines: watch, audit and merge.
//!
//! Nothing here reads a file or the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::{Selection, part};
use crate::model::partition::Part;
use crate::scenario::Period;

/// `watch`.
#[derive(Clone, Debug, Args)]
pub struct Watch {
    /// The scenario file [default: $REGPROOF_SCENARIO, else regproof.toml]
    ///
    /// It is read again for each run.
    #[arg(value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenario: Option<PathBuf>,
    /// Time from the start of one run to the start of the next
    ///
    /// If a run takes longer, the starts that fall into it are skipped and counted.
    #[arg(long, value_name = "PERIOD", default_value = "5m", value_parser = interval)]
    pub interval: Period,
    /// Address that serves /metrics, /healthz and /report, without login or TLS
    ///
    /// Beyond loopback, everyone who reaches it can read the reports. They name repositories, users and findings, but no
    /// secret.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464")]
    pub listen: SocketAddr,
    /// Which checks.
    #[command(flatten)]
    pub selection: Selection,
}

/// A typing error must not become a flood of requests at a registry in production.
fn interval(text: &str) -> Result<Period, String> {
    let period: Period = text.parse()?;
    if period.0 >= Duration::from_millis(100) { Ok(period) } else { Err("at least 100ms".to_owned()) }
}

/// `audit`.
#[derive(Clone, Debug, Args)]
pub struct Audit {
    /// The scenario file [default: $REGPROOF_SCENARIO, else regproof.toml]
    #[arg(value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenario: Option<PathBuf>,
    /// The identity that asks, or `anonymous`
    ///
    /// The default is `anonymous` if the scenario lets anonymous clients read, else the first identity.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<String>,
    /// Read and hash every blob whole
    ///
    /// Without it, long blobs are only looked up, and their size is compared.
    #[arg(long)]
    pub deep: bool,
    /// How many requests are sent at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// Only repositories that match, as `blumeops/**`; repeatable
    #[arg(long, value_name = "GLOB")]
    pub repository: Vec<String>,
    /// Only one part of the repositories, as `hash:1/4` or `auto`
    ///
    /// `auto` reads $JOB_COMPLETION_INDEX and $JOB_COMPLETIONS.
    #[arg(long, value_name = "hash:PART/PARTS", value_parser = part)]
    pub partition: Option<Part>,
    /// Keep a journal of finished repositories, and resume from it
    ///
    /// It is removed when all repositories are finished.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub resume: Option<PathBuf>,
    /// Write a JSON report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub json: Option<PathBuf>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
}

/// `merge`.
#[derive(Clone, Debug, Args)]
pub struct Merge {
    /// The JSON reports of all parts, in any order
    #[arg(value_name = "PART", value_hint = ValueHint::FilePath, required = true)]
    pub parts: Vec<PathBuf>,
    /// Count a skipped check as not proven: exit status 2
    #[arg(long)]
    pub no_skips: bool,
    /// Write a JSON report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub json: Option<PathBuf>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
}
