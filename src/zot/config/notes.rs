//! What a walk over the whole tree finds: keys with a value, objects that vanish, placeholders, secrets by their place.
//!
//! It never keeps the value of a secret.

use super::super::tree::{At, Node, Value};

pub(super) struct Notes {
    pub(super) vanished: Vec<At<String>>,
    pub(super) keys: Vec<String>,
    pub(super) placeholders: Vec<At<String>>,
    pub(super) secrets: Vec<At<String>>,
}

pub(super) fn of(tree: &Node) -> Notes {
    let mut notes = Notes { vanished: Vec::new(), keys: Vec::new(), placeholders: Vec::new(), secrets: Vec::new() };
    notes.vanished(tree, "");
    notes.values(tree, "");
    notes
}

/// The ends of the paths of keys that hold a secret.
const SECRETS: &[&str] = &[
    ".clientsecret",
    ".sessionhashkey",
    ".sessionencryptkey",
    "storagedriver.secretkey",
    "storagedriver.accountkey",
    "cachedriver.password",
    "sessiondriver.password",
    "credentials.password",
    "credentials.token",
];
/// Those that hold one if the URL has a password.
const URLS: &[&str] = &["cachedriver.url", "sessiondriver.url", ".sinks.address", ".registries.urls"];

impl Notes {
    /// The outermost objects that do not survive zot's reading.
    fn vanished(&mut self, node: &Node, path: &str) {
        let Value::Map(entries) = &node.value else { return };
        for entry in entries {
            let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            if entry.node.survives() {
                self.vanished(&entry.node, &path);
            } else {
                self.vanished.push(At { value: path, place: entry.place });
            }
        }
    }

    /// The paths of all keys with a value, in the file's order and spelling, and what is noteworthy of the values.
    fn values(&mut self, node: &Node, path: &str) {
        let lower = path.to_lowercase();
        let named = |name: &str| lower.ends_with(name);
        match &node.value {
            Value::Map(entries) => {
                for entry in entries.iter().filter(|entry| entry.node.survives()) {
                    let key = match () {
                        () if named("accesscontrol.repositories") => "PATTERN",
                        () if named("accesscontrol.groups") || named("openid.providers") => "NAME",
                        () if named("storage.subpaths") => "NAME",
                        () => &entry.key,
                    };
                    self.placeholder(&entry.key, entry.place);
                    let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                    self.values(&entry.node, &path);
                }
            }
            Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Map(_))) => {
                items.iter().for_each(|item| self.values(item, path));
            }
            Value::List(items) => {
                self.key(path);
                items.iter().for_each(|item| self.text(item, path, &lower));
            }
            _ => {
                self.key(path);
                self.text(node, path, &lower);
            }
        }
    }

    fn key(&mut self, path: &str) {
        if !self.keys.iter().any(|known| known == path) {
            self.keys.push(path.to_owned());
        }
    }

    fn text(&mut self, node: &Node, path: &str, lower: &str) {
        let Value::Text(text) = &node.value else { return };
        self.placeholder(text, node.place);
        let secret = SECRETS.iter().any(|end| lower.ends_with(end));
        let url = URLS.iter().any(|end| lower.ends_with(end)) && has_password(text);
        // What a deployment fills in is not in the file.
        if (secret || url) && !text.is_empty() && placeholder_in(text).is_none() {
            self.secrets.push(At { value: path.to_owned(), place: node.place });
        }
    }

    fn placeholder(&mut self, text: &str, place: super::Place) {
        if let Some(name) = placeholder_in(text) {
            self.placeholders.push(At { value: name.to_owned(), place });
        }
    }
}

fn has_password(url: &str) -> bool {
    let user = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
}

/// `${NAME}`, whole.
fn placeholder_in(text: &str) -> Option<&str> {
    let start = text.find("${")?;
    let end = start + text[start..].find('}')?;
    let name = &text[start + 2..end];
    let word = |next: char| next.is_ascii_alphanumeric() || matches!(next, '_' | ':' | '-' | '.');
    (name.starts_with(|next: char| next.is_ascii_alphabetic() || next == '_') && name.chars().all(word))
        .then(|| &text[start..=end])
}
