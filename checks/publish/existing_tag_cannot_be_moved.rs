//! CI cannot move an existing tag, by any of the possible requests.
//!
//! ## Why it matters
//!
//! A stolen CI key must not be able to change what a released tag means. zot let it happen twice: `latest` was exempt up to
//! v2.1.14 (CVE-2026-31801), and `PUT manifests/<digest>?tag=` moved tags up to v2.1.18.
//!
//! ## How it is proven
//!
//! In the scratch repository, by each identity that may create and nothing more:
//!
//! 1. The control: it pushes a new tag, so the key works and creating is allowed.
//! 2. `PUT manifests/<tag>` with another image, and with the same image again: refused.
//! 3. `PUT manifests/<digest>?tag=<tag>` with another image: refused, or the tag stays.
//! 4. The same for `latest`. If this run made the tag, or it holds an image of regproof, by a real push. Else by a manifest of an
//!    impossible media type: only users who may move the tag get 415 from zot.
//! 5. After each: the tag still points at its digest. The state decides, the status is evidence.
//!
//! ## When it fails
//!
//! The group of the CI user, or `defaultPolicy`, holds `update`; or the release has one of the two faults: upgrade to
//! v2.1.19 or later.
//!
//! ## References
//!
//! zot `pkg/api/authz.go`, releases v2.1.15 (`latest`) and v2.1.19 (`?tag=`).

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Scratch, Need::Creator], effect: Effect::Writes, usual: Duration::from_millis(120) };

pub(crate) const SENDS: &[Rows] =
    &[rows::PUSH, rows::CREATOR_PUSH, rows::REFUSED_MOVE, rows::READ_BACK, rows::CLEAN_UP, rows::FINGERPRINT];

const WHY: Why<'static> = Why {
    claim: "CI cannot move an existing tag",
    cause: "a policy that matches the CI user (its group, or defaultPolicy) holds `update`",
    remedy: "leave [\"read\", \"create\"] to the CI group in zot's accessControl, and [\"read\"] to defaultPolicy",
};

const LATEST: Why<'static> = Why {
    claim: "CI cannot move the tag `latest`",
    cause: "up to zot v2.1.14 `latest` was exempt from the check (CVE-2026-31801), or the CI user holds `update`",
    remedy: "upgrade zot to v2.1.15 or later; v2.1.19 or later also closes `?tag=`",
};

const QUERY: Why<'static> = Why {
    claim: "PUT manifests/<digest>?tag= cannot move a tag",
    cause: "from v2.1.16 to v2.1.18 zot asks only for `create` there, or the CI user holds `update`",
    remedy: "upgrade zot to v2.1.19 or later",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (mut worst, mut kept_out) = (Ok(()), Vec::new());
    for (number, (name, ci)) in cx.creators()?.into_iter().enumerate() {
        let proof = keeps(cx, number, name, &ci).await;
        cx.case(format!("not moved by {name}"), &proof);
        kept_out.extend(proof.is_ok().then_some(name));
        worst = graver(worst, proof);
    }
    if !kept_out.is_empty() {
        cx.proven(format!("not moved by {}", kept_out.join(", ")));
    }
    worst
}

async fn keeps(cx: &Cx, number: usize, name: &str, ci: &Client) -> Proof {
    let scratch = cx.scratch()?;
    let reader = cx.reads_back(Some(name), scratch)?;
    let both = (ci, &reader);
    let (first, second) = (Image::tiny("moved-first"), Image::tiny("moved-second"));
    let tag = cx.tag(&format!("moved-{number}"));
    transfer::push_blobs(ci, scratch, &second, &WHY).await.map_err(Failure::into_control)?;
    transfer::push_image(cx, ci, scratch, &tag, &first, &WHY).await.map_err(Failure::into_control)?;
    refuses_to_move(both, scratch, &tag, &first, &second, &WHY).await?;

    cx.leaves(scratch, &second.digest());
    let by_query = transfer::put_manifest(ci, scratch, &format!("{}?tag={tag}", second.digest()), &second).await?;
    stays(&reader, scratch, &tag, &first.digest(), by_query.index, &QUERY).await?;
    // Up to v2.1.15 the query is ignored: 201, and the tag stays. The state decides.
    if !(200..300).contains(&by_query.status) {
        by_query.expect_denied(&QUERY)?;
    }
    latest(cx, both, scratch, &first, &second).await
}

