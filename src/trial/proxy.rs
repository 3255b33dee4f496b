//! A small proxy in front of the lab that answers some requests itself. Only for tests, only on loopback.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Which requests it answers itself, by their first line, and with what: a status, maybe headers, and JSON on the last line.
pub(crate) type Fault = fn(&str) -> Option<&'static str>;

/// Starts it; it ends with the test's runtime.
pub(crate) async fn start(lab: &str, fault: Fault) -> SocketAddr {
    let lab = lab.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, lab.clone(), fault));
        }
    });
    address
}

/// One request a connection, so that none goes by unseen.
async fn pass(mut client: TcpStream, lab: String, fault: Fault) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
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
    let line = text.lines().next().unwrap_or_default();
    if let Some(answer) = fault(line) {
        let (status, body) = answer.rsplit_once('\n').unwrap_or((answer, ""));
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\n{kind}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        return client.write_all(answer.as_bytes()).await;
    }
    let mut server = TcpStream::connect(lab).await?;
    server.write_all(line.as_bytes()).await?;
    server.write_all(b"\r\nConnection: close").await?;
    server.write_all(&head[line.len()..]).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
