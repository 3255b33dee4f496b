//! The bypass probes and the clients' checks against real zot: all doors of a hardened one are closed, but for those that its
//! release is known to leave open.
//!
//! Where a part is missing, the test says so in one loud line; the same checks run on the lab in their own files.

use std::collections::{BTreeMap, BTreeSet};

use crate::support;
use crate::support::judge;
use crate::support::provider::ADMIN;
use crate::support::world::{PRIVATE, SCRATCH, Setup, World};
use crate::support::zot::{Release, Zot};
use regproof::check::machine::Machine;
use regproof::checks::PROBES;
use regproof::model::outcome::{Outcome, Run, Verdict};

fn on(world: &World) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario(folder.path());
    let mut text = std::fs::read_to_string(&file).expect("the scenario is there");
    text.push_str("\n[probes]\nlitter = true\nstrain = true\n");
    std::fs::write(&file, text).expect("the scenario can be written");
    judge::run(&file, &["bypass::", "clients::"], &Machine::here(true))
}

fn world(test: &str, release: Release, private: bool) -> Option<World> {
    let zot = Zot::find_release(test, release)?;
    World::start_on(&zot, test, Setup { private, without_cache: true, ..Setup::default() })
}

fn red(outcomes: &[Outcome]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut red: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Fail | Verdict::Error)) {
        let cases = outcome.cases.iter().filter(|case| matches!(case.verdict, Verdict::Fail | Verdict::Error));
        let names = cases.map(|case| case.name.split(' ').next().unwrap_or(&case.name));
        red.entry(outcome.id.as_str()).or_default().extend(names);
    }
    red
}

/// Exactly these probes are red; each of the others was asked and passed.
fn only_red(run: &Run, expected: &[(&str, &[&str])]) {
    let expected: BTreeMap<&str, BTreeSet<&str>> =
        expected.iter().map(|(id, cases)| (*id, cases.iter().copied().collect())).collect();
    let details: Vec<_> =
        run.outcomes.iter().flat_map(|outcome| &outcome.cases).filter(|c| c.finding.is_some()).collect();
    let errors: Vec<_> = run
        .outcomes
        .iter()
        .filter_map(|outcome| (outcome.verdict == Verdict::Error).then_some(outcome.finding.as_ref()))
        .collect();
    assert_eq!(red(&run.outcomes), expected, "{errors:#?} {details:#?}");
}

fn asked(run: &Run) -> BTreeSet<String> {
    let cases = run.outcomes.iter().filter(|o| o.id.starts_with("bypass::")).flat_map(|outcome| &outcome.cases);
    cases.map(|case| case.name.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// What a release before v2.1.16 says to any origin, and what the labels of zot's metrics name.
const RANGES: [&str; 3] = ["foreign-blob-range", "foreign-blob-open-range", "foreign-blob-range-by-an-outsider"];
const NAMES: (&str, &[&str]) = ("bypass::metrics_name_no_private_repository", &["metrics", "metrics-longer-path"]);

#[test]
fn a_hardened_zot_without_private_repositories_passes_all_that_is_asked() {
    let test = "a_hardened_zot_without_private_repositories_passes_all_that_is_asked";
    let Some(world) = world(test, Release(2, 1, 20), false) else { return };
    let run = on(&world);
    only_red(&run, &[]);
    assert!(asked(&run).len() >= 60, "{:?}", asked(&run));
}

#[test]
fn v2_1_20_serves_ranges_of_private_blobs_and_names_private_repositories_in_its_metrics() {
    let test = "v2_1_20_serves_ranges_of_private_blobs_and_names_private_repositories_in_its_metrics";
    let Some(world) = world(test, Release(2, 1, 20), true) else { return };
    let run = on(&world);
    only_red(&run, &[NAMES, ("bypass::private_blobs_stay_private", &RANGES)]);
    let all: usize = PROBES.iter().map(|(_, probes)| probes.len()).sum();
    let notes: Vec<_> = run.outcomes.iter().map(|o| (&o.id, o.verdict, o.cases.len(), &o.notes)).collect();
    assert!(asked(&run).len() == all, "{} of {all} were asked: {notes:#?}", asked(&run).len());
    let left: Vec<_> = run.outcomes.iter().flat_map(|outcome| &outcome.leftovers).collect();
    assert!(left.is_empty(), "{left:?}");
    let manifest = format!("/v2/{PRIVATE}/manifests/v1");
    let manifest = world.request("GET", &manifest).credentials(world.credentials(&ADMIN)).send().must_be(200).json();
    let blob = format!("/v2/{PRIVATE}/blobs/{}", manifest["layers"][0]["digest"].as_str().expect("a layer"));
    world.request("GET", &blob).credentials(world.credentials(&ADMIN)).send().must_be(200);
    let catalog = world.request("GET", "/v2/_catalog").send().must_be(200).json();
    let names: Vec<&str> =
        catalog["repositories"].as_array().expect("a list").iter().filter_map(|n| n.as_str()).collect();
    assert!(!names.contains(&PRIVATE), "{names:?}");
    assert!(names.iter().all(|name| [support::world::PUBLIC, SCRATCH].contains(name)), "{names:?}");
}

#[test]
fn v2_1_15_has_no_ranges_but_credentials_for_every_origin() {
    let test = "v2_1_15_has_no_ranges_but_credentials_for_every_origin";
    let Some(world) = world(test, Release(2, 1, 15), true) else { return };
    let cors = [
        "cors-any-origin-with-credentials",
        "cors-catalog",
        "cors-foreign-origin",
        "cors-null-origin",
        "cors-preflight-catalog",
        "cors-preflight-keys",
    ];
    only_red(&on(&world), &[NAMES, ("bypass::foreign_origins_get_no_credentials", &cors)]);
}
