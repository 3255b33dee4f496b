//! Manifests as an audit reads them: everything that may be stored under a tag, as tolerant as registries are, and exact in bytes.
//!
//! `transfer` is stricter: it reads what a check has pushed, or what a client could run.

use serde::Deserialize;

use crate::http::Answer;
use crate::model::failure::{Failure, Why};
use crate::model::image::digest_of;

/// More parts than any manifest has; each costs more memory than its text.
const MOST_PARTS: usize = 20_000;

pub(super) const WHY: Why<'static> = Why {
    claim: "every tag and index leads to manifests that exist and match their digest",
    cause: "the storage lost or changed the manifest, garbage collection took it, or something in front answers for the registry",
    remedy: "push the image again, or remove the tag; run zot's scrub over the storage; look at gc and at the last restore",
};

/// What a manifest names.
pub(super) struct Kind {
    pub(super) digest: String,
    pub(super) blobs: Vec<Descriptor>,
    pub(super) manifests: Vec<Descriptor>,
}

/// A content descriptor (OCI image spec, section Descriptor).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Descriptor {
    pub(super) digest: String,
    pub(super) size: u64,
    urls: Option<Vec<String>>,
}

/// An image manifest, an index, or an artifact manifest of the time before OCI 1.1. Go writes null for an empty list.
#[derive(Deserialize)]
struct Content {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Descriptor {
    /// Whether it may lie elsewhere: registries need not hold it (OCI image spec, section Non-Distributable Layers).
    pub(super) fn is_foreign(&self) -> bool {
        self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }

    /// The grammar of a digest (OCI image spec, section Digests), as far as it keeps a path a path.
    pub(super) fn is_well_formed(&self) -> bool {
        let Some((algorithm, encoded)) = self.digest.split_once(':') else { return false };
        let plain = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let whole = algorithm != "sha256" || self.is_sha256();
        self.digest.len() <= 256 && plain(algorithm, "+_-") && plain(encoded, "=_-") && whole
    }

    pub(super) fn is_sha256(&self) -> bool {
        let hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        self.digest.strip_prefix("sha256:").is_some_and(hex)
    }
}

/// Reads an answer as the manifest of a tag, or as the one that an index promised.
pub(super) fn read(answer: &Answer, promised: Option<&Descriptor>) -> Result<Kind, Failure> {
    answer.expect_status(&[200], &WHY)?;
    let digest = digest_of(&answer.body);
    let header = answer.header("docker-content-digest").filter(|header| header.starts_with("sha256:"));
    let named = promised.filter(|promised| promised.is_sha256()).map(|promised| promised.digest.as_str());
    if let Some(named) = named.or(header).filter(|named| *named != digest) {
        return Err(WHY.fail(named, format_args!("bytes whose digest is {digest}"), None));
    }
    if let Some(header) = header.filter(|header| *header != digest) {
        return Err(WHY.fail(&digest, format_args!("Docker-Content-Digest: {header}"), None));
    }
    if let Some(promised) = promised.filter(|promised| promised.size != answer.size) {
        return Err(WHY.fail(format_args!("{} bytes", promised.size), format_args!("{} bytes", answer.size), None));
    }
    let parts = answer.body.windows(8).filter(|bytes| bytes == b"\"digest\"").count();
    if parts > MOST_PARTS {
        return Err(WHY.undecided("a manifest of an image", format_args!("one with {parts} digests"), None));
    }
    let media_type = answer.media_type();
    if media_type.starts_with("application/vnd.docker.distribution.manifest.v1+") {
        let remedy = "push the image again with a current client; registries and clients are dropping this format";
        return Err(Why { remedy, ..WHY }.undecided("an image of a current format", "one of Docker's schema 1", None));
    }
    let Ok(content) = serde_json::from_slice::<Content>(&answer.body) else {
        return Err(WHY.fail("a manifest", format_args!("{}, no manifest", answer.brief()), None));
    };
    if content.media_type.as_deref().is_some_and(|inner| !inner.eq_ignore_ascii_case(&media_type)) {
        let inner = content.media_type.unwrap_or_default();
        return Err(WHY.fail(format_args!("Content-Type {inner:.100}"), format_args!("`{media_type:.100}`"), None));
    }
    let Content { config, layers, blobs, manifests, .. } = content;
    if config.is_none() && layers.is_none() && blobs.is_none() && manifests.is_none() {
        return Err(WHY.fail("a manifest", format_args!("{}, no manifest", answer.brief()), None));
    }
    let blobs = config.into_iter().chain(layers.into_iter().flatten()).chain(blobs.into_iter().flatten()).collect();
    Ok(Kind { digest, blobs, manifests: manifests.unwrap_or_default() })
}
