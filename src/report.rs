//! Reports: pure functions from a run to text, one file per format.
//!
//! Nothing here reads a clock, a file or the environment, decides a verdict, or prints. Much of the text comes from the
//! registry and is hostile until proven otherwise: each format has exactly one way in for such text, in `text`.

mod console;
#[cfg(test)]
mod fuzz_tests;
mod har;
mod html;
mod junit;
mod left;
mod markdown;
pub mod output;
mod prometheus;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod text;

use std::path::PathBuf;

use serde::Serialize;

use crate::model::exchange::Exchange;
use crate::model::outcome::{Case, Finding, Fingerprint, Outcome, Root, Run, Verdict};

pub use self::console::{Look, console};
pub use self::har::har;
pub use self::html::html;
pub use self::junit::junit;
pub(crate) use self::markdown::code;
pub use self::markdown::markdown;
pub use self::prometheus::prometheus;
pub(crate) use self::prometheus::{Watched, watched};
pub use self::text::{visible, xml_text};

// The labels of a finding, the same in each format that people read.
const PROMISE: &str = "promise";
const EXPECTED: &str = "expected";
const ACTUAL: &str = "actual";
const CAUSE: &str = "likely cause";
const FIX: &str = "fix";
const REPRODUCE: &str = "reproduce";
/// Wider than the longest label.
const LABEL: usize = 13;

/// The parts of a root that say something, each under its label.
fn labelled_root(root: &Root) -> impl Iterator<Item = (&'static str, &str)> {
    let rows = [(ACTUAL, root.actual.as_str()), (CAUSE, &root.cause), (FIX, &root.remedy)];
    rows.into_iter().filter(|(_, text)| !text.is_empty())
}

/// The version of the JSON format.
const SCHEMA: u32 = 1;

/// What the console shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned lines for people.
    #[default]
    Pretty,
    /// `name... OK` lines, as a services check prints them.
    Services,
    /// Annotations for GitHub and Forgejo runners, then the pretty text.
    Github,
}

/// Why a report is not there, or not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The JUnit library could not write.
    #[error("render the JUnit report: {0}")]
    Junit(String),
    /// Our own JUnit text does not read back as what was meant. It is not returned.
    #[error("read our own JUnit report back: {0}")]
    Malformed(String),
    /// The file could not be written; a former file of that name is untouched.
    #[error("write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A secret got past the redactor. It was replaced, and the file was written.
    #[error("keep a secret out of {}: it was replaced before writing; please report this as a bug of regproof", path.display())]
    Leaked {
        /// The file.
        path: PathBuf,
    },
}

/// The run as JSON: one run at the top level, several under `runs`.
#[must_use]
pub fn json(runs: &[&Run]) -> String {
    #[derive(Serialize)]
    struct Runs<'a> {
        schema: u32,
        runs: &'a [&'a Run],
    }
    let text = match runs {
        [run] => serde_json::to_string_pretty(run),
        runs => serde_json::to_string_pretty(&Runs { schema: SCHEMA, runs }),
    };
    let mut text = text.expect("a run has only string keys, and writing to memory does not fail");
    text.push('\n');
    text
}

/// The registry as it names itself.
fn registry_name(registry: &Fingerprint) -> String {
    let words: Vec<&str> = [&registry.product, &registry.release].into_iter().flatten().map(String::as_str).collect();
    if words.is_empty() { "unknown registry".to_owned() } else { words.join(" ") }
}

/// The exit status; the run does not know whether `--no-skips` was given, so both are told where they differ.
fn exit_status(run: &Run) -> String {
    let (usual, strict) = (run.exit_status(false).code(), run.exit_status(true).code());
    if usual == strict { usual.to_string() } else { format!("{usual} ({strict} with --no-skips)") }
}

