//! What somebody may do beyond the promise, at registries without oracles, is noticed; and what is proven is proven of those who
//! were promised it.

use super::*;

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

/// Who may do what, where a gate in front of a real registry keeps to it but for one thing.
pub(super) const RIGHTS: Promise<'static> = Promise {
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

/// Registries that know no rights, and without oracles: a right of one identity beyond the promise is noticed, and nothing
/// else is.
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
            assert!(finding.summary.contains("every client, without credentials, may create"), "{finding:?}");
        }
        // Nothing passes that says of anybody that they cannot.
        let passed = ended(&run, Pass);
        assert!(passed.iter().all(|id| !id.contains("cannot")), "{passed:?}");
    }
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
    assert!(finding.promise.starts_with("ci can push") && finding.actual.starts_with("403"), "{finding:?}");
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
