//! The real skopeo can push as CI, with its login in a file.
//!
//! ## Why it matters
//!
//! Clients differ: in how they ask for a login, in the media types they send, in what they take for success. CI's Nix path
//! pushes with skopeo; only skopeo can show that it works.
//!
//! ## How it is proven
//!
//! 1. A tiny image is written as an OCI layout into a private folder, and the identity's login into a file beside it that
//!    nobody else may read: nothing secret is on the command line or in the environment.
//! 2. `skopeo copy` pushes it to the scratch repository under a new tag.
//! 3. Its exit status is not believed: the tag is read over HTTP, and its digest is the one that was pushed.
//!
//! ## When it fails
//!
//! `unauthorized` although the API-key push works: `/v2/` answers 200 without a challenge, so clients send no login; let the
//! proxy pass WWW-Authenticate on. Otherwise as for `publish::api_key_can_push`.
//!
//! ## References
//!
//! skopeo-copy(1), containers-auth.json(5). OCI image spec, section Image Layout.

use std::time::Duration;

use crate::check::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::Program("skopeo")],
    effect: Effect::Writes,
    usual: Duration::from_millis(400),
};

const WHY: Why<'static> = Why {
    claim: "skopeo can push a new tag as CI",
    cause: "the key is refused, or `/v2/` answers without a challenge so that skopeo sends no login",
    remedy: "first make publish::api_key_can_push pass; then let the proxy pass WWW-Authenticate of GET /v2/ on",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (writer, scratch) = (cx.writer()?, cx.scratch()?);
    let workshop = Workshop::new()?;
    let image = Image::tiny("skopeo");
    let layout = workshop.path("image");
    image.write_layout(&layout, "it")?;
    let login = workshop.log_in(&writer)?;
    let version = workshop.run(cx, "skopeo", &["--version"]).await?;
    cx.note(version.stdout.trim());
    let tag = cx.tag("pushed");
    let origin = writer.origin().url();
    let host = &origin[url::Position::BeforeHost..url::Position::AfterPort];
    let (source, destination) = (format!("oci:{}:it", layout.display()), format!("docker://{host}/{scratch}:{tag}"));
    let (login, verify) = (login.display().to_string(), format!("--dest-tls-verify={}", origin.scheme() == "https"));
    let mut arguments = vec!["--insecure-policy", "copy", "--quiet", "--preserve-digests", &verify];
    arguments.extend(["--dest-authfile", &login]);
    let certificates = workshop.certificates(cx)?;
    if let Some(folder) = &certificates {
        arguments.extend(["--dest-cert-dir", folder]);
    }
    arguments.extend([source.as_str(), destination.as_str()]);
    cx.leaves(scratch, &tag);
    let ended = workshop.run(cx, "skopeo", &arguments).await?;
    let seen = transfer::tag_digest(&writer, scratch, &tag, &WHY).await?;
    if !ended.success {
        return Err(failure(&ended));
    }
    match seen {
        Some(digest) if digest == image.digest() => Ok(()),
        other => Err(WHY.fail(image.digest(), other.as_deref().unwrap_or("no such tag"), ended.index)),
    }
}

/// What skopeo said: a refusal by the registry is a Fail, anything else proves nothing about it.
fn failure(ended: &Ended) -> Failure {
    let said = ended.stderr.trim().lines().last().unwrap_or_default();
    let actual = format!("{}: {said}", ended.status);
    let refused = ["unauthorized", "denied", "authentication required", "status: 4", "manifest invalid"];
    if refused.iter().any(|word| said.to_ascii_lowercase().contains(word)) {
        WHY.fail("exit status 0", actual, ended.index)
    } else {
        WHY.undecided("exit status 0", actual, ended.index)
    }
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "publish::skopeo_can_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert!(outcome.notes.iter().any(|note| note.starts_with("skopeo version")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_ci_cannot_create_and_when_the_push_is_lost() {
        let finding = fails(ID, Weakness::CiCannotCreate).await;
        assert!(finding.actual.contains("denied"), "{finding:?}");
        fails(ID, Weakness::PushAcceptedButLost).await;
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
