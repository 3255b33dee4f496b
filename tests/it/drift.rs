//! Snapshot, diff and `run --against` on the lab, by the library and by the program itself.

mod tags;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::http::{Request, block_on};
use assert_cmd::Command;
use regproof::check::machine::Machine;
use regproof::check::target::Target;
use regproof::drift::compare::{Kind, compare};
use regproof::drift::take;
use regproof::lab::{Lab, Weakness};
use regproof::model::effect::Effect;
use regproof::model::snapshot::Snapshot;
use regproof::run::runner;

fn lab(weakness: Option<Weakness>) -> Lab {
    block_on(async move {
        match weakness {
            Some(weakness) => Lab::with(weakness).await,
            None => Lab::healthy().await,
        }
    })
    .expect("the lab starts")
}

fn snapshot(lab: &Lab) -> Snapshot {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let target =
        Target::open(&file, Some(Effect::Oracle), Machine::here(true)).expect("the lab's own scenario is sound");
    block_on(async move { take(&target, true, runner::no_stop()).await }).expect("the lab answers")
}

/// Kind and question of each difference.
fn differing(before: &Snapshot, after: &Snapshot) -> Vec<(Kind, String)> {
    let diff = compare(before, after, &BTreeSet::new());
    diff.changes.into_iter().map(|change| (change.kind, change.question)).collect()
}

fn changed(questions: &[&str]) -> Vec<(Kind, String)> {
    questions.iter().map(|question| (Kind::Changed, (*question).to_owned())).collect()
}

#[test]
fn two_snapshots_of_one_registry_are_equal_and_leave_no_trace_in_it() {
    let lab = lab(None);
    let content = || (lab.digests(), lab.repositories(), lab.api_keys());
    let before = content();
    let one = snapshot(&lab);
    assert_eq!(one.text(), snapshot(&lab).text());
    assert_eq!(before, content());
    assert!(one.answers.len() > 300 && one.tag_count() >= 4, "{} answers", one.answers.len());
    for secret in ["zot-ci", "guest", "erich"].map(|user| lab.api_key(user).to_owned()) {
        assert!(!one.text().contains(&secret));
    }
}

