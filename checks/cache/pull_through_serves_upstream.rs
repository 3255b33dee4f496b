//! Images of other registries are served through the cache, whole, by tag and by digest.
//!
//! ## Why it matters
//!
//! When the cache fails, clients fall back to the upstream in silence. Its rate limit or its next outage then stops them.
//!
//! ## How it is proven
//!
//! For each `[[cache]]` image, without credentials where anonymous clients may read, else as an identity:
//!
//! 1. The manifest by tag, within the request's time: its bytes hashed. With `digest` in the scenario: that digest.
//! 2. The manifest by digest, the config, and every layer: bytes hashed, sizes compared; of a layer over 64 MiB the size.
//! 3. The tag again: the same digest.
//! 4. With `upstream` in `[[cache]]`, a `HEAD` to the upstream itself, without credentials: it has the same digest under the
//!    tag. Without it, the image may be one that the registry stored long ago, and the verdict says so. An upstream's image in
//!    Docker's format has another digest unless `preserveDigest` is set.
//! 5. The control: a blob that does not exist answers 404.
//!
//! ## When it fails
//!
//! 404: sync is off, or its content prefix does not match. Or the upstream cannot be reached, and the image was never cached.
//! No answer by tag, and an answer at once by digest: zot waits for its upstream. A promised `digest` in `[[cache]]` lets the
//! check distinguish this from a registry that is down. A wrong digest: the tag was moved upstream, or it is another upstream.
//! Another digest than the upstream's: the registry no longer asks it.
//!
//! ## References
//!
//! zot documentation, section Mirroring (`extensions.sync`, `onDemand`). OCI distribution spec, section Pull.

use std::time::{Duration, Instant};

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::CachedImage], effect: Effect::ReadOnly, usual: Duration::from_secs(2) };

pub(crate) const SENDS: &[Rows] = &[rows::PULL_CACHED, rows::UPSTREAM];

const WHY: Why<'static> = Why {
    claim: "the cache serves the image of its upstream",
    cause: "sync is off or its prefix does not match; or nothing was cached, and the upstream cannot be reached or sends \
            other bytes than it promised",
    remedy: "look at extensions.sync in zot's configuration (onDemand, urls, content.prefix, destination) and in its log \
             for the upstream's answer",
};

const OTHER: Why<'static> = Why {
    claim: WHY.claim,
    cause: "the upstream has another image under this tag than the scenario promises; or it is another upstream; or zot made \
            an OCI image of one in Docker's format, with another digest",
    remedy: "ask the upstream for the tag's digest: if it is the promised one, set `preserveDigest` in extensions.sync (with \
             `http.compat: [\"docker2s2\"]`), or promise the digest that the cache shows; if the tag was moved on purpose, \
             change `digest` in [[cache]]; if not, look at urls and content of extensions.sync",
};

