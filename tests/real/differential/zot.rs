//! A real zot on loopback with storage that is written before it starts; ended when dropped, whatever happens.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use regproof::zot::release::Release;
use sha2::{Digest, Sha256};

use super::{REPOSITORIES, USERS};
use crate::support::http::Request;
use crate::support::process::{PING, Server, on_free_port};

/// The password of every user of the htpasswd file, and its bcrypt hash at the lowest cost.
pub const PASSWORD: &str = "loopback";
const HASH: &str = "$2a$04$XP4VOw7QwIRqW3haq.d11O6QQbtMMHdfjorT2kX4R9tzgTPezjrTC";

const CONFIG: &str = "{}";
pub const LAYER: &str = "regproof";

pub struct Zot {
    _server: Server,
    pub url: String,
    pub file: &'static str,
    pub config: String,
}

pub fn release(binary: &Path) -> Release {
    let output = Command::new(binary).arg("--version").output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let commit = text.split("\"commit\":\"").nth(1).and_then(|rest| rest.split('"').next());
    commit.and_then(|commit| commit.parse().ok()).unwrap_or_else(|| panic!("zot does not tell its release: {text}"))
}

/// Starts zot with the configuration that `config` writes for a port, and waits until it answers.
pub fn start(binary: &Path, folder: &Path, mut config: impl FnMut(u16) -> String) -> Zot {
    seed_storage(folder);
    let users: String = USERS.iter().map(|user| format!("{user}:{HASH}\n")).collect();
    std::fs::write(folder.join("htpasswd"), users).unwrap();
    let started = on_free_port(|port| {
        let config = config(port);
        let file = if config.starts_with('{') { "config.json" } else { "config.yaml" };
        std::fs::write(folder.join(file), &config).unwrap();
        let written = folder.join(file);
        let mut server = Server::spawn(binary, &["serve", written.to_str().unwrap()], &folder.join("log"));
        let ready = format!("http://127.0.0.1:{port}/readyz");
        server.wait_until(Duration::from_secs(60), |_| {
            Request::new("GET", &ready).within(PING).try_send().ok().filter(|answer| answer.status == 200)
        })?;
        Ok(Zot { _server: server, url: format!("http://127.0.0.1:{port}"), file, config })
    });
    started.unwrap_or_else(|error| {
        let last: Vec<_> = error.log.lines().filter(|line| line.to_lowercase().contains("error")).take(4).collect();
        panic!("zot does not start: {}\n{}", error.reason, last.join("\n"))
    })
}

/// Each repository with one image under the tags `v1` and `latest`, as an OCI layout on disk.
pub fn seed_storage(folder: &Path) {
    let manifest = manifest();
    for repository in REPOSITORIES {
        let root = folder.join("storage").join(repository);
        let blobs = root.join("blobs").join("sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        for blob in [CONFIG, LAYER, &manifest] {
            std::fs::write(blobs.join(sha256(blob)), blob).unwrap();
        }
        let entry = |tag: &str| {
            serde_json::json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(&manifest),
                "size": manifest.len(), "annotations": {"org.opencontainers.image.ref.name": tag}})
        };
        let index = serde_json::json!({"schemaVersion": 2, "manifests": [entry("v1"), entry("latest")]});
        std::fs::write(root.join("index.json"), index.to_string()).unwrap();
        std::fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }
}

fn manifest() -> String {
    serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(CONFIG), "size": CONFIG.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(LAYER), "size": LAYER.len()}]})
    .to_string()
}

pub fn digest(text: &str) -> String {
    format!("sha256:{}", sha256(text))
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