/// Why a check did not pass, in one sentence; empty for a check that passed.
fn reason(outcome: &Outcome) -> String {
    let summary = outcome.finding.as_ref().map_or("", |finding| finding.summary.as_str());
    match &outcome.waived {
        Some(waiver) if summary.is_empty() => format!("waived: {waiver}"),
        Some(waiver) => format!("waived: {waiver} ({summary})"),
        None if outcome.verdict == Verdict::Pass => String::new(),
        None if !summary.is_empty() => summary.to_owned(),
        None => differing(outcome).next().map_or_else(|| "no reason was recorded".to_owned(), |case| case.name.clone()),
    }
}

/// The cases that are not as promised.
fn differing(outcome: &Outcome) -> impl Iterator<Item = &Case> {
    outcome.cases.iter().filter(|case| matches!(case.verdict, Verdict::Fail | Verdict::Error))
}

/// The parts of a finding that say something, each under its label; the first case stands in for an empty finding.
fn details(outcome: &Outcome) -> Vec<(&'static str, &str)> {
    let finding = outcome.finding.as_ref().or_else(|| differing(outcome).find_map(|case| case.finding.as_ref()));
    let Some(finding) = finding else { return Vec::new() };
    let mut rows = labelled(finding);
    // A check's promise, unless its finding has a narrower one.
    if finding.promise.is_empty() && !outcome.title.is_empty() {
        rows.insert(0, (PROMISE, outcome.title.as_str()));
    }
    rows
}

