//! The access matrix that a configuration promises: who × repository × request, before anything is sent.
//!
//! A cell says what zot will decide, not which status carries it: the statuses belong to the dialect of a live zot.

use super::config::Config;
use super::policy::{self, Action, Decision, Who};
use super::release::Release;

/// A request whose answer tells one permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oracle {
    /// GET of a manifest that exists.
    ReadManifest,
    /// GET of a blob that the repository holds.
    ReadBlob,
    /// GET of the tag list.
    ListTags,
    /// PUT of a manifest under a tag that does not exist.
    CreateTag,
    /// PUT of a manifest under a tag that exists, other than `latest`.
    UpdateTag,
    /// PUT of a manifest under an existing `latest`.
    UpdateLatest,
    /// PUT of a manifest by digest with `?tag=` of a tag that exists.
    MoveTagByQuery,
    /// POST that opens an upload.
    StartUpload,
    /// PATCH of an upload.
    ContinueUpload,
    /// PUT that closes an upload.
    FinishUpload,
    /// POST that mounts a blob; whether the blob may be read elsewhere is not part of it.
    MountBlob,
    /// DELETE of a manifest.
    DeleteManifest,
    /// DELETE of a blob.
    DeleteBlob,
    /// DELETE of an upload.
    DeleteUpload,
}

/// The first release that asks for `update` where a create-only key re-pushes `latest` (CVE-2026-31801).
const LATEST_IS_A_TAG: Release = Release::new(2, 1, 15);
/// The first release that heeds `?tag=`.
const QUERY_TAGS: Release = Release::new(2, 1, 16);
/// The first release that asks for `update` where `?tag=` names a tag that exists.
const QUERY_TAGS_NEED_UPDATE: Release = Release::new(2, 1, 19);

impl Oracle {
    /// All of them, reading first.
    pub const ALL: [Self; 14] = [
        Self::ReadManifest,
        Self::ReadBlob,
        Self::ListTags,
        Self::CreateTag,
        Self::UpdateTag,
        Self::UpdateLatest,
        Self::MoveTagByQuery,
        Self::StartUpload,
        Self::ContinueUpload,
        Self::FinishUpload,
        Self::MountBlob,
        Self::DeleteManifest,
        Self::DeleteBlob,
        Self::DeleteUpload,
    ];

    /// In words.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::ReadManifest => "read a manifest",
            Self::ReadBlob => "read a blob",
            Self::ListTags => "list the tags",
            Self::CreateTag => "create a tag",
            Self::UpdateTag => "update a tag",
            Self::UpdateLatest => "update `latest`",
            Self::MoveTagByQuery => "move a tag by query",
            Self::StartUpload => "start an upload",
            Self::ContinueUpload => "continue an upload",
            Self::FinishUpload => "finish an upload",
            Self::MountBlob => "mount a blob",
            Self::DeleteManifest => "delete a manifest",
            Self::DeleteBlob => "delete a blob",
            Self::DeleteUpload => "delete an upload",
        }
    }

    /// The right that zot asks for, by release; without a known release, that of the newest.
    #[must_use]
    pub fn action(self, release: Option<Release>) -> Action {
        let since = |first: Release| release.is_none_or(|release| release >= first);
        match self {
            Self::ReadManifest | Self::ReadBlob | Self::ListTags => Action::Read,
            Self::CreateTag | Self::StartUpload | Self::ContinueUpload | Self::FinishUpload | Self::MountBlob => {
                Action::Create
            }
            Self::UpdateTag => Action::Update,
            Self::UpdateLatest if since(LATEST_IS_A_TAG) => Action::Update,
            Self::MoveTagByQuery if since(QUERY_TAGS_NEED_UPDATE) => Action::Update,
            Self::UpdateLatest | Self::MoveTagByQuery => Action::Create,
            Self::DeleteManifest | Self::DeleteBlob | Self::DeleteUpload => Action::Delete,
        }
    }

    /// What a yes means less or more than its words, in that release.
    #[must_use]
    pub fn note(self, release: Option<Release>) -> Option<&'static str> {
        let release = release?;
        match self {
            Self::MoveTagByQuery if release < QUERY_TAGS => Some("this release ignores `?tag=`: a yes moves nothing"),
            Self::MoveTagByQuery if release < QUERY_TAGS_NEED_UPDATE => {
                Some("this release lets `create` move an existing tag by `?tag=`")
            }
            Self::UpdateLatest if release < LATEST_IS_A_TAG => Some("this release lets `create` overwrite `latest`"),
            _ => None,
        }
    }
}

