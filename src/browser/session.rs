//! A WebDriver session: every call has a deadline, since the library behind it has none.
//!
//! Values of cookies never leave this file, but for the name that the registry shows its user.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::BrowserError;
use super::driver::Driver;
use super::picture;
use crate::base::process_tree::is_root;
use crate::base::redact::Redactor;

/// One browser with a new, empty profile.
#[derive(Debug)]
pub(crate) struct Browser {
    pub(super) client: Client,
    driver: Driver,
    deadline: Instant,
    redactor: Arc<Redactor>,
    /// How long a page may take to react to what was done.
    pub(super) patience: Duration,
}

/// What a page's own `fetch` got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// A cookie without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieSeen {
    pub(crate) name: String,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: Option<String>,
}

const FETCH: &str = r#"
const [method, path, headers, body, done] = arguments;
fetch(path, { method, headers, body, redirect: "manual", credentials: "same-origin", cache: "no-store" })
  .then(async (answer) => done({ status: answer.status, body: (await answer.text()).slice(0, 65536) }))
  .catch((error) => done({ status: 0, body: String(error) }));
"#;

/// The text that is shown; nothing of a page that shows a secret of an account.
const TEXT: &str = concat!(
    include_str!("page.js"),
    r#"
const text = document.body ? read(document.body, " ", (element) => element.localName === "slot" || element.checkVisibility()) : "";
return { secret, text: text.slice(0, 4000) };
"#
);

/// As much of a page's text as its scripts give.
const CUT: usize = 4000;

/// Everything that could be read in a picture, and whether there is a secret of an account or a place where one may be painted.
const LEGIBLE: &str = concat!(
    include_str!("page.js"),
    r#"
const painted = all.some((element) => element.matches("canvas") && element.checkVisibility());
return { secret: secret || painted, text: legible };
"#
);

/// Nothing that was typed may be in a picture: every field is hidden first, in shadow roots too.
const HIDE_FIELDS: &str = concat!(
    include_str!("page.js"),
    r#"
for (const element of all) if (element.matches("input, textarea, select, [contenteditable]")) element.style.visibility = "hidden";
"#
);

/// How long a page may take to react to what was done.
const PATIENCE: Duration = Duration::from_secs(10);

/// Text that a script of ours read in a page.
#[derive(Default, Deserialize)]
struct Read {
    secret: bool,
    text: String,
}

impl Browser {
    /// Starts a browser that finds every host where DNS says.
    #[cfg(test)]
    pub(crate) async fn start(
        webdriver: &str,
        deadline: Instant,
        redactor: &Arc<Redactor>,
    ) -> Result<Browser, BrowserError> {
        Browser::start_with(webdriver, &BTreeMap::new(), deadline, redactor).await
    }

