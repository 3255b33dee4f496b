//! A visit to the registry's login with a browser, every step of it in the transcript.
//!
//! What the page itself is made to send passes the same choke point as every other request.

use url::Url;

pub(crate) use crate::browser::Fetched;
use crate::browser::{Browser, BrowserError, CookieSeen, Login};
use crate::check::context::Cx;
use crate::http::Origin;
use crate::http::guard::{KeyUse, ORACLE_TYPE};
use crate::kit::diagnosis;
use crate::kit::diagnosis::Clues;
use crate::kit::discovery;
use crate::model::exchange::{ARRIVE, Exchange, LOG_IN, OPEN};
use crate::model::failure::{Failure, Why};
use crate::scenario::profile::Profile;

/// zot takes a session cookie only together with this header (`pkg/api/authn.go`, `hasSessionHeaders`).
const SESSION_HEADER: (&str, &str) = ("X-ZOT-API-CLIENT", "zot-ui");

/// Where the login starts, and where it must lead.
#[derive(Clone, Debug)]
pub(crate) struct LoginPage {
    /// Path and query of the registry's own login.
    pub(crate) target: String,
    /// What the provider must send the browser back to.
    pub(crate) redirect_uri: String,
    pub(crate) issuer: Url,
}

impl LoginPage {
    pub(crate) fn of(cx: &Cx) -> anyhow::Result<LoginPage> {
        let oidc = cx.oidc()?;
        let base = Origin::of(&cx.scenario().registry.url).to_string();
        let home: String = url::form_urlencoded::byte_serialize(format!("{base}/").as_bytes()).collect();
        Ok(LoginPage {
            target: format!("/zot/auth/login?provider={}&callback_ui={home}", oidc.provider),
            redirect_uri: format!("{base}/zot/auth/callback/{}", oidc.provider),
            issuer: Url::parse(&oidc.issuer)?,
        })
    }

    /// The same login with a link that wants to lead elsewhere.
    pub(crate) fn leading_to(&self, callback_ui: &str) -> LoginPage {
        let start = self.target.split("&callback_ui=").next().unwrap_or_default();
        let there: String = url::form_urlencoded::byte_serialize(callback_ui.as_bytes()).collect();
        LoginPage { target: format!("{start}&callback_ui={there}"), ..self.clone() }
    }
}

const CLAIM: &str = "the scenario's user can log in at the provider";

/// Why a login ended on the provider's pages, by what its last page was.
fn ended(error: &BrowserError) -> Why<'static> {
    let (cause, remedy) = match error {
        BrowserError::SetUp { .. } => (
            "the provider asks this account for a second factor, a new password, consent to terms or a verified address; a \
             login by regproof never changes an account",
            "log in by hand once as this user and finish it, or remove the requirement at the provider; for a second factor \
             put its secret into [oidc] login.totp",
        ),
        BrowserError::Denied { .. } => (
            "a policy of the provider refuses this user; or the client or its redirect URI is not registered at the \
             provider",
            "read the page's text; compare the policies, client_id and redirect URI of the application at the provider",
        ),
        BrowserError::Stage { .. } => (
            "the provider asks for more than the scenario can answer, or shows an unknown page; regproof gave no answer",
            "look at the picture in the HTML report; for a second factor set [oidc] login.totp; give a consent once by hand, \
             with the same user; set [oidc] login.profile to the provider's name",
        ),
        _ => (
            "the user name or password of [oidc] login is wrong or locked, or its one-time code was refused",
            "log in by hand with the same user; look at the picture in the HTML report",
        ),
    };
    Why { claim: CLAIM, cause, remedy }
}

/// One browser, visiting.
pub(crate) struct Visit<'a> {
    cx: &'a Cx,
    browser: Browser,
    base: Url,
}