/// Who pushes, and who reads what became of it.
type Both<'a> = (&'a Client, &'a Client);

async fn refuses_to_move(
    (ci, reader): Both<'_>,
    scratch: &str,
    tag: &str,
    first: &Image,
    second: &Image,
    why: &Why<'_>,
) -> Proof {
    let moved = transfer::put_manifest(ci, scratch, tag, second).await?;
    stays(reader, scratch, tag, &first.digest(), moved.index, why).await?;
    moved.expect_denied(why)?;
    let again = transfer::put_manifest(ci, scratch, tag, first).await?;
    stays(reader, scratch, tag, &first.digest(), again.index, why).await?;
    // Pushing the same bytes again changes nothing; zot refuses it, others accept it.
    if !(200..300).contains(&again.status) {
        again.expect_denied(why)?;
    }
    Ok(())
}

async fn stays(reader: &Client, scratch: &str, tag: &str, digest: &str, index: usize, why: &Why<'_>) -> Proof {
    match transfer::left_behind(reader, scratch, tag, why).await? {
        Some(now) if now == digest => Ok(()),
        Some(now) => {
            Err(why.fail(format_args!("{tag} still at {digest}"), format_args!("the tag moved to {now}"), index))
        }
        None => Err(why.fail(format_args!("{tag} still at {digest}"), "the tag is gone", index)),
    }
}

async fn latest(cx: &Cx, both: Both<'_>, scratch: &str, first: &Image, second: &Image) -> Proof {
    let (ci, reader) = both;
    let ours = [first.digest(), second.digest()];
    let mut digest = transfer::left_behind(reader, scratch, "latest", &LATEST).await?;
    if digest.is_none() {
        let made = transfer::put_manifest(ci, scratch, "latest", first).await?;
        // Another run may have made it in between; what counts is that it is there.
        digest = transfer::left_behind(reader, scratch, "latest", &LATEST).await?;
        if digest.is_none() {
            made.expect_control(&[201], "the creator", &LATEST)?;
        }
        cx.keeps(scratch, "latest", "one tag of this name stays, for the next runs to prove on");
    }
    let digest = digest.unwrap_or_default();
    if ours.contains(&digest) {
        let (now, other) = if digest == ours[0] { (first, second) } else { (second, first) };
        return refuses_to_move(both, scratch, "latest", now, other, &LATEST).await;
    }
    let answer = oracle::update_tag(ci, scratch, "latest").await?;
    stays(reader, scratch, "latest", &digest, answer.index, &LATEST).await?;
    answer.expect_denied(&LATEST)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, config, error_when_down, errs, fails, proven, vantage};

    const ID: &str = "publish::existing_tag_cannot_be_moved";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_by_each_way_to_move_a_tag() {
        for (weakness, words) in [
            (Weakness::CiCanUpdate, "update"),
            (Weakness::LatestCanBeMoved, "v2.1.15"),
            (Weakness::TagQueryMovesTags, "v2.1.19"),
            (Weakness::OverwriteAnswers403ButMoves, "update"),
        ] {
            let finding = fails(ID, weakness).await;
            assert!(format!("{} {}", finding.cause, finding.remedy).contains(words), "{weakness:?}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn a_reader_sees_what_became_of_the_tag() {
        let outcome = config::run(ID, None, config::ci_may_only_create).await;
        assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
        let looks = |e: &&crate::model::exchange::Exchange| e.method == "GET" && e.url.contains("/manifests/");
        let who: std::collections::BTreeSet<_> =
            outcome.transcript.iter().filter(looks).map(|e| e.who.clone()).collect();
        assert_eq!(who, ["anonymous".to_owned()].into());
    }

    #[tokio::test]
    async fn undecided_when_nobody_may_look() {
        let outcome = vantage::ends(ID, None, |line| {
            (line.starts_with("GET ") && line.contains("/manifests/")).then_some("403 Forbidden")
        });
        let outcome = outcome.await;
        let finding = outcome.finding.expect("it is no proof");
        assert_eq!(
            (outcome.verdict.word(), finding.actual.contains("the state of the tag is not known")),
            ("error", true),
            "{finding:?}"
        );
    }

    #[tokio::test]
    async fn undecided_when_ci_cannot_push_at_all_or_the_registry_is_down() {
        errs(ID, Weakness::CiCannotCreate).await;
        error_when_down(ID).await;
    }
}
