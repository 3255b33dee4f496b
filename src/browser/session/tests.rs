//! The browser against local pages: how it logs in, where it refuses to type, and that nothing of it is left behind.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use url::Url;

use super::super::Login;
use super::super::driver::{Driver, with_profile};
use super::*;
use crate::scenario::profile::Profile;
use crate::scenario::secrets::Secret;

mod authentik;

const DRIVER: &str = "chromedriver";

fn redactor() -> Arc<Redactor> {
    Arc::new(Redactor::new([("erich", "hunter22")]))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(300)
}

#[test]
fn the_browser_connects_to_the_addresses_of_the_scenario() {
    let addresses = [("registry.test:443".to_owned(), "127.0.0.1:8443".to_owned())].into();
    let rules = resolver_rules(&addresses);
    assert!(rules.starts_with("--host-resolver-rules=MAP registry.test:443 127.0.0.1:8443, "), "{rules}");
}

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// Every form that was sent to the pages.
type Sent = Arc<Mutex<Vec<String>>>;

/// A provider whose `/done` redirects to the other origin.
async fn provider(page: &'static str, next: &'static str) -> (Url, Url, Sent) {
    let sent = Sent::default();
    let away = serve(Router::new().route("/back", get(|| async { Html("<h1>back</h1>") }))).await;
    let leave = format!("http://127.0.0.1:{}/back", away.port());
    let note = |State(sent): State<Sent>, body: String| async move { sent.lock().unwrap().push(body) };
    let router = Router::new()
        .route("/", get(move || async move { Html(page) }))
        .route(
            "/next",
            post(move |state, body: String| async move {
                note(state, body).await;
                Html(next)
            }),
        )
        .route(
            "/done",
            post(move |state, body: String| async move {
                note(state, body).await;
                Redirect::to(&leave)
            }),
        )
        .with_state(Arc::clone(&sent));
    let address = serve(router).await;
    (
        format!("http://127.0.0.1:{}/", address.port()).parse().unwrap(),
        format!("http://127.0.0.1:{}/back", away.port()).parse().unwrap(),
        sent,
    )
}

fn login(issuer: &Url, profile: &str) -> Login {
    Login {
        issuer: issuer.clone(),
        username: Secret::new("erich".into()),
        password: Secret::new("hunter22".into()),
        totp: Some(Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into())),
        profile: Profile::named(profile).unwrap(),
    }
}

const ONE_PAGE: &str = "<form method=post action=/done><label>E-mail <input name=mail></label>\
    <input type=password name=p><button>Log in</button></form>";
const LIAR: &str = "<script>Object.defineProperty(Object.prototype, 'origin', { set() {
    Object.defineProperty(this, 'origin', { value: 'http://127.0.0.1:1', enumerable: true });
    } })</script><form method=post action=/done><input name=user><input type=password name=p><button>Log in</button></form>";
/// Goes to another origin, where the same page stands, as soon as somebody types.
const LEAVES: &str = "<form method=post action=/done><input name=user oninput=\"location.hostname = 'localhost'\">\
    <input type=password name=p><button>Log in</button></form>";
const GAPS: &str = "<script>document.write(`<pre>${' '.repeat(3993)}hunter22</pre>`)</script>";
const USER_FIRST: &str = "<form method=post action=/next><input name=username><input type=submit value=Next></form>";
const THEN_PASSWORD: &str =
    "<form method=post action=/done><input type=password name=password><button>Log in</button></form>";
const THEN_CONSENT: &str = "<form method=post action=/done><input type=hidden name=prompt value=consent>\
    <button type=submit>Weiter</button></form><form method=post action=/next><button type=submit>Cancel</button></form>";
const OF_DEX: &str = "<form method=post action=/done><input type=hidden name=approval value=approve>\
    <button type=submit>Grant</button></form><form method=post action=/next><input type=hidden name=approval value=rejected>\
    <button type=submit>Cancel</button></form>";
const OF_KEYCLOAK: &str = "<div id=kc-oauth><form method=post action=/done><input type=hidden name=code value=x>\
    <input type=submit name=accept id=kc-login value=Ja><input type=submit name=cancel id=kc-cancel value=Nein></form></div>";
