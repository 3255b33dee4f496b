//! Each mistake of `tests/mutants` in the configuration: the comparison with the hardened one names what changed, and no more.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::brute::{File, hold, names};
use super::by_hand::told;
use crate::zot::compare::compare;

#[path = "../../../../tests/support/patch.rs"]
mod patch;

/// As much of a mutant as is about the configuration.
#[derive(Deserialize)]
struct Mutant {
    base: String,
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    config: Option<patch::Patch>,
}

#[derive(Deserialize)]
struct Base {
    #[serde(default)]
    config: patch::Patch,
}

fn read(file: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The hardened configuration, as `tests/support/hardened.rs` has it.
fn hardened() -> Value {
    let mut config: Value = serde_json::from_str(&read("configs/seed.json")).unwrap();
    config["http"]["externalUrl"] = "http://127.0.0.1:5050".into();
    let admins = json!([{ "groups": ["admins"], "actions": ["read", "create", "update", "delete"] }]);
    config["http"]["accessControl"]["repositories"]["private/**"] = json!({ "policies": admins });
    config["http"]["accessControl"]["metrics"] = json!({ "anonymousPolicy": ["read"] });
    config["extensions"].as_object_mut().unwrap().retain(|name, _| ["metrics", "sync"].contains(&name.as_str()));
    config
}

/// Every mutant of the configuration with what is told of it.
fn all() -> BTreeMap<String, Vec<String>> {
    let words = |text: &str| text.replace('{', "https://").replace('}', ".invalid");
    let names = names("ab/", 3).into_iter().chain(["blumeops/app", "private/app", "docker.io/a/b"].map(str::to_owned));
    let names: Vec<String> = names.collect();
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutants")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".toml") else { continue };
        let mutant: Mutant = toml::from_str(&read(&format!("mutants/{file}"))).unwrap();
        let Some(change) = mutant.change.config else { continue };
        let base: Base = toml::from_str(&read(&format!("mutants/base/{}.toml", mutant.base))).unwrap();
        let mut old = hardened();
        base.config.apply(&mut old, &words);
        let mut new = old.clone();
        change.apply(&mut new, &words);
        let old = File::read("old.json", &old.to_string()).unwrap();
        let lines = match File::read("new.json", &new.to_string()) {
            None => vec!["zot does not start".to_owned()],
            Some(new) => {
                let comparison = compare(&old.config, &new.config, None, &[]).unwrap();
                hold(&old, &new, &comparison, &[], &names);
                told(&comparison)
            }
        };
        all.insert(name.to_owned(), lines);
    }
    all
}

