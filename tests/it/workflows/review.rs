//! `.forgejo/workflows/review-access.yaml`: its steps by bash, as a runner calls them, in a repository with two commits.
//!
//! The forge is a program named `curl` that keeps what it is sent.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_yaml_ng::Value;
use tempfile::TempDir;

use super::{finish, path_with_regproof, said};
use crate::support;

const WORKFLOW: &str = ".forgejo/workflows/review-access.yaml";
const OLD: &str = include_str!("../../configs/seed.json");

/// What a pull request left behind.
struct Reviewed {
    status: Option<i32>,
    said: String,
    /// The body of the request to the forge.
    comment: String,
    /// Its arguments.
    request: String,
}

fn steps() -> Vec<Value> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(WORKFLOW)).expect("the workflow is there");
    let workflow: Value = serde_yaml_ng::from_str(&text).expect("the workflow is YAML");
    let steps = workflow["jobs"]["compare"]["steps"].as_sequence().expect("the job has steps").clone();
    steps.into_iter().filter(|step| step["run"].is_string()).collect()
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=operator", "-c", "user.email=operator@example.test"];
    let mut git = Command::new("git");
    git.args(identity).args(arguments).current_dir(folder).env("HOME", folder);
    let done = git.output().expect("git starts");
    assert!(done.status.success(), "git {arguments:?}: {done:?}");
    String::from_utf8(done.stdout).expect("git writes text").trim().to_owned()
}

/// A repository whose configuration changes, and a `curl` that writes what it gets into files.
fn repository(new: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).expect("a folder can be made");
    let curl = "#!/bin/sh\necho \"$@\" >\"$KEPT/request\"\ncat >\"$KEPT/comment\"\n";
    fs::write(tools.join("curl"), curl).expect("a file can be written");
    let done = Command::new("chmod").arg("+x").arg(tools.join("curl")).status().expect("chmod starts");
    assert!(done.success());
    let config = folder.path().join("config.json");
    fs::write(&config, OLD).expect("a file can be written");
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    git(folder.path(), &["add", "config.json"]);
    git(folder.path(), &["commit", "--quiet", "--message", "The registry"]);
    let base = git(folder.path(), &["rev-parse", "HEAD"]);
    fs::write(&config, new).expect("a file can be written");
    git(folder.path(), &["commit", "--quiet", "--all", "--message", "A change"]);
    (folder, base)
}

/// Runs the steps of the workflow, the later ones always, as they say.
fn review(new: &str, allowed: &str) -> Reviewed {
    let (folder, base) = repository(new);
    let mut path = folder.path().join("tools").into_os_string();
    path.push(":");
    path.push(path_with_regproof());
    let (mut status, mut words) = (None, String::new());
    for step in steps() {
        let script = folder.path().join("step.sh");
        fs::write(&script, step["run"].as_str().expect("a step has a script")).expect("a file can be written");
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script).current_dir(folder.path());
        command.env("PATH", &path).env("KEPT", folder.path()).env("GITHUB_STEP_SUMMARY", folder.path().join("summary"));
        command.env("GITHUB_API_URL", "https://forge.example.test/api/v1").env("GITHUB_REPOSITORY", "ops/registry");
        for (name, value) in step["env"].as_mapping().expect("a step has an environment") {
            let value = match value.as_str().expect("a value is text") {
                text if text.contains("vars.ZOT_CONFIG") => "config.json",
                text if text.contains("vars.REGPROOF_ALLOW_GAIN") => allowed,
                text if text.contains("base.sha") => &base,
                text if text.contains("github.token") => "made-up-token",
                text if text.contains("pull_request.number") => "7",
                other => panic!("{other} is not known to this test"),
            };
            command.env(name.as_str().expect("a name is text"), value);
        }
        let done = finish(command, folder.path());
        words.push_str(&said(&done));
        if status.is_none() {
            status = Some(done.status.code());
        }
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    Reviewed { status: status.flatten(), said: words, comment: read("comment"), request: read("request") }
}

#[test]
fn a_pull_request_that_gives_a_right_is_told_and_fails() {
    let test = "a_pull_request_that_gives_a_right_is_told_and_fails";
    if support::on_path("jq").is_none() {
        return support::skip(test, "there is no jq");
    }
    let new = OLD.replacen(r#""actions": ["read", "create"]"#, r#""actions": ["read", "create", "update"]"#, 1);
    assert_ne!(new, OLD);
    let told = review(&new, "");
    assert_eq!(told.status, Some(1), "{}", told.said);
    let body: serde_json::Value = serde_json::from_str(&told.comment).expect("the forge is sent JSON");
    let body = body["body"].as_str().expect("a comment has a body");
    assert!(body.contains("group artifact-workloads") && body.contains("gains **update**"), "{body}");
    assert!(body.contains("before/config.json:") && body.contains("` config.json:"), "{body}");
    assert!(told.request.contains("https://forge.example.test/api/v1/repos/ops/registry/issues/7/comments"));
    let allowed = review(&new, "\ngroup:artifact-workloads:update:**\n");
    assert_eq!(allowed.status, Some(0), "{}", allowed.said);
    assert!(allowed.comment.contains("1 allowed"), "{}", allowed.comment);
}

#[test]
fn a_pull_request_with_a_broken_file_fails_and_says_so() {
    let test = "a_pull_request_with_a_broken_file_fails_and_says_so";
    if support::on_path("jq").is_none() {
        return support::skip(test, "there is no jq");
    }
    let told = review("{", "");
    assert_eq!(told.status, Some(3), "{}", told.said);
    assert!(told.said.contains("config.json:1:"), "{}", told.said);
    assert!(told.comment.contains("compared nothing (status 3)"), "{}", told.comment);
}
