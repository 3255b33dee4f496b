//! Anyone can pull a public image, whole, by tag and by digest.
//!
//! ## Why it matters
//!
//! Clusters and people pull without credentials. A manifest without its layers, or a tag without its digest, breaks their pulls
//! like a registry that is down.
//!
//! ## How it is proven
//!
//! For each public repository, without credentials:
//!
//! 1. `GET tags/list`, and one tag of it (`latest` if there is one, else the last).
//! 2. The manifest by tag: its bytes are hashed and compared with `Docker-Content-Digest`.
//! 3. The manifest by that digest: the same bytes. Of an index, the entry for linux/amd64, also through a nested index.
//! 4. The config and every layer: bytes hashed, sizes compared. A layer over 64 MiB is opened, and its size compared. A layer
//!    with `urls` may lie elsewhere and is not requested.
//!
//! ## When it fails
//!
//! 401: zot's `accessControl.repositories."…".anonymousPolicy` lacks `read`. Or a longer pattern without it matches this
//! repository, and replaces the shorter one. A wrong digest: storage or a proxy changed the bytes; run zot's scrub.
//!
//! ## References
//!
//! OCI distribution spec, section Pulling manifests and blobs. zot `pkg/api/authz.go`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PublicRepository, Need::AnonymousReads],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(50),
};

pub(crate) const SENDS: &[Rows] = &[rows::PULL];

const WHY: Why<'static> = Why {
    claim: "anyone can pull a public image, whole",
    cause: "anonymous clients may not read this repository, or its content is damaged",
    remedy: "look at anonymousPolicy of the longest accessControl pattern that matches the repository; for a wrong \
             digest, look at storage and proxy",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let client = cx.anonymous()?;
    for repository in &cx.scenario().repositories.public {
        let client = &client;
        let whole = |tag: String| async move { pull(cx, client, repository, &tag).await };
        meanwhile::with_a_tag(cx, client, repository, &WHY, whole).await?;
    }
    Ok(())
}

async fn pull(cx: &Cx, client: &Client, repository: &str, tag: &str) -> Proof {
    let by_tag = transfer::manifest(client, repository, tag, &WHY).await?;
    let by_digest = transfer::manifest(client, repository, &by_tag.digest, &WHY).await?;
    let image = transfer::image_of(client, repository, by_digest, &WHY).await?;
    if image.blobs().next().is_none() {
        return Err(WHY.fail("a config and layers", "a manifest without any", image.index));
    }
    for blob in image.blobs() {
        let mebibytes = blob.size >> 20;
        match transfer::blob(cx, client, repository, blob, &WHY).await? {
            transfer::Look::Whole => {}
            transfer::Look::Size => {
                cx.note(format!(
                    "{repository}:{tag}: a layer of {mebibytes} MiB is there; it is too large to be hashed"
                ));
            }
            transfer::Look::Elsewhere => {
                cx.note(format!("{repository}:{tag}: a layer that lies elsewhere by its manifest was not asked for"));
            }
        }
    }
    cx.note(format!("{repository}:{tag} is {}", by_tag.digest));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "access::anonymous_can_pull";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_when_anonymous_cannot_read_and_when_bytes_are_wrong() {
        let finding = fails(ID, Weakness::AnonymousCannotRead).await;
        assert!(finding.actual.contains("401"), "{finding:?}");
        let finding = fails(ID, Weakness::BlobBytesCorrupted).await;
        assert!(finding.actual.contains("bytes of sha256:"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
