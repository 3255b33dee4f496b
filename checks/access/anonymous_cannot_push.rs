//! Pushing needs credentials.
//!
//! ## Why it matters
//!
//! A client that can push can replace what clusters run. A push has several kinds of requests, and each kind has its
//! own rule. So the check sends each kind.
//!
//! ## How it is proven
//!
//! In the scratch repository, each request is sent twice: by an identity that may push (the control), and without
//! credentials. The refusal counts only if the control gets through.
//!
//! 1. `POST blobs/uploads/` (start an upload).
//! 2. `POST blobs/uploads/?digest=…` with all bytes (monolithic upload).
//! 3. `POST blobs/uploads/?mount=…&from=…` (mount).
//! 4. `PUT manifests/…`, by digest, and by a new tag.
//! 5. The first once more with the User-Agent of docker, containerd, containers/image, oras, Helm and Go's own client. A proxy
//!    or a condition may add credentials for them.
//!
//! The refusal must be 401, with a challenge and the registry's error body. Afterwards the tag does not exist. A 401 of a proxy
//! in front counts too, if it asks for a password (Basic). The control got through the same proxy with one. A note says so. A
//! 401 that asks for a token is no refusal, since every client can fetch a token. The check is then undecided.
//!
//! ## When it fails
//!
//! 2xx: `anonymousPolicy` holds `create`, or a policy names the user `""`, which is everyone. A page, or a refusal without
//! the registry's error body: something in front of the registry answers. The registry's own answer is not known.
//!
//! ## References
//!
//! OCI distribution spec, section Push. zot `pkg/api/authz.go`, `DistSpecAuthzHandler`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::AnonymousCannotCreate, Need::Writer],
    effect: Effect::Writes,
    usual: Duration::from_millis(60),
};

pub(crate) const SENDS: &[Rows] = &[rows::PUSH, rows::REFUSED_PUSH, rows::READ_BACK, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "pushing needs credentials",
    cause: "anonymousPolicy holds `create`, or a policy names the empty user, or there is no accessControl at all",
    remedy: "in zot's accessControl, leave anonymousPolicy at [\"read\"] and remove `\"\"` from every `users` list",
};

const CONTROL: Why<'static> = Why { claim: "the control: an identity that may push gets through", ..WHY };

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (anyone, writer, scratch) = (cx.anonymous()?, cx.writer()?, cx.scratch()?);
    let who = cx.scenario().writer().unwrap_or_default();
    let image = Image::tiny(&cx.flavour("anonymous-cannot-push"));
    let uploads = format!("/v2/{scratch}/blobs/uploads/");
    transfer::push_blobs(&writer, scratch, &image, &CONTROL).await.map_err(Failure::into_control)?;

    let start = writer.post(&uploads).send().await?;
    start.expect_control(&[202], who, &WHY)?;
    transfer::finish_upload(cx, &writer, scratch, &start, &image.layer).await?;
    let refused = anyone.post(&uploads).send().await?;
    if let Some(location) = refused.header("location") {
        cx.leaves_upload(location);
    }
    let mut by_proxy = refused.expect_challenged(&WHY)?;

    let monolithic = format!("{uploads}?digest={}", digest_of(&image.layer));
    let control = writer.post(&monolithic).body(BLOB_TYPE, image.layer.clone()).send().await?;
    control.expect_control(&[201, 202], who, &WHY)?;
    if control.status == 202 {
        transfer::finish_upload(cx, &writer, scratch, &control, &image.layer).await?;
    }
    let refused = anyone.post(&monolithic).body(BLOB_TYPE, image.layer.clone()).send().await?;
    by_proxy |= refused.expect_challenged(&WHY)?;

    let mount = format!("{uploads}?mount={}&from={scratch}", digest_of(&image.layer));
    let control = writer.post(&mount).send().await?;
    control.expect_control(&[201, 202], who, &WHY)?;
    if control.status == 202 {
        transfer::finish_upload(cx, &writer, scratch, &control, &image.layer).await?;
    }
    by_proxy |= anyone.post(&mount).send().await?.expect_challenged(&WHY)?;

    as_clients(cx, &anyone, &writer, scratch, &image).await?;
    let digest = image.digest();
    cx.leaves(scratch, &digest);
    let control = transfer::put_manifest(&writer, scratch, &digest, &image).await?;
    control.expect_control(&[201], who, &WHY)?;
    by_proxy |= transfer::put_manifest(&anyone, scratch, &digest, &image).await?.expect_challenged(&WHY)?;

    let tag = cx.tag("by-anyone");
    let refused = transfer::put_manifest(&anyone, scratch, &tag, &image).await?;
    if refused.status < 300 {
        cx.leaves(scratch, &tag);
    }
    by_proxy |= refused.expect_challenged(&WHY)?;
    if by_proxy {
        cx.proven(
            "refused by a proxy in front of the registry, which asks for a password; a client that gets past the proxy \
             may not be refused",
        );
    }
    match transfer::left_behind(&cx.reads_back(Some(who), scratch)?, scratch, &tag, &WHY).await? {
        None => Ok(()),
        Some(digest) => {
            cx.leaves(scratch, &tag);
            Err(WHY.fail("no such tag after the refusal", format_args!("it points at {digest}"), refused.index))
        }
    }
}

/// Starts an upload as each client that pushes.
async fn as_clients(cx: &Cx, anyone: &Client, writer: &Client, scratch: &str, image: &Image) -> Proof {
    let who = cx.scenario().writer().unwrap_or_default();
    let uploads = format!("/v2/{scratch}/blobs/uploads/");
    for (name, agent) in persona::PUSHERS {
        let claim = format!("pushing needs credentials, also with the User-Agent of {name}");
        let why = Why {
            claim: &claim,
            cause: "something in front of the registry adds credentials for this client, or a condition of the policy names it",
            remedy: "remove the rule for this User-Agent: every client can send it",
        };
        let control = writer.post(&uploads).header("User-Agent", agent).send().await?;
        control.expect_control(&[202], who, &why)?;
        transfer::finish_upload(cx, writer, scratch, &control, &image.layer).await?;
        let refused = anyone.post(&uploads).header("User-Agent", agent).send().await?;
        if let Some(location) = refused.header("location") {
            cx.leaves_upload(location);
        }
        refused.expect_challenged(&why)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, errs, fails, proven};

    const ID: &str = "access::anonymous_cannot_push";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn every_upload_that_a_control_began_is_finished() {
        let shown = proven(ID).await.transcript;
        let count = |method: &str, status| {
            let upload = |url: &str| url.contains("/blobs/uploads/");
            shown.iter().filter(|e| e.method == method && e.status == Some(status) && upload(&e.url)).count()
        };
        assert!(count("POST", 202) > 0);
        assert_eq!(count("POST", 202), count("PUT", 201));
    }

    #[tokio::test]
    async fn fails_when_any_one_door_is_open() {
        for weakness in [
            Weakness::AnonymousCanCreate,
            Weakness::MonolithicUploadOpen,
            Weakness::MountOpen,
            Weakness::ManifestPutOpen,
        ] {
            let finding = fails(ID, weakness).await;
            assert!(finding.actual.contains("201") || finding.actual.contains("202"), "{weakness:?}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn fails_when_one_client_is_let_in() {
        let finding = fails(ID, Weakness::KeyLentToDocker).await;
        assert!(finding.promise.contains("User-Agent of docker"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_someone_else_refuses_or_the_control_fails_or_the_registry_is_down() {
        errs(ID, Weakness::DenialsFromAProxy).await;
        errs(ID, Weakness::CiCannotCreate).await;
        error_when_down(ID).await;
    }
}
