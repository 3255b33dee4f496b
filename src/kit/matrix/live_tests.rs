//! The matrix on labs that are not as they should be, whose scenario lacks something, or where others are at work.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::lab::{Lab, Options, Seen};
use crate::model::effect::Effect;
use crate::model::outcome::{Outcome, Verdict};
use crate::run::runner;
use crate::trial::{Weakness, run_on, run_scenario};

const ID: &str = "access::permission_matrix";

/// The scenario of a lab without these tables, and with this text after it.
fn scenario_without(lab: &Lab, folder: &Path, tables: &[&str], more: &str) -> PathBuf {
    let file = lab.write_scenario(folder).unwrap();
    let mut scenario: toml::Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
    tables.iter().for_each(|table| assert!(scenario.remove(*table).is_some(), "{table}"));
    std::fs::write(&file, format!("{}{more}", toml::to_string(&scenario).unwrap())).unwrap();
    file
}

#[tokio::test]
async fn without_identities_no_denial_is_proven_and_open_rights_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let run = async |weakness: Option<Weakness>| {
        let options = Options { weaknesses: weakness.into_iter().collect(), ..Options::default() };
        let lab = Lab::start(options).await.unwrap();
        run_scenario(ID, &scenario_without(&lab, folder.path(), &["identities", "oidc"], "")).await
    };
    let sound = run(None).await;
    assert_eq!(sound.verdict, Verdict::Skip, "{:?}", sound.finding);
    assert!(sound.finding.unwrap().summary.contains("no refusal of a write can be proven"));
    assert!(sound.proven.unwrap().contains("without a control"));
    let open = run(Some(Weakness::AnonymousCanCreate)).await;
    assert_eq!(open.verdict, Verdict::Fail);
    assert!(open.finding.unwrap().expected.contains("denied: anonymous to create a tag"));
}

#[tokio::test]
async fn a_waiver_covers_the_cells_that_it_names_and_no_others() {
    let lab = Lab::with(Weakness::CiCanUpdate).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = async |cells: &str| {
        let waiver = format!("\n[[waive]]\ncheck = \"{ID}\"\nreason = \"known\"\nuntil = 2999-01-01\n{cells}");
        let file = scenario_without(&lab, folder.path(), &["waive"], &waiver);
        let machine = Machine::with_path(std::ffi::OsStr::new(""), true);
        let target = Arc::new(Target::open(&file, None, machine).unwrap());
        let plan = target.plan(crate::checks::CHECKS, &[ID]).unwrap();
        runner::execute_one(&plan.steps[0], &target, runner::no_stop()).await
    };
    let covered = run("cells = [\"ci: move a tag in *\"]").await;
    assert_eq!((covered.verdict, covered.waived.as_deref()), (Verdict::Skip, Some("known")), "{:?}", covered.finding);
    let named = covered.finding.unwrap().summary;
    assert!(named.contains("ci: move a tag in blumeops/navidrome"), "{named}");
    let in_part = run("cells = [\"ci: move a tag in blumeops/navidrome\"]").await;
    assert_eq!(in_part.verdict, Verdict::Fail);
    assert!(!in_part.finding.unwrap().expected.contains("blumeops/navidrome"));
    assert!(in_part.notes.iter().any(|note| note.contains("does not cover these cells")), "{:?}", in_part.notes);
    let nothing = run("").await;
    assert_eq!(nothing.verdict, Verdict::Fail);
    assert!(nothing.notes.iter().any(|note| note.contains("names no `cells`")), "{:?}", nothing.notes);
    let unknown = run("cells = [\"ci: moves a tag\"]").await;
    assert_eq!(unknown.verdict, Verdict::Error);
    assert!(unknown.finding.unwrap().actual.contains("`ci: moves a tag`"));
}

