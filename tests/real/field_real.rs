//! Deployments of a real zot as operators have them: what is broken is found or told, and what is sound passes.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support;
use crate::support::http::{Request, block_on};
use crate::support::image::{Image, MANIFEST, digest, push_blob};
use crate::support::judge;
use crate::support::patch::{Patch, Set};
use crate::support::provider::{ADMIN, CI};
use crate::support::world::{PUBLIC, Setup, World, waiver};
use crate::support::zot::{RealZot, Zot};
use regproof::check::machine::Machine;
use regproof::model::outcome::{Run, Verdict};
use serde_json::{Value, json};

const MATRIX: &str = "access::permission_matrix";
const PULL: &str = "access::anonymous_can_pull";
const TRAPS: &str = "policy::configuration_has_no_known_traps";
const PUSH: &str = "publish::api_key_can_push";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A world without a cache, with private repositories and these changes of its configuration.
fn world(test: &str, changes: &[(&str, Value)]) -> Option<World> {
    let set = changes.iter().map(|(at, to)| Set { at: (*at).to_owned(), to: to.clone() }).collect();
    let config = Patch { set, ..Patch::default() };
    World::start_on(&Zot::find(test)?, test, Setup { config, ..Setup::private_only() })
}

fn run(world: &World, only: &[&str], change: impl FnOnce(&mut Value)) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    judge::run(&world.scenario_with(folder.path(), change), only, &Machine::here(true))
}

fn proven(run: &Run, id: &str) -> String {
    judge::outcome(run, id).proven.clone().unwrap_or_default()
}

/// The checks that failed, with what they saw.
fn failed(run: &Run) -> Vec<String> {
    let failed = run.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Fail);
    failed.map(|outcome| format!("{}: {:?}", outcome.id, outcome.finding)).collect()
}

#[test]
fn a_slip_in_the_group_of_ci_is_told_although_it_is_deployed_with_its_promise() {
    let test = "a_slip_in_the_group_of_ci_is_told_although_it_is_deployed_with_its_promise";
    let slip = json!(["artefact-workloads"]);
    let Some(world) = world(test, &[("/http/accessControl/repositories/**/policies/0/groups", slip)]) else { return };
    let run = run(&world, &[MATRIX, TRAPS, PUSH], |_| ());
    let told = format!("{:?}", judge::outcome(&run, TRAPS));
    for (lint, group) in [
        ("lint::identity_group_without_grant", "artifact-workloads"),
        ("lint::granted_group_without_identity", "artefact-workloads"),
    ] {
        assert!(told.contains(lint) && told.contains(group), "{lint}: {told}");
    }
    assert!(proven(&run, MATRIX).contains("`artefact-workloads` is not proven"), "{}", proven(&run, MATRIX));
    assert_eq!(proven(&run, PUSH), "pushed by admin", "CI is promised nothing, and that is said");
}

#[test]
fn what_any_user_may_is_said_to_be_unproven_where_each_identity_has_a_group() {
    let test = "what_any_user_may_is_said_to_be_unproven_where_each_identity_has_a_group";
    let wide = json!(["read", "create"]);
    let Some(world) = world(test, &[("/http/accessControl/repositories/**/defaultPolicy", wide)]) else { return };
    let run = run(&world, &[MATRIX], |scenario| {
        scenario["identities"].as_object_mut().expect("identities are a table").remove("guest");
    });
    assert!(proven(&run, MATRIX).contains("`defaultPolicy` is not proven"), "{}", proven(&run, MATRIX));
}

#[test]
fn a_waiver_accepts_the_cell_that_it_names_and_no_other() {
    let test = "a_waiver_accepts_the_cell_that_it_names_and_no_other";
    let Some(mut world) = world(test, &[]) else { return };
    let waived = |world: &World| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = world.scenario(folder.path());
        let mut text = std::fs::read_to_string(&file).expect("the scenario can be read");
        text.push_str(&waiver(MATRIX, "guests build too, until they have a group"));
        text.push_str("cells = [\"guest: *\"]\n");
        std::fs::write(&file, text).expect("the scenario can be written");
        judge::run(&file, &[MATRIX], &Machine::here(true))
    };
    let path = "/http/accessControl/repositories/**";
    world = world.reconfigure(|config| {
        config.pointer_mut(path).expect("it is there")["defaultPolicy"] = json!(["read", "create"]);
    });
    let accepted = waived(&world);
    assert!(judge::outcome(&accepted, MATRIX).waived.is_some(), "{:#?}", judge::outcome(&accepted, MATRIX).finding);
    world = world.reconfigure(|config| {
        let rule = config.pointer_mut(path).expect("it is there");
        rule["policies"][0]["actions"] = json!(["read", "create", "update"]);
    });
    let more = waived(&world);
    let outcome = judge::outcome(&more, MATRIX);
    assert!(outcome.verdict == Verdict::Fail && outcome.waived.is_none(), "{outcome:#?}");
    assert!(judge::finding(&more, MATRIX).actual.contains("move a tag"), "{:#?}", judge::finding(&more, MATRIX));
}

