//! An API key cannot mint further API keys.
//!
//! ## Why it matters
//!
//! A thief who has CI's key for a minute mints another key, without an end. The new key works after the stolen one is
//! revoked, and looks like any other in the list.
//!
//! ## How it is proven
//!
//! 1. The control: the key works, `GET /v2/` is 200.
//! 2. With the key, `POST /zot/auth/apikey` with a body that is not JSON, so that no key can be made. zot checks the right
//!    before it reads the body. 400 means that the key may mint. A refusal with the registry's own error means that it may not.
//!
//! ## When it fails
//!
//! On every zot up to v2.1.20. There is no setting: any key has all rights of its user, and `scopes` are stored but not
//! enforced. Two things help today. Give CI a separate user that can only push, and look at `keys::expires_in_time`, whose
//! notes count each user's keys. Or let the proxy refuse `POST` and `DELETE` of `/zot/auth/apikey` for requests with an
//! `Authorization` header; only sessions need them. That refusal is not the registry's own, so this check is then undecided.
//! This check is advice, shown as a warning, unless `[levels]` makes it a promise.
//!
//! ## References
//!
//! zot `pkg/api/routes.go`, `CreateAPIKey`, and the routes of `/zot/auth/apikey`, which any authentication opens.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[Need::ApiKey], effect: Effect::Oracle, usual: Duration::from_millis(40) };

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::MINTING];

const WHY: Why<'static> = Why {
    claim: "an API key cannot mint further API keys",
    cause: "zot up to v2.1.20 lets every key of a user mint more of them, whatever its scopes: a thief who holds one for \
            a moment can keep access after it was revoked",
    remedy: "no setting of zot closes this: give CI a separate user with the least rights, and watch the number of \
             its keys",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (mut open, mut shown) = (vec![], None);
    if let Err(unasked) = cx.clear_oracles().await?.sends(OracleShape::MintKey) {
        return Err(WHY.undecided("a registry that is zot", unasked.reason(), None));
    }
    for name in cx.key_identities() {
        let client = cx.identity(name)?;
        client.get("/v2/").send().await?.expect_control(&[200], name, &WHY)?;
        let answer = client.post(api::PATH).body("application/json", NOT_A_KEY).send().await?;
        match answer.status {
            400 => {
                open.push(name);
                shown.get_or_insert(answer.index);
            }
            // The registry has this path: where there is none, something in front closes it, for everyone or for keys.
            404 | 405 => return Err(WHY.undecided("the registry's own answer", answer.brief(), answer.index)),
            _ => _ = answer.expect_denied(&WHY)?,
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    // No release of zot keeps keys from minting keys, and no scenario can promise it.
    cx.advises();
    let actual = format!("400: the registry read the body; the keys of {} may mint", open.join(", "));
    Err(WHY.fail("a refusal by the registry itself", actual, shown))
}

#[cfg(test)]
mod tests {
    use crate::lab::Options;
    use crate::trial::{Weakness, error_when_down, fails, run_in, vantage};

    const ID: &str = "keys::cannot_mint_keys";

    #[tokio::test]
    async fn on_a_registry_that_keeps_keys_from_minting_it_is_proven() {
        let proven = |options| run_in(ID, options);
        let outcome = proven(Options { keys_cannot_mint: true, ..Options::default() }).await;
        assert_eq!(outcome.verdict.word(), "pass", "{:#?}", outcome.finding);
    }

    #[tokio::test]
    async fn fails_on_every_zot_of_today_and_mints_nothing() {
        let finding = fails(ID, None::<Weakness>).await;
        assert!(finding.actual.contains("the keys of admin, ci, guest may mint"), "{finding:?}");
        let lab = crate::lab::Lab::healthy().await.expect("the lab starts");
        let before = lab.api_keys();
        let outcome = crate::trial::run_on(ID, &lab).await;
        assert_eq!(outcome.waived, None, "the test looks at what the check found, not at the lab's waiver");
        assert!(outcome.warns(), "it is advice");
        assert_eq!(lab.api_keys(), before);
    }

    #[tokio::test]
    async fn undecided_where_something_in_front_closes_the_path() {
        let closed = |line: &str| line.starts_with("POST /zot/auth/apikey").then_some("404 Not Found");
        let outcome = vantage::ends(ID, None, closed).await;
        assert_eq!(outcome.verdict.word(), "error", "{:?}", outcome.finding);
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
