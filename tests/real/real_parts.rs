//! The real parts are what the other tests take them for: a hardened zot with provider, cache, keys and faults.
//!
//! Nothing of regproof is judged here.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support;
use crate::support::faults::{Fault, FaultProxy};
use crate::support::http::Request;
use crate::support::image::{Image, push_blob};
use crate::support::keys::{log_in, mint, mint_in};
use crate::support::provider::{ADMIN, CI, GUEST, Options, Provider};
use crate::support::upstream::Upstream;
use crate::support::world::{PRIVATE, PUBLIC, SCRATCH, Setup, TAG, World};
use crate::support::zot::{RealZot, Zot};

#[test]
fn every_hardened_zot_keeps_the_promises_of_its_operator() {
    let test = "every_hardened_zot_keeps_the_promises_of_its_operator";
    for zot in Zot::find_all(test) {
        let Some(world) = World::start_on(&zot, test, Setup::default()) else { return };
        promises_hold(&world);
    }
}

fn promises_hold(world: &World) {
    let url = &world.zot.url;
    let get = |path: &str| Request::new("GET", &format!("{url}{path}"));

    let pulled = get(&format!("/v2/{PUBLIC}/manifests/{TAG}")).send().must_be(200);
    assert_eq!(support::image::digest(&pulled.body), world.digest);

    let image = Image::with_content("new");
    for (user, status) in [(None, 401), (world.credentials(&GUEST), 403)] {
        let refused = push_blob(url, SCRATCH, &image.blobs[0], user).must_be(status);
        assert!(refused.json()["errors"].is_array(), "{}", refused.text());
    }
    image.push(url, SCRATCH, "v1.0.0-abcdef0", world.credentials(&CI));
    image.put_manifest(url, SCRATCH, "v1.0.0-abcdef0", world.credentials(&CI)).must_be(403);
    image.put_manifest(url, SCRATCH, "v1.0.0-abcdef0", world.credentials(&ADMIN)).must_be(201);
    Request::new("DELETE", &format!("{url}/v2/{SCRATCH}/manifests/v1.0.0-abcdef0"))
        .credentials(world.credentials(&CI))
        .send()
        .must_be(403);

    let metrics = get("/metrics").send().must_be(200);
    assert!(metrics.text().contains("zot_info"), "{}", metrics.text());

    let cached = get("/v2/docker.io/library/alpine/manifests/3.20").send().must_be(200);
    let upstream = world.upstream.as_ref().expect("this world has a cache");
    assert_eq!(support::image::digest(&cached.body), upstream.digest);
}

#[test]
fn a_change_of_configuration_keeps_keys_and_content() {
    let Some(world) = World::start("a_change_of_configuration_keeps_keys_and_content") else { return };
    let world = world.reconfigure(|config| {
        config["http"]["accessControl"]["repositories"]["**"]["anonymousPolicy"] = serde_json::json!([]);
    });
    let manifest = format!("{}/v2/{PUBLIC}/manifests/{TAG}", world.zot.url);
    Request::new("GET", &manifest).send().must_be(401);
    Request::new("GET", &manifest).credentials(world.credentials(&CI)).send().must_be(200);
}

#[test]
fn a_private_repository_is_for_admins() {
    let test = "a_private_repository_is_for_admins";
    let Some(world) = World::on_this_release(test) else { return };
    let manifest = format!("{}/v2/{PRIVATE}/manifests/v1", world.zot.url);
    for (user, status) in [(None, 401), (world.credentials(&CI), 403), (world.credentials(&ADMIN), 200)] {
        Request::new("GET", &manifest).credentials(user).send().must_be(status);
    }
}

#[test]
fn a_wrong_password_and_a_foreign_redirect_are_refused() {
    let Some(world) = World::start("a_wrong_password_and_a_foreign_redirect_are_refused") else { return };
    let (_, refused) = log_in(&world.zot.url, &CI, "wrong", || unreachable!("no code is asked for"));
    refused.must_be(401);
    assert!(world.provider.log().contains("refused password"));

    let world = world.reconfigure(|config| config["http"]["externalUrl"] = "http://127.0.0.1:1".into());
    let (_, refused) = log_in(&world.zot.url, &CI, CI.password, || unreachable!("no code is asked for"));
    refused.must_be(400);
    assert!(world.provider.log().contains("redirect_uri"), "{}", world.provider.log());
}

#[test]
fn a_login_can_ask_for_a_code_and_for_consent() {
    let test = "a_login_can_ask_for_a_code_and_for_consent";
    let Some(zot) = Zot::find(test) else { return };
    let secret = "JBSWY3DPEHPK3PXP";
    let provider = Options { totp_secret: Some(secret.to_owned()), consent: true, ..Options::default() };
    let setup = Setup { without_cache: true, provider, ..Setup::default() };
    let Some(world) = World::start_on(&zot, test, setup) else { return };
    let (_, refused) = log_in(&world.zot.url, &CI, CI.password, || "000000x".to_owned());
    refused.must_be(401);
    let (mut session, answer) = log_in(&world.zot.url, &CI, CI.password, || support::keys::code_now(secret));
    answer.must_be(200);
    let key = mint_in(&mut session, &world.zot.url, "after code and consent");
    assert!(key.starts_with("zak_"), "{key}");
}

