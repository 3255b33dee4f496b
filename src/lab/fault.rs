//! Weaknesses that are faults of the whole registry or of what stands in front of it, and doors that one weakness opens.
//!
//! Weaknesses of the configuration live in `config`, those of one handler in that handler.

use super::answer::{Answer, Code, error};
use super::digest::is_digest;
use super::routes::{Route, route};
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;
use super::{pages, upstream};
use crate::lab::accounts::User;

/// RFC 9110, section 5.6.7.
const HTTP_DATE: &[time::format_description::BorrowedFormatItem<'static>] = time::macros::format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const HTML: &str = "text/html; charset=utf-8";

/// The answer of something that answers in the registry's place.
pub(crate) fn instead(shared: &Shared, ask: &Ask) -> Option<Answer> {
    let has = |weakness| shared.config.has(weakness);
    if has(Weakness::LoginPageWith200) {
        return Some(Answer::bytes(200, HTML, pages::proxy_login()));
    }
    if has(Weakness::Answers200ToEverything) {
        return Some(Answer::empty(200));
    }
    if has(Weakness::RefusesEverything401) {
        return Some(super::answer::unauthenticated(false));
    }
    if has(Weakness::RateLimited) {
        return Some(Answer::plain(429, "You have reached maximum request limit.").header("retry-after", "1"));
    }
    if has(Weakness::ServerErrors) {
        return Some(Answer::empty(500));
    }
    if has(Weakness::ProxyBodyLimit) && ask.body.len() > 1 << 20 {
        return Some(Answer::bytes(413, HTML, "<html><body>413 Request Entity Too Large</body></html>"));
    }
    if has(Weakness::BlobsServedByDigest)
        && ask.method == "GET"
        && let Some(Route::Blob { digest, .. }) = route(&ask.path)
    {
        let store = held(&shared.store);
        let holder = store.holders(digest).next().and_then(|name| store.repository(name));
        if let Some(bytes) = holder.and_then(|repository| repository.blobs.get(digest)) {
            return Some(Answer::bytes(200, "application/octet-stream", bytes.clone()));
        }
    }
    if has(Weakness::MountsRefused) && ask.method == "POST" && ask.value("mount").is_some() {
        return Some(Answer::bytes(403, HTML, pages::proxy_forbidden()));
    }
    let over_http2 = ask.version == axum::http::Version::HTTP_2;
    if has(Weakness::Http2RefusesUploads) && over_http2 && matches!(ask.method.as_str(), "POST" | "PUT" | "PATCH") {
        return Some(Answer::bytes(502, HTML, "<html><body>502 Bad Gateway</body></html>"));
    }
    if has(Weakness::WritesBlocked) && matches!(ask.method.as_str(), "PUT" | "PATCH") {
        return Some(Answer::bytes(403, HTML, pages::proxy_forbidden()));
    }
    if has(Weakness::HeadRefused) && ask.method == "HEAD" {
        return Some(Answer::empty(405));
    }
    if has(Weakness::PrivateListCached) && ask.path == "/v2/private/ledger/tags/list" {
        let seen = serde_json::json!({ "name": "private/ledger", "tags": ["v1.0.0-0123456"] });
        return Some(Answer::json(200, &seen));
    }
    if has(Weakness::StaleAnswers)
        && let Some(kept) = kept_for(ask).and_then(|key| held(&shared.kept).get(&key).cloned())
    {
        return Some(kept);
    }
    if has(Weakness::MetricsLoginPage) && ask.path.starts_with("/metrics") {
        return Some(Answer::bytes(200, HTML, pages::proxy_login()));
    }
    if has(Weakness::CacheBypassed)
        && let Some(path) = ask.path.strip_prefix("/v2/docker.io/")
    {
        return Some(upstream::answer(shared, &Ask { path: format!("/v2/{path}"), ..ask.clone() }));
    }
    let another = has(Weakness::AnotherRegistry) || has(Weakness::OneSignOfZot);
    if another && !ask.path.starts_with("/v2/") {
        return Some(Answer::not_found());
    }
    None
}

/// Whether a weakness lets a request through that the policy refuses.
pub(crate) fn opens_door(shared: &Shared, ask: &Ask, user: Option<&User>, route: Route<'_>) -> bool {
    let has = |weakness| shared.config.has(weakness);
    let anonymous = user.is_none();
    match route {
        Route::Manifest { reference, .. } => match ask.method.as_str() {
            "PUT" => anonymous && has(Weakness::ManifestPutOpen),
            "DELETE" => !anonymous && is_digest(reference) && has(Weakness::DeleteByDigestOpen),
            _ => false,
        },
        Route::Uploads { .. } => {
            let mount = ask.value("mount").is_some();
            let single = !mount && ask.value("digest").is_some();
            anonymous && ((mount && has(Weakness::MountOpen)) || (single && has(Weakness::MonolithicUploadOpen)))
        }
        Route::Blob { .. } => ask.method == "DELETE" && has(Weakness::BlobDeleteOpen),
        _ => false,
    }
}

/// Changes an answer on its way out.
pub(crate) fn after(shared: &Shared, ask: &Ask, answer: Answer) -> Answer {
    let has = |weakness| shared.config.has(weakness);
    if has(Weakness::DenialsFromAProxy) && (answer.status == 401 || answer.status == 403) {
        return Answer::bytes(403, HTML, pages::proxy_forbidden()).header("server", "proxy");
    }
    if has(Weakness::AnotherRegistry) {
        return as_distribution(answer);
    }
    if has(Weakness::OneSignOfZot) {
        return as_distribution(answer).header("access-control-allow-headers", "Authorization,X-ZOT-API-CLIENT");
    }
    if has(Weakness::StaleAnswers)
        && answer.status == 200
        && let Some(key) = kept_for(ask)
    {
        held(&shared.kept).insert(key, answer.clone());
    }
    if has(Weakness::UploadLocationElsewhere) && answer.status == 202 {
        let inner = answer.get("location").map(|location| format!("http://registry.invalid:5000{location}"));
        return match inner {
            Some(inner) => answer.without("location").header("location", inner),
            None => answer,
        };
    }
    if has(Weakness::ChallengeLost) {
        return answer.without("www-authenticate");
    }
    if has(Weakness::DigestHeaderLost) {
        return answer.without("docker-content-digest");
    }
    if has(Weakness::ClockAhead) {
        let ahead = time::OffsetDateTime::now_utc() + time::Duration::minutes(10);
        // A year of more than four digits is the only thing that this format cannot say.
        return answer.header("date", ahead.format(HTTP_DATE).unwrap_or_default());
    }
    if has(Weakness::TagsListLoops) && answer.status == 200 && ask.path.ends_with("/tags/list") {
        return answer.header("link", format!("<{}?n=1>; rel=\"next\"", ask.path));
    }
    if ask.method == "GET" && (answer.status == 200 || answer.status == 206) {
        let found = route(&ask.path);
        if has(Weakness::LayersLost) && matches!(found, Some(Route::Blob { repo: "blumeops/navidrome", .. })) {
            return error(404, Code::BlobUnknown, &[]);
        }
        if has(Weakness::BlobBytesCorrupted) && matches!(found, Some(Route::Blob { .. })) {
            return corrupted(answer);
        }
        let cached = matches!(found, Some(Route::Manifest { repo, .. }) if super::cache::upstream_name(repo).is_some());
        if cached && has(Weakness::CacheServesWrongDigest) {
            return other_manifest(shared, answer);
        }
    }
    answer
}

/// What a cache would keep this answer under: a manifest by tag, for a client without credentials.
fn kept_for(ask: &Ask) -> Option<String> {
    let by_tag = matches!(route(&ask.path), Some(Route::Manifest { reference, .. }) if !is_digest(reference));
    let plain = matches!(ask.method.as_str(), "GET" | "HEAD") && !ask.headers.contains_key("authorization");
    (by_tag && plain).then(|| format!("{} {}", ask.method, ask.path))
}

/// The same length, other bytes.
fn corrupted(mut answer: Answer) -> Answer {
    let mut bytes = answer.body.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    answer.body = bytes.into();
    answer
}

/// A well-formed manifest of the registry's own, under the digest of the one that was asked for.
fn other_manifest(shared: &Shared, mut answer: Answer) -> Answer {
    let store = held(&shared.store);
    let own = store.names().filter(|name| super::cache::upstream_name(name).is_none()).find_map(|name| {
        let tag = store.repository(name)?.tags().into_iter().next()?;
        store.manifest(name, &tag).ok()
    });
    match own {
        Some(manifest) => {
            answer.body = manifest.bytes;
            answer
        }
        None => corrupted(answer),
    }
}

/// The words of distribution/distribution: same protocol, another program.
fn as_distribution(answer: Answer) -> Answer {
    let answer = answer.without("docker-distribution-api-version").without("www-authenticate");
    let mut answer = match answer.status {
        401 => in_its_words(answer, "UNAUTHORIZED", "authentication required")
            .header("www-authenticate", "Basic realm=\"Registry Realm\""),
        403 => in_its_words(answer, "DENIED", "requested access to the resource is denied"),
        // It has no 415 for manifests: one that it cannot read is invalid.
        415 => in_its_words(Answer { status: 400, ..answer }, "MANIFEST_INVALID", "manifest invalid"),
        400.. => {
            let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            match problem["errors"][0]["code"].as_str() {
                Some(code) => in_its_words(answer, code, &code.to_lowercase().replace('_', " ")),
                None => answer,
            }
        }
        _ => answer,
    };
    for name in ["origin", "headers", "methods"] {
        answer = answer.without(&format!("access-control-allow-{name}"));
    }
    if answer.status == 200 && answer.body.is_empty() && answer.get("content-length").is_none() {
        answer.body = "{}".into();
    }
    answer.header("docker-distribution-api-version", "registry/2.0").header("x-content-type-options", "nosniff")
}

/// An error without the descriptions that only zot sends.
fn in_its_words(mut answer: Answer, code: &str, message: &str) -> Answer {
    answer.body = format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"{message}\"}}]}}\n").into();
    answer.without("content-type").header("content-type", "application/json; charset=utf-8")
}
