//! Which file is the deployed configuration, and which release reads it: the file opened with care.
//!
//! Opens that one file and none that it names.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::loaded;
use crate::zot::release::Release;

/// As much as a configuration may have.
const LIMIT: u64 = 4 << 20;

/// Where the deployed configuration stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a file, or { file = \"values.yaml\", key = 'configFiles.\"config.json\"' }")]
pub enum ZotConfig {
    /// A whole file.
    File(PathBuf),
    /// A part of another file.
    Part(Part),
}

/// A configuration inside of another file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The file, such as the values of a Helm chart.
    pub file: PathBuf,
    /// The keys that lead to it, with dots between; a key that has a dot itself stands in quotes.
    pub key: String,
}

impl ZotConfig {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        match self {
            ZotConfig::File(file) | ZotConfig::Part(Part { file, .. }) => file,
        }
    }

    /// The key inside of it, where it is not the whole file.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            ZotConfig::File(_) => None,
            ZotConfig::Part(part) => Some(&part.key),
        }
    }
}

/// A release of zot, as the scenario says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZotRelease(pub Release);

impl fmt::Display for ZotRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for ZotRelease {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ZotRelease, D::Error> {
        String::deserialize(deserializer)?.parse().map(ZotRelease).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ZotRelease {
    fn schema_name() -> Cow<'static, str> {
        "ZotRelease".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^v?[0-9]+\.[0-9]+\.[0-9]+", "examples": ["v2.1.20"] })
    }
}

/// The text of a configuration. What is no plain file is not opened: a pipe would be waited for.
pub(crate) fn text(file: &Path) -> Result<String, String> {
    let shown = file.display();
    let failed = |error: std::io::Error| format!("cannot read {shown}: {error}");
    let about = std::fs::metadata(file).map_err(failed)?;
    if about.is_dir() {
        return Err(format!("{shown} is a folder: name the configuration file in it"));
    }
    if !about.is_file() {
        return Err(format!("{shown} is not a plain file"));
    }
    let too_long = || format!("{shown} has more than {LIMIT} bytes: that is no configuration");
    if about.len() > LIMIT {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // It may have grown meanwhile.
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(too_long());
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        let (line, column) = loaded::place(&before, before.len());
        format!("{shown}:{line}:{column}: this byte is not UTF-8")
    })
}
