//! zot's configuration file as the facts that promises can be derived from, each with its place in the file.
//!
//! It reads text only. It never opens `credentialsFile`, `sessionKeysFile` or any other file that the text names, and
//! it keeps no secret: `clientSecret` and its kind are skipped. Where zot refuses a key, so does this; where zot
//! silently drops something (an empty object), this drops it too and remembers where.

mod access;
mod extensions;
mod http;

use std::time::Duration;

use super::json;
use super::tree::{At, Complaint, ConfigError, Node, Place, Value, refuse_twins};
use super::yaml;

pub use access::{AccessControl, Condition, Group, Metrics, Policy, Repository};
pub use extensions::{CacheNamespace, Content, Extensions, Upstream};
pub use http::{Auth, Http, Provider, Tls};

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
}

impl Config {
    /// Reads a configuration. `file` names it in messages and, by its extension, tells JSON from YAML; where it
    /// does not, a text that starts with `{` is JSON.
    ///
    /// # Errors
    /// When the text is neither, or says something that zot would refuse or that cannot be relied upon.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        Self::read(file, text).map_err(|complaint| complaint.in_file(file))
    }

    fn read(file: &str, text: &str) -> Result<Self, Complaint> {
        let tree = tree(file, text)?;
        refuse_twins(tree.entries("the configuration")?)?;
        let nothing = Node { place: Place::START, value: Value::Map(Vec::new()) };
        let section = |node: &Node, key: &str| node.present(key).map_or(nothing.clone(), |entry| entry.node.clone());
        let http = section(&tree, "http");
        let mut vanished = Vec::new();
        note_vanished(&tree, "", &mut vanished);
        let mut keys = Vec::new();
        note_keys(&tree, "", &mut keys);
        Ok(Self {
            file: file.to_owned(),
            http: http::read(&http)?,
            auth: http::read_auth(&section(&http, "auth"))?,
            access: http.present("accessControl").map(access::read).transpose()?,
            extensions: extensions::read(tree.get("extensions"))?,
            vanished,
            keys,
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
        self.http.tls.is_some() || self.auth.secure_session.as_ref().is_some_and(|at| at.value)
    }

    /// The path at which metrics are served, if they are.
    #[must_use]
    pub fn metrics_path(&self) -> Option<&str> {
        self.extensions.metrics.as_ref().map(|path| path.value.as_str())
    }
}

/// A time-out that the file sets: a duration, or none at all.
pub type Limit = At<Option<Duration>>;

fn tree(file: &str, text: &str) -> Result<Node, Complaint> {
    let extension = file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let json = match extension.as_deref() {
        Some("json") => true,
        Some("yaml" | "yml") => false,
        _ => text.trim_start_matches('\u{feff}').trim_start().starts_with('{'),
    };
    let tree = if json { json::parse(text) } else { yaml::parse(text) };
    tree.map_err(|complaint| match text.lines().position(|line| line.contains("{{") || line.contains("{%")) {
        Some(line) => {
            let message = format!("{} (line {} looks like a template: render it first)", complaint.message, line + 1);
            Complaint { message, ..complaint }
        }
        None => complaint,
    })
}

/// The outermost objects that do not survive zot's reading.
fn note_vanished(node: &Node, path: &str, vanished: &mut Vec<At<String>>) {
    let Value::Map(entries) = &node.value else {
        return;
    };
    for entry in entries {
        let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        if entry.node.survives() {
            note_vanished(&entry.node, &path, vanished);
        } else {
            vanished.push(At { value: path, place: entry.place });
        }
    }
}

/// The paths of all keys with a value, in the file's order and spelling.
fn note_keys(node: &Node, path: &str, keys: &mut Vec<String>) {
    let named = |name: &str| path.to_lowercase().ends_with(name);
    match &node.value {
        Value::Map(entries) => {
            for entry in entries.iter().filter(|entry| entry.node.survives()) {
                let key = match () {
                    () if named("accesscontrol.repositories") => "PATTERN",
                    () if named("accesscontrol.groups") || named("openid.providers") => "NAME",
                    () => &entry.key,
                };
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                note_keys(&entry.node, &path, keys);
            }
        }
        Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Map(_))) => {
            items.iter().for_each(|item| note_keys(item, path, keys));
        }
        _ if !keys.iter().any(|known| known == path) => keys.push(path.to_owned()),
        _ => {}
    }
}

/// Every key that this reader knows and that holds a value of its own.
#[cfg(test)]
pub(crate) fn keys() -> Vec<String> {
    let below = |path: &'static str, names: &'static [&'static str], but: &'static [&'static str]| {
        let names = names.iter().filter(|name| !but.contains(name));
        names.map(|name| format!("{path}.{name}")).collect::<Vec<_>>()
    };
    let mut keys = http::keys(below);
    keys.extend(access::keys(below));
    keys.extend(extensions::keys(below));
    keys
}

/// Makes paths of names below a path, but for those that have keys of their own.
#[cfg(test)]
type Below = fn(&'static str, &'static [&'static str], &'static [&'static str]) -> Vec<String>;

/// Refuses a key that zot does not know there: zot refuses it too, and a misspelt policy must not pass for none.
fn known_keys(node: &Node, what: &str, known: &[&str]) -> Result<(), Complaint> {
    for entry in node.entries(what)? {
        if !known.iter().any(|name| name.eq_ignore_ascii_case(&entry.key)) {
            let message = format!("unknown key `{}` in `{what}`; known are {}", entry.key, known.join(", "));
            return Err(Complaint::new(entry.place, message));
        }
    }
    Ok(())
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
