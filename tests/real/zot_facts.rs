//! Facts about real zot that checks rely on, asked of every release this machine has.
//!
//! A fact that changes with a release fails here before a check gives a wrong verdict. Nothing of regproof is judged.

use crate::support;
use crate::support::http::{Answer, Request};
use crate::support::image::{Image, MANIFEST, digest};
use crate::support::provider::{ADMIN, CI, GUEST};
use crate::support::world::{PRIVATE, PUBLIC, SCRATCH, TAG, World};
use crate::support::zot::Release;
use serde_json::{Value, json};

const ABSENT: &str = "00000000-0000-4000-8000-000000000000";
fn repositories(world: &World) -> Value {
    world.request("GET", "/v2/_catalog").credentials(world.credentials(&ADMIN)).send().must_be(200).json()
}

fn digest_of(world: &World, reference: &str) -> Option<String> {
    let answer = world
        .request("GET", &format!("/v2/{SCRATCH}/manifests/{reference}"))
        .credentials(world.credentials(&ADMIN))
        .send();
    (answer.status == 200).then(|| digest(&answer.body))
}

#[test]
fn oracles_tell_the_permission_and_store_nothing() {
    World::on_each_release("oracles_tell_the_permission_and_store_nothing", |release, world| {
        let odd = |request: Request| request.body("application/x-regproof", "{}");
        let manifests = format!("/v2/{PUBLIC}/manifests");
        let blobs = format!("/v2/{PUBLIC}/blobs");
        let random = format!("sha256:{}", "5".repeat(64));
        // Up to v2.1.15 the query is ignored: nothing could move, and the create-only key is let through.
        let by_query = if release <= Release(2, 1, 18) { 415 } else { 403 };
        let put = |path: String| odd(world.request("PUT", &path));
        let piece = world
            .request("PATCH", &format!("{blobs}/uploads/{ABSENT}"))
            .header("content-range", "5-1")
            .body("application/octet-stream", "x");
        // What, the request, what the create-only key gets, what an admin gets.
        let oracles = [
            ("create a tag", put(format!("{manifests}/unused")), 415, 415),
            ("update a tag", put(format!("{manifests}/{TAG}")), 403, 415),
            ("update latest", put(format!("{manifests}/latest")), latest(release, 415), 415),
            ("move a tag by query", put(format!("{manifests}/{random}?tag={TAG}")), by_query, 415),
            ("start an upload", world.request("POST", &format!("{blobs}/uploads/?from=x")), 405, 405),
            ("mount a blob", world.request("POST", &format!("{blobs}/uploads/?mount=x&mount=y")), 400, 400),
            ("continue an upload", piece, 416, 416),
            ("finish an upload", world.request("PUT", &format!("{blobs}/uploads/{ABSENT}")), 400, 400),
            ("delete a manifest", world.request("DELETE", &format!("{manifests}/{random}")), 403, 404),
            ("delete a blob", world.request("DELETE", &format!("{blobs}/notadigest")), 403, 404),
            ("delete an upload", world.request("DELETE", &format!("{blobs}/uploads/{ABSENT}")), 403, 404),
        ];
        let before = (repositories(&world), tags(&world));
        for (what, request, ci, admin) in oracles {
            let got = [None, world.credentials(&GUEST), world.credentials(&CI), world.credentials(&ADMIN)]
                .map(|who| request.clone().credentials(who).send().status);
            assert_eq!(got, [401, 403, ci, admin], "{what} on {release}: anonymous, guest, ci, admin");
        }
        assert_eq!((repositories(&world), tags(&world)), before, "{release}");
    });
}

/// Up to v2.1.14 `latest` was exempt from the update permission (CVE-2026-31801).
fn latest(release: Release, exempt: u16) -> u16 {
    if release <= Release(2, 1, 14) { exempt } else { 403 }
}

fn tags(world: &World) -> Value {
    world.request("GET", &format!("/v2/{PUBLIC}/tags/list")).send().must_be(200).json()
}

#[test]
fn a_create_only_key_moves_tags_only_on_old_releases() {
    World::on_each_release("a_create_only_key_moves_tags_only_on_old_releases", |release, world| {
        let url = &world.zot.url;
        let (ci, admin) = (world.credentials(&CI), world.credentials(&ADMIN));
        let (first, second) = (Image::with_content("first"), Image::with_content("second"));
        first.push(url, SCRATCH, "v1", ci);
        first.push(url, SCRATCH, "latest", ci);
        second.push(url, SCRATCH, "other", admin);

        first.put_manifest(url, SCRATCH, "v1", ci).must_be(403);
        second.put_manifest(url, SCRATCH, "v1", ci).must_be(403);
        assert_eq!(digest_of(&world, "v1"), Some(first.digest()));

        second.put_manifest(url, SCRATCH, "latest", ci).must_be(latest(release, 201));
        let moved = release <= Release(2, 1, 14);
        assert_eq!(digest_of(&world, "latest") == Some(second.digest()), moved, "{release}");

        let status = if release <= Release(2, 1, 18) { 201 } else { 403 };
        let target = format!("{}?tag=v1", second.digest());
        second.put_manifest(url, SCRATCH, &target, ci).must_be(status);
        let moved = release == Release(2, 1, 18);
        assert_eq!(digest_of(&world, "v1") == Some(second.digest()), moved, "{release}");
    });
}

