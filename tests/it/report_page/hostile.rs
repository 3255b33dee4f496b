//! A run of which every text comes from somebody who wants the report to execute, to load, to lie or to break.

use std::time::Duration;

use regproof::model::exchange::Exchange;
use regproof::model::level::Level;
use regproof::model::outcome::{
    Case, Cell, Finding, Fingerprint, Leftover, Measure, Outcome, Run, Screenshot, Table, Verdict,
};
use time::macros::datetime;

const TEXTS: [&str; 12] = [
    "<script>window.regproofWasHere = 1; alert(1)</script>",
    "</style><script>window.regproofWasHere = 1</script><style>* { display: none }",
    "\"><img src=x onerror=\"window.regproofWasHere = 1\">",
    "' onmouseover='window.regproofWasHere = 1' autofocus onfocus='window.regproofWasHere = 1",
    "</code></pre></main></body></html><svg onload=window.regproofWasHere=1>",
    "<a href=\"javascript:window.regproofWasHere=1\">update now</a><base href=//evil.invalid><form action=//evil.invalid>",
    "<meta http-equiv=refresh content=\"0;url=http://evil.invalid/\"><link rel=stylesheet href=http://evil.invalid/x.css>",
    "<!--<![CDATA[ ]]> -->&lt;&#60;&#x3c;script&gt; {{7*7}} ${7*7}",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]8;;http://evil.invalid\u{7}link\u{1b}]8;;\u{7} \u{9b}2J \u{0}\u{8}\u{7f}",
    "\u{202e}dessap skcehc lla\u{202c} \u{2066}\u{200b}\u{feff}\u{e0041} \u{fffe}",
    "::stop-commands::x\n::set-output name=a::b\n##[error]a ##vso[task.setvariable variable=b]c",
    "url(http://evil.invalid/) @import 'http://evil.invalid/x.css'; expression(alert(1)) </title>",
];

/// One of the texts.
fn text(at: usize) -> String {
    TEXTS[at % TEXTS.len()].to_owned()
}

/// A name without a place to break it, as long as registries allow tags, and longer.
fn huge() -> String {
    "a".repeat(4096)
}

/// Letters under so many marks that they reach over other lines.
fn stacked() -> String {
    let marks: String = std::iter::repeat_n("\u{0336}\u{0489}\u{030d}\u{0353}", 40).collect();
    "stacked".chars().flat_map(|letter| std::iter::once(letter).chain(marks.chars())).collect()
}

/// The run.
pub fn run() -> Run {
    let verdicts = [Verdict::Fail, Verdict::Error, Verdict::Skip, Verdict::Pass];
    let mut outcomes: Vec<Outcome> = (0..2 * TEXTS.len()).map(|at| outcome(at, verdicts[at % 4])).collect();
    outcomes[0].title = huge();
    outcomes[0].id = huge();
    outcomes[1].title = stacked();
    Run {
        schema: 1,
        version: text(0),
        scenario: text(1),
        target: format!("javascript:{}", huge()),
        registry: Fingerprint { product: Some(text(2)), release: Some(huge()), evidence: (0..12).map(text).collect() },
        started: datetime!(2026-03-01 12:00:00 UTC),
        duration: Duration::from_secs(3),
        part: None,
        interrupted: Some(text(6)),
        root: None,
        outcomes,
    }
}

fn finding(at: usize) -> Finding {
    Finding {
        summary: text(at),
        promise: text(at + 5),
        expected: text(at + 1),
        actual: huge(),
        cause: text(at + 2),
        remedy: text(at + 3),
        exchange: Some(at % 3),
        code: text(at + 4),
    }
}

fn outcome(at: usize, verdict: Verdict) -> Outcome {
    Outcome {
        id: format!("{}{at}", text(at)),
        title: text(at),
        verdict,
        level: if at.is_multiple_of(2) { Level::Promise } else { Level::Advice },
        finding: (verdict != Verdict::Pass).then(|| finding(at)),
        proven: at.is_multiple_of(2).then(|| text(at + 2)),
        waived: (verdict == Verdict::Skip).then(|| text(at + 5)),
        cases: vec![Case { name: text(at), verdict, finding: Some(finding(at + 1)), level: Level::Promise }],
        tables: if at < 4 { vec![table(at)] } else { vec![] },
        notes: vec![text(at), huge()],
        leftovers: vec![Leftover {
            check: text(at),
            repository: huge(),
            reference: text(at),
            reason: text(at + 1),
            readable_by: Some(text(at)),
        }],
        transcript: vec![exchange(at), exchange(at + 4)],
        screenshots: vec![Screenshot { name: text(at), png: TEXTS[at % TEXTS.len()].as_bytes().to_vec() }],
        measures: vec![Measure { name: "key_expiry_days".into(), of: text(at), value: f64::NAN }],
        told: vec![],
        started: datetime!(2026-03-01 12:00:00 UTC) + Duration::from_millis(at as u64 * 90),
        duration: if at == 3 { Duration::from_secs(86_400 * 400) } else { Duration::from_millis(at as u64 * 40) },
    }
}

fn table(at: usize) -> Table {
    let cell = |text: String, verdict| Cell { text, verdict };
    let row = |start: usize| {
        let verdicts = [None, Some(Verdict::Pass), Some(Verdict::Fail), Some(Verdict::Error), Some(Verdict::Skip)];
        verdicts.into_iter().enumerate().map(|(at, verdict)| cell(text(start + at), verdict)).collect()
    };
    Table { title: text(at), columns: (0..5).map(|column| text(at + column)).collect(), rows: vec![row(0), row(5)] }
}

fn exchange(at: usize) -> Exchange {
    Exchange {
        who: text(at),
        username: Some(text(at + 1)),
        method: text(at + 2),
        url: text(at + 3),
        request_headers: vec![(text(at), text(at + 4)), ("Authorization".into(), "<redacted>".into())],
        request_body: text(at + 5),
        options: vec![text(0), text(1)],
        password: Some(text(2)),
        status: at.is_multiple_of(2).then_some(299),
        response_headers: vec![(text(at + 6), text(at + 7)), ("X-Long".into(), huge())],
        response_body: TEXTS.join("\n"),
        error: (!at.is_multiple_of(2)).then(|| text(at + 8)),
        at_ms: u64::MAX,
        first_byte_ms: 7,
        total_ms: 5,
    }
}