#[test]
fn keys_of_one_user_are_different_and_both_work() {
    let test = "keys_of_one_user_are_different_and_both_work";
    let Some(world) = World::on_this_release(test) else { return };
    let second = mint(&world.zot.url, &CI);
    assert_ne!(second, world.keys.ci);
    for key in [&second, &world.keys.ci] {
        Request::new("GET", &format!("{}/v2/", world.zot.url)).credentials(Some((CI.name, key))).send().must_be(200);
    }
}

#[test]
fn a_scenario_names_the_world_and_keeps_its_secrets_out() {
    use std::os::unix::fs::PermissionsExt;
    let test = "a_scenario_names_the_world_and_keeps_its_secrets_out";
    let Some(world) = World::start(test) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = world.scenario(folder.path());
    let text = std::fs::read_to_string(path).expect("the scenario is there");
    for secret in [&world.keys.ci, &world.keys.admin, &world.keys.guest, CI.password] {
        assert!(!text.contains(secret), "{text}");
    }
    let scenario: toml::Table = text.parse().expect("the scenario is TOML");
    assert_eq!(scenario["registry"]["url"].as_str(), Some(world.zot.url.as_str()));
    let key = scenario["identities"]["ci"]["password"]["file"].as_str().expect("the key is in a file");
    let metadata = std::fs::metadata(key).expect("the file is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_port_that_was_taken_meanwhile_is_given_up() {
    let test = "a_port_that_was_taken_meanwhile_is_given_up";
    let Some(zot) = Zot::find(test) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut taken = None;
    let real = RealZot::start(&zot, folder.path(), |port| {
        if taken.is_none() {
            taken = Some((port, TcpListener::bind(("127.0.0.1", port)).expect("the port was free")));
        }
        serde_json::json!({ "distSpecVersion": "1.1.1" })
    });
    assert_ne!(real.port, taken.expect("zot was configured").0);
    Request::new("GET", &format!("{}/v2/", real.url)).send().must_be(200);
}

#[test]
fn an_upstream_holds_one_image() {
    if Upstream::program().is_none() {
        support::lacks("an_upstream_holds_one_image", "docker-registry");
        return;
    }
    let upstream = Upstream::start();
    let manifest = Request::new("HEAD", &format!("{}/v2/library/alpine/manifests/3.20", upstream.url))
        .header("accept", support::image::MANIFEST)
        .send()
        .must_be(200);
    assert_eq!(manifest.header("docker-content-digest"), Some(upstream.digest.as_str()));
}

#[test]
fn a_provider_ends_with_its_guard() {
    if let Some(reason) = Provider::missing() {
        support::lacks("a_provider_ends_with_its_guard", reason);
        return;
    }
    let provider = Provider::start(&Options::default());
    let discovery = format!("{}/.well-known/openid-configuration", provider.issuer);
    let issuer = Request::new("GET", &discovery).send().must_be(200).json()["issuer"].clone();
    assert_eq!(issuer.as_str(), Some(provider.issuer.as_str()));
    drop(provider);
    assert!(Request::new("GET", &discovery).try_send().is_err());
}

#[test]
fn the_proxy_passes_delays_cuts_resets_and_stalls() {
    use std::io::{ErrorKind, Read, Write};
    const ANSWER: &[u8] = b"0123456789";
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let target: SocketAddr = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut byte = [0];
            if stream.read_exact(&mut byte).is_ok() {
                let _ = stream.write_all(ANSWER);
            }
        }
    });
    let proxy = FaultProxy::start(target, Fault::None);
    let ask = |fault: Fault| {
        proxy.set(fault);
        let mut stream = TcpStream::connect(proxy.address()).expect("the proxy listens");
        // What stalls never answers; everything else may be slow.
        let limit = if matches!(fault, Fault::Stall(_)) { Duration::from_millis(500) } else { Duration::from_secs(60) };
        stream.set_read_timeout(Some(limit)).expect("the limit is not zero");
        stream.write_all(b"?").expect("the proxy reads");
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer).map_err(|error| error.kind());
        (answer, end)
    };
    assert_eq!(ask(Fault::None), (ANSWER.to_vec(), Ok(10)));
    assert_eq!(ask(Fault::Truncate(4)), (ANSWER[..4].to_vec(), Ok(4)));
    assert_eq!(ask(Fault::Reset(0)).1, Err(ErrorKind::ConnectionReset));
    assert_eq!(ask(Fault::Stall(4)), (ANSWER[..4].to_vec(), Err(ErrorKind::WouldBlock)));
    let start = Instant::now();
    assert_eq!(ask(Fault::Latency(Duration::from_millis(120))), (ANSWER.to_vec(), Ok(10)));
    assert!(start.elapsed() >= Duration::from_millis(120));
}
