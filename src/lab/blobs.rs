//! Blobs: pull whole and in part, look, delete. Looking is not read-only in zot, and not here either: HEAD, and from
//! v2.1.17 a ranged GET, link a blob of another repository into the one that was asked for. That zot up to v2.1.20 does not
//! ask who may read the other repository is a weakness here.

use bytes::Bytes;

use super::answer::{Answer, Code, error};
use super::config::Release;
use super::digest::is_digest;
use super::policy::Action;
use super::state::{Ask, Shared, held};
use super::storage::Trouble;
use super::weakness::Weakness;
use crate::lab::accounts::User;

const OCTETS: &str = "application/octet-stream";

fn unknown(digest: &str) -> Answer {
    error(404, Code::BlobUnknown, &[("digest", digest)])
}

pub(crate) fn get(shared: &Shared, ask: &Ask, user: Option<&User>, repo: &str, digest: &str) -> Answer {
    if !is_digest(digest) {
        return if shared.config.release >= Release::V2_1_18 {
            error(400, Code::DigestInvalid, &[("digest", digest)])
        } else {
            Answer::empty(500)
        };
    }
    let ranged = ask.headers.contains_key("range");
    let unchecked = shared.config.has(Weakness::RangedGetUnchecked);
    let links = ranged && shared.config.release >= Release::V2_1_18 && (unchecked || may_mount(shared, user, digest));
    let mut store = held(&shared.store);
    let bytes = if links {
        store.link(repo, digest)
    } else {
        store.repository(repo).and_then(|repository| repository.blobs.get(digest)).cloned()
    };
    let Some(bytes) = bytes else {
        return unknown(digest);
    };
    let media_type = if shared.config.release >= Release::V2_1_18 {
        store.repository(repo).and_then(|repository| repository.media_type(digest)).unwrap_or_else(|| OCTETS.to_owned())
    } else {
        // Older releases echo what the client asked for.
        ask.header("accept").to_owned()
    };
    drop(store);
    if !ranged {
        return Answer::bytes(200, &media_type, bytes).header("docker-content-digest", digest);
    }
    let size = bytes.len();
    match range(ask.header("range"), size) {
        Some((start, end)) => Answer::bytes(206, &media_type, bytes.slice(start..=end))
            .header("docker-content-digest", digest)
            .header("content-range", format!("bytes {start}-{end}/{size}")),
        None => Answer::empty(416).header("content-range", format!("bytes */{size}")),
    }
}

/// One range. Several ranges in one request are answered with 416: no client of a registry asks for them.
fn range(header: &str, size: usize) -> Option<(usize, usize)> {
    let (start, end) = header.strip_prefix("bytes=")?.trim().split_once('-')?;
    let last = size.checked_sub(1)?;
    if start.is_empty() {
        let wanted: usize = end.parse().ok().filter(|wanted| *wanted > 0)?;
        return Some((size.saturating_sub(wanted), last));
    }
    let start: usize = start.parse().ok()?;
    let end = if end.is_empty() { last } else { end.parse::<usize>().ok()?.min(last) };
    (start <= end).then_some((start, end))
}

pub(crate) fn head(shared: &Shared, user: Option<&User>, repo: &str, digest: &str) -> Answer {
    if !is_digest(digest) {
        // Here zot answers a malformed digest as it answers an internal error.
        return Answer::empty(500);
    }
    let bytes = if may_mount(shared, user, digest) {
        held(&shared.store).link(repo, digest)
    } else {
        held(&shared.store).repository(repo).and_then(|repository| repository.blobs.get(digest)).cloned()
    };
    let Some(bytes) = bytes else {
        return unknown(digest);
    };
    let media_type = held(&shared.store).repository(repo).and_then(|repository| repository.media_type(digest));
    // The body is dropped by the server; only its length is sent.
    let answer = Answer::bytes(200, media_type.as_deref().unwrap_or(OCTETS), Bytes::new())
        .header("content-length", bytes.len().to_string())
        .header("accept-ranges", "bytes")
        .header("docker-content-digest", digest);
    if shared.config.release >= Release::V2_1_18 { answer } else { answer.without("content-type") }
}

/// A user may link a blob if the user may read any repository that holds it.
pub(crate) fn may_mount(shared: &Shared, user: Option<&User>, digest: &str) -> bool {
    let store = held(&shared.store);
    match &shared.config.policy {
        None => store.holders(digest).next().is_some(),
        Some(policy) => store.holders(digest).any(|holder| policy.allows(user, Action::Read, holder)),
    }
}

pub(crate) fn delete(shared: &Shared, repo: &str, digest: &str) -> Answer {
    if !is_digest(digest) {
        return Answer::empty(404);
    }
    let deleted = held(&shared.store).delete_blob(repo, digest);
    match deleted {
        Ok(()) => Answer::empty(202),
        Err(Trouble::Referenced) => error(405, Code::Denied, &[("digest", digest)]),
        Err(_) => unknown(digest),
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_clamped_and_nonsense_is_refused() {
        assert_eq!(range("bytes=0-", 10), Some((0, 9)));
        assert_eq!(range("bytes=2-99", 10), Some((2, 9)));
        assert_eq!(range("bytes=-3", 10), Some((7, 9)));
        for nonsense in ["bytes=10-", "bytes=5-1", "items=0-1", "bytes=-0", "bytes=a-b"] {
            assert_eq!(range(nonsense, 10), None, "{nonsense}");
        }
        assert_eq!(range("bytes=0-", 0), None);
    }
}
