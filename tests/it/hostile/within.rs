//! Lies within the answers of a registry that is healthy otherwise.

use super::front::{Answer, Around, Say};
use super::lies::{
    BOMB, BUT_THE_CLOCK, JSON, Lie, METRICS, NASTY, NOBODY, OCI, PAGE, PULL, PUSH, REFUSALS, body, changed, echo,
    error, every, lie, manifest, tags, upload,
};

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
    lie("bearer_realm_elsewhere", &["registry::answers_as"], |around| {
        let realm = format!("Bearer realm=\"http://{}/token\",service=\"registry\"", around.sink);
        let honest = around.honest();
        let challenged = honest.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
        Say::This(if challenged { honest.with("WWW-Authenticate", realm) } else { honest })
    }),
    lie("basic_and_bearer_elsewhere", &["registry::answers_as"], |around| {
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
    lie("upload_to_a_repository_below", PUSH, |around| {
        upload(around, "/v2/blumeops/regproof/blobs/uploads/x/blobs/uploads/9f3a9e0c-4b0e-4f6b-9d53-0d2f4a5f7c11")
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
    lie("ever_more_tags", &["tags::"], |around| {
        let page = |nth: usize| -> Vec<String> {
            (0..90_000).map(|n| format!("v{nth:08}.{n:08}.0-abcdef0-and-a-long-name")).collect()
        };
        let link = format!("<{}>; rel=\"next\"", around.ask.target.split('?').next().unwrap_or_default());
        match tags(around, &page(around.nth)) {
            Say::This(answer) if around.ask.is("GET", "/tags/list") => Say::This(answer.with("Link", link.as_str())),
            other => other,
        }
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
    lie("the_answer_before", BUT_THE_CLOCK, |around| {
        // Of another path: by chance, the answer before could be the right one.
        let path = around.ask.target.split('?').next().unwrap_or_default().to_owned();
        let honest = around.honest();
        let mut memory = around.memory.lock().expect("no holder panics");
        let before = memory.iter().rev().find(|(other, _)| *other != path).map(|(_, answer)| answer.clone());
        memory.push((path, honest));
        Say::This(before.unwrap_or_else(|| Answer::new("200 OK", JSON, "{}")))
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
