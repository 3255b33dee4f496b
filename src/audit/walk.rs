//! The walk: catalog, repositories, tags, a bounded number of each at once.
//!
//! Decides nothing about an image.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::future::join;
use time::OffsetDateTime;
use tokio::task::{JoinError, JoinSet};

use super::image::Repository;
use super::journal::{self, Finished, Journal, Unfit};
use super::names::Names;
use super::{Counts, Found, Options, Tell, Work};
use crate::check::target::Target;
use crate::model::failure::{Failure, Why};
use crate::zot::glob;

/// How many repositories are open at once, each with one page of tags and the digests that were seen in it.
const OPEN: usize = 8;

const SELECTION: Why<'static> = Why {
    claim: "every pattern of `--repository` matches a repository",
    cause: "the pattern is wrong, or the identity may not see the repository in the catalog",
    remedy: "compare the pattern with the catalog; name an identity that sees more by `--identity`",
};

impl Work {
    /// Takes an earlier audit up where it ended; what it found is told again.
    pub(crate) fn resumed(
        target: Arc<Target>,
        options: Options,
        file: Option<&Path>,
        tell: Tell,
    ) -> anyhow::Result<Result<Work, Unfit>> {
        let (mut counts, mut findings) = (Counts::default(), Vec::new());
        let scenario = target.scenario();
        let title = journal::title(&scenario.name, scenario.registry.url.as_str(), &options);
        let opened = file.map(|file| {
            Journal::open(file, &title, OffsetDateTime::now_utc(), |finished| {
                counts.add(&finished.counts);
                findings.extend(finished.findings);
            })
        });
        let journal = match opened.transpose() {
            Ok(journal) => journal,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let work = Work::new(target, options, journal, tell)?;
        work.state().counts = counts;
        findings.iter().for_each(|found| work.keep(found));
        work.tags.store(counts.tags, Ordering::Relaxed);
        work.repositories.store(counts.repositories, Ordering::Relaxed);
        Ok(Ok(work))
    }

    /// Removes the journal of an audit that has nothing left to do.
    pub(crate) fn forget(&self) -> std::io::Result<()> {
        self.journal.as_ref().map_or(Ok(()), Journal::remove)
    }
}

/// Whether a name can match itself alone.
fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', ']', '{', '}', '\\', '!', '^'])
}

/// How many repositories there are to look at, for the progress line; nothing if that is not known.
pub(crate) async fn count(work: &Work) -> Option<u64> {
    let options = &work.options;
    let (mut names, mut all) = (Names::catalog(), 0);
    while let Some(page) = names.page(work).await.ok()? {
        let chosen = |name: &&String| {
            let part = options.part.is_none_or(|part| part.holds(name));
            part && (options.repositories.is_empty() || options.repositories.iter().any(|p| glob::matches(p, name)))
        };
        all += page.iter().filter(chosen).count() as u64;
    }
    Some(all)
}

/// Looks at everything.
pub(crate) async fn walk(work: &Arc<Work>) {
    let patterns = &work.options.repositories;
    let mut matched = vec![false; patterns.len()];
    let mut running: JoinSet<Result<(), Failure>> = JoinSet::new();
    let mut names = if !patterns.is_empty() && patterns.iter().all(|pattern| is_plain(pattern)) {
        Source::Given(Some(patterns.clone()))
    } else {
        Source::Catalog(Names::catalog())
    };
    let mut whole = true;
    while work.gave_up().is_none() {
        let page = match names.page(work).await {
            Ok(Some(page)) => page,
            Ok(None) => break,
            Err(failure) => {
                whole = false;
                work.note(&failure, "(catalog)");
                break;
            }
        };
        for name in page {
            let mut chosen = patterns.is_empty();
            for (pattern, matched) in patterns.iter().zip(&mut matched) {
                if *pattern == name || glob::matches(pattern, &name) {
                    (chosen, *matched) = (true, true);
                }
            }
            let other_part = work.options.part.is_some_and(|part| !part.holds(&name));
            let done = work.journal.as_ref().is_some_and(|journal| journal.has(&name));
            if !chosen || other_part || done || work.gave_up().is_some() {
                continue;
            }
            while running.len() >= OPEN {
                joined(work, running.join_next().await);
            }
            running.spawn(repository(Arc::clone(work), name));
        }
    }
    while let Some(end) = running.join_next().await {
        joined(work, Some(end));
    }
    for (pattern, _) in patterns.iter().zip(matched).filter(|(_, matched)| !matched && whole) {
        work.note(&SELECTION.undecided("a repository", format_args!("none matches `{pattern}`"), None), "(catalog)");
    }
}

