//! A browser login leads back to the registry, with a session that has its groups and works until logout.
//!
//! ## Why it matters
//!
//! A wrong client secret passes the redirect and fails only on the way back. With a missing scope the login works and loses the
//! groups. Pushes are then refused, and every API key of that user loses its rights. Only a whole login proves the login.
//!
//! ## How it is proven
//!
//! 1. The control: `GET /zot/auth/apikey` without a session is not 200.
//! 2. In the browser: the registry's login, the provider's pages, and back to the registry's origin.
//! 3. The page asks for `/zot/auth/apikey` with the session: 200, with a list of keys. No text of a page is believed.
//! 4. The registry knows the user by the name that was typed, if an identity of the scenario has that name.
//! 5. The session has its groups. If a group of the user may create and not everyone may, an impossible upload (`?from=`
//!    without `mount`) is started. zot answers it with 405 only to users who may create.
//! 6. Logout, and the same request again: not 200.
//!
//! If the way back or the groups fail, the finding names its cause. The check looks for it in the page's text, in the scopes of
//! the redirect and in the `Date` headers. It also compares the registry's name for the user.
//!
//! ## When it fails
//!
//! Back at `/zot/auth/callback/…` with an error: the client secret, or the clocks of registry and provider. 403 after the
//! login: the scope or claim that carries the groups is missing.
//!
//! ## References
//!
//! OpenID Connect Core 1.0, section 3.1. zot `pkg/api/authn.go`, `pkg/api/routes.go` (`Logout`).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Oidc, Need::Login, Need::Browser], effect: Effect::Oracle, usual: Duration::from_secs(6) };

pub(crate) const SENDS: &[Rows] =
    &[rows::LOGIN, rows::DISCOVERY, rows::BROWSER, rows::FINGERPRINT, rows::TRIAL, rows::SESSION];

const KEYS: &str = "/zot/auth/apikey";

const WHY: Why<'static> = Why {
    claim: "a login comes back to the registry with a session",
    cause: "the registry refused what the provider sent back: a wrong client secret, an issuer or key it does not accept, or \
            clocks that differ",
    remedy: "compare the client secret in zot's credentialsFile with the provider's; look at zot's log for the callback; \
             compare the clocks",
};

const GROUPS: Why<'static> = Why {
    claim: "a login brings the groups of its user along",
    cause: "the scope or claim with the groups is missing; or the provider and zot's openid scopes name it differently",
    remedy: "add the scope (in Authentik: the profile scope mapping with groups) to the provider and to zot's openid scopes, \
             and compare claimMapping",
};

const LOGOUT: Why<'static> = Why {
    claim: "after logout the session is refused",
    cause: "the logout does not reach the registry, or the registry keeps the session",
    remedy: "look at what the proxy does with POST /zot/auth/logout and with Set-Cookie",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let page = LoginPage::of(cx)?;
    let control = cx.anonymous()?.get(KEYS).send().await?;
    if control.status == 200 {
        return Err(WHY.fail("no list of API keys without a session", control.brief(), control.index));
    }
    let visit = Visit::start(cx).await?;
    let proof = logs_in(cx, &visit, &page).await;
    if proof.is_err() {
        visit.picture("where the login ended").await;
    }
    visit.end().await;
    proof
}

async fn logs_in(cx: &Cx, visit: &Visit<'_>, page: &LoginPage) -> Proof {
    visit.open(&page.target).await?;
    visit.log_in(page, &WHY).await?;
    let home = Origin::of(&cx.scenario().registry.url);
    match visit.arrives_at(&home).await {
        Ok(url) if url.path().starts_with("/zot/auth/callback/") => return Err(visit.refused(&WHY).await),
        Ok(_) => {}
        Err(elsewhere) => {
            let at = elsewhere.map_or_else(|| "nowhere".to_owned(), |url| Origin::of(&url).to_string());
            return Err(WHY.fail(format_args!("back at {home}"), format_args!("at {at}"), None));
        }
    }
    let (keys, index) = visit.fetch("GET", KEYS).await?;
    if keys.status != 200 || !keys.body.contains("apiKeys") {
        let actual = format!("{} for {KEYS} with the session", keys.status);
        return Err(WHY.fail("200 and a list of API keys", actual, index));
    }
    is_its_user(cx, visit, page).await?;
    has_its_groups(cx, visit, page).await?;
    visit.picture("logged in").await;
    let (out, index) = visit.fetch("POST", "/zot/auth/logout").await?;
    if out.status != 200 {
        return Err(LOGOUT.fail("200", out.status, index));
    }
    let (after, index) = visit.fetch("GET", KEYS).await?;
    if after.status == 200 {
        return Err(LOGOUT.fail("no list of API keys after the logout", "200", index));
    }
    Ok(())
}

