//! Registries that are not zot: Debian's docker-registry 2.8, distribution v3, crane's own and Gitea's. On loopback, each with
//! its data in a separate folder.
//!
//! Knows how to start, fill and look into them; what is judged there is the tests' matter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::gitea;
use super::hardened::write_secret;
use super::http::Request;
use super::image::Image;
use super::process::{NotStarted, PING, Server, on_free_port};
use super::{on_path, skip, tool};

/// A repository that exists and must not change.
pub const PUBLIC: &str = "team/app";
/// A repository that is closed to anonymous clients.
pub const PRIVATE: &str = "team/ledger";
/// Where checks may write.
pub const SCRATCH: &str = "team/regproof";
/// The only tag of [`PUBLIC`] and [`PRIVATE`].
pub const TAG: &str = "v1.0.0-abcdef0";

/// Users and passwords of `htpasswd`.
pub const USERS: [(&str, &str); 2] =
    [("admin", "the password of the administrators"), ("ci", "the password of the robots")];

/// One more, who is named in `htpasswd` and only in the scenarios that say so.
pub const GUEST: (&str, &str) = ("guest", "the password of the guests");

/// Which registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Debian's docker-registry, of the line 2.8.
    Debian,
    /// distribution v3.
    Distribution,
    /// `crane registry serve`: keeps everything in memory, takes any media type, and knows no users.
    Crane,
    /// Gitea: asks for tokens that it issues itself, and takes passwords too. Only `make registries` installs it.
    Gitea,
}

impl Kind {
    /// All that `make tools` installs.
    pub const ALL: [Kind; 3] = [Kind::Debian, Kind::Distribution, Kind::Crane];
    /// With that which `make registries` installs besides.
    pub const EVERY: [Kind; 4] = [Kind::Debian, Kind::Distribution, Kind::Crane, Kind::Gitea];

    /// The program, where this machine has it; says on stderr that `test` does not run without it.
    pub fn find(self, test: &str) -> Option<PathBuf> {
        let name = match self {
            Kind::Debian => "docker-registry",
            Kind::Distribution => "registry",
            Kind::Crane => "crane",
            Kind::Gitea => "gitea",
        };
        let found = if self == Kind::Debian { on_path(name) } else { tool(name) };
        if found.is_none() {
            let target = if self == Kind::Gitea { "registries" } else { "tools" };
            skip(test, &format!("no {name}: run `make {target}`"));
        }
        found
    }
}

/// How clients are let in.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Anyone may do anything.
    Open,
    /// [`USERS`] may do anything, and nobody else.
    Basic,
    /// A token server at this address says who may do what.
    Tokens(String),
}

/// A running registry. It ends when it is dropped.
pub struct Registry {
    /// The address, without a path.
    pub url: String,
    pub kind: Kind,
    server: Server,
    program: PathBuf,
    port: u16,
    folder: TempDir,
}

impl Registry {
    /// Starts it with one image in [`PUBLIC`] and one in [`PRIVATE`].
    pub fn start(test: &str, kind: Kind, auth: &Auth) -> Option<Self> {
        let program = kind.find(test)?;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        if kind == Kind::Gitea {
            assert!(matches!(auth, Auth::Basic), "Gitea knows its own users");
            return Some(Self::gitea(program, folder));
        }
        // Filled while it is open to everyone: a token server of the tests need not let the tests in.
        let started = on_free_port(|port| Ok((port, launch(kind, &program, folder.path(), port, &Auth::Open)?)));
        let (port, server) = started.unwrap_or_else(|error| panic!("{kind:?} did not start: {error:?}"));
        let url = format!("http://127.0.0.1:{port}");
        let mut registry = Self { url, kind, server, program, port, folder };
        registry.fill(None);
        if !matches!(auth, Auth::Open) {
            registry.restart(auth);
        }
        Some(registry)
    }

    /// Gitea, with the users of [`USERS`] in a closed organisation that has all repositories.
    fn gitea(program: PathBuf, folder: TempDir) -> Self {
        let started = on_free_port(|port| Ok((port, gitea::launch(&program, folder.path(), port)?)));
        let (port, server) = started.unwrap_or_else(|error| panic!("Gitea did not start: {error:?}"));
        let url = format!("http://127.0.0.1:{port}");
        gitea::found_organisation(&url);
        let registry = Self { url, kind: Kind::Gitea, server, program, port, folder };
        registry.fill(Some(USERS[0]));
        registry
    }