const ABSENT: Why<'static> = Why {
    claim: "a blob that does not exist is not served",
    cause: "something gives every request the same answer",
    remedy: "ask the registry for a made-up digest in the cache's namespace and see who answers",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let mut compared = Vec::new();
    for cache in &cx.scenario().cache {
        let Some((repository, tag)) = cache.image.rsplit_once(':') else { continue };
        let client = cx.reader(repository)?;
        let began = Instant::now();
        let by_tag = match cached::by_tag(&client, cache, repository, tag, &WHY).await {
            Err(failure) => return Err(cached::by_the_upstream(cx, cache, tag, failure).await),
            Ok(by_tag) => by_tag,
        };
        let taken = began.elapsed();
        if let Some(promised) = cache.digest.as_deref().filter(|promised| *promised != by_tag.digest) {
            return Err(OTHER.fail(promised, by_tag.digest, by_tag.index));
        }
        let asked = Instant::now();
        let by_digest = transfer::manifest(&client, repository, &by_tag.digest, &WHY).await?;
        let digest_took = asked.elapsed();
        let image = transfer::image_of(&client, repository, by_digest, &WHY).await?;
        for blob in image.blobs() {
            transfer::blob(cx, &client, repository, blob, &WHY).await?;
        }
        let asked = Instant::now();
        let again = cached::by_tag(&client, cache, repository, tag, &WHY).await?;
        let waits = cached::waits(asked.elapsed(), digest_took).map_or(String::new(), |waits| format!("; {waits}"));
        if again.digest != by_tag.digest {
            let moved = format!("{}: the tag moved upstream within this check", again.digest);
            return Err(WHY.undecided(by_tag.digest, moved, again.index));
        }
        let found = cached::compare(cx, &client, cache, (repository, tag), &again).await?;
        compared.push(format!("{}: {found}{waits}", cache.image));
        cx.proven(compared.join("; "));
        cx.note(format!("{}: {} by tag in {} ms", cache.image, by_tag.digest, taken.as_millis()));
        // Not a manifest: zot asks the upstream for each that it does not have, for longer than a request may take where
        // the upstream is down, and that is no fault of what is cached.
        let absent = format!("/v2/{repository}/blobs/{}", digest_of(cx.run_id().as_bytes()));
        client.get(absent).send().await?.expect_status(&[404], &ABSENT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::trial::{Setting, Weakness, config, error_when_down, errs, fails, proven, proxy, run_scenario};

    const ID: &str = "cache::pull_through_serves_upstream";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_when_the_cache_does_not_serve_or_serves_other_bytes() {
        for (weakness, cause) in [
            (Weakness::SyncOff, "the upstream has the image, so the registry did not ask it"),
            (Weakness::UpstreamDown, "the upstream cannot be reached from here"),
            (Weakness::CacheServesWrongDigest, "other bytes"),
        ] {
            let finding = fails(ID, weakness).await;
            assert!(finding.cause.contains(cause), "{weakness:?}: {finding:?}");
            assert!(finding.remedy.contains("sync"), "{weakness:?}: {finding:?}");
        }
    }

    const UNPROMISED: Setting = Setting {
        id: ID,
        weaknesses: &[],
        change: |text| text.lines().filter(|line| !line.starts_with("digest = ")).collect::<Vec<_>>().join("\n"),
    };

    #[tokio::test]
    async fn what_is_served_is_compared_with_what_the_upstream_has() {
        let proven = UNPROMISED.proven().await.proven.expect("it says what it proved");
        assert!(proven.contains("has the same under the tag"), "{proven}");
        let finding = UNPROMISED.fails(Weakness::CacheOutlivesItsUpstream).await;
        assert!(finding.cause.contains("no longer asks its upstream"), "{finding:?}");
    }

    #[tokio::test]
    async fn fails_where_a_pull_by_the_upstreams_own_digest_is_404() {
        let lab = Lab::healthy().await.expect("the lab starts");
        // The upstream has the image in Docker's format.
        let front = proxy::start(lab.upstream(), |line| {
            line.starts_with("HEAD ").then_some(
                "200 OK\r\nContent-Type: application/vnd.docker.distribution.manifest.v2+json\r\nDocker-Content-Digest: \
                 sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c\n",
            )
        });
        let front = format!("http://{}", front.await);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
        let text = std::fs::read_to_string(&file).expect("the scenario is there");
        std::fs::write(&file, text.replace(lab.upstream(), &front)).expect("the scenario can be written");
        let outcome = run_scenario(ID, &file).await;
        let finding = outcome.finding.expect("a Fail has a finding");
        assert_eq!(outcome.verdict.word(), "fail", "{finding:?}");
        assert!(finding.actual.contains("404") && finding.cause.contains("in Docker's format"), "{finding:?}");
        assert!(finding.remedy.contains("`preserveDigest`"), "{finding:?}");
    }

    #[tokio::test]
    async fn the_cause_is_the_limit_where_the_upstream_answers_429() {
        let outcome = errs(ID, Weakness::UpstreamRateLimited).await;
        let finding = outcome.finding.expect("an Error has a finding");
        assert!(finding.actual.contains("429"), "{finding:?}");
        assert!(finding.cause.contains("the upstream limits the rate of requests"), "{finding:?}");
        assert!(finding.remedy.contains("`credentialsFile`"), "{finding:?}");
        // Without the upstream to compare with, what is warm is served, and the line says what each pull by tag waits for.
        let alone =
            |text: String| text.lines().filter(|l| !l.starts_with("upstream = ")).collect::<Vec<_>>().join("\n");
        let warm = Setting { id: ID, weaknesses: &[Weakness::UpstreamRateLimited], change: alone };
        let proven = warm.proven().await.proven;
        assert!(proven.as_ref().is_some_and(|proven| proven.contains("waits for the upstream")), "{proven:?}");
    }

    #[tokio::test]
    async fn without_an_upstream_to_ask_the_verdict_says_what_was_not_proven() {
        let alone =
            |text: String| text.lines().filter(|l| !l.starts_with("upstream = ")).collect::<Vec<_>>().join("\n");
        let proven = Setting { id: ID, weaknesses: &[], change: alone }.proven().await.proven;
        assert!(proven.as_ref().is_some_and(|proven| proven.contains("not compared with its upstream")), "{proven:?}");
    }

    #[tokio::test]
    async fn a_cache_that_is_closed_to_anonymous_clients_is_read_by_who_may() {
        let outcome = config::run(ID, Some(Weakness::AnonymousCannotRead), |config| {
            config["http"]["accessControl"]["repositories"]["docker.io/**"]["anonymousPolicy"] = serde_json::json!([]);
        });
        let outcome = outcome.await;
        assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
