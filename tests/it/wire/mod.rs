//! A bare HTTP client for tests that must control every byte of a request: unclean paths, doubled headers, no
//! `User-Agent`. It follows nothing, keeps no cookies and reads one answer per connection.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

pub mod browser;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const DEADLINE: Duration = Duration::from_secs(120);

/// One answer, as it came over the wire.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Sends one request to `base` (`http://host:port`) and reads the answer.
pub async fn send(base: &str, method: &str, target: &str, headers: &[(String, String)], body: Option<&str>) -> Reply {
    tokio::time::timeout(DEADLINE, exchange(base, method, target, headers, body))
        .await
        .unwrap_or_else(|_| panic!("{method} {target} was not answered in time"))
        .unwrap_or_else(|error| panic!("{method} {base}{target}: {error}"))
}

async fn exchange(
    base: &str,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: Option<&str>,
) -> std::io::Result<Reply> {
    let host = base.strip_prefix("http://").expect("the lab speaks plain HTTP");
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    // Clients send a length with every request that may have a body.
    if body.is_some() || ["POST", "PUT", "PATCH"].contains(&method) {
        request.push_str(&format!("Content-Length: {}\r\n", body.unwrap_or_default().len()));
    }
    request.push_str("\r\n");
    request.push_str(body.unwrap_or_default());
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    Ok(Reply {
        status: status.expect("a status line"),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}
