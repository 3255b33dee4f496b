//! What a manifest, a tag and a digest must be: answers by hand. What travels is seen in the checks' own tests.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::manifest::{MOST_PARTS, Platform};
use super::*;
use crate::base::redact::Redactor;
use crate::http::Route;
use crate::http::guard::Guard;
use crate::http::recorder::Recorder;

const WHY: Why<'static> = Why { claim: "c", cause: "c", remedy: "r" };
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

fn client(origin: &str) -> Client {
    let route = Route { timeout: Duration::from_secs(20), ..Route::default() };
    let guard = Guard::read_only();
    let recorder = Recorder::new(Arc::new(Redactor::default()));
    Client::new(&route, Origin::of(&origin.parse().unwrap()), "anonymous", None, Arc::new(guard), recorder).unwrap()
}

fn digest(of: char) -> String {
    format!("sha256:{}", of.to_string().repeat(64))
}

fn image(config: &str) -> String {
    format!(r#"{{"config":{{"digest":"{config}","size":1}},"layers":[{{"digest":"{}","size":2}}]}}"#, digest('b'))
}

fn answer(headers: &[(&'static str, &str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Answer {
        method: "GET".to_owned(),
        url: "https://registry.test/v2/a/manifests/v1".parse().unwrap(),
        status: 200,
        headers: map,
        body: body.to_owned().into(),
        size: body.len() as u64,
        digest: None,
        certificate: None,
        http2: false,
        index: 3,
    }
}

/// Nothing where the manifest is whole, else what was seen instead.
fn wrong(headers: &[(&'static str, &str)], body: &str, reference: &str) -> Option<String> {
    match whole_manifest(&answer(headers, body), reference, &WHY) {
        Ok(manifest) => {
            assert_eq!((manifest.digest, manifest.index), (digest_of(body.as_bytes()), 3));
            None
        }
        Err(Failure::Fail(finding)) => Some(finding.actual),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn only_the_registry_itself_says_that_there_is_no_such_tag() {
    let body = image(&digest('a'));
    let typed = [("content-type", MANIFEST_TYPE)];
    let there = |status, headers: &[(&'static str, &str)], body: &str| {
        digest_if_there(&Answer { status, ..answer(headers, body) }, "v1", &WHY)
    };
    let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"m","detail":{}}]}"#;
    let json = [("content-type", "application/json")];
    assert_eq!(there(200, &typed, &body).unwrap(), Some(digest_of(body.as_bytes())));
    assert_eq!(there(404, &json, unknown).unwrap(), None);
    assert!(there(404, &[("content-type", "text/html")], "<html>").is_err());
    assert!(there(403, &json, &unknown.replace("MANIFEST_UNKNOWN", "DENIED")).is_err());
    assert!(there(500, &json, unknown).is_err());
}

#[tokio::test]
async fn a_tag_points_at_what_the_registry_stores_and_a_missing_one_at_nothing() {
    let lab = crate::lab::Lab::healthy().await.unwrap();
    let (client, name) = (client(lab.url()), "blumeops/navidrome");
    let tags = client.get(format!("/v2/{name}/tags/list")).send().await.unwrap().json().unwrap();
    let tag = tags["tags"][0].as_str().unwrap();
    let stored = get_manifest(&client, name, tag).await.unwrap();
    let points = tag_digest(&client, name, tag, &WHY).await.unwrap();
    assert_eq!(points.as_deref(), stored.header("docker-content-digest"));
    assert!(points.is_some());
    assert_eq!(tag_digest(&client, name, "no-such-tag", &WHY).await.unwrap(), None);
}

#[test]
fn a_look_at_what_was_left_behind_that_is_refused_decides_nothing() {
    let json = [("content-type", "application/json")];
    let body = r#"{"errors":[{"code":"DENIED","message":"m","detail":{}}]}"#;
    let seen = |status, headers: &[(&'static str, &str)], body: &str| {
        seen_behind(&Answer { status, ..answer(headers, body) }, "v1", &WHY)
    };
    for status in [401, 403] {
        for headers in [&json[..], &[]] {
            assert!(matches!(seen(status, headers, body), Err(Failure::Error(..))), "{status}");
        }
    }
    assert_eq!(seen(404, &json, body).unwrap(), None, "the registry's own word that it is gone");
    assert!(matches!(seen(418, &json, body), Err(Failure::Fail(_))));
}

#[test]
fn what_a_registry_says_that_it_stored_must_be_what_was_sent() {
    let stored = |headers: &[(&'static str, &str)]| stored_as(&answer(headers, ""), "sha256:1", &WHY);
    assert!(stored(&[]).is_ok());
    assert!(stored(&[("docker-content-digest", "sha256:1")]).is_ok());
    assert!(matches!(stored(&[("docker-content-digest", "sha256:2")]), Err(Failure::Fail(_))));
}

#[test]
fn a_manifest_is_what_its_reference_and_its_answer_say() {
    let body = image(&digest('a'));
    let (own, other) = (digest_of(body.as_bytes()), digest('0'));
    let typed = ("content-type", MANIFEST_TYPE);
    let said = |digest: &'static str| ("docker-content-digest", digest);
    assert_eq!(wrong(&[typed], &body, "v1"), None);
    assert_eq!(wrong(&[typed], &body, &own), None);
    assert_eq!(wrong(&[typed, ("docker-content-digest", &own)], &body, "v1"), None);
    assert!(wrong(&[typed], &body, &other).unwrap().contains(&own));
    assert!(wrong(&[typed, said("sha256:1")], &body, "v1").unwrap().contains(&own));
    // What a page says of its digest is not what a registry promised.
    let page = wrong(&[("content-type", "text/html"), said("sha256:1")], "<html>", "v1").unwrap();
    assert!(page.contains("no manifest"), "{page}");
}

#[test]
fn a_manifest_has_a_known_type_a_config_and_digests() {
    let body = image(&digest('a'));
    let with = |media_type: &str, body: &str| wrong(&[("content-type", media_type)], body, "v1");
    let typed = |inner: &str| body.replacen('{', &format!(r#"{{"mediaType":"{inner}","#), 1);
    let index = format!(r#"{{"manifests":[{{"digest":"{}","size":1}}]}}"#, digest('c'));
    assert_eq!(with(INDEX_TYPE, &index), None);
    assert_eq!(with(MANIFEST_TYPE, &typed(MANIFEST_TYPE)), None);
    assert_eq!(with(MANIFEST_TYPE, &typed(INDEX_TYPE)).unwrap(), MANIFEST_TYPE);
    assert_eq!(with("application/json", &body).unwrap(), "`application/json`");
    assert!(with(MANIFEST_TYPE, "{}").is_some());
    assert!(with(MANIFEST_TYPE, "[").unwrap().contains("no manifest"));
    assert_eq!(with(MANIFEST_TYPE, &image("sha256:short")).unwrap(), "`sha256:short`");
    let long = "x".repeat(200);
    assert_eq!(with(MANIFEST_TYPE, &image(&long)).unwrap(), format!("`{long}`"));
    assert_eq!(with(MANIFEST_TYPE, &image(&format!("{long}x"))).unwrap(), "one of 201 bytes");
}

#[test]
fn a_manifest_of_very_many_parts_is_none() {
    let parts = |count: usize| {
        let layer = format!(r#"{{"digest":"{}","size":1}}"#, digest('b'));
        let layers = vec![layer; count - 1].join(",");
        let body = format!(r#"{{"config":{{"digest":"{}","size":1}},"layers":[{layers}]}}"#, digest('a'));
        wrong(&[("content-type", MANIFEST_TYPE)], &body, "v1")
    };
    assert_eq!(parts(1), None);
    assert_eq!(parts(MOST_PARTS), None);
    assert_eq!(parts(MOST_PARTS + 1).unwrap(), "one with 20001 digests");
}

#[test]
fn linux_on_amd64_is_preferred_and_the_first_where_there_is_none() {
    let entry = |of: char, os: &str, architecture: &str| Descriptor {
        platform: Some(Platform { os: Some(os.to_owned()), architecture: Some(architecture.to_owned()) }),
        ..Descriptor::of(digest(of), 1)
    };
    let preferred = |manifests: Vec<Descriptor>| {
        let content = Content { manifests: Some(manifests), ..Content::default() };
        let index = Manifest { digest: digest('0'), content, media_type: INDEX_TYPE.to_owned(), index: 0 };
        index.preferred().map(|entry| entry.digest.clone())
    };
    let others = || vec![entry('1', "linux", "arm64"), entry('2', "windows", "amd64")];
    assert_eq!(preferred([others(), vec![entry('3', "linux", "amd64")]].concat()), Some(digest('3')));
    assert_eq!(preferred(others()), Some(digest('1')));
    assert_eq!(preferred(vec![]), None);
}

#[test]
fn an_image_has_its_config_and_its_layers_and_indexes_end_somewhere() {
    let body = image(&digest('a'));
    let manifest = whole_manifest(&answer(&[("content-type", MANIFEST_TYPE)], &body), "v1", &WHY).unwrap();
    let named: Vec<&str> = manifest.blobs().map(|blob| blob.digest.as_str()).collect();
    assert_eq!(named, [digest('a'), digest('b')]);
    let index = || Content { manifests: Some(vec![Descriptor::of(digest('c'), 1)]), ..Content::default() };
    assert_eq!(below(index(), 0).collect::<Vec<_>>(), [(digest('c'), 1)]);
    assert_eq!(below(index(), DEEPEST - 1).collect::<Vec<_>>(), [(digest('c'), DEEPEST)]);
    assert_eq!(below(index(), DEEPEST).count(), 0);
}

#[test]
fn a_blob_is_read_as_far_as_it_should_go_and_one_byte_more() {
    for (size, limit) in [(0, 65_537), (65_536, 65_537), (65_537, 65_538), (1 << 40, 67_108_865)] {
        assert_eq!(blob_limit(size), limit);
    }
}

#[test]
fn a_tag_and_a_digest_are_what_the_specification_says() {
    let longest = "a".repeat(128);
    for (text, is) in [
        ("latest", true),
        ("v1.0_2-3", true),
        ("_a", true),
        (longest.as_str(), true),
        ("", false),
        (".a", false),
        ("-a", false),
        ("a/b", false),
        ("ä", false),
        (&format!("{longest}a"), false),
    ] {
        assert_eq!(is_tag(text), is, "{text}");
    }
    for (text, is) in [
        (digest('a'), true),
        (digest('9'), true),
        (digest('A'), false),
        (digest('g'), false),
        (format!("{}0", digest('a')), false),
        (format!("sha512:{}", "a".repeat(128)), true),
        (format!("sha512:{}", "a".repeat(64)), false),
        ("sha256:".to_owned(), false),
        ("a".repeat(64), false),
    ] {
        assert_eq!(is_digest(&text), is, "{text}");
    }
}

#[test]
fn latest_is_read_where_it_is_and_the_last_tag_where_it_is_not() {
    let of = |tags: &[&str]| usual_tag(tags.iter().map(|&tag| tag.to_owned()).collect());
    assert_eq!(of(&["a", "latest", "b"]).as_deref(), Some("latest"));
    assert_eq!(of(&["a", "b", "../c"]).as_deref(), Some("b"));
    assert_eq!(of(&["../c"]), None);
    let signature = format!("sha256-{}.sig", "0".repeat(64));
    assert_eq!(of(&["a", &signature]).as_deref(), Some("a"), "a signature is no image");
    assert_eq!(of(&[&signature]).as_deref(), Some(signature.as_str()));
}

#[test]
fn a_redirect_leads_to_https_elsewhere_and_home_only_from_home() {
    let (far, home) = (client("http://registry.test"), client("http://127.0.0.1:5000"));
    for (from, to, may) in [
        (&far, "https://store.test/blob", true),
        (&far, "http://store.test/blob", false),
        (&far, "http://127.0.0.1/blob", false),
        (&far, "https://localhost/blob", false),
        (&home, "http://127.0.0.1:5001/blob", true),
        (&home, "https://store.test/blob", true),
        (&home, "http://store.test/blob", false),
    ] {
        assert_eq!(may_lead_to(from, &to.parse().unwrap()).is_ok(), may, "{} to {to}", from.origin().url());
    }
}
