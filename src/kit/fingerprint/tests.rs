//! Which signs make a registry zot, and which do not.

use super::*;

fn answer(path: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut map = reqwest::header::HeaderMap::new();
    for (name, value) in headers {
        let name: reqwest::header::HeaderName = name.parse().unwrap();
        map.insert(name, value.parse().unwrap());
    }
    Answer {
        method: "GET".to_owned(),
        url: format!("http://r.example.test{path}").parse().unwrap(),
        status,
        headers: map,
        size: body.len() as u64,
        body: body.to_owned().into(),
        digest: None,
        certificate: None,
        http2: false,
        index: 0,
    }
}

/// The signs of one answer to a GET of this path.
fn signs(path: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Signs {
    let answer = answer(path, status, headers, body);
    let mut signs = Signs::default();
    signs.by_api(&answer);
    signs.by_error(&answer);
    signs.by_management(&answer);
    signs.by_discovery(&answer);
    signs.by_metrics(&answer);
    signs
}

const DENIED: &str = r#"{"errors":[{"code":"UNAUTHORIZED","message":"m","detail":{"description":"d"}}]}"#;
const REFUSED: &str = r#"{"code":"UNAUTHORIZED","message":"m","detail":{"description":"d"}}"#;

#[test]
fn each_sign_is_read_where_zot_shows_it_and_nowhere_else() {
    let allowed = &[("access-control-allow-headers", "Authorization,content-type,X-ZOT-API-CLIENT")][..];
    let json = &[("content-type", "application/json")][..];
    let team = &[("www-authenticate", "basic realm=Team registry")][..];
    let basic = &[("www-authenticate", "Basic realm=\"Authorization Required\"")][..];
    for (path, status, headers, body, expected) in [
        ("/v2/", 200, allowed, "", Some(Sign::Headers)),
        ("/v2/", 200, team, "", Some(Sign::Headers)),
        ("/v2/", 401, basic, "", None),
        ("/v2/", 401, json, REFUSED, Some(Sign::Errors)),
        ("/v2/a/blobs/b", 401, json, DENIED, Some(Sign::Errors)),
        ("/v2/a/blobs/b", 200, json, DENIED, None),
        ("/v2/a/blobs/b", 404, json, r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"m","detail":"x"}]}"#, None),
        ("/v2/_zot/ext/mgmt", 200, json, r#"{"releaseTag":"v2.1.20","http":{"auth":{}}}"#, Some(Sign::Extensions)),
        ("/v2/_zot/ext/mgmt", 200, json, r#"{"http":{"auth":{"htpasswd":{}}}}"#, Some(Sign::Extensions)),
        ("/v2/_zot/ext/mgmt", 404, json, r#"{"releaseTag":"v2.1.20"}"#, None),
        ("/v2/_oci/ext/discover", 200, json, r#"{"extensions":[{"name":"_zot"}]}"#, Some(Sign::Extensions)),
        ("/v2/_oci/ext/discover", 200, json, r#"{"extensions":[]}"#, None),
        ("/metrics", 200, &[][..], "zot_info{commit=\"v2.1.20-0-gabc\"} 1\n", Some(Sign::Metrics)),
        ("/metrics", 200, &[][..], "go_info{version=\"go1.24\"} 1\n", None),
    ] {
        let found: Vec<Sign> = signs(path, status, headers, body).found.into_keys().collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{path} {status} {body}");
    }
}

#[test]
fn one_sign_alone_makes_no_zot_and_two_of_one_kind_are_one() {
    let mut signs = Signs::default();
    signs.add(Sign::Extensions, "/v2/_zot/ext/mgmt answers".to_owned());
    signs.add(Sign::Extensions, "/v2/_oci/ext/discover lists the extension _zot".to_owned());
    signs.release = Some("v2.1.20".to_owned());
    let alone = signs.print(true);
    assert_eq!((alone.product.as_deref(), alone.release), (Some("a registry"), None));
    assert!(alone.evidence.iter().any(|line| line.contains("one sign is not enough")), "{:?}", alone.evidence);
    let mut signs = Signs::default();
    signs.add(Sign::Errors, "an error".to_owned());
    signs.add(Sign::Configuration, "a file".to_owned());
    let both = signs.print(false);
    assert_eq!((both.product.as_deref(), both.evidence.len()), (Some("zot"), 2));
}

#[test]
fn a_release_is_read_from_a_tag_or_a_description() {
    assert_eq!(release_of("v2.1.20-0-g3b5796d"), Some("v2.1.20".into()));
    assert_eq!(release_of("v2.1.15"), Some("v2.1.15".into()));
    for other in ["", "3b5796d", "v2", "v2.1.x", "v2.1."] {
        assert_eq!(release_of(other), None, "{other}");
    }
}
