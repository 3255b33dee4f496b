//! The WebDriver process, and the end of it: of the driver, of the browser, and of every child of the browser.
//!
//! Killing chromedriver leaves its Chromium alive, so the browser is ended by the process id that the session names and by
//! its profile folder, which no other process has on its command line.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

use super::BrowserError;
use crate::base::process_tree::{In, kill, with};

/// Everything that must end, readable from any thread.
static ALIVE: Mutex<Vec<Arc<Alive>>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Alive {
    /// The profile folder of a browser of ours.
    profile: Option<PathBuf>,
    /// The driver's process group.
    driver: Option<i32>,
    /// The browser process, once the session names it.
    browser: Mutex<Option<i32>>,
    /// The session to end at a remote WebDriver.
    session: Mutex<Option<Url>>,
}

/// A WebDriver, ours or a remote one; ends with everything it started when it is dropped.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) url: Url,
    pub(super) profile: Option<TempDir>,
    alive: Arc<Alive>,
    _child: Option<Child>,
}

const INSTALL: &str = "Install both from one source (Debian: apt-get install chromium chromium-driver), or name a running \
     WebDriver in [browser] webdriver";

/// How long the program may take until it listens: seconds on a machine that is overloaded.
const STARTED: Duration = Duration::from_secs(30);

impl Driver {
    /// Starts the command on a free port, or takes the URL of a running WebDriver.
    pub(super) async fn start(webdriver: &str, limit: Duration) -> Result<Driver, BrowserError> {
        if let Ok(url) = Url::parse(webdriver)
            && matches!(url.scheme(), "http" | "https")
        {
            return Ok(Driver::new(url, None, None));
        }
        let failed = |reason: String| BrowserError::Start { program: webdriver.to_owned(), reason, remedy: INSTALL };
        let limit = limit.min(STARTED);
        let (end, mut ended) = (tokio::time::Instant::now() + limit, 0);
        loop {
            match tokio::time::timeout_at(end, Driver::launch(webdriver)).await {
                Ok(Ok(Some(driver))) => return Ok(driver),
                // It takes a free port of IPv4 and gives up where the same one of IPv6 is taken; the next may be free.
                Ok(Ok(None)) if ended < 2 => ended += 1,
                Ok(Ok(None)) => {
                    return Err(failed("it ended and did not say that it started, nor on which port".to_owned()));
                }
                Ok(Err(reason)) => return Err(failed(reason.to_string())),
                Err(_) => return Err(failed(format!("it did not say within {limit:.0?} that it started"))),
            }
        }
    }

    /// A driver that has said on which port it listens; none if it ended before.
    async fn launch(webdriver: &str) -> std::io::Result<Option<Driver>> {
        let private = std::fs::Permissions::from_mode(0o700);
        let profile = tempfile::Builder::new().prefix("regproof-browser-").permissions(private).tempdir()?;
        let mut child = Command::new(webdriver)
            .arg("--port=0")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().expect("stdout is piped a few lines above");
        let mut driver = Driver::new(Url::parse("http://127.0.0.1").expect("a constant"), Some(profile), Some(child));
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let Some((_, rest)) = line.split_once("started successfully on port ") else { continue };
            let unusable = || std::io::Error::other("it named no usable port");
            let port = rest.trim_end_matches('.').trim().parse().map_err(|_| unusable())?;
            driver.url.set_port(Some(port)).map_err(|()| unusable())?;
            // A full pipe would block the driver; the task ends with the driver, which closes the pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(Some(driver));
        }
        Ok(None)
    }

    fn new(url: Url, profile: Option<TempDir>, child: Option<Child>) -> Driver {
        let alive = Arc::new(Alive {
            profile: profile.as_ref().map(|folder| folder.path().to_owned()),
            driver: child.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok()),
            browser: Mutex::default(),
            session: Mutex::default(),
        });
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&alive));
        Driver { url, profile, alive, _child: child }
    }

    /// Whether the browser runs on this machine as a child of ours.
    pub(super) fn is_ours(&self) -> bool {
        self.profile.is_some()
    }

    /// Remembers what a new session started.
    pub(super) fn session(&self, id: Option<&str>, browser: Option<i64>) {
        let browser = browser.and_then(|id| i32::try_from(id).ok()).filter(|_| self.is_ours());
        *self.alive.browser.lock().unwrap_or_else(PoisonError::into_inner) = browser;
        let session = id.and_then(|id| self.url.join(&format!("session/{id}")).ok());
        *self.alive.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }

    /// The session was ended in the regular way.
    pub(super) fn session_ended(&self) {
        *self.alive.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.alive.end();
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| !Arc::ptr_eq(other, &self.alive));
    }
}

/// Ends every browser and driver that this process started, from any thread.
pub fn kill_all() {
    let all = std::mem::take(&mut *ALIVE.lock().unwrap_or_else(PoisonError::into_inner));
    for alive in all {
        alive.end();
    }
}

impl Alive {
    fn end(&self) {
        let browser = self.browser.lock().unwrap_or_else(PoisonError::into_inner).take();
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(profile) = &self.profile else {
            if let Some(url) = session {
                delete(&url);
            }
            return;
        };
        if let Some(browser) = browser {
            kill(browser);
            kill(-browser);
        }
        if let Some(driver) = self.driver {
            kill(-driver);
        }
        let end = Instant::now() + Duration::from_secs(2);
        loop {
            let left = with_profile(profile);
            if left.is_empty() || Instant::now() > end {
                return;
            }
            left.into_iter().for_each(kill);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Processes that have the profile folder on their command line, but for those that ended and wait to be reaped.
pub(super) fn with_profile(profile: &Path) -> Vec<i32> {
    with(In::CommandLine, profile.as_os_str().as_encoded_bytes())
}

/// Ends a session at a remote WebDriver: blocking and short, since a value that is dropped cannot await.
fn delete(session: &Url) {
    use std::io::{Read, Write};
    use std::net::ToSocketAddrs as _;
    let (Some(host), Some(port)) = (session.host_str(), session.port_or_known_default()) else { return };
    const LIMIT: Duration = Duration::from_secs(2);
    let limit = Some(LIMIT);
    let Ok(addresses) = (host, port).to_socket_addrs() else { return };
    let connected = addresses.take(2).find_map(|address| TcpStream::connect_timeout(&address, LIMIT).ok());
    let Some(mut stream) = connected else { return };
    let _ = stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit));
    let request = format!("DELETE {} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n", session.path());
    if stream.write_all(request.as_bytes()).is_ok() {
        let _ = stream.read(&mut [0; 64]);
    }
}
