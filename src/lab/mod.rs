//! The lab: a hardened registry with zot's observable behaviour, an OpenID provider and an upstream registry, on free
//! loopback ports of this process, with named weaknesses.
//!
//! It exists for `demo` and for tests: every check must be seen to pass on the healthy lab and to fail under a weakness.
//! It must not know any check beyond the ids in the table of weaknesses, and it must not be used to store anything.

mod accounts;
mod answer;
mod apikeys;
mod auth;
mod blobs;
mod bypass;
mod cache;
mod config;
mod counters;
mod digest;
mod door;
mod fault;
mod ids;
mod listings;
mod login;
mod manifests;
mod metrics;
mod named;
mod pages;
mod people;
mod policy;
mod provider;
mod provider_state;
mod registry;
mod routes;
mod running;
mod scenario;
mod seed;
mod server;
mod session;
mod signing;
mod state;
mod storage;
mod uploads;
mod upstream;
mod weakness;
#[cfg(test)]
mod weakness_tests;

pub use config::Release;
pub use door::Door;
pub use named::UnknownWeakness;
pub use running::{Lab, Options, Vacancy};
pub use state::{Seen, Server};
pub use weakness::Weakness;
