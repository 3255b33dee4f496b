//! What is wrong with a client's file: what happens, why, and which lines to change.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::zot::tree::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Good to know; pulls come from the mirror.
    Advice,
    /// Pulls go to the internet and nobody is told, or they fail.
    Failure,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Finding {
    /// Which mistake it is, such as `mirror::no_path`.
    pub(crate) code: &'static str,
    /// How bad it is.
    pub(crate) level: Level,
    /// The file that says so.
    pub(crate) file: String,
    /// Where in it.
    #[serde(serialize_with = "as_text")]
    pub(crate) place: Place,
    /// What happens.
    pub(crate) what: String,
    /// Why it happens.
    pub(crate) why: String,
    /// What to do.
    pub(crate) remedy: String,
    /// The lines to change; none where the file cannot be put right by itself.
    #[serde(skip)]
    pub(crate) edits: Vec<Edit>,
}

fn as_text<S: Serializer>(place: &Place, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(place)
}

impl Finding {
    pub(crate) fn new(code: &'static str, level: Level, file: &str, place: Place) -> Self {
        let empty = String::new;
        Self { code, level, file: file.to_owned(), place, what: empty(), why: empty(), remedy: empty(), edits: vec![] }
    }

    /// Whether pulls leave the registry by it, or fail.
    pub(crate) fn fails(&self) -> bool {
        self.level == Level::Failure
    }

    pub(crate) fn what(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    pub(crate) fn edits(mut self, edits: Vec<Edit>) -> Self {
        self.edits = edits;
        self
    }
}

/// Lines of a file that are replaced by others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Edit {
    /// The file.
    pub(crate) file: String,
    /// The first line that goes, or before which the new ones come. Counted from one.
    pub(crate) line: usize,
    /// How many lines go.
    pub(crate) gone: usize,
    /// The lines that come instead.
    pub(crate) new: Vec<String>,
}

/// A file as it must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Fix {
    /// The file.
    pub(crate) file: String,
    /// All of it. Where nothing is left of it, the file goes.
    pub(crate) text: String,
    /// The lines that change, `-` before the old and `+` before the new ones.
    pub(crate) diff: String,
}

/// The corrected files. Of two that replace one line the first counts, as two mistakes may have one remedy.
pub(crate) fn fixes<'a>(findings: impl IntoIterator<Item = &'a Finding>, texts: &BTreeMap<String, String>) -> Vec<Fix> {
    let mut by_file: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in findings.into_iter().flat_map(|finding| &finding.edits) {
        let edits = by_file.entry(&edit.file).or_default();
        let meets =
            |other: &&Edit| *other == edit || edit.line < other.line + other.gone && other.line < edit.line + edit.gone;
        if !edits.iter().any(meets) {
            edits.push(edit);
        }
    }
    let fix = |(file, edits): (&str, Vec<&Edit>)| apply(file, texts.get(file).map_or("", String::as_str), edits);
    by_file.into_iter().map(fix).collect()
}

fn apply(file: &str, text: &str, mut edits: Vec<&Edit>) -> Fix {
    edits.sort_by_key(|edit| (edit.line, edit.gone));
    let old: Vec<&str> = text.lines().collect();
    let (mut new, mut diff, mut at) = (Vec::<&str>::new(), String::new(), 0);
    for edit in edits {
        let from = (edit.line.saturating_sub(1)).clamp(at, old.len().max(at));
        let to = (from + edit.gone).min(old.len());
        new.extend(old.get(at..from).unwrap_or_default());
        diff.push_str(&format!("@@ line {} @@\n", from + 1));
        for line in old.get(from..to).unwrap_or_default() {
            diff.push_str(&format!("-{line}\n"));
        }
        for line in &edit.new {
            diff.push_str(&format!("+{line}\n"));
            new.push(line);
        }
        at = to.max(at);
    }
    new.extend(old.get(at..).unwrap_or_default());
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut text = new.join(end);
    if !text.is_empty() {
        text.push_str(end);
    }
    Fix { file: file.to_owned(), text, diff }
}