#[test]
fn a_large_layer_that_is_gone_is_found_without_reading_it() {
    let test = "a_large_layer_that_is_gone_is_found_without_reading_it";
    let Some(world) = world(test, &[]) else { return };
    let admin = world.credentials(&ADMIN);
    let (config, layer) = (b"{}".to_vec(), vec![7_u8; 66 << 20]);
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": 2 },
        "layers": [{ "mediaType": LAYER, "digest": digest(&layer), "size": layer.len() }] });
    for blob in [&config, &layer] {
        push_blob(&world.zot.url, "large/model", blob, admin).must_be(201);
    }
    let target = "/v2/large/model/manifests/v1";
    world.request("PUT", target).credentials(admin).body(MANIFEST, manifest.to_string()).send().must_be(201);
    let public = |scenario: &mut Value| scenario["repositories"]["public"] = json!(["large/model"]);
    let sound = run(&world, &[PULL], public);
    assert_eq!(judge::outcome(&sound, PULL).verdict, Verdict::Pass, "{:#?}", judge::outcome(&sound, PULL).finding);
    let hex = digest(&layer).trim_start_matches("sha256:").to_owned();
    std::fs::remove_file(world.zot.storage().join("large/model/blobs/sha256").join(hex)).expect("the layer is a file");
    let broken = run(&world, &[PULL], public);
    assert_eq!(judge::outcome(&broken, PULL).verdict, Verdict::Fail, "{:#?}", judge::outcome(&broken, PULL).notes);
}

#[test]
fn what_others_move_and_delete_while_the_run_goes_on_is_no_finding() {
    let test = "what_others_move_and_delete_while_the_run_goes_on_is_no_finding";
    let Some(world) = world(test, &[]) else { return };
    let (stop, admin) = (AtomicBool::new(false), world.credentials(&ADMIN));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0_usize;
            while !stop.load(Ordering::Relaxed) {
                turn += 1;
                let (image, short) = (Image::with_content(&format!("release {turn}")), format!("v0.0.{turn}-abcdef0"));
                for tag in ["latest", &short] {
                    image.push(&world.zot.url, PUBLIC, tag, admin);
                }
                let target = format!("/v2/{PUBLIC}/manifests/{short}");
                world.request("DELETE", &target).credentials(admin).send().must_be(202);
                // Others work in steps of a pipeline, not as fast as they can.
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
        });
        let runs: Vec<Run> = (0..3)
            .map(|_| {
                run(&world, &["access::", "tags::", "content::", "clients::"], |scenario| {
                    scenario["tags"] = json!({ "pattern": r"^(latest|v\d+\.\d+\.\d+-[0-9a-f]{7})$" });
                })
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        for run in &runs {
            assert!(failed(run).is_empty(), "{:#?}", failed(run));
            assert_ne!(judge::outcome(run, MATRIX).verdict, Verdict::Error, "{:#?}", judge::finding(run, MATRIX));
        }
    });
}

#[test]
fn images_as_the_field_has_them_are_sound() {
    let test = "images_as_the_field_has_them_are_sound";
    let Some(world) = world(test, &[]) else { return };
    let admin = world.credentials(&ADMIN);
    let put = |tag: &str, media_type: &str, manifest: &Value| {
        let target = format!("/v2/{PUBLIC}/manifests/{tag}");
        world.request("PUT", &target).credentials(admin).body(media_type, manifest.to_string()).send().must_be(201)
    };
    let image = Image::with_content("for one platform");
    image.push(&world.zot.url, PUBLIC, "v0.1.0-abcdef0", admin);
    // A layer that only its vendor serves: it is not in the registry (image specification, layer.md).
    let vendors = b"served by its vendor".to_vec();
    let mut foreign: Value = serde_json::from_slice(&image.manifest).expect("a manifest is JSON");
    foreign["layers"].as_array_mut().expect("layers are a list").push(json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "digest": digest(&vendors),
        "size": vendors.len(), "urls": ["https://vendor.example.test/layer"],
    }));
    put("v0.2.0-abcdef0", MANIFEST, &foreign);
    let entry = json!({ "mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest.len() });
    let inner = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
    put("v0.3.0-abcdef0", INDEX, &inner);
    let text = inner.to_string();
    let entry = json!({ "mediaType": INDEX, "digest": digest(text.as_bytes()), "size": text.len() });
    put("v0.4.0-abcdef0", INDEX, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }));
    // As cosign writes a signature: a tag that is made of a digest.
    let signature = format!("{}.sig", image.digest().replace(':', "-"));
    image.put_manifest(&world.zot.url, PUBLIC, &signature, admin).must_be(201);
    let run = run(&world, &["access::", "tags::", "content::", "clients::"], |scenario| {
        scenario["tags"] = json!({ "pattern": r"^(latest|v\d+\.\d+\.\d+-[0-9a-f]{7})$" });
    });
    assert!(failed(&run).is_empty(), "{:#?}", failed(&run));
    for id in [PULL, "tags::match_the_pattern", "content::sampled_images_are_whole"] {
        assert_eq!(judge::outcome(&run, id).verdict, Verdict::Pass, "{id}: {:#?}", judge::outcome(&run, id).finding);
    }
}

