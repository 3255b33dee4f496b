//! The three formats in which zot reads its configuration.

use super::tree::{Complaint, Node};
use super::{json, toml, yaml};

/// How a configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
}

impl Format {
    /// By the file's extension, as zot does; where it tells nothing, zot tries JSON, TOML and YAML, and takes the first that works.
    pub(crate) fn of(file: &str, text: &str) -> Self {
        let extension = file.rsplit_once('.').map(|(_, extension)| extension);
        match extension {
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            Some("toml") => Self::Toml,
            _ if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') => Self::Json,
            _ if toml::parse(text).is_ok() => Self::Toml,
            _ => Self::Yaml,
        }
    }
}

/// The tree of a text in this format.
pub(crate) fn parse_as(format: Format, text: &str) -> Result<Node, Complaint> {
    match format {
        Format::Json => json::parse(text),
        Format::Yaml => yaml::parse(text),
        Format::Toml => toml::parse(text),
    }
}
