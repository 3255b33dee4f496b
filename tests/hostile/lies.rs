//! One lie per name: what a hostile registry says, and the checks that must not pass while it says so.
//!
//! `concerns` holds beginnings of check ids; `EVERY` are all that ask the registry itself.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::front::{Answer, Around, Say, Tell};

pub const EVERY: &[&str] = &["access::", "cache::", "metrics::", "publish::", "registry::"];
const PULL: &[&str] = &["access::anonymous_can_pull"];
const PUSH: &[&str] = &["publish::api_key_can_push"];
const NOBODY: &[&str] = &["access::anonymous_cannot_push"];
const REFUSALS: &[&str] = &["access::anonymous_cannot_push", "access::wrong_credentials_are_refused"];
const METRICS: &[&str] = &["metrics::"];

pub struct Lie {
    pub name: &'static str,
    pub concerns: &'static [&'static str],
    pub tell: Tell,
}

const fn lie(name: &'static str, concerns: &'static [&'static str], tell: Tell) -> Lie {
    Lie { name, concerns, tell }
}

const JSON: &str = "application/json";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const BOMB: usize = 1 << 20;
/// Names that break whoever prints, stores or parses them carelessly.
pub const NASTY: &str = "::set-output name=x::y\n::stop-commands::z\n##[error]w\u{1b}]8;;http://evil.test\u{7}\u{9b}31m\
                         \u{202e}\u{2066}\u{200b}\u{fffe}\u{ffff}\u{0}]]>&<script>alert(1)</script>\r\u{85}\u{2028}%0A";

fn every(status: &str, kind: &str, body: impl Into<Vec<u8>>) -> Say {
    Say::This(Answer::new(status, kind, body))
}

fn error(status: &str, code: &str, message: &str) -> Answer {
    let body = serde_json::json!({ "errors": [{ "code": code, "message": message, "detail": message }] });
    let answer = Answer::new(status, JSON, body.to_string());
    answer.with("WWW-Authenticate", "Basic realm=\"Authorization Required\"")
}

/// The lab's answer, changed where the request is of that method and path.
fn changed(around: &Around<'_>, method: &str, part: &str, change: impl Fn(Answer) -> Answer) -> Say {
    let honest = around.honest();
    Say::This(if around.ask.is(method, part) && honest.is("2") { change(honest) } else { honest })
}

fn redirect(around: &Around<'_>, status: &str, location: &str) -> Say {
    let location = location.replace("SINK", &around.sink.to_string()).replace("OWN", &around.own.to_string());
    every(status, "text/plain", "").located(&location)
}

impl Say {
    fn located(self, location: &str) -> Say {
        match self {
            Say::This(answer) => Say::This(answer.with("Location", location)),
            other => other,
        }
    }
}

/// An upload that goes on elsewhere.
fn upload(around: &Around<'_>, location: &str) -> Say {
    let location = location.replace("SINK", &around.sink.to_string()).replace("OWN", &around.own.to_string());
    changed(around, "POST", "/blobs/uploads/", |answer| answer.with("Location", location.as_str()))
}

fn tags(around: &Around<'_>, tags: &[String]) -> Say {
    let name = around.ask.target.strip_prefix("/v2/").and_then(|rest| rest.strip_suffix("/tags/list"));
    let body = serde_json::json!({ "name": name.unwrap_or_default(), "tags": tags }).to_string();
    changed(around, "GET", "/tags/list", |answer| Answer { body: body.clone().into(), ..answer })
}

fn body(around: &Around<'_>, part: &str, body: impl Into<Vec<u8>>) -> Say {
    let body = body.into();
    changed(around, "GET", part, |answer| {
        Answer { body: body.clone(), ..answer }.without("docker-content-digest").without("content-length")
    })
}

fn manifest(around: &Around<'_>, text: &str) -> Say {
    body(around, "/manifests/", text)
}

/// What the program sent as its credential, in a few dresses.
fn echo(around: &Around<'_>) -> String {
    let sent = around.ask.header("authorization").unwrap_or("Basic none").to_owned();
    let pair = sent.strip_prefix("Basic ").unwrap_or_default();
    let padded = base64(format!("you sent {sent}").as_bytes());
    let plain = unbase64(pair);
    let hex: String = plain.bytes().map(|b| format!("{b:02X}")).collect();
    let escaped: String = plain.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let entities: String = plain.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    format!("{sent} {padded} {plain} {hex} {escaped} {entities}")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn unbase64(text: &str) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn forever(stream: &mut TcpStream, first: &[u8], again: &[u8], pause_ms: u64) {
    let mut written = stream.write_all(first);
    while written.is_ok() {
        std::thread::sleep(Duration::from_millis(pause_ms));
        written = stream.write_all(again);
    }
}

fn hold(stream: &mut TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(8)));
    let _ = std::io::Read::read(stream, &mut [0]);
}

