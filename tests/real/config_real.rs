//! What regproof refuses and accepts of a zot configuration, beside what `zot verify` of each release does.
//!
//! The files are those of the field, valid ones, and valid ones spoilt at one place: a key dropped, renamed, misspelt, a value of another
//! type. zot's word counts.

mod spoil;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use regproof::zot::config::Config;
use regproof::zot::release::Release;

use crate::support::zot::Zot;
use spoil::{Spoilt, spoilt};

/// How many spoilt ones are made.
const SPOILT: usize = 500;
/// How many zots run at once.
const AT_ONCE: usize = 4;

fn folder(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(name);
    let entries = std::fs::read_dir(&folder).expect("the folder can be read");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn valid() -> Vec<(String, serde_json::Value)> {
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).expect("it is text");
        (
            file.file_stem().expect("a file has a name").to_string_lossy().into_owned(),
            serde_json::from_str(&text).expect("it is JSON"),
        )
    };
    folder("valid").into_iter().map(read).collect()
}

/// Whether zot takes the file, and what it says.
fn verify(zot: &Zot, file: &Path, home: &Path) -> (bool, String) {
    let done = Command::new(&zot.program)
        .arg("verify")
        .arg(file)
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .expect("zot runs");
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines =
        said.lines().filter(|line| line.contains("\"error\"") || line.starts_with("Error") || line.contains("panic"));
    (done.status.success(), lines.collect::<Vec<_>>().join("\n"))
}

/// Compares both on each file; gives a line for each on which they differ.
fn compare(zot: &Zot, files: &[(String, String, String)]) -> String {
    let release = Release::new(zot.release.0, zot.release.1, zot.release.2);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (next, differences) = (AtomicUsize::new(0), Mutex::new(String::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((name, about, text)) = files.get(index) else { return };
                    let file = folder.path().join(format!("{index}-{name}"));
                    std::fs::write(&file, text).expect("a file can be written");
                    let ours = Config::parse_for(name, text, Some(release));
                    let (accepted, said) = verify(zot, &file, folder.path());
                    if accepted != ours.is_ok() {
                        let ours = ours.map_or_else(|error| error.to_string(), |_| "accepted".to_owned());
                        let mut differences = differences.lock().expect("no thread panicked");
                        let zots = if accepted { "accepted" } else { said.trim() };
                        writeln!(differences, "{name}, {about}\n  regproof: {ours}\n  zot {}: {zots}", zot.release)
                            .expect("a string takes it");
                    }
                }
            });
        }
    });
    differences.into_inner().expect("no thread panicked")
}

#[test]
fn the_files_of_the_field_are_refused_and_accepted_as_zot_does() {
    let mut files: Vec<(String, String, String)> = Vec::new();
    for file in folder("field").into_iter().chain(folder("valid")) {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        files.push((name, "as it is".to_owned(), std::fs::read_to_string(&file).expect("it is text")));
    }
    for zot in Zot::find_all("the_files_of_the_field_are_refused_and_accepted_as_zot_does") {
        let differences = compare(&zot, &files);
        assert!(differences.is_empty(), "{differences}");
    }
}

#[test]
fn spoilt_files_are_refused_and_accepted_as_zot_does() {
    let files: Vec<(String, String, String)> =
        spoilt(&valid(), SPOILT).into_iter().map(|Spoilt { name, about, text }| (name, about, text)).collect();
    for zot in Zot::find_all("spoilt_files_are_refused_and_accepted_as_zot_does") {
        let differences = compare(&zot, &files);
        let count = differences.lines().filter(|line| !line.starts_with(' ')).count();
        assert!(differences.is_empty(), "{count} of {} differ\n{differences}", files.len());
    }
}

/// Conditions as operators write them, and as they get them wrong.
const CONDITIONS: &[&str] = &[
    "req.reference == 'latest'",
    "req.repository.startsWith('team/') && !(req.reference in ['latest', 'stable'])",
    "req.tls.enabled ? req.userAgent.contains('docker') : false",
    "timestamp('2026-01-01T00:00:00Z') < req.time",
    "req.groups.exists(group, group == 'ci')",
    "sets.contains(req.groups, ['ci'])",
    "req.?claims.orValue('') == ''",
    "base64.encode(b'a') == req.reference",
    "req.reference.reverse() == 'a'",
    "true",
    "",
    "(true",
    "req.reference ==",
    "req.reference = 'a'",
    "true and false",
    "request.reference == 'a'",
    "reference == 'a'",
    "req.reference.beginsWith('v')",
    "math.greatest(1, 2) == 2",
];

#[test]
fn conditions_are_refused_and_accepted_as_zot_does() {
    let file = |condition: &&str| {
        let policy =
            serde_json::json!({ "users": ["a"], "actions": ["read"], "conditions": [{ "expression": condition }] });
        let config = serde_json::json!({ "storage": { "rootDirectory": "/var/lib/registry" }, "http": {
            "address": "127.0.0.1", "port": "5000", "auth": { "htpasswd": { "path": "/x" } },
            "accessControl": { "repositories": { "**": { "policies": [policy] } } } } });
        ("c.json".to_owned(), (*condition).to_owned(), config.to_string())
    };
    let files: Vec<(String, String, String)> = CONDITIONS.iter().map(file).collect();
    for zot in Zot::find_all("conditions_are_refused_and_accepted_as_zot_does") {
        let differences = compare(&zot, &files);
        assert!(differences.is_empty(), "{differences}");
    }
}
