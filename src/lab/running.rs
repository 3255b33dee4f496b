//! A running lab: starts the servers, answers questions about them, and ends them with all their connections.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};

use super::config::{Addresses, Config, Release};
use super::people::{ADMIN, CI, GUEST, LOGIN};
use super::session::opaque;
use super::state::{Seen, Server, Shared, held};
use super::storage::Store;
use super::weakness::Weakness;
use super::{seed, server, signing};
use crate::lab::accounts::{Accounts, ApiKey};
use crate::lab::door::Door;
use crate::lab::people::{ADMIN_GROUP, CI_GROUP};
use crate::lab::provider_state::{Account, Provider};

const CLIENT: &str = "zot";

/// How a lab is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the registry listens, with the provider on the next port; free loopback ports where `None` or port 0.
    pub listen: Option<SocketAddr>,
    /// What is wrong with it.
    pub weaknesses: BTreeSet<Weakness>,
    /// The zot release whose behaviour it shows.
    pub release: Release,
    /// Every answer is delayed by this.
    pub extra_latency: Duration,
    /// Redirect URIs that the provider accepts besides the lab's own: a real registry can then log in at it.
    pub redirect_uris: Vec<String>,
    /// Nothing stored and no pattern for private repositories: the configuration that the recordings of real zot have.
    pub empty: bool,
    /// API keys can neither mint nor revoke keys, only sessions can: a zot that does not exist yet.
    pub keys_cannot_mint: bool,
}

/// A running lab. Dropping it ends its servers and closes their connections.
pub struct Lab {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    /// The registry's, the provider's and the upstream's.
    ports: Vec<Port>,
    keys: BTreeMap<&'static str, String>,
    passwords: BTreeMap<&'static str, String>,
    client_secret: String,
}

