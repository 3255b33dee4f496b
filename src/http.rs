//! One small HTTP layer on reqwest. Credentials are bound to one origin (scheme, host, port) and never leave it.
//!
//! Follows no redirect, uses no proxy, retries nothing, and sends nothing that the guard does not permit.
//! Every exchange goes into the check's transcript, also when it failed.

mod answer;
mod body;
mod certificate;
pub(crate) mod guard;
mod intent;
pub(crate) mod ledger;
mod library;
mod origin;
mod pace;
mod raw;
pub(crate) mod recorder;
mod request;
mod shell;
mod tokens;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use tokio_rustls::rustls::pki_types::CertificateDer;

pub(crate) use answer::{Answer, is_registry_error};
pub(crate) use body::{Algorithm, DOTS};
pub(crate) use certificate::{ClientCertificate, Wrong};
pub(crate) use origin::Origin;
pub(crate) use pace::Pace;
#[cfg(test)]
pub(crate) use raw::parse as parse_raw;
pub(crate) use raw::{Closed, Raw};
pub(crate) use shell::Shell;
pub(crate) use tokens::Challenges;

use crate::http::guard::Guard;
use crate::http::ledger::Ledger;
use crate::http::recorder::{Recorder, SHOWN};
use crate::model::exchange::{Exchange, millis};
use crate::scenario::secrets::Secret;
pub(crate) use body::NotConnected;
use body::{Body, dotted, explain, passed, trickled};
use intent::intent;

/// As much as a manifest may have (OCI distribution spec, section Pushing manifests).
pub(crate) const MANIFEST_LIMIT: usize = 4 << 20;
/// As much as any other answer may have, unless its request says otherwise.
const BODY_LIMIT: usize = 1 << 20;
/// As much as is ever kept in memory of one answer, whatever its request says: many run at once.
const KEPT_LIMIT: usize = 8 << 20;
const HEADER_LIMIT: usize = 64 << 10;

/// How to reach the registry: certificates, addresses, time. The same for every client of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub(crate) ca: Vec<reqwest::Certificate>,
    /// The same certificates for the sender of raw requests.
    pub(crate) ca_der: Vec<CertificateDer<'static>>,
    /// What is shown where the registry asks its clients for a certificate.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
    /// Host and port, and the address to connect to instead.
    pub(crate) resolve: Vec<(String, u16, std::net::SocketAddr)>,
    pub(crate) timeout: Duration,
    /// What each origin said of tokens; where there is none, credentials are sent without asking first.
    pub(crate) challenges: Option<Arc<Challenges>>,
    /// How fast requests are sent.
    pub(crate) pace: Arc<Pace>,
    /// How a shell reaches the same.
    pub(crate) shell: Arc<Shell>,
}

/// Who sends a key that the run made for itself.
pub(crate) const OWN_KEY: &str = "a key of this run";

/// A client that speaks to one origin as one identity, or as nobody.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// For what is sent without credentials, where that differs in more than a header.
    bare: Option<reqwest::Client>,
    origin: Origin,
    who: String,
    credential: Option<Credential>,
    guard: Arc<Guard>,
    recorder: Recorder,
    timeout: Duration,
    /// Until when an answer of 429 is waited out.
    until: Option<Instant>,
    route: Route,
    ledger: Ledger,
}

/// A user name and a secret, for one origin.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) username: String,
    pub(crate) secret: Secret,
}

/// A request being put together.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    client: &'a Client,
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    limit: usize,
    hashed: Option<Algorithm>,
    opened: Option<u64>,
    anonymous: bool,
    trickle: Duration,
    dots: u64,
    patience: Duration,
}

/// A body as it was received.
struct Received {
    status: u16,
    headers: HeaderMap,
    /// All of it, or the start of one that was only hashed.
    body: Bytes,
    size: u64,
    digest: Option<String>,
    certificate: Option<Bytes>,
    http2: bool,
}

impl Client {
    pub(crate) fn new(
        route: &Route,
        origin: Origin,
        who: &str,
        credential: Option<Credential>,
        guard: Arc<Guard>,
        recorder: Recorder,
    ) -> anyhow::Result<Client> {
        let shown = |with: bool| route.certificate.as_deref().filter(|own| own.is_shown(&origin, with));
        let http = library::http(route, &origin, shown(credential.is_some()), false)?;
        // Where a certificate is a user, what is asked without credentials is asked without it.
        let bare = credential.is_some() && shown(true).is_some() && shown(false).is_none();
        let bare = bare.then(|| library::http(route, &origin, None, false)).transpose()?;
        Ok(Client {
            http,
            bare,
            origin,
            who: who.to_owned(),
            credential,
            guard,
            recorder,
            timeout: route.timeout,
            until: None,
            route: route.clone(),
            ledger: Ledger::default(),
        })
    }

