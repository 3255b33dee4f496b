//! Uploads work: whole, in chunks, and resumed after a break.
//!
//! ## Why it matters
//!
//! A large layer is uploaded in many requests, over minutes. A buffering proxy, a load balancer over two registries, or a
//! `Location` on an inner host breaks such uploads. Small pushes still work.
//!
//! ## How it is proven
//!
//! As the identity that pushes, in the scratch repository:
//!
//! 1. Whole: `POST`, then one `PUT` with all bytes and the digest.
//! 2. In chunks: `POST`, two `PATCH` with `Content-Range`, `PUT` with the digest. Each answer's `Range` says what has arrived.
//! 3. Resumed: after the first chunk another connection asks for the state (`GET` of the upload: 204 and its `Range`). A chunk
//!    at the wrong place is refused with 416. The right one is accepted, and the upload ends.
//! 4. Each time the blob is read back and hashed. Each `Location` stays on the registry's public scheme, host and port.
//!
//! ## When it fails
//!
//! `Location` on another host or http instead of https: the proxy does not pass Host and X-Forwarded-Proto on. 404 in the
//! middle: two registries behind one name share no uploads. A wrong `Range`: bytes were lost or came twice.
//!
//! ## References
//!
//! OCI distribution spec, sections Pushing a blob in chunks and Resuming (Range, Content-Range, 416).

use std::time::Duration;

use bytes::Bytes;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Scratch, Need::Writer], effect: Effect::Writes, usual: Duration::from_millis(120) };

pub(crate) const SENDS: &[Rows] = &[rows::PUSH, rows::STATE_OF_UPLOAD, rows::READ_BACK, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "an upload works whole, in chunks and resumed",
    cause: "the registry or a proxy in front of it loses upload sessions or bytes",
    remedy: "look whether one name leads to several registries, and at the proxy's buffering of requests",
};

const ORDER: Why<'static> = Why {
    claim: "a chunk at the wrong place is refused",
    cause: "the registry accepts chunks in any order and ignores Content-Range (as distribution and docker-registry 2.8 do): \
            an upload that resumes at the wrong place is damaged in silence",
    remedy: "upgrade: distribution v3 refuses such a chunk; clean uploads work, and the digest at the end protects the others",
};

const CHUNK: usize = 1024;

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (writer, scratch) = (cx.writer()?, cx.scratch()?);
    let reader = cx.reads_back(cx.scenario().writer(), scratch)?;
    // What is removed at the end must not be what another run is about to read; what stays must not become more.
    let own = cx.scenario().remover().map_or("", |_| cx.run_id());
    for (way, resumed) in [("whole", None), ("in chunks", Some(false)), ("resumed", Some(true))] {
        let mut text = format!("regproof uploads {way} {own}").into_bytes();
        text.resize(2 * CHUNK, b'.');
        let blob = Bytes::from(text);
        let digest = digest_of(&blob);
        cx.leaves_blob(scratch, &digest);
        let proof = match resumed {
            None => transfer::push_blob(&writer, scratch, &blob, &WHY).await,
            Some(resumed) => in_chunks(cx, scratch, &blob, resumed).await,
        };
        cx.case(format!("uploaded {way}"), &proof);
        proof?;
        let stored = transfer::Descriptor::of(digest, blob.len() as u64);
        transfer::blob(cx, &reader, scratch, &stored, &WHY).await?;
    }
    cx.pushed_by_the_writer();
    Ok(())
}

async fn in_chunks(cx: &Cx, scratch: &str, blob: &Bytes, resumed: bool) -> Proof {
    let writer = cx.writer()?;
    let start = writer.post(format!("/v2/{scratch}/blobs/uploads/")).send().await?;
    let location = start.expect_status(&[202], &WHY)?.expect_upload_location(scratch, &WHY)?;
    cx.leaves_upload(&location);
    let mut next = patch(&writer, scratch, &location, blob, 0).await?;
    let other = cx.writer()?;
    if resumed {
        let state = other.get(&next).send().await?;
        state.expect_status(&[204], &WHY)?;
        arrived(&state, CHUNK)?;
        next = state.expect_upload_location(scratch, &WHY)?;
        let misplaced = chunk(&other, &next, blob, CHUNK + 7, CHUNK - 7).await?;
        misplaced.expect_status(&[416], &ORDER)?;
    }
    let client = if resumed { &other } else { &writer };
    next = patch(client, scratch, &next, blob, CHUNK).await?;
    let joint = if next.contains('?') { '&' } else { '?' };
    let end =
        client.put(format!("{next}{joint}digest={}", digest_of(blob))).body(BLOB_TYPE, Bytes::new()).send().await?;
    end.expect_status(&[201], &WHY)?;
    cx.upload_ended(&location);
    Ok(())
}

/// Sends the chunk that begins at `from`, and tells where the upload goes on.
async fn patch(client: &Client, scratch: &str, location: &str, blob: &Bytes, from: usize) -> Result<String, Failure> {
    let answer = chunk(client, location, blob, from, CHUNK).await?;
    answer.expect_status(&[202], &WHY)?;
    arrived(&answer, from + CHUNK)?;
    answer.expect_upload_location(scratch, &WHY)
}

async fn chunk(client: &Client, location: &str, blob: &Bytes, from: usize, size: usize) -> anyhow::Result<Answer> {
    let range = format!("{from}-{}", from + size - 1);
    let request = client.patch(location).header("Content-Range", &range);
    request.body(BLOB_TYPE, blob.slice(from..from + size)).send().await
}

/// `Range` names the last byte that has arrived; some registries write `bytes=` before it.
fn arrived(answer: &Answer, size: usize) -> Proof {
    let range = answer.header("range").unwrap_or("no Range");
    if range.trim_start_matches("bytes=") == format!("0-{}", size - 1) {
        return Ok(());
    }
    Err(WHY.fail(format_args!("Range: 0-{}", size - 1), range, answer.index))
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, config, error_when_down, fails, proven};

    const ID: &str = "publish::uploads_survive";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert_eq!(proven(ID).await.cases.len(), 3);
    }

    #[tokio::test]
    async fn fails_when_chunks_are_lost_and_when_the_location_leads_elsewhere() {
        let finding = fails(ID, Weakness::ChunksLost).await;
        assert!(finding.actual.contains("404"), "{finding:?}");
        let finding = fails(ID, Weakness::UploadLocationElsewhere).await;
        assert!(finding.actual.contains("registry.invalid"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }

    #[tokio::test]
    async fn who_may_only_create_uploads_and_who_may_read_looks() {
        let outcome = config::run(ID, None, config::ci_may_only_create).await;
        assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
        let looks = outcome.transcript.iter().filter(|e| e.method == "GET" && e.url.contains("/blobs/sha256:"));
        let who: Vec<_> = looks.map(|e| e.who.as_str()).collect();
        assert_eq!(who, ["anonymous"; 3]);
    }
}
