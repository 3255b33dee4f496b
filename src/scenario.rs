//! The scenario: where a registry is, and what its operator promises about it. Data, no logic, no secret.
//!
//! Only `scenario::load` reads TOML; only `scenario::secrets` reads secrets.

mod access;
mod asked;
mod content;
pub mod coverage;
mod deployed;
mod derive;
pub mod load;
pub mod loaded;
pub(crate) mod lock;
mod mirrors;
pub(crate) mod profile;
mod rate;
mod rights;
pub mod secrets;
pub(crate) mod traps;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

pub use access::{Access, Action, Grants};
pub use asked::UpstreamAsked;
pub use content::{Content, Probes, Reception};
pub(crate) use deployed::text as config_text;
pub use deployed::{ZotConfig, ZotRelease};
pub use mirrors::{Mirror, MirrorKind};
pub use rate::Rate;
pub(crate) use rights::{Promise, who};
pub use values::{Day, Days, KeySource, LargeBody, Period, SecretSource};

use crate::model::level::Setting;
use crate::scenario::lock::Lock;
use crate::zot::config::Config;

/// One scenario file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of the file's format; 1.
    pub schema: u32,
    /// A short name for reports.
    pub name: String,
    /// Where the registry is.
    pub registry: Registry,
    /// Repositories by role.
    #[serde(default)]
    pub repositories: Repositories,
    /// The promised rights, in short form.
    pub access: Option<Access>,
    /// Users that regproof may act as, by a name of your choice.
    #[serde(default)]
    pub identities: BTreeMap<String, Identity>,
    /// What is promised about API keys.
    #[serde(default)]
    pub keys: Keys,
    /// What is promised about metrics.
    pub metrics: Option<Metrics>,
    /// What is promised about the OpenID login.
    pub oidc: Option<Oidc>,
    /// Images that the pull-through cache serves.
    #[serde(default)]
    pub cache: Vec<Cache>,
    /// Clients that pull through the cache, by their own files.
    #[serde(default)]
    pub mirror: Vec<Mirror>,
    /// What is promised about tags.
    pub tags: Option<Tags>,
    /// What is promised about content.
    #[serde(default)]
    pub content: Content,
    /// Probes that leave data or load the registry: only on request.
    #[serde(default)]
    pub probes: Probes,
    /// What is promised to particular clients.
    pub clients: Option<Clients>,
    /// The browser for logins.
    #[serde(default)]
    pub browser: Browser,
    /// Time and load.
    #[serde(default)]
    pub limits: Limits,
    /// Findings that are accepted for now.
    #[serde(default)]
    pub waive: Vec<Waive>,
    /// The file in which `plan --lock` keeps the agreed promises, next to this one; `regproof.lock` by default.
    pub lock: Option<PathBuf>,
    /// The level of a check or a lint, by its id: `"fail"` for a promise, `"warn"` for advice, or off with a reason.
    #[serde(default)]
    pub levels: BTreeMap<String, Setting>,
    /// The deployed configuration, once `registry.zot_config` was read.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) config: Option<Arc<Config>>,
    /// The agreed promises, once the lock was read.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) agreed: Option<Arc<Lock>>,
}

/// Where the registry is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The URL that clients use; equals zot's `externalUrl`.
    pub url: Url,
    /// The deployed zot configuration; promises are derived from it. A file, or `{ file = "values.yaml", key = 'configFiles."config.json"' }`
    /// if it is inside of another file, as in the values of a Helm chart.
    pub zot_config: Option<ZotConfig>,
    /// The release of zot that reads it, as `v2.1.20`. Its keys and start-up rules count. The default is the newest known release.
    pub release: Option<ZotRelease>,
    /// A second vantage point, behind the proxy.
    pub backend: Option<Url>,
    /// For how many more days its certificates must be valid; by default 14, or a fifth of a certificate's life if that is less.
    pub certificate_days: Option<u32>,
    /// Certificates to trust besides the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show if the registry, or a proxy in front of it, asks clients for one; as PEM. If zot treats a certificate
    /// as a user (by `zot_config`), anonymous clients show none.
    pub client_cert: Option<PathBuf>,
    /// The key of `client_cert`, as PEM: a file, or where the secret is.
    pub client_key: Option<KeySource>,
    /// `host:port` to connect to instead of the address from DNS, as curl's `--connect-to`.
    #[serde(default)]
    pub resolve: BTreeMap<String, String>,
}

/// Repositories by role.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repositories {
    /// All writing happens here, and in `private_scratch`.
    pub scratch: Option<String>,
    /// A scratch repository that anonymous clients must not read. Checks push made-up images to it, and prove that they cannot be
    /// read under another name.
    pub private_scratch: Option<String>,
    /// Existing repositories that everyone may read.
    #[serde(default)]
    pub public: Vec<String>,
    /// Existing repositories that anonymous clients must not read.
    #[serde(default)]
    pub private: Vec<String>,
}