    fn fill(&self, credentials: Option<(&str, &str)>) {
        Image::with_content("the image that must not change").push(&self.url, PUBLIC, TAG, credentials);
        Image::with_content("what nobody else may see").push(&self.url, PRIVATE, TAG, credentials);
    }

    /// Ends it, and starts it on the same port and data with other doors.
    pub fn restart(&mut self, auth: &Auth) {
        self.server.end();
        self.server = launch(self.kind, &self.program, self.folder.path(), self.port, auth)
            .unwrap_or_else(|error| panic!("{:?} did not start again: {error:?}", self.kind));
    }

    /// Everything that it stores of repositories other than [`SCRATCH`]: each file's path, and its bytes. Of one that keeps
    /// everything in memory, what it answers.
    pub fn outside(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = self.everything();
        all.retain(|path, _| !path.starts_with(&format!("{SCRATCH}/")));
        all
    }

    /// The same of [`SCRATCH`] alone.
    pub fn inside(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = self.everything();
        all.retain(|path, _| path.starts_with(&format!("{SCRATCH}/")));
        all
    }

    fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        match self.kind {
            Kind::Crane => self.answers(None, &mut all),
            Kind::Gitea => {
                self.answers(Some(USERS[0]), &mut all);
                // An upload's repository is in no file's name: each must be one that the ledger names.
                for session in gitea::uploads(self.folder.path()) {
                    all.insert(format!("{SCRATCH}/_uploads/{session}/startedat"), vec![]);
                }
            }
            _ => files(&self.folder.path().join("data/docker/registry/v2/repositories"), "", &mut all),
        }
        all
    }

    fn answers(&self, credentials: Option<(&str, &str)>, all: &mut BTreeMap<String, Vec<u8>>) {
        let get = |path: String| Request::new("GET", &format!("{}{path}", self.url)).credentials(credentials).send();
        let catalog = get("/v2/_catalog?n=1000".to_owned()).must_be(200).json();
        for name in catalog["repositories"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let list = get(format!("/v2/{name}/tags/list?n=1000")).json();
            for tag in list["tags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let manifest = get(format!("/v2/{name}/manifests/{tag}"));
                all.insert(format!("{name}/_manifests/tags/{tag}/current/link"), manifest.body);
            }
        }
    }

    /// Everything that it has printed.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

fn launch(kind: Kind, program: &Path, folder: &Path, port: u16, auth: &Auth) -> Result<Server, NotStarted> {
    let log = folder.join("registry.log");
    let address = format!("127.0.0.1:{port}");
    let mut server = if kind == Kind::Crane {
        assert!(matches!(auth, Auth::Open), "crane's registry knows no users");
        Server::spawn(program, &["registry", "serve", "--address", &address], &log)
    } else {
        let file = folder.join("config.yml");
        // JSON is YAML.
        fs::write(&file, config(kind, folder, &address, auth).to_string()).expect("the configuration can be written");
        Server::spawn(program, &["serve", file.to_str().expect("the path is text")], &log)
    };
    let ping = format!("http://{address}/v2/");
    server.wait_until(Duration::from_secs(60), |_| {
        let answer = Request::new("GET", &ping).within(PING).try_send().ok();
        answer.filter(|answer| matches!(answer.status, 200 | 401))
    })?;
    Ok(server)
}

fn config(kind: Kind, folder: &Path, address: &str, auth: &Auth) -> Value {
    let mut config = json!({
        "version": "0.1",
        "log": { "level": "warn" },
        "storage": { "filesystem": { "rootdirectory": folder.join("data") }, "delete": { "enabled": true } },
        "http": { "addr": address, "secret": "of the tests" },
    });
    match auth {
        Auth::Open => {}
        Auth::Basic => {
            let file = folder.join("htpasswd");
            write_secret(&file, HTPASSWD);
            config["auth"] = json!({ "htpasswd": { "realm": "Registry", "path": file } });
        }
        Auth::Tokens(realm) => {
            let mut token = json!({ "realm": realm, "service": "registry.test", "issuer": "the tests" });
            // The line 2.8 knows certificates alone, and distribution v3 wants keys by their ids.
            let (name, text) = match kind {
                Kind::Debian => ("rootcertbundle", super::tokens::certificate()),
                _ => ("jwks", super::tokens::jwks().to_string()),
            };
            let file = folder.join(name);
            fs::write(&file, text).expect("a file can be written");
            token[name] = json!(file);
            config["auth"] = json!({ "token": token });
        }
    }
    config
}

