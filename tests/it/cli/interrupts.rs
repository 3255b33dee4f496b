//! Signals: the first ends the run with a whole report, the second ends the process at once.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{junit, world};

/// A registry that takes connections and never answers.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Starts a run that cannot end by itself for minutes, and waits until its first request is under way.
fn started(folder: &Path, listener: &TcpListener, url: &str) -> Child {
    let scenario = folder.join("regproof.toml");
    let text = format!(
        "schema = 1\nname = \"silent\"\n[registry]\nurl = \"{url}\"\n[repositories]\npublic = [\"a/b\"]\n[access]\n\
         anonymous = [\"read\"]\n[limits]\ndeadline = \"300s\"\nrequest_timeout = \"300s\"\n"
    );
    std::fs::write(&scenario, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    let command = command.args(["run", "--no-browser", "--junit"]).arg(folder.join("report.xml")).arg(scenario);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Kept open: a closed connection would be an answer of its own.
    std::mem::forget(listener.accept().unwrap());
    child
}

/// Whether these tests were started by `nohup`; a run that they start then rightly takes no notice of SIGHUP (proc(5), `SigIgn`).
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn ended(child: &mut Child, limit: Duration) -> ExitStatus {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("it did not end within {limit:?}");
}

#[test]
fn an_interrupted_run_ends_with_2_and_a_whole_report() {
    for name in ["INT", "TERM", "HUP"].into_iter().filter(|name| *name != "HUP" || !ignores_hangup()) {
        let (listener, url) = silent();
        let folder = tempfile::tempdir().unwrap();
        let mut child = started(folder.path(), &listener, &url);
        signal(&child, name);
        let status = ended(&mut child, Duration::from_secs(40));
        assert_eq!(status.code(), Some(2), "SIG{name}");
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(text.contains(&format!("stopped early: interrupted by SIG{name}")), "{text}");
        let cases = junit(&folder.path().join("report.xml"));
        assert!(cases.len() >= regproof::checks::CHECKS.len(), "{cases:?}");
        assert!(cases.iter().all(|(_, verdict)| verdict == "error" || verdict == "skipped"), "{cases:?}");
    }
}

#[test]
fn a_second_interrupt_ends_the_process_at_once() {
    let (listener, url) = silent();
    let folder = tempfile::tempdir().unwrap();
    let mut child = started(folder.path(), &listener, &url);
    signal(&child, "INT");
    // Two signals in one instant are one to a process.
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    let status = ended(&mut child, Duration::from_secs(3));
    assert_eq!(status.code(), Some(2));
}

/// A process and all that it started, whatever group they are in.
fn family(of: u32) -> Vec<u32> {
    let parent = |id: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let mut family = vec![of];
    let mut at = 0;
    while at < family.len() {
        let here = family[at];
        family.extend(all.iter().filter(|id| parent(**id) == Some(here)));
        at += 1;
    }
    family
}

/// Whether a process still runs; one that ended and waits to be reaped does not.
fn runs(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_leaves_no_browser_behind() {
    let on_path = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
    };
    if !on_path("chromedriver") || !on_path("chromium") {
        eprintln!("SKIPPED: no chromedriver and chromium on PATH, so no browser was interrupted");
        return;
    }
    let world = world(None).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    let command = command.args(["run", "--only", "oidc::login_returns"]).arg(&world.scenario);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    let started = loop {
        let started = family(child.id());
        // The program itself, the driver, and some of the browser.
        if started.len() > 4 {
            break started;
        }
        assert!(Instant::now() < end && child.try_wait().unwrap().is_none(), "no browser was started");
        std::thread::sleep(Duration::from_millis(10));
    };
    signal(&child, "INT");
    assert_eq!(ended(&mut child, Duration::from_secs(40)).code(), Some(2));
    let end = Instant::now() + Duration::from_secs(5);
    while started.iter().any(|id| runs(*id)) {
        assert!(Instant::now() < end, "the browser survived");
        std::thread::sleep(Duration::from_millis(20));
    }
}
