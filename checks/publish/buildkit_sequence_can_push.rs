//! BuildKit's sequence of requests can push a multi-arch index as CI.
//!
//! ## Why it matters
//!
//! `docker buildx`, Dagger and every BuildKit daemon push in their own way. They look up every blob first, and log in only after
//! a challenge. They add a provenance manifest for the platform `unknown/unknown`.
//!
//! ## How it is proven
//!
//! The same requests, in the same order, in the scratch repository:
//!
//! 1. `HEAD blobs/…` without credentials: 200, 404, or 401 with a challenge; then with them: 200 or 404.
//! 2. `POST blobs/uploads/` without credentials: 401 with a challenge. Without a challenge BuildKit gives up.
//! 3. With credentials: `POST`, and one `PUT` with all bytes and the digest.
//! 4. For each manifest of the index `HEAD` and `PUT` by digest; for the index `HEAD` and `PUT` by a new tag.
//! 5. Tag, manifests and blobs are read and hashed. The sequence for the same index again finds everything there: `HEAD` of
//!    the tag answers the digest, so that BuildKit sends nothing.
//!
//! ## When it fails
//!
//! No challenge: a proxy strips WWW-Authenticate. 400 for a manifest: the registry refuses provenance; build with
//! `--provenance=false`. HEAD with a wrong digest: a proxy answers from its cache.
//!
//! ## References
//!
//! BuildKit `util/push/push.go`; containerd `core/remotes/docker/pusher.go`. OCI image spec, section Image Index.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::AnonymousCannotCreate, Need::Writer],
    effect: Effect::Writes,
    usual: Duration::from_millis(120),
};

pub(crate) const SENDS: &[Rows] = &[rows::BUILDKIT, rows::PUSH, rows::READ_BACK, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "BuildKit's sequence of requests can push as CI",
    cause: clients::CAUSE,
    remedy: "first make publish::api_key_can_push pass; then compare the answer above with the answer of the registry behind \
             its proxy",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (writer, scratch) = (cx.writer()?, cx.scratch()?);
    let index = Index::tiny(&cx.flavour("buildkit"));
    for (number, image) in index.images.iter().enumerate() {
        for (kind, blob) in [&image.config, &image.layer].into_iter().enumerate() {
            let target = format!("/v2/{scratch}/blobs/{}", digest_of(blob));
            let first = writer.head(&target).header("Accept", "*/*").without_credential().send().await?;
            first.expect_status(&[200, 404, 401], &WHY)?;
            challenged(&first)?;
            let there = writer.head(&target).header("Accept", "*/*").send().await?;
            there.expect_status(&[200, 404], &WHY)?;
            if (number, kind) == (0, 0) {
                let refused = writer.post(format!("/v2/{scratch}/blobs/uploads/")).without_credential().send().await?;
                refused.expect_status(&[401], &WHY)?;
                challenged(&refused)?;
            }
            transfer::push_blob(&writer, scratch, blob, &WHY).await?;
        }
        let digest = image.digest();
        put(&writer, scratch, &digest, MANIFEST_TYPE, &image.manifest, &digest).await?;
    }
    let (tag, digest) = (cx.tag("index"), index.digest());
    cx.leaves(scratch, &tag);
    put(&writer, scratch, &tag, INDEX_TYPE, &index.bytes, &digest).await?;
    transfer::whole(cx, &writer, scratch, &digest, &WHY).await?;
    let target = format!("/v2/{scratch}/manifests/{tag}");
    let again = writer.head(target).header("Accept", &accept(INDEX_TYPE)).send().await?;
    again.expect_status(&[200], &WHY)?;
    match again.header("docker-content-digest") {
        Some(found) if found == digest => {
            cx.pushed_by_the_writer();
            Ok(())
        }
        found => Err(WHY.fail(digest, found.unwrap_or("no Docker-Content-Digest"), again.index)),
    }
}

/// Asks for a manifest, then puts it, as containerd's pusher does; what is there under the same digest is not sent.
async fn put(
    writer: &Client,
    scratch: &str,
    reference: &str,
    media_type: &str,
    bytes: &bytes::Bytes,
    digest: &str,
) -> Proof {
    let target = format!("/v2/{scratch}/manifests/{reference}");
    let there = writer.head(&target).header("Accept", &accept(media_type)).send().await?;
    there.expect_status(&[200, 404], &WHY)?;
    if there.status == 200 && there.header("docker-content-digest") == Some(digest) {
        return Ok(());
    }
    let sent = writer.put(&target).body(media_type, bytes.clone()).send().await?;
    sent.expect_status(&[201], &WHY)?;
    match sent.header("docker-content-digest") {
        Some(found) if found != digest => Err(WHY.fail(digest, found, sent.index)),
        _ => Ok(()),
    }
}

fn accept(media_type: &str) -> String {
    format!("{media_type}, */*")
}

/// A 401 without a challenge ends BuildKit's push: it would not know how to log in.
fn challenged(answer: &Answer) -> Proof {
    let scheme = answer.header("www-authenticate").and_then(|value| value.split_whitespace().next());
    let known = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"));
    // BuildKit fetches a token then, and pushes with that.
    answer.needs_no_token(&WHY, "a Basic challenge")?;
    if answer.status != 401 || known {
        return Ok(());
    }
    let said = answer.header("www-authenticate").unwrap_or("no WWW-Authenticate");
    Err(WHY.fail("a challenge of a scheme that BuildKit knows", said, answer.index))
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "publish::buildkit_sequence_can_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_when_nobody_is_challenged_and_when_the_push_is_lost() {
        let finding = fails(ID, Weakness::CiCannotCreate).await;
        assert!(finding.actual.contains("403"), "{finding:?}");
        let finding = fails(ID, Weakness::DenialsFromAProxy).await;
        assert!(finding.actual.contains("403"), "{finding:?}");
        fails(ID, Weakness::PushAcceptedButLost).await;
        fails(ID, Weakness::BlobBytesCorrupted).await;
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
