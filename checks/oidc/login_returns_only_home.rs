//! A login returns to the registry's own pages, whatever address its link names.
//!
//! ## Why it matters
//!
//! Anyone can send the link `/zot/auth/login?callback_ui=…`. If the registry follows it, a real login on a real domain ends on a
//! page of the attacker. That page can ask for the password once more.
//!
//! ## How it is proven
//!
//! With `callback_ui` of another origin, in four spellings: absolute, `//host`, `/\host`, and the backslash encoded.
//!
//! 1. Over HTTP: the redirect leads to the provider, not to the other origin.
//! 2. In the browser: after the login, it is on the registry's own origin. The other origin is a name below `.invalid`, which
//!    cannot be registered (RFC 6761). So nothing is sent to a stranger if the promise is broken.
//!
//! ## When it fails
//!
//! zot up to v2.1.14 followed any of them, up to v2.1.18 the backslash (issues 3844 and 4238 of zot): update. On a later
//! release, look at `callbackAllowOrigins`.
//!
//! ## References
//!
//! CWE-601. zot `pkg/api/authn.go`, `ValidateCallbackUI`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Oidc, Need::Login, Need::Browser], effect: Effect::ReadOnly, usual: Duration::from_secs(10) };

pub(crate) const SENDS: &[Rows] = &[rows::LOGIN, rows::DISCOVERY, rows::BROWSER];

const WHY: Why<'static> = Why {
    claim: "a login returns to the registry's own pages, whatever address its link names",
    cause: "the registry follows callback_ui to another origin: zot up to v2.1.14 followed any, up to v2.1.18 those with a \
            backslash; or callbackAllowOrigins allows it",
    remedy: "update zot to v2.1.19 or later, and take foreign origins out of http.auth.openid.callbackAllowOrigins",
};

const LOGIN: Why<'static> = Why {
    claim: "a login comes back",
    cause: "the login itself fails",
    remedy: "first make `oidc::login_returns_with_a_session` pass",
};

const FOREIGN: &str = "elsewhere.invalid";

const SPELLINGS: [&str; 4] = [
    "https://elsewhere.invalid/regproof",
    "//elsewhere.invalid/regproof",
    "/\\elsewhere.invalid/regproof",
    "/%5Celsewhere.invalid/regproof",
];

pub(crate) async fn run(cx: &Cx) -> Proof {
    let page = LoginPage::of(cx)?;
    let pages = SPELLINGS.map(|spelling| (spelling, page.leading_to(spelling)));
    for (spelling, page) in &pages {
        let answer = cx.anonymous()?.get(&page.target).send().await?;
        let location = answer.header("location").unwrap_or_default();
        let target = answer.url.join(location).ok();
        if target.as_ref().and_then(url::Url::host_str) == Some(FOREIGN) {
            let actual = format!("callback_ui={spelling} leads there at once");
            return Err(WHY.fail("a redirect to the provider", actual, answer.index));
        }
        // A registry that refuses such a link keeps the promise too.
        if answer.status != 400 {
            answer.expect_status(&[302, 303, 307], &LOGIN).map_err(Failure::into_control)?;
        }
    }
    let visit = Visit::start(cx).await?;
    let proof = all_come_home(cx, &visit, &pages).await;
    if proof.is_err() {
        visit.picture("where the login ended").await;
    }
    visit.logs_out().await;
    visit.end().await;
    proof
}

async fn all_come_home(cx: &Cx, visit: &Visit<'_>, pages: &[(&str, LoginPage)]) -> Proof {
    for (spelling, page) in pages {
        let ended = visit.leads_to(page, FOREIGN, &LOGIN).await.map_err(Failure::into_control)?;
        if ended.host_str() == Some(FOREIGN) {
            let actual = format!("callback_ui={spelling} ended on {FOREIGN}");
            return Err(WHY.fail(format_args!("the registry's own origin, {}", cx.origin()), actual, None));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "oidc::login_returns_only_home";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        let home = outcome.transcript.iter().filter(|exchange| exchange.method == "ARRIVE").count();
        assert_eq!(home, 4);
    }

    #[tokio::test]
    async fn fails_when_the_registry_follows_the_link() {
        let finding = fails(ID, Weakness::ForeignReturnFollowed).await;
        assert!(finding.actual.contains("ended on elsewhere.invalid"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
