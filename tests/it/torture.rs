//! Each step of a run's input and output fails in turn: the verdict is Error, never Pass or Fail, the exit is not 0, and
//! nothing hangs or panics.
//!
//! Connections pass a proxy on loopback that breaks one of them. Programs and files break in runs of the binary.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use regproof::check::machine::Machine;
use regproof::check::target::Target;
use regproof::checks::CHECKS;
use regproof::lab::Lab;
use regproof::model::outcome::{ExitStatus, Run, Verdict};
use regproof::run::runner;
use regproof::run::runner::Board;

use crate::support::common::write_program;
use crate::support::process;

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The connection is closed before anything is read.
    Refuse,
    /// So many bytes of the answers come through, then both ends are closed.
    CloseAfter(usize),
    /// Nothing comes through any more.
    StallAfter(usize),
}

const FAULTS: [Fault; 6] = [
    Fault::Refuse,
    Fault::CloseAfter(0),
    Fault::CloseAfter(9),
    Fault::CloseAfter(300),
    Fault::StallAfter(0),
    Fault::StallAfter(200),
];

/// A proxy that breaks the nth connection, counted from 1; none for 0.
struct Proxy {
    address: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(to: SocketAddr, nth: usize, fault: Fault) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let broken = counted.fetch_add(1, Ordering::SeqCst) + 1 == nth;
                std::thread::spawn(move || pass(stream, to, broken.then_some(fault)));
            }
        });
        Proxy { address, count }
    }
}

fn pass(mut near: TcpStream, to: SocketAddr, fault: Option<Fault>) -> Option<()> {
    if matches!(fault, Some(Fault::Refuse)) {
        return near.shutdown(Shutdown::Both).ok();
    }
    let mut far = TcpStream::connect(to).ok()?;
    let (mut there, mut back) = (near.try_clone().ok()?, far.try_clone().ok()?);
    let there_and_back = std::thread::spawn(move || {
        let _ = std::io::copy(&mut there, &mut back);
        let _ = back.shutdown(Shutdown::Write);
    });
    let (mut left, stalls) = match fault {
        Some(Fault::CloseAfter(bytes)) => (bytes, false),
        Some(Fault::StallAfter(bytes)) => (bytes, true),
        _ => (usize::MAX, false),
    };
    let mut buffer = [0; 4096];
    while let Ok(count) = far.read(&mut buffer) {
        let through = count.min(left);
        if count == 0 || near.write_all(&buffer[..through]).is_err() {
            break;
        }
        left = left.saturating_sub(through);
        if left == 0 {
            if stalls {
                // Until the other side has had enough.
                let _ = there_and_back.join();
            }
            break;
        }
    }
    let _ = far.shutdown(Shutdown::Both);
    near.shutdown(Shutdown::Both).ok()
}

/// The lab's scenario with another address of the registry, and with short limits.
fn scenario(lab: &Lab, folder: &Path, registry: &str) -> PathBuf {
    let file = lab.write_scenario(folder).expect("the scenario can be written");
    let text = std::fs::read_to_string(&file).expect("the scenario can be read").replace(lab.url(), registry);
    let text =
        text.replace("\"60s\"", "\"30s\"").replace("\"10s\"", "\"3s\"").replace("concurrency = 8", "concurrency = 1");
    std::fs::write(&file, text).expect("the scenario can be written");
    file
}

/// The operator's checklist, but for other programs.
async fn run(file: &Path) -> Run {
    let target = Arc::new(Target::open(file, None, Machine::here(true)).expect("the scenario is sound"));
    let areas = ["access::", "metrics::", "oidc::", "cache::pull", "publish::api_key", "publish::existing_tag"];
    let listed = |id: &str| areas.iter().any(|area| id.starts_with(area)) && id != "access::permission_matrix";
    let ids = CHECKS.iter().filter(|check| listed(check.id));
    let only: Vec<&str> = ids.map(|check| check.id).collect();
    let plan = target.plan(CHECKS, &only).expect("all these checks exist");
    let board = Board::new(target, plan);
    runner::execute(&board, runner::no_stop(), |_| ()).await
}

async fn run_with(lab: &Lab, nth: usize, fault: Fault) -> (Run, usize) {
    let to = lab.url().trim_start_matches("http://").parse().expect("the lab has an address");
    let proxy = Proxy::start(to, nth, fault);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let run = run(&scenario(lab, folder.path(), &format!("http://{}", proxy.address))).await;
    (run, proxy.count.load(Ordering::SeqCst))
}