#[test]
fn each_weakness_shows_as_its_own_changes_and_as_nothing_else() {
    let before = snapshot(&lab(None));
    for (name, mut expected) in [
        (
            "metrics-closed",
            changed(&["anonymous GET /metrics", "probe metrics-longer-path", "probe metrics"])
                .into_iter()
                .chain([(Kind::Lost, "release".to_owned())])
                .collect(),
        ),
        (
            "ci-can-update",
            changed(&[
                "ci, move a tag by query in blumeops/navidrome",
                "ci, move a tag by query in private/ledger",
                "ci, update `latest` in blumeops/navidrome",
                "ci, update a tag in blumeops/navidrome",
                "ci, update a tag in private/ledger",
            ]),
        ),
        (
            "cors-reflects-origin",
            changed(&[
                "probe cors-any-origin-with-credentials",
                "probe cors-catalog",
                "probe cors-foreign-origin",
                "probe cors-null-origin",
                "probe cors-preflight-catalog",
                "probe cors-preflight-keys",
            ]),
        ),
        ("containerd-refused", changed(&["containerd, log in and pull as ci", "containerd, pull without credentials"])),
        ("redirect-uri-wrong-host", changed(&["anonymous GET /zot/auth/login?provider=oidc"])),
        ("scope-profile-missing", changed(&["anonymous GET /zot/auth/login?provider=oidc"])),
        (
            "mount-open",
            changed(&[
                "anonymous, mount a blob in blumeops/navidrome",
                "anonymous, mount a blob in blumeops/regproof",
                "anonymous, mount a blob in blumeops/regproof-undeclared",
                "anonymous, mount a blob in private/ledger",
                "anonymous, mount a blob in private/regproof-undeclared",
                "anonymous, mount a blob in regproof-undeclared",
                "anonymous, mount a blob in regproof-undeclared/nothing-here",
                "anonymous, mount a blob in regproof-undeclared/nothing/here",
            ]),
        ),
        ("profiling-open", changed(&["probe pprof-zot", "probe pprof-zot-by-a-creator"])),
    ] {
        let weakness: Weakness = name.parse().expect("the lab has it");
        let mut seen = differing(&before, &snapshot(&lab(Some(weakness))));
        if name == "metrics-closed" {
            // The release shows in the metrics alone, and without it nothing is asked that could be stored.
            seen.retain(|(kind, question)| *kind != Kind::Lost || question == "release");
        }
        // By question: ids sort by the answers too.
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn a_tag_that_moves_and_one_that_goes_are_named_and_a_new_one_is_not() {
    let lab = lab(None);
    let before = snapshot(&lab);
    let manifests = format!("{}/v2/blumeops/navidrome/manifests", lab.url());
    let admin = Some(("erich", lab.api_key("erich")));
    let other = Request::new("GET", &format!("{manifests}/v0.61.1-abcdef0-nix")).send().must_be(200);
    let media_type = other.header("content-type").expect("a manifest has a type").to_owned();
    for tag in ["latest", "v9.9.9-0123456"] {
        let put = Request::new("PUT", &format!("{manifests}/{tag}")).credentials(admin);
        put.body(&media_type, other.text()).send().must_be(201);
    }
    Request::new("DELETE", &format!("{manifests}/v0.61.1-abcdef0")).credentials(admin).send().must_be(202);
    let diff = compare(&before, &snapshot(&lab), &BTreeSet::new());
    let tags: Vec<_> = diff.changes.iter().map(|change| (change.kind, change.question.as_str())).collect();
    let expected =
        [(Kind::Moved, "tag blumeops/navidrome:latest"), (Kind::Gone, "tag blumeops/navidrome:v0.61.1-abcdef0")];
    assert_eq!(tags, expected);
    assert_eq!(diff.new_tags, 1);
}

#[test]
fn a_registry_that_is_down_gives_no_snapshot() {
    let lab = lab(None);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let _vacancy = block_on(lab.vacate()).expect("its addresses are free again");
    let output = folder.path().join("none.json");
    let assert = regproof(&["snapshot"], &[&file, Path::new("-o"), &output]).assert().code(2);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("the registry answered nothing"));
    assert!(!output.exists());
}

/// The program, without anything of this shell that it would listen to.
fn regproof(arguments: &[&str], files: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    for name in ["REGPROOF_SCENARIO", "RUST_LOG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.args(arguments).args(files).timeout(Duration::from_secs(300));
    command
}

fn written(folder: &Path, lab: &Lab, name: &str) -> (PathBuf, PathBuf) {
    let place = folder.join(name);
    std::fs::create_dir_all(&place).expect("a folder can be made");
    let scenario = lab.write_scenario(&place).expect("the scenario can be written");
    let output = place.join("snapshot.json");
    // 2 where the release does not show, so that no permission could be asked without writing.
    regproof(&["snapshot"], &[&scenario, Path::new("--output"), &output]).assert().code(&[0, 2][..]);
    (scenario, output)
}

#[test]
fn diff_ends_with_1_on_a_change_0_on_none_or_an_accepted_one_3_on_a_bad_file() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (sound, weak) = (lab(None), lab(Some(Weakness::MetricsClosed)));
    let (_, before) = written(folder.path(), &sound, "sound");
    let (_, after) = written(folder.path(), &weak, "weak");
    regproof(&["diff"], &[&before, &before]).assert().code(0);
    let text = regproof(&["diff"], &[&before, &after]).assert().code(1);
    let text = String::from_utf8_lossy(&text.get_output().stdout).into_owned();
    let line = "anonymous GET /metrics: 200 text/plain -> 401 application/json, asks for basic";
    let accepted = folder.path().join("accepted");
    // The report itself is a list: what is indented is an id.
    let ids: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
    let changes = ids.len();
    assert!(text.contains(line) && changes >= 4 && text.contains(&format!("{changes} changes; ")), "{text}");
    std::fs::write(&accepted, ids.join("\n")).expect("a file can be written");
    // All is accepted, and yet the second snapshot does not know everything.
    let assert = regproof(&["diff", "--format", "json", "--accept"], &[&accepted, &before, &after]).assert().code(2);
    let json: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).expect("it is JSON");
    assert!(
        json["changes"].as_array().is_some_and(|all| all.len() == changes && all.iter().all(|c| c["accepted"] == true))
    );
    let markdown = regproof(&["diff", "--format", "markdown"], &[&before, &after]).assert().code(1);
    assert!(String::from_utf8_lossy(&markdown.get_output().stdout).contains(&format!("- ` {line} `")));
    for bad in [folder.path().join("none.json"), accepted.clone()] {
        regproof(&["diff"], &[&before, &bad]).assert().code(3);
    }
    regproof(&["diff", "--accept"], &[&folder.path().join("none"), &before, &after]).assert().code(3);
}

