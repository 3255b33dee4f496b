//! A real zot: finds it, starts it, restarts it with another configuration, ends it.
//!
//! zot comes from the machine (`ZOT_BIN`, or `zot` on `PATH`); nothing here fetches or builds it.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::http::Request;
use super::on_path;
use super::process::{NotStarted, PING, Server, on_free_port};

/// A release of zot, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32, pub u32, pub u32);

impl fmt::Display for Release {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "v{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Releases at which a fact that checks rely on changed.
pub const OLDER: [Release; 3] = [Release(2, 1, 14), Release(2, 1, 15), Release(2, 1, 18)];

/// A zot program of this machine.
#[derive(Debug, Clone)]
pub struct Zot {
    /// The executable.
    pub program: PathBuf,
    /// What `zot --version` says.
    pub release: Release,
}

impl Zot {
    /// The zot to test with; says on stderr that `test` does not run when there is none.
    pub fn find(test: &str) -> Option<Self> {
        let program = env::var_os("ZOT_BIN").map(PathBuf::from).or_else(|| on_path("zot"));
        if program.is_none() {
            super::skip(test, "no zot: set ZOT_BIN or put zot on PATH");
        }
        program.map(Self::at)
    }

    /// An older release, by `ZOT_BIN_2_1_15` and the like; says on stderr that `test` does not run without it.
    pub fn find_release(test: &str, release: Release) -> Option<Self> {
        let Release(major, minor, patch) = release;
        let variable = format!("ZOT_BIN_{major}_{minor}_{patch}");
        let Some(program) = env::var_os(&variable) else {
            super::skip(test, &format!("no zot {release}: set {variable}"));
            return None;
        };
        let zot = Self::at(program.into());
        assert!(zot.release == release, "{variable} is zot {}", zot.release);
        Some(zot)
    }

    /// The zot of this machine and every older release it has; says on stderr which `test` does without.
    pub fn find_all(test: &str) -> Vec<Self> {
        let older = OLDER.iter().filter_map(|release| Self::find_release(test, *release));
        Self::find(test).into_iter().chain(older).collect()
    }

    /// The zot at this path; panics when it is none.
    pub fn at(program: PathBuf) -> Self {
        let said = Command::new(&program)
            .arg("--version")
            .output()
            .unwrap_or_else(|error| panic!("{} cannot be run: {error}", program.display()));
        let text = [said.stdout, said.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let release =
            release_in(&text).unwrap_or_else(|| panic!("{} does not tell its release: {text}", program.display()));
        Self { program, release }
    }
}

/// zot logs its version as a JSON line; the release is the tag that `commit` starts with.
fn release_in(text: &str) -> Option<Release> {
    let pattern = regex::Regex::new(r#""commit":"v?(\d+)\.(\d+)\.(\d+)"#).expect("the pattern is valid");
    let found = pattern.captures(text)?;
    Some(Release(found[1].parse().ok()?, found[2].parse().ok()?, found[3].parse().ok()?))
}

/// A running zot.
pub struct RealZot {
    /// The address, without a path.
    pub url: String,
    /// Its port on loopback.
    pub port: u16,
    /// The configuration it runs with.
    pub config: Value,
    zot: Zot,
    folder: PathBuf,
    server: Server,
}

impl RealZot {
    /// Starts it on a free port with the configuration that `configure` makes for that port.
    ///
    /// Address, port and storage folder are set here; everything else is the caller's. Files go to `folder`.
    #[track_caller]
    pub fn start(zot: &Zot, folder: &Path, configure: impl FnMut(u16) -> Value) -> Self {
        Self::try_start(zot, folder, configure).unwrap_or_else(|error| panic!("zot did not start: {error:?}"))
    }

    /// The same for a configuration that zot may refuse.
    pub fn try_start(zot: &Zot, folder: &Path, mut configure: impl FnMut(u16) -> Value) -> Result<Self, NotStarted> {
        on_free_port(|port| {
            let (config, server) = launch(zot, folder, port, configure(port))?;
            let url = format!("http://127.0.0.1:{port}");
            Ok(Self { url, port, config, zot: zot.clone(), folder: folder.to_owned(), server })
        })
    }

    /// Ends it and starts it again on the same port and the same data, with a changed configuration.
    #[track_caller]
    pub fn restart(self, change: impl FnOnce(&mut Value)) -> Self {
        self.try_restart(change).unwrap_or_else(|error| panic!("zot did not start again: {error:?}"))
    }

    /// The same for a configuration that zot may refuse.
    pub fn try_restart(self, change: impl FnOnce(&mut Value)) -> Result<Self, NotStarted> {
        let Self { url, port, mut config, zot, folder, server } = self;
        drop(server);
        change(&mut config);
        let (config, server) = launch(&zot, &folder, port, config)?;
        Ok(Self { url, port, config, zot, folder, server })
    }

    /// The configuration file it was started with.
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("zot.json")
    }

    /// The folder of its data.
    pub fn storage(&self) -> PathBuf {
        self.folder.join("storage")
    }

    /// The release that runs.
    pub fn release(&self) -> Release {
        self.zot.release
    }

    /// Ends it; its address and data stay as they are.
    pub fn stop(&mut self) {
        self.server.end();
    }

    /// Its whole log.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

fn launch(zot: &Zot, folder: &Path, port: u16, mut config: Value) -> Result<(Value, Server), NotStarted> {
    config["http"]["address"] = "127.0.0.1".into();
    config["http"]["port"] = port.to_string().into();
    config["storage"]["rootDirectory"] = folder.join("storage").to_str().expect("the path is text").into();
    let file = folder.join("zot.json");
    let text = serde_json::to_vec_pretty(&config).expect("a JSON value can be written");
    fs::write(&file, text).expect("the configuration can be written");
    let mut server =
        Server::spawn(&zot.program, &["serve", file.to_str().expect("the path is text")], &folder.join("zot.log"));
    let ready = format!("http://127.0.0.1:{port}/readyz");
    server.wait_until(Duration::from_secs(60), |_| {
        Request::new("GET", &ready).within(PING).try_send().ok().filter(|answer| answer.status == 200)
    })?;
    Ok((config, server))
}
