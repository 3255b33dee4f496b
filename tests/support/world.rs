//! Everything at once: provider, upstream, zot in its hardened configuration, keys and content.
//!
//! Other tests must not depend on each other's world: each starts its own.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::hardened::{self, write_secret};
use super::http::Request;
use super::image::Image;
use super::keys;
use super::patch::Patch;
use super::process::NotStarted;
use super::provider::{ADMIN, CI, CLIENT_ID, GUEST, Options, Provider, User};
use super::upstream::Upstream;
use super::zot::{RealZot, Release, Zot};

/// The repository that exists and must not change.
pub const PUBLIC: &str = "blumeops/navidrome";
/// A tag of [`PUBLIC`] in the operator's form.
pub const TAG: &str = "v0.61.1-abcdef0";
/// Where checks may write.
pub const SCRATCH: &str = "blumeops/regproof";
/// A repository that only admins may see, in a world with [`Setup::private`].
pub const PRIVATE: &str = "private/ledger";

/// Where checks may write what only admins may see, in a world with [`Setup::private`].
pub const PRIVATE_SCRATCH: &str = "private/regproof";

/// What the cache can serve from the upstream.
pub const CACHED: &str = "docker.io/library/alpine:3.20";

const PROMISED: &str = "promised.json";

/// API keys, one for each user.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Of [`CI`].
    pub ci: String,
    /// Of [`ADMIN`].
    pub admin: String,
    /// Of [`GUEST`].
    pub guest: String,
}

/// How a world differs from the default.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Adds [`PRIVATE`].
    pub private: bool,
    /// Leaves the upstream and the cache out.
    pub without_cache: bool,
    /// What the login asks for; the world's own address is added to those that it may return to.
    pub provider: Options,
    /// Changes of the configuration that the operator means to have.
    pub config: Patch,
}

/// The running world. It ends when it is dropped.
pub struct World {
    /// The registry.
    pub zot: RealZot,
    /// The provider.
    pub provider: Provider,
    /// The upstream of the cache.
    pub upstream: Option<Upstream>,
    /// API keys of the users.
    pub keys: Keys,
    /// The digest of the image at [`TAG`] and `latest` of [`PUBLIC`].
    pub digest: String,
    setup: Setup,
    folder: TempDir,
}

