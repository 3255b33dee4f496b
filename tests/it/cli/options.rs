//! Options and commands that decide what is shown and shared, on the command line itself.

use std::path::Path;

use assert_cmd::Command;

use super::{json, regproof, stderr, stdout, world};
use crate::support::process::{Reserved, Server};
use regproof::lab::Weakness;

const SHARE: [&str; 2] = ["JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"];

#[tokio::test]
async fn annotations_for_runners_come_before_the_pretty_text() {
    let world = world(Some(Weakness::MetricsClosed)).await;
    let done =
        world.run(&["--only", "metrics::", "--only", "registry::answers", "--format", "github"]).assert().code(1);
    let text = stdout(&done);
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error")).collect();
    assert!(errors.len() == 1 && errors[0].contains("FAIL metrics%3A%3Aanonymous_can_scrape"), "{text}");
    let (before, after) = text.split_once("::error").unwrap();
    assert!(!before.contains("FAIL") && after.contains("FAIL metrics::anonymous_can_scrape"), "{text}");
}

#[tokio::test]
async fn services_are_a_line_each() {
    let world = world(Some(Weakness::MetricsClosed)).await;
    let only = ["--only", "metrics::", "--only", "access::anonymous_can_pull"];
    let text = stdout(&world.run(&only).args(["--format", "services"]).assert().code(1));
    for line in ["access::anonymous_can_pull... OK", "metrics::anonymous_can_scrape... FAILED"] {
        assert!(text.lines().any(|found| found.ends_with(line)), "no {line} in {text}");
    }
}

#[tokio::test]
async fn colours_are_as_asked_for_and_never_in_a_pipe_unasked() {
    let world = world(None).await;
    for (arguments, variable, coloured) in [
        (&[][..], None, false),
        (&["--colour", "always"], None, true),
        (&["--color", "always"], None, true),
        // Who asks for colours gets them.
        (&["--colour", "always"], Some(("NO_COLOR", "1")), true),
        (&["--colour", "never"], None, false),
        (&["--colour", "auto"], Some(("TERM", "dumb")), false),
    ] {
        let mut command = world.run(&["--only", "registry::answers"]);
        command.args(arguments).envs(variable);
        let text = stdout(&command.assert().code(0));
        assert_eq!(text.contains("\u{1b}["), coloured, "{arguments:?} {variable:?}: {text:?}");
    }
    world.run(&["--colour", "sometimes"]).assert().code(3);
}

#[tokio::test]
async fn a_part_can_be_named_by_the_environment_of_an_indexed_job() {
    let world = world(None).await;
    let plan = |index: Option<&str>, of: Option<&str>| -> Command {
        let mut command = regproof(&["plan", "--no-browser", "--partition", "auto"]);
        for (name, value) in SHARE.into_iter().zip([index, of]) {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.arg(&world.scenario);
        command
    };
    let listed = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("RUN ") || line.starts_with("SKIP "));
        lines.filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect()
    };
    let parts: Vec<Vec<String>> =
        ["0", "1", "2"].map(|index| listed(&stdout(&plan(Some(index), Some("3")).assert().code(0)))).to_vec();
    let mut named = regproof(&["plan", "--no-browser", "--partition", "hash:2/3"]);
    assert_eq!(parts[1], listed(&stdout(&named.arg(&world.scenario).assert().code(0))));
    assert!(parts.iter().all(|part| !part.is_empty()), "{parts:?}");
    let mut all = parts.concat();
    all.sort();
    let known: Vec<&str> = regproof::checks::CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(all, known);
    for (index, of) in [(None, Some("3")), (Some("0"), None), (Some("3"), Some("3")), (Some("x"), Some("3"))] {
        let done = plan(index, of).assert().code(3);
        assert!(stderr(&done).contains("JOB_COMPLETION"), "{}", stderr(&done));
    }
}

