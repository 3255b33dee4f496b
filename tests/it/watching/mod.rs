//! A lab that changes at its place, and a `regproof watch` that looks at it.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]
#![expect(clippy::print_stdout, reason = "a soak tells what it saw")]

pub mod soak;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use regproof::lab::{Lab, Options, Weakness};

use crate::support::http::{Answer, Request, block_on};
use crate::support::poll;
use crate::support::process::{Reserved, accepted};

/// The first value of a series that begins so.
pub fn metric(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(series))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// A registry at one address, in whichever state, and its scenario.
pub struct World {
    /// The registry's place and the provider's beside it, kept also while nobody listens.
    places: [Reserved; 2],
    lab: Option<Lab>,
    silent: Option<TcpListener>,
    folder: tempfile::TempDir,
    limits: (String, usize),
    pub scenario: PathBuf,
}

impl World {
    /// A healthy lab.
    pub fn start() -> World {
        let folder = tempfile::tempdir().unwrap();
        let scenario = folder.path().join("regproof.toml");
        let limits = ("5s".to_owned(), 8);
        let mut world = World { places: Reserved::pair(), lab: None, silent: None, folder, limits, scenario };
        world.lab(None);
        world
    }

    fn try_lab(&mut self, weakness: Option<Weakness>) -> Option<()> {
        let listen = Some(self.places[0].address);
        let options = Options { listen, weaknesses: weakness.into_iter().collect(), ..Options::default() };
        let lab = block_on(async move { Lab::start(options).await }).ok()?;
        self.lab = Some(lab);
        self.write();
        Some(())
    }

    /// From now on, a lab with this weakness, or with none; it has new secrets, and so has the scenario.
    pub fn lab(&mut self, weakness: Option<Weakness>) {
        self.down();
        poll(Duration::from_secs(60), || self.try_lab(weakness)).expect("the lab comes back to its place");
    }

    /// From now on, nobody listens.
    pub fn down(&mut self) {
        self.silent = None;
        if let Some(lab) = self.lab.take() {
            block_on(lab.stop());
        }
    }

    /// From now on, somebody listens and never answers.
    pub fn stall(&mut self) {
        self.down();
        let bound = poll(Duration::from_secs(60), || TcpListener::bind(self.places[0].address).ok());
        self.silent = Some(bound.expect("the place is free again"));
    }

    /// Waits until somebody calls the registry that never answers.
    pub fn wait_for_a_caller(&self) {
        let silent = self.silent.as_ref().expect("the registry stalls");
        // Kept open: a closed connection would be an answer too.
        std::mem::forget(accepted(silent));
    }

    /// From now on, the scenario has this deadline, which is also that of a request, and so many checks at the same time.
    pub fn limits(&mut self, deadline: &str, concurrency: usize) {
        self.limits = (deadline.to_owned(), concurrency);
        self.write();
    }

    fn write(&self) {
        let Some(lab) = &self.lab else { return };
        lab.write_scenario_as(&self.scenario).unwrap();
        let (deadline, concurrency) = &self.limits;
        let text = std::fs::read_to_string(&self.scenario).unwrap();
        let text = text
            .replace("deadline = \"60s\"", &format!("deadline = \"{deadline}\""))
            .replace("request_timeout = \"10s\"", &format!("request_timeout = \"{deadline}\""))
            .replace("concurrency = 8", &format!("concurrency = {concurrency}"));
        std::fs::write(&self.scenario, text).unwrap();
    }

    /// All secrets of the scenario.
    pub fn secrets(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path().join("secrets")).unwrap();
        let files = files.map(|file| file.unwrap().path()).filter(|path| !path.ends_with("login.user"));
        files.map(|path| std::fs::read_to_string(path).unwrap().trim().to_owned()).collect()
    }
}

/// A running watch. It ends when it is dropped.
pub struct Watch {
    child: Child,
    log: tempfile::NamedTempFile,
    url: String,
}

impl Watch {
    /// Starts it at a free port, with few and quick checks.
    pub fn start(scenario: &Path, interval: &str) -> Watch {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
        command.args(["watch", "--no-browser", "--listen", "127.0.0.1:0", "--interval", interval]).arg(scenario);
        for area in ["access::anonymous", "metrics::anonymous", "registry::answers", "keys::expires"] {
            command.args(["--only", area]);
        }
        let output = || Stdio::from(log.as_file().try_clone().unwrap());
        let child = command.stdin(Stdio::null()).stdout(output()).stderr(output()).spawn().unwrap();
        let mut watch = Watch { child, log, url: String::new() };
        let url = poll(Duration::from_secs(60), || {
            let log = watch.log();
            let (_, rest) = log.split_once("http://")?;
            let (address, _) = rest.split_once("/\n")?;
            Some(format!("http://{address}"))
        });
        watch.url = url.unwrap_or_else(|| panic!("it does not listen: {}", watch.log()));
        watch
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        Request::new("GET", &format!("{}{path}", self.url)).send()
    }

    pub fn metrics(&self) -> String {
        self.get("/metrics").must_be(200).text()
    }

    /// Waits until the metrics are so; answers them.
    #[track_caller]
    pub fn until(&self, limit: Duration, what: &str, so: impl Fn(&str) -> bool) -> String {
        let found = poll(limit, || Some(self.metrics()).filter(|text| so(text)));
        found.unwrap_or_else(|| panic!("not within {limit:?}: {what}\n{}\n{}", self.metrics(), self.log()))
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        let ended = poll(limit, || self.child.try_wait().unwrap());
        ended.unwrap_or_else(|| panic!("it did not end within {limit:?}: {}", self.log()))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