    /// The same client over HTTP/2 where the server offers it; the answers tell whether it does.
    pub(crate) fn over_http2(&self) -> anyhow::Result<Client> {
        let own = self.route.certificate.as_deref();
        let shown = own.filter(|own| own.is_shown(&self.origin, self.credential.is_some()));
        let http = library::http(&self.route, &self.origin, shown, true)?;
        Ok(Client { http, bare: None, who: format!("{}, over HTTP/2", self.who), ..self.clone() })
    }

    /// The user name that this client sends, if it sends one.
    pub(crate) fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// The same client, whose requests are booked in this ledger.
    pub(crate) fn booked(self, ledger: &Ledger) -> Client {
        Client { ledger: ledger.clone(), ..self }
    }

    /// The same client, which waits out answers of 429 until then.
    pub(crate) fn until(self, deadline: Instant) -> Client {
        Client { until: Some(deadline), ..self }
    }

    /// The same client, to which an answer of 429 is an answer, and says nothing of the registry.
    pub(crate) fn at_once(self) -> Client {
        Client { until: None, ..self }
    }

    /// The same client under another guard.
    pub(crate) fn guarded(&self, guard: Guard) -> Client {
        Client { guard: Arc::new(guard), ..self.clone() }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A request for a path, and maybe a query, of this client's origin.
    pub(crate) fn request(&self, method: Method, target: impl Into<String>) -> Request<'_> {
        Request {
            client: self,
            method,
            target: target.into(),
            headers: vec![],
            body: Bytes::new(),
            limit: BODY_LIMIT,
            hashed: None,
            opened: None,
            anonymous: false,
            trickle: Duration::ZERO,
            dots: 0,
            patience: Duration::ZERO,
        }
    }

    pub(crate) fn get(&self, target: impl Into<String>) -> Request<'_> {
        self.request(Method::GET, target)
    }

    pub(crate) fn head(&self, target: impl Into<String>) -> Request<'_> {
        self.request(Method::HEAD, target)
    }

    pub(crate) fn post(&self, target: impl Into<String>) -> Request<'_> {
        self.request(Method::POST, target)
    }

    pub(crate) fn put(&self, target: impl Into<String>) -> Request<'_> {
        self.request(Method::PUT, target)
    }

    pub(crate) fn patch(&self, target: impl Into<String>) -> Request<'_> {
        self.request(Method::PATCH, target)
    }

    pub(crate) fn delete(&self, target: impl Into<String>) -> Request<'_> {
        self.request(Method::DELETE, target)
    }
}