const PAGE: &str = "<!DOCTYPE html><title>Log in</title><h1>Welcome, you are logged in</h1>";

/// What stands in the registry's place, or breaks HTTP itself.
pub const INSTEAD: &[Lie] = &[
    lie("accepts_and_never_answers", EVERY, |_| Say::Act(hold)),
    lie("closes_without_an_answer", EVERY, |_| Say::Bytes(vec![])),
    lie("half_closes_and_holds", EVERY, |_| {
        Say::Act(|stream| {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            hold(stream);
        })
    }),
    lie("http_0_9", EVERY, |_| Say::Bytes(b"<html>ok</html>".to_vec())),
    lie("another_protocol", EVERY, |_| Say::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())),
    lie("binary_noise", EVERY, |_| Say::Bytes((0..=255).cycle().take(5000).collect())),
    lie("a_status_of_four_digits", EVERY, |_| Say::Bytes(b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n".to_vec())),
    lie("an_unknown_status", EVERY, |_| every("999 Sure", JSON, "{}")),
    lie("endless_status_line", EVERY, |_| Say::Act(|stream| forever(stream, b"HTTP/1.1 200 ", &[b'O'; 9000], 1))),
    lie("endless_headers", EVERY, |_| {
        Say::Act(|stream| forever(stream, b"HTTP/1.1 200 OK\r\n", b"X-More: more and more and more\r\n", 1))
    }),
    lie("header_flood", EVERY, |_| {
        let flood: String = (0..5000).map(|n| format!("X-{n}: {n}\r\n")).collect();
        Say::Bytes(format!("HTTP/1.1 200 OK\r\n{flood}Content-Length: 0\r\n\r\n").into_bytes())
    }),
    lie("interim_answers_without_end", EVERY, |_| {
        Say::Act(|stream| forever(stream, b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 1))
    }),
    lie("slow_headers", EVERY, |_| Say::Act(|stream| forever(stream, b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", 200))),
    lie("slow_body", EVERY, |_| {
        Say::Act(|stream| forever(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b"{", 200))
    }),
    lie("endless_body", EVERY, |_| {
        Say::Act(|stream| {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            forever(stream, head, &[b"8000\r\n", [b' '; 0x8000].as_slice(), b"\r\n"].concat(), 0);
        })
    }),
    lie("truncated_body", EVERY, |_| every("200 OK", JSON, "{}").lengthened("1000")),
    lie("two_lengths", EVERY, |_| {
        Say::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".to_vec())
    }),
    lie("a_negative_length", EVERY, |_| every("200 OK", JSON, "{}").lengthened("-2")),
    lie("an_enormous_length", EVERY, |_| every("200 OK", JSON, "{}").lengthened("18446744073709551615")),
    lie("broken_chunks", EVERY, |_| {
        Say::Bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}".to_vec())
    }),
    lie("gzip_bomb", EVERY, |_| match every("200 OK", JSON, [[0x1f, 0x8b, 8, 0].as_slice(), &[0; 9000]].concat()) {
        Say::This(answer) => Say::This(answer.with("Content-Encoding", "gzip")),
        other => other,
    }),
    lie("login_page_with_200", EVERY, |_| every("200 OK", "text/html", PAGE)),
    lie("login_page_called_json", EVERY, |_| every("200 OK", JSON, PAGE)),
    lie("answers_200_to_everything", EVERY, |_| every("200 OK", "text/plain", "")),
    lie("answers_200_and_an_empty_object", EVERY, |_| every("200 OK", JSON, "{}")),
    lie("answers_201_to_everything", EVERY, |around| {
        every("201 Created", JSON, "{}").located(&format!("{}/1", around.ask.target))
    }),
    lie("answers_202_to_everything", EVERY, |around| {
        every("202 Accepted", JSON, "{}").located(&format!("{}/1", around.ask.target))
    }),
    lie("answers_204_to_everything", EVERY, |_| Say::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
    lie("answers_401_to_everything", EVERY, |_| Say::This(error("401 Unauthorized", "UNAUTHORIZED", "no"))),
    lie("answers_403_to_everything", EVERY, |_| Say::This(error("403 Forbidden", "DENIED", "no"))),
    lie("answers_404_to_everything", EVERY, |_| Say::This(error("404 Not Found", "NAME_UNKNOWN", "no"))),
    lie("answers_405_to_everything", EVERY, |_| Say::This(error("405 Method Not Allowed", "UNSUPPORTED", "no"))),
    lie("answers_429_to_everything", EVERY, |_| Say::This(error("429 Too Many Requests", "TOOMANYREQUESTS", "no"))),
    lie("answers_500_to_everything", EVERY, |_| every("500 Internal Server Error", "text/plain", "")),
    lie("answers_503_page", EVERY, |_| every("503 Service Unavailable", "text/html", PAGE)),
    lie("proxy_401_page", EVERY, |_| every("401 Unauthorized", "text/html", PAGE)),
    lie("proxy_403_page", EVERY, |_| every("403 Forbidden", "text/html", PAGE)),
    lie("redirect_elsewhere", EVERY, |around| redirect(around, "302 Found", "http://SINK/v2/")),
    lie("redirect_elsewhere_with_the_body", EVERY, |around| {
        redirect(around, "307 Temporary Redirect", "http://SINK/v2/")
    }),
    lie("redirect_for_good", EVERY, |around| redirect(around, "308 Permanent Redirect", "//SINK/v2/")),
    lie("redirect_with_user_information", EVERY, |around| redirect(around, "301 Moved", "http://OWN@SINK/v2/")),
    lie("redirect_to_itself", EVERY, |around| redirect(around, "302 Found", &around.ask.target)),
    lie("redirect_to_another_scheme", EVERY, |around| redirect(around, "302 Found", "https://OWN/v2/")),
    lie("redirect_to_a_file", EVERY, |around| redirect(around, "302 Found", "file:///etc/passwd")),
    lie("redirect_to_metadata", EVERY, |around| redirect(around, "303 See Other", "http://169.254.169.254/latest")),
    lie("echo_in_the_body", EVERY, |around| Say::This(error("401 Unauthorized", "UNAUTHORIZED", &echo(around)))),
    lie("echo_at_the_cut_of_the_evidence", EVERY, |around| {
        every("200 OK", "text/plain", format!("{}{}", "x".repeat(2040), echo(around)))
    }),
    lie("echo_in_headers_and_cookies", EVERY, |around| {
        let echo = echo(around);
        let answer = error("401 Unauthorized", "UNAUTHORIZED", "no").with("X-Echo", echo.as_str());
        let answer =
            answer.with("Set-Cookie", format!("a={echo}; Path=/{echo}")).with("Location", format!("/?q={echo}"));
        Say::This(answer.with("WWW-Authenticate", format!("Basic realm=\"{echo}\"")))
    }),
    lie("echo_in_the_reason", EVERY, |around| {
        Say::This(error(&format!("403 {}", echo(around)), "DENIED", "no").with("X-Reason", echo(around)))
    }),
    lie("nasty_error_texts", EVERY, |_| Say::This(error("403 Forbidden", NASTY, NASTY))),
];

impl Say {
    fn lengthened(self, length: &str) -> Say {
        match self {
            Say::This(answer) => Say::This(answer.with("Content-Length", length)),
            other => other,
        }
    }
}

fn index(digest: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"{OCI}","digest":"{digest}","size":2}}]}}"#
    )
}

