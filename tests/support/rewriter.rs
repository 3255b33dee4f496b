//! A reverse proxy on loopback that changes the cookies of what passes through it, as a careless front end does.
//!
//! Everything else passes as it is.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::http::{block_on, runtime};

/// What becomes of one `Set-Cookie` line; `None` drops it.
pub type Change = fn(&str) -> Option<String>;

/// A running proxy. It ends when it is dropped.
pub struct Rewriter {
    /// Its address, without a path.
    pub url: String,
    target: Arc<OnceLock<String>>,
    task: AbortHandle,
}

impl Rewriter {
    /// Listens before there is anything behind it: a registry must know its public address when it starts.
    pub fn start(change: Change) -> Self {
        let listener = block_on(TcpListener::bind(("127.0.0.1", 0))).expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let target = Arc::new(OnceLock::new());
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let (behind, client) = (Arc::clone(&target), client.expect("a client without certificates can be built"));
        let pass = move |request: Request| {
            let (behind, client) = (Arc::clone(&behind), client.clone());
            async move { forward(&client, behind.get(), request, change).await }
        };
        let serve = async move { axum::serve(listener, Router::new().fallback(pass)).await };
        let task = runtime().spawn(serve).abort_handle();
        Self { url, target, task }
    }

    /// Passes everything on to this address from now on.
    pub fn lead_to(&self, url: &str) {
        self.target.set(url.to_owned()).expect("it leads to one address only");
    }
}

impl Drop for Rewriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(client: &reqwest::Client, target: Option<&String>, request: Request, change: Change) -> Response {
    let Some(target) = target else { return StatusCode::BAD_GATEWAY.into_response() };
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 24).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let mut headers = head.headers;
    for own in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(own);
    }
    // `Host` stays: zot must see what a proxy that passes it on would show it.
    let sent = client.request(head.method, format!("{target}{}", head.uri)).headers(headers).body(body).send().await;
    let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status(), rewritten(answer.headers(), change));
    let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    (status, headers, Body::from(body)).into_response()
}

fn rewritten(from: &HeaderMap, change: Change) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in from {
        let line = value.to_str().unwrap_or_default();
        if name == header::SET_COOKIE {
            if let Some(line) = change(line) {
                headers.append(name, HeaderValue::from_str(&line).expect("a header that was one before"));
            }
        } else if *name != header::TRANSFER_ENCODING && *name != header::CONNECTION {
            headers.append(name, value.clone());
        }
    }
    headers
}
