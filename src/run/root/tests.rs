//! Each root is found in runs that show it, and in no others.

use super::*;
use crate::model::outcome::Finding;
use crate::report::sample;
use crate::run::symptom::Person;

fn facts() -> Facts {
    let person = |name: &str| Person { name: name.into(), username: format!("zot-{name}"), ..Person::default() };
    Facts {
        target: Some("http://127.0.0.1:5000/".parse().unwrap()),
        people: vec![person("ci"), person("admin")],
        ..Facts::default()
    }
}

fn asked(who: &str, path: &str, status: u16, body: &str) -> Exchange {
    Exchange {
        who: who.into(),
        username: (who != "anonymous").then(|| format!("zot-{who}")),
        method: "GET".into(),
        url: format!("http://127.0.0.1:5000{path}"),
        request_headers: vec![("Authorization".into(), "Basic".into())],
        status: Some(status),
        response_headers: vec![("content-type".into(), "application/json".into())],
        response_body: body.into(),
        ..Exchange::default()
    }
}

const BARE: &str = r#"{"code":"UNAUTHORIZED"}"#;
const DENIED: &str = r#"{"errors":[{"code":"DENIED"}]}"#;

fn outcome(id: &str, verdict: Verdict, exchanges: Vec<Exchange>) -> Outcome {
    let finding = Finding {
        summary: format!("{id} is so"),
        actual: exchanges
            .last()
            .and_then(|shown| shown.status)
            .map_or("as it is".into(), |status| format!("{status} to GET /v2/")),
        exchange: (!exchanges.is_empty()).then(|| exchanges.len() - 1),
        ..Finding::default()
    };
    let finding = (verdict != Verdict::Pass).then_some(finding);
    Outcome { finding, transcript: exchanges, ..sample::outcome(id, id, verdict, 1) }
}

fn root(outcomes: Vec<Outcome>) -> Option<Root> {
    of(&Run { outcomes, ..sample::small() }, &facts(), true)
}

fn down() -> Exchange {
    let error = "GET http://127.0.0.1:5000/v2/: cannot connect: Connection refused (os error 111)";
    Exchange { status: None, error: Some(error.into()), ..asked("anonymous", "/v2/", 200, "") }
}

#[test]
fn a_registry_that_is_down_is_one_root_of_all_checks() {
    let all = ["a::one", "b::two", "c::three"].map(|id| outcome(id, Verdict::Error, vec![down()]));
    let root = root(all.to_vec()).unwrap();
    assert_eq!(root.code, "connection-refused");
    assert_eq!(root.hangs, ["a::one", "b::two", "c::three"]);
    assert!(root.summary.contains("127.0.0.1:5000") && root.actual.contains("refused"), "{root:?}");
    assert_eq!((root.check.as_str(), root.exchange), ("a::one", Some(0)));
}

#[test]
fn a_run_in_which_all_is_proven_or_only_advice_is_left_has_no_root() {
    let mut advice = outcome("b::two", Verdict::Fail, vec![]);
    advice.level = crate::model::level::Level::Advice;
    assert_eq!(root(vec![outcome("a::one", Verdict::Pass, vec![]), advice]), None);
}

#[test]
fn a_refused_key_is_told_from_credentials_that_were_not_seen() {
    let refused = || outcome("a::one", Verdict::Error, vec![asked("ci", "/v2/x/tags/list", 401, BARE)]);
    let found = root(vec![refused(), outcome("b::two", Verdict::Pass, vec![asked("admin", "/v2/", 200, "")])]).unwrap();
    assert_eq!(found.code, "credentials-refused");
    assert!(found.summary.contains("ci (zot-ci)"), "{found:?}");
    let found = root(vec![refused(), outcome("b::two", Verdict::Pass, vec![asked("ci", "/v2/", 200, "")])]).unwrap();
    assert_eq!(found.code, "credentials-stripped");
}

#[test]
fn a_lost_group_is_the_root_of_what_a_finding_shows_as_403() {
    let denied = |id: &str, verdict| outcome(id, verdict, vec![asked("ci", "/v2/x/manifests/v1", 403, DENIED)]);
    let found = root(vec![denied("a::one", Verdict::Error), denied("b::two", Verdict::Fail)]).unwrap();
    assert_eq!((found.code.as_str(), found.hangs.len()), ("right-missing", 2));
    // One alone may be a right that this place does not grant.
    let found = root(vec![denied("b::two", Verdict::Fail)]).unwrap();
    assert_eq!((found.summary.as_str(), found.hangs.len()), ("b::two is so", 0));
}

#[test]
fn a_broken_promise_with_evidence_of_its_own_never_hangs_on_a_root() {
    let open =
        outcome("access::anonymous_cannot_push", Verdict::Fail, vec![down(), asked("anonymous", "/v2/x/", 202, "")]);
    let found = root(vec![outcome("a::one", Verdict::Error, vec![down()]), open]).unwrap();
    assert_eq!(found.hangs, ["a::one"]);
}

#[test]
fn what_waits_for_a_check_by_its_own_remedy_hangs_on_the_same_root() {
    let mut client = outcome("publish::skopeo_can_push", Verdict::Fail, vec![]);
    client.finding.as_mut().unwrap().remedy = "first make publish::api_key_can_push pass".into();
    client.transcript = vec![Exchange { method: "RUN".into(), ..Exchange::default() }];
    let key = outcome("publish::api_key_can_push", Verdict::Error, vec![asked("ci", "/v2/", 401, BARE)]);
    let found = root(vec![key, client]).unwrap();
    assert_eq!(found.hangs, ["publish::api_key_can_push", "publish::skopeo_can_push"]);
}

#[test]
fn without_a_symptom_the_deepest_finding_is_first_and_a_fail_before_an_error() {
    let login = || outcome("oidc::login_returns_with_a_session", Verdict::Fail, vec![]);
    let redirect = || outcome("oidc::login_redirects_to_the_provider", Verdict::Fail, vec![]);
    let cookies = || outcome("oidc::session_cookie_is_protected", Verdict::Error, vec![]);
    let found = root(vec![login(), cookies(), redirect(), outcome("a::one", Verdict::Error, vec![])]).unwrap();
    assert_eq!(found.check, "oidc::login_redirects_to_the_provider");
    assert_eq!(found.hangs, ["oidc::login_returns_with_a_session", "oidc::session_cookie_is_protected"]);
    let found = root(vec![
        outcome("access::anonymous_can_pull", Verdict::Error, vec![]),
        outcome("z::z", Verdict::Fail, vec![]),
    ]);
    assert_eq!(found.unwrap().check, "z::z");
}

#[test]
fn the_parts_of_a_run_are_joined_to_the_root_on_which_most_hangs() {
    let part = |summary: &str, hangs: &[&str]| Root {
        summary: summary.into(),
        hangs: hangs.iter().map(|id| (*id).to_owned()).collect(),
        ..Root::default()
    };
    let all = [part("down", &["b"]), part("other", &["c", "d"]), part("down", &["a", "e"])];
    let root = joined(all.into_iter()).unwrap();
    assert_eq!((root.summary.as_str(), root.hangs.join("")), ("down", "abe".to_owned()));
    assert_eq!(joined(std::iter::empty()), None);
}
