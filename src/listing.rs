//! The whole list of a repository's tags, page by page, however the registry cuts it.
//!
//! Follows no link off the registry's own origin and list, and no list that does not come to an end.

use std::collections::BTreeSet;

use crate::check::{Failure, Why};
use crate::transfer::{TagList, is_tag};
use crate::wire::{Answer, Client};

/// What is asked for at once.
const PAGE: usize = 500;
/// More pages than any list of tags that a person looks after.
const MOST_PAGES: usize = 200;
/// A page may hold more than was asked for, and memory does not.
const MOST_TAGS: usize = MOST_PAGES * PAGE;

/// Every tag of a repository, in the order of the list. Each page must bring tags after those of the page before.
pub(crate) async fn tags(client: &Client, repository: &str, why: &Why<'_>) -> Result<Vec<String>, Failure> {
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
            if !seen.insert(tag.clone()) || all.last().is_some_and(|last| !follows(last, &tag)) {
                let list = Why {
                    cause: "the registry's list of tags repeats itself or is not sorted, so that clients that read it \
                            page by page miss tags or never end",
                    remedy: "look at what is between: a cache that ignores the query `n` and `last`",
                    ..*why
                };
                return Err(list.fail(
                    "each tag once, in order",
                    format_args!("{tag} after {:?}", all.last()),
                    answer.index,
                ));
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

/// In order by bytes, or without regard to case: the specification says the one, registries do the other
/// (OCI distribution spec, section Listing Tags).
fn follows(last: &str, tag: &str) -> bool {
    last < tag || last.to_ascii_lowercase() < tag.to_ascii_lowercase()
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

#[cfg(test)]
mod tests {
    use super::follows;

    #[test]
    fn both_orders_that_registries_have_are_orders() {
        assert!(follows("B", "a") && follows("a", "B") && follows("v1", "v2"));
        assert!(!follows("v2", "v1") && !follows("v1", "v1"));
    }
}
