//! Sends one HTTP/1 request exactly as written, for what a well-behaved library would mend: unclean paths, HTTP/1.0, two Hosts.
//!
//! Bounded in time and bytes. The same guard, origin, certificates and transcript as every other request; no line breaks
//! in any part, so that one request can't become two.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto;
use tokio_rustls::rustls::pki_types::ServerName;

use super::intent::intent;
use super::{Answer, BODY_LIMIT, Client, ClientCertificate, HEADER_LIMIT, Route, certificate};
use crate::model::exchange::{Exchange, millis};

/// The connection was closed, and not one byte of an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed without an answer")]
pub(crate) struct Closed;

/// Whether the other side ended the connection.
fn hung_up(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// A request as it goes on the wire. Nothing is added but `Connection: close` and the length of a body.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) method: String,
    pub(crate) target: String,
    /// `1.0` or `1.1`.
    pub(crate) version: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Raw {
    fn text(&self) -> anyhow::Result<String> {
        let clean = |part: &str| part.chars().all(|c| !c.is_control());
        ensure!(
            clean(&self.method) && clean(&self.target) && !self.target.contains(' '),
            "the request line has a break"
        );
        let mut text = format!("{} {} HTTP/{}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.headers {
            ensure!(clean(name) && clean(value), "the header {name} has a break");
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection")) {
            text.push_str("Connection: close\r\n");
        }
        if !self.body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        text.push_str(&self.body);
        Ok(text)
    }
}

impl Client {
    /// Whether the guard lets it be sent.
    pub(crate) fn permitted_raw(&self, raw: &Raw) -> anyhow::Result<()> {
        Ok(self.guard.permit(&intent(&raw.method, &raw.target, &raw.target, &raw.headers, raw.body.as_bytes()))?)
    }

    /// Sends a request as it is written, without this client's credential.
    pub(crate) async fn send_raw(&self, raw: &Raw) -> anyhow::Result<Answer> {
        self.permitted_raw(raw)?;
        let text = raw.text()?;
        self.route.pace.turn(&raw.method).await;
        let began = Instant::now();
        let mut exchange = Exchange {
            who: self.who_without(),
            method: raw.method.clone(),
            url: format!("{}{}", self.origin, raw.target),
            request_headers: raw.headers.clone(),
            request_body: self.recorder.shown(raw.body.as_bytes()),
            options: self.options(false),
            at_ms: self.recorder.now_ms(),
            ..Exchange::default()
        };
        let what = format!("{} {} as HTTP/{}", raw.method, raw.target, raw.version);
        let booking = self.ledger.begin(&raw.method, &raw.target, raw.body.as_bytes());
        let result = tokio::time::timeout(self.timeout, self.trade(&text, &raw.method))
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("no complete answer in {}", super::body::passed(began.elapsed()))))
            .with_context(|| what);
        exchange.total_ms = millis(began.elapsed());
        exchange.first_byte_ms = exchange.total_ms;
        match &result {
            Ok((status, headers, body)) => {
                exchange.status = Some(*status);
                let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                exchange.response_headers = headers.iter().map(|(n, value)| (n.to_string(), text(value))).collect();
                exchange.response_body = self.recorder.shown(body);
            }
            Err(error) => exchange.error = Some(format!("{error:#}")),
        }
        let index = self.recorder.add(exchange);
        let result = result.map(|(status, headers, body)| Answer {
            method: raw.method.clone(),
            url: self.origin.url().clone(),
            status,
            headers,
            size: body.len() as u64,
            body,
            digest: None,
            certificate: None,
            http2: false,
            index,
        });
        self.ledger.settle(booking, &result);
        result
    }

    async fn trade(&self, text: &str, method: &str) -> anyhow::Result<(u16, HeaderMap, Bytes)> {
        let url = self.origin.url();
        let host = url.host_str().context("the origin has no host")?;
        let port = url.port_or_known_default().context("the origin has no port")?;
        let instead = self.route.resolve.iter().find(|(name, at, _)| name == host && *at == port);
        let stream = match instead {
            Some((_, _, address)) => TcpStream::connect(address).await,
            None => TcpStream::connect((host.trim_matches(['[', ']']), port)).await,
        };
        let stream = stream.context("cannot connect")?;
        if url.scheme() == "https" {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).context("not a name for TLS")?;
            // A raw request goes without this client's credential.
            let shown = self.route.certificate.as_deref().filter(|own| own.is_shown(&self.origin, false));
            let stream =
                connector(&self.route, shown)?.connect(name, stream).await.context("the TLS handshake failed")?;
            return converse(stream, text, method).await;
        }
        converse(stream, text, method).await
    }
}

