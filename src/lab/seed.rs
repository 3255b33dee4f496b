//! What a lab holds when it starts: a public image with an index, a private one, and the upstream's alpine.

use bytes::Bytes;
use serde_json::{Value, json};

use super::digest::{sha256, sha512};
use super::storage::Store;
use crate::lab::storage::manifest::{OCI_INDEX, OCI_MANIFEST};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The repository that everyone may read.
pub(crate) const PUBLIC: &str = "blumeops/navidrome";
/// The repository that only groups may read.
pub(crate) const PRIVATE: &str = "private/ledger";
/// The tag of the seeded releases.
pub(crate) const RELEASE_TAG: &str = "v0.61.1-abcdef0";

/// The registry's own content.
pub(crate) fn registry(store: &mut Store) {
    let image = image(
        store,
        PUBLIC,
        RELEASE_TAG,
        &[tar("app/navidrome", b"#!/bin/sh\necho navidrome\n"), tar("etc/version", b"0.61.1\n")],
    );
    store_tag(store, PUBLIC, RELEASE_TAG, OCI_MANIFEST, &image);
    store_tag(store, PUBLIC, "latest", OCI_MANIFEST, &image);
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{
        "mediaType": OCI_MANIFEST, "digest": sha256(&image), "size": image.len(),
        "platform": { "architecture": "amd64", "os": "linux" },
    }] });
    store_tag(store, PUBLIC, "v0.61.1-abcdef0-nix", OCI_INDEX, &Bytes::from(index.to_string()));
    let secret = self::image(store, PRIVATE, "v1.0.0-0123456", &[tar("ledger", b"private\n")]);
    store_tag(store, PRIVATE, "v1.0.0-0123456", OCI_MANIFEST, &secret);
}

/// What the cache once pulled from an upstream that has another image under the tag today.
pub(crate) fn cached_long_ago(store: &mut Store) {
    let old = image(store, "docker.io/library/alpine", "3.20", &[tar("etc/alpine-release", b"3.20_rc1\n")]);
    store_tag(store, "docker.io/library/alpine", "3.20", OCI_MANIFEST, &old);
}

/// The private tag as an index, whose image is the one from before.
pub(crate) fn private_index(store: &mut Store) {
    let image = store.manifest(PRIVATE, "v1.0.0-0123456").expect("the registry is seeded with it").bytes;
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{
        "mediaType": OCI_MANIFEST, "digest": sha256(&image), "size": image.len(),
        "platform": { "architecture": "amd64", "os": "linux" },
    }] });
    store_tag(store, PRIVATE, "v1.0.0-0123456", OCI_INDEX, &Bytes::from(index.to_string()));
    // The tag has moved: only its digest names the image now.
    store_tag(store, PRIVATE, &sha256(&image), OCI_MANIFEST, &image);
}

/// One more tag, which fits no release.
pub(crate) fn tagged_by_hand(store: &mut Store) {
    let latest = store.manifest(PUBLIC, "latest").expect("the registry is seeded with it");
    store_tag(store, PUBLIC, "test", OCI_MANIFEST, &latest.bytes);
}

/// `latest` has a layer of 66 MiB that is gone.
pub(crate) fn large_layer_lost(store: &mut Store) {
    let layer = store_blob(store, PUBLIC, &Bytes::from_static(b"what a large layer was"));
    let large = json!({ "mediaType": LAYER, "digest": layer, "size": 66 << 20 });
    let image = image_of(store, PUBLIC, "latest", &[large]);
    store_tag(store, PUBLIC, "latest", OCI_MANIFEST, &image);
    store.open(PUBLIC).blobs.remove(&layer);
}

