//! A gate in front of a registry, on loopback: answers some requests itself, changes others, and passes them on.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::http::{block_on, runtime};

/// What the gate does with a request before it passes it on; if it answers itself, the request ends there.
pub type Before = fn(&mut Request) -> Option<Response>;
/// What it does to the answer of the registry.
pub type After = fn(StatusCode, &mut HeaderMap);

/// A running gate. It ends when it is dropped.
pub struct Gate {
    /// Its address, without a path.
    pub url: String,
    task: AbortHandle,
}

impl Gate {
    /// Stands before the registry at this address.
    pub fn start(behind: &str, before: Before, after: After) -> Self {
        let listener = block_on(TcpListener::bind(("127.0.0.1", 0))).expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let (behind, client) = (behind.to_owned(), client.expect("a client can be built"));
        let pass = move |mut request: Request| {
            let (behind, client) = (behind.clone(), client.clone());
            async move {
                match before(&mut request) {
                    Some(answer) => answer,
                    None => forward(&client, &behind, request, after).await,
                }
            }
        };
        let serve = async move { axum::serve(listener, Router::new().fallback(pass)).await };
        Self { url, task: runtime().spawn(serve).abort_handle() }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(client: &reqwest::Client, behind: &str, request: Request, after: After) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 26).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let mut headers = head.headers;
    for own in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(own);
    }
    // `Host` stays: a registry builds its Locations from it.
    let length = body.len().to_string();
    let sent = client.request(head.method, format!("{behind}{}", head.uri)).headers(headers);
    let sent = sent.header(header::CONTENT_LENGTH, length).body(body).send().await;
    let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONNECTION);
    after(status, &mut headers);
    let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    (status, headers, Body::from(body)).into_response()
}

/// A refusal as registries write it.
pub fn denied() -> Response {
    let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The name in the Basic credentials of a request.
pub fn user(request: &Request) -> Option<String> {
    use base64::Engine;
    let pair = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = base64::engine::general_purpose::STANDARD.decode(pair).ok()?;
    String::from_utf8(pair).ok()?.split_once(':').map(|(name, _)| name.to_owned())
}
