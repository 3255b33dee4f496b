//! The other commands: list, explain, schema, plan, lab, clean, demo, completions.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{json, regproof, stderr, stdout, world};
use crate::support::image::Image;
use crate::support::poll;
use crate::support::process::Ends;

#[test]
fn help_and_version_end_with_0_on_stdout() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["help", "lab"]] {
        let done = regproof(arguments).assert().code(0);
        assert!(!stdout(&done).is_empty() && stderr(&done).is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_list_is_sorted_and_names_every_check_once() {
    let done = regproof(&["list"]).assert().code(0);
    let text = stdout(&done);
    let ids: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let all: Vec<&str> = regproof::checks::CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(ids, all);
    assert!(ids.is_sorted(), "{ids:?}");
    let done = regproof(&["list", "--format", "json"]).assert().code(0);
    let list: serde_json::Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!(list["schema"], 1);
    assert_eq!(list["checks"].as_array().unwrap().len(), all.len());
    assert_eq!(list["checks"][0]["id"], all[0]);
}

#[test]
fn a_check_explains_itself() {
    // That each has its text, tidy.rs says.
    let checks = regproof::checks::CHECKS;
    for check in [&checks[0], &checks[checks.len() / 2], &checks[checks.len() - 1]] {
        let text = stdout(&regproof(&["explain", check.id]).assert().code(0));
        assert!(text.starts_with(check.id) && text.contains(check.doc().lines().next().unwrap()), "{text}");
        assert!(text.contains("## When it fails"), "{text}");
    }
}

#[test]
fn an_unknown_id_is_answered_with_what_was_meant() {
    let done = regproof(&["explain", "access::anonymus_can_pul"]).assert().code(3);
    assert!(stderr(&done).contains("Did you mean `access::anonymous_can_pull`?"), "{}", stderr(&done));
}

#[test]
fn the_schema_and_completions_are_printed() {
    let schema: serde_json::Value = serde_json::from_str(&stdout(&regproof(&["schema"]).assert().code(0))).unwrap();
    assert_eq!(schema["title"], "Scenario");
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&regproof(&["completions", shell]).assert().code(0)).contains("regproof"), "{shell}");
    }
}

#[test]
fn a_manual_page_is_printed_or_all_are_written() {
    assert!(stdout(&regproof(&["man"]).assert().code(0)).contains(".TH regproof 1"));
    assert!(stdout(&regproof(&["man", "run"]).assert().code(0)).contains(".TH regproof-run 1"));
    let done = regproof(&["man", "no-such-command"]).assert().code(3);
    assert!(stderr(&done).contains("there is no command `regproof no-such-command`"), "{}", stderr(&done));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(stdout(&regproof(&["man", "--out"]).arg(folder.path()).assert().code(0)), "");
    assert!(folder.path().join("regproof-explain.1").is_file());
}

