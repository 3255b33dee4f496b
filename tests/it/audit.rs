//! `regproof audit` against registries that are whole, damaged, or that never come to an end.
//!
//! Runs the real program. Each test has a separate registry on loopback.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod meanwhile;

use std::path::PathBuf;
use std::time::Duration;

use crate::support::bulk::{Bulk, Content, Reply, digest, error};
use crate::support::faults::{Fault, FaultProxy};
use crate::support::image::Image;
use crate::support::zot::{RealZot, Zot};
use assert_cmd::Command;
use regproof::lab::{Lab, Weakness};
use serde_json::{Value, json};

const REPOSITORY: &str = "team/app";

struct World {
    /// Nothing where the registry is a real one.
    bulk: Option<Bulk>,
    folder: tempfile::TempDir,
}

fn world(content: Content) -> World {
    let bulk = Bulk::start(content, true);
    World { folder: scenario(&bulk.url()), bulk: Some(bulk) }
}

/// A folder with a scenario.
fn scenario(url: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "schema = 1\nname = \"bulk\"\n[registry]\nurl = \"{}\"\n[access]\nanonymous = [\"read\"]\n\
         [limits]\nrequest_timeout = \"60s\"\n",
        url
    );
    std::fs::write(folder.path().join("regproof.toml"), text).unwrap();
    folder
}

impl World {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn seen(&self) -> Vec<(String, String)> {
        self.bulk.as_ref().unwrap().seen()
    }

