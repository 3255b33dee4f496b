//! A program that serves until its guard is dropped, or until the test program ends in whatever way.
//!
//! It must not leave a process behind, not even when the test program is killed.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::poll;

/// A pipe is the only thing that the system closes for a killed parent. The watcher waits for its end and then
/// ends the whole process group, itself included; the program takes the place of the shell, so that its id and
/// exit status are the child's.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
(cat <&3 >/dev/null 2>&1; kill -9 0) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"#;

/// For one question whether a server is ready: whoever else has its port may never answer.
pub const PING: Duration = Duration::from_secs(2);

/// A running program, its process group and its log.
pub struct Server {
    child: Child,
    log: PathBuf,
}

/// Why a server is not there, with everything it has said.
#[derive(Debug)]
pub struct NotStarted {
    /// What was waited for, or how the program ended.
    pub reason: String,
    /// Standard output and error of the program.
    pub log: String,
}

impl NotStarted {
    /// Whether another program took the port between its choice and its use.
    pub fn lost_the_port(&self) -> bool {
        self.log.to_ascii_lowercase().contains("address already in use")
    }
}

impl Server {
    /// Starts `program` in a process group of its own; both outputs go to the file `log`.
    pub fn spawn(program: &Path, arguments: &[&str], log: &Path) -> Self {
        let output = File::create(log).expect("the log can be created");
        let errors = output.try_clone().expect("a file handle can be cloned");
        let child = Command::new("sh")
            .args(["-c", WATCHED, "sh"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .expect("sh starts");
        Self { child, log: log.to_owned() }
    }

    /// Waits until `ready` has an answer; fails as soon as the program has ended, or after `limit`.
    pub fn wait_until<T>(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, NotStarted> {
        let found = poll(limit, || {
            if let Some(status) = self.ended() {
                return Some(Err(format!("it ended: {status}")));
            }
            ready(&self.log()).map(Ok)
        });
        match found {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(reason)) => Err(NotStarted { reason, log: self.log() }),
            None => Err(NotStarted { reason: format!("it was not ready after {limit:?}"), log: self.log() }),
        }
    }

    /// The exit status, once the program has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Ends it, and everything it has started.
    pub fn end(&mut self) {
        drop(self.child.stdin.take());
        // The watcher's signal cannot be refused; the limit is for a machine that is out of breath.
        if poll(Duration::from_secs(10), || self.child.try_wait().ok().flatten()).is_none() {
            let _ = self.child.kill();
        }
    }

    /// Everything the program has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port of loopback that was free a moment ago, from below the range out of which systems give ports to those who ask for
/// any. Whoever uses it must be ready to have lost it.
pub fn free_port() -> u16 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let start = moment.wrapping_add(std::process::id().wrapping_mul(769));
    let port = || 20_000 + (start.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed)) % 12_000) as u16;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(port).take(1000).find(is_free).expect("loopback has a free port")
}

/// Calls `start` with one free port after another until it does not lose the race for it.
pub fn on_free_port<T>(mut start: impl FnMut(u16) -> Result<T, NotStarted>) -> Result<T, NotStarted> {
    let mut attempts = 5;
    loop {
        attempts -= 1;
        match start(free_port()) {
            Err(lost) if lost.lost_the_port() && attempts > 0 => {}
            result => return result,
        }
    }
}
