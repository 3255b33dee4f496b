//! The registry's front: route, authenticate, authorise, handle, in zot's order of decisions.

use super::answer::{self, Answer};
use super::auth::{Caller, authenticate};
use super::policy::Action;
use super::routes::{Route, redirect_if_unclean, route};
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;
use super::{apikeys, blobs, bypass, fault, listings, login, manifests, metrics, uploads};

const ALLOWED_HEADERS: &str = "Authorization,content-type,X-ZOT-API-CLIENT";

/// Answers one request.
pub(crate) async fn answer(shared: &Shared, ask: &Ask) -> Answer {
    if let Some(answer) = fault::instead(shared, ask) {
        return answer;
    }
    if let Some(answer) = bypass::instead(shared, ask) {
        return answer;
    }
    let bent = bypass::bent(shared, ask);
    let answer = decide(shared, bent.as_ref().unwrap_or(ask)).await;
    let answer = bypass::after(shared, ask, answer);
    held(&shared.counters).request(&ask.method, &ask.path, answer.status);
    fault::after(shared, ask, answer)
}

async fn decide(shared: &Shared, ask: &Ask) -> Answer {
    if let Some(refusal) = without_one_host(ask) {
        return refusal;
    }
    if let Some(redirect) = redirect_if_unclean(&ask.path, ask.query.as_deref()) {
        return redirect;
    }
    let Some(route) = route(&ask.path) else {
        return Answer::not_found();
    };
    let switched_off = match route {
        Route::Login | Route::Callback => !shared.config.openid,
        Route::Metrics => !shared.config.metrics.extension,
        _ => false,
    };
    if switched_off {
        return Answer::not_found();
    }
    if !route.methods().is_empty() && !route.methods().contains(&ask.method.as_str()) {
        return Answer::empty(405);
    }
    match route {
        Route::Health => Answer::bytes(200, "text/plain; charset=utf-8", "ok"),
        Route::Login => login::begin(shared, ask),
        Route::Callback => login::callback(shared, ask).await,
        Route::Logout => cross_origin(shared, login::logout(shared, ask), Some("POST,OPTIONS")),
        _ => protected(shared, ask, route).await,
    }
}

/// Go's server asks for exactly one Host in HTTP/1.1, before any handler of zot (`net/http`, `readRequest`).
fn without_one_host(ask: &Ask) -> Option<Answer> {
    let text = match ask.headers.get_all("host").iter().count() {
        1 => return None,
        0 => "400 Bad Request: missing required Host header",
        _ => "400 Bad Request",
    };
    let modern = ask.version == axum::http::Version::HTTP_11;
    modern.then(|| Answer::bytes(400, "text/plain; charset=utf-8", text).header("connection", "close"))
}

