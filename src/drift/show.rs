//! A difference in words: for people, for programs, for a comment. Pure.
//!
//! Every text may come from a registry or from a file that somebody else wrote, so none may steer a terminal or a page.

use super::compare::{Change, Diff, Kind};
use crate::report::{code, visible};

/// The longest line of one answer.
const LONGEST: usize = 2000;

const KINDS: [(Kind, &str, &str); 5] = [
    (Kind::Changed, "answer changed", "answers changed"),
    (Kind::Moved, "tag moved", "tags moved"),
    (Kind::Gone, "tag gone", "tags gone"),
    (Kind::Lost, "answer lost: not decided now", "answers lost: not decided now"),
    (Kind::New, "new answer: not known before", "new answers: not known before"),
];

/// For people.
#[must_use]
pub fn text(diff: &Diff) -> String {
    let mut text = String::new();
    for (word, head) in [("before", &diff.before), ("after", &diff.after)] {
        let line = format!("{word:<6}  {}  {}  {}", head.scenario, head.target, head.registry);
        text.push_str(&format!("{}\n", visible(line.trim_end(), LONGEST)));
    }
    for (title, changes) in sections(diff) {
        text.push_str(&format!("\n{title}\n"));
        for change in changes {
            text.push_str(&format!("  {}\n", visible(&change.id, LONGEST)));
        }
    }
    text.push('\n');
    for line in &diff.undecided {
        text.push_str(&format!("not decided {}\n", visible(line, LONGEST)));
    }
    for note in &diff.notes {
        text.push_str(&format!("note: {}\n", visible(note, LONGEST)));
    }
    text.push_str(&format!("{}\n", summary(diff)));
    text
}

/// For a comment or a job summary.
#[must_use]
pub fn markdown(diff: &Diff) -> String {
    let mut text = format!("### regproof diff: {}\n", summary(diff));
    for (title, changes) in sections(diff) {
        text.push_str(&format!("\n**{title}**\n\n"));
        for change in changes {
            text.push_str(&format!("- {}\n", code(&change.id)));
        }
    }
    if !diff.notes.is_empty() || !diff.undecided.is_empty() {
        text.push('\n');
    }
    for line in &diff.undecided {
        text.push_str(&format!("- not decided {}\n", code(line)));
    }
    for note in &diff.notes {
        text.push_str(&format!("- note: {}\n", code(note)));
    }
    text
}

/// For programs.
#[must_use]
pub fn json(diff: &Diff) -> String {
    let value = serde_json::to_value(diff).expect("texts and numbers are JSON");
    format!("{value:#}\n")
}

/// The last line: what differs, and of how much.
#[must_use]
pub fn summary(diff: &Diff) -> String {
    let open = diff.open().count();
    let accepted = diff.changes.len() - open;
    let mut parts = vec![match open {
        0 if !diff.undecided.is_empty() => "no change among the known answers".to_owned(),
        0 => "nothing changed".to_owned(),
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    }];
    if accepted > 0 {
        parts.push(format!("{accepted} accepted"));
    }
    let mut text = format!("{}; {} answers and {} tags compared", parts.join(", "), diff.answers, diff.tags);
    if diff.new_tags > 0 {
        text.push_str(&format!(", {} new tags", diff.new_tags));
    }
    text
}

/// The changes that count by kind, then the accepted ones.
fn sections(diff: &Diff) -> Vec<(String, Vec<&Change>)> {
    let mut sections = Vec::new();
    for (kind, one, many) in KINDS {
        let changes: Vec<&Change> = diff.open().filter(|change| change.kind == kind).collect();
        if !changes.is_empty() {
            sections.push((format!("{} {}", changes.len(), if changes.len() == 1 { one } else { many }), changes));
        }
    }
    let accepted: Vec<&Change> = diff.changes.iter().filter(|change| change.accepted).collect();
    if !accepted.is_empty() {
        sections.push((format!("{} accepted", accepted.len()), accepted));
    }
    sections
}
