//! The matrix as reports show it.
//!
//! Decides nothing: verdicts are the cells' own.

use std::collections::BTreeSet;

use super::GROUPS;
use super::cell::{Cell, Control, controlled};
use crate::kit::oracle::{Oracle, Permission};
use crate::model::outcome;
use crate::model::outcome::{Table, Verdict};

/// A row for each who and where, a column for each request; a cell that differs says what was promised. Where a request was
/// sent about several tags or as several clients, the worst answer stands for all.
pub(crate) fn table(cells: &[Cell]) -> Table {
    let controlled = controlled(cells);
    let oracles: Vec<Oracle> = GROUPS.iter().flat_map(|(_, oracles)| *oracles).copied().collect();
    let mut columns = vec!["who".to_owned(), "repository".to_owned()];
    columns.extend(oracles.iter().map(|oracle| oracle.describe().to_owned()));
    let label = |text: &str| outcome::Cell { text: text.to_owned(), verdict: None };
    let mut seen = BTreeSet::new();
    let rows = cells.iter().filter(|cell| seen.insert((&cell.who, &cell.repository)));
    let rows = rows.map(|first| {
        let mut line = vec![label(&first.who), label(&first.repository)];
        let of_row: Vec<&Cell> =
            cells.iter().filter(|cell| cell.who == first.who && cell.repository == first.repository).collect();
        line.extend(oracles.iter().map(|oracle| {
            let asked = of_row.iter().copied().filter(|cell| cell.oracle == *oracle);
            worst(asked, &controlled).map_or_else(
                || label("-"),
                |(cell, verdict)| outcome::Cell {
                    text: words(cell, verdict),
                    verdict: (verdict != Verdict::Skip).then_some(verdict),
                },
            )
        }));
        line
    });
    Table { title: "Who may do what, as asked live".to_owned(), columns, rows: rows.collect() }
}

/// The first of the gravest.
fn worst<'a>(cells: impl Iterator<Item = &'a Cell>, controlled: &BTreeSet<Control>) -> Option<(&'a Cell, Verdict)> {
    let judged = cells.map(|cell| (cell, cell.verdict(controlled)));
    let rank = |verdict| match verdict {
        Verdict::Skip => 0,
        Verdict::Pass => 1,
        Verdict::Error => 2,
        Verdict::Fail => 3,
    };
    judged.reduce(|first, next| if rank(next.1) > rank(first.1) { next } else { first })
}

fn words(cell: &Cell, verdict: Verdict) -> String {
    let seen = match cell.seen.as_slice() {
        _ if cell.unasked.is_some() => "-",
        [] => "-",
        _ if cell.is_random() => "random",
        [one] if one.permission == Permission::Allowed => "yes",
        [one] if one.permission == Permission::Denied => "no",
        _ => "?",
    };
    match (verdict, cell.promise.allowed) {
        (Verdict::Fail, Some(promised)) => format!("{seen}, promised {}", if promised { "yes" } else { "no" }),
        _ => seen.to_owned(),
    }
}
