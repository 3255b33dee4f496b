//! A new API key pushes as its user, and is dead once it was revoked.
//!
//! ## Why it matters
//!
//! An operator renews and revokes keys on the worst day. zot answers 200 to a revocation even if it revoked nothing. Only
//! the refused use of the key proves it.
//!
//! ## How it is proven
//!
//! Only with `[keys] lifecycle = true`, since it makes a key.
//!
//! 1. In the browser: a whole login of the scenario's user.
//! 2. The page mints a key with the session: a label of this run, an end 15 minutes from now. The answer shows that end.
//! 3. The key logs its user in. If the user is promised to create, the key pushes an image to the scratch repository.
//! 4. The page revokes it by its id. The key is refused: 401 with the registry's own error.
//!
//! The key is also revoked when the check fails, runs out of time, or is interrupted. Its secret is in no report.
//!
//! ## When it fails
//!
//! At minting: API keys are off. At the push: the groups did not come with the login, see `oidc::login_returns_with_a_session`.
//! At the end: the revocation does not reach the registry, or a proxy remembers credentials.
//!
//! ## References
//!
//! zot `pkg/api/routes.go`, `CreateAPIKey` and `RevokeAPIKey`.

use std::time::Duration;

use time::OffsetDateTime;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::KeyLifecycle, Need::Oidc, Need::Login, Need::Browser, Need::Scratch],
    effect: Effect::Writes,
    usual: Duration::from_secs(6),
};

pub(crate) const SENDS: &[Rows] =
    &[rows::BROWSER, rows::LIFECYCLE, rows::READ_BACK, rows::CLEAN_UP, rows::DISCOVERY, rows::LOGIN];

const MINT: Why<'static> = Why {
    claim: "a session can mint an API key with an end",
    cause: "API keys are off (http.auth.apikey), or the registry's clock is more than 15 minutes ahead",
    remedy: "set http.auth.apikey in zot's configuration, and compare the clocks",
};

const USE: Why<'static> = Why {
    claim: "a new API key works as its user",
    cause: "the key lacks the groups of its user: zot keeps those of the last login, and this login brought none",
    remedy: "first make `oidc::login_returns_with_a_session` pass for this user",
};

const END: Why<'static> = Why {
    claim: "a revoked API key is refused",
    cause: "the revocation did not reach the registry, or something in front of it remembers credentials",
    remedy: "look at what the proxy does with DELETE /zot/auth/apikey; look for the key by its label in zot's list",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let page = LoginPage::of(cx)?;
    let visit = Visit::start(cx).await?;
    let proof = lives_and_ends(cx, &visit, &page).await;
    if proof.is_err() {
        visit.picture("where it ended").await;
    }
    visit.end().await;
    proof
}

async fn lives_and_ends(cx: &Cx, visit: &Visit<'_>, page: &LoginPage) -> Proof {
    visit.comes_home(page, &MINT).await.map_err(Failure::into_control)?;
    let label = format!("regproof-{}", cx.run_id());
    let mut own = Own::wanted(label.clone(), &visit.user().await?, OffsetDateTime::now_utc());
    cx.books_key(&own);
    let (answer, index) = visit.send("POST", api::PATH, Some(&own.request()?), KeyUse::Mint { label }).await?;
    if answer.status >= 500 || answer.status == 429 {
        return Err(MINT.undecided("201", answer.status, index));
    }
    if answer.status != 201 {
        return Err(MINT.fail("201", answer.status, index));
    }
    let made = own.minted(&answer.body, cx.recorder().redactor())?;
    cx.books_key(&own);
    if made.ends() != Some(own.ends) {
        let end = made.ends().map_or_else(|| "none".to_owned(), |end| end.to_string());
        return Err(MINT.fail(format_args!("a key that ends at {}", own.ends), format_args!("an end: {end}"), index));
    }
    let (Some(credential), Some((target, revoke))) = (own.credential(), own.revocation()) else {
        return Err(anyhow::anyhow!("the minted key has no id").into());
    };
    let holder = cx.pretender("a key of this run", credential)?;
    holder.get("/v2/").send().await?.expect_status(&[200], &USE)?;
    if cx.login_rights()?.contains(&Action::Create) {
        let image = Image::tiny(&cx.flavour("keys-lifecycle"));
        transfer::push_image(cx, &holder, cx.scratch()?, &cx.tag("pushed"), &image, &USE).await?;
    } else {
        cx.note("nothing was pushed: the login's user is not promised to create");
    }
    let (answer, index) = visit.send("DELETE", &target, None, revoke).await?;
    if answer.status != 200 {
        return Err(END.fail("200", answer.status, index));
    }
    holder.get("/v2/").send().await?.expect_unauthorized(&END)?;
    cx.key_ended(&own);
    visit.logs_out().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::trial::{Weakness, error_when_down, fails, proven, run_on};

    const ID: &str = "keys::lifecycle";

    #[tokio::test]
    async fn proven_on_the_healthy_lab_without_a_trace_of_the_key() {
        let outcome = proven(ID).await;
        assert!(!serde_json::to_string(&outcome).expect("an outcome can be written").contains("zak_"));
        assert_eq!(outcome.leftovers, []);
        assert!(!outcome.notes.iter().any(|note| note.contains("nothing was pushed")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_a_revoked_key_works_and_says_that_it_is_left() {
        let finding = fails(ID, Weakness::RevokedKeysWork).await;
        assert!(finding.promise.contains("revoked"), "{finding:?}");
        let lab = Lab::with(Weakness::RevokedKeysWork).await.expect("the lab starts");
        let left = run_on(ID, &lab).await.leftovers;
        assert!(left.iter().any(|left| left.reason.contains("it ends by itself at")), "{left:?}");
    }

    #[tokio::test]
    async fn a_key_whose_push_is_refused_is_revoked_nevertheless() {
        let lab = Lab::with(Weakness::ScopeProfileMissing).await.expect("the lab starts");
        let outcome = run_on(ID, &lab).await;
        assert_eq!(outcome.verdict.word(), "fail", "{:#?}", outcome.finding);
        assert!(!lab.api_keys().iter().any(|(_, label)| label.starts_with("regproof-")), "{:?}", lab.api_keys());
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
