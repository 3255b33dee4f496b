//! What the lints find in the deployed configuration, or in `[access]` where there is none, as a check tells it: with place,
//! level and words.
//!
//! Sends nothing, and decides no verdict.

use crate::model::level::{Level, Setting};
use crate::scenario::{Action, Scenario};
use crate::zot::lint;

/// One finding of a lint.
#[derive(Debug)]
pub(crate) struct Trap {
    pub(crate) id: &'static str,
    /// File, line and column.
    pub(crate) place: String,
    /// What follows.
    pub(crate) consequence: String,
    /// What the lint is about, and how bad it is.
    pub(crate) about: String,
    pub(crate) remedy: String,
    pub(crate) level: Level,
}

/// All findings that the scenario has not switched off, the gravest first.
pub(crate) fn of(scenario: &Scenario, release: Option<&str>) -> Vec<Trap> {
    let Some(config) = &scenario.config else { return of_access(scenario) };
    let declared = scenario.registry.release.map(|release| release.0);
    let release = release.and_then(|release| release.parse().ok()).or(declared);
    let mut findings = lint::lint_beside(config, release, &scenario.beside());
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.place));
    let said = findings.into_iter().map(|finding| (scenario.levels.get(finding.id), finding));
    let on = said.filter(|(setting, _)| !matches!(setting, Some(Setting::Off { .. })));
    on.map(|(setting, finding)| Trap {
        id: finding.id,
        place: format!("{}:{}", config.file, finding.place),
        consequence: finding.consequence,
        about: lint::info(finding.id)
            .map_or_else(String::new, |info| format!("{} ({})", info.title, finding.severity.word())),
        remedy: format!("{}{}; `regproof explain {}` tells more", finding.remedy, changes(&finding.fix), finding.id),
        level: setting.and_then(Setting::level).unwrap_or(Level::Advice),
    })
    .collect()
}

/// The changed lines in one line, as the remedy of a check has it.
fn changes(fix: &[String]) -> String {
    match fix {
        [] => String::new(),
        [section, lines @ ..] => format!(" (in {}: {})", section.trim_start_matches("@@ "), lines.join("  ")),
    }
}

const OPEN: &str = "lint::anonymous_may_write";

/// `[access]` that opens the registry to everybody: as it was meant, or as it was found.
fn of_access(scenario: &Scenario) -> Vec<Trap> {
    let setting = scenario.levels.get(OPEN);
    let (Some(access), false) = (&scenario.access, matches!(setting, Some(Setting::Off { .. }))) else { return vec![] };
    let info = lint::info(OPEN);
    let trap = |(place, rights): (String, Vec<Action>)| Trap {
        id: OPEN,
        consequence: format!(
            "every client, without credentials, may {}, by {place}",
            rights.iter().map(|right| right.word()).collect::<Vec<_>>().join(", ")
        ),
        place,
        about: info.map_or_else(String::new, |info| format!("{} ({})", info.title, info.severity.word())),
        remedy: format!(
            "leave only `read` in `anonymous`, and let the registry ask for credentials; `regproof explain {OPEN}` tells more"
        ),
        level: setting.and_then(Setting::level).unwrap_or(Level::Advice),
    };
    access.open().into_iter().map(trap).collect()
}
