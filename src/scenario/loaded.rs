//! A scenario with the place of each value, so that every error has its line and column.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::Scenario;

/// Why a scenario cannot be used. Ends the run with status 3, before anything was sent.
#[derive(Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file.
    pub file: PathBuf,
    /// Line and column, from 1, where the place is known.
    pub place: Option<(usize, usize)>,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ScenarioError {}

/// A scenario and where each of its values stands.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// The file it came from.
    pub file: PathBuf,
    pub(crate) text: String,
}

/// Line and column of a byte, from 1.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at.min(text.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}

/// Whether a host is this machine, by name or address. Names below `localhost` are not known to be: not every resolver keeps
/// from asking others for them (RFC 6761, section 6.3).
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A name as the OCI distribution spec has it.
pub(crate) fn is_repository_name(name: &str) -> bool {
    let part = |part: &str| {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(alphanumeric)
            && part.ends_with(alphanumeric)
            && part.chars().all(|c| alphanumeric(c) || matches!(c, '.' | '_' | '-'))
    };
    name.len() <= 255 && name.split('/').all(part)
}

impl Loaded {
    /// The folder that relative paths start from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// An error at the value that `path` names, as in `["waive", "0", "check"]`.
    #[must_use]
    pub fn error(&self, path: &[&str], message: impl Into<String>) -> ScenarioError {
        let place = self.span(path).map(|span| place(&self.text, span.start));
        ScenarioError { file: self.file.clone(), place, message: message.into() }
    }

    /// The bytes of the value that `path` names, or of its nearest ancestor.
    fn span(&self, path: &[&str]) -> Option<Range<usize>> {
        let document = DeTable::parse(&self.text).ok()?;
        let mut found = None;
        let mut value: Option<&Spanned<DeValue<'_>>> = None;
        for (depth, key) in path.iter().enumerate() {
            let next = match value.map(Spanned::get_ref) {
                None if depth == 0 => document.get_ref().get(*key),
                Some(DeValue::Table(table)) => table.get(*key),
                Some(DeValue::Array(array)) => key.parse::<usize>().ok().and_then(|i| array.get(i)),
                _ => None,
            };
            let Some(next) = next else { break };
            found = Some(next.span());
            value = Some(next);
        }
        found
    }
}
