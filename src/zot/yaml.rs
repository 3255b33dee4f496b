//! Reads YAML into the same tree as JSON.
//!
//! The YAML crate keeps no places, so values come from it and places from a second look at the text: block keys and
//! list items are found by their indentation. What stands in flow style (`[a, b]`) or behind an anchor has the place
//! of the nearest key above it.

use std::collections::BTreeMap;

use crate::zot::tree::{Complaint, Entry, Node, Place, Value};

/// The first document of a file; zot reads no other.
pub(crate) fn parse(text: &str) -> Result<Node, Complaint> {
    let (first, document) = split(text).into_iter().next().unwrap_or((0, text.to_owned()));
    read(&document, first)
}

/// Every document of a file, as `helm template` writes several, in order. Places are those in the file.
pub(crate) fn documents(text: &str) -> Vec<Result<Node, Complaint>> {
    split(text).into_iter().map(|(first, document)| read(&document, first)).collect()
}

/// The documents that say something, each with the lines before it.
fn split(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(0, String::new())];
    for (number, line) in text.split_inclusive('\n').enumerate() {
        // At the start of a line it ends a document wherever it stands (YAML 1.2.2, section 9.1.2).
        let marker =
            line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        match (marker, documents.last_mut()) {
            (Some(rest), _) => documents.push((number, format!("   {rest}"))),
            (None, Some((_, document))) => document.push_str(line),
            (None, None) => {}
        }
    }
    let says = |document: &str| {
        let lines = document.lines().map(str::trim);
        lines.into_iter().any(|line| !(line.is_empty() || line.starts_with(['#', '%']) || line == "..."))
    };
    documents.retain(|(_, document)| says(document));
    documents
}

fn read(text: &str, first: usize) -> Result<Node, Complaint> {
    let complain = |error: serde_yaml_ng::Error| {
        let at = error.location().map_or(Place::START, |at| Place { line: at.line(), column: at.column() });
        // Its message names the line within the document.
        let message = error.to_string();
        let message = if first > 0 { message.split(" at line ").next().unwrap_or(&message) } else { &message };
        Complaint::new(Place { line: first + at.line, ..at }, message)
    };
    let mut value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).map_err(complain)?;
    // zot's reader resolves `<<`.
    value.apply_merge().map_err(complain)?;
    let start = Place { line: first + 1, column: 1 };
    node(&value, &mut Vec::new(), start, &places(text, first))
}

type Path = Vec<String>;

fn node(
    value: &serde_yaml_ng::Value,
    path: &mut Path,
    above: Place,
    places: &BTreeMap<Path, Place>,
) -> Result<Node, Complaint> {
    use serde_yaml_ng::Value as Yaml;
    let place = places.get(path).copied().unwrap_or(above);
    let value = match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(*value),
        Yaml::Number(number) => Value::Number(number.to_string()),
        Yaml::String(text) => Value::Text(text.clone()),
        Yaml::Sequence(items) => {
            let mut nodes = Vec::new();
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                nodes.push(node(item, path, place, places)?);
                path.pop();
            }
            Value::List(nodes)
        }
        Yaml::Mapping(map) => {
            let mut entries = Vec::new();
            for (key, value) in map {
                let key = key_text(key).ok_or_else(|| Complaint::new(place, "a key must be plain text"))?;
                path.push(key.clone());
                let node = node(value, path, place, places)?;
                path.pop();
                entries.push(Entry { key, place: node.place, node });
            }
            Value::Map(entries)
        }
        Yaml::Tagged(_) => {
            return Err(Complaint::new(place, "YAML tags (`!name`) are not understood here"));
        }
    };
    Ok(Node { place, value })
}

