//! Each way to break a login of a real zot, and exactly the checks that must notice it, with its cause in the message.
//!
//! Where zot, the provider or a browser is missing, each test says so in one loud line.

use std::collections::BTreeMap;

use crate::support;
use crate::support::hardened::write_secret;
use crate::support::judge;
use crate::support::provider::{CLIENT_ID, CLIENT_SECRET, Options};
use crate::support::rewriter::{Change, Rewriter};
use crate::support::world::{Setup, World};
use crate::support::zot::Zot;
use regproof::check::machine::Machine;
use regproof::model::outcome::{Finding, Verdict};
use serde_json::{Value, json};

const REDIRECT: &str = "oidc::login_redirects_to_the_provider";
const LOGIN: &str = "oidc::login_returns_with_a_session";
const DISCOVERY: &str = "oidc::provider_is_discoverable";
const HOME: &str = "oidc::login_returns_only_home";
const COOKIES: &str = "oidc::session_cookie_is_protected";
const LIFE: &str = "keys::lifecycle";
/// The checks that need a whole login for something else: undecided where the login fails.
const NEED_A_LOGIN: [&str; 3] = [HOME, COOKIES, LIFE];

/// What failed, what was undecided, and the findings of both.
fn judged(world: &World, change: impl FnOnce(&mut Value)) -> (Vec<String>, Vec<String>, BTreeMap<String, Finding>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), change);
    let run = judge::run(&file, &["oidc::", "keys::"], &Machine::here(false));
    let ids = |wanted: Verdict| -> Vec<String> {
        run.outcomes.iter().filter(|outcome| outcome.verdict == wanted).map(|outcome| outcome.id.clone()).collect()
    };
    let findings = run.outcomes.iter().filter_map(|o| Some((o.id.clone(), o.finding.clone()?))).collect();
    (ids(Verdict::Fail), ids(Verdict::Error), findings)
}

fn world(test: &str, provider: Options) -> Option<World> {
    if support::on_path("chromedriver").is_none() {
        support::lacks(test, "chromedriver");
        return None;
    }
    World::start_on(&Zot::find(test)?, test, Setup { without_cache: true, provider, ..Setup::default() })
}

/// Exactly these fail and exactly these are undecided; the finding of `of` says `words`.
#[track_caller]
fn only(world: &World, fail: &[&str], undecided: &[&str], of: &str, words: &str) {
    only_in(world, |_| (), fail, undecided, of, words);
}

#[track_caller]
fn only_in(world: &World, change: impl FnOnce(&mut Value), fail: &[&str], undecided: &[&str], of: &str, words: &str) {
    let (failed, open, findings) = judged(world, change);
    let sorted = |ids: &[&str]| {
        let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.sort();
        ids
    };
    assert_eq!((&failed, &open), (&sorted(fail), &sorted(undecided)), "{findings:#?}");
    let finding = findings.get(of).unwrap_or_else(|| panic!("{of} found nothing"));
    let text = [&finding.actual, &finding.cause, &finding.remedy].map(String::as_str).join("\n");
    assert!(text.contains(words), "{of}: {text}");
}

fn openid(config: &mut Value) -> &mut Value {
    &mut config["http"]["auth"]["openid"]["providers"]["oidc"]
}

fn with_client(config: &mut Value, id: &str, secret: &str) {
    let file = openid(config)["credentialsFile"].as_str().expect("the configuration names the file").to_owned();
    write_secret(file.as_ref(), &json!({ "clientid": id, "clientsecret": secret }).to_string());
}

#[test]
fn a_sound_login_passes_every_check() {
    let Some(world) = world("a_sound_login_passes_every_check", Options::default()) else { return };
    let (failed, open, findings) = judged(&world, |_| ());
    assert!(failed.is_empty() && open.is_empty(), "{findings:#?}");
}

#[test]
fn a_wrong_client_secret_is_named() {
    let Some(world) = world("a_wrong_client_secret_is_named", Options::default()) else { return };
    let world = world.reconfigure(|config| with_client(config, CLIENT_ID, "another"));
    only(&world, &[LOGIN], &NEED_A_LOGIN, LOGIN, "the client secret in zot's credentialsFile is not the one");
}

#[test]
fn a_wrong_client_id_is_named() {
    let Some(world) = world("a_wrong_client_id_is_named", Options::default()) else { return };
    let world = world.reconfigure(|config| with_client(config, "zot-staging", CLIENT_SECRET));
    let undecided = [LOGIN, HOME, COOKIES, LIFE];
    only(&world, &[REDIRECT], &undecided, REDIRECT, "client_id zot-staging");
}

#[test]
fn another_issuer_path_is_named() {
    let test = "another_issuer_path_is_named";
    let Some(world) = world(test, Options::default()) else { return };
    let issuer = format!("{}/application/o/zot/", world.provider.issuer);
    let change = |scenario: &mut Value| scenario["oidc"]["issuer"] = issuer.clone().into();
    only_in(&world, change, &[DISCOVERY], &[REDIRECT], DISCOVERY, "to the last slash");
    // zot itself does not start with an issuer that describes itself elsewhere.
    let refused = world.try_reconfigure(|config| openid(config)["issuer"] = issuer.clone().into());
    assert!(refused.is_err(), "zot serves with a wrong issuer");
}

