//! The lab is a registry by the judgement of the specification's own conformance program, and as good a one as zot.
//!
//! Where a part is missing, the test says so in one loud line. It must not judge by anything but the program's own JUnit file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support;
use crate::support::http::block_on;
use crate::support::process::Server;
use crate::support::upstream::Upstream;
use crate::support::zot::{RealZot, Zot};
use regproof::lab::Lab;

/// The draft that comes after 1.1: it judges more than the release does.
const VERSION: &str = "dev";
/// What the program says of Debian's docker-registry 2.8 when it runs as below: 611 passed and 152 failed cases.
const DEBIAN_PASSES: usize = 611;

/// What the lab fails, and why that is right. zot v2.1.20 fails the same, and no check asks for it.
const FAILS: [(&str, &str); 6] = [
    ("sha256 blobs/post only/blob-post-only", NO_DIGEST_HEADER),
    ("sha512 blobs/post only/blob-post-only", NO_DIGEST_HEADER),
    ("sha256 blobs/mount/blob-delete", LINKED_AGAIN),
    ("sha512 blobs/mount/blob-delete", LINKED_AGAIN),
    ("sha256 blobs/mount anonymous/blob-delete", LINKED_AGAIN),
    ("sha512 blobs/mount anonymous/blob-delete", LINKED_AGAIN),
];
/// The draft wants `Docker-Content-Digest` in the answer to a whole upload by POST, and zot sends none there.
const NO_DIGEST_HEADER: &str = "registry did not return a Docker-Content-Digest header";
/// A HEAD of a deleted blob that another repository holds links it again, in zot by design.
const LINKED_AGAIN: &str = "unexpected status code, expected one of [404], received 200";

/// What the program found.
struct Judgement {
    passed: usize,
    /// Names of failed cases, with what the program says of each.
    failed: BTreeMap<String, String>,
    /// How many cases failed; a name may stand for several.
    failures: usize,
}

/// Runs the program against a registry; `None` when this machine does not have it.
fn judge(test: &str, url: &str, credentials: Option<(&str, &str)>) -> Option<Judgement> {
    let Some(program) = support::tool("conformance") else {
        support::lacks(test, "oci-conformance");
        return None;
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (user, password) = credentials.unwrap_or_default();
    let log = File::create(folder.path().join("log")).expect("the log can be created");
    let mut child = Command::new(program)
        .env_clear()
        .envs([("OCI_VERSION", VERSION), ("OCI_TLS", "disabled"), ("OCI_USERNAME", user), ("OCI_PASSWORD", password)])
        .env("OCI_REGISTRY", url.trim_start_matches("http://"))
        .env("OCI_RESULTS_DIR", folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file handle can be cloned"))
        .stderr(log)
        .spawn()
        .expect("the program can be started");
    // Its exit status says that something failed, which its report says better.
    if support::poll(Duration::from_secs(180), || child.try_wait().expect("a child can be waited for")).is_none() {
        let _ = child.kill();
        let _ = child.wait();
        panic!("the conformance program did not end");
    }
    let said = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    Some(read(&folder.path().join("junit.xml"), &said))
}

fn read(report: &Path, log: &str) -> Judgement {
    let text = fs::read_to_string(report).unwrap_or_else(|error| panic!("no report: {error}\n{log}"));
    let document = roxmltree::Document::parse(&text).expect("the report is XML");
    let mut judgement = Judgement { passed: 0, failed: BTreeMap::new(), failures: 0 };
    for case in document.descendants().filter(|node| node.has_tag_name("testcase")) {
        match case.attribute("status") {
            Some("passed") => judgement.passed += 1,
            Some("skipped" | "disabled") => {}
            _ => {
                let name = case.attribute("name").unwrap_or_default().trim_start_matches("OCI Conformance Test/");
                let said = case.children().find(|node| node.has_tag_name("system-out"));
                let said = said.and_then(|node| node.text()).unwrap_or_default();
                judgement.failed.insert(name.to_owned(), said.to_owned());
                judgement.failures += 1;
            }
        }
    }
    judgement
}

#[test]
fn the_lab_conforms_to_the_specification_where_zot_does() {
    let test = "the_lab_conforms_to_the_specification_where_zot_does";
    let lab = block_on(Lab::healthy()).expect("the lab starts");
    let Some(found) = judge(test, lab.url(), Some(("erich", lab.api_key("erich")))) else { return };
    let expected: BTreeSet<&str> = FAILS.iter().map(|(name, _)| *name).collect();
    let failed: BTreeSet<&str> = found.failed.keys().map(String::as_str).collect();
    assert_eq!(failed, expected, "{:#?}", found.failed);
    assert_eq!(found.failures, FAILS.len(), "no name stands for two failures");
    for (name, reason) in FAILS {
        assert!(found.failed[name].contains(reason), "{name} fails for another reason: {}", found.failed[name]);
    }
    assert!(found.passed >= DEBIAN_PASSES, "{} passed", found.passed);
}

#[test]
fn a_real_zot_is_judged_as_the_lab_is() {
    let test = "a_real_zot_is_judged_as_the_lab_is";
    let Some(zot) = Zot::find(test) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let zot = RealZot::start(
        &zot,
        folder.path(),
        |_| serde_json::json!({ "distSpecVersion": "1.1.1", "storage": { "dedupe": true, "gc": true } }),
    );
    let lab = block_on(Lab::healthy()).expect("the lab starts");
    let Some(real) = judge(test, &zot.url, None) else { return };
    let Some(ours) = judge(test, lab.url(), Some(("erich", lab.api_key("erich")))) else { return };
    assert_eq!((ours.passed, &ours.failed, ours.failures), (real.passed, &real.failed, real.failures));
}

#[test]
fn the_lab_passes_at_least_what_debians_registry_passes() {
    let test = "the_lab_passes_at_least_what_debians_registry_passes";
    let Some(program) = Upstream::program() else {
        support::lacks(test, "docker-registry");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (url, _server): (String, Server) = support::upstream::serve(&program, folder.path());
    let Some(debian) = judge(test, &url, None) else { return };
    assert!(debian.passed > 0, "nothing passed, so nothing was judged");
    let lab = block_on(Lab::healthy()).expect("the lab starts");
    let Some(ours) = judge(test, lab.url(), Some(("erich", lab.api_key("erich")))) else { return };
    assert!(ours.passed >= debian.passed, "{} of the lab, {} of Debian's", ours.passed, debian.passed);
}
