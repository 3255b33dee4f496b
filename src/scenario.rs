//! The scenario: where a registry is, and what its operator promises about it. Data, no logic, no secret.
//!
//! Only `scenario::load` reads TOML; only `scenario::secrets` reads secrets.

mod content;
mod derive;
pub mod load;
pub mod secrets;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

pub use content::{Content, Probes, Reception};
pub use values::{Day, Days, Period, SecretSource};

use crate::zot::config::Config;
use crate::zot::policy::{self, Decision, Who};

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
    /// Who may do what, in short.
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
    /// What is promised about tags.
    pub tags: Option<Tags>,
    /// What is promised about content.
    #[serde(default)]
    pub content: Content,
    /// Probes that may do more than ask: only on request.
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
    /// The deployed configuration, once `registry.zot_config` was read.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) config: Option<Arc<Config>>,
}

/// Where the registry is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// What clients use; equals zot's `externalUrl`.
    pub url: Url,
    /// The deployed zot configuration; promises are derived from it.
    pub zot_config: Option<PathBuf>,
    /// A second vantage point, behind the proxy.
    pub backend: Option<Url>,
    /// For how many days to come its certificates must be valid.
    #[serde(default = "horizon")]
    pub certificate_days: u32,
    /// Certificates to trust besides the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// `host:port` to connect to instead of what DNS says, as curl's `--connect-to`.
    #[serde(default)]
    pub resolve: BTreeMap<String, String>,
}

fn horizon() -> u32 {
    14
}

/// Repositories by role.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repositories {
    /// All writing happens here, and nowhere else.
    pub scratch: Option<String>,
    /// Existing repositories that everyone may read.
    #[serde(default)]
    pub public: Vec<String>,
    /// Existing repositories that anonymous clients must not read.
    #[serde(default)]
    pub private: Vec<String>,
}

/// What one may do to a repository; zot's own four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Pull, list tags.
    Read,
    /// Push what is not there yet.
    Create,
    /// Move an existing tag.
    Update,
    /// Delete.
    Delete,
}

impl From<Action> for policy::Action {
    fn from(action: Action) -> policy::Action {
        match action {
            Action::Read => policy::Action::Read,
            Action::Create => policy::Action::Create,
            Action::Update => policy::Action::Update,
            Action::Delete => policy::Action::Delete,
        }
    }
}

/// Who may do what, in short.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// What clients without credentials may do.
    #[serde(default)]
    pub anonymous: BTreeSet<Action>,
    /// What every user with credentials may do.
    #[serde(default)]
    pub authenticated: BTreeSet<Action>,
    /// What members of a group may do besides.
    #[serde(default)]
    pub groups: BTreeMap<String, BTreeSet<Action>>,
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
    /// A key must live at least this long still, so that it can be renewed in time.
    pub horizon: Days,
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
    /// The issuer, exactly as configured: OpenID Connect compares it as text.
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
    /// The digest that the upstream promises for the tag, where it is known.
    pub digest: Option<String>,
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
    /// A command to start, or the URL of a running WebDriver or Selenium Grid.
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
    pub deadline: Period,
    /// The longest that one request may take.
    pub request_timeout: Period,
    /// How many checks run at once.
    pub concurrency: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { deadline: Period::seconds(60), request_timeout: Period::seconds(10), concurrency: 16 }
    }
}

/// A finding that is accepted for now.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waive {
    /// The check's id.
    pub check: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is accepted.
    pub until: Day,
}

impl Scenario {
    /// What the operator promises that a client may do where checks write, or read: nobody's rights for `None`, an
    /// identity's otherwise.
    #[must_use]
    pub fn promised(&self, identity: Option<&str>) -> BTreeSet<Action> {
        let anywhere = self.repositories.scratch.as_ref().or(self.repositories.public.first());
        let repository = anywhere.map_or("regproof", String::as_str);
        let all = [Action::Read, Action::Create, Action::Update, Action::Delete];
        all.into_iter().filter(|action| self.promise(identity, repository, *action) == Some(true)).collect()
    }

    /// Whether the operator promises that a client may do this there; nothing where it is not said, or depends on what
    /// cannot be known beforehand.
    #[must_use]
    pub fn promise(&self, identity: Option<&str>, repository: &str, action: Action) -> Option<bool> {
        let identity = identity.and_then(|name| self.identities.get(name));
        if let Some(access) = &self.access {
            return self.promise_in_short(access, identity, repository, action);
        }
        let config = self.config.as_ref()?;
        let who = identity.map_or_else(Who::anonymous, |identity| Who {
            name: identity.username.clone(),
            groups: identity.groups.iter().cloned().collect(),
        });
        match policy::decide(config, &who, repository, action.into()) {
            Decision::Allowed(_) => Some(true),
            Decision::Denied(_) => Some(false),
            Decision::Condition(_) | Decision::Random(_) => None,
        }
    }

    fn promise_in_short(
        &self,
        access: &Access,
        identity: Option<&Identity>,
        repository: &str,
        action: Action,
    ) -> Option<bool> {
        let private = self.repositories.private.iter().any(|name| name == repository);
        let Some(identity) = identity else {
            return Some(access.anonymous.contains(&action) && !private);
        };
        let by_group = identity.groups.iter().filter_map(|group| access.groups.get(group));
        if by_group.flatten().any(|right| *right == action) {
            // A cache is to be filled by its upstream; who else may write there is not said in short.
            return if action != Action::Read && self.is_cached(repository) { None } else { Some(true) };
        }
        // A private repository is closed to anonymous clients; who else may enter is not said in short.
        let by_login = access.authenticated.contains(&action);
        if private && by_login { None } else { Some(by_login) }
    }

    fn is_cached(&self, repository: &str) -> bool {
        self.cache.iter().any(|cache| cache.image.rsplit_once(':').is_some_and(|(name, _)| name == repository))
    }

    /// Whether anything is promised about who may do what.
    #[must_use]
    pub fn has_policy(&self) -> bool {
        self.access.is_some() || self.config.is_some()
    }

    /// The first identity whose promised rights satisfy `wanted`; deterministic, by name.
    #[must_use]
    pub fn identity_with(&self, wanted: impl Fn(&BTreeSet<Action>) -> bool) -> Option<&str> {
        if !self.has_policy() {
            return None;
        }
        self.identities.keys().map(String::as_str).find(|name| wanted(&self.promised(Some(name))))
    }

    /// The identity that pushes: one that may create, and preferably nothing more.
    #[must_use]
    pub fn writer(&self) -> Option<&str> {
        self.creator().or_else(|| self.identity_with(|rights| rights.contains(&Action::Create)))
    }

    /// The identity that may create, but neither move nor delete a tag.
    #[must_use]
    pub fn creator(&self) -> Option<&str> {
        use Action::{Create, Delete, Update};
        self.identity_with(|rights| rights.contains(&Create) && !rights.contains(&Update) && !rights.contains(&Delete))
    }

    /// The identity that may delete.
    #[must_use]
    pub fn remover(&self) -> Option<&str> {
        self.identity_with(|rights| rights.contains(&Action::Delete))
    }

    /// The JSON Schema of the scenario file.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Scenario).to_value()
    }
}
