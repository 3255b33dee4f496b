//! The permission oracles: requests that are valid for authorization and invalid for the handler, so that the answer tells
//! the permission and nothing is stored. Facts about zot, tried against v2.1.14, v2.1.15, v2.1.18 and v2.1.20.
//!
//! Sends what `guard` knows as an oracle or as a read, and nothing else.

use crate::guard::ORACLE_TYPE;
use crate::image::digest_of;
use crate::transfer::ACCEPT;
use crate::wire::{Answer, Client, MANIFEST_LIMIT, Request, is_registry_error};
pub(crate) use crate::zot::expect::Oracle;

/// What is known of a repository: what an oracle needs to exist there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    /// A tag other than `latest`, and its digest.
    pub(crate) tag: Option<(String, String)>,
    /// The digest of `latest`.
    pub(crate) latest: Option<String>,
    /// The digest of a small blob.
    pub(crate) blob: Option<String>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Allowed,
    Denied,
    /// Why it says nothing.
    Undecided(String),
}

/// May this client create a tag? Denied 401 or 403; allowed 415, since no registry can store this media type.
pub(crate) async fn create_tag(client: &Client, repository: &str, unused: &str) -> anyhow::Result<Answer> {
    client.put(format!("/v2/{repository}/manifests/{unused}")).body(ORACLE_TYPE, "{}").send().await
}

/// May this client upload? Denied 401 or 403; allowed 405, since `from` without `mount` is no upload.
pub(crate) async fn start_upload(client: &Client, repository: &str) -> anyhow::Result<Answer> {
    client.post(format!("/v2/{repository}/blobs/uploads/?from=x")).send().await
}

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

/// The request of an oracle; nothing where the repository lacks what it needs, or where no harmless request tells it.
pub(crate) fn request<'a>(
    oracle: Oracle,
    client: &'a Client,
    repository: &str,
    subject: &Subject,
    run_id: &str,
) -> Option<Request<'a>> {
    let base = format!("/v2/{repository}");
    let nowhere = digest_of(run_id.as_bytes());
    let session = format!("{base}/blobs/uploads/{}", uuid::Uuid::new_v4());
    let oracle_put = |reference: String| client.put(format!("{base}/manifests/{reference}")).body(ORACLE_TYPE, "{}");
    let any = subject.tag.as_ref().map(|(_, digest)| digest).or(subject.latest.as_ref());
    Some(match oracle {
        Oracle::ReadManifest => {
            let digest = any.unwrap_or(&nowhere);
            client.get(format!("{base}/manifests/{digest}")).header("Accept", ACCEPT).limit(MANIFEST_LIMIT)
        }
        Oracle::ReadBlob => client.get(format!("{base}/blobs/{}", subject.blob.as_ref().unwrap_or(&nowhere))),
        Oracle::ListTags => client.get(format!("{base}/tags/list")),
        Oracle::CreateTag => oracle_put(format!("regproof-{run_id}-oracle")),
        Oracle::UpdateTag => oracle_put(subject.tag.as_ref()?.0.clone()),
        Oracle::UpdateLatest => {
            subject.latest.as_ref()?;
            oracle_put("latest".to_owned())
        }
        Oracle::MoveTagByQuery => {
            let tag = subject.tag.as_ref().map_or("latest", |(tag, _)| tag);
            any?;
            oracle_put(format!("{nowhere}?tag={tag}"))
        }
        Oracle::StartUpload => client.post(format!("{base}/blobs/uploads/?from=x")),
        Oracle::ContinueUpload => {
            client.patch(session).header("Content-Range", "5-1").body("application/octet-stream", "x")
        }
        Oracle::FinishUpload => client.put(session),
        Oracle::DeleteManifest => client.delete(format!("{base}/manifests/{nowhere}")),
        Oracle::DeleteBlob => client.delete(format!("{base}/blobs/notadigest")),
        Oracle::DeleteUpload => client.delete(session),
        // A mount that is allowed mounts, or opens an upload that a create-only key cannot cancel.
        Oracle::MountBlob => return None,
    })
}

/// Reads an answer in zot's dialect.
pub(crate) fn permission(oracle: Oracle, answer: &Answer, anonymous: bool) -> Permission {
    let allowed: &[u16] = match oracle {
        Oracle::ReadManifest | Oracle::ReadBlob | Oracle::ListTags => &[200, 404],
        Oracle::CreateTag | Oracle::UpdateTag | Oracle::UpdateLatest | Oracle::MoveTagByQuery => &[415],
        Oracle::StartUpload => &[405],
        Oracle::ContinueUpload => &[416],
        Oracle::FinishUpload => &[400],
        // 400 where the repository does not exist (NAME_UNKNOWN).
        Oracle::DeleteManifest => &[404, 400],
        Oracle::DeleteBlob | Oracle::DeleteUpload => &[404],
        Oracle::MountBlob => &[],
    };
    if allowed.contains(&answer.status) && !answer.is_html() {
        return Permission::Allowed;
    }
    let denied = if anonymous { 401 } else { 403 };
    if answer.status == denied && is_registry_error(answer) {
        return Permission::Denied;
    }
    let reason = match answer.status {
        401 if !anonymous => "its credentials were refused: the key expired, was revoked, or belongs to another user",
        401 | 403 => "refused, but not in the registry's own words",
        429 => "the registry limits the rate of requests",
        500..=599 => "the registry or its proxy failed",
        _ => "neither the refusal nor the answer to one who may",
    };
    Permission::Undecided(format!("{}: {reason}", answer.brief()))
}
