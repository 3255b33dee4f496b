//! Prometheus can scrape the registry's metrics without credentials.
//!
//! ## Why it matters
//!
//! Closed metrics look like a registry that is down. Open metrics without the registry's own series look like a registry
//! without traffic. zot v2.1.18 closed `metrics.users: [""]` without a message at start.
//!
//! ## How it is proven
//!
//! 1. The metrics path is requested without credentials, with the Accept headers of Prometheus and of Alloy.
//! 2. The answer is 200. Every line of it is in the Prometheus text format, so a login page does not pass.
//! 3. It holds series of the registry itself, not only those of the Go runtime.
//!
//! ## When it fails
//!
//! 401: from zot v2.1.18 on anonymous scrapes need `accessControl.metrics.anonymousPolicy: ["read"]`;
//! `metrics.users: [""]` opened them up to v2.1.17 only. 404: the extension is off, or `prometheus.path` is another.
//!
//! ## References
//!
//! Prometheus documentation, section Exposition formats. zot `pkg/api/authz.go`, `MetricsAuthzHandler`, release v2.1.18.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::OpenMetrics], effect: Effect::ReadOnly, usual: Duration::from_millis(30) };

pub(crate) const SENDS: &[Rows] = &[rows::METRICS, rows::FINGERPRINT];

const WHY: Why<'static> = Why {
    claim: "metrics can be scraped without credentials",
    cause: "from release v2.1.18 on zot opens metrics to anonymous clients only by metrics.anonymousPolicy; \
            metrics.users: [\"\"], which did so up to v2.1.17, now closes them to everyone",
    remedy: "set accessControl.metrics.anonymousPolicy: [\"read\"] in zot's configuration; up to v2.1.17 set \
             accessControl.metrics.users: [\"\"]",
};

const CONTENT: Why<'static> = Why {
    claim: "the metrics path serves the registry's metrics",
    cause: "another service or a login page answers there, or only the Go runtime's series are exported",
    remedy: "look at extensions.metrics.prometheus.path in zot's configuration and at the proxy's routes",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let path = cx.scenario().metrics.as_ref().map_or("/metrics", |metrics| metrics.path.as_str());
    let client = cx.anonymous()?;
    for (agent, accept) in metrics::SCRAPERS {
        let request = client.get(path).header("User-Agent", agent).header("Accept", accept);
        let answer = request.limit(metrics::LIMIT).send().await?;
        answer.expect_status(&[200], &WHY)?;
        let Ok(text) = std::str::from_utf8(&answer.body) else {
            return Err(CONTENT.fail("UTF-8 text", "other bytes", answer.index));
        };
        let samples = match metrics::parse(text) {
            Ok(samples) => samples,
            Err(error) => return Err(CONTENT.fail("the Prometheus text format", error, answer.index)),
        };
        let own = |name: &str| !["go_", "process_", "promhttp_", "scrape_"].iter().any(|p| name.starts_with(p));
        let series = samples.iter().filter(|sample| own(&sample.name)).count();
        if series == 0 {
            let actual = format!("{} samples, all of the runtime", samples.len());
            return Err(CONTENT.fail("series of the registry itself, as zot_info", actual, answer.index));
        }
        cx.note(format!("{agent}: {} samples, {series} of the registry itself", samples.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "metrics::anonymous_can_scrape";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_when_metrics_are_closed_missing_or_something_else() {
        for (weakness, words) in [
            (Weakness::MetricsPre2118Form, "v2.1.18"),
            (Weakness::MetricsClosed, "anonymousPolicy"),
            (Weakness::MetricsExtensionOff, "anonymousPolicy"),
            (Weakness::MetricsOnlyGo, "prometheus.path"),
            (Weakness::MetricsLoginPage, "prometheus.path"),
        ] {
            let finding = fails(ID, weakness).await;
            assert!(format!("{} {}", finding.cause, finding.remedy).contains(words), "{weakness:?}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
