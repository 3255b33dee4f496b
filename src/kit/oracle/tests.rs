//! What an answer to an oracle says, by table: yes, no, or nothing. No registry: answers by hand.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};

use super::*;
use crate::base::redact::Redactor;
use crate::http::guard::{Cleared, Guard};
use crate::http::recorder::Recorder;
use crate::http::{Origin, Route};
use crate::model::effect::Effect;
use crate::model::outcome::Fingerprint;

fn answer(status: u16, media_type: &'static str, body: &'static str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(media_type));
    let url = "http://127.0.0.1/v2/a/x".parse().expect("the test's own URL is one");
    Answer {
        method: "PUT".to_owned(),
        url,
        status,
        headers,
        body: body.into(),
        size: body.len() as u64,
        digest: None,
        certificate: None,
        http2: false,
        index: 0,
    }
}

const JSON: &str = "application/json";
const OWN: &str = r#"{"errors":[{"code":"DENIED","message":"m"}]}"#;
const ZOT_20: Dialect = Dialect::Zot(Some(Release::new(2, 1, 20)));

#[test]
fn every_request_has_its_status() {
    for oracle in Oracle::ALL {
        assert_eq!(ZOT.iter().filter(|(known, _)| *known == oracle).count(), 1, "{oracle:?}");
    }
}

