//! The HTML report: one file, without scripts, for a browser, a phone and paper.

use crate::outcome::Run;

/// x
#[must_use]
pub fn html(_runs: &[&Run]) -> String {
    String::new()
}
