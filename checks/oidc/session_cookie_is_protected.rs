//! The cookies of a login are hidden from scripts and sent only encrypted.
//!
//! ## Why it matters
//!
//! A client with the session cookie acts as its user, for two hours and from anywhere. A script on any page of the registry's
//! origin reads a cookie without HttpOnly. Anyone on the network reads one without Secure, as soon as a link says `http://`.
//!
//! ## How it is proven
//!
//! 1. `GET /zot/auth/login?provider=…`: the cookies with the login's state are HttpOnly, and Secure where the registry's public
//!    URL is https.
//! 2. In the browser, after a whole login: the session cookie is HttpOnly, and Secure where the public URL is https. The
//!    cookie `user` is for scripts, and holds a name only; it is Secure with the others.
//!
//! ## When it fails
//!
//! From v2.1.11 zot sets Secure only if it terminates TLS itself or `http.auth.secureSession` is true: `externalUrl` has no
//! effect. Behind a proxy that terminates TLS, set `secureSession`.
//!
//! ## References
//!
//! RFC 6265, sections 4.1.2.5 and 4.1.2.6. zot `pkg/api/config/config.go`, `UseSecureSession`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Oidc, Need::Login, Need::Browser], effect: Effect::ReadOnly, usual: Duration::from_secs(6) };

pub(crate) const SENDS: &[Rows] = &[rows::LOGIN, rows::DISCOVERY, rows::BROWSER];

const WHY: Why<'static> = Why {
    claim: "the cookies of a login are hidden from scripts and sent only encrypted",
    cause: "zot does not know that a proxy terminates TLS: from v2.1.11 its session cookies are Secure only with http.tls or \
            http.auth.secureSession; or a proxy rewrites Set-Cookie",
    remedy: "set \"secureSession\": true in http.auth of zot's configuration, and let the proxy pass Set-Cookie on unchanged",
};

const LOGIN: Why<'static> = Why {
    claim: "a login gives a session cookie",
    cause: "the login itself fails",
    remedy: "first make `oidc::login_returns_with_a_session` pass",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let page = LoginPage::of(cx)?;
    let https = cx.scenario().registry.url.scheme() == "https";
    let answer = cx.anonymous()?.get(&page.target).send().await?;
    answer.expect_status(&[302, 303, 307], &LOGIN).map_err(Failure::into_control)?;
    let mut state = 0;
    for line in answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
        let flag = |wanted: &str| line.split(';').skip(1).any(|part| part.trim().eq_ignore_ascii_case(wanted));
        let name = line.split('=').next().unwrap_or_default();
        protected(name, flag("HttpOnly"), flag("Secure"), https, answer.index)?;
        state += 1;
    }
    if state == 0 {
        return Err(LOGIN.undecided("cookies with the state of the login", "none", answer.index));
    }
    let visit = Visit::start(cx).await?;
    let proof = session_is_protected(&visit, &page, https).await;
    visit.end().await;
    proof
}

async fn session_is_protected(visit: &Visit<'_>, page: &LoginPage, https: bool) -> Proof {
    visit.comes_home(page, &LOGIN).await.map_err(Failure::into_control)?;
    let cookies = visit.cookies().await?;
    let Some(session) = cookies.iter().find(|cookie| cookie.name == "session") else {
        let names: Vec<&str> = cookies.iter().map(|cookie| cookie.name.as_str()).collect();
        return Err(LOGIN.undecided("a cookie `session`", format_args!("cookies: {}", names.join(", ")), None));
    };
    let proof = protected("session", session.http_only, session.secure, https, None);
    let user = cookies.iter().find(|cookie| cookie.name == "user" && https);
    let user = user.map_or(Ok(()), |user| protected("user", true, user.secure, https, None));
    visit.logs_out().await;
    proof.and(user)
}

fn protected(name: &str, http_only: bool, secure: bool, https: bool, index: impl Into<Option<usize>>) -> Proof {
    let missing: Vec<&str> = [("HttpOnly", http_only), ("Secure", secure || !https)]
        .into_iter()
        .filter_map(|(flag, there)| (!there).then_some(flag))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let scheme = if https { "https" } else { "http" };
    let wanted = if https { "HttpOnly and Secure" } else { "HttpOnly" };
    let actual = format!("the cookie `{name}` is without {}", missing.join(" and "));
    Err(WHY.fail(format_args!("{wanted}, since the public URL is {scheme}"), actual, index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "oidc::session_cookie_is_protected";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_when_scripts_can_read_the_session() {
        let finding = fails(ID, Weakness::SessionCookieOpen).await;
        assert_eq!(finding.actual, "the cookie `session` is without HttpOnly");
    }

    #[test]
    fn secure_is_asked_for_where_the_public_url_is_https() {
        for (http_only, secure, https, missing) in [
            (true, false, false, ""),
            (true, true, true, ""),
            (true, false, true, "without Secure"),
            (false, false, true, "without HttpOnly and Secure"),
            (false, true, false, "without HttpOnly"),
        ] {
            let said = protected("c", http_only, secure, https, None).err().map(|failure| failure.finding().actual);
            assert_eq!(said.is_some(), !missing.is_empty(), "{said:?}");
            assert!(said.unwrap_or_default().ends_with(missing));
        }
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
