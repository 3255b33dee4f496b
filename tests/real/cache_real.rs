//! The cache's checks against a real zot that pulls through from a real registry, healthy and broken in the ways of operators.
//!
//! Where a part is missing, the test says so in one loud line; the same checks run on the lab in their own files.

use std::collections::BTreeMap;

use crate::support::image::Image;
use crate::support::judge;
use crate::support::upstream::{REPOSITORY, TAG};
use crate::support::world::{CACHED, World, waiver};
use regproof::check::machine::Machine;
use regproof::model::outcome::{ExitStatus, Run, Verdict};
use serde_json::{Value, json};

use Verdict::{Error, Fail, Pass, Skip};

const CLOSED: &str = "cache::ci_cannot_push_into_the_cache";
const COLD: &str = "cache::cold_fetch_works";
const PULL: &str = "cache::pull_through_serves_upstream";
const WARM: &str = "cache::warm_hit_is_served_from_the_registry";

/// A world where one pattern covers the cache alone, and whose upstream has more than one tag.
fn world(test: &str) -> Option<World> {
    let world = World::start(test)?.reconfigure(|config| {
        config["http"]["accessControl"]["repositories"]["docker.io/**"] =
            json!({ "anonymousPolicy": ["read"], "defaultPolicy": ["read"] });
    });
    for tag in ["3.19", "3.18"] {
        upstream_gets(&world, tag, tag);
    }
    Some(world)
}

fn upstream_gets(world: &World, content: &str, tag: &str) {
    let upstream = world.upstream.as_ref().expect("this world has a cache");
    Image::with_content(content).push(&upstream.url, REPOSITORY, tag, None);
}

/// Changes the one upstream of the cache in zot's configuration.
fn sync(world: World, change: impl FnOnce(&mut Value)) -> World {
    world.reconfigure(|config| change(&mut config["extensions"]["sync"]["registries"][0]))
}

fn run(world: &World, cache: Value) -> Run {
    run_with(world, cache, |_| ())
}

fn run_with(world: &World, cache: Value, change: impl FnOnce(&mut Value)) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), |scenario| {
        scenario["cache"] = json!([cache]);
        change(scenario);
    });
    judge::run(&file, &["cache::"], &Machine::here(true))
}

#[track_caller]
fn verdicts(run: &Run, expected: &[(&str, Verdict)]) {
    // What `upstream_asked` promises, which no scenario here has, is in `upstream_real`.
    let outcomes = run.outcomes.iter().filter(|outcome| outcome.id != "cache::warm_pulls_ask_no_upstream");
    let found: BTreeMap<&str, Verdict> = outcomes.map(|o| (o.id.as_str(), o.verdict)).collect();
    let findings: Vec<_> = run.outcomes.iter().map(|outcome| (&outcome.id, &outcome.finding)).collect();
    assert_eq!(found, expected.iter().copied().collect(), "{findings:#?}");
}

/// The finding of this check has these words in these parts of it.
#[track_caller]
fn says(run: &Run, id: &str, actual: &str, cause: &str) {
    let finding = judge::finding(run, id);
    assert!(finding.actual.contains(actual), "{id}: {finding:#?}");
    assert!(finding.cause.contains(cause), "{id}: {finding:#?}");
}

#[test]
fn a_healthy_cache_passes_all_and_a_tag_is_cold_only_once() {
    let Some(world) = world("a_healthy_cache_passes_all_and_a_tag_is_cold_only_once") else { return };
    let digest = world.upstream.as_ref().map(|upstream| upstream.digest.clone());
    let cache = json!({ "image": CACHED, "digest": digest, "cold": "docker.io/library/alpine:3.19" });
    let first = run(&world, cache.clone());
    verdicts(&first, &[(CLOSED, Pass), (COLD, Pass), (PULL, Pass), (WARM, Pass)]);
    assert_eq!(first.exit_status(false), ExitStatus::Proven);
    let second = run(&world, cache);
    verdicts(&second, &[(CLOSED, Pass), (COLD, Skip), (PULL, Pass), (WARM, Pass)]);
    assert!(judge::finding(&second, COLD).summary.contains("fetched before"), "{:#?}", judge::finding(&second, COLD));
}

/// A world whose upstream is gone, after one tag of it was cached.
fn without_upstream(mut world: World) -> World {
    world.request("GET", "/v2/docker.io/library/alpine/manifests/3.20").send().must_be(200);
    world.upstream.as_mut().expect("this world has a cache").stop();
    world
}

