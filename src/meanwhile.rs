//! What others do to a registry while a check asks it: a tag that they delete is no finding.
//!
//! Decides no verdict.

use crate::check::{Failure, Why};
use crate::transfer::{ACCEPT, some_tag};
use crate::wire::{Client, MANIFEST_LIMIT};

/// Whether a tag that was listed is no longer there: others delete meanwhile, and what they deleted is no finding.
pub(crate) async fn gone(client: &Client, repository: &str, tag: &str) -> bool {
    let answer = client
        .get(format!("/v2/{repository}/manifests/{tag}"))
        .header("Accept", ACCEPT)
        .limit(MANIFEST_LIMIT)
        .send()
        .await;
    answer.is_ok_and(|answer| answer.status == 404)
}

/// Does something with a tag of a repository; where it fails and the tag is gone by then, with another one, once.
pub(crate) async fn with_a_tag<'a, T, F>(
    client: &'a Client,
    repository: &'a str,
    why: &'a Why<'a>,
    act: impl Fn(String) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let tag = some_tag(client, repository, why).await?;
    match act(tag.clone()).await {
        Err(Failure::Fail(_)) if gone(client, repository, &tag).await => {
            act(some_tag(client, repository, why).await?).await
        }
        other => other,
    }
}
