//! What the lab enforces, computed from the release and the weaknesses, and the zot configuration that says the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::people::{ADMIN_GROUP, CI_GROUP};
use super::policy::{Action, Grants, Policy};
use super::weakness::Weakness;

/// The zot release whose behaviour the lab shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// `latest` can be moved by anyone who may create (CVE-2026-31801).
    V2_1_14,
    /// `?tag=` is ignored, `metrics.users: [""]` opens the metrics.
    V2_1_15,
    /// `PUT manifests/<digest>?tag=` moves existing tags.
    V2_1_18,
    /// The release whose recordings the lab is held to.
    #[default]
    V2_1_20,
}

impl Release {
    /// The release as zot prints it.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::V2_1_14 => "v2.1.14",
            Self::V2_1_15 => "v2.1.15",
            Self::V2_1_18 => "v2.1.18",
            Self::V2_1_20 => "v2.1.20",
        }
    }

    /// From v2.1.16 a Docker client is challenged on `/v2/`, and CORS no longer allows credentials for `*`.
    pub(crate) fn challenges_docker(self) -> bool {
        self >= Self::V2_1_18
    }
}

/// Access to `/metrics`, in the terms of zot's `accessControl.metrics`.
#[derive(Clone, Debug)]
pub(crate) struct MetricsAccess {
    pub(crate) extension: bool,
    pub(crate) anonymous: bool,
    pub(crate) users: Vec<String>,
}

/// The running configuration.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) release: Release,
    pub(crate) weaknesses: BTreeSet<Weakness>,
    pub(crate) policy: Option<Policy>,
    pub(crate) metrics: MetricsAccess,
    pub(crate) openid: bool,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) sync: bool,
    pub(crate) docker_compat: bool,
    pub(crate) external_url: Option<String>,
    pub(crate) registry_url: String,
    pub(crate) issuer: String,
    pub(crate) upstream: String,
    pub(crate) client_id: &'static str,
    pub(crate) client_secret: String,
    pub(crate) keys_cannot_mint: bool,
}

/// Where the three servers listen.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) registry: String,
    pub(crate) issuer: String,
    pub(crate) upstream: String,
}

impl Config {
    pub(crate) fn new(
        release: Release,
        weaknesses: &BTreeSet<Weakness>,
        empty: bool,
        at: Addresses,
        client_secret: String,
    ) -> Self {
        let has = |weakness| weaknesses.contains(&weakness);
        let external_url = if has(Weakness::ExternalUrlMissing) {
            None
        } else if has(Weakness::ExternalUrlHttps) {
            Some(at.registry.replacen("http://", "https://", 1))
        } else if has(Weakness::RedirectUriWrongHost) {
            let port = at.registry.rsplit(':').next().unwrap_or_default();
            Some(format!("http://registry.invalid:{port}"))
        } else {
            Some(at.registry.clone())
        };
        Self {
            release,
            weaknesses: weaknesses.clone(),
            policy: (!has(Weakness::AccessControlRemoved)).then(|| policy(weaknesses, empty)),
            metrics: metrics_access(release, weaknesses),
            openid: !has(Weakness::OpenidRemoved),
            // zot adds the scope openid where the configuration leaves it out.
            scopes: if has(Weakness::ScopeProfileMissing) {
                vec!["openid", "email"]
            } else {
                vec!["openid", "email", "profile"]
            },
            sync: !has(Weakness::SyncOff) && !has(Weakness::CacheOutlivesItsUpstream),
            docker_compat: has(Weakness::DockerCompatOn),
            external_url,
            registry_url: at.registry,
            issuer: at.issuer,
            upstream: at.upstream,
            client_id: if has(Weakness::WrongClientId) { "zot-staging" } else { "zot" },
            client_secret,
            keys_cannot_mint: false,
        }
    }

    pub(crate) fn has(&self, weakness: Weakness) -> bool {
        self.weaknesses.contains(&weakness)
    }

    /// Whether it takes any manifest and opens any upload, as a registry may that does not look at what it stores.
    pub(crate) fn stores_everything(&self) -> bool {
        self.has(Weakness::StoresAnyMediaType) || self.has(Weakness::OneSignOfZot)
    }

