//! What an operator would not expect of a configuration: each with its line, what follows, and what to do.
//!
//! A lint speaks only where something follows for somebody; it sends nothing and proves nothing on a live registry.

mod access;
mod clash;
mod deployment;
mod fix;
mod groups;
mod keys;
mod open;
mod retention;
mod subject;
mod sync;
mod table;

use super::config::Config;
use super::release::Release;
use super::schema::NEWEST;
use super::tree::Place;
use crate::zot::format::Format;
use fix::Change;

pub use table::LINTS;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Low,
    /// Something does not work for somebody, or works for too many.
    Medium,
    /// The configuration does not do what it says.
    High,
}

/// What a lint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LintInfo {
    /// Its id, such as `lint::empty_user`.
    pub id: &'static str,
    /// How bad it usually is.
    pub severity: Severity,
    /// In one line.
    pub title: &'static str,
    /// In full, for `explain`.
    pub explain: &'static str,
}

/// One thing that a lint found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintFinding {
    /// The lint.
    pub id: &'static str,
    /// How bad it is here.
    pub severity: Severity,
    /// Where in the configuration.
    pub place: Place,
    /// What follows.
    pub consequence: String,
    /// What to do.
    pub remedy: String,
    /// The same as changed lines, where it can be told: a line with `@@` and the section, then lines with `-` and `+`.
    pub fix: Vec<String>,
}

/// The lint of that id.
#[must_use]
pub fn info(id: &str) -> Option<&'static LintInfo> {
    LINTS.iter().find(|info| info.id == id)
}

/// What the scenario says beside the configuration, as far as lints compare the two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beside {
    /// The repositories of the operator's own.
    pub repositories: Vec<String>,
    /// Each identity that logs in, with a group that it is said to be in.
    pub groups: Vec<(String, String)>,
    /// Repositories whose tags are promised, with the tag where it is one.
    pub tags: Vec<(String, Option<String>)>,
}

/// Lints of what zot does only from a certain release on. Where the release is not known, they are silent.
const DATED: [(&str, Release); 2] = [
    ("lint::default_timeouts", deployment::TIMEOUTS_AND_CONDITIONS),
    ("lint::docker_must_log_in", super::policy::DOCKER_MUST_LOG_IN),
];

/// The lints that would speak on the newest release, and are silent since the release is not known; with the first that they hold for.
#[must_use]
pub fn held_back(config: &Config) -> Vec<(&'static str, Release)> {
    let mut findings = Findings { list: Vec::new(), format: config.format };
    deployment::lint(config, Some(NEWEST), &mut findings);
    DATED.into_iter().filter(|(id, _)| findings.list.iter().any(|finding| finding.id == *id)).collect()
}

/// All findings, in the file's order. Without a known release, the newest rules apply.
#[must_use]
pub fn lint(config: &Config, release: Option<Release>) -> Vec<LintFinding> {
    lint_beside(config, release, &Beside::default())
}

/// The same, with what the scenario says.
#[must_use]
pub fn lint_beside(config: &Config, release: Option<Release>, beside: &Beside) -> Vec<LintFinding> {
    let mut findings = Findings { list: Vec::new(), format: config.format };
    open::lint(config, &mut findings);
    access::lint(config, &mut findings);
    groups::lint(config, beside, &mut findings);
    sync::lint(config, beside, &mut findings);
    retention::lint(config, beside, &mut findings);
    keys::lint(config, release, &mut findings);
    deployment::lint(config, release, &mut findings);
    findings.list.sort_by(|one, other| (one.place, one.id).cmp(&(other.place, other.id)));
    findings.list
}

struct Findings {
    list: Vec<LintFinding>,
    format: Format,
}

impl Severity {
    /// The word as it is printed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        }
    }
}

impl Findings {
    fn add(&mut self, id: &'static str, place: Place, consequence: String, remedy: &str) {
        let severity = info(id).expect("a test compares the table with the ids in use").severity;
        self.add_with(id, severity, place, consequence, remedy);
    }

    fn add_with(&mut self, id: &'static str, severity: Severity, place: Place, consequence: String, remedy: &str) {
        let remedy = remedy.to_owned();
        self.list.push(LintFinding { id, severity, place, consequence, remedy, fix: Vec::new() });
    }

    /// Shows the last finding's remedy as a change of one key in a section.
    fn fix(&mut self, section: &str, changes: &[Change<'_>]) {
        let lines = fix::lines(self.format, section, changes);
        if let Some(finding) = self.list.last_mut() {
            finding.fix = lines;
        }
    }
}

#[cfg(test)]
mod tests;
