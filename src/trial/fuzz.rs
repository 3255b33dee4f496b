//! Everything that reads what others wrote, fed with spoilt text: a few hundred in every test run, and as long as
//! `REGPROOF_FUZZ_SECONDS` says in `make fuzz`, each target.
//!
//! A target says what must hold for any input; that it does not panic goes without saying. What fails is shrunk and shown.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::http::guard::{Cleared, Guard, Intent, KeyUse, ORACLE_TYPE};
use crate::http::{Answer, Origin, parse_raw};
use crate::kit::listing;
use crate::model::effect::Effect;
use crate::model::failure::Why;
use crate::scenario::load;
use crate::zot::config::Config as ZotConfig;
use crate::zot::lint;

const WHY: Why<'static> = Why { claim: "c", cause: "c", remedy: "r" };
/// How many texts each target gets where nothing else is asked for, on any machine.
const CASES: u32 = 256;

pub(crate) fn fuzz<S: Strategy>(strategy: &S, holds: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let seconds = std::env::var("REGPROOF_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    loop {
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        TestRunner::new(config).run(strategy, &holds).unwrap_or_else(|failure| panic!("{failure}"));
        if Instant::now() >= end {
            return;
        }
    }
}

/// One of the seeds with pieces cut out, doubled, moved, and replaced by what parsers trip over.
pub(crate) fn spoilt(seeds: &'static [&'static str], tokens: &'static [&'static str]) -> impl Strategy<Value = String> {
    let token = prop_oneof![
        4 => prop::sample::select(tokens).prop_map(str::to_owned),
        1 => prop::sample::select(&["", "\u{0}", "\n", "\r\n", "\"", "'", "\\", "%", "\u{202e}", "\u{fffe}", "é", "🦀", "9999999999999999999", "-1", "\t"][..]).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ];
    let edit = (any::<Index>(), 0_usize..24, token, 0_u8..4);
    (prop::sample::select(seeds), prop::collection::vec(edit, 0..8)).prop_map(|(seed, edits)| {
        let mut text: Vec<char> = seed.chars().collect();
        for (at, length, token, kind) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            let piece: Vec<char> = text[start..end].to_vec();
            let new: Vec<char> = match kind {
                0 => vec![],
                1 => [piece.clone(), piece].concat(),
                2 => token.chars().collect(),
                _ => piece.into_iter().chain(token.chars()).collect(),
            };
            text.splice(start..end, new);
        }
        text.into_iter().collect()
    })
}

fn answer(status: u16, name: &'static str, value: &str) -> Option<Answer> {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
    Some(Answer {
        method: "GET".to_owned(),
        url: Url::parse("https://registry.example.test/v2/team/app/tags/list?n=500").unwrap(),
        status,
        headers,
        body: Bytes::new(),
        size: 0,
        digest: None,
        certificate: None,
        http2: false,
        index: 0,
    })
}

#[test]
fn a_scenario_is_read_or_refused_at_a_place_that_it_has() {
    const SEEDS: &[&str] = &[
        include_str!("../../scenarios/lab.toml"),
        include_str!("../../scenarios/blumeops.toml"),
        include_str!("../../scenarios/read-only.toml"),
    ];
    const TOKENS: &[&str] = &[
        "[",
        "]]",
        "= {",
        "=",
        "[identities.x]",
        "schema = 1",
        "url = \"",
        "https://u:p@h/",
        "http://[::1",
        "//",
        "'''",
        "\"\"\"",
        "1979-05-27T07:32:00Z",
        "inf",
        "nan",
        "0x",
        "password = \"zak_x\"",
        "{ env = \"A\" }",
        "0s",
        "99999999999h",
        "**",
        "..",
    ];
    let today = time::macros::date!(2026 - 01 - 01);
    fuzz(&spoilt(SEEDS, TOKENS), |text| {
        match load::parse(Path::new("r.toml"), text.clone(), |_| true, today) {
            Ok(loaded) => {
                let url = &loaded.scenario.registry.url;
                prop_assert!(matches!(url.scheme(), "http" | "https") && url.password().is_none(), "{url}");
            }
            Err(error) => {
                prop_assert!(!error.message.is_empty());
                let lines = text.matches('\n').count() + 1;
                prop_assert!(error.place.is_none_or(|(line, column)| (1..=lines).contains(&line) && column > 0));
            }
        }
        Ok(())
    });
}

