//! CI cannot delete an existing tag, manifest or blob.
//!
//! ## Why it matters
//!
//! A tag that can be deleted and pushed anew is not immutable. Each of the three requests has its own rule. Registries have
//! forgotten one or another (CVE-2026-41888 in distribution, PROJQUAY-10504 in Quay).
//!
//! ## How it is proven
//!
//! In the scratch repository, by each identity that may create and nothing more:
//!
//! 1. The control: it pushes a new tag of an image that no other tag has, so the key works.
//! 2. `DELETE manifests/<tag>`, `DELETE manifests/<digest>`, `DELETE blobs/<digest>` of its layer: refused.
//!    Where zot refuses a delete with 405, a request with an impossible digest shows the permission.
//! 3. After each: the tag, the manifest and the blob are still there, with the same bytes. The state decides.
//!
//! A registry with deletes switched off refuses everyone. So, if the scenario has an identity that may delete, its clean-up of
//! the same tag is the control.
//!
//! ## When it fails
//!
//! The group of the CI user, or `defaultPolicy`, holds `delete`; or `adminPolicy` matches the CI user.
//!
//! ## References
//!
//! OCI distribution spec, section Content Management. zot `pkg/api/authz.go`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Scratch, Need::Creator], effect: Effect::Writes, usual: Duration::from_millis(100) };

pub(crate) const SENDS: &[Rows] =
    &[rows::PUSH, rows::CREATOR_PUSH, rows::REFUSED_DELETE, rows::READ_BACK, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "CI cannot delete an existing tag, manifest or blob",
    cause: "a policy that matches the CI user (its group, defaultPolicy or adminPolicy) holds `delete`",
    remedy: "leave [\"read\", \"create\"] to the CI group in zot's accessControl",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (mut worst, mut kept_out) = (Ok(()), Vec::new());
    for (number, (name, ci)) in cx.creators()?.into_iter().enumerate() {
        let proof = keeps(cx, number, name, &ci).await;
        cx.case(format!("not deleted by {name}"), &proof);
        kept_out.extend(proof.is_ok().then_some(name));
        worst = graver(worst, proof);
    }
    if !kept_out.is_empty() {
        let control =
            if cx.scenario().remover().is_some() { "" } else { "; no identity may delete, so there was no control" };
        cx.proven(format!("not deleted by {}{control}", kept_out.join(", ")));
    }
    worst
}

async fn keeps(cx: &Cx, number: usize, name: &str, ci: &Client) -> Proof {
    let scratch = cx.scratch()?;
    let reader = cx.reads_back(Some(name), scratch)?;
    let image = Image::tiny(&format!("deleted-{number}-{}", cx.run_id()));
    let tag = cx.tag(&format!("deleted-{number}"));
    transfer::push_image(cx, ci, scratch, &tag, &image, &WHY).await.map_err(Failure::into_control)?;
    for what in [
        format!("manifests/{tag}"),
        format!("manifests/{}", image.digest()),
        format!("blobs/{}", digest_of(&image.layer)),
    ] {
        let answer = ci.delete(format!("/v2/{scratch}/{what}")).send().await?;
        let there = transfer::left_behind(&reader, scratch, &tag, &WHY).await?;
        if there.as_deref() != Some(&image.digest()) {
            let actual = there.map_or_else(|| "the tag is gone".to_owned(), |digest| format!("the tag is at {digest}"));
            return Err(WHY.fail(format_args!("{tag} still there after DELETE {what}"), actual, answer.index));
        }
        let manifest = transfer::manifest(&reader, scratch, &image.digest(), &WHY).await?;
        for blob in manifest.blobs() {
            transfer::blob(cx, &reader, scratch, blob, &WHY).await?;
        }
        answer.expect_denied(&WHY)?;
        if answer.status == 405 && answer.error_code().as_deref() != Some("UNSUPPORTED") {
            // UNSUPPORTED is said to everyone where deletes are switched off. zot says DENIED, to those who may delete, of a
            // blob that a manifest still needs: that tells no permission.
            oracle::delete_blob(ci, scratch).await?.expect_denied(&WHY)?;
        }
    }
    if let Some(name) = cx.scenario().remover() {
        let deleted = cx.identity(name)?.delete(format!("/v2/{scratch}/manifests/{tag}")).send().await?;
        deleted.expect_control(&[202, 200, 204], name, &WHY)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, errs, fails, proven, vantage};

    const ID: &str = "publish::existing_tag_cannot_be_deleted";

    #[tokio::test]
    async fn proven_on_the_healthy_lab_and_leaves_nothing() {
        assert!(proven(ID).await.leftovers.is_empty());
    }

    #[tokio::test]
    async fn fails_by_each_way_to_delete() {
        for weakness in [Weakness::CiCanDelete, Weakness::DeleteByDigestOpen, Weakness::BlobDeleteOpen] {
            let finding = fails(ID, weakness).await;
            assert!(finding.remedy.contains("create"), "{weakness:?}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn a_registry_that_deletes_for_nobody_refuses_with_its_own_405() {
        const OFF: &str = concat!(
            "405 Method Not Allowed\n",
            r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported.","detail":{}}]}"#
        );
        let outcome = vantage::ends(ID, None, |line| match line.split_once(' ') {
            Some(("DELETE", target)) if target.contains("/blobs/notadigest") => Some("404 Not Found"),
            Some(("DELETE", _)) => Some(OFF),
            _ => None,
        });
        let outcome = outcome.await;
        let finding = outcome.finding.expect("the administrators are refused as well");
        assert_eq!((outcome.verdict.word(), finding.expected.contains("for admin")), ("error", true), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_admins_cannot_delete_either_or_the_registry_is_down() {
        errs(ID, Weakness::AdminsCannotDelete).await;
        error_when_down(ID).await;
    }
}
