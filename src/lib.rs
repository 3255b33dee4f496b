//! regproof proves, after a deploy, that a live container registry keeps the promises its operator made.
//!
//! The engine lives here: scenario, plan, runner, run, reports. It knows no particular check.

mod advice;
mod apikeys;
mod audit;
mod browser;
mod cached;
pub mod check;
#[path = "../checks/mod.rs"]
pub mod checks;
mod clearance;
pub mod cli;
mod clients;
pub mod commands;
#[cfg(test)]
mod content_fuzz_tests;
mod context;
pub mod coverage;
mod diagnosis;
mod discovery;
pub mod drift;
mod fingerprint;
#[cfg(test)]
mod fuzz_tests;
mod guard;
mod image;
pub mod init;
pub mod lab;
mod ledger;
pub mod level;
mod listing;
mod lock;
pub mod log;
mod matrix;
mod meanwhile;
pub mod merge;
mod metrics;
#[cfg_attr(not(test), expect(dead_code, reason = "the checks and the command that use it come next"))]
mod mirror;
mod oci;
mod oracle;
pub mod outcome;
pub mod output;
mod persona;
pub mod plan;
mod presence;
pub mod probe;
pub mod process;
mod pushers;
pub mod redact;
pub mod report;
mod requests;
mod root;
pub mod runner;
pub mod scenario;
mod symptom;
pub mod target;
pub mod transcript;
mod transfer;
mod traps;
#[cfg(test)]
mod trial;
mod vantage;
mod visit;
pub mod watchdog;
mod wire;
pub mod zot;
