//! The content of manifests: media types, descriptors, and what zot demands of a manifest before it stores it.

use serde_json::Value;

use crate::lab::storage::{Repository, Trouble};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const NON_DISTRIBUTABLE: &str = "application/vnd.oci.image.layer.nondistributable.";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Everything that a manifest or an index refers to by descriptor.
pub(crate) fn descriptors(manifest: &Value) -> Vec<&Value> {
    let lists = ["layers", "manifests"].into_iter().filter_map(|key| manifest[key].as_array()).flatten();
    manifest.get("config").into_iter().chain(lists).collect()
}

/// Whether a repository has what a manifest refers to.
pub(crate) fn validate(repo: &Repository, media_type: &str, bytes: &[u8]) -> Result<(), Trouble> {
    if ![OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&media_type) {
        // Only a lab that stores everything lets one come this far.
        return Ok(());
    }
    let manifest: Value = serde_json::from_slice(bytes).map_err(|_| Trouble::BadManifest)?;
    if manifest["schemaVersion"] != 2 {
        return Err(Trouble::BadManifest);
    }
    let stored =
        |descriptor: &Value| descriptor["digest"].as_str().is_some_and(|digest| repo.blobs.contains_key(digest));
    let whole = match media_type {
        OCI_MANIFEST | DOCKER_MANIFEST => {
            let shaped = manifest["config"]["digest"].is_string() && manifest["layers"].is_array();
            let kind = manifest["config"]["mediaType"].as_str().unwrap_or_default();
            // zot looks at the blobs of images only, not of other artifacts.
            let image = kind == CONFIG || kind == EMPTY || media_type == DOCKER_MANIFEST;
            // A layer that may not be distributed is only named.
            let named = |descriptor: &Value| {
                descriptor["mediaType"].as_str().is_some_and(|kind| kind.starts_with(NON_DISTRIBUTABLE))
            };
            shaped && (!image || descriptors(&manifest).into_iter().all(|found| named(found) || stored(found)))
        }
        _ => manifest["manifests"].as_array().is_some_and(|list| list.iter().all(stored)),
    };
    if whole { Ok(()) } else { Err(Trouble::BadManifest) }
}
