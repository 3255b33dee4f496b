//! What changed in zot from release to release, and what was found wrong with it: data, and who it concerns.
//!
//! A release is only a claim, so each entry names the proof that decides on a live registry.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use super::release::Release;

/// One behaviour change or advisory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// A CVE where there is one, else a name.
    pub id: String,
    /// In one line.
    pub title: String,
    /// The first release that has it; without one, every release before [`Advisory::before`].
    #[serde(default, deserialize_with = "release")]
    pub from: Option<Release>,
    /// The first release that no longer has it; without one, none is known.
    #[serde(default, deserialize_with = "release")]
    pub before: Option<Release>,
    /// What an operator sees.
    pub symptom: String,
    /// What to do.
    pub remedy: String,
    /// Where it is written.
    pub source: String,
    /// How a live registry confirms or refutes it.
    pub proof: String,
    /// The check that does so.
    pub check: Option<String>,
}

impl Advisory {
    /// Whether a release has it.
    #[must_use]
    pub fn concerns(&self, release: Release) -> bool {
        self.from.is_none_or(|from| release >= from) && self.before.is_none_or(|before| release < before)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    advisory: Vec<Advisory>,
}

fn release<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Release>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

static ALL: LazyLock<Vec<Advisory>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("advisories.toml")).expect("a test reads the embedded file");
    file.advisory
});

/// Every entry, oldest concern first.
#[must_use]
pub fn all() -> &'static [Advisory] {
    &ALL
}

/// What a release has.
#[must_use]
pub fn applicable(release: Release) -> Vec<&'static Advisory> {
    all().iter().filter(|advisory| advisory.concerns(release)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(release: &str) -> Vec<&'static str> {
        applicable(release.parse().unwrap()).into_iter().map(|advisory| advisory.id.as_str()).collect()
    }

    #[test]
    fn the_embedded_file_is_whole() {
        for advisory in all() {
            assert!(advisory.source.starts_with("https://"), "{}", advisory.id);
            assert!(advisory.from.is_none() || advisory.before.is_none() || advisory.from < advisory.before);
            assert_eq!(all().iter().filter(|other| other.id == advisory.id).count(), 1);
        }
    }

    #[test]
    fn a_release_has_what_came_with_it_and_not_what_it_fixed() {
        assert!(ids("v2.1.14").contains(&"CVE-2026-31801"));
        assert!(!ids("v2.1.15").contains(&"CVE-2026-31801"));
        assert!(!ids("v2.1.15").contains(&"tag-query-needs-no-update"));
        assert!(ids("v2.1.18").contains(&"tag-query-needs-no-update"));
        assert!(!ids("v2.1.19").contains(&"tag-query-needs-no-update"));
        assert!(ids("v2.1.20").contains(&"ranged-blob-read"));
        assert!(!ids("v2.1.16").contains(&"ranged-blob-read"));
    }
}
