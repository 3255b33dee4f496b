//! Keycloak, as its project distributes it, with one realm for a registry.
//!
//! Its accounts are those of the other provider; one of them owes a one-time code. Keycloak writes to a separate folder:
//! the installed copy must stay as it is.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::Request;
use super::process::{PING, Server, on_free_port};
use super::provider::{ADMIN, CI, CLIENT_ID, CLIENT_SECRET, GUEST, User};
use super::{on_path, tools};

/// What [`ADMIN`] owes besides the password, in base32.
pub const TOTP_SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// A running Keycloak.
pub struct Keycloak {
    /// The realm's issuer.
    pub issuer: String,
    server: Server,
    _folder: TempDir,
}

impl Keycloak {
    /// Why it cannot run here, if so.
    pub fn missing() -> Option<&'static str> {
        if !tools().join("keycloak/bin/kc.sh").is_file() {
            return Some("no Keycloak: run `make logins`");
        }
        on_path("java").is_none().then_some("no java on PATH")
    }

    /// Starts it with its realm; users come back to any port of 127.0.0.1.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let program = lay_out(&tools().join("keycloak"), folder.path());
        on_free_port(|port| {
            let port = format!("--http-port={port}");
            let mut arguments = vec!["JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1", program.as_str(), "start", &port];
            arguments.extend(["--optimized", "--import-realm", "--http-host=127.0.0.1", "--http-enabled=true"]);
            // With a distributed cache it would listen beyond loopback.
            arguments.extend(["--hostname-strict=false", "--cache=local"]);
            let server = Server::spawn(Path::new("/usr/bin/env"), &arguments, &folder.path().join("keycloak.log"));
            let issuer = format!("http://127.0.0.1:{}/realms/{REALM}", &port["--http-port=".len()..]);
            Self::ready(server, &issuer).map(|server| (issuer, server))
        })
        .map(|(issuer, server)| Self { issuer, server, _folder: folder })
        .unwrap_or_else(|error| panic!("Keycloak did not start: {error:?}"))
    }

    fn ready(mut server: Server, issuer: &str) -> Result<Server, super::process::NotStarted> {
        let discovery = format!("{issuer}/.well-known/openid-configuration");
        server.wait_until(Duration::from_secs(180), |_| {
            Request::new("GET", &discovery).within(PING).try_send().ok().filter(|answer| answer.status == 200)
        })?;
        Ok(server)
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

const REALM: &str = "registry";

/// A separate home with the installed programs in it; returns the program to start.
fn lay_out(installed: &Path, home: &Path) -> String {
    for name in ["bin", "conf", "data/import"] {
        fs::create_dir_all(home.join(name)).expect("a folder can be made");
    }
    for name in ["lib", "providers"] {
        symlink(installed.join(name), home.join(name)).expect("a link can be made");
    }
    // A copy, since Keycloak's home is where its script really is.
    fs::copy(installed.join("bin/kc.sh"), home.join("bin/kc.sh")).expect("the script can be copied");
    let file = home.join("data/import/realm.json");
    fs::write(file, realm().to_string()).expect("the realm can be written");
    home.join("bin/kc.sh").to_str().expect("the path is text").to_owned()
}

fn realm() -> Value {
    let groups = json!({
        "name": "groups",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-group-membership-mapper",
        "config": {
            "claim.name": "groups",
            "full.path": "false",
            "id.token.claim": "true",
            "userinfo.token.claim": "true",
        },
    });
    json!({
        "realm": REALM,
        "enabled": true,
        "groups": [{ "name": "artifact-workloads" }, { "name": "admins" }],
        "clients": [{
            "clientId": CLIENT_ID,
            "secret": CLIENT_SECRET,
            "publicClient": false,
            "standardFlowEnabled": true,
            // Without a port: Keycloak then takes every port of a loopback address, as RFC 8252 has it.
            "redirectUris": ["http://127.0.0.1/zot/auth/callback/oidc"],
            "protocolMappers": [groups],
        }],
        "users": [account(&CI, None), account(&GUEST, None), account(&ADMIN, Some(TOTP_SECRET))],
    })
}

fn account(user: &User, totp: Option<&str>) -> Value {
    let mut credentials = vec![json!({ "type": "password", "value": user.password })];
    credentials.extend(totp.map(|secret| {
        let kind = json!({
            "subType": "totp", "algorithm": "HmacSHA1", "digits": 6, "period": 30, "secretEncoding": "BASE32",
        });
        let value = json!({ "value": secret });
        json!({ "type": "otp", "userLabel": "phone", "secretData": value.to_string(), "credentialData": kind.to_string() })
    }));
    json!({
        "username": user.name,
        "enabled": true,
        "email": format!("{}@example.test", user.name),
        "emailVerified": true,
        // Without both names the first login ends at a page that asks for them.
        "firstName": user.name,
        "lastName": "Test",
        "groups": user.groups,
        "credentials": credentials,
    })
}