impl Request<'_> {
    /// Sends it. An error is a fault of the network, of the guard or of the answer's shape, never a refusal.
    pub(crate) async fn send(self) -> anyhow::Result<Answer> {
        let client = self.client;
        let url = client.origin.join(&self.target)?;
        self.permitted()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::try_from(name.as_str())?, HeaderValue::try_from(value.as_str())?);
        }
        headers.entry(reqwest::header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        if let Some(credential) = self.credential() {
            headers.insert(AUTHORIZATION, client.authorization(credential).await?);
        }
        if self.body.is_empty() && self.dots == 0 && matches!(self.method, Method::POST | Method::PUT | Method::PATCH) {
            // hyper leaves it out where a body is empty, and zot up to v2.1.18 answers 400 to the end of an upload then.
            headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        let booking = client.ledger.begin(self.method.as_str(), &self.target, &self.body);
        let (result, index) = loop {
            client.route.pace.turn(self.method.as_str()).await;
            let mut exchange = if client.recorder.keeps() { self.evidence(&url) } else { Exchange::default() };
            let began = Instant::now();
            let result = Box::pin(self.exchange(url.clone(), headers.clone(), &mut exchange, began)).await;
            exchange.total_ms = millis(began.elapsed());
            if let Err(error) = &result {
                exchange.error = Some(format!("{error:#}"));
            }
            let index = client.recorder.add(exchange);
            if !self.comes_again(&result) {
                break (result, index);
            }
        };
        let method = self.method.to_string();
        let result = result.map(|Received { status, headers, body, size, digest, certificate, http2 }| Answer {
            method,
            url,
            status,
            headers,
            body,
            size,
            digest,
            certificate,
            http2,
            index,
        });
        client.ledger.settle(booking, &result);
        result
    }

    /// Whether the guard lets it be sent.
    pub(crate) fn permitted(&self) -> anyhow::Result<()> {
        let url = self.client.origin.join(&self.target)?;
        // What will be on the wire, not what was written: a URL parser resolves dots, and drops tabs and fragments.
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let target = if matches!(self.method, Method::GET | Method::HEAD) { target } else { &self.target };
        let method = self.method.as_str();
        Ok(self.client.guard.permit(&intent(method, target, &self.target, &self.headers, &self.body))?)
    }

    /// Whether the answer says that requests come too fast, and there is time to send it again. It was not looked at then.
    fn comes_again(&self, result: &anyhow::Result<Received>) -> bool {
        let (pace, now) = (&self.client.route.pace, Instant::now());
        match result {
            Ok(received) if received.status == 429 => {
                let Some(until) = self.client.until else { return false };
                let left = until.saturating_duration_since(now);
                let asked = received.headers.get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                pace.too_fast(asked, left.saturating_sub(self.client.timeout.min(left / 2)), now)
            }
            Ok(_) => {
                pace.went_well();
                false
            }
            Err(_) => false,
        }
    }

    fn credential(&self) -> Option<&Credential> {
        self.client.credential.as_ref().filter(|_| !self.anonymous)
    }

    /// What is known before it is sent.
    fn evidence(&self, url: &Url) -> Exchange {
        let (client, credential) = (self.client, self.credential());
        let login = credential.map(|_| ("Authorization".to_owned(), "Basic".to_owned()));
        Exchange {
            who: credential.map_or_else(|| client.who_without(), |_| client.who.clone()),
            username: credential.map(|credential| credential.username.clone()),
            method: self.method.to_string(),
            url: url.to_string(),
            request_headers: self.headers.iter().cloned().chain(login).collect(),
            request_body: client.recorder.shown(&self.body),
            options: client.options(credential.is_some()),
            password: credential.map(|credential| client.password(credential)),
            at_ms: client.recorder.now_ms(),
            ..Exchange::default()
        }
    }

    async fn exchange(
        &self,
        url: Url,
        headers: HeaderMap,
        exchange: &mut Exchange,
        began: Instant,
    ) -> anyhow::Result<Received> {
        let what = format!("{} {url}", self.method);
        let limit = self.client.timeout + self.patience;
        let body = match self.dots {
            0 if self.trickle.is_zero() => self.body.clone().into(),
            0 => trickled(&self.body, self.trickle),
            size => dotted(size),
        };
        let http = self.client.bare.as_ref().filter(|_| self.credential().is_none()).unwrap_or(&self.client.http);
        let request = http.request(self.method.clone(), url).headers(headers).body(body).timeout(limit);
        let response = tokio::time::timeout(limit, request.send())
            .await
            .map_err(|_| anyhow::anyhow!("{what}: no answer in {}", passed(began.elapsed())))?
            .map_err(|error| explain(&what, error, began.elapsed()))?;
        exchange.first_byte_ms = millis(began.elapsed());
        exchange.status = Some(response.status().as_u16());
        let headers = response.headers().clone();
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = tls.and_then(|tls| tls.peer_certificate()).map(Bytes::copy_from_slice);
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        anyhow::ensure!(
            size <= HEADER_LIMIT,
            "{what}: the answer has {size} bytes of headers, more than {HEADER_LIMIT}"
        );
        if self.client.recorder.keeps() {
            let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            exchange.response_headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        }
        let encoding = headers.get(reqwest::header::CONTENT_ENCODING);
        if let Some(encoding) = encoding.filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            anyhow::bail!("{what}: the answer has Content-Encoding {encoding:?}, which was not asked for");
        }
        let status = response.status().as_u16();
        let http2 = response.version() == reqwest::Version::HTTP_2;
        let mut response = response;
        let said = response.content_length().filter(|said| self.opened.is_some_and(|most| *said > most));
        if let Some(size) = said {
            return Ok(Received { status, headers, body: Bytes::new(), size, digest: None, certificate, http2 });
        }
        let (kept, most) =
            if self.hashed.is_some() { (4 * SHOWN, self.limit) } else { (KEPT_LIMIT, self.limit.min(KEPT_LIMIT)) };
        let mut body = Body::new(kept, most, self.hashed.map(|algorithm| (algorithm, self.client.timeout)));
        let left = limit.saturating_sub(began.elapsed());
        let end = tokio::time::timeout(left, body.fill(&mut response, &what, began))
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("{what}: the answer did not end in {}", passed(began.elapsed()))));
        exchange.response_body = self.client.recorder.shown_of(&body.start, body.size);
        end?;
        let (size, digest) = (body.size, body.digest());
        let body = body.start;
        Ok(Received { status, headers, body: body.freeze(), size, digest, certificate, http2 })
    }
}

impl Client {
    fn who_without(&self) -> String {
        if self.credential.is_some() { format!("{} without credentials", self.who) } else { self.who.clone() }
    }
}

#[cfg(test)]
mod tests;