/// What is told of each mistake that changes who may do what.
const TOLD: &[(&str, &[&str])] = &[
    (
        "access-control-removed",
        &[
            "any user gains create,update,delete in ** -> nothing; also group artifact-workloads",
            "any user gains read,create,update,delete in private/** -> nothing; also group artifact-workloads",
            "any user gains create,update,delete in docker.io/** -> nothing; also group artifact-workloads",
            "anonymous loses read in ** -> nothing",
            "anonymous loses read in docker.io/** -> nothing",
            "anonymous loses scrape /metrics",
            "any user gains scrape /metrics",
            "GET /v2/ without credentials: 200 -> 401: a login is asked for",
        ],
    ),
    ("admins-cannot-delete", &["group admins loses delete in **"]),
    (
        "admins-group-misspelt",
        &["group admin gains create,update,delete in **", "group admins loses create,update,delete in **"],
    ),
    ("anonymous-can-create", &["anonymous gains create in **"]),
    ("anonymous-can-do-everything", &["anonymous gains create,update,delete in **"]),
    ("anonymous-cannot-read", &["anonymous loses read in **"]),
    ("auth-removed", &["zot does not start"]),
    ("cache-closed-to-anonymous", &["anonymous loses read in docker.io/**"]),
    ("cache-open-to-ci", &["group artifact-workloads gains create in docker.io/** -> **"]),
    ("ci-can-delete", &["group artifact-workloads gains delete in **"]),
    ("ci-can-update", &["group artifact-workloads gains update in **"]),
    ("ci-cannot-create", &["group artifact-workloads loses create in **"]),
    (
        "ci-group-in-other-case",
        &["group Artifact-Workloads gains create in **", "group artifact-workloads loses create in **"],
    ),
    (
        "ci-group-misspelt",
        &["group artefact-workloads gains create in **", "group artifact-workloads loses create in **"],
    ),
    ("client-id-wrong", &["any user may gain log-in openid/oidc"]),
    ("client-secret-wrong", &["any user may gain log-in openid/oidc"]),
    (
        "condition-for-docker",
        &["group artifact-workloads may gain update in **", "group artifact-workloads may lose create in **"],
    ),
    (
        "condition-for-latest",
        &["group artifact-workloads may gain update in **", "group artifact-workloads may lose create in **"],
    ),
    (
        "condition-for-one-tag",
        &["group artifact-workloads may gain update in **", "group artifact-workloads may lose create in **"],
    ),
    ("condition-never-true", &["group artifact-workloads loses create in **"]),
    ("default-can-create", &["any user gains create in **"]),
    ("default-can-create-by-the-way", &["any user gains create in docker.io/**; also group artifact-workloads"]),
    ("default-can-update-and-delete", &["any user gains update,delete in **; also group artifact-workloads"]),
    ("default-cannot-read", &["any user loses read in **"]),
    ("empty-user-name-can-create", &["anonymous gains create in **"]),
    ("every-origin-allowed", &["http.allowOrigin: none -> *"]),
    ("fail-delay-a-minute", &["http.auth.failDelay: 0 s -> 60 s"]),
    ("foreign-origin-allowed", &["http.allowOrigin: none -> https://regproof.invalid"]),
    ("foreign-return-allowed", &["openid.callbackAllowOrigins: none -> https://elsewhere.invalid"]),
    ("group-claim-renamed", &["any user may gain log-in openid/oidc"]),
    ("issuer-unreachable", &["any user may gain log-in openid/oidc"]),
    ("issuer-with-a-slash", &["any user may gain log-in openid/oidc"]),
    ("metrics-at-the-root", &["zot does not start"]),
    ("metrics-off", &["anonymous loses scrape /metrics", "path of the metrics: /metrics -> off"]),
    ("metrics-old-form", &["anonymous loses scrape /metrics"]),
    ("metrics-opened-to-a-guest", &["user guest gains scrape /metrics"]),
    ("metrics-opened-to-everyone", &["anonymous gains scrape /metrics"]),
    ("metrics-over-the-pages", &["path of the metrics: /metrics -> /zot"]),
    ("metrics-path-moved", &["path of the metrics: /metrics -> /prometheus"]),
    ("metrics-policy-removed", &["anonymous loses scrape /metrics"]),
    ("metrics-reader-removed", &["user erich loses scrape /metrics", "user nobody gains scrape /metrics"]),
    (
        "narrower-pattern-shadows",
        &[
            "anonymous loses read in ** -> blumeops/**",
            "any user loses read in ** -> blumeops/**; also group admins",
            "group admins loses create,update,delete in ** -> blumeops/**",
        ],
    ),
    (
        "one-star-for-two",
        &[
            "anonymous loses read in ** -> nothing",
            "any user loses read in ** -> nothing; also group admins, group artifact-workloads",
            "group admins loses create,update,delete in ** -> nothing",
            "group artifact-workloads loses create in ** -> nothing",
        ],
    ),
    ("openid-removed", &["any user loses log-in openid/oidc"]),
    (
        "private-pattern-removed",
        &[
            "anonymous gains read in private/** -> **",
            "any user gains read in private/** -> **; also group artifact-workloads",
            "group artifact-workloads gains create in private/** -> **",
        ],
    ),
    (
        "private-pattern-without-slash",
        &[
            "anonymous gains read in private/** -> **",
            "any user gains read in private/** -> **; also group artifact-workloads",
            "group artifact-workloads gains create in private/** -> **",
            "anonymous loses read in ** -> private**",
            "any user loses read in ** -> private**; also group artifact-workloads",
            "group artifact-workloads loses create in ** -> private**",
        ],
    ),
    (
        "proxy-guards-by-path",
        &[
            "anonymous gains read in private/** -> **",
            "any user gains read in private/** -> **; also group artifact-workloads",
            "group artifact-workloads gains create in private/** -> **",
        ],
    ),
    ("scope-profile-missing", &["any user may lose log-in openid/oidc"]),
    ("sessions-of-another-scheme", &["Secure cookies: no -> yes"]),
    (
        "undeclared-names-are-open",
        &["anonymous gains create in ** -> */*/*", "group artifact-workloads loses create in ** -> */*/*"],
    ),
    ("user-name-from-email", &["any user may gain log-in openid/oidc"]),
    ("user-star-is-no-wildcard", &["user * gains create in **", "group artifact-workloads loses create in **"]),
];

/// Mistakes that leave all rights as they were, and all that is told besides.
const NOTHING: &[&str] = &[
    "api-keys-off-beside-openid",
    "docker-media-types-accepted",
    "external-url-https",
    "external-url-removed",
    "external-url-with-a-path",
    "proxy-has-no-external-url",
    "rate-limited",
    "realm-renamed",
    "search-on",
    "sync-not-on-demand",
    "sync-of-one-image",
    "sync-off",
    "sync-removed",
    "sync-to-another-place",
    "upstream-moved",
    "upstream-silent",
];

#[test]
fn each_mistake_is_named_and_nothing_else() {
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, lines) in TOLD.iter().copied().chain(NOTHING.iter().map(|name| (*name, &[][..]))) {
        expected.insert(name.to_owned(), lines.iter().map(|line| (*line).to_owned()).collect());
    }
    let all = all();
    assert!(
        all.keys().eq(expected.keys()),
        "{:?} is in one of both only",
        all.keys().filter(|name| !expected.contains_key(*name))
    );
    for (name, lines) in all {
        assert_eq!(Some(&lines), expected.get(&name), "{name}");
    }
}