/// Where an identity has the name that was typed, the registry must take the login for that user: its keys are that user's.
async fn is_its_user(cx: &Cx, visit: &Visit<'_>, page: &LoginPage) -> Proof {
    let (typed, taken) = (cx.login()?.username.expose(), visit.user().await?);
    if taken == typed || !cx.scenario().identities.values().any(|identity| identity.username == typed) {
        return Ok(());
    }
    let (asked, known) = discovery::scopes(cx, &page.target).await;
    let clues = diagnosis::Clues { asked: &asked, known: &known, typed, taken: &taken, ..Default::default() };
    let found = diagnosis::name(&clues);
    Err(found.of("a login is its user").fail(format_args!("the user {typed}"), format_args!("the user {taken}"), None))
}

/// Where a group of the user gives a right that not every user has, the session must have it.
async fn has_its_groups(cx: &Cx, visit: &Visit<'_>, page: &LoginPage) -> Proof {
    let scenario = cx.scenario();
    let Some(repository) = scenario.repositories.scratch.as_ref().or(scenario.repositories.public.first()) else {
        return Ok(());
    };
    let everyone = scenario.promised_by_groups(cx.login()?.username.expose(), &BTreeSet::new());
    let by_group = cx.login_rights()?.contains(&Action::Create) && !everyone.contains(&Action::Create);
    if !by_group {
        cx.note("groups not proven: the groups of the login's user are promised only rights that every user has");
        return Ok(());
    }
    if let Err(unasked) = cx.clear_oracles().await?.sends(OracleShape::StartUpload) {
        cx.note(format!("groups not proven: {}", unasked.reason()));
        return Ok(());
    }
    let (answer, index) = visit.fetch("POST", &format!("/v2/{repository}/blobs/uploads/?from=x")).await?;
    match answer.status {
        405 => Ok(()),
        401 | 403 => {
            let (asked, known) = discovery::scopes(cx, &page.target).await;
            let (typed, taken) = (cx.login()?.username.expose(), visit.user().await?);
            let clues = diagnosis::Clues { asked: &asked, known: &known, typed, taken: &taken, ..Default::default() };
            let found = diagnosis::groups(&clues);
            let actual = format!("{}: it may not", answer.status);
            Err(found.of(GROUPS.claim).fail("405: the user may create", actual, index))
        }
        other => Err(GROUPS.undecided("405 or 403", other, index)),
    }
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, config, error_when_down, fails, proven};

    const ID: &str = "oidc::login_returns_with_a_session";

    #[tokio::test]
    async fn the_groups_are_proven_where_the_configuration_promises_too() {
        let outcome = config::run(ID, None, |_| {}).await;
        assert!(!outcome.notes.iter().any(|note| note.contains("groups not proven")), "{:?}", outcome.notes);
        assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
        let outcome = config::run(ID, Some(Weakness::ScopeProfileMissing), |_| {}).await;
        assert_eq!(outcome.verdict.word(), "fail", "{:?}", outcome.finding);
    }

    #[tokio::test]
    async fn proven_on_the_healthy_lab_with_its_groups() {
        let outcome = proven(ID).await;
        assert!(!outcome.notes.iter().any(|note| note.contains("groups not proven")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_the_way_back_is_broken_in_any_part() {
        for (weakness, words) in [
            (Weakness::ClientSecretWrong, "client secret"),
            (Weakness::ScopeProfileMissing, "does not ask for the scope profile"),
            (Weakness::ProviderClockAhead, "the provider's clock is 5 min ahead of the registry's"),
            (Weakness::IssuerMismatch, "another issuer"),
            (Weakness::LoginWithoutSession, "session"),
            (Weakness::SessionSurvivesLogout, "logout"),
        ] {
            let finding = fails(ID, weakness).await;
            let text = format!("{} {} {}", finding.summary, finding.cause, finding.remedy);
            assert!(text.contains(words), "{weakness:?}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
