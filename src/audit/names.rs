//! Names of a registry's lists, page by page: the catalog, and the tags of one repository. However a registry cuts and sorts them.
//!
//! Ends: a page that leads back, a name that comes twice, or more names than any registry has is an end with a reason.

use std::collections::HashSet;

use super::{Work, short};
use crate::kit::listing::next;
use crate::model::failure::{Failure, Why};

/// What is asked for at once; registries give fewer if they like.
const PAGE: usize = 500;
/// As much as one page may have, for a registry that does not know pages.
const PAGE_BYTES: usize = 8 << 20;
/// More names than any catalog, and any list of tags, has.
const MOST_REPOSITORIES: usize = 500_000;
const MOST_TAGS: usize = 2_000_000;
/// A page is empty where all of its names are hidden from the client. This is how many such pages may follow each other.
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
            cause: "the identity may not read the catalog, the registry has none, or its pages lead in a circle",
            remedy: "name an identity that may read the catalog by `--identity`, or name repositories without wildcards \
                     by `--repository`; then no catalog is needed",
        };
        Names::new(
            "/v2/_catalog".to_owned(),
            "repositories",
            crate::scenario::loaded::is_repository_name,
            MOST_REPOSITORIES,
            why,
        )
    }

    /// The tags of one repository (OCI distribution spec, section Listing Tags).
    pub(super) fn tags(repository: &str) -> Names {
        let why = Why {
            claim: "the tags can be read to their end",
            cause: "the repository is in the catalog, but was removed meanwhile; or the identity may not read it; or the \
                    pages of its tags lead in a circle",
            remedy: "look for a cache in front that ignores the query `n` and `last`; look at the registry's log",
        };
        Names::new(format!("/v2/{repository}/tags/list"), "tags", crate::kit::transfer::is_tag, MOST_TAGS, why)
    }

    fn new(path: String, key: &'static str, is_name: fn(&str) -> bool, most: usize, why: Why<'static>) -> Names {
        let next = Some(format!("{path}?n={PAGE}"));
        Names { path, key, next, seen: HashSet::new(), empty: 0, most, is_name, why }
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
                let shown = work.redactor().start(name, 100);
                return Err(why.fail("names that the specification allows", format_args!("{shown:?}"), None));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::extract::RawQuery;
    use axum::response::IntoResponse;
    use axum::routing::get;

    use super::super::{Options, Work};
    use super::*;
    use crate::check::machine::Machine;
    use crate::check::target::Target;
    use crate::scenario::load;

    /// A page that always has names nobody has seen, and a next one.
    async fn endless(RawQuery(query): RawQuery) -> impl IntoResponse {
        let last = query.unwrap_or_default().rsplit_once("last=").and_then(|(_, last)| last.parse().ok()).unwrap_or(0);
        let names: Vec<String> = (last..last + 10).map(|number| format!("r{number}")).collect();
        let link = format!("</v2/_catalog?n=500&last={}>; rel=\"next\"", last + 10);
        ([("link", link)], serde_json::json!({ "repositories": names }).to_string())
    }

    #[tokio::test]
    async fn a_list_of_ever_new_names_ends() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/v2/_catalog", get(endless))).await });
        let text = format!("schema = 1\nname = \"n\"\n[registry]\nurl = \"{url}\"\n");
        let today = time::macros::date!(2026 - 01 - 01);
        let loaded = load::parse("r.toml".as_ref(), text, |_| true, today).unwrap();
        let target = Arc::new(Target::ready(loaded, None, Machine::here(true)).unwrap());
        let options = Options { identity: None, deep: false, concurrency: 1, repositories: vec![], part: None };
        let work = Work::new(target, options, None, Box::new(|_| ())).unwrap();
        let mut names = Names { most: 95, ..Names::catalog() };
        let mut pages = 0;
        let end = loop {
            match names.page(&work).await {
                Ok(Some(page)) => pages += usize::from(!page.is_empty()),
                end => break end,
            }
        };
        assert!(matches!(end, Err(Failure::Error(..))), "an end that was never seen is no end");
        assert_eq!(pages, 9);
    }
}