/// Where the names of repositories come from.
enum Source {
    Given(Option<Vec<String>>),
    Catalog(Names),
}

impl Source {
    async fn page(&mut self, work: &Work) -> Result<Option<Vec<String>>, Failure> {
        match self {
            Source::Catalog(names) => names.page(work).await,
            Source::Given(names) => Ok(names.take().map(|mut names| {
                names.sort();
                names.dedup();
                names
            })),
        }
    }
}

impl Work {
    /// Takes a failure into the reports that belongs to no repository.
    fn note(&self, failure: &Failure, place: &str) {
        self.report(&Found::new(failure, self.redactor(), place, "", ""));
    }
}

/// A task that panicked has decided nothing.
fn joined(work: &Work, end: Option<Result<Result<(), Failure>, JoinError>>) {
    let failure = match end {
        Some(Err(error)) => Failure::from(anyhow::anyhow!("regproof itself failed: {error}")),
        Some(Ok(Err(failure))) => failure,
        Some(Ok(Ok(()))) | None => return,
    };
    work.note(&failure, "(audit)");
}

/// One repository: its tags page by page, some of them at once. An error is a fault of our own.
async fn repository(work: Arc<Work>, name: String) -> Result<(), Failure> {
    let repository = Arc::new(Repository::new(Arc::clone(&work), name));
    let mut names = Names::tags(&repository.name);
    let mut running: JoinSet<()> = JoinSet::new();
    let mut fault = Ok(());
    let mut page = names.page(&work).await;
    while work.gave_up().is_none() {
        let tags = match page {
            Ok(Some(tags)) => tags,
            Ok(None) => break,
            Err(failure) => {
                repository.report(Found::new(&failure, work.redactor(), &repository.name, "", ""));
                break;
            }
        };
        let look = async {
            for tag in tags {
                if work.gave_up().is_some() {
                    break;
                }
                while running.len() >= work.options.concurrency {
                    fault = std::mem::replace(&mut fault, Ok(())).and(running.join_next().await.unwrap_or(Ok(())));
                }
                running.spawn(Arc::clone(&repository).tag(tag));
            }
        };
        // The next page is on its way while this one is looked at.
        (page, ()) = join(names.page(&work), look).await;
    }
    while let Some(end) = running.join_next().await {
        fault = fault.and(end);
    }
    let finished = {
        let mut state = repository.state();
        state.counts.repositories = 1;
        let findings = std::mem::take(&mut state.findings);
        Finished { repository: repository.name.clone(), at: OffsetDateTime::now_utc(), counts: state.counts, findings }
    };
    // What was found was counted when it was found.
    work.state().counts.add(&Counts { broken: 0, undecided: 0, ..finished.counts });
    work.repositories.fetch_add(1, Ordering::Relaxed);
    fault?;
    if let Some(journal) = &work.journal
        && finished.counts.undecided == 0
        && work.gave_up().is_none()
    {
        journal.note(&finished).map_err(|error| anyhow::anyhow!("cannot write the journal: {error}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::short;
    use super::*;

    #[test]
    fn only_names_without_wildcards_need_no_catalog() {
        assert!(is_plain("blumeops/navidrome"));
        for pattern in ["blumeops/*", "**", "a?", "{a,b}", "[ab]"] {
            assert!(!is_plain(pattern), "{pattern}");
        }
        assert_ne!(short("a"), short("b"));
    }
}