#[tokio::test]
async fn a_tag_that_others_remove_meanwhile_is_no_finding() {
    let lab = Lab::healthy().await.unwrap();
    let tag = format!("/v2/blumeops/navidrome/manifests/{}", "v0.61.1-abcdef0");
    let removed = async {
        let asked = |seen: &Seen| seen.method == "PUT" && seen.path == tag;
        while !lab.requests().iter().any(asked) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let delete = reqwest::Client::new().delete(format!("{}{tag}", lab.url()));
        delete.basic_auth("erich", Some(lab.api_key("erich"))).send().await.unwrap().status().as_u16()
    };
    let (outcome, removed) = tokio::join!(run_on(ID, &lab), removed);
    assert_eq!(removed, 202);
    assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.finding);
    let line = outcome.proven.unwrap();
    assert!(line.contains("about a tag that others removed meanwhile"), "{line}");
}

#[tokio::test]
async fn what_a_rule_singles_out_is_found() {
    for (weakness, expected) in [
        (Weakness::OneTagCanBeMoved, "tag v0.61.1-abcdef0-nix"),
        (Weakness::KeyLentToDocker, "with the User-Agent of docker"),
        (Weakness::UndeclaredNamesOpen, "in regproof-undeclared"),
    ] {
        let lab = Lab::with(weakness).await.unwrap();
        let outcome = run_on(ID, &lab).await;
        assert_eq!(outcome.verdict, Verdict::Fail, "{}", weakness.name());
        let finding = outcome.finding.unwrap();
        assert!(finding.expected.contains(expected), "{}: {finding:?}", weakness.name());
    }
}

/// The matrix on a registry that is not zot and has this weakness too.
async fn elsewhere(more: Option<Weakness>, effects: Option<Effect>) -> (Lab, Outcome) {
    let weaknesses = more.into_iter().chain([Weakness::AnotherRegistry]).collect();
    let lab = Lab::start(Options { weaknesses, ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = lab.write_scenario(folder.path()).unwrap();
    let target = Arc::new(Target::open(&file, effects, Machine::with_path(std::ffi::OsStr::new(""), true)).unwrap());
    let plan = target.plan(crate::checks::CHECKS, &[ID]).unwrap();
    let outcome = runner::execute_one(&plan.steps[0], &target, runner::no_stop()).await;
    (lab, outcome)
}

#[tokio::test]
async fn another_registry_is_proven_by_writes_in_the_scratch_repository() {
    let healthy = Lab::healthy().await.unwrap();
    let (lab, outcome) = elsewhere(None, None).await;
    assert_eq!(outcome.verdict, Verdict::Pass, "{:?} {:?}", outcome.finding, outcome.proven);
    let changed = |shown: &&crate::model::exchange::Exchange| shown.method != "GET";
    let outside = |shown: &&crate::model::exchange::Exchange| !shown.url.contains("/v2/blumeops/regproof/");
    let wrong: Vec<_> = outcome.transcript.iter().filter(changed).filter(outside).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(lab.digests(), healthy.digests(), "nothing is left but what there was");
    assert!(outcome.leftovers.is_empty(), "{:?}", outcome.leftovers);
    for (weakness, case) in [
        (Weakness::CiCanDelete, "ci: delete"),
        (Weakness::CiCanUpdate, "ci: move a tag"),
        (Weakness::DefaultCanCreate, "guest: create a tag"),
        (Weakness::AnonymousCanCreate, "anonymous: upload"),
        (Weakness::CiCannotCreate, "ci: create a tag"),
        (Weakness::OverwriteAnswers403ButMoves, "ci: move a tag"),
    ] {
        let (_, outcome) = elsewhere(Some(weakness), None).await;
        let fails = outcome.cases.iter().filter(|case| case.verdict == Verdict::Fail);
        let fails: Vec<&str> = fails.map(|case| case.name.as_str()).collect();
        assert!(fails.contains(&case), "{}: {fails:?} {:?}", weakness.name(), outcome.finding);
    }
}

#[tokio::test]
async fn another_registry_is_asked_to_read_only_where_nothing_may_be_written() {
    let (_, outcome) = elsewhere(None, Some(Effect::Oracle)).await;
    assert_eq!(outcome.verdict, Verdict::Skip, "{:?}", outcome.finding);
    assert!(outcome.cases.iter().all(|case| case.name.ends_with(": read")), "{:?}", outcome.cases);
    assert!(outcome.transcript.iter().all(|shown| shown.method == "GET"));
    assert!(outcome.proven.as_ref().is_some_and(|line| line.contains("not zot")), "{:?}", outcome.proven);
}
