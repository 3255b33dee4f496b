//! The permission oracles: requests that are valid for authorization and invalid for the handler, so that the answer tells
//! the permission and nothing is stored. Facts about zot, tried against v2.1.14, v2.1.15, v2.1.18 and v2.1.20.
//!
//! Sends what `guard` knows as an oracle or as a read, and nothing else. Guesses nothing: an answer that is neither the
//! registry's own refusal nor the one to somebody who may is undecided.

use crate::check::facts::Dialect;
use crate::http::guard::{MOUNT_ORACLE, ORACLE_TYPE};
use crate::http::{Answer, Client, MANIFEST_LIMIT, Request, is_registry_error};
use crate::kit::transfer::ACCEPT;
use crate::model::image::digest_of;
pub(crate) use crate::zot::expect::Oracle;
use crate::zot::release::Release;

/// The statuses that zot answers to one who may. A denial is 401 without credentials and 403 with, in zot's own words.
const ZOT: [(Oracle, &[u16]); 14] = [
    (Oracle::ReadManifest, &[200, 404]),
    (Oracle::ReadBlob, &[200, 404]),
    (Oracle::ListTags, &[200, 404]),
    (Oracle::CreateTag, &[415]),
    (Oracle::UpdateTag, &[415]),
    (Oracle::UpdateLatest, &[415]),
    (Oracle::MoveTagByQuery, &[415]),
    (Oracle::StartUpload, &[405]),
    (Oracle::ContinueUpload, &[416]),
    (Oracle::FinishUpload, &[400]),
    (Oracle::MountBlob, &[400]),
    // 400 where the repository does not exist (NAME_UNKNOWN).
    (Oracle::DeleteManifest, &[404, 400]),
    (Oracle::DeleteBlob, &[404]),
    (Oracle::DeleteUpload, &[404]),
];

/// The first release that heeds `?tag=`; older ones answer 415 to a client that may create, and nothing could move.
const QUERY_TAGS: Release = Release::new(2, 1, 16);

impl Dialect {
    /// Why this request tells nothing of this registry, if it does not.
    pub(crate) fn silent_on(self, oracle: Oracle, subject: &Subject) -> Option<&'static str> {
        let reads = matches!(oracle, Oracle::ReadManifest | Oracle::ReadBlob | Oracle::ListTags);
        match self {
            Dialect::Zot(Some(release)) if oracle == Oracle::MoveTagByQuery && release < QUERY_TAGS => {
                Some("where this release ignores `?tag=`")
            }
            Dialect::Other if !reads => Some("that cannot be asked on this registry, which is not zot"),
            Dialect::Other if !subject.holds(oracle) => {
                Some("where this registry, which is not zot, may hide the repository")
            }
            Dialect::Zot(_) | Dialect::Other => None,
        }
    }

    /// Why a yes is no yes, although a no is a no.
    pub(crate) fn doubtful_yes(self, oracle: Oracle) -> Option<&'static str> {
        (self == Dialect::Zot(None) && oracle == Oracle::MoveTagByQuery).then_some(
            "the release is not known, and up to v2.1.15 this answer means nothing; \
             `publish::existing_tag_cannot_be_moved` decides by a write",
        )
    }
}

/// What is known of a repository: what an oracle needs to exist there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// A tag other than `latest`, and its digest.
    pub(crate) tag: Option<(String, String)>,
    /// The digest of `latest`.
    pub(crate) latest: Option<String>,
    /// The digest of a small blob.
    pub(crate) blob: Option<String>,
    /// Whether the registry may ask an upstream for what it does not have.
    pub(crate) cached: bool,
}

impl Subject {
    fn manifest(&self) -> Option<&String> {
        self.tag.as_ref().map(|(_, digest)| digest).or(self.latest.as_ref())
    }

    /// Whether what this request reads was there a moment ago.
    fn holds(&self, oracle: Oracle) -> bool {
        match oracle {
            Oracle::ReadBlob => self.blob.is_some(),
            _ => self.manifest().is_some(),
        }
    }
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Allowed,
    Denied,
    /// Why it says nothing.
    Undecided(String),
}

/// May this client create a tag? Denied 401 or 403; allowed 415, since no registry can store this media type.
pub(crate) async fn create_tag(client: &Client, repository: &str, unused: &str) -> anyhow::Result<Answer> {
    client.put(format!("/v2/{repository}/manifests/{unused}")).body(ORACLE_TYPE, "{}").send().await
}

/// May this client upload? Denied 401 or 403; allowed 405, since `from` without `mount` is no upload.
pub(crate) async fn start_upload(client: &Client, repository: &str) -> anyhow::Result<Answer> {
    client.post(format!("/v2/{repository}/blobs/uploads/?from=x")).send().await
}

/// May this client move an existing tag? Denied 401 or 403; allowed 415, since no registry can store this media type.
pub(crate) async fn update_tag(client: &Client, repository: &str, tag: &str) -> anyhow::Result<Answer> {
    client.put(format!("/v2/{repository}/manifests/{tag}")).body(ORACLE_TYPE, "{}").send().await
}

/// A manifest that no registry can store, for any target below `/manifests/`.
pub(crate) async fn put_unstorable(client: &Client, target: &str) -> anyhow::Result<Answer> {
    client.put(target).body(ORACLE_TYPE, "{}").send().await
}

/// May this client delete blobs? Denied 401 or 403; allowed 404, since no blob has this name.
pub(crate) async fn delete_blob(client: &Client, repository: &str) -> anyhow::Result<Answer> {
    client.delete(format!("/v2/{repository}/blobs/notadigest")).send().await
}

