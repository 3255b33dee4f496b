//! zot's configuration file as the facts that promises can be derived from, each with its place in the file.
//!
//! It reads text only. It never opens `credentialsFile`, `sessionKeysFile` or any other file that the text names, and
//! it keeps no secret: of `clientSecret` and its kind it keeps the place. Where zot refuses something, so does this; where zot
//! silently drops something (an empty object), this drops it too and remembers where.

mod access;
mod extensions;
mod http;
mod notes;
mod storage;

use std::time::Duration;

use super::decode::{self, NewKey};
use super::format::{Format, parse_as};
use super::release::Release;
use super::tree::{At, Complaint, ConfigError, Node, Place, Value, settle_twins};
use super::{enclosed, start, yaml};

pub use access::{AccessControl, Condition, Group, Metrics, Policy, Repository};
pub(crate) use extensions::without_credentials;
pub use extensions::{CacheNamespace, Content, Extensions, Upstream};
pub use http::{Auth, Http, Provider, RateLimit, Tls};
pub(crate) use storage::words_of;
pub use storage::{Keep, Retention, Storage};

/// A zot configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file's name as the caller gave it; for messages only.
    pub file: String,
    /// Where and how zot listens.
    pub http: Http,
    /// How clients prove who they are.
    pub auth: Auth,
    /// Who may do what; absent when the file has none, or only an empty one.
    pub access: Option<AccessControl>,
    /// The parts of zot that can be switched on.
    pub extensions: Extensions,
    /// Objects without content, which zot reads as if they were not written: their path and place.
    pub vanished: Vec<At<String>>,
    /// The path of every key that has a value, with `PATTERN` and `NAME` for what the operator names.
    pub(crate) keys: Vec<String>,
    /// What is kept, and for how long.
    pub storage: Storage,
    /// Keys that not every release has.
    pub dated: Vec<NewKey>,
    /// Keys that do not count, since the same key stands once more below them.
    pub overruled: Vec<At<String>>,
    /// Placeholders such as `${PORT}`, which zot takes as they are.
    pub placeholders: Vec<At<String>>,
    /// The paths of the keys whose values are secrets.
    pub secrets: Vec<At<String>>,
    /// How the text is written.
    pub format: Format,
}

/// More patterns than this are no policy that anybody reads; each is compared with each.
const MOST_PATTERNS: usize = 10_000;

impl Config {
    /// Reads a configuration as the newest release that is known reads it. `file` names it in messages and, by its extension, tells
    /// JSON from YAML and TOML.
    ///
    /// # Errors
    /// When the text is none of them, or says something that zot would refuse or that cannot be relied upon.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        Self::parse_for(file, text, None)
    }

    /// The same, as a certain release reads it.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_for(file: &str, text: &str, release: Option<Release>) -> Result<Self, ConfigError> {
        Self::parse_part(file, text, None, release)
    }

    /// The same for a configuration inside of another file, as `configFiles."config.json"` of a Helm chart's values.
    ///
    /// # Errors
    /// As [`Config::parse`], and where there is no such key.
    pub fn parse_part(
        file: &str,
        text: &str,
        key: Option<&str>,
        release: Option<Release>,
    ) -> Result<Self, ConfigError> {
        Self::read(file, text, key, release).map_err(|complaint| complaint.in_file(file))
    }

    fn read(file: &str, text: &str, key: Option<&str>, release: Option<Release>) -> Result<Self, Complaint> {
        let format = Format::of(file, text);
        let documents = documents(format, text, key.is_some());
        let mut documents = documents.map_err(|complaint| about_templates(text, complaint))?.into_iter();
        let (mut tree, format) = match key {
            Some(key) => enclosed::extract(text, &documents.by_ref().collect::<Vec<_>>(), key)?,
            None => (documents.next().unwrap_or(Node { place: Place::START, value: Value::Null }), format),
        };
        tree.entries("the configuration")?;
        let overruled = settle_twins(&mut tree)?;
        within_reason(&tree)?;
        let dated = decode::check(&tree, release);
        let dated = dated.map_err(|complaint| match key {
            None => about_the_kind(file, std::iter::once(&tree).chain(documents.as_slice()), complaint),
            Some(_) => complaint,
        })?;
        start::check(&tree, release)?;
        Self::facts(file, &tree, format, dated, overruled)
    }

    fn facts(
        file: &str,
        tree: &Node,
        format: Format,
        dated: Vec<NewKey>,
        overruled: Vec<At<String>>,
    ) -> Result<Self, Complaint> {
        let nothing = Node { place: Place::START, value: Value::Map(Vec::new()) };
        let section = |node: &Node, key: &str| node.present(key).map_or(nothing.clone(), |entry| entry.node.clone());
        let http = section(tree, "http");
        let notes = notes::of(tree);
        Ok(Self {
            file: file.to_owned(),
            http: http::read(&http)?,
            auth: http::read_auth(&section(&http, "auth"))?,
            access: http.present("accessControl").map(access::read).transpose()?,
            extensions: extensions::read(tree.get("extensions"))?,
            storage: storage::read(&section(tree, "storage"))?,
            vanished: notes.vanished,
            keys: notes.keys,
            placeholders: notes.placeholders,
            secrets: notes.secrets,
            dated,
            overruled,
            format,
        })
    }

    /// Whether any way to prove one's identity is configured (zot: `IsBasicAuthnEnabled`, mTLS, bearer).
    #[must_use]
    pub fn can_authenticate(&self) -> bool {
        self.auth.accepts_basic() || self.mutual_tls() || self.auth.bearer.is_some()
    }

    /// Whether a client certificate is an identity (zot: `IsMTLSAuthEnabled`).
    #[must_use]
    pub fn mutual_tls(&self) -> bool {
        self.http.tls.as_ref().is_some_and(|tls| tls.value.client_ca)
    }

    /// Whether `accessControl.groups` reaches anybody: zot adds those groups to htpasswd, LDAP and mTLS identities,
    /// never to OpenID ones nor to their API keys (pkg/api/authn.go, v2.1.20).
    #[must_use]
    pub fn config_groups_apply(&self) -> bool {
        self.auth.htpasswd.is_some() || self.auth.ldap.is_some() || self.mutual_tls()
    }

    /// Whether cookies carry `Secure`: behind zot's own TLS always, else only by `secureSession`
    /// (pkg/api/config/config.go `UseSecureSession`, from v2.1.11).
    #[must_use]
    pub fn secure_session(&self) -> bool {
        // A section without a certificate counts too.
        self.http.tls.is_some() || self.auth.secure_session.as_ref().is_some_and(|at| at.value)
    }

    /// Whether zot serves TLS itself.
    #[must_use]
    pub fn serves_tls(&self) -> bool {
        self.http.tls.as_ref().is_some_and(|tls| tls.value.served)
    }

    /// The path at which metrics are served, if they are.
    #[must_use]
    pub fn metrics_path(&self) -> Option<&str> {
        self.extensions.metrics.as_ref().map(|path| path.value.as_str())
    }
}

