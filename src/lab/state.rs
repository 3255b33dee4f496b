//! What the servers of one lab share, and the log of every request they received.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, Version};
use bytes::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

use super::answer::Answer;
use super::config::Config;
use super::session::Sessions;
use super::storage::Store;
use crate::lab::accounts::{Accounts, User};
use crate::lab::counters::Counters;
use crate::lab::door::Door;
use crate::lab::provider_state::Provider;

/// A log that grows without end would be a leak in `lab`, which may serve for days.
const MOST_SEEN: usize = 20_000;

/// Which of the lab's servers received a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// The registry under test.
    Registry,
    /// The OpenID provider.
    Provider,
    /// The registry that the pull-through cache pulls from.
    Upstream,
}

/// One request that a server of the lab received.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Who received it.
    pub server: Server,
    /// The method.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// All headers, names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A request, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) version: Version,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whom a weakness takes the caller for.
    pub(crate) disguise: Option<User>,
}

impl Ask {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let query = self.query.as_deref().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    pub(crate) fn values(&self, key: &str) -> Vec<String> {
        self.pairs().into_iter().filter(|(name, _)| name == key).map(|(_, value)| value).collect()
    }

    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.values(key).into_iter().next()
    }

    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.headers
            .get_all("cookie")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned())
    }
}

/// Everything the handlers need.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Mutex<Store>,
    pub(crate) upstream: Mutex<Store>,
    pub(crate) accounts: Mutex<Accounts>,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) provider: Mutex<Provider>,
    pub(crate) counters: Mutex<Counters>,
    pub(crate) seen: Mutex<Vec<Seen>>,
    pub(crate) client: Client<HttpConnector, Body>,
    pub(crate) extra_latency: std::time::Duration,
    pub(crate) door: Mutex<Option<Door>>,
    /// What a cache in front keeps, under a weakness.
    pub(crate) kept: Mutex<BTreeMap<String, Answer>>,
}

impl Shared {
    pub(crate) fn note(&self, seen: Seen) {
        let mut log = held(&self.seen);
        if log.len() >= MOST_SEEN {
            log.drain(..MOST_SEEN / 2);
        }
        log.push(seen);
    }
}

/// Locks; a panic of another holder leaves plain maps behind that are still whole.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
