//! Pulls of a cached image ask its upstream no more often than promised.
//!
//! ## Why it matters
//!
//! A cache that asks its upstream for each pull is no shelter from it. When the upstream answers 429 or nothing, each pull by tag
//! waits for seconds. The questions themselves count against the limit.
//!
//! ## How it is proven
//!
//! For each `[[cache]]` with `upstream_asked`:
//!
//! 1. The control: the tag is in the registry's list of tags, which asks no upstream. So the image is there. If one pull may ask,
//!    that pull is made.
//! 2. Up to three times: the manifest by tag, then by digest, with the time of each. A stored digest is served without a question.
//! 3. With `upstream`, the upstream is asked before and after, by `HEAD`: how long it takes to answer, and how many pulls it
//!    still allows (`ratelimit-remaining`, as Docker Hub says it).
//!
//! This check finds that the upstream is asked. It cannot prove that it is not: the registry may be nearer to the upstream than
//! this machine, or ask after it answered. So it never passes. Where no pull was seen to ask, it is a Skip with the times.
//!
//! ## When it fails
//!
//! Each pull by tag takes far longer than by digest, or gets no answer in time. Or the upstream's counter falls with each pull
//! by tag, and with none by digest. zot with `onDemand` asks for each pull by tag. Up to v2.1.20 no setting changes that.
//! Where a pull may have asked, the check is undecided. With `zot_config`, a promise that the configuration contradicts ends
//! with status 3.
//!
//! ## References
//!
//! zot `pkg/api/routes.go` (getImageManifest), issues 4128 and 4393, pull request 4328 (`manifestCheckInterval`). Docker Hub
//! documentation, section Usage and limits.

use std::time::{Duration, Instant};

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::UpstreamAsked], effect: Effect::ReadOnly, usual: Duration::from_millis(500) };

pub(crate) const SENDS: &[Rows] = &[rows::PULL_CACHED, rows::UPSTREAM];

/// By chance, one pair of pulls may look like anything.
const PAIRS: usize = 3;

const ASKED: Why<'static> = Why {
    claim: "pulls of a cached image ask its upstream no more often than promised",
    cause: "the registry asks its upstream for each pull by tag; zot does so with `onDemand`, also for an image that it has",
    remedy: "pull by digest, which asks no upstream; or set `manifestCheckInterval` in extensions.sync (zot after v2.1.20); or let \
             `pollInterval` fill the cache, with `onDemand: false`",
};

/// Where the upstream told this machine that it limits requests.
const LIMITED: Why<'static> = Why {
    cause: "the upstream answers 429, and the registry asks it for each pull by tag and waits; zot does so with `onDemand`, also \
            for an image that it has",
    ..ASKED
};

const UNTOLD: Why<'static> = Why {
    cause: "the upstream answers about as fast as the registry, or the scenario names no `upstream` to compare with",
    remedy: "name `upstream` in this [[cache]]; if it is there, look at the upstream's log, or leave `upstream_asked` out",
    ..ASKED
};

const COLD: Why<'static> = Why {
    cause: "the registry does not have the image, so it must ask for it",
    remedy: "fill the cache first: pull the image once, or push it",
    ..ASKED
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let mut unseen = Vec::new();
    for cache in &cx.scenario().cache {
        let (Some(promised), Some((repository, tag))) = (cache.upstream_asked, cache.image.rsplit_once(':')) else {
            continue;
        };
        let client = cx.reader(repository)?;
        let (asked, there) = cached::listed(&client, repository, tag, &ASKED).await?;
        let once = matches!(promised, UpstreamAsked::OnceIn(_));
        if there.is_none() && !once {
            return Err(COLD.undecided("the tag in the registry's list of tags", "it is not there", asked));
        }
        let stored = match &cache.digest {
            Some(digest) if !once => digest.clone(),
            // The one pull that may ask.
            _ => transfer::manifest(&client, repository, tag, &ASKED).await?.digest,
        };
        let mut upstream = cached::Watched::reach(cx, cache, tag).await?;
        let (pairs, shown) = pulls(&client, (repository, tag), stored, &mut upstream).await?;
        let expected = match promised {
            UpstreamAsked::Never => "no question to the upstream for a cached image".to_owned(),
            UpstreamAsked::OnceIn(period) => format!("one question in {} s at most", period.0.as_secs_f64()),
        };
        let (asks, times) = cached::judge(&pairs, upstream.fastest);
        let actual = format!("{}: {times}", cache.image);
        match asks {
            Some(true) => {
                let why = if upstream.limited { &LIMITED } else { &ASKED };
                return Err(why.fail(expected, actual, shown));
            }
            Some(false) => unseen.push(actual),
            None => return Err(UNTOLD.undecided(expected, actual, shown)),
        }
    }
    cx.skip(format!("no pull was seen to ask the upstream, which is no proof that none does: {}", unseen.join("; ")));
    Ok(())
}

