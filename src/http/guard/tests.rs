//! What the guard permits and what it does not: by table, and by hostile paths.

use super::*;
use proptest::prelude::*;

mod places;
mod shapes;

fn permitted(effect: Effect, method: &str, target: &str, content_type: Option<&str>, body: &[u8]) -> bool {
    let guard = guard(effect);
    guard.permit(&Intent { content_type, body, ..intent(method, target) }).is_ok()
}

/// A guard for which all oracles are cleared.
fn guard(effect: Effect) -> Guard {
    let (scratch, cleared) = (Some("team/scratch".to_owned()), Cleared::all());
    Guard { effect, scratch, cleared, ..Guard::read_only() }
}

/// A bare request.
fn intent<'a>(method: &'a str, target: &'a str) -> Intent<'a> {
    Intent { method, target, content_type: None, content_range: None, range: false, override_method: None, body: b"" }
}

/// What is outside of the scratch repository, by every trick with a path that parsers disagree on.
fn anywhere() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "v2",
        "team",
        "scratch",
        "scratch2",
        "production",
        "manifests",
        "blobs",
        "uploads",
        "latest",
        "notadigest",
        "..",
        ".",
        "",
        "%2e%2e",
        "%2E.",
        "..%2f..",
        "%252e%252e",
        "..;",
        "\\..\\..",
        "\t..",
        "%00",
        "x#",
        "#",
        "?",
        "a?b",
        "zot",
        "auth",
        "logout",
        "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "@evil.test",
        "00000000-0000-4000-8000-000000000000",
    ]);
    let query = prop::sample::select(vec!["", "?from=x", "?digest=a", "?tag=latest", "#/v2/team/scratch/manifests/x"]);
    let start = prop::sample::select(vec!["/v2/team/scratch/", "/v2/team/scratch/manifests/", "/v2/", "/", "//", ""]);
    (start, prop::collection::vec(part, 0..8), query).prop_map(|(a, b, c)| format!("{a}{}{c}", b.join("/")))
}

/// Where a request really goes: as a URL parser, and a server that decodes, see its path.
fn seen(target: &str) -> Vec<String> {
    let url = url::Url::parse(&format!("http://r.test{target}"));
    let path = url.map_or_else(|_| target.to_owned(), |url| url.path().to_owned());
    let again = url::Url::parse(&format!("http://r.test{}", decoded(&path)));
    vec![again.map_or_else(|_| path.clone(), |url| url.path().to_owned()), path]
}