impl Lab {
    /// Starts a lab.
    ///
    /// # Errors
    ///
    /// Where no port can be bound, or no thread started.
    #[expect(clippy::unused_async, reason = "callers must not depend on how long the start takes")]
    pub async fn start(options: Options) -> io::Result<Self> {
        signing::prepare();
        let has = |weakness| options.weaknesses.contains(&weakness);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let (registry, registry_port) = bind(options.listen.unwrap_or(loopback))?;
        // Beside a chosen port, so that a scenario written by hand can name the issuer.
        let beside = options.listen.filter(|address| address.port() != 0).and_then(|address| {
            let port = address.port().checked_add(1)?;
            Some(SocketAddr::new(address.ip(), port))
        });
        let (provider, provider_port) = bind(beside.unwrap_or(loopback))?;
        let (upstream, upstream_port) = bind(loopback)?;
        let at = Addresses { registry: url(&registry)?, issuer: url(&provider)?, upstream: url(&upstream)? };
        let client_secret = opaque();
        let mut redirect_uris = options.redirect_uris.clone();
        redirect_uris.push(format!("{}/zot/auth/callback/oidc", at.registry));
        let known_to_registry = if has(Weakness::ClientSecretWrong) { opaque() } else { client_secret.clone() };

        let people: [(&'static str, Vec<&'static str>); 4] =
            [(CI, vec![CI_GROUP]), (GUEST, vec![]), (ADMIN, vec![ADMIN_GROUP]), (LOGIN, vec![CI_GROUP])];
        let mut accounts = Accounts::default();
        let life = if has(Weakness::KeysNeverEnd) { None } else { Some(keys_live(has(Weakness::KeysEndSoon))) };
        let (mut keys, mut passwords, mut known) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (name, groups) in people {
            accounts.logged_in(name, groups.iter().map(|group| (*group).to_owned()).collect());
            if name != LOGIN {
                let mut key = ApiKey::new(name, "lab");
                key.expires = life.map(|life| key.created + life);
                if name == CI && has(Weakness::KeyAmongOthers) {
                    let mut other = ApiKey::new(name, "another");
                    other.expires = key.expires;
                    // In the future, as where it is used again and again.
                    other.last_used = Some(other.created + time::Duration::days(1));
                    accounts.add(other);
                    key.expires = Some(key.created + keys_live(true));
                }
                keys.insert(name, key.secret.clone());
                accounts.add(key);
            }
            // What the provider says, not what the registry knows from logins before.
            let groups = if has(Weakness::LoginMakesAdmin) { [groups, vec![ADMIN_GROUP]].concat() } else { groups };
            let password = opaque();
            passwords.insert(name, password.clone());
            known.push(Account { name, password, groups });
        }

        let (mut store, mut upstream_store) = (Store::default(), Store::default());
        if !options.empty {
            seed::registry(&mut store);
            if has(Weakness::TagOutsideThePattern) {
                seed::tagged_by_hand(&mut store);
            }
            if has(Weakness::CacheOutlivesItsUpstream) {
                seed::cached_long_ago(&mut store);
            }
            if has(Weakness::UpstreamRateLimited) {
                seed::pulled(&mut store, "docker.io/library/alpine");
            }
            if has(Weakness::PrivateIndex) {
                seed::private_index(&mut store);
            }
            if has(Weakness::LargeLayerLost) {
                seed::large_layer_lost(&mut store);
            }
            if has(Weakness::UnusualContent) {
                seed::unusual(&mut store);
            }
        }
        seed::upstream(&mut upstream_store);
        let shared = Arc::new(Shared {
            config: Config {
                keys_cannot_mint: options.keys_cannot_mint,
                ..Config::new(options.release, &options.weaknesses, options.empty, at, known_to_registry)
            },
            store: Mutex::new(store),
            upstream: Mutex::new(upstream_store),
            accounts: Mutex::new(accounts),
            sessions: Mutex::default(),
            provider: Mutex::new(Provider::new(CLIENT, client_secret.clone(), redirect_uris, known)),
            counters: Mutex::default(),
            seen: Mutex::default(),
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http(),
            extra_latency: options.extra_latency,
            door: Mutex::default(),
            kept: Mutex::default(),
        });

        // A separate runtime: ending it ends every connection, which no handle of a server does. A test with a paused
        // clock or a busy thread cannot disturb the lab.
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("regproof-lab").enable_all().build()?;
        let mut servers = vec![(registry, Server::Registry)];
        if !has(Weakness::ProviderDown) {
            servers.push((provider, Server::Provider));
        }
        if !has(Weakness::UpstreamDown) {
            servers.push((upstream, Server::Upstream));
        }
        for (listener, which) in servers {
            runtime.spawn(server::serve(listener, which, Arc::clone(&shared)));
        }
        let ports = vec![registry_port, provider_port, upstream_port];
        Ok(Self { shared, runtime: Some(runtime), ports, keys, passwords, client_secret })
    }

    /// The hardened lab, as the checks must find it proven.
    ///
    /// # Errors
    ///
    /// As [`Lab::start`].
    pub async fn healthy() -> io::Result<Self> {
        Self::start(Options::default()).await
    }

    /// The lab with one weakness.
    ///
    /// # Errors
    ///
    /// As [`Lab::start`].
    pub async fn with(weakness: Weakness) -> io::Result<Self> {
        Self::start(Options { weaknesses: BTreeSet::from([weakness]), ..Options::default() }).await
    }

