//! Promises that a real zot keeps alone and that something beside it breaks: a cache or a limit in a real nginx, a second key
//! in use, a provider that makes administrators.
//!
//! Where a part is missing, the test says so in one loud line; the same checks run on the lab in their own files.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support;
use crate::support::http::Request;
use crate::support::image::Image;
use crate::support::judge;
use crate::support::keys::{log_in, mint_in};
use crate::support::nginx::Nginx;
use crate::support::provider::{ADMIN, CI};
use crate::support::world::{PRIVATE, Setup, World};
use crate::support::zot::{Release, Zot};
use regproof::check::machine::Machine;
use regproof::model::outcome::{Run, Verdict};
use serde_json::{Value, json};

const FRESH: &str = "registry::answers_are_fresh";
const LARGE: &str = "publish::large_body_passes_the_proxy";
const KEY: &str = "keys::expires_in_time";
const NOWHERE_ELSE: &str = "bypass::private_images_are_served_nowhere_else";
const CANARY: &str = "bypass::private_blobs_stay_private";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const GRANTS: &str = "oidc::login_grants_what_is_promised";

fn world(test: &str) -> Option<World> {
    World::start_on(&Zot::find(test)?, test, Setup { without_cache: true, ..Setup::default() })
}

/// A world and an nginx in front of it, whose one location has these directives.
fn behind(test: &str, rules: &str) -> Option<(World, Nginx)> {
    if Nginx::program().is_none() {
        support::skip(test, "no nginx: Debian has it in `nginx`");
        return None;
    }
    let world = world(test)?;
    let nginx = Nginx::start(&world.zot.url, rules);
    Some((world, nginx))
}

fn run(world: &World, only: &str, change: impl FnOnce(&mut Value, &Path)) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), |scenario| change(scenario, folder.path()));
    judge::run(&file, &[only], &Machine::here(!only.starts_with("oidc::")))
}

fn through(world: &World, nginx: &Nginx, only: &str) -> Run {
    run(world, only, |scenario, _| scenario["registry"]["url"] = nginx.url.clone().into())
}

#[track_caller]
fn ends(run: &Run, id: &str, verdict: Verdict) {
    let outcome = judge::outcome(run, id);
    assert_eq!(outcome.verdict, verdict, "{:#?} {:?}", outcome.finding, outcome.notes);
}

#[test]
fn a_cache_of_tags_for_ten_minutes_is_noticed_and_a_plain_proxy_is_not() {
    let test = "a_cache_of_tags_for_ten_minutes_is_noticed_and_a_plain_proxy_is_not";
    let Some((world, plain)) = behind(test, "") else { return };
    ends(&through(&world, &plain, FRESH), FRESH, Verdict::Pass);
    // A client with credentials is not answered from it: pushes look sound.
    let rules = "proxy_cache tags; proxy_cache_valid 200 10m; proxy_cache_bypass $http_authorization; \
                 proxy_no_cache $http_authorization; proxy_cache_key $request_uri$http_accept;";
    let caching = Nginx::start(&world.zot.url, rules);
    let run = through(&world, &caching, FRESH);
    ends(&run, FRESH, Verdict::Fail);
    let finding = judge::finding(&run, FRESH);
    assert!(finding.actual.contains("anonymous clients") && finding.cause.contains("caches"), "{finding:#?}");
    // That a tag is not there can be kept too.
    let missing = Nginx::start(&world.zot.url, &rules.replace("200 10m", "404 10m"));
    let run = through(&world, &missing, FRESH);
    ends(&run, FRESH, Verdict::Fail);
    assert!(judge::finding(&run, FRESH).actual.starts_with("no such tag"), "{:?}", judge::finding(&run, FRESH));
}

#[test]
fn the_limit_that_nginx_comes_with_is_noticed_without_being_asked_for() {
    let test = "the_limit_that_nginx_comes_with_is_noticed_without_being_asked_for";
    let Some((world, limited)) = behind(test, "") else { return };
    let run = through(&world, &limited, LARGE);
    ends(&run, LARGE, Verdict::Fail);
    assert!(judge::finding(&run, LARGE).actual.contains("413"), "{:?}", judge::finding(&run, LARGE));
    let wide = Nginx::start(&world.zot.url, "client_max_body_size 0;");
    ends(&through(&world, &wide, LARGE), LARGE, Verdict::Pass);
}

