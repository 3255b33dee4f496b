//! The job summary of GitHub and Forgejo.
//!
//! Remote text stands only in code: there it needs no escapes, so neither a link nor a secret can hide in one.

use crate::model::outcome::{Run, Verdict};
use crate::model::shown::Shown;
use crate::report::console::aligned;
use crate::report::left;
use crate::report::text::{count, exchange, printable, seconds, visible};
use crate::report::{
    LABEL, REPRODUCE, details, differing, evidence, hanging, hangs_on_root, labelled_root, reason, registry_name,
    to_look_at, with_warnings,
};

/// The longest line of code; a summary is read, and the other reports are kept.
const LINE: usize = 400;

/// The run as Markdown.
#[must_use]
pub fn markdown(run: &Run) -> String {
    let total = run.summary();
    let mut text = format!("## regproof: {}\n\n", headline(run));
    let facts = [run.scenario.as_str(), &run.target, &registry_name(&run.registry)].map(code);
    text.push_str(&format!("{} · regproof {} · {}\n\n", facts.join(" · "), code(&run.version), seconds(run.duration)));
    if let Some(why) = &run.interrupted {
        text.push_str(&format!("**Stopped early:** {}\n\n", code(why)));
    }
    if let Some(root) = &run.root {
        text.push_str(&format!("**First:** {}\n\n", code(&root.summary)));
        let mut lines: Vec<String> = labelled_root(root).map(|(label, detail)| row(label, detail)).collect();
        lines.extend(hanging(root));
        lines.push(row("code", &root.code));
        text.push_str(&fenced(&lines.join("\n")));
        text.push('\n');
    }
    let readable = left::readable(run);
    if !readable.is_empty() {
        text.push_str("**Left behind, and readable by others:**\n\n");
        text.extend(readable.into_iter().map(|left| format!("- {}\n", code(&left::line(left)))));
        text.push('\n');
    }
    text.push_str("| passed | failed | errors | warnings | skipped |\n| ---: | ---: | ---: | ---: | ---: |\n");
    text.push_str(&format!(
        "| {} | {} | {} | {} | {} |\n",
        total.pass, total.fail, total.error, total.warn, total.skip
    ));
    for (_, outcome) in to_look_at(run).filter(|(_, outcome)| !hangs_on_root(run, outcome)) {
        text.push_str(&format!("\n### {} {}\n\n", mark(outcome.shown()), code(&outcome.id)));
        let mut lines = vec![visible(&reason(outcome), LINE), String::new()];
        lines.extend(outcome.proven.iter().map(|proven| row("proven", proven)));
        lines.extend(details(outcome).into_iter().map(|(label, detail)| row(label, detail)));
        lines.extend(differing(outcome).map(|case| row("case", &format!("{}: {}", case.shown().word(), case.name))));
        for table in &outcome.tables {
            lines.push(String::new());
            lines.extend(aligned(table));
        }
        if let Some(shown) = evidence(outcome) {
            lines.extend([String::new(), row(REPRODUCE, &shown.repeat()), String::new()]);
            lines.extend(printable(&exchange(shown)).lines().map(|line| visible(line, LINE)));
        }
        text.push_str(&fenced(&lines.join("\n")));
    }
    text.push_str(&format!("\n<details><summary>{}</summary>\n\n", count(run.outcomes.len(), "check")));
    for outcome in &run.outcomes {
        let why =
            if outcome.verdict == Verdict::Pass { outcome.proven.clone().unwrap_or_default() } else { reason(outcome) };
        let why = if why.is_empty() { String::new() } else { format!(": {}", code(&why)) };
        text.push_str(&format!("- {} {}{why}\n", mark(outcome.shown()), code(&outcome.id)));
    }
    text.push_str("\n</details>\n");
    let left = left::behind(run);
    if !left.is_empty() {
        text.push_str("\n### Left behind\n\n");
    }
    for leftover in left {
        let what = code(&format!("{} {}", leftover.repository, leftover.reference));
        let readers =
            leftover.readable_by.as_ref().map_or_else(String::new, |who| format!("; readable by {}", code(who)));
        text.push_str(&format!("- {what} by {}: {}{readers}\n", code(&leftover.check), code(&leftover.reason)));
    }
    text
}

fn headline(run: &Run) -> String {
    let total = run.summary();
    match run.exit_status(false).code() {
        0 => format!("{} proven{}", count(total.pass, "promise"), with_warnings(run)),
        1 => format!("{} broken", count(total.fail, "promise")),
        2 => "not proven".to_owned(),
        _ => "nothing to run".to_owned(),
    }
}

fn mark(shown: Shown) -> &'static str {
    match shown {
        Shown::Pass => "✅ pass",
        Shown::Fail => "❌ fail",
        Shown::Error => "⚠️ error",
        Shown::Warn => "💡 warn",
        Shown::Skip => "➖ skip",
    }
}

fn row(label: &str, detail: &str) -> String {
    format!("{label:<LABEL$} {}", visible(detail, LINE))
}

/// An inline code span, with more backticks around it than in it (CommonMark, section 6.1).
pub(crate) fn code(text: &str) -> String {
    let text = visible(text, LINE);
    let ticks = "`".repeat(longest_run(&text) + 1);
    if text.is_empty() { "`-`".to_owned() } else { format!("{ticks} {text} {ticks}") }
}

/// A code block with a longer fence than any in it (CommonMark, section 4.5).
fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_summary_looks_as_it_did() {
        sample::snapshot("markdown", &markdown(&sample::run()));
    }

    #[test]
    fn the_headline_says_how_the_run_ended() {
        use crate::model::outcome::Verdict::{Error, Fail, Pass, Skip};
        for (verdicts, expected) in [
            (&[Pass, Pass, Skip][..], "2 promises proven"),
            (&[Pass, Fail, Error], "1 promise broken"),
            (&[Pass, Error], "not proven"),
            (&[Skip], "nothing to run"),
        ] {
            let mut run = sample::small();
            run.outcomes = verdicts.iter().map(|verdict| sample::outcome("a::b", "t", *verdict, 0)).collect();
            assert_eq!(headline(&run), expected);
        }
    }

    #[test]
    fn code_holds_any_backticks() {
        assert_eq!(code("a``b`"), "``` a``b` ```");
        assert_eq!(fenced("x````y"), "`````text\nx````y\n`````\n");
        assert_eq!(code("![x](http://evil)\n# y"), "` ![x](http://evil)\\n# y `");
    }
}
