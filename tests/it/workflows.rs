//! The mise tasks, the Forgejo workflow and the action that ship with the project, run by the real mise and the real act.
//!
//! The registry is `regproof lab`. The workflow file is the shipped one, unchanged; only the remote upload action,
//! which cannot be fetched here, is a local one.

mod action;
mod review;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support;
use crate::support::process::{Reserved, Server};
use tempfile::TempDir;

/// Longer than any of these runs takes: a hang is a failure with a name.
const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn services_check_passes_on_a_healthy_registry() {
    let test = "services_check_passes_on_a_healthy_registry";
    let Some(mise) = tool(test, "mise") else { return };
    let lab = Lab::start();
    let done = services_check(&mise, &lab, &[]);
    assert!(done.status.success(), "{}", said(&done));
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(text.lines().any(|line| line.ends_with("access::anonymous_can_pull... OK")), "{}", said(&done));
}

#[test]
fn services_check_passes_its_arguments_on() {
    let test = "services_check_passes_its_arguments_on";
    let Some(mise) = tool(test, "mise") else { return };
    let lab = Lab::start();
    let one = services_check(&mise, &lab, &["--only", "metrics::anonymous_can_scrape"]);
    assert!(one.status.success(), "{}", said(&one));
    let none = services_check(&mise, &lab, &["--only", "no_area_has_this_name"]);
    assert_eq!(none.status.code(), Some(3), "{}", said(&none));
}

#[test]
fn any_command_is_a_task_with_its_arguments() {
    let test = "any_command_is_a_task_with_its_arguments";
    let Some(mise) = tool(test, "mise") else { return };
    let lab = Lab::start();
    let plan = task(&mise, "regproof", &lab, &["plan", "--only", "metrics::"]);
    assert!(plan.status.success(), "{}", said(&plan));
    assert!(String::from_utf8_lossy(&plan.stdout).contains("metrics::anonymous_can_scrape"), "{}", said(&plan));
    let unknown = task(&mise, "regproof", &lab, &["explain", "no::such_check"]);
    assert_eq!(unknown.status.code(), Some(3), "{}", said(&unknown));
}

#[test]
fn services_check_fails_when_the_registry_is_gone() {
    let test = "services_check_fails_when_the_registry_is_gone";
    let Some(mise) = tool(test, "mise") else { return };
    let mut lab = Lab::start();
    lab.end();
    let done = services_check(&mise, &lab, &["--only", "access"]);
    assert_eq!(done.status.code(), Some(2), "{}", said(&done));
}

#[test]
fn the_workflow_succeeds_and_keeps_its_report_on_a_healthy_registry() {
    let test = "the_workflow_succeeds_and_keeps_its_report_on_a_healthy_registry";
    let Some(act) = tool(test, "act") else { return };
    let lab = Lab::start();
    let deployment = Deployment::new();
    let done = deployment.verify(&act, &lab);
    assert!(done.status.success(), "{}", said(&done));
    let report = deployment.artifact().unwrap_or_else(|| panic!("no report was kept: {}", said(&done)));
    let document = roxmltree::Document::parse(&report).expect("the report is XML");
    assert!(document.descendants().any(|node| node.has_tag_name("testcase")), "{report}");
}

#[test]
fn the_workflow_fails_and_keeps_its_report_when_the_registry_is_gone() {
    let test = "the_workflow_fails_and_keeps_its_report_when_the_registry_is_gone";
    let Some(act) = tool(test, "act") else { return };
    let mut lab = Lab::start();
    lab.end();
    let deployment = Deployment::new();
    let done = deployment.verify(&act, &lab);
    assert!(!done.status.success(), "{}", said(&done));
    let report = deployment.artifact().unwrap_or_else(|| panic!("no report was kept: {}", said(&done)));
    assert!(report.contains("<error"), "{report}");
}

#[test]
fn another_workflow_can_call_the_workflow() {
    let test = "another_workflow_can_call_the_workflow";
    let Some(act) = tool(test, "act") else { return };
    let lab = Lab::start();
    let deployment = Deployment::new();
    let scenario = lab.scenario().display().to_string();
    deployment.add(
        ".forgejo/workflows/deploy.yaml",
        &format!(
            "on: push\njobs:\n  verify:\n    uses: ./{WORKFLOW}\n    with:\n      scenario: {scenario}\n    secrets: inherit\n"
        ),
    );
    let done = deployment.run(&act, &lab, ".forgejo/workflows/deploy.yaml");
    assert!(done.status.success(), "{}", said(&done));
    let report = deployment.artifact().unwrap_or_else(|| panic!("no report was kept: {}", said(&done)));
    assert!(report.contains("<testcase"), "{report}");
}

/// A lab in a separate process, with its scenario.
struct Lab {
    server: Option<Server>,
    folder: TempDir,
    /// Its place and its provider's, kept when it has ended.
    _places: [Reserved; 2],
}

