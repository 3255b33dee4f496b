//! A remedy as changed lines, in the language of the file. It never shows a secret.

use serde_json::Value;

use crate::zot::format::Format;

/// One key that is taken out, put in, or both.
pub(super) struct Change<'a> {
    pub(super) key: &'a str,
    /// What it is now; nothing where it is new.
    pub(super) old: Option<Value>,
    /// What it should be; nothing where it is to go.
    pub(super) new: Option<Value>,
}

impl<'a> Change<'a> {
    pub(super) fn add(key: &'a str, new: impl Into<Value>) -> Self {
        Self { key, old: None, new: Some(new.into()) }
    }

    pub(super) fn set(key: &'a str, old: impl Into<Value>, new: impl Into<Value>) -> Self {
        Self { key, old: Some(old.into()), new: Some(new.into()) }
    }

    pub(super) fn remove(key: &'a str, old: impl Into<Value>) -> Self {
        Self { key, old: Some(old.into()), new: None }
    }
}

pub(super) fn lines(format: Format, section: &str, changes: &[Change<'_>]) -> Vec<String> {
    let line = |sign: char, key: &str, value: &Value| match format {
        Format::Json => format!("{sign} {}: {value},", Value::from(key)),
        Format::Yaml => format!("{sign} {key}: {value}"),
        Format::Toml => format!("{sign} {key} = {}", inline(value)),
    };
    let mut lines = vec![format!("@@ {section}")];
    for change in changes {
        lines.extend(change.old.as_ref().map(|old| line('-', change.key, old)));
        lines.extend(change.new.as_ref().map(|new| line('+', change.key, new)));
    }
    lines
}

/// TOML's inline form.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{} = {}", Value::from(key.as_str()), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_written_in_the_language_of_the_file() {
        let change = || [Change::set("address", "0.0.0.0", "127.0.0.1")];
        assert_eq!(
            lines(Format::Json, "http", &change()),
            ["@@ http", "- \"address\": \"0.0.0.0\",", "+ \"address\": \"127.0.0.1\","]
        );
        assert_eq!(lines(Format::Yaml, "http", &change())[2], "+ address: \"127.0.0.1\"");
        let nested = [Change::add("accessControl", json!({"a": ["read"]}))];
        assert_eq!(lines(Format::Toml, "http", &nested)[1], "+ accessControl = { \"a\" = [\"read\"] }");
    }
}
