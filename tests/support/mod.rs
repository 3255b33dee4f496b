//! Real parts for tests: zot, an OpenID provider, an upstream registry, a fault proxy. All on loopback.
//!
//! A part panics when it cannot do its work: a test without its world proves nothing. A part that this machine does
//! not have is a skip, and a skip is always said, and counted. No part may outlive the test program.

pub mod bulk;
pub mod caddy;
pub mod canaille;
pub mod common;
pub mod faults;
pub mod gate;
pub mod gitea;
pub mod hardened;
pub mod http;
pub mod image;
pub mod judge;
pub mod keycloak;
pub mod keys;
pub mod nginx;
pub mod patch;
pub mod printed;
pub mod process;
pub mod provider;
pub mod registries;
pub mod rewriter;
pub mod tokens;
pub mod twin;
pub mod upstream;
pub mod world;
pub mod zot;

pub use self::common::{lacks, skip};

use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Whether generated documents are written instead of compared, by `REGPROOF_UPDATE`. Never where `CI` is set: there, nobody
/// would see what was written.
pub fn updates() -> bool {
    let wanted = env::var_os("REGPROOF_UPDATE").is_some();
    assert!(!wanted || env::var_os("CI").is_none(), "REGPROOF_UPDATE writes documents, which CI must compare");
    wanted
}

/// The folder that `make tools` fills.
pub fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools")
}

/// A program of `make tools`.
pub fn tool(name: &str) -> Option<PathBuf> {
    Some(tools().join("bin").join(name)).filter(|path| path.is_file())
}

/// The first file of this name on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Asks again until there is an answer; `None` when the limit has passed.
pub fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(15));
    }
}
