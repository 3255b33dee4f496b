//! Signals: the first ends the run with a whole report, the second ends the process at once.

use std::ffi::OsStr;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{junit, world};
use crate::support;
use crate::support::poll;
use crate::support::process::{Ends, accepted};

/// For whatever has to happen on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);

/// A registry that takes connections and never answers.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Starts a run that cannot end by itself for minutes, and waits until its first request is under way.
fn started(folder: &Path, listener: &TcpListener, url: &str, more: &[&OsStr]) -> Ends {
    let scenario = folder.join("regproof.toml");
    let text = format!(
        "schema = 1\nname = \"silent\"\n[registry]\nurl = \"{url}\"\n[repositories]\npublic = [\"a/b\"]\n[access]\n\
         anonymous = [\"read\"]\n[limits]\ndeadline = \"300s\"\nrequest_timeout = \"300s\"\n"
    );
    std::fs::write(&scenario, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    let command =
        command.args(["run", "--no-browser", "--junit"]).arg(folder.join("report.xml")).arg(scenario).args(more);
    let child = Ends(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    // Kept open: a closed connection would be an answer too.
    std::mem::forget(accepted(listener));
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

fn ended(child: &mut Child) -> ExitStatus {
    poll(PATIENCE, || child.try_wait().unwrap()).expect("it ends")
}

#[test]
fn an_interrupted_run_ends_with_2_and_a_whole_report() {
    for name in ["INT", "TERM", "HUP"] {
        if name == "HUP" && ignores_hangup() {
            support::skip("an_interrupted_run_ends_with_2_and_a_whole_report (SIGHUP)", "started by nohup");
            continue;
        }
        let (listener, url) = silent();
        let folder = tempfile::tempdir().unwrap();
        let Ends(child) = &mut started(folder.path(), &listener, &url, &[]);
        signal(child, name);
        let status = ended(child);
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
    // Nobody reads this report, so that the first signal alone cannot end the process.
    let unread = folder.path().join("unread");
    assert!(Command::new("mkfifo").arg(&unread).status().unwrap().success());
    let Ends(child) = &mut started(folder.path(), &listener, &url, &["--json".as_ref(), unread.as_os_str()]);
    signal(child, "INT");
    // Two signals in one instant are one to a process; this report tells that the first was taken.
    poll(PATIENCE, || folder.path().join("report.xml").exists().then_some(())).expect("the run is ended");
    assert!(child.try_wait().unwrap().is_none(), "the first signal ended it, with a report that nobody took");
    signal(child, "INT");
    assert_eq!(ended(child).code(), Some(2));
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "", "at once, without the rest of the reports");
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
    for program in ["chromedriver", "chromium"] {
        if support::on_path(program).is_none() {
            return support::lacks("an_interrupt_leaves_no_browser_behind", program);
        }
    }
    let world = world(None).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    let command = command.args(["run", "--only", "oidc::login_returns"]).arg(&world.scenario);
    let Ends(child) = &mut Ends(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let started = poll(PATIENCE, || {
        assert!(child.try_wait().unwrap().is_none(), "it ended before a browser was started");
        // The program itself, the driver, and some of the browser.
        Some(family(child.id())).filter(|family| family.len() > 4)
    });
    let started = started.expect("a browser is started");
    signal(child, "INT");
    assert_eq!(ended(child).code(), Some(2));
    let gone = poll(PATIENCE, || started.iter().all(|id| !runs(*id)).then_some(()));
    assert!(gone.is_some(), "the browser survived");
}
