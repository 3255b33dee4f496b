//! The OpenID provider: discovery, keys, login page, authorization codes, tokens, userinfo. Enough of OpenID Connect
//! Core for one confidential client, and strict where a relying party's mistakes must show.
//!
//! Consent is never asked for. Nobody stays logged in: every authorization shows the login page.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};

use super::answer::Answer;
use super::pages;
use super::provider_state::{Account, Request};
use super::session::{http_date, opaque};
use super::signing;
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;
use crate::lab::accounts::parse_basic;

const CODE_SECONDS: i64 = 60;
const TOKEN_SECONDS: i64 = 3600;
/// Requests that nobody finishes must not fill the memory.
const MOST_OPEN: usize = 10_000;

fn html(status: u16, text: String) -> Answer {
    Answer::bytes(status, "text/html; charset=utf-8", text).header("cache-control", "no-store")
}

fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
        .header("cache-control", "no-store")
}

pub(crate) fn answer(shared: &Shared, ask: &Ask) -> Answer {
    let answer = route(shared, ask);
    if shared.config.has(Weakness::ProviderClockAhead) { answer.header("date", http_date(now(shared))) } else { answer }
}

/// The provider's own clock.
fn now(shared: &Shared) -> OffsetDateTime {
    let ahead = if shared.config.has(Weakness::ProviderClockAhead) { Duration::minutes(5) } else { Duration::ZERO };
    OffsetDateTime::now_utc() + ahead
}

fn route(shared: &Shared, ask: &Ask) -> Answer {
    match (ask.method.as_str(), ask.path.as_str()) {
        ("GET", "/.well-known/openid-configuration") => discovery(shared),
        ("GET", "/jwks") if shared.config.has(Weakness::JwksEmpty) => Answer::json(200, &json!({ "keys": [] })),
        ("GET", "/jwks") => Answer::json(200, &signing::jwks()),
        ("GET" | "POST", "/auth") => authorize(shared, ask),
        ("POST", "/token") => token(shared, ask),
        ("GET" | "POST", "/me") => userinfo(shared, ask),
        ("GET" | "POST", "/session/end") => end_session(shared, ask),
        (method @ ("GET" | "POST"), path) => match path.strip_prefix("/interaction/") {
            Some(id) if method == "GET" => login_page(shared, id),
            Some(id) => login(shared, ask, id),
            None => html(404, pages::problem("There is nothing here.")),
        },
        _ => Answer::empty(405),
    }
}

fn discovery(shared: &Shared) -> Answer {
    let base = &shared.config.issuer;
    let issuer = if shared.config.has(Weakness::IssuerMismatch) { format!("{base}/other") } else { base.clone() };
    Answer::json(
        200,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{base}/auth"),
            "token_endpoint": format!("{base}/token"),
            "userinfo_endpoint": format!("{base}/me"),
            "jwks_uri": format!("{base}/jwks"),
            "end_session_endpoint": format!("{base}/session/end"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256", "plain"],
            "scopes_supported": ["openid", "email", "profile"],
            "claims_supported": ["sub", "email", "email_verified", "preferred_username", "groups"],
            "authorization_response_iss_parameter_supported": true,
        }),
    )
}

/// Only a known client with its registered redirect URI is ever redirected; everything else is told to the person.
fn authorize(shared: &Shared, ask: &Ask) -> Answer {
    let mut asked: BTreeMap<String, String> = ask.pairs().into_iter().collect();
    if ask.method == "POST" {
        asked.extend(ask.form());
    }
    let value = |key: &str| asked.get(key).map(String::as_str).unwrap_or_default();
    let mut provider = held(&shared.provider);
    if value("client_id") != provider.client_id {
        return html(400, pages::problem("invalid_client: the client is not known."));
    }
    if !provider.redirect_uris.iter().any(|known| known == value("redirect_uri")) {
        return html(400, pages::problem("invalid_redirect_uri: the redirect URI is not registered."));
    }
    if value("response_type") != "code" || !value("scope").split(' ').any(|scope| scope == "openid") {
        return html(400, pages::problem("invalid_request: response_type must be code, and scope must have openid."));
    }
    let challenge = asked.get("code_challenge").map(|challenge| {
        (asked.get("code_challenge_method").cloned().unwrap_or_else(|| "plain".to_owned()), challenge.clone())
    });
    let request = Request {
        redirect_uri: value("redirect_uri").to_owned(),
        state: asked.get("state").cloned(),
        nonce: asked.get("nonce").cloned(),
        scope: value("scope").to_owned(),
        challenge,
        user: 0,
        since: OffsetDateTime::now_utc(),
    };
    let id = opaque();
    remember(&mut provider.interactions, id.clone(), request);
    let location = format!("{}/interaction/{id}", shared.config.issuer);
    Answer::empty(303).header("location", location).header("cache-control", "no-store")
}

fn remember(open: &mut BTreeMap<String, Request>, key: String, request: Request) {
    if open.len() >= MOST_OPEN {
        open.clear();
    }
    open.insert(key, request);
}

fn login_page(shared: &Shared, id: &str) -> Answer {
    if held(&shared.provider).interactions.contains_key(id) {
        html(200, pages::login(&format!("/interaction/{id}"), None))
    } else {
        html(404, pages::problem("This login is not known or has ended."))
    }
}