#[test]
fn a_missing_scope_is_named() {
    let Some(world) = world("a_missing_scope_is_named", Options::default()) else { return };
    let world = world.reconfigure(|config| openid(config)["scopes"] = json!(["openid", "email"]));
    only(&world, &[LOGIN, LIFE], &[], LOGIN, "does not ask for the scope profile");
}

#[test]
fn another_claim_mapping_is_named() {
    let Some(world) = world("another_claim_mapping_is_named", Options::default()) else { return };
    let world = world.reconfigure(|config| openid(config)["claimMapping"] = json!({ "username": "email" }));
    only(&world, &[LOGIN], &[], LOGIN, "zot-ci@example.test");
}

#[test]
fn a_group_claim_under_another_name_is_named() {
    let Some(world) = world("a_group_claim_under_another_name_is_named", Options::default()) else { return };
    let world = world.reconfigure(|config| openid(config)["claimMapping"]["groups"] = "roles".into());
    only(&world, &[LOGIN, LIFE], &[], LOGIN, "no groups claim for this user, or under another name");
}

#[test]
fn an_external_url_of_another_scheme_or_host_is_named() {
    let Some(mut world) = world("an_external_url_of_another_scheme_or_host_is_named", Options::default()) else {
        return;
    };
    let sound = world.zot.url.clone();
    for wrong in [sound.replacen("http", "https", 1), sound.replacen("127.0.0.1", "localhost", 1)] {
        world = world.reconfigure(|config| config["http"]["externalUrl"] = wrong.clone().into());
        let undecided = [LOGIN, HOME, COOKIES, LIFE];
        only(&world, &[REDIRECT], &undecided, REDIRECT, &format!("redirect_uri {wrong}"));
        let (_, _, findings) = judged(&world, |_| ());
        assert!(findings[LOGIN].cause.contains("http.externalUrl"), "{:?}", findings[LOGIN]);
    }
}

#[test]
fn a_clock_five_minutes_ahead_is_named() {
    let Some(world) = world("a_clock_five_minutes_ahead_is_named", Options::default()) else { return };
    world.provider.put_forward(300);
    only(&world, &[LOGIN], &NEED_A_LOGIN, LOGIN, "ahead of the registry's; zot forgives 5 seconds");
}

/// zot takes no offence at a token from the past that is still valid: five minutes behind is five minutes less of it.
#[test]
fn a_clock_five_minutes_behind_breaks_no_login() {
    let Some(world) = world("a_clock_five_minutes_behind_breaks_no_login", Options::default()) else { return };
    world.provider.put_forward(-300);
    let (failed, open, findings) = judged(&world, |_| ());
    assert!(failed.is_empty() && open.is_empty(), "{findings:#?}");
}

/// A registry behind a proxy that changes its cookies, and is told its public address rightly.
fn behind_a_proxy(test: &str, change: Change) -> Option<(World, Rewriter)> {
    let proxy = Rewriter::start(change);
    let redirect = format!("{}/zot/auth/callback/oidc", proxy.url);
    let world = world(test, Options { redirect_uris: vec![redirect], ..Options::default() })?;
    let world = world.reconfigure(|config| config["http"]["externalUrl"] = proxy.url.clone().into());
    proxy.lead_to(&world.zot.url);
    Some((world, proxy))
}

#[test]
fn a_proxy_that_passes_cookies_on_breaks_nothing() {
    let test = "a_proxy_that_passes_cookies_on_breaks_nothing";
    let Some((world, proxy)) = behind_a_proxy(test, |line| Some(line.to_owned())) else { return };
    let (failed, open, findings) = judged(&world, |scenario| scenario["registry"]["url"] = proxy.url.clone().into());
    assert!(failed.is_empty() && open.is_empty(), "{findings:#?}");
}

#[test]
fn a_session_cookie_that_scripts_can_read_is_named() {
    let test = "a_session_cookie_that_scripts_can_read_is_named";
    let without = |line: &str| Some(line.replace("; HttpOnly", ""));
    let Some((world, proxy)) = behind_a_proxy(test, without) else { return };
    let change = |scenario: &mut Value| scenario["registry"]["url"] = proxy.url.clone().into();
    only_in(&world, change, &[COOKIES], &[], COOKIES, "is without HttpOnly");
    only_in(&world, change, &[COOKIES], &[], COOKIES, "a proxy rewrites Set-Cookie");
}

#[test]
fn a_proxy_that_drops_the_cookies_of_the_login_is_named() {
    let test = "a_proxy_that_drops_the_cookies_of_the_login_is_named";
    let Some((world, proxy)) = behind_a_proxy(test, |_| None) else { return };
    let change = |scenario: &mut Value| scenario["registry"]["url"] = proxy.url.clone().into();
    let undecided = [&NEED_A_LOGIN[..], &["oidc::forged_callbacks_are_refused"]].concat();
    only_in(&world, change, &[LOGIN], &undecided, LOGIN, "without the state cookie of the login");
}