    /// Starts a browser that connects to these addresses instead of what DNS says; it must end its work before `deadline`.
    pub(crate) async fn start_with(
        webdriver: &str,
        addresses: &BTreeMap<String, String>,
        deadline: Instant,
        redactor: &Arc<Redactor>,
    ) -> Result<Browser, BrowserError> {
        let driver = Driver::start(webdriver, left(deadline)).await?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let mut builder = ClientBuilder::new(connector);
        let Value::Object(capabilities) = capabilities(&driver, addresses, left(deadline)) else {
            unreachable!("an object literal")
        };
        builder.capabilities(capabilities);
        let address = driver.url.as_str().trim_end_matches('/').to_owned();
        let session = tokio::time::timeout(left(deadline).min(Duration::from_secs(30)), builder.connect(&address));
        let client = match session.await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(not_started(webdriver, &error.to_string())),
            Err(_) => return Err(not_started(webdriver, "no session within 30 s")),
        };
        let id = client.session_id().await.ok().flatten();
        let process = client.capabilities().and_then(|c| c.get("goog:processID")).and_then(Value::as_i64);
        driver.session(id.as_deref(), process);
        Ok(Browser { client, driver, deadline, redactor: Arc::clone(redactor), patience: PATIENCE })
    }

    /// Awaits a WebDriver call within the deadline.
    pub(super) async fn call<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, CmdError>>,
    ) -> Result<T, BrowserError> {
        match tokio::time::timeout(left(self.deadline), call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                Err(BrowserError::Driver { what: what.to_owned(), reason: self.first_line(&error.to_string()) })
            }
            Err(_) => Err(BrowserError::Time { what: what.to_owned() }),
        }
    }

    pub(super) fn time_left(&self) -> Duration {
        left(self.deadline)
    }

    pub(crate) async fn open(&self, url: &Url) -> Result<(), BrowserError> {
        self.call(&format!("open {}", url.path()), self.client.goto(url.as_str())).await
    }

    pub(crate) async fn url(&self) -> Result<Url, BrowserError> {
        self.call("tell its URL", self.client.current_url()).await
    }

    /// The page's visible text, shortened to one paragraph; nothing of a page that shows a secret of an account.
    pub(crate) async fn text(&self) -> Result<String, BrowserError> {
        let read = self.read("read the page", TEXT).await?;
        if read.secret {
            return Ok("(the page shows a secret of an account: its words are not kept)".to_owned());
        }
        let dense = read.text.split_whitespace().collect::<Vec<_>>().join(" ");
        // What was cut is no longer to be seen once the gaps are gone.
        Ok(self.redactor.start_of(&dense, 500, read.text.len() < CUT))
    }

    async fn read(&self, what: &str, script: &str) -> Result<Read, BrowserError> {
        let value = self.call(what, self.client.execute(script, vec![])).await?;
        serde_json::from_value(value).map_err(|error| BrowserError::Driver {
            what: what.to_owned(),
            reason: self.first_line(&error.to_string()),
        })
    }

    /// The start of what a page says, without secrets. The page's script cut it too, if it was long.
    pub(super) fn short(&self, text: &str, limit: usize) -> String {
        self.redactor.start_of(text, limit, text.len() < CUT)
    }

    fn first_line(&self, text: &str) -> String {
        self.short(text.lines().next().unwrap_or_default(), 300)
    }

    /// Waits until the URL is as wanted; tells the URL, or the last one seen.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(&Url) -> bool) -> Result<Url, Option<Url>> {
        let mut last = None;
        while !self.time_left().is_zero() {
            if let Ok(url) = self.url().await {
                if wanted(&url) {
                    return Ok(url);
                }
                last = Some(url);
            }
            tokio::time::sleep(Duration::from_millis(50).min(self.time_left())).await;
        }
        Err(last)
    }

    /// A request that the page itself makes to its own origin, with its session.
    pub(crate) async fn fetch(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Fetched, BrowserError> {
        let headers: serde_json::Map<String, Value> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let arguments = vec![json!(method), json!(path), Value::Object(headers), json!(body)];
        let what = format!("fetch {method} {path}");
        let answer = self.call(&what, self.client.execute_async(FETCH, arguments)).await?;
        let status = answer.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let body = answer.get("body").and_then(Value::as_str).unwrap_or_default().to_owned();
        match status {
            Some(status) if status > 0 => Ok(Fetched { status, body }),
            _ => Err(BrowserError::Driver { what, reason: self.first_line(&body) }),
        }
    }

    pub(crate) async fn cookies(&self) -> Result<Vec<CookieSeen>, BrowserError> {
        let cookies = self.call("list cookies", self.client.get_all_cookies()).await?;
        let seen = |cookie: fantoccini::cookies::Cookie<'static>| CookieSeen {
            name: cookie.name().to_owned(),
            secure: cookie.secure().unwrap_or(false),
            http_only: cookie.http_only().unwrap_or(false),
            same_site: cookie.same_site().map(|same_site| same_site.to_string()),
        };
        Ok(cookies.into_iter().map(seen).collect())
    }

    /// The name that zot gave the session's user, which its UI shows (zot `pkg/api/authn.go`, `saveUserLoggedSession`).
    pub(crate) async fn user(&self) -> Result<Option<String>, BrowserError> {
        let cookies = self.call("list cookies", self.client.get_all_cookies()).await?;
        let user = cookies.into_iter().find(|cookie| cookie.name() == "user" && cookie.http_only() != Some(true));
        Ok(user.map(|cookie| cookie.value().trim_matches('"').to_owned()).filter(|name| !name.is_empty()))
    }

    /// A picture of the page, with every field hidden; none of a page that shows a secret, of the scenario or of an account.
    pub(crate) async fn screenshot(&self) -> Result<Vec<u8>, BrowserError> {
        self.may_be_seen().await?;
        self.call("hide the fields", self.client.execute(HIDE_FIELDS, vec![])).await?;
        let png = self.call("take a picture", self.client.screenshot()).await?;
        // A page that builds itself may have changed in between.
        self.may_be_seen().await?;
        if picture::may_hold_a_code(&png) { Err(BrowserError::Secret) } else { Ok(png) }
    }

    /// Refuses a page that shows a secret.
    async fn may_be_seen(&self) -> Result<(), BrowserError> {
        let read = self.read("read the page", LEGIBLE).await?;
        let dense: String = read.text.split_whitespace().collect();
        let shows = read.secret || self.redactor.leaks(&read.text) || self.redactor.leaks(&dense);
        if shows { Err(BrowserError::Secret) } else { Ok(()) }
    }

    /// Whether a QR code is to be seen on the page. The picture is not kept.
    pub(super) async fn shows_a_code(&self) -> Result<bool, BrowserError> {
        let png = self.call("look for a QR code", self.client.screenshot()).await?;
        Ok(picture::may_hold_a_code(&png))
    }

    /// Ends the session and every process of it.
    pub(crate) async fn close(self) {
        let closed = tokio::time::timeout(Duration::from_secs(5), self.client.close()).await;
        if matches!(closed, Ok(Ok(()))) {
            self.driver.session_ended();
        }
    }

    /// The profile folder, for tests that count processes.
    #[cfg(test)]
    pub(super) fn profile(&self) -> PathBuf {
        self.driver.profile.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default()
    }
}

