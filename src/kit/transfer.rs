//! Pushing and pulling over HTTP, as the OCI distribution spec has it, with every byte hashed.
//!
//! Knows how images travel, not what a promise is: each caller says what a failure means.

mod manifest;

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use url::Url;

pub(crate) use manifest::{ACCEPT, Content, Descriptor, Manifest, is_digest, is_referrers_tag, is_tag, whole_manifest};

use crate::check::context::Cx;
use crate::http::{Algorithm, Answer, Client, DOTS, MANIFEST_LIMIT, Origin};
use crate::model::failure::{Failure, Why};
use crate::model::image::{BLOB_TYPE, Image, MANIFEST_TYPE, digest_of};
use crate::scenario::loaded::is_loopback;

/// The most that one blob may have before a check gives up on reading it whole.
pub(crate) const BLOB_LIMIT: u64 = 64 << 20;
/// What comes within the time of any request, over any line.
const QUICK: u64 = 1 << 20;

/// The words of a refusal are often longer than a small blob, and must not hide that it was refused.
const REFUSAL_LIMIT: usize = 64 << 10;

/// How deep indexes may be nested.
pub(crate) const DEEPEST: usize = 3;

/// How much of a blob was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Every byte was hashed.
    Whole,
    /// It is there and has its size; it is too large to be read.
    Size,
    /// It may lie elsewhere and was not asked for.
    Elsewhere,
}

/// The digest of so many dots, as `Request::dots` sends them.
pub(crate) fn dots_digest(size: u64) -> String {
    use sha2::Digest as _;
    let (mut hash, mut left) = (sha2::Sha256::new(), size);
    while left > 0 {
        let piece = left.min(DOTS.len() as u64);
        hash.update(&DOTS[..usize::try_from(piece).unwrap_or(DOTS.len())]);
        left -= piece;
    }
    format!("sha256:{:x}", hash.finalize())
}

/// Uploads one blob: start, then all bytes with the digest.
pub(crate) async fn push_blob(client: &Client, repository: &str, blob: &Bytes, why: &Why<'_>) -> Result<(), Failure> {
    let start = client.post(format!("/v2/{repository}/blobs/uploads/")).send().await?;
    let location = start.expect_status(&[202], why)?.expect_upload_location(repository, why)?;
    let joint = if location.contains('?') { '&' } else { '?' };
    let target = format!("{location}{joint}digest={}", digest_of(blob));
    let end = client.put(target).body(BLOB_TYPE, blob.clone()).send().await?;
    end.expect_status(&[201], why)?;
    Ok(())
}

/// Finishes an upload that a control started, so that none stays open.
pub(crate) async fn finish_upload(
    cx: &Cx,
    client: &Client,
    repository: &str,
    start: &Answer,
    blob: &Bytes,
) -> Result<(), Failure> {
    let why = Why {
        claim: "an upload that was started can be finished",
        cause: "the registry or its proxy loses upload sessions",
        remedy: "look at the registry's log for the upload session",
    };
    let location = start.expect_upload_location(repository, &why)?;
    cx.leaves_upload(&location);
    let joint = if location.contains('?') { '&' } else { '?' };
    let target = format!("{location}{joint}digest={}", digest_of(blob));
    client.put(target).body(BLOB_TYPE, blob.clone()).send().await?.expect_status(&[201], &why)?;
    cx.upload_ended(&location);
    Ok(())
}

/// A tag of a repository: `latest` if there is one, else the last that names an image.
pub(crate) async fn some_tag(client: &Client, repository: &str, why: &Why<'_>) -> Result<String, Failure> {
    let answer = client.get(format!("/v2/{repository}/tags/list")).send().await?;
    answer.expect_status(&[200], why)?;
    let Ok(list) = serde_json::from_slice::<TagList>(&answer.body) else {
        return Err(why.fail("a list of tags", answer.brief(), answer.index));
    };
    // An empty repository keeps and breaks no promise about images.
    usual_tag(list.tags.unwrap_or_default())
        .ok_or_else(|| why.undecided("at least one tag", format_args!("{repository} has none"), answer.index))
}

fn usual_tag(tags: Vec<String>) -> Option<String> {
    // A tag that no client can ask for is of no use, and its name may be anything at all.
    let tags: Vec<String> = tags.into_iter().filter(|tag| is_tag(tag)).collect();
    let last = tags.iter().rev().find(|tag| !is_referrers_tag(tag)).or(tags.last());
    tags.iter().find(|tag| *tag == "latest").or(last).cloned()
}

/// The tags of a repository (OCI distribution spec, section Listing Tags); some registries write null for none.
#[derive(Deserialize)]
pub(crate) struct TagList {
    pub(crate) tags: Option<Vec<String>>,
}

