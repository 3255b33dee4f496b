//! A mount of a blob from another repository succeeds, or the answer lets the client send the blob.
//!
//! ## Why it matters
//!
//! containerd, BuildKit and kaniko first try to mount blobs that they know from another repository. After 201 they send no
//! bytes, and after 202 they send them. Any other answer ends the push: 403 and 400 count as errors of the whole push.
//!
//! ## How it is proven
//!
//! As the identity that pushes, in the scratch repository:
//!
//! 1. The control: an upload starts without a mount, 202.
//! 2. A mount of a blob of the first public repository: 201, or 202 with the location of an upload.
//! 3. A mount of a digest that does not exist, from the same repository: 202 with the location of an upload.
//!
//! A mounted blob is removed where an identity may delete, else listed.
//!
//! ## When it fails
//!
//! 403 or 400: a proxy has a rule for the query `mount`. Or the pusher lacks a right in the source, and the registry does not
//! fall back to an upload. 404: the registry treats a missing source as an error.
//!
//! ## References
//!
//! OCI distribution spec, section Mounting a blob from another repository.

use std::time::Duration;

use anyhow::Context as _;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::PublicRepository],
    effect: Effect::Writes,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::PUSH, rows::PULL, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "a mount succeeds, or falls back to an upload",
    cause: "a proxy refuses the query `mount`, or the registry answers a refused mount with an error",
    remedy: "look at the proxy's rules for POST …/blobs/uploads/?mount=; let the identity that pushes read the repositories that its \
             images share layers with",
};

const PUBLIC: Why<'static> = Why {
    claim: "the public repository has an image with a blob to mount",
    cause: "the repository has no tag, or its tag is no image",
    remedy: "first make `access::anonymous_can_pull` pass",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (writer, scratch) = (cx.writer()?, cx.scratch()?);
    let from = cx.scenario().repositories.public.first().context("no public repository")?;
    let blob = a_blob(cx, from).await.map_err(Failure::into_control)?;
    let plain = writer.post(format!("/v2/{scratch}/blobs/uploads/")).send().await?;
    opened(cx, &plain, scratch).map_err(Failure::into_control)?;
    let mut done = Vec::new();
    for digest in [blob, digest_of(cx.tag("nobodys").as_bytes())] {
        // What a registry mounts stays until somebody removes it.
        let before = done.len();
        let answer = writer.post(format!("/v2/{scratch}/blobs/uploads/?mount={digest}&from={from}")).send().await?;
        answer.expect_status(&[201, 202], &WHY)?;
        if answer.status == 202 {
            opened(cx, &answer, scratch)?;
        } else if before > 0 {
            return Err(WHY.fail("202 for a digest that does not exist", answer.brief(), answer.index));
        } else {
            cx.leaves_blob(scratch, &digest);
        }
        done.push(answer.status.to_string());
    }
    cx.proven(format!("a mount from {from}: {}; of a blob that does not exist: {}", done[0], done[1]));
    Ok(())
}

/// The config or a layer of an image of this repository, whatever comes first.
async fn a_blob(cx: &Cx, repository: &str) -> Result<String, Failure> {
    let reader = cx.reader(repository)?;
    let tag = transfer::some_tag(&reader, repository, &PUBLIC).await?;
    let top = transfer::manifest(&reader, repository, &tag, &PUBLIC).await?;
    let image = transfer::image_of(&reader, repository, top, &PUBLIC).await?;
    let index = image.index;
    let blob = image.blobs().next().map(|blob| blob.digest.clone());
    blob.ok_or_else(|| PUBLIC.fail("a config or a layer", "a manifest without any", index))
}

/// An upload that was started, booked for removal.
fn opened(cx: &Cx, answer: &Answer, scratch: &str) -> Proof {
    answer.expect_status(&[202], &WHY)?;
    let location = answer.expect_upload_location(scratch, &WHY)?;
    cx.leaves_upload(&location);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, errs, fails, proven, vantage};

    const ID: &str = "publish::mounts_do_not_break_a_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        let proven = outcome.proven.unwrap_or_default();
        assert!(proven.contains("201; of a blob that does not exist: 202"), "{proven}");
    }

    #[tokio::test]
    async fn fails_when_a_proxy_refuses_mounts() {
        let finding = fails(ID, Weakness::MountsRefused).await;
        assert!(finding.actual.contains("403"), "{finding:?}");
    }

    #[tokio::test]
    async fn fails_when_a_mount_is_taken_for_a_malformed_request() {
        let outcome = vantage::at_the_proxy(ID, |line| {
            line.contains("mount=").then_some("400 Bad Request\n{\"errors\":[{\"code\":\"UNSUPPORTED\"}]}")
        });
        let outcome = outcome.await;
        let finding = outcome.finding.expect("a Fail has a finding");
        assert_eq!(outcome.verdict, crate::model::outcome::Verdict::Fail, "{finding:?}");
        assert!(finding.actual.contains("400 to POST") && finding.cause.contains("`mount`"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_nothing_can_be_pushed_or_the_registry_is_down() {
        errs(ID, Weakness::CiCannotCreate).await;
        error_when_down(ID).await;
    }
}