fn drift_of(report: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(report).expect("there is a report");
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let outcomes = json["outcomes"].as_array().expect("a list of outcomes").clone();
    outcomes.last().expect("there are outcomes").clone()
}

#[test]
fn a_run_against_a_snapshot_proves_that_nothing_changed_and_its_own_writes_are_no_change() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sound = lab(None);
    let (scenario, before) = written(folder.path(), &sound, "sound");
    let (json, junit) = (folder.path().join("r.json"), folder.path().join("r.xml"));
    let mut run = regproof(&["run", "--no-browser", "--against"], &[&before, &scenario]);
    run.arg("--json").arg(&json).assert().code(0);
    let drift = drift_of(&json);
    assert!(drift["id"] == "drift::nothing_changed" && drift["verdict"] == "pass", "{drift:#}");

    // What the snapshot does not have may have been so before: nothing is broken, and nothing proven.
    let text = std::fs::read_to_string(&before).expect("the snapshot can be read");
    let mut short: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let answers = short["answers"].as_object_mut().expect("it has answers");
    let question = answers.keys().find(|question| question.starts_with("anonymous")).expect("one of them").clone();
    answers.remove(&question);
    let shorter = folder.path().join("shorter.json");
    std::fs::write(&shorter, short.to_string()).expect("a file can be written");
    let mut run = regproof(&["run", "--only", "registry::answers", "--against"], &[&shorter, &scenario]);
    run.arg("--json").arg(&json).assert().code(2);
    assert_eq!(drift_of(&json)["verdict"], "error");

    let weak = lab(Some(Weakness::MountOpen));
    let place = folder.path().join("weak");
    std::fs::create_dir_all(&place).expect("a folder can be made");
    let scenario = weak.write_scenario(&place).expect("the scenario can be written");
    let mut run = regproof(&["run", "--only", "registry::answers", "--against"], &[&before, &scenario]);
    run.arg("--json").arg(&json).arg("--junit").arg(&junit).assert().code(1);
    let drift = drift_of(&json);
    assert_eq!((drift["verdict"].as_str(), drift["cases"].as_array().map(Vec::len)), (Some("fail"), Some(8)));
    let junit = std::fs::read_to_string(junit).expect("there is a report");
    assert!(junit.contains("mount a blob in private/ledger"), "{junit}");

    // What is accepted as `diff` prints it is no broken promise.
    let (_, after) = written(folder.path(), &weak, "after");
    let text = regproof(&["diff"], &[&before, &after]).assert().code(1);
    let text = String::from_utf8_lossy(&text.get_output().stdout).into_owned();
    let accepted = folder.path().join("accepted");
    let ids: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
    std::fs::write(&accepted, ids.join("\n")).expect("a file can be written");
    let mut run = regproof(&["run", "--only", "registry::answers", "--against"], &[&before, &scenario]);
    run.arg("--accept").arg(&accepted).assert().code(0);
    std::fs::write(&accepted, ids[1..].join("\n")).expect("a file can be written");
    let mut run = regproof(&["run", "--only", "registry::answers", "--against"], &[&before, &scenario]);
    run.arg("--accept").arg(&accepted).assert().code(1);

    let mut run = regproof(&["run", "--effects", "read-only", "--only", "registry::answers"], &[&scenario]);
    run.arg("--against").arg(&before).arg("--json").arg(&json).assert().code(0);
    assert_eq!(drift_of(&json)["verdict"], "skip");
    regproof(&["run", "--against"], &[&folder.path().join("none"), &scenario]).assert().code(3);
    regproof(&["run", "--against"], &[&before, &scenario, &scenario]).assert().code(3);
}
