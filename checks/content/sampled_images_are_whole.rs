//! Images of the public repositories are whole: manifest, config and every layer, byte for byte.
//!
//! ## Why it matters
//!
//! A disk loses a block, a garbage collector takes too much, a restore misses a folder. The registry still lists the tag, and
//! the next node that pulls it fails.
//!
//! ## How it is proven
//!
//! For each repository in `[repositories] public`, an identity that may read asks for three random tags. Each run draws others;
//! the same run on another machine draws the same.
//!
//! 1. The manifest, hashed; for an index, those of all its platforms.
//! 2. The config and every layer, hashed while they are read, and their sizes compared. Each blob once.
//! 3. Up to 64 MiB in one blob; a larger one is opened, and its size compared. Up to 256 MiB in one run; the rest is left out,
//!    and the notes say how much. Layers with `urls` may lie elsewhere and are not requested.
//!
//! ## When it fails
//!
//! 404: the blob is gone. Push the image again, and look at gc and at the last restore. Another digest: the storage or
//! something in between changed the bytes; `zot scrub` on the storage tells which.
//!
//! ## References
//!
//! OCI image spec, sections Manifest, Index and Descriptor. zot documentation, extension scrub.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PublicRepository, Need::PublicReader],
    effect: Effect::ReadOnly,
    usual: Duration::from_secs(2),
};

pub(crate) const SENDS: &[Rows] = &[rows::PULL];

const WHY: Why<'static> = Why {
    claim: "images of the public repositories are whole",
    cause: "the storage lost or changed bytes, or garbage collection took what a manifest still names",
    remedy: "push the image again; run zot's scrub over the storage; look at gc and at the last restore",
};

const SAMPLES: usize = 3;
const BUDGET: u64 = 256 << 20;

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (mut sample, mut images) = (Sample::default(), 0);
    for repository in &cx.scenario().repositories.public {
        let client = cx.reader(repository)?;
        let mut tags = listing::tags(&client, repository, &WHY).await?;
        if tags.is_empty() {
            return Err(WHY.undecided("at least one tag", format_args!("{repository} has none"), None));
        }
        tags.sort_by_cached_key(|tag| digest_of(format!("{} {tag}", cx.run_id()).as_bytes()));
        let mut seen = BTreeSet::new();
        let (mut whole, mut moved) = (0, Vec::new());
        for tag in &tags {
            if whole == SAMPLES {
                break;
            }
            match image(cx, &client, repository, tag, &mut sample, &mut seen).await {
                Err(Failure::Fail(fault)) => match meanwhile::since(cx, &client, repository, tag).await {
                    meanwhile::Since::Same => return Err(Failure::Fail(fault)),
                    // What others moved or deleted meanwhile is no finding, and says nothing about the others.
                    meanwhile::Since::Moved => {
                        moved.push(tag.clone());
                        continue;
                    }
                    meanwhile::Since::Back => return Err(meanwhile::torn(repository, tag, &WHY)),
                },
                proof => proof?,
            }
            whole += 1;
        }
        if whole == 0 {
            return Err(meanwhile::unsteady(repository, &WHY));
        }
        meanwhile::stays_moved(cx, &client, repository, &moved, &WHY).await?;
        images += whole;
    }
    cx.measure("content_hashed_bytes", "", sample.hashed as f64);
    let Sample { hashed, sized, elsewhere, left_out } = sample;
    cx.note(format!(
        "{}; {hashed} bytes hashed; {sized} large blobs there with their size; {elsewhere} that may lie elsewhere; \
         {left_out} blobs left out above 256 MiB",
        count(images, "image")
    ));
    Ok(())
}

/// What was read so far.
#[derive(Default)]
struct Sample {
    hashed: u64,
    /// Too large to be read, but there with their size.
    sized: usize,
    /// That may lie elsewhere.
    elsewhere: usize,
    left_out: usize,
}

/// Reads one image whole, but for blobs that were read before.
async fn image(
    cx: &Cx,
    client: &Client,
    repository: &str,
    tag: &str,
    sample: &mut Sample,
    seen: &mut BTreeSet<String>,
) -> Proof {
    let mut waiting = vec![transfer::manifest(client, repository, tag, &WHY).await?];
    while let Some(manifest) = waiting.pop() {
        for blob in manifest.blobs().filter(|blob| seen.insert(blob.digest.clone())) {
            if blob.size <= transfer::BLOB_LIMIT && sample.hashed + blob.size > BUDGET {
                sample.left_out += 1;
                continue;
            }
            match transfer::blob(cx, client, repository, blob, &WHY).await? {
                transfer::Look::Whole => sample.hashed += blob.size,
                transfer::Look::Size => sample.sized += 1,
                transfer::Look::Elsewhere => sample.elsewhere += 1,
            }
        }
        for entry in manifest.entries() {
            if seen.insert(entry.digest.clone()) {
                waiting.push(transfer::manifest(client, repository, &entry.digest, &WHY).await?);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "content::sampled_images_are_whole";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert!(outcome.measures[0].value > 1000.0, "{:?}", outcome.notes);
        assert!(outcome.notes[0].contains("3 images") && outcome.notes[0].contains(" 0 blobs"), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_bytes_changed() {
        let finding = fails(ID, Weakness::BlobBytesCorrupted).await;
        assert!(finding.remedy.contains("scrub"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
