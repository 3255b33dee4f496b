//! What others do to a registry while a check asks it: a tag that they move or delete is no finding.
//!
//! Decides no verdict.

use std::collections::BTreeSet;

use crate::check::context::Cx;
use crate::http::{Client, MANIFEST_LIMIT};
use crate::kit::transfer::{ACCEPT, some_tag};
use crate::model::exchange::Exchange;
use crate::model::failure::{Failure, Why};

/// How often a check begins anew with a tag that others move.
const TRIES: usize = 5;

/// How often a tag that was moved is read again, to see whether it is back at its old image.
const LOOKS: usize = 3;

/// What became of a tag since the check read it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// It names the same image, or its answer tells nothing.
    Same,
    /// It is gone, or names an image that it did not name before.
    Moved,
    /// It names an image that it had left. Several registries that do not agree answer so, and so does a tag that is moved back.
    Back,
}

/// What became of a tag that was read: it is read once more.
pub(crate) async fn since(cx: &Cx, client: &Client, repository: &str, tag: &str) -> Since {
    let request = client.get(format!("/v2/{repository}/manifests/{tag}")).header("Accept", ACCEPT);
    match request.limit(MANIFEST_LIMIT).send().await {
        // The request is the last of the transcript now. A tag that was never read and is gone was deleted.
        Ok(answer) if matches!(answer.status, 200 | 404) => {
            let digests = digests(&cx.recorder().exchanges(), repository, tag);
            if digests.is_empty() && answer.status == 404 { Since::Moved } else { became(digests) }
        }
        _ => Since::Same,
    }
}

/// What the digests say that a tag had, oldest first.
fn became(mut digests: Vec<String>) -> Since {
    let moved = digests.iter().rev().take(2).collect::<BTreeSet<_>>().len() == 2;
    digests.dedup();
    let distinct = digests.iter().collect::<BTreeSet<_>>().len();
    match (distinct < digests.len(), moved) {
        (true, _) => Since::Back,
        (false, true) => Since::Moved,
        (false, false) => Since::Same,
    }
}

const DIGEST: &str = "docker-content-digest";

/// The digests that the tag had when it was read, oldest first; an empty one where it was gone after it had been there.
fn digests(exchanges: &[Exchange], repository: &str, tag: &str) -> Vec<String> {
    let target = format!("/v2/{repository}/manifests/{tag}");
    let mut had = Vec::new();
    for exchange in exchanges.iter().filter(|exchange| exchange.url.ends_with(&target)) {
        let mut headers = exchange.response_headers.iter();
        let digest = headers.find(|(name, _)| name.eq_ignore_ascii_case(DIGEST)).map(|(_, digest)| digest.clone());
        match exchange.status {
            Some(200) => had.extend(digest),
            Some(404) if !had.is_empty() => had.push(String::new()),
            _ => {}
        }
    }
    had
}

/// Does something with a tag of a repository; where it fails and the tag was moved or deleted by then, begins anew.
pub(crate) async fn with_a_tag<'a, T, F>(
    cx: &Cx,
    client: &'a Client,
    repository: &'a str,
    why: &'a Why<'a>,
    act: impl Fn(String) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut moved = Vec::new();
    for _ in 0..TRIES {
        let tag = some_tag(client, repository, why).await?;
        let done = match act(tag.clone()).await {
            Err(Failure::Fail(fault)) => match since(cx, client, repository, &tag).await {
                Since::Same => return Err(Failure::Fail(fault)),
                Since::Moved => {
                    moved.push(tag);
                    continue;
                }
                Since::Back => return Err(torn(repository, &tag, why)),
            },
            done => done?,
        };
        stays_moved(cx, client, repository, &moved, why).await?;
        return Ok(done);
    }
    Err(unsteady(repository, why))
}

/// Tags whose failure was forgiven because they moved are not back at the image that failed.
pub(crate) async fn stays_moved(
    cx: &Cx,
    client: &Client,
    repository: &str,
    moved: &[String],
    why: &Why<'_>,
) -> Result<(), Failure> {
    for tag in moved {
        for _ in 0..LOOKS {
            if since(cx, client, repository, tag).await == Since::Back {
                return Err(torn(repository, tag, why));
            }
        }
    }
    Ok(())
}

/// The Error where each tag changed while it was read.
pub(crate) fn unsteady(repository: &str, why: &Why<'_>) -> Failure {
    why.undecided("a tag that stays", format_args!("others moved or deleted the tags of {repository} meanwhile"), None)
}

/// The Error where a tag names one image, then another, then the first again.
pub(crate) fn torn(repository: &str, tag: &str, why: &Why<'_>) -> Failure {
    let actual = format_args!(
        "{repository}:{tag} named one image, then another, then the first again: several registries may answer here"
    );
    why.undecided("one image under one tag", actual, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_are_those_of_this_tag_alone() {
        let read = |url: &str, digest: &str| Exchange {
            url: format!("http://registry.test{url}"),
            status: Some(200),
            response_headers: vec![("Docker-Content-Digest".to_owned(), digest.to_owned())],
            ..Exchange::default()
        };
        let all = [
            read("/v2/team/app/manifests/latest", "sha256:first"),
            read("/v2/team/app/manifests/latest", "sha256:second"),
            read("/v2/team/app/manifests/v1", "sha256:other"),
            read("/v2/app/manifests/latest", "sha256:elsewhere"),
        ];
        assert_eq!(digests(&all, "team/app", "latest"), ["sha256:first", "sha256:second"]);
        assert_eq!(digests(&all, "team/app", "v2"), [""; 0]);
    }

    #[test]
    fn a_tag_that_is_gone_between_two_answers_is_back() {
        let read = |status: u16, digest: &str| Exchange {
            url: "http://registry.test/v2/app/manifests/latest".to_owned(),
            status: Some(status),
            response_headers: vec![("Docker-Content-Digest".to_owned(), digest.to_owned())],
            ..Exchange::default()
        };
        let all = [read(404, ""), read(200, "sha256:a"), read(404, ""), read(200, "sha256:a")];
        assert_eq!(became(digests(&all[..2], "app", "latest")), Since::Same, "an absence before the first answer");
        assert_eq!(became(digests(&all[..3], "app", "latest")), Since::Moved);
        assert_eq!(became(digests(&all, "app", "latest")), Since::Back);
    }

    #[test]
    fn a_tag_that_is_back_at_its_old_image_did_not_simply_move() {
        let became = |digests: &[&str]| became(digests.iter().map(|digest| (*digest).to_owned()).collect());
        assert_eq!(became(&[]), Since::Same);
        assert_eq!(became(&["a"]), Since::Same);
        assert_eq!(became(&["a", "a"]), Since::Same);
        assert_eq!(became(&["a", "b"]), Since::Moved);
        assert_eq!(became(&["a", "a", "b", "c"]), Since::Moved);
        assert_eq!(became(&["a", "b", "b"]), Since::Same, "what was read last fails as it is");
        assert_eq!(became(&["a", "b", "a"]), Since::Back);
        assert_eq!(became(&["a", "b", "b", "a", "a"]), Since::Back);
    }
}
