//! Whole logins of a real zot at foreign providers, in a real browser: with a second factor, with consent, and through a
//! WebDriver that somebody else started.
//!
//! A provider that listens on all interfaces runs in a network namespace, with zot and the browser beside it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support;
use crate::support::canaille::Canaille;
use crate::support::hardened::{self, write_secret};
use crate::support::http::Request;
use crate::support::judge;
use crate::support::keycloak::{self, Keycloak};
use crate::support::process::Server;
use crate::support::provider::{ADMIN, CI, CLIENT_ID, GUEST, Options};
use crate::support::world::{Setup, World};
use crate::support::zot::{RealZot, Zot};
use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use regproof::check::machine::Machine;
use regproof::model::outcome::{Run, Verdict};
use serde_json::json;

const LOGIN: &str = "oidc::login_returns_with_a_session";
/// Set in the copy of this program that runs in a namespace.
const INSIDE: &str = "REGPROOF_TEST_IN_NAMESPACE";

fn run(file: &Path, only: &[&str]) -> Run {
    judge::run(file, only, &Machine::here(false))
}

#[track_caller]
fn all_pass(run: &Run, most_skipped: usize) {
    let skipped = run.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Skip).count();
    for outcome in &run.outcomes {
        let good = matches!(outcome.verdict, Verdict::Pass | Verdict::Skip);
        assert!(good && skipped <= most_skipped, "{} {:?}: {:#?}", outcome.id, outcome.verdict, outcome.finding);
    }
}

fn has_a_browser(test: &str) -> bool {
    let there = support::on_path("chromedriver").is_some();
    if !there {
        support::lacks(test, "chromedriver");
    }
    there
}

fn world(test: &str, provider: Options) -> Option<World> {
    if !has_a_browser(test) {
        return None;
    }
    World::start_on(&Zot::find(test)?, test, Setup { without_cache: true, provider, ..Setup::default() })
}

#[test]
fn a_second_factor_and_a_consent_page_are_passed() {
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let provider = Options { totp_secret: Some(secret.to_owned()), consent: true, ..Options::default() };
    let Some(world) = world("a_second_factor_and_a_consent_page_are_passed", provider) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let totp = folder.path().join("login.totp");
    write_secret(&totp, secret);
    let file = world.scenario_with(folder.path(), |scenario| {
        scenario["oidc"]["login"]["totp"] = json!({ "file": totp });
    });
    all_pass(&run(&file, &[LOGIN]), 0);
}

#[test]
fn a_webdriver_that_somebody_else_started_is_used_by_its_url() {
    let Some(world) = world("a_webdriver_that_somebody_else_started_is_used_by_its_url", Options::default()) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let driver = support::on_path("chromedriver").expect("asked for above");
    let mut driver = Server::spawn(&driver, &["--port=0"], &folder.path().join("driver.log"));
    let port = driver.wait_until(Duration::from_secs(20), |log| {
        let line = log.lines().find_map(|line| line.split_once("started successfully on port "))?;
        line.1.trim_end_matches('.').parse::<u16>().ok()
    });
    let own = format!("http://127.0.0.1:{}", port.unwrap_or_else(|error| panic!("{error:?}")));
    let url = support::http::block_on(grid(own.clone()));
    let change = |scenario: &mut serde_json::Value| scenario["browser"]["webdriver"] = url.clone().into();
    let file = world.scenario_with(folder.path(), change);
    all_pass(&run(&file, &[LOGIN]), 0);
    let sessions = Request::new("GET", &format!("{own}/sessions")).send().text();
    assert!(!sessions.contains("capabilities"), "a session is left: {sessions}");
}

/// A grid in front of a driver: as a grid's node does, it adds its own arguments to those of the client. As root that is
/// the missing sandbox, which Chromium refuses to start for root.
async fn grid(driver: String) -> String {
    let forward = move |method: Method, uri: Uri, body: Bytes| {
        let target = format!("{driver}{uri}");
        let mut text = String::from_utf8_lossy(&body).into_owned();
        if method == Method::POST && uri.path() == "/session" {
            text = text.replacen("\"args\":[", "\"args\":[\"--no-sandbox\",", 1);
        }
        async move {
            let ask = move || Request::new(method.as_str(), &target).body("application/json", text).send();
            let answer = tokio::task::spawn_blocking(ask).await.expect("the driver answers");
            let status = StatusCode::from_u16(answer.status).expect("a status");
            (status, [("content-type", "application/json")], answer.body)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(forward)).await });
    format!("http://{address}")
}

