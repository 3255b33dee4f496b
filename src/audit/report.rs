//! An audit as text. Pure.
//!
//! JUnit goes through the writer of runs, so that there is one way in for hostile text.

use std::time::Duration;

use super::{Audit, Found};
use crate::model::level::Level;
use crate::model::outcome::{Case, ExitStatus, Finding, Fingerprint, Outcome, Run, Verdict};
use crate::report::{self, ReportError, visible};

/// The longest line of a finding on the console.
const LINE: usize = 400;
const TITLE: &str = "Every image of the registry is whole";

/// The audit as JSON.
pub(crate) fn json(audit: &Audit) -> String {
    let text = serde_json::to_string_pretty(audit);
    text.expect("an audit has only string keys, and writing to memory does not fail") + "\n"
}

/// The audit as JUnit: one testcase for each finding, or one that passed.
///
/// # Errors
/// As [`report::junit`].
pub(crate) fn junit(audit: &Audit) -> Result<String, ReportError> {
    let verdict = match audit.exit_status() {
        ExitStatus::Proven => Verdict::Pass,
        ExitStatus::Broken => Verdict::Fail,
        ExitStatus::Nothing => Verdict::Skip,
        ExitStatus::NotProven | ExitStatus::Usage => Verdict::Error,
    };
    let case = |found: &Found| Case {
        name: place(found),
        verdict: found.verdict,
        level: Level::Promise,
        finding: Some(Finding {
            summary: format!("{} is {}", place(found), state(found.verdict)),
            promise: String::new(),
            expected: found.expected.clone(),
            actual: found.actual.clone(),
            cause: found.cause.clone(),
            remedy: found.remedy.clone(),
            code: String::new(),
            exchange: None,
        }),
    };
    let why = (verdict != Verdict::Pass).then(|| Finding { summary: summary(audit), ..Finding::default() });
    let outcome = Outcome {
        id: "audit".to_owned(),
        title: TITLE.to_owned(),
        verdict,
        level: Level::Promise,
        finding: why,
        proven: None,
        waived: None,
        cases: audit.findings.iter().map(case).collect(),
        tables: vec![],
        notes: vec![summary(audit)],
        leftovers: vec![],
        transcript: vec![],
        screenshots: vec![],
        measures: vec![],
        told: vec![],
        started: audit.started,
        duration: Duration::try_from_secs_f64(audit.seconds).unwrap_or_default(),
    };
    let run = Run {
        schema: audit.schema,
        version: audit.version.clone(),
        scenario: audit.scenario.clone(),
        target: audit.target.clone(),
        registry: Fingerprint::default(),
        started: audit.started,
        duration: outcome.duration,
        part: None,
        interrupted: audit.interrupted.clone(),
        root: None,
        outcomes: vec![outcome],
    };
    report::junit(&[&run])
}

fn state(verdict: Verdict) -> &'static str {
    if verdict == Verdict::Fail { "not whole" } else { "undecided" }
}

/// Where a finding is, as clients write it.
fn place(found: &Found) -> String {
    let tag = if found.tag.is_empty() { String::new() } else { format!(":{}", found.tag) };
    let digest = if found.digest.is_empty() { String::new() } else { format!(" {}", found.digest) };
    format!("{}{tag}{digest}", found.repository)
}

/// One finding for the console.
pub(crate) fn line(found: &Found) -> String {
    let word = if found.verdict == Verdict::Fail { "FAIL" } else { "ERROR" };
    let mut text = format!("{word:<6} {}\n", visible(&place(found), LINE));
    let parts = [
        ("expected", &found.expected),
        ("actual", &found.actual),
        ("likely cause", &found.cause),
        ("fix", &found.remedy),
    ];
    for (label, part) in parts {
        text.push_str(&format!("       {label:<13} {}\n", visible(part, LINE)));
    }
    text
}

/// The end of an audit, in one or two lines.
pub(crate) fn summary(audit: &Audit) -> String {
    let counts = &audit.counts;
    let how = if audit.deep { "every byte hashed" } else { "blobs asked for, short ones hashed" };
    let mut text = format!(
        "{} tags in {} repositories as {}: {} manifests and {} blobs ({how}), {} broken, {} undecided",
        counts.tags, counts.repositories, audit.who, counts.manifests, counts.blobs, counts.broken, counts.undecided
    );
    for (number, what) in [
        (counts.foreign, "layers that lie elsewhere were not asked for"),
        (counts.vanished, "tags were removed meanwhile"),
        ((counts.broken + counts.undecided).saturating_sub(audit.findings.len() as u64), "findings are not listed"),
        (audit.resumed, "repositories had been finished before"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    if let Some(since) = audit.resumed_since {
        text.push_str(&format!(", the first of them at {}", since.truncate_to_second()));
    }
    if let Some(part) = audit.part {
        text.push_str(&format!(", part {part} alone"));
    }
    if let Some(reason) = &audit.interrupted {
        text.push_str(&format!("; ended early: {reason}"));
    }
    text
}
