//! Our reading of a configuration against a real zot: random policies, each cell asked over loopback.
//!
//! It runs where `ZOT_BIN`, or `zot` on the PATH, is there, and says so where it is not. It must never meet anything but
//! loopback. `REGPROOF_DIFF_CONFIGS` sets how many configurations, `REGPROOF_DIFF_SEED` which ones.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod oracles;
mod random;
mod zot;

use futures::StreamExt;
use regproof::zot::config::Config;
use regproof::zot::expect::{Cell, Identity, Oracle, matrix};
use regproof::zot::policy::{Action, Decision, Who, decide, metrics_decision, ping_answer};
use regproof::zot::release::Release;
use serde_json::json;

use self::oracles::{Answer, Asker};
use self::random::Random;
use crate::support::zot::Zot;

/// Users of the htpasswd file; groups come from `accessControl.groups`, as the random configurations have it.
const USERS: [&str; 3] = ["guest", "zot-ci", "erich"];
const REPOSITORIES: [&str; 5] = ["a", "a/b", "a/b/c", "team/app", "docker.io/library/alpine"];

/// Answers of zot that carry the expected decision under another status: why, and which ones. A disagreement about the
/// decision itself is never excused.
type Known = (&'static str, fn(Release, &Config, u16) -> bool);
const KNOWN_DENIALS: &[Known] = &[(
    "before v2.1.18 an empty `metrics.users` refuses users as if they were anonymous",
    |release, config, status| {
        let nobody = config.access.as_ref().is_some_and(|access| access.metrics.users.is_empty());
        release < Release::new(2, 1, 18) && nobody && status == 401
    },
)];

#[test]
fn a_real_zot_decides_as_we_expect() {
    let Some(zot) = Zot::find("a_real_zot_decides_as_we_expect") else { return };
    let binary = zot.program;
    let release = zot::release(&binary);
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (configs, seed) = (number("REGPROOF_DIFF_CONFIGS", 6), number("REGPROOF_DIFF_SEED", 20));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut cells = 0;
    let mut left_to_chance = 0;
    let mut allowed = 0;
    let mut disagreements = Vec::new();
    for index in 0..configs {
        let mut random = Random::new(seed + index);
        let folder = tempfile::tempdir().unwrap();
        let zot = zot::start(&binary, folder.path(), |port| {
            let json = random::config(&mut random, folder.path(), port, release);
            if index % 2 == 0 { json } else { random::as_yaml(&json) }
        });
        let config = Config::parse(zot.file, &zot.config).unwrap();
        let identities = identities();
        let expected = matrix(&config, Some(release), &identities, &REPOSITORIES.map(str::to_owned));
        let found = runtime.block_on(compare(&zot.url, &config, expected));
        cells += found.len();
        for (cell, answer) in found {
            allowed += usize::from(answer == Answer::Allowed);
            let agrees = match (&cell.decision, answer) {
                (Decision::Allowed(_), Answer::Allowed) | (Decision::Denied(_), Answer::Denied) => true,
                (Decision::Random(_) | Decision::Condition(_), Answer::Allowed | Answer::Denied) => {
                    left_to_chance += 1;
                    true
                }
                _ => false,
            };
            if !agrees {
                disagreements.push(format!("seed {}: {cell:?}: {answer:?}\n{}", seed + index, zot.config));
            }
        }
        let doors = runtime.block_on(doors(&zot.url, &config, release));
        cells += doors.0;
        disagreements.extend(doors.1.into_iter().map(|text| format!("seed {}: {text}\n{}", seed + index, zot.config)));
    }
    println!("{release}: {configs} configurations, {cells} cells, {left_to_chance} of them left open by us");
    assert!(allowed * 10 > cells && allowed * 10 < cells * 9, "only {allowed} of {cells} cells were allowed");
    assert!(cells >= configs as usize * 250, "only {cells} cells were asked");
    assert!(disagreements.is_empty(), "{} disagreements, the first: {}", disagreements.len(), disagreements[0]);
    assert!(left_to_chance * 4 < cells, "{left_to_chance} of {cells} cells were left open");
}

#[test]
fn an_object_without_content_is_dropped_by_a_real_zot() {
    let Some(zot) = Zot::find("an_object_without_content_is_dropped_by_a_real_zot") else { return };
    let binary = zot.program;
    let open = json!({"anonymousPolicy": ["read"], "defaultPolicy": ["read"]});
    let cases = [
        (json!({"repositories": {"**": open, "a/**": {}}}), json!({"metrics": {}})),
        (json!({}), json!({"metrics": {}, "lint": {"enable": false}})),
        (
            json!({"repositories": {"team/**": open, "": {"defaultPolicy": ["delete"]}}}),
            json!({"metrics": {"enable": false}}),
        ),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (access, extensions) in cases {
        let folder = tempfile::tempdir().unwrap();
        let zot = zot::start(&binary, folder.path(), |port| {
            random::document(folder.path(), port, Some(access.clone()), Some("htpasswd"), extensions.clone())
        });
        let config = Config::parse(zot.file, &zot.config).unwrap();
        let expected = matrix(&config, Some(zot::release(&binary)), &identities(), &["a/b".to_owned()]);
        for (cell, answer) in runtime.block_on(compare(&zot.url, &config, expected)) {
            let expected = if cell.decision.is_allowed() { Answer::Allowed } else { Answer::Denied };
            assert_eq!(expected, answer, "{cell:?} {}", zot.config);
        }
        let status = runtime.block_on(askers(&zot.url, &config)[1].1.get("/metrics", "regproof"));
        assert_eq!(config.metrics_path().is_none(), status == 404, "{status} {}", zot.config);
    }
}

#[test]
fn patterns_of_equal_length_answer_at_random_on_a_real_zot() {
    let Some(zot) = Zot::find("patterns_of_equal_length_answer_at_random_on_a_real_zot") else { return };
    let binary = zot.program;
    let folder = tempfile::tempdir().unwrap();
    let access = json!({"repositories": {"a/*": {"defaultPolicy": ["read"]}, "*/b": {"defaultPolicy": []}}});
    let zot = zot::start(&binary, folder.path(), |port| {
        random::document(folder.path(), port, Some(access.clone()), Some("htpasswd"), json!({}))
    });
    let config = Config::parse(zot.file, &zot.config).unwrap();
    let identity = identities().remove(1);
    let decision = decide(&config, &identity.who, "a/b", Action::Read);
    assert!(matches!(decision, Decision::Random(patterns) if patterns == ["*/b", "a/*"]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asker = askers(&zot.url, &config).remove(1).1;
    let answers: Vec<_> = (0..64).map(|_| runtime.block_on(asker.ask(Oracle::ListTags, "a/b"))).collect();
    assert!(answers.contains(&Answer::Allowed) && answers.contains(&Answer::Denied), "{answers:?}");
}

fn identities() -> Vec<Identity> {
    let named =
        USERS.map(|name| Identity { label: name.to_owned(), who: Who { name: name.to_owned(), ..Who::default() } });
    let anonymous = Identity { label: "anonymous".to_owned(), who: Who::anonymous() };
    std::iter::once(anonymous).chain(named).collect()
}

/// One client per identity: a new one for each cell would spend the run on reading certificates.
fn askers(url: &str, config: &Config) -> Vec<(String, Asker)> {
    let asker = |identity: Identity| {
        let name = identity.who.name;
        let login = (!name.is_empty()).then(|| (name, zot::PASSWORD.to_owned()));
        // Without any login zot ignores credentials, and refuses like it refuses anonymous clients.
        let denial = if login.is_some() && config.can_authenticate() { 403 } else { 401 };
        (identity.label, Asker::new(url, login, denial))
    };
    identities().into_iter().map(asker).collect()
}

async fn compare(url: &str, config: &Config, cells: Vec<Cell>) -> Vec<(Cell, Answer)> {
    let askers = askers(url, config);
    let ask = |cell: Cell| {
        let asker = &askers.iter().find(|(label, _)| *label == cell.identity).unwrap().1;
        async move {
            let answer = asker.ask(cell.oracle, &cell.repository).await;
            (cell, answer)
        }
    };
    futures::stream::iter(cells).map(ask).buffered(8).collect().await
}

/// The metrics and `/v2/`, for each identity.
async fn doors(url: &str, config: &Config, release: Release) -> (usize, Vec<String>) {
    let mut disagreements = Vec::new();
    let mut asked = 0;
    for (identity, (_, asker)) in identities().iter().zip(askers(url, config)) {
        let expected = metrics_decision(config, Some(release), &identity.who).is_allowed();
        let status = asker.get("/metrics", "regproof").await;
        let known = |status| KNOWN_DENIALS.iter().any(|(_, explains)| explains(release, config, status));
        let agrees = if expected { status == 200 } else { status == asker.denial || known(status) };
        if !agrees {
            disagreements.push(format!("metrics for {}: expected {expected}, got {status}", identity.label));
        }
        for (docker, agent) in
            [(false, "regproof"), (true, "docker/29.4.0 go/go1.26 UpstreamClient(Docker-Client/29.4.0)")]
        {
            let expected = ping_answer(config, Some(release), &identity.who, docker).unwrap();
            let status = asker.get("/v2/", agent).await;
            if status != if expected { 200 } else { 401 } {
                disagreements
                    .push(format!("/v2/ for {} as {agent}: expected {expected}, got {status}", identity.label));
            }
        }
        asked += 3;
    }
    (asked, disagreements)
}

/// Only a check of the fixture: a layout without its repositories would make every read a 404.
#[test]
fn the_seeded_storage_holds_every_repository() {
    let folder = tempfile::tempdir().unwrap();
    zot::seed_storage(folder.path());
    for repository in REPOSITORIES {
        assert!(folder.path().join("storage").join(repository).join("index.json").exists());
    }
}
