//! What a real zot asks its upstreams while checks run, and what the checks say of an upstream that limits, converts or listens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::Request as Asked;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::support::faults::{Fault, FaultProxy};
use crate::support::gate::Gate;
use crate::support::http::Request;
use crate::support::image::{Image, digest, push_blob};
use crate::support::judge;
use crate::support::upstream::REPOSITORY;
use crate::support::world::{CACHED, PRIVATE, PRIVATE_SCRATCH, Setup, World};
use crate::support::zot::Zot;
use regproof::check::machine::Machine;
use regproof::model::outcome::{Run, Verdict};

const ASKED: &str = "cache::warm_pulls_ask_no_upstream";
const PULL: &str = "cache::pull_through_serves_upstream";
const WARM: &str = "cache::warm_hit_is_served_from_the_registry";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn upstream(world: &World) -> String {
    world.upstream.as_ref().expect("this world has a cache").url.clone()
}

/// Leads zot's only sync rule to another address, and changes it.
fn sync(world: World, url: &str, change: impl FnOnce(&mut Value)) -> World {
    world.reconfigure(|config| {
        let rule = &mut config["extensions"]["sync"]["registries"][0];
        rule["urls"] = json!([url]);
        change(rule);
    })
}

fn run(world: &World, only: &[&str], cache: &Value) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), |scenario| {
        scenario["cache"] = json!([cache]);
        // A zot that waits for its upstream waits longer each time.
        scenario["limits"] = json!({ "request_timeout": "40s", "deadline": "240s" });
    });
    judge::run(&file, only, &Machine::here(true))
}

fn proven(run: &Run, id: &str) -> String {
    let outcome = judge::outcome(run, id);
    assert_eq!(outcome.verdict, Verdict::Pass, "{id}: {:#?}", outcome.finding);
    outcome.proven.clone().unwrap_or_default()
}

static LIMITED: AtomicBool = AtomicBool::new(false);

