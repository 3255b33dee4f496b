//! What this machine has: programs on PATH, a browser, a Docker daemon.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::scenario::Scenario;

/// What this machine has.
#[derive(Clone, Debug)]
pub struct Machine {
    folders: Vec<PathBuf>,
    no_browser: bool,
    /// Whether every program is taken for there.
    everything: bool,
    /// Whether a Docker daemon is to be found where Docker's tools look for one.
    pub(crate) engine: bool,
}

/// Where Docker's daemon listens unless `DOCKER_HOST` says otherwise.
pub(crate) const DOCKER_SOCKET: &str = "/var/run/docker.sock";

impl Machine {
    /// The machine as PATH shows it.
    #[must_use]
    pub fn here(no_browser: bool) -> Machine {
        let machine = Machine::with_path(&std::env::var_os("PATH").unwrap_or_default(), no_browser);
        let engine = has_engine(std::env::var_os("DOCKER_HOST").as_deref(), Path::new(DOCKER_SOCKET));
        if engine { machine.with_engine() } else { machine }
    }

    /// A machine whose programs are in these folders, written as PATH is, and that has no Docker daemon.
    #[must_use]
    pub fn with_path(path: &OsStr, no_browser: bool) -> Machine {
        Machine { folders: std::env::split_paths(path).collect(), no_browser, everything: false, engine: false }
    }

    /// A machine that lacks nothing, for what does not depend on the machine.
    pub(crate) fn with_everything() -> Machine {
        Machine { folders: vec![], no_browser: false, everything: true, engine: true }
    }

    /// The same machine with a Docker daemon.
    #[must_use]
    pub fn with_engine(mut self) -> Machine {
        self.engine = true;
        self
    }

    /// A program on PATH, or at the path given.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        if self.everything {
            return Some(PathBuf::from(program));
        }
        if program.contains('/') {
            return Some(PathBuf::from(program)).filter(|path| is_program(path));
        }
        self.folders.iter().map(|folder| folder.join(program)).find(|path| is_program(path))
    }
}

pub(crate) fn has_engine(host: Option<&OsStr>, socket: &Path) -> bool {
    host.is_some() || socket.exists()
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Why there is no browser, if there is none.
pub(crate) fn no_browser(scenario: &Scenario, machine: &Machine) -> Option<String> {
    if machine.no_browser {
        return Some("--no-browser".to_owned());
    }
    if scenario.needs_certificate() {
        return Some("the browser is not given the certificate of [registry] client_cert".to_owned());
    }
    let driver = &scenario.browser.webdriver;
    let remote = driver.starts_with("http://") || driver.starts_with("https://");
    if remote {
        let unmapped = || "the remote browser does not know [registry] resolve".to_owned();
        return (!scenario.registry.resolve.is_empty()).then(unmapped);
    }
    if scenario.registry.ca_file.is_some() {
        let how = "name a WebDriver that does in [browser] webdriver";
        return Some(format!("the browser does not trust [registry] ca_file; {how}"));
    }
    if machine.find(driver).is_none() {
        return Some(format!(
            "{driver} is not on PATH; install it (Debian: apt-get install chromium chromium-driver), or name a running \
             WebDriver in [browser] webdriver"
        ));
    }
    let browsers = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    let none = driver.ends_with("chromedriver") && browsers.iter().all(|name| machine.find(name).is_none());
    none.then(|| "there is no browser on PATH; install one (Debian: apt-get install chromium)".to_owned())
}

/// Why a client program cannot be used, if it cannot.
pub(crate) fn no_program(name: &str, scenario: &Scenario, machine: &Machine) -> Option<String> {
    if machine.find(name).is_none() {
        let hint = match name {
            "crane" => "its releases are at https://github.com/google/go-containerregistry".to_owned(),
            "oras" => "its releases are at https://github.com/oras-project/oras".to_owned(),
            "dagger" => "see https://docs.dagger.io/install".to_owned(),
            _ => format!("Debian: apt-get install {name}"),
        };
        return Some(format!("{name} is not on PATH; install it ({hint})"));
    }
    let led_elsewhere = !scenario.registry.resolve.is_empty();
    scenario.without_certificate(name).or_else(|| {
        led_elsewhere.then(|| format!("{name} connects where DNS says, and [registry] resolve says otherwise"))
    })
}
