//! The lab's twin: a real zot with the lab's configuration, provider, upstream, users and content.
//!
//! It knows no check: what it differs in, the tests say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regproof::check::machine::Machine;
use regproof::lab::{Lab, Options, Weakness};
use regproof::model::outcome::Run;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::hardened::write_secret;
use super::http::{Request, block_on};
use super::judge;
use super::keys;
use super::zot::{RealZot, Zot};

/// What v2.1.20 does in every configuration and the healthy lab does not, so that a healthy registry can pass everything.
pub const AS_ZOT_IS: [Weakness; 2] = [Weakness::RangedGetUnchecked, Weakness::MetricsNamePrivateRepositories];

/// The weaknesses that a configuration of zot, or what is stored in it, can express.
pub const EXPRESSIBLE: [Weakness; 27] = [
    Weakness::AnonymousCanCreate,
    Weakness::AnonymousCannotRead,
    Weakness::AccessControlRemoved,
    Weakness::CiCanUpdate,
    Weakness::CiCanDelete,
    Weakness::CiCannotCreate,
    Weakness::DefaultCanCreate,
    Weakness::AdminsCannotDelete,
    Weakness::MetricsClosed,
    Weakness::MetricsPre2118Form,
    Weakness::MetricsExtensionOff,
    Weakness::OpenidRemoved,
    Weakness::ClientSecretWrong,
    Weakness::ScopeProfileMissing,
    Weakness::ScopeOpenidMissing,
    Weakness::ExternalUrlMissing,
    Weakness::ExternalUrlHttps,
    Weakness::RedirectUriWrongHost,
    Weakness::WrongClientId,
    Weakness::SyncOff,
    Weakness::UpstreamDown,
    Weakness::ApikeyOff,
    Weakness::DockerCompatOn,
    Weakness::CorsAnyOrigin,
    Weakness::PrivatePatternMistyped,
    Weakness::CacheNamespaceOpen,
    Weakness::TagOutsideThePattern,
];

/// A lab that is as weak as zot, and has one weakness more.
pub fn lab(weakness: Option<Weakness>, redirect_uris: Vec<String>) -> Lab {
    let weaknesses: BTreeSet<Weakness> = weakness.into_iter().chain(AS_ZOT_IS).collect();
    block_on(Lab::start(Options { weaknesses, redirect_uris, ..Options::default() })).expect("the lab starts")
}

