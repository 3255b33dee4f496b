//! The lab itself: it starts fast and ends whole, real clients work with it, and its permission oracles answer as zot's.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::caller::{DIGEST, ORACLES, PUBLIC, ask, get, login, with_session};
use crate::support;
use regproof::lab::{Lab, Options, Release, Server, Weakness};

#[tokio::test]
async fn every_oracle_tells_the_permission_and_stores_nothing() {
    let lab = Lab::healthy().await.unwrap();
    let before = (lab.digests(), lab.repositories());
    for (who, may, refusal) in [
        ("anonymous", vec![], 401),
        ("guest", vec![], 403),
        ("zot-ci", vec!["create"], 403),
        ("erich", vec!["create", "update", "delete"], 0),
    ] {
        for oracle in ORACLES {
            let reply = oracle.ask(&lab, who).await;
            let expected = if may.contains(&oracle.action) { oracle.allowed } else { refusal };
            assert_eq!(reply.status, expected, "{who} {} {}: {}", oracle.method, oracle.path, reply.body);
        }
    }
    assert_eq!(before, (lab.digests(), lab.repositories()));
}

#[tokio::test]
async fn releases_differ_where_real_zot_does() {
    for (release, latest, by_query) in [
        (Release::V2_1_14, 415, 415),
        (Release::V2_1_15, 403, 415),
        (Release::V2_1_18, 403, 415),
        (Release::V2_1_20, 403, 403),
    ] {
        let lab = Lab::start(Options { release, ..Options::default() }).await.unwrap();
        let oracle = |path: String| {
            let lab = &lab;
            async move {
                ask(lab, "zot-ci", "PUT", &path, &[("Content-Type", "application/x-regproof")], Some("{}")).await.status
            }
        };
        assert_eq!(oracle(format!("{PUBLIC}/manifests/latest")).await, latest, "{release:?}");
        assert_eq!(oracle(format!("{PUBLIC}/manifests/{DIGEST}?tag=latest")).await, by_query, "{release:?}");
        assert!(get(&lab, "/metrics").await.body.contains(release.version()));
    }
}

#[tokio::test]
async fn a_private_blob_leaks_through_a_range_as_in_the_releases_that_have_that_bug() {
    for (release, expected) in [(Release::V2_1_15, 404), (Release::V2_1_20, 206)] {
        let weaknesses = BTreeSet::from([Weakness::RangedGetUnchecked]);
        let lab = Lab::start(Options { release, weaknesses, ..Options::default() }).await.unwrap();
        let manifest = ask(&lab, "zot-ci", "GET", "/v2/private/ledger/manifests/v1.0.0-0123456", &[], None).await;
        let manifest: serde_json::Value = serde_json::from_str(&manifest.body).unwrap();
        let blob = format!("{PUBLIC}/blobs/{}", manifest["layers"][0]["digest"].as_str().unwrap());
        assert_eq!(get(&lab, &blob).await.status, 404);
        let ranged = ask(&lab, "anonymous", "GET", &blob, &[("Range", "bytes=0-")], None).await;
        assert_eq!(ranged.status, expected, "{release:?}");
    }
}

#[tokio::test]
async fn a_lab_listens_and_nothing_of_it_does_afterwards() {
    let lab = Lab::healthy().await.unwrap();
    let addresses: Vec<String> =
        [lab.url(), lab.issuer(), lab.upstream()].iter().map(|url| url.replace("http://", "")).collect();
    for address in &addresses {
        assert!(std::net::TcpStream::connect(address).is_ok());
    }
    // Its addresses are kept, or another test's lab could have one of them by now.
    let _vacancy = lab.vacate().await.unwrap();
    for address in &addresses {
        let error = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{address} still answers");
    }
}

#[tokio::test]
async fn dropping_a_lab_closes_connections_that_are_open() {
    use std::io::{Read as _, Write as _};
    let lab = Lab::healthy().await.unwrap();
    let mut open = std::net::TcpStream::connect(lab.url().trim_start_matches("http://")).unwrap();
    open.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    open.write_all(b"GET /livez HTTP/1.1\r\nHost: lab\r\n\r\n").unwrap();
    let mut answer = [0; 1024];
    assert!(open.read(&mut answer).unwrap() > 0);
    drop(lab);
    let ended = open.read(&mut answer);
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    let timed_out = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!timed_out, "the connection stayed open");
}