impl World {
    /// Starts a world on the zot of this machine; `None`, said on stderr, when a part is missing.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_on(&Zot::find(test)?, test, Setup::default())
    }

    /// Starts a world on this zot.
    pub fn start_on(zot: &Zot, test: &str, setup: Setup) -> Option<Self> {
        if let Some(reason) = Provider::missing() {
            super::lacks(test, reason);
            return None;
        }
        if !setup.without_cache && Upstream::program().is_none() {
            super::lacks(test, "docker-registry");
            return None;
        }
        let upstream = (!setup.without_cache).then(Upstream::start);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // The provider knows the registry by its port, so each attempt at a port has its own.
        let mut provider = None;
        let real = RealZot::start(zot, folder.path(), |port| {
            let redirect = format!("http://127.0.0.1:{port}/zot/auth/callback/oidc");
            let mut options = setup.provider.clone();
            options.redirect_uris.push(redirect);
            let started = Provider::start(&options);
            let url = upstream.as_ref().map(|upstream| upstream.url.as_str());
            let mut config = hardened::config(zot.release, port, &started.issuer, url, folder.path());
            if setup.private {
                hardened::with_private(&mut config);
            }
            setup.config.apply(&mut config, &str::to_owned);
            provider = Some(started);
            config
        });
        let provider = provider.expect("zot is configured before it starts");
        fs::copy(real.config_file(), folder.path().join(PROMISED)).expect("the configuration can be copied");
        let [ci, admin, guest] =
            [CI, ADMIN, GUEST].map(|user| keys::mint_with(&real.url, &user, setup.provider.totp_secret.as_deref()));
        let keys = Keys { ci, admin, guest };
        let image = Image::with_content("the image that must not change");
        let credentials = Some((ADMIN.name, keys.admin.as_str()));
        for tag in [TAG, "latest"] {
            image.push(&real.url, PUBLIC, tag, credentials);
        }
        if setup.private {
            Image::with_content("what nobody else may see").push(&real.url, PRIVATE, "v1", credentials);
        }
        let digest = image.digest();
        Some(Self { zot: real, provider, upstream, keys, digest, setup, folder })
    }

    /// Runs `facts` against a new world, without a cache and with [`PRIVATE`], on each release there is.
    pub fn on_each_release(test: &str, facts: impl Fn(Release, World)) {
        for zot in Zot::find_all(test) {
            let Some(world) = Self::start_on(&zot, test, Setup::private_only()) else {
                return;
            };
            facts(zot.release, world);
        }
    }

    /// The same on the zot of this machine alone.
    pub fn on_this_release(test: &str) -> Option<Self> {
        Self::start_on(&Zot::find(test)?, test, Setup::private_only())
    }

    /// A request to the registry, anonymous as yet.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, &format!("{}{path}", self.zot.url))
    }

    /// Restarts zot with one change of its configuration; keys and content stay.
    #[track_caller]
    pub fn reconfigure(self, change: impl FnOnce(&mut Value)) -> Self {
        let Self { zot, provider, upstream, keys, digest, setup, folder } = self;
        let zot = zot.restart(change);
        Self { zot, provider, upstream, keys, digest, setup, folder }
    }

    /// Restarts with another zot; configuration, keys and content stay.
    #[track_caller]
    pub fn upgrade(self, to: &Zot) -> Self {
        let Self { zot, provider, upstream, keys, digest, setup, folder } = self;
        let zot = zot.upgrade(to);
        Self { zot, provider, upstream, keys, digest, setup, folder }
    }

    /// The same for a change that zot may refuse.
    pub fn try_reconfigure(self, change: impl FnOnce(&mut Value)) -> Result<Self, NotStarted> {
        let Self { zot, provider, upstream, keys, digest, setup, folder } = self;
        let zot = zot.try_restart(change)?;
        Ok(Self { zot, provider, upstream, keys, digest, setup, folder })
    }

    /// The configuration that the world was started with: what its operator means to deploy.
    pub fn promised_config(&self) -> PathBuf {
        self.folder.path().join(PROMISED)
    }

    /// Name and API key of a user, as Basic credentials.
    pub fn credentials(&self, user: &User) -> Option<(&'static str, &str)> {
        let key = match user.name {
            name if name == CI.name => &self.keys.ci,
            name if name == ADMIN.name => &self.keys.admin,
            _ => &self.keys.guest,
        };
        Some((user.name, key))
    }

    /// Writes a complete scenario of this world and its secrets, mode 0600, into `folder`.
    ///
    /// It promises what the world was started with, whatever zot has been changed to since.
    pub fn scenario(&self, folder: &Path) -> PathBuf {
        self.scenario_with(folder, |_| {})
    }

    /// The same with one change of the scenario.
    pub fn scenario_with(&self, folder: &Path, change: impl FnOnce(&mut Value)) -> PathBuf {
        let secret = |name: &str, text: &str| {
            let file = folder.join(name);
            write_secret(&file, text);
            json!({ "file": file })
        };
        let identity = |user: &User| {
            let (name, key) = self.credentials(user).expect("every user has a key");
            let password = secret(&format!("{name}.key"), key);
            json!({ "username": name, "password": password, "groups": user.groups })
        };
        let url = &self.zot.url;
        let mut scenario = json!({
            "schema": 1,
            "name": "real-zot",
            "registry": { "url": url },
            "repositories": { "scratch": SCRATCH, "public": [PUBLIC], "private": [] },
            "access": {
                "anonymous": ["read"],
                "authenticated": ["read"],
                "groups": {
                    "artifact-workloads": ["read", "create"],
                    "admins": ["read", "create", "update", "delete"],
                },
            },
            "identities": { "ci": identity(&CI), "admin": identity(&ADMIN), "guest": identity(&GUEST) },
            "keys": { "lifecycle": true },
            "metrics": { "path": "/metrics", "anonymous": true },
            "oidc": {
                "provider": "oidc",
                "issuer": self.provider.issuer,
                "client_id": CLIENT_ID,
                "login": {
                    "username": secret("login.user", CI.name),
                    "password": secret("login.password", CI.password),
                },
            },
            "browser": { "webdriver": "chromedriver" },
            "tags": { "pattern": r"^v\d+\.\d+\.\d+-[0-9a-f]{7}(-nix)?$" },
        });
        if self.setup.private {
            // Only a configuration can say that repositories differ.
            scenario["repositories"]["private"] = json!([PRIVATE]);
            scenario["repositories"]["private_scratch"] = json!(PRIVATE_SCRATCH);
            scenario["registry"]["zot_config"] = json!(self.promised_config());
            scenario.as_object_mut().expect("a scenario is a table").remove("access");
        }
        if self.upstream.is_some() {
            scenario["cache"] = json!([{ "image": CACHED }]);
        }
        change(&mut scenario);
        let mut text = toml::to_string(&scenario).expect("a scenario is a TOML table");
        if scenario.get("waive").is_none() {
            text.push_str(&waiver("keys::cannot_mint_keys", "every zot of today lets keys mint keys"));
        }
        let path = folder.join("regproof.toml");
        fs::write(&path, text).expect("the scenario can be written");
        path
    }
}

/// A waiver for a year from today, so that no test ends on a date. JSON has no type for its day.
pub fn waiver(check: &str, reason: &str) -> String {
    let until = OffsetDateTime::now_utc().date() + time::Duration::days(365);
    format!("\n[[waive]]\ncheck = \"{check}\"\nreason = \"{reason}\"\nuntil = {until}\n")
}

impl Setup {
    /// A world with [`PRIVATE`] and without a cache.
    pub fn private_only() -> Self {
        Self { private: true, without_cache: true, ..Self::default() }
    }
}
