//! Open metrics do not name private repositories.
//!
//! ## Why it matters
//!
//! zot labels its series with the name of the repository. Where everyone can read the metrics, everyone sees the names, sizes
//! and traffic of private repositories.
//!
//! ## How it is proven
//!
//! The control: an identity with the right reads the private repository. Then the metrics are read without credentials: no line
//! may name the repository.
//!
//! ## When it fails
//!
//! zot does this by design. Close the metrics and let the scraper log in. Or let the proxy admit only the scraper's address. Or
//! waive this check where the names are no secret.
//!
//! ## References
//!
//! zot `pkg/extensions/monitoring`. zot `pkg/api/authz.go`, `MetricsAuthzHandler`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::OpenMetrics, Need::PrivateRepository, Need::AnyIdentity],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(30),
};

pub(crate) const SENDS: &[Rows] = &[rows::FACTS];

const WHY: Why<'static> = Why {
    claim: "open metrics name no private repository",
    cause: "zot labels its metrics with repository names, and they are open to everyone",
    remedy: "close the metrics, admit only the scraper at the proxy, or waive this check",
};

/// What most of them have in common.
const BASE: Probe = Probe {
    severity: Severity::Medium,
    expect: Expect::Unnamed,
    bad: Bad {
        status: 200,
        headers: &[("content-type", "text/plain")],
        body: "zot_repo_uploads_total{repo=\"{private}\"} 1\n",
    },
    reference: "zot pkg/extensions/monitoring",
    ..Probe::ANONYMOUS
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        id: "metrics",
        shape: Shape::get("{metrics}"),
        reason: "zot labels its series with the repository",
        ..BASE
    },
    Probe {
        id: "metrics-by-an-outsider",
        who: Principal::Outsider,
        shape: Shape::get("{metrics}"),
        reason: "A login alone gives no right to private repositories",
        ..BASE
    },
    Probe {
        id: "metrics-longer-path",
        shape: Shape::get("{metrics}foo"),
        reason: "zot matches the metrics path as a prefix",
        ..BASE
    },
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    probe::prove(cx, PROBES, &WHY).await
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "bypass::metrics_name_no_private_repository";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        assert!(!proven(ID).await.cases.is_empty());
    }

    #[tokio::test]
    async fn fails_when_the_labels_are_not_filtered() {
        let finding = fails(ID, Weakness::MetricsNamePrivateRepositories).await;
        assert!(finding.promise.ends_with(": metrics"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