#[tokio::test]
async fn a_skip_counts_in_a_merged_report_too() {
    let world = world(None).await;
    let parts = ["1", "2"].map(|part| {
        let file = world.path(&format!("{part}.json"));
        let share = format!("hash:{part}/2");
        world
            .run(&["--only", "registry::", "--only", "oidc::", "--partition", &share, "--json"])
            .arg(&file)
            .assert()
            .success();
        file
    });
    let merge = |more: &[&str]| regproof(&["merge"]).args(&parts).args(more).assert();
    let whole = world.path("whole.json");
    merge(&["--json", whole.to_str().unwrap()]).code(0);
    let outcomes = json(&whole)["outcomes"].as_array().unwrap().clone();
    assert!(outcomes.iter().any(|outcome| outcome["verdict"] == "skip"), "{outcomes:#?}");
    merge(&["--no-skips"]).code(2);
}

fn serves(arguments: &[&str], folder: &Path) -> (Server, String) {
    let scenario = folder.join("lab.toml");
    let whole = [&["lab", "--scenario-out", scenario.to_str().unwrap()], arguments].concat();
    let mut lab = Server::spawn(Path::new(env!("CARGO_BIN_EXE_regproof")), &whole, &folder.join("lab.log"));
    let url = lab.wait_until(std::time::Duration::from_secs(120), |log| {
        let (_, rest) = log.split_once("lab ready at ")?;
        rest.contains('\n').then(|| rest.split_whitespace().next().unwrap_or_default().to_owned())
    });
    (lab, url.unwrap())
}

#[test]
fn the_lab_shows_the_release_that_was_asked_for_and_init_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_lab, url) = serves(&["--release", "v2.1.15"], folder.path());
    let text = stdout(&regproof(&["init", &url]).assert().code(0));
    assert!(text.contains("v2.1.15") && text.contains(&url), "{text}");
    // What it printed is a scenario.
    let scenario = folder.path().join("seen.toml");
    std::fs::write(&scenario, text).unwrap();
    let text = stdout(&regproof(&["plan", "--no-browser"]).arg(&scenario).assert().code(0));
    assert!(text.contains("RUN   access::anonymous_can_pull "), "{text}");
}

#[test]
fn init_says_what_it_could_not_look_at() {
    let nobody = Reserved::new();
    let text = stdout(&regproof(&["init", &nobody.url()]).assert().code(0));
    assert!(text.contains("# Not seen: GET ") && text.contains("cannot connect"), "{text}");
    assert!(!text.contains("\n[access]") && !text.contains("\npublic = "), "nothing is promised of it: {text}");
    assert_eq!(stdout(&regproof(&["init", "no url"]).assert().code(3)), "");
}

#[test]
fn the_demo_breaks_what_it_is_told_to() {
    let mut command = regproof(&["demo", "--no-browser", "--weakness", "metrics-closed"]);
    let text = stdout(&command.assert().code(0));
    let (_, weak) = text.split_once("2 of 2").unwrap();
    assert!(weak.contains("FAIL metrics::anonymous_can_scrape") && weak.contains("As it should be"), "{weak}");
    regproof(&["demo", "--weakness", "no-such-weakness"]).assert().code(3);
}

/// The table of weaknesses says which checks notice each; this is its proof, without browser and client programs.
#[test]
fn every_weakness_of_the_lab_is_noticed_by_exactly_the_checks_that_its_row_names() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_regproof"));
    // All pairs of a weakness and a check take minutes: `make prove` tries them.
    command.args(["prove", "--no-browser", "--quick"]).env("PATH", "").env_remove("RUST_LOG");
    let done = crate::support::process::run_within(&mut command, std::time::Duration::from_secs(1200));
    let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    let wrong: Vec<&str> =
        text.lines().filter(|line| line.contains("SURVIVED") || line.contains("DIFFERENT")).collect();
    assert_eq!(done.status.code(), Some(0), "{wrong:#?}\n{text}");
    let caught = text.lines().filter(|line| line.starts_with("caught")).count();
    assert!(caught > Weakness::all().count() / 2, "{text}");
}
