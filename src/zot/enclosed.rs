//! A zot configuration inside of another file: the values of a Helm chart, a `ConfigMap`. Found, and read by its name.
//!
//! A name is keys joined by dots; a key that has a dot itself is quoted: `configFiles."config.json"`.

use super::tree::{Complaint, Node, Place, Value};
use crate::zot::format::{Format, parse_as};

/// A configuration that was found inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) place: Place,
}

/// The first configuration inside of this file, where there is one.
pub(crate) fn find(tree: &Node) -> Option<Found> {
    search(tree, &mut Vec::new(), 0)
}

/// What kind of file this is, in words.
pub(crate) fn kind(tree: &Node) -> &'static str {
    let says = |key: &str, value: &str| {
        tree.get(key).is_some_and(|at| matches!(&at.node.value, Value::Text(text) if text == value))
    };
    match () {
        () if says("kind", "ConfigMap") => "a ConfigMap",
        () if says("kind", "Secret") => "a Secret",
        () if tree.get("apiVersion").is_some() => "a Kubernetes object",
        () if tree.get("configFiles").is_some() => "the values of a Helm chart",
        () => "not zot's configuration",
    }
}

const DEEPEST: usize = 8;

fn search(node: &Node, path: &mut Vec<String>, depth: usize) -> Option<Found> {
    let Value::Map(entries) = &node.value else { return None };
    if depth > DEEPEST {
        return None;
    }
    for entry in entries {
        path.push(entry.key.clone());
        let inside = match &entry.node.value {
            Value::Text(text) if text.len() < 1 << 20 && text.contains("http") => {
                parse_as(Format::of(&entry.key, text), text).is_ok_and(|tree| is_configuration(&tree))
            }
            Value::Map(_) => is_configuration(&entry.node),
            _ => false,
        };
        if inside {
            return Some(Found { name: join(path), place: entry.place });
        }
        if let Some(found) = search(&entry.node, path, depth + 1) {
            return Some(found);
        }
        path.pop();
    }
    None
}

fn is_configuration(tree: &Node) -> bool {
    let object = |key: &str| tree.get(key).is_some_and(|entry| matches!(entry.node.value, Value::Map(_)));
    object("http") && object("storage")
}

fn join(path: &[String]) -> String {
    let plain = |key: &String| key.chars().all(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '-'));
    let keys: Vec<String> =
        path.iter().map(|key| if plain(key) && !key.is_empty() { key.clone() } else { format!("\"{key}\"") }).collect();
    keys.join(".")
}

/// The keys of a name; nothing where a quote is not closed or a key is empty.
fn split(name: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    let mut rest = name.trim();
    loop {
        let (key, after) = match rest.chars().next()? {
            quote @ ('"' | '\'') => {
                let end = rest[1..].find(quote)? + 1;
                (&rest[1..end], &rest[end + 1..])
            }
            _ => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if key.is_empty() {
            return None;
        }
        keys.push(key.to_owned());
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(keys),
            None => return None,
        }
    }
}

/// The configuration of that name in one of the documents of a file, each place in the outer file.
pub(crate) fn extract(text: &str, documents: &[Node], name: &str) -> Result<(Node, Format), Complaint> {
    let keys = split(name).ok_or_else(|| {
        let message =
            format!("`{name}` is no name of a key; write keys with dots between, and quotes around one with a dot");
        Complaint::new(Place::START, message)
    })?;
    let mut found = documents.iter().filter_map(|tree| look_up(tree, &keys).ok());
    let (node, place) = match (found.next(), found.next()) {
        (Some(one), None) => one,
        (Some((_, first)), Some((_, second))) => {
            let message =
                format!("two documents of this file have `{name}`, the other at {first}: keep one of them here");
            return Err(Complaint::new(second, message));
        }
        (None, _) => {
            let hint = documents.iter().find_map(find);
            let hint = hint.map_or(String::new(), |found| format!("; a configuration is in `{}`", found.name));
            // What came nearest is what is meant.
            let missing = documents.iter().filter_map(|tree| look_up(tree, &keys).err());
            let (place, key) = missing.max_by_key(|(place, _)| *place).unwrap_or((Place::START, name));
            return Err(Complaint::new(place, format!("there is no `{key}` here, which `{name}` names{hint}")));
        }
    };
    match &node.value {
        Value::Map(_) => Ok((node.clone(), Format::Yaml)),
        Value::Text(inner) => {
            let format = Format::of(keys.last().map_or("", String::as_str), inner);
            let outer = Outer::of(text, place, inner);
            let tree = parse_as(format, inner).map_err(|complaint| Complaint {
                place: outer.place(complaint.place),
                message: outer.message(&complaint),
            })?;
            Ok((outer.moved(tree), format))
        }
        _ => Err(node.expected(name, "a configuration, as text or as an object")),
    }
}

/// What these keys lead to, and where; or where they end, and the key that is not there.
fn look_up<'a>(tree: &'a Node, keys: &'a [String]) -> Result<(&'a Node, Place), (Place, &'a str)> {
    let (mut node, mut place) = (tree, tree.place);
    for key in keys {
        let found = match &node.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == *key),
            _ => None,
        };
        let entry = found.ok_or((place, key.as_str()))?;
        (node, place) = (&entry.node, entry.place);
    }
    Ok((node, place))
}

/// Where the lines of a text that stands inside another one are.
struct Outer {
    key: Place,
    /// The line before the first one, and how far all are indented; nothing where lines do not correspond.
    block: Option<(usize, usize)>,
}

impl Outer {
    fn of(text: &str, key: Place, inner: &str) -> Self {
        let header = text.lines().nth(key.line - 1).unwrap_or_default();
        let header = header.split(" #").next().unwrap_or_default().trim_end();
        // `|`, `|-`, `|+2`: each line stands as it is.
        let sign = header.rsplit(' ').next().unwrap_or_default();
        let literal =
            sign.starts_with('|') && sign[1..].chars().all(|next| next.is_ascii_digit() || "+-".contains(next));
        let first = inner.lines().position(|line| !line.trim().is_empty()).unwrap_or(0);
        let indent = |line: &str| line.chars().take_while(|next| *next == ' ').count();
        let block = literal.then(|| {
            let outer = text.lines().nth(key.line + first).map_or(0, indent);
            let own = inner.lines().nth(first).map_or(0, indent);
            (key.line, outer.saturating_sub(own))
        });
        Self { key, block }
    }

    fn place(&self, inner: Place) -> Place {
        match self.block {
            Some((line, indent)) => Place { line: line + inner.line, column: indent + inner.column },
            None => self.key,
        }
    }

    fn message(&self, complaint: &Complaint) -> String {
        match self.block {
            Some(_) => complaint.message.clone(),
            None => format!("in line {} of the text: {}", complaint.place.line, complaint.message),
        }
    }

    fn moved(&self, mut node: Node) -> Node {
        node.place = self.place(node.place);
        node.value = match node.value {
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|mut entry| {
                        entry.place = self.place(entry.place);
                        entry.node = self.moved(entry.node);
                        entry
                    })
                    .collect(),
            ),
            Value::List(items) => Value::List(items.into_iter().map(|item| self.moved(item)).collect()),
            value => value,
        };
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_and_joined_alike() {
        for name in ["a", "a.b", "configFiles.\"config.json\"", "data.\"a b\""] {
            assert_eq!(join(&split(name).unwrap()), name);
        }
        for name in ["", ".", "a.", "a..b", "\"a", "\"a\"b"] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
