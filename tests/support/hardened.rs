//! The hardened zot configuration that the project was started for, as data.
//!
//! It knows nothing of processes: who runs it passes addresses and files.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Value, json};

use super::provider::{CLIENT_ID, CLIENT_SECRET};
use super::zot::Release;

/// From this release on, `metrics.users: [""]` no longer opens the metrics to everyone.
/// zot `pkg/api/authz.go`, `MetricsAuthzHandler`.
pub const METRICS_HAVE_A_POLICY: Release = Release(2, 1, 18);

/// The configuration for a zot on `port` of loopback; the client's credentials are written into `folder`.
///
/// Anonymous may read, `artifact-workloads` may read and create, `admins` may do everything, metrics are open,
/// API keys and OpenID login are on, `docker.io` is a pull-through cache of `upstream`.
pub fn config(release: Release, port: u16, issuer: &str, upstream: Option<&str>, folder: &Path) -> Value {
    let credentials = folder.join("oidc-credentials.json");
    let text = json!({ "clientid": CLIENT_ID, "clientsecret": CLIENT_SECRET }).to_string();
    write_secret(&credentials, &text);
    let metrics = if release >= METRICS_HAVE_A_POLICY {
        json!({ "anonymousPolicy": ["read"] })
    } else {
        json!({ "users": [""] })
    };
    let mut config = json!({
        "distSpecVersion": "1.1.1",
        "storage": { "dedupe": true, "gc": true },
        "http": {
            "externalUrl": format!("http://127.0.0.1:{port}"),
            "auth": {
                "apikey": true,
                "openid": { "providers": { "oidc": {
                    "name": "Single sign-on",
                    "issuer": issuer,
                    "credentialsFile": credentials,
                    "scopes": ["openid", "email", "profile"],
                    "claimMapping": { "username": "preferred_username" },
                } } },
            },
            "accessControl": {
                "repositories": { "**": {
                    "policies": [
                        { "groups": ["artifact-workloads"], "actions": ["read", "create"] },
                        { "groups": ["admins"], "actions": ["read", "create", "update", "delete"] },
                    ],
                    "anonymousPolicy": ["read"],
                    "defaultPolicy": ["read"],
                } },
                "metrics": metrics,
            },
        },
        "log": { "level": "info" },
        "extensions": { "metrics": { "enable": true, "prometheus": { "path": "/metrics" } } },
    });
    if let Some(upstream) = upstream {
        config["extensions"]["sync"] = json!({
            "enable": true,
            "registries": [{
                "urls": [upstream],
                "onDemand": true,
                "tlsVerify": false,
                "content": [{ "prefix": "**", "destination": "/docker.io" }],
            }],
        });
    }
    config
}

/// Adds repositories below `private/` that only `admins` may see.
pub fn with_private(config: &mut Value) {
    config["http"]["accessControl"]["repositories"]["private/**"] = json!({
        "policies": [{ "groups": ["admins"], "actions": ["read", "create", "update", "delete"] }],
    });
}

/// Writes a file that only its owner may read.
pub fn write_secret(path: &Path, text: &str) {
    // An older file would keep its mode.
    let _ = fs::remove_file(path);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    std::io::Write::write_all(&mut file, text.as_bytes()).expect("the secret can be written");
}
