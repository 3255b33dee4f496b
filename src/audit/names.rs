//! Names of a registry's lists, page by page: the catalog, and the tags of one repository. However a registry cuts and sorts them.
//!
//! Ends: a page that leads back, a name that comes twice, or more names than any registry has is an end with a reason.

use std::collections::HashSet;

use super::{Work, short};
use crate::check::{Failure, Why};
use crate::listing::next;

/// What is asked for at once; registries give fewer if they like.
const PAGE: usize = 500;
/// As much as one page may have, for a registry that does not know pages.
const PAGE_BYTES: usize = 8 << 20;
/// More names than any list has.
const MOST_NAMES: usize = 2_000_000;
/// A page may be empty where all of its names are hidden from whoever asks, but not for ever.
const MOST_EMPTY: usize = 200;

/// One list.
pub(super) struct Names {
    path: String,
    key: &'static str,
    next: Option<String>,
    seen: HashSet<u128>,
    empty: usize,
    most: usize,
    is_name: fn(&str) -> bool,
    why: Why<'static>,
}

impl Names {
    /// The catalog (Docker Registry HTTP API V2, section Listing Repositories; the OCI distribution spec has none).
    pub(super) fn catalog() -> Names {
        let why = Why {
            claim: "the catalog can be read to its end",
            cause: "whoever asks may not read the catalog, the registry has none, or its pages lead in a circle",
            remedy: "name an identity that may read the catalog by `--identity`, or name repositories without wildcards \
                     by `--repository`; then no catalog is needed",
        };
        Names::new("/v2/_catalog".to_owned(), "repositories", crate::scenario::load::is_repository_name, why)
    }

    /// The tags of one repository (OCI distribution spec, section Listing Tags).
    pub(super) fn tags(repository: &str) -> Names {
        let why = Why {
            claim: "the tags can be read to their end",
            cause: "the repository is in the catalog and its tags cannot be listed: it was removed meanwhile, whoever asks \
                    may not read it, or pages of the list lead in a circle",
            remedy: "look at what is between, as a cache that ignores the query `n` and `last`; look at the registry's log",
        };
        Names::new(format!("/v2/{repository}/tags/list"), "tags", crate::transfer::is_tag, why)
    }

    fn new(path: String, key: &'static str, is_name: fn(&str) -> bool, why: Why<'static>) -> Names {
        let next = Some(format!("{path}?n={PAGE}"));
        Names { path, key, next, seen: HashSet::new(), empty: 0, most: MOST_NAMES, is_name, why }
    }

    /// The next page, or nothing after the last.
    pub(super) async fn page(&mut self, work: &Work) -> Result<Option<Vec<String>>, Failure> {
        let Some(target) = self.next.take() else { return Ok(None) };
        let why = &self.why;
        let answer = work.ask(|| work.client.get(&target).limit(PAGE_BYTES)).await?;
        if matches!(answer.status, 401 | 403 | 404 | 405) {
            return Err(why.undecided(200, answer.brief(), None));
        }
        answer.expect_status(&[200], why)?;
        let Some(names) = self.names(&answer.body) else {
            return Err(why.fail(format_args!("a list of {}", self.key), answer.brief(), None));
        };
        for name in &names {
            if !(self.is_name)(name) {
                let shown: String = name.chars().take(100).collect();
                return Err(why.fail("names of its grammar", format_args!("{shown:?}"), None));
            }
            if !self.seen.insert(short(name)) {
                return Err(why.fail("each name once", format_args!("{name} again, at {target}"), None));
            }
        }
        if self.seen.len() > self.most {
            return Err(why.undecided("a list that ends", format_args!("more than {} names", self.most), None));
        }
        self.empty = if names.is_empty() { self.empty + 1 } else { 0 };
        match next(&answer, &self.path) {
            None => {}
            Some(Ok(further)) if further == target => {
                return Err(why.fail("a Link to another page", format_args!("{target} leads to itself"), None));
            }
            Some(Ok(_)) if self.empty > MOST_EMPTY => {
                return Err(why.fail("a list that ends", format_args!("{MOST_EMPTY} empty pages in a row"), None));
            }
            Some(Ok(further)) => self.next = Some(further),
            Some(Err(link)) => return Err(why.fail(format_args!("a Link to {}", self.path), link, None)),
        }
        Ok(Some(names))
    }

    /// Some registries write null for none.
    fn names(&self, body: &[u8]) -> Option<Vec<String>> {
        let mut list: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
        match list.remove(self.key)? {
            serde_json::Value::Null => Some(Vec::new()),
            names => serde_json::from_value(names).ok(),
        }
    }
}