fn labelled(finding: &Finding) -> Vec<(&'static str, &str)> {
    [
        (PROMISE, finding.promise.as_str()),
        (EXPECTED, finding.expected.as_str()),
        (ACTUAL, finding.actual.as_str()),
        (CAUSE, finding.cause.as_str()),
        (FIX, finding.remedy.as_str()),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .collect()
}

/// The exchange that shows what broke; for a check that could not decide, the one that had no answer.
fn evidence(outcome: &Outcome) -> Option<&Exchange> {
    let own = outcome.finding.as_ref().and_then(|finding| finding.exchange);
    let named = own.or_else(|| differing(outcome).find_map(|case| case.finding.as_ref()?.exchange));
    match named {
        Some(index) => outcome.transcript.get(index),
        None if outcome.verdict == Verdict::Error => outcome.transcript.iter().find(|shown| shown.error.is_some()),
        None => None,
    }
}

/// Whether this check is not proven because of the root, and is told with it.
fn hangs_on_root(run: &Run, outcome: &Outcome) -> bool {
    run.root.as_ref().is_some_and(|root| root.hangs.contains(&outcome.id))
}

/// The check whose own finding is the root, where no cause explains it together with others.
fn lead(run: &Run) -> Option<&Outcome> {
    let root = run.root.as_ref().filter(|root| !root.hangs.contains(&root.check))?;
    run.outcomes.iter().find(|outcome| outcome.id == root.check)
}

/// `3 checks depend on this: 2 of access, 1 of publish`, where any does.
fn hanging(root: &Root) -> Option<String> {
    let mut areas: Vec<(&str, usize)> = Vec::new();
    for id in &root.hangs {
        let area = id.split("::").next().unwrap_or_default();
        match areas.iter_mut().find(|(name, _)| *name == area) {
            Some((_, number)) => *number += 1,
            None => areas.push((area, 1)),
        }
    }
    let areas: Vec<String> = areas.iter().map(|(area, number)| format!("{number} of {area}")).collect();
    match root.hangs.as_slice() {
        [] => None,
        [one] => Some(format!("1 check depends on this: {one}")),
        all => Some(format!("{} checks depend on this: {}", all.len(), areas.join(", "))),
    }
}

/// Whether a check needs someone to look at it.
fn is_broken(outcome: &Outcome) -> bool {
    matches!(outcome.verdict, Verdict::Fail | Verdict::Error)
}

/// The checks that need someone to look at them: what is broken or not proven first, then the warnings.
fn to_look_at(run: &Run) -> impl Iterator<Item = (usize, &Outcome)> {
    let broken = || run.outcomes.iter().enumerate().filter(|(_, outcome)| is_broken(outcome));
    broken().filter(|(_, outcome)| !outcome.warns()).chain(broken().filter(|(_, outcome)| outcome.warns()))
}

/// `, 2 warnings`, where there are any.
fn with_warnings(run: &Run) -> String {
    match run.summary().warn {
        0 => String::new(),
        warnings => format!(", {}", text::count(warnings, "warning")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::level::Level;
    use crate::report::sample;

    #[test]
    fn one_run_is_the_json_and_several_are_listed() {
        let run = sample::run();
        let one: serde_json::Value = serde_json::from_str(&json(&[&run])).unwrap();
        assert_eq!(one["schema"], 1);
        assert_eq!(one["outcomes"][1]["verdict"], "fail");
        assert_eq!(one["outcomes"].as_array().unwrap().len(), run.outcomes.len());
        let two: serde_json::Value = serde_json::from_str(&json(&[&run, &run])).unwrap();
        assert_eq!(two["schema"], 1);
        assert_eq!(two["runs"][1]["scenario"], one["scenario"]);
        sample::snapshot("json", &json(&[&sample::small()]));
    }

    #[test]
    fn every_outcome_that_is_not_proven_has_a_reason() {
        let case = |name: &str, verdict| Case { name: name.to_owned(), verdict, finding: None, level: Level::Promise };
        let with = |verdict, summary: &str, waived: Option<&str>, cases: Vec<Case>| {
            let finding = Some(Finding { summary: summary.to_owned(), ..Finding::default() });
            let waived = waived.map(str::to_owned);
            reason(&Outcome { finding, waived, cases, ..sample::outcome("a::b", "", verdict, 0) })
        };
        let cases = || vec![case("good", Verdict::Pass), case("bad", Verdict::Fail), case("worse", Verdict::Fail)];
        assert_eq!(with(Verdict::Pass, "", None, cases()), "");
        assert_eq!(with(Verdict::Fail, "broken", None, cases()), "broken");
        assert_eq!(with(Verdict::Fail, "", None, cases()), "bad");
        assert_eq!(with(Verdict::Error, "", None, vec![]), "no reason was recorded");
        assert_eq!(with(Verdict::Skip, "broken", Some("known"), vec![]), "waived: known (broken)");
        assert_eq!(with(Verdict::Skip, "", Some("known"), vec![]), "waived: known");
    }

    #[test]
    fn how_much_was_proven_stands_in_every_report_that_explains_a_verdict() {
        for verdict in [Verdict::Pass, Verdict::Fail, Verdict::Error] {
            let mut run = sample::small();
            run.outcomes = vec![sample::outcome("a::b", "c", verdict, 0)];
            run.outcomes[0].proven = Some("119 of 168 proven".to_owned());
            for (name, text) in sample::every_format(&run) {
                let told = !matches!(name, "prometheus" | "har") && (verdict == Verdict::Pass || name != "services");
                assert_eq!(text.contains("119 of 168 proven"), told, "{verdict:?} {name}");
            }
        }
    }

    #[test]
    fn the_root_is_told_first_and_once_and_what_hangs_on_it_is_folded() {
        let mut run = sample::run();
        run.root = Some(Root {
            code: "connection-refused".into(),
            summary: "nothing answers there".into(),
            actual: "Connection refused".into(),
            cause: "it is stopped".into(),
            remedy: "start it".into(),
            check: "publish::api_key_can_push".into(),
            exchange: Some(0),
            hangs: vec!["publish::api_key_can_push".into()],
        });
        let formats = sample::every_format(&run);
        let of = |wanted: &str| formats.iter().find(|(name, _)| *name == wanted).unwrap().1.as_str();
        let (pretty, verbose) =
            (of("pretty"), console(&[&run], Format::Pretty, Look { verbose: true, ..Look::default() }));
        let first: Vec<&str> = pretty.lines().take(10).collect();
        assert!(first.iter().any(|line| line.contains("nothing answers there")), "{pretty}");
        assert!(first.iter().any(|line| line.contains("start it")), "{pretty}");
        assert_eq!(pretty.matches("publish::api_key_can_push").count(), 1, "{pretty}");
        assert!(verbose.matches("publish::api_key_can_push").count() > 2, "{verbose}");
        // One annotation for all that hang on it.
        assert!(of("github").starts_with("::error title=FIRST connection-refused::nothing answers there"));
        assert!(!of("github").contains("title=ERROR publish::api_key_can_push"), "{}", of("github"));
        assert!(of("markdown").contains("**First:** ` nothing answers there `"), "{}", of("markdown"));
        assert!(!of("markdown").contains("### ⚠️ error ` publish::api_key_can_push `"), "{}", of("markdown"));
        assert!(of("html").contains("<h2>First</h2>") && of("html").contains("<details class=\"hanging\">"));
        assert!(of("junit").contains("first: nothing answers there"), "{}", of("junit"));
        assert!(of("junit").contains("<property name=\"root\" value=\"connection-refused: nothing answers there\"/>"));
        let json: serde_json::Value = serde_json::from_str(of("json")).unwrap();
        assert_eq!((&json["root"]["code"], &json["schema"]), (&"connection-refused".into(), &1.into()));
        assert_eq!(run.exit_status(false), sample::run().exit_status(false));
    }

    #[test]
    fn only_what_could_not_decide_is_shown_by_an_exchange_that_nobody_named() {
        let lost = Exchange { url: "lost".to_owned(), error: Some("reset".to_owned()), ..Exchange::default() };
        let shown = |verdict, named| {
            let finding = Some(Finding { exchange: named, ..Finding::default() });
            let transcript = vec![Exchange { url: "first".to_owned(), ..Exchange::default() }, lost.clone()];
            let outcome = Outcome { finding, transcript, ..sample::outcome("a::b", "", verdict, 0) };
            evidence(&outcome).map(|exchange| exchange.url.clone())
        };
        assert_eq!(shown(Verdict::Fail, Some(0)).as_deref(), Some("first"));
        assert_eq!(shown(Verdict::Fail, None), None);
        assert_eq!(shown(Verdict::Error, None).as_deref(), Some("lost"));
        assert_eq!(shown(Verdict::Error, Some(7)), None);
    }

    #[test]
    fn no_format_holds_a_secret_or_a_part_of_one() {
        let run = sample::run();
        let redactor = sample::redactor();
        assert!(redactor.leaks(&format!("{run:?}")), "the sample holds a secret, as a careless check would");
        let clean = output::redacted(&run, &redactor);
        for (name, text) in sample::every_format(&clean) {
            assert!(!redactor.leaks(&text) && !text.contains(&sample::SECRET[..6]), "{name}");
        }
    }

    #[test]
    fn the_firewall_stops_a_secret_in_any_format() {
        let mut run = sample::run();
        let finding = run.outcomes[3].finding.as_mut().unwrap();
        finding.actual = format!("sent {}", sample::SECRET);
        finding.summary = finding.actual.clone();
        let redactor = sample::redactor();
        for (name, text) in sample::every_format(&run) {
            let (clean, leaked) = output::firewall(&text, &redactor);
            assert!(!clean.contains(&sample::SECRET[..6]), "{name}");
            assert!(leaked || matches!(name, "services" | "prometheus" | "har"), "{name}");
        }
    }

    #[test]
    fn the_firewall_leaves_every_format_whole() {
        let run = sample::run();
        for (name, text) in sample::every_format(&run) {
            let (clean, _) = output::firewall(&text, &sample::redactor());
            match name {
                "junit" => {
                    roxmltree::Document::parse(&clean).unwrap();
                }
                "json" | "har" => {
                    serde_json::from_str::<serde_json::Value>(&clean).unwrap();
                }
                // A line that is lost or joined would be another report to a program that reads lines.
                _ => assert_eq!(clean.lines().count(), text.lines().count(), "{name}"),
            }
        }
    }
}