    /// The exit status and the JSON report.
    fn audit(&self, more: &[&str]) -> (i32, Value) {
        let json = self.path("audit.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
        command.arg("audit").arg(self.path("regproof.toml")).arg("--json").arg(&json).args(more);
        let output = command.timeout(Duration::from_secs(300)).output().unwrap();
        let code = output.status.code().expect("it ended by itself");
        if code == 3 {
            return (code, Value::String(String::from_utf8(output.stderr).unwrap()));
        }
        (code, serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap())
    }

    /// The verdict, place and actual state of the only finding.
    fn only(&self, more: &[&str]) -> (i32, Value) {
        let (code, report) = self.audit(more);
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{report:#}");
        for part in ["repository", "expected", "actual", "cause", "remedy"] {
            assert!(findings[0][part].as_str().is_some_and(|text| !text.is_empty()), "{part} of {report:#}");
        }
        (code, findings[0].clone())
    }
}

/// A repository with an image, an index of two, and one tag more for the first.
fn sound() -> Content {
    let mut content = Content::default();
    let (one, two) = (content.image(b"one"), content.image(b"two"));
    let index = content.index(&[one, two]);
    content.tag(REPOSITORY, "v1", one);
    content.tag(REPOSITORY, "v2", index);
    content.tag(REPOSITORY, "v3", one);
    content
}

fn bytes(body: &[u8]) -> Reply {
    let headers = vec![("content-type", "application/octet-stream".to_owned())];
    Reply { status: 200, headers, body: body.to_vec() }
}

fn blob(of: &[u8]) -> String {
    format!("/v2/{REPOSITORY}/blobs/{}", digest(of))
}

#[test]
fn a_whole_registry_is_proven_with_each_digest_asked_for_once() {
    let world = world(sound());
    let junit = world.path("audit.xml");
    let (code, report) = world.audit(&["--junit", junit.to_str().unwrap()]);
    assert_eq!(code, 0, "{report:#}");
    let counts = &report["counts"];
    assert_eq!((&counts["tags"], &counts["manifests"], &counts["blobs"]), (&json!(3), &json!(3), &json!(4)));
    let seen = world.seen();
    assert!(seen.iter().all(|(method, _)| method == "GET"), "{seen:?}");
    let mut blobs: Vec<_> = seen.iter().filter(|(_, target)| target.contains("/blobs/")).collect();
    let all = blobs.len();
    blobs.sort();
    blobs.dedup();
    assert_eq!((all, blobs.len()), (4, 4));
    assert!(std::fs::read_to_string(junit).unwrap().contains("tests=\"1\""));
}

#[test]
fn a_damaged_blob_is_found_whatever_the_damage() {
    for (reply, more, expected) in [
        (error(404, "BLOB_UNKNOWN"), &[][..], "404"),
        (bytes(b"on"), &[], "2 bytes"),
        (bytes(b"onE"), &[], "bytes whose digest is sha256:"),
        (bytes(b"one and more"), &["--deep"], "12 bytes"),
    ] {
        let mut content = sound();
        content.answer(blob(b"one"), reply);
        let (code, found) = world(content).only(more);
        assert_eq!((code, &found["verdict"]), (1, &json!("fail")));
        // All three have it; whichever is looked at first is named.
        assert!(found["tag"].as_str().is_some_and(|tag| ["v1", "v2", "v3"].contains(&tag)), "{found:#}");
        assert_eq!(found["digest"], digest(b"one"));
        assert!(found["actual"].as_str().unwrap().contains(expected), "{found:#}");
    }
}

#[test]
fn a_long_blob_is_only_asked_for_unless_it_is_to_be_hashed() {
    let long = vec![7; 3 << 20];
    let mut other = long.clone();
    other[2 << 20] = 8;
    let mut content = Content::default();
    let image = content.image(&long);
    content.tag(REPOSITORY, "v1", image);
    content.answer(blob(&long), bytes(&other));
    let world = world(content);
    let (code, report) = world.audit(&[]);
    assert_eq!(code, 0, "the size is right, and nothing else was promised: {report:#}");
    assert!(report["counts"]["hashed"].as_u64().unwrap() < 1000);
    let (code, found) = world.only(&["--deep"]);
    assert_eq!((code, found["digest"].as_str().unwrap()), (1, digest(&long).as_str()));
}

#[test]
fn a_damaged_manifest_is_found_whatever_the_damage() {
    let reference = |content: &Content, of: &str| match of {
        "child" => content.digest(1),
        tag => tag.to_owned(),
    };
    let type_ = ("content-type", "application/vnd.oci.image.manifest.v1+json".to_owned());
    let wrong = Reply { status: 200, headers: vec![type_.clone()], body: b"{}".to_vec() };
    let lying = Reply { headers: vec![type_, ("docker-content-digest", digest(b"other"))], ..wrong.clone() };
    let html = Reply {
        status: 200,
        headers: vec![("content-type", "text/html".to_owned())],
        body: b"<html>log in</html>".to_vec(),
    };
    for (of, reply, status, verdict) in [
        ("v1", lying, 1, "fail"),
        ("v1", html, 1, "fail"),
        ("v1", error(404, "MANIFEST_UNKNOWN"), 1, "fail"),
        ("child", error(404, "MANIFEST_UNKNOWN"), 1, "fail"),
        ("child", wrong, 1, "fail"),
        ("v1", error(500, "UNKNOWN"), 2, "error"),
    ] {
        let mut content = sound();
        let target = format!("/v2/{REPOSITORY}/manifests/{}", reference(&content, of));
        content.answer(target, reply);
        let (code, found) = world(content).only(&[]);
        assert_eq!((code, found["verdict"].as_str().unwrap()), (status, verdict), "{of}: {found:#}");
    }
}

/// A page of the catalog with a Link.
fn catalog(names: &[&str], next: &str) -> Reply {
    let headers =
        vec![("content-type", "application/json".to_owned()), ("link", format!("</v2/_catalog?{next}>; rel=\"next\""))];
    Reply { status: 200, headers, body: json!({ "repositories": names }).to_string().into_bytes() }
}

#[test]
fn a_list_that_leads_in_a_circle_ends() {
    for (first, second) in [
        (catalog(&[REPOSITORY], "n=500&last=a"), catalog(&["team/other"], "n=500")),
        (catalog(&[], "n=500&last=a"), catalog(&[], "n=500")),
        (catalog(&[], "n=500"), catalog(&[], "n=500")),
        (catalog(&["../../x"], "n=500&last=a"), catalog(&[], "n=500")),
    ] {
        let mut content = sound();
        content.answer("/v2/_catalog?n=500", first);
        content.answer("/v2/_catalog?n=500&last=a", second);
        let (code, report) = world(content).audit(&[]);
        assert_eq!(code, 1, "{report:#}");
        assert!(report["findings"].to_string().contains("(catalog)"), "{report:#}");
    }
}

#[test]
fn a_registry_that_is_down_or_overloaded_is_left_alone() {
    let mut content = Content::default();
    let image = content.image(b"one");
    for number in 0..2000 {
        content.tag(REPOSITORY, format!("v{number:04}"), image);
        content.answer(format!("/v2/{REPOSITORY}/manifests/v{number:04}"), error(503, "UNAVAILABLE"));
    }
    let world = world(content);
    let (code, report) = world.audit(&[]);
    assert_eq!(code, 2);
    assert!(report["interrupted"].as_str().unwrap().contains("in a row"), "{report:#}");
    assert!(world.seen().len() < 200, "{}", world.seen().len());
}

#[test]
fn nothing_to_look_at_is_not_whole() {
    let empty = world(Content::default());
    assert_eq!(empty.audit(&[]).0, 4);
    let world = world(sound());
    let (code, found) = world.only(&["--repository", "no/such*"]);
    assert_eq!((code, &found["verdict"]), (2, &json!("error")));
    assert_eq!(world.audit(&["--identity", "nobody"]).0, 3);
    assert_eq!(world.audit(&["--repository", "team/*"]).0, 0);
}

fn many() -> Content {
    let mut content = Content::default();
    let image = content.image(b"one");
    for number in 0..40 {
        content.tag(&format!("team/app{number:02}"), "v1", image);
    }
    content
}

#[test]
fn four_parts_are_exactly_the_whole() {
    let mut content = many();
    content.answer(format!("/v2/team/app07/blobs/{}", digest(b"one")), error(404, "BLOB_UNKNOWN"));
    let world = world(content);
    let (mut all, mut reports, mut broken) = (Vec::new(), Vec::new(), 0);
    for part in ["hash:1/4", "hash:2/4", "hash:3/4", "hash:4/4"] {
        let before = world.seen().len();
        let (code, report) = world.audit(&["--partition", part]);
        assert!(code == 0 || code == 1, "{report:#}");
        assert_eq!(report["part"]["of"], 4);
        broken += code;
        let seen = world.seen().split_off(before);
        all.extend(seen.into_iter().map(|(_, target)| target).filter(|target| target.contains("/tags/list")));
        let file = world.path(&format!("part{}.json", reports.len()));
        std::fs::write(&file, report.to_string()).unwrap();
        reports.push(file);
    }
    all.sort();
    let whole: Vec<String> = (0..40).map(|number| format!("/v2/team/app{number:02}/tags/list?n=500")).collect();
    assert_eq!((all, broken), (whole, 1));

    let (json, junit) = (world.path("whole.json"), world.path("whole.xml"));
    let merge = |parts: &[PathBuf]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
        let command = command.args(["merge", "--json"]).arg(&json).arg("--junit").arg(&junit).args(parts);
        let output = command.assert().get_output().clone();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), said)
    };
    let (code, said) = merge(&reports[1..]);
    assert!(code == 3 && said.contains("not there: 1"), "{said}");
    let (code, said) = merge(&[&reports[..], &reports[..1]].concat());
    assert!(code == 3 && said.contains("there already"), "{said}");
    assert!(!json.exists());
    let (code, said) = merge(&reports);
    assert!(code == 1 && said.contains("40 repositories") && said.contains("FAIL"), "{said}");
    let (_, mut alone) = world.audit(&[]);
    let mut merged: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    for report in [&mut alone, &mut merged] {
        for time in ["started", "seconds"] {
            report.as_object_mut().unwrap().remove(time);
        }
    }
    assert_eq!(alone, merged);
    assert!(std::fs::read_to_string(&junit).unwrap().contains("team/app07"));
}

