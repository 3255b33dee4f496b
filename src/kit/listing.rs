//! The whole list of a repository's tags, page by page, however the registry cuts it.
//!
//! Follows no link off the registry's own origin and list, and no list that does not come to an end.

use std::collections::BTreeSet;

use crate::http::{Answer, Client};
use crate::kit::transfer::{TagList, is_tag};
use crate::model::failure::{Failure, Why};

/// What is asked for at once.
const PAGE: usize = 500;
/// More pages than any list of tags that a person looks after.
const MOST_PAGES: usize = 200;
/// A page may hold more than was asked for, and memory does not.
const MOST_TAGS: usize = MOST_PAGES * PAGE;

/// Every tag of a repository, as the registry lists them: each once. The order within it is the registry's own: the specification
/// wants one, and healthy registries list by age (OCI distribution spec, section Listing Tags).
pub(crate) async fn tags(client: &Client, repository: &str, why: &Why<'_>) -> Result<Vec<String>, Failure> {
    match once(client, repository, why).await {
        // What others push or delete meanwhile moves tags from page to page: the list is read again.
        Err(Failure::Fail(_)) => once(client, repository, why).await,
        other => other,
    }
}

async fn once(client: &Client, repository: &str, why: &Why<'_>) -> Result<Vec<String>, Failure> {
    let path = format!("/v2/{repository}/tags/list");
    let mut target = format!("{path}?n={PAGE}");
    let (mut all, mut seen) = (Vec::<String>::new(), BTreeSet::new());
    for _ in 0..MOST_PAGES {
        let answer = client.get(&target).limit(4 << 20).send().await?;
        answer.expect_status(&[200], why)?;
        let Ok(list) = serde_json::from_slice::<TagList>(&answer.body) else {
            return Err(why.fail("a list of tags", answer.brief(), answer.index));
        };
        for tag in list.tags.unwrap_or_default() {
            if !is_tag(&tag) {
                return Err(why.fail("names that are tags", format_args!("{tag:?}"), answer.index));
            }
            if !seen.insert(tag.clone()) {
                let list = Why {
                    cause: "the registry's list of tags repeats itself: clients that read it page by page miss tags or never \
                            end",
                    remedy: "look for a cache in front that ignores the query `n` and `last`",
                    ..*why
                };
                let last = all.last().map(String::as_str).unwrap_or_default();
                return Err(list.fail("each tag once", format_args!("{tag} again, after {last}"), answer.index));
            }
            all.push(tag);
        }
        if all.len() > MOST_TAGS {
            return Err(why.undecided("a list that ends", format_args!("more than {MOST_TAGS} tags"), None));
        }
        match next(&answer, &path) {
            None => return Ok(all),
            Some(Ok(further)) => target = further,
            Some(Err(link)) => {
                return Err(why.fail(format_args!("a Link to {path}"), link, answer.index));
            }
        }
    }
    Err(why.undecided("a list that ends", format_args!("more than {MOST_PAGES} pages"), None))
}

/// The target of the next page (RFC 8288), or where the link leads instead.
pub(crate) fn next(answer: &Answer, path: &str) -> Option<Result<String, String>> {
    let link = answer.header("link")?;
    let (inner, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    if !parameters.contains("rel=\"next\"") && !parameters.contains("rel=next") {
        return None;
    }
    let url = answer.url.join(inner).ok().filter(|url| url.origin() == answer.url.origin() && url.path() == path);
    Some(match url {
        Some(url) => Ok(url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()),
        None => Err(format!("Link: {link}")),
    })
}
