//! A registry behind TLS: trusted with its authority, and never spoken to without.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::judge;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use regproof::check::machine::Machine;
use regproof::lab::Lab;
use regproof::model::effect::Effect;
use regproof::model::outcome::Verdict;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(vec![]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key can be made");
    CertifiedIssuer::self_signed(params, key).expect("an authority signs itself")
}

/// Terminates TLS and passes bytes on; counts the bytes of requests that got through a handshake.
async fn front(lab: SocketAddr, authority: &Authority, name: &str, expired: bool) -> (SocketAddr, Arc<AtomicUsize>) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    if expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.signed_by(&key, authority).expect("the authority signs");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS#8 key");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("a sound pair");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let Ok(client) = acceptor.accept(client).await else { return };
                let Ok(server) = TcpStream::connect(lab).await else { return };
                let (mut from_client, mut to_client) = tokio::io::split(client);
                let (mut from_server, mut to_server) = server.into_split();
                let requests = async {
                    let mut buffer = [0; 8192];
                    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                        counted.fetch_add(read, Ordering::Relaxed);
                        if to_server.write_all(&buffer[..read]).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = requests => {}
                    _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                }
            });
        }
    });
    (address, count)
}

/// The lab's scenario at an https address, without the login: its addresses are bound to the lab's own.
fn scenario(lab: &Lab, folder: &Path, url: &str, authority: &Authority, resolve: Option<SocketAddr>) -> PathBuf {
    let file = lab.write_scenario(folder).expect("the scenario can be written");
    let text = std::fs::read_to_string(&file).expect("the scenario can be read");
    let mut table: toml::Table = text.parse().expect("the lab's scenario is TOML");
    table.remove("oidc");
    std::fs::write(folder.join("ca.pem"), authority.pem()).expect("a file can be written");
    let registry = table["registry"].as_table_mut().expect("a table");
    registry.insert("url".into(), url.into());
    registry.insert("ca_file".into(), "ca.pem".into());
    if let Some(address) = resolve {
        let host = url.trim_start_matches("https://");
        registry
            .insert("resolve".into(), toml::Table::from_iter([(host.to_owned(), address.to_string().into())]).into());
    }
    std::fs::write(&file, table.to_string()).expect("the scenario can be written");
    file
}

fn lab_address(lab: &Lab) -> SocketAddr {
    lab.url().trim_start_matches("http://").parse().expect("the lab is on an address")
}

const CHECKLIST: [&str; 11] = [
    "access::anonymous_can_pull",
    "access::anonymous_cannot_push",
    "access::wrong_credentials_are_refused",
    "bypass::path_tricks_do_not_open_doors",
    "bypass::raw_requests_are_judged_alike",
    "cache::pull_through_serves_upstream",
    "metrics::anonymous_can_scrape",
    "publish::api_key_can_push",
    "publish::existing_tag",
    "publish::skopeo_can_push",
    "registry::answers_as_a_registry",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_checklist_passes_behind_a_trusted_certificate_skopeo_too() {
    let (lab, ours) = (Lab::healthy().await.expect("the lab starts"), authority());
    let (address, _) = front(lab_address(&lab), &ours, "localhost", false).await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = scenario(&lab, folder.path(), &format!("https://localhost:{}", address.port()), &ours, None);
    let run = judge::run_within(&file, Effect::Writes, &CHECKLIST, &Machine::here(true)).await;
    let wrong: Vec<_> =
        run.outcomes.iter().filter(|o| o.verdict != Verdict::Pass).map(|o| (&o.id, &o.finding)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_can_be_resolved_by_the_scenario() {
    let (lab, ours) = (Lab::healthy().await.expect("the lab starts"), authority());
    let (address, _) = front(lab_address(&lab), &ours, "registry.example.test", false).await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("https://registry.example.test:{}", address.port());
    let file = scenario(&lab, folder.path(), &url, &ours, Some(address));
    let run = judge::run_within(&file, Effect::Writes, &["publish::api_key_can_push"], &Machine::here(true)).await;
    assert_eq!(run.outcomes[0].verdict, Verdict::Pass, "{:#?}", run.outcomes[0].finding);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_a_server_whose_certificate_is_not_right() {
    let lab = Lab::healthy().await.expect("the lab starts");
    let (ours, foreign) = (authority(), authority());
    for (signer, name, expired, words) in [
        (&foreign, "localhost", false, "BadSignature"),
        (&ours, "other.example.test", false, "not valid for name"),
        (&ours, "localhost", true, "expired"),
    ] {
        let (address, count) = front(lab_address(&lab), signer, name, expired).await;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = scenario(&lab, folder.path(), &format!("https://localhost:{}", address.port()), &ours, None);
        let run = judge::run_within(&file, Effect::Writes, &CHECKLIST, &Machine::here(true)).await;
        for outcome in &run.outcomes {
            assert_eq!(outcome.verdict, Verdict::Error, "{}: {:?}", outcome.id, outcome.finding);
        }
        let said = run.outcomes[0].finding.as_ref().map(|finding| finding.actual.clone()).unwrap_or_default();
        assert!(said.contains(words), "{said}");
        assert_eq!(count.load(Ordering::Relaxed), 0, "bytes went through a handshake that must fail: {words}");
    }
}
