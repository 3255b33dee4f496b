//! What the matrix proved and what it did not, in one line.
//!
//! Pure. Counts cells; their verdicts are the cells' own.

use std::collections::BTreeMap;

use super::cell::{Cell, controlled};
use crate::model::outcome::Verdict;
use crate::zot::policy::Action;

/// What is the same for each run of the line: words that stand after a number.
const NO_CONTROL: &str = "without a control";
const UNPROMISED: &str = "not promised either way";
const UNANSWERED: &str = "not answered";
const BROKEN: &str = "broken";

/// Cells, counted by how they ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) proven: usize,
    /// Of those, refused writes.
    pub(crate) refusals: usize,
    /// Writes that are promised to be refused, whatever became of them.
    pub(crate) refusals_promised: usize,
    /// Proven writes, allowed or refused.
    pub(crate) writes: usize,
    /// Writes of which it is promised whether they are allowed.
    pub(crate) writes_promised: usize,
    pub(crate) unanswered: usize,
    pub(crate) all: usize,
    others: BTreeMap<&'static str, usize>,
}

pub(crate) fn count(cells: &[Cell]) -> Count {
    let controlled = controlled(cells);
    let mut count = Count { all: cells.len(), ..Count::default() };
    for cell in cells {
        let denial = cell.promise.allowed == Some(false);
        let write = cell.promise.allowed.is_some() && cell.oracle.action(None) != Action::Read;
        let refusal = denial && write;
        count.writes_promised += usize::from(write);
        count.refusals_promised += usize::from(refusal);
        let word = match (cell.verdict(&controlled), cell.unasked) {
            (Verdict::Pass, _) => {
                count.proven += 1;
                count.refusals += usize::from(refusal);
                count.writes += usize::from(write);
                continue;
            }
            (Verdict::Error, _) => {
                count.unanswered += 1;
                UNANSWERED
            }
            (Verdict::Fail, _) => BROKEN,
            (Verdict::Skip, Some(reason)) => reason,
            (Verdict::Skip, None) if denial => NO_CONTROL,
            (Verdict::Skip, None) => UNPROMISED,
        };
        *count.others.entry(word).or_default() += 1;
    }
    count
}

impl Count {
    /// The line, with what is known besides: repositories that were left out, and rights that nobody can show.
    pub(crate) fn line(&self, besides: &[String]) -> String {
        let mut line = format!("{} of {} proven", self.proven, self.all);
        let mut others: Vec<_> = self.others.iter().collect();
        // What is wrong stands first, then what there is most of.
        others.sort_by_key(|(word, count)| (!matches!(**word, BROKEN | UNANSWERED), std::cmp::Reverse(**count)));
        for (word, count) in others {
            let follows = ["without", "in ", "where", "about", "that", "not ", BROKEN];
            let follows = follows.iter().any(|start| word.starts_with(start));
            line.push_str(&if follows { format!(", {count} {word}") } else { format!(", {count} not asked: {word}") });
        }
        for text in besides {
            line.push_str(&format!("; {text}"));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::oracle::{Oracle, Permission};
    use crate::scenario::Promise;

    fn cell(allowed: Option<bool>, seen: Option<Permission>, unasked: Option<&'static str>) -> Cell {
        let mut cell = Cell {
            who: "ci".to_owned(),
            repository: "team/app".to_owned(),
            oracle: Oracle::CreateTag,
            tag: None,
            client: None,
            promise: Promise { allowed, grounds: String::new(), random: false },
            seen: vec![],
            note: None,
            unasked,
        };
        seen.into_iter().for_each(|permission| cell.add(permission, 0, None));
        cell
    }

    #[test]
    fn every_cell_is_counted_once_and_what_is_wrong_stands_first() {
        use Permission::{Allowed, Denied};
        let undecided = || Some(Permission::Undecided("503".to_owned()));
        let mut cells = vec![
            cell(Some(true), Some(Allowed), None),
            cell(Some(false), Some(Denied), None),
            cell(Some(false), Some(Allowed), None),
            cell(Some(true), undecided(), None),
            cell(None, Some(Allowed), None),
            cell(Some(false), None, Some("without such a tag")),
            cell(Some(false), None, Some("without such a tag")),
        ];
        let told = count(&cells);
        assert_eq!((told.proven, told.refusals, told.refusals_promised, told.unanswered), (2, 1, 4, 1));
        assert_eq!((told.writes, told.writes_promised), (2, 6));
        assert_eq!(
            told.line(&["12 of 340 catalog repositories asked".to_owned()]),
            "2 of 7 proven, 1 broken, 1 not answered, 2 without such a tag, 1 not promised either way; \
             12 of 340 catalog repositories asked"
        );
        let mut reads = vec![cell(Some(false), Some(Denied), None), cell(Some(true), Some(Allowed), None)];
        reads.iter_mut().for_each(|cell| cell.oracle = Oracle::ListTags);
        let told = count(&reads);
        assert_eq!((told.proven, told.refusals, told.refusals_promised), (2, 0, 0), "reading is no write");
        assert_eq!((told.writes, told.writes_promised), (0, 0), "reading is no write");
        cells.retain(|cell| cell.promise.allowed == Some(false) && !cell.has(&Allowed));
        let told = count(&cells);
        assert_eq!((told.proven, told.refusals), (0, 0));
        assert_eq!(told.line(&[]), "0 of 3 proven, 2 without such a tag, 1 without a control");
    }
}
