//! Changes of a JSON document, written as data: a value set at a JSON pointer (RFC 6901), or a member removed.
//!
//! A change that changes nothing is a mistake in a test's data, so it panics.

use serde::Deserialize;
use serde_json::Value;

/// What becomes of a document.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Patch {
    /// Values to set, in order; the last name of the pointer may be new, and `-` appends to an array.
    pub set: Vec<Set>,
    /// Pointers to members that go.
    pub remove: Vec<String>,
}

/// One value to set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// The pointer.
    pub at: String,
    /// The value; `{words}` in its texts are replaced when it is applied.
    pub to: Value,
}

impl Patch {
    /// Changes the document; `words` replaces the placeholders of a text.
    #[track_caller]
    pub fn apply(&self, document: &mut Value, words: &dyn Fn(&str) -> String) {
        for pointer in &self.remove {
            let (parent, name) = place(document, pointer);
            let gone = match parent {
                Value::Object(members) => members.remove(&name).is_some(),
                Value::Array(items) => {
                    name.parse().ok().filter(|at| *at < items.len()).map(|at: usize| items.remove(at)).is_some()
                }
                _ => false,
            };
            assert!(gone, "there is nothing to remove at {pointer}");
        }
        for Set { at, to } in &self.set {
            let (parent, name) = place(document, at);
            let value = filled(to, words);
            match parent {
                Value::Object(members) => assert_ne!(members.insert(name, value.clone()), Some(value), "{at} was so"),
                Value::Array(items) if name == "-" => items.push(value),
                Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value,
                other => panic!("{at}: {other} has no members"),
            }
        }
    }
}

fn place<'a>(document: &'a mut Value, pointer: &str) -> (&'a mut Value, String) {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_else(|| panic!("{pointer:?} is no JSON pointer"));
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}: there is no {parent}"));
    (parent, name.replace("~1", "/").replace("~0", "~"))
}

fn filled(value: &Value, words: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => words(text).into(),
        Value::Array(items) => items.iter().map(|item| filled(item, words)).collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), filled(member, words))).collect(),
        other => other.clone(),
    }
}
