//! Each row of the table names its cause, and no other answer has one.

use super::*;
use crate::checks::CHECKS;
use crate::model::outcome::{Case, Verdict};
use crate::report::sample;

fn facts() -> Facts {
    Facts {
        target: Some("https://registry.example.net/".parse().unwrap()),
        repositories: vec!["team/app".into()],
        people: vec![Person {
            name: "ci".into(),
            username: "zot-ci".into(),
            secret: "the environment variable CI_KEY".into(),
            api_key: true,
            groups: vec!["artifact-workloads".into()],
        }],
        ..Facts::default()
    }
}

const ERRORS: &str = r#"{"errors":[{"code":"DENIED","message":"no","description":"x"}]}"#;
const BARE: &str = r#"{"code":"UNAUTHORIZED","message":"authentication required"}"#;
const ZOT_ANONYMOUS: &str = r#"{"errors":[{"code":"UNAUTHORIZED","message":"no","description":"x"}]}"#;
const UNKNOWN: &str = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#;

/// An answer, or an error in its place, to a request of ci.
fn answer(path: &str, status: u16, header: (&str, &str), body: &str) -> Exchange {
    Exchange {
        who: "ci".into(),
        username: Some("zot-ci".into()),
        method: "GET".into(),
        url: format!("https://registry.example.net{path}"),
        request_headers: vec![("Authorization".into(), "Basic".into())],
        status: (status > 0).then_some(status),
        response_headers: vec![(header.0.into(), header.1.into())],
        response_body: if status > 0 { body.into() } else { String::new() },
        error: (status == 0).then(|| format!("GET https://registry.example.net{path}: {body}")),
        ..Exchange::default()
    }
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
const NONE: (&str, &str) = ("X", "y");

/// What came back, and the code of the cause; nothing where the check's own words are the best there are.
const TABLE: &[(u16, (&str, &str), &str, &str)] = &[
    (
        0,
        NONE,
        "cannot connect: failed to lookup address information: Name or service not known",
        "name-does-not-resolve",
    ),
    (0, NONE, "cannot connect: Connection refused (os error 111)", "connection-refused"),
    (0, NONE, "cannot connect: No route to host (os error 113)", "registry-unreachable"),
    (0, NONE, "cannot connect: invalid peer certificate: UnknownIssuer", "certificate-not-trusted"),
    (0, NONE, "cannot connect: invalid peer certificate: certificate expired: verified at", "certificate-expired"),
    (
        0,
        NONE,
        "cannot connect: invalid peer certificate: certificate not valid for name \"a\"",
        "certificate-for-another-name",
    ),
    (0, NONE, "cannot connect: received corrupt message of type InvalidContentType", "no-tls-on-this-port"),
    (0, NONE, "no complete answer in 10.0s", "no-answer"),
    (0, NONE, "the answer has Content-Encoding \"gzip\", which was not asked for", "content-encoding"),
    (0, NONE, "the exchange broke off: connection reset", ""),
    (200, HTML, "<!doctype html><title>Log in</title>", "login-page"),
    (200, NONE, "  <html>", "login-page"),
    (302, ("Location", "https://login.example.net/?rd=x"), "", "login-page"),
    (307, ("Location", "https://other.example.net/v2/team/app/manifests/v1"), "", ""),
    (400, NONE, "Client sent an HTTP request to an HTTPS server.", "tls-expected"),
    (400, JSON, ERRORS, ""),
    (401, ("WWW-Authenticate", "Basic realm=\"r\""), BARE, "credentials-refused"),
    (401, ("WWW-Authenticate", "Basic realm=\"r\""), ZOT_ANONYMOUS, "credentials-stripped"),
    (401, ("WWW-Authenticate", "Bearer realm=\"https://a\""), BARE, ""),
    (403, JSON, ERRORS, "right-missing"),
    (403, HTML, "<html>Forbidden</html>", ""),
    (404, JSON, UNKNOWN, "no-such-repository"),
    (404, JSON, ERRORS, ""),
    (404, NONE, "404 page not found", "not-the-registry"),
    (405, NONE, "", "method-refused"),
    (413, HTML, "<html>413 Request Entity Too Large</html>", "body-limit"),
    (429, NONE, "", "too-many-requests"),
    (500, JSON, ERRORS, "registry-error"),
    (502, HTML, "<html>Bad Gateway</html>", "gateway-error"),
    (503, NONE, "", "gateway-error"),
    (200, JSON, "{}", ""),
    (202, NONE, "", ""),
    (416, NONE, "", ""),
];

#[test]
fn the_cause_is_chosen_by_what_came_back() {
    for (status, header, body, code) in TABLE {
        let exchange = answer("/v2/team/app/manifests/v1", *status, *header, body);
        let found = of(&exchange, &facts(), true).map_or("", |symptom| symptom.code());
        assert_eq!(found, *code, "{status} {header:?} {body}");
    }
}

#[test]
fn no_check_gives_its_own_cause_to_an_answer_that_has_another() {
    for check in CHECKS {
        for (status, header, body, code) in TABLE.iter().filter(|(.., code)| !code.is_empty()) {
            let finding = Finding {
                summary: "a claim".into(),
                actual: format!("{status} to GET /v2/"),
                cause: "said whatever came".into(),
                remedy: "said whatever came".into(),
                exchange: Some(0),
                ..Finding::default()
            };
            let mut outcome = sample::outcome(check.id, "a claim", Verdict::Error, 1);
            outcome.transcript = vec![answer("/v2/team/app/manifests/v1", *status, *header, body)];
            outcome.cases = vec![Case {
                name: "a case".into(),
                verdict: Verdict::Error,
                finding: Some(finding.clone()),
                level: crate::model::level::Level::Promise,
            }];
            outcome.finding = Some(finding);
            fit(&mut outcome, &facts(), true);
            for found in outcome.finding.iter().chain(outcome.cases.iter().filter_map(|case| case.finding.as_ref())) {
                assert_eq!(found.code, *code, "{} {status} {body}", check.id);
                assert!(
                    ![&found.cause, &found.remedy].contains(&&"said whatever came".to_owned()),
                    "{}: {found:?}",
                    check.id
                );
            }
        }
    }
}

#[test]
fn what_is_not_the_registrys_and_what_others_sent_is_no_symptom_of_it() {
    let refused = answer("/v2/x/tags/list", 401, JSON, BARE);
    let symptom = |change: fn(&mut Exchange)| {
        let mut exchange = refused.clone();
        change(&mut exchange);
        of(&exchange, &facts(), true)
    };
    assert_eq!(symptom(|_| {}), Some(Symptom::KeyRefused("ci".into())));
    assert_eq!(symptom(|exchange| exchange.who = "ci, over HTTP/2".into()), Some(Symptom::KeyRefused("ci".into())));
    assert_eq!(symptom(|exchange| exchange.who = "ci without credentials".into()), None);
    assert_eq!(symptom(|exchange| exchange.who = "cicero".into()), None);
    assert_eq!(symptom(|exchange| exchange.username = Some("admin".into())), None, "a made-up name");
    assert_eq!(symptom(|exchange| exchange.request_headers.clear()), None);
    assert_eq!(symptom(|exchange| exchange.url = "https://login.example.net/v2/".into()), None);
    assert_eq!(symptom(|exchange| exchange.url = "https://registry.example.net/metrics".into()), None);
}

#[test]
fn a_refusal_and_an_absence_count_where_a_finding_points_at_them() {
    for (status, body) in [(403, ERRORS), (404, UNKNOWN), (429, ""), (405, "")] {
        let exchange = answer("/v2/x/tags/list", status, JSON, body);
        assert_eq!(of(&exchange, &facts(), false), None, "{status}");
    }
}

#[test]
fn a_broken_promise_keeps_its_own_cause_where_the_answer_only_says_that_it_failed() {
    let finding = Finding { cause: "a cut".into(), exchange: Some(0), ..Finding::default() };
    let mut outcome = sample::outcome("publish::slow_upload_survives", "c", Verdict::Fail, 1);
    outcome.finding = Some(finding);
    outcome.transcript = vec![answer("/v2/x/blobs/uploads/1", 500, JSON, ERRORS)];
    fit(&mut outcome, &facts(), true);
    let found = outcome.finding.unwrap();
    assert_eq!((found.cause.as_str(), found.code.as_str()), ("a cut", "publish::slow_upload_survives"));
}

#[test]
fn a_refusal_that_only_proves_something_else_gives_no_cause() {
    let actual = "the tag is at sha256:1".into();
    let mut outcome = sample::outcome("publish::existing_tag_cannot_be_moved", "c", Verdict::Fail, 1);
    outcome.finding = Some(Finding { cause: "a policy".into(), actual, exchange: Some(0), ..Finding::default() });
    outcome.transcript = vec![answer("/v2/team/app/manifests/v1", 403, JSON, ERRORS)];
    fit(&mut outcome, &facts(), true);
    assert_eq!(
        (outcome.finding.as_ref().unwrap().cause.as_str(), shown(&outcome, &facts())),
        ("a policy", BTreeSet::new())
    );
}

#[test]
fn a_lint_has_its_own_code() {
    let finding = Finding { actual: "lint::default_timeouts at config.json:1:1".into(), ..Finding::default() };
    let mut outcome = sample::outcome("policy::configuration_has_no_known_traps", "c", Verdict::Fail, 1);
    outcome.cases = vec![Case {
        name: "config.json:1:1 lint::plain_listener".into(),
        verdict: Verdict::Fail,
        finding: Some(finding.clone()),
        level: crate::model::level::Level::Advice,
    }];
    outcome.finding = Some(finding);
    fit(&mut outcome, &facts(), true);
    assert_eq!(outcome.finding.unwrap().code, "lint::default_timeouts");
    assert_eq!(outcome.cases[0].finding.as_ref().unwrap().code, "lint::plain_listener");
}

#[test]
fn every_code_is_explained_and_every_symptom_says_what_to_do() {
    let codes: Vec<&str> = TABLE.iter().map(|(.., code)| *code).filter(|code| !code.is_empty()).collect();
    for (code, text) in CODES {
        assert!(codes.contains(code), "{code} is in no row of the table");
        assert!(text.ends_with('.'), "{code}");
    }
    for (status, header, body, code) in TABLE.iter().filter(|(.., code)| !code.is_empty()) {
        let symptom = of(&answer("/v2/team/app/manifests/v1", *status, *header, body), &facts(), true).unwrap();
        for zot in [true, false] {
            let told = symptom.told(&facts(), zot);
            assert!(CODES.iter().any(|(known, _)| known == code), "{code}");
            assert!([&told.summary, &told.cause, &told.remedy].iter().all(|text| text.len() > 10), "{told:?}");
        }
    }
}
