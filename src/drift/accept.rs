//! The list of changes that an operator accepts: their ids as printed, one a line or in TOML.
//!
//! Reads one file, decides nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why a list of accepted changes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML of the expected form.
    #[error("read {}, which must be `accept = [\"…\", …]`: {message}", path.display())]
    NoList {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    accept: BTreeSet<String>,
}

/// Reads a list: `accept = […]` in a file that ends in `.toml`, else one id a line, without empty lines and `#` comments.
///
/// # Errors
/// If it cannot be read, or is no such list.
pub fn read(path: &Path) -> Result<BTreeSet<String>, AcceptError> {
    let text = std::fs::read_to_string(path).map_err(|source| AcceptError::Read { path: path.into(), source })?;
    if path.extension().is_some_and(|extension| extension == "toml") {
        let parsed = toml::from_str::<List>(&text);
        let no_list = |error: toml::de::Error| AcceptError::NoList { path: path.into(), message: error.to_string() };
        return parsed.map(|list| list.accept).map_err(no_list);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_toml_say_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (lines, toml) = (folder.path().join("accepted"), folder.path().join("accepted.toml"));
        std::fs::write(&lines, "# why\n\n  release: v1 -> v2\nanonymous GET /v2/: 200 -> 401\n").unwrap();
        std::fs::write(&toml, "accept = [\"release: v1 -> v2\", \"anonymous GET /v2/: 200 -> 401\"]\n").unwrap();
        assert_eq!(read(&lines).unwrap(), read(&toml).unwrap());
        assert_eq!(read(&lines).unwrap().len(), 2);
        std::fs::write(&toml, "acept = []\n").unwrap();
        assert!(read(&toml).is_err() && read(&folder.path().join("none")).is_err());
    }
}