/// Puts a manifest under a tag or digest, whatever the answer.
pub(crate) async fn put_manifest(
    client: &Client,
    repository: &str,
    reference: &str,
    image: &Image,
) -> anyhow::Result<Answer> {
    let target = format!("/v2/{repository}/manifests/{reference}");
    client.put(target).body(MANIFEST_TYPE, image.manifest.clone()).send().await
}

/// Removes a tag by its name; whether the registry does that at all (OCI distribution spec, section Deleting tags).
pub(crate) async fn remove_tag(client: &Client, repository: &str, tag: &str, why: &Why<'_>) -> Result<bool, Failure> {
    let gone = client.delete(format!("/v2/{repository}/manifests/{tag}")).send().await?;
    // docker-registry 2.8 takes the name for a digest that is none.
    if matches!(gone.error_code().as_deref(), Some("UNSUPPORTED" | "DIGEST_INVALID")) {
        return Ok(false);
    }
    gone.expect_status(&[200, 202], why)?;
    Ok(true)
}

/// Uploads the blobs of an image.
pub(crate) async fn push_blobs(client: &Client, repository: &str, image: &Image, why: &Why<'_>) -> Result<(), Failure> {
    let (config, layer) = tokio::join!(
        push_blob(client, repository, &image.config, why),
        push_blob(client, repository, &image.layer, why)
    );
    config.and(layer)
}

/// Pushes a whole image under a tag that did not exist, and books the tag for removal.
pub(crate) async fn push_image(
    cx: &Cx,
    client: &Client,
    repository: &str,
    tag: &str,
    image: &Image,
    why: &Why<'_>,
) -> Result<(), Failure> {
    push_blobs(client, repository, image, why).await?;
    cx.leaves(repository, tag);
    let answer = put_manifest(client, repository, tag, image).await?;
    answer.expect_status(&[201], why)?;
    stored_as(&answer, &image.digest(), why)
}

/// A registry need not say which digest it stored; where it does, it must be ours.
fn stored_as(answer: &Answer, digest: &str, why: &Why<'_>) -> Result<(), Failure> {
    match answer.header("docker-content-digest") {
        Some(other) if other != digest => Err(why.fail(digest, other, answer.index)),
        _ => Ok(()),
    }
}

/// Reads a manifest by tag or digest: bytes hashed, compared with what the answer and the reference say.
pub(crate) async fn manifest(
    client: &Client,
    repository: &str,
    reference: &str,
    why: &Why<'_>,
) -> Result<Manifest, Failure> {
    let answer = get_manifest(client, repository, reference).await?;
    answer.expect_status(&[200], why)?;
    whole_manifest(&answer, reference, why)
}

/// The digest that a tag points at, or nothing if there is no such tag.
pub(crate) async fn tag_digest(
    client: &Client,
    repository: &str,
    tag: &str,
    why: &Why<'_>,
) -> Result<Option<String>, Failure> {
    digest_if_there(&get_manifest(client, repository, tag).await?, tag, why)
}

/// The same, to see what a refused change left behind.
pub(crate) async fn left_behind(
    client: &Client,
    repository: &str,
    tag: &str,
    why: &Why<'_>,
) -> Result<Option<String>, Failure> {
    seen_behind(&get_manifest(client, repository, tag).await?, tag, why)
}

/// A client that is refused a look has seen nothing, neither that the change happened nor that it did not.
fn seen_behind(answer: &Answer, tag: &str, why: &Why<'_>) -> Result<Option<String>, Failure> {
    if !matches!(answer.status, 401 | 403) {
        return digest_if_there(answer, tag, why);
    }
    let blind = Why {
        claim: why.claim,
        cause: "the identity that reads the tag back may not read the scratch repository, although it is promised to",
        remedy: "compare accessControl for the scratch repository with the promise, and restart zot if the file is right",
    };
    let actual = format!("{}: the state of the tag is not known", answer.brief());
    Err(blind.undecided(format_args!("a look at {tag}"), actual, answer.index))
}

/// Only the registry itself can say that there is no such tag.
fn digest_if_there(answer: &Answer, tag: &str, why: &Why<'_>) -> Result<Option<String>, Failure> {
    if answer.status == 404 && crate::http::is_registry_error(answer) {
        return Ok(None);
    }
    answer.expect_status(&[200], why)?;
    Ok(Some(whole_manifest(answer, tag, why)?.digest))
}

async fn get_manifest(client: &Client, repository: &str, reference: &str) -> anyhow::Result<Answer> {
    let target = format!("/v2/{repository}/manifests/{reference}");
    client.get(target).header("Accept", ACCEPT).limit(MANIFEST_LIMIT).send().await
}

/// The image that most clients would take of what they were given: an index is followed, also one within an index.
pub(crate) async fn image_of(
    client: &Client,
    repository: &str,
    mut manifest: Manifest,
    why: &Why<'_>,
) -> Result<Manifest, Failure> {
    for _ in 0..=DEEPEST {
        let Some(entry) = manifest.preferred().map(|entry| entry.digest.clone()) else { return Ok(manifest) };
        manifest = self::manifest(client, repository, &entry, why).await?;
    }
    Err(why.undecided(format_args!("an image within {DEEPEST} indexes"), "one more index", manifest.index))
}

