//! Repositories in memory: blobs, an index of manifests as zot keeps it, and upload sessions. Bounded in size.
//!
//! It knows no HTTP and no user.

pub(crate) mod manifest;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::digest::{has_digest, is_digest, sha256};
use crate::lab::storage::manifest::{OCI_INDEX, descriptors, validate};

/// All blobs and uploads of one store together; a lab is for tiny images.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// What a repository, a tag or an empty upload counts for, so that their number is bounded too.
const OVERHEAD: usize = 4 * 1024;

/// What a store cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    NoRepository,
    NoManifest,
    NoBlob,
    BadManifest,
    Referenced,
    Full,
}

/// One entry of a repository's index. A manifest may have several tags, or none.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) tag: Option<String>,
}

/// A manifest that was found.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    pub(crate) blobs: BTreeMap<String, Bytes>,
    pub(crate) index: Vec<Entry>,
    pub(crate) uploads: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    pub(crate) fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = self.index.iter().filter_map(|entry| entry.tag.clone()).collect();
        tags.sort();
        tags
    }

    fn parsed(&self) -> impl Iterator<Item = (&Entry, Value)> {
        self.index.iter().filter_map(|entry| {
            let value = serde_json::from_slice(self.blobs.get(&entry.digest)?).ok()?;
            Some((entry, value))
        })
    }

    /// The media type that a manifest of this repository gives to a blob.
    pub(crate) fn media_type(&self, digest: &str) -> Option<String> {
        if let Some(entry) = self.index.iter().find(|entry| entry.digest == digest) {
            return Some(entry.media_type.clone());
        }
        self.parsed().find_map(|(_, manifest)| {
            descriptors(&manifest)
                .into_iter()
                .find(|found| found["digest"] == digest)
                .and_then(|found| found["mediaType"].as_str().map(str::to_owned))
        })
    }

    fn references(&self, digest: &str) -> bool {
        self.index.iter().any(|entry| entry.digest == digest)
            || self.parsed().any(|(_, manifest)| descriptors(&manifest).iter().any(|found| found["digest"] == digest))
    }

    /// The manifests whose `subject` is a digest, with their parsed content, each once.
    pub(crate) fn referrers(&self, digest: &str) -> Vec<(Entry, Value)> {
        let mut found: Vec<(Entry, Value)> = Vec::new();
        for (entry, manifest) in self.parsed() {
            let known = found.iter().any(|(other, _)| other.digest == entry.digest);
            if !known && manifest["subject"]["digest"] == digest {
                found.push((entry.clone(), manifest));
            }
        }
        found
    }

    fn size(&self) -> usize {
        self.blobs.values().map(Bytes::len).sum::<usize>() + self.uploads.values().map(Vec::len).sum::<usize>()
    }

    fn weight(&self) -> usize {
        self.size() + (1 + self.index.len() + self.uploads.len()) * OVERHEAD
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    repositories: BTreeMap<String, Repository>,
    /// The repository that held a blob first, which is where zot's dedupe cache looks for it.
    first: BTreeMap<String, String>,
}

