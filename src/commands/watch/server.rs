//! Serves the pages: few connections at a time, each with an end, and nothing that a client sends is kept.
//!
//! Decides nothing about what a page says.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::pages::Pages;

/// How many clients are served at the same time; others wait.
const CLIENTS: usize = 32;
/// How long one client may take, from its connection to its last byte.
const LIMIT: Duration = Duration::from_secs(20);
/// A pause where the system has no more connections to give, so that it is not asked in a busy loop.
const BREATH: Duration = Duration::from_millis(200);

type Shown = State<Arc<Pages>>;

/// Serves until its runtime ends.
pub(super) async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let app = Router::new()
        .route("/", get(async |State(pages): Shown| html(StatusCode::OK, pages.index())))
        .route("/metrics", get(async |State(pages): Shown| metrics(pages.metrics())))
        .route("/healthz", get(async |State(pages): Shown| health(pages.health())))
        .route("/report", get(async |State(pages): Shown| last_report(&pages)))
        .with_state(pages);
    let clients = Arc::new(Semaphore::new(CLIENTS));
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    // One request each: a connection that is ended by its time-out can then not be one that a client counts on.
    builder.http1().timer(TokioTimer::new()).keep_alive(false).header_read_timeout(LIMIT);
    loop {
        let Ok(place) = Arc::clone(&clients).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (builder, service) = (builder.clone(), TowerToHyperService::new(app.clone()));
                tokio::spawn(async move {
                    let _place = place;
                    // What a client does wrong is its own affair.
                    let _ = tokio::time::timeout(LIMIT, builder.serve_connection(TokioIo::new(stream), service)).await;
                });
            }
            Err(error) => {
                tracing::warn!("no connection could be accepted: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Nothing is loaded, nothing is kept in a cache, and a text stays the text that it is.
const GUARDED: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'",
    ),
];

fn page(status: StatusCode, media_type: &'static str, text: String) -> Response {
    (status, GUARDED, [(header::CONTENT_TYPE, media_type)], text).into_response()
}

fn html(status: StatusCode, text: String) -> Response {
    page(status, "text/html; charset=utf-8", text)
}

fn metrics(text: String) -> Response {
    page(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

fn health((healthy, sentence): (bool, String)) -> Response {
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    page(status, "text/plain; charset=utf-8", format!("{sentence}\n"))
}

fn last_report(pages: &Pages) -> Response {
    match pages.report() {
        Some(text) => html(StatusCode::OK, text),
        None => health(pages.health()),
    }
}
