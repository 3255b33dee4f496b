//! Real clients push to a real zot as CI does, and are refused where CI may not.
//!
//! Where a part is missing, the test says so in one loud line; the same checks run on the lab in their own files.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use regproof::check::Effect;
use regproof::checks::CHECKS;
use regproof::outcome::{Outcome, Run, Verdict};
use regproof::plan::{Machine, Plan};
use regproof::runner::{self, Board};
use regproof::target::Target;
use support::world::{SCRATCH, Setup, World};
use support::zot::{Release, Zot};

/// The clients that this machine must have, with what their version begins with.
const CLIENTS: [(&str, &str); 4] = [
    ("publish::skopeo_can_push", "skopeo version "),
    ("publish::buildah_can_push", "buildah version "),
    ("publish::crane_can_push", "crane "),
    ("publish::oras_can_push", "oras "),
];

fn run(world: &World) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file: &Path = &world.scenario(folder.path());
    let target = Arc::new(Target::open(file, None).expect("the world's scenario is sound"));
    let only: Vec<String> = CLIENTS.iter().map(|(id, _)| (*id).to_owned()).collect();
    let plan = Plan::new(CHECKS, target.scenario(), &Machine::here(true), Effect::Writes, &only);
    let board = Board::new(target, plan.expect("the checks exist"));
    support::http::block_on(async move { runner::execute(&board, runner::no_stop(), |_| ()).await })
}

fn world(test: &str) -> Option<World> {
    let zot = Zot::find_release(test, Release(2, 1, 20))?;
    World::start_on(&zot, test, Setup { without_cache: true, ..Setup::default() })
}

fn verdicts(run: &Run) -> BTreeMap<&str, Verdict> {
    run.outcomes.iter().map(|outcome| (outcome.id.as_str(), outcome.verdict)).collect()
}

fn expected(verdict: Verdict) -> BTreeMap<&'static str, Verdict> {
    CLIENTS.iter().map(|(id, _)| (*id, verdict)).collect()
}

fn findings(run: &Run) -> Vec<&Outcome> {
    run.outcomes.iter().filter(|outcome| outcome.finding.is_some()).collect()
}

#[test]
fn four_clients_push_as_ci_and_are_named_with_their_versions() {
    let test = "four_clients_push_as_ci_and_are_named_with_their_versions";
    let Some(world) = world(test) else { return };
    let run = run(&world);
    assert_eq!(verdicts(&run), expected(Verdict::Pass), "{:#?}", findings(&run));
    for (id, version) in CLIENTS {
        let outcome = run.outcomes.iter().find(|outcome| outcome.id == id).expect("it ran");
        let named = outcome.notes.iter().any(|note| note.contains(version.trim_end()));
        assert!(named, "{id} does not say which {version}it was: {:?}", outcome.notes);
    }
    let tags = world.request("GET", &format!("/v2/{SCRATCH}/tags/list")).send().must_be(200).json();
    let tags: Vec<&str> = tags["tags"].as_array().expect("a list").iter().filter_map(|tag| tag.as_str()).collect();
    assert!(tags.iter().all(|tag| *tag == "latest"), "what a client pushed stayed behind: {tags:?}");
}

#[test]
fn where_ci_may_not_create_every_client_fails_and_says_why() {
    let test = "where_ci_may_not_create_every_client_fails_and_says_why";
    let Some(world) = world(test) else { return };
    let world = world.reconfigure(|config| {
        let actions = config.pointer_mut("/http/accessControl/repositories/**/policies/0/actions");
        *actions.expect("the hardened configuration has it") = serde_json::json!(["read"]);
    });
    let run = run(&world);
    assert_eq!(verdicts(&run), expected(Verdict::Fail), "{:#?}", findings(&run));
    for outcome in &run.outcomes {
        let finding = outcome.finding.as_ref().expect("a Fail has a finding");
        assert!(!finding.cause.is_empty() && !finding.remedy.is_empty(), "{finding:#?}");
    }
}
