//! The journal: one line for each finished repository, so that an audit that was ended goes on where it was.
//!
//! A repository with something undecided is not finished, and one that was finished too long ago is not any more: a report must
//! not show what was true another day. A journal belongs to one audit of one registry; another one is refused.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{Counts, Found, Options, short};

/// How long what was found holds.
const HOLDS: Duration = Duration::hours(24);

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("cannot use {} as a journal: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("another audit is writing to {}", .0.display())]
    Busy(PathBuf),
    #[error("{} is the journal of another audit: {theirs}\nthis one is: {ours}", path.display())]
    Other { path: PathBuf, theirs: String, ours: String },
    #[error("{}:{line}: not a line of a journal; remove the file to begin anew", path.display())]
    Damaged { path: PathBuf, line: usize },
}

/// One finished repository.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Finished {
    pub(super) repository: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) at: OffsetDateTime,
    pub(super) counts: Counts,
    pub(super) findings: Vec<Found>,
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    done: HashSet<u128>,
    oldest: Option<OffsetDateTime>,
}

impl Journal {
    /// Opens or begins a journal; `each` is told of every repository that is finished already.
    pub(super) fn open(
        path: &Path,
        ours: &str,
        now: OffsetDateTime,
        mut each: impl FnMut(Finished),
    ) -> Result<Journal, Unfit> {
        let unfit = |source| Unfit::File { path: path.to_owned(), source };
        let options = File::options().read(true).append(true).create(true).clone();
        let mut file = options.open(path).map_err(unfit)?;
        if file.try_lock().is_err() {
            return Err(Unfit::Busy(path.to_owned()));
        }
        let (mut done, mut oldest, mut whole, mut number) = (HashSet::new(), None, 0_u64, 0);
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        loop {
            line.clear();
            let length = reader.read_line(&mut line).map_err(unfit)?;
            // The last line of an audit that was killed may be torn; its repository is looked at again.
            if length == 0 || !line.ends_with('\n') {
                if number == 0 && !ours.starts_with(&line) {
                    return Err(Unfit::Damaged { path: path.to_owned(), line: 1 });
                }
                break;
            }
            number += 1;
            if number == 1 {
                if line.trim_end() != ours {
                    let (theirs, ours) = (line.trim_end().chars().take(300).collect(), ours.to_owned());
                    return Err(Unfit::Other { path: path.to_owned(), theirs, ours });
                }
            } else {
                let finished = serde_json::from_str::<Finished>(&line)
                    .map_err(|_| Unfit::Damaged { path: path.to_owned(), line: number })?;
                // What claims to be of the future is of no known age.
                let holds = (Duration::ZERO..HOLDS).contains(&(now - finished.at));
                if holds && done.insert(short(&finished.repository)) {
                    oldest = Some(oldest.map_or(finished.at, |oldest: OffsetDateTime| oldest.min(finished.at)));
                    each(finished);
                }
            }
            whole += length as u64;
        }
        file.set_len(whole).map_err(unfit)?;
        file.seek(SeekFrom::End(0)).map_err(unfit)?;
        if number == 0 {
            file.write_all(format!("{ours}\n").as_bytes()).map_err(unfit)?;
        }
        Ok(Journal { path: path.to_owned(), file: Mutex::new(file), done, oldest })
    }

    pub(super) fn finished(&self) -> u64 {
        self.done.len() as u64
    }

    /// When the first of what was finished was.
    pub(super) fn oldest(&self) -> Option<OffsetDateTime> {
        self.oldest
    }

    pub(super) fn has(&self, repository: &str) -> bool {
        self.done.contains(&short(repository))
    }

    /// Writes a repository down, at once.
    pub(super) fn note(&self, finished: &Finished) -> std::io::Result<()> {
        let line = serde_json::to_string(finished).map_err(std::io::Error::other)?;
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(format!("{line}\n").as_bytes())
    }

    /// An audit that came to its end leaves no journal: the next one must look at everything again.
    pub(crate) fn remove(&self) -> std::io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// What a journal is bound to, as one line.
pub(super) fn title(scenario: &str, url: &str, options: &Options) -> String {
    let Options { identity, deep, concurrency: _, repositories, part } = options;
    let title = serde_json::json!({
        "regproof-audit": 1, "scenario": scenario, "url": url, "identity": identity, "deep": deep,
        "repositories": repositories, "part": part,
    });
    title.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-01-02 03:04:05 UTC);

    fn finished(name: &str) -> Finished {
        Finished {
            repository: name.to_owned(),
            at: NOW,
            counts: Counts { tags: 2, ..Counts::default() },
            findings: vec![],
        }
    }

    #[test]
    fn a_torn_line_is_forgotten_and_whole_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::open(&path, "ours", NOW, |_| panic!("it is new")).unwrap();
        journal.note(&finished("a")).unwrap();
        journal.note(&finished("b")).unwrap();
        assert!(matches!(Journal::open(&path, "ours", NOW, |_| {}), Err(Unfit::Busy(_))));
        drop(journal);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 5]).unwrap();
        let mut seen = Vec::new();
        let journal = Journal::open(&path, "ours", NOW, |finished| seen.push(finished.repository)).unwrap();
        assert_eq!((seen, journal.has("a"), journal.has("b")), (vec!["a".to_owned()], true, false));
        journal.note(&finished("b")).unwrap();
        drop(journal);
        let mut tags = 0;
        let journal = Journal::open(&path, "ours", NOW, |finished| tags += finished.counts.tags).unwrap();
        assert_eq!((tags, journal.finished()), (4, 2));
    }

    #[test]
    fn what_was_finished_another_day_is_not_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::open(&path, "ours", NOW, |_| {}).unwrap();
        let at = |hours| NOW - Duration::hours(hours);
        for (name, hours) in [("old", 24), ("new", 23), ("newer", 1), ("again", 30), ("again", 2), ("future", -1)] {
            journal.note(&Finished { at: at(hours), ..finished(name) }).unwrap();
        }
        drop(journal);
        let mut told = Vec::new();
        let journal = Journal::open(&path, "ours", NOW, |finished| told.push(finished.repository)).unwrap();
        assert_eq!(told, ["new", "newer", "again"]);
        assert_eq!((journal.has("old"), journal.has("again"), journal.finished()), (false, true, 3));
        assert_eq!(journal.oldest(), Some(at(23)));
    }

    #[test]
    fn a_journal_of_another_audit_and_a_file_that_is_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        drop(Journal::open(&path, "theirs", NOW, |_| {}).unwrap());
        assert!(matches!(Journal::open(&path, "ours", NOW, |_| {}), Err(Unfit::Other { .. })));
        std::fs::write(&path, "ours\nnonsense\n").unwrap();
        assert!(matches!(Journal::open(&path, "ours", NOW, |_| {}), Err(Unfit::Damaged { line: 2, .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ours\nnonsense\n", "nothing is lost by a refusal");
    }
}
