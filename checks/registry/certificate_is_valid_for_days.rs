//! The registry's certificates are valid, and stay so for days to come.
//!
//! ## Why it matters
//!
//! An expired certificate stops every pull at once, also of images that the repair needs. The day is known weeks before.
//!
//! ## How it is proven
//!
//! For each https address of the scenario (`registry.url`, `registry.backend`):
//!
//! 1. `GET /v2/` with certificate and host name verified, against the system's authorities and `ca_file`.
//! 2. The certificate of that connection is valid for at least `registry.certificate_days` more. The default is 14 days, or a
//!    fifth of its whole life if that is less. Some authorities sign for hours, and renew by themselves. The days left are a
//!    measure.
//!
//! ## When it fails
//!
//! Few days left: the renewal did not run, or the server was not reloaded since. A certificate that clients refuse: it is
//! expired, for another name, or its authority is not trusted here. The finding has the reason.
//!
//! ## References
//!
//! RFC 5280, section 4.1.2.5 (Validity).

use std::time::Duration;

use anyhow::Context as _;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Https], effect: Effect::ReadOnly, usual: Duration::from_millis(50) };

pub(crate) const SENDS: &[Rows] = &[rows::PING];

const WHY: Why<'static> = Why {
    claim: "the registry's certificate is valid, and stays so for days to come",
    cause: "the renewal did not run, or the server still shows the old certificate",
    remedy: "renew it, then reload the server on this port",
};

const REFUSED: Why<'static> = Why {
    cause: "it has expired, is for another name, or its authority is not trusted on this machine",
    remedy: "renew it; or, if a private authority signed it, name that authority's certificate in [registry] ca_file",
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
        let (begin, end) =
            (certificate.validity().not_before.to_datetime(), certificate.validity().not_after.to_datetime());
        let in_days = |span: time::Duration| span.as_seconds_f64() / 86_400.0;
        let (days, life) = (in_days(end - time::OffsetDateTime::now_utc()), in_days(end - begin));
        cx.measure("certificate_days_left", &origin.to_string(), days);
        let left = format!("{} of {} left", span(days), span(life));
        let found = format!("{origin}: {left}, until {}", end.date());
        let needed = least(registry.certificate_days, life);
        if days < needed {
            let expected = match registry.certificate_days {
                Some(promised) => format!("{promised} days or more (registry.certificate_days)"),
                None => format!("{} or more: 14 days, or a fifth of its life", span(needed)),
            };
            return Err(WHY.fail(expected, found, answer.index));
        }
        cx.note(found);
    }
    Ok(())
}

/// The days that must be left of a certificate with so many days of life.
fn least(promised: Option<u32>, life: f64) -> f64 {
    promised.map_or_else(|| 14.0_f64.min(life / 5.0), f64::from)
}

/// Days, or hours where there are few.
fn span(days: f64) -> String {
    if days.abs() < 2.0 { format!("{:.1} hours", days * 24.0) } else { format!("{days:.1} days") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Verdict;
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

    #[test]
    fn a_certificate_that_lives_for_hours_needs_a_share_of_them_unless_days_are_promised() {
        assert_eq!((least(None, 90.0), least(None, 0.5), least(Some(14), 0.5)), (14.0, 0.1, 14.0));
        assert_eq!(
            (span(0.5), span(-0.5), span(20.0)),
            ("12.0 hours".into(), "-12.0 hours".into(), "20.0 days".into())
        );
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
