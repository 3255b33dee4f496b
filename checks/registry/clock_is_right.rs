//! The registry's clock is right.
//!
//! ## Why it matters
//!
//! A clock that is minutes off breaks logins, certificates and expiring API keys. Tokens are not valid yet, or no longer. Logs
//! show events in the wrong order.
//!
//! ## How it is proven
//!
//! The control: the scenario's registry answers at `/v2/`, and a public repository lists its tags. Then `GET /v2/` is sent three
//! times. An identity sends it if something in front of the registry asks everyone for a password. The `Date` of each answer is
//! compared with this machine's clock in the middle of the exchange. The median of the three counts, so one slow answer has no
//! effect. `Date` has whole seconds.
//!
//! More than 30 seconds off is a note, more than 5 minutes a Fail. OpenID clients commonly allow as much.
//!
//! ## When it fails
//!
//! One of the two clocks is wrong, and the note shows by how much. With a proxy in front, it may be the proxy's clock. Start NTP
//! on the machine whose clock is off.
//!
//! ## References
//!
//! RFC 9110, section 6.6.1 (Date). OpenID Connect Core, section 3.1.3.7 (exp, iat).

use std::time::Duration;

use anyhow::Context as _;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[], effect: Effect::ReadOnly, usual: Duration::from_millis(20) };

pub(crate) const SENDS: &[Rows] = &[rows::PING, rows::IDENTITY_PING, rows::PULL];

const WHY: Why<'static> = Why {
    claim: "the registry's clock is right",
    cause: "the clock of the registry, of the proxy in front of it, or of this machine is wrong",
    remedy: "compare `date -u` on each of them, and start NTP where it is off",
};

/// RFC 9110, section 5.6.7: the one form that servers may send.
const HTTP_DATE: &[BorrowedFormatItem<'static>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

pub(crate) async fn run(cx: &Cx) -> Proof {
    // The clock of a login page, or of another registry, is not the one that is asked about.
    let (client, _) = presence::speaker(cx).await?;
    let (mut offsets, mut index) = (Vec::new(), 0);
    for _ in 0..3 {
        let before = OffsetDateTime::now_utc();
        let answer = client.get("/v2/").send().await?;
        let middle = before + (OffsetDateTime::now_utc() - before) / 2;
        index = answer.index;
        presence::speaks(&answer)?;
        let Some(date) = answer.header("date") else {
            return Err(WHY.undecided("a Date header", "none", answer.index));
        };
        let date = PrimitiveDateTime::parse(date, HTTP_DATE).with_context(|| format!("no HTTP date: {date}"))?;
        let offset: time::Duration = date.assume_utc() - middle;
        offsets.push(offset.as_seconds_f64());
    }
    offsets.sort_by(f64::total_cmp);
    let offset = offsets[1];
    cx.measure("clock_offset_seconds", "", offset);
    let direction = if offset < 0.0 { "behind" } else { "ahead of" };
    let found = format!("{:.0} seconds {direction} this machine's clock", offset.abs());
    if offset.abs() > 300.0 {
        return Err(WHY.fail("less than 300 seconds off", found, index));
    }
    if offset.abs() > 30.0 {
        cx.note(found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, errs, fails, proven};

    const ID: &str = "registry::clock_is_right";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert!(outcome.measures[0].value.abs() < 5.0, "{:?}", outcome.measures);
    }

    #[tokio::test]
    async fn fails_when_the_clock_is_ten_minutes_ahead() {
        let finding = fails(ID, Weakness::ClockAhead).await;
        assert!(finding.actual.contains("ahead"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_something_else_answers_or_nothing() {
        errs(ID, Weakness::ServerErrors).await;
        errs(ID, Weakness::LoginPageWith200).await;
        errs(ID, Weakness::Answers200ToEverything).await;
        error_when_down(ID).await;
    }
}