/// The request of an oracle; where the repository lacks what it needs, why there is none.
pub(crate) fn request<'a>(
    oracle: Oracle,
    client: &'a Client,
    repository: &str,
    subject: &Subject,
    run_id: &str,
) -> Result<Request<'a>, &'static str> {
    const NOTHING: &str = "without such a tag";
    let base = format!("/v2/{repository}");
    let nowhere = digest_of(run_id.as_bytes());
    let session = format!("{base}/blobs/uploads/{}", uuid::Uuid::new_v4());
    let oracle_put = |reference: String| client.put(format!("{base}/manifests/{reference}")).body(ORACLE_TYPE, "{}");
    Ok(match oracle {
        Oracle::ReadManifest => {
            let digest = match subject.manifest() {
                Some(digest) => digest,
                // zot asks the upstream for a manifest that it does not have, by digest too: each would count as a pull.
                None if subject.cached => return Err("in a cache that would ask its upstream"),
                None => &nowhere,
            };
            client.get(format!("{base}/manifests/{digest}")).header("Accept", ACCEPT).limit(MANIFEST_LIMIT)
        }
        Oracle::ReadBlob => client.get(format!("{base}/blobs/{}", subject.blob.as_ref().unwrap_or(&nowhere))),
        Oracle::ListTags => client.get(format!("{base}/tags/list")),
        Oracle::CreateTag => oracle_put(format!("regproof-{run_id}-oracle")),
        Oracle::UpdateTag => oracle_put(subject.tag.as_ref().ok_or(NOTHING)?.0.clone()),
        Oracle::UpdateLatest => {
            subject.latest.as_ref().ok_or(NOTHING)?;
            oracle_put("latest".to_owned())
        }
        Oracle::MoveTagByQuery => {
            subject.manifest().ok_or(NOTHING)?;
            let tag = subject.tag.as_ref().map_or("latest", |(tag, _)| tag);
            oracle_put(format!("{nowhere}?tag={tag}"))
        }
        Oracle::StartUpload => client.post(format!("{base}/blobs/uploads/?from=x")),
        Oracle::ContinueUpload => {
            client.patch(session).header("Content-Range", "5-1").body("application/octet-stream", "x")
        }
        Oracle::FinishUpload => client.put(session),
        // Two digests are one too many: zot refuses after it has decided whether the client may, on each release tried.
        Oracle::MountBlob => client.post(format!("{base}/blobs/uploads/?{MOUNT_ORACLE}")),
        Oracle::DeleteManifest => client.delete(format!("{base}/manifests/{nowhere}")),
        Oracle::DeleteBlob => client.delete(format!("{base}/blobs/notadigest")),
        Oracle::DeleteUpload => client.delete(session),
    })
}

/// Reads an answer.
pub(crate) fn permission(
    dialect: Dialect,
    oracle: Oracle,
    subject: &Subject,
    answer: &Answer,
    anonymous: bool,
) -> Permission {
    if let Some(realm) = answer.asks_for_token() {
        let why = "the registry asks for tokens of";
        return Permission::Undecided(format!("{}: {why} {realm}, which this version does not fetch", answer.brief()));
    }
    let refused = match dialect {
        Dialect::Zot(_) if anonymous => answer.status == 401,
        Dialect::Zot(_) => answer.status == 403,
        // What was there a moment ago, for somebody else, is hidden.
        Dialect::Other => matches!(answer.status, 403 | 404) || (anonymous && answer.status == 401),
    };
    if refused && is_registry_error(answer) {
        return Permission::Denied;
    }
    let reads = matches!(oracle, Oracle::ReadManifest | Oracle::ReadBlob | Oracle::ListTags);
    let allowed = if reads { was_read(dialect, oracle, subject, answer) } else { was_let_through(oracle, answer) };
    if allowed {
        return Permission::Allowed;
    }
    let reason = match answer.status {
        401 if !anonymous => "its credentials were refused: the key expired, was revoked, or belongs to another user",
        401 | 403 => "refused, but without the registry's own error",
        429 => "the registry limits the rate of requests",
        500..=599 => "the registry or its proxy failed",
        _ => "neither a refusal nor the answer to a client with this right",
    };
    Permission::Undecided(format!("{}: {reason}", answer.brief()))
}

/// The thing itself, or, where it is not there, zot's own word that it is not.
fn was_read(dialect: Dialect, oracle: Oracle, subject: &Subject, answer: &Answer) -> bool {
    let wanted = match oracle {
        Oracle::ReadManifest => subject.manifest(),
        Oracle::ReadBlob => subject.blob.as_ref(),
        _ => None,
    };
    match answer.status {
        200 if oracle == Oracle::ListTags => answer.json().is_ok_and(|body| body.get("tags").is_some()),
        200 => wanted.is_some_and(|digest| digest_of(&answer.body) == *digest),
        // A store that serves its blobs itself (zot `redirectBlobURL`): the registry let the read through.
        307 => wanted.is_some() && answer.header("docker-content-digest") == wanted.map(String::as_str),
        404 => wanted.is_none() && dialect != Dialect::Other && is_registry_error(answer),
        _ => false,
    }
}

fn was_let_through(oracle: Oracle, answer: &Answer) -> bool {
    let statuses = ZOT.iter().find(|(known, _)| *known == oracle).map_or(&[][..], |(_, statuses)| *statuses);
    // Whatever stands before the registry says 404 too, and it knows nothing of rights.
    let by_handler = match oracle {
        Oracle::DeleteManifest | Oracle::DeleteUpload => is_registry_error(answer),
        _ => !answer.is_html(),
    };
    statuses.contains(&answer.status) && by_handler
}

#[cfg(test)]
mod tests;
