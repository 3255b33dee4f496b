//! The command line, as data: what can be asked for, in which words. No input, no output, no decision.
//!
//! Nothing but `main` and `commands` may import this.

mod drift;
mod mirrors;
mod policy;
mod standing;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::lab::Weakness;
use crate::model::effect::Effect;
use crate::model::partition::Part;
use crate::report::Format;
use crate::scenario::Period;

pub use drift::{Diff, DiffFormat, Snapshot};
pub use mirrors::{Mirrors, MirrorsFormat};
pub use policy::{By, Can, Policy, PolicyFormat, Reading};
pub use standing::{Audit, Merge, Watch};

pub(crate) const EXIT_STATUS: &str = "\
Exit status:
  0  everything that ran passed, and something ran
  1  at least one promise is broken
  2  nothing is broken, but a check is undecided or a report is not written
  3  bad usage or scenario; nothing was sent
  4  nothing to run";

/// Proves, after a deploy, that a live registry keeps its operator's promises.
#[derive(Clone, Debug, Parser)]
#[command(name = "regproof", version, max_term_width = 80, after_help = EXIT_STATUS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the checklist on a sound lab, then on a weak one
    Demo(Demo),
    /// Show which checks of this program catch each weakness of the lab
    #[command(name = "self-test", alias = "prove")]
    Prove(Prove),
    /// Run the checklist against the registry of a scenario
    Run(Run),
    /// Run the checklist at intervals, and serve the results over HTTP
    Watch(Watch),
    /// Check that every tag, manifest and blob is whole; writes nothing
    Audit(Audit),
    /// Merge the JSON reports of a partitioned run or audit into one
    Merge(Merge),
    /// Show what `run` would do and skip, and why; sends nothing
    Plan(Plan),
    /// Save a registry's answers for a `diff`; stores nothing there
    Snapshot(Snapshot),
    /// Show what differs between two snapshots; sends nothing
    Diff(Diff),
    /// Answer who can do what, by zot's configuration
    Can(Can),
    /// Show who gains and loses what between two configurations
    Policy(Policy),
    /// Show what container clients ask of the registry, by their files
    Mirrors(Mirrors),
    /// List every check
    List(List),
    /// Explain why a check matters, how it works, and what to do
    Explain(Explain),
    /// Print the JSON Schema of the scenario file
    Schema,
    /// Ask a registry without credentials, and print a draft scenario
    Init(Init),
    /// Serve the lab on loopback: registry, OpenID provider, upstream
    Lab(Lab),
    /// Remove the tags that runs left in the scratch repositories
    Clean(Clean),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a manual page, or write all of them into a folder
    Man(Man),
}

/// Which checks of which scenarios.
#[derive(Clone, Debug, Args)]
pub struct Selection {
    /// Run only checks whose id starts with this, as `access::`; repeatable
    #[arg(long, value_name = "ID-PREFIX")]
    pub only: Vec<String>,
    /// The most that a check may send
    ///
    /// `no-store` requests are refused after the rights were checked, so nothing is stored. The default is `writes` with
    /// a scratch repository, else `no-store`.
    #[arg(long, value_name = "EFFECT", value_parser = effects())]
    pub effects: Option<Effect>,
    /// Skip checks that need a browser
    #[arg(long)]
    pub no_browser: bool,
    /// Count warnings as broken promises: exit status 1
    #[arg(long)]
    pub strict: bool,
    /// Run only one part of the checks, as `hash:1/4` or `auto`
    ///
    /// `auto` reads $JOB_COMPLETION_INDEX and $JOB_COMPLETIONS.
    #[arg(long, value_name = "hash:PART/PARTS", value_parser = part)]
    pub partition: Option<Part>,
}

fn effects() -> impl TypedValueParser<Value = Effect> {
    let no_store = PossibleValue::new("no-store").alias("oracle");
    let values = [PossibleValue::new("read-only"), no_store, PossibleValue::new("writes")];
    PossibleValuesParser::new(values).try_map(|text| text.parse::<Effect>())
}

