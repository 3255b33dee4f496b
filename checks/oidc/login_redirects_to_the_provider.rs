//! The registry's login leads to the OpenID provider, with the right client, return address and a fresh state.
//!
//! ## Why it matters
//!
//! The return address is built from `externalUrl`. With a wrong scheme or host there, every login ends on an error page of the
//! provider. If the state is not fresh, an attacker can slip in a foreign login.
//!
//! ## How it is proven
//!
//! 1. `GET /zot/auth/login?provider=…` twice, without credentials: a redirect each time.
//! 2. It leads to the authorization endpoint of the issuer's discovery document. It has `response_type=code`, the scenario's
//!    `client_id`, and the scope `openid` (and the scenario's). Its `redirect_uri` is the registry's public URL with zot's
//!    callback path.
//! 3. `state` is there, long, and different the second time.
//! 4. In the browser, if there is one: the page is on the issuer's origin, and asks for a login. A provider that refuses the
//!    client or the return address shows an error page instead.
//!
//! ## When it fails
//!
//! `redirect_uri`: set `http.externalUrl` to the public URL. `client_id`: compare zot's `credentialsFile` with the provider.
//! 404: there is no `http.auth.openid` in the running configuration.
//!
//! ## References
//!
//! OpenID Connect Core 1.0, section 3.1.2.1. RFC 6749, section 10.12. zot `pkg/api/authn.go`, `AuthURLHandler`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[Need::Oidc], effect: Effect::ReadOnly, usual: Duration::from_secs(4) };

pub(crate) const SENDS: &[Rows] = &[rows::LOGIN, rows::DISCOVERY, rows::BROWSER];

const WHY: Why<'static> = Why {
    claim: "the login leads to the provider",
    cause: "zot's openid provider is missing or another, or externalUrl is not the public URL",
    remedy: "compare http.externalUrl and http.auth.openid.providers in zot's configuration with [oidc] and registry.url",
};

const STATE: Why<'static> = Why {
    claim: "each login has a fresh state",
    cause: "something caches the redirect, or the registry does not make a new state",
    remedy: "exclude /zot/auth/ from every cache in front of the registry",
};

const PAGE: Why<'static> = Why {
    claim: "the provider shows its login page",
    cause: "the provider does not know this client, or not this return address",
    remedy: "register the redirect_uri of the transcript at the provider, exactly, for this client_id",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let page = LoginPage::of(cx)?;
    let (provider, _) = discovery::discover(cx, &cx.oidc()?.issuer, &WHY).await.map_err(Failure::into_control)?;
    let first = redirect(cx, &page, &provider.authorization_endpoint).await?;
    let second = redirect(cx, &page, &provider.authorization_endpoint).await?;
    if first.0 == second.0 {
        return Err(STATE.fail("another state the second time", "the same", second.1));
    }
    if let Some(reason) = cx.no_browser() {
        cx.note(format!("proven over HTTP only, not in a browser: {reason}"));
        return Ok(());
    }
    let visit = Visit::start(cx).await?;
    let proof = shows_a_login(&visit, &page).await;
    visit.end().await;
    proof
}

/// The state of a redirect that is as promised, and its place in the transcript.
async fn redirect(cx: &Cx, page: &LoginPage, endpoint: &str) -> Result<(String, usize), Failure> {
    let answer = cx.anonymous()?.get(&page.target).send().await?;
    answer.expect_status(&[302, 303, 307], &WHY)?;
    let location = answer.header("location").unwrap_or_default();
    let Ok(url) = url::Url::parse(location) else {
        return Err(WHY.fail(format_args!("a redirect to {endpoint}"), location, answer.index));
    };
    let leads_to = location.split('?').next().unwrap_or_default();
    if leads_to != endpoint.split('?').next().unwrap_or_default() {
        return Err(WHY.fail(format_args!("a redirect to {endpoint}"), leads_to, answer.index));
    }
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let oidc = cx.oidc()?;
    for (name, wanted) in [
        ("response_type", "code"),
        ("client_id", oidc.client_id.as_str()),
        ("redirect_uri", page.redirect_uri.as_str()),
    ] {
        let seen = query.get(name).map_or("(none)", String::as_str);
        if seen != wanted {
            let why = of_parameter(name);
            return Err(why.fail(format_args!("{name} {wanted}"), format_args!("{name} {seen}"), answer.index));
        }
    }
    let scopes: Vec<&str> = query.get("scope").map(|scope| scope.split(' ').collect()).unwrap_or_default();
    let wanted = oidc.scopes.iter().flatten().map(String::as_str).chain(["openid"]);
    if let Some(missing) = wanted.rev().find(|scope| !scopes.contains(scope)) {
        let actual = format!("scope {}", scopes.join(" "));
        return Err(WHY.fail(format_args!("the scope {missing}"), actual, answer.index));
    }
    match query.get("state") {
        Some(state) if state.len() >= 16 => Ok((state.clone(), answer.index)),
        _ => Err(STATE.fail("a state of at least 16 characters", "none, or a shorter one", answer.index)),
    }
}

async fn shows_a_login(visit: &Visit<'_>, page: &LoginPage) -> Proof {
    visit.open(&page.target).await?;
    let asks = visit.asks_for_login(&page.issuer).await?;
    visit.picture("the provider's page").await;
    if !asks {
        let said = visit.text().await;
        return Err(PAGE.fail(
            format_args!("a login page on {}", page.issuer),
            format_args!("a page saying: {said}"),
            None,
        ));
    }
    Ok(())
}

/// The setting that a parameter of the redirect is made of.
fn of_parameter(name: &str) -> Why<'static> {
    match name {
        "redirect_uri" => Why {
            cause: "http.externalUrl in zot's configuration is not registry.url: its scheme, its host or its port differs",
            remedy: "set http.externalUrl to registry.url, and register the new redirect_uri at the provider",
            ..WHY
        },
        "client_id" => Why {
            cause: "the client id in zot's credentialsFile is not the one of the scenario",
            remedy: "compare clientid in zot's credentialsFile with the client at the provider and with [oidc] client_id",
            ..WHY
        },
        _ => WHY,
    }
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "oidc::login_redirects_to_the_provider";

    #[tokio::test]
    async fn proven_on_the_healthy_lab_in_a_browser() {
        let outcome = proven(ID).await;
        assert!(!outcome.notes.iter().any(|note| note.contains("not in a browser")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_when_the_redirect_is_wrong_in_any_part() {
        for (weakness, words) in [
            (Weakness::RedirectUriWrongHost, "redirect_uri"),
            (Weakness::ExternalUrlHttps, "redirect_uri"),
            (Weakness::WrongClientId, "client_id"),
            (Weakness::StateNotFresh, "the same"),
            (Weakness::OpenidRemoved, "404"),
        ] {
            let finding = fails(ID, weakness).await;
            assert!(finding.actual.contains(words), "{weakness:?}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
