//! The binary as an operator meets it: one test per exit status, and what it prints where.
//!
//! Runs the real program against the lab. Knows no check beyond the ids it selects.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod bad_input;
mod commands;
mod interrupts;
mod live;
mod options;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use regproof::lab::{Lab, Weakness};

/// The program, without anything of this shell that it would listen to.
pub(crate) fn regproof(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    for name in ["REGPROOF_SCENARIO", "RUST_LOG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.args(arguments).timeout(std::time::Duration::from_secs(300));
    command
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// A lab and its scenario; the folder goes with it.
struct World {
    lab: Lab,
    folder: tempfile::TempDir,
    scenario: PathBuf,
}

async fn world(weakness: Option<Weakness>) -> World {
    let lab = match weakness {
        Some(weakness) => Lab::with(weakness).await,
        None => Lab::healthy().await,
    };
    let (lab, folder) = (lab.unwrap(), tempfile::tempdir().unwrap());
    let scenario = lab.write_scenario(folder.path()).unwrap();
    World { lab, folder, scenario }
}

impl World {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `regproof run` on this world, without a browser.
    fn run(&self, more: &[&str]) -> Command {
        let mut command = regproof(&["run", "--no-browser"]);
        command.arg(&self.scenario).args(more);
        command
    }

    /// The scenario with a change, in a new file.
    fn variant(&self, name: &str, from: &str, to: &str) -> PathBuf {
        let text = std::fs::read_to_string(&self.scenario).unwrap();
        assert!(text.contains(from), "the lab's scenario has no {from}");
        let file = self.path(name);
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        file
    }
}

/// Names and verdict elements of all test cases of a JUnit file that must be whole.
fn junit(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let verdict = |case: roxmltree::Node<'_, '_>| {
        let found = case.children().find(|node| ["failure", "error", "skipped"].contains(&node.tag_name().name()));
        found.map_or_else(|| "pass".to_owned(), |node| node.tag_name().name().to_owned())
    };
    cases.map(|case| (case.attribute("name").unwrap_or_default().to_owned(), verdict(case))).collect()
}

fn json(file: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[tokio::test]
async fn a_sound_registry_ends_with_0_and_every_report_is_written() {
    let world = world(None).await;
    let names = ["junit", "json", "html", "markdown", "prometheus", "har"];
    let mut command = world.run(&["--only", "registry::", "--only", "access::", "--only", "metrics::"]);
    for name in names {
        command.arg(format!("--{name}")).arg(world.path(name));
    }
    let done = command.assert().code(0);
    assert!(stdout(&done).contains("PASS   access::anonymous_can_pull"), "{}", stdout(&done));
    assert!(stdout(&done).contains("exit 0"));
    assert_eq!(stderr(&done), "");
    let outcomes = json(&world.path("json"))["outcomes"].as_array().unwrap().len();
    assert!(outcomes >= 5 && junit(&world.path("junit")).len() >= outcomes);
    assert!(json(&world.path("har"))["log"]["entries"].as_array().unwrap().len() > outcomes);
    for name in names {
        let text = std::fs::read_to_string(world.path(name)).unwrap();
        for secret in [world.lab.api_key("zot-ci"), world.lab.api_key("erich"), world.lab.login().1] {
            assert!(!text.contains(secret), "{name} holds a secret");
        }
    }
}

#[tokio::test]
async fn a_broken_promise_ends_with_1() {
    let world = world(Some(Weakness::AnonymousCanCreate)).await;
    let done = world.run(&["--only", "access::anonymous_cannot_push"]).assert().code(1);
    assert!(stdout(&done).contains("FAIL access::anonymous_cannot_push"), "{}", stdout(&done));
}

#[tokio::test]
async fn a_stopped_registry_ends_with_2_and_every_check_is_an_error() {
    let World { lab, folder, scenario } = world(None).await;
    let _vacancy = lab.vacate().await.unwrap();
    let report = folder.path().join("report.json");
    let mut command = regproof(&["run", "--no-browser", "--json"]);
    command.arg(&report).arg(&scenario).assert().code(2);
    let report = json(&report);
    let verdicts: Vec<&str> =
        report["outcomes"].as_array().unwrap().iter().map(|outcome| outcome["verdict"].as_str().unwrap()).collect();
    assert!(verdicts.iter().all(|verdict| ["error", "skip"].contains(verdict)), "{verdicts:?}");
    assert!(verdicts.iter().filter(|verdict| **verdict == "error").count() > 8, "{verdicts:?}");
}

#[test]
fn bad_usage_ends_with_3_and_says_so_on_stderr() {
    for arguments in [
        &[][..],
        &["no-such-command"],
        &["run", "--no-such-flag"],
        &["run", "--effects", "everything"],
        &["run", "--partition", "hash:0/4"],
        &["run", "--wait", "10"],
        &["run", "--json", "same", "--junit", "same"],
        &["lab", "--weakness", "no-such-weakness"],
        &["lab", "--release", "v0.0.0"],
        &["lab", "--listen", "0.0.0.0:0"],
        &["explain", "no::such_check"],
    ] {
        let done = regproof(arguments).assert().code(3);
        assert_eq!(stdout(&done), "", "{arguments:?}");
        assert!(!stderr(&done).is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn nothing_to_run_ends_with_4() {
    let world = world(None).await;
    let done = world.run(&["--only", "oidc::login_returns_with_a_session"]).assert().code(4);
    assert!(stdout(&done).contains("--no-browser"), "the skip has its reason: {}", stdout(&done));
    assert!(world.lab.requests().is_empty());
}

#[tokio::test]
async fn a_selection_that_selects_nothing_is_bad_usage() {
    let world = world(None).await;
    let done = world.run(&["--only", "acess::"]).assert().code(3);
    assert!(stderr(&done).contains("`acess::`"), "{}", stderr(&done));
    assert!(world.lab.requests().is_empty());
}

#[tokio::test]
async fn a_skip_counts_with_no_skips() {
    let world = world(None).await;
    let only = ["--only", "registry::", "--only", "oidc::login_returns", "--quiet"];
    let done = world.run(&only).assert().code(0);
    assert_eq!(stdout(&done), "", "quiet shows nothing when everything is proven");
    let done = world.run(&only).arg("--no-skips").assert().code(2);
    assert!(stdout(&done).contains("SKIP"));
}

/// The operator's own policy: it grants CI the cache's namespace with everything else.
#[tokio::test]
async fn a_cache_that_ci_may_push_into_is_a_warning_and_is_accepted_by_a_waiver() {
    let world = world(Some(Weakness::CacheNamespaceOpen)).await;
    let only = ["--only", "cache::", "--only", "registry::answers"];
    let done = world.run(&only).assert().code(0);
    let warned = stdout(&done).lines().any(|line| line.contains("WARN   cache::ci_cannot_push_into_the_cache"));
    assert!(warned && stdout(&done).contains(", 1 warning,"), "{}", stdout(&done));
    let strict: Vec<&str> = only.into_iter().chain(["--strict"]).collect();
    let done = world.run(&strict).assert().code(1);
    assert!(stdout(&done).contains("FAIL   cache::ci_cannot_push_into_the_cache"), "{}", stdout(&done));
    let waiver = "[[waive]]\ncheck = \"cache::ci_cannot_push_into_the_cache\"\nreason = \"CI is trusted with the cache\"\n\
                  until = 9999-12-31\n\n[[waive]]";
    let accepted = world.variant("accepted.toml", "[[waive]]", waiver);
    let run = |more: &[&str]| {
        let mut command = regproof(&["run", "--no-browser"]);
        command.arg(&accepted).args(only).args(more);
        command
    };
    let done = run(&[]).assert().code(0);
    let told = stdout(&done).lines().any(|line| {
        line.contains("SKIP   cache::ci_cannot_push_into_the_cache") && line.contains("waived: CI is trusted")
    });
    assert!(told, "{}", stdout(&done));
    run(&["--no-skips"]).assert().code(2);
}

#[tokio::test]
async fn a_report_that_cannot_be_written_turns_0_into_2_and_keeps_no_other_from_being_written() {
    let world = world(None).await;
    let (missing, good) = (world.path("no/such/folder/report.xml"), world.path("report.json"));
    let mut command = world.run(&["--only", "registry::", "--junit"]);
    let done = command.arg(&missing).arg("--json").arg(&good).assert().code(2);
    assert!(stderr(&done).starts_with("error: failed to write "), "{}", stderr(&done));
    assert!(stdout(&done).contains("PASS   registry::answers_as_a_registry"));
    assert_eq!(json(&good)["outcomes"][0]["verdict"], "pass");
}

#[tokio::test]
async fn a_report_that_cannot_be_written_leaves_1_as_it_is() {
    let world = world(Some(Weakness::MetricsClosed)).await;
    let mut command = world.run(&["--only", "metrics::", "--junit"]);
    command.arg(world.path("no/such/folder")).assert().code(1);
}

#[tokio::test]
async fn a_closed_stdout_is_no_panic_and_not_proven() {
    let world = world(None).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_regproof"));
    let command = command.args(["run", "--only", "registry::"]).arg(&world.scenario).env_remove("RUST_LOG");
    let output = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output();
    let output = output.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("failed to print the report") && !errors.contains("panicked"), "{errors}");
}

#[tokio::test]
async fn several_scenarios_make_one_report() {
    let (sound, weak) = (world(None).await, world(Some(Weakness::MetricsClosed)).await);
    let other = weak.variant("other.toml", "name = \"lab\"", "name = \"weak\"");
    let (report, har) = (sound.path("report.json"), sound.path("report.har"));
    let mut command = sound.run(&["--only", "metrics::", "--json"]);
    command.arg(&report).arg("--har").arg(&har).arg(&other).assert().code(1);
    let report = json(&report);
    let verdict = |at: usize| report["runs"][at]["outcomes"][0]["verdict"].as_str().unwrap().to_owned();
    assert_eq!([verdict(0), verdict(1)], ["pass", "fail"]);
    let har = json(&har);
    assert_eq!(har["log"]["pages"][1]["id"], "weak: metrics::anonymous_can_scrape");
    let done = sound.run(&["--only", "metrics::"]).arg(&weak.scenario).assert().code(3);
    assert!(stderr(&done).contains("is called `lab` too"), "{}", stderr(&done));
}

#[tokio::test]
async fn partitions_are_disjoint_and_whole() {
    let world = world(None).await;
    let (mut seen, mut reports) = (Vec::new(), Vec::new());
    for part in ["hash:1/3", "hash:2/3", "hash:3/3"] {
        let report = world.path(&format!("report{}.json", reports.len()));
        let mut command = world.run(&["--effects", "read-only", "--partition", part, "--json"]);
        let status = command.arg(&report).assert().get_output().status.code();
        assert!(matches!(status, Some(0 | 4)), "{part}: {status:?}");
        let outcomes = json(&report)["outcomes"].as_array().unwrap().clone();
        seen.extend(outcomes.iter().map(|outcome| outcome["id"].as_str().unwrap().to_owned()));
        reports.push(report);
    }
    let (whole, xml) = (world.path("whole.json"), world.path("whole.xml"));
    let merge = || {
        let mut command = regproof(&["merge", "--json"]);
        command.arg(&whole).arg("--junit").arg(&xml);
        command
    };
    let done = merge().args(&reports[1..]).assert().code(3);
    assert!(stderr(&done).contains("not there: 1"), "{}", stderr(&done));
    assert!(!whole.exists());
    merge().args(reports.iter().rev()).assert().code(0);
    let merged = json(&whole)["outcomes"].as_array().unwrap().clone();
    let merged: Vec<&str> = merged.iter().map(|outcome| outcome["id"].as_str().unwrap()).collect();
    assert!(junit(&xml).len() >= merged.len());
    seen.sort();
    assert_eq!(merged, seen);
    let all: Vec<&str> = regproof::checks::CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(seen, all);
    assert!(world.lab.requests().iter().all(|seen| ["GET", "HEAD", "OPTIONS"].contains(&seen.method.as_str())));
}

#[tokio::test]
async fn no_log_level_shows_a_secret() {
    let world = world(None).await;
    let mut command = world.run(&["--only", "publish::api_key_can_push", "--only", "access::wrong_credentials"]);
    let done = command.env("RUST_LOG", "trace").assert().code(0);
    let (log, ci) = (stderr(&done), world.lab.api_key("zot-ci"));
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is not empty");
    let pair = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("zot-ci:{ci}"));
    assert!(!log.contains(ci) && !log.contains(&pair));
    let done = world.run(&["--only", "registry::"]).env("RUST_LOG", "a=b=c").assert().code(0);
    assert!(stderr(&done).contains("RUST_LOG is not understood"), "{}", stderr(&done));
}
