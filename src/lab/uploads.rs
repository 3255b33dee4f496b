//! Upload sessions: start, mount, whole in one request, in chunks, finish, cancel.

use uuid::Uuid;

use super::answer::{Answer, Code, error};
use super::blobs::may_mount;
use super::config::Release;
use super::digest::{has_digest, is_digest};
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;
use crate::lab::accounts::User;

fn unknown(session: &str) -> Answer {
    error(404, Code::BlobUploadUnknown, &[("session_id", session)])
}

fn location(repo: &str, session: &str) -> String {
    format!("/v2/{repo}/blobs/uploads/{session}")
}

fn new_session(shared: &Shared, repo: &str) -> Answer {
    let session = Uuid::new_v4().to_string();
    held(&shared.store).open(repo).uploads.insert(session.clone(), Vec::new());
    Answer::empty(202).header("location", location(repo, &session)).header("range", "0-0")
}

pub(crate) fn start(shared: &Shared, ask: &Ask, user: Option<&User>, repo: &str) -> Answer {
    let mounts = ask.values("mount");
    if let Some(digest) = mounts.first() {
        if mounts.len() != 1 && !shared.config.stores_everything() {
            return Answer::empty(400);
        }
        let open = shared.config.has(Weakness::MountOpen);
        let mounted = (open || may_mount(shared, user, digest))
            .then(|| held(&shared.store).link(repo, digest))
            .flatten()
            .is_some();
        if mounted {
            return Answer::empty(201).header("location", format!("/v2/{repo}/blobs/{digest}"));
        }
        return new_session(shared, repo);
    }
    // Only zot has this order of decisions; another registry starts an upload.
    let another = shared.config.has(Weakness::AnotherRegistry) || shared.config.stores_everything();
    if ask.value("from").is_some() && !another {
        return Answer::empty(405);
    }
    match ask.values("digest").as_slice() {
        [] => new_session(shared, repo),
        [digest] => whole(shared, ask, repo, digest),
        _ => Answer::empty(400),
    }
}

fn whole(shared: &Shared, ask: &Ask, repo: &str, digest: &str) -> Answer {
    if ask.header("content-type") != "application/octet-stream" {
        return Answer::empty(415);
    }
    if !is_digest(digest) {
        return error(400, Code::DigestInvalid, &[("digest", digest)]);
    }
    if !ask.headers.contains_key("content-length") {
        return error(400, Code::BlobUploadInvalid, &[("digest", digest), ("Content-Length", "-1")]);
    }
    if !has_digest(&ask.body, digest) {
        return error(400, Code::DigestInvalid, &[("digest", digest)]);
    }
    match held(&shared.store).put_blob(repo, digest, ask.body.clone()) {
        Ok(()) => Answer::empty(201)
            .header("location", format!("/v2/{repo}/blobs/{digest}"))
            .header("blob-upload-uuid", Uuid::new_v4().to_string()),
        Err(_) => Answer::empty(500),
    }
}

pub(crate) fn status(shared: &Shared, repo: &str, session: &str) -> Answer {
    let store = held(&shared.store);
    let Some(upload) = store.repository(repo).and_then(|repository| repository.uploads.get(session)) else {
        return unknown(session);
    };
    let range = match upload.len() {
        // Up to v2.1.15 an empty upload is counted wrongly.
        0 if shared.config.release < Release::V2_1_18 => "0--1".to_owned(),
        0 => "0-0".to_owned(),
        size => format!("0-{}", size - 1),
    };
    Answer::empty(204).header("location", location(repo, session)).header("range", range)
}

/// `None`: not a range. Decided before the session is looked up, which is what makes it an oracle.
fn content_range(ask: &Ask) -> Option<(usize, usize)> {
    let (from, to) = ask.header("content-range").trim().split_once('-')?;
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from <= to).then_some((from, to))
}

pub(crate) fn patch(shared: &Shared, ask: &Ask, repo: &str, session: &str) -> Answer {
    let ranged = ask.headers.contains_key("content-length") && ask.headers.contains_key("content-range");
    let mut from = None;
    if ranged {
        match content_range(ask) {
            Some((start, end)) if end - start + 1 == ask.body.len() => from = Some(start),
            _ => return Answer::empty(416),
        }
    }
    match append(shared, ask, repo, session, from) {
        Err(answer) => answer,
        Ok(size) => Answer::empty(202)
            .header("location", location(repo, session))
            .header("range", format!("0-{}", size.saturating_sub(1)))
            .header("blob-upload-uuid", session),
    }
}

/// Appends the body; `from` must be where the upload ends. Answers the new size.
fn append(shared: &Shared, ask: &Ask, repo: &str, session: &str, from: Option<usize>) -> Result<usize, Answer> {
    let mut store = held(&shared.store);
    let room = store.room(ask.body.len());
    let known = store.repository(repo).is_some_and(|repository| repository.uploads.contains_key(session));
    if !known {
        return Err(unknown(session));
    }
    if room.is_err() {
        return Err(Answer::empty(500));
    }
    let upload = store.open(repo).uploads.entry(session.to_owned()).or_default();
    if ask.method == "PATCH" && !upload.is_empty() && shared.config.has(Weakness::ChunksLost) {
        return Err(unknown(session));
    }
    if from.is_some_and(|from| from != upload.len()) {
        return Err(error(416, Code::BlobUploadInvalid, &[("session_id", session)]));
    }
    upload.extend_from_slice(&ask.body);
    Ok(upload.len())
}

pub(crate) fn finish(shared: &Shared, ask: &Ask, repo: &str, session: &str) -> Answer {
    let digests = ask.values("digest");
    let [digest] = digests.as_slice() else {
        return Answer::empty(400);
    };
    if !is_digest(digest) {
        return Answer::empty(400);
    }
    let mut from = None;
    if ask.headers.contains_key("content-range") {
        let Some((start, _)) = content_range(ask) else {
            return error(416, Code::BlobUploadInvalid, &[("session_id", session)]);
        };
        from = Some(start);
    }
    if let Err(answer) = append(shared, ask, repo, session, from) {
        return answer;
    }
    let mut store = held(&shared.store);
    let upload = store.open(repo).uploads.remove(session).unwrap_or_default();
    if !has_digest(&upload, digest) {
        return error(400, Code::DigestInvalid, &[("digest", digest)]);
    }
    if store.put_blob(repo, digest, upload.into()).is_err() {
        return Answer::empty(500);
    }
    Answer::empty(201)
        .header("docker-content-digest", digest.clone())
        .header("location", format!("/v2/{repo}/blobs/{digest}"))
}

pub(crate) fn cancel(shared: &Shared, repo: &str, session: &str) -> Answer {
    let mut store = held(&shared.store);
    if store.repository(repo).is_none_or(|repository| !repository.uploads.contains_key(session)) {
        return unknown(session);
    }
    store.open(repo).uploads.remove(session);
    Answer::empty(204)
}
