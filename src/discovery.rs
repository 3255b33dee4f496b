//! What an OpenID provider says of itself: its discovery document and its keys.
//!
//! Read without credentials, from the issuer's origin and the origins that it names.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::check::{Failure, Why};
use crate::context::Cx;
use crate::scenario::load::is_loopback;
use crate::wire::{Answer, Origin};

/// The endpoints that a login needs (OpenID Connect Discovery 1.0, section 3).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) jwks_uri: String,
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
