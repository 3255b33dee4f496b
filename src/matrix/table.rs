//! The matrix as reports show it.
//!
//! Decides nothing: verdicts are the cells' own.

use super::{Cell, GROUPS, controlled};
use crate::oracle::{Oracle, Permission};
use crate::outcome::{self, Table, Verdict};

/// A row for each who and where, a column for each request; a cell that differs says what was promised.
pub(crate) fn table(cells: &[Cell]) -> Table {
    let controlled = controlled(cells);
    let oracles: Vec<Oracle> = GROUPS.iter().flat_map(|(_, oracles)| *oracles).copied().collect();
    let mut columns = vec!["who".to_owned(), "repository".to_owned()];
    columns.extend(oracles.iter().map(|oracle| oracle.describe().to_owned()));
    let label = |text: &str| outcome::Cell { text: text.to_owned(), verdict: None };
    let rows = cells.chunks(oracles.len()).filter_map(|row| {
        let first = row.first()?;
        let mut line = vec![label(&first.who), label(&first.repository)];
        line.extend(row.iter().map(|cell| {
            let verdict = cell.verdict(&controlled);
            outcome::Cell { text: words(cell, verdict), verdict: (verdict != Verdict::Skip).then_some(verdict) }
        }));
        Some(line)
    });
    Table { title: "Who may do what, as asked live".to_owned(), columns, rows: rows.collect() }
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
