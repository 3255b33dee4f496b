//! The tiny images that checks push: a few hundred constant bytes, so that runs add nothing but what must be new.
//!
//! Bytes and digests; nothing here talks to a registry.

use std::path::Path;

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The media type of an image manifest (OCI image spec, section Manifest).
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an image index.
pub(crate) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of uploaded bytes.
pub(crate) const BLOB_TYPE: &str = "application/octet-stream";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

/// A manifest with one config and one layer.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) config: Bytes,
    pub(crate) layer: Bytes,
    pub(crate) manifest: Bytes,
}

impl Image {
    /// The image of that flavour; the same flavour has the same bytes, today and on every machine.
    pub(crate) fn tiny(flavour: &str) -> Image {
        Image::with_layer(flavour, empty_tar())
    }

    /// An image whose layer is its own too, for a check that tries to delete the blob.
    pub(crate) fn with_own_layer(flavour: &str) -> Image {
        let mut layer = empty_tar().to_vec();
        // Readers of tar stop at the two empty blocks, so what follows is ignored by them.
        let mut block = format!("regproof {flavour}").into_bytes();
        block.resize(512, 0);
        layer.extend(block);
        Image::with_layer(flavour, Bytes::from(layer))
    }

    fn with_layer(flavour: &str, layer: Bytes) -> Image {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [digest_of(&layer)] },
        });
        let config = Bytes::from(config.to_string());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": { "mediaType": CONFIG_TYPE, "digest": digest_of(&config), "size": config.len() },
            "layers": [{ "mediaType": LAYER_TYPE, "digest": digest_of(&layer), "size": layer.len() }],
            "annotations": { "org.opencontainers.image.title": "regproof", "dev.regproof.flavour": flavour },
        });
        Image { config, layer, manifest: Bytes::from(manifest.to_string()) }
    }

    /// Writes the image as an OCI layout (OCI image spec, section Image Layout) with one name in its index.
    pub(crate) fn write_layout(&self, folder: &Path, name: &str) -> std::io::Result<()> {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs)?;
        for bytes in [&self.config, &self.layer, &self.manifest] {
            std::fs::write(blobs.join(digest_of(bytes).trim_start_matches("sha256:")), bytes)?;
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [{
                "mediaType": MANIFEST_TYPE, "digest": self.digest(), "size": self.manifest.len(),
                "annotations": { "org.opencontainers.image.ref.name": name },
            }],
        });
        std::fs::write(folder.join("index.json"), index.to_string())?;
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// The manifest's digest.
    pub(crate) fn digest(&self) -> String {
        digest_of(&self.manifest)
    }
}

/// The SHA-256 digest of some bytes, as registries write it.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let hash: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hash}")
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
        assert_ne!(Image::with_own_layer("a").layer, Image::with_own_layer("b").layer);
        assert_eq!(digest_of(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