/// The repository and what is asked of it, as a router reads a path: from the right (zot `pkg/api/routes.go`).
fn routed(path: &str) -> Option<(&str, &'static str)> {
    let rest = path.strip_prefix("/v2/")?;
    let (head, last) = rest.rsplit_once('/')?;
    if let Some(repository) = head.strip_suffix("/blobs/uploads") {
        return Some((repository, if last.is_empty() { "uploads" } else { "session" }));
    }
    let (repository, kind) = head.rsplit_once('/')?;
    match kind {
        "manifests" => Some((repository, "manifest")),
        "blobs" => Some((repository, "blob")),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn nothing_but_reads_and_oracles_passes_outside_of_the_scratch_repository(
        method in prop::sample::select(vec!["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "post", "MKCOL"]),
        target in anywhere(),
        kind in prop::option::of(prop::sample::select(vec![ORACLE_TYPE, "application/json"])),
        body in prop::sample::select(vec![&b""[..], b"{}", b"x", b"much more"]),
        effect in prop::sample::select(vec![Effect::ReadOnly, Effect::Oracle, Effect::Writes]),
    ) {
        if permitted(effect, method, &target, kind, body) {
            prop_assert!(effect > Effect::ReadOnly, "{effect} {method} {target}");
            let inside = |path: &String| routed(path).is_some_and(|(repository, _)| repository == "team/scratch");
            let within = effect == Effect::Writes && seen(&target).iter().all(inside);
            let impossible = kind == Some(ORACLE_TYPE) && method == "PUT" && body == b"{}";
            let unknown = method == "DELETE" && !target.contains(['?', '#', '%'])
                && (target.ends_with("/blobs/notadigest") || target.contains("/manifests/sha256:0"));
            // A POST starts an upload, unless its query is one that no registry accepts.
            let session = target.contains("/blobs/uploads/") && body.len() <= 1
                && (method != "POST" || target.ends_with("/blobs/uploads/?from=x"));
            // No registry has an endpoint there, and it carries nothing.
            let harmless = |path: &String| routed(path).is_some_and(|(_, what)| what == "manifest");
            let unroutable = method == "POST" && body.is_empty() && (seen(&target).iter().all(harmless)
                || target.contains("/tags/list") || target.contains("/_catalog"));
            prop_assert!(within || impossible || unknown || session || unroutable, "{effect} {method} {target}");
        }
    }

    #[test]
    fn a_check_that_reads_only_reads(target in anywhere(), range: bool) {
        // The wire joins nothing else to an origin.
        prop_assume!(target.starts_with('/'));
        for method in ["GET", "HEAD"] {
            let guard = Guard::read_only();
            let intent = Intent { range, ..intent(method, &target) };
            let blob = seen(&target).iter().any(|path| path.contains("/blobs/") && !path.contains("/uploads/"));
            if guard.permit(&intent).is_ok() && (range || method == "HEAD") {
                prop_assert!(!blob, "{method} {target}");
            }
        }
    }
}

#[test]
fn a_request_that_asks_to_be_another_must_be_harmless_as_both() {
    let guard = guard(Effect::Writes);
    let digest = format!("/v2/a/manifests/sha256:{}", "0".repeat(64));
    for (method, target, other, content_type, body, expected) in [
        ("GET", "/v2/a/manifests/v1", "DELETE", None, "", false),
        ("GET", "/v2/a/manifests/v1?_method=DELETE", "DELETE", None, "", false),
        ("GET", "/v2/a/manifests/v1", "PUT", None, "", false),
        ("GET", "/v2/a/manifests/v1", "PUT", Some(ORACLE_TYPE), "{}", true),
        ("GET", "/v2/a/tags/list", "DELETE", None, "", true),
        ("GET", &digest, "DELETE", None, "", true),
        ("POST", "/v2/a/manifests/v1", "GET", None, "", true),
        ("POST", "/v2/a/manifests/v1", "PUT", None, "", false),
    ] {
        let override_method = Some(other);
        let intent = Intent { content_type, override_method, body: body.as_bytes(), ..intent(method, target) };
        assert_eq!(guard.permit(&intent).is_ok(), expected, "{method} {target} as {other}");
    }
}

#[test]
fn keys_are_made_with_an_end_and_revoked_by_their_own_id_alone() {
    const ID: &str = "9f3a9e0c-4b0e-4f6b-9d53-0d2f4a5f7c11";
    let mint = || KeyUse::Mint { label: "regproof-1".to_owned() };
    let revoke = || KeyUse::Revoke { uuid: ID.to_owned() };
    let (path, own) = (api::PATH, format!("{}?id={ID}", api::PATH));
    let other = format!("{}?id=8f3a9e0c-4b0e-4f6b-9d53-0d2f4a5f7c11", api::PATH);
    let short = r#"{"label":"regproof-1","expirationDate":"2026-01-01T00:00:00Z"}"#;
    use Effect::{Oracle, ReadOnly, Writes};
    for (effect, key, method, target, body, expected) in [
        (Oracle, KeyUse::None, "POST", path, "{", true),
        (ReadOnly, KeyUse::None, "POST", path, "{", false),
        (Writes, KeyUse::None, "POST", path, "{}", false),
        (Writes, KeyUse::None, "POST", path, "", false),
        (Writes, KeyUse::None, "POST", path, short, false),
        (Oracle, mint(), "POST", path, short, false),
        (Writes, mint(), "POST", path, short, true),
        (Writes, mint(), "POST", path, r#"{"label":"regproof-1"}"#, false),
        (Writes, mint(), "POST", path, r#"{"label":"ci","expirationDate":"2026-01-01T00:00:00Z"}"#, false),
        (Writes, mint(), "POST", path, r#"{"label":"regproof-1","expirationDate":"0001-01-01T00:00:00Z"}"#, false),
        (Writes, mint(), "DELETE", &own, "", false),
        (Writes, revoke(), "DELETE", &own, "", true),
        (Oracle, revoke(), "DELETE", &own, "", false),
        (Writes, revoke(), "DELETE", &other, "", false),
        (Writes, revoke(), "POST", path, short, false),
        (Oracle, KeyUse::None, "DELETE", path, "{", false),
        (Oracle, KeyUse::None, "POST", &own, "{", false),
        (Writes, mint(), "DELETE", path, short, false),
        (Writes, mint(), "POST", &own, short, false),
        (Writes, KeyUse::None, "DELETE", &own, "", false),
    ] {
        let guard = Guard { scratch: None, key: key.clone(), ..guard(effect) };
        let intent = Intent { body: body.as_bytes(), ..intent(method, target) };
        assert_eq!(guard.permit(&intent).is_ok(), expected, "{effect} {key:?} {method} {target} {body}");
    }
}

#[test]
fn each_effect_allows_only_its_own() {
    use Effect::{Oracle, ReadOnly, Writes};
    let digest = format!("/v2/a/manifests/sha256:{}", "0".repeat(64));
    for (effect, method, target, content_type, body, expected) in [
        (ReadOnly, "GET", "/v2/a/manifests/x", None, &b""[..], true),
        (ReadOnly, "GET", "/v2/_zot/pprof/profile?seconds=1", None, b"", false),
        (ReadOnly, "HEAD", "/v2/a/blobs/sha256:00", None, b"", false),
        (ReadOnly, "HEAD", "/v2/a/manifests/x", None, b"", true),
        (ReadOnly, "HEAD", "/v2/a/blobs/uploads/x", None, b"", true),
        (ReadOnly, "HEAD", "/v2/a/blobs/uploads/../sha256:00", None, b"", false),
        (Writes, "HEAD", "/v2/team/scratch/blobs/sha256:00", None, b"", true),
        (ReadOnly, "HEAD", "/v2/team/scratch/blobs/sha256:00", None, b"", false),
        (Oracle, "HEAD", "/v2/team/scratch/blobs/sha256:00", None, b"", false),
        (ReadOnly, "OPTIONS", "/v2/a/manifests/x", None, b"", true),
        (Oracle, "OPTIONS", "/v2/a/manifests/x", None, b"", true),
        (ReadOnly, "PUT", "/v2/a/manifests/x", Some(ORACLE_TYPE), b"{}", false),
        (Oracle, "PUT", "/v2/a/manifests/x", Some(ORACLE_TYPE), b"{}", true),
        (Oracle, "PUT", "/v2/a/manifests/x", Some("application/vnd.oci.image.manifest.v1+json"), b"{}", false),
        (Oracle, "DELETE", &digest, None, b"", true),
        (Oracle, "DELETE", "/v2/a/manifests/v1", None, b"", false),
        (Oracle, "POST", "/v2/a/blobs/uploads/?from=x", None, b"", true),
        (Oracle, "POST", "/v2/a/blobs/uploads/?mount=x&mount=y", None, b"", true),
        (Oracle, "POST", "/v2/a/blobs/uploads/?mount=x", None, b"", false),
        (Oracle, "POST", "/v2/a/blobs/uploads/", None, b"", false),
        (Oracle, "DELETE", "/v2/a/blobs/notadigest", None, b"", true),
        (Oracle, "PUT", "/v2/team/scratch/manifests/x", Some("a/b"), b"x", false),
        (Writes, "PUT", "/v2/team/scratch/manifests/x", Some("a/b"), b"x", true),
        (Writes, "PUT", "/v2/team/scratch/../prod/manifests/x", Some("a/b"), b"x", false),
        (Writes, "PUT", "/v2/team/scratch2/manifests/x", Some("a/b"), b"x", false),
        (Writes, "DELETE", "/v2/team/manifests/x", None, b"", false),
        (Writes, "POST", "/zot/auth/logout", None, b"", false),
        (Writes, "TRACE", "/v2/", None, b"", false),
    ] {
        assert_eq!(permitted(effect, method, target, content_type, body), expected, "{effect} {method} {target}");
    }
}

#[test]
fn a_session_is_ended_by_whom_it_is_meant_for_and_in_no_other_way() {
    for (ends_sessions, method, target, expected) in [
        (true, "POST", "/zot/auth/logout", true),
        (false, "POST", "/zot/auth/logout", false),
        (true, "POST", "/zot/auth/logout/", false),
        (true, "POST", "/zot/auth/login", false),
        (true, "DELETE", "/zot/auth/logout", false),
    ] {
        let guard = Guard { ends_sessions, ..Guard::read_only() };
        let intent = intent(method, target);
        assert_eq!(guard.permit(&intent).is_ok(), expected, "{ends_sessions} {method} {target}");
    }
}

#[test]
fn a_plain_target_is_read_by_all_alike() {
    for (target, plain) in [
        ("/", true),
        ("/v2/", true),
        ("/v2/a/manifests/v1.0_x-y", true),
        ("/v2/a/manifests/sha256:00", true),
        ("/v2/a/blobs/uploads/?mount=x&mount=y", true),
        ("v2/", false),
        ("", false),
        ("//v2/", false),
        ("/v2//a", false),
        ("/v2/a//", false),
        ("/v2/./a", false),
        ("/v2/../a", false),
        ("/v2/a/..", false),
        ("/v2/a/.", false),
        ("/v2/a%2fb", false),
        ("/v2/a\\b", false),
        ("/v2/a;b", false),
        ("/v2/a b", false),
        ("/v2/a?b c", false),
        ("/v2/a?b\u{7f}", false),
        ("/v2/a?b#c", false),
        ("/v2/a#b", false),
        ("/v2/ä", false),
        ("/v2/a?ä", false),
    ] {
        assert_eq!(is_plain(target), plain, "{target}");
    }
    for outside in ["..", "../../production/manifests/x", "%2e%2e/x", "x/../../y", "x//y", "./x"] {
        let target = format!("/v2/team/scratch/manifests/{outside}");
        assert!(!permitted(Effect::Writes, "PUT", &target, Some("a/b"), b"x"), "{target}");
    }
}

#[test]
fn a_path_is_looked_at_as_a_server_decodes_it() {
    for (path, read) in [
        ("/v2/a", "/v2/a"),
        ("/v2%2fa", "/v2/a"),
        ("/v2%252Fa", "/v2/a"),
        ("/v2\\a", "/v2/a"),
        ("/v2%5ca%41", "/v2\\aA"),
        ("/%41%42", "/AB"),
        ("/%4", "/%4"),
        ("/%", "/%"),
        ("/%zz1", "/%zz1"),
        ("/141", "/141"),
        ("%2", "%2"),
        ("%2f", "/"),
    ] {
        assert_eq!(decoded(path), read, "{path}");
    }
    assert!(!permitted(Effect::ReadOnly, "GET", "/v2/_zot/%70prof/profile", None, b""));
    assert!(!permitted(Effect::ReadOnly, "GET", "/v2/_zot/pprof/trace?seconds=1", None, b""));
    assert!(permitted(Effect::ReadOnly, "GET", "/v2/_zot/pprof/", None, b""));
    assert!(!permitted(Effect::ReadOnly, "HEAD", "/v2/a/%62lobs/sha256:00", None, b""));
}

#[test]
fn an_oracle_is_exactly_one_of_the_known_requests() {
    const ID: &str = "9f3a9e0c-4b0e-4f6b-9d53-0d2f4a5f7c11";
    let session = format!("/v2/a/blobs/uploads/{ID}");
    let with_query = format!("{session}?digest=x");
    let digest = format!("/v2/a/manifests/sha256:{}", "0".repeat(64));
    let (short, long) = (&digest[..digest.len() - 1], format!("{digest}0"));
    let upper = format!("/v2/a/manifests/sha256:{}", "A".repeat(64));
    let by_query = format!("{digest}?x=y");
    let (kind, range, other) = (Some(ORACLE_TYPE), Some("5-1"), Some("0-1"));
    for (method, target, content_type, content_range, body, expected) in [
        ("PUT", "/v2/a/manifests/x", kind, None, "{}", true),
        ("PUT", "/v2/a/manifests/x?tag=y", kind, None, "{}", true),
        ("PUT", "/v2/manifests/manifests/x", kind, None, "{}", true),
        ("PUT", "/v1/a/manifests/x", kind, None, "{}", false),
        ("PUT", "/v2/a/manifests/x/y", kind, None, "{}", false),
        ("PUT", "/v2/a/manifests/..", kind, None, "{}", false),
        ("PUT", "/v2/a/manifests/x", kind, None, "{ }", false),
        ("PUT", "/v2/a/manifests/x", None, None, "{}", false),
        ("PATCH", "/v2/a/manifests/x", kind, None, "{}", false),
        ("DELETE", &digest, None, None, "", true),
        ("DELETE", &by_query, None, None, "", false),
        ("DELETE", short, None, None, "", false),
        ("DELETE", &long, None, None, "", false),
        ("DELETE", &upper, None, None, "", false),
        ("POST", "/v2/a/blobs/uploads/?from=x", None, None, "", true),
        ("POST", "/v2/a/blobs/uploads/?from=x", None, None, "x", false),
        ("POST", "/v2/a/blobs/uploads/?from=y", None, None, "", false),
        ("POST", "/v2/a/blobs/uploads/x?from=x", None, None, "", false),
        ("PATCH", &session, None, range, "x", true),
        ("PATCH", &session, None, range, "", true),
        ("PATCH", &session, None, range, "xy", false),
        ("PATCH", &session, None, other, "x", false),
        ("PATCH", &session, None, None, "x", false),
        ("PATCH", "/v2/a/blobs/uploads/x", None, range, "x", false),
        ("PUT", &session, None, None, "", true),
        ("PUT", &session, None, None, "x", false),
        ("PUT", &with_query, None, None, "", false),
        ("PUT", "/v2/a/blobs/uploads/x", None, None, "", false),
        ("DELETE", &session, None, None, "", true),
        ("DELETE", &with_query, None, None, "", false),
        ("DELETE", "/v2/a/blobs/uploads/x", None, None, "", false),
        ("DELETE", "/v2/a/blobs/notadigest", None, None, "", true),
        ("DELETE", "/v2/a/blobs/notadigest?x=y", None, None, "", false),
        ("DELETE", "/v2/a:b/blobs/notadigest", None, None, "", false),
        ("DELETE", "/v2/a/blobs/digest", None, None, "", false),
        ("POST", "/v2/a/blobs/notadigest", None, None, "", false),
    ] {
        let intent = Intent { content_type, content_range, body: body.as_bytes(), ..intent(method, target) };
        assert_eq!(
            shape::of_write(method, &intent).is_some(),
            expected,
            "{method} {target} {content_type:?} {content_range:?}"
        );
    }
}

#[test]
fn a_list_is_changed_by_no_method_and_an_endpoint_that_is_none_by_no_post() {
    for (target, listing) in [
        ("/v2/_catalog", true),
        ("/v2/_catalog?n=1", true),
        ("/v2/a/tags/list", true),
        ("/v2/a/b/tags/list?n=1", true),
        ("/v2/a/tags/lists", false),
        ("/a/tags/list", false),
        ("/v2/a?/tags/list", false),
    ] {
        assert_eq!(is_listing(target), listing, "{target}");
    }
    for (effect, target, body, expected) in [
        (Effect::Oracle, "/v2/_catalog", &b""[..], true),
        (Effect::Oracle, "/v2/a/manifests/x", b"", true),
        (Effect::ReadOnly, "/v2/a/manifests/x", b"", false),
        (Effect::Oracle, "/v2/a/manifests/x", b"x", false),
        (Effect::Oracle, "/v2/_catalog", b"x", false),
        (Effect::Oracle, "/v2/a//manifests/x", b"", false),
        (Effect::Oracle, "/v1/a/manifests/x", b"", false),
        (Effect::Oracle, "/v2/a/blobs/x", b"", false),
    ] {
        assert_eq!(permitted(effect, "POST", target, None, body), expected, "{effect} {target}");
    }
}
