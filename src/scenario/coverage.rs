//! What each key of a scenario and of zot's configuration promises, and which check would notice if the live registry did
//! otherwise. What none notices is said.
//!
//! Knows checks by their ids, and sends nothing.

mod table;

use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(crate) use table::{SCENARIO, ZOT};

use crate::scenario::Scenario;

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) by: By,
}

/// Who notices that the registry does otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// These checks; each weakness of the lab or mutant of a real zot shows that one of them does.
    Checks(&'static [&'static str], &'static [&'static str]),
    /// It promises nothing: it says how regproof works.
    Steers(&'static str),
    /// Nobody, and why.
    Nobody(&'static str),
}

pub(crate) const fn checks(
    key: &'static str,
    checks: &'static [&'static str],
    shown_by: &'static [&'static str],
) -> Row {
    Row { key, by: By::Checks(checks, shown_by) }
}

pub(crate) const fn steers(key: &'static str, what: &'static str) -> Row {
    Row { key, by: By::Steers(what) }
}

pub(crate) const fn nobody(key: &'static str, why: &'static str) -> Row {
    Row { key, by: By::Nobody(why) }
}

/// What the configuration of a scenario says and no check proves: each key, and why.
pub(crate) fn unproven(scenario: &Scenario) -> Vec<(&'static str, &'static str)> {
    let Some(config) = &scenario.config else { return vec![] };
    let said: BTreeSet<String> = config.keys.iter().map(|key| key.to_lowercase()).collect();
    let within = |key: &str| {
        let key = key.to_lowercase();
        said.iter().any(|said| said.strip_prefix(&key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    let rows = ZOT.iter().filter_map(|row| match row.by {
        By::Nobody(why) => Some((row.key, why)),
        By::Checks(..) | By::Steers(_) => None,
    });
    rows.filter(|(key, _)| within(key)).collect()
}

/// The same for `plan`.
pub(crate) fn told(scenario: &Scenario) -> String {
    let (Some(config), unproven) = (&scenario.config, unproven(scenario)) else { return String::new() };
    if unproven.is_empty() {
        return String::new();
    }
    let mut text = format!("\nnot proven by any check, though {} says it\n\n", config.file);
    let width = unproven.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    for (key, why) in unproven {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key:<width$}  {why}");
    }
    text
}

/// The page of the documentation.
#[must_use]
pub fn page() -> String {
    let mut text = "# Coverage\n\nWhich check would notice if the live registry did otherwise than a key says. Written from the table in \
                    `src/scenario/coverage/table.rs` by\n`REGPROOF_UPDATE=1 cargo test --lib coverage`. A name behind a check is a weakness of the lab or a \
                    mutant of a real zot. The check was seen to fail\nunder it ([kill matrix](kill-matrix.md)). Without such a name, only the check's own tests show it, or nothing yet.\n"
        .to_owned();
    for (title, rows, about) in [
        ("The scenario", SCENARIO, ""),
        (
            "zot's configuration",
            ZOT,
            "`regproof plan` and every report name the keys of a deployed file that no check proves.\n",
        ),
    ] {
        let count = |wanted: fn(&By) -> bool| rows.iter().filter(|row| wanted(&row.by)).count();
        let _ = write!(
            text,
            "\n## {title}\n\n{} keys: {} are proven by a check, {} control regproof itself, {} are not proven.\n{about}\n\
             | key | noticed by | seen under |\n|---|---|---|\n",
            rows.len(),
            count(|by| matches!(by, By::Checks(..))),
            count(|by| matches!(by, By::Steers(_))),
            count(|by| matches!(by, By::Nobody(_))),
        );
        let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
        for row in rows {
            let (by, shown) = match row.by {
                By::Checks(checks, []) => (list(checks), "–".to_owned()),
                By::Checks(checks, shown) => (list(checks), list(shown)),
                By::Steers(what) => (format!("promises nothing: {what}"), String::new()),
                By::Nobody(why) => (format!("**not proven by any check**: {why}"), String::new()),
            };
            let _ = writeln!(text, "| `{}` | {by} | {shown} |", row.key);
        }
    }
    text
}

#[cfg(test)]
mod tests;
