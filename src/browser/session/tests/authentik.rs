//! The form driver on the elements of authentik's executors: every stage that it passes, and every one where it stops.

use axum::Json;

use super::*;
use crate::report::sample;
use crate::trial;

/// What an enrolment of the local copy must not leave behind anywhere.
const SECRETS: [&str; 4] = ["KZXW6YTBOI2TANRWGQ2DGMJS", "otpauth:", "q7w2kd81mz", "d9k2zz17qi"];

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
                Json(if wrong { json!({ "said": "Ungültiges Passwort" }) } else { json!({}) })
            }),
        )
        .with_state(Arc::clone(&sent));
    let address = serve(router).await;
    (format!("http://127.0.0.1:{}/", address.port()).parse().unwrap(), back, sent)
}

fn long() -> Instant {
    Instant::now() + Duration::from_secs(180)
}

/// A code serves one login, so each flow has another secret.
fn with_code(issuer: &Url, profile: &str, number: usize) -> Login {
    let letters = ["AAAA", "BBBB", "CCCC", "DDDD", "EEEE", "FFFF", "GGGG", "HHHH", "IIII"][number];
    Login { totp: Some(Secret::new(format!("JBSWY3DP{letters}"))), ..login(issuer, profile) }
}

#[tokio::test]
async fn every_executor_of_authentik_is_passed_stage_by_stage() {
    let browser = Browser::start(DRIVER, long(), &redactor()).await.unwrap();
    let whole = ["identification", "password", "code", "consent"];
    let apart = ["uidField=erich", "username=erich&password=hunter22", "code=", "continue="];
    let simple = ["uid_field=erich", "password=hunter22", "code="];
    let both = "uidField=erich&password=hunter22";
    let cases: [(&str, &str, &[&str], &[&str]); 9] = [
        ("authentik", "shadow", &whole, &apart),
        ("generic", "shadow", &whole, &apart),
        ("authentik", "shadow", &["both", "code"], &[both, "code="]),
        ("authentik", "light", &whole, &apart),
        ("generic", "light", &["both"], &[both]),
        ("authentik", "simple", &whole[..3], &simple),
        ("generic", "simple", &whole[..3], &simple),
        ("authentik", "shadow", &["both", "picker", "code"], &[both, "chosen=device-challenge-1", "code="]),
        ("authentik", "shadow", &["both", "stay"], &[both, "forget-me="]),
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
async fn a_stage_that_a_machine_must_not_answer_and_a_refusal_end_the_login() {
    let mut browser = Browser::start(DRIVER, long(), &redactor()).await.unwrap();
    browser.patience = Duration::from_secs(5);
    for (mode, stages, words) in [
        ("shadow", &["identification", "captcha"][..], "a captcha"),
        ("light", &["captcha"], "a captcha"),
        ("shadow", &["identification", "password", "touch"], "ak-stage-authenticator-validate-webauthn"),
        ("shadow", &["both", "denied"], "Zugriff verweigert für Ünüs Keine zulässige Methode"),
        ("light", &["both", "denied"], "Zugriff verweigert für Ünüs Keine zulässige Methode"),
        ("simple", &["identification", "password", "denied"], "Account is locked"),
        ("page", &["policy"], "let this user in: Permission denied Request has been denied."),
        ("page", &["redirect"], "let this user in: Redirect URI Error"),
        ("shadow", &["both", "prompt"], "the stage ak-stage-prompt"),
        ("shadow", &["both", "prompt"], "Choose your smart card"),
        ("shadow", &["both", "paper"], "a recovery code"),
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
        assert!(matches!(&error, BrowserError::Refused { said } if said == "Ungültiges Passwort"), "{mode}: {error}");
        assert_eq!(sent.lock().unwrap().len(), 2, "a password is never tried twice");
    }
    browser.close().await;
}

#[tokio::test]
async fn an_enrolment_is_never_answered_and_nothing_of_it_is_kept() {
    let browser = Browser::start(DRIVER, long(), &redactor()).await.unwrap();
    for (mode, stages, what, secret) in [
        ("shadow", &["both", "totp"][..], "ak-stage-authenticator-totp", true),
        ("light", &["both", "totp"], "ak-stage-authenticator-totp", true),
        ("shadow", &["both", "static"], "ak-stage-authenticator-static", true),
        ("light", &["both", "static"], "ak-stage-authenticator-static", true),
        ("shadow", &["both", "webauthn"], "ak-stage-authenticator-webauthn", false),
        ("shadow", &["both", "email"], "ak-stage-authenticator-email", false),
        ("shadow", &["both", "choose"], "fieldset", false),
    ] {
        let (issuer, _, sent) = flow(mode, stages).await;
        browser.open(&issuer).await.unwrap();
        for profile in ["authentik", "generic"] {
            if profile == "generic" {
                browser.open(&issuer).await.unwrap();
            }
            let error = browser.log_in(&login(&issuer, profile)).await.unwrap_err();
            let said = error.to_string();
            assert!(
                matches!(&error, BrowserError::SetUp { what: seen, .. } if seen.contains(what)),
                "{stages:?}: {said}"
            );
            assert!(!SECRETS.iter().any(|secret| said.contains(secret)), "{said}");
        }
        assert_eq!(sent.lock().unwrap().len(), 2, "{mode} {stages:?}: the enrolment was answered");
        let text = browser.text().await.unwrap();
        assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
        let picture = browser.screenshot().await;
        assert_eq!(matches!(picture, Err(BrowserError::Secret)), secret, "{mode} {stages:?}: {picture:?}");
    }
    browser.close().await;
}

#[tokio::test]
async fn no_report_holds_what_an_enrolment_showed() {
    for stage in ["totp", "static"] {
        let (issuer, _, sent) = flow("shadow", &["both", stage]).await;
        let start = issuer.to_string();
        let registry = Router::new()
            .route("/zot/auth/login", get(move || async move { Redirect::to(&start) }))
            .fallback(|| async { axum::http::StatusCode::UNAUTHORIZED });
        let address = serve(registry).await;
        let folder = tempfile::tempdir().unwrap();
        for (name, secret) in
            [("user", "erich"), ("password", "hunter22"), ("totp", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
        {
            std::fs::write(folder.path().join(name), secret).unwrap();
        }
        let file = folder.path().join("regproof.toml");
        let scenario = format!(
            "schema = 1\nname = \"n\"\n[registry]\nurl = \"http://127.0.0.1:{}\"\n[oidc]\nissuer = \"{issuer}\"\n\
             client_id = \"zot\"\n[oidc.login]\nusername = {{ file = \"user\" }}\npassword = {{ file = \"password\" }}\n\
             totp = {{ file = \"totp\" }}\nprofile = \"authentik\"\n",
            address.port()
        );
        std::fs::write(&file, scenario).unwrap();
        let outcome = trial::run_scenario("oidc::login_returns_with_a_session", &file).await;
        assert_eq!(outcome.verdict, crate::model::outcome::Verdict::Error, "{:#?}", outcome.finding);
        let finding = outcome.finding.clone().unwrap();
        assert!(finding.actual.contains("set something up"), "{finding:#?}");
        assert_eq!(sent.lock().unwrap().len(), 1, "the enrolment was answered");
        assert!(outcome.screenshots.is_empty(), "a picture of the enrolment was kept");
        let mut run = sample::small();
        run.outcomes = vec![outcome];
        for (format, text) in sample::every_format(&run) {
            assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{format}: {text}");
        }
    }
}