fn login(shared: &Shared, ask: &Ask, id: &str) -> Answer {
    let form = ask.form();
    let value = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
    let mut provider = held(&shared.provider);
    if !provider.interactions.contains_key(id) {
        return html(404, pages::problem("This login is not known or has ended."));
    }
    let known = provider
        .accounts
        .iter()
        .position(|account| account.name == value("username") && account.password == value("password"));
    let Some(user) = known else {
        return html(401, pages::login(&format!("/interaction/{id}"), Some("The user name or the password is wrong.")));
    };
    let Some(mut request) = provider.interactions.remove(id) else {
        return Answer::empty(404);
    };
    request.user = user;
    request.since = OffsetDateTime::now_utc();
    let code = opaque();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", &code);
    if let Some(state) = &request.state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", &shared.config.issuer);
    let location = format!("{}?{}", request.redirect_uri, query.finish());
    remember(&mut provider.codes, code, request);
    Answer::empty(303).header("location", location).header("cache-control", "no-store")
}

fn token(shared: &Shared, ask: &Ask) -> Answer {
    let form = ask.form();
    let value = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
    // client_secret_basic encodes both parts as form values first (RFC 6749, section 2.3.1).
    let decoded = |text: &str| {
        url::form_urlencoded::parse(format!("v={text}").as_bytes())
            .next()
            .map(|(_, v)| v.into_owned())
            .unwrap_or_default()
    };
    let (client, secret) = match parse_basic(ask.header("authorization")) {
        Some((client, secret)) => (decoded(&client), decoded(&secret)),
        None => (value("client_id").to_owned(), value("client_secret").to_owned()),
    };
    let mut provider = held(&shared.provider);
    if client != provider.client_id || secret != provider.client_secret {
        return oauth_error(401, "invalid_client", "client authentication failed");
    }
    if value("grant_type") != "authorization_code" {
        return oauth_error(400, "unsupported_grant_type", "only authorization_code is supported");
    }
    // A code is gone with its first use, whatever comes of it.
    let Some(request) = provider.codes.remove(value("code")) else {
        return oauth_error(400, "invalid_grant", "grant request is invalid");
    };
    let fresh = OffsetDateTime::now_utc() - request.since < Duration::seconds(CODE_SECONDS);
    if !fresh || value("redirect_uri") != request.redirect_uri || !proves(&request, value("code_verifier")) {
        return oauth_error(400, "invalid_grant", "grant request is invalid");
    }
    let now = now(shared).unix_timestamp();
    let mut claims = json!({
        "iss": shared.config.issuer,
        "sub": subject(&provider.accounts[request.user]),
        "aud": client,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
    });
    if let Some(nonce) = &request.nonce {
        claims["nonce"] = json!(nonce);
    }
    let access = opaque();
    let scope = request.scope.clone();
    remember(&mut provider.tokens, access.clone(), request);
    Answer::json(
        200,
        &json!({
            "access_token": access,
            "expires_in": TOKEN_SECONDS,
            "id_token": signing::sign(&claims),
            "scope": scope,
            "token_type": "Bearer",
        }),
    )
    .header("cache-control", "no-store")
}

/// Proof Key for Code Exchange (RFC 7636), where the client asked for it.
fn proves(request: &Request, verifier: &str) -> bool {
    match &request.challenge {
        None => true,
        Some((method, challenge)) if method == "S256" => {
            URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == *challenge
        }
        Some((_, challenge)) => verifier == challenge,
    }
}

fn subject(account: &Account) -> String {
    format!("sub-{}", account.name)
}

fn userinfo(shared: &Shared, ask: &Ask) -> Answer {
    let provider = held(&shared.provider);
    let request = ask.header("authorization").strip_prefix("Bearer ").and_then(|token| provider.tokens.get(token));
    let Some(request) = request else {
        return oauth_error(401, "invalid_token", "the access token is not known")
            .header("www-authenticate", "Bearer error=\"invalid_token\"");
    };
    let account = &provider.accounts[request.user];
    let granted = |wanted: &str| request.scope.split(' ').any(|scope| scope == wanted);
    let mut claims: Value = json!({ "sub": subject(account) });
    if granted("email") {
        claims["email"] = json!(format!("{}@example.com", account.name));
        claims["email_verified"] = json!(true);
    }
    // Where the claim `groups` comes with the scope profile, leaving that scope out loses the groups in silence.
    if granted("profile") {
        claims["preferred_username"] = json!(account.name);
        claims["groups"] = json!(account.groups);
    }
    Answer::json(200, &claims)
}

/// Nobody stays logged in, so there is nothing to end: only the way back is checked.
fn end_session(shared: &Shared, ask: &Ask) -> Answer {
    let provider = held(&shared.provider);
    let back = ask.value("post_logout_redirect_uri");
    let registered = |back: &str| {
        let mut registries = provider.redirect_uris.iter().filter_map(|uri| uri.split("/zot/auth/").next());
        registries.any(|registry| back == format!("{registry}/login"))
    };
    match back {
        Some(back) if registered(&back) => Answer::empty(303).header("location", back),
        Some(_) => html(400, pages::problem("The redirect URI of the logout is not registered.")),
        None => html(200, pages::signed_out()),
    }
}
