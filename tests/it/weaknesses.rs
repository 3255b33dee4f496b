//! Every weakness shows in what the lab answers. A weakness that does not show proves nothing about a check.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use crate::caller::{DIGEST, ORACLES, PUBLIC, ask, basic, get, login, with_session};
use crate::wire::browser::target_of;
use crate::wire::{Reply, send};
use futures::StreamExt;
use regproof::lab::{Lab, Options, Weakness};
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Pushes a tiny image as CI; `note` makes its digest.
async fn push(lab: &Lab, repo: &str, tag: &str, note: &str) -> u16 {
    let config = "{}";
    let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let target = format!("/v2/{repo}/blobs/uploads/?digest={digest}");
    let octets = [("Content-Type", "application/octet-stream")];
    let blob = ask(lab, "zot-ci", "POST", &target, &octets, Some(config)).await;
    assert_eq!(blob.status, 201, "{}", blob.body);
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"{CONFIG}","digest":"{digest}","size":2}},"layers":[],"annotations":{{"note":"{note}"}}}}"#
    );
    let target = format!("/v2/{repo}/manifests/{tag}");
    ask(lab, "zot-ci", "PUT", &target, &[("Content-Type", MANIFEST)], Some(&manifest)).await.status
}

/// What shows of a weakness, by a few requests; the healthy lab must answer something else to at least one of them.
async fn symptoms(lab: &Lab) -> BTreeMap<&'static str, String> {
    let mut shown = BTreeMap::new();
    let mut note = |what, text: String| {
        shown.insert(what, text);
    };
    let short = |reply: &Reply| format!("{} {:?}", reply.status, reply.header("www-authenticate"));
    let image = get(lab, &format!("{PUBLIC}/manifests/v0.61.1-abcdef0")).await;
    note("pull", short(&image));
    let manifest: serde_json::Value = serde_json::from_str(&image.body).unwrap_or_default();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap_or(DIGEST).to_owned();
    note("layer", get(lab, &format!("{PUBLIC}/blobs/{layer}")).await.body);
    note("private", short(&get(lab, "/v2/private/ledger/tags/list").await));
    let tags_of_public = format!("{PUBLIC}/tags/list");
    note("guest", short(&ask(lab, "guest", "GET", &tags_of_public, &[], None).await));
    let latest = format!("{PUBLIC}/manifests/v0.61.1-abcdef0");
    note("head", short(&ask(lab, "guest", "HEAD", &latest, &[], None).await));
    let metrics = get(lab, "/metrics").await;
    note(
        "metrics",
        format!("{} {} {}", metrics.status, metrics.body.contains("zot_info"), metrics.body.contains("<html")),
    );
    let tags = get(lab, &format!("{PUBLIC}/tags/list")).await;
    let date = tags.header("date").unwrap_or_default();
    let ahead = OffsetDateTime::parse(date, &Rfc2822).map(|date| date - OffsetDateTime::now_utc());
    // Ten minutes, and what an answer takes on a busy machine.
    note("clock", ahead.is_ok_and(|ahead| ahead.whole_seconds() > 300).to_string());
    note("tags", format!("{} {} {:?}", tags.status, tags.body, tags.header("link")));
    let cached = get(lab, "/v2/docker.io/library/alpine/manifests/3.20");
    let cached = match tokio::time::timeout(std::time::Duration::from_secs(20), cached).await {
        Ok(cached) => format!("{} {:?} {}", cached.status, cached.header("docker-content-digest"), cached.body),
        Err(_) => "no answer".to_owned(),
    };
    note("cache", cached);
    if std::net::TcpStream::connect(lab.upstream().trim_start_matches("http://")).is_ok() {
        note("upstream", send(lab.upstream(), "GET", "/v2/", &[], None).await.status.to_string());
    }
    note("cache counted", get(lab, "/metrics").await.body.contains("_downloads_total{repo=\"docker.io/").to_string());
    let oracle = [("Content-Type", "application/x-regproof")];
    let started = ask(lab, "zot-ci", "POST", "/v2/blumeops/regproof/blobs/uploads/", &[], None).await;
    let location = started.header("location").unwrap_or_default();
    let session = location.rsplit('/').next().unwrap_or_default();
    note("upload", location.replace(session, ""));
    let session = format!("/v2/blumeops/regproof/blobs/uploads/{session}");
    for what in ["first chunk", "second chunk"] {
        note(what, short(&ask(lab, "zot-ci", "PATCH", &session, &[], Some("x")).await));
    }
    let large = "x".repeat((1 << 20) + 1);
    note("large body", short(&ask(lab, "zot-ci", "PATCH", &session, &[], Some(&large)).await));
    note("cache push", short(&ask(lab, "zot-ci", "PUT", "/v2/docker.io/a/manifests/t", &oracle, Some("{}")).await));
    for who in ["anonymous", "guest", "zot-ci"] {
        for (index, oracle) in ORACLES.iter().enumerate() {
            let reply = oracle.ask(lab, who).await;
            let name: &'static str = format!("{who} {} {index}", oracle.action).leak();
            note(name, short(&reply));
        }
    }
    note("admin delete", short(&ask(lab, "erich", "DELETE", &format!("{PUBLIC}/manifests/{DIGEST}"), &[], None).await));
    let upload = format!("{PUBLIC}/blobs/uploads/?digest={DIGEST}");
    note("single post", short(&ask(lab, "anonymous", "POST", &upload, &[], None).await));
    let mount = format!("/v2/other/x/blobs/uploads/?mount={layer}&from=blumeops/navidrome");
    note("mount", short(&ask(lab, "anonymous", "POST", &mount, &[], None).await));
    let docker = [("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")];
    note("docker type", short(&ask(lab, "zot-ci", "PUT", "/v2/a/b/manifests/t", &docker, Some("{}")).await));
    for (what, user, password) in [
        ("wrong key", "zot-ci", "zak_wrong"),
        ("foreign key", "erich", lab.api_key("zot-ci")),
        ("empty password", "zot-ci", ""),
    ] {
        note(what, short(&send(lab.url(), "GET", "/v2/", &[basic(user, password)], None).await));
    }
    let keys = ask(lab, "zot-ci", "GET", "/zot/auth/apikey", &[], None).await;
    let keys: serde_json::Value = serde_json::from_str(&keys.body).unwrap_or_default();
    let ends = keys["apiKeys"].as_array().into_iter().flatten().map(|key| {
        let end = OffsetDateTime::parse(key["expirationDate"].as_str().unwrap(), &Rfc3339).unwrap();
        ((end - OffsetDateTime::now_utc()).as_seconds_f64() / 86_400.0).round().max(0.0)
    });
    note("keys end in days", format!("{:?}", ends.collect::<Vec<_>>()));
    for (what, method, target, headers) in BENT {
        let headers: Vec<(String, String)> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let reply = send(lab.url(), method, target, &headers, None).await;
        let origin = reply.header("access-control-allow-origin").unwrap_or_default();
        let astray = reply.header("location").is_some_and(|location| location.contains("regproof.invalid"));
        let named = reply.body.contains("private/ledger");
        note(what, format!("{} {origin} {astray} {named}", reply.status));
    }
    let private = ask(lab, "zot-ci", "GET", "/v2/private/ledger/manifests/v1.0.0-0123456", &[], None).await;
    let private: serde_json::Value = serde_json::from_str(&private.body).unwrap_or_default();
    note("private index", private["manifests"].is_array().to_string());
    let blob = format!("{PUBLIC}/blobs/{}", private["layers"][0]["digest"].as_str().unwrap_or(DIGEST));
    note("range", short(&ask(lab, "anonymous", "GET", &blob, &[("Range", "bytes=0-0")], None).await));
    shown
}

