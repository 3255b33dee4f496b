//! Values of a scenario that TOML has no type for: periods, days, and where a secret is.
//!
//! No value here ever holds a secret.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A length of time, as `10s`, `500ms`, `2m` or `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    pub(crate) const fn seconds(seconds: u64) -> Period {
        Period(Duration::from_secs(seconds))
    }
}

impl std::str::FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Period, String> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let wrong = || format!("`{text}` is not a period; write a number and a unit, as `10s`, `500ms`, `2m` or `1h`");
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let total = number.checked_mul(millis).ok_or_else(wrong)?;
        if total == 0 || total > 24 * 3_600_000 {
            return Err(format!("`{text}` must be more than 0 and at most 24h"));
        }
        Ok(Period(Duration::from_millis(total)))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$", "examples": ["10s"] })
    }
}

/// Up to which size bodies are uploaded, as `true`, `false`, or a size such as `128MiB` or `100MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargeBody {
    /// None.
    None,
    /// Just over this many bytes, and just over the common limits of proxies below it.
    UpTo(u64),
}

const MIB: u64 = 1 << 20;

impl LargeBody {
    /// The sizes, in bytes, each just over a limit: nginx's default of 1 MiB, two more that are common, and the one asked for.
    #[must_use]
    pub fn sizes(self) -> Vec<u64> {
        let LargeBody::UpTo(most) = self else { return vec![] };
        let common = [MIB, 10 * MIB, 32 * MIB].into_iter().filter(|size| *size < most);
        common.chain([most]).map(|size| size + 1024).collect()
    }
}

impl Default for LargeBody {
    fn default() -> LargeBody {
        LargeBody::UpTo(MIB)
    }
}

impl std::str::FromStr for LargeBody {
    type Err = String;

    fn from_str(text: &str) -> Result<LargeBody, String> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let wrong = || {
            format!(
                "`{text}` is not a size; write a number and a unit, as `128MiB`, `100MB` or `1GiB`, or true or false"
            )
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = match unit {
            "KiB" => 1 << 10,
            "MiB" => MIB,
            "GiB" => 1 << 30,
            "kB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(wrong()),
        };
        let total = number.checked_mul(unit).ok_or_else(wrong)?;
        if !(MIB..=4 << 30).contains(&total) {
            return Err(format!("`{text}` must be between 1MiB and 4GiB"));
        }
        Ok(LargeBody::UpTo(total))
    }
}

impl<'de> Deserialize<'de> for LargeBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LargeBody, D::Error> {
        deserializer.deserialize_any(LargeBodyVisitor)
    }
}

struct LargeBodyVisitor;

impl Visitor<'_> for LargeBodyVisitor {
    type Value = LargeBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or a size, as \"128MiB\"")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<LargeBody, E> {
        Ok(if on { LargeBody::UpTo(32 * MIB) } else { LargeBody::None })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<LargeBody, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for LargeBody {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LargeBody".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "boolean" },
                { "type": "string", "pattern": "^[0-9]+(KiB|MiB|GiB|kB|MB|GB)$", "examples": ["128MiB"] },
            ],
        })
    }
}

/// A number of days, as `14d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(pub u16);

impl Default for Days {
    fn default() -> Days {
        Days(14)
    }
}

impl std::str::FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Days, String> {
        let digits = text.strip_suffix('d').filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        let days = digits.and_then(|number| number.parse().ok()).filter(|days| (1..=3650).contains(days));
        days.map(Days).ok_or_else(|| format!("`{text}` is not a number of days; write `14d`, from `1d` to `3650d`"))
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Days, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Days {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Days".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+d$", "examples": ["14d"] })
    }
}

/// A day, as `2027-03-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub time::Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let wrong = || D::Error::custom("a day is written as 2027-03-01, without quotes or time");
        let value = toml::value::Datetime::deserialize(deserializer)?;
        let (Some(date), None, None) = (value.date, value.time, value.offset) else { return Err(wrong()) };
        let month = time::Month::try_from(date.month).map_err(|_| wrong())?;
        time::Date::from_calendar_date(i32::from(date.year), month, date.day).map(Day).map_err(|_| wrong())
    }
}

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date", "description": "A TOML local date, as 2027-03-01." })
    }
}

