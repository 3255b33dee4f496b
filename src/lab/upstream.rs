//! The upstream of the pull-through cache: a small read-only registry without access control.

use std::time::Duration;

use super::answer::Answer;
use super::routes::{Route, route};
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;

const API: (&str, &str) = ("docker-distribution-api-version", "registry/2.0");

fn unknown(code: &str) -> Answer {
    Answer::bytes(404, "application/json", format!("{{\"errors\":[{{\"code\":\"{code}\"}}]}}"))
}

/// How long it takes to refuse what comes too fast.
pub(crate) const REFUSAL: Duration = Duration::from_millis(600);

pub(crate) fn answer(shared: &Shared, ask: &Ask) -> Answer {
    if shared.config.has(Weakness::UpstreamRateLimited) {
        return Answer::bytes(429, "application/json", r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#);
    }
    let Some(route) = route(&ask.path) else {
        return Answer::not_found();
    };
    if ask.method != "GET" && ask.method != "HEAD" {
        return Answer::empty(405);
    }
    let store = held(&shared.upstream);
    let answer = match route {
        Route::Version => Answer::bytes(200, "application/json", "{}"),
        Route::Tags { repo } => match store.repository(repo) {
            Some(found) => Answer::json(200, &serde_json::json!({ "name": repo, "tags": found.tags() })),
            None => unknown("NAME_UNKNOWN"),
        },
        Route::Manifest { repo, reference } => match store.manifest(repo, reference) {
            Ok(found) => {
                Answer::bytes(200, &found.media_type, found.bytes).header("docker-content-digest", found.digest)
            }
            Err(_) => unknown("MANIFEST_UNKNOWN"),
        },
        Route::Blob { repo, digest } => match store.repository(repo).and_then(|found| found.blobs.get(digest)) {
            Some(bytes) => {
                let mut bytes = bytes.to_vec();
                if shared.config.has(Weakness::UpstreamServesOtherBytes) {
                    bytes.push(b'!');
                }
                Answer::bytes(200, "application/octet-stream", bytes).header("docker-content-digest", digest)
            }
            None => unknown("BLOB_UNKNOWN"),
        },
        _ => Answer::not_found(),
    };
    answer.header(API.0, API.1)
}
