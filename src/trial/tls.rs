//! The lab behind TLS, for checks that only an encrypted connection can show.
//!
//! Only for tests. Its authority and certificates are made anew each time.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::run_scenario;
use crate::lab::{Lab, Options, Weakness};
use crate::model::outcome::Outcome;

/// What stands in front of the lab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front {
    /// How many days its certificate is still valid.
    pub(crate) days: i64,
    /// The name in its certificate.
    pub(crate) name: &'static str,
    /// Whether nothing listens there.
    pub(crate) down: bool,
    /// Whether it offers HTTP/2.
    pub(crate) http2: bool,
    /// What is wrong with the lab behind it.
    pub(crate) weakness: Option<Weakness>,
    /// Whether it asks its clients for a certificate.
    pub(crate) asked: Asked,
}

/// Whether a certificate is asked for, and whether the scenario has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Never,
    AndShown,
    AndMissing,
}

impl Default for Front {
    fn default() -> Front {
        Front { days: 90, name: "localhost", down: false, http2: false, weakness: None, asked: Asked::Never }
    }
}

/// Runs one check on the lab at `https://localhost`, with the authority trusted.
pub(crate) async fn run(id: &str, front: Front) -> Outcome {
    let options = Options { weaknesses: front.weakness.into_iter().collect(), ..Options::default() };
    let lab = Lab::start(options).await.expect("the lab starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut params = CertificateParams::new(vec![]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key can be made");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("the authority can be written");
    let behind = lab.url().trim_start_matches("http://").parse().expect("the lab has an address");
    let port = listen(front, behind, &authority).await.port();
    let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let text = std::fs::read_to_string(&file).expect("the scenario can be read");
    let mut scenario: toml::Table = text.parse().expect("the lab's scenario is TOML");
    // Bound to the lab's own address.
    scenario.remove("oidc");
    let mut registry = toml::Table::new();
    registry.insert("url".to_owned(), format!("https://localhost:{port}").into());
    registry.insert("ca_file".to_owned(), "ca.pem".into());
    let resolve = toml::Table::from_iter([(format!("localhost:{port}"), format!("127.0.0.1:{port}").into())]);
    registry.insert("resolve".to_owned(), resolve.into());
    if front.asked == Asked::AndShown {
        let key = KeyPair::generate().expect("a key can be made");
        let params = CertificateParams::new(vec!["client".to_owned()]).expect("a name");
        let own = params.signed_by(&key, &authority).expect("the authority signs");
        for (name, file, text) in
            [("client_cert", "own.pem", own.pem()), ("client_key", "own.key", key.serialize_pem())]
        {
            std::fs::write(folder.path().join(file), text).expect("the certificate can be written");
            registry.insert(name.to_owned(), file.into());
        }
        // A client program goes where DNS says.
        registry.remove("resolve");
    }
    scenario.insert("registry".to_owned(), registry.into());
    std::fs::write(&file, scenario.to_string()).expect("the scenario can be written");
    run_scenario(id, &file).await
}

async fn listen(front: Front, behind: SocketAddr, authority: &CertifiedIssuer<'static, KeyPair>) -> SocketAddr {
    let mut params = CertificateParams::new(vec![front.name.to_owned()]).expect("a name");
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(30);
    params.not_after = now + time::Duration::days(front.days);
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.signed_by(&key, authority).expect("the authority signs");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS#8 key");
    let builder = match front.asked {
        Asked::Never => ServerConfig::builder().with_no_client_auth(),
        Asked::AndShown | Asked::AndMissing => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from(authority.der().to_vec())).expect("an authority can be trusted");
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("there is an authority");
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).expect("a sound pair");
    if front.http2 {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    if front.down {
        return address;
    }
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let Ok(mut server) = TcpStream::connect(behind).await else { return };
                // Either side may go at any time: that ends the connection, not the test.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}