#[test]
fn zitadel_logs_in_in_a_namespace_of_its_own() {
    let test = "zitadel_logs_in_in_a_namespace_of_its_own";
    if std::env::var_os(INSIDE).is_some() {
        return zitadel(test);
    }
    let missing = support::tool("server").is_none().then_some("no zitadel example server: run `make tools`");
    if let Some(reason) = missing.or_else(|| namespace().is_none().then_some("no network namespace may be made here")) {
        return support::skip(test, reason);
    }
    if !has_a_browser(test) || Zot::find(test).is_none() {
        return;
    }
    let [program, arguments @ ..] = namespace().expect("asked for above") else { unreachable!("it names a program") };
    let inside = "ip link set lo up && exec \"$0\" \"$@\"";
    let output = Command::new(program)
        .args(arguments)
        .args(["sh", "-c", inside])
        .arg(std::env::current_exe().expect("a running program has a path"))
        .args([&format!("logins::{test}"), "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare was started before");
    let mut stderr = std::io::stderr();
    stderr.write_all(&output.stderr).expect("stderr takes what the test said");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// How a network namespace is made here: as root, or else as root of a user namespace.
fn namespace() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["unshare", "--net"], &["unshare", "--net", "--map-root-user"]];
    ways.into_iter().find(|way| {
        let tried = Command::new(way[0]).args(&way[1..]).args(["ip", "link", "set", "lo", "up"]).output();
        tried.is_ok_and(|output| output.status.success())
    })
}

/// Inside the namespace: every port is free, and nobody else can reach what listens.
fn zitadel(test: &str) {
    const ISSUER: &str = "http://localhost:9998/";
    let zot = Zot::find(test).expect("asked for outside");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut provider = None;
    let real = RealZot::start(&zot, folder.path(), |port| {
        let redirect = format!("http://127.0.0.1:{port}/zot/auth/callback/oidc");
        provider.take();
        let program = support::tool("server").expect("asked for outside");
        let settings = [format!("REDIRECT_URI={redirect}"), "PORT=9998".to_owned()];
        let mut arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
        arguments.push(program.to_str().expect("the clone's path is text"));
        let mut server = Server::spawn(Path::new("/usr/bin/env"), &arguments, &folder.path().join("zitadel.log"));
        let discovery = format!("{ISSUER}.well-known/openid-configuration");
        let up = |_: &str| Request::new("GET", &discovery).try_send().ok().filter(|answer| answer.status == 200);
        server.wait_until(Duration::from_secs(30), up).unwrap_or_else(|error| panic!("{error:?}"));
        provider = Some(server);
        let config = hardened::config(zot.release, port, ISSUER, None, folder.path());
        let client = json!({ "clientid": "web", "clientsecret": "secret" }).to_string();
        write_secret(&folder.path().join("oidc-credentials.json"), &client);
        config
    });
    let user =
        Login { client: "web", profile: "zitadel", name: "test-user@localhost", password: "verysecure", totp: None };
    all_pass(&run(&scenario(folder.path(), &real.url, ISSUER, &user), &["oidc::"]), 0);
}

#[test]
fn keycloak_logs_in_with_its_groups_and_with_a_second_factor() {
    let test = "keycloak_logs_in_with_its_groups_and_with_a_second_factor";
    if let Some(reason) = Keycloak::missing() {
        return support::skip(test, reason);
    }
    let Some(zot) = has_a_browser(test).then(|| Zot::find(test)).flatten() else { return };
    let (provider, folder) = (Keycloak::start(), tempfile::tempdir().expect("a temporary folder can be made"));
    let real = RealZot::start(&zot, folder.path(), |port| {
        hardened::config(zot.release, port, &provider.issuer, None, folder.path())
    });
    let with = |user: Login| scenario(folder.path(), &real.url, &provider.issuer, &user);
    let ci = Login { client: CLIENT_ID, profile: "keycloak", name: CI.name, password: CI.password, totp: None };
    all_pass(&run(&with(ci), &["oidc::", "keys::lifecycle"]), 0);
    let erich = Login { name: ADMIN.name, password: ADMIN.password, totp: Some(keycloak::TOTP_SECRET), ..ci };
    all_pass(&run(&with(erich), &["oidc::", "keys::lifecycle"]), 0);

    // A user without a group is told so. A wrong password is reported in the provider's own words.
    let guest = run(&with(Login { name: GUEST.name, password: GUEST.password, ..ci }), &[LOGIN]);
    says(&guest, Verdict::Fail, "no groups claim");
    says(&run(&with(Login { password: "another", ..ci }), &[LOGIN]), Verdict::Error, "Invalid username or password");
    says(&run(&with(Login { totp: None, ..erich }), &[LOGIN]), Verdict::Error, "a second factor");
}

