//! Snapshots of a real zot: the same data served by one release and by the next, and every answer that differs between them.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support;
use crate::support::world::{Setup, World};
use crate::support::zot::{Release, Zot};
use regproof::check::machine::Machine;
use regproof::check::target::Target;
use regproof::drift::compare::{Diff, Kind, compare};
use regproof::drift::take;
use regproof::model::effect::Effect;
use regproof::model::snapshot::Snapshot;
use regproof::run::runner;

fn snapshot(world: &World) -> Snapshot {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    of(&world.scenario(folder.path()))
}

fn of(scenario: &Path) -> Snapshot {
    let target =
        Target::open(scenario, Some(Effect::Oracle), Machine::here(true)).expect("the world's scenario is sound");
    let taken = support::http::block_on(async move { take(&target, true, runner::no_stop()).await });
    taken.expect("the registry answers")
}

fn differing(diff: &Diff) -> Vec<(Kind, &str)> {
    diff.changes.iter().map(|change| (change.kind, change.id.as_str())).collect()
}

fn among(kind: Kind, ids: &[&'static str]) -> Vec<(Kind, &'static str)> {
    ids.iter().map(|id| (kind, *id)).collect()
}

#[test]
fn two_snapshots_of_one_zot_are_equal_and_a_right_too_many_is_named_wherever_it_shows() {
    let test = "two_snapshots_of_one_zot_are_equal_and_a_right_too_many_is_named_wherever_it_shows";
    let Some(world) = World::on_this_release(test) else { return };
    let before = snapshot(&world);
    assert_eq!(before, snapshot(&world));
    let world = world.reconfigure(|config| {
        config["http"]["accessControl"]["repositories"]["**"]["policies"][0]["actions"] =
            serde_json::json!(["read", "create", "delete"]);
    });
    let diff = compare(&before, &snapshot(&world), &BTreeSet::new());
    let expected = [
        "ci, delete a blob in blumeops/navidrome: denied -> allowed",
        "ci, delete a blob in blumeops/regproof: denied -> allowed",
        "ci, delete a blob in regproof-undeclared/nothing-here: denied -> allowed",
        "ci, delete a manifest in blumeops/navidrome: denied -> allowed",
        "ci, delete a manifest in blumeops/regproof: denied -> allowed",
        "ci, delete a manifest in regproof-undeclared/nothing-here: denied -> allowed",
        "ci, delete an upload in blumeops/navidrome: denied -> allowed",
        "ci, delete an upload in blumeops/regproof: denied -> allowed",
        "ci, delete an upload in regproof-undeclared/nothing-here: denied -> allowed",
        "probe upload-cancel-by-a-creator: closed, 403 -> open, 404",
    ];
    assert_eq!(differing(&diff), among(Kind::Changed, &expected));
}

/// What the releases between changed, whatever the configuration: docker is challenged at `/v2/`, so that `docker login` works
/// and docker's classic image store gives up there without one (v2.1.16); no credentials for foreign origins (v2.1.16);
/// `?tag=` is heeded, and asks for `update` (v2.1.16, v2.1.20).
///
/// Not that v2.1.20 serves ranges of private blobs: asking for it links the blob, which is a write.
const DOCKER: [&str; 3] = [
    "anonymous GET /v2/ as docker: 200, asks for basic -> 401 application/json, asks for basic",
    "docker compose, pull without credentials: works -> gives up at /v2/",
    "docker, classic image store, pull without credentials: works -> gives up at /v2/",
];
const ORIGINS: [&str; 6] = [
    "probe cors-any-origin-with-credentials: open, 200 -> closed, 200",
    "probe cors-catalog: open, 200 -> closed, 200",
    "probe cors-foreign-origin: open, 200 -> closed, 200",
    "probe cors-null-origin: open, 200 -> closed, 200",
    "probe cors-preflight-catalog: open, 204 -> closed, 204",
    "probe cors-preflight-keys: open, 204 -> closed, 204",
];
const BY_QUERY: [&str; 8] = [
    "admin, move a tag by query in blumeops/navidrome: not known -> allowed",
    "admin, move a tag by query in private/ledger: not known -> allowed",
    "anonymous, move a tag by query in blumeops/navidrome: not known -> denied",
    "anonymous, move a tag by query in private/ledger: not known -> denied",
    "ci, move a tag by query in blumeops/navidrome: not known -> denied",
    "ci, move a tag by query in private/ledger: not known -> denied",
    "guest, move a tag by query in blumeops/navidrome: not known -> denied",
    "guest, move a tag by query in private/ledger: not known -> denied",
];

#[test]
fn an_upgrade_on_the_same_data_changes_exactly_what_the_releases_changed() {
    let test = "an_upgrade_on_the_same_data_changes_exactly_what_the_releases_changed";
    let Some(old) = Zot::find_release(test, Release(2, 1, 15)) else { return };
    let Some(new) = Zot::find(test) else { return };
    if new.release != Release(2, 1, 20) {
        return support::skip(test, "ZOT_BIN is another release than v2.1.20");
    }
    let setup = Setup { private: true, without_cache: true, ..Setup::default() };
    let Some(world) = World::start_on(&old, test, setup) else { return };
    let before = snapshot(&world);
    let world = world.upgrade(&new);

    // With the old configuration: `metrics.users: [""]` no longer opens the metrics, and with them the release is gone.
    let diff = compare(&before, &snapshot(&world), &BTreeSet::new());
    let mut changed = vec!["anonymous GET /metrics: 200 text/plain -> 401 application/json, asks for basic"];
    changed.extend(DOCKER.iter().chain(&ORIGINS));
    changed.extend(["probe metrics-longer-path: open, 200 -> closed, 401", "probe metrics: open, 200 -> closed, 401"]);
    let mut expected = among(Kind::Changed, &changed);
    expected.extend(among(Kind::Lost, &["release: v2.1.15 -> not answered"]));
    expected.extend(among(Kind::New, &BY_QUERY));
    assert_eq!(differing(&diff), expected);
    assert!(diff.tags > 0, "the tags were compared, and stayed");

    // With the metrics opened as v2.1.18 wants it, only the releases themselves differ.
    let world = world.reconfigure(|config| {
        config["http"]["accessControl"]["metrics"] = serde_json::json!({ "anonymousPolicy": ["read"] });
    });
    let diff = compare(&before, &snapshot(&world), &BTreeSet::new());
    let mut changed: Vec<&str> = DOCKER.iter().chain(&ORIGINS).copied().collect();
    changed.push("release: v2.1.15 -> v2.1.20");
    let mut expected = among(Kind::Changed, &changed);
    expected.extend(among(Kind::New, &BY_QUERY));
    assert_eq!(differing(&diff), expected);
}
