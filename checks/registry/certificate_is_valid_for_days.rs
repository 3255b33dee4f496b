//! The registry's certificates are valid, and stay so for days to come.
//!
//! ## Why it matters
//!
//! An expired certificate stops every pull at once, also of images that are needed to repair it. The day is known weeks before.
//!
//! ## How it is proven
//!
//! For each https address of the scenario (`registry.url`, `registry.backend`):
//!
//! 1. `GET /v2/` with certificate and host name verified, against the system's authorities and `ca_file`.
//! 2. The end of the validity of the certificate that the server showed in that connection is at least
//!    `registry.certificate_days` away, 14 by default. The days left are a measure.
//!
//! ## When it fails
//!
//! Few days left: the renewal did not run, or the server was not reloaded since. A certificate that clients refuse: expired,
//! for another name, or of an authority that is not trusted here; the finding has the reason.
//!
//! ## References
//!
//! RFC 5280, section 4.1.2.5 (Validity).

use std::time::Duration;

use anyhow::Context as _;

use crate::check::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Https], effect: Effect::ReadOnly, usual: Duration::from_millis(50) };

const WHY: Why<'static> = Why {
    claim: "the registry's certificate is valid, and stays so for days to come",
    cause: "the renewal did not run, or the server still shows the old certificate",
    remedy: "renew it, then reload the server on this port",
};

const REFUSED: Why<'static> = Why {
    cause: "it has expired, is for another name, or its authority is not trusted on this machine",
    remedy: "renew it; or, where a private authority signed it, name that in [registry] ca_file",
    ..WHY
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let registry = &cx.scenario().registry;
    for url in [Some(&registry.url), registry.backend.as_ref()].into_iter().flatten() {
        if url.scheme() != "https" {
            continue;
        }
        let origin = Origin::of(url);
        let answer = match cx.visitor(origin.clone())?.get("/v2/").send().await {
            Ok(answer) => answer,
            Err(error) if format!("{error:#}").contains("invalid peer certificate") => {
                return Err(REFUSED.fail("a certificate that clients accept", format_args!("{error:#}"), None));
            }
            Err(error) => return Err(error.into()),
        };
        let der = answer.certificate.as_ref().context("the connection shows no certificate")?;
        let (_, certificate) = x509_parser::parse_x509_certificate(der)?;
        let end = certificate.validity().not_after.to_datetime();
        let days = (end - time::OffsetDateTime::now_utc()).as_seconds_f64() / 86_400.0;
        cx.measure("certificate_days_left", &origin.to_string(), days);
        let found = format!("{origin}: {days:.1} days left, until {}", end.date());
        if days < f64::from(registry.certificate_days) {
            return Err(WHY.fail(format_args!("{} days or more", registry.certificate_days), found, answer.index));
        }
        cx.note(found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::outcome::Verdict;
    use crate::trial::tls::{self, Front};

    const ID: &str = "registry::certificate_is_valid_for_days";

    async fn proven(front: Front) {
        let outcome = tls::run(ID, front).await;
        assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.finding);
        assert!((28.0..31.0).contains(&outcome.measures[0].value), "{:?}", outcome.measures);
    }

    async fn fails(front: Front, said: &str) {
        let outcome = tls::run(ID, front).await;
        assert_eq!(outcome.verdict, Verdict::Fail, "{:?}", outcome.finding);
        let finding = outcome.finding.expect("a Fail has a finding");
        assert!(finding.actual.contains(said), "{finding:?}");
    }

    async fn error_when_down(front: Front) {
        let outcome = tls::run(ID, front).await;
        assert_eq!(outcome.verdict, Verdict::Error, "{:?}", outcome.finding);
    }

    #[tokio::test]
    async fn proven_with_thirty_days_left() {
        proven(Front { days: 30, ..Front::default() }).await;
    }

    #[tokio::test]
    async fn fails_with_few_days_left_with_none_and_for_another_name() {
        fails(Front { days: 3, ..Front::default() }, "days left").await;
        fails(Front { days: -1, ..Front::default() }, "expired").await;
        fails(Front { name: "elsewhere.invalid", ..Front::default() }, "certificate").await;
    }

    #[tokio::test]
    async fn undecided_when_nothing_listens() {
        error_when_down(Front { down: true, ..Front::default() }).await;
    }
}
