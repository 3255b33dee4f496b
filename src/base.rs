//! What knows nothing of registries: secrets in texts, the log, the watchdog.

pub mod log;
pub(crate) mod process_tree;
pub mod redact;
pub mod watchdog;
