//! Manifests: pull, push, delete, and what a push must be allowed to do.

use std::time::Duration;

use super::answer::{Answer, Code, error};
use super::cache;
use super::config::Release;
use super::digest::is_digest;
use super::policy::{Action, Policy};
use super::routes::is_tag;
use super::seed::RELEASE_TAG;
use super::state::{Ask, Shared, held};
use super::storage::Trouble;
use super::weakness::Weakness;
use crate::lab::accounts::User;
use crate::lab::storage::manifest::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

/// zot `constants.MaxManifestDigestQueryTags`.
const MOST_QUERY_TAGS: usize = 46;
/// zot `constants.MaxManifestBodySize`.
const MOST_MANIFEST: usize = 4 * 1024 * 1024;

pub(crate) async fn get(shared: &Shared, ask: &Ask, repo: &str, reference: &str) -> Answer {
    if shared.config.has(Weakness::TagsHang) && cache::upstream_name(repo).is_some() && !is_digest(reference) {
        // Longer than any client waits.
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    cache::refresh(shared, repo, reference).await;
    let found = held(&shared.store).manifest(repo, reference);
    match found {
        Ok(manifest) => {
            held(&shared.counters).download(repo);
            let answer = Answer::bytes(200, &manifest.media_type, manifest.bytes.clone())
                .header("docker-content-digest", manifest.digest);
            if ask.method == "HEAD" {
                answer.header("content-length", manifest.bytes.len().to_string())
            } else {
                answer
            }
        }
        // HEAD has no body, but its length tells that zot names the reference there and the repository here.
        Err(Trouble::NoRepository) if ask.method == "GET" => error(404, Code::NameUnknown, &[("name", repo)]),
        Err(Trouble::NoRepository) => error(404, Code::NameUnknown, &[("reference", reference)]),
        Err(_) => error(404, Code::ManifestUnknown, &[("reference", reference)]),
    }
}

/// Whether a push is allowed: `create` for what is new, `update` for a tag that exists, looked up before the body is read.
pub(crate) fn may_put(
    shared: &Shared,
    policy: &Policy,
    user: Option<&User>,
    ask: &Ask,
    repo: &str,
    reference: &str,
) -> bool {
    let config = &shared.config;
    let existing = held(&shared.store).repository(repo).map(|repository| repository.tags()).unwrap_or_default();
    let action_on = |tag: &str| {
        if existing.iter().any(|known| known == tag) { Action::Update } else { Action::Create }
    };
    let can = |action| policy.allows(user, action, repo);
    if !is_digest(reference) {
        // CVE-2026-31801: up to v2.1.14 `latest` was exempt.
        let exempt = config.release < Release::V2_1_15 || config.has(Weakness::LatestCanBeMoved);
        let singled_out = config.has(Weakness::OneTagCanBeMoved) && reference == format!("{RELEASE_TAG}-nix");
        return if singled_out || (exempt && reference == "latest") {
            can(Action::Create)
        } else {
            can(action_on(reference))
        };
    }
    if config.release < Release::V2_1_20 || config.has(Weakness::TagQueryMovesTags) {
        return can(Action::Create);
    }
    let tags: Vec<String> = ask.values("tag").into_iter().filter(|tag| is_tag(tag.trim())).collect();
    let actions: Vec<Action> = tags.iter().map(|tag| action_on(tag.trim())).collect();
    // The digest itself needs create where nothing or something new is tagged.
    let needs_create = actions.is_empty() || actions.contains(&Action::Create);
    actions.into_iter().all(can) && (!needs_create || can(Action::Create))
}

pub(crate) fn put(shared: &Shared, ask: &Ask, repo: &str, reference: &str) -> Answer {
    let config = &shared.config;
    if reference.contains(':') && !is_digest(reference) {
        return error(400, Code::DigestInvalid, &[("reference", reference)]);
    }
    let media_type = ask.header("content-type");
    let docker = config.docker_compat && (media_type == DOCKER_MANIFEST || media_type == DOCKER_LIST);
    if media_type != OCI_MANIFEST && media_type != OCI_INDEX && !docker && !config.stores_everything() {
        return error(415, Code::ManifestInvalid, &[("mediaType", media_type)]);
    }
    let tags = match query_tags(ask, reference, config.release) {
        Ok(tags) => tags,
        Err(answer) => return answer,
    };
    if ask.body.len() > MOST_MANIFEST {
        return error(413, Code::ManifestInvalid, &[("reason", "manifest body exceeds maximum allowed size")]);
    }
    let stored = if config.has(Weakness::PushAcceptedButLost) {
        Ok(super::digest::sha256(&ask.body))
    } else {
        held(&shared.store).put_manifest(repo, reference, media_type, &ask.body, &tags)
    };
    let digest = match stored {
        Ok(digest) => digest,
        Err(Trouble::Full) => return Answer::empty(500),
        Err(_) => return error(400, Code::ManifestInvalid, &[("reference", reference)]),
    };
    held(&shared.counters).upload(repo);
    let mut answer = Answer::empty(201)
        .header("docker-content-digest", digest.clone())
        .header("location", format!("/v2/{repo}/manifests/{digest}"));
    let body: serde_json::Value = serde_json::from_slice(&ask.body).unwrap_or_default();
    if let Some(subject) = body["subject"]["digest"].as_str() {
        answer = answer.header("oci-subject", subject);
    }
    tags.into_iter().fold(answer, |answer, tag| answer.header("oci-tag", tag))
}

/// The tags of `?tag=`, known to zot from v2.1.16.
fn query_tags(ask: &Ask, reference: &str, release: Release) -> Result<Vec<String>, Answer> {
    if release < Release::V2_1_18 {
        return Ok(Vec::new());
    }
    let raw = ask.values("tag");
    let invalid = |status, reason| Err(error(status, Code::ManifestInvalid, &[("reason", reason)]));
    if raw.len() > MOST_QUERY_TAGS {
        return invalid(414, "too many tag query parameters (max 46)");
    }
    let mut tags: Vec<String> = Vec::new();
    for tag in raw.iter().map(|tag| tag.trim()) {
        if !is_tag(tag) {
            return invalid(400, "invalid tag query parameter");
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    if !tags.is_empty() && !is_digest(reference) {
        return invalid(400, "tag query parameters are only valid when pushing a manifest by digest");
    }
    Ok(tags)
}

pub(crate) fn delete(shared: &Shared, repo: &str, reference: &str) -> Answer {
    let deleted = held(&shared.store).delete_manifest(repo, reference);
    match deleted {
        Ok(()) => Answer::empty(202),
        Err(Trouble::NoRepository) => error(400, Code::NameUnknown, &[("name", repo)]),
        Err(Trouble::Referenced) => error(405, Code::Denied, &[("reference", reference)]),
        Err(_) => error(404, Code::ManifestUnknown, &[("reference", reference)]),
    }
}
