//! What is shipped: the Debian package and the image, each opened again, and the image pushed to the lab by crane.
//!
//! Packs the program under test, which is linked to this machine's C library; a release packs a static one.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use regproof::lab::Lab;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support;

const PROGRAM: &str = env!("CARGO_BIN_EXE_regproof");

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn done(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn pack(kind: &str, program: &Path, folder: &Path) -> PathBuf {
    let mut command = Command::new(project().join("tools/package.sh"));
    let said = done(command.arg(kind).arg(program).arg(folder).env_remove("SOURCE_DATE_EPOCH"));
    PathBuf::from(said.trim_end())
}

/// A small program that behaves as the real one: packs quickly.
fn small(folder: &Path) -> PathBuf {
    let file = folder.join("small");
    support::common::write_program(&file, &format!("#!/bin/sh\nexec {PROGRAM} \"$@\"\n"), 0o755);
    file
}

#[test]
fn the_debian_package_has_the_program_its_pages_and_completions() {
    if support::on_path("dpkg-deb").is_none() {
        return support::skip("the_debian_package_has_the_program_its_pages_and_completions", "no dpkg-deb");
    }
    let folder = tempfile::tempdir().unwrap();
    let program = small(folder.path());
    let package = pack("deb", &program, &folder.path().join("one"));
    let again = pack("deb", &program, &folder.path().join("two"));
    assert_eq!(fs::read(&package).unwrap(), fs::read(again).unwrap(), "the same program gives the same package");
    let field = |name: &str| done(Command::new("dpkg-deb").arg("--field").arg(&package).arg(name));
    assert_eq!(field("Version").trim(), env!("CARGO_PKG_VERSION"));
    let root = folder.path().join("root");
    done(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&root));
    assert!(done(Command::new(root.join("usr/bin/regproof")).arg("--version")).starts_with("regproof "));
    for file in [
        "man/man1/regproof.1.gz",
        "man/man1/regproof-run.1.gz",
        "bash-completion/completions/regproof",
        "zsh/vendor-completions/_regproof",
        "fish/vendor_completions.d/regproof.fish",
        "doc/regproof/copyright",
        "doc/regproof/scenarios/read-only.toml",
    ] {
        assert!(root.join("usr/share").join(file).metadata().is_ok_and(|file| file.len() > 0), "{file}");
    }
}

fn read(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap();
    let bytes = fs::read(layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))).unwrap();
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, format!("sha256:{found}"));
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

#[test]
fn the_image_is_a_sound_layout_and_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let program = small(folder.path());
    let layout = pack("image", &program, &folder.path().join("one"));
    let again = pack("image", &program, &folder.path().join("two"));
    let index = fs::read(layout.join("index.json")).unwrap();
    assert_eq!(index, fs::read(again.join("index.json")).unwrap(), "the same program gives the same image");
    assert_eq!(fs::read(layout.with_extension("oci.tar")).unwrap(), fs::read(again.with_extension("oci.tar")).unwrap());
    let index: Value = serde_json::from_slice(&index).unwrap();
    let manifest: Value = serde_json::from_slice(&read(&layout, &index["manifests"][0])).unwrap();
    let config: Value = serde_json::from_slice(&read(&layout, &manifest["config"])).unwrap();
    let layer = folder.path().join("layer.tar.gz");
    fs::write(&layer, read(&layout, &manifest["layers"][0])).unwrap();
    let files = done(Command::new("tar").arg("-tvzf").arg(&layer));
    let is = |mode: &str, name: &str| files.lines().any(|line| line.starts_with(mode) && line.ends_with(name));
    assert!(is("-rwxr-xr-x 0/0 ", " ./usr/bin/regproof") && is("-rw-r--r-- 0/0 ", "/ca-certificates.crt"), "{files}");
    assert!(is("drwxrwxrwt 0/0 ", " ./tmp/"), "the image's user makes temporary files: {files}");
    assert_eq!(config["config"]["Entrypoint"], json!(["/usr/bin/regproof"]));
    assert_ne!(config["config"]["User"], "root");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_is_pushed_by_crane_and_pulled_by_digest() {
    let test = "the_image_is_pushed_by_crane_and_pulled_by_digest";
    let Some(crane) = support::tool("crane") else { return support::lacks(test, "crane") };
    let (lab, folder) = (Lab::healthy().await.unwrap(), tempfile::tempdir().unwrap());
    let layout = pack("image", Path::new(PROGRAM), folder.path());
    let host = lab.url().trim_start_matches("http://");
    let auth = BASE64_STANDARD.encode(format!("zot-ci:{}", lab.api_key("zot-ci")));
    let auths = json!({ "auths": { host: { "auth": auth } } });
    fs::write(folder.path().join("config.json"), auths.to_string()).unwrap();
    let crane = |arguments: &[&str]| {
        done(Command::new(&crane).args(arguments).arg("--insecure").env("DOCKER_CONFIG", folder.path()))
    };
    let image = format!("{host}/blumeops/regproof");
    crane(&["push", layout.to_str().unwrap(), &format!("{image}:v{}-image", env!("CARGO_PKG_VERSION"))]);
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let pushed = format!("{image}@{}", index["manifests"][0]["digest"].as_str().unwrap());
    crane(&["validate", "--remote", &pushed]);
    let files = folder.path().join("files.tar");
    crane(&["export", &pushed, files.to_str().unwrap()]);
    done(Command::new("tar").arg("-xf").arg(&files).arg("-C").arg(folder.path()));
    assert!(folder.path().join("etc/ssl/certs/ca-certificates.crt").is_file(), "the image knows no authorities");
    let version = done(Command::new(folder.path().join("usr/bin/regproof")).arg("--version"));
    assert_eq!(version.trim_end(), concat!("regproof ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn nothing_is_packed_that_is_not_regproof() {
    let folder = tempfile::tempdir().unwrap();
    for program in ["/bin/true", "/no/such/program"] {
        let mut command = Command::new(project().join("tools/package.sh"));
        let output = command.args(["image", program]).arg(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{program}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("package: "), "{program}");
    }
}

#[test]
fn the_release_workflow_calls_what_there_is() {
    let text = fs::read_to_string(project().join(".forgejo/workflows/release.yaml")).unwrap();
    let workflow: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    let makefile = fs::read_to_string(project().join("Makefile")).unwrap();
    let steps = workflow["jobs"]["release"]["steps"].as_sequence().unwrap();
    let scripts: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    for script in &scripts {
        done(Command::new("bash").args(["-n", "-c", script]));
    }
    let made = scripts.iter().flat_map(|script| script.lines()).find_map(|line| line.trim().strip_prefix("make "));
    for target in made.unwrap().split_whitespace() {
        assert!(makefile.contains(&format!("\n{target}: ")), "there is no `make {target}`");
    }
}
