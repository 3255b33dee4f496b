//! Each identity that may create can push a new tag, and readers can pull it.
//!
//! ## Why it matters
//!
//! Pushing is the registry's purpose. A key may expire, or lose its group at the owner's last login. A proxy may cut it off.
//! Each of these stops every release.
//!
//! ## How it is proven
//!
//! For each identity that is promised to create in the scratch repository:
//!
//! 1. It uploads a tiny image to the scratch repository under a new tag: blobs, then the manifest.
//! 2. The digest that the registry names is the digest of the sent bytes.
//! 3. The manifest is read back by tag and by digest, with every blob, and all bytes are hashed. This needs no credentials where
//!    anonymous clients may read; else the same identity reads.
//! 4. oci-client, a client library in Rust, pushes and pulls another tag with the same key. If the registry names another host
//!    for its tokens, a note says that this step is left out. oci-client would send the key there.
//!
//! ## When it fails
//!
//! 401: the key is wrong, expired or revoked. 403: the user is in no group that may create; groups are those of the last
//! login of the key's owner. 415 or 400: the registry refuses the media type. 413 or a cut: the proxy's body limit.
//!
//! ## References
//!
//! OCI distribution spec, section Push. zot `pkg/api/authn.go` (API keys), `examples/README.md` (accessControl).

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Scratch, Need::Writer], effect: Effect::Writes, usual: Duration::from_millis(150) };

pub(crate) const SENDS: &[Rows] = &[rows::EACH_PUSH, rows::READ_BACK, rows::BUILDKIT, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "each identity that may create can push a new tag",
    // A refused key and a missing right are told by what came back.
    cause: "the registry, or something in front of it, refuses this step of a push",
    remedy: "compare the transcript with the registry's log, and with the proxy's rules for this path and method",
};

const PULL: Why<'static> = Why {
    claim: "a pushed image can be pulled, byte by byte",
    cause: "the registry accepted the push and did not keep it, or readers may not read the scratch repository",
    remedy: "look at the registry's log and storage, and at the policy of the pattern that matches the scratch repository",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (mut worst, mut pushed) = (Ok(()), Vec::new());
    for (number, (name, writer)) in cx.writers()?.into_iter().enumerate() {
        let claim = format!("{name} can push a new tag");
        let proof = pushes(cx, number, name, &writer, &Why { claim: &claim, ..WHY }).await;
        cx.case(format!("pushed by {name}"), &proof);
        pushed.extend(proof.is_ok().then_some(name));
        worst = graver(worst, proof);
    }
    if !pushed.is_empty() {
        cx.proven(format!("pushed by {}", pushed.join(", ")));
    }
    worst
}

async fn pushes(cx: &Cx, number: usize, name: &str, writer: &Client, why: &Why<'_>) -> Proof {
    let scratch = cx.scratch()?;
    let image = Image::tiny(&cx.flavour("api-key-can-push"));
    let tag = cx.tag(&format!("pushed-{number}"));
    transfer::push_image(cx, writer, scratch, &tag, &image, why).await?;
    let anyone = cx.scenario().promise(None, scratch, Action::Read) == Some(true);
    let reader = if anyone { cx.anonymous()? } else { cx.reads_back(Some(name), scratch)? };
    let by_tag = transfer::manifest(&reader, scratch, &tag, &PULL).await?;
    if by_tag.digest != image.digest() {
        return Err(PULL.fail(image.digest(), by_tag.digest, by_tag.index));
    }
    let by_digest = transfer::manifest(&reader, scratch, &image.digest(), &PULL).await?;
    for blob in by_digest.blobs() {
        transfer::blob(cx, &reader, scratch, blob, &PULL).await?;
    }
    let tag = cx.tag(&format!("oci-client-{number}"));
    match oci::round_trip(cx, writer, scratch, &tag).await? {
        oci::Trip::LeftOut(reason) => cx.note(format!("oci-client was left out: {reason}")),
        oci::Trip::Done(digest) => {
            let seen = transfer::manifest(&reader, scratch, &tag, &PULL).await?;
            if seen.digest != digest {
                return Err(PULL.fail(digest, seen.digest, seen.index));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "publish::api_key_can_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert_eq!(outcome.proven.as_deref(), Some("pushed by ci, admin"));
        let who = |name: &str| outcome.transcript.iter().filter(|e| e.method == "PUT" && e.who == name).count();
        assert!(who("ci") > 2 && who("admin") > 2 && who("guest") == 0);
        assert!(!outcome.notes.iter().any(|note| note.contains("left out")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_and_when_the_push_is_lost() {
        let finding = fails(ID, Weakness::CiCannotCreate).await;
        assert!(finding.actual.contains("403") && finding.promise.starts_with("ci can"), "{finding:?}");
        let finding = fails(ID, Weakness::PushAcceptedButLost).await;
        assert!(finding.actual.contains("404"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
