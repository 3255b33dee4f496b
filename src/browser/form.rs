//! Logs in through whatever login page the provider shows: looks at the page, fills what it asks for, waits, looks again.
//!
//! Types into elements of a page that was just seen on the issuer's origin: once the page changes, they are gone and the
//! WebDriver refuses. Never tries a login twice.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fantoccini::elements::{Element, ElementRef};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::totp;
use super::{Browser, BrowserError};
use crate::scenario::profile::Profile;
use crate::scenario::secrets::Secret;

/// The key of an element in WebDriver answers (W3C WebDriver, section Elements).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const SCAN: &str = concat!(include_str!("page.js"), include_str!("scan.js"));
/// How long a page must stay as it is before its consent is given, or before it is told that it is not known.
const SETTLED: Duration = Duration::from_millis(400);
const PAUSE: Duration = Duration::from_millis(50);
/// As much of a page's complaint as a sentence needs.
const SAID: usize = 200;

/// Who logs in, and where.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) issuer: Url,
    pub(crate) username: Secret,
    pub(crate) password: Secret,
    pub(crate) totp: Option<Secret>,
    pub(crate) profile: &'static Profile,
}

/// What a look at the page shows.
#[derive(Debug, Deserialize)]
struct View {
    /// Where the browser itself says that it is. A page's own word counts for nothing: its scripts shape what a look returns.
    #[serde(skip)]
    origin: String,
    document: String,
    path: String,
    ready: String,
    user: Option<Value>,
    password: Option<Value>,
    code: Option<Value>,
    submit: Option<Value>,
    /// The button that agrees, or keeps nothing, in a stage that is known by its own element.
    consent: Option<Value>,
    /// The button that chooses codes by time among second factors.
    choice: Option<Value>,
    captcha: bool,
    /// Whether the page is still sending what was typed.
    busy: bool,
    /// What shows that something would be set up, or changed, for the account.
    setup: Option<String>,
    /// A stage that is known by no element.
    unknown: Option<String>,
    /// Fields of the stage that are not known.
    strange: Option<String>,
    other: Option<String>,
    /// Whether there is a button at all: a page without one may still be loading.
    buttons: bool,
    /// The words of a page that ends the login.
    denied: Option<String>,
    /// What the page complains about.
    said: String,
    /// All that the page says; nothing of a page that shows a secret.
    words: String,
}

/// Document, path, which fields there are, and what the page says.
type Stage = (String, String, [bool; 5], String);

impl View {
    /// What changes when a page reacts.
    fn stage(&self) -> Stage {
        let fields = [&self.user, &self.password, &self.code, &self.consent, &self.choice].map(Option::is_some);
        (self.document.clone(), self.path.clone(), fields, self.said.clone())
    }

    /// Ends the login where a machine must not go on, before anything is typed or clicked.
    fn may_be_answered(&self) -> Result<(), BrowserError> {
        let stage = |what: String| Err(BrowserError::Stage { what });
        if let Some(what) = self.setup.clone() {
            return Err(BrowserError::SetUp { what, said: self.words.clone() });
        }
        if let Some(said) = self.denied.clone() {
            return Err(BrowserError::Denied { said });
        }
        if let Some(unknown) = &self.unknown {
            return stage(format!("the stage {unknown}{}", super::quoted(&self.words)));
        }
        if self.captcha {
            return stage("a captcha".to_owned());
        }
        match &self.other {
            Some(other) if self.choice.is_none() => stage(format!("the stage {other}")),
            _ => Ok(()),
        }
    }

    fn asks(&self) -> bool {
        self.user.is_some() || self.password.is_some() || self.code.is_some()
    }
}

