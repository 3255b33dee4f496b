//! What a lie is, and what lies are made of.
//!
//! `concerns` holds beginnings of check ids; `EVERY` are all that ask the registry itself.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::front::{Answer, Around, Say, Tell};

pub const EVERY: &[&str] = &[
    "access::",
    "bypass::",
    "cache::",
    "clients::",
    "content::",
    "keys::",
    "metrics::",
    "publish::",
    "registry::",
    "tags::",
];
/// An answer that was given a moment ago has the right time.
pub const BUT_THE_CLOCK: &[&str] =
    &["access::", "cache::", "content::", "metrics::", "publish::", "registry::answers", "tags::"];
pub const PULL: &[&str] = &["access::anonymous_can_pull"];
pub const PUSH: &[&str] = &["publish::api_key_can_push"];
pub const NOBODY: &[&str] = &["access::anonymous_cannot_push"];
pub const REFUSALS: &[&str] = &["access::anonymous_cannot_push", "access::wrong_credentials_are_refused"];
pub const METRICS: &[&str] = &["metrics::"];

pub struct Lie {
    pub name: &'static str,
    pub concerns: &'static [&'static str],
    pub tell: Tell,
}

pub const fn lie(name: &'static str, concerns: &'static [&'static str], tell: Tell) -> Lie {
    Lie { name, concerns, tell }
}

pub const JSON: &str = "application/json";
pub const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
pub const BOMB: usize = 1 << 20;
/// Names that break a program that prints, stores or parses them carelessly.
pub const NASTY: &str = "::set-output name=x::y\n::stop-commands::z\n##[error]w\u{1b}]8;;http://evil.test\u{7}\u{9b}31m\
                         \u{202e}\u{2066}\u{200b}\u{fffe}\u{ffff}\u{0}]]>&<script>alert(1)</script>\r\u{85}\u{2028}%0A";

pub fn every(status: &str, kind: &str, body: impl Into<Vec<u8>>) -> Say {
    Say::This(Answer::new(status, kind, body))
}

pub fn error(status: &str, code: &str, message: &str) -> Answer {
    let body = serde_json::json!({ "errors": [{ "code": code, "message": message, "detail": message }] });
    let answer = Answer::new(status, JSON, body.to_string());
    answer.with("WWW-Authenticate", "Basic realm=\"Authorization Required\"")
}

/// The lab's answer, changed where the request is of that method and path.
pub fn changed(around: &Around<'_>, method: &str, part: &str, change: impl Fn(Answer) -> Answer) -> Say {
    let honest = around.honest();
    Say::This(if around.ask.is(method, part) && honest.is("2") { change(honest) } else { honest })
}

pub fn redirect(around: &Around<'_>, status: &str, location: &str) -> Say {
    let location = location.replace("SINK", &around.sink.to_string()).replace("OWN", &around.own.to_string());
    every(status, "text/plain", "").located(&location)
}

impl Say {
    pub fn located(self, location: &str) -> Say {
        match self {
            Say::This(answer) => Say::This(answer.with("Location", location)),
            other => other,
        }
    }
}

/// An upload that goes on elsewhere.
pub fn upload(around: &Around<'_>, location: &str) -> Say {
    let location = location.replace("SINK", &around.sink.to_string()).replace("OWN", &around.own.to_string());
    changed(around, "POST", "/blobs/uploads/", |answer| answer.with("Location", location.as_str()))
}

pub fn tags(around: &Around<'_>, tags: &[String]) -> Say {
    let name = around.ask.target.strip_prefix("/v2/").and_then(|rest| rest.strip_suffix("/tags/list"));
    let body = serde_json::json!({ "name": name.unwrap_or_default(), "tags": tags }).to_string();
    changed(around, "GET", "/tags/list", |answer| Answer { body: body.clone().into(), ..answer })
}

pub fn body(around: &Around<'_>, part: &str, body: impl Into<Vec<u8>>) -> Say {
    let body = body.into();
    changed(around, "GET", part, |answer| {
        Answer { body: body.clone(), ..answer }.without("docker-content-digest").without("content-length")
    })
}

pub fn manifest(around: &Around<'_>, text: &str) -> Say {
    body(around, "/manifests/", text)
}

/// What the program sent as its credential, in a few dresses.
pub fn echo(around: &Around<'_>) -> String {
    let sent = around.ask.header("authorization").unwrap_or("Basic none").to_owned();
    let pair = sent.strip_prefix("Basic ").unwrap_or_default();
    let padded = base64(format!("you sent {sent}").as_bytes());
    let plain = unbase64(pair);
    let hex: String = plain.bytes().map(|b| format!("{b:02X}")).collect();
    let escaped: String = plain.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let entities: String = plain.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    format!("{sent} {padded} {plain} {hex} {escaped} {entities}")
}

pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub fn unbase64(text: &str) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub fn forever(stream: &mut TcpStream, first: &[u8], again: &[u8], pause_ms: u64) {
    let mut written = stream.write_all(first);
    while written.is_ok() {
        std::thread::sleep(Duration::from_millis(pause_ms));
        written = stream.write_all(again);
    }
}

pub fn hold(stream: &mut TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let _ = std::io::Read::read(stream, &mut [0]);
}

pub const PAGE: &str = "<!DOCTYPE html><title>Log in</title><h1>Welcome, you are logged in</h1>";

impl Say {
    pub fn lengthened(self, length: &str) -> Say {
        match self {
            Say::This(answer) => Say::This(answer.with("Content-Length", length)),
            other => other,
        }
    }
}