/// Pulls by tag and by digest in turn, with the exchange of the last one.
async fn pulls(
    client: &Client,
    (repository, tag): (&str, &str),
    stored: String,
    upstream: &mut cached::Watched,
) -> Result<(Vec<cached::Pair>, Option<usize>), Failure> {
    let (mut pairs, mut shown) = (Vec::new(), None);
    let mut before = upstream.left().await?;
    while pairs.len() < PAIRS {
        let began = Instant::now();
        let by_tag = transfer::manifest(client, repository, tag, &ASKED).await;
        let (took, answered) = (began.elapsed(), !matches!(by_tag, Err(Failure::Error(_, None))));
        let digest = if answered { by_tag?.digest } else { stored.clone() };
        let between = upstream.left().await?;
        let began = Instant::now();
        shown = Some(transfer::manifest(client, repository, &digest, &ASKED).await?.index);
        let by_digest = began.elapsed();
        let after = upstream.left().await?;
        let fell = |from: Option<u64>, to: Option<u64>| Some(from?.saturating_sub(to?));
        let counted = fell(before, between).zip(fell(between, after)).map(|(tag, digest)| [tag, digest]);
        before = after;
        pairs.push(cached::Pair { by_tag: took, by_digest, answered, counted });
        // A registry that waits for its upstream waits longer each time.
        if pairs.len() > 1 && took > Duration::from_secs(1) && cached::judge(&pairs, None).0 == Some(true) {
            break;
        }
    }
    Ok((pairs, shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Setting, Weakness};

    const ID: &str = "cache::warm_pulls_ask_no_upstream";

    fn never(text: String) -> String {
        text.replace("[[cache]]\n", "[[cache]]\nupstream_asked = \"never\"\n")
    }

    /// The registry has the image and asks for nothing, and an upstream that is slow to answer.
    const SHELTER: Setting =
        Setting { id: ID, weaknesses: &[Weakness::UpstreamRateLimited, Weakness::SyncOff], change: never };

    #[tokio::test]
    async fn skipped_where_a_limited_upstream_is_not_asked() {
        let outcome = SHELTER.run(None, false).await;
        assert_eq!(outcome.verdict.word(), "skip", "{:#?}", outcome.finding);
        let reason = outcome.finding.expect("a Skip has a reason").summary;
        assert!(reason.contains("no proof") && reason.contains("the upstream takes"), "{reason}");
    }

    #[tokio::test]
    async fn fails_by_time_where_the_upstream_answers_429() {
        for change in [never, |text| never(text).replace("\"never\"", "\"1h\"")] {
            let finding = Setting { id: ID, weaknesses: &[], change }.fails(Weakness::UpstreamRateLimited).await;
            assert!(finding.actual.contains("by tag in") && finding.actual.contains("by digest in"), "{finding:?}");
            assert!(finding.cause.contains("the upstream answers 429"), "{finding:?}");
            assert!(finding.remedy.contains("pull by digest"), "{finding:?}");
        }
    }

    #[tokio::test]
    async fn undecided_without_an_upstream_an_image_or_a_registry() {
        let alone = |text: String| {
            never(text.lines().filter(|line| !line.starts_with("upstream = ")).collect::<Vec<_>>().join("\n"))
        };
        let outcome = Setting { change: alone, ..SHELTER }.run(None, false).await;
        assert_eq!(outcome.verdict.word(), "error", "{:?}", outcome.finding);
        assert!(outcome.finding.expect("a finding").remedy.contains("name `upstream`"));
        let cold = Setting { weaknesses: &[Weakness::SyncOff], ..SHELTER }.run(None, false).await;
        assert!(cold.finding.expect("a finding").cause.contains("does not have the image"));
        SHELTER.error_when_down().await;
    }

    fn pair(by_tag: u64, by_digest: u64, counted: Option<[u64; 2]>) -> cached::Pair {
        let [by_tag, by_digest] = [by_tag, by_digest].map(Duration::from_millis);
        cached::Pair { by_tag, by_digest, answered: true, counted }
    }

    #[test]
    fn times_and_the_upstreams_counter_decide_not_chance() {
        let upstream = Some(Duration::from_millis(40));
        let of = |pairs: &[cached::Pair], upstream| cached::judge(pairs, upstream).0;
        assert_eq!(of(&[pair(3000, 2, None), pair(3200, 1, None)], upstream), Some(true));
        assert_eq!(of(&[pair(3000, 2, None), pair(3, 1, None)], upstream), None, "one slow pull is chance");
        assert_eq!(of(&[pair(1100, 400, None), pair(1100, 4, None)], upstream), Some(true), "a machine that was busy");
        assert_eq!(of(&[pair(150, 2, None), pair(150, 2, None)], upstream), None);
        assert_eq!(of(&[pair(3, 2, None), pair(4, 3, None)], upstream), Some(false));
        assert_eq!(of(&[pair(3, 2, None), pair(25, 3, None)], upstream), None, "there was time to ask");
        assert_eq!(of(&[pair(3, 2, None)], None), None);
        assert_eq!(of(&[pair(9, 2, Some([1, 0])), pair(9, 2, Some([2, 0]))], upstream), Some(true));
        assert_eq!(of(&[pair(3, 2, Some([1, 1])), pair(3, 2, Some([0, 0]))], upstream), Some(false), "others pull too");
        let stalls = cached::Pair { answered: false, ..pair(10_000, 2, None) };
        assert_eq!(of(&[stalls], upstream), Some(true));
    }
}
