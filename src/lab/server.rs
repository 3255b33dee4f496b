//! The three listening servers: reads a request whole, notes it, and hands it to the registry, the provider or the
//! upstream. No behaviour of a registry is decided here.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use tokio::net::TcpListener;

use super::answer::Answer;
use super::state::{Ask, Seen, Server, Shared};
use super::weakness::Weakness;
use super::{provider, registry, upstream};

/// The largest body that the lab reads.
const MOST_BODY: usize = 64 * 1024 * 1024;

/// The longest that the lab waits for a body.
const LONGEST_BODY: Duration = Duration::from_secs(600);

pub(crate) async fn serve(listener: std::net::TcpListener, server: Server, shared: Arc<Shared>) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let app = Router::new().fallback(receive).with_state((server, shared));
    axum::serve(listener, app).await
}

async fn receive(State((server, shared)): State<(Server, Arc<Shared>)>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    shared.note(Seen {
        server,
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
    });
    if !shared.extra_latency.is_zero() {
        tokio::time::sleep(shared.extra_latency).await;
    }
    if server == Server::Upstream && shared.config.has(Weakness::UpstreamRateLimited) {
        tokio::time::sleep(upstream::REFUSAL).await;
    }
    let fails = shared.config.has(Weakness::SlowBodiesFail);
    let limit = if fails || shared.config.has(Weakness::SlowBodiesCut) { Duration::from_secs(1) } else { LONGEST_BODY };
    let body = match tokio::time::timeout(limit, axum::body::to_bytes(body, MOST_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Answer::empty(413).into_response(),
        Err(_) => return Answer::empty(if fails { 500 } else { 408 }).into_response(),
    };
    let ask = Ask {
        method: parts.method.to_string(),
        version: parts.version,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body,
        disguise: None,
    };
    let answer = match server {
        Server::Registry => registry::answer(&shared, &ask).await,
        Server::Provider => provider::answer(&shared, &ask),
        Server::Upstream => upstream::answer(&shared, &ask),
    };
    answer.into_response()
}