/// What it shows, method, target and headers.
type Bent = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);
/// Requests in a disguise, or at special doors.
const BENT: &[Bent] = &[
    ("override", "GET", "/v2/blumeops/navidrome/tags/list", &[("X-HTTP-Method-Override", "DELETE")]),
    ("unclean", "GET", "/v2//private/ledger/tags/list", &[]),
    ("encoded", "GET", "/v2/%70rivate/ledger/tags/list", &[]),
    // What the sender adds to the target becomes the value of a header.
    ("http 1.0", "GET", "/v2/private/ledger/tags/list HTTP/1.0\r\nX-Rest:", &[]),
    ("scheme", "GET", "/v2/blumeops/navidrome/tags/list", &[("Authorization", "Bearer x")]),
    ("identity", "GET", "/v2/private/ledger/tags/list", &[("X-Forwarded-User", "erich")]),
    ("return", "GET", "/zot/auth/login?provider=oidc", &[("X-Forwarded-Host", "regproof.invalid")]),
    ("origin", "GET", "/v2/", &[("Origin", "https://regproof.invalid")]),
    ("session", "PATCH", "/v2/blumeops/navidrome/blobs/uploads/x", &[("Content-Range", "5-1")]),
    ("profiles", "GET", "/v2/_zot/pprof/", &[]),
    ("catalog", "GET", "/v2/_catalog", &[]),
    ("names", "GET", "/metrics", &[]),
    ("agent", "GET", "/v2/", &[("User-Agent", "containerd/2.1.3")]),
];

/// Whether a key that was revoked works.
async fn key_symptoms(lab: &Lab) -> String {
    let minted = ask(lab, "guest", "POST", "/zot/auth/apikey", &[], Some("{}")).await;
    let minted: serde_json::Value = serde_json::from_str(&minted.body).unwrap_or_default();
    let target = format!("/zot/auth/apikey?id={}", minted["uuid"].as_str().unwrap_or_default());
    ask(lab, "guest", "DELETE", &target, &[], None).await;
    let key = minted["apiKey"].as_str().unwrap_or_default().to_owned();
    format!("revoked {}; ", send(lab.url(), "GET", "/v2/", &[basic("guest", &key)], None).await.status)
}