#[test]
fn only_the_registrys_own_words_are_a_denial() {
    let subject = Subject::default();
    for (status, media_type, body, anonymous, denied) in [
        (403, JSON, OWN, false, true),
        (401, JSON, OWN, true, true),
        (401, JSON, r#"{"code":"UNAUTHORIZED"}"#, true, true),
        // The key is dead: that says nothing of the rights of its owner.
        (401, JSON, OWN, false, false),
        (403, JSON, OWN, true, false),
        (403, "text/html", "<html>forbidden</html>", false, false),
        (401, "text/plain", "", true, false),
        (429, JSON, r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#, true, false),
        (500, JSON, OWN, false, false),
        (200, "text/html", "<html>login</html>", true, false),
    ] {
        let answer = answer(status, media_type, body);
        let permission = permission(ZOT_20, Oracle::CreateTag, &subject, &answer, anonymous);
        assert_eq!(permission == Permission::Denied, denied, "{status} {body}: {permission:?}");
        assert_ne!(permission, Permission::Allowed, "{status} {body}");
    }
}

#[test]
fn a_yes_is_the_thing_itself_or_the_handlers_own_refusal() {
    let manifest = "{\"a\":1}";
    let known = Subject { latest: Some(digest_of(manifest.as_bytes())), ..Subject::default() };
    let unknown = Subject::default();
    let missing = r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#;
    for (dialect, oracle, subject, status, body, allowed) in [
        (ZOT_20, Oracle::CreateTag, &unknown, 415, OWN, true),
        (ZOT_20, Oracle::StartUpload, &unknown, 405, "", true),
        (ZOT_20, Oracle::StartUpload, &unknown, 415, "", false),
        (ZOT_20, Oracle::DeleteManifest, &unknown, 404, missing, true),
        (ZOT_20, Oracle::DeleteManifest, &unknown, 404, "", false),
        (ZOT_20, Oracle::DeleteUpload, &unknown, 404, "404 page not found", false),
        (ZOT_20, Oracle::ReadManifest, &known, 200, manifest, true),
        (ZOT_20, Oracle::ReadManifest, &known, 200, "", false),
        (ZOT_20, Oracle::ReadManifest, &known, 404, missing, false),
        (ZOT_20, Oracle::ReadManifest, &unknown, 404, missing, true),
        (ZOT_20, Oracle::ReadManifest, &unknown, 404, "404 page not found", false),
        (Dialect::Other, Oracle::ReadManifest, &unknown, 404, missing, false),
        (ZOT_20, Oracle::ListTags, &unknown, 200, "{}", false),
        (ZOT_20, Oracle::ListTags, &unknown, 200, r#"{"name":"a","tags":[]}"#, true),
    ] {
        let permission = permission(dialect, oracle, subject, &answer(status, JSON, body), true);
        assert_eq!(permission == Permission::Allowed, allowed, "{oracle:?} {status} {body}: {permission:?}");
    }
}

#[test]
fn moving_by_query_is_read_by_release() {
    let unknown = Subject::default();
    let silent = |dialect: Dialect| dialect.silent_on(Oracle::MoveTagByQuery, &unknown).is_some();
    assert!(silent(Dialect::Zot(Some(Release::new(2, 1, 15)))) && !silent(ZOT_20));
    assert!(!silent(Dialect::Zot(Some(Release::new(2, 1, 16)))) && !silent(Dialect::Zot(None)));
    assert!(Dialect::Zot(None).doubtful_yes(Oracle::MoveTagByQuery).is_some());
    assert!(ZOT_20.doubtful_yes(Oracle::MoveTagByQuery).is_none());
    let known = Subject { blob: Some(digest_of(b"x")), ..Subject::default() };
    assert!(Dialect::Other.silent_on(Oracle::DeleteBlob, &known).is_some());
    assert!(Dialect::Other.silent_on(Oracle::ReadBlob, &known).is_none());
    assert!(Dialect::Other.silent_on(Oracle::ReadBlob, &unknown).is_some());
}

fn undecided(dialect: Dialect, oracle: Oracle, answer: &Answer, anonymous: bool) -> String {
    match permission(dialect, oracle, &Subject::default(), answer, anonymous) {
        Permission::Undecided(reason) => reason,
        decided => panic!("{decided:?}"),
    }
}

#[test]
fn what_decides_nothing_says_why() {
    for (status, anonymous, reason) in [
        (401, false, "its credentials were refused"),
        (401, true, "without the registry's own error"),
        (403, true, "without the registry's own error"),
        (403, false, "without the registry's own error"),
        (429, true, "limits the rate"),
        (500, true, "failed"),
        (599, true, "failed"),
        (600, true, "neither a refusal"),
        (200, true, "neither a refusal"),
    ] {
        let told = undecided(ZOT_20, Oracle::CreateTag, &answer(status, "text/plain", ""), anonymous);
        assert!(told.contains(reason), "{status} {anonymous}: {told}");
    }
}

#[test]
fn a_registry_that_hides_what_it_has_denies_in_its_own_words_too() {
    let blob = Subject { blob: Some(digest_of(b"x")), ..Subject::default() };
    for (status, anonymous, denied) in
        [(403, false, true), (404, false, true), (401, true, true), (401, false, false), (400, true, false)]
    {
        let said = permission(Dialect::Other, Oracle::ReadBlob, &blob, &answer(status, JSON, OWN), anonymous);
        assert_eq!(said == Permission::Denied, denied, "{status} {anonymous}: {said:?}");
        let by_a_proxy = answer(status, "text/html", "<html>");
        let said = permission(Dialect::Other, Oracle::ReadBlob, &blob, &by_a_proxy, anonymous);
        assert_ne!(said, Permission::Denied, "{status} {anonymous}");
    }
}

#[test]
fn a_blob_is_read_where_its_bytes_are_and_nowhere_else() {
    let there = Subject { blob: Some(digest_of(b"x")), ..Subject::default() };
    let read = |subject: &Subject, status, body| {
        permission(ZOT_20, Oracle::ReadBlob, subject, &answer(status, JSON, body), true) == Permission::Allowed
    };
    assert!(read(&there, 200, "x"));
    assert!(!read(&there, 200, "y"));
    assert!(!read(&there, 404, OWN));
    assert!(!read(&Subject::default(), 200, "x"));
    assert!(read(&Subject::default(), 404, OWN));
    assert!(!read(&Subject::default(), 404, "404 page not found"));
    assert!(!read(&Subject::default(), 400, OWN));
    // A store that serves its blobs itself: the registry names the blob, and sends there.
    let sent = |digest: &str| {
        let mut sent = answer(307, JSON, "");
        sent.headers.insert("docker-content-digest", digest.parse().unwrap());
        permission(ZOT_20, Oracle::ReadBlob, &there, &sent, true) == Permission::Allowed
    };
    assert!(sent(&digest_of(b"x")) && !sent(&digest_of(b"y")));
    assert!(!read(&there, 307, "") && !read(&Subject::default(), 307, ""));
}

#[test]
fn a_page_is_nobodys_yes() {
    let page = answer(415, "text/html", "<html>");
    assert_ne!(permission(ZOT_20, Oracle::CreateTag, &Subject::default(), &page, true), Permission::Allowed);
}

#[test]
fn a_product_is_read_as_it_names_itself() {
    let print = |product: Option<&str>, release: Option<&str>| {
        let evidence = vec![];
        Dialect::of(&Fingerprint { product: product.map(str::to_owned), release: release.map(str::to_owned), evidence })
    };
    assert_eq!(print(Some("zot"), Some("v2.1.20")), ZOT_20);
    assert_eq!(print(Some("zot"), Some("a build of mine")), Dialect::Zot(None));
    assert_eq!(print(Some("zot"), None), Dialect::Zot(None));
    assert_eq!(print(Some("harbor"), Some("v2.1.20")), Dialect::Other);
    assert_eq!(print(None, None), Dialect::Other);
}

#[test]
fn a_registry_that_is_not_zot_is_asked_for_what_is_there_alone() {
    let nothing = Subject::default();
    let tagged = Subject { latest: Some("sha256:00".to_owned()), ..Subject::default() };
    for (subject, oracle, told) in [
        (&tagged, Oracle::ReadManifest, None),
        (&tagged, Oracle::ListTags, None),
        (&tagged, Oracle::ReadBlob, Some("may hide the repository")),
        (&nothing, Oracle::ReadManifest, Some("may hide the repository")),
        (&tagged, Oracle::CreateTag, Some("cannot be asked")),
        (&nothing, Oracle::DeleteBlob, Some("cannot be asked")),
    ] {
        let silent = Dialect::Other.silent_on(oracle, subject);
        assert_eq!(silent.is_some(), told.is_some(), "{oracle:?}: {silent:?}");
        assert!(silent.unwrap_or_default().contains(told.unwrap_or_default()), "{oracle:?}: {silent:?}");
        assert_eq!(Dialect::Zot(None).silent_on(oracle, subject), None, "{oracle:?}");
    }
    let old = Dialect::Zot(Some(Release::new(2, 1, 15)));
    assert_eq!(old.silent_on(Oracle::UpdateTag, &nothing), None);
    assert!(old.silent_on(Oracle::MoveTagByQuery, &nothing).unwrap().contains("ignores"));
    assert!(Dialect::Zot(None).doubtful_yes(Oracle::MoveTagByQuery).unwrap().contains("not known"));
    assert_eq!(Dialect::Zot(None).doubtful_yes(Oracle::CreateTag), None);
    assert_eq!(Dialect::Other.doubtful_yes(Oracle::MoveTagByQuery), None);
}

#[test]
fn what_a_request_needs_and_the_repository_lacks_is_not_asked() {
    let route = Route { timeout: Duration::from_secs(1), ..Route::default() };
    let origin = Origin::of(&"http://127.0.0.1:1".parse().unwrap());
    let guard = Guard { effect: Effect::Oracle, cleared: Cleared::all(), ..Guard::read_only() };
    let recorder = Recorder::new(Arc::new(Redactor::default()));
    let client = Client::new(&route, origin, "anonymous", None, Arc::new(guard), recorder).unwrap();
    let asked = |oracle, subject: &Subject| {
        request(oracle, &client, "team/app", subject, "run").map(|request| format!("{request:?}"))
    };
    let nothing = Subject::default();
    let tagged = Subject { tag: Some(("v1".to_owned(), "sha256:11".to_owned())), ..Subject::default() };
    let latest = Subject { latest: Some("sha256:22".to_owned()), ..Subject::default() };
    let cached = Subject { cached: true, ..Subject::default() };
    assert!(asked(Oracle::ReadManifest, &tagged).unwrap().contains("/v2/team/app/manifests/sha256:11\""));
    assert!(asked(Oracle::ReadManifest, &latest).unwrap().contains("/v2/team/app/manifests/sha256:22\""));
    let nowhere = format!("/v2/team/app/manifests/{}\"", digest_of(b"run"));
    assert!(asked(Oracle::ReadManifest, &nothing).unwrap().contains(&nowhere));
    assert!(asked(Oracle::ReadManifest, &cached).unwrap_err().contains("upstream"));
    assert!(asked(Oracle::UpdateTag, &tagged).unwrap().contains("/manifests/v1\""));
    assert!(asked(Oracle::UpdateLatest, &latest).unwrap().contains("/manifests/latest\""));
    assert!(asked(Oracle::MoveTagByQuery, &tagged).unwrap().contains("?tag=v1\""));
    assert!(asked(Oracle::MoveTagByQuery, &latest).unwrap().contains("?tag=latest\""));
    for (oracle, subject) in
        [(Oracle::UpdateTag, &latest), (Oracle::UpdateLatest, &tagged), (Oracle::MoveTagByQuery, &nothing)]
    {
        assert!(asked(oracle, subject).is_err(), "{oracle:?}");
    }
}
