//! The permission oracles: requests that are valid for authorization and invalid for the handler, so that the answer tells
//! the permission and nothing is stored. Facts about zot, tried against v2.1.14, v2.1.15, v2.1.18 and v2.1.20.
//!
//! Sends what `guard` knows as an oracle, and nothing else.

use crate::guard::ORACLE_TYPE;
use crate::wire::{Answer, Client};

/// May this client move an existing tag? Denied 401 or 403; allowed 415, since no registry can store this media type.
pub(crate) async fn update_tag(client: &Client, repository: &str, tag: &str) -> anyhow::Result<Answer> {
    client.put(format!("/v2/{repository}/manifests/{tag}")).body(ORACLE_TYPE, "{}").send().await
}

/// A manifest that no registry can store, for any target below `/manifests/`.
pub(crate) async fn put_unstorable(client: &Client, target: &str) -> anyhow::Result<Answer> {
    client.put(target).body(ORACLE_TYPE, "{}").send().await
}

/// May this client delete blobs? Denied 401 or 403; allowed 404, since no blob has this name.
pub(crate) async fn delete_blob(client: &Client, repository: &str) -> anyhow::Result<Answer> {
    client.delete(format!("/v2/{repository}/blobs/notadigest")).send().await
}