/// Pages that want something of the account, or say nothing of what they want: all with a button that a person would press.
const NEVER: [(&str, &str); 12] = [
    ("<form method=post action=/done><button type=submit>Continue</button></form>", "without known fields"),
    (
        "<form method=post action=/done><input type=password name=password-new autocomplete=new-password>\
      <button>OK</button></form>",
        "set something up",
    ),
    (
        "<form method=post action=/done><input type=password name=a><input type=password name=b><button>OK</button></form>",
        "set something up",
    ),
    (
        "<form method=post action=/done id=kc-update-profile-form><input name=email><button>OK</button></form>",
        "set something up",
    ),
    ("<form method=post action=/done><button name=accept id=kc-accept>Ja</button></form>", "set something up"),
    (
        "<body data-page-id=login-login-verify-email><form method=post action=/done><button>OK</button></form>",
        "the stage login-login-verify-email",
    ),
    (
        "<form method=post action=/done><input type=hidden name=totpSecret value=x><input name=totp><button>OK</button></form>",
        "set something up",
    ),
    (
        "<form method=post action=/done><ol id=kc-recovery-codes-list><li>AAAA-1111</li></ol><button>OK</button></form>",
        "set something up",
    ),
    (
        "<p>q7w2kd81mz p0x9vb34ty h5n6cc72re u8s1lf90gj<form method=post action=/done><input name=code><button>OK</button></form>",
        "set something up",
    ),
    (
        "<p>JBSW Y3DP EHPK 3PXP JBSW<form method=post action=/done><input name=code><button>OK</button></form>",
        "set something up",
    ),
    (
        "<a href='otpauth://totp/x?secret=A'>App</a><form method=post action=/done><input name=code><button>OK</button></form>",
        "set something up",
    ),
    (
        "<form method=post action=/done><input name=code><input name=device><button>OK</button></form>",
        "not known: input[name=device]",
    ),
];
const THEN_CODE: &str =
    "<form method=post action=/done><input name=code autocomplete=one-time-code><button>OK</button></form>";
const PASSWORD_PAGE: &str = "<form method=post action=/next><input name=login><input type=password name=password>\
    <button>Log in</button></form>";
const WRONG: &str = "<p role=alert>Invalid password</p><form method=post action=/next><input name=login>\
    <input type=password name=password><button>Log in</button></form>";
const CAPTCHA: &str = "<form><input name=login><div class=h-captcha></div></form>";
const UNKNOWN: &str = "<p>Choose your smart card</p>";

#[tokio::test]
async fn logs_in_on_one_page_on_two_with_consent_and_with_a_code() {
    let browser = Browser::start(DRIVER, soon(), &redactor()).await.unwrap();
    for (profile, page, next, wanted) in [
        ("generic", ONE_PAGE, "", &["mail=erich&p=hunter22"][..]),
        ("generic", USER_FIRST, THEN_PASSWORD, &["username=erich", "password=hunter22"]),
        ("oidc-provider", PASSWORD_PAGE, THEN_CONSENT, &["login=erich&password=hunter22", "prompt=consent"]),
        ("dex", PASSWORD_PAGE, OF_DEX, &["login=erich&password=hunter22", "approval=approve"]),
        ("keycloak", PASSWORD_PAGE, OF_KEYCLOAK, &["login=erich&password=hunter22", "code=x&accept=Ja"]),
        ("keycloak", PASSWORD_PAGE, THEN_CODE, &["login=erich&password=hunter22", "code="]),
    ] {
        let (issuer, back, sent) = provider(page, next).await;
        browser.open(&issuer).await.unwrap();
        let result = browser.log_in(&login(&issuer, profile)).await;
        assert!(result.is_ok(), "{page}: {result:?}");
        assert_eq!(browser.url().await.unwrap(), back);
        let sent = sent.lock().unwrap().clone();
        assert_eq!(sent.len(), wanted.len(), "{page}: {sent:?}");
        assert!(sent.iter().zip(wanted).all(|(sent, wanted)| sent.starts_with(wanted)), "{page}: {sent:?}");
    }
    browser.close().await;
}