#[test]
fn an_answer_that_is_cut_or_stands_still_is_undecided() {
    for fault in [Fault::Truncate(60), Fault::Stall(60), Fault::Reset(60)] {
        let bulk = Bulk::start(sound(), false);
        let proxy = FaultProxy::start(bulk.url().trim_start_matches("http://").parse().unwrap(), fault);
        let world = World { bulk: Some(bulk), folder: scenario(&proxy.url()) };
        let (code, found) = world.only(&[]);
        assert_eq!((code, &found["verdict"]), (2, &json!("error")), "{found:#}");
    }
}

#[tokio::test]
async fn the_lab_is_audited_as_the_named_identity_and_its_damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::healthy().await.unwrap();
    lab.write_scenario(folder.path()).unwrap();
    let before = lab.repositories();
    let world = World { bulk: None, folder };
    let (code, anonymous) = world.audit(&[]);
    assert_eq!((code, &anonymous["who"]), (0, &json!("anonymous")), "{anonymous:#}");
    let (code, admin) = world.audit(&["--identity", "admin", "--deep"]);
    assert_eq!(code, 0, "{admin:#}");
    let tags = |report: &Value| report["counts"]["tags"].as_u64().unwrap();
    assert!(tags(&admin) > tags(&anonymous), "private repositories have tags too");
    assert!(lab.requests().iter().all(|seen| seen.method == "GET"));
    assert_eq!(lab.repositories(), before);
    lab.stop().await;
    for weakness in [Weakness::BlobBytesCorrupted, Weakness::TagsListLoops] {
        let weak = Lab::with(weakness).await.unwrap();
        weak.write_scenario(world.folder.path()).unwrap();
        let (code, report) = world.audit(&["--identity", "admin"]);
        assert_eq!(code, 1, "{}: {report:#}", weakness.name());
    }
}

#[test]
fn real_zot_is_read_and_not_written_and_a_lost_blob_stays_lost() {
    for zot in Zot::find_all("real_zot_is_read_and_not_written") {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({ "storage": { "gc": false }, "http": {}, "log": { "level": "error" } });
        let zot = RealZot::start(&zot, folder.path(), |_| config.clone());
        let image = Image::with_content("shared");
        for repository in ["one/app", "two/app"] {
            for tag in ["v1", "v2"] {
                image.push(&zot.url, repository, tag, None);
            }
        }
        let world = World { bulk: None, folder: scenario(&zot.url) };
        let (code, report) = world.audit(&["--deep"]);
        assert_eq!((code, &report["counts"]["tags"]), (0, &json!(4)), "{}: {report:#}", zot.release());
        let lost = zot.storage().join("two/app/blobs").join(digest(b"shared").replace(':', "/"));
        std::fs::remove_file(&lost).unwrap();
        let before = files(&zot.storage());
        for more in [&[][..], &["--deep"]] {
            let (code, found) = world.only(more);
            assert_eq!((code, &found["repository"]), (1, &json!("two/app")), "{}: {found:#}", zot.release());
            assert_eq!(found["digest"], digest(b"shared"));
        }
        assert_eq!(files(&zot.storage()), before, "{}: an audit that mends hides what it found", zot.release());
    }
}

/// All files of a registry's repositories.
fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}
