//! The console: for people, for a services check, and for the annotations of GitHub and Forgejo runners.
//!
//! Remote text never starts a line: runners take a line that begins with `::` as a command. Detail lines carry a fixed bar.

use std::borrow::Cow;

use crate::model::outcome::{Case, Outcome, Root, Run, Table, Verdict};
use crate::model::shown::Shown;
use crate::report::left;
use crate::report::text::{count, seconds, visible};
use crate::report::{
    CAUSE, EXPECTED, FIX, Format, LABEL, REPRODUCE, details, differing, evidence, exit_status, hanging, hangs_on_root,
    is_broken, labelled_root, lead, reason, registry_name, to_look_at, with_warnings,
};

/// What stands before every line that holds remote text.
const BAR: &str = "      │ ";
/// The longest detail; a longer one is in the other reports.
const DETAIL: usize = 400;
/// As many cases as fit on a screen; a table shows the others at a glance.
const CASES: usize = 20;
/// The longest text beside a check.
const BESIDE: usize = 160;
/// Enough for a request that regproof makes, so that the line can be pasted.
const COMMAND: usize = 4000;
/// The least room for a text beside its label: a terminal of fewer columns wraps by itself.
const NARROWEST: usize = 24;

/// How the console looks: a matter of the terminal and of its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether there are colours.
    pub colour: bool,
    /// Whether the checks are shown too that hang on the root.
    pub verbose: bool,
    /// The columns of the terminal; lines are not wrapped where there is none.
    pub width: Option<usize>,
}

impl From<bool> for Look {
    fn from(colour: bool) -> Look {
        Look { colour, ..Look::default() }
    }
}

/// Runs as console text.
#[must_use]
pub fn console(runs: &[&Run], format: Format, look: impl Into<Look>) -> String {
    let (several, look) = (runs.len() > 1, look.into());
    let texts = runs.iter().map(|run| match format {
        Format::Pretty => pretty(run, look),
        Format::Services => services(run, several),
        Format::Github => format!("{}{}", annotations(run, several), pretty(run, look)),
    });
    texts.collect::<Vec<_>>().join(if format == Format::Services { "" } else { "\n" })
}

/// A check's id, with its scenario where another one runs the same checks.
fn named(run: &Run, id: &str, several: bool) -> String {
    if several { format!("{} {}", visible(&run.scenario, 60), visible(id, BESIDE)) } else { visible(id, BESIDE) }
}

#[derive(Clone, Copy)]
struct Paint {
    colour: bool,
    width: Option<usize>,
}

