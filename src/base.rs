//! What knows nothing of registries: secrets in texts, the log, the watchdog.

pub mod log;
pub mod redact;
pub mod watchdog;
