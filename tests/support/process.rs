//! A program that serves until its guard is dropped, or until the test program ends in whatever way.
//!
//! It must not leave a process behind, not even when the test program is killed.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpSocket;

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

/// For one question whether a server is ready: another program that has its port may never answer.
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
    /// Starts `program` in a new process group; both outputs go to the file `log`.
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

/// The next connection; a caller that never comes is a failure, not a hang.
pub fn accepted(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener can be asked without waiting");
    let stream = poll(Duration::from_secs(120), || listener.accept().ok());
    let (stream, _) = stream.expect("somebody connects");
    stream.set_nonblocking(false).expect("a connection can be waited for");
    stream
}

/// Runs a program to its end; one that does not end in five minutes is ended, and fails the test.
pub fn run(command: &mut Command) -> Output {
    run_within(command, Duration::from_secs(300))
}

/// The same with another limit. Its outputs go through files, so that a grandchild cannot hold a pipe open.
pub fn run_within(command: &mut Command, limit: Duration) -> Output {
    let [mut out, mut err] = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file can be made"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("a file handle can be cloned"))
        .stderr(err.try_clone().expect("a file handle can be cloned"))
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let status = poll(limit, || child.try_wait().expect("a child can be waited for"));
    if status.is_none() {
        let _ = Command::new("kill").args(["-s", "KILL", "--", &format!("-{}", child.id())]).status();
        let _ = child.wait();
    }
    let read = |file: &mut File| {
        let mut bytes = vec![];
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("a file can be read");
        bytes
    };
    let (stdout, stderr) = (read(&mut out), read(&mut err));
    let Some(status) = status else {
        let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        panic!("{command:?} did not end within {limit:?}: {said}");
    };
    Output { status, stdout, stderr }
}

/// Ends a program when it is dropped, so that a test that fails leaves nothing behind.
pub struct Ends(pub Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port of loopback that is kept: connections are refused, and only who names it and sets `SO_REUSEADDR`, as servers
/// do, can listen there. So it cannot be lost to another test, before it is used and after.
pub struct Reserved {
    pub address: SocketAddr,
    _socket: TcpSocket,
}

impl Reserved {
    pub fn new() -> Self {
        Self::at(0).expect("loopback has a free port")
    }

    /// A port, and the one after it.
    pub fn pair() -> [Self; 2] {
        let pair = || {
            let first = Self::new();
            let second = Self::at(first.address.port().checked_add(1)?)?;
            Some([first, second])
        };
        std::iter::repeat_with(pair).take(1000).flatten().next().expect("loopback has two free ports beside each other")
    }

    fn at(port: u16) -> Option<Self> {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.set_reuseaddr(true).expect("the option is known");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], port))).ok()?;
        Some(Self { address: socket.local_addr().ok()?, _socket: socket })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A port of loopback that was free a moment ago, from below the range out of which systems give ports to those who ask for
/// any. The caller must be ready to have lost it.
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
