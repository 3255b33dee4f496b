//! Each kind of slip, and each kind of value.

use super::*;
use crate::zot::json;

fn read(text: &str, release: Option<&str>) -> Result<Vec<NewKey>, String> {
    let tree = json::parse(text).unwrap();
    let release = release.map(|text| text.parse().unwrap());
    check(&tree, release).map_err(|complaint| format!("{}: {}", complaint.place, complaint.message))
}

fn refused(text: &str, says: &str) {
    let message = read(text, None).unwrap_err();
    assert!(message.contains(says), "{text}: {message}");
}

#[test]
fn an_unknown_key_is_refused_in_every_section_with_the_nearest_one() {
    refused(
        r#"{"htttp": {"port": "5000"}}"#,
        "1:2: unknown key `htttp` in `the configuration`: zot does not start with it; the nearest that it knows is `http`",
    );
    refused(r#"{"storage": {"deduplicate": true}}"#, "the nearest that it knows is `dedupe`");
    refused(r#"{"accessControl": {"repositories": {"**": {"defaultPolicy": []}}}}"#, "it belongs into `http`");
    refused(r#"{"http": {"htpasswd": {"path": "/x"}}}"#, "it belongs into `http.auth`");
    refused(
        r#"{"extensions": {"search": {"enable": true, "fulltext": true}}}"#,
        "unknown key `fulltext` in `extensions.search`",
    );
    for section in ["log", "scheduler", "cluster", "extensions", "http", "storage"] {
        refused(&format!(r#"{{"{section}": {{"zzz": 1}}}}"#), "unknown key `zzz`");
    }
    for section in ["sync", "metrics", "scrub", "lint", "ui", "mgmt", "apikey", "trust", "events"] {
        refused(&format!(r#"{{"extensions": {{"{section}": {{"zzz": 1}}}}}}"#), "unknown key `zzz`");
    }
    refused(r#"{"storage": {"retention": {"policies": [{"keepTags": [{"pattern": ["x"]}]}]}}}"#, "`patterns`");
    refused(r#"{"http": {"auth": {"ldap": {"bindDN": "cn=x"}}}}"#, "unknown key `bindDN`");
}

#[test]
fn drivers_and_sinks_are_free_and_what_vanishes_is_not_looked_at() {
    for text in [
        r#"{"storage": {"storageDriver": {"name": "s3", "anything": {"at": ["all"]}}}}"#,
        r#"{"extensions": {"events": {"sinks": [{"type": "http", "zzz": 1}]}}}"#,
        r#"{"log": {"level": "info"}, "zzz": {}, "yyy": null}"#,
        r#"{"HTTP": {"ADDRESS": "127.0.0.1"}}"#,
    ] {
        assert!(read(text, None).is_ok(), "{text}");
    }
    // Within a list nothing vanishes.
    refused(r#"{"extensions": {"sync": {"registries": [{"zzz": {}}]}}}"#, "unknown key `zzz`");
    refused("{}", "nothing is configured");
    refused(r#"{"http": {"a::b": 1}}"#, "`::`");
}

#[test]
fn values_are_converted_as_zot_converts_them() {
    for good in [
        r#"{"http": {"port": 5000}}"#,
        r#"{"http": {"auth": {"apikey": "T"}}}"#,
        r#"{"http": {"auth": {"apikey": 2}}}"#,
        r#"{"http": {"auth": {"failDelay": "0x10"}}}"#,
        r#"{"http": {"auth": {"failDelay": 1.5}}}"#,
        r#"{"http": {"readTimeout": 60, "writeTimeout": "1h30m"}}"#,
        r#"{"storage": {"gcTimeWindow": "22:00-6:00"}}"#,
        r#"{"http": {"accessControl": {"repositories": [{"**": {"anonymousPolicy": "read"}}]}}}"#,
        r#"{"storage": {"retention": {"policies": {"repositories": "x"}}}}"#,
    ] {
        assert!(read(good, None).is_ok(), "{good}: {:?}", read(good, None));
    }
    for (bad, says) in [
        (r#"{"http": {"port": [1]}}"#, "`http.port` must be text, not a list"),
        (r#"{"http": {"auth": {"apikey": "yes"}}}"#, "true or false"),
        (r#"{"http": {"auth": {"failDelay": "1.5"}}}"#, "whole number"),
        (r#"{"http": {"readTimeout": "60"}}"#, "not a duration"),
        (r#"{"http": {"auth": [{"apikey": true}]}}"#, "`http.auth` must be an object, not a list"),
        (r#"{"storage": {"gcTimeWindow": "1:0-2:00"}}"#, "not a window"),
        (r#"{"storage": {"gcTimeWindow": "01:00-01:00"}}"#, "not a window"),
        (r#"{"storage": {"storageDriver": "s3"}}"#, "must be an object"),
    ] {
        refused(bad, says);
    }
}

#[test]
fn a_key_is_known_from_its_release_on() {
    let text = r#"{"http": {"readTimeout": "10m"}}"#;
    let message = read(text, Some("v2.1.16")).unwrap_err();
    assert!(
        message.contains("zot v2.1.16 does not know `http.readTimeout` and does not start; the key came with v2.1.17"),
        "{message}"
    );
    assert_eq!(read(text, Some("v2.1.17")).unwrap().len(), 1);
    let text = r#"{"extensions": {"sync": {"registries": [{"reqConcurrent": 4}]}}}"#;
    assert!(read(text, Some("v2.1.20")).unwrap_err().contains("the key came after v2.1.20"));
    for release in [None, Some("v2.1.21")] {
        let keys = read(text, release).unwrap();
        assert_eq!(keys[0].path, "extensions.sync.registries.reqConcurrent", "{release:?}");
    }
}

#[test]
fn a_newer_release_may_know_more_where_rights_cannot_change() {
    let newer = Some("v2.2.0");
    let keys = read(r#"{"extensions": {"search": {"fulltext": true}}}"#, newer).unwrap();
    assert_eq!((keys[0].path.as_str(), keys[0].since), ("extensions.search.fulltext", None));
    assert!(read(r#"{"extensions": {"search": {"enabled": true}}}"#, newer).is_err(), "a slip stays one");
    for text in [r#"{"http": {"auth": {"zzz": 1}}}"#, r#"{"zzz": 1}"#, r#"{"http": {"accessControl": {"zzz": ["x"]}}}"#]
    {
        assert!(read(text, newer).is_err(), "{text}");
    }
    // Without a release it is said how to name one.
    assert!(
        read(r#"{"extensions": {"search": {"fulltext": true}}}"#, None)
            .unwrap_err()
            .contains("`release` in [registry]")
    );
}