fn key_text(key: &serde_yaml_ng::Value) -> Option<String> {
    use serde_yaml_ng::Value as Yaml;
    Some(match key {
        Yaml::String(text) => text.clone(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Bool(value) => value.to_string(),
        _ => return None,
    })
}

/// Block keys and items by their path.
fn places(text: &str, first: usize) -> BTreeMap<Path, Place> {
    let mut places = BTreeMap::new();
    // One frame for each open block: its indentation, and the key or index it is at.
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut items: BTreeMap<Path, usize> = BTreeMap::new();
    for (number, line) in (first..).zip(text.lines()) {
        let mut indent = line.chars().take_while(|next| *next == ' ').count();
        let mut rest = &line[indent..];
        if rest.is_empty() || rest.starts_with('#') || rest.starts_with("---") {
            continue;
        }
        while let Some(tail) = rest.strip_prefix('-').filter(|tail| tail.is_empty() || tail.starts_with(' ')) {
            // A list may stand at its key's own indentation, hence the half step.
            open.retain(|frame| frame.0 <= indent * 2);
            let parent: Path = open.iter().map(|frame| frame.1.clone()).collect();
            let index = items.entry(parent).or_insert(0);
            open.push((indent * 2 + 1, index.to_string()));
            *index += 1;
            record(&mut places, &open, number, indent);
            let blanks = tail.chars().take_while(|next| *next == ' ').count();
            indent += 1 + blanks;
            rest = &tail[blanks..];
        }
        if let Some(key) = block_key(rest) {
            open.retain(|frame| frame.0 < indent * 2);
            open.push((indent * 2, key));
            record(&mut places, &open, number, indent);
        }
    }
    places
}

fn record(places: &mut BTreeMap<Path, Place>, open: &[(usize, String)], line: usize, indent: usize) {
    let path: Path = open.iter().map(|frame| frame.1.clone()).collect();
    places.entry(path).or_insert(Place { line: line + 1, column: indent + 1 });
}

/// The key of `key: value` or `"key": value`, if the line starts with one.
fn block_key(rest: &str) -> Option<String> {
    let quote = rest.chars().next()?;
    if quote == '"' || quote == '\'' {
        let end = rest[1..].find(quote)? + 1;
        let after = rest[end + 1..].trim_start();
        return after.starts_with(':').then(|| rest[1..end].to_owned());
    }
    let colon = rest.find(": ").or_else(|| rest.strip_suffix(':').map(str::len))?;
    Some(rest[..colon].trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "http:\n  port: 5050\n  accessControl:\n    repositories:\n      \"**\":\n        policies:\n        - groups: [admins]\n          actions:\n            - read\n            - update\n        - users: [\"\"]\n        anonymousPolicy: [read]\n";

    #[test]
    fn block_keys_and_items_know_their_line() {
        let tree = parse(SAMPLE).unwrap();
        let access = &tree.get("http").unwrap().node.get("accesscontrol").unwrap().node;
        let rule = &access.get("repositories").unwrap().node.get("**").unwrap();
        assert_eq!(rule.place, Place { line: 5, column: 7 });
        let policies = rule.node.get("policies").unwrap().node.items();
        assert_eq!(policies[0].place.line, 7);
        assert_eq!(policies[0].get("actions").unwrap().node.items()[1].place.line, 10);
        assert_eq!(policies[1].get("users").unwrap().node.items()[0].place.line, 11);
        assert_eq!(rule.node.get("anonymousPolicy").unwrap().place, Place { line: 12, column: 9 });
    }

    #[test]
    fn merged_keys_are_seen() {
        let tree = parse("base: &base\n  actions: [read]\npolicy:\n  <<: *base\n  users: [bob]\n").unwrap();
        let policy = &tree.get("policy").unwrap().node;
        assert_eq!(policy.get("actions").unwrap().place.line, 3);
        assert_eq!(policy.get("users").unwrap().place.line, 5);
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        assert_eq!(parse("a: 1\nb: [1\nc: 2\n").unwrap_err().place.line, 3);
        let second = documents("a: 1\n---\na: 1\nb: [1\nc: 2\n").remove(1).unwrap_err();
        assert!(second.place.line == 5 && !second.message.contains(" line "), "{second:?}");
    }

    #[test]
    fn the_first_document_that_says_something_is_read() {
        for text in [
            "# a comment\n---\na: 1\n---\nb: 2\n",
            "--- {a: 1}\n---\n",
            "%YAML 1.2\n---\na: 1\n...\n",
            "a: 1\n--- \nb: [\n",
        ] {
            let tree = parse(text).unwrap();
            assert!(tree.get("a").is_some() && tree.get("b").is_none(), "{text}");
        }
        assert!(parse("").is_ok_and(|tree| tree.value == Value::Null));
        let scalar = "a: |\n  ---\n  text\nb: ---x\n---\nc:\n  d: 1\n";
        let all = documents(scalar);
        assert_eq!(all.len(), 2);
        let d = all[1].as_ref().unwrap().get("c").unwrap().node.get("d").unwrap().place;
        assert_eq!(d, Place { line: 7, column: 3 });
    }
}
