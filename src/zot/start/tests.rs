//! Each rule, broken and kept, on the releases that have it.

use super::check;
use crate::zot::json;

fn start(text: &str, release: Option<&str>) -> Result<(), String> {
    let tree = json::parse(text).unwrap();
    check(&tree, release.map(|text| text.parse().unwrap())).map_err(|complaint| complaint.message)
}

/// Refused by the newest release with these words.
fn refused(text: &str, says: &str) {
    let message = start(text, None).expect_err(text);
    assert!(message.starts_with("zot does not start with this: ") && message.contains(says), "{text}: {message}");
}

fn starts(text: &str) {
    assert_eq!(start(text, None), Ok(()), "{text}");
}

const ANONYMOUS: &str = r#"{"http":{"accessControl":{"repositories":{"**":{"anonymousPolicy":["read"]}}}}}"#;

#[test]
fn policies_need_a_way_to_log_in() {
    let with = |auth: &str, tls: &str| {
        format!(
            r#"{{"http":{{"auth":{auth},"tls":{tls},"accessControl":{{"repositories":{{"**":{{"defaultPolicy":["read"]}}}}}}}}}}"#
        )
    };
    refused(&with("{}", "{}"), "needs a way to log in");
    refused(&with(r#"{"bearer":{"realm":"r","service":"s"}}"#, "{}"), "needs a way to log in");
    refused(&with(r#"{"htpasswd":{"path":""}}"#, "{}"), "needs a way to log in");
    for auth in
        [r#"{"htpasswd":{"path":"/x"}}"#, r#"{"apikey":true}"#, r#"{"bearer":{"realm":"r","service":"s","cert":"/c"}}"#]
    {
        starts(&with(auth, "{}"));
    }
    let certificates = with("{}", r#"{"cert":"/c","key":"/k","cacert":"/a"}"#);
    starts(&certificates);
    starts(ANONYMOUS);
    let metrics = r#"{"http":{"accessControl":{"metrics":{"anonymousPolicy":["read"]}}}}"#;
    starts(metrics);
    assert!(start(metrics, Some("v2.1.17")).is_err() && start(&certificates, Some("v2.1.11")).is_err());
    refused(
        r#"{"http":{"auth":{"apikey":true},"accessControl":{"repositories":{"a[":{"defaultPolicy":["read"]}}}}}"#,
        "malformed",
    );
    let condition = |expression: &str| {
        let policy =
            format!(r#"[{{"users":["a"],"actions":["read"],"conditions":[{{"expression":"{expression}"}}]}}]"#);
        format!(
            r#"{{"http":{{"auth":{{"apikey":true}},"accessControl":{{"repositories":{{"**":{{"policies":{policy}}}}}}}}}}}"#
        )
    };
    starts(&condition("req.a == ')'"));
    refused(&condition(""), "needs an `expression`");
    refused(&condition("(true"), "not closed");
    refused(&condition("req.a =="), "no CEL expression");
    refused(&condition("request.a == 'b'"), "no `request` in conditions");
}

#[test]
fn each_way_to_log_in_is_whole() {
    let auth = |auth: &str| format!(r#"{{"http":{{"auth":{auth}}}}}"#);
    refused(&auth(r#"{"ldap":{"address":"a","baseDN":"b"}}"#), "`ldap` needs `userAttribute`");
    let provider = |name: &str, body: &str| auth(&format!(r#"{{"openid":{{"providers":{{"{name}":{body}}}}}}}"#));
    refused(&provider("oidc", r#"{"issuer":"https://i.test","credentialsFile":"/c"}"#), "needs `scopes`");
    refused(&provider("oidc", r#"{"scopes":["openid"],"clientid":"z"}"#), "needs `issuer`");
    refused(
        &provider("google", r#"{"issuer":"https://i.test","scopes":["openid"]}"#),
        "needs `clientid` or `credentialsFile`",
    );
    refused(&provider("okta", r#"{"issuer":"https://i.test"}"#), "no provider `okta`");
    starts(&provider("github", r#"{"clientid":"z","scopes":["user"]}"#));
    let both = auth(r#"{"bearer":{"cert":"/c","awsSecretsManager":{"region":"r","secretName":"s"}}}"#);
    refused(&both, "not both");
    assert_eq!(start(&both, Some("v2.1.14")), Ok(()));
    refused(&auth(r#"{"bearer":{"awsSecretsManager":{"region":"r"}}}"#), "needs `secretName`");
    let endpoint = |realm: &str, more: &str| {
        auth(&format!(r#"{{"bearer":{{"upstreamTokenEndpoint":{{"realm":"{realm}","service":"s"{more}}}}}}}"#))
    };
    refused(&endpoint("word", ""), "whole URL");
    refused(&endpoint("http://a.test", ""), "https://");
    starts(&endpoint("http://a.test", r#","allowInsecureHttp":true"#));
    refused(&auth(r#"{"sessionDriver":{"name":"file"}}"#), "redis or local");
    refused(&auth(r#"{"sessionDriver":{"name":"redis"},"sessionKeysFile":"/k"}"#), "no `sessionKeysFile`");
    let mtls = |mtls: &str| {
        format!(r#"{{"http":{{"tls":{{"cert":"/c","key":"/k","cacert":"/a"}},"auth":{{"mtls":{mtls}}}}}}}"#)
    };
    starts(&mtls(r#"{"identityAttributes":["URI"],"uriSanPattern":"a/(.*)"}"#));
    refused(&mtls(r#"{"identityAttributes":["Serial"]}"#), "no part of a certificate");
    refused(&mtls(r#"{"identityAttributes":["CN"],"uriSanIndex":1}"#), "`uriSanIndex` needs");
    refused(&mtls(r#"{"identityAttributes":["URI"],"uriSanPattern":"("}"#), "regular expression");
    refused(&auth(r#"{"mtls":{"identityAttributes":["CN"]}}"#), "`mtls` needs");
}

#[test]
fn storage_is_consistent() {
    let storage = |storage: &str| format!(r#"{{"storage":{storage}}}"#);
    refused(&storage(r#"{"gcDelay":"-1h"}"#), "negative");
    refused(&storage(r#"{"subPaths":{"/a":{"gc":true,"gcDelay":"0s"}}}"#), "sub-path");
    let nested = storage(r#"{"rootDirectory":"/data","subPaths":{"/a":{"rootDirectory":"/data/a"}}}"#);
    refused(&nested, "one folder");
    assert_eq!(start(&nested, Some("v2.1.11")), Ok(()));
    starts(&storage(r#"{"rootDirectory":"/data","subPaths":{"/a":{"rootDirectory":"/data-a"}}}"#));
    refused(&storage(r#"{"storageDriver":{"name":"s3"}}"#), "needs a `cacheDriver`");
    starts(&storage(r#"{"storageDriver":{"name":"s3"},"dedupe":false}"#));
    refused(&storage(r#"{"remoteCache":true,"cacheDriver":{"name":"dynamodb"}}"#), "local storage");
    starts(&storage(r#"{"remoteCache":true,"cacheDriver":{"name":"redis"}}"#));
    let azure = storage(r#"{"storageDriver":{"name":"azure"},"dedupe":false}"#);
    starts(&azure);
    assert!(start(&azure, Some("v2.1.15")).unwrap_err().contains("no storage driver `azure`; there are s3, gcs"));
    refused(&storage(r#"{"redirectBlobURL":true}"#), "needs a `storageDriver`");
    refused(&storage(r#"{"retention":{"policies":[{"repositories":["a["]}]}}"#), "malformed");
    refused(&storage(r#"{"retention":{"policies":[{"keepTags":[{"patterns":["*"]}]}]}}"#), "regular expression");
    let remote = r#""storage":{"storageDriver":{"name":"s3"},"dedupe":false}"#;
    refused(&format!(r#"{{{remote},"extensions":{{"sync":{{"registries":[]}}}}}}"#), "`downloadDir`");
    refused(&format!(r#"{{{remote},"extensions":{{"search":{{"cve":{{"updateInterval":"2h"}}}}}}}}"#), "`cve`");
}

#[test]
fn upstreams_are_consistent() {
    let registry = |body: &str| {
        format!(
            r#"{{"http":{{"port":"1"}},"extensions":{{"sync":{{"registries":[{{"urls":["https://u.test"],{body}}}]}}}}}}"#
        )
    };
    refused(&registry(r#""maxRetries":3"#), "needs `retryDelay`");
    let least = registry(r#""retryDelay":"1m","maxRetryDelay":"1s""#);
    refused(&least, "less than");
    assert_eq!(start(&least, Some("v2.1.18")), Ok(()));
    refused(&registry(r#""preserveDigest":true"#), "`http.compat`");
    starts(&registry(r#""preserveDigest":true"#).replace(r#""port""#, r#""compat":["docker2s2"],"port""#));
    refused(&registry(r#""content":[{"prefix":"a["}]"#), "malformed");
    refused(&registry(r#""content":[{"prefix":"a","tags":{"regex":"("}}]"#), "regular expression");
    refused(&registry(r#""content":[{"prefix":"a","stripPrefix":true,"destination":"/"}]"#), "`stripPrefix`");
    refused(&registry(r#""credentialHelper":"oauth2""#), "needs `oauth2CredentialHelper`");
    let helper = |body: &str| registry(&format!(r#""credentialHelper":"oauth2","oauth2CredentialHelper":{body}"#));
    starts(&helper(r#"{"tokenURL":"https://t.test","signingFile":"/s"}"#));
    refused(&helper(r#"{"tokenURL":"https://t.test"}"#), "one of");
    refused(&helper(r#"{"tokenUri":"https://t.test"}"#), "no key `tokenUri`");
}

#[test]
fn the_rest_is_consistent() {
    refused(r#"{"log":{"level":"loud"}}"#, "no log level");
    refused(r#"{"http":{"port":"70000"}}"#, "not a port");
    refused(r#"{"http":{"port":"${PORT}"}}"#, "zot fills no placeholder in");
    refused(r#"{"cluster":{"members":["a:1"],"hashKey":"short"}}"#, "16 characters");
    refused(r#"{"cluster":{"hashKey":"loremipsumdolors"}}"#, "needs `members`");
    refused(r#"{"extensions":{"ui":{"enable":true}}}"#, "need `search`");
    refused(r#"{"extensions":{"ui":{}}}"#, "need `search`");
    starts(r#"{"extensions":{"ui":{},"search":{}}}"#);
    refused(r#"{"extensions":{"ui":{},"search":{"enable":true},"events":{"sinks":[{"type":"kafka"}]}}}"#, "event sink");
    let path = r#"{"extensions":{"metrics":{"prometheus":{"path":"/v2"}}}}"#;
    refused(path, "not a path for metrics");
    assert_eq!(start(path, Some("v2.1.17")), Ok(()));
}
