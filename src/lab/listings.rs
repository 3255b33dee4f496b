//! What the registry says about itself and its content: version, catalog, tags, referrers.

use serde::Serialize;
use serde_json::Value;

use super::answer::{Answer, Code, SESSION_CLIENT, error};
use super::config::Release;
use super::digest::is_digest;
use super::policy::Action;
use super::state::{Ask, Shared, held};
use crate::lab::accounts::User;
use crate::lab::storage::manifest::OCI_INDEX;

/// zot answers 200 with a challenge where anonymous may read, so that clients send the credentials they have.
pub(crate) fn version(ask: &Ask) -> Answer {
    let answer = Answer::bytes(200, "application/json", "").header("docker-distribution-api-version", "registry/2.0");
    let ui = ask.header(SESSION_CLIENT) == "zot-ui";
    if ui { answer } else { answer.header("www-authenticate", "basic realm=") }
}

#[derive(Serialize)]
struct Catalog {
    repositories: Vec<String>,
}

pub(crate) fn catalog(shared: &Shared, ask: &Ask, user: Option<&User>) -> Answer {
    let policy = shared.config.policy.as_ref();
    let readable: Vec<String> = held(&shared.store)
        .names()
        .filter(|name| policy.is_none_or(|policy| policy.allows(user, Action::Read, name)))
        .cloned()
        .collect();
    let last = ask.value("last").unwrap_or_default();
    let limit: Option<usize> = ask.value("n").and_then(|n| n.parse().ok());
    let after = if last.is_empty() {
        0
    } else {
        readable.iter().position(|name| *name == last).map_or(readable.len(), |found| found + 1)
    };
    let rest = &readable[after..];
    let page = &rest[..limit.unwrap_or(rest.len()).min(rest.len())];
    let answer = Answer::json(200, &Catalog { repositories: page.to_vec() });
    match (limit, page.last()) {
        (Some(limit), Some(end)) if page.len() < rest.len() => {
            answer.header("link", format!("</v2/_catalog?n={limit}&last={end}>; rel=\"next\""))
        }
        _ => answer,
    }
}

#[derive(Serialize)]
struct Tags<'a> {
    name: &'a str,
    tags: &'a [String],
}

pub(crate) fn tags(shared: &Shared, ask: &Ask, repo: &str) -> Answer {
    let (limits, lasts) = (ask.values("n"), ask.values("last"));
    if limits.len() > 1 || lasts.len() > 1 {
        return Answer::empty(400);
    }
    let limit = match limits.first().map(|n| n.parse::<usize>()) {
        None => None,
        Some(Ok(limit)) => Some(limit),
        Some(Err(_)) => return Answer::empty(400),
    };
    let Some(tags) = held(&shared.store).repository(repo).map(|repository| repository.tags()) else {
        return error(404, Code::NameUnknown, &[("name", repo)]);
    };
    let mut rest = tags.as_slice();
    if let Some(last) = lasts.first().filter(|last| !last.is_empty()) {
        let Some(found) = tags.iter().position(|tag| tag == last) else {
            return Answer::empty(404);
        };
        rest = &tags[found + 1..];
    }
    let page = &rest[..limit.unwrap_or(rest.len()).min(rest.len())];
    let answer = Answer::json(200, &Tags { name: repo, tags: page });
    match (limit, page.last()) {
        (Some(limit), Some(end)) if page.len() < rest.len() => {
            answer.header("link", format!("</v2/{repo}/tags/list?n={limit}&last={end}>; rel=\"next\""))
        }
        _ => answer,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Referrer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    media_type: String,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
    artifact_type: String,
}

/// From v2.1.20 a repository that does not exist has no referrers, and that is answered with 200.
pub(crate) fn referrers(shared: &Shared, ask: &Ask, repo: &str, digest: &str) -> Answer {
    if !is_digest(digest) {
        return Answer::empty(400);
    }
    let wanted = ask.values("artifactType");
    let store = held(&shared.store);
    if store.repository(repo).is_none() && shared.config.release < Release::V2_1_20 {
        return Answer::empty(404);
    }
    let found = store.repository(repo).map(|repository| repository.referrers(digest)).unwrap_or_default();
    let manifests = found
        .into_iter()
        .filter_map(|(entry, manifest)| {
            // An image manifest without artifactType is known by the type of its config.
            let kind = manifest["artifactType"].as_str().or(manifest["config"]["mediaType"].as_str())?;
            let size = store.manifest(repo, &entry.digest).ok()?.bytes.len();
            (wanted.is_empty() || wanted.iter().any(|wanted| wanted == kind)).then(|| Referrer {
                media_type: entry.media_type,
                digest: entry.digest,
                size,
                annotations: manifest.get("annotations").cloned(),
                artifact_type: kind.to_owned(),
            })
        })
        .collect();
    let index = Index { schema_version: 2, media_type: OCI_INDEX, manifests };
    let answer = Answer::json(200, &index).without("content-type").header("content-type", OCI_INDEX);
    if wanted.is_empty() { answer } else { answer.header("oci-filters-applied", "artifactType") }
}
