//! Plain data that all layers share: verdicts, findings, evidence, effects.

pub mod effect;
pub mod exchange;
pub(crate) mod failure;
pub(crate) mod image;
pub mod level;
pub mod outcome;
pub mod partition;
pub(crate) mod shown;
pub mod snapshot;
