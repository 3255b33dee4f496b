//! Real client programs, contained: their own folder and environment, secrets by file, an end at the deadline, children and all.
//!
//! Never puts a secret on a command line or into an environment, and never trusts an exit status alone: the caller confirms
//! over HTTP what a client says it did.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::base::process_tree::{In, kill, with};
use crate::check::context::Cx;
use crate::http::Client;
use crate::model::exchange;
use crate::model::exchange::{Exchange, millis};

/// Where a program finds the scenario's certificates.
const CERTIFICATES: &str = "certificates";
const AUTHORITY: &str = "certificates/ca.crt";
const CLIENT_CERTIFICATE: &str = "certificates/client.cert";
const CLIENT_KEY: &str = "certificates/client.key";

/// As much of a program's output as evidence needs.
const OUTPUT: usize = 64 << 10;
/// What is read beyond it, so that a secret at the cut is seen whole.
const BEYOND: usize = 4 << 10;

/// Process groups that are alive now, so that a watchdog can end them before the process ends.
static ALIVE: Mutex<Vec<(i32, String)>> = Mutex::new(Vec::new());

/// A private folder in which a client program finds its login and nothing else.
#[derive(Debug)]
pub(crate) struct Workshop {
    folder: TempDir,
    /// Whose login lies in the folder.
    login: Mutex<Option<Client>>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    /// Exit status in words.
    pub(crate) status: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Its place in the transcript.
    pub(crate) index: usize,
}

impl Workshop {
    pub(crate) fn new() -> anyhow::Result<Workshop> {
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("regproof-").permissions(private).tempdir();
        let folder = folder.context("cannot make a private folder")?;
        Ok(Workshop { folder, login: Mutex::default() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the client's login where Docker's tools look for it, readable by this user alone.
    pub(crate) fn log_in(&self, client: &Client) -> anyhow::Result<PathBuf> {
        let credential = client.credential().context("this client has no credential")?;
        let pair = format!("{}:{}", credential.username, credential.secret.expose());
        let auth = base64::engine::general_purpose::STANDARD.encode(pair);
        let url = client.origin().url();
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = self.path("config.json");
        private_file(&path, json!({ "auths": { host: { "auth": auth } } }).to_string().as_bytes())?;
        *self.login.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(path)
    }

    /// A folder with the scenario's certificates, as skopeo and podman read them (containers-certs.d(5)), if there are any.
    pub(crate) fn certificates(&self, cx: &Cx) -> anyhow::Result<Option<String>> {
        let loaded = &cx.target().loaded;
        let registry = &loaded.scenario.registry;
        let shown = registry.client_cert.as_ref().filter(|_| loaded.scenario.needs_certificate());
        let own = shown.zip(cx.target().secrets.client_key.as_ref());
        if registry.ca_file.is_none() && own.is_none() {
            return Ok(None);
        }
        let folder = self.path(CERTIFICATES);
        std::fs::create_dir_all(&folder)?;
        let copy = |file: &PathBuf, to: &str| {
            let copied = std::fs::copy(loaded.folder().join(file), self.path(to));
            copied.with_context(|| format!("cannot copy {}", file.display()))
        };
        if let Some(file) = &registry.ca_file {
            copy(file, AUTHORITY)?;
        }
        if let Some((file, key)) = own {
            copy(file, CLIENT_CERTIFICATE)?;
            private_file(&self.path(CLIENT_KEY), key.expose().as_bytes())?;
        }
        Ok(Some(folder.display().to_string()))
    }

    /// Lets the tools of containers/image take the image that we wrote ourselves (containers-policy.json(5)).
    pub(crate) fn trust_images(&self) -> anyhow::Result<()> {
        let folder = self.path(".config/containers");
        std::fs::create_dir_all(&folder)?;
        private_file(&folder.join("policy.json"), br#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
    }

    /// Runs a program until it ends, or until the check's deadline.
    pub(crate) async fn run(&self, cx: &Cx, program: &str, arguments: &[&str]) -> anyhow::Result<Ended> {
        let path = cx.program(program)?;
        let login = self.login.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(client) = login {
            stays_at_home(&client, program).await?;
        }
        let limit = cx.time_left();
        let began = (std::time::Instant::now(), cx.recorder().now_ms());
        let result = self.contained(&path, arguments, limit).await;
        // What is cut off may have cut a secret in two.
        let shown = |text: &str| cx.recorder().redactor().start_of(text, OUTPUT, text.len() < OUTPUT + BEYOND);
        let mut exchange = Exchange {
            who: program.to_owned(),
            method: exchange::PROGRAM.to_owned(),
            url: exchange::command_line(program, arguments),
            at_ms: began.1,
            total_ms: millis(began.0.elapsed()),
            ..Exchange::default()
        };
        match &result {
            Ok((status, stdout, stderr)) => {
                exchange.response_body = format!("{status}\n{}{}", shown(stdout), shown(stderr));
            }
            Err(error) => exchange.error = Some(format!("{error:#}")),
        }
        let index = cx.recorder().add(exchange);
        let (status, stdout, stderr) = result?;
        let success = status.success();
        Ok(Ended { success, status: status.to_string(), stdout: shown(&stdout), stderr: shown(&stderr), index })
    }

    async fn contained(
        &self,
        program: &Path,
        arguments: &[&str],
        limit: Duration,
    ) -> anyhow::Result<(std::process::ExitStatus, String, String)> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let home = self.folder.path();
        let mut command = Command::new(program);
        command.env_clear();
        // Programs without a flag for it read their authorities here.
        let authority = self.path(AUTHORITY);
        if authority.exists() {
            command.env("SSL_CERT_FILE", authority);
        }
        if let Some(engine) = std::env::var_os("DOCKER_HOST") {
            command.env("DOCKER_HOST", engine);
        }
        let mark = uuid::Uuid::new_v4().to_string();
        let mut child = command
            .args(arguments)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env("XDG_CONFIG_HOME", home)
            .env("DOCKER_CONFIG", home)
            .env("TMPDIR", home)
            .env("LANG", "C.UTF-8")
            .env(MARK, &mark)
            // Nobody else needs to know which registry is looked at.
            .env("DO_NOT_TRACK", "1")
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let _group = Group::of(&child, mark);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            let (out, err, status) = tokio::join!(bounded(stdout), bounded(stderr), child.wait());
            anyhow::Ok((status?, out, err))
        };
        tokio::time::timeout(limit, ended)
            .await
            .unwrap_or_else(|_| anyhow::bail!("{name} did not end within {limit:?} and was ended with its children"))
    }
}

/// Whether a program that obeys the registry's challenge sends the login to the registry alone, and what it pushes too.
/// Registry clients send the login to any realm that they are told (RFC 6750; distribution's token authentication), and
/// follow redirects of every method, so what the registry says first is read before.
async fn stays_at_home(client: &Client, program: &str) -> anyhow::Result<()> {
    let answer = client.get("/v2/").without_credential().send().await?;
    for realm in answer.token_realms() {
        let own = url::Url::parse(&realm).is_ok_and(|url| client.origin().owns(&url));
        anyhow::ensure!(own, "{program} was not started: it would send the login to `{realm}`, not to the registry");
    }
    if let Some(location) = answer.header("location").filter(|_| (300..400).contains(&answer.status)) {
        let own = answer.url.join(location).is_ok_and(|url| client.origin().owns(&url));
        anyhow::ensure!(own, "{program} was not started: it would push to `{location}`, not to the registry");
    }
    Ok(())
}

/// What every process that came of a program has in its environment, also where it left the program's group, as the process
/// does with which podman keeps its user namespace.
const MARK: &str = "REGPROOF_PROGRAM";

/// A program and all that came of it, which do not outlive this value.
struct Group(Option<(i32, String)>);

impl Group {
    fn of(child: &Child, mark: String) -> Group {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).map(|id| (id, mark));
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner).extend(id.clone());
        Group(id)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some((id, mark)) = &self.0 {
            end_group(*id, mark);
            ALIVE.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| other != id);
        }
    }
}

