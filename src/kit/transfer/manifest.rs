//! Manifests, descriptors, tags and digests: what they must be before anything below them is read.
//!
//! Pure; `transfer` asks for them.

use serde::Deserialize;

use crate::http::Answer;
use crate::model::failure::{Failure, Why};
use crate::model::image::{INDEX_TYPE, digest_like};

/// What current clients say they accept.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// More parts than any manifest has; each costs more memory than its text.
pub(super) const MOST_PARTS: usize = 20_000;

/// The media types of indexes, of OCI and of Docker.
const INDEXES: [&str; 2] = [INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json"];

/// A manifest whose digest, length and media type were checked.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) digest: String,
    pub(crate) content: Content,
    pub(crate) media_type: String,
    pub(crate) index: usize,
}

/// The parts of a manifest or index that checks look at.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Content {
    #[serde(rename = "mediaType")]
    pub(crate) media_type: Option<String>,
    pub(crate) config: Option<Descriptor>,
    #[serde(default)]
    pub(crate) layers: Vec<Descriptor>,
    /// The entries of an index, which may have none.
    pub(crate) manifests: Option<Vec<Descriptor>>,
}

/// A content descriptor (OCI image spec, section Descriptor).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Descriptor {
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
    #[serde(rename = "mediaType", default)]
    pub(crate) media_type: String,
    #[serde(default)]
    pub(super) urls: Option<Vec<String>>,
}

/// What an image is for (OCI image spec, section Image Index); all else that stands there is not kept.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Platform {
    pub(super) os: Option<String>,
    pub(super) architecture: Option<String>,
}

impl Descriptor {
    /// A blob of this digest and size, for a check that pushed it.
    pub(crate) fn of(digest: String, size: u64) -> Descriptor {
        Descriptor { digest, size, platform: None, media_type: String::new(), urls: None }
    }

    /// Whether it may lie elsewhere, so that no registry has to hold it (OCI image spec, sections Descriptor, `urls`, and
    /// Non-Distributable Layers; Docker's foreign layers).
    pub(super) fn is_elsewhere(&self) -> bool {
        let kind = self.media_type.as_str();
        self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
            || kind.starts_with("application/vnd.oci.image.layer.nondistributable.")
            || kind.starts_with("application/vnd.docker.image.rootfs.foreign.")
    }
}

/// The grammar of a tag (OCI distribution spec, section Pulling manifests).
pub(crate) fn is_tag(text: &str) -> bool {
    let of_tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(of_tag) && !text.starts_with(['.', '-'])
}

/// The digests that this program can recompute (OCI image spec, section Registered Algorithms).
pub(crate) fn is_digest(text: &str) -> bool {
    let hex = |hex: &str, length| hex.len() == length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match text.split_once(':') {
        Some(("sha256", encoded)) => hex(encoded, 64),
        Some(("sha512", encoded)) => hex(encoded, 128),
        _ => false,
    }
}

/// Whether a tag is the name by which tools find what refers to a digest, and no release: the referrers tag of the OCI
/// distribution spec (section Referrers Tag Schema), and cosign's `sha256-….sig`, `.att` and `.sbom`.
pub(crate) fn is_referrers_tag(tag: &str) -> bool {
    let name = tag.split_once('.').map_or(tag, |(name, _)| name);
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // The schema cuts what follows the algorithm at 64 characters.
    ["sha256-", "sha512-"]
        .iter()
        .any(|start| name.strip_prefix(start).is_some_and(|rest| rest.len() == 64 && hex(rest)))
}

/// Reads an answer as the manifest of a tag or digest.
pub(crate) fn whole_manifest(answer: &Answer, reference: &str, why: &Why<'_>) -> Result<Manifest, Failure> {
    let promised = answer.header("docker-content-digest").filter(|_| !answer.is_html());
    // By the algorithm that it is asked by, else by the one that the registry names it by.
    let digest =
        digest_like(if reference.contains(':') { reference } else { promised.unwrap_or_default() }, &answer.body);
    if reference.contains(':') && reference != digest {
        return Err(why.fail(reference, format_args!("bytes whose digest is {digest}"), answer.index));
    }
    if let Some(promised) = promised
        && promised != digest
    {
        return Err(why.fail(promised, format_args!("bytes whose digest is {digest}"), answer.index));
    }
    let parts = answer.body.windows(8).filter(|bytes| bytes == b"\"digest\"").count();
    if parts > MOST_PARTS {
        return Err(why.fail("a manifest of an image", format_args!("one with {parts} digests"), answer.index));
    }
    let media_type = answer.media_type();
    let Ok(content) = serde_json::from_slice::<Content>(&answer.body) else {
        return Err(why.fail("a manifest", format_args!("{}, no manifest", answer.brief()), answer.index));
    };
    if !ACCEPT.split(", ").any(|accepted| accepted == media_type) {
        return Err(why.fail(format_args!("Content-Type: one of {ACCEPT}"), format!("`{media_type}`"), answer.index));
    }
    if content.media_type.as_deref().is_some_and(|inner| inner != media_type) {
        let inner = content.media_type.unwrap_or_default();
        return Err(why.fail(format_args!("Content-Type {inner}"), media_type, answer.index));
    }
    let no_index = content.manifests.is_none() || !INDEXES.contains(&media_type.as_str());
    if no_index && content.config.is_none() {
        return Err(why.fail("a manifest with a config, or an index", answer.brief(), answer.index));
    }
    let mut named = content.config.iter().chain(&content.layers).chain(content.manifests.iter().flatten());
    if let Some(wrong) = named.find(|descriptor| !is_digest(&descriptor.digest)) {
        let length = wrong.digest.len();
        // Not cut: what is cut off could be the half of a secret that the redactor needs to know it by.
        let actual = if length > 200 { format!("one of {length} bytes") } else { format!("`{}`", wrong.digest) };
        return Err(why.fail("descriptors with a sha256 or sha512 digest", actual, answer.index));
    }
    Ok(Manifest { digest, content, media_type, index: answer.index })
}

impl Manifest {
    /// The entry of an index that most clients would take: linux on amd64, else the first.
    pub(crate) fn preferred(&self) -> Option<&Descriptor> {
        let usual = |entry: &&Descriptor| {
            let platform = entry.platform.as_ref();
            platform.is_some_and(|p| p.os.as_deref() == Some("linux") && p.architecture.as_deref() == Some("amd64"))
        };
        let manifests = self.entries();
        manifests.iter().find(usual).or(manifests.first())
    }

    /// The entries of an index.
    pub(crate) fn entries(&self) -> &[Descriptor] {
        self.content.manifests.as_deref().unwrap_or_default()
    }

    /// Whether it is in Docker's format.
    pub(crate) fn is_docker(&self) -> bool {
        self.media_type.starts_with("application/vnd.docker.")
    }

    /// Config and layers.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.content.config.iter().chain(&self.content.layers)
    }
}
