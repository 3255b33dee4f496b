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
use regproof::check::Effect;
use regproof::outcome::{Run, Verdict};
use regproof::plan::Machine;
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
fn nothing_outside_of_the_scratch_repository_changes_and_the_ledger_names_what_is_new_inside() {
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
        let promise = if kind == Kind::Distribution { RIGHTS } else { promise };
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
                if !is_printed(&lines, check, exchange, &[stage.registry.url.clone()]) {
                    let (method, url, who) = (&exchange["method"], &exchange["url"], &exchange["who"]);
                    surprises.insert(format!("{kind:?} {check}: {method} {url} by {who}"));
                }
            }
        }
        // crane's registry knows nobody whose rights could be asked about.
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
                assert_eq!(proven.contains("asked in team/regproof alone"), expected == Pass, "{id}: {proven}");
            }
        }
    }
}

/// Somebody in front of the registry believes a header, a method that is hidden, an old protocol, or asks for rights only at the
/// start of an upload: each is noticed in the scratch repository.
#[test]
fn a_door_that_is_open_is_found_in_the_scratch_repository() {
    let doors: [(&str, gate::Before); 4] = [
        (ORACLES[0], |request| lets_in(request, |request| request.headers().contains_key("x-forwarded-user"))),
        (ORACLES[1], |request| lets_in(request, |request| request.headers().contains_key("x-http-method-override"))),
        (ORACLES[2], |request| lets_in(request, |request| request.version() == axum::http::Version::HTTP_10)),
        (ORACLES[3], |request| lets_in(request, |request| request.method() == Method::PATCH)),
    ];
    for kind in [Kind::Debian, Kind::Distribution] {
        let Some(registry) = Registry::start("open doors", kind, &Auth::Basic) else { continue };
        for (id, open) in doors {
            let gate = Gate::start(&registry.url, open, |_, _| ());
            let (file, _folder) = written(&gate.url, &ALL_OR_NOTHING);
            let run = judge::run(&file, &ORACLES, &machine());
            assert_eq!(ended(&run, Fail), [id].into(), "{kind:?}: {}", explained(&run));
        }
    }
}

/// Lends the password of `admin` to a request without one that is such.
fn lets_in(request: &mut Arrived, is_such: fn(&Arrived) -> bool) -> Option<Response> {
    if !request.headers().contains_key(header::AUTHORIZATION) && is_such(request) {
        request.headers_mut().insert(header::AUTHORIZATION, password_of(USERS[0]));
    }
    None
}

fn password_of((name, password): (&str, &str)) -> HeaderValue {
    use base64::Engine;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    HeaderValue::from_str(&format!("Basic {pair}")).expect("base64 is a header")
}

/// Who may do what, where a gate in front of a real registry keeps to it but for one thing.
const RIGHTS: Promise<'static> = Promise {
    anonymous: &[],
    authenticated: &["read"],
    more: &[("admin", &["read", "create", "update", "delete"]), ("ci", &["read", "create", "update"])],
    identities: true,
    scratch: true,
    guest: true,
    owners: &["admin"],
};

/// What the gate lets through although it should not.
const NOTHING: u8 = 0;
const GUEST_PUSHES: u8 = 1;
const CI_DELETES: u8 = 2;
const GUEST_READS_THE_LEDGER: u8 = 3;
const CI_READS_THE_LEDGER: u8 = 4;

fn rights<const BROKEN: u8>(request: &mut Arrived) -> Option<Response> {
    let user = gate::user(request)?;
    let ledger = request.uri().path().starts_with(&format!("/v2/{PRIVATE}/"));
    let allowed = match (*request.method() == Method::GET || *request.method() == Method::HEAD, user.as_str()) {
        (_, "admin") => true,
        (true, "ci") => !ledger || BROKEN == CI_READS_THE_LEDGER,
        (true, _) => !ledger || BROKEN == GUEST_READS_THE_LEDGER,
        (false, "ci") => !ledger && (*request.method() != Method::DELETE || BROKEN == CI_DELETES),
        (false, _) => !ledger && *request.method() != Method::DELETE && BROKEN == GUEST_PUSHES,
    };
    (!allowed).then(gate::denied)
}

/// Registries without rights of their own, and without oracles: what one identity may do beyond the promise is noticed, and
/// nothing else is.
#[test]
fn each_right_too_many_is_noticed_on_a_registry_without_oracles() {
    let gates: [(gate::Before, &[&str]); 5] = [
        (rights::<NOTHING>, &[]),
        (rights::<GUEST_PUSHES>, &["guest: create a tag", "guest: move a tag", "guest: upload"]),
        (rights::<CI_DELETES>, &["ci: delete"]),
        (rights::<GUEST_READS_THE_LEDGER>, &["guest: read"]),
        (rights::<CI_READS_THE_LEDGER>, &["ci: read"]),
    ];
    for kind in [Kind::Debian, Kind::Distribution] {
        let Some(registry) = Registry::start("a right too many", kind, &Auth::Basic) else { continue };
        for (number, (before, broken)) in gates.into_iter().enumerate() {
            let gate = Gate::start(&registry.url, before, |_, _| ());
            let (file, _folder) = written(&gate.url, &RIGHTS);
            let run = judge::run(&file, &[MATRIX], &machine());
            let matrix = judge::outcome(&run, MATRIX);
            let failed = matrix.cases.iter().filter(|case| case.verdict == Fail).map(|case| case.name.as_str());
            assert_eq!(failed.collect::<Vec<_>>(), broken, "{kind:?}, {number}: {}", explained(&run));
            let expected = if broken.is_empty() { Pass } else { Fail };
            assert_eq!(matrix.verdict, expected, "{kind:?}, {number}: {:?} {}", matrix.proven, explained(&run));
            assert!(matrix.proven.as_deref().is_some_and(|line| line.contains(" proven")), "{:?}", matrix.proven);
        }
    }
}

