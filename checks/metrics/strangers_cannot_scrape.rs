//! Only clients that may scrape the registry's metrics get them.
//!
//! ## Why it matters
//!
//! zot's metrics name every repository, and count the pulls of each. `[metrics] anonymous = false` promises that they are
//! closed. One key in the wrong place opens them to everyone.
//!
//! ## How it is proven
//!
//! Where `[metrics] anonymous = false` is promised:
//!
//! 1. Without credentials, as Prometheus and as Alloy, at the path and with a slash after it: refused by the registry itself.
//! 2. The same by each identity that zot's configuration does not list.
//! 3. The control: `[metrics] reader`, or an identity that zot's configuration lists in `metrics.users`, gets the metrics.
//!
//! If the metrics are served to such a client, the check fails, with or without a control. A refusal counts only with a
//! control, unless zot's configuration lets no client scrape.
//!
//! ## When it fails
//!
//! Up to zot v2.1.17 an empty name in `accessControl.metrics.users` opens the metrics to everyone; from v2.1.18 on
//! `metrics.anonymousPolicy` does. Without `accessControl` every user who can log in may scrape.
//!
//! ## References
//!
//! zot `pkg/api/authz.go`, `MetricsAuthzHandler`, release v2.1.18. RFC 9110, section 15.5.2 (401).

use std::time::Duration;

use anyhow::Context as _;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::ClosedMetrics], effect: Effect::ReadOnly, usual: Duration::from_millis(30) };

pub(crate) const SENDS: &[Rows] = &[rows::SCRAPES];

const WHY: Why<'static> = Why {
    claim: "the metrics are served only to clients that may scrape them",
    cause: "accessControl.metrics lets more users in than is promised (anonymousPolicy, or an empty name in users up to v2.1.17); \
            or there is no accessControl; or a proxy adds its credentials",
    remedy: "list only the scrapers in accessControl.metrics.users, remove anonymousPolicy there, and look at what the proxy adds",
};

const READER: Why<'static> = Why {
    claim: "the control: an identity that may scrape gets the metrics",
    cause: "the identity is not in accessControl.metrics.users, its key has expired, or the metrics are off or elsewhere",
    remedy: "look at accessControl.metrics.users and at extensions.metrics in zot's configuration; or name another [metrics] reader",
};

const NOBODY: Why<'static> = Why {
    claim: WHY.claim,
    cause: "no identity of the scenario is known to have the right to scrape: a refusal looks like broken metrics",
    remedy: "add the scraper under [identities] and name it as [metrics] reader",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let scenario = cx.scenario();
    let metrics = scenario.metrics.as_ref().context("no [metrics]")?;
    // Who gets in needs no control to be a breach; who is refused needs one.
    let mut refused = vec!["anonymous clients"];
    is_refused(&cx.anonymous()?, &metrics.path).await?;
    let strangers = scenario.identities.keys().filter(|name| scenario.may_scrape(name) == Some(false));
    for name in strangers {
        is_refused(&cx.identity(name)?, &metrics.path).await?;
        refused.push(name);
    }
    let refused = refused.join(", ");
    match &metrics.reader {
        Some(reader) => {
            scrapes(&cx.identity(reader)?, &metrics.path).await.map_err(Failure::into_control)?;
            cx.proven(format!("{reader} gets the metrics; refused: {refused}"));
        }
        None if scenario.nobody_scrapes() => {
            cx.proven(format!("the configuration lets no client scrape; refused: {refused}"))
        }
        None => {
            return Err(NOBODY.undecided("a client that gets the metrics", format_args!("{refused} refused"), None));
        }
    }
    Ok(())
}

async fn scrapes(reader: &Client, path: &str) -> Proof {
    let (agent, accept) = metrics::SCRAPERS[0];
    let request = reader.get(path).header("User-Agent", agent).header("Accept", accept);
    let answer = request.limit(metrics::LIMIT).send().await?;
    answer.expect_status(&[200], &READER)?;
    if metrics::of(&answer).is_empty() {
        return Err(READER.fail("metrics", answer.brief(), answer.index));
    }
    Ok(())
}

async fn is_refused(stranger: &Client, path: &str) -> Proof {
    // zot takes every path that starts so for the metrics.
    for target in [path.to_owned(), format!("{}/", path.trim_end_matches('/'))] {
        for (agent, accept) in metrics::SCRAPERS {
            let request = stranger.get(&target).header("User-Agent", agent).header("Accept", accept);
            let answer = request.limit(metrics::LIMIT).send().await?;
            let samples = metrics::of(&answer).len();
            if samples > 0 {
                let actual = format!("{} with {samples} samples", answer.brief());
                return Err(WHY.fail("a refusal by the registry itself", actual, answer.index));
            }
            match answer.status {
                // Nothing is there; whether there are metrics at all, the control tells.
                404 => {}
                200..=299 => {
                    let actual = format!("{}, which is neither metrics nor a refusal", answer.brief());
                    return Err(WHY.undecided("a refusal by the registry itself", actual, answer.index));
                }
                _ => {
                    answer.expect_denied(&WHY)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::trial::{Setting, Weakness, run_on};

    const CLOSED: Setting = Setting {
        id: "metrics::strangers_cannot_scrape",
        weaknesses: &[Weakness::MetricsForAdmins],
        change: |text| text.replace("anonymous = true", "anonymous = false\nreader = \"admin\""),
    };

    const UNREAD: Setting = Setting { change: |text| text.replace("anonymous = true", "anonymous = false"), ..CLOSED };

    #[tokio::test]
    async fn proven_where_the_reader_scrapes_and_nobody_else() {
        let outcome = CLOSED.proven().await;
        let proven = outcome.proven.unwrap_or_default();
        assert!(proven.contains("admin gets the metrics"), "{proven}");
    }

    #[tokio::test]
    async fn fails_when_anyone_gets_the_metrics_also_without_a_control() {
        for open in [CLOSED, UNREAD] {
            let open = Setting { weaknesses: &[], ..open };
            // The lab's metrics are open by default: here that is the mistake.
            let finding = open.fails(Weakness::ScopeOpenidMissing).await;
            assert!(finding.actual.contains("samples"), "{finding:?}");
        }
    }

    #[tokio::test]
    async fn undecided_without_a_control_or_when_the_registry_is_down() {
        let outcome = UNREAD.run(None, false).await;
        assert_eq!(outcome.verdict.word(), "error", "{:?}", outcome.finding);
        assert!(outcome.finding.unwrap().remedy.contains("[metrics] reader"));
        let outcome = CLOSED.run(Some(Weakness::MetricsExtensionOff), false).await;
        assert_eq!(outcome.verdict.word(), "error", "{:?}", outcome.finding);
        CLOSED.error_when_down().await;
    }

    #[tokio::test]
    async fn left_out_where_they_are_promised_to_be_open() {
        let outcome = run_on(CLOSED.id, &Lab::healthy().await.unwrap()).await;
        assert_eq!(outcome.verdict.word(), "skip", "{:?}", outcome.finding);
    }
}