/// `latest` is what the specifications allow and few images are: an index within an index, an image with a layer that lies
/// elsewhere and one whose digest is of SHA-512. Beside it is the tag by which cosign finds a signature.
pub(crate) fn unusual(store: &mut Store) {
    let bytes = tar("etc/unusual", b"sha512\n");
    let digest = sha512(&bytes);
    let size = bytes.len();
    store.put_blob(PUBLIC, &digest, bytes).expect("the seed fits into an empty store");
    let elsewhere = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": sha256(b"no registry has it"), "size": 18, "urls": ["https://layers.example.test/base.tar.gz"],
    });
    let layers = [json!({ "mediaType": LAYER, "digest": digest, "size": size }), elsewhere];
    let image = image_of(store, PUBLIC, "latest", &layers);
    store_tag(store, PUBLIC, &sha256(&image), OCI_MANIFEST, &image);
    let index = |media_type: &str, bytes: &Bytes| {
        let entry = json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() });
        Bytes::from(json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }).to_string())
    };
    let inner = index(OCI_MANIFEST, &image);
    store_tag(store, PUBLIC, &sha256(&inner), OCI_INDEX, &inner);
    store_tag(store, PUBLIC, "latest", OCI_INDEX, &index(OCI_INDEX, &inner));
    let signature = format!("{}.sig", sha256(&image).replace(':', "-"));
    let signed = self::image(store, PUBLIC, &signature, &[tar("signature", b"a signature\n")]);
    store_tag(store, PUBLIC, &signature, OCI_MANIFEST, &signed);
}

/// The upstream's content.
pub(crate) fn upstream(store: &mut Store) {
    let repo = "library/alpine";
    pulled(store, repo);
    let older = image(store, repo, "3.19", &[tar("etc/alpine-release", b"3.19\n")]);
    store_tag(store, repo, "3.19", OCI_MANIFEST, &older);
}

/// The tag 3.20: byte for byte what the recordings of real zot pulled through.
pub(crate) fn pulled(store: &mut Store, repo: &str) {
    let config = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{}}"#;
    let (config, layer) = (Bytes::from_static(config.as_bytes()), Bytes::from_static(b"upstream-layer"));
    let manifest = format!(
        "{{\"schemaVersion\": 2, \"mediaType\": \"{OCI_MANIFEST}\", \"config\": {{\"mediaType\": \"{CONFIG}\", \
         \"digest\": \"{}\", \"size\": {}}}, \"layers\": [{{\"mediaType\": \"{LAYER}\", \"digest\": \"{}\", \
         \"size\": {}}}]}}",
        sha256(&config),
        config.len(),
        sha256(&layer),
        layer.len()
    );
    for blob in [config, layer] {
        store_blob(store, repo, &blob);
    }
    store_tag(store, repo, "3.20", OCI_MANIFEST, &Bytes::from(manifest));
}

fn store_blob(store: &mut Store, repo: &str, bytes: &Bytes) -> String {
    let digest = sha256(bytes);
    store.put_blob(repo, &digest, bytes.clone()).expect("the seed fits into an empty store");
    digest
}

fn store_tag(store: &mut Store, repo: &str, tag: &str, media_type: &str, manifest: &Bytes) {
    store.put_manifest(repo, tag, media_type, manifest, &[]).expect("the seed is well-formed");
}

fn image(store: &mut Store, repo: &str, version: &str, layers: &[Bytes]) -> Bytes {
    let described: Vec<Value> = layers
        .iter()
        .map(|layer| json!({ "mediaType": LAYER, "digest": store_blob(store, repo, layer), "size": layer.len() }))
        .collect();
    image_of(store, repo, version, &described)
}

fn image_of(store: &mut Store, repo: &str, version: &str, described: &[Value]) -> Bytes {
    let diffs: Vec<&Value> = described.iter().map(|layer| &layer["digest"]).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": diffs },
    });
    let config = Bytes::from(config.to_string());
    let config_digest = store_blob(store, repo, &config);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": { "mediaType": CONFIG, "digest": config_digest, "size": config.len() },
        "layers": described,
        "annotations": { "org.opencontainers.image.version": version },
    });
    Bytes::from(manifest.to_string())
}

/// A tar archive of one file, in the oldest format that every client reads (POSIX ustar).
fn tar(path: &str, content: &[u8]) -> Bytes {
    let mut header = [0_u8; 512];
    let mut field = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    field(0, path.as_bytes());
    field(100, b"0000644\0");
    field(108, b"0000000\0");
    field(116, b"0000000\0");
    field(124, format!("{:011o}\0", content.len()).as_bytes());
    field(136, b"00000000000\0");
    // The checksum is taken with its own field blank.
    field(148, b"        ");
    field(156, b"0");
    field(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive.into()
}
