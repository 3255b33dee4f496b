//! The pull-through cache: fetches from the upstream what is asked for under `docker.io/`, checks it, and stores it.
//!
//! What does not have its digest is never stored. Where the upstream fails, the local copy is served, as zot does.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use serde_json::Value;

use super::digest::{has_digest, is_digest, sha256};
use super::state::{Shared, held};

const PREFIX: &str = "docker.io/";
/// One image, with everything below it.
const DEADLINE: Duration = Duration::from_secs(30);
const MOST_BLOB: usize = 64 * 1024 * 1024;
/// An index of indexes of indexes is an attack, not an image.
const DEEPEST: usize = 4;

/// The name of a repository at the upstream, if it is one of the cache.
pub(crate) fn upstream_name(repo: &str) -> Option<&str> {
    repo.strip_prefix(PREFIX)
}

/// Brings a manifest up to date: a tag always, a digest where it is missing.
pub(crate) async fn refresh(shared: &Shared, repo: &str, reference: &str) {
    let Some(name) = upstream_name(repo).filter(|_| shared.config.sync) else {
        return;
    };
    if is_digest(reference) && held(&shared.store).manifest(repo, reference).is_ok() {
        return;
    }
    let pulled = tokio::time::timeout(DEADLINE, pull(shared, repo, name, reference)).await;
    match pulled {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(repo, reference, error, "failed to sync image"),
        Err(_) => tracing::debug!(repo, reference, "failed to sync image in time"),
    }
}

async fn pull(shared: &Shared, repo: &str, name: &str, reference: &str) -> Result<(), String> {
    // Parents are stored after what they refer to, so that a half-finished pull shows nothing.
    let mut waiting = vec![(reference.to_owned(), 0)];
    let mut manifests: Vec<(String, String, Bytes)> = Vec::new();
    while let Some((wanted, depth)) = waiting.pop() {
        if depth > DEEPEST {
            return Err("the image is nested too deeply".to_owned());
        }
        let (media_type, bytes) = fetch(shared, &format!("{name}/manifests/{wanted}")).await?;
        if is_digest(&wanted) && !has_digest(&bytes, &wanted) {
            return Err(format!("the manifest {wanted} does not have its digest"));
        }
        let manifest: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        for child in manifest["manifests"].as_array().into_iter().flatten() {
            waiting.push((child["digest"].as_str().unwrap_or_default().to_owned(), depth + 1));
        }
        for part in manifest["layers"].as_array().into_iter().flatten().chain(manifest.get("config")) {
            blob(shared, repo, name, part["digest"].as_str().unwrap_or_default()).await?;
        }
        manifests.push((wanted, media_type, bytes));
    }
    for (wanted, media_type, bytes) in manifests.into_iter().rev() {
        held(&shared.store)
            .put_manifest(repo, &wanted, &media_type, &bytes, &[])
            .map_err(|trouble| format!("{} cannot be stored: {trouble:?}", sha256(&bytes)))?;
    }
    Ok(())
}

async fn blob(shared: &Shared, repo: &str, name: &str, digest: &str) -> Result<(), String> {
    let here = held(&shared.store).repository(repo).is_some_and(|found| found.blobs.contains_key(digest));
    if here {
        return Ok(());
    }
    let (_, bytes) = fetch(shared, &format!("{name}/blobs/{digest}")).await?;
    if !is_digest(digest) || !has_digest(&bytes, digest) {
        return Err(format!("the blob {digest} does not have its digest"));
    }
    held(&shared.store).put_blob(repo, digest, bytes).map_err(|trouble| format!("{digest}: {trouble:?}"))
}

async fn fetch(shared: &Shared, path: &str) -> Result<(String, Bytes), String> {
    let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*";
    let request = Request::get(format!("{}/v2/{path}", shared.config.upstream))
        .header("accept", accept)
        .body(Body::empty())
        .map_err(|error| error.to_string())?;
    let response: Response<_> = shared.client.request(request).await.map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("the upstream answered {} to {path}", response.status()));
    }
    let media_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.to_owned();
    let bytes = axum::body::to_bytes(Body::new(response.into_body()), MOST_BLOB).await.map_err(|e| e.to_string())?;
    Ok((media_type, bytes))
}
