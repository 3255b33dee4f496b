//! The lab must answer what a real zot answered: every recording is played against the lab, in order, and every
//! difference must be in the table below, with its reason.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::replay::{Difference, differences, kept, lines, recordings};
use crate::wire::browser::{Jar, log_in, target_of};
use crate::wire::send;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use regproof::lab::{Lab, Options, Release, Weakness};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// (recording, "" for all; id of the line, up to a `*`; what differs; why)
const EXPLAINED: &[(&str, &str, &str, &str)] = &[
    ("", "metrics.*", "body", "the values are counts and times, and only the start was recorded"),
    ("", "metrics.*", "content-length", "follows from the body"),
    ("", "oidc.login*", "content-length", "the lab's ports have more digits than the recorded ones"),
    ("", "apikey.list*", "body", "the keys that were made before are others; their form is held by apikey.create"),
    ("", "apikey.list*", "content-length", "follows from the body"),
    ("", "apikey.create.by-key", "content-length", "times are written without trailing zeros"),
    ("v2.1.20/access-control-removed", "pprof.ci", "body", "the lab has no Go profiles to list"),
    ("v2.1.20/access-control-removed", "pprof.ci", "content-length", "follows from the body"),
];

async fn lab(change: &str, release: Release) -> Lab {
    let weaknesses = match change {
        "hardened" => BTreeSet::new(),
        name => BTreeSet::from([name.parse::<Weakness>().unwrap()]),
    };
    Lab::start(Options { weaknesses, release, empty: true, ..Options::default() }).await.unwrap()
}

fn explanation(difference: &Difference) -> Option<usize> {
    EXPLAINED.iter().position(|(of, line, what, _)| {
        let same = line.strip_suffix('*').map_or(difference.id == *line, |start| difference.id.starts_with(start));
        same && *what == difference.what && (of.is_empty() || *of == difference.recording)
    })
}

