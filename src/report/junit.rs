//! The JUnit file: one testcase per check, or per case of a check.
//!
//! junit-report writes whatever text it is given, so nothing goes into it except through `xml_text`, and the file is read back
//! strictly before it is returned: a report is whole or an error.

use junit_report::{Duration as Span, ReportBuilder, TestCase, TestResult, TestSuiteBuilder};

use crate::model::outcome::{Finding, Outcome, Run, Verdict};
use crate::model::shown::Shown;
use crate::report::console::aligned;
use crate::report::left;
use crate::report::text::{exchange, visible, xml_text};
use crate::report::{
    LABEL, PROMISE, REPRODUCE, ReportError, evidence, hanging, hangs_on_root, labelled, labelled_root, reason,
    registry_name,
};

/// The longest message; the element's text has the rest.
const MESSAGE: usize = 300;

/// The runs as JUnit XML, one suite per run. Valid against Jenkins' junit-10 schema, and against junit-4 but for the reasons of skips.
///
/// # Errors
/// If the text does not read back as XML with exactly the testcases and verdicts of the runs.
pub fn junit(runs: &[&Run]) -> Result<String, ReportError> {
    let mut report = ReportBuilder::new();
    let mut expected = [0; 4];
    let mut properties = Vec::new();
    for run in runs {
        let mut suite = TestSuiteBuilder::new(&attribute(&run.scenario));
        suite.set_timestamp(run.started).set_system_out(&xml_text(&head(run)));
        suite.testsuite.package = attribute(&format!("regproof {} {}", run.version, registry_name(&run.registry)));
        suite.testsuite.hostname = attribute(&run.target);
        for outcome in &run.outcomes {
            for row in rows(outcome) {
                let mut case = testcase(run, outcome, &row);
                if row.shown == Shown::Warn {
                    let story = case.system_out.take().unwrap_or_default();
                    case.set_system_out(&format!("{}{story}", xml_text(&explained(outcome, &row))));
                }
                expected[counted(row.shown) as usize] += 1;
                properties.push(properties_of(run, outcome, &row));
                suite.add_testcase(case);
            }
        }
        report.add_testsuite(suite.build());
    }
    let mut bytes = Vec::new();
    report.build().write_xml(&mut bytes).map_err(|error| ReportError::Junit(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| ReportError::Junit(error.to_string()))?;
    // Attributes are in double quotes, so the apostrophe needs no entity; as itself the output firewall knows it in a secret.
    let text = text.replace("&apos;", "'");
    verify(&text, expected)?;
    let text = with_properties(text, &properties)?;
    verify(&text, expected)?;
    Ok(text)
}

/// As JUnit counts it: a warning is a testcase that passes.
fn counted(shown: Shown) -> Verdict {
    match shown {
        Shown::Pass | Shown::Warn => Verdict::Pass,
        Shown::Skip => Verdict::Skip,
        Shown::Error => Verdict::Error,
        Shown::Fail => Verdict::Fail,
    }
}

/// What a machine reads of a testcase besides its verdict.
fn properties_of(run: &Run, outcome: &Outcome, row: &Row<'_>) -> Vec<(&'static str, String)> {
    let code = row.finding.map(|finding| finding.code.as_str()).filter(|code| !code.is_empty());
    let code = code.map(|code| ("code", attribute(code)));
    let root = run.root.as_ref().filter(|_| row.first && hangs_on_root(run, outcome));
    let root = root.map(|root| ("root", attribute(&format!("{}: {}", root.code, root.summary))));
    let proven = outcome.proven.iter().filter(|_| row.first).map(|proven| ("proven", attribute(proven)));
    let warned =
        (row.shown == Shown::Warn).then(|| [("level", "advice".to_owned()), ("warning", attribute(&row.reason))]);
    proven.chain(warned.into_iter().flatten()).chain(code).chain(root).collect()
}

/// Puts properties into testcases, which the library cannot write: in front of what each has, where a parser finds it.
fn with_properties(mut text: String, properties: &[Vec<(&'static str, String)>]) -> Result<String, ReportError> {
    let malformed = |error: roxmltree::Error| ReportError::Malformed(error.to_string());
    let document = roxmltree::Document::parse(&text).map_err(malformed)?;
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let places = cases.map(|case| case.first_child().map(|child| child.range().start)).collect::<Vec<_>>();
    // From the end, so that what is put in moves no place that is still to come.
    for (place, properties) in places.into_iter().zip(properties).rev() {
        let Some(place) = place.filter(|_| !properties.is_empty()) else { continue };
        let of = |(name, value): &(&str, String)| format!("<property name=\"{name}\" value=\"{}\"/>", escaped(value));
        let all: String = properties.iter().map(of).collect();
        text.insert_str(place, &format!("<properties>{all}</properties>"));
    }
    Ok(text)
}

/// A value between double quotes (XML 1.0, section 2.4).
fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What belongs to the whole run; what others can read of what it left comes first.
fn head(run: &Run) -> String {
    let left: String =
        left::readable(run).into_iter().map(|one| format!("left behind: {}\n", left::line(one))).collect();
    format!("{}{left}{}", first(run), facts(run))
}

/// What is wrong first, in a few lines.
fn first(run: &Run) -> String {
    let Some(root) = &run.root else { return String::new() };
    let mut text = format!("first: {}\n", root.summary);
    for (label, detail) in labelled_root(root) {
        text.push_str(&format!("{label:<LABEL$} {detail}\n"));
    }
    text.extend(hanging(root).map(|hanging| format!("{hanging}\n")));
    text
}

/// One testcase to be.
struct Row<'a> {
    name: String,
    shown: Shown,
    finding: Option<&'a Finding>,
    reason: String,
    first: bool,
}

/// The testcases of a check: its cases, and the check itself where no case carries its verdict.
fn rows(outcome: &Outcome) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = outcome
        .cases
        .iter()
        .map(|case| {
            let broken = matches!(case.verdict, Verdict::Fail | Verdict::Error);
            // A waiver speaks for the whole check: its cases must not turn a gate red either.
            let (shown, why) = match &outcome.waived {
                Some(_) if broken => (Shown::Skip, reason(outcome)),
                _ => (case.shown(), case.finding.as_ref().map_or_else(String::new, |finding| finding.summary.clone())),
            };
            let name = format!("{}: {}", outcome.id, case.name);
            Row { name, shown, finding: case.finding.as_ref(), reason: why, first: false }
        })
        .collect();
    if !rows.iter().any(|row| row.shown == outcome.shown()) {
        let finding = outcome.finding.as_ref();
        let name = outcome.id.clone();
        rows.insert(0, Row { name, shown: outcome.shown(), finding, reason: reason(outcome), first: false });
    }
    rows[0].first = true;
    rows
}

fn testcase(run: &Run, outcome: &Outcome, row: &Row<'_>) -> TestCase {
    let area = outcome.id.split("::").next().unwrap_or_default();
    // The check's time counts once, so that the suite's sum stays the sum of its checks.
    let seconds = if row.first { outcome.duration.as_secs_f64() } else { 0.0 };
    let mut case = TestCase::success(&attribute(&row.name), Span::seconds_f64(seconds));
    case.set_classname(&attribute(&format!("{}.{area}", run.scenario)));
    let message = if row.reason.is_empty() { row.shown.word() } else { row.reason.as_str() };
    let (type_, message) = (row.shown.word().to_owned(), attribute(message));
    let cause = Some(xml_text(&explained(outcome, row)));
    case.result = match row.shown {
        Shown::Pass | Shown::Warn => TestResult::Success,
        Shown::Fail => TestResult::Failure { type_, message, cause },
        Shown::Error => TestResult::Error { type_, message, cause },
        // Some viewers show a skip's message, some its text, so the reason stands in both.
        Shown::Skip => TestResult::SkippedWithCause { type_, message, cause },
    };
    if row.first {
        case.set_system_out(&xml_text(&story(run, outcome)));
    }
    case
}

fn explained(outcome: &Outcome, row: &Row<'_>) -> String {
    let mut text = format!("{}\n", row.reason);
    if row.finding.is_none_or(|finding| finding.promise.is_empty()) {
        text.push_str(&format!("{PROMISE:<LABEL$} {}\n", outcome.title));
    }
    for (label, detail) in row.finding.map(labelled).unwrap_or_default() {
        text.push_str(&format!("{label:<LABEL$} {detail}\n"));
    }
    let index = row.finding.and_then(|finding| finding.exchange);
    if let Some(exchange) = index.and_then(|index| outcome.transcript.get(index)) {
        text.push_str(&format!("{REPRODUCE:<LABEL$} {}\n", exchange.repeat()));
    }
    text
}

/// What belongs to the check as a whole: where it ran, notes, leftovers, tables, and the exchange that shows the fault.
fn story(run: &Run, outcome: &Outcome) -> String {
    let mut text = format!("{}\n{}\n", outcome.title, facts(run));
    let mut left: Vec<_> = outcome.leftovers.iter().collect();
    left.sort_by_key(|one| one.readable_by.is_none());
    for left in left {
        text.push_str(&format!("left behind: {}\n", left::line(left)));
    }
    if let Some(proven) = &outcome.proven {
        text.push_str(&format!("proven: {proven}\n"));
    }
    for note in &outcome.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for table in &outcome.tables {
        text.push_str(&format!("\n{}\n", aligned(table).join("\n")));
    }
    if let Some(shown) = evidence(outcome) {
        text.push_str(&format!("\n{}", exchange(shown)));
    }
    text
}

fn facts(run: &Run) -> String {
    xml_text(&format!(
        "regproof {}, scenario {}, target {}, registry {}",
        run.version,
        run.scenario,
        run.target,
        registry_name(&run.registry)
    ))
}

/// One line: readers normalise line breaks in attributes away, and names are shown in logs.
fn attribute(text: &str) -> String {
    xml_text(&visible(text, MESSAGE))
}

/// Reads the file back: well-formed, and exactly the testcases and verdicts that were meant.
fn verify(text: &str, expected: [usize; 4]) -> Result<(), ReportError> {
    if let Some(c) = text.chars().find(|c| !is_xml_char(*c)) {
        return Err(ReportError::Malformed(format!("it holds {}, which XML 1.0 does not allow", c.escape_unicode())));
    }
    let document = roxmltree::Document::parse(text).map_err(|error| ReportError::Malformed(error.to_string()))?;
    let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
    let of = |verdict: Verdict| expected[verdict as usize];
    for (name, meant) in [
        ("testcase", expected.iter().sum()),
        ("failure", of(Verdict::Fail)),
        ("error", of(Verdict::Error)),
        ("skipped", of(Verdict::Skip)),
    ] {
        let found = count(name);
        if found != meant {
            return Err(ReportError::Malformed(format!("{found} of {name} instead of {meant}")));
        }
    }
    Ok(())
}

/// XML 1.0, section 2.2.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests;
