//! regproof proves, after a deploy, that a live container registry keeps the promises its operator made.
//!
//! The engine lives here: scenario, plan, runner, run, reports. It knows no particular check.

pub mod zot;
