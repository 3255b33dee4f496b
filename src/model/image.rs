//! The tiny images that checks push: a few hundred constant bytes, so that runs add nothing but what must be new.
//!
//! Bytes and digests; nothing here talks to a registry.

use std::path::Path;

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256, Sha512};

/// The media type of an image manifest (OCI image spec, section Manifest).
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an image index.
pub(crate) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's media type of an image manifest.
pub(crate) const DOCKER_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of uploaded bytes.
pub(crate) const BLOB_TYPE: &str = "application/octet-stream";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const PROVENANCE_TYPE: &str = "application/vnd.in-toto+json";

/// A manifest with one config and one layer.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) config: Bytes,
    pub(crate) layer: Bytes,
    pub(crate) manifest: Bytes,
}

impl Image {
    /// The image of that flavour; the same flavour has the same bytes, today and on every machine. Another has no blob of it:
    /// checks run at once, and registries have trouble with two uploads of one blob at a time (distribution's storage in files).
    pub(crate) fn tiny(flavour: &str) -> Image {
        Image::built(flavour, ("linux", "amd64"), layer(flavour), LAYER_TYPE)
    }

    /// The provenance that BuildKit puts beside an image by default: a manifest for no platform, with in-toto statements.
    fn provenance(flavour: &str) -> Image {
        let statement = json!({ "_type": "https://in-toto.io/Statement/v0.1", "subject": [{ "name": flavour }] });
        Image::built(flavour, ("unknown", "unknown"), Bytes::from(statement.to_string()), PROVENANCE_TYPE)
    }

    fn built(flavour: &str, (os, architecture): (&str, &str), layer: Bytes, layer_type: &str) -> Image {
        let config = json!({
            "architecture": architecture,
            "os": os,
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [digest_of(&layer)] },
        });
        let config = Bytes::from(config.to_string());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": { "mediaType": CONFIG_TYPE, "digest": digest_of(&config), "size": config.len() },
            "layers": [{ "mediaType": layer_type, "digest": digest_of(&layer), "size": layer.len() }],
            "annotations": { "org.opencontainers.image.title": "regproof", "dev.regproof.flavour": flavour },
        });
        Image { config, layer, manifest: Bytes::from(manifest.to_string()) }
    }

    /// Writes the image as an OCI layout with one name in its index.
    pub(crate) fn write_layout(&self, folder: &Path, name: &str) -> std::io::Result<()> {
        layout(folder, name, MANIFEST_TYPE, &self.manifest, &[&self.config, &self.layer])
    }

    /// The same image described in Docker's own media types (Docker image manifest V2, schema 2).
    pub(crate) fn docker_manifest(&self) -> Bytes {
        let described = |media_type: &str, bytes: &Bytes| json!({ "mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": DOCKER_TYPE,
            "config": described("application/vnd.docker.container.image.v1+json", &self.config),
            "layers": [described("application/vnd.docker.image.rootfs.diff.tar", &self.layer)],
        });
        Bytes::from(manifest.to_string())
    }

    /// The image as `docker save` and Nix's dockerTools write it: one archive of config, layer and `manifest.json`.
    pub(crate) fn docker_archive(&self, name: &str) -> Vec<u8> {
        let config = format!("{}.json", digest_of(&self.config).trim_start_matches("sha256:"));
        let listed = json!([{ "Config": config, "RepoTags": [name], "Layers": ["layer.tar"] }]).to_string();
        let mut archive = Vec::new();
        for (path, bytes) in
            [(config.as_str(), &self.config[..]), ("layer.tar", &self.layer[..]), ("manifest.json", listed.as_bytes())]
        {
            archive.extend(tar_header(path, bytes.len()));
            archive.extend_from_slice(bytes);
            archive.resize(archive.len().next_multiple_of(512), 0);
        }
        archive.extend(empty_tar());
        archive
    }

    /// The manifest's digest.
    pub(crate) fn digest(&self) -> String {
        digest_of(&self.manifest)
    }
}

/// An index: one image for each of two architectures, and the provenance that build tools put beside them.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) images: Vec<Image>,
    pub(crate) bytes: Bytes,
}

