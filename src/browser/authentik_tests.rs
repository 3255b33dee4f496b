//! The form driver on the elements of authentik's executors: every stage that it passes, and every one where it stops.

use axum::Json;

use super::*;

/// authentik's flow of these stages; it takes the password `hunter22` alone.
async fn flow(mode: &str, stages: &[&str]) -> (Url, Url, Sent) {
    let sent = Sent::default();
    let away = serve(Router::new().route("/back", get(|| async { Html("<h1>back</h1>") }))).await;
    let back: Url = format!("http://127.0.0.1:{}/back", away.port()).parse().unwrap();
    let settings = json!({ "mode": mode, "stages": stages }).to_string();
    let page = include_str!("authentik.html").replace("SETTINGS", &settings).replace("BACK", back.as_str());
    let router = Router::new()
        .route("/", get(move || async move { Html(page) }))
        .route(
            "/flow",
            post(|State(sent): State<Sent>, body: String| async move {
                let wrong = body.contains("password=") && !body.contains("password=hunter22");
                sent.lock().unwrap().push(body);
                Json(if wrong { json!({ "said": "Invalid password" }) } else { json!({}) })
            }),
        )
        .with_state(Arc::clone(&sent));
    let address = serve(router).await;
    (format!("http://127.0.0.1:{}/", address.port()).parse().unwrap(), back, sent)
}

fn long() -> Instant {
    Instant::now() + Duration::from_secs(90)
}

/// A code serves one login, so each flow has a secret of its own.
fn with_code(issuer: &Url, profile: &str, number: usize) -> Login {
    let letters = ["AAAA", "BBBB", "CCCC", "DDDD", "EEEE", "FFFF", "GGGG", "HHHH"][number];
    Login { totp: Some(Secret::new(format!("JBSWY3DP{letters}"))), ..login(issuer, profile) }
}

#[tokio::test]
async fn every_executor_of_authentik_is_passed_stage_by_stage() {
    let browser = Browser::start(DRIVER, long(), &redactor()).await.unwrap();
    let whole = ["identification", "password", "code", "consent"];
    let apart = ["uidField=erich", "username=erich&password=hunter22", "code=", ""];
    let simple = ["uid_field=erich", "password=hunter22", "code="];
    let cases: [(&str, &str, &[&str], &[&str]); 7] = [
        ("authentik", "shadow", &whole, &apart),
        ("generic", "shadow", &whole, &apart),
        ("authentik", "shadow", &["both", "code"], &["uidField=erich&password=hunter22", "code="]),
        ("authentik", "light", &whole, &apart),
        ("generic", "light", &["both"], &["uidField=erich&password=hunter22"]),
        ("authentik", "simple", &whole[..3], &simple),
        ("generic", "simple", &whole[..3], &simple),
    ];
    for (number, (profile, mode, stages, wanted)) in cases.into_iter().enumerate() {
        let (issuer, back, sent) = flow(mode, stages).await;
        browser.open(&issuer).await.unwrap();
        let result = browser.log_in(&with_code(&issuer, profile, number)).await;
        let sent = sent.lock().unwrap().clone();
        assert!(result.is_ok(), "{profile} {mode} {stages:?}: {result:?} after {sent:?}");
        assert_eq!(browser.url().await.unwrap(), back);
        assert_eq!(sent.len(), wanted.len(), "{profile} {mode}: {sent:?}");
        assert!(sent.iter().zip(wanted).all(|(sent, wanted)| sent.starts_with(wanted)), "{mode}: {sent:?}");
    }
    browser.close().await;
}

#[tokio::test]
async fn a_stage_that_a_machine_must_not_answer_and_a_refusal_end_the_login_at_once() {
    let browser = Browser::start(DRIVER, long(), &redactor()).await.unwrap();
    for (mode, stages, words) in [
        ("shadow", &["identification", "captcha"][..], "a captcha"),
        ("light", &["captcha"], "a captcha"),
        ("shadow", &["identification", "password", "webauthn"], "ak-stage-authenticator-validate-webauthn"),
        ("shadow", &["both", "denied"], "refused the login: Permission denied Account is locked"),
        ("light", &["both", "denied"], "refused the login: Permission denied Account is locked"),
        ("simple", &["identification", "password", "denied"], "refused the login: Account is locked"),
        ("shadow", &["both", "prompt"], "Choose your smart card"),
    ] {
        let (issuer, _, sent) = flow(mode, stages).await;
        browser.open(&issuer).await.unwrap();
        let error = browser.log_in(&login(&issuer, "authentik")).await.unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("hunter22"), "{mode} {stages:?}: {error}");
        assert_eq!(sent.lock().unwrap().len(), stages.len() - 1, "each stage was sent once");
        assert!(browser.screenshot().await.unwrap().starts_with(b"\x89PNG"));
    }
    for mode in ["shadow", "light", "simple"] {
        let (issuer, _, sent) = flow(mode, &["identification", "password"]).await;
        browser.open(&issuer).await.unwrap();
        let wrong = Login { password: Secret::new("another1".into()), ..login(&issuer, "authentik") };
        let error = browser.log_in(&wrong).await.unwrap_err();
        assert!(matches!(&error, BrowserError::Refused { said } if said == "Invalid password"), "{mode}: {error}");
        assert_eq!(sent.lock().unwrap().len(), 2, "a password is never tried twice");
    }
    browser.close().await;
}
