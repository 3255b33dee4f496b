//! regproof proves, after a deploy, that a live container registry keeps the promises its operator made.
//!
//! The modules stand in the order of their layers. A module imports only from layers above it in this list;
//! `tests/it/layers.rs` holds that. `ARCHITECTURE.md` has the picture.

pub mod base;
pub mod lab;
pub mod zot;

pub(crate) mod mirror;
pub mod model;

pub mod scenario;

mod browser;
mod http;
pub mod report;

pub mod check;

pub mod kit;

#[path = "../checks/mod.rs"]
pub mod checks;

pub mod run;

pub mod audit;
pub mod drift;

pub mod cli;

pub mod commands;

#[cfg(test)]
mod trial;
