//! A configuration file as a tree in which every key and value knows its line and column.
//!
//! It knows nothing of zot's keys; it must not drop or reorder what the file says.

use std::collections::{BTreeSet, HashMap};
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

    /// The entries of an object, or of all objects of a list: zot's decoder joins them.
    pub(crate) fn named(&self, what: &str) -> Result<Vec<&Entry>, Complaint> {
        match &self.value {
            Value::List(items) => {
                let each = items.iter().map(|item| item.entries(what)).collect::<Result<Vec<_>, _>>()?;
                Ok(each.into_iter().flatten().collect())
            }
            _ => Ok(self.entries(what)?.iter().collect()),
        }
    }

    /// Text; of numbers and booleans, what zot's weakly typed decoder makes of them.
    pub(crate) fn text(&self, what: &str) -> Result<At<String>, Complaint> {
        let value = match &self.value {
            Value::Text(text) => text.clone(),
            Value::Number(text) => as_text(text),
            Value::Bool(value) => u8::from(*value).to_string(),
            _ => return Err(self.expected(what, "text")),
        };
        Ok(At { value, place: self.place })
    }

    /// A list of texts; to zot a null in it is an empty one.
    pub(crate) fn texts(&self, what: &str) -> Result<Vec<At<String>>, Complaint> {
        let text = |item: &Self| match item.value {
            Value::Null => Ok(At { value: String::new(), place: item.place }),
            _ => item.text(what),
        };
        self.items().into_iter().map(text).collect()
    }

    pub(crate) fn flag(&self, what: &str) -> Result<At<bool>, Complaint> {
        let value = match &self.value {
            Value::Bool(value) => *value,
            Value::Number(text) => text.parse::<f64>().is_ok_and(|value| value != 0.0),
            // zot's decoder is weakly typed: it reads these as Go's ParseBool does.
            Value::Text(text) => match text.as_str() {
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

/// Takes out what zot does not see of keys that are written twice. The last of two equal ones counts, in JSON; of two that differ in
/// their case chance decides, so those are refused. Gives the ones that do not count.
pub(crate) fn settle_twins(node: &mut Node) -> Result<Vec<At<String>>, Complaint> {
    let mut overruled = Vec::new();
    settle(node, &mut overruled)?;
    Ok(overruled)
}

fn settle(node: &mut Node, overruled: &mut Vec<At<String>>) -> Result<(), Complaint> {
    match &mut node.value {
        Value::Map(entries) => {
            let mut last: HashMap<String, usize> = HashMap::new();
            let mut gone = BTreeSet::new();
            for (index, entry) in entries.iter().enumerate() {
                let Some(earlier) = last.insert(entry.key.to_lowercase(), index) else { continue };
                let before = &entries[earlier];
                if before.key != entry.key {
                    let (key, line) = (&before.key, before.place.line);
                    let message = format!("`{}` is the same key as `{key}` in line {line} to zot", entry.key);
                    return Err(Complaint::new(entry.place, message));
                }
                overruled.push(At { value: before.key.clone(), place: before.place });
                gone.insert(earlier);
            }
            let mut index = 0;
            entries.retain(|_| {
                index += 1;
                !gone.contains(&(index - 1))
            });
            entries.iter_mut().try_for_each(|entry| settle(&mut entry.node, overruled))
        }
        Value::List(items) => items.iter_mut().try_for_each(|item| settle(item, overruled)),
        _ => Ok(()),
    }
}

/// What Go prints for a number where text is wanted.
pub(crate) fn as_text(number: &str) -> String {
    match number.parse::<f64>() {
        Ok(value) if number.contains(['.', 'e', 'E']) => format!("{value}"),
        _ => number.to_owned(),
    }
}
