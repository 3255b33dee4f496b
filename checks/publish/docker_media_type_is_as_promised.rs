//! Manifests in Docker's media type are accepted, or refused, as promised.
//!
//! ## Why it matters
//!
//! Classic `docker push` and old build tools send only Docker's media types. Where they are meant to work, a lost `compat` stops
//! them. Where the operator wants only OCI, an accepted Docker manifest has a digest that others cannot reproduce.
//!
//! ## How it is proven
//!
//! As the identity that pushes, in the scratch repository:
//!
//! 1. The control: blobs, and their manifest in OCI's media type under a new tag: accepted.
//! 2. The same image described in Docker's media type under another new tag.
//! 3. Promised `accepted`: 201, and the tag is read back with Docker's media type and the digest that was sent. Promised
//!    `refused`: refused by the registry with 415 or 400, and afterwards there is no such tag.
//!
//! ## When it fails
//!
//! zot's setting `http.compat: ["docker2s2"]` is missing, or is set although the scenario promises `refused`.
//!
//! ## References
//!
//! Docker image manifest V2, schema 2. zot `pkg/compat`, `examples/config-docker-compat.json`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::DockerMediaTypePromise],
    effect: Effect::Writes,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::PUSH, rows::READ_BACK, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "Docker's media type is accepted or refused as promised",
    cause: "http.compat of zot does not say what the scenario promises",
    remedy: "set http.compat to [\"docker2s2\"], or remove it; or correct [content] docker_media_type",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (writer, scratch) = (cx.writer()?, cx.scratch()?);
    let image = Image::tiny(&cx.flavour("docker-media-type"));
    transfer::push_image(cx, &writer, scratch, &cx.tag("oci"), &image, &WHY).await.map_err(Failure::into_control)?;
    let reader = cx.reads_back(cx.scenario().writer(), scratch)?;
    let (tag, manifest) = (cx.tag("docker"), image.docker_manifest());
    cx.leaves(scratch, &tag);
    let target = format!("/v2/{scratch}/manifests/{tag}");
    let answer = writer.put(target).body(DOCKER_TYPE, manifest.clone()).send().await?;
    if cx.scenario().content.docker_media_type == Some(Reception::Accepted) {
        answer.expect_status(&[201], &WHY)?;
        let read = transfer::manifest(&reader, scratch, &tag, &WHY).await?;
        let media_type = read.content.media_type.as_deref().unwrap_or_default();
        if read.digest != digest_of(&manifest) || media_type != DOCKER_TYPE {
            let expected = format!("{} as {DOCKER_TYPE}", digest_of(&manifest));
            return Err(WHY.fail(expected, format_args!("{} as {media_type}", read.digest), read.index));
        }
        cx.pushed_by_the_writer();
        return Ok(());
    }
    cx.proven(format!("asked by {}", cx.scenario().writer().unwrap_or_default()));
    answer.expect_status(&[415, 400], &WHY)?;
    match transfer::left_behind(&reader, scratch, &tag, &WHY).await? {
        None => Ok(()),
        Some(digest) => Err(WHY.fail("no such tag after the refusal", digest, answer.index)),
    }
}

#[cfg(test)]
mod tests {
    use crate::trial::{Setting, Weakness, error_when_down, errs, fails, proven};

    const ID: &str = "publish::docker_media_type_is_as_promised";
    const ACCEPTED: Setting = Setting {
        id: ID,
        weaknesses: &[Weakness::DockerCompatOn],
        change: |text| text.replace("docker_media_type = \"refused\"", "docker_media_type = \"accepted\""),
    };

    #[tokio::test]
    async fn proven_on_the_healthy_lab_and_where_it_is_accepted() {
        proven(ID).await;
        ACCEPTED.proven().await;
    }

    #[tokio::test]
    async fn fails_in_both_directions() {
        fails(ID, Weakness::DockerCompatOn).await;
        let strict = Setting { weaknesses: &[], ..ACCEPTED };
        strict.fails(Weakness::ApikeyOff).await;
    }

    #[tokio::test]
    async fn undecided_when_the_control_fails_or_the_registry_is_down() {
        errs(ID, Weakness::CiCannotCreate).await;
        error_when_down(ID).await;
    }
}
