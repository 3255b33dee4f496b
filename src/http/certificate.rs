//! The certificate that the registry, or a proxy in front of it, asks its clients for.
//!
//! Shown to the registry's own addresses alone, as every other credential.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, InconsistentKeys};

use super::Origin;

/// A client's certificate with its key, and where it is shown.
pub(crate) struct ClientCertificate {
    identity: reqwest::Identity,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    origins: Vec<Origin>,
    /// Whether the registry takes a certificate for a user, so that anonymous clients show none.
    is_a_user: bool,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} certificates)", self.chain.len())
    }
}

/// What is wrong with a certificate, or with its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Certificate(String),
    Key(String),
}

impl ClientCertificate {
    /// Of PEM texts that belong together.
    pub(crate) fn new(chain: &[u8], key: &[u8], origins: Vec<Origin>, is_a_user: bool) -> Result<Self, Wrong> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let certificates =
            certificates.map_err(|error| Wrong::Certificate(format!("holds no certificate: {error}")))?;
        if certificates.is_empty() {
            return Err(Wrong::Certificate("holds no certificate".to_owned()));
        }
        // What the parser says could quote the key.
        let no_key = || Wrong::Key("holds no private key in PEM, or only an encrypted one".to_owned());
        let private = PrivateKeyDer::from_pem_slice(key).map_err(|_| no_key())?;
        let provider = provider();
        CertifiedKey::from_der(certificates.clone(), private.clone_key(), &provider).map_err(|error| match error {
            tokio_rustls::rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Wrong::Key("does not belong to the certificate: it is the key of another one".to_owned())
            }
            error => Wrong::Key(format!("cannot be used with the certificate: {error}")),
        })?;
        let identity = reqwest::Identity::from_pem(&[key, b"\n", chain].concat()).map_err(|_| no_key())?;
        Ok(ClientCertificate { identity, chain: certificates, key: private, origins, is_a_user })
    }

    /// Whether it is shown to this origin by a client that has credentials, or has none.
    pub(crate) fn is_shown(&self, origin: &Origin, with_credential: bool) -> bool {
        self.origins.contains(origin) && (with_credential || !self.is_a_user)
    }

    pub(crate) fn identity(&self) -> reqwest::Identity {
        self.identity.clone()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider())
}

/// TLS by this verifier, with the certificate where it is shown.
pub(crate) fn configuration(
    verifier: Arc<dyn ServerCertVerifier>,
    shown: Option<&ClientCertificate>,
) -> anyhow::Result<ClientConfig> {
    // `dangerous` is how rustls takes any custom verifier; this one verifies as the system does.
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match shown {
        Some(own) => builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key())?,
        None => builder.with_no_client_auth(),
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::model::outcome::Verdict;
    use crate::trial::tls::{self, Asked, Front};

    fn pair(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_certificate_and_a_key_that_do_not_fit_are_refused_without_a_word_of_the_key() {
        let ((one, its_key), (_, other_key)) = (pair("one"), pair("other"));
        let made = |chain: &str, key: &str| ClientCertificate::new(chain.as_bytes(), key.as_bytes(), vec![], false);
        assert!(made(&one, &its_key).is_ok());
        for (chain, key, words) in [
            ("", its_key.as_str(), "holds no certificate"),
            (its_key.as_str(), its_key.as_str(), "holds no certificate"),
            (one.as_str(), "", "holds no private key"),
            (one.as_str(), one.as_str(), "holds no private key"),
            (one.as_str(), other_key.as_str(), "it is the key of another one"),
        ] {
            let said = format!("{:?}", made(chain, key).unwrap_err());
            assert!(said.contains(words), "{said}");
            let secret = key.lines().filter(|line| line.len() > 20).any(|line| said.contains(line));
            assert!(!secret, "{said}");
        }
    }

    #[test]
    fn it_is_shown_at_home_alone_and_as_a_user_never_by_anonymous_clients() {
        let origin = |url: &str| Origin::of(&url.parse().unwrap());
        let (chain, key) = pair("one");
        let made = |is_a_user| {
            let origins = vec![origin("https://r.example.test")];
            ClientCertificate::new(chain.as_bytes(), key.as_bytes(), origins, is_a_user).unwrap()
        };
        let (home, away) = (origin("https://r.example.test"), origin("https://login.example.test"));
        for (is_a_user, to, with_credential, shown) in [
            (false, &home, false, true),
            (false, &home, true, true),
            (false, &away, true, false),
            (true, &home, false, false),
            (true, &home, true, true),
        ] {
            assert_eq!(made(is_a_user).is_shown(to, with_credential), shown, "{is_a_user} {to} {with_credential}");
        }
    }

    #[tokio::test]
    async fn every_kind_of_request_gets_past_a_front_that_asks_for_a_certificate() {
        for id in [
            "access::anonymous_can_pull",
            "access::permission_matrix",
            "bypass::path_tricks_do_not_open_doors",
            "publish::api_key_can_push",
            "publish::skopeo_can_push",
        ] {
            let outcome = tls::run(id, Front { asked: Asked::AndShown, ..Front::default() }).await;
            assert_eq!(outcome.verdict, Verdict::Pass, "{id}: {:#?}", outcome.finding);
        }
    }

    #[tokio::test]
    async fn without_the_certificate_nothing_is_proven() {
        for id in ["access::anonymous_can_pull", "bypass::path_tricks_do_not_open_doors"] {
            let outcome = tls::run(id, Front { asked: Asked::AndMissing, ..Front::default() }).await;
            assert_eq!(outcome.verdict, Verdict::Error, "{id}: {:#?}", outcome.finding);
        }
    }
}
