//! What needs a real registry or real providers: zot above all.
//!
//! A test whose parts this machine does not have is a skip, and says so.

mod cache_real;
mod clients_real;
mod config_real;
mod differential;
mod drift_real;
mod field_real;
mod login_mutants;
mod logins;
mod matrix_real;
mod mirrors_real;
mod mutants;
mod oci_conformance;
mod probes_real;
mod promises_real;
mod real_parts;
mod real_zot;
mod registries;
mod same_verdicts;
mod seed_real;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "what a program of tests needs of it is a part")]
mod support;
mod upstream_real;
mod zot_facts;
mod zot_login_facts;