/// A real zot with the lab's provider, upstream, users and content.
pub struct Twin {
    /// The registry.
    pub zot: RealZot,
    lab: Lab,
    keys: [(&'static str, String); 3],
    folder: TempDir,
}

impl Twin {
    /// What the lab is under this weakness, from zot's own program.
    pub fn start(zot: &Zot, weakness: Option<Weakness>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut healthy = None;
        let real = RealZot::start(zot, folder.path(), |port| {
            let lab = healthy.insert(lab(None, vec![format!("http://127.0.0.1:{port}/zot/auth/callback/oidc")]));
            config(lab, lab, None, port, folder.path())
        });
        let lab = healthy.expect("zot is configured before it starts");
        let keys = [("ci", "zot-ci"), ("guest", "guest"), ("admin", "erich")].map(|(label, user)| {
            let (mut session, answer) = keys::log_in_as(&real.url, user, lab.password(user));
            answer.must_be(200);
            (label, keys::mint_in(&mut session, &real.url, "regproof-tests"))
        });
        let twin = Self { zot: real, lab, keys, folder };
        let Some(weakness) = weakness else {
            twin.fill(&twin.lab);
            return twin;
        };
        let weak = self::lab(Some(weakness), vec![]);
        twin.fill(&weak);
        let Self { zot, lab, keys, folder } = twin;
        let (port, path) = (zot.port, folder.path().to_owned());
        let zot = zot.restart(|old| *old = config(&weak, &lab, Some(weakness), port, &path));
        Self { zot, lab, keys, folder }
    }

    /// Copies what a lab holds.
    fn fill(&self, from: &Lab) {
        let admin = Some(("erich", self.keys[2].1.as_str()));
        for name in from.digests().into_keys() {
            let (repository, tag) = name.rsplit_once(':').expect("a name has a tag");
            copy(from, &self.zot.url, admin, repository, tag);
        }
    }

    /// Runs the checklist with the lab's own scenario.
    pub fn run(&self, machine: &Machine) -> Run {
        self.run_with(machine, |_| ())
    }

    /// The same with another scenario.
    pub fn run_with(&self, machine: &Machine, change: impl FnOnce(&mut toml::Table)) -> Run {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = self.lab.write_scenario(folder.path()).expect("the scenario can be written");
        let text = fs::read_to_string(&file).expect("the scenario was written");
        let mut scenario = text.replace(self.lab.url(), &self.zot.url).parse().expect("the lab's scenario is TOML");
        change(&mut scenario);
        fs::write(&file, scenario.to_string()).expect("the scenario can be written");
        for (label, key) in &self.keys {
            write_secret(&folder.path().join("secrets").join(format!("{label}.key")), key);
        }
        run(&file, machine)
    }
}

/// The configuration that a lab shows, for a zot on `port` with the provider and the upstream of `world`.
fn config(of: &Lab, world: &Lab, weakness: Option<Weakness>, port: u16, folder: &Path) -> Value {
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let port_of = |url: &str| url.rsplit(':').next().map(|port| format!(":{port}")).expect("a lab has a port");
    let mut text = of.zot_config().to_string();
    text = text.replace(&port_of(of.url()), &format!(":{port}"));
    text = text.replace(&address(of.issuer()), &address(world.issuer()));
    if weakness != Some(Weakness::UpstreamDown) {
        text = text.replace(&address(of.upstream()), &address(world.upstream()));
    }
    let mut config: Value = serde_json::from_str(&text).expect("only addresses were replaced");
    let (client, secret) = world.client();
    let client = if weakness == Some(Weakness::WrongClientId) { "zot-staging" } else { client };
    let secret = if weakness == Some(Weakness::ClientSecretWrong) { "another" } else { secret };
    let file = folder.join("oidc-credentials.json");
    write_secret(&file, &json!({ "clientid": client, "clientsecret": secret }).to_string());
    if let Some(provider) = config.pointer_mut("/http/auth/openid/providers/oidc") {
        provider["credentialsFile"] = json!(file);
    }
    config
}

/// Copies an image or an index with all that it names.
fn copy(from: &Lab, to: &str, admin: Option<(&str, &str)>, repository: &str, reference: &str) {
    let source = Some(("erich", from.api_key("erich")));
    let get = |what: &str| {
        let url = format!("{}/v2/{repository}/{what}", from.url());
        Request::new("GET", &url).credentials(source).send().must_be(200)
    };
    let answer = get(&format!("manifests/{reference}"));
    let manifest = answer.json();
    let named = |field: &str| manifest[field].as_array().cloned().unwrap_or_default();
    for child in named("manifests") {
        copy(from, to, admin, repository, child["digest"].as_str().expect("a descriptor has a digest"));
    }
    for blob in named("layers").iter().chain(manifest.get("config")) {
        let digest = blob["digest"].as_str().expect("a descriptor has a digest");
        let url = format!("{to}/v2/{repository}/blobs/uploads/?digest={digest}");
        let bytes = get(&format!("blobs/{digest}")).body;
        Request::new("POST", &url).credentials(admin).body("application/octet-stream", bytes).send().must_be(201);
    }
    let kind = answer.header("content-type").expect("a manifest has a type").to_owned();
    let url = format!("{to}/v2/{repository}/manifests/{reference}");
    Request::new("PUT", &url).credentials(admin).body(&kind, answer.body).send().must_be(201);
}

/// Runs the checklist with all that probes may be allowed.
pub fn run(file: &Path, machine: &Machine) -> Run {
    let mut text = fs::read_to_string(file).expect("the scenario is there");
    text.push_str("\n[probes]\nlitter = true\nstrain = true\n");
    fs::write(file, text).expect("the scenario can be written");
    judge::run(file, &[], machine)
}

/// Runs the checklist on a lab with this weakness.
pub fn run_on_lab(weakness: Option<Weakness>, machine: &Machine) -> Run {
    let lab = lab(weakness, vec![]);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    run(&lab.write_scenario(folder.path()).expect("the scenario can be written"), machine)
}