impl Paint {
    fn code(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn verdict(self, shown: Shown, width: usize) -> String {
        let word = format!("{:<width$}", shown.word().to_uppercase());
        match shown {
            Shown::Pass => self.code("32", &word),
            Shown::Skip => self.code("33", &word),
            Shown::Warn => self.code("1;33", &word),
            Shown::Error => self.code("1;35", &word),
            Shown::Fail => self.code("1;31", &word),
        }
    }

    fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    fn bold(self, text: &str) -> String {
        self.code("1", text)
    }

    /// A text after the bar, under its label: as many lines as the terminal needs, each behind the bar.
    fn row(self, label: &str, text: &str) -> Vec<String> {
        let label = format!("{label:<LABEL$} ");
        let (first, others) = (self.dim(&label), " ".repeat(label.chars().count()));
        let lines = self.wrapped(text, BAR.chars().count() + label.chars().count());
        let lead = |at: usize| if at == 0 { first.as_str() } else { others.as_str() };
        lines.into_iter().enumerate().map(|(at, line)| format!("{BAR}{}{line}", lead(at))).collect()
    }

    /// A text after the bar, without a label.
    fn barred(self, text: &str) -> Vec<String> {
        let lines = self.wrapped(text, BAR.chars().count());
        lines.into_iter().map(|line| format!("{BAR}{line}")).collect()
    }

    /// A text in lines that fit beside what stands in front of each. Words stay whole: they are names and addresses.
    fn wrapped(self, text: &str, before: usize) -> Vec<String> {
        let Some(width) = self.width else { return vec![text.to_owned()] };
        let options = textwrap::Options::new(width.saturating_sub(before).max(NARROWEST)).break_words(false);
        let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
        textwrap::wrap(text, options).into_iter().map(Cow::into_owned).collect()
    }

    /// A heading in bold; what does not fit follows behind the bar, in so many lines at most.
    fn heading(self, before: &str, shown: &str, text: &str, most: usize) -> Vec<String> {
        let mut lines = self.wrapped(text, before.chars().count());
        if lines.len() > most {
            lines.truncate(most);
            // In the place of the last word, so that the line is no longer than the others.
            if let Some(line) = lines.last_mut() {
                line.truncate(line.rfind(' ').unwrap_or(line.len()));
                line.push_str(" …");
            }
        }
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let others = lines.map(|line| format!("{BAR}{}", self.bold(&line)));
        std::iter::once(format!("{shown}{}", self.bold(&first))).chain(others).collect()
    }
}

fn pretty(run: &Run, look: Look) -> String {
    let paint = Paint { colour: look.colour, width: look.width };
    let folded = |outcome: &Outcome| !look.verbose && hangs_on_root(run, outcome);
    let mut lines = vec![header(run, paint), String::new()];
    if let Some(root) = &run.root {
        lines.extend(first(run, root, look));
        lines.push(String::new());
    }
    let readable = left::readable(run);
    if !readable.is_empty() {
        lines.push(paint.bold(&format!("left behind, and readable by others: {}", readable.len())));
        lines.extend(readable.into_iter().flat_map(|left| paint.barred(&visible(&left::line(left), DETAIL))));
        lines.push(String::new());
    }
    let width = run.outcomes.iter().map(|outcome| visible(&outcome.id, BESIDE).chars().count()).max().unwrap_or(0);
    lines
        .extend(run.outcomes.iter().filter(|outcome| !folded(outcome)).flat_map(|outcome| line(outcome, width, paint)));
    let told = |outcome: &Outcome| folded(outcome) || lead(run).is_some_and(|lead| lead.id == outcome.id);
    for (_, outcome) in to_look_at(run).filter(|(_, outcome)| !told(outcome)) {
        lines.push(String::new());
        lines.extend(explained(outcome, paint));
    }
    let noted: Vec<String> =
        run.outcomes.iter().filter(|outcome| !folded(outcome)).flat_map(|outcome| notes(outcome, paint)).collect();
    if !noted.is_empty() {
        lines.push(String::new());
        lines.push(paint.bold("notes"));
        lines.extend(noted);
    }
    lines.push(String::new());
    lines.extend(closing(run, paint));
    let mut text = lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// What is wrong first, and what to do: the part of a report that is read.
fn first(run: &Run, root: &Root, look: Look) -> Vec<String> {
    let paint = Paint { colour: look.colour, width: look.width };
    let lead = lead(run);
    let mut lines = match lead {
        Some(outcome) => explained(outcome, paint),
        None => {
            let text = visible(&root.summary, DETAIL);
            let shown = format!("{} ", paint.code("1;31", "FIRST"));
            let mut lines = paint.heading("FIRST ", &shown, &text, usize::MAX);
            let rows = what_to_do_first(labelled_root(root).collect());
            lines.extend(rows.into_iter().flat_map(|(label, text)| paint.row(label, &visible(text, DETAIL))));
            lines
        }
    };
    if let Some(text) = hanging(root) {
        let verbose = if look.verbose { "" } else { "; -v shows them" };
        lines.extend(paint.barred(&visible(&format!("{text}{verbose}"), DETAIL)));
    }
    if lead.is_none() {
        let shown = run.outcomes.iter().find(|outcome| outcome.id == root.check);
        let exchange = shown.and_then(|outcome| outcome.transcript.get(root.exchange?));
        lines.extend(exchange.map(|exchange| reproduce(&exchange.repeat(), paint)));
    }
    lines
}

/// A command to paste: never wrapped.
fn reproduce(command: &str, paint: Paint) -> String {
    format!("{BAR}{} {}", paint.dim(&format!("{REPRODUCE:<LABEL$}")), visible(command, COMMAND))
}

fn header(run: &Run, paint: Paint) -> String {
    let name = format!("regproof {}", visible(&run.version, 40));
    let facts = [run.scenario.as_str(), &run.target, &registry_name(&run.registry)].map(|text| visible(text, BESIDE));
    format!("{}  {}", paint.bold(&name), facts.join("  "))
}

fn line(outcome: &Outcome, width: usize, paint: Paint) -> Vec<String> {
    let id = visible(&outcome.id, BESIDE);
    let time = if outcome.verdict == Verdict::Skip && outcome.waived.is_none() {
        String::new()
    } else {
        seconds(outcome.duration)
    };
    let verdict = paint.verdict(outcome.shown(), 5);
    let time = paint.dim(&format!("{time:>7}"));
    let beside = if outcome.verdict == Verdict::Pass { proven(outcome) } else { visible(&reason(outcome), BESIDE) };
    let line = format!("  {verdict}  {id:<width$}  {time}");
    // Two spaces, five of the verdict, two, the id, two, seven of the time, two.
    let room = paint.width.map(|columns| columns.saturating_sub(width + 20));
    match room {
        _ if beside.is_empty() => vec![line],
        Some(room) if room < beside.chars().count() => {
            // What is broken is explained below, in whole.
            let below = if is_broken(outcome) { Vec::new() } else { paint.barred(&beside) };
            std::iter::once(line).chain(below).collect()
        }
        _ => vec![format!("{line}  {beside}")],
    }
}

fn proven(outcome: &Outcome) -> String {
    visible(outcome.proven.as_deref().unwrap_or_default(), DETAIL)
}

/// The rows of a finding, the cause and the remedy before the others: they must not be below the edge of a screen.
fn what_to_do_first<'a>(mut rows: Vec<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    rows.sort_by_key(|(label, _)| ![CAUSE, FIX].contains(label));
    rows
}

/// A check that is broken, undecided or warns: first what happened, then the cause and what to do, then what was promised.
fn explained(outcome: &Outcome, paint: Paint) -> Vec<String> {
    let (word, id) = (outcome.shown().word(), visible(&outcome.id, BESIDE));
    let shown = format!("{} {}: ", paint.verdict(outcome.shown(), 0), paint.bold(&id));
    let rows = what_to_do_first(details(outcome));
    // Where it is told in full below, two lines are enough.
    let most = if rows.iter().any(|(label, _)| *label == EXPECTED) { 2 } else { usize::MAX };
    let mut lines = paint.heading(&format!("{word} {id}: "), &shown, &visible(&reason(outcome), DETAIL), most);
    let mut detail = |label: &str, text: &str| lines.extend(paint.row(label, &visible(text, DETAIL)));
    for (label, text) in rows {
        detail(label, text);
    }
    if let Some(proven) = &outcome.proven {
        detail("proven", proven);
    }
    for case in differing(outcome).take(CASES) {
        detail("case", &case_line(case));
    }
    let more = differing(outcome).count().saturating_sub(CASES);
    if more > 0 {
        detail("case", &format!("and {more} more, in the other reports"));
    }
    lines.extend(evidence(outcome).map(|exchange| reproduce(&exchange.repeat(), paint)));
    for table in outcome.tables.iter().filter(|table| differs(table)) {
        lines.push(BAR.to_owned());
        lines.extend(aligned(table).into_iter().map(|row| format!("{BAR}{row}")));
    }
    lines
}

fn case_line(case: &Case) -> String {
    let what = case.finding.as_ref().map_or("", |finding| finding.summary.as_str());
    format!("{} {}: {what}", case.shown().word().to_uppercase(), case.name)
}

fn differs(table: &Table) -> bool {
    let broken = |verdict| matches!(verdict, Some(Verdict::Fail | Verdict::Error));
    table.rows.iter().flatten().any(|cell| broken(cell.verdict))
}

/// A table as aligned lines, its title first; a cell that is not as promised says so in words.
pub(crate) fn aligned(table: &Table) -> Vec<String> {
    let mut rows: Vec<Vec<String>> = vec![table.columns.iter().map(|name| visible(name, 40)).collect()];
    for row in &table.rows {
        let shown = row.iter().map(|cell| {
            let text = visible(&cell.text, 40);
            match cell.verdict {
                Some(verdict @ (Verdict::Fail | Verdict::Error)) => format!("{text} {}", verdict.word().to_uppercase()),
                _ => text,
            }
        });
        rows.push(shown.collect());
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut lines = vec![visible(&table.title, BESIDE)];
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        lines.push(cells.join("  ").trim_end().to_owned());
    }
    lines
}

fn notes(outcome: &Outcome, paint: Paint) -> Vec<String> {
    let id = visible(&outcome.id, BESIDE);
    outcome.notes.iter().flat_map(|note| paint.barred(&format!("{id}: {}", visible(note, DETAIL)))).collect()
}

fn closing(run: &Run, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(why) = &run.interrupted {
        lines.push(format!("stopped early: {}", visible(why, DETAIL)));
    }
    let total = run.summary();
    let errors = count(total.error, "error");
    let warnings = with_warnings(run);
    let counts = format!("{} passed, {} failed, {errors}{warnings}, {} skipped", total.pass, total.fail, total.skip);
    let counts = paint.bold(&counts);
    lines.push(format!("{counts} in {}   exit {}", seconds(run.duration), exit_status(run)));
    let left = left::behind(run);
    if !left.is_empty() {
        lines.push(format!("left behind: {}", left.len()));
    }
    for leftover in left {
        lines.extend(paint.barred(&visible(&left::line(leftover), DETAIL)));
    }
    lines
}

fn services(run: &Run, several: bool) -> String {
    let mut text = String::new();
    for outcome in &run.outcomes {
        let answer = match outcome.shown() {
            Shown::Pass if outcome.proven.is_some() => format!("OK ({})", proven(outcome)),
            Shown::Pass => "OK".to_owned(),
            Shown::Warn => format!("WARNING ({})", visible(&reason(outcome), BESIDE)),
            Shown::Fail => "FAILED".to_owned(),
            Shown::Error => "NOT PROVEN".to_owned(),
            Shown::Skip => format!("SKIPPED ({})", visible(&reason(outcome), BESIDE)),
        };
        text.push_str(&format!("regproof {}... {answer}\n", named(run, &outcome.id, several)));
    }
    if let Some(why) = &run.interrupted {
        text.push_str(&format!("regproof {}: {}\n", named(run, "stopped early", several), visible(why, DETAIL)));
    }
    text
}

fn annotations(run: &Run, several: bool) -> String {
    let mut text = String::new();
    if let Some(root) = run.root.as_ref().filter(|_| lead(run).is_none()) {
        let title = property(&named(run, &format!("FIRST {}", root.code), several));
        let mut message = visible(&root.summary, DETAIL);
        for (label, detail) in labelled_root(root) {
            message.push_str(&format!("\n{label}: {}", visible(detail, DETAIL)));
        }
        message.extend(hanging(root).map(|text| format!("\n{text}")));
        text.push_str(&format!("::error title={title}::{}\n", data(&message)));
    }
    for outcome in run.outcomes.iter().filter(|outcome| lead(run).is_some() || !hangs_on_root(run, outcome)) {
        let (command, rows) = match outcome.shown() {
            Shown::Pass => continue,
            Shown::Skip => ("notice", Vec::new()),
            Shown::Warn => ("warning", details(outcome)),
            Shown::Fail | Shown::Error => ("error", details(outcome)),
        };
        let title =
            property(&format!("{} {}", outcome.shown().word().to_uppercase(), named(run, &outcome.id, several)));
        let mut message = visible(&reason(outcome), DETAIL);
        for (label, detail) in rows {
            message.push_str(&format!("\n{label}: {}", visible(detail, DETAIL)));
        }
        if is_broken(outcome) {
            let cases = differing(outcome).take(CASES).map(|case| format!("\n{}", visible(&case_line(case), DETAIL)));
            message.extend(cases);
        }
        text.push_str(&format!("::{command} title={title}::{}\n", data(&message)));
    }
    text
}

/// The text of a workflow command, as the runner's toolkit escapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command, as the runner's toolkit escapes it.
fn property(text: &str) -> String {
    data(&visible(text, BESIDE)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests;