/// An identity under the name that reports use for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name in reports.
    pub label: String,
    /// Who it is to zot.
    pub who: Who,
}

/// One expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The identity's label.
    pub identity: String,
    /// The repository.
    pub repository: String,
    /// The request.
    pub oracle: Oracle,
    /// What zot will decide.
    pub decision: Decision,
    /// What to know about the answer in this release.
    pub note: Option<&'static str>,
}

/// The whole matrix: identities in the order given, for each the repositories, for each [`Oracle::ALL`].
#[must_use]
pub fn matrix(
    config: &Config,
    release: Option<Release>,
    identities: &[Identity],
    repositories: &[String],
) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(identities.len() * repositories.len() * Oracle::ALL.len());
    for identity in identities {
        for repository in repositories {
            for oracle in Oracle::ALL {
                cells.push(Cell {
                    identity: identity.label.clone(),
                    repository: repository.clone(),
                    oracle,
                    decision: policy::decide(config, &identity.who, repository, oracle.action(release)),
                    note: oracle.note(release),
                });
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = include_str!("../../tests/configs/seed.json");

    fn allowed(release: Option<&str>, group: &str) -> Vec<Oracle> {
        let config = Config::parse("seed.json", SEED).unwrap();
        let who = Who { name: "somebody".to_owned(), groups: vec![group.to_owned()], ..Who::default() };
        let identities = [Identity { label: "it".to_owned(), who }];
        let release = release.map(|text| text.parse().unwrap());
        let cells = matrix(&config, release, &identities, &["blumeops/navidrome".to_owned()]);
        cells.into_iter().filter(|cell| cell.decision.is_allowed()).map(|cell| cell.oracle).collect()
    }

    #[test]
    fn what_a_create_only_key_may_do_depends_on_the_release() {
        use Oracle::{MoveTagByQuery, UpdateLatest, UpdateTag};
        let moves = |release| {
            let mut found = allowed(release, "artifact-workloads");
            found.retain(|oracle| matches!(oracle, MoveTagByQuery | UpdateLatest | UpdateTag));
            found
        };
        assert_eq!(moves(Some("v2.1.14")), [UpdateLatest, MoveTagByQuery]);
        assert_eq!(moves(Some("v2.1.15")), [MoveTagByQuery]);
        assert_eq!(moves(Some("v2.1.18")), [MoveTagByQuery]);
        assert_eq!(moves(Some("v2.1.19")), []);
        assert_eq!(moves(None), []);
    }

    #[test]
    fn a_yes_is_explained_in_the_releases_where_it_means_something_else() {
        let told = |oracle: Oracle, release: &str| oracle.note(Some(release.parse().unwrap()));
        for (release, by_query, of_latest) in [
            ("v2.1.14", Some("ignores"), true),
            ("v2.1.15", Some("ignores"), false),
            ("v2.1.16", Some("lets `create` move"), false),
            ("v2.1.18", Some("lets `create` move"), false),
            ("v2.1.19", None, false),
            ("v2.1.20", None, false),
        ] {
            let note = told(Oracle::MoveTagByQuery, release);
            assert_eq!(note.is_some(), by_query.is_some(), "{release}: {note:?}");
            assert!(note.unwrap_or_default().contains(by_query.unwrap_or_default()), "{release}: {note:?}");
            let note = told(Oracle::UpdateLatest, release);
            assert_eq!(note.is_some_and(|note| note.contains("`latest`")), of_latest, "{release}: {note:?}");
            assert_eq!(told(Oracle::UpdateTag, release), None);
        }
        assert_eq!(Oracle::MoveTagByQuery.note(None), None);
    }

    #[test]
    fn every_request_has_words_of_its_own() {
        let words: std::collections::BTreeSet<_> = Oracle::ALL.map(Oracle::describe).into();
        assert_eq!(words.len(), Oracle::ALL.len());
        assert_eq!(Oracle::MountBlob.describe(), "mount a blob");
    }

    #[test]
    fn admins_may_do_everything_and_others_only_read() {
        assert_eq!(allowed(None, "admins"), Oracle::ALL);
        assert_eq!(allowed(None, "strangers"), [Oracle::ReadManifest, Oracle::ReadBlob, Oracle::ListTags]);
    }
}