/// A part by its numbers, or by the index that a Kubernetes Job of completion mode Indexed gives each of its pods.
fn part(text: &str) -> Result<Part, String> {
    if text != "auto" {
        return text.parse();
    }
    Part::of_job(|name| std::env::var(name).ok())
}

/// How the console looks.
#[derive(Clone, Copy, Debug, Args)]
pub struct Look {
    /// Colours on the console
    #[arg(long, visible_alias = "color", value_name = "WHEN", default_value = "auto")]
    pub colour: Colour,
}

/// `run`.
#[derive(Clone, Debug, Args)]
pub struct Run {
    /// The scenario files [default: $REGPROOF_SCENARIO, else regproof.toml]
    ///
    /// Several run at the same time into one report.
    #[arg(value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenarios: Vec<PathBuf>,
    /// Which checks.
    #[command(flatten)]
    pub selection: Selection,
    /// Wait up to this long for the registry's first answer, as `60s`
    #[arg(long, value_name = "PERIOD")]
    pub wait: Option<Period>,
    /// Count a skipped check as not proven: exit status 2
    #[arg(long)]
    pub no_skips: bool,
    /// What the console shows
    #[arg(long, value_enum, default_value = "pretty")]
    pub format: ConsoleFormat,
    /// Show nothing on the console if everything is proven
    #[arg(long, short)]
    pub quiet: bool,
    /// Also show each check that the first finding explains
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Also prove that nothing changed since this snapshot, after all other checks
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "partition", value_hint = ValueHint::FilePath)]
    pub against: Option<PathBuf>,
    /// Changes that do not count, as `regproof diff` prints them
    ///
    /// One per line, or `accept = [...]` in a .toml file.
    #[arg(long, value_name = "FILE", requires = "against", value_hint = ValueHint::FilePath)]
    pub accept: Option<PathBuf>,
    /// How the console looks.
    #[command(flatten)]
    pub look: Look,
    /// Which files to write.
    #[command(flatten)]
    pub files: Files,
}

/// Reports as files.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Reports")]
pub struct Files {
    /// Write a JUnit report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
    /// Write a JSON report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub json: Option<PathBuf>,
    /// Write an HTML report, one file without scripts
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Write a Markdown report, for a comment or a job summary
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub markdown: Option<PathBuf>,
    /// Write metrics for the textfile collector of the Prometheus node exporter
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub prometheus: Option<PathBuf>,
    /// Write every exchange as a HAR file, for the network panel of a browser
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub har: Option<PathBuf>,
}

/// `plan`.
#[derive(Clone, Debug, Args)]
pub struct Plan {
    /// The scenario file [default: $REGPROOF_SCENARIO, else regproof.toml]
    #[arg(value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenario: Option<PathBuf>,
    /// Which checks.
    #[command(flatten)]
    pub selection: Selection,
    /// Also print every request that a run may send
    ///
    /// Each line has method, target, identity, effect and check.
    #[arg(long)]
    pub requests: bool,
    /// Write the promises into `regproof.lock` next to the scenario
    ///
    /// A run whose promises differ from the lock fails. The lock does not depend on this machine. Nor does it depend on
    /// --only, --effects, --no-browser or --partition.
    #[arg(long)]
    pub lock: bool,
}

/// `list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// In which format
    #[arg(long, value_enum, default_value = "plain")]
    pub format: ListFormat,
}

/// `explain`.
#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// The id of a check, lint, advisory, finding or weakness of the lab
    pub id: String,
}

/// `lab`.
#[derive(Clone, Debug, Args)]
pub struct Lab {
    /// Where the registry listens, on loopback [default: a free port]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub listen: Option<SocketAddr>,
    /// A weakness of the lab; repeatable
    #[arg(long, value_name = "NAME", value_parser = weaknesses())]
    pub weakness: Vec<Weakness>,
    /// The zot release whose behaviour it shows
    #[arg(long, value_name = "VERSION", default_value = "v2.1.20", value_parser = releases())]
    pub release: crate::lab::Release,
    /// Write a scenario for this lab, with its secrets in a folder next to it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub scenario_out: Option<PathBuf>,
}

