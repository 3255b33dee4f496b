//! A snapshot: what a registry answered on one day, in words that are the same each time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Version of the snapshot's format.
pub(crate) const SCHEMA: u32 = 1;

/// What a registry answers, and where its tags point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Version of this format.
    pub schema: u32,
    /// The regproof that took it. Another one may ask other questions.
    pub regproof: String,
    /// The scenario's name.
    pub scenario: String,
    /// The registry's URL.
    pub target: String,
    /// Whether the whole catalog was looked at.
    pub catalog: bool,
    /// Answers by question. A question that was not decided is not here.
    pub answers: BTreeMap<String, String>,
    /// Tags by repository. A repository whose tags could not be listed is not here.
    pub tags: BTreeMap<String, Tags>,
    /// What could not be asked or decided, and why. Not compared.
    pub gaps: Vec<String>,
    /// What of this was asked, and not answered or not decided: nothing is known of it, also not that it stayed the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<String>,
}

/// The tags of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tags {
    /// Whether no tag is missing.
    pub whole: bool,
    /// The digest of each; nothing where the registry did not tell.
    pub digests: BTreeMap<String, Option<String>>,
}

/// Why a file is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("read {} as a snapshot: {source}", path.display())]
    NoSnapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It is of a format that this regproof does not know.
    #[error("read {}: its schema is {schema}, and this regproof knows {SCHEMA}; take the snapshot again", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its version.
        schema: u32,
    },
    /// It holds nothing, so that nothing could ever differ.
    #[error("compare with {}: it holds no answer", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Snapshot {
    /// Reads a file that `regproof snapshot` wrote.
    ///
    /// # Errors
    /// If it cannot be read, is something else, or holds nothing.
    pub fn read(path: &Path) -> Result<Snapshot, SnapshotError> {
        let text = std::fs::read_to_string(path).map_err(|source| SnapshotError::Read { path: path.into(), source })?;
        let parsed = serde_json::from_str::<Snapshot>(&text);
        let snapshot = parsed.map_err(|source| SnapshotError::NoSnapshot { path: path.into(), source })?;
        if snapshot.schema != SCHEMA {
            return Err(SnapshotError::Schema { path: path.into(), schema: snapshot.schema });
        }
        if snapshot.answers.is_empty() {
            return Err(SnapshotError::Empty { path: path.into() });
        }
        Ok(snapshot)
    }

    /// The file's text; the same for the same answers.
    #[must_use]
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).expect("texts, numbers and maps by text are JSON");
        format!("{value:#}\n")
    }

    /// How many tags it has.
    #[must_use]
    pub fn tag_count(&self) -> usize {
        self.tags.values().map(|tags| tags.digests.len()).sum()
    }
}

/// What a run is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Against {
    pub(crate) before: Snapshot,
    pub(crate) accepted: BTreeSet<String>,
}