/// Made with bcrypt at its lowest cost, of the passwords in [`USERS`] and of [`GUEST`].
pub const HTPASSWD: &str = "admin:$2y$04$abcdefghijklmnopqrstuu/UJWbj3PvLKkyq5D..FgWen0qt6lHBm\n\
     ci:$2y$04$abcdefghijklmnopqrstuut7MNpZtXjry9i0Juq8FwEqE4taneEGq\n\
     guest:$2y$04$abcdefghijklmnopqrstuuiDuoBZyDoeYcswUSxkmjxVnFI8Md8Em\n";

fn files(folder: &Path, name: &str, into: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = format!("{name}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            // An open upload is a folder: it counts also while it is empty.
            into.insert(format!("{name}/"), vec![]);
            files(&path, &format!("{name}/"), into);
        } else {
            into.insert(name, fs::read(&path).unwrap_or_default());
        }
    }
}

/// What the operator of a registry says: where it is, who may do what, and as whom checks ask.
#[derive(Clone, Copy)]
pub struct Promise<'a> {
    pub anonymous: &'a [&'a str],
    pub authenticated: &'a [&'a str],
    /// By identity; each is a separate group.
    pub more: &'a [(&'a str, &'a [&'a str])],
    pub identities: bool,
    pub scratch: bool,
    /// Whether [`GUEST`] is an identity too.
    pub guest: bool,
    /// The groups that alone may do anything in [`PRIVATE`]; where there is none, nothing is said of it.
    pub owners: &'a [&'a str],
}

/// What `htpasswd` gives: nothing without a login, everything with one.
pub const ALL_OR_NOTHING: Promise<'static> = Promise {
    anonymous: &[],
    authenticated: &["read", "create", "update", "delete"],
    more: &[],
    identities: true,
    scratch: true,
    guest: false,
    owners: &[],
};

/// What crane's registry gives.
pub const OPEN: Promise<'static> = Promise {
    anonymous: &["read", "create", "update", "delete"],
    authenticated: &["read", "create", "update", "delete"],
    more: &[],
    identities: false,
    scratch: true,
    guest: false,
    owners: &[],
};

/// Writes the scenario of a registry at this address, and its secrets, into a folder.
pub fn scenario(url: &str, promise: &Promise<'_>, folder: &Path) -> PathBuf {
    let open = promise.anonymous.contains(&"read") && promise.owners.is_empty();
    let (public, private) = if open { (vec![PUBLIC], vec![]) } else { (vec![PUBLIC], vec![PRIVATE]) };
    let groups: serde_json::Map<String, Value> =
        promise.more.iter().map(|(name, rights)| ((*name).to_owned(), json!(rights))).collect();
    let mut scenario = json!({
        "schema": 1,
        "name": "registry",
        "registry": { "url": url },
        "repositories": { "public": public, "private": private },
        "access": { "anonymous": promise.anonymous, "authenticated": promise.authenticated, "groups": groups },
        // A machine that does much else is no fault of the registry.
        "limits": { "request_timeout": "60s", "deadline": "600s" },
    });
    if !promise.owners.is_empty() {
        let all = json!(["read", "create", "update", "delete"]);
        let groups: serde_json::Map<String, Value> =
            promise.owners.iter().map(|name| ((*name).to_owned(), all.clone())).collect();
        scenario["access"][PRIVATE] = json!({ "groups": groups });
    }
    if promise.scratch {
        scenario["repositories"]["scratch"] = json!(SCRATCH);
    }
    if promise.identities {
        for (name, password) in USERS.into_iter().chain(promise.guest.then_some(GUEST)) {
            let file = folder.join(format!("{name}.password"));
            write_secret(&file, password);
            let groups: Vec<&str> =
                promise.more.iter().map(|(group, _)| *group).filter(|group| *group == name).collect();
            scenario["identities"][name] = json!({ "username": name, "password": { "file": file }, "groups": groups });
        }
    }
    let path = folder.join("regproof.toml");
    fs::write(&path, toml::to_string(&scenario).expect("a scenario is a TOML table")).expect("it can be written");
    path
}
