//! What an OpenID provider says of itself: its discovery document and its keys.
//!
//! Read without credentials, from the issuer's origin and the origins that it names.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::check::context::Cx;
use crate::http::{Answer, Origin};
use crate::kit::diagnosis;
use crate::model::failure::{Failure, Why};
use crate::scenario::loaded::is_loopback;

/// The endpoints that a login needs (OpenID Connect Discovery 1.0, section 3).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) jwks_uri: String,
    #[serde(default)]
    pub(crate) scopes_supported: Vec<String>,
}

/// By how many seconds the provider's clock is ahead of the registry's, by what both say of the time right now.
pub(crate) async fn clock_ahead(cx: &Cx) -> Option<i64> {
    let issuer = &cx.oidc().ok()?.issuer;
    let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let registry = cx.anonymous().ok()?;
    let (provider, registry) = tokio::join!(get(cx, &document), registry.get("/v2/").send());
    diagnosis::ahead(provider.ok()?.header("date"), registry.ok()?.header("date"))
}

/// The scopes that the registry asks for at the provider, and those that the provider knows.
pub(crate) async fn scopes(cx: &Cx, login: &str) -> (Vec<String>, Vec<String>) {
    let asked = async {
        let answer = cx.anonymous().ok()?.get(login).send().await.ok()?;
        let target = Url::parse(answer.header("location")?).ok()?;
        let scope = target.query_pairs().find(|(name, _)| name == "scope")?.1.into_owned();
        Some(scope.split(' ').map(str::to_owned).collect())
    };
    let known = async {
        let issuer = &cx.oidc().ok()?.issuer;
        let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let provider: Provider = serde_json::from_slice(&get(cx, &document).await.ok()?.body).ok()?;
        Some(provider.scopes_supported)
    };
    let (asked, known): (Option<_>, Option<_>) = tokio::join!(asked, known);
    (asked.unwrap_or_default(), known.unwrap_or_default())
}

/// The discovery document of an issuer, whose own issuer is the same text; and its place in the transcript.
pub(crate) async fn discover(cx: &Cx, issuer: &str, why: &Why<'_>) -> Result<(Provider, usize), Failure> {
    let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let answer = get(cx, &document).await?;
    answer.expect_status(&[200], why)?;
    let Ok(provider) = serde_json::from_slice::<Provider>(&answer.body) else {
        return Err(why.fail("a discovery document", answer.brief(), answer.index));
    };
    if provider.issuer != issuer {
        return Err(why.fail(
            format_args!("issuer {issuer}"),
            format_args!("issuer {}", provider.issuer),
            answer.index,
        ));
    }
    Ok((provider, answer.index))
}

/// How many keys of a JWKS can sign (RFC 7517, section 4.2: a key without `use` may).
pub(crate) async fn keys(cx: &Cx, uri: &str, why: &Why<'_>) -> Result<usize, Failure> {
    let answer = get(cx, uri).await?;
    answer.expect_status(&[200], why)?;
    let keys = answer.json().ok().and_then(|body| body.get("keys")?.as_array().cloned());
    let signs = |key: &Value| {
        let asymmetric = matches!(key.get("kty").and_then(Value::as_str), Some("RSA" | "EC" | "OKP"));
        asymmetric && key.get("use").and_then(Value::as_str).is_none_or(|usage| usage == "sig")
    };
    match keys.map(|keys| keys.iter().filter(|key| signs(key)).count()) {
        Some(count) if count > 0 => Ok(count),
        Some(_) => Err(why.fail("at least one key that can sign", "none", answer.index)),
        None => Err(why.fail("a JWKS", answer.brief(), answer.index)),
    }
}

async fn get(cx: &Cx, url: &str) -> anyhow::Result<Answer> {
    let url = Url::parse(url)?;
    let issuer = Url::parse(&cx.oidc()?.issuer)?;
    anyhow::ensure!(!is_loopback(&url) || is_loopback(&issuer), "the provider leads to this machine itself, {url}");
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    cx.visitor(Origin::of(&url))?.get(target).header("Accept", "application/json").send().await
}
