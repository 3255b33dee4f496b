//! The registry behind the pull-through cache: Debian's `docker-registry` with one image.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::http::Request;
use super::image::Image;
use super::on_path;
use super::process::{NotStarted, PING, Server, on_free_port};

/// The repository it holds.
pub const REPOSITORY: &str = "library/alpine";
/// The tag it holds.
pub const TAG: &str = "3.20";

/// A running upstream.
pub struct Upstream {
    /// The address, without a path.
    pub url: String,
    /// The digest of the image it holds.
    pub digest: String,
    server: Server,
    folder: TempDir,
}

impl Upstream {
    /// The program, where this machine has it.
    pub fn program() -> Option<PathBuf> {
        on_path("docker-registry")
    }

    /// Starts it and pushes the image.
    pub fn start() -> Self {
        let program = Self::program().expect("program() was asked before");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (url, server) = serve(&program, folder.path());
        let image = Image::with_content("a small image from upstream");
        image.push(&url, REPOSITORY, TAG, None);
        Self { url, digest: image.digest(), server, folder }
    }

    /// The folder of its data.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ends it; its address and data stay as they are.
    pub fn stop(&mut self) {
        self.server.end();
    }

    /// Changes the bytes of everything it holds but the manifests, which it serves as if nothing had happened.
    pub fn alter_blobs(&self) {
        let blobs = self.storage().join("docker/registry/v2/blobs/sha256");
        let folders =
            |folder: &Path| fs::read_dir(folder).expect("the registry has stored").flatten().map(|e| e.path());
        for file in folders(&blobs).flat_map(|folder| folders(&folder).collect::<Vec<_>>()).map(|f| f.join("data")) {
            let mut bytes = fs::read(&file).expect("a blob can be read");
            if !bytes.windows(15).any(|part| part == b"\"schemaVersion\"") {
                // The same length, so that nothing but the hash can tell.
                bytes.iter_mut().for_each(|byte| *byte ^= 1);
                fs::write(&file, bytes).expect("a blob can be written");
            }
        }
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// Debian's registry, empty, on a free port with its files in `folder`: its address, without a path, and its guard.
pub fn serve(program: &Path, folder: &Path) -> (String, Server) {
    on_free_port(|port| {
        let config = folder.join("config.yml");
        let storage = folder.join("data");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{ level: warn }}\nstorage:\n  filesystem: {{ rootdirectory: {} }}\n  \
                 delete: {{ enabled: true }}\nhttp: {{ addr: \"127.0.0.1:{port}\" }}\n",
                serde_json::Value::from(storage.to_str().expect("temporary paths are text")),
            ),
        )
        .expect("the configuration can be written");
        let mut server = Server::spawn(
            program,
            &["serve", config.to_str().expect("temporary paths are text")],
            &folder.join("upstream.log"),
        );
        let url = format!("http://127.0.0.1:{port}");
        let ping = format!("{url}/v2/");
        server.wait_until(Duration::from_secs(120), |_| {
            Request::new("GET", &ping).within(PING).try_send().ok().filter(|answer| answer.status == 200)
        })?;
        Ok::<_, NotStarted>((url, server))
    })
    .unwrap_or_else(|error| panic!("the upstream did not start: {error:?}"))
}