fn capabilities(driver: &Driver, addresses: &BTreeMap<String, String>, time: Duration) -> Value {
    // Half of the time for one page: a machine that is busy is slow, and a page that never comes is told in time.
    let page = u64::try_from((time / 2).as_millis()).unwrap_or(u64::MAX).max(5_000);
    let mut arguments = vec![
        "--headless".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--disable-extensions".to_owned(),
        "--window-size=1024,900".to_owned(),
        resolver_rules(addresses),
    ];
    if let Some(profile) = &driver.profile {
        let profile: PathBuf = profile.path().join("profile");
        arguments.push(format!("--user-data-dir={}", profile.display()));
        if is_root() {
            // Chromium does not start its sandbox as root; everyone else keeps it.
            arguments.push("--no-sandbox".to_owned());
        }
    }
    json!({
        "browserName": "chrome",
        "unhandledPromptBehavior": "dismiss",
        "timeouts": { "pageLoad": page, "script": 20_000, "implicit": 0 },
        "goog:chromeOptions": {
            "args": arguments,
            "prefs": {
                "credentials_enable_service": false,
                "profile.password_manager_enabled": false,
                "download_restrictions": 3,
            },
        },
    })
}

/// Where the browser finds hosts: `host:port` and the address to connect to, as the scenario has them.
fn resolver_rules(addresses: &BTreeMap<String, String>) -> String {
    let mapped: String = addresses.iter().map(|(host, address)| format!("MAP {host} {address}, ")).collect();
    // Names that nobody can own (RFC 6761) are not even asked for.
    format!("--host-resolver-rules={mapped}MAP *.invalid ~NOTFOUND")
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn not_started(webdriver: &str, reason: &str) -> BrowserError {
    let remedy = if reason.contains("only supports Chrome version") {
        "Driver and browser must be of one version: install both from one source"
    } else if reason.contains("cannot find Chrome binary") || reason.contains("no chrome binary") {
        "Install a browser next to the driver (Debian: apt-get install chromium)"
    } else {
        "Try the same driver and browser by hand; in a container they need shared memory and, unless root, a user namespace"
    };
    BrowserError::Start {
        program: format!("a browser by {webdriver}"),
        reason: reason.lines().next().unwrap_or_default().to_owned(),
        remedy,
    }
}

#[cfg(test)]
mod tests;
