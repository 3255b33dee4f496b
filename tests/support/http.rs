//! A small HTTP client for tests: one request, one answer, no redirects, no retries, cookies only when asked for.
//!
//! It blocks, so that plain tests can use it, and it works inside a runtime too.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use reqwest::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, redirect};
use tokio::runtime::{Builder, Runtime};
use url::{Origin, Url};

const LIMIT: Duration = Duration::from_secs(120);

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; panics with the body when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Panics with the whole answer unless the status is this one.
    #[track_caller]
    pub fn must_be(self, status: u16) -> Self {
        assert!(self.status == status, "expected {status}, got {} {}", self.status, self.text());
        self
    }
}

/// A request that has not been sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
    limit: Duration,
}

impl Request {
    /// A request with no headers and no body.
    pub fn new(method: &str, url: &str) -> Self {
        let method = method.parse().expect("a method name");
        Self { method, url: url.to_owned(), headers: HeaderMap::new(), body: Vec::new(), limit: LIMIT }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.append(name, value.parse().expect("a header value"));
        self
    }

    /// Adds Basic credentials; `None` is anonymous.
    pub fn credentials(mut self, credentials: Option<(&str, &str)>) -> Self {
        use base64::{Engine, engine::general_purpose::STANDARD};
        if let Some((user, password)) = credentials {
            let token = STANDARD.encode(format!("{user}:{password}"));
            self = self.header("authorization", &format!("Basic {token}"));
        }
        self
    }

    /// Sets how long the whole answer may take.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the body.
    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    /// Sends it; panics when no answer comes.
    #[track_caller]
    pub fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.url);
        self.try_send().unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends it; the error is the whole chain as text.
    pub fn try_send(self) -> Result<Answer, String> {
        block_on(async move {
            let sent = client().request(self.method, self.url).headers(self.headers).body(self.body);
            let sent = sent.timeout(self.limit);
            let answer = sent.send().await.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
            let status = answer.status().as_u16();
            let headers = answer.headers().clone();
            let body = answer.bytes().await.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
            Ok(Answer { status, headers, body: body.to_vec() })
        })
    }
}

/// A browser without a screen: keeps cookies by origin and follows redirects when asked to.
#[derive(Debug, Default)]
pub struct Session {
    cookies: BTreeMap<(String, String, String), String>,
}

impl Session {
    /// Sends one request with the cookies of its origin and path, and keeps those that come back.
    ///
    /// A Secure cookie is kept over plain HTTP too, as browsers do for loopback.
    pub fn send(&mut self, mut request: Request) -> Answer {
        let url: Url = request.url.parse().expect("an absolute URL");
        let origin = origin(&url.origin());
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|((of, path, _), _)| *of == origin && url.path().starts_with(path.as_str()))
            .map(|((_, _, name), value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            let value = HeaderValue::from_str(&cookies.join("; ")).expect("cookies came as header values");
            request.headers.insert(COOKIE, value);
        }
        let answer = request.send();
        for cookie in answer.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            self.keep(&origin, cookie);
        }
        answer
    }

    /// Sends a request and then follows every redirect by GET; returns the last answer and its URL.
    pub fn follow(&mut self, request: Request) -> (Url, Answer) {
        let mut url: Url = request.url.parse().expect("an absolute URL");
        let mut answer = self.send(request);
        for _ in 0..20 {
            if !(300..400).contains(&answer.status) {
                return (url, answer);
            }
            let target = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            url = url.join(target.expect("a redirect has a target")).expect("the target is a URL");
            answer = self.send(Request::new("GET", url.as_str()));
        }
        panic!("more than 20 redirects, the last to {url}");
    }

    fn keep(&mut self, origin: &str, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let mut path = "/".to_owned();
        let mut gone = value.is_empty();
        for attribute in parts {
            match attribute.split_once('=') {
                Some((key, value)) if key.eq_ignore_ascii_case("path") => path = value.to_owned(),
                Some((key, "0")) if key.eq_ignore_ascii_case("max-age") => gone = true,
                _ => {}
            }
        }
        let key = (origin.to_owned(), path, name.to_owned());
        if gone {
            self.cookies.remove(&key);
        } else {
            self.cookies.insert(key, value.to_owned());
        }
    }
}

/// Runs a future on the runtime of the tests and waits for it, from inside another runtime too.
pub fn block_on<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    runtime().spawn(async move {
        // The receiver waits below; it can only be gone when the test has panicked.
        let _ = sender.send(future.await);
    });
    receiver.recv().expect("the future ends, see its panic above")
}

/// The runtime of clients and proxies; it lives as long as the test program.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime starts"))
}

fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("regproof-tests")
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client with these options can be built")
    })
}

fn origin(origin: &Origin) -> String {
    origin.ascii_serialization()
}