    /// The callback address that the registry gives to the provider.
    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/zot/auth/callback/oidc", self.external_url.as_deref().unwrap_or(&self.registry_url))
    }

    /// The same configuration, in zot's own format. Secrets are not part of it.
    pub(crate) fn to_zot(&self) -> Value {
        let port = self.registry_url.rsplit(':').next().unwrap_or_default();
        let mut auth = json!({ "apikey": !self.has(Weakness::ApikeyOff) });
        if self.openid {
            let scopes: Vec<&str> =
                if self.has(Weakness::ScopeOpenidMissing) { vec!["email", "profile"] } else { self.scopes.clone() };
            auth["openid"] = json!({ "providers": { "oidc": {
                "name": "lab",
                "issuer": self.issuer,
                "credentialsFile": "oidc-credentials.json",
                "scopes": scopes,
                "claimMapping": { "username": "preferred_username" },
            } } });
        }
        let mut http = json!({ "address": "127.0.0.1", "port": port, "auth": auth });
        if let Some(url) = &self.external_url {
            http["externalUrl"] = json!(url);
        }
        if self.has(Weakness::CorsAnyOrigin) {
            http["allowOrigin"] = json!("*");
        }
        if self.docker_compat {
            http["compat"] = json!(["docker2s2"]);
        }
        if let Some(policy) = &self.policy {
            let mut metrics = json!({ "users": self.metrics.users });
            if self.metrics.anonymous {
                metrics["anonymousPolicy"] = json!(["read"]);
            }
            http["accessControl"] = json!({ "repositories": policy.to_json(), "metrics": metrics });
        }
        let mut extensions = json!({
            "metrics": { "enable": self.metrics.extension, "prometheus": { "path": "/metrics" } },
        });
        if self.sync {
            extensions["sync"] = json!({ "enable": true, "registries": [{
                "urls": [self.upstream],
                "onDemand": true,
                "tlsVerify": false,
                "content": [{ "prefix": "**", "destination": "/docker.io" }],
            }] });
        }
        json!({
            "distSpecVersion": "1.1.1",
            "storage": { "rootDirectory": "data", "dedupe": true, "gc": true },
            "http": http,
            "log": { "level": "info" },
            "extensions": extensions,
        })
    }
}

fn metrics_access(release: Release, weaknesses: &BTreeSet<Weakness>) -> MetricsAccess {
    let has = |weakness| weaknesses.contains(&weakness);
    if has(Weakness::MetricsForAdmins) {
        let users = vec![super::people::ADMIN.to_owned()];
        return MetricsAccess { extension: !has(Weakness::MetricsExtensionOff), anonymous: false, users };
    }
    let closed = has(Weakness::MetricsClosed);
    // zot up to v2.1.17 reads an empty user name in `users` as anonymous; later releases need anonymousPolicy.
    let old_form = release < Release::V2_1_18 || has(Weakness::MetricsPre2118Form);
    MetricsAccess {
        extension: !has(Weakness::MetricsExtensionOff),
        anonymous: !closed && !old_form,
        users: if old_form && !closed { vec![String::new()] } else { Vec::new() },
    }
}

fn policy(weaknesses: &BTreeSet<Weakness>, empty: bool) -> Policy {
    use Action::{Create, Delete, Read, Update};
    let has = |weakness| weaknesses.contains(&weakness);
    let mut anonymous = vec![Read];
    if has(Weakness::AnonymousCannotRead) {
        anonymous.clear();
    }
    if has(Weakness::AnonymousCanCreate) {
        anonymous.push(Create);
    }
    let mut authenticated = if has(Weakness::GuestsCannotRead) { vec![] } else { vec![Read] };
    if has(Weakness::DefaultCanCreate) {
        authenticated.push(Create);
    }
    // The cache's namespace belongs to its upstream: nobody but administrators has anything to push there.
    let cache = Grants {
        anonymous: anonymous.clone(),
        authenticated: authenticated.clone(),
        groups: vec![(ADMIN_GROUP, Action::ALL.to_vec())],
    };
    let mut ci = vec![Read];
    if !has(Weakness::CiCannotCreate) {
        ci.push(Create);
    }
    if has(Weakness::CiCanUpdate) {
        ci.push(Update);
    }
    if has(Weakness::CiCanDelete) {
        ci.push(Delete);
    }
    let admins: Vec<Action> =
        Action::ALL.into_iter().filter(|action| *action != Delete || !has(Weakness::AdminsCannotDelete)).collect();
    let groups = vec![(CI_GROUP, ci), (ADMIN_GROUP, admins)];
    let private = Grants { groups: groups.clone(), ..Grants::default() };
    let mut repositories = vec![("**", Grants { anonymous, authenticated, groups })];
    if has(Weakness::UndeclaredNamesOpen) {
        let open = vec![Read, Create];
        repositories
            .push(("*-*", Grants { anonymous: open.clone(), authenticated: open, groups: private.groups.clone() }));
    }
    if !empty {
        // A longer pattern replaces `**`, so an empty anonymous policy is what makes these repositories private.
        let pattern = if has(Weakness::PrivatePatternMistyped) { "privat/**" } else { "private/**" };
        repositories.push((pattern, private));
        if !has(Weakness::CacheNamespaceOpen) {
            repositories.push(("docker.io/**", cache));
        }
    }
    Policy { repositories }
}
