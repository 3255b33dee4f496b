//! A cached image is served by the registry itself, by tag and by digest.
//!
//! ## Why it matters
//!
//! A bypassed cache looks healthy: the image comes from elsewhere, until the upstream's rate limit or outage. A cache whose
//! upstream hangs answers digests at once and tags never, while `/readyz` stays green.
//!
//! ## How it is proven
//!
//! For each `[[cache]]` image, after a first pull has made it warm:
//!
//! 1. The registry's own counters are read from its metrics.
//! 2. The manifest by tag, then by digest: the same digest, bytes hashed; the time of each is measured.
//! 3. The counters again: `zot_http_requests_total` has moved, and `zot_repo_downloads_total` of this very repository by two
//!    or more. So it was this registry that answered.
//!
//! ## When it fails
//!
//! Nothing counted: a proxy or another cache answers in the registry's place. No answer by tag, and an answer at once by
//! digest: zot asks its upstream for every tag and waits. A promised `digest` in `[[cache]]` lets the check distinguish this
//! from a registry that is down. Without zot's counters nothing is proven.
//!
//! ## References
//!
//! zot `pkg/extensions/monitoring` (zot_repo_downloads_total), issue 4357. zot documentation, section Mirroring.

use std::time::{Duration, Instant};

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::CachedImage, Need::OpenMetrics],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(1500),
};

pub(crate) const SENDS: &[Rows] = &[rows::PULL_CACHED, rows::METRICS];

const WHY: Why<'static> = Why {
    claim: "a cached image is served by the registry",
    cause: "the image could not be pulled through, or is not kept",
    remedy: "first make cache::pull_through_serves_upstream pass; then look at extensions.sync and the storage",
};

const COUNTED: Why<'static> = Why {
    claim: "the registry counts the pulls of a cached image",
    cause: "something in front of the registry answers for the cache, from another cache or from the upstream",
    remedy: "look at the proxy's routes for this repository, and at the mirrors in the client's configuration",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let mut told = Vec::new();
    for cache in &cx.scenario().cache {
        let Some((repository, tag)) = cache.image.rsplit_once(':') else { continue };
        let client = cx.reader(repository)?;
        let by_tag = cached::by_tag(&client, cache, repository, tag, &WHY).await?;
        let before = Counters::read(cx, repository).await?;
        let began = Instant::now();
        let again = cached::by_tag(&client, cache, repository, tag, &WHY).await?;
        let tag_took = began.elapsed();
        let by_digest = transfer::manifest(&client, repository, &by_tag.digest, &WHY).await?;
        let digest_took = began.elapsed() - tag_took;
        if again.digest != by_tag.digest {
            let moved = format!("{}: the tag moved upstream within this check", again.digest);
            return Err(WHY.undecided(by_tag.digest, moved, again.index));
        }
        // The registry may count a little after it has answered.
        let mut after = Counters::read(cx, repository).await?;
        for _ in 0..5 {
            if after.downloads - before.downloads >= 2.0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            after = Counters::read(cx, repository).await?;
        }
        let (pulls, requests) = (after.downloads - before.downloads, after.requests - before.requests);
        if pulls < 2.0 || requests < 2.0 {
            let actual = format!("{pulls} pulls of {repository} and {requests} requests counted");
            return Err(COUNTED.fail("2 or more of each", actual, by_digest.index));
        }
        if let Some(waits) = cached::waits(tag_took, digest_took) {
            told.push(format!("{}: {waits}", cache.image));
            cx.proven(told.join("; "));
        }
        let (by_tag, by_digest) = (tag_took.as_secs_f64(), digest_took.as_secs_f64());
        cx.measure("cache_hit_by_tag_seconds", &cache.image, by_tag);
        cx.measure("cache_hit_by_digest_seconds", &cache.image, by_digest);
        let (by_tag, by_digest) = (tag_took.as_millis(), digest_took.as_millis());
        cx.note(format!("{}: warm by tag in {by_tag} ms, by digest in {by_digest} ms", cache.image));
    }
    Ok(())
}

/// What zot has counted.
struct Counters {
    requests: f64,
    downloads: f64,
}

impl Counters {
    async fn read(cx: &Cx, repository: &str) -> Result<Counters, Failure> {
        let path = cx.scenario().metrics.as_ref().map_or("/metrics", |metrics| metrics.path.as_str());
        let answer = cx.anonymous()?.get(path).limit(METRICS_LIMIT).send().await?;
        let no_witness = |actual: String| {
            let why = Why { cause: "the metrics are not zot's, or closed", remedy: METRICS_REMEDY, ..COUNTED };
            why.undecided("zot's counters among the metrics", actual, answer.index)
        };
        let text = std::str::from_utf8(&answer.body).ok().filter(|_| answer.status == 200);
        let samples = text.and_then(|text| metrics::parse(text).ok()).unwrap_or_default();
        if !samples.iter().any(|sample| sample.name.starts_with("zot_")) {
            return Err(no_witness(answer.brief()));
        }
        // A series appears with what it counts.
        let sum = |name, label| metrics::sum(&samples, name, label).unwrap_or(0.0);
        let downloads = sum("zot_repo_downloads_total", Some(("repo", repository)));
        Ok(Counters { requests: sum("zot_http_requests_total", None), downloads })
    }
}

const METRICS_LIMIT: usize = 32 << 20;
const METRICS_REMEDY: &str = "first make metrics::anonymous_can_scrape pass; no other registry has these counters";

#[cfg(test)]
mod tests {
    use crate::trial::{Setting, Weakness, error_when_down, errs, fails, proven};

    const ID: &str = "cache::warm_hit_is_served_from_the_registry";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert_eq!(outcome.measures.len(), 2);
    }

    #[tokio::test]
    async fn fails_when_somebody_else_answers_or_nothing_is_there() {
        let finding = fails(ID, Weakness::CacheBypassed).await;
        assert!(finding.cause.contains("in front of the registry"), "{finding:?}");
        fails(ID, Weakness::UpstreamDown).await;
    }

    #[tokio::test]
    async fn fails_with_its_cause_when_only_tags_hang() {
        let hasty =
            Setting { id: ID, weaknesses: &[], change: |text| text.replace("timeout = \"10s\"", "timeout = \"5s\"") };
        let finding = hasty.fails(Weakness::TagsHang).await;
        assert!(finding.cause.contains("does not answer"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_without_counters_or_when_the_registry_is_down() {
        errs(ID, Weakness::MetricsClosed).await;
        errs(ID, Weakness::MetricsOnlyGo).await;
        error_when_down(ID).await;
    }
}