impl Browser {
    /// Fills the login pages of the issuer until the browser has left its origin.
    pub(crate) async fn log_in(&self, login: &Login) -> Result<(), BrowserError> {
        let issuer = login.issuer.origin().ascii_serialization();
        let mut done = Done::default();
        let mut first = true;
        loop {
            let Some(view) = self.look(login.profile).await? else { continue };
            if view.origin != issuer {
                if first {
                    return Err(BrowserError::ForeignPage { origin: view.origin, issuer });
                }
                return Ok(());
            }
            view.may_be_answered()?;
            let second_factor = view.code.is_some() || view.choice.is_some();
            if view.busy || view.strange.is_some() {
                self.waits(&view, &mut done).await?;
                continue;
            }
            if second_factor && login.totp.is_none() {
                let what = "a second factor, and the scenario has no [oidc] login.totp".to_owned();
                return Err(BrowserError::Stage { what });
            }
            if (view.consent.is_some() || second_factor) && self.shows_a_code().await? {
                return Err(BrowserError::SetUp { what: "a QR code".to_owned(), said: String::new() });
            }
            if view.asks() {
                first = false;
                self.fill(&view, login, &mut done).await?;
            } else if let Some(choice) = view.choice.as_ref().filter(|_| !done.choice) {
                (first, done.choice) = (false, true);
                self.click(choice).await?;
            } else if let Some(consent) = view.consent.as_ref().filter(|_| done.consents < 2 && done.settled(&view)) {
                first = false;
                done.consents += 1;
                self.click(consent).await?;
            } else {
                self.waits(&view, &mut done).await?;
                continue;
            }
            done.idle = None;
            self.reaction(&view, login).await?;
        }
    }

