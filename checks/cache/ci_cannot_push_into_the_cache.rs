//! CI cannot push into the cache's namespace.
//!
//! ## Why it matters
//!
//! All users of the cache get what is pushed below `docker.io/`, under a name that they trust. One hijacked CI job would be
//! enough to replace base images.
//!
//! ## How it is proven
//!
//! For each `[[cache]]` image, with an identity that may create and nothing more, by requests that zot refuses to store. Each
//! was refused in the scratch repository before. Another registry than zot might store them: there the check is a Skip.
//!
//! 1. The control: `PUT manifests/<unused tag>` with an unknown media type, in the scratch repository. The answer is 415: this
//!    identity may create there, and zot understands the question.
//! 2. The same in the repository of the cached image: refused by the registry itself.
//! 3. `POST blobs/uploads/?from=x` there: refused too; zot decides about uploads by their own request.
//!
//! ## When it fails
//!
//! 415: the pattern that matches the cache grants `create` to CI. This is often `**`, without a pattern for the cache alone. The
//! finding is a warning, unless the scenario or the zot configuration promises that CI may not create there.
//!
//! ## References
//!
//! zot `pkg/api/authz.go`: the longest matching pattern alone decides. zot documentation, section Mirroring.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::CachedImage, Need::Scratch, Need::Creator],
    effect: Effect::Oracle,
    usual: Duration::from_millis(20),
};

pub(crate) const SENDS: &[Rows] =
    &[rows::FINGERPRINT, rows::TRIAL, rows::IDENTITY_PING, rows::PULL, rows::NO_CACHE_PUSH];

const WHY: Why<'static> = Why {
    claim: "CI cannot push into the cache's namespace",
    cause: "no pattern of accessControl covers the cache alone, so the grants of `**` hold there too",
    remedy: "give the cache a longer pattern, as \"docker.io/**\", with anonymousPolicy and defaultPolicy [\"read\"] \
             and no policy that grants create",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (ci, scratch) = (cx.creator()?, cx.scratch()?);
    let who = cx.scenario().creator().unwrap_or_default();
    let tag = cx.tag("unused");
    let clearance = cx.clear_oracles().await?;
    if clearance.is_not_zot() && cx.scenario().config.is_none() {
        // That it is a registry at all is seen before that.
        presence::proven(cx).await?;
        cx.skip("the registry is not recognised as zot, so it may store these requests in the cache's namespace");
        return Ok(());
    }
    oracle::create_tag(&ci, scratch, &tag).await?.expect_control(&[415], who, &WHY)?;
    let mut granted = None;
    for cache in &cx.scenario().cache {
        let Some((repository, _)) = cache.image.rsplit_once(':') else { continue };
        // Where the configuration grants it, or says nothing, nobody promised that it is refused.
        let promised = cx.scenario().promise(Some(who), repository, Action::Create) == Some(false);
        let mut refused = oracle::create_tag(&ci, repository, &tag).await?.expect_denied(&WHY).map(|_| ());
        if refused.is_ok() {
            refused = oracle::start_upload(&ci, repository).await?.expect_denied(&WHY).map(|_| ());
        }
        match refused {
            Err(Failure::Fail(found)) if !promised => _ = granted.get_or_insert(found),
            refused => refused?,
        }
    }
    match granted {
        Some(found) => {
            cx.advises();
            Err(Failure::Fail(found))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::model::outcome::Verdict;
    use crate::trial::{Weakness, error_when_down, errs, fails, proven, run_scenario};

    const ID: &str = "cache::ci_cannot_push_into_the_cache";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_when_the_cache_has_no_pattern_of_its_own() {
        for weakness in [Weakness::CacheNamespaceOpen, Weakness::AccessControlRemoved] {
            let finding = fails(ID, weakness).await;
            assert!(finding.actual.contains("415"), "{weakness}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn undecided_when_the_control_fails_or_the_registry_is_down() {
        errs(ID, Weakness::CiCannotCreate).await;
        error_when_down(ID).await;
    }

    #[tokio::test]
    async fn left_out_where_nobody_may_create_and_nothing_more() {
        let lab = Lab::healthy().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = lab.write_scenario(folder.path()).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(r#"["read", "create"]"#, r#"["read", "create", "update", "delete"]"#))
            .unwrap();
        let outcome = run_scenario(ID, &file).await;
        assert_eq!(outcome.verdict, Verdict::Skip, "{:?}", outcome.finding);
        assert!(outcome.finding.unwrap().summary.contains("no identity may create without update and delete"));
    }
}
