//! Drift: what a registry answers today, kept as a snapshot, and what differs from the snapshot of another day.
//!
//! A snapshot judges nothing: promises are the checks' matter. It holds only what was decided, in words that are the same each
//! time, so that two snapshots of an unchanged registry are equal. No secret, no time, no random name.

pub mod accept;
mod ask;
pub mod compare;
mod proof;
pub mod show;
mod take;

pub(crate) use proof::{CHECK, step};
pub use take::take;

/// The question whose answer says that no tag is missing from the list.
const WHOLE: &str = "listed";