/// Reads an image or index by digest with everything below it, and hashes every byte.
pub(crate) async fn whole(
    cx: &Cx,
    client: &Client,
    repository: &str,
    digest: &str,
    why: &Why<'_>,
) -> Result<(), Failure> {
    let mut waiting = vec![(digest.to_owned(), 0)];
    while let Some((digest, depth)) = waiting.pop() {
        let manifest = manifest(client, repository, &digest, why).await?;
        for blob in manifest.blobs() {
            self::blob(cx, client, repository, blob, why).await?;
        }
        waiting.extend(below(manifest.content, depth));
    }
    Ok(())
}

/// The entries of an index and how deep they are. An index of indexes of indexes is an attack, not an image.
fn below(content: Content, depth: usize) -> impl Iterator<Item = (String, usize)> {
    let entries = if depth < DEEPEST { content.manifests.unwrap_or_default() } else { vec![] };
    entries.into_iter().map(move |entry| (entry.digest, depth + 1))
}

/// Reads a whole blob and hashes it; follows a redirect to a store without credentials. One that is too large to be read is
/// opened, and its size compared: not by HEAD or by a range, with which zot writes where a repository does not hold the blob.
pub(crate) async fn blob(
    cx: &Cx,
    client: &Client,
    repository: &str,
    descriptor: &Descriptor,
    why: &Why<'_>,
) -> Result<Look, Failure> {
    if descriptor.is_elsewhere() {
        return Ok(Look::Elsewhere);
    }
    blob_at(cx, client, &format!("/v2/{repository}/blobs/{}", descriptor.digest), descriptor, why).await
}

/// The same by the path of the blob.
pub(crate) async fn blob_at(
    cx: &Cx,
    client: &Client,
    target: &str,
    descriptor: &Descriptor,
    why: &Why<'_>,
) -> Result<Look, Failure> {
    let mut answer = get_blob(cx, client, target, descriptor).await?;
    for _ in 0..3 {
        let location = answer.header("location").filter(|_| matches!(answer.status, 301..=303 | 307 | 308));
        let Some(location) = location else { break };
        let Ok(url) = answer.url.join(location) else { break };
        let elsewhere = store(cx, client, &url)?;
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        answer = get_blob(cx, &elsewhere, &target, descriptor).await?;
    }
    answer.expect_status(&[200], why)?;
    let size = answer.size;
    match &answer.digest {
        None if size == descriptor.size => Ok(Look::Size),
        Some(digest) if size == descriptor.size && *digest == descriptor.digest => Ok(Look::Whole),
        digest => {
            let expected = format!("{} bytes of {}", descriptor.size, descriptor.digest);
            let of = digest.as_ref().map(|digest| format!(" of {digest}")).unwrap_or_default();
            Err(why.fail(expected, format_args!("{size} bytes{of}"), answer.index))
        }
    }
}

async fn get_blob(cx: &Cx, client: &Client, target: &str, descriptor: &Descriptor) -> anyhow::Result<Answer> {
    // One that stands still ends at once; one that is large on a slow line takes what the check can spare.
    let patience = if descriptor.size > QUICK { cx.time_left() / 2 } else { Duration::ZERO };
    let request = client.get(target).limit(blob_limit(descriptor.size)).patience(patience);
    let request = request.hashed_by(Algorithm::of(&descriptor.digest));
    // What says to be longer than it should be is not the blob, and need not be read to be sure.
    request.opened(descriptor.size.clamp(REFUSAL_LIMIT as u64, BLOB_LIMIT)).send().await
}

/// The most that is read of a blob: one byte more than it should have shows that it is too long.
fn blob_limit(size: u64) -> usize {
    usize::try_from(size.min(BLOB_LIMIT)).unwrap_or(usize::MAX).max(REFUSAL_LIMIT) + 1
}

/// A client for where a redirect leads: the same on its own origin, one without credentials elsewhere.
fn store(cx: &Cx, client: &Client, url: &Url) -> anyhow::Result<Client> {
    if client.origin().owns(url) {
        return Ok(client.clone());
    }
    may_lead_to(client, url)?;
    cx.visitor(Origin::of(url))
}

/// A redirect may lead to another host over https alone, and to this machine only from this machine.
pub(crate) fn may_lead_to(client: &Client, url: &Url) -> anyhow::Result<()> {
    may_lead(client.origin().url(), url)
}

/// The same for where a challenge leads to.
pub(crate) fn may_lead(from: &Url, to: &Url) -> anyhow::Result<()> {
    let safe = if is_loopback(to) { is_loopback(from) } else { to.scheme() == "https" };
    anyhow::ensure!(safe, "{from} leads to plain http or to this machine itself, {to}");
    Ok(())
}

#[cfg(test)]
mod tests;
