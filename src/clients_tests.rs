//! A client that hangs, or that prints its login, is contained.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;

use crate::lab::Lab;
use crate::outcome::{Outcome, Verdict};
use crate::plan::Machine;
use crate::trial::run_on_machine;

/// Runs the check of crane with this script in crane's place.
async fn with_crane(lab: &Lab, folder: &Path, script: &str) -> Outcome {
    let program = folder.join("crane");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = lab.write_scenario(folder).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("deadline = \"60s\"", "deadline = \"2s\"")).unwrap();
    run_on_machine("publish::crane_can_push", &file, Machine::with_path(folder.as_os_str(), true)).await
}

#[tokio::test]
async fn a_client_that_hangs_is_an_error_and_ends_with_its_children() {
    let (lab, folder) = (Lab::healthy().await.unwrap(), tempfile::tempdir().unwrap());
    let began = Instant::now();
    let pids = folder.path().join("pids");
    let script = format!("[ $1 = version ] && exit; sleep 600 & echo $$ $! > {}; wait", pids.display());
    let outcome = with_crane(&lab, folder.path(), &script).await;
    assert_eq!(outcome.verdict, Verdict::Error, "{:?}", outcome.finding);
    assert!(began.elapsed() < Duration::from_secs(20));
    let pids = std::fs::read_to_string(pids).unwrap();
    for _ in 0..100 {
        // An ended process without a parent stays a zombie until init looks: its command line is empty then.
        let alive = |pid: &str| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
        if !pids.split_whitespace().any(alive) {
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
    let outcome = with_crane(&lab, folder.path(), &script).await;
    assert_eq!(outcome.verdict, Verdict::Error);
    let shown = format!("{outcome:?}");
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("zot-ci:{key}"));
    assert!(shown.contains("RUN") && shown.contains("auths"), "{shown}");
    assert!(!shown.contains(&key) && !shown.contains(&pair), "{shown}");
}

#[tokio::test]
async fn a_client_that_claims_to_have_pushed_is_not_believed() {
    let (lab, folder) = (Lab::healthy().await.unwrap(), tempfile::tempdir().unwrap());
    let outcome = with_crane(&lab, folder.path(), "exit 0").await;
    assert_eq!(outcome.verdict, Verdict::Fail);
    assert!(outcome.finding.unwrap().actual.contains("no such tag"));
}
