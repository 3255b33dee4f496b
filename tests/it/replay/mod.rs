//! Reads recordings and compares an answer with a recorded one, as far as two plays can be compared.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use regproof::lab::Lab;
use serde::Deserialize;

use crate::wire::Reply;

#[derive(Debug, Deserialize)]
pub struct Line {
    pub id: String,
    #[serde(default)]
    pub who: String,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub method: String,
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub url: String,
    pub path_from: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
    pub answer: Answer,
}

#[derive(Debug, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub headers: Option<Vec<(String, String)>>,
    pub body: Option<String>,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

pub fn lines(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn recordings(of: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(folder().join(of))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    found.sort();
    found
}

/// One difference between the lab and a recording.
pub struct Difference {
    pub recording: String,
    pub id: String,
    pub what: String,
    pub text: String,
}

pub static VARYING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let patterns =
        [(uuid, "UUID"), (r"20\d\d-\d\d-\d\dT[0-9:.]+Z", "TIME"), (r#""apiKey":"[^"]*""#, "\"apiKey\":\"KEY\"")];
    patterns.into_iter().map(|(pattern, by)| (Regex::new(pattern).unwrap(), by)).collect()
});

/// Addresses, identifiers, times and secrets differ from play to play.
pub fn normal(lab: &Lab, text: &str) -> String {
    let mut text = text.to_owned();
    for (own, recorded) in [(lab.url(), "127.0.0.1:5050"), (lab.issuer(), "127.0.0.1:9400")] {
        let own = own.trim_start_matches("http://");
        text = text.replace(own, recorded).replace(&own.replace(':', "%3A"), &recorded.replace(':', "%3A"));
    }
    for (pattern, by) in VARYING.iter() {
        text = pattern.replace_all(&text, *by).into_owned();
    }
    text
}

/// Name and flags of a cookie; of its value only whether there is one. The recorder left out some attributes' values.
pub fn cookie(line: &str) -> String {
    let mut parts = line.split("; ");
    let (name, value) = parts.next().unwrap_or_default().split_once('=').unwrap_or_default();
    let mut shape = format!("{name}={}", if value.is_empty() { "" } else { "VALUE" });
    for part in parts {
        let known = part.split_once('=').map_or(part, |(name, _)| name);
        let _ = write!(shape, "; {}", if ["Expires", "Path"].contains(&known) { known } else { part });
    }
    shape
}

/// What the recorder kept of a header, in a form that can be compared.
pub fn header_lines(lab: &Lab, headers: &[(String, String)], name: &str) -> Vec<String> {
    let mut values: Vec<String> = headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| if name == "set-cookie" { cookie(value) } else { normal(lab, value) })
        .collect();
    values.sort();
    values
}

/// The differences between an answer and its recording: (what, text).
pub fn differences(lab: &Lab, recorded: &Answer, reply: &Reply, compared: &BTreeSet<String>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if recorded.status != reply.status {
        found.push(("status".to_owned(), format!("recorded {}, lab {}", recorded.status, reply.status)));
    }
    if let Some(headers) = &recorded.headers {
        for name in compared {
            let (was, is) = (header_lines(lab, headers, name), header_lines(lab, &reply.headers, name));
            if was != is {
                found.push((name.clone(), format!("recorded {was:?}, lab {is:?}")));
            }
        }
    }
    if let Some(body) = &recorded.body {
        let (was, is) = (normal(lab, body), normal(lab, &reply.body));
        if was != is {
            found.push(("body".to_owned(), format!("recorded {was:?}, lab {is:?}")));
        }
    }
    found
}

/// The names of all headers that a set of lines has: what its recorder kept.
pub fn kept(lines: &[Line]) -> BTreeSet<String> {
    let all = lines.iter().filter_map(|line| line.answer.headers.as_ref()).flatten();
    all.map(|(name, _)| name.to_ascii_lowercase()).collect()
}
