//! The permission matrix on real zot: every cell proven from zot's own configuration, and nothing left behind.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::judge;
use crate::support::world::{Setup, World};
use crate::support::zot::{Release, Zot};
use regproof::check::machine::Machine;
use regproof::model::effect::Effect;
use regproof::model::outcome::{Outcome, Verdict};

const MATRIX: &str = "access::permission_matrix";

/// The matrix of a world, promised by the configuration that it was started with.
fn matrix(world: &World) -> Outcome {
    matrix_by(world, &world.promised_config())
}

fn matrix_by(world: &World, config: &Path) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), |scenario| {
        scenario.as_object_mut().expect("a scenario is a table").remove("access");
        scenario["registry"]["zot_config"] = serde_json::json!(config);
    });
    judge::run_with(&file, Effect::Oracle, &[MATRIX], &Machine::here(true)).outcomes.remove(0)
}

fn broken(outcome: &Outcome) -> Vec<&str> {
    outcome.cases.iter().filter(|case| case.verdict != Verdict::Pass).map(|case| case.name.as_str()).collect()
}

/// All files below a folder but those that zot writes without a request to do so: sessions, and the databases that hold
/// users, their keys' last use, and download counts.
fn content(folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name == "_sessions" || name.ends_with(".db") {
            continue;
        }
        if path.is_dir() {
            into.insert(format!("{}/", path.display()), vec![]);
            content(&path, into);
        } else {
            into.insert(path.display().to_string(), std::fs::read(&path).expect("a file can be read"));
        }
    }
}

#[test]
fn every_cell_of_a_hardened_zot_is_proven_and_its_data_is_the_same_before_and_after() {
    let Some(world) = World::start("every_cell_of_a_hardened_zot_is_proven_and_its_data_is_the_same_before_and_after")
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario(folder.path());
    // What is cached is cached before: the run asks the cache for it.
    world.request("GET", "/v2/docker.io/library/alpine/manifests/3.20").send().must_be(200);
    let catalog = || world.request("GET", "/v2/_catalog").send().must_be(200).json();
    let files = || {
        let mut all = BTreeMap::new();
        content(&world.zot.storage(), &mut all);
        all
    };
    judge::run_with(&file, Effect::Oracle, &[], &Machine::here(true));
    let before = (files(), catalog());
    let outcome = matrix(&world);
    assert_eq!(outcome.verdict, Verdict::Pass, "{:#?}\n{:?}", outcome.finding, broken(&outcome));
    let cells = outcome.tables[0].rows.iter().flat_map(|row| &row[2..]);
    let unproven = cells.filter(|cell| cell.verdict != Some(Verdict::Pass) && cell.text != "-");
    assert_eq!(unproven.count(), 0, "each cell that there is something to ask about is proven");
    let all = judge::run_with(&file, Effect::Oracle, &[], &Machine::here(true));
    assert!(all.outcomes.iter().any(|outcome| outcome.verdict == Verdict::Pass));
    assert_eq!(before.1, catalog(), "a run without writes made a repository");
    let after = files();
    let changed: Vec<&String> =
        before.0.iter().filter(|(path, bytes)| after.get(*path) != Some(bytes)).map(|(path, _)| path).collect();
    let new: Vec<&String> = after.keys().filter(|path| !before.0.contains_key(*path)).collect();
    assert!(changed.is_empty() && new.is_empty(), "changed: {changed:?}, new: {new:?}");
}

#[test]
fn each_change_of_the_running_policy_shows_in_exactly_its_cells() {
    let Some(mut world) = World::start("each_change_of_the_running_policy_shows_in_exactly_its_cells") else { return };
    for (pointer, value, cases) in [
        (
            "anonymousPolicy",
            serde_json::json!(["read", "create"]),
            &["anonymous: create a tag", "anonymous: upload"][..],
        ),
        ("anonymousPolicy", serde_json::json!([]), &["anonymous: read"]),
        ("defaultPolicy", serde_json::json!(["read", "create"]), &["guest: create a tag", "guest: upload"]),
        ("policies/0/actions", serde_json::json!(["read", "create", "update"]), &["ci: move a tag"]),
        ("policies/0/actions", serde_json::json!(["read", "create", "delete"]), &["ci: delete"]),
        ("policies/0/actions", serde_json::json!(["read"]), &["ci: create a tag", "ci: upload"]),
        ("policies/1/actions", serde_json::json!(["read", "create", "update"]), &["admin: delete"]),
    ] {
        let path = format!("/http/accessControl/repositories/**/{pointer}");
        let mut old = serde_json::Value::Null;
        world = world.reconfigure(|config| {
            let place = config.pointer_mut(&path).expect("the hardened configuration has it");
            old = std::mem::replace(place, value.clone());
        });
        let outcome = matrix(&world);
        assert_eq!(broken(&outcome), cases, "{path} {value}");
        world = world.reconfigure(|config| {
            *config.pointer_mut(&path).expect("it was there before") = old.clone();
        });
    }
}

#[test]
fn an_answer_by_chance_is_seen_as_one() {
    let Some(world) = World::start("an_answer_by_chance_is_seen_as_one") else { return };
    let world = world.reconfigure(|config| {
        let repositories = &mut config["http"]["accessControl"]["repositories"];
        let mut open = repositories["**"].clone();
        repositories["blumeops/*"] = open.clone();
        open["anonymousPolicy"] = serde_json::json!(["read", "create"]);
        repositories["*/regproof"] = open;
    });
    let outcome = matrix(&world);
    let finding = outcome.finding.expect("something is found");
    assert_eq!(outcome.verdict, Verdict::Fail, "{finding:#?}");
    assert!(finding.cause.contains("equal length") && finding.actual.contains("times"), "{finding:#?}");
    // Where the configuration itself says so, the patterns are named.
    let outcome = matrix_by(&world, &world.zot.config_file());
    let finding = outcome.finding.expect("something is found");
    assert!(finding.expected.contains("`*/regproof`"), "{finding:#?}");
}

#[test]
fn delayed_refusals_are_waited_for() {
    let Some(world) = World::start("delayed_refusals_are_waited_for") else { return };
    let world = world.reconfigure(|config| config["http"]["auth"]["failDelay"] = 2.into());
    let outcome = matrix_by(&world, &world.zot.config_file());
    assert_eq!(outcome.verdict, Verdict::Pass, "{:#?}", outcome.finding);
}

#[test]
fn a_release_that_lets_create_move_a_tag_breaks_the_promise() {
    let test = "a_release_that_lets_create_move_a_tag_breaks_the_promise";
    for (release, cases) in [
        (Release(2, 1, 14), &["ci: move a tag"][..]),
        (Release(2, 1, 15), &[]),
        (Release(2, 1, 18), &["ci: move a tag"]),
    ] {
        let Some(zot) = Zot::find_release(test, release) else { continue };
        let Some(world) = World::start_on(&zot, test, Setup::default()) else { return };
        let outcome = matrix(&world);
        assert_eq!(broken(&outcome), cases, "{release}: {:#?}", outcome.finding);
    }
}
