//! The OpenID provider describes itself under the issuer that zot was given.
//!
//! ## Why it matters
//!
//! zot reads the discovery document once, at start. With a wrong or unreachable issuer the next start fails, and until then
//! nothing shows it. Issuers are compared as text, so a missing slash is a wrong issuer.
//!
//! ## How it is proven
//!
//! 1. The issuer is https, unless it is on loopback.
//! 2. `GET <issuer>/.well-known/openid-configuration` answers 200 with JSON whose `issuer` is the same text.
//! 3. It names authorization, token and JWKS endpoints: https too, unless on loopback.
//! 4. The JWKS holds at least one key that can sign.
//!
//! ## When it fails
//!
//! Compare `oidc.issuer`, zot's `http.auth.openid.providers.oidc.issuer` and the provider's own URL, to the last slash. In
//! Authentik the slug of the application is part of it.
//!
//! ## References
//!
//! OpenID Connect Discovery 1.0, sections 4.1 to 4.3. RFC 7517. zot `pkg/api/authn.go`, `NewRelyingPartyOIDC`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[Need::Oidc], effect: Effect::ReadOnly, usual: Duration::from_millis(50) };

pub(crate) const SENDS: &[Rows] = &[rows::DISCOVERY];

const WHY: Why<'static> = Why {
    claim: "the provider describes itself under its issuer",
    cause: "the issuer differs from the provider's own, or the provider cannot be reached",
    remedy: "make oidc.issuer, zot's openid issuer and the provider's own URL the same text, to the last slash",
};

const KEYS: Why<'static> = Why {
    claim: "the provider publishes a key that can sign",
    cause: "the provider has no signing key for this client, or its JWKS cannot be read",
    remedy: "choose a signing key in the provider's settings of this client",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let issuer = cx.oidc()?.issuer.clone();
    let (provider, index) = discovery::discover(cx, &issuer, &WHY).await?;
    for (name, url) in [
        ("issuer", issuer.as_str()),
        ("authorization_endpoint", provider.authorization_endpoint.as_str()),
        ("token_endpoint", provider.token_endpoint.as_str()),
        ("jwks_uri", provider.jwks_uri.as_str()),
    ] {
        let Ok(parsed) = url::Url::parse(url) else {
            return Err(WHY.fail(format_args!("a URL as {name}"), url, index));
        };
        if parsed.scheme() != "https" && !is_loopback(&parsed) {
            return Err(WHY.fail(format_args!("https for {name}"), url, index));
        }
    }
    let keys = discovery::keys(cx, &provider.jwks_uri, &KEYS).await?;
    cx.note(format!("{issuer} has {}", count(keys, "signing key")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "oidc::provider_is_discoverable";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_when_the_issuer_differs_or_no_key_can_sign() {
        let finding = fails(ID, Weakness::IssuerMismatch).await;
        assert!(finding.remedy.contains("last slash"), "{finding:?}");
        let finding = fails(ID, Weakness::JwksEmpty).await;
        assert!(finding.remedy.contains("signing key"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_provider_is_down() {
        error_when_down(ID).await;
    }
}
