//! A tiny image, built in memory and pushed over plain HTTP with a status check at every step.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::http::{Answer, Request};

/// The media type of the manifests here.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// One manifest with its two blobs.
#[derive(Debug, Clone)]
pub struct Image {
    /// The manifest, byte for byte.
    pub manifest: Vec<u8>,
    /// Configuration and layer.
    pub blobs: [Vec<u8>; 2],
}

impl Image {
    /// An image whose digest depends on `content` alone.
    pub fn with_content(content: &str) -> Self {
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "config": {}, "rootfs": { "type": "layers", "diff_ids": [digest(content.as_bytes())] },
        });
        let blobs = [config.to_string().into_bytes(), content.as_bytes().to_vec()];
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &blobs[0]),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &blobs[1])],
        });
        Self { manifest: manifest.to_string().into_bytes(), blobs }
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }

    /// Pushes the blobs and the manifest; panics at the first step that is refused.
    #[track_caller]
    pub fn push(&self, registry: &str, repository: &str, tag: &str, credentials: Option<(&str, &str)>) {
        for blob in &self.blobs {
            push_blob(registry, repository, blob, credentials).must_be(201);
        }
        self.put_manifest(registry, repository, tag, credentials).must_be(201);
    }

    /// Sends the manifest alone.
    pub fn put_manifest(
        &self,
        registry: &str,
        repository: &str,
        reference: &str,
        credentials: Option<(&str, &str)>,
    ) -> Answer {
        Request::new("PUT", &format!("{registry}/v2/{repository}/manifests/{reference}"))
            .credentials(credentials)
            .body(MANIFEST, self.manifest.clone())
            .send()
    }
}

/// Uploads one blob; returns the answer that refused, or the last one.
pub fn push_blob(registry: &str, repository: &str, blob: &[u8], credentials: Option<(&str, &str)>) -> Answer {
    let start = format!("{registry}/v2/{repository}/blobs/uploads/");
    let started = Request::new("POST", &start).credentials(credentials).send();
    if started.status != 202 {
        return started;
    }
    let location = started.header("location").expect("an upload has a location");
    let mut target =
        start.parse::<url::Url>().and_then(|base| base.join(location)).expect("the location is a URL");
    target.query_pairs_mut().append_pair("digest", &digest(blob));
    Request::new("PUT", target.as_str())
        .credentials(credentials)
        .body("application/octet-stream", blob)
        .send()
}

/// The sha256 digest as registries write it.
pub fn digest(content: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(content).iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn descriptor(media_type: &str, blob: &[u8]) -> serde_json::Value {
    json!({ "mediaType": media_type, "digest": digest(blob), "size": blob.len() })
}