/// Where a secret is. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretSource {
    /// The name of an environment variable.
    Env(String),
    /// A file, relative to the scenario's folder; one trailing line break is dropped.
    File(PathBuf),
    /// A program and its arguments, which prints the secret, as `["op", "read", "op://…"]`.
    Command(Vec<String>),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Env(name) => write!(f, "environment variable {name}"),
            SecretSource::File(path) => write!(f, "file {}", path.display()),
            SecretSource::Command(argv) => {
                write!(f, "command {}", argv.first().map_or("(none)", String::as_str))
            }
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SecretSource, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

/// Where a private key is: a file, or anything that a secret can be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource(pub SecretSource);

impl<'de> Deserialize<'de> for KeySource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeySource, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = KeySource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file, or one of { env = \"NAME\" }, { file = \"path\" }, { command = [\"program\", …] }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<KeySource, E> {
        // A file's name has neither: this is the key itself.
        if text.contains("-----BEGIN") || text.contains('\n') {
            return Err(E::custom(IN_THE_FILE));
        }
        if text.is_empty() {
            Err(E::custom("the name of the file is empty"))
        } else {
            Ok(KeySource(SecretSource::File(text.into())))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeySource, A::Error> {
        SourceVisitor.visit_map(map).map(KeySource)
    }
}

impl JsonSchema for KeySource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeySource".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<SecretSource>();
        json_schema!({ "anyOf": [{ "type": "string" }, secret] })
    }
}

/// The message must not repeat what was found: it may be a secret.
const IN_THE_FILE: &str = "this file contains a secret; write its source instead: \
    { env = \"NAME\" }, { file = \"path\" } or { command = [\"program\", \"argument\"] }, and change the secret: it was exposed";

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of { env = \"NAME\" }, { file = \"path\" }, { command = [\"program\", …] }")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<SecretSource, E> {
        Err(E::custom(IN_THE_FILE))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretSource, E> {
        Err(E::custom(IN_THE_FILE))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretSource, E> {
        Err(E::custom(IN_THE_FILE))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        let Some(key) = map.next_key::<String>()? else {
            return Err(A::Error::custom("the secret has no source: use env, file or command"));
        };
        let source = match key.as_str() {
            "env" => SecretSource::Env(map.next_value()?),
            "file" => SecretSource::File(map.next_value()?),
            "command" => SecretSource::Command(map.next_value()?),
            _ => return Err(A::Error::unknown_field("(not shown)", &["env", "file", "command"])),
        };
        if map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("a secret has one source: use only one of env, file or command"));
        }
        let empty = match &source {
            SecretSource::Env(name) => name.is_empty(),
            SecretSource::File(path) => path.as_os_str().is_empty(),
            SecretSource::Command(argv) => argv.first().is_none_or(String::is_empty),
        };
        if empty {
            return Err(A::Error::custom(format!("`{key}` is empty")));
        }
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_a_number_and_one_unit() {
        assert_eq!("14d".parse(), Ok(Days(14)));
        for wrong in ["", "14", "d", "0d", "3651d", "-1d", "1.5d", "14h", "+14d", "14 d"] {
            assert!(wrong.parse::<Days>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_large_body_is_a_size_or_a_choice() {
        assert_eq!(LargeBody::default().sizes(), [MIB + 1024]);
        assert_eq!("100MB".parse::<LargeBody>().unwrap().sizes().last(), Some(&100_001_024));
        assert_eq!("10MiB".parse::<LargeBody>().unwrap().sizes(), [MIB + 1024, 10 * MIB + 1024]);
        for wrong in ["", "1", "MiB", "1 MiB", "1023KiB", "5GiB", "1.5MiB", "99999999999GiB", "1mib", "-1MiB"] {
            assert!(wrong.parse::<LargeBody>().is_err(), "{wrong}");
        }
        let read = |text: &str| toml::from_str::<std::collections::BTreeMap<String, LargeBody>>(text);
        assert_eq!(read("a = true").unwrap()["a"].sizes().len(), 3);
        assert_eq!(read("a = false").unwrap()["a"], LargeBody::None);
        assert!(read("a = 3").unwrap_err().to_string().contains("128MiB"));
    }

    #[test]
    fn periods_have_a_number_and_a_unit() {
        assert_eq!("500ms".parse(), Ok(Period(Duration::from_millis(500))));
        assert_eq!("2m".parse(), Ok(Period::seconds(120)));
        for wrong in
            ["", "10", "s", "1.5s", "-1s", "0s", "25h", "99999999999999999999s", "10 s", "18446744073709551615h"]
        {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }
}