#[test]
fn what_is_cached_is_served_without_the_upstream_and_what_is_cold_is_not() {
    let Some(world) = world("what_is_cached_is_served_without_the_upstream_and_what_is_cold_is_not") else { return };
    let world = without_upstream(sync(world, |registry| {
        registry["maxRetries"] = json!(1);
        registry["retryDelay"] = json!("1s");
        registry["maxRetryDelay"] = json!("1s");
    }));
    let cached = run(&world, json!({ "image": CACHED, "cold": "docker.io/library/alpine:3.19" }));
    verdicts(&cached, &[(CLOSED, Pass), (COLD, Fail), (PULL, Pass), (WARM, Pass)]);
    says(&cached, COLD, "404", "cannot be reached");
    let never_cached = run(&world, json!({ "image": "docker.io/library/alpine:3.18" }));
    verdicts(&never_cached, &[(CLOSED, Pass), (COLD, Skip), (PULL, Fail), (WARM, Fail)]);
    says(&never_cached, PULL, "404", "the upstream cannot be reached");
    says(&never_cached, WARM, "404", "could not be pulled through");
}

/// As zot comes, it waits for an upstream that is gone: at first 3 seconds for each tag, soon 30.
#[test]
fn a_zot_that_waits_for_its_upstream_is_told_from_one_that_is_down() {
    let Some(world) = world("a_zot_that_waits_for_its_upstream_is_told_from_one_that_is_down") else { return };
    let digest = world.upstream.as_ref().map(|upstream| upstream.digest.clone());
    let world = without_upstream(world);
    let hasty = |scenario: &mut Value| scenario["limits"] = json!({ "request_timeout": "2s" });
    let told = run_with(&world, json!({ "image": CACHED, "digest": digest }), hasty);
    verdicts(&told, &[(CLOSED, Pass), (COLD, Skip), (PULL, Fail), (WARM, Fail)]);
    for id in [PULL, WARM] {
        says(&told, id, "by digest it is served at once", "zot waits for it");
        assert!(judge::finding(&told, id).remedy.contains("maxRetryDelay"));
    }
    // A fetch may take its time for other reasons too, and without a digest there is nothing to compare with.
    let untold = run_with(&world, json!({ "image": CACHED, "cold": "docker.io/library/alpine:3.19" }), hasty);
    verdicts(&untold, &[(CLOSED, Pass), (COLD, Error), (PULL, Error), (WARM, Error)]);
    says(&untold, COLD, "no complete answer in 2", "cannot be reached");
    assert!(judge::finding(&untold, PULL).actual.contains("a `digest` in [[cache]]"));
}

#[test]
fn a_cache_that_is_configured_for_other_names_or_not_on_demand_serves_nothing() {
    type Mistake = fn(&mut Value);
    let test = "a_cache_that_is_configured_for_other_names_or_not_on_demand_serves_nothing";
    let Some(mut world) = world(test) else { return };
    let mistakes: [(&str, Mistake); 3] = [
        ("prefix", |registry| registry["content"] = json!([{ "prefix": "bitnami/**", "destination": "/docker.io" }])),
        ("destination", |registry| registry["content"] = json!([{ "prefix": "**", "destination": "/dockerhub" }])),
        ("onDemand", |registry| {
            registry["content"] = json!([{ "prefix": "**", "destination": "/docker.io" }]);
            registry["onDemand"] = json!(false);
        }),
    ];
    for (setting, mistake) in mistakes {
        world = sync(world, mistake);
        let run = run(&world, json!({ "image": CACHED, "cold": "docker.io/library/alpine:3.19" }));
        verdicts(&run, &[(CLOSED, Pass), (COLD, Fail), (PULL, Fail), (WARM, Fail)]);
        for id in [COLD, PULL] {
            let finding = judge::finding(&run, id);
            assert!(finding.actual.contains("404"), "{setting}: {finding:#?}");
            let named = format!("{}\n{}", finding.cause, finding.remedy);
            assert!(named.contains(setting), "{setting}: {finding:#?}");
        }
    }
}

#[test]
fn another_image_under_the_promised_tag_is_found_by_its_digest() {
    let Some(world) = world("another_image_under_the_promised_tag_is_found_by_its_digest") else { return };
    let promised = world.upstream.as_ref().expect("this world has a cache").digest.clone();
    upstream_gets(&world, "what nobody promised", TAG);
    let promise = run(&world, json!({ "image": CACHED, "digest": promised }));
    verdicts(&promise, &[(CLOSED, Pass), (COLD, Skip), (PULL, Fail), (WARM, Pass)]);
    says(&promise, PULL, "sha256:", "another image");
    assert_eq!(judge::finding(&promise, PULL).expected, promised);
    // Without the promise nobody can know: upstreams move tags, and what is served is what the upstream has.
    let none = run(&world, json!({ "image": CACHED }));
    verdicts(&none, &[(CLOSED, Pass), (COLD, Skip), (PULL, Pass), (WARM, Pass)]);
}

