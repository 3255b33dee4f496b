//! A front end for the lab: a proxy that changes requests or answers itself, or TLS with a private authority.
//!
//! Only on loopback. Ends with the test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The names in the certificate.
const NAMES: [&str; 2] = ["localhost", "registry.test"];

/// What becomes of a request, by its head.
pub enum Pass {
    /// It goes on with this head.
    On(String),
    /// It goes on with this head, and its answer says that it is compressed.
    Compressed(String),
    /// It is answered with this status and page.
    Answer(&'static str, &'static str),
}

/// A running front.
pub struct Front {
    /// Its address, without a path.
    pub url: String,
    task: AbortHandle,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A head without the lines of one header.
pub fn without(head: &str, name: &str) -> String {
    let kept = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    kept.collect::<Vec<_>>().join("\r\n")
}

impl Front {
    /// A proxy.
    pub async fn start(lab: &str, pass: fn(&str) -> Pass) -> Front {
        let lab = lab.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(one(client, lab.clone(), pass));
            }
        };
        Front { url, task: tokio::spawn(serve).abort_handle() }
    }
}

/// One request a connection, so that none goes by unchanged.
async fn one(mut client: TcpStream, lab: String, pass: fn(&str) -> Pass) -> std::io::Result<()> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    let end = loop {
        if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        let read = client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..read]);
    };
    let text = String::from_utf8_lossy(&head[..end]).into_owned();
    match pass(&text) {
        Pass::Answer(status, page) => {
            let length = page.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
            );
            client.write_all(answer.as_bytes()).await?;
            client.shutdown().await
        }
        Pass::On(text) => {
            let mut server = send(lab, &text, &head[end..]).await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            Ok(())
        }
        Pass::Compressed(text) => {
            let mut server = send(lab, &text, &head[end..]).await?;
            // The status line comes first, and in one piece.
            let read = server.read(&mut buffer).await?;
            let line = buffer[..read].windows(2).position(|window| window == b"\r\n").unwrap_or(read);
            client.write_all(&buffer[..line]).await?;
            client.write_all(b"\r\nContent-Encoding: gzip").await?;
            client.write_all(&buffer[line..read]).await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            Ok(())
        }
    }
}

/// Sends a request on, with what was read of its body.
async fn send(lab: String, head: &str, rest: &[u8]) -> std::io::Result<TcpStream> {
    let mut server = TcpStream::connect(lab).await?;
    server.write_all(without(head, "connection").as_bytes()).await?;
    server.write_all(b"\r\nConnection: close").await?;
    server.write_all(rest).await?;
    Ok(server)
}

/// TLS in front of the lab, by an authority whose certificate is written to `ca.pem` in this folder.
pub async fn with_tls(lab: &str, folder: &Path) -> Front {
    let behind: SocketAddr = lab.trim_start_matches("http://").parse().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(NAMES.map(str::to_owned)).unwrap();
    // With the name of its authority, OpenSSL would take it for one that signed itself.
    params.distinguished_name.push(DnType::CommonName, NAMES[1]);
    let own = params.signed_by(&key, &authority).unwrap();
    let chain = vec![CertificateDer::from(own.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let serve = async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let Ok(mut server) = TcpStream::connect(behind).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    };
    Front { url, task: tokio::spawn(serve).abort_handle() }
}