async fn login_symptoms(lab: &Lab) -> String {
    let address = lab.issuer().trim_start_matches("http://").to_owned();
    if std::net::TcpStream::connect(address).is_err() {
        return "no provider".to_owned();
    }
    let mut text = key_symptoms(lab).await;
    let forged = get(lab, "/zot/auth/callback/oidc?code=x&state=y").await;
    text.push_str(&format!("forged {}; ", forged.body.trim()));
    let discovery = send(lab.issuer(), "GET", "/.well-known/openid-configuration", &[], None).await;
    let discovery: serde_json::Value = serde_json::from_str(&discovery.body).unwrap();
    text.push_str(&format!("issuer {}; ", discovery["issuer"] == lab.issuer()));
    text.push_str(&format!("keys {}; ", send(lab.issuer(), "GET", "/jwks", &[], None).await.body.contains("RS256")));
    let (one, two) = (get(lab, "/zot/auth/login?provider=oidc").await, get(lab, "/zot/auth/login?provider=oidc").await);
    let location = one.header("location").unwrap_or_default();
    text.push_str(&format!("fresh {}; ", Some(location) != two.header("location")));
    text.push_str(&format!("status {}; ", one.status));
    if !location.contains("/auth?") {
        return text;
    }
    let accepted = send(lab.issuer(), "GET", &target_of(location), &[], None).await.status;
    text.push_str(&format!("accepted {accepted}; "));
    if accepted != 303 {
        return text;
    }
    let (reply, jar) = login(lab).await;
    text.push_str(&format!("callback {} {:?}; ", reply.status, reply.header("location")));
    let session = reply.headers.iter().find(|(_, value)| value.starts_with("session="));
    text.push_str(&format!("script {}; ", session.is_some_and(|(_, value)| !value.contains("HttpOnly"))));
    let push = with_session(lab, &jar, "POST", "/v2/blumeops/regproof/blobs/uploads/").await.status;
    text.push_str(&format!("push {push}; "));
    let delete = with_session(lab, &jar, "DELETE", "/v2/blumeops/navidrome/blobs/notadigest").await.status;
    text.push_str(&format!("delete {delete}; "));
    with_session(lab, &jar, "POST", "/zot/auth/logout").await;
    text.push_str(&format!("after {}", with_session(lab, &jar, "GET", "/zot/auth/apikey").await.status));
    text
}

async fn write_symptoms(lab: &Lab) -> String {
    if lab.repositories().is_empty() || push(lab, "blumeops/regproof", "v1", "one").await >= 500 {
        return "cannot push".to_owned();
    }
    let first = lab.digests().get("blumeops/regproof:v1").cloned();
    let again = push(lab, "blumeops/regproof", "v1", "two").await;
    let moved = first != lab.digests().get("blumeops/regproof:v1").cloned();
    format!("stored {}, again {again}, moved {moved}", first.is_some())
}

/// Weaknesses that leave every answer as it is, by what was measured on real zot.
const SILENT: &[Weakness] = &[
    Weakness::ApikeyOff,
    Weakness::CorsAnyOrigin,
    Weakness::ScopeOpenidMissing,
    // Shows in the tag `latest` alone, and in one that is moved.
    Weakness::LargeLayerLost,
    Weakness::StaleAnswers,
    // Shows to docker's user agent alone.
    Weakness::KeyLentToDocker,
    // Show on one tag, and in repositories, that these requests do not name.
    Weakness::OneTagCanBeMoved,
    Weakness::UndeclaredNamesOpen,
    // Show over HTTP/2 alone.
    Weakness::Http2LendsCredentials,
    Weakness::Http2RefusesUploads,
    // Shows only in a login whose link wants to lead elsewhere, which its check begins.
    Weakness::ForeignReturnFollowed,
    // Shows only in where a login with an absolute callback_ui returns to, which the recordings hold.
    Weakness::ExternalUrlMissing,
];

#[tokio::test(flavor = "multi_thread")]
async fn every_weakness_shows_in_what_the_lab_answers() {
    async fn all(weaknesses: BTreeSet<Weakness>) -> (BTreeMap<&'static str, String>, String, String) {
        let lab = Lab::start(Options { weaknesses: weaknesses.clone(), ..Options::default() }).await.unwrap();
        let shown = symptoms(&lab).await;
        // What refuses or breaks everything has shown by now, and cannot be pushed to.
        let pushes = shown["zot-ci create 0"].starts_with(&ORACLES[0].allowed.to_string());
        let written = if pushes { write_symptoms(&lab).await } else { "cannot push".to_owned() };
        (shown, login_symptoms(&lab).await, written)
    }
    let healthy = all(BTreeSet::new()).await;
    // What differs by chance would make any weakness show.
    assert_eq!(all(BTreeSet::new()).await, healthy);
    // It shows in time alone, so a busy machine would decide: `publish::slow_upload_survives` proves it.
    let slow = [Weakness::SlowBodiesCut, Weakness::SlowBodiesFail];
    let weak = Weakness::all().filter(|weakness| !slow.contains(weakness));
    let weak = weak.map(async |weakness| (weakness, all(BTreeSet::from([weakness])).await));
    let mut weak = futures::stream::iter(weak).buffer_unordered(4);
    while let Some((weakness, weak)) = weak.next().await {
        assert_eq!(weak == healthy, SILENT.contains(&weakness), "{weakness}: {weak:?}");
    }
}
