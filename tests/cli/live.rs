//! The other front end, `tests/live.rs`: what it lists and how it ends, as cargo-nextest sees it.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::world;

/// The other test program as cargo builds it now; beside it may lie older builds.
fn program() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO")?;
    let mut build = Command::new(cargo);
    build.args(["test", "--locked", "--offline", "--no-run", "--message-format", "json", "--test", "live"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let output = build.current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    let lines = String::from_utf8(output.stdout).ok()?;
    let built = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let of_live = |line: &serde_json::Value| line["target"]["name"] == "live";
    built.filter(of_live).find_map(|line| line["executable"].as_str().map(PathBuf::from))
}

#[expect(clippy::print_stderr, reason = "a skip is said, and clippy takes this helper for the program")]
fn live(scenario: Option<&std::path::Path>, arguments: &[&str]) -> Option<(i32, String, String)> {
    let Some(program) = program() else {
        eprintln!("SKIPPED: not run by cargo, which knows where it built tests/live.rs");
        return None;
    };
    let mut command = Command::new(program);
    command.env_remove("REGPROOF_SCENARIO").args(arguments);
    if let Some(scenario) = scenario {
        command.env("REGPROOF_SCENARIO", scenario);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    Some((status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap()))
}

#[test]
fn without_a_scenario_every_check_is_ignored() {
    let Some((code, text, _)) = live(None, &["--list", "--format", "terse", "--ignored"]) else { return };
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let all: Vec<&str> = regproof::checks::CHECKS.iter().map(|check| check.id).collect();
    assert_eq!((code, listed), (0, all.clone()));
    let Some((code, text, _)) = live(None, &[]) else { return };
    assert_eq!(code, 0);
    assert!(text.contains(&format!("0 passed; 0 failed; {} ignored", all.len())), "{text}");
    let Some((code, text, _)) = live(None, &["--exact", all[0], "--ignored"]) else { return };
    assert_ne!(code, 0, "a check that is forced to run proves nothing without a scenario");
    assert!(text.contains("REGPROOF_SCENARIO"), "{text}");
}

#[test]
fn a_bad_scenario_fails_the_listing() {
    let Some((code, text, errors)) = live(Some("no-such-file.toml".as_ref()), &["--list"]) else { return };
    assert_eq!((code, text.as_str()), (3, ""));
    assert!(errors.contains("no-such-file.toml"), "{errors}");
}

#[tokio::test]
async fn each_check_is_a_test_of_its_own_and_listing_sends_nothing() {
    let world = world(Some(regproof::lab::Weakness::MetricsClosed)).await;
    let on = |arguments: &[&str]| live(Some(&world.scenario), arguments);
    let Some((code, text, _)) = on(&["--list"]) else { return };
    assert!(code == 0 && text.contains("metrics::anonymous_can_scrape: test"), "{text}");
    assert!(world.lab.requests().is_empty());
    let (code, text, _) = on(&["--exact", "registry::answers_as_a_registry"]).unwrap();
    assert!(code == 0 && text.contains("1 passed"), "{text}");
    let (code, text, _) = on(&["--exact", "metrics::anonymous_can_scrape"]).unwrap();
    assert!(code != 0 && text.contains("expected") && text.contains("repeat"), "{text}");
    let (code, _, errors) = on(&["--exact", "metrics::no_such_check"]).unwrap();
    assert!(code == 3 && errors.contains("metrics::no_such_check"), "{errors}");
}
