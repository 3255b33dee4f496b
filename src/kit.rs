//! What checks share: tools that ask a registry and read its answers.

pub(crate) mod api_keys;
pub(crate) mod cached;
mod clean_up;
pub(crate) mod clearance;
pub(crate) mod clients;
pub(crate) mod diagnosis;
pub(crate) mod discovery;
pub(crate) mod fingerprint;
pub(crate) mod listing;
pub(crate) mod matrix;
pub(crate) mod meanwhile;
pub(crate) mod metrics;
pub(crate) mod mirrors;
pub(crate) mod oci;
pub(crate) mod oracle;
pub(crate) mod persona;
pub(crate) mod prelude;
pub(crate) mod presence;
pub mod probe;
pub mod process;
pub(crate) mod pushers;
pub(crate) mod rows;
pub(crate) mod transfer;
pub(crate) mod vantage;
pub(crate) mod visit;