#[test]
fn an_upstream_with_altered_bytes_is_not_served() {
    let Some(world) = world("an_upstream_with_altered_bytes_is_not_served") else { return };
    world.upstream.as_ref().expect("this world has a cache").alter_blobs();
    let run = run(&world, json!({ "image": CACHED, "cold": "docker.io/library/alpine:3.19" }));
    verdicts(&run, &[(CLOSED, Pass), (COLD, Fail), (PULL, Fail), (WARM, Fail)]);
    says(&run, PULL, "404", "other bytes than it promised");
}

#[test]
fn the_policy_of_the_operator_leaves_the_cache_open_to_ci_until_that_is_waived() {
    let test = "the_policy_of_the_operator_leaves_the_cache_open_to_ci_until_that_is_waived";
    let Some(world) = World::start(test) else { return };
    let operators: Value = serde_json::from_str(include_str!("../configs/seed.json")).expect("it is JSON");
    let world = world.reconfigure(|config| {
        let policy = &operators["http"]["accessControl"]["repositories"];
        config["http"]["accessControl"]["repositories"] = policy.clone();
    });
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), |scenario| {
        scenario.as_object_mut().expect("a scenario is a table").remove("access");
        scenario["registry"]["zot_config"] = json!(world.zot.config_file());
    });
    let found = judge::run(&file, &["cache::"], &Machine::here(true));
    verdicts(&found, &[(CLOSED, Fail), (COLD, Skip), (PULL, Pass), (WARM, Pass)]);
    says(&found, CLOSED, "415", "the grants of `**` hold there too");
    // Nobody promised that CI may not: it is advice.
    assert!(judge::outcome(&found, CLOSED).warns());
    assert_eq!(found.exit_status(false), ExitStatus::Proven);

    let mut text = std::fs::read_to_string(&file).expect("the scenario is there");
    text.push_str(&waiver(CLOSED, "CI is trusted with the cache"));
    std::fs::write(&file, text).expect("the scenario can be written");
    let waived = judge::run(&file, &["cache::"], &Machine::here(true));
    verdicts(&waived, &[(CLOSED, Skip), (COLD, Skip), (PULL, Pass), (WARM, Pass)]);
    let outcome = judge::outcome(&waived, CLOSED);
    assert_eq!(outcome.waived.as_deref(), Some("CI is trusted with the cache"));
    assert!(outcome.finding.as_ref().is_some_and(|finding| finding.actual.contains("415")), "{outcome:#?}");
    assert_eq!(waived.exit_status(false), ExitStatus::Proven);
    assert_eq!(waived.exit_status(true), ExitStatus::NotProven, "what is waived is not proven");
}

/// What is warm is served without the upstream; only the upstream itself tells whether it is what the upstream has.
#[test]
fn a_warm_image_is_compared_with_what_the_upstream_has_where_the_scenario_names_it() {
    let test = "a_warm_image_is_compared_with_what_the_upstream_has_where_the_scenario_names_it";
    let Some(mut world) = world(test) else { return };
    let upstream = world.upstream.as_ref().expect("this world has a cache").url.clone();
    let cache = || json!({ "image": CACHED, "upstream": upstream });
    let note = |run: &Run, words: &str| {
        let proven = judge::outcome(run, PULL).proven.clone().unwrap_or_default();
        assert!(proven.contains(words), "{proven}");
    };
    let sound = run(&world, cache());
    verdicts(&sound, &[(CLOSED, Pass), (COLD, Skip), (PULL, Pass), (WARM, Pass)]);
    note(&sound, "has the same under the tag");
    let unnamed = run(&world, json!({ "image": CACHED }));
    note(&unnamed, "not compared with its upstream");
    // Sync is removed, and the upstream moves its tag: what is served is what was.
    world = world.reconfigure(|config| {
        config["extensions"].as_object_mut().expect("it is a table").remove("sync");
    });
    upstream_gets(&world, "what the upstream has now", TAG);
    let stale = run(&world, cache());
    verdicts(&stale, &[(CLOSED, Pass), (COLD, Skip), (PULL, Fail), (WARM, Pass)]);
    says(&stale, PULL, "sha256:", "no longer asks its upstream");
    // An upstream that does not answer says nothing about what is served.
    world.upstream.as_mut().expect("this world has a cache").stop();
    let gone = run(&world, cache());
    verdicts(&gone, &[(CLOSED, Pass), (COLD, Skip), (PULL, Error), (WARM, Pass)]);
}
