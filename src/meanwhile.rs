//! What others do to a registry while a check asks it: a tag that they move or delete is no finding.
//!
//! Decides no verdict.

use crate::check::{Failure, Why};
use crate::context::Cx;
use crate::transcript::Exchange;
use crate::transfer::{ACCEPT, some_tag};
use crate::wire::{Client, MANIFEST_LIMIT};

/// How often a check begins anew with a tag that others move.
const TRIES: usize = 5;

/// Whether a tag that was read is no longer there, or names another image than it did when the check read it last.
pub(crate) async fn changed(cx: &Cx, client: &Client, repository: &str, tag: &str) -> bool {
    let before = seen(&cx.recorder().exchanges(), repository, tag);
    let answer = client
        .get(format!("/v2/{repository}/manifests/{tag}"))
        .header("Accept", ACCEPT)
        .limit(MANIFEST_LIMIT)
        .send()
        .await;
    let Ok(answer) = answer else { return false };
    let moved = || matches!((before, answer.header(DIGEST)), (Some(before), Some(now)) if before != now);
    answer.status == 404 || (answer.status == 200 && moved())
}

const DIGEST: &str = "docker-content-digest";

/// The digest that the tag had when it was read last.
fn seen(exchanges: &[Exchange], repository: &str, tag: &str) -> Option<String> {
    let target = format!("/v2/{repository}/manifests/{tag}");
    let digest = |exchange: &Exchange| {
        let mut headers = exchange.response_headers.iter();
        headers.find(|(name, _)| name.eq_ignore_ascii_case(DIGEST)).map(|(_, digest)| digest.clone())
    };
    let reads =
        exchanges.iter().rev().filter(|exchange| exchange.status == Some(200) && exchange.url.ends_with(&target));
    reads.filter_map(digest).next()
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
    for _ in 0..TRIES {
        let tag = some_tag(client, repository, why).await?;
        match act(tag.clone()).await {
            Err(Failure::Fail(_)) if changed(cx, client, repository, &tag).await => {}
            other => return other,
        }
    }
    Err(unsteady(repository, why))
}

/// The Error where each tag changed while it was read.
pub(crate) fn unsteady(repository: &str, why: &Why<'_>) -> Failure {
    why.undecided("a tag that stays", format_args!("others moved or deleted the tags of {repository} meanwhile"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_that_was_read_last_counts_and_only_of_this_tag() {
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
        assert_eq!(seen(&all, "team/app", "latest").as_deref(), Some("sha256:second"));
        assert_eq!(seen(&all, "team/app", "v2"), None);
    }
}