fn limit(_: &mut Asked) -> Option<Response> {
    let refusal = || (axum::http::StatusCode::TOO_MANY_REQUESTS, r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#);
    LIMITED.load(Ordering::Relaxed).then(|| refusal().into_response())
}

/// As zot comes, it asks for each pull by tag, and waits for 3 seconds and more where the upstream answers 429.
#[test]
fn pulls_that_wait_for_a_limited_upstream_are_told() {
    let Some(world) = World::start("pulls_that_wait_for_a_limited_upstream_are_told") else { return };
    let gate = Gate::start(&upstream(&world), limit, |_, _| ());
    let world = sync(world, &gate.url, |_| ());
    world.request("GET", "/v2/docker.io/library/alpine/manifests/3.20").send().must_be(200);
    LIMITED.store(true, Ordering::Relaxed);
    let warm = run(&world, &[WARM], &json!({ "image": CACHED }));
    assert!(proven(&warm, WARM).contains("each pull by tag waits for the upstream"));
    let cache = json!({ "image": CACHED, "upstream": gate.url, "upstream_asked": "never" });
    let promised = run(&world, &[ASKED], &cache);
    let finding = judge::finding(&promised, ASKED);
    assert_eq!(judge::outcome(&promised, ASKED).verdict, Verdict::Fail, "{finding:#?}");
    assert!(
        finding.actual.contains("by tag in ") && finding.cause.contains("the upstream answers 429"),
        "{finding:#?}"
    );
    let compared = run(&world, &[PULL], &cache);
    assert_eq!(judge::outcome(&compared, PULL).verdict, Verdict::Error);
    assert!(
        judge::finding(&compared, PULL).cause.contains("limits the rate"),
        "{:#?}",
        judge::finding(&compared, PULL)
    );
}

/// Without `onDemand` what is there is served, and the upstream is too slow to have been asked.
#[test]
fn a_cache_that_asks_nobody_is_seen_to_ask_nobody() {
    let Some(world) = World::start("a_cache_that_asks_nobody_is_seen_to_ask_nobody") else { return };
    let address = upstream(&world).trim_start_matches("http://").parse().expect("the upstream has an address");
    let far = FaultProxy::start(address, Fault::Latency(Duration::from_secs(1)));
    let world = sync(world, &far.url(), |_| ());
    let target = "/v2/docker.io/library/alpine/manifests/3.20";
    world.request("GET", target).send().must_be(200);
    let cache = json!({ "image": CACHED, "upstream": far.url(), "upstream_asked": "never" });
    let asks = run(&world, &[ASKED], &cache);
    assert_eq!(judge::outcome(&asks, ASKED).verdict, Verdict::Fail, "{:#?}", judge::outcome(&asks, ASKED));
    let world = sync(world, &far.url(), |rule| rule["onDemand"] = json!(false));
    world.request("GET", target).send().must_be(200);
    let shelters = run(&world, &[ASKED], &cache);
    let outcome = judge::outcome(&shelters, ASKED);
    assert_eq!(outcome.verdict, Verdict::Skip, "{outcome:#?}");
    assert!(judge::finding(&shelters, ASKED).summary.contains("the upstream takes"), "{outcome:#?}");
}

/// zot makes an OCI image of it, and deployments pin the digest that the upstream shows.
#[test]
fn an_image_in_dockers_format_is_asked_for_by_its_digest() {
    let Some(world) = World::start("an_image_in_dockers_format_is_asked_for_by_its_digest") else { return };
    let url = upstream(&world);
    let image = Image::with_content("in Docker's format");
    for blob in &image.blobs {
        push_blob(&url, REPOSITORY, blob, None).must_be(201);
    }
    let part = |kind: &str, blob: &[u8]| json!({ "mediaType": kind, "digest": digest(blob), "size": blob.len() });
    let manifest = json!({ "schemaVersion": 2, "mediaType": DOCKER,
        "config": part("application/vnd.docker.container.image.v1+json", &image.blobs[0]),
        "layers": [part("application/vnd.docker.image.rootfs.diff.tar", &image.blobs[1])] });
    let put = Request::new("PUT", &format!("{url}/v2/{REPOSITORY}/manifests/docker"));
    put.body(DOCKER, manifest.to_string()).send().must_be(201);
    let cache = json!({ "image": "docker.io/library/alpine:docker", "upstream": url });
    let found = run(&world, &[PULL], &cache);
    let finding = judge::finding(&found, PULL);
    assert_eq!(judge::outcome(&found, PULL).verdict, Verdict::Fail, "{finding:#?}");
    assert!(finding.actual.contains("404") && finding.cause.contains("in Docker's format"), "{finding:#?}");
    assert!(finding.remedy.contains("`preserveDigest`"), "{finding:#?}");
    // As the remedy says; what was converted before is fetched again.
    let world = world.reconfigure(|config| {
        config["extensions"]["sync"]["registries"][0]["preserveDigest"] = json!(true);
        config["http"]["compat"] = json!(["docker2s2"]);
    });
    let mended = run(&world, &[PULL], &cache);
    assert!(proven(&mended, PULL).contains("has the same under the tag"));
}

static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn listen(request: &mut Asked) -> Option<Response> {
    NAMES.lock().expect("no holder of the lock panics").push(request.uri().path().to_owned());
    None
}

/// A rule that fills names at the root makes zot ask the upstream for each pull by tag, those of a run too.
#[test]
fn what_a_run_tells_an_upstream_is_said_before_and_after() {
    let test = "what_a_run_tells_an_upstream_is_said_before_and_after";
    let Some(zot) = Zot::find(test) else { return };
    let Some(world) = World::start_on(&zot, test, Setup { private: true, ..Setup::default() }) else { return };
    let gate = Gate::start(&upstream(&world), listen, |_, _| ());
    let world = sync(world, &gate.url, |rule| rule["content"] = json!([{ "prefix": "**" }]));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), |scenario| {
        scenario["registry"]["zot_config"] = json!(world.zot.config_file());
        scenario["cache"] = json!([{ "image": "library/alpine:3.20" }]);
    });
    let run = judge::run(&file, &[], &Machine::here(true));
    let asked = NAMES.lock().expect("no holder of the lock panics").clone();
    assert!(asked.iter().any(|path| path.contains("library/alpine")), "{asked:?}");
    // What nobody may read is not asked for, and what zot would not ask for is not told.
    assert!(asked.iter().all(|path| !path.contains(PRIVATE_SCRATCH)), "{asked:?}");
    let told = asked.iter().any(|path| path.contains(PRIVATE));
    assert!(told, "then no run needs to say it: {asked:?}");
    let said = format!("{:?}", judge::outcome(&run, "policy::configuration_has_no_known_traps"));
    for words in
        ["lint::sync_fills_the_root", "lint::sync_covers_own_names", "for each pull of a tag, those of a run too"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains(PRIVATE), "{said}");
}