fn header(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn basic(user: &str, password: &str) -> (String, String) {
    header("Authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// Mints an API key with another one: its secret and its id. `None` where the lab refuses.
async fn mint(lab: &Lab, body: &str) -> Option<(String, String)> {
    let headers = [basic("zot-ci", lab.api_key("zot-ci"))];
    let reply = send(lab.url(), "POST", "/zot/auth/apikey", &headers, Some(body)).await;
    let key: Value = serde_json::from_str(&reply.body).ok()?;
    Some((key["apiKey"].as_str()?.to_owned(), key["uuid"].as_str()?.to_owned()))
}

/// A key that has expired for real. A busy machine may send a short life too late, so it grows until it is accepted.
async fn expired_key(lab: &Lab) -> String {
    for life in [200, 1_000, 5_000].map(Duration::from_millis) {
        let end = OffsetDateTime::now_utc() + life;
        let body = format!(r#"{{"label":"expired","expirationDate":"{}"}}"#, end.format(&Rfc3339).unwrap());
        if let Some((key, _)) = mint(lab, &body).await {
            while OffsetDateTime::now_utc() <= end {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            return key;
        }
    }
    panic!("no key with a short life was accepted")
}

async fn revoke(lab: &Lab, id: &str) {
    let headers = [basic("zot-ci", lab.api_key("zot-ci"))];
    let reply = send(lab.url(), "DELETE", &format!("/zot/auth/apikey?id={id}"), &headers, None).await;
    assert_eq!(reply.status, 200);
}

struct Keys {
    revoked: String,
    expired: String,
}

/// One key that was revoked and one that expired, both for real.
async fn dead_keys(lab: &Lab) -> Keys {
    let (revoked, id) = mint(lab, r#"{"label":"revoked","scopes":[]}"#).await.unwrap();
    revoke(lab, &id).await;
    Keys { revoked, expired: expired_key(lab).await }
}

fn credentials(lab: &Lab, keys: &Keys, who: &str) -> Option<(String, String)> {
    if who == "anonymous" {
        return None;
    }
    let Some((user, password)) = who.split_once(':') else {
        return Some(basic(who, lab.api_key(who)));
    };
    let password = match password {
        "KEY(revoked)" => &keys.revoked,
        "KEY(expired)" => &keys.expired,
        "KEY(zot-ci)" => lab.api_key("zot-ci"),
        literal => literal,
    };
    Some(basic(user, password))
}

/// Plays one recording of the request corpus; answers the differences.
async fn play(recording: String, path: PathBuf, release: Release) -> Vec<Difference> {
    let lines = lines(&path);
    let compared = kept(&lines);
    let change = recording.rsplit('/').next().unwrap();
    let lab = lab(change, release).await;
    let keys = dead_keys(&lab).await;
    let mut locations: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for line in &lines {
        let mut target = line.path.clone();
        if let Some(from) = line.path_from.as_deref().and_then(|from| from.strip_suffix(" Location")) {
            let query = target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
            target = format!("{}{query}", locations[from]);
        }
        let own = lab.url().trim_start_matches("http://").replace(':', "%3A");
        target = target.replace("127.0.0.1%3A5050", &own);
        let mut headers: Vec<(String, String)> = line.headers.iter().map(|(n, v)| header(n, v)).collect();
        headers.extend(credentials(&lab, &keys, &line.who));
        let reply = send(lab.url(), &line.method, &target, &headers, line.body.as_deref()).await;
        if let Some(location) = reply.header("location") {
            locations.insert(line.id.clone(), location.to_owned());
        }
        for (what, text) in differences(&lab, &line.answer, &reply, &compared) {
            found.push(Difference { recording: recording.clone(), id: line.id.clone(), what, text });
        }
    }
    found
}

/// Plays one recording of logins; answers the differences.
async fn play_login(recording: String, path: PathBuf) -> Vec<Difference> {
    let lines = lines(&path);
    let compared = kept(&lines);
    let lab = lab(recording.strip_prefix("login/login.").unwrap(), Release::V2_1_20).await;
    let mut found = Vec::new();
    let mut jars: BTreeMap<String, Jar> = BTreeMap::new();
    let mut memory: BTreeMap<String, String> = BTreeMap::new();
    for line in &lines {
        let user = line.user.as_str();
        let jar = jars.entry(user.to_owned()).or_default();
        let own = lab.url().trim_start_matches("http://").replace(':', "%3A");
        let mut target = target_of(&line.url).replace("127.0.0.1%3A5050", &own);
        let mut method = line.method.as_str();
        let mut headers: Vec<(String, String)> = line.headers.iter().map(|(n, v)| header(n, v)).collect();
        let key = memory.get(&format!("{user} key")).cloned().unwrap_or_default();
        match line.id.as_str() {
            "callback" | "callback.replayed" => target = target_of(&memory[&format!("{user} callback")]),
            "apikey.revoke" | "apikey.revoke.again" => {
                target = format!("/zot/auth/apikey?id={}", memory[&format!("{user} uuid")]);
            }
            "key.ping" | "key.ping.after-revoke" => (method, target) = ("GET", "/v2/".to_owned()),
            "key.upload" => (method, target) = ("POST", "/v2/blumeops/probe/blobs/uploads/".to_owned()),
            _ => {}
        }
        if line.id.starts_with("key.") {
            headers.push(basic(user, &key));
        } else {
            headers.extend(jar.header());
        }
        let reply = send(lab.url(), method, &target, &headers, line.body.as_deref()).await;
        jar.keep(&reply);
        match line.id.as_str() {
            "login" => {
                let callback = log_in(&lab, user, reply.header("location").unwrap()).await;
                memory.insert(format!("{user} callback"), callback);
            }
            "apikey.create" => {
                if let Ok(minted) = serde_json::from_str::<Value>(&reply.body) {
                    for name in ["uuid", "apiKey"] {
                        let label = if name == "uuid" { "uuid" } else { "key" };
                        memory.insert(format!("{user} {label}"), minted[name].as_str().unwrap().to_owned());
                    }
                }
            }
            _ => {}
        }
        for (what, text) in differences(&lab, &line.answer, &reply, &compared) {
            found.push(Difference { recording: recording.clone(), id: line.id.clone(), what, text });
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_answers_as_the_recorded_zot_did() {
    let mut plays: Vec<BoxFuture<'static, Vec<Difference>>> = Vec::new();
    for (of, release) in [("v2.1.20", Release::V2_1_20), ("v2.1.15", Release::V2_1_15)] {
        for (name, path) in recordings(of) {
            plays.push(Box::pin(play(format!("{of}/{name}"), path, release)));
        }
    }
    for (name, path) in recordings("login") {
        plays.push(Box::pin(play_login(format!("login/{name}"), path)));
    }
    assert_eq!(plays.len(), 25, "a recording is missing");
    let found: Vec<Difference> = futures::future::join_all(plays).await.into_iter().flatten().collect();
    let used: BTreeSet<usize> = found.iter().filter_map(explanation).collect();
    let unexplained: Vec<String> = found
        .iter()
        .filter(|difference| explanation(difference).is_none())
        .map(|Difference { recording, id, what, text }| format!("{recording} {id} {what}: {text}"))
        .collect();
    assert!(unexplained.is_empty(), "{} differences:\n{}", unexplained.len(), unexplained.join("\n"));
    for (index, entry) in EXPLAINED.iter().enumerate() {
        assert!(used.contains(&index), "no difference needs this explanation any more: {entry:?}");
    }
}