#[test]
fn canaille_logs_in_on_three_pages_with_its_groups() {
    let test = "canaille_logs_in_on_three_pages_with_its_groups";
    if let Some(reason) = Canaille::missing() {
        return support::skip(test, reason);
    }
    let Some(zot) = has_a_browser(test).then(|| Zot::find(test)).flatten() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut provider = None;
    let real = RealZot::start(&zot, folder.path(), |port| {
        let started = Canaille::start(&format!("http://127.0.0.1:{port}/zot/auth/callback/oidc"));
        let mut config = hardened::config(zot.release, port, &started.issuer, None, folder.path());
        config["http"]["auth"]["openid"]["providers"]["oidc"]["scopes"] =
            json!(["openid", "email", "profile", "groups"]);
        provider = Some(started);
        config
    });
    let provider = provider.expect("zot is configured before it starts");
    let with = |user: Login| scenario(folder.path(), &real.url, &provider.issuer, &user);
    let ci = Login { client: CLIENT_ID, profile: "generic", name: CI.name, password: CI.password, totp: None };
    all_pass(&run(&with(ci), &["oidc::", "keys::lifecycle"]), 0);
    let guest = run(&with(Login { name: GUEST.name, password: GUEST.password, ..ci }), &[LOGIN]);
    says(&guest, Verdict::Fail, "no groups claim");
    says(&run(&with(Login { password: "another", ..ci }), &[LOGIN]), Verdict::Error, "Login failed");
}

/// The whole login ended with this verdict and these words.
#[track_caller]
fn says(run: &Run, verdict: Verdict, words: &str) {
    let outcome = run.outcomes.iter().find(|outcome| outcome.id == LOGIN).expect("the login was run");
    let text = format!("{:#?}", outcome.finding);
    assert!(outcome.verdict == verdict && text.contains(words), "{:?}: {text}", outcome.verdict);
}

/// Who logs in at a foreign provider.
#[derive(Clone, Copy)]
struct Login {
    client: &'static str,
    profile: &'static str,
    name: &'static str,
    password: &'static str,
    totp: Option<&'static str>,
}

/// A scenario of the hardened registry, where pushing is a right of groups alone.
fn scenario(folder: &Path, url: &str, issuer: &str, login: &Login) -> PathBuf {
    let secret = |name: &str, text: &str| {
        write_secret(&folder.join(name), text);
        json!({ "file": folder.join(name) })
    };
    let mut scenario = json!({
        "schema": 1,
        "name": login.profile,
        "registry": { "url": url },
        "repositories": { "scratch": "blumeops/regproof" },
        "access": {
            "anonymous": ["read"],
            "authenticated": ["read"],
            "groups": {
                "artifact-workloads": ["read", "create"],
                "admins": ["read", "create", "update", "delete"],
            },
        },
        "keys": { "lifecycle": true },
        "oidc": {
            "provider": "oidc",
            "issuer": issuer,
            "client_id": login.client,
            "login": {
                "username": secret("login.user", login.name),
                "password": secret("login.password", login.password),
                "profile": login.profile,
            },
        },
    });
    // The zitadel example knows no groups.
    if login.client == CLIENT_ID {
        let group = if login.name == ADMIN.name { "admins" } else { "artifact-workloads" };
        scenario["oidc"]["login"]["groups"] = json!([group]);
    }
    if let Some(totp) = login.totp {
        scenario["oidc"]["login"]["totp"] = secret("login.totp", totp);
    }
    let file = folder.join(format!("{}.toml", login.profile));
    std::fs::write(&file, toml::to_string(&scenario).expect("a scenario is a table")).expect("it can be written");
    file
}