impl<'a> Visit<'a> {
    pub(crate) async fn start(cx: &'a Cx) -> anyhow::Result<Visit<'a>> {
        let scenario = cx.scenario();
        let redactor = cx.recorder().redactor();
        let browser =
            Browser::start_with(&scenario.browser.webdriver, &scenario.registry.resolve, cx.deadline(), redactor)
                .await?;
        Ok(Visit { cx, browser, base: cx.scenario().registry.url.clone() })
    }

    fn note(&self, what: &str, url: &str, result: Result<u16, String>) -> usize {
        let (status, error) = result.map_or_else(|error| (None, Some(error)), |status| (Some(status), None));
        self.cx.recorder().add(Exchange {
            who: "the browser".to_owned(),
            method: what.to_owned(),
            url: url.to_owned(),
            status: status.filter(|status| *status > 0),
            error,
            at_ms: self.cx.recorder().now_ms(),
            ..Exchange::default()
        })
    }

    /// Opens a page of the registry.
    pub(crate) async fn open(&self, target: &str) -> anyhow::Result<()> {
        self.cx.permit("GET", target, "", KeyUse::None)?;
        let url = Origin::of(&self.base).join(target)?;
        let opened = self.browser.open(&url).await;
        self.note(OPEN, url.as_str(), opened.as_ref().map(|()| 0).map_err(ToString::to_string));
        Ok(opened?)
    }

    /// Waits until the browser is on an origin; tells where it is instead, if it is not.
    pub(crate) async fn arrives_at(&self, origin: &Origin) -> Result<Url, Option<Url>> {
        let result = self.browser.wait_for(|url| origin.owns(url)).await;
        let seen = result.as_ref().ok().or(result.as_ref().err().and_then(Option::as_ref));
        self.note(ARRIVE, seen.map_or("", Url::as_str), Ok(0));
        result
    }

    /// Whether the provider's page asks for a login.
    pub(crate) async fn asks_for_login(&self, issuer: &Url) -> Result<bool, BrowserError> {
        self.browser.asks_for_login(issuer, self.profile()).await
    }

    fn profile(&self) -> &'static Profile {
        let login = self.cx.scenario().oidc.as_ref().and_then(|oidc| oidc.login.as_ref());
        let name = login.map_or("generic", |login| login.profile.as_str());
        Profile::named(name).unwrap_or_else(|| Profile::named("generic").expect("the generic profile is built in"))
    }