/// The scenario names groups, and what came back for a user without any is not asked in their place.
#[test]
fn a_key_that_lost_its_group_is_found_at_once() {
    let test = "a_key_that_lost_its_group_is_found_at_once";
    let Some(world) = world(test, &[]) else { return };
    world.provider.put_into_groups(CI.name, &[]);
    let (mut session, _) =
        support::keys::log_in(&world.zot.url, &CI, CI.password, || unreachable!("no code is asked for"));
    session
        .send(Request::new("GET", &format!("{}/v2/", world.zot.url)).header("x-zot-api-client", "zot-ui"))
        .must_be(200);
    let run = run(&world, &[MATRIX, PUSH], |_| ());
    for id in [MATRIX, PUSH] {
        assert_eq!(judge::outcome(&run, id).verdict, Verdict::Fail, "{id}: {:#?}", judge::outcome(&run, id).finding);
    }
}

#[test]
fn a_pattern_that_no_promise_names_is_found_by_the_repositories_that_are_there() {
    let test = "a_pattern_that_no_promise_names_is_found_by_the_repositories_that_are_there";
    let Some(mut world) = world(test, &[]) else { return };
    Image::with_content("of the team").push(&world.zot.url, "team/apps/web", "v1", world.credentials(&ADMIN));
    let sound = run(&world, &[MATRIX], |_| ());
    assert_eq!(judge::outcome(&sound, MATRIX).verdict, Verdict::Pass, "{:#?}", judge::outcome(&sound, MATRIX).finding);
    world = world.reconfigure(|config| {
        let all = json!(["read", "create", "update", "delete"]);
        config["http"]["accessControl"]["repositories"]["team/**"] = json!({
            "policies": [
                { "groups": ["artifact-workloads"], "actions": ["read", "create", "update"] },
                { "groups": ["admins"], "actions": all },
            ],
            "anonymousPolicy": ["read"], "defaultPolicy": ["read"],
        });
    });
    let run = run(&world, &[MATRIX], |_| ());
    let outcome = judge::outcome(&run, MATRIX);
    assert_eq!(outcome.verdict, Verdict::Fail, "{:?}", outcome.notes);
    assert!(outcome.cases.iter().any(|case| case.name.starts_with("ci: move a tag") && case.verdict == Verdict::Fail));
    let found = format!("{:?}", judge::finding(&run, MATRIX));
    assert!(found.contains("team/apps/web"), "{found}");
}

/// As 36 of 76 public configurations are: without a login and without rules.
#[test]
fn an_open_registry_is_told_by_init_and_by_a_run() {
    let test = "an_open_registry_is_told_by_init_and_by_a_run";
    let Some(zot) = Zot::find(test) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let open =
        RealZot::start(&zot, folder.path(), |_| json!({ "distSpecVersion": "1.1.1", "storage": {}, "http": {} }));
    let look = |url: &str| {
        let url: url::Url = url.parse().expect("an address");
        block_on(async move { regproof::commands::init::look(&url).await.map(|seen| (url, seen)) }).expect("it answers")
    };
    let (url, seen) = look(&open.url);
    let draft = regproof::commands::init::scenario(&url, &seen);
    assert!(draft.contains("lint::no_access_control (high)"), "{draft}");
    let file = folder.path().join("regproof.toml");
    let text = format!(
        "schema = 1\nname = \"n\"\n[registry]\nurl = \"{}\"\nzot_config = '{}'\n",
        open.url,
        open.config_file().display()
    );
    std::fs::write(&file, text).expect("the scenario can be written");
    let told = format!("{:?}", judge::outcome(&judge::run(&file, &[TRAPS], &Machine::here(true)), TRAPS));
    assert!(
        told.contains("lint::no_access_control") && told.contains("everyone who reaches the port may push"),
        "{told}"
    );
    let Some(hardened) = World::on_this_release(test) else { return };
    assert!(!look(&hardened.zot.url).1.open);
}