#[tokio::test]
async fn a_page_that_would_change_the_account_or_is_not_known_is_never_answered() {
    let mut browser = Browser::start(DRIVER, soon(), &redactor()).await.unwrap();
    browser.patience = Duration::from_secs(5);
    for (next, words) in NEVER {
        let (issuer, _, sent) = provider(PASSWORD_PAGE, next).await;
        browser.open(&issuer).await.unwrap();
        let error = browser.log_in(&login(&issuer, "generic")).await.unwrap_err().to_string();
        assert!(error.contains(words), "{next}: {error}");
        assert!(!error.contains("q7w2kd81mz") && !error.contains("JBSW") && !error.contains("AAAA"), "{error}");
        assert_eq!(sent.lock().unwrap().len(), 1, "{next}: it was answered");
        let typed =
            "return [...document.querySelectorAll('input:not([type=hidden])')].map((input) => input.value).join('')";
        assert_eq!(browser.call("read", browser.client.execute(typed, vec![])).await.unwrap(), json!(""), "{next}");
    }
    browser.close().await;
}

/// A code that is painted by nothing but backgrounds: no element and no word of the page tells what it is.
#[tokio::test]
async fn a_painted_code_ends_the_login_and_no_picture_of_it_is_kept() {
    let browser = Browser::start(DRIVER, soon(), &redactor()).await.unwrap();
    let rows = picture::tests::CODE.map(|row| {
        let cells = row.replace('#', "<b class=on></b>").replace('.', "<b></b>");
        format!("<div class=row>{cells}</div>")
    });
    let page = format!(
        "<style>.field {{ background: #fff; padding: 20px; width: 145px }} .row {{ display: flex; height: 5px }}\
         b {{ width: 5px; height: 5px }} .on {{ background: #000 }}</style><div class=field>{}</div>\
         <form method=post action=/done><input name=code><button>OK</button></form>",
        rows.concat()
    );
    let (issuer, _, sent) = provider(PASSWORD_PAGE, Box::leak(page.into_boxed_str())).await;
    browser.open(&issuer).await.unwrap();
    let error = browser.log_in(&login(&issuer, "generic")).await.unwrap_err();
    assert!(matches!(&error, BrowserError::SetUp { what, .. } if what == "a QR code"), "{error}");
    assert_eq!(sent.lock().unwrap().len(), 1, "the own code was given to an enrolment");
    assert!(matches!(browser.screenshot().await, Err(BrowserError::Secret)));
    browser.close().await;
}

#[tokio::test]
async fn types_nothing_into_a_foreign_page_and_gives_up_where_a_machine_must() {
    let mut browser = Browser::start(DRIVER, soon(), &redactor()).await.unwrap();
    browser.patience = Duration::from_secs(3);
    let (page, _, sent) = provider(ONE_PAGE, "").await;
    browser.open(&page).await.unwrap();
    let other: Url = "http://127.0.0.1:1/".parse().unwrap();
    let error = browser.log_in(&login(&other, "generic")).await.unwrap_err();
    assert!(matches!(error, BrowserError::ForeignPage { .. }), "{error}");
    assert!(sent.lock().unwrap().is_empty());
    let typed =
        browser.call("read", browser.client.execute("return document.querySelector('[name=p]').value", vec![])).await;
    assert_eq!(typed.unwrap(), json!(""));
    // A page shapes what its scripts return: this one says that it is on the issuer's origin.
    let (page, _, sent) = provider(LIAR, "").await;
    browser.open(&page).await.unwrap();
    let said =
        browser.call("read", browser.client.execute("return { origin: location.origin }", vec![])).await.unwrap();
    assert_eq!(said["origin"], "http://127.0.0.1:1", "the page lies as it should");
    let error = browser.log_in(&login(&other, "generic")).await.unwrap_err();
    assert!(matches!(error, BrowserError::ForeignPage { .. }), "{error}");
    assert!(!browser.asks_for_login(&other, Profile::named("generic").unwrap()).await.unwrap());
    assert!(sent.lock().unwrap().is_empty());
    let (issuer, _, sent) = provider(LEAVES, "").await;
    browser.open(&issuer).await.unwrap();
    let error = browser.log_in(&login(&issuer, "generic")).await.unwrap_err();
    assert!(matches!(error, BrowserError::Driver { .. }), "no proof that a foreign page asks for the login: {error}");
    assert_eq!(browser.url().await.unwrap().host_str(), Some("localhost"));
    let typed = browser.call("read", browser.client.execute("return document.forms[0].p.value", vec![])).await;
    assert_eq!(typed.unwrap(), json!(""));
    assert!(sent.lock().unwrap().is_empty());
    for (page, next, words) in
        [(PASSWORD_PAGE, WRONG, "Invalid password"), (CAPTCHA, "", "captcha"), (PASSWORD_PAGE, UNKNOWN, "smart card")]
    {
        let (issuer, _, sent) = provider(page, next).await;
        browser.open(&issuer).await.unwrap();
        let error = browser.log_in(&login(&issuer, "generic")).await.unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("hunter22"), "{error}");
        assert!(sent.lock().unwrap().len() <= 1, "a login is never tried twice");
    }
    let picture = browser.screenshot().await.unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    let (telling, _, _) = provider("<p>Invalid password: hunter<b>22</b></p>", "").await;
    browser.open(&telling).await.unwrap();
    assert!(matches!(browser.screenshot().await.unwrap_err(), BrowserError::Secret));
    assert!(!browser.text().await.unwrap().contains("hunter22"));
    // The script cuts the text within the secret, and only gaps stand before it.
    browser.open(&provider(GAPS, "").await.0).await.unwrap();
    let text = browser.text().await.unwrap();
    assert!(!text.contains("hunter"), "{text}");
    browser.close().await;
}

