//! From a plan to a run: what is decided before, what is sent, who runs it, and what is said first.

mod advice;
pub mod merge;
pub mod plan;
pub(crate) mod promises;
pub(crate) mod requests;
pub(crate) mod root;
pub mod runner;
pub(crate) mod symptom;
