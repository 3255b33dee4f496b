//! The other front end, `tests/live.rs`: what it lists and how it ends, as cargo-nextest sees it.
//!
//! Runs the code of that program from within this one: beside this one there may be builds of it that are older.

#[path = "../../live/front_end.rs"]
mod front_end;

use std::path::Path;
use std::process::{Command, Output};

use libtest_mimic::Arguments;

use super::world;
use crate::support::process::run;

/// The variable with the arguments, one a line.
const ARGUMENTS: &str = "REGPROOF_TEST_LIVE";
/// The test below, which is the program where that variable is set.
const PROGRAM: &str = "cli::live::the_front_end_in_a_process_of_its_own";

#[test]
#[ignore = "the tests below start it"]
fn the_front_end_in_a_process_of_its_own() {
    let arguments = std::env::var(ARGUMENTS).expect("the tests below start it, with arguments");
    let arguments = Arguments::from_iter(["live"].into_iter().chain(arguments.lines()));
    let code = front_end::run(&arguments);
    #[expect(clippy::exit, reason = "this process stands for a program, and its end is what is looked at")]
    std::process::exit(code.into());
}

fn live(scenario: Option<&Path>, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", PROGRAM, "--ignored", "--nocapture", "--quiet", "--test-threads=1"]);
    command.env_remove("REGPROOF_SCENARIO").env(ARGUMENTS, arguments.join("\n"));
    if let Some(scenario) = scenario {
        command.env("REGPROOF_SCENARIO", scenario);
    }
    let Output { status, stdout, stderr } = run(&mut command);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    let own = stdout.strip_prefix("\nrunning 1 test\n").unwrap_or_else(|| panic!("another beginning: {stdout}"));
    (status.code().unwrap(), own.to_owned(), stderr)
}

#[test]
fn without_a_scenario_every_check_is_ignored() {
    let (code, text, _) = live(None, &["--list", "--format", "terse", "--ignored"]);
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let all: Vec<&str> = regproof::checks::CHECKS.iter().map(|check| check.id).collect();
    assert_eq!((code, listed), (0, all.clone()));
    let (code, text, _) = live(None, &[]);
    assert_eq!(code, 0);
    assert!(text.contains(&format!("0 passed; 0 failed; {} ignored", all.len())), "{text}");
    let (code, text, _) = live(None, &["--exact", all[0], "--ignored"]);
    assert_ne!(code, 0, "a check that is forced to run proves nothing without a scenario");
    assert!(text.contains("REGPROOF_SCENARIO"), "{text}");
}

#[test]
fn a_bad_scenario_fails_the_listing() {
    let (code, text, errors) = live(Some("no-such-file.toml".as_ref()), &["--list"]);
    assert_eq!((code, text.as_str()), (3, ""));
    assert!(errors.contains("no-such-file.toml"), "{errors}");
}

#[tokio::test]
async fn each_check_is_a_test_of_its_own_and_listing_sends_nothing() {
    let world = world(Some(regproof::lab::Weakness::MetricsClosed)).await;
    let on = |arguments: &[&str]| live(Some(&world.scenario), arguments);
    let (code, text, _) = on(&["--list"]);
    assert!(code == 0 && text.contains("metrics::anonymous_can_scrape: test"), "{text}");
    assert!(world.lab.requests().is_empty());
    let (code, text, _) = on(&["--exact", "registry::answers_as_a_registry"]);
    assert!(code == 0 && text.contains("1 passed"), "{text}");
    let (code, text, _) = on(&["--exact", "metrics::anonymous_can_scrape"]);
    assert!(code != 0 && text.contains("expected") && text.contains("reproduce"), "{text}");
    let (code, _, errors) = on(&["--exact", "metrics::no_such_check"]);
    assert!(code == 3 && errors.contains("metrics::no_such_check"), "{errors}");
}
