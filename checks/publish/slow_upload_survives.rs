//! A slow upload reaches the registry to its end.
//!
//! ## Why it matters
//!
//! A large layer over a slow line takes minutes. From v2.1.17 on, zot reads a request for at most 60 seconds by default.
//! Proxies have limits too. Pushes over slow lines then break, while pushes from nearby work.
//!
//! ## How it is proven
//!
//! On request (`[probes] slow_upload = "70s"`), as the identity that pushes, in the scratch repository:
//!
//! 1. `POST`, then one `PATCH` whose few bytes trickle evenly over the promised time: accepted with 202.
//! 2. If it is cut, the check measures the time of the cut; an answer of 5xx before the body has come is a cut too. `GET /v2/`
//!    is the control: the registry is there, and only the upload was cut.
//!
//! The unfinished upload is removed where an identity may delete.
//!
//! ## When it fails
//!
//! Cut at 60 seconds: zot's http.readTimeout, after which zot answers 500. Or a limit of the proxy (Traefik readTimeout, nginx
//! client_body_timeout). Raise the limit with that number.
//!
//! ## References
//!
//! zot `pkg/api/config` (http readTimeout, 60s from v2.1.17). nginx and Traefik documentation of their read time-outs.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::SlowUpload, Need::Scratch, Need::Writer],
    effect: Effect::Writes,
    usual: Duration::from_secs(70),
};

pub(crate) const SENDS: &[Rows] = &[rows::PUSH, rows::WRITER_PING, rows::STATE_OF_UPLOAD, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "a slow upload reaches the registry to its end",
    cause: "the registry or the proxy in front of it limits how long a request may take to arrive",
    remedy: "raise the limit whose number is nearest: zot's http.readTimeout, Traefik's readTimeout, nginx's client_body_timeout",
};

/// As near to the time-out of the configuration as a cut is by that time-out.
const NEAR: f64 = 2.0;

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (writer, scratch) = (cx.writer()?, cx.scratch()?);
    let period = cx.scenario().probes.slow_upload.as_ref().context("no [probes] slow_upload")?.0;
    let start = writer.post(format!("/v2/{scratch}/blobs/uploads/")).send().await?;
    let location = start.expect_status(&[202], &WHY)?.expect_upload_location(scratch, &WHY)?;
    cx.leaves_upload(&location);
    let began = Instant::now();
    let sent = writer.patch(&location).body(BLOB_TYPE, Bytes::from_static(&[b'.'; 64])).trickle(period).send().await;
    let took = began.elapsed().as_secs_f64();
    cx.measure("slow_upload_seconds", "", took);
    let expected = format!("202 after {period:?}");
    let (shown, actual) = match &sent {
        Ok(answer) if answer.status == 202 => {
            cx.pushed_by_the_writer();
            return Ok(());
        }
        // An answer before the body has come is a cut, also where zot answers with an internal error.
        Ok(answer) if answer.status >= 500 && began.elapsed() < period => (Some(answer.index), answer.brief()),
        Ok(answer) => {
            answer.expect_status(&[202, 408, 400], &WHY)?;
            (Some(answer.index), answer.brief())
        }
        Err(error) => (None, format!("{error:#}")),
    };
    let control = writer.get("/v2/").send().await?;
    control.expect_control(&[200], "the registry, right after the cut", &WHY)?;
    let actual = format!("cut after {took:.1} seconds: {actual}");
    let shown = shown.unwrap_or(control.index);
    match of_the_configuration(cx, took) {
        Some(limit) => {
            let cause =
                format!("http.readTimeout is {limit:?} in the zot configuration: zot cuts what takes longer, with 500");
            let why = Why { cause: &cause, remedy: "raise http.readTimeout above the longest push", ..WHY };
            Err(why.fail(expected, actual, shown))
        }
        None => Err(WHY.fail(expected, actual, shown)),
    }
}

/// The `http.readTimeout` of the zot configuration, where the cut came about then.
fn of_the_configuration(cx: &Cx, took: f64) -> Option<Duration> {
    let limit = cx.scenario().config.as_ref()?.http.read_timeout.as_ref()?.value?;
    ((took - limit.as_secs_f64()).abs() < NEAR).then_some(limit)
}

#[cfg(test)]
mod tests {
    use crate::model::outcome::Verdict;
    use crate::trial::{Setting, Weakness, config, run_scenario};

    const SLOW: Setting = Setting {
        id: "publish::slow_upload_survives",
        weaknesses: &[],
        change: |text| format!("{text}\n[probes]\nslow_upload = \"3s\"\n"),
    };

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = SLOW.proven().await;
        assert!(outcome.measures[0].value >= 2.9, "{:?}", outcome.measures);
    }

    #[tokio::test]
    async fn fails_with_the_time_of_the_cut() {
        // The lab cuts after one second; a busy machine may see that later, but not after the whole period.
        let long = Setting { change: |text| format!("{text}\n[probes]\nslow_upload = \"40s\"\n"), ..SLOW };
        let finding = long.fails(Weakness::SlowBodiesCut).await;
        let (_, rest) = finding.actual.split_once("cut after ").expect("the finding says when");
        let seconds: f64 = rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
        assert!((0.9..40.0).contains(&seconds), "{finding:?}");
        // As zot does when its readTimeout has passed.
        let finding = long.fails(Weakness::SlowBodiesFail).await;
        assert!(finding.actual.contains("500"), "{finding:?}");
    }

    #[tokio::test]
    async fn fails_with_the_setting_where_the_configuration_cuts_then() {
        let (_lab, _folder, file) = config::world(Some(Weakness::SlowBodiesFail), |config| {
            config["http"]["readTimeout"] = "1s".into();
        })
        .await;
        let text = std::fs::read_to_string(&file).expect("the scenario is there");
        std::fs::write(&file, format!("{text}\n[probes]\nslow_upload = \"40s\"\n")).expect("it can be written");
        let outcome = run_scenario(SLOW.id, &file).await;
        let finding = outcome.finding.expect("a Fail has a finding");
        assert_eq!(outcome.verdict, Verdict::Fail, "{finding:?}");
        assert!(finding.actual.starts_with("cut after ") && finding.actual.contains("500"), "{finding:?}");
        assert!(finding.cause.contains("http.readTimeout is 1s"), "{finding:?}");
        assert!(finding.remedy.contains("raise http.readTimeout"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        SLOW.error_when_down().await;
    }
}