impl Store {
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.repositories.keys()
    }

    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    pub(crate) fn open(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(crate) fn size_of(&self, name: &str) -> usize {
        self.repository(name).map_or(0, Repository::size)
    }

    /// `Full` where `more` bytes would be too many.
    pub(crate) fn room(&self, more: usize) -> Result<(), Trouble> {
        let used: usize = self.repositories.values().map(Repository::weight).sum();
        if used + more > MOST_BYTES { Err(Trouble::Full) } else { Ok(()) }
    }

    pub(crate) fn put_blob(&mut self, name: &str, digest: &str, bytes: Bytes) -> Result<(), Trouble> {
        self.room(bytes.len())?;
        self.open(name).blobs.insert(digest.to_owned(), bytes);
        if !self.first_holds(digest) {
            self.first.insert(digest.to_owned(), name.to_owned());
        }
        Ok(())
    }

    fn first_holds(&self, digest: &str) -> bool {
        let first = self.first.get(digest).and_then(|name| self.repository(name));
        first.is_some_and(|repo| repo.blobs.contains_key(digest))
    }

    /// The repositories that hold a blob: what zot's dedupe cache knows.
    pub(crate) fn holders<'a>(&'a self, digest: &'a str) -> impl Iterator<Item = &'a String> {
        self.repositories.iter().filter(move |(_, repo)| repo.blobs.contains_key(digest)).map(|(name, _)| name)
    }

    /// Links a blob that any repository holds into `name`, creating it, as zot's `CheckBlob` does.
    ///
    /// Once the repository that held it first has lost it, the first question elsewhere finds nothing and mends the
    /// cache, and the next finds it (tried on v2.1.20).
    pub(crate) fn link(&mut self, name: &str, digest: &str) -> Option<Bytes> {
        if let Some(bytes) = self.repository(name).and_then(|repo| repo.blobs.get(digest)) {
            return Some(bytes.clone());
        }
        if self.first.contains_key(digest) && !self.first_holds(digest) {
            self.first.remove(digest);
            return None;
        }
        let bytes = self.repositories.values().find_map(|repo| repo.blobs.get(digest))?.clone();
        self.open(name).blobs.insert(digest.to_owned(), bytes.clone());
        Some(bytes)
    }

    pub(crate) fn manifest(&self, name: &str, reference: &str) -> Result<Manifest, Trouble> {
        let repo = self.repository(name).ok_or(Trouble::NoRepository)?;
        let entry = repo
            .index
            .iter()
            .find(|entry| entry.digest == reference || entry.tag.as_deref() == Some(reference))
            .ok_or(Trouble::NoManifest)?;
        let bytes = repo.blobs.get(&entry.digest).ok_or(Trouble::NoManifest)?.clone();
        Ok(Manifest { digest: entry.digest.clone(), media_type: entry.media_type.clone(), bytes })
    }

    /// Stores a manifest under a tag or its digest, or under its digest and `tags`. Answers its digest.
    pub(crate) fn put_manifest(
        &mut self,
        name: &str,
        reference: &str,
        media_type: &str,
        bytes: &Bytes,
        tags: &[String],
    ) -> Result<String, Trouble> {
        self.room(bytes.len())?;
        // The repository comes to be before the manifest is looked at, also in zot.
        let repo = self.open(name);
        let by_digest = is_digest(reference);
        if by_digest && !has_digest(bytes, reference) {
            return Err(Trouble::BadManifest);
        }
        let digest = if by_digest { reference.to_owned() } else { sha256(bytes) };
        validate(repo, media_type, bytes)?;
        repo.blobs.insert(digest.clone(), bytes.clone());
        let wanted: Vec<Option<String>> = if by_digest && tags.is_empty() {
            vec![None]
        } else if by_digest {
            tags.iter().cloned().map(Some).collect()
        } else {
            vec![Some(reference.to_owned())]
        };
        for tag in wanted {
            let entry = Entry { digest: digest.clone(), media_type: media_type.to_owned(), tag };
            place(&mut repo.index, entry);
        }
        Ok(digest)
    }

    /// By tag: the tag goes and the manifest stays reachable by digest. By digest: all its tags go.
    pub(crate) fn delete_manifest(&mut self, name: &str, reference: &str) -> Result<(), Trouble> {
        let repo = self.repositories.get_mut(name).ok_or(Trouble::NoRepository)?;
        let position = |entry: &Entry| entry.digest == reference || entry.tag.as_deref() == Some(reference);
        let digest = repo.index.iter().find(|entry| position(entry)).ok_or(Trouble::NoManifest)?.digest.clone();
        if is_digest(reference) {
            let part_of_an_index = repo.parsed().any(|(entry, manifest)| {
                entry.digest != digest
                    && entry.media_type == OCI_INDEX
                    && descriptors(&manifest).iter().any(|found| found["digest"] == digest.as_str())
            });
            if part_of_an_index {
                return Err(Trouble::Referenced);
            }
            repo.index.retain(|entry| entry.digest != digest);
            repo.blobs.remove(&digest);
            return Ok(());
        }
        let only = repo.index.iter().filter(|entry| entry.digest == digest).count() == 1;
        if only {
            for entry in repo.index.iter_mut().filter(|entry| entry.digest == digest) {
                entry.tag = None;
            }
        } else {
            repo.index.retain(|entry| entry.tag.as_deref() != Some(reference));
        }
        Ok(())
    }

    pub(crate) fn delete_blob(&mut self, name: &str, digest: &str) -> Result<(), Trouble> {
        let repo = self.repositories.get_mut(name).ok_or(Trouble::NoBlob)?;
        if !repo.blobs.contains_key(digest) {
            return Err(Trouble::NoBlob);
        }
        if repo.references(digest) {
            return Err(Trouble::Referenced);
        }
        repo.blobs.remove(digest);
        Ok(())
    }
}