#[tokio::test]
async fn a_plan_says_what_would_run_and_sends_nothing() {
    let world = world(None).await;
    let mut command = regproof(&["plan", "--no-browser", "--effects", "no-store"]);
    let text = stdout(&command.arg(&world.scenario).assert().code(0));
    for line in [
        "RUN   access::anonymous_can_pull ",
        "SKIP  publish::api_key_can_push ",
        "it needs `--effects writes`, this run is allowed `no-store`",
        "SKIP  oidc::login_returns_with_a_session ",
        "writes      what the cache fetches for docker.io/library/alpine:3.20, kept by the registry",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let mut command = regproof(&["plan"]);
    let text = stdout(&command.arg(&world.scenario).assert().code(0));
    assert!(
        text.contains("tags regproof-… in blumeops/regproof and private/regproof, removed by identity `admin`"),
        "{text}"
    );
    // What a login changes is said before.
    let programs = tempfile::tempdir().unwrap();
    for name in ["chromedriver", "chromium"] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(programs.path().join(name), "").unwrap();
        std::fs::set_permissions(programs.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = regproof(&["plan"]);
    let text = stdout(&command.env("PATH", programs.path()).arg(&world.scenario).assert().code(0));
    assert!(text.contains("the registry keeps this login's groups for the user's API keys too"), "{text}");
    let mut command = regproof(&["plan", "--no-browser", "--only", "oidc::login_returns"]);
    command.arg(&world.scenario).assert().code(4);
    assert!(world.lab.requests().is_empty());
}

#[tokio::test]
async fn clean_removes_what_runs_left_and_nothing_else() {
    let world = world(None).await;
    let ours = || world.lab.digests().into_keys().filter(|name| name.contains(":regproof-")).count();
    let others = || world.lab.digests().into_keys().filter(|name| !name.contains(":regproof-")).collect::<Vec<_>>();
    let from = "groups.admins = [\"read\", \"create\", \"update\", \"delete\"]";
    let no_remover = world.variant("no-remover.toml", from, "groups.admins = [\"read\"]");
    let mut command = regproof(&["run", "--only", "publish::api_key_can_push"]);
    let text = stdout(&command.arg(&no_remover).assert().code(0));
    let left = ours();
    assert!(left > 0 && text.contains("left behind:"), "{text}");
    // A run that was ended may leave its canary in the private scratch repository.
    let admin = Some(("erich", world.lab.api_key("erich")));
    let canary = Image::with_content("a canary");
    for tag in ["regproof-0123456789ab-canary", "v1"] {
        canary.push(world.lab.url(), "private/regproof", tag, admin);
    }
    let mut command = regproof(&["clean"]);
    let done = command.arg(&no_remover).assert().code(3);
    assert!(stderr(&done).contains("no identity of the scenario may delete"), "{}", stderr(&done));
    let before = others();
    let mut command = regproof(&["clean", "--dry-run"]);
    let text = stdout(&command.arg(&world.scenario).assert().code(0));
    assert_eq!(text.matches("would remove blumeops/regproof:regproof-").count(), left, "{text}");
    assert_eq!(text.matches("would remove private/regproof:").count(), 1, "{text}");
    assert_eq!(ours(), left + 1);
    let mut command = regproof(&["clean"]);
    let text = stdout(&command.arg(&world.scenario).assert().code(0));
    assert!(text.contains(&format!("{left} removed from blumeops/regproof")), "{text}");
    assert!(text.contains("1 removed from private/regproof"), "{text}");
    assert_eq!((ours(), others()), (0, before));
    let mut command = regproof(&["clean"]);
    let text = stdout(&command.arg(&world.scenario).assert().code(0));
    assert!(text.contains("nothing of regproof is in"), "{text}");
}

#[tokio::test]
async fn clean_is_not_proven_when_something_stays() {
    let world = world(Some(regproof::lab::Weakness::AdminsCannotDelete)).await;
    let mut command = regproof(&["run", "--only", "publish::api_key_can_push"]);
    command.arg(&world.scenario).assert().code(0);
    let mut command = regproof(&["clean"]);
    let text = stdout(&command.arg(&world.scenario).assert().code(2));
    assert!(text.contains("not removed blumeops/regproof:regproof-") && text.contains("still there"), "{text}");
}

#[test]
fn the_lab_serves_until_it_is_ended_and_its_scenario_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("lab.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    let command = command.args(["lab", "--weakness", "metrics-closed", "--scenario-out"]).arg(&scenario);
    let Ends(lab) = &mut Ends(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(lab.stdout.take().unwrap()).lines();
    let ready = lines.next().unwrap().unwrap();
    assert!(ready.starts_with("lab ready at http://127.0.0.1:"), "{ready}");
    assert!(ready.ends_with(&format!("(scenario: {})", scenario.display())), "{ready}");
    for secret in std::fs::read_dir(folder.path().join("secrets")).unwrap() {
        assert_eq!(secret.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let run = |only: &str| regproof(&["run", "--only", only]).env("REGPROOF_SCENARIO", &scenario).assert();
    run("registry::").code(0);
    run("metrics::").code(1);
    let ended = Command::new("kill").args(["-s", "TERM", &lab.id().to_string()]).status().unwrap();
    assert!(ended.success());
    let ended = poll(Duration::from_secs(120), || lab.try_wait().unwrap()).expect("it ends");
    assert_eq!(ended.code(), Some(0));
    assert!(lines.next().is_none(), "one line, and no more");
}

#[test]
fn the_demo_shows_a_proven_registry_and_a_caught_weakness() {
    let done = regproof(&["demo", "--no-browser"]).assert().code(0);
    let text = stdout(&done);
    let (sound, weak) = text.split_once("2 of 2").unwrap();
    assert!(sound.contains("0 failed, 0 errors,"), "{sound}");
    assert!(weak.contains("FAIL publish::existing_tag_cannot_be_moved"), "{weak}");
    assert!(weak.contains("As it should be"), "{weak}");
    assert!(weak.contains("Skipped on this machine, each with its reason above: "), "{weak}");
}

/// A proxy before a lab, which has nothing but 503 for the first few connections, as while a deploy is under way.
fn starting(lab: &str, unready: usize) -> String {
    let (front, lab) = (TcpListener::bind("127.0.0.1:0").unwrap(), lab.trim_start_matches("http://").to_owned());
    let url = format!("http://{}", front.local_addr().unwrap());
    std::thread::spawn(move || {
        for (count, stream) in front.incoming().enumerate() {
            let (mut near, lab) = (stream.unwrap(), lab.clone());
            std::thread::spawn(move || {
                if count < unready {
                    let _ = near.read(&mut [0; 4096]);
                    let _ = near.write_all(b"HTTP/1.1 503 Starting\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    return;
                }
                let mut far = TcpStream::connect(lab).unwrap();
                let (mut near_out, mut far_in) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut far_in, &mut near_out));
                let _ = std::io::copy(&mut near, &mut far);
            });
        }
    });
    url
}

#[tokio::test]
async fn a_run_can_wait_for_a_registry_that_is_still_starting() {
    let world = world(None).await;
    for (wait, expected) in [(&["--wait", "60s"][..], 0), (&[], 2)] {
        let url = format!("url = \"{}\"", starting(world.lab.url(), 6));
        let scenario = world.variant("starting.toml", &format!("url = \"{}\"", world.lab.url()), &url);
        let mut command = regproof(&["run", "--only", "registry::answers_as_a_registry", "--no-browser", "--json"]);
        let done = command.arg(world.path("report.json")).args(wait).arg(scenario).assert().code(expected);
        // Without waiting, a 503 is neither a proof nor a broken promise.
        let verdict = if expected == 0 { "pass" } else { "error" };
        let outcomes = json(&world.path("report.json"));
        assert_eq!(outcomes["outcomes"][0]["verdict"], verdict, "{wait:?}: {}", stdout(&done));
    }
}
