//! A secret is in no output, no file, no command line and no environment, at the highest log level, in any encoding.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use regproof::lab::{Lab, Options};

use crate::support::common::write_program;
use crate::support::process::{Ends, run};

/// Every form in which a secret could show.
fn forms(user: &str, secret: &str) -> Vec<String> {
    let pair = format!("{user}:{secret}");
    let bytes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    vec![
        secret.to_owned(),
        STANDARD.encode(&pair).trim_end_matches('=').to_owned(),
        URL_SAFE_NO_PAD.encode(&pair),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        // As Rust prints bytes.
        bytes.join(", "),
    ]
}

fn descendants(of: u32) -> Vec<u32> {
    let mut found = vec![of];
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .expect("there is /proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|id: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect();
    let mut at = 0;
    while at < found.len() {
        let here = found[at];
        found.extend(parents.iter().filter(|(_, parent)| *parent == here).map(|(id, _)| *id));
        at += 1;
    }
    found
}

/// Command lines of a process and its descendants, and environments of the descendants.
fn spy(id: u32, seen: &mut BTreeSet<String>, programs: &mut BTreeSet<String>) {
    for child in descendants(id) {
        for part in ["cmdline", "environ"] {
            let Ok(bytes) = std::fs::read(format!("/proc/{child}/{part}")) else { continue };
            let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
            if part == "cmdline" {
                programs.extend(text.split(' ').next().map(str::to_owned));
            }
            seen.insert(text);
        }
    }
}

fn whole_folder(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        text.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path()).expect("a report can be read")));
    }
    text
}

fn all_reports(folder: &Path) -> impl Iterator<Item = String> {
    let formats = ["junit", "json", "html", "prometheus", "har", "markdown"];
    formats.into_iter().map(move |format| format!("--{format}={}", folder.join(format).display()))
}

/// A folder in which this script stands for skopeo.
fn as_skopeo(folder: &Path, script: &str) -> PathBuf {
    let programs = folder.join("programs");
    std::fs::create_dir(&programs).expect("a folder can be made");
    write_program(&programs.join("skopeo"), &format!("#!/bin/sh\n{script}\n"), 0o755);
    programs
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_anywhere_at_the_highest_log_level() {
    let lab = Lab::start(Options::default()).await.expect("the lab starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let reports = tempfile::tempdir().expect("a temporary folder can be made");
    let scenario = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let text = std::fs::read_to_string(&scenario).expect("the scenario can be read");
    std::fs::write(&scenario, text.replace("deadline = \"60s\"", "deadline = \"600s\"")).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.arg("run").arg(&scenario).args(all_reports(reports.path()));
    let (out, err) = (reports.path().join("stdout"), reports.path().join("stderr"));
    command
        .env("RUST_LOG", "trace")
        .stdout(Stdio::from(std::fs::File::create(&out).expect("a file can be made")))
        .stderr(Stdio::from(std::fs::File::create(&err).expect("a file can be made")));
    let mut child = Ends(command.spawn().expect("regproof starts"));
    let (mut seen, mut programs) = (BTreeSet::new(), BTreeSet::new());
    let end = Instant::now() + Duration::from_secs(600);
    let status = loop {
        if let Some(status) = child.0.try_wait().expect("a child can be asked") {
            break status;
        }
        assert!(Instant::now() < end, "regproof did not end");
        spy(child.0.id(), &mut seen, &mut programs);
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(status.success(), "{}", std::fs::read_to_string(&out).unwrap_or_default());
    // Clients come and go too fast to be sure of; what they are given, the next test asks them.
    assert!(programs.iter().any(|program| program.contains("chrom")), "never saw a browser: {programs:?}");
    let written = whole_folder(reports.path());
    assert!(written.len() > 100_000, "the trace was written: {} bytes", written.len());
    let text = format!("{written}\n{}", seen.into_iter().collect::<Vec<_>>().join("\n"));
    let (user, password) = lab.login();
    let secrets = [("zot-ci", lab.api_key("zot-ci")), ("erich", lab.api_key("erich")), (user, password)];
    for (user, secret) in secrets.into_iter().chain([("guest", lab.api_key("guest"))]) {
        for form in forms(user, secret) {
            if let Some(at) = text.find(&form) {
                let around = &text[text.floor_char_boundary(at.saturating_sub(200))..at];
                panic!("the secret of {user} shows after: {around}");
            }
        }
    }
    lab.stop().await;
}

/// What the program itself sees, instead of what a glance at it may miss.
#[tokio::test]
async fn a_client_program_finds_no_secret_on_its_command_line_or_in_its_environment() {
    let lab = Lab::healthy().await.expect("the lab starts");
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let scenario = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let seen = folder.path().join("seen");
    // To a file, and not to its output: that passes the redactor, which would hide the fault.
    let script = format!("/bin/cat /proc/$$/environ /proc/$$/cmdline >> {}\nexit 1", seen.display());
    let programs = as_skopeo(folder.path(), &script);
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.arg("run").arg(&scenario).args(["--no-browser", "--only", "publish::skopeo_can_push"]);
    // A secret of another program, which ours must not pass on.
    command.env("PATH", &programs).env("OTHER_PROGRAMS_SECRET", "another-canary-0123456789");
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    let seen = String::from_utf8_lossy(&std::fs::read(&seen).expect("the program ran")).into_owned();
    assert!(seen.contains("copy") && seen.contains("DOCKER_CONFIG="), "{seen}");
    assert!(!seen.contains("another-canary"), "{seen}");
    for user in ["zot-ci", "guest", "erich"] {
        for form in forms(user, lab.api_key(user)) {
            assert!(!seen.contains(&form), "{user}: {seen}");
        }
    }
}

/// Clients tell what they sent when something goes wrong, each in another form.
#[tokio::test]
async fn a_client_that_tells_its_login_on_all_its_outputs_shows_it_in_no_report() {
    const SCRIPT: &str = r#"
auth=$(/bin/sed 's/.*"auth":"\([^"]*\)".*/\1/' "$DOCKER_CONFIG/config.json")
login=$(echo "$auth" | /usr/bin/base64 -d)
[ "$1" = --version ] && echo "skopeo version 1 for $login" && exit
tell() {
    echo "Authorization: Basic $auth, that is $login, that is"
    echo "${login#*:}" | /usr/bin/od -An -v -tx1 | /usr/bin/tr -d ' \n'
    /bin/cat "$DOCKER_CONFIG/config.json"
    echo "the end of what it tells"
}
tell
tell >&2
exit 1"#;
    let lab = Lab::healthy().await.expect("the lab starts");
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let reports = tempfile::tempdir().expect("there is a temporary folder");
    let scenario = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let programs = as_skopeo(folder.path(), SCRIPT);
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.arg("run").arg(&scenario).args(["--no-browser", "--only", "publish::skopeo_can_push"]);
    command.args(all_reports(reports.path())).env("RUST_LOG", "trace").env("PATH", programs);
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    let written = whole_folder(reports.path());
    assert!(written.contains("skopeo version 1") && written.contains("the end of what it tells"), "{written}");
    let said = [output.stdout, output.stderr].concat();
    let text = format!("{written}\n{}", String::from_utf8_lossy(&said));
    for form in forms("zot-ci", lab.api_key("zot-ci")) {
        if let Some(at) = text.find(&form) {
            panic!("the login shows after: {}", &text[text.floor_char_boundary(at.saturating_sub(200))..at]);
        }
    }
}
