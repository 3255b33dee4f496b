//! The foreign OpenID provider `canaille`, by the script `provider.py`.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::process::Server;
use super::provider::{CI, CLIENT_ID, CLIENT_SECRET, GUEST};
use super::tools;

/// A running canaille.
pub struct Canaille {
    /// The issuer.
    pub issuer: String,
    server: Server,
    _folder: TempDir,
}

impl Canaille {
    /// Why it cannot run here, if so.
    pub fn missing() -> Option<&'static str> {
        (!tools().join("canaille/bin/canaille").is_file()).then_some("no canaille: run `make logins`")
    }

    /// Starts it on a port that it chooses; users may come back to this address.
    pub fn start(redirect: &str) -> Self {
        let account = |user: &super::provider::User| json!({ "name": user.name, "password": user.password, "groups": user.groups });
        let settings = json!({
            "client": { "id": CLIENT_ID, "secret": CLIENT_SECRET, "redirect_uris": [redirect] },
            "users": [account(&CI), account(&GUEST)],
        });
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/provider.py");
        let arguments = [script.to_str().expect("the clone's path is text"), &settings.to_string()];
        let python = tools().join("canaille/bin/python");
        let mut server = Server::spawn(&python, &arguments, &folder.path().join("canaille.log"));
        let said = |log: &str| log.lines().find_map(|line| line.strip_prefix("listening ")).map(str::to_owned);
        let issuer = server
            .wait_until(Duration::from_secs(60), said)
            .unwrap_or_else(|error| panic!("canaille did not start: {error:?}"));
        Self { issuer, server, _folder: folder }
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        self.server.log()
    }
}