async fn gone(profile: &std::path::Path) {
    let end = Instant::now() + Duration::from_secs(60);
    while !with_profile(profile).is_empty() {
        assert!(Instant::now() < end, "left behind: {:?}", with_profile(profile));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!profile.exists(), "the profile folder is still there");
}

#[tokio::test]
async fn nothing_is_left_behind_however_a_session_ends() {
    let browser = Browser::start(DRIVER, soon(), &redactor()).await.unwrap();
    let profile = browser.profile();
    assert!(with_profile(&profile).len() > 2, "the test sees the browser's processes");
    browser.close().await;
    gone(&profile).await;

    let browser = Browser::start(DRIVER, soon(), &redactor()).await.unwrap();
    let profile = browser.profile();
    let task = tokio::spawn(async move {
        let _held = browser;
        panic!("as a check might");
    });
    assert!(task.await.is_err());
    gone(&profile).await;

    let browser = Browser::start(DRIVER, soon(), &redactor()).await.unwrap();
    let profile = browser.profile();
    let task = tokio::spawn(async move {
        let _held = browser;
        std::future::pending::<()>().await;
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    task.abort();
    assert!(task.await.is_err());
    gone(&profile).await;
}

#[tokio::test]
async fn a_missing_driver_and_a_driver_without_a_word_are_told_with_a_remedy() {
    for (program, words) in [("/nonexistent/chromedriver", "No such file"), ("true", "did not say that it started")] {
        let error = Browser::start(program, soon(), &redactor()).await.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("chromium-driver"), "{error}");
    }
}

#[tokio::test]
async fn a_driver_that_ends_at_once_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("driver");
    let script = "#!/bin/sh\n[ -e $0.mark ] && echo 'ChromeDriver was started successfully on port 9.' && exec sleep 60\ntouch $0.mark\n";
    crate::trial::common::write_program(&program, script, 0o700);
    let driver = Driver::start(program.to_str().unwrap(), Duration::from_secs(60)).await.unwrap();
    assert_eq!(driver.url.port(), Some(9));
}

#[tokio::test]
async fn pages_that_never_end_are_left_at_the_deadline() {
    let slow = serve(Router::new().route(
        "/",
        get(|| async {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }),
    ))
    .await;
    let mut browser = Browser::start(DRIVER, soon(), &redactor()).await.unwrap();
    // How long the start takes is the machine's matter.
    browser.deadline = Instant::now() + Duration::from_secs(3);
    let profile = browser.profile();
    let url = format!("http://127.0.0.1:{}/", slow.port()).parse().unwrap();
    assert!(matches!(browser.open(&url).await, Err(BrowserError::Time { .. })));
    drop(browser);
    gone(&profile).await;
}