impl Lab {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let scenario = folder.path().join("regproof.toml");
        let places = Reserved::pair();
        let listen = places[0].address.to_string();
        let mut server = Server::spawn(
            Path::new(env!("CARGO_BIN_EXE_regproof")),
            &["lab", "--listen", &listen, "--scenario-out", scenario.to_str().expect("the path is text")],
            &folder.path().join("lab.log"),
        );
        server
            .wait_until(Duration::from_secs(120), |log| (log.contains('\n') && scenario.is_file()).then_some(()))
            .unwrap_or_else(|error| panic!("the lab did not start: {error:?}"));
        // Only the plumbing is judged here: a login would start a browser in each of these tests.
        let text = fs::read_to_string(&scenario).expect("the lab wrote its scenario");
        let (without, login): (Vec<_>, Vec<_>) = text.lines().partition(|line| !line.starts_with("login = "));
        assert_eq!(login.len(), 1, "{text}");
        fs::write(&scenario, without.join("\n")).expect("the scenario can be written");
        Self { server: Some(server), folder, _places: places }
    }

    fn scenario(&self) -> PathBuf {
        self.folder.path().join("regproof.toml")
    }

    fn end(&mut self) {
        self.server = None;
    }
}

fn services_check(mise: &Path, lab: &Lab, arguments: &[&str]) -> Output {
    task(mise, "services-check", lab, arguments)
}

fn task(mise: &Path, name: &str, lab: &Lab, arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = Command::new(mise);
    command
        .args(["run", name])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HOME", home.path())
        .env("MISE_DATA_DIR", home.path())
        .env("MISE_STATE_DIR", home.path())
        .env("MISE_CACHE_DIR", home.path())
        .env("MISE_TRUSTED_CONFIG_PATHS", env!("CARGO_MANIFEST_DIR"))
        .env("MISE_OFFLINE", "1")
        .env("REGPROOF_SCENARIO", lab.scenario())
        .env("PATH", path_with_regproof());
    finish(command, home.path())
}

/// A repository of an operator that has copied the workflow.
struct Deployment {
    folder: TempDir,
}

impl Deployment {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let workflows = folder.path().join("repository/.forgejo/workflows");
        fs::create_dir_all(&workflows).expect("a folder can be made");
        fs::create_dir(folder.path().join("home")).expect("a folder can be made");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(WORKFLOW);
        fs::copy(shipped, folder.path().join("repository").join(WORKFLOW)).expect("the workflow is there");
        let deployment = Self { folder };
        // act asks git what it runs on.
        deployment.git(&["init", "--quiet", "--initial-branch=main"]);
        deployment.git(&["add", "."]);
        deployment.git(&["commit", "--quiet", "--message", "Verify the registry after each deploy"]);
        deployment
    }

    fn git(&self, arguments: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=operator", "-c", "user.email=operator@example.test"])
            .args(arguments)
            .current_dir(self.folder.path().join("repository"))
            .env("HOME", self.folder.path().join("home"))
            .status()
            .expect("git starts");
        assert!(status.success(), "git {arguments:?}: {status}");
    }

    /// Adds a file to the repository.
    fn add(&self, path: &str, text: &str) {
        let file = self.folder.path().join("repository").join(path);
        fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(file, text).expect("a file can be written");
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message", "One more file"]);
    }

    fn verify(&self, act: &Path, lab: &Lab) -> Output {
        self.run(act, lab, WORKFLOW)
    }

    /// What a push starts, by this workflow.
    fn run(&self, act: &Path, lab: &Lab, workflow: &str) -> Output {
        let upload = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/actions/upload-artifact");
        let mut replaced = OsString::from("actions/upload-artifact@v3=");
        replaced.push(upload);
        let mut artifacts = OsString::from("ARTIFACTS=");
        artifacts.push(self.folder.path().join("artifacts"));
        let mut scenario = OsString::from("REGPROOF_SCENARIO=");
        scenario.push(lab.scenario());
        let mut command = Command::new(act);
        command
            .args(["push", "--no-cache-server", "--no-recurse", "-P", "self-hosted=-self-hosted", "-W", workflow])
            .arg("--local-repository")
            .arg(replaced)
            .arg("--env")
            .arg(artifacts)
            .arg("--var")
            .arg(scenario)
            .args(["--var", "REGPROOF_WAIT=2s"])
            .current_dir(self.folder.path().join("repository"))
            .env("HOME", self.folder.path().join("home"))
            .env("XDG_CACHE_HOME", self.folder.path().join("home/cache"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("home/config"))
            .env("PATH", path_with_regproof());
        finish(command, self.folder.path())
    }

    fn artifact(&self) -> Option<String> {
        fs::read_to_string(self.folder.path().join("artifacts/regproof/regproof.xml")).ok()
    }
}

const WORKFLOW: &str = ".forgejo/workflows/verify-registry.yaml";

fn tool(test: &str, name: &str) -> Option<PathBuf> {
    let found = support::tool(name);
    if found.is_none() {
        support::lacks(test, name);
    }
    found
}

fn path_with_regproof() -> OsString {
    let binary = Path::new(env!("CARGO_BIN_EXE_regproof"));
    let own = binary.parent().expect("a program is in a folder").to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&others)))
        .expect("a target folder has no colon in its name")
}

/// Runs to the end or to [`LIMIT`]; the outputs go through files, so that a grandchild cannot hold a pipe open.
fn finish(mut command: Command, folder: &Path) -> Output {
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| folder.join(name));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(fs::File::create(&stdout).expect("a file can be made"))
        .stderr(fs::File::create(&stderr).expect("a file can be made"))
        .spawn()
        .expect("the tool starts");
    let status = support::poll(LIMIT, || child.try_wait().expect("a child can be waited for"));
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    if status.is_none() {
        let _ = child.kill();
    }
    let (stdout, stderr) = (read(&stdout), read(&stderr));
    let Some(status) = status else {
        panic!("not done after {LIMIT:?}: {}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    };
    Output { status, stdout, stderr }
}

fn said(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
