//! The real client programs push to real zot: each check's verdict, and what is in the registry afterwards.
//!
//! Where a part is missing, the test says so in one loud line; the same checks run on the lab in their own files, and
//! clients that hang or tell their login are in `torture.rs` and `secrets.rs`.

use std::collections::BTreeMap;
use std::fs;

use crate::support;
use crate::support::hardened::write_secret;
use crate::support::image::digest;
use crate::support::judge;
use crate::support::world::{SCRATCH, Setup, World};
use crate::support::zot::Zot;
use regproof::check::machine::Machine;
use regproof::model::outcome::{Outcome, Run, Verdict};
use serde_json::{Value, json};

/// Each client, with what it pushes.
const CLIENTS: [(&str, &[&str]); 5] = [
    ("skopeo", &["image", "index", "archive"]),
    ("buildah", &["image", "index"]),
    ("podman", &["image", "index"]),
    ("crane", &["image", "index"]),
    ("oras", &["image", "index"]),
];

fn id(client: &str) -> String {
    format!("publish::{client}_can_push")
}

/// The programs of this machine and of `make tools`.
fn machine() -> Machine {
    let here = std::env::var_os("PATH").unwrap_or_default();
    let folders = [support::tools().join("bin")].into_iter().chain(std::env::split_paths(&here));
    Machine::with_path(&std::env::join_paths(folders).expect("no folder has a colon in its name"), true)
}

/// The clients that are here; each of the others is said.
fn clients(test: &str) -> Vec<(&'static str, &'static [&'static str])> {
    let machine = machine();
    let is_here = |(client, _): &(&'static str, _)| {
        let found = machine.find(client).is_some();
        if !found {
            support::skip(test, &format!("no {client}: install it, or run `make tools`"));
        }
        found
    };
    CLIENTS.into_iter().filter(is_here).collect()
}

fn world(test: &str) -> Option<World> {
    World::start_on(&Zot::find(test)?, test, Setup { without_cache: true, ..Setup::default() })
}

/// Runs the checks of these clients as CI, with nobody there who could remove what was pushed.
fn run(world: &World, clients: &[(&str, &[&str])], change: impl FnOnce(&mut Value)) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), |scenario| {
        for name in ["admin", "guest"] {
            scenario["identities"].as_object_mut().expect("identities are a table").remove(name);
        }
        change(scenario);
    });
    let ids: Vec<String> = clients.iter().map(|(client, _)| id(client)).collect();
    judge::run(&file, &ids.iter().map(String::as_str).collect::<Vec<_>>(), &machine())
}

