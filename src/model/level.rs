//! How much a finding counts: a promise that does not hold is a failure, advice that does not hold is a warning.
//!
//! Pure data. The verdict stays what it is; the level decides how it is shown, and whether it counts for the exit status.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What stands behind a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The scenario or the zot configuration says it, or the release's own documentation.
    #[default]
    Promise,
    /// Nobody said it, and a careful operator wants to know.
    Advice,
}

/// What the scenario says in `[levels]` about one check or lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `"fail"`: it counts as a promise.
    Fail,
    /// `"warn"`: it counts as advice.
    Warn,
    /// `{ level = "off", reason = "…" }`: it is not asked.
    Off {
        /// Why.
        reason: String,
    },
}

impl Setting {
    /// The level it sets, where it is not off.
    pub(crate) fn level(&self) -> Option<Level> {
        match self {
            Setting::Fail => Some(Level::Promise),
            Setting::Warn => Some(Level::Advice),
            Setting::Off { .. } => None,
        }
    }
}

const SHAPE: &str = "write \"fail\", \"warn\" or { level = \"off\", reason = \"…\" }";

fn setting<E: Error>(level: &str, reason: Option<String>) -> Result<Setting, E> {
    match (level, reason) {
        ("fail", _) => Ok(Setting::Fail),
        ("warn", _) => Ok(Setting::Warn),
        ("off", Some(reason)) if !reason.trim().is_empty() => Ok(Setting::Off { reason }),
        ("off", _) => Err(E::custom("what is off needs a reason: write { level = \"off\", reason = \"…\" }")),
        _ => Err(E::custom(format!("`{level}` is not a level; {SHAPE}"))),
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Setting, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Setting;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"fail\", \"warn\" or { level = \"off\", reason = \"…\" }")
            }

            fn visit_str<E: Error>(self, level: &str) -> Result<Setting, E> {
                setting(level, None)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Setting, A::Error> {
                let (mut level, mut reason) = (None::<String>, None::<String>);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "level" => level = Some(map.next_value()?),
                        "reason" => reason = Some(map.next_value()?),
                        other => return Err(A::Error::unknown_field(other, &["level", "reason"])),
                    }
                }
                let level = level.ok_or_else(|| A::Error::missing_field("level"))?;
                setting(&level, reason)
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

impl JsonSchema for Setting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Level".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "examples": ["warn"], "oneOf": [
            { "type": "string", "enum": ["fail", "warn"] },
            {
                "type": "object",
                "properties": { "level": { "enum": ["fail", "warn", "off"] }, "reason": { "type": "string", "minLength": 1 } },
                "required": ["level"],
                "additionalProperties": false,
            },
        ] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_word_or_a_table_and_what_is_off_has_a_reason() {
        let read = |text: &str| {
            let table: std::collections::BTreeMap<String, Setting> = toml::from_str(&format!("x = {text}"))?;
            Ok::<_, toml::de::Error>(table["x"].clone())
        };
        assert_eq!(read("\"fail\"").unwrap(), Setting::Fail);
        assert_eq!(read("{ level = \"warn\" }").unwrap(), Setting::Warn);
        assert_eq!(read("{ level = \"off\", reason = \"r\" }").unwrap(), Setting::Off { reason: "r".to_owned() });
        for (text, words) in [
            ("\"off\"", "needs a reason"),
            ("{ level = \"off\", reason = \" \" }", "needs a reason"),
            ("\"error\"", "`error` is not a level"),
            ("{ reason = \"r\" }", "level"),
            ("{ level = \"warn\", until = 1 }", "until"),
            ("7", "expected"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