/// Ends every client program and browser that is still running, from any thread.
pub fn kill_all() {
    crate::browser::kill_all();
    let all = std::mem::take(&mut *ALIVE.lock().unwrap_or_else(PoisonError::into_inner));
    for (id, mark) in all {
        end_group(id, &mark);
    }
}

fn end_group(id: i32, mark: &str) {
    kill(-id);
    // Each look may miss what is born while it lasts.
    for _ in 0..5 {
        let left = with(In::Environment, mark.as_bytes());
        if left.is_empty() {
            return;
        }
        left.into_iter().for_each(kill);
    }
}

/// The start of a stream as text; the rest is read and dropped, so that the program is never blocked by a full pipe.
async fn bounded(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut bytes = Vec::new();
    let kept = (&mut stream).take((OUTPUT + BEYOND) as u64).read_to_end(&mut bytes).await;
    if kept.is_ok() {
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes a file that nobody else may read.
fn private_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, limit: Duration) -> anyhow::Result<(std::process::ExitStatus, String, String)> {
        let workshop = Workshop::new().unwrap();
        workshop.contained(Path::new("/bin/sh"), &["-c", script], limit).await
    }

    #[tokio::test]
    async fn a_program_sees_none_of_our_environment() {
        let (status, out, _) = shell("env; exit 3", Duration::from_secs(60)).await.unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(!out.contains("CARGO"), "{out}");
    }

    #[tokio::test]
    async fn a_program_that_hangs_ends_with_its_children() {
        let marker = format!("{}", 86_000 + u32::from(std::process::id() as u16));
        let error = shell(&format!("sleep {marker} & sleep {marker}"), Duration::from_millis(300)).await.unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
        for _ in 0..3000 {
            if !running(&marker) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a child survived");
    }

    #[tokio::test]
    async fn what_leaves_the_group_of_its_program_ends_with_it_too() {
        let marker = format!("{}", 186_000 + u32::from(std::process::id() as u16));
        let script = format!("setsid sleep {marker} >/dev/null 2>&1 & sleep 0.2");
        let (status, _, _) = shell(&script, Duration::from_secs(60)).await.unwrap();
        assert!(status.success());
        for _ in 0..3000 {
            if !running(&marker) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it survived");
    }

    #[tokio::test]
    async fn nobody_else_may_look_into_the_folder_of_a_program() {
        let (_, out, _) = shell("stat -c %a .", Duration::from_secs(60)).await.unwrap();
        assert_eq!(out, "700\n");
    }

    fn running(marker: &str) -> bool {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).starts_with(&format!("sleep\0{marker}"))
        })
    }

    #[tokio::test]
    async fn a_program_that_floods_its_output_is_read_to_its_end() {
        let (status, out, _) = shell("head -c 5000000 /dev/zero | tr '\\0' x", Duration::from_secs(60)).await.unwrap();
        assert!(status.success());
        assert_eq!(out.len(), OUTPUT + BEYOND);
    }
}
