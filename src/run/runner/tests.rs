//! Waivers: what is accepted, and what is not although a waiver is there.

use super::*;
use crate::scenario::Day;

fn finding(actual: &str) -> Finding {
    Finding { summary: "a claim".to_owned(), actual: actual.to_owned(), ..Finding::default() }
}

fn outcome(verdict: Verdict, found: Option<&str>, cases: &[(&str, Verdict)]) -> Outcome {
    static CHECK: Check = Check::new(
        "test::cells",
        "none",
        "//! It has cells.",
        crate::model::effect::Meta {
            needs: &[],
            effect: crate::model::effect::Effect::ReadOnly,
            usual: Duration::ZERO,
        },
        |_| Box::pin(async { Ok(()) }),
    );
    let case = |(name, verdict): &(&str, Verdict)| Case {
        name: (*name).to_owned(),
        verdict: *verdict,
        finding: (*verdict != Pass).then(|| finding(name)),
        level: Level::Promise,
    };
    Outcome { cases: cases.iter().map(case).collect(), ..blank(&CHECK, verdict, found.map(finding)) }
}

fn waiver(cells: Option<&[&str]>) -> Waive {
    Waive {
        check: "test::cells".to_owned(),
        reason: "known".to_owned(),
        until: Day(time::macros::date!(2030 - 01 - 01)),
        cells: cells.map(|cells| cells.iter().map(|cell| (*cell).to_owned()).collect()),
    }
}

use Verdict::{Error, Fail, Pass, Skip};

#[test]
fn a_waiver_covers_the_cells_that_it_names_and_no_other() {
    for (found, cases, cells, verdict, shown) in [
        ("a", &[("a", Fail), ("b", Pass)][..], &["a"][..], Skip, "a"),
        ("a", &[("a", Fail), ("b", Fail)], &["a"], Fail, "b"),
        ("a", &[("a", Fail), ("b", Fail)], &["a", "b"], Skip, "a"),
        ("b", &[("a", Fail), ("b", Fail)], &["a"], Fail, "b"),
        ("a", &[("a", Fail), ("b", Error)], &["a"], Error, "b"),
        ("a", &[("a", Fail)], &["c"], Fail, "a"),
        ("a one", &[("a one", Fail), ("b", Pass)], &["a *"], Skip, "a one"),
        // What no cell says was not accepted.
        ("the tag moved", &[("a", Fail)], &["a"], Fail, "the tag moved"),
    ] {
        let mut outcome = outcome(Fail, Some(found), cases);
        waive(&mut outcome, &waiver(Some(cells)), None);
        assert_eq!(outcome.verdict, verdict, "{found} {cases:?} {cells:?}");
        assert_eq!(outcome.finding.as_ref().map(|finding| finding.actual.as_str()), Some(shown), "{cases:?} {cells:?}");
        assert_eq!(outcome.waived.is_some(), verdict == Skip);
    }
}

#[test]
fn an_error_cannot_be_waived_and_what_matches_nothing_is_said() {
    let mut undecided = outcome(Error, Some("a"), &[("a", Error)]);
    waive(&mut undecided, &waiver(Some(&["a"])), None);
    assert_eq!((undecided.verdict, undecided.waived), (Error, None));
    let mut sound = outcome(Pass, None, &[("a", Pass)]);
    waive(&mut sound, &waiver(Some(&["a", "gone"])), None);
    assert_eq!(sound.verdict, Pass);
    assert!(
        sound.notes[0].contains("no longer needed") && sound.notes[1].contains("which this run does not have"),
        "{:?}",
        sound.notes
    );
    let mut whole = outcome(Fail, Some("a"), &[("a", Fail)]);
    waive(&mut whole, &waiver(None), None);
    assert_eq!((whole.verdict, whole.waived.as_deref()), (Skip, Some("known")));
}