impl Index {
    /// The index of that flavour; as for images, the same flavour has the same bytes.
    pub(crate) fn tiny(flavour: &str) -> Index {
        let own = layer(&format!("{flavour} for arm64"));
        let other = Image::built(flavour, ("linux", "arm64"), own, LAYER_TYPE);
        // The first is the image of the same flavour: who pushes both meets it in the registry already.
        let images = vec![Image::tiny(flavour), other, Image::provenance(flavour)];
        let platforms = [("linux", "amd64"), ("linux", "arm64"), ("unknown", "unknown")];
        let entries = images.iter().zip(platforms).map(|(image, (os, architecture))| {
            json!({
                "mediaType": MANIFEST_TYPE, "digest": image.digest(), "size": image.manifest.len(),
                "platform": { "architecture": architecture, "os": os },
            })
        });
        let entries: Vec<serde_json::Value> = entries.collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries });
        Index { images, bytes: Bytes::from(index.to_string()) }
    }

    /// Writes the index as an OCI layout with one name.
    pub(crate) fn write_layout(&self, folder: &Path, name: &str) -> std::io::Result<()> {
        let parts: Vec<&Bytes> = self.images.iter().flat_map(|i| [&i.config, &i.layer, &i.manifest]).collect();
        layout(folder, name, INDEX_TYPE, &self.bytes, &parts)
    }

    /// The index's digest.
    pub(crate) fn digest(&self) -> String {
        digest_of(&self.bytes)
    }
}

/// Writes an OCI layout (OCI image spec, section Image Layout) whose one name is `root`.
fn layout(folder: &Path, name: &str, media_type: &str, root: &Bytes, parts: &[&Bytes]) -> std::io::Result<()> {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs)?;
    for bytes in parts.iter().copied().chain([root]) {
        std::fs::write(blobs.join(digest_of(bytes).trim_start_matches("sha256:")), bytes)?;
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [{
            "mediaType": media_type, "digest": digest_of(root), "size": root.len(),
            "annotations": { "org.opencontainers.image.ref.name": name },
        }],
    });
    std::fs::write(folder.join("index.json"), index.to_string())?;
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
}

/// The header of a file in an archive (POSIX ustar).
fn tar_header(path: &str, size: usize) -> [u8; 512] {
    let mut header = [0_u8; 512];
    let mut field = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    field(0, path.as_bytes());
    field(100, b"0000644\0");
    field(108, b"0000000\0");
    field(116, b"0000000\0");
    field(124, format!("{size:011o}\0").as_bytes());
    field(136, b"00000000000\0");
    // The checksum is taken with its own field blank.
    field(148, b"        ");
    field(156, b"0");
    field(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// The SHA-256 digest of some bytes, as registries write it.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let hash: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hash}")
}

/// An archive with one small file that holds this text.
fn layer(text: &str) -> Bytes {
    let mut archive = tar_header("regproof", text.len()).to_vec();
    archive.extend(text.as_bytes());
    archive.resize(archive.len().next_multiple_of(512), 0);
    archive.extend(empty_tar());
    Bytes::from(archive)
}

/// The digest of some bytes by the algorithm of another digest: SHA-512 where that one is, else SHA-256 (OCI image spec,
/// section Registered Algorithms).
pub(crate) fn digest_like(digest: &str, bytes: &[u8]) -> String {
    if digest.starts_with("sha512:") { format!("sha512:{:x}", Sha512::digest(bytes)) } else { digest_of(bytes) }
}

/// An archive without entries: two empty blocks.
fn empty_tar() -> Bytes {
    Bytes::from_static(&[0; 1024])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_flavour_has_the_same_digest_and_another_has_not() {
        assert_eq!(Image::tiny("a").digest(), Image::tiny("a").digest());
        assert_ne!(Image::tiny("a").digest(), Image::tiny("b").digest());
        assert_ne!(Image::tiny("a").layer, Image::tiny("b").layer);
        let (image, index) = (Image::tiny("a"), Index::tiny("a"));
        assert_eq!(index.images[0].digest(), image.digest());
        assert_ne!(index.images[1].layer, image.layer);
        assert_eq!(digest_of(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
