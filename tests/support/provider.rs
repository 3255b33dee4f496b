//! The foreign OpenID provider: npm `oidc-provider` with the login page of `provider.mjs`.
//!
//! It must refuse wrong passwords and unknown redirect addresses, as a production provider does.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::http::Request;
use super::process::Server;
use super::{on_path, tools};

/// One user of the provider.
#[derive(Debug, Clone, Copy)]
pub struct User {
    /// Login name, and the `sub` and `preferred_username` claims.
    pub name: &'static str,
    /// The password, a constant of the tests.
    pub password: &'static str,
    /// The `groups` claim, under the scopes `profile` and `groups`.
    pub groups: &'static [&'static str],
}

/// The one that publishes images.
pub const CI: User = User { name: "zot-ci", password: "ci-keeps-building", groups: &["artifact-workloads"] };
/// The one that may do everything.
pub const ADMIN: User = User { name: "erich", password: "break-the-glass", groups: &["admins"] };
/// One who can log in and has no group.
pub const GUEST: User = User { name: "guest", password: "only-looking", groups: &[] };

/// How the provider differs from the default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The addresses that a login may return to, exactly.
    pub redirect_uris: Vec<String>,
    /// A base32 secret: the login then asks for a one-time code too.
    pub totp_secret: Option<String>,
    /// The login ends with a page that asks for consent.
    pub consent: bool,
}

/// The client id of the registry.
pub const CLIENT_ID: &str = "zot";
/// The client secret of the registry.
pub const CLIENT_SECRET: &str = "not-a-secret-only-for-tests";

/// A running provider.
pub struct Provider {
    /// The issuer, which is also the address.
    pub issuer: String,
    server: Server,
    _folder: TempDir,
}

impl Provider {
    /// Why it cannot run here, if so.
    pub fn missing() -> Option<&'static str> {
        if !tools().join("npm/node_modules/oidc-provider").is_dir() {
            return Some("OpenID provider");
        }
        on_path("node").is_none().then_some("node on PATH")
    }

    /// Starts it on a port that it chooses.
    pub fn start(options: &Options) -> Self {
        let users: Vec<_> = [CI, ADMIN, GUEST]
            .iter()
            .map(|user| json!({ "name": user.name, "password": user.password, "groups": user.groups }))
            .collect();
        let settings = json!({
            "modules": tools().join("npm/node_modules"),
            "client": { "id": CLIENT_ID, "secret": CLIENT_SECRET, "redirect_uris": options.redirect_uris },
            "users": users,
            "totp_secret": options.totp_secret,
            "consent": options.consent,
        });
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/provider.mjs");
        let node = on_path("node").expect("missing() was asked before");
        let mut server = Server::spawn(
            &node,
            &[script.to_str().expect("the clone's path is text"), &settings.to_string()],
            &folder.path().join("provider.log"),
        );
        let issuer = server
            .wait_until(Duration::from_secs(120), |log| {
                log.lines().find_map(|line| line.strip_prefix("listening ")).map(str::to_owned)
            })
            .unwrap_or_else(|error| panic!("the provider did not start: {error:?}"));
        Self { issuer, server, _folder: folder }
    }

    /// Puts a user into other groups; what a registry knows of them changes with their next login.
    pub fn put_into_groups(&self, user: &str, groups: &[String]) {
        let target = format!("{}/tests/groups", self.issuer);
        let body = json!({ "user": user, "groups": groups }).to_string();
        Request::new("POST", &target).body("application/json", body).send().must_be(204);
    }

    /// Ends it; its address and data stay as they are.
    pub fn stop(&mut self) {
        self.server.end();
    }

    /// Puts its clock forward, or back, as if nobody had set it.
    pub fn put_forward(&self, seconds: i32) {
        let target = format!("{}/tests/clock", self.issuer);
        Request::new("POST", &target).body("text/plain", seconds.to_string()).send().must_be(204);
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        self.server.log()
    }
}
