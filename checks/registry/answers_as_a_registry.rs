//! The URL leads to a container registry, and the registry itself answers.
//!
//! ## Why it matters
//!
//! A login page, a maintenance page or another host answers many requests with a status that looks right. If the first
//! thing behind the URL is not the registry, no other verdict means anything.
//!
//! ## How it is proven
//!
//! 1. `GET /v2/` answers 200, or 401 with a challenge, without a redirect and not with a page.
//! 2. The answer is the API's: it names the registry API, or its body is JSON.
//! 3. A challenge, where there is one, stays on this origin: its realm names no other host over plain http.
//! 4. A public repository of the scenario lists its tags under its own name, so that this is the right registry.
//! 5. A note has the product and the release that it names. A release is a claim, not a proof.
//!
//! ## When it fails
//!
//! Look at DNS, at the proxy's routes and at `registry.url`. A login page means that a forward-auth rule covers `/v2/`.
//!
//! ## References
//!
//! OCI distribution spec, section Determining Support. zot `pkg/api/routes.go`, `CheckVersionSupport`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[], effect: Effect::ReadOnly, usual: Duration::from_millis(20) };

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::LISTED];

const WHY: Why<'static> = Why {
    claim: "the registry answers GET /v2/",
    cause: "DNS, the proxy or registry.url lead to something else: a login page, a maintenance page, another host",
    remedy: "open registry.url with /v2/ added, and mend the route until the registry itself answers",
};

const THIS: Why<'static> = Why {
    claim: "this is the registry that holds the scenario's public repositories",
    cause: "the URL leads to another registry, or to an empty one",
    remedy: "compare registry.url and repositories.public with the deployment",
};

const REALM: Why<'static> = Why {
    claim: "clients can find the token server that the registry names",
    cause: "the challenge names no address: in zot, `http.auth.bearer.realm` is a word and not a URL",
    remedy: "set the realm to the URL of the token server, with https",
};

const PLAIN: Why<'static> = Why {
    claim: "clients fetch tokens over an encrypted connection",
    cause: "the realm is another host over plain http, so that clients send their passwords there in the clear",
    remedy: "set the realm to the https address of the token server",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let client = cx.anonymous()?;
    let answer = client.get("/v2/").send().await?;
    answer.expect_status(&[200, 401], &WHY)?;
    let named = answer.header("docker-distribution-api-version") == Some("registry/2.0");
    if answer.is_html() || !(named || answer.media_type() == "application/json" || answer.body.is_empty()) {
        return Err(WHY.fail("an answer of the registry API", answer.brief(), answer.index));
    }
    if answer.status == 401 && answer.header("www-authenticate").is_none() {
        return Err(WHY.fail("a challenge with the 401 (WWW-Authenticate)", "none", answer.index));
    }
    if !named && answer.header("www-authenticate").is_none() && !answer.is_json() {
        return Err(WHY.fail("a sign of the registry API in headers or body", answer.brief(), answer.index));
    }
    for realm in answer.token_realms() {
        let own = url::Url::parse(&realm).is_ok_and(|url| client.origin().owns(&url));
        if !own && !realm.starts_with("https://") {
            let expected = "a challenge whose realm is on this origin, or elsewhere over https";
            if url::Url::parse(&realm).is_err() {
                return Err(REALM.fail(expected, format_args!("the realm `{realm}`"), answer.index));
            }
            return Err(PLAIN.fail(expected, format_args!("the realm `{realm}`"), answer.index));
        }
    }
    if let Some(repository) = cx.scenario().repositories.public.first()
        && cx.scenario().promise(None, repository, Action::Read) == Some(true)
    {
        presence::lists_its_tags(&cx.anonymous()?, repository, &THIS).await?;
    }
    let print = cx.recognised().await?;
    let product = print.product.as_deref().unwrap_or("a registry of an unknown product");
    cx.note(format!("{product}, {}", print.release.as_deref().unwrap_or("release not shown")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, errs, fails, proven, vantage};

    const ID: &str = "registry::answers_as_a_registry";

    #[tokio::test]
    async fn proven_on_the_healthy_lab_with_its_product_and_release() {
        let outcome = proven(ID).await;
        assert!(outcome.notes.iter().any(|note| note.contains("zot, v2.1.20")), "{:?}", outcome.notes);
        // What a release is said to have is told where a check finds it, not on each run.
        assert_eq!(outcome.notes.len(), 1, "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_on_a_login_page_and_on_a_registry_that_grants_everything() {
        let finding = fails(ID, Weakness::LoginPageWith200).await;
        assert!(finding.actual.contains("HTML"), "{finding:?}");
        fails(ID, Weakness::Answers200ToEverything).await;
    }

    #[tokio::test]
    async fn fails_when_clients_cannot_find_the_token_service() {
        let outcome = vantage::at_the_proxy(ID, |line| {
            line.starts_with("GET /v2/ ").then_some(
                "401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"registry\",service=\"registry\"\n{\"errors\":[]}",
            )
        });
        let finding = outcome.await.finding.expect("a Fail has a finding");
        assert!(finding.cause.contains("`http.auth.bearer.realm` is a word and not a URL"), "{finding:?}");
        assert!(finding.remedy.contains("the URL of the token server"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_overloaded_broken_or_down() {
        errs(ID, Weakness::RateLimited).await;
        errs(ID, Weakness::ServerErrors).await;
        error_when_down(ID).await;
    }
}