/// The same trust as reqwest's: the system's authorities and those of `ca_file`.
fn connector(route: &Route, shown: Option<&ClientCertificate>) -> anyhow::Result<TlsConnector> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let roots = route.ca_der.iter().cloned();
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(roots, Arc::clone(&provider))?;
    let mut config = certificate::configuration(Arc::new(verifier), shown)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    text: &str,
    method: &str,
) -> anyhow::Result<(u16, HeaderMap, Bytes)> {
    match stream.write_all(text.as_bytes()).await {
        // What was said before the connection was closed can still be read.
        Err(error) if !hung_up(&error) => return Err(error).context("the request could not be sent"),
        _ => {}
    }
    let mut received = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    loop {
        if let Some(whole) = parse(&received, method, false)? {
            return Ok(whole);
        }
        ensure!(received.len() <= HEADER_LIMIT + BODY_LIMIT, "the answer is longer than {BODY_LIMIT} bytes");
        let read = match stream.read(&mut buffer).await {
            Ok(read) => read,
            // Many servers close without a TLS goodbye, or reset what they refuse; what came before counts.
            Err(_) if !received.is_empty() => 0,
            Err(error) if hung_up(&error) => return Err(Closed.into()),
            Err(error) => return Err(error).context("the exchange broke off"),
        };
        if read == 0 && received.is_empty() {
            return Err(Closed.into());
        }
        if read == 0 {
            return parse(&received, method, true)?.context("the connection was closed without a whole answer");
        }
        received.extend_from_slice(&buffer[..read]);
    }
}

/// The answer, if it is whole; `ended`: nothing more will come.
pub(crate) fn parse(received: &[u8], method: &str, ended: bool) -> anyhow::Result<Option<(u16, HeaderMap, Bytes)>> {
    let mut rest = received;
    // A loop: a registry may send as many interim answers as it likes, and a stack is not as deep.
    let (head, status, body) = loop {
        let Some(at) = rest.windows(4).position(|window| window == b"\r\n\r\n") else {
            ensure!(rest.len() <= HEADER_LIMIT, "the answer has more than {HEADER_LIMIT} bytes of headers");
            return Ok(None);
        };
        let (head, body) = (String::from_utf8_lossy(&rest[..at]), &rest[at + 4..]);
        let first = head.split("\r\n").next();
        let status = first.and_then(|line| line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok());
        let status: u16 = status.context("the answer is not HTTP")?;
        if !(100..200).contains(&status) || status == 101 {
            break (head, status, body);
        }
        rest = body;
    };
    let lines = head.split("\r\n").skip(1);
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.trim()), HeaderValue::try_from(value.trim())) {
            headers.append(name, value);
        }
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let body = if method == "HEAD" || status < 200 || status == 204 || status == 304 {
        Some(Bytes::new())
    } else if text("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        dechunked(body)
    } else if let Some(length) = text("content-length").and_then(|length| length.parse::<usize>().ok()) {
        (body.len() >= length).then(|| Bytes::copy_from_slice(&body[..length]))
    } else {
        ended.then(|| Bytes::copy_from_slice(body))
    };
    Ok(body.map(|body| (status, headers, body)))
}

/// The content of a chunked body, if its last chunk is there (RFC 9112, section 7.1).
fn dechunked(mut body: &[u8]) -> Option<Bytes> {
    let mut content = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&body[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok().filter(|size| *size <= BODY_LIMIT)?;
        if size == 0 {
            return Some(content.into());
        }
        content.extend_from_slice(body.get(end + 2..end + 2 + size)?);
        body = body.get(end + 2 + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_can_not_become_two() {
        let raw = |target: &str, value: &str| Raw {
            method: "GET".into(),
            target: target.into(),
            version: "1.1",
            headers: vec![("Host".into(), value.into())],
            body: String::new(),
        };
        assert!(raw("/v2/../x", "a").text().unwrap().ends_with("Connection: close\r\n\r\n"));
        for (target, value) in [("/a b", "a"), ("/a\r\nX: y", "a"), ("/a", "a\r\n\r\nGET / HTTP/1.1")] {
            assert!(raw(target, value).text().is_err(), "{target} {value}");
        }
    }

    #[test]
    fn an_answer_is_whole_by_length_by_chunks_or_by_its_end() {
        let body = |text: &str, ended| parse(text.as_bytes(), "GET", ended).unwrap().map(|(_, _, body)| body);
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false), None);
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false).as_deref(), Some(&b"abc"[..]));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(body(chunked, false).as_deref(), Some(&b"abcde"[..]));
        assert_eq!(body("HTTP/1.0 404 No\r\n\r\nx", false), None);
        assert_eq!(body("HTTP/1.0 404 No\r\n\r\nx", true).as_deref(), Some(&b"x"[..]));
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(parse(interim.as_bytes(), "PUT", false).unwrap().map(|(status, ..)| status), Some(401));
        assert!(parse(b"SSH-2.0-x\r\n\r\n", "GET", true).is_err());
    }
}
