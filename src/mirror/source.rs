//! Files as text, bounded, and as trees whose values know their place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::finding::{Finding, Level};
use crate::zot::format::{Format, parse_as};
use crate::zot::tree::{Entry, Node, Place, Value};

/// No client's file comes near this size, in bytes; a larger one is not read.
pub(crate) const LARGEST: u64 = 1 << 20;

/// The files of one node, by their path on the node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Files {
    /// The text of each file, or why it could not be read.
    pub(crate) texts: BTreeMap<String, Result<String, Unread>>,
    /// The paths of all files that are there, also those that are not read.
    pub(crate) present: BTreeSet<String>,
    /// What comes before a path to show where the file is.
    pub(crate) root: String,
    /// Files that lie elsewhere than on the node: how they are shown.
    pub(crate) elsewhere: BTreeMap<String, String>,
}

/// Why a file was not read, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Unread {
    /// What is wrong.
    pub(crate) message: String,
    /// The place of the first byte that is wrong.
    pub(crate) place: Place,
    /// Whether the client reads such a file itself.
    pub(crate) readable: bool,
}

impl Files {
    #[cfg(test)]
    /// Files from texts, for tests and for callers that have them.
    pub(crate) fn from_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts: BTreeMap<_, _> =
            texts.into_iter().map(|(path, text)| (path.to_owned(), Ok(text.to_owned()))).collect();
        Self { present: texts.keys().cloned().collect(), texts, ..Self::default() }
    }

    /// How a file is named to people.
    pub(crate) fn shown(&self, path: &str) -> String {
        self.elsewhere.get(path).cloned().unwrap_or_else(|| format!("{}{path}", self.root))
    }

    /// Whether a file that another names is there; nothing where its folder was not copied, so that it cannot be known.
    pub(crate) fn knows(&self, path: &str) -> Option<bool> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let known = self.present.iter().any(|other| other.rsplit_once('/').map_or("", |(there, _)| there) == folder);
        known.then(|| self.present.contains(path))
    }

    /// The texts under their shown names.
    pub(crate) fn shown_texts(&self) -> BTreeMap<String, String> {
        let texts = self.texts.iter().filter_map(|(path, text)| Some((path, text.as_ref().ok()?)));
        texts.map(|(path, text)| (self.shown(path), text.clone())).collect()
    }
}

/// Reads a file of at most [`LARGEST`] bytes. Never more than that is held.
pub(crate) fn read(path: &Path) -> Result<String, Unread> {
    let unread = |message: String| Unread { message, place: Place::START, readable: false };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => unread("there is no such file".to_owned()),
        _ => unread(format!("it cannot be read here: {error}")),
    };
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(unread("it is not a plain file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    text(bytes)
}

/// Bytes as text.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, Unread> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
        let message = format!("it is larger than {} KiB and was not read", LARGEST >> 10);
        return Err(Unread { message, place: Place::START, readable: true });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Unread { message: "it is not UTF-8".to_owned(), place: Place { line, column }, readable: false }
    })
}

/// A finding about a file that is not understood: `does` says what the client does with it.
pub(crate) fn bad_file(file: &str, place: Place, message: &str, does: &str) -> Finding {
    Finding::new("mirror::bad_file", Level::Failure, file, place)
        .what(does.to_owned())
        .why(message.to_owned())
        .remedy("correct the file at this place and read it again")
}

/// The tree of a file, or a finding that says what the client does without it.
pub(crate) fn tree(files: &Files, path: &str, format: Format, does: &str) -> Result<Option<Node>, Box<Finding>> {
    let shown = files.shown(path);
    let text = match files.texts.get(path) {
        None => return Ok(None),
        Some(Ok(text)) => text,
        Some(Err(unread)) => {
            let does = if unread.readable { "this file is not judged: the client itself reads it" } else { does };
            return Err(Box::new(bad_file(&shown, unread.place, &unread.message, does)));
        }
    };
    parse_as(format, text)
        .map(Some)
        .map_err(|complaint| Box::new(bad_file(&shown, complaint.place, complaint.message.trim_end(), does)))
}

/// The entry with exactly this name.
pub(crate) fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Entry> {
    match &node.value {
        // The last of two equal keys counts, where a parser lets them through.
        Value::Map(entries) => entries.iter().rev().find(|entry| entry.key == key),
        _ => None,
    }
}

/// What is below a path of keys.
pub(crate) fn below<'a>(node: &'a Node, keys: &[&str]) -> Option<&'a Node> {
    keys.iter().try_fold(node, |node, key| entry(node, key).map(|entry| &entry.node))
}

/// All entries of an object.
pub(crate) fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        _ => &[],
    }
}

/// Text, where it is text.
pub(crate) fn as_str(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// A list of texts, where it is one and nothing else.
pub(crate) fn as_list(node: &Node) -> Option<Vec<(&str, Place)>> {
    match &node.value {
        Value::List(items) => items.iter().map(|item| Some((as_str(item)?, item.place))).collect(),
        _ => None,
    }
}

/// True or false, where it is one of them.
pub(crate) fn as_bool(node: &Node) -> Option<bool> {
    match node.value {
        Value::Bool(value) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