/// The check passed, and what it says it pushed is in the registry for everyone, whole, and twice it was pushed.
fn pushed(world: &World, client: &str, what: &[&str], outcome: &Outcome) {
    assert_eq!(outcome.verdict, Verdict::Pass, "{client}: {:#?}", outcome.finding);
    let version = outcome.notes.first().expect("the first note is the version");
    let number = version.split([' ', 'v']).any(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    assert!(version.starts_with(client) && number, "{version}");
    let again = outcome.notes.iter().filter(|note| note.contains("the same push again"));
    let again: Vec<_> = again.filter(|note| note.contains("is refused") || note.contains("changes nothing")).collect();
    assert_eq!(again.len(), what.len(), "{client}: {:?}", outcome.notes);

    let tags: BTreeMap<&str, &str> = outcome
        .leftovers
        .iter()
        .map(|left| (left.reference.rsplit('-').next().expect("a tag has a last word"), left.reference.as_str()))
        .collect();
    assert_eq!(tags.len(), what.len(), "{client}: {tags:?}");
    for part in what {
        let manifest = by_hash(world, &format!("manifests/{}", tags[part]));
        let manifest: Value = serde_json::from_slice(&manifest).expect("a manifest is JSON");
        let images = match manifest["manifests"].as_array() {
            Some(listed) => {
                assert!(*part == "index" && listed.len() >= 2, "{client}: {manifest}");
                let one = |entry: &Value| by_hash(world, &format!("manifests/{}", text(&entry["digest"])));
                listed.iter().map(|entry| serde_json::from_slice(&one(entry)).expect("a manifest is JSON")).collect()
            }
            None => vec![manifest],
        };
        for image in images {
            let layers = image["layers"].as_array().expect("an image has layers");
            for blob in layers.iter().chain([&image["config"]]) {
                by_hash(world, &format!("blobs/{}", text(&blob["digest"])));
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a digest is text")
}

/// The bytes that anyone gets, which have the digest that was asked for or that the registry tells.
fn by_hash(world: &World, what: &str) -> Vec<u8> {
    let answer = world.request("GET", &format!("/v2/{SCRATCH}/{what}")).send().must_be(200);
    let told = answer.header("docker-content-digest").expect("zot tells the digest").to_owned();
    assert_eq!(digest(&answer.body), told, "{what}");
    assert!(!what.contains("sha256:") || what.ends_with(&told), "{what} has {told}");
    answer.body
}

#[test]
fn every_client_pushes_to_real_zot_as_ci_with_an_api_key() {
    let test = "every_client_pushes_to_real_zot_as_ci_with_an_api_key";
    let Some(world) = world(test) else { return };
    let clients = clients(test);
    let run = run(&world, &clients, |_| ());
    for (client, what) in clients.clone() {
        let outcome = judge::outcome(&run, &id(client));
        pushed(&world, client, what, outcome);
        let (json, junit) = (regproof::report::json(&[&run]), regproof::report::junit(&[&run]));
        let version = outcome.notes[0].as_str();
        assert!(json.contains(version) && junit.expect("the file is whole").contains(version), "{version}");
    }

    // With an identity that may delete, what the next run pushes is gone after it.
    let tags = || world.request("GET", &format!("/v2/{SCRATCH}/tags/list")).send().must_be(200).json()["tags"].clone();
    let before = tags();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let ids: Vec<String> = clients.iter().map(|(client, _)| id(client)).collect();
    let only: Vec<&str> = ids.iter().map(String::as_str).collect();
    let run = judge::run(&world.scenario(folder.path()), &only, &machine());
    assert!(run.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Pass && outcome.leftovers.is_empty()));
    assert_eq!(tags(), before);
}

#[test]
fn every_client_pushes_to_real_zot_as_ci_with_a_password() {
    let test = "every_client_pushes_to_real_zot_as_ci_with_a_password";
    // The password, and its bcrypt hash at the lowest cost.
    const USER: &str = "ci-by-password:$2a$04$XP4VOw7QwIRqW3haq.d11O6QQbtMMHdfjorT2kX4R9tzgTPezjrTC\n";
    const PASSWORD: &str = "loopback";
    let Some(world) = world(test) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (users, password) = (folder.path().join("htpasswd"), folder.path().join("password"));
    fs::write(&users, USER).expect("a file can be written");
    write_secret(&password, PASSWORD);
    let world = world.reconfigure(|config| {
        config["http"]["auth"]["htpasswd"] = json!({ "path": users });
        config["http"]["accessControl"]["groups"] = json!({ "artifact-workloads": { "users": ["ci-by-password"] } });
    });
    let clients = clients(test);
    let run = run(&world, &clients, |scenario| {
        scenario["identities"]["ci"]["username"] = json!("ci-by-password");
        scenario["identities"]["ci"]["password"] = json!({ "file": password });
    });
    for (client, what) in clients {
        pushed(&world, client, what, judge::outcome(&run, &id(client)));
    }
}

#[test]
fn every_client_fails_with_the_cause_when_ci_may_not_create() {
    let test = "every_client_fails_with_the_cause_when_ci_may_not_create";
    let Some(world) = world(test) else { return };
    let world = world.reconfigure(|config| {
        config["http"]["accessControl"]["repositories"]["**"]["policies"][0]["actions"] = json!(["read"]);
    });
    let clients = clients(test);
    let run = run(&world, &clients, |_| ());
    for (client, _) in clients {
        let outcome = judge::outcome(&run, &id(client));
        assert_eq!(outcome.verdict, Verdict::Fail, "{client}: {:#?}", outcome.finding);
        let finding = judge::finding(&run, &id(client));
        assert!(finding.actual.to_lowercase().contains("denied"), "{client}: {finding:#?}");
        assert!(finding.cause.contains("no policy lets it create"), "{client}: {finding:#?}");
        assert!(finding.remedy.contains("accessControl"), "{client}: {finding:#?}");
    }
    let tags = world.request("GET", &format!("/v2/{SCRATCH}/tags/list")).send();
    assert!(tags.status == 404 || tags.json()["tags"] == json!([]), "{}", tags.text());
}

#[test]
fn every_client_fails_with_the_cause_when_the_key_is_refused() {
    let test = "every_client_fails_with_the_cause_when_the_key_is_refused";
    let Some(world) = world(test) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let stale = folder.path().join("key");
    write_secret(&stale, "zak_00000000000000000000000000000000");
    let clients = clients(test);
    let run = run(&world, &clients, |scenario| scenario["identities"]["ci"]["password"] = json!({ "file": stale }));
    for (client, _) in clients {
        let outcome = judge::outcome(&run, &id(client));
        assert_eq!(outcome.verdict, Verdict::Fail, "{client}: {:#?}", outcome.finding);
        let finding = judge::finding(&run, &id(client));
        assert!(finding.cause.contains("the key is refused"), "{client}: {finding:#?}");
    }
}
