//! `list`: the checks by id and title.
//!
//! Reads no file and no scenario.

use crate::check::Check;
use crate::checks::CHECKS;
use crate::cli::ListFormat;

/// All checks.
pub(crate) fn list(format: ListFormat) -> String {
    match format {
        ListFormat::Plain => {
            let width = CHECKS.iter().map(|check| check.id.len()).max().unwrap_or(0);
            CHECKS.iter().map(|check| format!("{:<width$}  {}\n", check.id, check.title())).collect()
        }
        ListFormat::Json => {
            let one = |check: &Check| {
                serde_json::json!({
                    "id": check.id,
                    "title": check.title(),
                    "effect": check.meta.effect.to_string(),
                    "file": check.file,
                })
            };
            let checks: Vec<_> = CHECKS.iter().map(one).collect();
            format!("{:#}\n", serde_json::json!({ "schema": 1, "checks": checks }))
        }
    }
}