fn as_index(around: &Around<'_>, digest: &str) -> Say {
    let text = index(digest);
    let own = around.ask.target.ends_with(digest);
    changed(around, "GET", "/manifests/", |answer| {
        if own {
            return answer;
        }
        let answer = Answer { body: text.clone().into(), ..answer }.without("docker-content-digest");
        answer.with("Content-Type", "application/vnd.oci.image.index.v1+json")
    })
}

/// What is changed in the answers of a registry that is healthy otherwise.
pub const WITHIN: &[Lie] = &[
    lie("bearer_realm_elsewhere", &["registry::"], |around| {
        let realm = format!("Bearer realm=\"http://{}/token\",service=\"registry\"", around.sink);
        let honest = around.honest();
        let challenged = honest.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
        Say::This(if challenged { honest.with("WWW-Authenticate", realm) } else { honest })
    }),
    lie("basic_and_bearer_elsewhere", &["registry::"], |around| {
        let realm = format!("Basic realm=\"a\", Bearer realm=\"http://{}/token\",service=\"registry\"", around.sink);
        let honest = around.honest();
        let challenged = honest.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
        Say::This(if challenged { honest.with("WWW-Authenticate", realm) } else { honest })
    }),
    lie("bearer_for_other_clients_only", &[], |around| {
        let own = around.ask.header("user-agent").is_some_and(|agent| agent.starts_with("regproof"));
        if own || !around.ask.is_anonymous() {
            return Say::This(around.honest());
        }
        let realm = format!("Bearer realm=\"http://{}/token\",service=\"registry\"", around.sink);
        Say::This(error("401 Unauthorized", "UNAUTHORIZED", "no").with("WWW-Authenticate", realm))
    }),
    lie("upload_elsewhere", PUSH, |around| upload(around, "http://SINK/v2/blumeops/regproof/blobs/uploads/1")),
    lie("upload_elsewhere_by_two_slashes", PUSH, |around| {
        upload(around, "//SINK/v2/blumeops/regproof/blobs/uploads/1")
    }),
    lie("upload_with_user_information", PUSH, |around| {
        upload(around, "http://a:b@OWN/v2/blumeops/regproof/blobs/uploads/1")
    }),
    lie("upload_over_another_scheme", PUSH, |around| {
        upload(around, "https://OWN/v2/blumeops/regproof/blobs/uploads/1")
    }),
    lie("upload_to_another_repository", PUSH, |around| upload(around, "/v2/private/ledger/blobs/uploads/1")),
    lie("upload_by_dots_to_another_repository", PUSH, |around| {
        upload(around, "/v2/blumeops/regproof/blobs/uploads/%2e%2e/%2e%2e/%2e%2e/%2e%2e/private/ledger/manifests/v1")
    }),
    lie("upload_nowhere", PUSH, |around| upload(around, "")),
    lie("blob_elsewhere", PULL, |around| {
        let location = format!("http://{}/blob", around.sink);
        changed(around, "GET", "/blobs/", |_| {
            Answer::new("307 Temporary Redirect", "text/plain", "").with("Location", location.as_str())
        })
    }),
    lie("blob_in_circles", PULL, |around| {
        let target = around.ask.target.clone();
        changed(around, "GET", "/blobs/", |_| {
            Answer::new("302 Found", "text/plain", "").with("Location", target.as_str())
        })
    }),
    lie("link_to_itself", &[], |around| {
        let link = format!("<{}>; rel=\"next\"", around.ask.target);
        changed(around, "GET", "/tags/list", |answer| answer.with("Link", link.as_str()))
    }),
    lie("link_without_end", &[], |around| {
        let link = format!("</v2/blumeops/navidrome/tags/list?n=1&last={}>; rel=\"next\"", around.nth);
        changed(around, "GET", "/tags/list", |answer| answer.with("Link", link.as_str()))
    }),
    lie("link_elsewhere", &[], |around| {
        let link = format!("<http://{}/v2/tags/list>; rel=\"next\"", around.sink);
        changed(around, "GET", "/tags/list", |answer| answer.with("Link", link.as_str()))
    }),
    lie("tags_named_as_commands", PULL, |around| {
        tags(around, &["::stop-commands::x".into(), "##[error]y".into(), NASTY.to_owned()])
    }),
    lie("tags_with_paths", PULL, |around| {
        tags(around, &["../../../zot/auth/logout".into(), "..%2f..".into(), "a?b#c".into(), "/".into()])
    }),
    lie("a_tag_of_a_megabyte", PULL, |around| tags(around, &["t".repeat(BOMB - 200)])),
    lie("a_list_over_the_limit", PULL, |around| tags(around, &vec!["some-tag-or-other".to_owned(); 60_000])),
    lie("wrong_digest_header", PULL, |around| {
        let wrong = format!("sha256:{}", "0".repeat(64));
        changed(around, "GET", "/manifests/", |answer| answer.with("Docker-Content-Digest", wrong.as_str()))
    }),
    lie("swapped_manifest", PULL, |around| {
        let first = (around.ask.method.clone(), around.honest());
        let mut memory = around.memory.lock().expect("no holder panics");
        if !around.ask.is("GET", "/manifests/sha256:") {
            memory.push(first.clone());
            return Say::This(first.1);
        }
        let other = br#"{"schemaVersion":2,"config":{"digest":"sha256:0","size":0},"layers":[]}"#.to_vec();
        Say::This(Answer { body: other, ..first.1 })
    }),
    lie("flipped_bit", PULL, |around| {
        changed(around, "GET", "/blobs/", |mut answer| {
            answer.body.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            answer
        })
    }),
    lie("a_byte_too_many", PULL, |around| {
        changed(around, "GET", "/blobs/", |mut answer| {
            answer.body.push(0);
            answer.without("content-length")
        })
    }),
    lie("a_byte_too_few", PULL, |around| {
        changed(around, "GET", "/blobs/", |mut answer| {
            answer.body.pop();
            answer.without("content-length")
        })
    }),
    lie("half_of_every_body", PULL, |around| {
        changed(around, "GET", "/v2/", |mut answer| {
            answer.body.truncate(answer.body.len() / 2);
            answer.without("content-length")
        })
    }),
    lie("wrong_media_type", PULL, |around| {
        changed(around, "GET", "/manifests/", |answer| answer.with("Content-Type", "text/plain"))
    }),
    lie("index_that_points_at_a_tag", PULL, |around| as_index(around, "v0.61.1-abcdef0")),
    lie("index_with_an_unknown_digest", PULL, |around| as_index(around, "md5:d41d8cd98f00b204e9800998ecf8427e")),
    lie("index_that_points_at_a_path", PULL, |around| as_index(around, "../../../../metrics")),
    lie("layer_of_any_size", PULL, |around| {
        let digest = format!("sha256:{}", "0".repeat(64));
        let entry = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":18446744073709551615}}"#);
        manifest(around, &format!(r#"{{"schemaVersion":2,"mediaType":"{OCI}","config":{entry},"layers":[{entry}]}}"#))
    }),
    lie("deep_json", PULL, |around| manifest(around, &"[".repeat(BOMB))),
    lie("deep_json_within", PULL, |around| manifest(around, &format!("{{\"config\":{}", "{\"a\":".repeat(BOMB / 8)))),
    lie("wide_json", PULL, |around| manifest(around, &format!("[{}0]", "0,".repeat(BOMB)))),
    lie("wide_manifest", PULL, |around| {
        let entry = r#"{"digest":"","size":0},"#.repeat((4 << 20) / 23 - 10);
        manifest(around, &format!(r#"{{"layers":[{entry}{{"digest":"","size":0}}]}}"#))
    }),
    lie("duplicate_keys", PULL, |around| {
        manifest(around, r#"{"config":{"digest":"a","size":1},"config":{"digest":"b","size":2}}"#)
    }),
    lie("not_even_text", PULL, |around| body(around, "/manifests/", vec![0xff, 0xfe, 0x00, 0xd8])),
    lie("metrics_bomb", METRICS, |around| body(around, "/metrics", "a 1\n".repeat(2 * BOMB - 10))),
    lie("metrics_page", METRICS, |around| body(around, "/metrics", PAGE)),
    lie("metrics_with_nasty_names", METRICS, |around| body(around, "/metrics", format!("{NASTY} 1\n"))),
    lie("metrics_of_the_runtime_alone", METRICS, |around| body(around, "/metrics", "go_goroutines 7\n")),
    lie("gzip_that_nobody_asked_for", PULL, |around| {
        changed(around, "GET", "/v2/", |answer| answer.with("Content-Encoding", "gzip"))
    }),
    lie("a_cache_that_ignores_who_asks", REFUSALS, |around| {
        let key = format!("{} {}", around.ask.method, around.ask.target);
        if let Some((_, known)) =
            around.memory.lock().expect("no holder panics").iter().find(|(known, _)| *known == key)
        {
            return Say::This(known.clone().with("Age", "1").with("X-Cache", "HIT"));
        }
        let honest = around.honest();
        around.memory.lock().expect("no holder panics").push((key, honest.clone()));
        Say::This(honest)
    }),
    lie("the_answer_before", EVERY, |around| {
        let honest = around.honest();
        let mut memory = around.memory.lock().expect("no holder panics");
        memory.push((String::new(), honest));
        let nth = memory.len().saturating_sub(2);
        Say::This(memory[nth].1.clone())
    }),
    lie("every_other_answer_is_503", &["publish::"], |around| {
        if around.nth.is_multiple_of(2) {
            every("503 Service Unavailable", "text/plain", "")
        } else {
            Say::This(around.honest())
        }
    }),
    lie("an_open_replica", NOBODY, |around| {
        let honest = around.honest();
        let refused = honest.is("401") && around.ask.writes() && around.nth.is_multiple_of(2);
        Say::This(if refused { Answer::new("201 Created", JSON, "") } else { honest })
    }),
    lie("refusals_as_a_proxy_page", NOBODY, |around| {
        refusal(around, || Answer::new("401 Unauthorized", "text/html", PAGE))
    }),
    lie("refusals_as_an_empty_403", NOBODY, |around| {
        refusal(around, || Answer::new("403 Forbidden", "text/plain", ""))
    }),
    lie("refusals_as_a_login_redirect", NOBODY, |around| {
        refusal(around, || Answer::new("302 Found", "text/html", PAGE).with("Location", "/login"))
    }),
    lie("refusals_as_404", NOBODY, |around| refusal(around, || error("404 Not Found", "NAME_UNKNOWN", "no"))),
    lie("refusals_as_405", NOBODY, |around| refusal(around, || error("405 Method Not Allowed", "UNSUPPORTED", "no"))),
    lie("refusals_as_400", NOBODY, |around| refusal(around, || error("400 Bad Request", "MANIFEST_INVALID", "no"))),
    lie("refusals_as_429", NOBODY, |around| {
        refusal(around, || error("429 Too Many Requests", "TOOMANYREQUESTS", "no"))
    }),
    lie("refusals_without_a_challenge", NOBODY, |around| {
        refusal(around, || error("401 Unauthorized", "UNAUTHORIZED", "no").without("WWW-Authenticate"))
    }),
    lie("refusals_by_closing", NOBODY, |around| {
        let honest = around.honest();
        if honest.is("401") { Say::Bytes(vec![]) } else { Say::This(honest) }
    }),
    lie("pushes_that_are_lost", PUSH, |around| {
        if !around.ask.writes() {
            return Say::This(around.honest());
        }
        let status = if around.ask.method == "POST" { "202 Accepted" } else { "201 Created" };
        every(status, "text/plain", "").located("/v2/blumeops/regproof/blobs/uploads/1")
    }),
    lie("echo_beside_the_truth", &[], |around| {
        let (honest, echo) = (around.honest(), echo(around));
        Say::This(honest.with("X-Echo", echo.as_str()).with("Set-Cookie", format!("{echo}; Path=/")))
    }),
];

fn refusal(around: &Around<'_>, instead: fn() -> Answer) -> Say {
    let honest = around.honest();
    Say::This(if honest.is("401") { instead() } else { honest })
}
