//! `plan --requests` tells the truth: nothing is sent that is not in what it printed, healthy or not.
//!
//! Reads the printed text and the JSON report alone, as an operator could.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support;
use crate::support::http::block_on;
use crate::support::printed::{is_printed, printed};
use crate::support::process::run_within;
use regproof::lab::{Lab, Options, Weakness};
use serde_json::Value;

/// The whole checklist with browsers, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(1200);

fn regproof(arguments: &[&str], path: &str, file: &Path) -> String {
    let output =
        run_within(Command::new(env!("CARGO_BIN_EXE_regproof")).args(arguments).arg(file).env("PATH", path), PATIENCE);
    let (stdout, stderr) = (String::from_utf8(output.stdout), String::from_utf8_lossy(&output.stderr));
    let stdout = stdout.expect("its output is text");
    // A weak lab breaks promises, or leaves them undecided; that nothing was run at all is another matter.
    assert!(matches!(output.status.code(), Some(0..=2)), "{arguments:?}: {} {stdout}{stderr}", output.status);
    stdout
}

/// The folders of client programs and of the browser.
fn everything() -> String {
    format!("{}:{}", support::tools().join("bin").display(), std::env::var("PATH").unwrap_or_default())
}

/// A lab's scenario with everything on that it could ask for.
fn scenario(lab: &Lab, folder: &Path) -> PathBuf {
    let file = lab.write_scenario(folder).expect("the scenario can be written");
    let backend = lab.url().replace("127.0.0.1", "localhost");
    let mut text = fs::read_to_string(&file).expect("the scenario was written");
    text = text.replace("deadline = \"60s\"", "deadline = \"600s\"");
    text = text.replace("[registry]\n", &format!("[registry]\nbackend = \"{backend}\"\n"));
    text = text.replace("digest = ", "cold = \"docker.io/library/alpine:3.19\"\nupstream_asked = \"1h\"\ndigest = ");
    text.push_str("\n[probes]\nlitter = true\nstrain = true\nlarge_body = true\nslow_upload = \"1s\"\n");
    let host = lab.url().trim_start_matches("http://");
    for (kind, client) in [
        ("k3s", format!("mirrors:\n  docker.io:\n    endpoint:\n      - \"{}\"\n", lab.url())),
        ("k3s", format!("mirrors:\n  docker.io:\n    endpoint:\n      - \"{}/v2/docker.io\"\n", lab.url())),
        // Behind the proxy.
        ("k3s", format!("mirrors:\n  docker.io:\n    endpoint: [\"{backend}/v2/docker.io\"]\n")),
        ("dockerd", format!("{{\"registry-mirrors\": [\"{}\"]}}", lab.url())),
        (
            "buildkit",
            format!("[registry.\"docker.io\"]\nmirrors = [\"{host}/docker.io\"]\n[registry.\"{host}\"]\nhttp = true\n"),
        ),
        (
            "containers",
            format!(
                "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"{host}/docker.io\"\ninsecure = true\n"
            ),
        ),
    ] {
        let name = format!("{kind}-{}", client.len());
        fs::write(folder.join(&name), client).expect("the client's file can be written");
        text.push_str(&format!("\n[[mirror]]\nname = \"{name}\"\nkind = \"{kind}\"\nfiles = \"{name}\"\n"));
    }
    fs::write(&file, text).expect("the scenario can be written");
    file
}

/// What a run on this lab sent that was not printed, and how much it sent at all.
fn surprises(weakness: Option<Weakness>, path: &str, more: &[&str]) -> (BTreeSet<String>, usize) {
    let options = Options { weaknesses: weakness.into_iter().collect(), ..Options::default() };
    let lab = block_on(Lab::start(options)).expect("the lab starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = scenario(&lab, folder.path());
    let lines = printed(&regproof(&[&["plan", "--requests"], more].concat(), path, &file));
    let report = folder.path().join("report.json");
    regproof(&[&["run", "--json", report.to_str().expect("temporary paths are text")], more].concat(), path, &file);
    let report: Value = serde_json::from_slice(&fs::read(&report).expect("the report was written")).expect("JSON");
    let origins = [lab.url().to_owned(), lab.url().replace("127.0.0.1", "localhost")];
    let (mut surprises, mut sent) = (BTreeSet::new(), 0);
    for outcome in report["outcomes"].as_array().expect("outcomes are a list") {
        let check = outcome["id"].as_str().expect("an outcome has an id");
        let asked = outcome["transcript"].as_array().map_or(0, Vec::len);
        let clients = check == "mirrors::every_client_is_served_by_the_cache";
        assert!(!clients || weakness.is_some() || asked > 10, "the clients' pulls sent {asked} requests");
        for exchange in outcome["transcript"].as_array().expect("a transcript is a list") {
            sent += 1;
            if !is_printed(&lines, check, exchange, &origins) {
                surprises.insert(format!("{check}: {} {} by {}", exchange["method"], exchange["url"], exchange["who"]));
            }
        }
    }
    // What no transcript saw, the lab did: client programs, the browser's pages, the run's own questions.
    let seen = lab.requests();
    let seen = seen.iter().filter(|seen| seen.server == regproof::lab::Server::Registry);
    let seen: Vec<(&String, &String)> = seen.map(|seen| (&seen.method, &seen.path)).collect();
    sent += seen.len();
    for (method, path) in BTreeSet::from_iter(seen) {
        if !lines.iter().any(|line| line.methods.contains(method) && line.target.is_match(path)) {
            surprises.insert(format!("the lab saw {method} {path}"));
        }
    }
    (surprises, sent)
}

#[test]
fn a_run_sends_nothing_that_the_plan_did_not_print() {
    let (surprises, sent) = surprises(None, &everything(), &[]);
    assert!(surprises.is_empty(), "{surprises:#?}");
    assert!(sent > 1500, "{sent} requests are not the whole checklist");
}

#[test]
fn a_run_with_less_effect_prints_less_and_sends_nothing_else() {
    for effects in ["read-only", "oracle"] {
        let (surprises, sent) = surprises(None, "", &["--effects", effects]);
        assert!(surprises.is_empty() && sent > 100, "{effects}: {sent}, {surprises:#?}");
    }
}

#[test]
fn a_registry_that_breaks_its_promises_is_asked_nothing_else() {
    for weakness in [
        Weakness::AnonymousCanCreate,
        Weakness::AnonymousCannotRead,
        Weakness::CiCanDelete,
        Weakness::ExternalUrlHttps,
        Weakness::PrivatePatternMistyped,
        Weakness::RangedGetUnchecked,
        Weakness::TagsListLoops,
        Weakness::UploadLocationElsewhere,
    ] {
        let (surprises, sent) = surprises(Some(weakness), "", &[]);
        assert!(surprises.is_empty() && sent > 100, "{weakness}: {sent}, {surprises:#?}");
    }
}

#[test]
fn a_plan_that_may_only_read_prints_nothing_but_reads() {
    let lab = block_on(Lab::healthy()).expect("the lab starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = scenario(&lab, folder.path());
    let lines = printed(&regproof(&["plan", "--requests", "--effects", "read-only"], "", &file));
    let reads = ["GET", "HEAD", "OPTIONS"];
    assert!(lines.len() > 20, "{} lines are not what a run reads", lines.len());
    assert!(lines.iter().flat_map(|line| &line.methods).all(|method| reads.contains(&method.as_str())));
    assert!(lab.requests().is_empty(), "a plan sends nothing");
}