/// The lab is weak by design, and its provider gives tokens to its test users; no network may reach it.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write ADDRESS:PORT, as 127.0.0.1:5050".to_owned())?;
    if address.ip().is_loopback() { Ok(address) } else { Err("the lab listens on loopback only".to_owned()) }
}

fn weaknesses() -> impl TypedValueParser<Value = Weakness> {
    PossibleValuesParser::new(Weakness::all().map(Weakness::name)).try_map(|name| name.parse::<Weakness>())
}

fn releases() -> impl TypedValueParser<Value = crate::lab::Release> {
    use crate::lab::Release;
    const ALL: [Release; 4] = [Release::V2_1_14, Release::V2_1_15, Release::V2_1_18, Release::V2_1_20];
    PossibleValuesParser::new(ALL.map(Release::version))
        .try_map(|name| ALL.into_iter().find(|release| release.version() == name).ok_or("an unknown release"))
}

/// `demo`.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// The weakness of the second lab
    #[arg(long, value_name = "NAME", default_value = "ci-can-update", hide_possible_values = true, value_parser = weaknesses())]
    pub weakness: Weakness,
    /// Skip checks that need a browser
    #[arg(long)]
    pub no_browser: bool,
    /// How the console looks.
    #[command(flatten)]
    pub look: Look,
}

/// `init`.
#[derive(Clone, Debug, Args)]
pub struct Init {
    /// The registry's URL
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub url: url::Url,
}

/// `prove`.
#[derive(Clone, Debug, Args)]
pub struct Prove {
    /// Only this weakness; repeatable
    #[arg(long, value_name = "NAME", hide_possible_values = true, value_parser = weaknesses())]
    pub weakness: Vec<Weakness>,
    /// Skip checks that need a browser
    #[arg(long)]
    pub no_browser: bool,
    /// Run browser and client checks on more weaknesses; takes minutes
    ///
    /// Browser checks run on every weakness that they must catch. Client checks run on all.
    #[arg(long)]
    pub all: bool,
    /// Run the checks that must notice a weakness, and one in ten of the others
    #[arg(long, conflicts_with = "all")]
    pub quick: bool,
}

/// `clean`.
#[derive(Clone, Debug, Args)]
pub struct Clean {
    /// The scenario file [default: $REGPROOF_SCENARIO, else regproof.toml]
    #[arg(value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenario: Option<PathBuf>,
    /// Only list what would be removed
    #[arg(long)]
    pub dry_run: bool,
}

/// `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Clone, Debug, Args)]
pub struct Man {
    /// The command whose page is printed [default: the program's own page]
    pub command: Option<String>,
    /// Write the pages of the program and of every command into this folder
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    pub out: Option<PathBuf>,
}

/// Colours on the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What the console shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsoleFormat {
    /// Aligned lines for people
    Pretty,
    /// `name... OK` lines, as a services check prints them
    Services,
    /// Annotations for GitHub and Forgejo runners, then the pretty text
    Github,
}

impl From<ConsoleFormat> for Format {
    fn from(format: ConsoleFormat) -> Format {
        match format {
            ConsoleFormat::Pretty => Format::Pretty,
            ConsoleFormat::Services => Format::Services,
            ConsoleFormat::Github => Format::Github,
        }
    }
}

/// How checks are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// One line per check
    Plain,
    /// For programs
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_lab_listens_on_loopback_only() {
        let parsed = |listen: &str| Cli::try_parse_from(["regproof", "lab", "--listen", listen]);
        assert!(parsed("127.0.0.1:5050").is_ok());
        assert!(parsed("[::1]:0").is_ok());
        for wrong in ["0.0.0.0:5050", "192.0.2.1:5050", "5050", "localhost:5050"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