/// Puts an entry where zot puts it: it replaces the same tag and an untagged entry of the same manifest.
fn place(index: &mut Vec<Entry>, new: Entry) {
    match &new.tag {
        None if index.iter().any(|entry| entry.digest == new.digest) => return,
        None => {}
        Some(_) => index.retain(|entry| entry.tag != new.tag && !(entry.tag.is_none() && entry.digest == new.digest)),
    }
    index.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::storage::manifest::OCI_MANIFEST;

    const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

    fn image(store: &mut Store, name: &str, note: &str) -> Bytes {
        let config = Bytes::from_static(b"{}");
        let digest = sha256(&config);
        store.put_blob(name, &digest, config).unwrap();
        Bytes::from(format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{CONFIG}","digest":"{digest}","size":2}},"layers":[],"annotations":{{"n":"{note}"}}}}"#
        ))
    }

    #[test]
    fn a_moved_tag_no_longer_finds_the_old_manifest() {
        let mut store = Store::default();
        let (one, two) = (image(&mut store, "r", "1"), image(&mut store, "r", "2"));
        let first = store.put_manifest("r", "v1", OCI_MANIFEST, &one, &[]).unwrap();
        store.put_manifest("r", "v1", OCI_MANIFEST, &two, &[]).unwrap();
        assert_eq!(store.manifest("r", &first).unwrap_err(), Trouble::NoManifest);
        assert_eq!(store.repository("r").unwrap().tags(), ["v1"]);
    }

    #[test]
    fn a_blob_that_its_first_repository_lost_is_found_elsewhere_at_the_second_question() {
        let mut store = Store::default();
        let bytes = Bytes::from_static(b"x");
        let digest = sha256(&bytes);
        store.put_blob("first", &digest, bytes).unwrap();
        assert!(store.link("second", &digest).is_some());
        store.delete_blob("second", &digest).unwrap();
        assert!(store.link("second", &digest).is_some(), "the first repository still holds it");
        store.delete_blob("first", &digest).unwrap();
        assert!(store.link("first", &digest).is_none());
        assert!(store.link("first", &digest).is_some());
    }

    #[test]
    fn deleting_the_last_tag_keeps_the_manifest_by_digest() {
        let mut store = Store::default();
        let one = image(&mut store, "r", "1");
        let digest = store.put_manifest("r", "v1", OCI_MANIFEST, &one, &[]).unwrap();
        store.delete_manifest("r", "v1").unwrap();
        assert!(store.repository("r").unwrap().tags().is_empty());
        assert_eq!(store.manifest("r", &digest).unwrap().digest, digest);
    }

    #[test]
    fn a_manifest_with_a_missing_blob_is_refused_and_the_repository_exists_nevertheless() {
        let mut store = Store::default();
        let one = image(&mut store, "elsewhere", "1");
        assert_eq!(store.put_manifest("r", "v1", OCI_MANIFEST, &one, &[]).unwrap_err(), Trouble::BadManifest);
        assert_eq!(store.manifest("r", "v1").unwrap_err(), Trouble::NoManifest);
    }
}
