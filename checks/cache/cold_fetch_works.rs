//! An image that was never cached is fetched from its upstream.
//!
//! ## Why it matters
//!
//! A cached image is served from the store. So a broken connection to the upstream (credentials, firewall, DNS, rate limit)
//! shows only when a new image is needed.
//!
//! ## How it is proven
//!
//! On request, for each `[[cache]]` with a `cold` image. This costs one request to the upstream and the space of that image:
//!
//! 1. The tag is not in the registry's own list of tags, which asks no upstream.
//! 2. The manifest by tag: its bytes hashed, its time measured.
//! 3. The tag is in the list now, and the manifest is served by digest: it was kept.
//!
//! A tag is cold only once. Where all of them are cached already, the check is a Skip and says so.
//!
//! ## When it fails
//!
//! 404: the upstream was not asked (prefix, onDemand) or did not give it (network, credentials, rate limit); zot's log tells
//! which. Not in the list afterwards: the registry, or something in front of it, passes the image through and keeps nothing.
//!
//! ## References
//!
//! zot documentation, section Mirroring (`onDemand`). OCI distribution spec, section Listing Tags.

use std::time::{Duration, Instant};

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::ColdImage], effect: Effect::ReadOnly, usual: Duration::from_secs(5) };

pub(crate) const SENDS: &[Rows] = &[rows::COLD];

const WHY: Why<'static> = Why {
    claim: "an image that was never cached is fetched from its upstream and kept",
    cause: "the upstream is not asked (onDemand, prefix, destination), cannot be reached, refuses (credentials, rate limit), \
            or sends wrong bytes",
    remedy: "look at extensions.sync in zot's configuration and at its log for this image",
};

const SLOW: Why<'static> = Why {
    claim: WHY.claim,
    cause: "the upstream does not answer, or cannot be reached and zot tries again; or the image is large, and zot answers \
            only when it has all of it",
    remedy: "look at the network between registry and upstream and at zot's log; name a small image as `cold`, or raise \
             request_timeout in [limits]",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (mut fetched_now, mut before) = (Vec::new(), Vec::new());
    for image in cx.scenario().cache.iter().filter_map(|cache| cache.cold.as_deref()) {
        let Some((repository, tag)) = image.rsplit_once(':') else { continue };
        let client = cx.reader(repository)?;
        if cached::listed(&client, repository, tag, &WHY).await?.1.is_some() {
            before.push(image);
            continue;
        }
        let began = Instant::now();
        let fetched = match transfer::manifest(&client, repository, tag, &WHY).await {
            Err(Failure::Error(error, None)) => {
                let (asked, _) = cached::listed(&client, repository, tag, &WHY).await?;
                let actual = format!("{error:#}; the registry answers at once about images that it has");
                return Err(SLOW.undecided("the manifest within the time of a request", actual, asked));
            }
            other => other?,
        };
        let took = began.elapsed();
        let (asked, found) = cached::listed(&client, repository, tag, &WHY).await?;
        if found.is_none() {
            return Err(WHY.fail("the tag in the list of tags", "it is not there", asked));
        }
        transfer::manifest(&client, repository, &fetched.digest, &WHY).await?;
        cx.measure("cache_cold_fetch_seconds", image, took.as_secs_f64());
        cx.note(format!("{image}: {} in {} ms", fetched.digest, took.as_millis()));
        fetched_now.push(image);
    }
    let others = before.join(", ");
    if fetched_now.is_empty() {
        cx.skip(format!("fetched before: {others} is in the registry's list of tags; name another image as `cold`"));
    } else if !before.is_empty() {
        cx.proven(format!("{} fetched now; fetched before: {others}", fetched_now.join(", ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::model::outcome::Verdict;
    use crate::trial::{Setting, Weakness};

    const COLD: Setting = Setting {
        id: "cache::cold_fetch_works",
        weaknesses: &[],
        change: |text| text.replace("[[cache]]\n", "[[cache]]\ncold = \"docker.io/library/alpine:3.19\"\n"),
    };

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = COLD.proven().await;
        assert_eq!(outcome.measures[0].name, "cache_cold_fetch_seconds");
    }

    #[tokio::test]
    async fn skipped_with_the_reason_where_an_earlier_run_has_fetched_it() {
        let lab = crate::lab::Lab::healthy().await.expect("the lab starts");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
        let text = std::fs::read_to_string(&file).expect("the scenario can be read");
        std::fs::write(&file, (COLD.change)(text)).expect("the scenario can be written");
        assert_eq!(crate::trial::run_scenario(COLD.id, &file).await.verdict, Verdict::Pass);
        let again = crate::trial::run_scenario(COLD.id, &file).await;
        assert_eq!(again.verdict, Verdict::Skip, "{:?}", again.finding);
        let reason = again.finding.expect("a Skip has a reason").summary;
        assert!(reason.contains("fetched before: docker.io/library/alpine:3.19"), "{reason}");
    }

    #[tokio::test]
    async fn fails_when_the_upstream_is_not_asked_or_does_not_answer() {
        for weakness in [Weakness::SyncOff, Weakness::UpstreamDown] {
            COLD.fails(weakness).await;
        }
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        COLD.error_when_down().await;
    }
}
