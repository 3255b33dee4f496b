//! Registries that are not zot, the real programs: nothing outside of the scratch repository changes, nothing passes that was
//! not proven, and nothing fails that is sound.
//!
//! Where a program is missing, the test says so in one loud line.

mod rights;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::gate::{self, Gate};
use crate::support::http::Request;
use crate::support::printed::{is_printed, printed};
use crate::support::process::{NotStarted, PING, Server, on_free_port};
use crate::support::registries::scenario;
use crate::support::registries::{
    ALL_OR_NOTHING, Auth, HTPASSWD, Kind, OPEN, PRIVATE, PUBLIC, Promise, Registry, SCRATCH, TAG, USERS,
};
use crate::support::tokens::TokenServer;
use crate::support::{judge, on_path, skip};
use axum::extract::Request as Arrived;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use regproof::check::machine::Machine;
use regproof::model::effect::Effect;
use regproof::model::outcome::{Run, Verdict};
use serde_json::Value;
use tempfile::TempDir;

use Verdict::{Error, Fail, Pass, Skip};

const MATRIX: &str = "access::permission_matrix";
const NO_PUSH: &str = "access::anonymous_cannot_push";
const PUSH: &str = "publish::api_key_can_push";
const CHUNKS: &str = "publish::uploads_survive";

/// This machine with the client programs of `make tools`, and without a browser.
fn machine() -> Machine {
    let here = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(crate::support::tools().join("bin")).chain(std::env::split_paths(&here));
    Machine::with_path(&std::env::join_paths(path).expect("no folder has a colon in its name"), true)
}

struct Stage {
    registry: Registry,
    scenario: PathBuf,
    _folder: TempDir,
}

fn stage(test: &str, kind: Kind, auth: &Auth, promise: &Promise<'_>) -> Option<Stage> {
    let registry = Registry::start(test, kind, auth)?;
    let (scenario, folder) = written(&registry.url, promise);
    Some(Stage { registry, scenario, _folder: folder })
}

fn written(url: &str, promise: &Promise<'_>) -> (PathBuf, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    (scenario(url, promise, folder.path()), folder)
}

/// The ids that ended so.
fn ended(run: &Run, verdict: Verdict) -> BTreeSet<&str> {
    run.outcomes.iter().filter(|outcome| outcome.verdict == verdict).map(|outcome| outcome.id.as_str()).collect()
}

fn explained(run: &Run) -> String {
    let told = run.outcomes.iter().filter(|outcome| !matches!(outcome.verdict, Pass | Skip));
    told.map(|outcome| format!("{} {:?} {:#?}\n", outcome.id, outcome.verdict, outcome.finding)).collect()
}

/// How the registries of `make test` let clients in.
fn doors(kind: Kind) -> (Auth, Promise<'static>) {
    match kind {
        Kind::Crane => (Auth::Open, OPEN),
        _ => (Auth::Basic, ALL_OR_NOTHING),
    }
}

