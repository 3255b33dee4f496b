//! One run with everything that reports must survive, for their tests.

use std::time::Duration;

use time::macros::datetime;

use crate::base::redact::Redactor;
use crate::model::exchange::Exchange;
use crate::model::level::Level;
use crate::model::outcome::{
    Case, Cell, Finding, Fingerprint, Leftover, Measure, Outcome, Run, Screenshot, Table, Verdict,
};

/// The secret that a careless check put into its finding.
pub(crate) const SECRET: &str = "s3cr3t-\"quoted\"-&-<kept>-key's";

pub(crate) const HOSTILE: &str = "::stop-commands::x\n##[error]a ##vso[task.setvariable]b ##teamcity[c]\rsection_start:1:d\u{1b}[31m]]></failure></testcase><testcase name=\"forged\"/>\u{202e}\u{fffe}\u{0}<script>alert(1)</script>```\u{9b}2J";

pub(crate) fn redactor() -> Redactor {
    Redactor::new([("ci", SECRET)])
}

pub(crate) fn outcome(id: &str, title: &str, verdict: Verdict, millis: u64) -> Outcome {
    Outcome {
        id: id.into(),
        title: title.into(),
        verdict,
        level: Level::Promise,
        finding: None,
        proven: None,
        waived: None,
        cases: vec![],
        tables: vec![],
        notes: vec![],
        leftovers: vec![],
        transcript: vec![],
        screenshots: vec![],
        measures: vec![],
        told: vec![],
        started: datetime!(2026-03-01 12:00:00 UTC),
        duration: Duration::from_millis(millis),
    }
}

fn summary(text: &str) -> Option<Finding> {
    Some(Finding { summary: text.into(), ..Finding::default() })
}

/// A run of two checks without surprises.
pub(crate) fn small() -> Run {
    Run {
        schema: 1,
        version: "0.1.0".into(),
        scenario: "example".into(),
        target: "https://registry.example.net".into(),
        registry: Fingerprint {
            product: Some("zot".into()),
            release: Some("v2.1.20".into()),
            evidence: vec!["release in the answer of the search extension".into()],
        },
        started: datetime!(2026-03-01 12:00:00 UTC),
        duration: Duration::from_millis(170),
        part: None,
        interrupted: None,
        root: None,
        outcomes: vec![
            outcome("access::anonymous_can_pull", "Anonymous clients can pull", Verdict::Pass, 120),
            Outcome {
                finding: summary("no browser: install chromium and chromium-driver"),
                ..outcome("oidc::login_returns_with_a_session", "A login returns with a session", Verdict::Skip, 0)
            },
        ],
    }
}

/// A run with all four verdicts, a waiver, cases, a table, leftovers, a picture, hostile text and a secret.
pub(crate) fn run() -> Run {
    let mut run = small();
    let skipped = run.outcomes.pop().expect("the small run has two outcomes");
    run.duration = Duration::from_millis(3_214);
    run.outcomes.extend([pushed(), matrix(), down(), skipped, waived(), keys(), advice()]);
    for (outcome, at) in run.outcomes.iter_mut().zip([0_i64, 150, 210, 1_240, 0, 2_600, 2_900]) {
        outcome.started += time::Duration::milliseconds(at);
    }
    run
}

fn pushed() -> Outcome {
    let upload = Exchange {
        who: "anonymous".into(),
        method: "POST".into(),
        url: "https://registry.example.net/v2/example/scratch/blobs/uploads/".into(),
        request_headers: vec![("User-Agent".into(), "regproof/0.1.0".into())],
        status: Some(202),
        response_headers: vec![
            ("Location".into(), "/v2/example/scratch/blobs/uploads/3f1c".into()),
            ("X-Evil".into(), HOSTILE.into()),
        ],
        response_body: "line one\nline two".into(),
        at_ms: 4,
        first_byte_ms: 21,
        total_ms: 23,
        ..Exchange::default()
    };
    let control = Exchange {
        who: "ci".into(),
        request_headers: vec![("Authorization".into(), "<redacted>".into())],
        at_ms: 28,
        first_byte_ms: 12,
        total_ms: 14,
        response_body: String::new(),
        response_headers: vec![],
        ..upload.clone()
    };
    Outcome {
        finding: Some(Finding {
            summary: "an anonymous upload was accepted".into(),
            promise: String::new(),
            expected: "401 by the registry itself".into(),
            actual: "202 Accepted".into(),
            cause: "the anonymous policy of the repository's pattern grants create".into(),
            remedy: "http.accessControl.repositories.\"**\".anonymousPolicy: remove \"create\"".into(),
            exchange: Some(0),
            code: "access::anonymous_cannot_push".into(),
        }),
        transcript: vec![upload, control],
        leftovers: vec![Leftover {
            check: "access::anonymous_cannot_push".into(),
            repository: "example/scratch".into(),
            reference: "upload 3f1c".into(),
            reason: "no identity of the scenario may delete".into(),
            readable_by: None,
        }],
        screenshots: vec![Screenshot { name: "the page after login".into(), png: picture() }],
        ..outcome("access::anonymous_cannot_push", "Anonymous clients cannot push", Verdict::Fail, 52)
    }
}