#[tokio::test]
async fn printing_a_lab_prints_no_secret() {
    let lab = Lab::healthy().await.unwrap();
    let text = format!("{lab:?}");
    assert!(text.contains(lab.url()));
    assert!(!text.contains("zak_") && !text.contains(lab.login().1), "{text}");
}

#[tokio::test]
async fn every_request_is_seen_with_its_server_and_headers() {
    let lab = Lab::healthy().await.unwrap();
    ask(&lab, "guest", "GET", "/v2/docker.io/library/alpine/manifests/3.20", &[("X-Test", "1")], None).await;
    let seen = lab.requests();
    assert_eq!((seen[0].server, seen[0].header("x-test")), (Server::Registry, Some("1")));
    assert!(seen[0].header("authorization").is_some());
    let asked = |path: &str| seen.iter().any(|seen| seen.server == Server::Upstream && seen.path == path);
    assert!(asked("/v2/library/alpine/manifests/3.20"), "{seen:?}");
}

#[tokio::test]
async fn the_scenario_is_complete_and_its_secrets_are_private() {
    let lab = Lab::healthy().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = lab.write_scenario(folder.path()).unwrap();
    let scenario: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    assert_eq!(scenario["registry"]["url"].as_str(), Some(lab.url()));
    let key = scenario["identities"]["ci"]["password"]["file"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(key).unwrap(), lab.api_key("zot-ci"));
    for entry in std::fs::read_dir(Path::new(key).parent().unwrap()).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let config = lab.zot_config();
    assert_eq!(config["http"]["externalUrl"].as_str(), Some(lab.url()));
    assert_eq!(config["http"]["accessControl"]["metrics"]["anonymousPolicy"][0], "read");
}

#[tokio::test]
async fn a_login_brings_the_groups_and_a_logout_ends_the_session() {
    let lab = Lab::healthy().await.unwrap();
    let (reply, jar) = login(&lab).await;
    assert_eq!((reply.status, reply.header("location")), (302, Some("/home")));
    assert_eq!(with_session(&lab, &jar, "POST", "/v2/blumeops/regproof/blobs/uploads/").await.status, 202);
    with_session(&lab, &jar, "POST", "/zot/auth/logout").await;
    assert_eq!(with_session(&lab, &jar, "GET", "/zot/auth/apikey").await.status, 500);
}

#[tokio::test]
async fn skopeo_pushes_to_the_lab_and_pulls_from_it() {
    if support::on_path("skopeo").is_none() {
        return support::lacks("skopeo_pushes_to_the_lab_and_pulls_from_it", "skopeo");
    }
    let lab = Lab::healthy().await.unwrap();
    let host = lab.url().trim_start_matches("http://").to_owned();
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.json");
    std::fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
    let layout = format!("oci:{}:x", folder.path().join("image").display());
    let skopeo = |arguments: Vec<String>| {
        let mut command = Command::new("skopeo");
        command
            .arg("--policy")
            .arg(&policy)
            .args(["copy", "--preserve-digests"])
            .args(arguments)
            .env("HOME", folder.path());
        tokio::task::spawn_blocking(move || {
            let output = command.output().unwrap();
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        })
    };
    let image = |tag: &str| format!("docker://{host}/blumeops/{tag}");
    let arguments = vec!["--src-tls-verify=false".into(), image("navidrome:latest"), layout.clone()];
    let (pulled, text) = skopeo(arguments).await.unwrap();
    assert!(pulled, "{text}");
    let credentials = format!("--dest-creds=zot-ci:{}", lab.api_key("zot-ci"));
    let to = |tag: &str| vec!["--dest-tls-verify=false".into(), credentials.clone(), layout.clone(), image(tag)];
    let (pushed, text) = skopeo(to("regproof:v0.0.1-0000000")).await.unwrap();
    assert!(pushed, "{text}");
    let (again, text) = skopeo(to("navidrome:latest")).await.unwrap();
    assert!(!again && text.contains("denied"), "{text}");
    let digests = lab.digests();
    assert_eq!(digests["blumeops/regproof:v0.0.1-0000000"], digests["blumeops/navidrome:latest"]);
}
