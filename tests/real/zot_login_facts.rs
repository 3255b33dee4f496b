//! Facts about zot's login, sessions and API keys that checks rely on, asked of every release this machine has.
//!
//! Nothing of regproof is judged.

use crate::support;
use crate::support::http::{Answer, Session};
use crate::support::image::push_blob;
use crate::support::keys::{log_in, mint_in};
use crate::support::provider::{CI, CLIENT_ID};
use crate::support::world::{SCRATCH, World};
use crate::support::zot::{RealZot, Zot};
use serde_json::json;

#[test]
fn a_key_mints_and_lists_keys_and_anonymous_gets_an_error() {
    World::on_each_release("a_key_mints_and_lists_keys_and_anonymous_gets_an_error", |_, world| {
        let keys = "/zot/auth/apikey";
        world.request("GET", keys).send().must_be(500);
        world.request("POST", keys).body("application/json", "{}").send().must_be(500);
        let minted = world
            .request("POST", keys)
            .credentials(world.credentials(&CI))
            .body("application/json", json!({ "label": "by key", "scopes": ["nothing"] }).to_string())
            .send()
            .must_be(201)
            .json();
        assert!(minted["expirationDate"].as_str().is_some_and(|date| date.starts_with("0001")), "{minted}");
        let key = minted["apiKey"].as_str().expect("a new key is shown once");
        // The scope was stored, and is not enforced.
        let blob = push_blob(&world.zot.url, SCRATCH, b"by a key without a scope", Some((CI.name, key)));
        blob.must_be(201);
        let listed = world.request("GET", keys).credentials(world.credentials(&CI)).send().must_be(200);
        assert!(listed.json()["apiKeys"].as_array().is_some_and(|keys| keys.len() == 2), "{}", listed.text());
    });
}

#[test]
fn api_keys_stay_on_beside_openid() {
    World::on_each_release("api_keys_stay_on_beside_openid", |_, world| {
        let world = world.reconfigure(|config| config["http"]["auth"]["apikey"] = false.into());
        push_blob(&world.zot.url, SCRATCH, b"x", world.credentials(&CI)).must_be(201);
    });
}

#[test]
fn a_session_needs_the_client_header() {
    let Some(world) = World::on_this_release("a_session_needs_the_client_header") else {
        return;
    };
    let (mut session, answer) = log_in(&world.zot.url, &CI, CI.password, || unreachable!("no code is asked for"));
    answer.must_be(200);
    let upload = || world.request("POST", &format!("/v2/{SCRATCH}/blobs/uploads/?from=x"));
    session.send(upload()).must_be(401);
    session.send(upload().header("x-zot-api-client", "zot-ui")).must_be(405);
    assert!(mint_in(&mut session, &world.zot.url, "second").starts_with("zak_"));
}

#[test]
fn the_login_redirect_tells_client_address_and_state() {
    let Some(world) = World::on_this_release("the_login_redirect_tells_client_address_and_state") else {
        return;
    };
    let login = "/zot/auth/login?provider=oidc";
    let parameter = |answer: &Answer, name: &str| {
        let target: url::Url = answer.header("location").expect("a target").parse().expect("a URL");
        target.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let first = world.request("GET", login).send().must_be(302);
    let expected = format!("{}/zot/auth/callback/oidc", world.zot.url);
    assert_eq!(parameter(&first, "redirect_uri"), Some(expected));
    assert_eq!(parameter(&first, "client_id").as_deref(), Some(CLIENT_ID));
    let cookies: Vec<_> = first.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()).collect();
    let state = cookies.iter().find(|cookie| cookie.starts_with("state=")).expect("the state is kept");
    assert!(state.contains("Max-Age=120") && state.contains("Secure"), "{state}");

    let world = world.reconfigure(|config| config["http"]["externalUrl"] = "https://registry.example".into());
    let moved = world.request("GET", login).send().must_be(302);
    let moved = parameter(&moved, "redirect_uri");
    assert_eq!(moved.as_deref(), Some("https://registry.example/zot/auth/callback/oidc"));
}

#[test]
fn only_a_whole_login_with_its_push_proves_the_login() {
    let Some(world) = World::on_this_release("only_a_whole_login_with_its_push_proves_the_login") else {
        return;
    };
    let no_code = || -> String { unreachable!("no code is asked for") };
    let credentials = world.zot.config["http"]["auth"]["openid"]["providers"]["oidc"]["credentialsFile"]
        .as_str()
        .expect("the configuration names the file")
        .to_owned();
    let right = std::fs::read_to_string(&credentials).expect("the credentials are there");
    let wrong = json!({ "clientid": CLIENT_ID, "clientsecret": "another" }).to_string();
    support::hardened::write_secret(credentials.as_ref(), &wrong);
    let world = world.reconfigure(|_| {});
    Session::default().send(world.request("GET", "/zot/auth/login?provider=oidc")).must_be(302);
    let (_, refused) = log_in(&world.zot.url, &CI, CI.password, no_code);
    refused.must_be(401);

    support::hardened::write_secret(credentials.as_ref(), &right);
    let world = world.reconfigure(|config| {
        config["http"]["auth"]["openid"]["providers"]["oidc"]["scopes"] = json!(["openid", "email"]);
        // The name must not depend on the scope that is missing.
        config["http"]["auth"]["openid"]["providers"]["oidc"]["claimMapping"]["username"] = "sub".into();
    });
    let (mut session, answer) = log_in(&world.zot.url, &CI, CI.password, no_code);
    answer.must_be(200);
    let upload = world.request("POST", &format!("/v2/{SCRATCH}/blobs/uploads/?from=x"));
    session.send(upload.header("x-zot-api-client", "zot-ui")).must_be(403);
    // Groups of a key are those of its owner's last login.
    push_blob(&world.zot.url, SCRATCH, b"x", world.credentials(&CI)).must_be(403);
}

#[test]
fn an_unreachable_issuer_keeps_zot_from_starting() {
    let test = "an_unreachable_issuer_keeps_zot_from_starting";
    let Some(zot) = Zot::find(test) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let started = RealZot::try_start(&zot, folder.path(), |port| {
        support::hardened::config(zot.release, port, "http://127.0.0.1:1", None, folder.path())
    });
    let Err(refused) = started else { panic!("zot serves without its issuer") };
    assert!(refused.reason.starts_with("it ended"), "{refused:?}");
}