async fn protected(shared: &Shared, ask: &Ask, route: Route<'_>) -> Answer {
    if ask.method == "OPTIONS" {
        return cross_origin(shared, Answer::empty(204), methods_for_ui(route, "OPTIONS"));
    }
    let caller = match authenticate(shared, ask, route == Route::Metrics, route == Route::Version) {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    if let Some(refusal) = authorise(shared, ask, &caller, route) {
        return caller.dress(refusal);
    }
    let answer = handle(shared, ask, &caller, route).await;
    let answer = match route {
        // The one handler that zot's middleware for the UI does not wrap, and that does this by itself.
        Route::Manifest { .. } if ask.method == "GET" => with_credentials(shared, answer),
        _ => answer,
    };
    let answer = if has_origin(route, &ask.method) {
        cross_origin(shared, answer, methods_for_ui(route, &ask.method))
    } else {
        answer
    };
    caller.dress(answer)
}

/// The refusal, if the caller may not.
fn authorise(shared: &Shared, ask: &Ask, caller: &Caller, route: Route<'_>) -> Option<Answer> {
    let Some(policy) = &shared.config.policy else {
        return None;
    };
    let user = caller.user.as_ref();
    let allowed = match route {
        Route::Metrics => metrics::allows(&shared.config, user),
        // Profiling is for administrators by adminPolicy, and this configuration has none.
        Route::Pprof => false,
        Route::Manifest { repo, reference } if ask.method == "PUT" => {
            manifests::may_put(shared, policy, user, ask, repo, reference)
        }
        Route::Tags { repo } | Route::Referrers { repo, .. } => policy.allows(user, Action::Read, repo),
        Route::Manifest { repo, .. }
        | Route::Blob { repo, .. }
        | Route::Uploads { repo }
        | Route::Upload { repo, .. } => {
            let action = match ask.method.as_str() {
                "GET" | "HEAD" => Action::Read,
                "DELETE" => Action::Delete,
                _ => Action::Create,
            };
            policy.allows(user, action, repo)
        }
        _ => true,
    };
    if allowed || fault::opens_door(shared, ask, user, route) {
        return None;
    }
    if let Route::Manifest { repo, reference } = route
        && ask.method == "PUT"
        && user.is_some()
        && shared.config.has(Weakness::OverwriteAnswers403ButMoves)
    {
        // The answer of the handler is dropped: what counts under this weakness is that it ran.
        manifests::put(shared, ask, repo, reference);
    }
    Some(answer::refused(user.is_none(), caller.ui))
}

async fn handle(shared: &Shared, ask: &Ask, caller: &Caller, route: Route<'_>) -> Answer {
    match route {
        Route::Version => listings::version(ask),
        Route::Catalog => listings::catalog(shared, ask, caller.user.as_ref()),
        Route::Discover => Answer::bytes(200, "application/json", "{\"extensions\":[]}"),
        Route::Tags { repo } => listings::tags(shared, ask, repo),
        Route::Referrers { repo, digest } => listings::referrers(shared, ask, repo, digest),
        Route::Manifest { repo, reference } => match ask.method.as_str() {
            "GET" | "HEAD" => manifests::get(shared, ask, repo, reference).await,
            "PUT" => manifests::put(shared, ask, repo, reference),
            _ => manifests::delete(shared, repo, reference),
        },
        Route::Blob { repo, digest } => match ask.method.as_str() {
            "GET" => blobs::get(shared, ask, caller.user.as_ref(), repo, digest),
            "HEAD" => blobs::head(shared, caller.user.as_ref(), repo, digest),
            _ => blobs::delete(shared, repo, digest),
        },
        Route::Uploads { repo } => uploads::start(shared, ask, caller.user.as_ref(), repo),
        Route::Upload { repo, session } => match ask.method.as_str() {
            "GET" => uploads::status(shared, repo, session),
            "PATCH" => uploads::patch(shared, ask, repo, session),
            "PUT" => uploads::finish(shared, ask, repo, session),
            _ => uploads::cancel(shared, repo, session),
        },
        Route::ApiKey => apikeys::answer(shared, ask, caller.user.as_ref()),
        Route::Metrics => metrics::answer(shared),
        Route::Pprof => Answer::bytes(200, "text/html; charset=utf-8", "<html><body>profiles</body></html>\n"),
        Route::Health | Route::Login | Route::Callback | Route::Logout => Answer::not_found(),
    }
}

/// Which handlers zot wraps in CORS headers: those that its UI calls.
fn has_origin(route: Route<'_>, method: &str) -> bool {
    match route {
        Route::Manifest { .. } => method != "PUT",
        Route::Version
        | Route::Catalog
        | Route::Discover
        | Route::Tags { .. }
        | Route::Referrers { .. }
        | Route::ApiKey => true,
        _ => false,
    }
}

fn methods_for_ui(route: Route<'_>, method: &str) -> Option<&'static str> {
    match route {
        Route::Manifest { .. } => (method == "HEAD" || method == "OPTIONS").then_some("HEAD,GET,DELETE,OPTIONS"),
        Route::ApiKey => Some("GET,POST,DELETE,OPTIONS"),
        _ => Some("GET,OPTIONS"),
    }
}

/// CORS headers: the origin everywhere, the rest where `methods` names what the UI may call.
fn cross_origin(shared: &Shared, answer: Answer, methods: Option<&str>) -> Answer {
    let answer = answer.header("access-control-allow-origin", "*");
    let Some(methods) = methods else {
        return answer;
    };
    let answer =
        answer.header("access-control-allow-methods", methods).header("access-control-allow-headers", ALLOWED_HEADERS);
    with_credentials(shared, answer)
}

/// Older releases allow credentials beside any origin, which browsers refuse (Fetch standard, CORS protocol).
fn with_credentials(shared: &Shared, answer: Answer) -> Answer {
    if shared.config.release.challenges_docker() {
        answer
    } else {
        answer.header("access-control-allow-credentials", "true")
    }
}
