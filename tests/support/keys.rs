//! Logs users in without a browser, and mints API keys in their sessions.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::json;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::http::{Answer, Request, Session};
use super::provider::User;

/// Follows the whole login of one user; returns the session and the last answer.
///
/// Each page with a form is answered: the password page with the user's own password, a one-time code page with
/// what `code` returns, a consent page with its button.
pub fn log_in(registry: &str, user: &User, password: &str, code: impl FnMut() -> String) -> (Session, Answer) {
    follow(registry, user.name, password, code)
}

/// The same at a provider that knows other users, and asks for no code.
pub fn log_in_as(registry: &str, user: &str, password: &str) -> (Session, Answer) {
    follow(registry, user, password, || panic!("the form asks for a code"))
}

fn follow(registry: &str, user: &str, password: &str, mut code: impl FnMut() -> String) -> (Session, Answer) {
    let mut session = Session::default();
    let home = format!("{registry}/v2/");
    let mut start: url::Url = format!("{registry}/zot/auth/login").parse().expect("the registry's address is a URL");
    start.query_pairs_mut().append_pair("provider", "oidc").append_pair("callback_ui", &home);
    let (mut url, mut answer) = session.follow(Request::new("GET", start.as_str()));
    // Password, code and consent: a fourth form is a refusal.
    for _ in 0..3 {
        let Some(form) = Form::find(&answer.text()) else {
            break;
        };
        let target = url.join(&form.action).expect("the form's action is a URL");
        let mut fields = url::form_urlencoded::Serializer::new(String::new());
        for field in &form.fields {
            match field.as_str() {
                "login" | "username" => fields.append_pair(field, user),
                "password" => fields.append_pair(field, password),
                "code" => fields.append_pair(field, &code()),
                other => panic!("the form asks for {other}"),
            };
        }
        let sent = Request::new("POST", target.as_str()).body("application/x-www-form-urlencoded", fields.finish());
        (url, answer) = session.follow(sent);
        if answer.status == 401 {
            break;
        }
    }
    (session, answer)
}

/// Logs the user in and returns a new API key of theirs.
#[track_caller]
pub fn mint(registry: &str, user: &User) -> String {
    mint_with(registry, user, None)
}

/// The same where the login asks for a one-time code of this base32 secret.
#[track_caller]
pub fn mint_with(registry: &str, user: &User, totp_secret: Option<&str>) -> String {
    let code = || code_now(totp_secret.expect("a code is asked for only where there is a secret"));
    let (mut session, answer) = log_in(registry, user, user.password, code);
    answer.must_be(200);
    mint_in(&mut session, registry, "regproof-tests")
}

/// Mints an API key in a session that is logged in.
#[track_caller]
pub fn mint_in(session: &mut Session, registry: &str, label: &str) -> String {
    let request = Request::new("POST", &format!("{registry}/zot/auth/apikey"))
        // Without it zot ignores the session cookie.
        .header("x-zot-api-client", "zot-ui")
        .body("application/json", json!({ "label": label, "scopes": [], "expirationDate": in_days(90) }).to_string());
    let answer = session.send(request).must_be(201).json();
    answer["apiKey"].as_str().expect("a new key is shown once").to_owned()
}

/// The moment so many days from now, as zot takes it.
fn in_days(days: i64) -> String {
    let at = OffsetDateTime::now_utc() + time::Duration::days(days);
    at.format(&Rfc3339).expect("a date of this century can be written")
}

/// The one-time code of a base32 secret at this moment: RFC 6238 with its defaults.
pub fn code_now(secret: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs();
    let mut bits = 0_u32;
    let mut held = 0;
    let mut key = Vec::new();
    for letter in secret.bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter);
        bits = bits << 5 | u32::try_from(value.expect("a base32 letter")).expect("less than 32");
        held += 5;
        if held >= 8 {
            held -= 8;
            key.push((bits >> held & 0xff) as u8);
        }
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &(now / 30).to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let word = tag[offset..offset + 4].iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

struct Form {
    action: String,
    fields: Vec<String>,
}

impl Form {
    fn find(page: &str) -> Option<Self> {
        let action = attributes(page, r#"<form[^>]*\saction="([^"]*)""#).into_iter().next()?;
        Some(Self { action, fields: attributes(page, r#"<input[^>]*\sname="([^"]*)""#) })
    }
}

fn attributes(page: &str, pattern: &str) -> Vec<String> {
    let pattern = regex::Regex::new(pattern).expect("the pattern is valid");
    pattern.captures_iter(page).map(|found| found[1].to_owned()).collect()
}