    /// Waits for a page that is not ready, or not known yet; ends the login where it stays so.
    async fn waits(&self, view: &View, done: &mut Done) -> Result<(), BrowserError> {
        let idle = done.idle.get_or_insert_with(Instant::now).elapsed();
        let stays = done.settled(view);
        let over = idle >= self.patience;
        // A button is there for somebody to click: that page is built.
        let unknown = view.buttons && view.consent.is_none() && stays && idle >= self.patience / 5;
        if let Some(fields) = view.strange.as_ref().filter(|_| over || stays) {
            let what = format!("fields that are not known: {fields}{}", super::quoted(&view.words));
            return Err(BrowserError::Stage { what });
        }
        if view.ready == "complete" && (over || (unknown && !view.busy)) {
            return Err(BrowserError::Stage { what: format!("a page without known fields: {}", view.words) });
        }
        done.seen(view);
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// Whether the issuer's page asks for a user, a password or a code; waits for pages that build themselves.
    pub(crate) async fn asks_for_login(&self, issuer: &Url, profile: &'static Profile) -> Result<bool, BrowserError> {
        let (origin, end) = (issuer.origin().ascii_serialization(), Instant::now() + self.patience);
        while Instant::now() < end && !self.time_left().is_zero() {
            if let Some(view) = self.look(profile).await?
                && view.origin == origin
                && view.asks()
            {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }

    /// One look; nothing while the page is changing under it.
    async fn look(&self, profile: &'static Profile) -> Result<Option<View>, BrowserError> {
        let arguments = vec![json!(profile)];
        match self.call("look at the page", self.client.execute(SCAN, arguments)).await {
            Ok(value) => {
                let Ok(mut view) = serde_json::from_value::<View>(value) else { return Ok(None) };
                // After the look: should the page have changed in between, the fields that were seen are gone.
                view.origin = self.origin().await?;
                view.said = self.short(&view.said, SAID);
                view.words = self.short(&view.words, SAID);
                view.denied = view.denied.map(|words| self.short(&words, SAID));
                Ok(Some(view))
            }
            Err(error @ BrowserError::Time { .. }) => Err(error),
            Err(error) if self.time_left().is_zero() => Err(error),
            Err(BrowserError::Driver { reason, .. }) if is_gone(&reason) => {
                Err(BrowserError::Driver { what: "go on".to_owned(), reason })
            }
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                Ok(None)
            }
        }
    }

    async fn origin(&self) -> Result<String, BrowserError> {
        Ok(self.url().await?.origin().ascii_serialization())
    }

    async fn fill(&self, view: &View, login: &Login, done: &mut Done) -> Result<(), BrowserError> {
        let again = (view.password.is_some() && done.password)
            || (view.user.is_some() && view.password.is_none() && done.user)
            || (view.code.is_some() && done.codes > 1);
        if again {
            let said = if view.said.is_empty() { "the same page came again".to_owned() } else { view.said.clone() };
            return Err(BrowserError::Refused { said });
        }
        let mut last = None;
        if let Some(field) = &view.user
            && !done.user
        {
            self.type_into(field, login, login.username.expose()).await?;
            (done.user, last) = (true, Some(field));
        }
        if let Some(field) = &view.password {
            self.type_into(field, login, login.password.expose()).await?;
            (done.password, last) = (true, Some(field));
        }
        if let Some(field) = &view.code {
            let secret = login.totp.as_ref().expect("a stage with a code is filled with a secret only");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let (code, wait) = totp::own_code(secret.expose(), now)
                .ok_or_else(|| BrowserError::Stage { what: "a code, and login.totp is not base32".to_owned() })?;
            if wait >= self.time_left() {
                return Err(BrowserError::Time { what: "get a one-time code that no other login used".to_owned() });
            }
            tokio::time::sleep(wait).await;
            self.type_into(field, login, &code).await?;
            done.codes += 1;
            last = Some(field);
        }
        match (&view.submit, last) {
            (Some(submit), _) => self.click(submit).await,
            (None, Some(field)) => self.type_into(field, login, "\u{e007}").await,
            (None, None) => Ok(()),
        }
    }

    /// Waits until the page is another one, or shows something else.
    async fn reaction(&self, before: &View, login: &Login) -> Result<(), BrowserError> {
        let end = Instant::now() + self.patience;
        while Instant::now() < end && !self.time_left().is_zero() {
            tokio::time::sleep(PAUSE).await;
            if let Some(view) = self.look(login.profile).await?
                && (view.origin != before.origin || view.stage() != before.stage())
                && (view.origin != before.origin || view.ready == "complete")
            {
                return Ok(());
            }
        }
        Err(BrowserError::Stage { what: format!("{}: the page did not react", before.path) })
    }

    fn element(&self, reference: &Value) -> Option<Element> {
        let id = reference.get(ELEMENT)?.as_str()?;
        Some(Element::from_element_id(self.client.clone(), ElementRef::from(id.to_owned())))
    }

    async fn type_into(&self, field: &Value, login: &Login, text: &str) -> Result<(), BrowserError> {
        let Some(element) = self.element(field) else { return Ok(()) };
        let what = "type into a field";
        let (origin, issuer) = (self.origin().await?, login.issuer.origin().ascii_serialization());
        // It was the issuer's page a moment ago: that it left is no proof that it asks for a login elsewhere.
        if origin != issuer {
            let reason = format!("the page is on {origin} now, not on {issuer}: nothing was typed");
            return Err(BrowserError::Driver { what: what.to_owned(), reason });
        }
        self.call(what, element.send_keys(text)).await
    }

    async fn click(&self, button: &Value) -> Result<(), BrowserError> {
        let Some(element) = self.element(button) else { return Ok(()) };
        self.call("click a button", element.click()).await
    }
}

/// What was already done: nothing is typed twice.
#[derive(Debug, Default)]
struct Done {
    user: bool,
    password: bool,
    /// A code is taken once: where another login was faster, the next one is tried, once.
    codes: u8,
    choice: bool,
    consents: u8,
    idle: Option<Instant>,
    last: Option<(Stage, Instant)>,
}

impl Done {
    fn seen(&mut self, view: &View) {
        if self.last.as_ref().is_none_or(|(stage, _)| *stage != view.stage()) {
            self.last = Some((view.stage(), Instant::now()));
        }
    }

    /// A button alone may be a page that is still being built; a consent page stays as it is.
    fn settled(&self, view: &View) -> bool {
        self.last.as_ref().is_some_and(|(stage, since)| *stage == view.stage() && since.elapsed() > SETTLED)
    }
}

fn is_gone(reason: &str) -> bool {
    ["invalid session id", "no such window", "disconnected", "Lost"].iter().any(|word| reason.contains(word))
}
