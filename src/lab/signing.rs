//! The provider's RSA key: signs ID tokens, and is published as JWKS.
//!
//! One key for the process, because making one takes longer than a whole lab.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use time::OffsetDateTime;

const KEY_ID: &str = "lab";

struct Signer {
    key: EncodingKey,
    modulus: String,
    exponent: String,
}

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a 2048-bit RSA key can be made");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key just made can be written");
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let public = pair.public_key();
        Signer {
            key: EncodingKey::from_rsa_pem(pem.as_bytes()).expect("PKCS#8 of an RSA key is a signing key"),
            modulus: URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            exponent: URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }
    })
}

/// Makes the key now, so that no request waits for it.
pub(crate) fn prepare() {
    signer();
}

pub(crate) fn jwks() -> Value {
    let signer = signer();
    json!({ "keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": signer.modulus, "e": signer.exponent,
    }] })
}

pub(crate) fn sign(claims: &Value) -> String {
    let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, claims, &signer().key).expect("claims are JSON and the key is RSA")
}

/// The claims of an ID token, verified as a relying party must: signature, issuer, audience, expiry.
pub(crate) fn verify(token: &str, jwks: &Value, issuer: &str, client: &str) -> Result<Value, String> {
    let header = jsonwebtoken::decode_header(token).map_err(|error| error.to_string())?;
    let keys = jwks["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let key = keys.iter().find(|key| key["kid"].as_str() == header.kid.as_deref()).ok_or("no key of this id")?;
    let (Some(n), Some(e)) = (key["n"].as_str(), key["e"].as_str()) else {
        return Err("the key is not RSA".into());
    };
    let key = DecodingKey::from_rsa_components(n, e).map_err(|error| error.to_string())?;
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[client]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims = jsonwebtoken::decode::<Value>(token, &key, &rules).map_err(|error| error.to_string())?.claims;
    // zot forgives five seconds between the clocks (`pkg/api/authn.go`, `issuedAtOffset`).
    if claims["iat"].as_i64().is_some_and(|at| at > OffsetDateTime::now_utc().unix_timestamp() + 5) {
        return Err("issuedAt of token is in the future".to_owned());
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_verifies_only_for_its_issuer_client_and_key() {
        let token = sign(&json!({ "iss": "i", "aud": "c", "sub": "s", "exp": 4_102_444_800_u64 }));
        assert_eq!(verify(&token, &jwks(), "i", "c").unwrap()["sub"], "s");
        assert!(verify(&token, &jwks(), "other", "c").is_err());
        assert!(verify(&token, &jwks(), "i", "other").is_err());
        assert!(verify(&token, &json!({ "keys": [] }), "i", "c").is_err());
        let expired = sign(&json!({ "iss": "i", "aud": "c", "sub": "s", "exp": 1 }));
        assert!(verify(&expired, &jwks(), "i", "c").is_err());
    }
}
