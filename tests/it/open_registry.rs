//! A real registry that takes any media type, any upload and any client: go-containerregistry's own, `crane registry serve`.
//!
//! A run may change nothing there outside of its scratch repository, at no effect, and tells all that is new inside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support;
use crate::support::http::Request;
use crate::support::image::Image;
use crate::support::process::{PING, Server, on_free_port};

const SCRATCH: &str = "team/scratch";

/// What every repository has: each tag with its digest.
type Tags = BTreeMap<String, BTreeMap<String, String>>;

struct Crane {
    _server: Server,
    url: String,
}

impl Crane {
    fn start(folder: &Path) -> Option<Crane> {
        let program = support::tool("crane")?;
        let started = on_free_port(|port| {
            let address = format!("127.0.0.1:{port}");
            let url = format!("http://{address}");
            let log = folder.join("crane.log");
            let mut server = Server::spawn(&program, &["registry", "serve", "--address", &address], &log);
            server.wait_until(Duration::from_secs(60), |_| {
                let answer = Request::new("GET", &format!("{url}/v2/")).within(PING).try_send().ok()?;
                (answer.status == 200).then_some(())
            })?;
            Ok(Crane { _server: server, url })
        });
        Some(started.expect("crane's registry starts"))
    }

    fn tags(&self) -> Tags {
        let get = |path: &str| Request::new("GET", &format!("{}{path}", self.url)).send();
        let texts = |value: &Value| -> Vec<String> {
            let list = value.as_array().cloned().unwrap_or_default();
            list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
        };
        let mut all = Tags::new();
        for repository in texts(&get("/v2/_catalog").must_be(200).json()["repositories"]) {
            let listed = get(&format!("/v2/{repository}/tags/list"));
            let tags = if listed.status == 200 { texts(&listed.json()["tags"]) } else { vec![] };
            let digest = |tag: String| {
                let manifest = get(&format!("/v2/{repository}/manifests/{tag}")).must_be(200);
                let digest = manifest.header("docker-content-digest").unwrap_or_default().to_owned();
                (tag, digest)
            };
            all.insert(repository.clone(), tags.into_iter().map(digest).collect());
        }
        all
    }
}

fn scenario(url: &str, remover: bool) -> String {
    let all = if remover { r#"["read", "create", "update", "delete"]"# } else { r#"["read", "create", "update"]"# };
    format!(
        "schema = 1\nname = \"crane\"\n[registry]\nurl = \"{url}\"\n\
         [repositories]\nscratch = \"{SCRATCH}\"\npublic = [\"team/app\"]\nprivate = [\"team/secret\"]\n\
         [access]\nanonymous = [\"read\"]\nauthenticated = [\"read\"]\ngroups.ci = [\"read\", \"create\"]\ngroups.admins = {all}\n\
         [identities.ci]\nusername = \"ci\"\npassword = {{ file = \"secret\" }}\ngroups = [\"ci\"]\n\
         [identities.admin]\nusername = \"admin\"\npassword = {{ file = \"another\" }}\ngroups = [\"admins\"]\n\
         [metrics]\npath = \"/metrics\"\nanonymous = true\n\
         [[cache]]\nimage = \"docker.io/library/alpine:3.20\"\n\
         [probes]\nlitter = true\nstrain = true\n[limits]\nrequest_timeout = \"10s\"\n"
    )
}

/// A run, and what its report lists as left behind: repository and tag.
fn run(file: &Path, effects: &str) -> BTreeSet<(String, String)> {
    let report = file.with_file_name("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_regproof"))
        .args(["run", "--no-browser", "--effects", effects, "--json"])
        .args([&report, file])
        .env("PATH", "")
        .output()
        .expect("it runs");
    let code = output.status.code();
    assert!(matches!(code, Some(1 | 2)), "{effects}: {code:?}: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&std::fs::read(&report).expect("the report was written")).expect("JSON");
    let outcomes = report["outcomes"].as_array().expect("outcomes are a list");
    let left = outcomes.iter().flat_map(|outcome| outcome["leftovers"].as_array().cloned().unwrap_or_default());
    let text = |left: &Value, name: &str| left[name].as_str().unwrap_or_default().to_owned();
    left.map(|left| (text(&left, "repository"), text(&left, "reference"))).collect()
}

#[test]
fn nothing_changes_outside_of_the_scratch_repository_and_all_that_is_new_inside_is_told() {
    let test = "nothing_changes_outside_of_the_scratch_repository_and_all_that_is_new_inside_is_told";
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let Some(crane) = Crane::start(folder.path()) else { return support::lacks(test, "crane") };
    Image::with_content("app").push(&crane.url, "team/app", "v1", None);
    Image::with_content("app").push(&crane.url, "team/app", "latest", None);
    Image::with_content("secret").push(&crane.url, "team/secret", "v1", None);
    for name in ["secret", "another"] {
        std::fs::write(folder.path().join(name), format!("not-a-real-{name}")).expect("a file can be written");
    }
    let file = folder.path().join("regproof.toml");
    for (effects, remover) in [("read-only", true), ("oracle", true), ("writes", true), ("writes", false)] {
        std::fs::write(&file, scenario(&crane.url, remover)).expect("a file can be written");
        let before = crane.tags();
        let left = run(&file, effects);
        let mut after = crane.tags();
        let scratch = after.remove(SCRATCH).unwrap_or_default();
        let outside: Tags =
            before.iter().filter(|(name, _)| *name != SCRATCH).map(|(n, t)| (n.clone(), t.clone())).collect();
        assert_eq!(after, outside, "{effects}");
        let known = before.get(SCRATCH).cloned().unwrap_or_default();
        for (tag, digest) in scratch.iter().filter(|(tag, digest)| known.get(*tag) != Some(digest)) {
            let told = left.contains(&(SCRATCH.to_owned(), tag.clone()));
            assert!(told, "{effects}, remover {remover}: {tag} ({digest}) is new and not in {left:#?}");
        }
        for (repository, reference) in &left {
            let there = scratch.contains_key(reference) || reference.contains(':') || reference.contains('/');
            assert!(
                repository == SCRATCH && there,
                "{effects}, remover {remover}: {repository} {reference} is not there"
            );
        }
    }
}
