//! The arguments of what reads a zot configuration and asks no registry: `can` and `policy`. Data, as all of the command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum, ValueHint};

use crate::zot::compare::Allowed;
use crate::zot::policy::{Action, Login};
use crate::zot::release::Release;

const ANSWERED: &str = "\
Exit status:
  0  yes
  1  no
  2  it depends on what the file does not say
  3  bad usage, or a file cannot be used";

const COMPARED: &str = "\
Exit status:
  0  no client gains a right, or only rights that --allow-gain lists
  1  a client gains another right, or may gain one
  2  undecided: the patterns overlap in too many ways
  3  bad usage, or a file cannot be used";

/// `can`.
#[derive(Clone, Debug, Args)]
#[command(after_help = ANSWERED)]
pub struct Can {
    /// Who asks: `anonymous`, `any-user`, `group:NAME`, or a user's name
    ///
    /// `any-user` is a user whom the configuration does not name. `group:NAME` is such a user in that group. `user:NAME`
    /// is a user with one of these names.
    #[arg(value_name = "WHO")]
    pub who: String,
    /// The right
    #[arg(value_name = "ACTION", value_parser = actions())]
    pub action: Action,
    /// The repository, as `blumeops/navidrome`
    #[arg(value_name = "REPOSITORY")]
    pub repository: String,
    /// The zot configuration [default: the one of the scenario]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub zot_config: Option<PathBuf>,
    /// The scenario file [default: $REGPROOF_SCENARIO, else regproof.toml]
    ///
    /// If it has an identity with this user's name, the identity's groups count.
    #[arg(long, value_name = "FILE", conflicts_with = "zot_config", value_hint = ValueHint::FilePath)]
    pub scenario: Option<PathBuf>,
    /// A group that the identity provider gives this user; repeatable
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
    /// How the user logs in [default: by password, or as the scenario says]
    ///
    /// It decides whether groups of the configuration itself count.
    #[arg(long, value_enum)]
    pub login: Option<By>,
    /// Where to read the configuration.
    #[command(flatten)]
    pub reading: Reading,
}

fn actions() -> impl TypedValueParser<Value = Action> {
    PossibleValuesParser::new(Action::ALL.map(Action::word))
        .try_map(|word| Action::ALL.into_iter().find(|action| action.word() == word).ok_or("no action of zot"))
}

/// How a user logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// By a password of zot's own, or by a certificate
    Password,
    /// At an OpenID provider
    Openid,
    /// By an API key
    ApiKey,
}

impl From<By> for Login {
    fn from(by: By) -> Login {
        match by {
            By::Password => Login::Own,
            By::Openid => Login::OpenId,
            By::ApiKey => Login::Key,
        }
    }
}

/// How a configuration is read.
#[derive(Clone, Debug, Args)]
pub struct Reading {
    /// Where in the file the configuration is, as `configFiles."config.json"`
    ///
    /// For the values of a Helm chart, or another file with a configuration inside.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// The zot release that reads it, as `v2.1.18` [default: the newest known]
    #[arg(long, value_name = "VERSION")]
    pub release: Option<Release>,
}

/// `policy`.
#[derive(Clone, Debug, Args)]
#[command(after_help = COMPARED)]
pub struct Policy {
    /// The zot configuration before the change
    #[arg(value_name = "OLD", value_hint = ValueHint::FilePath)]
    pub old: PathBuf,
    /// The one after it
    #[arg(value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// In which format
    #[arg(long, value_enum, default_value = "text")]
    pub format: PolicyFormat,
    /// A gain that is intended, as `group:ci:create:blumeops/**`; repeatable
    ///
    /// PRINCIPAL is `anonymous`, `any-user`, `group:NAME`, a user's name, or `*`. ACTION is a right, `log-in`, `scrape`,
    /// or `*`. PATTERN matches repositories, or names a login such as `openid/oidc`.
    #[arg(long, value_name = "PRINCIPAL:ACTION:PATTERN")]
    pub allow_gain: Vec<Allowed>,
    /// Where to read the configurations.
    #[command(flatten)]
    pub reading: Reading,
}

/// How the difference of two configurations is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a review comment
    Markdown,
}
