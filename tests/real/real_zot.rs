//! The whole checklist against real zot, a real OpenID provider, a real upstream and a real browser.
//!
//! Where a part is missing, the test says so in one loud line; the same checks run on the lab in their own files.

use std::collections::BTreeMap;

use crate::support::judge;
use crate::support::world::{SCRATCH, Setup, World};
use crate::support::zot::{Release, Zot};
use regproof::check::machine::Machine;
use regproof::model::outcome::{ExitStatus, Run, Verdict};

/// The operator's checklist.
const CHECKLIST: [&str; 13] = [
    "access::anonymous_can_pull",
    "access::anonymous_cannot_push",
    "access::wrong_credentials_are_refused",
    "cache::pull_through_serves_upstream",
    "metrics::anonymous_can_scrape",
    "oidc::login_redirects_to_the_provider",
    "oidc::login_returns_with_a_session",
    "oidc::provider_is_discoverable",
    "publish::api_key_can_push",
    "publish::existing_tag_cannot_be_deleted",
    "publish::existing_tag_cannot_be_moved",
    "publish::skopeo_can_push",
    "registry::answers_as_a_registry",
];

fn on(world: &World) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    judge::run(&world.scenario(folder.path()), &CHECKLIST, &Machine::here(false))
}

/// Exactly these fail; all others of the checklist pass.
fn only_fail(run: &Run, expected: &[&str]) {
    let verdicts: BTreeMap<&str, Verdict> = run.outcomes.iter().map(|o| (o.id.as_str(), o.verdict)).collect();
    for id in CHECKLIST {
        let wanted = if expected.contains(&id) { Verdict::Fail } else { Verdict::Pass };
        let finding = run.outcomes.iter().find(|o| o.id == id).and_then(|o| o.finding.clone());
        assert_eq!(verdicts.get(id), Some(&wanted), "{id}: {finding:#?}");
    }
    let status = if expected.is_empty() { ExitStatus::Proven } else { ExitStatus::Broken };
    assert_eq!(run.exit_status(true), status);
}

fn finding_of(run: &Run, id: &str) -> String {
    let outcome = run.outcomes.iter().find(|outcome| outcome.id == id).expect("it ran");
    let finding = outcome.finding.clone().expect("a Fail has a finding");
    [finding.actual, finding.cause, finding.remedy].join("\n")
}

fn world(test: &str, release: Release) -> Option<World> {
    let zot = Zot::find_release(test, release)?;
    World::start_on(&zot, test, Setup::default())
}

#[test]
fn a_hardened_zot_passes_the_whole_checklist() {
    let Some(world) = World::start("a_hardened_zot_passes_the_whole_checklist") else { return };
    let run = on(&world);
    only_fail(&run, &[]);
    assert_eq!(run.registry.product.as_deref(), Some("zot"));
    let left: Vec<_> = run.outcomes.iter().flat_map(|outcome| &outcome.leftovers).map(|l| &l.reference).collect();
    assert_eq!(left, ["latest"]);
    let tags = world.request("GET", &format!("/v2/{SCRATCH}/tags/list")).send().must_be(200).json();
    assert_eq!(tags["tags"], serde_json::json!(["latest"]), "nothing is left behind but what the ledger lists");
    regproof::report::junit(&[&run]).expect("the JUnit file is whole");
}

#[test]
fn metrics_opened_the_old_way_are_found_closed_since_v2_1_18() {
    let test = "metrics_opened_the_old_way_are_found_closed_since_v2_1_18";
    let Some(world) = World::start(test) else { return };
    let world = world.reconfigure(|config| {
        config["http"]["accessControl"]["metrics"] = serde_json::json!({ "users": [""] });
    });
    let run = on(&world);
    only_fail(&run, &["metrics::anonymous_can_scrape"]);
    let finding = finding_of(&run, "metrics::anonymous_can_scrape");
    assert!(finding.contains("v2.1.18") && finding.contains("anonymousPolicy"), "{finding}");
}

#[test]
fn v2_1_15_with_the_old_form_of_open_metrics_passes() {
    let Some(world) = world("v2_1_15_with_the_old_form_of_open_metrics_passes", Release(2, 1, 15)) else { return };
    only_fail(&on(&world), &[]);
}

#[test]
fn v2_1_14_lets_ci_move_latest() {
    let Some(world) = world("v2_1_14_lets_ci_move_latest", Release(2, 1, 14)) else { return };
    let run = on(&world);
    only_fail(&run, &["publish::existing_tag_cannot_be_moved"]);
    assert!(finding_of(&run, "publish::existing_tag_cannot_be_moved").contains("v2.1.15"));
}

#[test]
fn v2_1_18_lets_ci_move_a_tag_by_query() {
    let Some(world) = world("v2_1_18_lets_ci_move_a_tag_by_query", Release(2, 1, 18)) else { return };
    let run = on(&world);
    only_fail(&run, &["publish::existing_tag_cannot_be_moved"]);
    assert!(finding_of(&run, "publish::existing_tag_cannot_be_moved").contains("v2.1.19"));
}

#[test]
fn a_stopped_registry_is_an_error_everywhere() {
    let Some(world) = World::start("a_stopped_registry_is_an_error_everywhere") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario(folder.path());
    drop(world);
    let run = judge::run(&file, &CHECKLIST, &Machine::here(false));
    assert!(run.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Error), "{:#?}", run.summary());
    assert_eq!(run.exit_status(false), ExitStatus::NotProven);
}
