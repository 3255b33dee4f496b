//! Each API key of the scenario outlives the horizon, and none lives for ever.
//!
//! ## Why it matters
//!
//! A key that ends next week stops every pipeline on that day, without a warning. A key without an end is worse: it outlives
//! its owner. Anyone who finds it in an old log can push.
//!
//! ## How it is proven
//!
//! 1. With each identity's own key, `GET /zot/auth/apikey`: the list of its user's keys, without their secrets.
//! 2. The key that asked is found among the user's keys by its last use. zot records the use of a key before it answers, so
//!    this time is newer in each further list. A key whose time stays the same once is another one. If other keys are in use all
//!    the time, more than one key is left, and the check is undecided.
//! 3. Its `expirationDate` is there, and later than `[keys] horizon` from now (default 14 days). Without `horizon`, a key
//!    without an end is a warning.
//!
//! The days left are a metric, `key_days_left`. A note counts the keys of each user, and names those that were not used for 90
//! days. It never fails.
//!
//! ## When it fails
//!
//! Mint a new key in zot's UI (user menu, API keys) or by `POST /zot/auth/apikey` with an `expirationDate`. Put it where the
//! old one was, and revoke the old one. Without that field, zot mints keys without an end.
//!
//! ## References
//!
//! zot `pkg/api/routes.go`, `CreateAPIKey` and `GetAPIKeys`; `pkg/meta/types`, `APIKeyDetails`.

use std::time::Duration;

use time::OffsetDateTime;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::ApiKey], effect: Effect::ReadOnly, usual: Duration::from_millis(40) };

pub(crate) const SENDS: &[Rows] = &[rows::KEYS];

const WHY: Why<'static> = Why {
    claim: "each API key of the scenario outlives the horizon, and none lives for ever",
    cause: "the key was not renewed, or was minted without an expirationDate, so it never ends",
    remedy: "mint a new key with an expirationDate, put it where the old one was, and revoke the old one",
};

const LIST: Why<'static> = Why {
    claim: "an API key can list the keys of its user",
    cause: "the key has expired or was revoked (401); or this is not zot; or something in front of it blocks /zot/auth/apikey",
    remedy: "mint a new key for this identity; let the proxy pass /zot/auth/ on",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let now = OffsetDateTime::now_utc();
    let promised = cx.scenario().keys.horizon;
    let horizon = promised.unwrap_or_default().0;
    let (mut wrong, mut shown, mut soon) = (vec![], None, false);
    for name in cx.key_identities() {
        let client = cx.identity(name)?;
        let (keys, own, index) = api_keys::own(&client, &LIST).await?;
        let username = client.credential().map_or(name, |credential| credential.username.as_str());
        cx.note(api_keys::sprawl(username, &keys, now));
        let days = own.ends().map_or(f64::INFINITY, |ends| (ends - now).as_seconds_f64() / 86_400.0);
        cx.measure("key_days_left", name, days);
        let about = match own.ends() {
            None => format!("the key of {name}, {}, never ends", own.name()),
            Some(ends) if days < f64::from(horizon) => {
                soon = true;
                format!("the key of {name}, {}, ends in {days:.1} days, on {}", own.name(), ends.date())
            }
            Some(_) => continue,
        };
        wrong.push(about);
        shown.get_or_insert(index);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    // zot mints keys without an end by default: without a horizon nobody said that they have one.
    if promised.is_none() && !soon {
        cx.advises();
    }
    Err(WHY.fail(format_args!("an end, and not within {horizon} days"), wrong.join("; "), shown))
}

#[cfg(test)]
mod tests {
    use crate::model::level::Level;
    use crate::trial::{Setting, Weakness, error_when_down, fails, proven};

    const ID: &str = "keys::expires_in_time";

    #[tokio::test]
    async fn proven_on_the_healthy_lab_with_the_days_left() {
        let outcome = proven(ID).await;
        let days = outcome.measures.iter().find(|measure| measure.name == "key_days_left" && measure.of == "ci");
        assert!(days.is_some_and(|days| (89.0..91.0).contains(&days.value)), "{:?}", outcome.measures);
        assert!(outcome.notes.iter().any(|note| note.starts_with("zot-ci has 1 API key")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_a_key_ends_soon_or_never() {
        for (weakness, words) in [
            (Weakness::KeysEndSoon, "ends in 3.0 days"),
            (Weakness::KeyAmongOthers, "the key of ci, lab ("),
            (Weakness::KeysNeverEnd, "the key of ci, lab ("),
            (Weakness::KeysNeverEnd, "never ends"),
        ] {
            let finding = fails(ID, weakness).await;
            assert!(finding.actual.contains(words), "{weakness:?}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn a_key_without_an_end_is_a_warning_where_no_horizon_is_promised() {
        let change = |text: String| text.replace("horizon = \"14d\"\n", "");
        for (weakness, level) in [(Weakness::KeysNeverEnd, Level::Advice), (Weakness::KeysEndSoon, Level::Promise)] {
            let outcome = Setting { id: ID, weaknesses: &[], change }.run(Some(weakness), false).await;
            assert_eq!((outcome.verdict.word(), outcome.level), ("fail", level), "{:#?}", outcome.finding);
        }
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
