//! A client that hangs, or that prints its login, is contained.

use std::path::Path;
use std::time::Duration;

use base64::Engine;

use crate::check::machine::Machine;
use crate::lab::Lab;
use crate::model::outcome::{Outcome, Verdict};
use crate::trial::common::write_program;
use crate::trial::run_on_machine;

/// Runs the check of crane with this script in crane's place.
async fn with_crane(lab: &Lab, folder: &Path, script: &str, deadline: &str) -> Outcome {
    write_program(&folder.join("crane"), &format!("#!/bin/sh\n{script}\n"), 0o755);
    let file = lab.write_scenario(folder).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("deadline = \"60s\"", &format!("deadline = \"{deadline}\""))).unwrap();
    run_on_machine("publish::crane_can_push", &file, Machine::with_path(folder.as_os_str(), true)).await
}

#[tokio::test]
async fn a_client_that_hangs_is_an_error_and_ends_with_its_children() {
    let (lab, folder) = (Lab::healthy().await.unwrap(), tempfile::tempdir().unwrap());
    let pids = folder.path().join("pids");
    let script = format!("[ $1 = version ] && exit; sleep 600 & echo $$ $! > {}; wait", pids.display());
    // On a busy machine the client may be ended before it has told who it is; then it has more time.
    let mut told = String::new();
    for deadline in ["2s", "10s", "60s"] {
        let outcome = with_crane(&lab, folder.path(), &script, deadline).await;
        assert_eq!(outcome.verdict, Verdict::Error, "{:?}", outcome.finding);
        told = std::fs::read_to_string(&pids).unwrap_or_default();
        if told.ends_with('\n') {
            break;
        }
    }
    let pids: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(pids.len(), 2, "the client and its child say who they are: {told}");
    for _ in 0..3000 {
        // An ended process without a parent stays a zombie until init looks: its command line is empty then.
        let alive = |pid: &str| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
        if !pids.iter().any(|pid| alive(pid)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the client or its child survived");
}

#[tokio::test]
async fn a_client_that_prints_its_login_shows_it_to_nobody() {
    let (lab, folder) = (Lab::healthy().await.unwrap(), tempfile::tempdir().unwrap());
    let key = lab.api_key("zot-ci").to_owned();
    let script = format!("cat $DOCKER_CONFIG/config.json; echo {key}; echo {key} >&2; env >&2; exit 1");
    let outcome = with_crane(&lab, folder.path(), &script, "60s").await;
    assert_eq!(outcome.verdict, Verdict::Error);
    let shown = format!("{outcome:?}");
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("zot-ci:{key}"));
    assert!(shown.contains("RUN") && shown.contains("auths"), "{shown}");
    assert!(!shown.contains(&key) && !shown.contains(&pair), "{shown}");
}

#[tokio::test]
async fn a_client_that_claims_to_have_pushed_is_not_believed() {
    let (lab, folder) = (Lab::healthy().await.unwrap(), tempfile::tempdir().unwrap());
    let outcome = with_crane(&lab, folder.path(), "exit 0", "60s").await;
    assert_eq!(outcome.verdict, Verdict::Fail);
    assert!(outcome.finding.unwrap().actual.contains("no such tag"));
}
