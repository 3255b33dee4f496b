//! regproof proves, after a deploy, that a live container registry keeps the promises its operator made.
//!
//! The engine lives here: scenario, plan, runner, run, reports. It knows no particular check.

pub mod check;
#[path = "../checks/mod.rs"]
pub mod checks;
mod context;
mod discovery;
mod fingerprint;
mod guard;
mod image;
mod metrics;
mod oci;
mod oracle;
pub mod outcome;
pub mod plan;
pub mod process;
pub mod redact;
pub mod runner;
pub mod scenario;
pub mod target;
pub mod output;
pub mod report;
pub mod transcript;
mod transfer;
mod wire;
