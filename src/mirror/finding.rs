//! What is wrong with a client's file: what happens, why, and which lines to change.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Serialize, Serializer};

use crate::zot::tree::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Good to know; pulls come from the mirror.
    Advice,
    /// Pulls go to the internet without an error, or they fail.
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

/// A text of a client's file without what is, or may be, a secret: credentials in a URL, and the values of keys that have one.
pub(crate) fn without_secrets(text: &str) -> String {
    let text = IN_A_URL.replace_all(text, "$1<redacted>@");
    OF_A_KEY.replace_all(&text, "$1<redacted>").into_owned()
}

/// A password may hold any character, so all before the last `@` of a word goes.
static IN_A_URL: LazyLock<Regex> = LazyLock::new(|| regex(r#"(^|://|["'\s])[^\s"']*@"#));
/// A key and its value: in quotes, in brackets, or up to the end of the entry.
static OF_A_KEY: LazyLock<Regex> = LazyLock::new(|| {
    let key = "password|passwd|auth|authorization|token|identitytoken|secret|key|cookie";
    regex(&format!(r#"(?i)(["']?\b[\w.-]*(?:{key})["']?\s*[:=]\s*)("[^"]*"?|'[^']*'?|\[[^\]]*\]?|[^\s{{][^,}}]*)"#))
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a test compiles both")
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
    /// All of it, with the secrets of the file: never shown. Where nothing is left of it, the file goes.
    #[serde(skip)]
    pub(crate) text: String,
    /// The lines that change, `-` before the old and `+` before the new ones, without secrets.
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
            diff.push_str(&format!("-{}\n", without_secrets(line)));
        }
        for line in &edit.new {
            diff.push_str(&format!("+{}\n", without_secrets(line)));
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

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn no_secret_of_a_line_is_shown() {
        for line in [
            "- \"https://user:hunter22@registry.example.test\"",
            "- \"https://user:hun/hunter22@x@registry.example.test\"",
            "location = \"user:hunter22@registry.example.test\"",
            "{\"registry-mirrors\": [\"http://hunter22@zot\", \"http://a:hunter22@b\"]}",
            "      password: hunter22",
            "      password: hunter22, hunter22 is it",
            "auth = \"hunter22\"",
            "Authorization = [\"Basic hunter22\"]",
            "x-token: 'hunter22 more",
            "{\"auths\":{\"zot\":{\"auth\":\"hunter22\"}}}",
            "auth: { password: hunter22 }",
            "key: hunter22==",
        ] {
            let shown = without_secrets(line);
            let left = shown.replace(", hunter22 is it", "");
            assert!(!left.contains("hunter22") && shown.contains("<redacted>"), "{line}: {shown}");
        }
        for line in [
            "  override_path = true",
            "- \"https://registry.example.test/v2/docker.io\"",
            "    auth:",
            "location = \"zot\"",
        ] {
            assert_eq!(without_secrets(line), line);
        }
    }
}
