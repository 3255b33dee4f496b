//! What each expectation makes of an answer, right on both sides of where it decides. No registry, no lab: answers by hand.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::{Bad, Severity, Shape};
use super::*;

const WHY: Why<'static> = Why { claim: "a claim", cause: "a cause", remedy: "a remedy" };
const OWN: &str = r#"{"errors":[{"code":"UNAUTHORIZED","message":"m"}]}"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const HTML: (&str, &str) = ("content-type", "text/html");

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Answer {
        method: "GET".to_owned(),
        url: "https://registry.test/v2/a/tags/list".parse().unwrap(),
        status,
        headers: map,
        body: body.to_owned().into(),
        size: body.len() as u64,
        digest: None,
        certificate: None,
        http2: false,
        index: 7,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Is {
    Good,
    Broken,
    Undecided,
}

/// Below no path of the API: a page may be what the probe looks for.
const ELSEWHERE: Shape = Shape::get("/debug");

fn judged(expect: Expect, answer: &Answer, plain: Option<&Answer>) -> Is {
    judged_at(ELSEWHERE, expect, answer, plain)
}

fn judged_at(shape: Shape, expect: Expect, answer: &Answer, plain: Option<&Answer>) -> Is {
    let bad = Bad::status(415);
    let probe = Probe { id: "a-probe", severity: Severity::Low, shape, expect, bad, ..Probe::ANONYMOUS };
    let origin = Origin::of(&"https://registry.test".parse().unwrap());
    let secret_names = ["private/ledger".to_owned()];
    let issuer = Origin::of(&"https://login.test".parse().unwrap());
    let against = Against { why: &WHY, origin: &origin, issuer: Some(&issuer), plain, secret_names: &secret_names };
    match judge(&probe, answer, &against) {
        Ok(()) => Is::Good,
        Err(Failure::Fail(finding)) => {
            assert_eq!((finding.expected, finding.exchange), (expect.to_string(), Some(7)));
            assert!(!finding.actual.is_empty());
            Is::Broken
        }
        Err(Failure::Error(..)) => Is::Undecided,
    }
}

#[test]
fn what_a_registry_says_when_it_cannot_decides_nothing() {
    for expect in [Expect::Denied, Expect::Closed, Expect::Ignored, Expect::NoSecret, Expect::Unnamed, Expect::Silent] {
        for (status, undecided) in [(428, false), (429, true), (499, false), (500, true), (599, true), (600, false)] {
            let is = judged(expect, &answer(status, &[], ""), None);
            assert_eq!(is == Is::Undecided, undecided, "{expect} {status}: {is:?}");
        }
    }
}

#[test]
fn a_denial_is_401_or_403_in_the_registrys_own_words() {
    for (status, headers, body, is) in [
        (401, &[JSON][..], OWN, Is::Good),
        (403, &[JSON], OWN, Is::Good),
        (401, &[HTML], "<html>log in</html>", Is::Undecided),
        (405, &[JSON], OWN, Is::Broken),
        (412, &[JSON], OWN, Is::Broken),
        (202, &[], "", Is::Broken),
    ] {
        assert_eq!(judged(Expect::Denied, &answer(status, headers, body), None), is, "{status} {body}");
    }
    let challenge = ("www-authenticate", "Basic realm=\"r\"");
    assert_eq!(judged(Expect::Unauthorized, &answer(401, &[JSON, challenge], OWN), None), Is::Good);
    assert_eq!(judged(Expect::Unauthorized, &answer(200, &[JSON, challenge], "{}"), None), Is::Broken);
}

#[test]
fn a_closed_door_serves_nothing_and_leads_nowhere_else() {
    let script = "<html><script>regproof()</script></html>";
    for (status, headers, body, is) in [
        (200, &[][..], "", Is::Broken),
        (299, &[], "", Is::Broken),
        (399, &[], "", Is::Good),
        (400, &[], "", Is::Good),
        (499, &[], "", Is::Good),
        (302, &[("location", "/login")], "", Is::Good),
        (302, &[("location", "https://registry.test/login")], "", Is::Good),
        // A gate in front of the registry sends to the provider's login.
        (302, &[("location", "https://login.test/authorize?client_id=gate")], "", Is::Good),
        (302, &[("location", "https://evil.test/")], "", Is::Broken),
        (302, &[("location", "//evil.test/")], "", Is::Broken),
        // A browser goes nowhere by an address that is none.
        (302, &[("location", "http://[")], "", Is::Good),
        (400, &[HTML], script, Is::Broken),
        (400, &[HTML], "<html>no</html>", Is::Good),
        (400, &[("content-type", "text/plain")], "a <script>regproof", Is::Good),
    ] {
        let answer = answer(status, headers, body);
        assert_eq!(judged(Expect::Closed, &answer, None), is, "{status} {headers:?} {body}");
    }
}

#[test]
fn a_page_in_the_apis_place_decides_nothing() {
    let page = answer(200, &[HTML], "<!doctype html><title>Sign in</title>");
    let ask = |target: &'static str, expect| judged_at(Shape::get(target), expect, &page, None);
    let content = answer(200, &[HTML], "the bytes of a layer");
    let named = answer(200, &[HTML], "<html>private/ledger</html>");
    for shown in [content, named] {
        let is = judged_at(Shape::get("/v2/{private}/blobs/{private_blob}"), Expect::Closed, &shown, None);
        assert_eq!(is, Is::Broken, "{shown:?}");
    }
    for expect in [Expect::Denied, Expect::Unauthorized, Expect::Closed, Expect::Silent] {
        assert_eq!(ask("/v2/{private}/tags/list?n=..", expect), Is::Undecided, "{expect}");
        for target in ["/debug/pprof/", "/v2/../debug/pprof/", "/v2/%2e%2e/debug/pprof/", "/v2//debug", "/v2/;/debug"] {
            assert_eq!(ask(target, expect), Is::Broken, "{expect} {target}");
        }
    }
}

#[test]
fn silence_is_success_without_content_or_a_closed_door() {
    for (status, body, is) in [
        (200, "", Is::Good),
        (299, "", Is::Good),
        (200, "a", Is::Broken),
        (404, "a", Is::Good),
        (302, "a", Is::Good),
        (600, "", Is::Broken),
    ] {
        assert_eq!(judged(Expect::Silent, &answer(status, &[], body), None), is, "{status} {body}");
    }
    // An empty redirect elsewhere is not silence.
    let away = answer(300, &[("location", "https://evil.test/")], "");
    assert_eq!(judged(Expect::Silent, &away, None), Is::Broken);
}

#[test]
fn another_site_may_answer_for_another_host_but_not_the_registry() {
    let api = ("docker-distribution-api-version", "registry/2.0");
    for (status, headers, body, is) in [
        (200, &[HTML][..], "<h1>Welcome</h1>", Is::Good),
        (200, &[], "", Is::Good),
        (301, &[("location", "https://www.test/v2/")], "", Is::Good),
        (404, &[HTML], "no", Is::Good),
        (200, &[JSON], "{\"tags\":[]}", Is::Broken),
        (200, &[api], "a text", Is::Broken),
        (200, &[HTML], "<a>private/ledger</a>", Is::Broken),
        (600, &[], "", Is::Broken),
    ] {
        assert_eq!(judged(Expect::Foreign, &answer(status, headers, body), None), is, "{status} {body}");
    }
}

#[test]
fn a_blob_is_not_mounted_where_an_upload_begins_or_the_door_is_closed() {
    for (status, is) in [(202, Is::Good), (201, Is::Broken), (200, Is::Broken), (404, Is::Good)] {
        assert_eq!(judged(Expect::NotMounted, &answer(status, &[], ""), None), is, "{status}");
    }
}

#[test]
fn a_trick_is_ignored_where_the_answer_is_the_plain_one_or_the_door_is_closed() {
    let plain = answer(200, &[], "the list");
    for (status, body, is) in [
        (200, "the list", Is::Good),
        (200, "another list", Is::Broken),
        (201, "the list", Is::Broken),
        (404, "the list", Is::Good),
        // What the handler of the other method says.
        (415, "", Is::Broken),
        (416, "", Is::Good),
    ] {
        assert_eq!(judged(Expect::Ignored, &answer(status, &[], body), Some(&plain)), is, "{status} {body}");
    }
    assert_eq!(judged(Expect::Ignored, &plain, None), Is::Broken);
    let same = answer(415, &[], "");
    assert_eq!(judged(Expect::Ignored, &same, Some(&same)), Is::Good);
}

#[test]
fn only_content_may_not_name_what_is_private() {
    let naming = r#"{"repositories":["private/ledger"]}"#;
    let refusal = r#"{"errors":[{"code":"DENIED","message":"private/ledger"}]}"#;
    for (status, headers, body, is) in [
        (200, &[JSON][..], naming, Is::Broken),
        (299, &[JSON], naming, Is::Broken),
        (300, &[JSON], naming, Is::Good),
        (404, &[JSON], naming, Is::Good),
        (200, &[JSON], refusal, Is::Good),
        (200, &[JSON], r#"{"repositories":["public/app"]}"#, Is::Good),
    ] {
        assert_eq!(judged(Expect::Unnamed, &answer(status, headers, body), None), is, "{status} {body}");
    }
}

#[test]
fn a_private_name_is_no_part_of_another_one() {
    for (text, is) in [
        ("private/ledger", true),
        ("\"private/ledger\"", true),
        ("see private/ledger.", true),
        ("private/ledger:v1", true),
        ("/v2/private/ledger/manifests/v1", true),
        ("http://r.test:5000/private/ledger", true),
        ("r.test:5000/private/ledger", true),
        ("https://zot.internal/private/ledger", true),
        ("https://zot.internal/x/private/ledger", false),
        ("private/ledger-docs private/ledger", true),
        ("private/ledger/", true),
        ("private/ledger-docs", false),
        ("private/ledger2", false),
        ("private/ledger/sub", false),
        ("x/private/ledger", false),
        ("mirror/private/ledger:v1", false),
        ("my-private/ledger", false),
    ] {
        assert_eq!(names(text, "private/ledger", "r.test:5000"), is, "{text}");
    }
}

#[test]
fn a_secret_is_a_value_with_a_telling_name_however_deep() {
    for (body, is) in [
        (r#"{"clientSecret":"s"}"#, Is::Broken),
        (r#"{"a":[{"b":{"PASSWORD":"s"}}]}"#, Is::Broken),
        (r#"[[{"apiToken":"s"}]]"#, Is::Broken),
        (r#"{"bindCredentials":"s"}"#, Is::Broken),
        (r#"{"secret":""}"#, Is::Good),
        (r#"{"secret":7}"#, Is::Good),
        (r#"{"name":"s","secret":null}"#, Is::Good),
        (r#""secret""#, Is::Good),
        ("secret: s", Is::Good),
    ] {
        assert_eq!(judged(Expect::NoSecret, &answer(200, &[JSON], body), None), is, "{body}");
    }
    assert_eq!(secret(&answer(200, &[JSON], r#"{"clientSecret":"s"}"#)).as_deref(), Some("clientSecret"));
}

#[test]
fn a_tag_that_moves_meanwhile_is_no_trick() {
    let [old, new, other] = ["old", "new", "other"].map(|body| answer(200, &[], body));
    assert!(if_moved(&new, &old, &old, &WHY).is_none(), "only the trick has another answer");
    assert!(matches!(if_moved(&new, &old, &new, &WHY), Some(Ok(()))));
    assert!(matches!(if_moved(&new, &old, &other, &WHY), Some(Err(Failure::Error(..)))));
}

#[test]
fn a_foreign_page_may_not_read_with_credentials() {
    for (origin, credentials, is) in [
        ("*", "true", Is::Broken),
        ("null", "TRUE", Is::Broken),
        ("https://regproof.invalid", "true", Is::Broken),
        ("https://registry.test", "true", Is::Good),
        ("*", "false", Is::Good),
        ("https://regproof.invalid", "", Is::Good),
    ] {
        let headers = [("access-control-allow-origin", origin), ("access-control-allow-credentials", credentials)];
        assert_eq!(judged(Expect::NoForeignOrigin, &answer(200, &headers, ""), None), is, "{origin} {credentials}");
    }
    assert_eq!(judged(Expect::NoForeignOrigin, &answer(200, &[], ""), None), Is::Good);
}

#[test]
fn a_login_leads_where_it_always_leads_or_does_not_begin() {
    let to = |location: &str| answer(302, &[("location", location)], "");
    let usual =
        "https://idp.test/authorize?client_id=zot&redirect_uri=https%3A%2F%2Fregistry.test%2Fcb&response_type=code";
    let plain = to(&format!("{usual}&state=1"));
    let same = |answer: &Answer| judged(Expect::SameLogin, answer, Some(&plain));
    assert_eq!(same(&to(&format!("{usual}&state=2"))), Is::Good);
    assert_eq!(same(&to(&usual.replace("registry.test", "evil.test"))), Is::Broken);
    assert_eq!(same(&to(&usual.replace("client_id=zot", "client_id=other"))), Is::Broken);
    assert_eq!(same(&to(&usual.replace("/authorize", "/elsewhere"))), Is::Broken);
    // No login begins, as where another site is the default.
    for (status, body) in [(200, ""), (200, "a page"), (300, ""), (399, "a page"), (400, "go to regproof.invalid")] {
        assert_eq!(same(&answer(status, &[], body)), Is::Good, "{status} {body}");
    }
    assert_eq!(same(&to("https://www.test/zot/auth/login?provider=oidc")), Is::Good);
    assert_eq!(same(&to("https://regproof.invalid/zot/auth/login?provider=oidc")), Is::Broken);
    assert_eq!(same(&answer(200, &[], "<meta http-equiv=refresh content='0; https://regproof.invalid'>")), Is::Broken);
    assert_eq!(same(&answer(200, &[("set-cookie", "session=1")], "")), Is::Broken);
    assert_eq!(judged(Expect::SameLogin, &plain, None), Is::Broken);
    // Without a login to compare with, nothing is like it.
    let nowhere = answer(302, &[], "");
    assert_eq!(judged(Expect::SameLogin, &nowhere, Some(&nowhere)), Is::Broken);
    let origin = Origin::of(&"https://registry.test".parse().unwrap());
    let against = Against { why: &WHY, origin: &origin, issuer: None, plain: Some(&nowhere), secret_names: &[] };
    assert_eq!(same_login(&plain, &against).unwrap_err(), "no login to compare with");
    assert!(same_login(&answer(400, &[], ""), &against).is_err());
}