/// A time-out that the file sets: a duration, or none at all.
pub type Limit = At<Option<Duration>>;

/// The documents of a text. zot reads the first alone; where a key is looked for, it may be in any.
fn documents(format: Format, text: &str, all: bool) -> Result<Vec<Node>, Complaint> {
    let Format::Yaml = format else { return Ok(vec![parse_as(format, text)?]) };
    let mut read = yaml::documents(text).into_iter();
    let first = read.next().unwrap_or_else(|| yaml::parse(text))?;
    let more = read.filter(|document| all || document.is_ok());
    std::iter::once(Ok(first)).chain(more).collect()
}

fn about_templates(text: &str, complaint: Complaint) -> Complaint {
    match text.lines().position(|line| line.contains("{{") || line.contains("{%")) {
        Some(line) => {
            let message = format!("{} (line {} looks like a template: render it first)", complaint.message, line + 1);
            Complaint { message, ..complaint }
        }
        None => complaint,
    }
}

/// Where a file is none of zot's and holds one: what it is, and how to name what it holds.
fn about_the_kind<'a>(file: &str, mut documents: impl Iterator<Item = &'a Node>, complaint: Complaint) -> Complaint {
    let found = documents.find_map(|tree| Some((tree, enclosed::find(tree)?)));
    let Some((tree, found)) = found else { return complaint };
    let name = file.rsplit('/').next().unwrap_or(file);
    let message = format!(
        "this is {}, and zot would refuse it ({}); a zot configuration is in `{}`: write `zot_config = {{ file = \"{name}\", key = '{}' }}`",
        enclosed::kind(tree),
        complaint.message.split(':').next().unwrap_or_default(),
        found.name,
        found.name
    );
    Complaint::new(found.place, message)
}

fn within_reason(tree: &Node) -> Result<(), Complaint> {
    let access = tree.present("http").and_then(|http| http.node.present("accessControl"));
    let Some(listed) = access.and_then(|access| access.node.present("repositories")) else { return Ok(()) };
    match &listed.node.value {
        Value::Map(entries) if entries.len() > MOST_PATTERNS => {
            let message = format!("{} patterns: more than {MOST_PATTERNS} are not compared", entries.len());
            Err(Complaint::new(entries[MOST_PATTERNS].place, message))
        }
        _ => Ok(()),
    }
}

fn optional<T>(
    node: &Node,
    key: &str,
    read: impl FnOnce(&Node, &str) -> Result<T, Complaint>,
) -> Result<Option<T>, Complaint> {
    node.present(key).map(|entry| read(&entry.node, &entry.key)).transpose()
}

fn texts(node: &Node, key: &str) -> Result<Vec<At<String>>, Complaint> {
    Ok(optional(node, key, Node::texts)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
