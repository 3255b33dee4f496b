//! The exit status, the counts, and times that read back.

use super::*;

fn outcome(verdict: Verdict) -> Outcome {
    Outcome {
        id: "area::promise".into(),
        title: "A promise".into(),
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
        started: OffsetDateTime::UNIX_EPOCH,
        duration: Duration::ZERO,
    }
}

fn run(verdicts: &[Verdict]) -> Run {
    Run {
        schema: 1,
        version: "0".into(),
        scenario: "s".into(),
        target: "t".into(),
        registry: Fingerprint::default(),
        started: OffsetDateTime::UNIX_EPOCH,
        duration: Duration::ZERO,
        part: None,
        interrupted: None,
        root: None,
        outcomes: verdicts.iter().copied().map(outcome).collect(),
    }
}

#[test]
fn the_exit_status_follows_the_worst_verdict() {
    use Verdict::{Error, Fail, Pass, Skip};
    for (verdicts, no_skips, expected) in [
        (&[Pass, Pass][..], false, ExitStatus::Proven),
        (&[Pass, Skip], false, ExitStatus::Proven),
        (&[Pass, Skip], true, ExitStatus::NotProven),
        (&[Pass, Pass], true, ExitStatus::Proven),
        (&[Pass, Error], false, ExitStatus::NotProven),
        (&[Error, Fail, Pass], false, ExitStatus::Broken),
        (&[Skip, Skip], false, ExitStatus::Nothing),
        (&[], false, ExitStatus::Nothing),
    ] {
        assert_eq!(run(verdicts).exit_status(no_skips), expected, "{verdicts:?}");
    }
}

#[test]
fn a_verdict_is_one_word_and_a_status_one_number() {
    use Verdict::{Error, Fail, Pass, Skip};
    for (verdict, word) in [(Pass, "pass"), (Skip, "skip"), (Error, "error"), (Fail, "fail")] {
        assert_eq!(verdict.word(), word);
    }
    use ExitStatus::{Broken, NotProven, Nothing, Proven, Usage};
    assert_eq!([Proven, Broken, NotProven, Usage, Nothing].map(ExitStatus::code), [0, 1, 2, 3, 4]);
}

#[test]
fn each_verdict_is_counted() {
    use Verdict::{Error, Fail, Pass, Skip};
    let summary = run(&[Pass, Fail, Fail, Error, Error, Error, Skip, Skip, Skip, Skip]).summary();
    assert_eq!(summary, Summary { pass: 1, fail: 2, warn: 0, error: 3, skip: 4 });
}

#[test]
fn a_warning_is_counted_apart_and_does_not_break_a_run() {
    let mut run = run(&[Verdict::Fail, Verdict::Pass]);
    run.outcomes[0].level = Level::Advice;
    assert_eq!(run.summary(), Summary { pass: 1, fail: 0, warn: 1, error: 0, skip: 0 });
    assert_eq!(run.exit_status(true), ExitStatus::Proven);
    run.outcomes[0].verdict = Verdict::Error;
    assert_eq!(run.exit_status(false), ExitStatus::NotProven, "what was not proven is no warning");
}

#[test]
fn times_are_seconds_to_the_microsecond_and_read_back() {
    let mut run = run(&[]);
    run.duration = Duration::from_nanos(1_234_567_890);
    let json = serde_json::to_value(&run).unwrap();
    assert_eq!(json["seconds"], 1.234_568);
    let back: Run = serde_json::from_value(json).unwrap();
    assert_eq!(back.duration, Duration::from_nanos(1_234_568_000));
}

#[test]
fn an_interrupted_run_is_never_proven() {
    let mut run = run(&[Verdict::Pass]);
    run.interrupted = Some("interrupted".into());
    assert_eq!(run.exit_status(false), ExitStatus::NotProven);
}