/// A user that regproof may act as.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The user name.
    pub username: String,
    /// Where the password or API key is.
    pub password: SecretSource,
    /// The groups that the operator promises for this user.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Whether the password is an API key of zot; known once it was read.
    #[serde(skip)]
    pub api_key: bool,
}

/// What is promised about API keys.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// A key must be valid for at least this long, so that it can be renewed in time; 14 days by default. If it is set, a key
    /// without an end breaks the promise; else it is a warning.
    pub horizon: Option<Days>,
    /// Whether a check may log in, mint a key that ends within minutes, and revoke it.
    pub lifecycle: bool,
}

/// What is promised about metrics.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The path, as zot's `extensions.metrics.prometheus.path`.
    #[serde(default = "metrics_path")]
    pub path: String,
    /// Whether clients without credentials may scrape.
    pub anonymous: bool,
    /// The identity that may scrape if not everyone may, by its name in `[identities]`; by default one that
    /// `registry.zot_config` lists in `metrics.users`.
    pub reader: Option<String>,
}

fn metrics_path() -> String {
    "/metrics".to_owned()
}

/// What is promised about the OpenID login.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider's name in zot's configuration.
    #[serde(default = "provider_name")]
    pub provider: String,
    /// The issuer, exactly as configured: OpenID Connect compares it as text. May be left to `registry.zot_config`.
    #[serde(default)]
    pub issuer: String,
    /// The client id, exactly as configured.
    pub client_id: String,
    /// The scopes the login asks for.
    pub scopes: Option<Vec<String>>,
    /// A user for the login; without it only the redirect is proven.
    pub login: Option<Login>,
}

fn provider_name() -> String {
    "oidc".to_owned()
}

/// A user for the browser login.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Where the user name is.
    pub username: SecretSource,
    /// Where the password is.
    pub password: SecretSource,
    /// Where the secret of the second factor is, in base32 (RFC 6238).
    pub totp: Option<SecretSource>,
    /// Which login page the provider shows: `generic`, `authentik`, `keycloak`, `dex`, `zitadel`, `oidc-provider`.
    #[serde(default = "generic")]
    pub profile: String,
    /// The groups that the login must bring along.
    #[serde(default)]
    pub groups: BTreeSet<String>,
}

fn generic() -> String {
    "generic".to_owned()
}

/// An image that the pull-through cache serves.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Repository and tag under the cache's namespace, as `docker.io/library/alpine:3.20`.
    pub image: String,
    /// The digest that the cache serves for the tag, if it is known. It is the upstream's, unless zot converts an image in Docker's
    /// format (`preserveDigest` in `extensions.sync` prevents that).
    pub digest: Option<String>,
    /// The address of the upstream, as `https://registry-1.docker.io`. The check asks it for the tag's digest, without credentials.
    /// A path names the repository there, if it differs from the image's name after its first part.
    pub upstream: Option<Url>,
    /// How often pulls of the image may ask its upstream, once the registry has it: `never`, or a time such as `1h` in which one pull
    /// may. Without it, nothing is promised: zot asks for each pull by tag, unless `manifestCheckInterval` says less.
    pub upstream_asked: Option<UpstreamAsked>,
    /// Another image of the same upstream that was never pulled through the cache, for one cold fetch.
    pub cold: Option<String>,
}

/// What is promised about tags.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tags {
    /// A regular expression that each tag of a public repository matches.
    pub pattern: String,
}

/// What is promised to particular clients.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Clients {
    /// Whether `docker pull` works without a login, also with docker's classic image store.
    pub anonymous_docker: bool,
}

/// The browser for logins.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Browser {
    /// A command to start, or the URL of a running WebDriver or Selenium Grid; on loopback, where a login is typed.
    pub webdriver: String,
}

impl Default for Browser {
    fn default() -> Browser {
        Browser { webdriver: "chromedriver".to_owned() }
    }
}

/// Time and load.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The longest that one check may take.
    #[schemars(extend("default" = "60s"))]
    pub deadline: Period,
    /// The longest that one request may take.
    #[schemars(extend("default" = "10s"))]
    pub request_timeout: Period,
    /// How many checks run at once.
    pub concurrency: usize,
    /// How many requests a run sends per second at most; by default as many as `http.ratelimit` of `registry.zot_config` allows.
    pub rate: Option<Rate>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { deadline: Period::seconds(60), request_timeout: Period::seconds(10), concurrency: 16, rate: None }
    }
}

/// A finding that is accepted for now.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waive {
    /// The check's id.
    pub check: String,
    /// The parts that are accepted, by the names that a report shows, as `ci: move a tag in team/app`; `*` means any text.
    /// Without it, all findings of the check are accepted; the cells of the permission matrix must be named.
    pub cells: Option<Vec<String>>,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is accepted.
    pub until: Day,
}

impl Scenario {
    /// The JSON Schema of the scenario file.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Scenario).to_value()
    }
}
