//! Registries that ask for tokens: what was asked without one neither passes nor fails.

use super::*;

/// A registry that asks for tokens: nothing that was asked without one passes or fails, and no password is sent to it.
#[test]
fn what_is_asked_without_a_token_is_undecided() {
    for kind in [Kind::Debian, Kind::Distribution] {
        // A client that fetches a token may do anything: a 401 without one is no refusal here.
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
