//! A callback is refused unless a login of this browser began it.
//!
//! ## Why it matters
//!
//! The callback is open to everyone and makes sessions. It may accept a state that it did not give to this browser. An attacker
//! can then log a victim in as another user, and read what the victim does.
//!
//! ## How it is proven
//!
//! Over HTTP, without a browser. The control is that a login begins: it redirects, with a state and cookies that carry it.
//! Then, at the callback:
//!
//! 1. without any cookie, 2. with made-up cookies, 3. with the cookies of one login and the state of another: refused, and no
//!    session. The code was not handed to the provider, which zot's answer would show.
//! 4. With the right state, and a code that the provider never gave: refused, also when it is replayed.
//! 5. An error of the provider with markup in it: refused (zot answers 500). The markup does not come back as a page.
//!
//! ## When it fails
//!
//! Something between browser and registry answers the callback in the registry's place. Or it drops the cookies of the login,
//! and the comparison was relaxed for that reason. zot compares the state with two cookies.
//!
//! ## References
//!
//! RFC 6749, section 10.12. RFC 9700, section 4.7. zot `pkg/api/authn.go`, `OAuth2Callback`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[Need::Oidc], effect: Effect::ReadOnly, usual: Duration::from_millis(80) };

pub(crate) const SENDS: &[Rows] = &[rows::LOGIN, rows::CALLBACK];

const WHY: Why<'static> = Why {
    claim: "a callback is refused unless a login of this browser began it",
    cause: "the state is not compared with the login's cookies, or something in front of the registry answers the callback",
    remedy: "look at what the proxy does with /zot/auth/callback/ and with Cookie; exclude /zot/auth/ from every cache",
};

const BEGIN: Why<'static> = Why {
    claim: "a login begins with a state",
    cause: "the login itself does not begin",
    remedy: "first make `oidc::login_redirects_to_the_provider` pass",
};

/// A code that no provider gave.
const CODE: &str = "regproof-never-given";
const MARKUP: &str = "<script>regproof</script>";

/// A login that was begun.
struct Begun {
    state: String,
    cookies: String,
}

pub(crate) async fn run(cx: &Cx) -> Proof {
    let page = LoginPage::of(cx)?;
    let client = cx.anonymous()?;
    let (one, other) = (begin(&client, &page).await?, begin(&client, &page).await?);
    let callback = format!("/zot/auth/callback/{}", cx.oidc()?.provider);
    let with = |state: &str| format!("{callback}?code={CODE}&state={state}");
    let made_up = "state=bWFkZS11cA; statecookie=bWFkZS11cA";
    for (what, target, cookies) in [
        ("without cookies", with(&one.state), ""),
        ("with made-up cookies", with(&one.state), made_up),
        ("with the state of another login", with(&other.state), one.cookies.as_str()),
    ] {
        let answer = send(&client, &target, cookies).await?;
        refused(&answer, what)?;
        if text(&answer).contains("exchange") {
            let actual = format!("{what}: it handed the code to the provider ({})", text(&answer).trim());
            return Err(WHY.fail("401 before the provider is asked", actual, answer.index));
        }
    }
    for what in ["with a made-up code", "with a made-up code, replayed"] {
        refused(&send(&client, &with(&one.state), &one.cookies).await?, what)?;
    }
    let encoded: String = url::form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    let target = format!("{callback}?error=access_denied&error_description={encoded}&state={}", other.state);
    let answer = send(&client, &target, &other.cookies).await?;
    let what = "with an error of the provider";
    // zot answers 500 in plain text here, and means it.
    if answer.status == 500 && answer.media_type() == "text/plain" {
        no_session(&answer, what)?;
    } else {
        refused(&answer, what)?;
    }
    if answer.media_type() == "text/html" && text(&answer).contains(MARKUP) {
        return Err(WHY.fail("no markup of the request in a page", "a page with it", answer.index));
    }
    Ok(())
}

/// Begins a login as a browser does, and keeps what it would keep.
async fn begin(client: &Client, page: &LoginPage) -> Result<Begun, Failure> {
    let answer = client.get(&page.target).send().await?;
    answer.expect_status(&[302, 303, 307], &BEGIN).map_err(Failure::into_control)?;
    let location = url::Url::parse(answer.header("location").unwrap_or_default())?;
    let state = location.query_pairs().find(|(name, _)| name == "state").map(|(_, state)| state.into_owned());
    let lines = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let cookies: Vec<&str> = lines.filter_map(|line| line.split(';').next()).collect();
    match state {
        Some(state) if !cookies.is_empty() => Ok(Begun { state, cookies: cookies.join("; ") }),
        _ => Err(BEGIN.undecided("a state, and cookies that carry it", answer.brief(), answer.index)),
    }
}

async fn send(client: &Client, target: &str, cookies: &str) -> anyhow::Result<Answer> {
    let request = client.get(target);
    if cookies.is_empty() { request.send().await } else { request.header("Cookie", cookies).send().await }
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn no_session(answer: &Answer, what: &str) -> Proof {
    let session = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).any(|line| {
        let value = line.strip_prefix("session=").map(|rest| rest.split(';').next().unwrap_or_default());
        value.is_some_and(|value| !value.is_empty())
    });
    if session {
        return Err(WHY.fail("401 and no session", format_args!("{what}: a session cookie"), answer.index));
    }
    Ok(())
}

/// 400 or 401 by the registry, and no session cookie.
fn refused(answer: &Answer, what: &str) -> Proof {
    no_session(answer, what)?;
    if matches!(answer.status, 400 | 401 | 403) && answer.is_html() {
        let foreign = "a page in front of the registry refused; the registry's own answer is not known";
        return Err(WHY.undecided("401 by the registry", format_args!("{what}: {foreign}"), answer.index));
    }
    answer.expect_status(&[400, 401], &WHY)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "oidc::forged_callbacks_are_refused";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        let refused = outcome.transcript.iter().filter(|exchange| exchange.status == Some(401)).count();
        assert_eq!(refused, 5);
        let cookies = outcome.transcript.iter().flat_map(|exchange| &exchange.request_headers);
        assert!(cookies.filter(|(name, _)| name == "Cookie").all(|(_, value)| value == "<redacted>"));
    }

    #[tokio::test]
    async fn fails_when_the_state_is_not_compared() {
        let finding = fails(ID, Weakness::StateNotChecked).await;
        assert!(finding.actual.contains("handed the code to the provider"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