#[test]
fn a_zot_configuration_is_read_or_refused_at_a_place_that_it_has() {
    const SEEDS: &[&str] = &[
        include_str!("../../tests/configs/seed.json"),
        "http:\n  address: 0.0.0.0\n  port: 5000\n  accessControl:\n    repositories:\n      '**':\n        anonymousPolicy: [read]\n        policies:\n          - {users: [a], actions: [read, create]}\nextensions: {sync: {enable: true}}\n",
    ];
    const TOKENS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "null",
        "true",
        "1e999",
        "\"**\"",
        "\"\\ud800\"",
        "&a ",
        "*a",
        "!!binary ",
        "<<: ",
        "- ",
        "? ",
        "---\n",
        "{a",
        "[!",
        "\"accessControl\":",
        "\"policies\": [{}]",
    ];
    fuzz(
        &(spoilt(SEEDS, TOKENS), prop::sample::select(&["config.json", "config.yaml", "config"][..])),
        |(text, file)| {
            match ZotConfig::parse(file, &text) {
                Ok(config) => drop(lint::lint(&config, None)),
                Err(error) => {
                    let lines = text.split('\n').count().max(1);
                    prop_assert!(error.place.line >= 1 && error.place.line <= lines + 1, "{error:?}");
                    prop_assert!(!error.message.is_empty());
                }
            }
            Ok(())
        },
    );
}

#[test]
fn a_challenge_is_a_refusal_only_with_401_and_never_a_reason_to_panic() {
    const SEEDS: &[&str] = &[
        "Basic realm=\"Authorization Required\"",
        "Bearer realm=\"https://auth.example.test/token\",service=\"r\",scope=\"repository:a:pull\"",
        "Basic, Bearer realm=x, Digest nonce=\"a\\\"b\"",
    ];
    const TOKENS: &[&str] =
        &["realm=", "\"", ",", "Bearer", "=", " ", "\\\"", "http://169.254.169.254/", "Negotiate abc=="];
    fuzz(&(spoilt(SEEDS, TOKENS), 200_u16..600), |(text, status)| {
        let Some(answer) = answer(status, "www-authenticate", &text) else { return Ok(()) };
        let realms = answer.token_realms();
        prop_assert!(realms.iter().all(|realm| realm.len() <= text.len()));
        // No body of the registry's own: whatever the challenge says, this refusal is nobody's.
        prop_assert!(answer.expect_unauthorized(&WHY).is_err() && answer.expect_denied(&WHY).is_err());
        Ok(())
    });
}

#[test]
fn a_next_page_is_of_the_same_list_or_none() {
    const SEEDS: &[&str] = &[
        "</v2/team/app/tags/list?last=b&n=500>; rel=\"next\"",
        "<https://registry.example.test/v2/team/app/tags/list?last=b>; rel=next",
    ];
    const TOKENS: &[&str] =
        &["<", ">", "//evil.test", "https://", "@", "..", "%2e%2e/", "?", "#", "rel=\"next\"", "\\", "http:"];
    let origin = Origin::of(&Url::parse("https://registry.example.test/").unwrap());
    fuzz(&spoilt(SEEDS, TOKENS), |text| {
        let Some(answer) = answer(200, "link", &text) else { return Ok(()) };
        if let Some(Ok(target)) = listing::next(&answer, "/v2/team/app/tags/list") {
            let url = origin.join(&target).map_err(|error| TestCaseError::fail(format!("{target}: {error}")))?;
            prop_assert!(origin.owns(&url) && url.path() == "/v2/team/app/tags/list", "{target}");
        }
        Ok(())
    });
}

#[test]
fn an_upload_goes_on_in_its_own_repository_or_not_at_all() {
    const SEEDS: &[&str] = &[
        "/v2/team/app/blobs/uploads/0b7c?_state=x",
        "https://registry.example.test/v2/team/app/blobs/uploads/0b7c",
        "../../team/app/blobs/uploads/0b7c",
    ];
    const TOKENS: &[&str] = &[
        "//evil.test",
        "https://",
        "@",
        "../",
        "%2e%2e/",
        "..%2f",
        "?",
        "#",
        "\\",
        "/v2/other/",
        "http:",
        ":444",
        ";",
        "%00",
    ];
    let origin = Origin::of(&Url::parse("https://registry.example.test/").unwrap());
    fuzz(&spoilt(SEEDS, TOKENS), |text| {
        let Some(answer) = answer(202, "location", &text) else { return Ok(()) };
        if let Ok(target) = answer.expect_upload_location("team/app", &WHY) {
            let url = origin.join(&target).map_err(|error| TestCaseError::fail(format!("{target}: {error}")))?;
            prop_assert!(origin.owns(&url), "{target}");
            prop_assert!(url.path().starts_with("/v2/team/app/blobs/uploads/"), "{target}");
        }
        Ok(())
    });
}

