//! `docs/kill-matrix.md`: which check notices which mistake, from the tables that the proofs themselves run by.
//!
//! Writes the file anew with `REGPROOF_UPDATE=1`, and otherwise compares. Whether the tables are true is for
//! `regproof self-test` and the mutants themselves to prove.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use regproof::checks::CHECKS;
use regproof::lab::Weakness;

use super::file::{self, Mutant};

/// One row: its name, what went wrong, and by whom it is noticed.
struct Row {
    name: String,
    why: String,
    fails: BTreeSet<String>,
    undecided: BTreeSet<String>,
    /// Why nothing notices it.
    unseen: Option<String>,
}

fn lab() -> Vec<Row> {
    let row = |weakness: Weakness| Row {
        name: weakness.name().to_owned(),
        why: weakness.summary().to_owned(),
        fails: weakness.breaks().iter().map(ToString::to_string).collect(),
        undecided: BTreeSet::new(),
        unseen: None,
    };
    Weakness::all().map(row).collect()
}

fn real() -> Vec<Row> {
    let row = |mutant: Mutant| Row {
        name: mutant.name,
        why: mutant.why,
        fails: mutant.fails,
        undecided: mutant.undecided,
        unseen: mutant.equivalent,
    };
    file::mutants().into_iter().map(row).collect()
}

/// Why a check is there although no mistake is noticed by it alone.
fn reasons() -> BTreeMap<String, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kill-matrix.toml");
    let text = std::fs::read_to_string(file).expect("the reasons can be read");
    toml::from_str(&text).expect("the reasons are one table of texts")
}

/// The names of those that a check alone notices.
fn alone<'a>(rows: &'a [Row], id: &str) -> Vec<&'a str> {
    let only = |row: &&Row| row.fails.len() == 1 && row.fails.contains(id);
    rows.iter().filter(only).map(|row| row.name.as_str()).collect()
}

fn count(rows: &[Row], id: &str) -> usize {
    rows.iter().filter(|row| row.fails.contains(id)).count()
}

fn list(ids: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| format!("`{}`", id.as_ref())).collect();
    if ids.is_empty() { "–".to_owned() } else { ids.join(" ") }
}

fn table(text: &mut String, rows: &[Row]) -> std::fmt::Result {
    writeln!(text, "| mistake | what went wrong | checks that fail | how many | undecided |\n|---|---|---|---|---|")?;
    for row in rows {
        let fails = match &row.unseen {
            Some(reason) => format!("none: {reason}"),
            None => list(&row.fails),
        };
        let undecided = if row.undecided.contains("*") { "all others".to_owned() } else { list(&row.undecided) };
        writeln!(text, "| `{}` | {} | {fails} | {} | {undecided} |", row.name, row.why, row.fails.len())?;
    }
    Ok(())
}

fn document() -> Result<String, std::fmt::Error> {
    let (lab, real, reasons) = (lab(), real(), reasons());
    let seen = |rows: &[Row]| rows.iter().filter(|row| !(row.fails.is_empty() && row.undecided.is_empty())).count();
    let mut text = String::new();
    writeln!(
        text,
        "# Kill matrix\n\n\
         Which check notices which mistake. Written by `REGPROOF_UPDATE=1 cargo test --test real mutants::matrix` from the tables that\n\
         the proofs run by: the lab's weaknesses (`src/lab/weakness.rs`, proven by `regproof self-test`) and the mutants of a real\n\
         zot (`tests/mutants/*.toml`, proven by `tests/real/mutants.rs`). `make prove` runs both. A proof fails where a check\n\
         notices more, less, or otherwise than its table says.\n\n\
         - {} weaknesses of the lab, {} of them noticed; the others leave every promise kept, or show to a check on request alone.\n\
         - {} mutants on a real zot, {} of them noticed; of each of the others its row says why nothing is to be seen.\n\
         - {} checks.\n\n\
         ## By check\n\n\
         | check | weaknesses | mutants | noticed by it alone, or why it is there |\n|---|---|---|---|",
        lab.len(),
        seen(&lab),
        real.len(),
        seen(&real),
        CHECKS.len(),
    )?;
    let mut unseen = Vec::new();
    for check in CHECKS {
        let (in_lab, on_zot) = (count(&lab, check.id), count(&real, check.id));
        let own: Vec<&str> = [alone(&lab, check.id), alone(&real, check.id)].concat();
        let why = match (own.is_empty(), reasons.get(check.id)) {
            (false, None) => list(own),
            (true, Some(reason)) => reason.clone(),
            (false, Some(_)) => panic!("{}: alone it notices {own:?}, so it needs no reason", check.id),
            (true, None) => panic!("{} notices nothing alone, and no reason says why it is there", check.id),
        };
        if in_lab + on_zot == 0 {
            unseen.push(check.id);
        }
        writeln!(text, "| `{}` | {in_lab} | {on_zot} | {why} |", check.id)?;
    }
    for id in reasons.keys() {
        assert!(regproof::checks::find(id).is_some(), "there is no check {id}");
    }
    writeln!(
        text,
        "\n## Never seen to fail in either table\n\n\
         {}\n\nEach has its own tests in its own file, which arrange what it must notice.\n\n\
         ## The lab\n\nThe checks include those that are undecided.\n",
        list(unseen)
    )?;
    table(&mut text, &lab)?;
    writeln!(text, "\n## A real zot\n")?;
    table(&mut text, &real)?;
    Ok(text)
}

#[test]
fn the_document_has_what_the_proofs_run_by() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kill-matrix.md");
    let text = document().expect("a string takes everything");
    if crate::support::updates() {
        std::fs::create_dir_all(file.parent().expect("it is in a folder")).expect("the folder can be made");
        std::fs::write(&file, &text).expect("the document can be written");
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "docs/kill-matrix.md is old: REGPROOF_UPDATE=1 cargo test --test real mutants::matrix");
}