/// Two keys of one user, the one that regproof has and another one that is used all the time.
#[test]
fn the_end_of_the_own_key_is_told_while_another_key_of_the_user_is_busy() {
    let test = "the_end_of_the_own_key_is_told_while_another_key_of_the_user_is_busy";
    let Some(world) = world(test) else { return };
    let (mut session, _) = log_in(&world.zot.url, &CI, CI.password, || unreachable!("no code is asked for"));
    let soon = {
        let at = time::OffsetDateTime::now_utc() + time::Duration::days(2);
        let at = at.format(&time::format_description::well_known::Rfc3339).expect("a date can be written");
        let body = json!({ "label": "soon", "scopes": [], "expirationDate": at }).to_string();
        let request = Request::new("POST", &format!("{}/zot/auth/apikey", world.zot.url));
        let answer = session.send(request.header("x-zot-api-client", "zot-ui").body("application/json", body));
        answer.must_be(201).json()["apiKey"].as_str().expect("a new key is shown once").to_owned()
    };
    let lasting = mint_in(&mut session, &world.zot.url, "lasting");
    for (own, busy, verdict) in [(&soon, &lasting, Verdict::Fail), (&lasting, &soon, Verdict::Pass)] {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    world.request("GET", "/v2/").credentials(Some((CI.name, busy.as_str()))).send().must_be(200);
                }
            });
            // On a busy machine both keys move between any two requests: that is undecided, never wrong.
            let told = (0..100).find_map(|_| {
                let run = run(&world, KEY, |scenario, folder| {
                    let file = folder.join("own.key");
                    support::hardened::write_secret(&file, own);
                    scenario["identities"]["ci"]["password"] = json!({ "file": file });
                    // The others of the world have keys of 90 days.
                });
                let found = judge::outcome(&run, KEY);
                (found.verdict != Verdict::Error).then(|| (found.verdict, found.finding.clone()))
            });
            stop.store(true, Ordering::Relaxed);
            let (found, finding) = told.expect("one run of a hundred decides");
            assert_eq!(found, verdict, "{finding:#?}");
        });
    }
}

#[test]
fn a_provider_that_makes_an_administrator_of_who_logs_in_is_noticed_by_the_first_run() {
    let test = "a_provider_that_makes_an_administrator_of_who_logs_in_is_noticed_by_the_first_run";
    let Some(world) = world(test) else { return };
    let sound = run(&world, GRANTS, |_, _| ());
    if judge::outcome(&sound, GRANTS).verdict == Verdict::Skip {
        support::skip(test, "no browser");
        return;
    }
    ends(&sound, GRANTS, Verdict::Pass);
    world.provider.put_into_groups(CI.name, &["artifact-workloads".to_owned(), "admins".to_owned()]);
    let run = run(&world, GRANTS, |_, _| ());
    ends(&run, GRANTS, Verdict::Fail);
    assert!(judge::finding(&run, GRANTS).actual.contains("the user may"), "{:?}", judge::finding(&run, GRANTS));
}

/// An image for several platforms is an index: its layers are private too.
#[test]
fn the_layers_of_a_private_index_are_asked_for_and_a_canary_finds_the_hole() {
    let test = "the_layers_of_a_private_index_are_asked_for_and_a_canary_finds_the_hole";
    let Some(zot) = Zot::find_release(test, Release(2, 1, 20)) else { return };
    let Some(world) = World::start_on(&zot, test, Setup::private_only()) else { return };
    let image = Image::with_content("what nobody else may see");
    let entry = json!({ "mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest.len() });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }).to_string();
    let admin = world.credentials(&ADMIN);
    let target = format!("/v2/{PRIVATE}/manifests/v1");
    world.request("PUT", &target).credentials(admin).body(INDEX, index).send().must_be(201);
    let found = run(&world, "bypass::private", |_, _| ());
    ends(&found, NOWHERE_ELSE, Verdict::Pass);
    let cases = &judge::outcome(&found, NOWHERE_ELSE).cases;
    assert!(cases.iter().any(|case| case.name.starts_with("private-blob-elsewhere")), "{cases:?}");
    ends(&found, CANARY, Verdict::Fail);
    // What is really private was opened to nobody.
    let layer = support::image::digest(&image.blobs[1]);
    world.request("GET", &format!("/v2/{}/blobs/{layer}", support::world::SCRATCH)).send().must_be(404);
    let left = &judge::outcome(&found, CANARY).leftovers;
    assert!(left.is_empty(), "{left:?}");
}
