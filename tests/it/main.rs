//! What needs no real registry: the program, its reports and its checks against the lab.
//!
//! One module a subject; one program, so that the crate is linked once.

mod audit;
mod book;
mod broken;
mod caller;
mod cli;
mod contrib;
mod drift;
mod field;
mod hostile;
mod lab;
mod layers;
mod mirrors;
mod nextest;
mod open_registry;
mod packages;
mod plan;
mod policy;
mod recordings;
mod replay;
mod report_page;
mod requests;
mod secrets;
mod statistics;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "what a program of tests needs of it is a part")]
mod support;
mod tidy;
mod tls;
mod torture;
mod watch;
mod watching;
mod weaknesses;
mod wire;
mod words;
mod workflows;
