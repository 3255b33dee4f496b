//! Registries that are not zot, the real programs: nothing outside of the scratch repository changes, nothing passes that was
//! not proven, and nothing fails that is sound.
//!
//! Where a program is missing, the test says so in one loud line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::gate::{self, Gate};
use crate::support::http::Request;
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
use regproof::check::Effect;
use regproof::outcome::{Run, Verdict};
use regproof::plan::Machine;
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
fn nothing_outside_of_the_scratch_repository_changes_and_the_ledger_names_what_is_new_inside() {
    let mut wrong = vec![];
    for kind in Kind::ALL {
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

/// A registry that asks for tokens: nothing that was asked without one passes or fails, and no password is sent to it.
#[test]
fn what_is_asked_without_a_token_is_undecided() {
    for kind in [Kind::Debian, Kind::Distribution] {
        // Whoever fetches a token may do anything: a 401 without one is no refusal here.
        let tokens = TokenServer::start(|_, _| &["pull", "push", "delete"], kind == Kind::Debian);
        let auth = Auth::Tokens(tokens.realm.clone());
        let promise = Promise { anonymous: &["read"], ..ALL_OR_NOTHING };
        let Some(stage) = stage("registries with tokens", kind, &auth, &promise) else { continue };
        let run = judge::run(&stage.scenario, &[], &machine());
        // The token server of the tests speaks plain http, and that is what fails.
        let plain = "registry::answers_as_a_registry";
        assert_eq!(ended(&run, Fail), [plain].into(), "{kind:?}: {}", explained(&run));
        assert!(judge::finding(&run, plain).cause.contains("in the clear"));
        let passed = ended(&run, Pass);
        assert!(
            passed.iter().all(|id| *id == "registry::clock_is_right" || id.starts_with("policy::")),
            "{kind:?}: {passed:?}"
        );
        let matrix = judge::outcome(&run, MATRIX);
        assert_eq!(matrix.verdict, Error, "{kind:?}: {matrix:#?}");
        let cells = matrix.tables.iter().flat_map(|table| &table.rows).flatten().map(|cell| cell.text.as_str());
        assert!(cells.clone().all(|text| text != "no"), "{kind:?}: {:?}", cells.collect::<Vec<_>>());
        for id in [NO_PUSH, "access::anonymous_can_pull"] {
            let finding = judge::finding(&run, id);
            assert!(finding.actual.contains("asks for tokens of http://"), "{kind:?} {id}: {finding:?}");
        }
        let with_password =
            run.outcomes.iter().flat_map(|outcome| &outcome.transcript).filter(|e| e.username.is_some());
        let sent: Vec<_> = with_password.map(|exchange| (&exchange.method, &exchange.url)).collect();
        assert!(sent.is_empty(), "{kind:?}: credentials were sent: {sent:?}");
    }
}

/// Basic and Bearer side by side, and a token server that gives anyone everything: a 401 without a token refuses nobody.
#[test]
fn a_registry_that_takes_both_passwords_and_tokens_has_not_refused_who_has_neither() {
    let Some(registry) = Registry::start("passwords and tokens", Kind::Debian, &Auth::Basic) else { return };
    let gate = Gate::start(&registry.url, takes_any_token, |status, headers| {
        if status == StatusCode::UNAUTHORIZED {
            let challenge =
                HeaderValue::from_static("Bearer realm=\"http://127.0.0.1:9/token\",service=\"registry.test\"");
            headers.append(header::WWW_AUTHENTICATE, challenge);
        }
    });
    // That the gate is as open as it should be: a push without a password.
    let start = format!("{}/v2/{PUBLIC}/blobs/uploads/", gate.url);
    Request::new("POST", &start).header("authorization", "Bearer of.any.kind").send().must_be(202);
    let (file, _folder) = written(&gate.url, &ALL_OR_NOTHING);
    let run = judge::run(&file, &["access::", "bypass::private_blobs", "bypass::listings", PUSH], &machine());
    for id in [NO_PUSH, MATRIX, "bypass::private_blobs_stay_private", "bypass::listings_hide_private_repositories"] {
        let outcome = judge::outcome(&run, id);
        assert!(matches!(outcome.verdict, Error | Skip), "{id}: {:?} {:#?}", outcome.verdict, outcome.finding);
    }
    assert_eq!(judge::outcome(&run, PUSH).verdict, Pass, "{}", explained(&run));
}

fn takes_any_token(request: &mut Arrived) -> Option<Response> {
    use base64::Engine;
    let token = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.starts_with("Bearer ");
    if token {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", USERS[0].0, USERS[0].1));
        let value = HeaderValue::from_str(&format!("Basic {pair}")).expect("base64 is a header");
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    None
}

/// What `ci` cannot do does not pass because `admin` can, whose name comes first.
#[test]
fn a_push_is_proven_for_each_who_was_promised_it() {
    let Some(registry) = Registry::start("who pushes", Kind::Distribution, &Auth::Basic) else { return };
    let gate = Gate::start(&registry.url, ci_may_only_read, |_, _| ());
    let (file, _folder) = written(&gate.url, &ALL_OR_NOTHING);
    let run = judge::run(&file, &["publish::"], &machine());
    let outcome = judge::outcome(&run, PUSH);
    assert_eq!((outcome.verdict, outcome.proven.as_deref()), (Fail, Some("pushed by admin")), "{:#?}", outcome.finding);
    let finding = judge::finding(&run, PUSH);
    assert!(finding.summary.starts_with("ci can push") && finding.actual.starts_with("403"), "{finding:?}");
}

fn ci_may_only_read(request: &mut Arrived) -> Option<Response> {
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
    (writes && gate::user(request).as_deref() == Some("ci")).then(gate::denied)
}

/// Where one identity is enough, it is the one with the fewest rights, whatever its name.
#[test]
fn one_who_pushes_is_the_one_with_the_fewest_rights() {
    let Some(registry) = Registry::start("the fewest rights", Kind::Distribution, &Auth::Basic) else { return };
    let all: &[&str] = &["read", "create", "update", "delete"];
    let promise = Promise {
        authenticated: &[],
        more: &[("admin", all), ("ci", &["read", "create", "update"])],
        ..ALL_OR_NOTHING
    };
    let (file, _folder) = written(&registry.url, &promise);
    let run = judge::run(&file, &["publish::buildkit", "publish::crane"], &machine());
    for outcome in run.outcomes.iter().filter(|outcome| outcome.verdict != Skip) {
        assert_eq!(outcome.proven.as_deref(), Some("pushed by ci"), "{}: {:#?}", outcome.id, outcome.finding);
    }
}

/// The promise is the usual one, and everybody with a password may do everything.
#[test]
fn more_than_was_promised_is_noticed_on_a_registry_without_oracles() {
    let Some(registry) = Registry::start("more than promised", Kind::Debian, &Auth::Basic) else { return };
    let all: &[&str] = &["read", "create", "update", "delete"];
    let promise =
        Promise { authenticated: &["read"], more: &[("admin", all), ("ci", &["read", "create"])], ..ALL_OR_NOTHING };
    let (file, _folder) = written(&registry.url, &promise);
    let run = judge::run(&file, &["publish::existing"], &machine());
    for id in ["publish::existing_tag_cannot_be_moved", "publish::existing_tag_cannot_be_deleted"] {
        assert_eq!(judge::outcome(&run, id).verdict, Fail, "{id}: {}", explained(&run));
    }
}

/// A snapshot of a registry that asks for tokens says that it does not know, and a comparison never says that nothing changed.
#[test]
fn a_snapshot_without_tokens_is_not_proven() {
    let tokens = TokenServer::start(|_, _| &["pull", "push", "delete"], false);
    let auth = Auth::Tokens(tokens.realm.clone());
    let promise = Promise { anonymous: &["read"], ..ALL_OR_NOTHING };
    let Some(stage) = stage("snapshots and tokens", Kind::Distribution, &auth, &promise) else { return };
    let file = stage.scenario.with_file_name("snapshot.json");
    let (scenario, file) = (stage.scenario.to_str().expect("a path"), file.to_str().expect("a path"));
    let taken = regproof(&["snapshot", scenario, "--output", file]);
    assert_eq!(taken.0, Some(2), "{}", taken.1);
    assert!(taken.1.contains("asks for tokens of http://"), "{}", taken.1);
    let compared = regproof(&["diff", file, file]);
    assert_eq!(compared.0, Some(2), "{}", compared.1);
    assert!(!compared.1.contains("nothing changed"), "{}", compared.1);
    let begun = regproof(&["init", &stage.registry.url]);
    assert!(begun.1.contains("asks for tokens of http://"), "{}", begun.1);
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
    for kind in Kind::ALL {
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

/// The token server is believed by both: with a token a push begins, with one for another repository it does not.
#[test]
fn the_registries_believe_the_token_server() {
    for kind in [Kind::Debian, Kind::Distribution] {
        let tokens = TokenServer::start(
            |user, _| if user.is_some() { &["pull", "push"] } else { &["pull"] },
            kind == Kind::Debian,
        );
        let auth = Auth::Tokens(tokens.realm.clone());
        let Some(registry) = Registry::start("the token server", kind, &auth) else { continue };
        let token = |user: Option<(&str, &str)>, scope: &str| {
            let url = format!("{}?service=registry.test&scope={scope}", tokens.realm);
            let answer = Request::new("GET", &url).credentials(user).send().must_be(200).json();
            format!("Bearer {}", answer["token"].as_str().expect("a token"))
        };
        let upload = |token: &str| {
            let url = format!("{}/v2/{PUBLIC}/blobs/uploads/", registry.url);
            Request::new("POST", &url).header("authorization", token).send().status
        };
        let own = format!("repository:{PUBLIC}:pull,push");
        assert_eq!(upload(&token(Some(USERS[1]), &own)), 202, "{kind:?}: {}", registry.log());
        assert_eq!(upload(&token(None, &own)), 401, "{kind:?}");
        assert_eq!(upload(&token(Some(USERS[1]), &format!("repository:{PRIVATE}:pull,push"))), 401, "{kind:?}");
    }
}