fn matrix() -> Outcome {
    let cell = |text: &str, verdict| Cell { text: text.into(), verdict };
    let yes = || cell("allowed", Some(Verdict::Pass));
    let no = || cell("refused", Some(Verdict::Pass));
    let case = |name: &str, verdict, finding| Case { name: name.into(), verdict, finding, level: Level::Promise };
    Outcome {
        finding: summary("1 of 12 permissions differs"),
        proven: Some(format!("10 of 12 proven, 1 without an identity {HOSTILE}")),
        cases: vec![
            case("anonymous: read", Verdict::Pass, None),
            case(
                "ci: update tag",
                Verdict::Fail,
                Some(Finding {
                    summary: "ci may move an existing tag".into(),
                    expected: "403 DENIED".into(),
                    actual: format!("415 for the tag {HOSTILE}"),
                    ..Finding::default()
                }),
            ),
            case("ci: delete tag", Verdict::Error, summary("no answer within 10s")),
            case("guest: delete tag", Verdict::Skip, summary("no such identity")),
        ],
        tables: vec![Table {
            title: "Who may do what in example/scratch".into(),
            columns: ["identity", "read", "create", "update", "delete"].map(String::from).to_vec(),
            rows: vec![
                vec![cell("anonymous", None), yes(), no(), no(), no()],
                vec![
                    cell("ci", None),
                    yes(),
                    yes(),
                    cell("allowed", Some(Verdict::Fail)),
                    cell("no answer", Some(Verdict::Error)),
                ],
                vec![cell("guest", None), yes(), no(), no(), cell("not asked", Some(Verdict::Skip))],
            ],
        }],
        notes: vec!["the tag ::stop-commands::x exists".into()],
        ..outcome("access::permissions_are_as_promised", "Permissions are as promised", Verdict::Fail, 1_020)
    }
}

fn down() -> Outcome {
    Outcome {
        finding: Some(Finding {
            summary: "nothing was proven: the token service did not answer".into(),
            expected: "an answer within 10s".into(),
            actual: format!("connection reset; {HOSTILE}; sent {SECRET}"),
            ..Finding::default()
        }),
        transcript: vec![Exchange {
            who: "ci".into(),
            method: "GET".into(),
            url: "https://registry.example.net/v2/?a=b".into(),
            error: Some("connection reset by peer".into()),
            ..Exchange::default()
        }],
        ..outcome("publish::api_key_can_push", "An API key can push", Verdict::Error, 1_310)
    }
}

fn waived() -> Outcome {
    Outcome {
        finding: summary("a key could mint another key"),
        waived: Some("accepted until zot enforces key scopes".into()),
        cases: vec![Case {
            name: "mint".into(),
            verdict: Verdict::Fail,
            finding: summary("201 Created"),
            level: Level::Promise,
        }],
        ..outcome("keys::cannot_mint_keys", "API keys cannot mint keys", Verdict::Skip, 240)
    }
}

fn advice() -> Outcome {
    let trap = |name: &str, text: &str| Case {
        name: name.into(),
        verdict: Verdict::Fail,
        finding: Some(Finding {
            summary: text.into(),
            cause: "nothing in the configuration says otherwise".into(),
            remedy: "set both".into(),
            ..Finding::default()
        }),
        level: Level::Advice,
    };
    Outcome {
        level: Level::Advice,
        finding: summary("2 traps in the configuration"),
        cases: vec![
            trap("config.json:3:5 lint::default_timeouts", "a push that takes longer than 60 s is cut"),
            trap("config.json:9:5 lint::plain_listener", HOSTILE),
        ],
        ..outcome("policy::no_traps", "The configuration has no known traps", Verdict::Fail, 12)
    }
}

fn keys() -> Outcome {
    Outcome {
        measures: vec![Measure { name: "key_expiry_days".into(), of: "ci\"\\\n".into(), value: 41.5 }],
        proven: Some("1 of 1 \"key\" <proven> & 'counted'".into()),
        notes: vec!["the key of ci expires in 41 days".into()],
        ..outcome("keys::expire_later", "API keys do not expire soon", Verdict::Pass, 310)
    }
}

/// A PNG of one grey pixel.
fn picture() -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")
        .expect("the picture is ours")
}

/// Every format of a run, by name.
pub(crate) fn every_format(run: &Run) -> Vec<(&'static str, String)> {
    use super::{Format, console, har, html, json, junit, markdown, prometheus};
    vec![
        ("pretty", console(&[run], Format::Pretty, true)),
        ("services", console(&[run], Format::Services, false)),
        ("github", console(&[run], Format::Github, false)),
        ("junit", junit(&[run]).expect("the sample is a good report")),
        ("json", json(&[run])),
        ("html", html(&[run])),
        ("markdown", markdown(run)),
        ("prometheus", prometheus(&[run])),
        ("har", har(run)),
    ]
}

/// Compares with `tests/snapshots/report_NAME.snap`.
pub(crate) fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(format!("report_{name}"), text);
    });
}
