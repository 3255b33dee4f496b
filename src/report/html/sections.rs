//! The sections of one run in the HTML report. A section without content is left out, never empty.

use super::markup::Page;
use crate::model::outcome::{Outcome, Run, Table, Verdict};
use crate::model::shown::Shown;
use crate::report::left;
use crate::report::text::{count, exchange, seconds};
use crate::report::{
    ACTUAL, CAUSE, EXPECTED, FIX, PROMISE, details, differing, evidence, hanging as hanging_on, hangs_on_root,
    is_broken, labelled, labelled_root, reason, to_look_at,
};

/// What broke, and what could not be proven: everything someone needs to repair it.
pub(super) fn broken(page: &mut Page, at: usize, run: &Run) {
    if !run.outcomes.iter().any(is_broken) {
        return;
    }
    let (hanging, own): (Vec<_>, Vec<_>) = to_look_at(run).partition(|(_, outcome)| hangs_on_root(run, outcome));
    page.raw("<section>\n<h2>To repair</h2>\n");
    cards(page, at, &own);
    if let Some(text) = run.root.as_ref().and_then(hanging_on).filter(|_| !hanging.is_empty()) {
        page.raw("<details class=\"hanging\"><summary>").text(&text).raw("</summary>\n");
        cards(page, at, &hanging);
        page.raw("</details>\n");
    }
    page.raw("</section>\n");
}

/// What is wrong first, and what to do.
pub(super) fn first(page: &mut Page, at: usize, run: &Run) {
    let Some(root) = &run.root else { return };
    page.raw("<section>\n<h2>First</h2>\n<div class=\"card fail\">\n<h3>").text(&root.summary).raw("</h3>\n");
    page.raw("<p class=\"id\"><code>").id(&root.code).raw("</code></p>\n");
    let rows: Vec<_> = labelled_root(root).collect();
    labels(page, &rows);
    if let Some(text) = hanging_on(root) {
        page.raw("<p>").text(&text).raw("</p>\n");
    }
    if let Some(check) = run.outcomes.iter().position(|outcome| outcome.id == root.check) {
        page.raw("<p><a href=\"#").anchor(at, check).raw("\">").text(&root.check).raw("</a></p>\n");
    }
    page.raw("</div>\n</section>\n");
}

fn cards(page: &mut Page, at: usize, shown: &[(usize, &Outcome)]) {
    for (check, outcome) in shown.iter().copied() {
        page.raw(match outcome.shown() {
            Shown::Warn => "<div class=\"card warn\" id=\"",
            Shown::Fail => "<div class=\"card fail\" id=\"",
            _ => "<div class=\"card error\" id=\"",
        });
        page.anchor(at, check).raw("\">\n<h3>").verdict(outcome.shown()).raw(" ").text(&reason(outcome)).raw("</h3>\n");
        page.raw("<p class=\"id\"><code>").id(&outcome.id).raw("</code></p>\n");
        if let Some(proven) = &outcome.proven {
            page.raw("<p>Proven: ").text(proven).raw("</p>\n");
        }
        labels(page, &details(outcome));
        cases(page, outcome);
        if let Some(shown) = evidence(outcome) {
            page.raw("<p class=\"label\">Reproduce</p>\n<pre><code>").text(&shown.repeat());
            page.raw("</code></pre>\n");
        }
        transcript(page, outcome);
        page.raw("</div>\n");
    }
}

