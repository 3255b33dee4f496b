//! A token server for registries that ask for tokens (distribution's token authentication specification): signs with RS256.
//!
//! It gives each user who sends the right password what the test says, and anonymous clients too.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::http::{block_on, runtime};
use super::registries::USERS;

/// What a user may do in a repository; nobody is anonymous.
pub type Rights = fn(Option<&str>, &str) -> &'static [&'static str];

/// A running token server. It ends when it is dropped.
pub struct TokenServer {
    /// What registries name as their realm.
    pub realm: String,
    task: AbortHandle,
}

impl TokenServer {
    /// Starts it. Debian's registry trusts certificates alone: then the token carries one.
    pub fn start(rights: Rights, with_certificate: bool) -> Self {
        let listener = block_on(TcpListener::bind(("127.0.0.1", 0))).expect("loopback has a free port");
        let realm = format!("http://{}/token", listener.local_addr().expect("a bound socket has an address"));
        let routes = Router::new().route("/token", get(token)).with_state((rights, with_certificate));
        let serve = async move { axum::serve(listener, routes).await };
        Self { realm, task: runtime().spawn(serve).abort_handle() }
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn token(
    State((rights, with_certificate)): State<(Rights, bool)>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let user = match user(&headers) {
        Ok(user) => user,
        Err(()) => return StatusCode::UNAUTHORIZED.into_response(),
    };
    let scopes = query.iter().filter(|(name, _)| name == "scope").flat_map(|(_, scopes)| scopes.split(' '));
    let access: Vec<Value> = scopes.filter_map(|scope| granted(rights, user.as_deref(), scope)).collect();
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let claims = json!({
        "iss": "the tests", "sub": user.unwrap_or_default(), "aud": "registry.test", "jti": now.to_string(),
        "iat": now, "nbf": now - 10, "exp": now + 300, "access": access,
    });
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(KEY_ID.to_owned());
    if with_certificate {
        header.x5c = Some(vec![STANDARD.encode(&signer().certificate)]);
    }
    let token = encode(&header, &claims, &signer().key).expect("the claims are JSON and the key is RSA");
    axum::Json(json!({ "token": token, "access_token": token, "expires_in": 300 })).into_response()
}

/// Who asks: nobody, or a user whose password is right.
fn user(headers: &HeaderMap) -> Result<Option<String>, ()> {
    let Some(value) = headers.get("authorization") else { return Ok(None) };
    let pair = value.to_str().ok().and_then(|text| text.strip_prefix("Basic ")).ok_or(())?;
    let pair = String::from_utf8(STANDARD.decode(pair).map_err(|_| ())?).map_err(|_| ())?;
    let known = USERS.iter().find(|(name, password)| pair == format!("{name}:{password}"));
    known.map(|(name, _)| Some((*name).to_owned())).ok_or(())
}

/// What of a scope is given (scope.md: `repository:name:pull,push`).
fn granted(rights: Rights, user: Option<&str>, scope: &str) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let may = rights(user, name);
    let actions: Vec<&str> = actions.split(',').filter(|action| may.contains(action)).collect();
    Some(json!({ "type": kind, "name": name, "actions": actions }))
}

const KEY_ID: &str = "tests";

struct Signer {
    key: EncodingKey,
    modulus: String,
    exponent: String,
    certificate: Vec<u8>,
    pem: String,
}

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a 2048-bit RSA key can be made");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key just made can be written");
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let own = rcgen::KeyPair::from_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).expect("the key signs certificates");
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&own).expect("a certificate signs itself");
        let public = pair.public_key();
        Signer {
            key: EncodingKey::from_rsa_pem(pem.as_bytes()).expect("PKCS#8 of an RSA key is a signing key"),
            modulus: URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            exponent: URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            certificate: certificate.der().to_vec(),
            pem: certificate.pem(),
        }
    })
}

/// The key that registries verify with, as JWKS.
pub fn jwks() -> Value {
    let signer = signer();
    json!({ "keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": signer.modulus, "e": signer.exponent,
    }] })
}

/// The same as a certificate, as PEM.
pub fn certificate() -> String {
    signer().pem.clone()
}