/// What a broken connection made of a run that must not be, as lines.
fn complaints(run: &Run) -> Vec<String> {
    let mut wrong = vec![];
    for outcome in &run.outcomes {
        let told = format!("{} is {:?}: {:?}", outcome.id, outcome.verdict, outcome.finding);
        // The lab's external URL is its own, not the proxy's.
        if outcome.verdict == Verdict::Fail && !outcome.id.starts_with("oidc::login") {
            wrong.push(told.clone());
        }
        if told.contains("panicked") {
            wrong.push(told);
        }
        let broke = outcome.transcript.iter().any(|exchange| exchange.error.is_some());
        // What broke after the proof leaves something behind; who the registry is, is no part of any proof.
        let after = !outcome.leftovers.is_empty() || outcome.id == "registry::answers_as_a_registry";
        if broke && outcome.verdict == Verdict::Pass && !after {
            let broken = outcome.transcript.iter().filter(|exchange| exchange.error.is_some());
            let broken: Vec<String> = broken.map(|exchange| format!("{} {}", exchange.method, exchange.url)).collect();
            wrong.push(format!("{} passed although these broke off: {broken:?}", outcome.id));
        }
    }
    let error = run.outcomes.iter().any(|outcome| outcome.verdict == Verdict::Error);
    if error && run.exit_status(false) == ExitStatus::Proven {
        wrong.push("the exit status is 0".to_owned());
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_broken_connection_makes_a_pass_or_a_fail() {
    let lab = Lab::healthy().await.expect("the lab starts");
    let (clean, connections) = run_with(&lab, 0, Fault::Refuse).await;
    assert_eq!(complaints(&clean), Vec::<String>::new());
    assert!(connections > 20, "{connections} connections are too few to prove anything");
    let trial = |nth: usize| {
        let fault = FAULTS[nth % FAULTS.len()];
        async move {
            // Its own: a run removes what it pushed, and all push the same image.
            let lab = Lab::healthy().await.expect("the lab starts");
            let (run, _) = run_with(&lab, nth, fault).await;
            let wrong = complaints(&run);
            let errors = run.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Error).count();
            (errors, wrong.into_iter().map(|line| format!("connection {nth}, {fault:?}: {line}")).collect::<Vec<_>>())
        }
    };
    let ended: Vec<_> = futures::stream::iter(1..=connections).map(trial).buffer_unordered(4).collect().await;
    let wrong: Vec<String> = ended.iter().flat_map(|(_, wrong)| wrong.clone()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let undecided = ended.iter().filter(|(errors, _)| *errors > 0).count();
    assert!(undecided * 2 > connections, "only {undecided} of {connections} broken connections showed");
}

#[tokio::test]
async fn a_host_without_an_address_leaves_everything_undecided() {
    let lab = Lab::healthy().await.expect("the lab starts");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let run = run(&scenario(&lab, folder.path(), "https://registry.invalid")).await;
    for outcome in run.outcomes.iter().filter(|outcome| outcome.id != "oidc::provider_is_discoverable") {
        assert!(matches!(outcome.verdict, Verdict::Error | Verdict::Skip), "{}: {:?}", outcome.id, outcome.finding);
    }
    assert_eq!(run.exit_status(false), ExitStatus::NotProven);
}

/// The binary on the lab, with one folder on PATH.
fn regproof(file: &Path, path: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.arg("run").arg(file).arg("--no-browser").args(arguments).env("PATH", path);
    process::run(&mut command)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn a_client_that_cannot_start_or_hangs_is_undecided() {
    let lab = Lab::healthy().await.expect("the lab starts");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = scenario(&lab, folder.path(), lab.url());
    let programs = folder.path().join("programs");
    std::fs::create_dir(&programs).expect("a folder can be made");
    let only = ["--only", "publish::skopeo_can_push"];
    let output = regproof(&file, &programs, &only);
    assert_eq!(output.status.code(), Some(4), "skopeo is missing: {}", text(&output));
    let skopeo = programs.join("skopeo");
    for (content, mode, code, words) in [
        ("\u{7f}ELF and nothing else", 0o755, 2, "cannot start"),
        ("#!/no/such/interpreter\n", 0o755, 2, "cannot start"),
        ("#!/bin/sh\nexit 0\n", 0o644, 4, "skopeo"),
        ("#!/bin/sh\nkill -9 $$\n", 0o755, 2, "signal: 9"),
        ("#!/bin/sh\n/bin/sleep 500 & /bin/sleep 500\n", 0o755, 2, "did not end"),
    ] {
        write_program(&skopeo, content, mode);
        let output = regproof(&file, &programs, &only);
        assert_eq!(output.status.code(), Some(code), "{content:?}: {}", text(&output));
        assert!(text(&output).contains(words), "{content:?}: {}", text(&output));
        assert!(!text(&output).contains("panicked"), "{}", text(&output));
    }
}

#[tokio::test]
async fn a_report_that_cannot_be_written_makes_a_proven_run_not_proven() {
    let lab = Lab::healthy().await.expect("the lab starts");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = scenario(&lab, folder.path(), lab.url());
    let only = ["--only", "registry::answers_as_a_registry"];
    assert_eq!(regproof(&file, folder.path(), &only).status.code(), Some(0));
    let plain_file = folder.path().join("file");
    std::fs::write(&plain_file, "former").expect("a file can be written");
    let below_a_file = plain_file.join("report").display().to_string();
    let nowhere = folder.path().join("no/such/folder/report").display().to_string();
    for option in ["--junit", "--json", "--html", "--prometheus", "--har"] {
        for path in ["/dev/full", below_a_file.as_str(), nowhere.as_str()] {
            let output = regproof(&file, folder.path(), &[only[0], only[1], option, path]);
            let said = text(&output);
            assert_eq!(output.status.code(), Some(2), "{option} {path}: {said}");
            assert!(!said.contains("panicked"), "{said}");
        }
    }
    assert_eq!(std::fs::read_to_string(&plain_file).expect("the former file is there"), "former");
    assert!(!folder.path().join("no").exists());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has a full disk to write to");
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    let output = command.arg("run").arg(&file).args(only).stdout(full).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(!text(&output).contains("panicked"), "{}", text(&output));
}
