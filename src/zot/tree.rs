//! A configuration file as a tree in which every key and value knows its line and column.
//!
//! It knows nothing of zot's keys; it must not drop or reorder what the file says.

use std::fmt;

/// Where in the file something stands; both counts start at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value together with the place that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// What the file says.
    pub value: T,
    /// Where it says so.
    pub place: Place,
}

/// Why a configuration could not be understood. Prints as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{place}: {message}")]
pub struct ConfigError {
    /// The file's name as the caller gave it.
    pub file: String,
    /// Where the trouble is.
    pub place: Place,
    /// What the trouble is.
    pub message: String,
}

/// What is wrong and where, before the file's name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) place: Place,
    pub(crate) message: String,
}

impl Complaint {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }

    pub(crate) fn in_file(self, file: &str) -> ConfigError {
        ConfigError { file: file.to_owned(), place: self.place, message: self.message }
    }
}

/// One value of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a value is. Numbers keep their text: a port must not become a float.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// Whether anything is left of this value once zot has read it: its reader (viper) flattens the file to its
    /// leaves, so that a null, or a map without leaves, is as if it had not been written.
    pub(crate) fn survives(&self) -> bool {
        match &self.value {
            Value::Null => false,
            Value::Map(entries) => entries.iter().any(|entry| entry.node.survives()),
            _ => true,
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }

    /// The entries, or a complaint that `what` must be an object. A null is an empty object.
    pub(crate) fn entries(&self, what: &str) -> Result<&[Entry], Complaint> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            Value::Null => Ok(&[]),
            _ => Err(self.expected(what, "an object")),
        }
    }

    /// The entry of that name, in whatever case it is written, as zot's reader has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key)),
            _ => None,
        }
    }

    /// As [`Node::get`], without what does not survive zot's reading.
    pub(crate) fn present(&self, key: &str) -> Option<&Entry> {
        self.get(key).filter(|entry| entry.node.survives())
    }

    /// Every `items` element; zot takes a lone value for a list of one.
    pub(crate) fn items(&self) -> Vec<&Self> {
        match &self.value {
            Value::List(items) => items.iter().collect(),
            Value::Null => Vec::new(),
            Value::Map(entries) if entries.is_empty() => Vec::new(),
            _ => vec![self],
        }
    }

    pub(crate) fn text(&self, what: &str) -> Result<At<String>, Complaint> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Ok(At { value: text.clone(), place: self.place }),
            _ => Err(self.expected(what, "text")),
        }
    }

    pub(crate) fn texts(&self, what: &str) -> Result<Vec<At<String>>, Complaint> {
        self.items().into_iter().map(|item| item.text(what)).collect()
    }

    pub(crate) fn flag(&self, what: &str) -> Result<At<bool>, Complaint> {
        let value = match &self.value {
            Value::Bool(value) => *value,
            // zot's decoder is weakly typed: it reads these as Go's ParseBool does.
            Value::Text(text) | Value::Number(text) => match text.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                _ => return Err(self.expected(what, "true or false")),
            },
            _ => return Err(self.expected(what, "true or false")),
        };
        Ok(At { value, place: self.place })
    }

    pub(crate) fn expected(&self, what: &str, kind: &str) -> Complaint {
        Complaint::new(self.place, format!("`{what}` must be {kind}, not {}", self.kind()))
    }
}

/// Refuses two keys that zot's case-blind reader takes for one: which of them it keeps is chance.
pub(crate) fn refuse_twins(entries: &[Entry]) -> Result<(), Complaint> {
    for (index, entry) in entries.iter().enumerate() {
        let earlier = entries[..index].iter().find(|other| other.key.to_lowercase() == entry.key.to_lowercase());
        if let Some(earlier) = earlier {
            let message =
                format!("`{}` is the same key as `{}` in line {} to zot", entry.key, earlier.key, earlier.place.line);
            return Err(Complaint::new(entry.place, message));
        }
        if let Value::Map(inner) = &entry.node.value {
            refuse_twins(inner)?;
        }
        if let Value::List(items) = &entry.node.value {
            for item in items {
                if let Value::Map(inner) = &item.value {
                    refuse_twins(inner)?;
                }
            }
        }
    }
    Ok(())
}