#[test]
fn the_guard_lets_content_into_the_scratch_repository_alone() {
    const SEEDS: &[&str] = &[
        "/v2/team/scratch/manifests/latest",
        "/v2/team/scratch/blobs/uploads/00000000-0000-4000-8000-000000000000?digest=sha256:00",
        "/v2/team/app/manifests/latest",
        "/v2/team/scratch/../app/manifests/latest",
    ];
    const TOKENS: &[&str] = &[
        "/",
        "..",
        "./",
        "%2e",
        "%2F",
        "//",
        "?",
        "#",
        "\\",
        "team/scratch",
        "app",
        "manifests",
        "uploads",
        ";",
        "@",
        "%25",
        "&",
    ];
    let methods =
        prop::sample::select(&["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "put", "LINK"][..]);
    let kinds =
        prop::option::of(prop::sample::select(&[ORACLE_TYPE, "application/json", "application/octet-stream"][..]));
    let effects = prop::sample::select(&[Effect::ReadOnly, Effect::Oracle, Effect::Writes][..]);
    fuzz(&(spoilt(SEEDS, TOKENS), methods, kinds, effects), |(target, method, content_type, effect)| {
        let scratch = Some("team/scratch".to_owned());
        let guard = Guard { effect, scratch, ends_sessions: false, key: KeyUse::None, cleared: Cleared::all() };
        let body = b"real content";
        let intent = Intent {
            method,
            target: &target,
            content_type,
            content_range: None,
            range: false,
            override_method: None,
            body,
        };
        if guard.permit(&intent).is_err() || matches!(method, "GET" | "HEAD" | "OPTIONS") {
            return Ok(());
        }
        prop_assert!(effect == Effect::Writes || method == "DELETE", "{effect} {method} {target}");
        let url = Url::parse(&format!("https://registry.example.test{target}"));
        let path = url.map_or_else(|_| target.clone(), |url| url.path().to_owned());
        // A digest that nobody has, or no digest at all: these two delete nothing.
        let nothing = method == "DELETE"
            && (path.contains("sha256:") || path.ends_with("/blobs/notadigest") || path.contains("/uploads/"));
        prop_assert!(path.starts_with("/v2/team/scratch/") || nothing, "{method} {target} is {path}");
        Ok(())
    });
}

#[test]
fn a_raw_answer_is_whole_or_not_and_never_longer_than_what_came() {
    const SEEDS: &[&str] = &[
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n{}",
    ];
    const TOKENS: &[&str] = &[
        "\r\n",
        "\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "HTTP/1.",
        "Content-Length: ",
        "ffffffffffffffff",
        "0",
        ":",
        " ",
        ";x=y",
        "Transfer-Encoding: chunked\r\n",
        "-5",
    ];
    let methods = prop::sample::select(&["GET", "HEAD", "OPTIONS"][..]);
    fuzz(&(spoilt(SEEDS, TOKENS), methods, any::<Index>()), |(text, method, cut)| {
        let whole = parse_raw(text.as_bytes(), method, false);
        if let Ok(Some((status, _, body))) = &whole {
            prop_assert!(body.len() <= text.len() && !(100..200).contains(status) || *status == 101);
        }
        // What is said of the start of an answer stays true when more comes.
        let start = &text.as_bytes()[..cut.index(text.len() + 1)];
        if let (Ok(Some(early)), Ok(Some(late))) = (parse_raw(start, method, false), whole) {
            prop_assert_eq!(early, late);
        }
        Ok(())
    });
}

#[test]
fn a_flood_of_interim_answers_ends_without_a_deep_stack() {
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1 << 16);
    assert!(parse_raw(flood.as_bytes(), "GET", false).unwrap().is_none());
}