fn labels(page: &mut Page, rows: &[(&'static str, &str)]) {
    if rows.is_empty() {
        return;
    }
    page.raw("<dl class=\"finding\">");
    for (label, text) in rows {
        let label = match *label {
            PROMISE => "Promise",
            EXPECTED => "Expected",
            ACTUAL => "Actual",
            CAUSE => "Likely cause",
            _ => "Fix",
        };
        page.raw("<div><dt>").raw(label).raw("</dt><dd>").text(text).raw("</dd></div>");
    }
    page.raw("</dl>\n");
}

fn cases(page: &mut Page, outcome: &Outcome) {
    let wrong = differing(outcome).count();
    if wrong == 0 {
        return;
    }
    let all = outcome.cases.len().to_string();
    page.raw("<p class=\"label\">")
        .text(&wrong.to_string())
        .raw(" of ")
        .text(&all)
        .raw(" cases differ</p>\n<ul class=\"cases\">");
    let told = details(outcome);
    for case in differing(outcome) {
        page.raw("<li>").verdict(case.shown()).raw(" <strong>").text(&case.name).raw("</strong>");
        if let Some(finding) = &case.finding {
            if outcome.finding.as_ref().is_none_or(|whole| whole.summary != finding.summary) {
                page.raw(" ").text(&finding.summary);
            }
            // A cause and a remedy that the card has already are not said again for each case.
            let again = |label: &(&str, &str)| matches!(label.0, PROMISE | CAUSE | FIX) && told.contains(label);
            let own: Vec<_> = labelled(finding).into_iter().filter(|label| !again(label)).collect();
            labels(page, &own);
        }
        page.raw("</li>");
    }
    page.raw("</ul>\n");
}

fn transcript(page: &mut Page, outcome: &Outcome) {
    if outcome.transcript.is_empty() {
        return;
    }
    page.raw("<details><summary>Transcript: ").text(&count(outcome.transcript.len(), "exchange"));
    page.raw("</summary>\n<ol class=\"transcript\">");
    for shown in &outcome.transcript {
        let when =
            format!("at {} ms, first byte after {} ms, {} ms in all", shown.at_ms, shown.first_byte_ms, shown.total_ms);
        page.raw("<li><p class=\"when\">").text(&when).raw("</p><pre><code>").text(&exchange(shown));
        page.raw("</code></pre></li>");
    }
    page.raw("</ol></details>\n");
}

/// Every check, in plan order.
pub(super) fn checklist(page: &mut Page, at: usize, run: &Run) {
    if run.outcomes.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>Checklist</h2>\n<div class=\"scroll\"><table class=\"checklist\">\n<caption>Every check, in the order of the plan</caption>\n");
    page.raw("<thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\">Promise</th><th scope=\"col\" class=\"time\">Time</th></tr></thead>\n<tbody>\n");
    for (check, outcome) in run.outcomes.iter().enumerate() {
        page.raw("<tr><td>").verdict(outcome.shown()).raw("</td><th scope=\"row\">");
        if is_broken(outcome) {
            page.raw("<a href=\"#").anchor(at, check).raw("\">").text(&outcome.title).raw("</a>");
        } else {
            page.text(&outcome.title);
        }
        page.raw("<code>").id(&outcome.id).raw("</code>");
        let why =
            if outcome.verdict == Verdict::Pass { outcome.proven.clone().unwrap_or_default() } else { reason(outcome) };
        if !why.is_empty() {
            page.raw("<span class=\"why\">").text(&why).raw("</span>");
        }
        page.raw("</th><td class=\"time\">");
        if !outcome.duration.is_zero() {
            page.text(&seconds(outcome.duration));
        }
        page.raw("</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

/// The tables of all checks, as the permission matrix.
pub(super) fn tables(page: &mut Page, run: &Run) {
    for outcome in run.outcomes.iter().filter(|outcome| !outcome.tables.is_empty()) {
        page.raw("<section>\n<h2>").text(&outcome.title).raw("</h2>\n");
        for shown in &outcome.tables {
            table(page, shown);
        }
        page.raw("</section>\n");
    }
}

fn table(page: &mut Page, table: &Table) {
    page.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"").text(&table.title);
    page.raw("\"><table class=\"matrix\">\n<caption>").text(&table.title);
    page.raw("</caption>\n<thead><tr>");
    for column in &table.columns {
        page.raw("<th scope=\"col\">").text(column).raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        page.raw("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let (open, close) = match (at, cell.verdict) {
                (0, _) => ("<th scope=\"row\">", "</th>"),
                (_, None) => ("<td>", "</td>"),
                (_, Some(Verdict::Pass)) => ("<td class=\"pass\"><span aria-hidden=\"true\">✓</span> ", "</td>"),
                (_, Some(Verdict::Skip)) => ("<td class=\"skip\"><span aria-hidden=\"true\">–</span> ", "</td>"),
                (_, Some(Verdict::Fail)) => {
                    ("<td class=\"fail\"><span aria-hidden=\"true\">✗</span> ", " <b>fail</b></td>")
                }
                (_, Some(Verdict::Error)) => {
                    ("<td class=\"error\"><span aria-hidden=\"true\">!</span> ", " <b>error</b></td>")
                }
            };
            page.raw(open).text(&cell.text).raw(close);
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n");
}

/// When each check ran, as bars; checks run at the same time.
pub(super) fn timeline(page: &mut Page, run: &Run) {
    let ran: Vec<&Outcome> = run.outcomes.iter().filter(|outcome| !outcome.duration.is_zero()).collect();
    let begin = |outcome: &Outcome| (outcome.started - run.started).as_seconds_f64().max(0.0);
    let end = |outcome: &Outcome| begin(outcome) + outcome.duration.as_secs_f64();
    let whole = ran.iter().map(|outcome| end(outcome)).fold(run.duration.as_secs_f64(), f64::max);
    if ran.is_empty() || whole <= 0.0 {
        return;
    }
    page.raw("<section>\n<h2>Timeline</h2>\n<ol class=\"timeline\">");
    for outcome in ran {
        page.raw(match outcome.shown() {
            Shown::Pass => "<li class=\"pass\"><code>",
            Shown::Fail => "<li class=\"fail\"><code>",
            Shown::Error => "<li class=\"error\"><code>",
            Shown::Warn => "<li class=\"warn\"><code>",
            Shown::Skip => "<li class=\"skip\"><code>",
        });
        page.id(&outcome.id).raw("</code><span class=\"track\"><span class=\"bar\" style=\"left:");
        page.text(&percent(begin(outcome), whole))
            .raw("%;width:")
            .text(&percent(outcome.duration.as_secs_f64(), whole));
        page.raw("%\"></span></span><span class=\"time\">").text(&seconds(outcome.duration)).raw("</span></li>");
    }
    page.raw("</ol>\n<p class=\"axis\"><span>0 s</span><span>")
        .text(&format!("{whole:.1} s"))
        .raw("</span></p>\n</section>\n");
}

fn percent(part: f64, whole: f64) -> String {
    format!("{:.2}", (part / whole * 100.0).clamp(0.0, 100.0))
}

/// The browser's pictures.
pub(super) fn pictures(page: &mut Page, run: &Run) {
    let pictures: Vec<_> = run.outcomes.iter().flat_map(|o| o.screenshots.iter().map(move |shot| (o, shot))).collect();
    if pictures.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>Pictures</h2>\n<div class=\"pictures\">");
    for (outcome, shot) in pictures {
        page.raw("<figure><img alt=\"Screenshot: ").text(&shot.name).raw("\" src=\"");
        page.png(&shot.png).raw("\"><figcaption>").text(&shot.name).raw(" <code>");
        page.id(&outcome.id).raw("</code></figcaption></figure>");
    }
    page.raw("</div>\n</section>\n");
}

/// What stayed in the registry where others can read it: said before anything else.
pub(super) fn readable(page: &mut Page, run: &Run) {
    let readable = left::readable(run);
    if readable.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>Others can read what this run left behind</h2>\n<ul class=\"notes\">");
    for entry in readable {
        page.raw("<li>").text(&left::line(entry)).raw("</li>");
    }
    page.raw("</ul>\n</section>\n");
}

/// The ledger of what stayed in the registry.
pub(super) fn leftovers(page: &mut Page, run: &Run) {
    let left = left::behind(run);
    if left.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>Left behind</h2>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Left behind\"><table class=\"left\">\n<caption>What this run could not remove from the registry</caption>\n");
    page.raw("<thead><tr><th scope=\"col\">Repository</th><th scope=\"col\">What</th><th scope=\"col\">Made by</th><th scope=\"col\">Why it is there</th><th scope=\"col\">Who else can read it</th></tr></thead>\n<tbody>\n");
    for entry in left {
        page.raw("<tr><th scope=\"row\"><code>").text(&entry.repository).raw("</code></th><td>").text(&entry.reference);
        page.raw("</td><td><code>").id(&entry.check).raw("</code></td><td>").text(&entry.reason);
        page.raw("</td><td>").text(entry.readable_by.as_deref().unwrap_or("nobody is known")).raw("</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

/// Facts worth reading although nothing failed, and how the registry was recognised.
pub(super) fn notes(page: &mut Page, run: &Run) {
    let notes =
        run.outcomes.iter().flat_map(|outcome| outcome.notes.iter().map(move |note| (outcome.id.as_str(), note)));
    let evidence = run.registry.evidence.iter().map(|note| ("registry", note));
    let all: Vec<_> = notes.chain(evidence).collect();
    if all.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>Notes</h2>\n<ul class=\"notes\">");
    for (origin, note) in all {
        page.raw("<li><code>").id(origin).raw("</code> ").text(note).raw("</li>");
    }
    page.raw("</ul>\n</section>\n");
}