#[test]
fn only_the_scratch_repository_changes_and_the_ledger_names_what_is_new() {
    let mut wrong = vec![];
    for kind in Kind::EVERY {
        let (auth, promise) = doors(kind);
        for effect in [Effect::ReadOnly, Effect::Oracle, Effect::Writes] {
            let Some(stage) = stage("nothing outside changes", kind, &auth, &promise) else { break };
            let (outside, inside) = (stage.registry.outside(), stage.registry.inside());
            assert!(!outside.is_empty(), "nothing is looked at");
            let run = judge::run_with(&stage.scenario, effect, &[], &machine());
            let at = format!("{kind:?}, {effect}");
            wrong.extend(differences(&outside, &stage.registry.outside()).map(|line| format!("{at}: outside {line}")));
            let told: BTreeSet<&str> = run
                .outcomes
                .iter()
                .flat_map(|outcome| &outcome.leftovers)
                .map(|left| left.reference.as_str())
                .collect();
            let now = stage.registry.inside();
            let new: BTreeSet<String> =
                now.keys().filter(|path| !inside.contains_key(*path)).filter_map(|path| made(path)).collect();
            if effect < Effect::Writes {
                wrong.extend(new.iter().map(|what| format!("{at}: inside, without leave to write: {what}")));
            }
            let named = |what: &String| told.iter().any(|reference| reference.ends_with(what.as_str()));
            wrong.extend(
                new.iter().filter(|what| !named(what)).map(|what| format!("{at}: inside, not in the ledger: {what}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is asked in the scratch repository because it is asked nowhere else is printed before it is sent, as all is.
#[test]
fn a_run_sends_nothing_there_that_the_plan_did_not_print() {
    let mut surprises = BTreeSet::new();
    for kind in Kind::EVERY {
        let (auth, promise) = doors(kind);
        // With somebody for every line, where there are users at all.
        let promise = if kind == Kind::Distribution { rights::RIGHTS } else { promise };
        let Some(stage) = stage("printed before", kind, &auth, &promise) else { continue };
        let path = stage.scenario.to_str().expect("a path");
        let report = stage.scenario.with_file_name("report.json");
        let (_, plan) = regproof(&["plan", "--no-browser", "--requests", path]);
        let (code, told) = regproof(&["run", "--no-browser", "--json", report.to_str().expect("a path"), path]);
        assert!(matches!(code, Some(0..=2)), "{kind:?}: {code:?} {told}");
        let lines = printed(&plan);
        let report: Value = serde_json::from_slice(&fs::read(&report).expect("it was written")).expect("JSON");
        let mut sent = 0;
        for outcome in report["outcomes"].as_array().expect("outcomes are a list") {
            let check = outcome["id"].as_str().expect("an outcome has an id");
            for exchange in outcome["transcript"].as_array().expect("a transcript is a list") {
                sent += 1;
                if !is_printed(&lines, check, exchange, std::slice::from_ref(&stage.registry.url)) {
                    let (method, url, who) = (&exchange["method"], &exchange["url"], &exchange["who"]);
                    surprises.insert(format!("{kind:?} {check}: {method} {url} by {who}"));
                }
            }
        }
        // crane's registry has no users, so it cannot be asked about rights.
        assert!(sent > if kind == Kind::Crane { 50 } else { 500 }, "{kind:?}: {sent} requests are not the checklist");
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}

fn differences<'a>(
    before: &'a BTreeMap<String, Vec<u8>>,
    after: &'a BTreeMap<String, Vec<u8>>,
) -> impl Iterator<Item = String> + use<'a> {
    let gone = before.keys().filter(|path| !after.contains_key(*path)).map(|path| format!("is gone: {path}"));
    let new = after.keys().filter(|path| !before.contains_key(*path)).map(|path| format!("is new: {path}"));
    let other = before.iter().filter(|(path, bytes)| after.get(*path).is_some_and(|now| now != *bytes));
    gone.chain(new).chain(other.map(|(path, _)| format!("is changed: {path}")))
}

/// The tag or upload that a stored file stands for. Manifests and blobs without a name stay in such a registry until its
/// garbage is collected.
fn made(path: &str) -> Option<String> {
    let rest = path.strip_prefix(&format!("{SCRATCH}/"))?;
    if let Some(tag) = rest.strip_prefix("_manifests/tags/").and_then(|rest| rest.strip_suffix("/current/link")) {
        return Some(tag.to_owned());
    }
    // Of an upload that was ended such a registry keeps a folder with the state of its hash; an open one has a beginning.
    rest.strip_prefix("_uploads/")?.strip_suffix("/startedat").map(str::to_owned)
}

/// What may be sent only to zot, or to the scratch repository.
const ORACLES: [&str; 4] = [
    "bypass::identity_headers_are_ignored",
    "bypass::method_override_is_ignored",
    "bypass::raw_requests_are_judged_alike",
    "bypass::upload_sessions_are_closed",
];

/// Nothing is undecided on a sound registry, whatever may be sent: it passes, or it is left out with its reason.
#[test]
fn a_sound_registry_leaves_nothing_undecided_at_any_effect() {
    for kind in Kind::ALL {
        let (auth, promise) = doors(kind);
        for effect in [Effect::ReadOnly, Effect::Oracle, Effect::Writes] {
            let Some(stage) = stage("nothing is undecided", kind, &auth, &promise) else { break };
            let run = judge::run_with(&stage.scenario, effect, &[], &machine());
            let at = format!("{kind:?}, {effect}: {}", explained(&run));
            assert_eq!(ended(&run, Error), BTreeSet::new(), "{at}");
            let failed: Vec<&str> = run
                .outcomes
                .iter()
                .filter(|outcome| outcome.verdict == Fail && !outcome.warns())
                .map(|outcome| outcome.id.as_str())
                .filter(|id| kind != Kind::Debian || *id != CHUNKS)
                .collect();
            assert!(failed.is_empty(), "{failed:?} {at}");
            for id in ORACLES.iter().filter(|_| kind != Kind::Crane) {
                let outcome = judge::outcome(&run, id);
                let expected = if effect == Effect::Writes { Pass } else { Skip };
                assert_eq!(outcome.verdict, expected, "{id} {at} {:#?} {:?}", outcome.finding, outcome.notes);
                let proven = outcome.proven.as_deref().unwrap_or_default();
                assert_eq!(proven.contains("asked only in team/regproof"), expected == Pass, "{id}: {proven}");
            }
        }
    }
}

fn password_of((name, password): (&str, &str)) -> HeaderValue {
    use base64::Engine;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    HeaderValue::from_str(&format!("Basic {pair}")).expect("base64 is a header")
}

#[test]
fn a_sound_registry_with_users_has_no_false_fail() {
    for kind in [Kind::Debian, Kind::Distribution] {
        let Some(stage) = stage("sound registries", kind, &Auth::Basic, &ALL_OR_NOTHING) else { continue };
        let run = judge::run(&stage.scenario, &[], &machine());
        // The line 2.8 takes a chunk at the wrong place, against the specification.
        let broken: BTreeSet<&str> = if kind == Kind::Debian { [CHUNKS].into() } else { BTreeSet::new() };
        assert_eq!(ended(&run, Fail), broken, "{kind:?}: {}", explained(&run));
        for id in [NO_PUSH, PUSH, "access::wrong_credentials_are_refused", "registry::answers_as_a_registry"] {
            assert_eq!(judge::outcome(&run, id).verdict, Pass, "{kind:?} {id}: {}", explained(&run));
        }
        if kind == Kind::Debian {
            let finding = judge::finding(&run, CHUNKS);
            assert!(finding.actual.starts_with("202") && finding.cause.contains("any order"), "{finding:?}");
        }
        let pushed = judge::outcome(&run, PUSH).proven.as_deref();
        assert_eq!(pushed, Some("pushed by admin, ci"), "{kind:?}");
        for outcome in &run.outcomes {
            let Some(finding) = &outcome.finding else { continue };
            let advice = format!("{} {}", finding.cause, finding.remedy);
            let judged = matches!(outcome.verdict, Fail | Error);
            assert!(!judged || !speaks_of_zot(&advice), "{kind:?} {}: {finding:#?}", outcome.id);
        }
    }
}

/// Advice that only the operator of a zot can follow.
fn speaks_of_zot(advice: &str) -> bool {
    ["zot", "accessControl", "anonymousPolicy", "defaultPolicy", "scrub"].iter().any(|word| advice.contains(word))
}

fn regproof(arguments: &[&str]) -> (Option<i32>, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_regproof")).args(arguments).output().expect("it runs");
    let text = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// nginx keeps everyone from writing who has no password, and the registry behind it knows no users.
#[test]
fn a_refusal_of_what_stands_in_front_is_told_as_one() {
    let test = "nginx in front";
    let Some(program) = on_path("nginx") else { return skip(test, "no nginx (Debian: apt-get install nginx)") };
    let Some(registry) = Registry::start(test, Kind::Debian, &Auth::Open) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (url, _server) = nginx(&program, folder.path(), &registry.url);
    let promise = Promise { anonymous: &["read"], ..ALL_OR_NOTHING };
    let (file, _kept) = written(&url, &promise);
    let run = judge::run(&file, &[NO_PUSH, PUSH, "publish::skopeo"], &machine());
    // The same request with a password got through, so the password is what was missing; who asked for it is said.
    let outcome = judge::outcome(&run, NO_PUSH);
    assert_eq!(outcome.verdict, Pass, "{}", explained(&run));
    let proven = outcome.proven.as_deref().unwrap_or_default();
    assert!(proven.contains("in front of the registry"), "{proven}");
    assert_eq!(judge::outcome(&run, PUSH).verdict, Pass, "{}", explained(&run));
    // `/v2/` answers 200 without a challenge, so that clients send no password.
    assert!(matches!(judge::outcome(&run, "publish::skopeo_can_push").verdict, Fail | Skip), "{}", explained(&run));
}

fn nginx(program: &Path, folder: &Path, behind: &str) -> (String, Server) {
    let started = on_free_port(|port| {
        let at = folder.display();
        let users = folder.join("htpasswd");
        fs::write(&users, HTPASSWD).expect("a file can be written");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("  {kind}_temp_path {at}/{kind};\n"))
            .collect();
        let text = format!(
            "daemon off;\nuser root;\npid {at}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n{temporary}  \
             server {{\n    listen 127.0.0.1:{port};\n    client_max_body_size 0;\n    location / {{\n      limit_except GET HEAD {{\n        \
             auth_basic \"Registry\";\n        auth_basic_user_file {at}/htpasswd;\n      }}\n      proxy_pass {behind};\n      \
             proxy_set_header Host $http_host;\n      proxy_set_header Authorization \"\";\n    }}\n  }}\n}}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, text).expect("the configuration can be written");
        let arguments = ["-p", folder.to_str().expect("a path"), "-c", file.to_str().expect("a path")];
        let mut server = Server::spawn(program, &arguments, &folder.join("nginx.log"));
        let url = format!("http://127.0.0.1:{port}");
        let ping = format!("{url}/v2/");
        server.wait_until(Duration::from_secs(60), |_| {
            Request::new("GET", &ping).within(PING).try_send().ok().filter(|answer| answer.status == 200)
        })?;
        Ok::<_, NotStarted>((url, server))
    });
    started.unwrap_or_else(|error| panic!("nginx did not start: {error:?}"))
}

/// The parts themselves: what is written is there, and who has no password is refused.
#[test]
fn the_registries_are_as_they_should_be() {
    for kind in Kind::EVERY {
        let (auth, _) = doors(kind);
        let Some(registry) = Registry::start("the registries themselves", kind, &auth) else { continue };
        let tag = format!("{PUBLIC}/_manifests/tags/{TAG}/current/link");
        assert!(registry.outside().contains_key(&tag) && registry.inside().is_empty(), "{kind:?}");
        let list = |path: &str, user| Request::new("GET", &format!("{}{path}", registry.url)).credentials(user).send();
        let path = format!("/v2/{PRIVATE}/tags/list");
        list(&path, Some(USERS[1])).must_be(200);
        list(&path, None).must_be(if kind == Kind::Crane { 200 } else { 401 });
    }
}
