//! The lab is worth what it shares with zot: the whole checklist finds the same on both, healthy and broken alike.
//!
//! Where there is no zot, the test says so in one loud line. It knows no check: what the lab's run says is what zot's must.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::twin::{EXPRESSIBLE, Twin, run_on_lab};
use crate::support::zot::Zot;
use regproof::check::machine::Machine;
use regproof::model::outcome::{Run, Verdict};

/// The verdict of every check, and of every part of one that has parts.
fn verdicts(run: &Run) -> BTreeMap<String, Verdict> {
    let mut all = BTreeMap::new();
    for outcome in &run.outcomes {
        all.insert(outcome.id.clone(), outcome.verdict);
        for case in &outcome.cases {
            all.insert(format!("{}: {}", outcome.id, case.name), case.verdict);
        }
    }
    all
}

/// Where two runs differ, with what each found.
fn differences(lab: &Run, zot: &Run) -> Vec<String> {
    let (ours, real) = (verdicts(lab), verdicts(zot));
    let names: BTreeSet<&String> = ours.keys().chain(real.keys()).collect();
    let finding = |run: &Run, name: &str| {
        let outcome = run.outcomes.iter().find(|outcome| name.split(": ").next() == Some(outcome.id.as_str()));
        let case = outcome.and_then(|o| o.cases.iter().find(|case| name.ends_with(&format!(": {}", case.name))));
        let finding = case.map_or_else(|| outcome.and_then(|o| o.finding.as_ref()), |case| case.finding.as_ref());
        finding.map(|finding| finding.actual.clone()).unwrap_or_default()
    };
    let differ = names.into_iter().filter(|name| ours.get(*name) != real.get(*name));
    let line = |name: &String| {
        let (l, z) = (finding(lab, name), finding(zot, name));
        format!("{name}\n    lab {:?} {l}\n    zot {:?} {z}", ours.get(name), real.get(name))
    };
    differ.map(line).collect()
}

#[test]
fn the_whole_checklist_finds_the_same_on_the_lab_and_on_a_real_zot() {
    let test = "the_whole_checklist_finds_the_same_on_the_lab_and_on_a_real_zot";
    let Some(zot) = Zot::find(test) else { return };
    let machine = Machine::here(true);
    let twin = Twin::start(&zot, None);
    let (ours, real) = (run_on_lab(None, &machine), twin.run(&machine));
    let differences = differences(&ours, &real);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(ours.summary().pass >= 30, "{:?}", ours.summary());
}

#[test]
fn a_weakness_breaks_the_same_checks_on_the_lab_and_on_a_real_zot() {
    let test = "a_weakness_breaks_the_same_checks_on_the_lab_and_on_a_real_zot";
    let Some(zot) = Zot::find(test) else { return };
    // Client programs show nothing of these that the requests do not, and take longer than all else.
    let machine = Machine::with_path("".as_ref(), true);
    let mut wrong = vec![];
    for weakness in EXPRESSIBLE {
        let twin = Twin::start(&zot, Some(weakness));
        let (ours, real) = (run_on_lab(Some(weakness), &machine), twin.run(&machine));
        for difference in differences(&ours, &real) {
            wrong.push(format!("{weakness}: {difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