    /// The registry, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.config.registry_url
    }

    /// The OpenID issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.config.issuer
    }

    /// The upstream of the pull-through cache.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.shared.config.upstream
    }

    /// The digest of the image that the cache serves.
    pub(crate) fn cached_digest(&self) -> String {
        let found = held(&self.shared.upstream).manifest("library/alpine", "3.20");
        found.map(|manifest| manifest.digest).expect("the upstream is seeded with it")
    }

    /// The API key of `zot-ci` (group artifact-workloads), `guest` (no group) or `erich` (group admins).
    ///
    /// # Panics
    ///
    /// For any other name: a test asks for somebody who does not exist.
    #[must_use]
    pub fn api_key(&self, identity: &str) -> &str {
        self.keys.get(identity).expect("the identities of the lab are zot-ci, guest and erich")
    }

    /// User name and password for the provider's login page.
    ///
    /// The user is in the group artifact-workloads, so that a push proves that the groups arrived.
    #[must_use]
    pub fn login(&self) -> (&str, &str) {
        (LOGIN, self.password(LOGIN))
    }

    /// The password of any user at the provider's login page.
    ///
    /// # Panics
    ///
    /// For a name that the provider does not know.
    #[must_use]
    pub fn password(&self, user: &str) -> &str {
        self.passwords.get(user).expect("the provider knows the lab's identities and its login user")
    }

    /// Id and secret of the provider's client, for a real registry that is to log in at it.
    #[must_use]
    pub fn client(&self) -> (&str, &str) {
        (CLIENT, &self.client_secret)
    }

    /// Answers one request shape wrongly from now on, or none.
    pub fn open(&self, door: Option<Door>) {
        *held(&self.shared.door) = door;
    }

    /// Every request that the lab received, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        held(&self.shared.seen).clone()
    }

    /// Owner and label of every API key, also of those that the lab was not started with.
    #[must_use]
    pub fn api_keys(&self) -> Vec<(String, String)> {
        held(&self.shared.accounts).keys().map(|key| (key.owner.clone(), key.label.clone())).collect()
    }

    /// The digest of every `repository:tag`.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<String, String> {
        let store = held(&self.shared.store);
        let mut digests = BTreeMap::new();
        for name in store.names() {
            for entry in store.repository(name).into_iter().flat_map(|repo| &repo.index) {
                if let Some(tag) = &entry.tag {
                    digests.insert(format!("{name}:{tag}"), entry.digest.clone());
                }
            }
        }
        digests
    }

    /// The names of all repositories, also of private ones.
    #[must_use]
    pub fn repositories(&self) -> Vec<String> {
        held(&self.shared.store).names().cloned().collect()
    }

    /// The zot configuration that says what the lab enforces.
    #[must_use]
    pub fn zot_config(&self) -> serde_json::Value {
        self.shared.config.to_zot()
    }

    /// Ends the lab and keeps its addresses: connections are refused, and no other program can listen there.
    ///
    /// # Errors
    ///
    /// Where the system cannot keep a port under a listener, and another program took it in the moment between.
    pub async fn vacate(mut self) -> io::Result<Vacancy> {
        let ports = std::mem::take(&mut self.ports);
        self.stop().await;
        let sockets = ports.into_iter().map(Port::refuse);
        Ok(Vacancy { _sockets: sockets.collect::<io::Result<_>>()? })
    }

    /// Ends the lab and waits until nothing of it listens.
    pub async fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5)));
            // Only a panic inside the runtime's own shutdown could be reported here, and then it has ended too.
            let _ = ended.await;
        }
    }
}

/// The addresses of a lab that has ended. While it lives, each connection to them is refused.
#[derive(Debug)]
pub struct Vacancy {
    _sockets: Vec<TcpSocket>,
}

/// A port of the lab, with a socket that keeps it from before the listener starts until after it ended.
enum Port {
    Kept(TcpSocket),
    /// Where the system refuses a second socket at an address: macOS.
    Listened(SocketAddr),
}

impl Port {
    /// A socket that has the address and does not listen, after the listener ended.
    fn refuse(self) -> io::Result<TcpSocket> {
        match self {
            Self::Kept(socket) => Ok(socket),
            Self::Listened(address) => unheard(address),
        }
    }
}

/// A socket that has the address and does not listen.
fn unheard(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // With it, Linux lets a listener start at the same address. Connections may also still be on their way out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Addresses only: a test that prints a lab must not print its keys.
impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lab = f.debug_struct("Lab");
        lab.field("url", &self.url()).field("issuer", &self.issuer()).field("upstream", &self.upstream());
        lab.finish_non_exhaustive()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn keys_live(end_soon: bool) -> time::Duration {
    time::Duration::days(if end_soon { 3 } else { 90 })
}

fn bind(address: SocketAddr) -> io::Result<(TcpListener, Port)> {
    let keeper = unheard(address)?;
    let (listener, port) = match TcpListener::bind(keeper.local_addr()?) {
        Ok(listener) => (listener, Port::Kept(keeper)),
        Err(_) => {
            drop(keeper);
            let listener = TcpListener::bind(address)?;
            let address = listener.local_addr()?;
            (listener, Port::Listened(address))
        }
    };
    listener.set_nonblocking(true)?;
    Ok((listener, port))
}

fn url(listener: &TcpListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}