#[test]
fn denials_carry_the_signature_of_zot() {
    World::on_each_release("denials_carry_the_signature_of_zot", |release, world| {
        let upload = format!("/v2/{SCRATCH}/blobs/uploads/");
        let anonymous = world.request("POST", &upload).send().must_be(401);
        assert_eq!(anonymous.header("www-authenticate"), Some("Basic realm=\"Authorization Required\""));
        assert_eq!(code_in_list(&anonymous), "UNAUTHORIZED");
        let guest = world.request("POST", &upload).credentials(world.credentials(&GUEST)).send().must_be(403);
        assert_eq!(code_in_list(&guest), "DENIED");
        assert!(guest.header("www-authenticate").is_some(), "{guest:?}");

        // Wrong credentials never fall back to what anonymous may do.
        let wrong = world
            .request("GET", &format!("/v2/{PUBLIC}/manifests/{TAG}"))
            .credentials(Some((CI.name, "zak_00000000000000000000000000000000")))
            .send()
            .must_be(401);
        assert_eq!(wrong.json()["code"], "UNAUTHORIZED");
        assert!(wrong.json().get("errors").is_none(), "{}", wrong.text());

        let challenge = |world: &World, method: &str, path: &str| {
            world.request(method, path).send().header("www-authenticate").map(str::to_owned)
        };
        assert_eq!(challenge(&world, "GET", "/v2/").as_deref(), Some("basic realm="));
        let docker = if release >= Release(2, 1, 16) { 401 } else { 200 };
        world.request("GET", "/v2/").header("user-agent", "docker/27.1.1 go/go1.22.5").send().must_be(docker);
    });
}

fn code_in_list(answer: &Answer) -> String {
    answer.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_ranged_read_can_leak_a_private_blob() {
    World::on_each_release("a_ranged_read_can_leak_a_private_blob", |release, world| {
        let blob = b"what nobody else may see";
        let target = |repository: &str| format!("/v2/{repository}/blobs/{}", digest(blob));
        world.request("GET", &target(PRIVATE)).send().must_be(401);
        let plain = world.request("GET", &target(PUBLIC)).send().must_be(404);
        assert!(!plain.text().contains("nobody"));
        let ranged = world.request("GET", &target(PUBLIC)).header("range", "bytes=0-").send();
        let leaks = (Release(2, 1, 16)..=Release(2, 1, 20)).contains(&release);
        assert_eq!(ranged.status, if leaks { 206 } else { 404 }, "{release}");
        assert_eq!(ranged.body == blob, leaks, "{release}");
    });
}

#[test]
fn metrics_need_the_form_of_their_release() {
    World::on_each_release("metrics_need_the_form_of_their_release", |release, world| {
        let world = world.reconfigure(|config| {
            config["http"]["accessControl"]["metrics"] = json!({ "users": [""] });
        });
        let has_policy = release >= support::hardened::METRICS_HAVE_A_POLICY;
        world.request("GET", "/metrics").send().must_be(if has_policy { 401 } else { 200 });
        world.request("GET", "/metrics").credentials(world.credentials(&CI)).send().must_be(403);
    });
}

#[test]
fn the_longest_pattern_replaces_the_others() {
    World::on_each_release("the_longest_pattern_replaces_the_others", |_, world| {
        let world = world.reconfigure(|config| {
            config["http"]["accessControl"]["repositories"]["blumeops/**"] =
                json!({ "anonymousPolicy": ["read"], "defaultPolicy": ["read"] });
        });
        let upload = |repository: &str, user| {
            world.request("POST", &format!("/v2/{repository}/blobs/uploads/?from=x")).credentials(user).send()
        };
        upload(SCRATCH, world.credentials(&CI)).must_be(403);
        upload(SCRATCH, world.credentials(&ADMIN)).must_be(403);
        upload("elsewhere/x", world.credentials(&CI)).must_be(405);
    });
}

#[test]
fn two_patterns_of_equal_length_answer_at_random() {
    World::on_each_release("two_patterns_of_equal_length_answer_at_random", |release, world| {
        let world = world.reconfigure(|config| {
            let repositories = &mut config["http"]["accessControl"]["repositories"];
            repositories["blumeops/regproo*"] = json!({ "anonymousPolicy": ["read"] });
            repositories["blumeops/*egproof"] = json!({ "anonymousPolicy": ["read", "create"] });
        });
        let upload = format!("/v2/{SCRATCH}/blobs/uploads/?from=x");
        // By chance alone this ends well before the limit: 2^-300 is never.
        let seen = (0..300).map(|_| world.request("POST", &upload).send().status);
        let mut refused_and_allowed = [false; 2];
        for status in seen {
            refused_and_allowed[usize::from(status == 405)] = true;
            if refused_and_allowed == [true; 2] {
                return;
            }
        }
        panic!("{release} has decided: {refused_and_allowed:?}");
    });
}

#[test]
fn a_refused_push_of_known_blobs_creates_the_repository() {
    World::on_each_release("a_refused_push_of_known_blobs_creates_the_repository", |release, world| {
        // What skopeo and crane do without credentials: ask for each blob, skip those that are there, send the manifest.
        let image = Image::with_content("the image that must not change");
        for blob in &image.blobs {
            world.request("HEAD", &format!("/v2/made/by-a-push/blobs/{}", digest(blob))).send().must_be(200);
        }
        image.put_manifest(&world.zot.url, "made/by-a-push", "v1", None).must_be(401);
        assert!(repositories(&world).to_string().contains("made/by-a-push"), "{release}");
    });
}

#[test]
fn a_manifest_of_an_unknown_type_is_refused_before_it_is_read() {
    let Some(world) = World::on_this_release("a_manifest_of_an_unknown_type_is_refused_before_it_is_read") else {
        return;
    };
    let put = |media_type: &str| {
        world
            .request("PUT", &format!("/v2/{SCRATCH}/manifests/new"))
            .credentials(world.credentials(&CI))
            .body(media_type, "{}")
            .send()
    };
    put("application/x-regproof").must_be(415);
    put(MANIFEST).must_be(400);
    assert_eq!(digest_of(&world, "new"), None);
}
