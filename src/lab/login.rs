//! The registry as a relying party: redirect to the provider, callback, logout (zot `pkg/api/authn.go`, `routes.go`).

use axum::body::Body;
use axum::http::{Request, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::answer::Answer;
use super::config::{Config, Release};
use super::session::{
    ORIGIN_COOKIE, Pending, REMOVED_SESSION, REMOVED_STATE, SESSION_COOKIE, STATE_COOKIE, origin_cookie,
    session_cookie, state_cookie, user_cookie,
};
use super::signing;
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;

/// The relying party gives up on a provider that does not answer.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);
/// The state of every login under `state-not-fresh`.
const STALE_STATE: &str = "00000000-0000-4000-8000-000000000000";

/// Redirects to the provider.
pub(crate) fn begin(shared: &Shared, ask: &Ask) -> Answer {
    let config = &shared.config;
    if ask.value("provider").as_deref() != Some("oidc") {
        return Answer::empty(400);
    }
    let state = if config.has(Weakness::StateNotFresh) { STALE_STATE.to_owned() } else { Uuid::new_v4().to_string() };
    let callback_ui = ask.value("callback_ui").map(|wanted| allowed_return(config, &wanted)).unwrap_or_default();
    let (state_value, origin_value) = held(&shared.sessions).begin(&state, &callback_ui);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", config.client_id)
        .append_pair("redirect_uri", &config.redirect_uri())
        .append_pair("response_type", "code")
        .append_pair("scope", &config.scopes.join(" "))
        .append_pair("state", &state)
        .finish();
    Answer::found(&format!("{}/auth?{query}", config.issuer))
        .header("set-cookie", origin_cookie(&origin_value))
        .header("set-cookie", state_cookie(&state_value))
}

/// Where a login may return to: a path of this registry, or its own origin; anything else becomes `/`.
fn allowed_return(config: &Config, wanted: &str) -> String {
    if config.has(Weakness::ForeignReturnFollowed) {
        return wanted.to_owned();
    }
    let plain_path = wanted.starts_with('/') && !wanted.starts_with("//") && !wanted.contains('\\');
    let own_origin = config
        .external_url
        .as_ref()
        .and_then(|own| Url::parse(own).ok())
        .is_some_and(|own| Url::parse(wanted).is_ok_and(|url| url.origin() == own.origin()));
    if plain_path || own_origin { wanted.to_owned() } else { "/".to_owned() }
}

/// Exchanges the code and logs in.
pub(crate) async fn callback(shared: &Shared, ask: &Ask) -> Answer {
    let open = shared.config.has(Weakness::StateNotChecked);
    let cookie = ask.cookie(STATE_COOKIE);
    if cookie.is_none() && !open {
        return Answer::plain(401, "failed to get state: http: named cookie not present");
    }
    let pending = cookie.and_then(|cookie| held(&shared.sessions).finish(&cookie));
    let Some(pending) = pending.or_else(|| open.then(Pending::unknown)) else {
        return Answer::plain(401, "failed to get state: securecookie: the value is not valid");
    };
    if ask.value("state").as_deref() != Some(pending.state.as_str()) && !open {
        return Answer::plain(401, "failed to get state: state did not match");
    }
    // As the library behind zot's login does (zitadel/oidc, `DefaultErrorHandler`).
    if let Some(error) = ask.value("error") {
        return Answer::plain(500, &format!("{error}: {}", ask.value("error_description").unwrap_or_default()));
    }
    let identity = match exchange(shared, &ask.value("code").unwrap_or_default()).await {
        Ok(identity) => identity,
        Err(message) => return Answer::plain(401, &message).header("set-cookie", REMOVED_STATE),
    };
    if ask.cookie(ORIGIN_COOKIE).as_ref() != Some(&pending.origin_cookie) && !open {
        return Answer::empty(401).header("set-cookie", REMOVED_STATE);
    }
    held(&shared.accounts).logged_in(&identity.name, identity.groups);
    let answer = if pending.callback_ui.is_empty() { Answer::empty(201) } else { Answer::found(&pending.callback_ui) };
    let answer = answer.header("set-cookie", REMOVED_STATE);
    if shared.config.has(Weakness::LoginWithoutSession) {
        return answer;
    }
    let session = held(&shared.sessions).log_in(&identity.name);
    let cookie = session_cookie(&session);
    let open = shared.config.has(Weakness::SessionCookieOpen);
    let cookie = if open { cookie.replace("; HttpOnly", "") } else { cookie };
    answer.header("set-cookie", cookie).header("set-cookie", user_cookie(&identity.name))
}

struct Identity {
    name: String,
    groups: Vec<String>,
}

/// Code to token, token to claims, claims to userinfo. Every step is checked; an error is the text that zot shows.
async fn exchange(shared: &Shared, code: &str) -> Result<Identity, String> {
    let config = &shared.config;
    let issuer = &config.issuer;
    let discovery = get(shared, &format!("{issuer}/.well-known/openid-configuration"), None).await?;
    if discovery["issuer"] != issuer.as_str() {
        return Err("failed to exchange token: issuer does not match".to_owned());
    }
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &config.redirect_uri())
        .finish();
    let credentials = STANDARD.encode(format!("{}:{}", config.client_id, config.client_secret));
    let request = Request::post(format!("{issuer}/token"))
        .header("authorization", format!("Basic {credentials}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .map_err(|error| format!("failed to exchange token: {error}"))?;
    let (status, token) = send(shared, request).await.map_err(|error| format!("failed to exchange token: {error}"))?;
    if status != 200 {
        return Err(format!("failed to exchange token: oauth2: {} {}", token["error"], token["error_description"]));
    }
    let jwks = get(shared, &format!("{issuer}/jwks"), None).await?;
    let claims = signing::verify(token["id_token"].as_str().unwrap_or_default(), &jwks, issuer, config.client_id)
        .map_err(|error| format!("failed to exchange token: {error}"))?;
    let userinfo = get(shared, &format!("{issuer}/me"), token["access_token"].as_str()).await?;
    if userinfo["sub"] != claims["sub"] {
        return Err("failed to get userinfo: subject does not match".to_owned());
    }
    let name = userinfo["preferred_username"].as_str().or(userinfo["email"].as_str()).unwrap_or_default();
    if name.is_empty() {
        return Err("failed to get userinfo: no user name".to_owned());
    }
    let groups = userinfo["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(Identity { name: name.to_owned(), groups: groups.iter().filter_map(Value::as_str).map(str::to_owned).collect() })
}

async fn get(shared: &Shared, url: &str, bearer: Option<&str>) -> Result<Value, String> {
    let failed = |error: String| format!("failed to exchange token: {error}");
    let mut request = Request::get(url.parse::<Uri>().map_err(|error| failed(error.to_string()))?);
    if let Some(token) = bearer {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).map_err(|error| failed(error.to_string()))?;
    let (status, value) = send(shared, request).await.map_err(failed)?;
    if status == 200 { Ok(value) } else { Err(failed(format!("{url} answered {status}"))) }
}

async fn send(shared: &Shared, request: Request<Body>) -> Result<(u16, Value), String> {
    let whole = async {
        let response = shared.client.request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(Body::new(response.into_body()), 1 << 20).await.map_err(|e| e.to_string())?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    };
    tokio::time::timeout(DEADLINE, whole)
        .await
        .unwrap_or_else(|_| Err("the provider did not answer in time".to_owned()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggedOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    end_session_url: Option<String>,
}

/// Ends the session, if there is one; the answer says where the provider ends its own.
pub(crate) fn logout(shared: &Shared, ask: &Ask) -> Answer {
    let config = &shared.config;
    if ask.method == "OPTIONS" {
        return Answer::empty(200);
    }
    let id = ask.cookie(SESSION_COOKIE).unwrap_or_default();
    let survives = config.has(Weakness::SessionSurvivesLogout);
    let known = if survives { held(&shared.sessions).user(&id).is_some() } else { held(&shared.sessions).log_out(&id) };
    let back = format!("{}/login", config.external_url.as_deref().unwrap_or(&config.registry_url));
    let end_session_url = (known && config.openid).then(|| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", config.client_id)
            .append_pair("post_logout_redirect_uri", &back)
            .finish();
        format!("{}/session/end?{query}", config.issuer)
    });
    let answer = if config.release < Release::V2_1_18 {
        Answer::empty(200)
    } else {
        Answer::json(200, &LoggedOut { end_session_url })
    };
    if survives { answer } else { answer.header("set-cookie", REMOVED_SESSION) }
}
