//! Listings as zot writes them, and whether a key of a run's own making always ends.

use std::sync::Arc;
use std::time::{Duration as Limit, Instant};

use base64::Engine as _;
use time::macros::datetime;

use super::*;
use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::checks;
use crate::lab::{Lab, Options};
use crate::model::outcome::Verdict;
use crate::run::runner;

const NOW: OffsetDateTime = datetime!(2026-06-01 00:00 UTC);

/// A listing in zot's words: Go's nanoseconds, local offsets and zero times.
const LISTING: &str = r#"{"apiKeys":[
 {"createdAt":"2026-05-01T10:00:00.123456789+02:00","expirationDate":"2026-07-01T00:00:00Z","isExpired":false,
  "creatorUa":"curl","generatedBy":"manual","lastUsed":"2026-05-31T23:59:59.5Z","label":"ci","scopes":null,"uuid":"a"},
 {"createdAt":"2025-01-01T00:00:00Z","expirationDate":"0001-01-01T00:00:00Z","isExpired":false,
  "creatorUa":"curl","generatedBy":"manual","lastUsed":"0001-01-01T00:00:00Z","label":"","scopes":[],"uuid":"b"}]}"#;

fn keys() -> Vec<Listed> {
    serde_json::from_str::<Listing>(LISTING).unwrap().api_keys.unwrap()
}

#[test]
fn a_listing_tells_the_end_of_each_key() {
    let keys = keys();
    assert_eq!(keys[0].ends(), Some(datetime!(2026-07-01 00:00 UTC)));
    assert_eq!(keys[1].ends(), None);
    assert!(serde_json::from_str::<Listing>(r#"{"apiKeys":null}"#).unwrap().api_keys.is_none());
}

#[test]
fn a_key_has_moved_when_it_was_used_between_two_listings() {
    let before = keys();
    let mut now = keys();
    assert!(!has_moved("a", &before, &now));
    now[1].last_used = NOW;
    assert!(has_moved("b", &before, &now) && !has_moved("a", &before, &now));
    assert!(has_moved("a", &before[1..], &now), "it is new");
    assert!(!has_moved("a", &before, &now[1..]), "it is gone");
}

#[test]
fn sprawl_names_forgotten_and_endless_keys() {
    let text = sprawl("zot-ci", &keys(), NOW);
    assert!(text.starts_with("zot-ci has 2 API keys; 1 not used for 90 days: without a label (b); 1 without an end"));
    assert_eq!(sprawl("zot-ci", &keys()[..1], NOW), "zot-ci has 1 API key");
}

#[test]
fn a_wanted_key_is_short_lived_and_its_answer_is_never_repeated() {
    let mut own = Own::wanted("regproof-x".to_owned(), "zot-ci", NOW);
    assert!(own.request().unwrap().contains(r#""expirationDate":"2026-06-01T00:15:00Z""#));
    let redactor = Redactor::default();
    let error = own.minted(r#"{"apiKey":"zak_0123456789abcdef0123456789abcdef"}"#, &redactor).unwrap_err();
    assert!(!format!("{error:#}").contains("zak_"), "{error:#}");
    assert!(own.credential().is_none());
}

#[test]
fn what_is_minted_is_redacted_however_it_is_written() {
    let mut own = Own::wanted("regproof-x".to_owned(), "zot-ci", NOW);
    let redactor = Redactor::new([]);
    let key = "zak_0123456789abcdef0123456789abcdef";
    let ends = "2026-06-01T00:15:00Z";
    let answer = json!({ "apiKey": key, "uuid": "u", "createdAt": ends, "expirationDate": ends, "lastUsed": ends });
    own.minted(&answer.to_string(), &redactor).unwrap();
    let echo = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("zot-ci:{key}")));
    assert!(redactor.leaks(&echo), "before anything is sent with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minted_key_is_revoked_when_the_run_is_interrupted() {
    // So slow that the key lives for a while, also to a test that is rarely given a turn.
    let lab = Lab::start(Options { extra_latency: Limit::from_millis(200), ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = lab.write_scenario(folder.path()).unwrap();
    // A user with an identity, so that the key can be found by its label, should the answer to the minting be lost.
    std::fs::write(folder.path().join("secrets/login.user"), "zot-ci").unwrap();
    std::fs::write(folder.path().join("secrets/login.password"), lab.password("zot-ci")).unwrap();
    let target = Arc::new(Target::open(&file, None, Machine::here(false)).unwrap());
    let plan = target.plan(checks::CHECKS, &["keys::lifecycle"]).unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(None);
    let check = runner::execute_one(&plan.steps[0], &target, stopped);
    let minted = || lab.api_keys().iter().any(|(_, label)| label.starts_with("regproof-"));
    let watch = async {
        let end = Instant::now() + Limit::from_secs(300);
        while Instant::now() < end && !minted() {
            tokio::time::sleep(Limit::from_millis(1)).await;
        }
        stop.send(Some("interrupted".to_owned())).unwrap();
    };
    let (outcome, ()) = tokio::join!(check, watch);
    assert!(!minted(), "a key is left: {:?}", outcome.leftovers);
    assert_eq!(outcome.leftovers, []);
    assert_eq!(outcome.verdict, Verdict::Error, "{:?}", outcome.finding);
}