    /// Logs in at the provider with the scenario's user.
    pub(crate) async fn log_in(&self, page: &LoginPage, why: &Why<'_>) -> Result<(), Failure> {
        let secrets = self.cx.login()?;
        let login = Login {
            issuer: page.issuer.clone(),
            username: secrets.username.clone(),
            password: secrets.password.clone(),
            totp: secrets.totp.clone(),
            profile: self.profile(),
        };
        let result = self.browser.log_in(&login).await;
        let index = self.note(LOG_IN, page.issuer.as_str(), result.as_ref().map(|()| 0).map_err(ToString::to_string));
        match result {
            Ok(()) => Ok(()),
            Err(BrowserError::ForeignPage { origin, issuer }) => {
                Err(why.fail(format_args!("a login page on {issuer}"), format_args!("one on {origin}"), index))
            }
            Err(
                error @ (BrowserError::Refused { .. }
                | BrowserError::Denied { .. }
                | BrowserError::SetUp { .. }
                | BrowserError::Stage { .. }),
            ) => {
                self.picture("the login page").await;
                let said = error.to_string();
                let found = diagnosis::refusal(&Clues { said: &said, ..Clues::default() });
                if let Some(found) = &found {
                    return Err(found.of(CLAIM).undecided("a login", error, index));
                }
                Err(ended(&error).undecided("a login", error, index))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A whole login, for checks that need a session and prove something else.
    pub(crate) async fn comes_home(&self, page: &LoginPage, why: &Why<'_>) -> Result<Url, Failure> {
        self.leads_to(page, "", why).await
    }

    /// Where a whole login ends: on the registry's origin, or on the foreign host that its link names. The provider does
    /// not ask a user again whom it remembers.
    pub(crate) async fn leads_to(&self, page: &LoginPage, foreign: &str, why: &Why<'_>) -> Result<Url, Failure> {
        let home = Origin::of(&self.base);
        let ended = |url: &Url| home.owns(url) || url.host_str() == Some(foreign);
        // Opening, and typing, fail where they lead to a host that does not exist: that is an end too.
        let opened = self.open(&page.target).await;
        if !self.browser.url().await.is_ok_and(|url| ended(&url)) {
            opened?;
            let typed = self.log_in(page, why).await;
            if !self.browser.url().await.is_ok_and(|url| ended(&url)) {
                typed?;
            }
        }
        let result = self.browser.wait_for(ended).await;
        let seen = result.as_ref().ok().or(result.as_ref().err().and_then(Option::as_ref));
        self.note(ARRIVE, seen.map_or("", Url::as_str), Ok(0));
        let at = match result {
            Ok(url) if url.path().starts_with("/zot/auth/callback/") => return Err(self.refused(why).await),
            Ok(url) if !url.path().starts_with("/zot/auth/") => return Ok(url),
            Ok(url) => url.path().to_owned(),
            Err(url) => url.map_or_else(|| "nowhere".to_owned(), |url| Origin::of(&url).to_string()),
        };
        Err(why.fail(format_args!("back at {home}"), format_args!("at {at}"), None))
    }

    /// The registry's callback refused: with the cause that its page and the clocks tell.
    pub(crate) async fn refused(&self, why: &Why<'_>) -> Failure {
        let said = self.text().await;
        let ahead = discovery::clock_ahead(self.cx).await;
        let found = diagnosis::refusal(&Clues { said: &said, ahead, ..Clues::default() });
        let why = found.as_ref().map_or(*why, |found| found.of(why.claim));
        why.fail("back at the registry with a session", format!("the callback answered: {said}"), None)
    }

    /// Ends the session that a check made; what becomes of it is proven elsewhere.
    pub(crate) async fn logs_out(&self) {
        let _ = self.fetch("POST", "/zot/auth/logout").await;
    }

    /// A request that the registry's page makes to its own origin, with the session.
    pub(crate) async fn fetch(&self, method: &str, target: &str) -> anyhow::Result<(Fetched, usize)> {
        self.send(method, target, None, KeyUse::None).await
    }

    /// The same for a request about a key of this run's own making. The answer's body may hold that key: it is not kept.
    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        body: Option<&str>,
        key: KeyUse,
    ) -> anyhow::Result<(Fetched, usize)> {
        self.cx.permit(method, target, body.unwrap_or_default(), key)?;
        let json = body.map(|_| ("Content-Type", "application/json"));
        let headers: Vec<_> = [SESSION_HEADER].into_iter().chain(json).collect();
        let result = self.browser.fetch(method, target, &headers, body).await;
        let status = result.as_ref().map(|fetched| fetched.status).map_err(ToString::to_string);
        let index = self.note(method, &format!("{}{target}", Origin::of(&self.base)), status);
        Ok((result?, index))
    }

    /// A manifest that no registry can store, put with the session.
    pub(crate) async fn put_oracle(&self, target: &str) -> anyhow::Result<(Fetched, usize)> {
        self.cx.permit_oracle(target)?;
        let headers = [SESSION_HEADER, ("Content-Type", ORACLE_TYPE)];
        let result = self.browser.fetch("PUT", target, &headers, Some("{}")).await;
        let status = result.as_ref().map(|fetched| fetched.status).map_err(ToString::to_string);
        let index = self.note("PUT", &format!("{}{target}", Origin::of(&self.base)), status);
        Ok((result?, index))
    }

    pub(crate) async fn cookies(&self) -> Result<Vec<CookieSeen>, BrowserError> {
        self.browser.cookies().await
    }

    /// Whom the registry takes the session's user for: by its claim mapping, not always the name that was typed.
    pub(crate) async fn user(&self) -> anyhow::Result<String> {
        let typed = || Ok(self.cx.login()?.username.expose().to_owned());
        self.browser.user().await?.map_or_else(typed, Ok)
    }

    /// The page's text, as evidence.
    pub(crate) async fn text(&self) -> String {
        self.browser.text().await.unwrap_or_default()
    }

    /// A picture for the report; a page that gives none is no reason to fail.
    pub(crate) async fn picture(&self, name: &str) {
        match self.browser.screenshot().await {
            Ok(png) => self.cx.screenshot(name, png),
            Err(error @ BrowserError::Secret) => self.cx.note(format!("{name}: {error}")),
            Err(_) => {}
        }
    }

    /// Ends the browser.
    pub(crate) async fn end(self) {
        self.browser.close().await;
    }
}