/// The same without a gate: everyone with a password may do everything there.
#[test]
fn all_that_everybody_may_do_is_noticed_on_a_registry_without_rights() {
    for kind in [Kind::Debian, Kind::Distribution] {
        let Some(stage) = stage("rights that nobody has", kind, &Auth::Basic, &RIGHTS) else { continue };
        let run = judge::run(&stage.scenario, &["access::", "bypass::"], &machine());
        let matrix = judge::outcome(&run, MATRIX);
        let failed = matrix.cases.iter().filter(|case| case.verdict == Fail).map(|case| case.name.as_str());
        let expected = [
            "ci: read",
            "ci: delete",
            "guest: read",
            "guest: create a tag",
            "guest: move a tag",
            "guest: upload",
            "guest: delete",
        ];
        assert_eq!(failed.collect::<BTreeSet<_>>(), expected.into(), "{kind:?}: {}", explained(&run));
        for id in ["bypass::upload_sessions_are_closed", "bypass::listings_hide_private_repositories"] {
            assert_eq!(judge::outcome(&run, id).verdict, Fail, "{kind:?} {id}: {}", explained(&run));
        }
    }
}

/// crane's registry knows no users. Where that is what the scenario promises, it passes and is warned of; where it is not, it
/// fails; and where nothing may be written, nothing is said of who may write.
#[test]
fn an_open_registry_is_not_passed_in_silence() {
    const TRAPS: &str = "policy::configuration_has_no_known_traps";
    let closed = Promise { anonymous: &["read"], authenticated: &["read"], ..OPEN };
    for (promise, effect, matrix, traps) in [
        (OPEN, Effect::Writes, Pass, Fail),
        (OPEN, Effect::Oracle, Skip, Fail),
        (OPEN, Effect::ReadOnly, Skip, Fail),
        (closed, Effect::Writes, Fail, Skip),
        (closed, Effect::Oracle, Skip, Skip),
    ] {
        let Some(stage) = stage("an open registry", Kind::Crane, &Auth::Open, &promise) else { return };
        let run = judge::run_with(&stage.scenario, effect, &[], &machine());
        let at = format!("{:?}, {effect}: {}", promise.anonymous, explained(&run));
        let found = judge::outcome(&run, MATRIX);
        assert_eq!(found.verdict, matrix, "{at} {:?}", found.proven);
        let found = judge::outcome(&run, TRAPS);
        assert_eq!((found.verdict, found.warns()), (traps, traps == Fail), "{at}");
        if traps == Fail {
            let finding = judge::finding(&run, TRAPS);
            assert!(finding.summary.contains("everybody, without credentials, may create"), "{finding:?}");
        }
        // Nothing passes that says of anybody that they cannot.
        let passed = ended(&run, Pass);
        assert!(passed.iter().all(|id| !id.contains("cannot")), "{passed:?}");
    }
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

/// Gitea asks for tokens and takes passwords too: what is asked with a password is proven, and of what is asked without one
/// nothing passes and nothing fails.
#[test]
fn what_gitea_refuses_without_a_token_is_undecided() {
    let Some(stage) = stage("Gitea", Kind::Gitea, &Auth::Basic, &ALL_OR_NOTHING) else { return };
    let run = judge::run(&stage.scenario, &[], &machine());
    assert_eq!(ended(&run, Fail), BTreeSet::new(), "{}", explained(&run));
    for id in [NO_PUSH, MATRIX, "access::wrong_credentials_are_refused"].iter().chain(&ORACLES) {
        let finding = judge::finding(&run, id);
        assert_eq!(judge::outcome(&run, id).verdict, Error, "{id}: {finding:?}");
        assert!(finding.actual.contains("asks for a token") || finding.actual.contains("asks for tokens of http://"));
    }
    for id in [PUSH, CHUNKS, "registry::answers_are_fresh", "publish::mounts_do_not_break_a_push"] {
        assert_eq!(judge::outcome(&run, id).verdict, Pass, "{id}: {}", explained(&run));
    }
    // What passes was asked with a password, or is nobody's right.
    let of_nobody = ["registry::answers_as_a_registry", "registry::clock_is_right", "content::", "publish::"];
    for id in ended(&run, Pass).iter().filter(|id| !of_nobody.iter().any(|of| id.starts_with(of))) {
        let asked = &judge::outcome(&run, id).transcript;
        assert!(asked.iter().any(|exchange| exchange.username.is_some()), "{id} passed without a password");
    }
    assert!(run.outcomes.iter().all(|outcome| outcome.leftovers.is_empty()), "Gitea removes tags and manifests");
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
    let token = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.starts_with("Bearer ");
    if token {
        request.headers_mut().insert(header::AUTHORIZATION, password_of(USERS[0]));
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
