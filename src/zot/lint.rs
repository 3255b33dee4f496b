//! What an operator would not expect of a configuration: each with its line, what follows, and what to do.
//!
//! A lint speaks only where something follows for somebody; it sends nothing and proves nothing on a live registry.

mod access;
mod clash;
mod deployment;
mod subject;
mod table;

use super::config::Config;
use super::release::Release;
use super::tree::Place;

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
}

/// The lint of that id.
#[must_use]
pub fn info(id: &str) -> Option<&'static LintInfo> {
    LINTS.iter().find(|info| info.id == id)
}

/// All findings, in the file's order. Without a known release, the newest rules apply.
#[must_use]
pub fn lint(config: &Config, release: Option<Release>) -> Vec<LintFinding> {
    let mut findings = Findings(Vec::new());
    access::lint(config, &mut findings);
    deployment::lint(config, release, &mut findings);
    findings.0.sort_by(|one, other| (one.place, one.id).cmp(&(other.place, other.id)));
    findings.0
}

struct Findings(Vec<LintFinding>);

impl Findings {
    fn add(&mut self, id: &'static str, place: Place, consequence: String, remedy: &str) {
        let severity = info(id).expect("a test compares the table with the ids in use").severity;
        self.add_with(id, severity, place, consequence, remedy);
    }

    fn add_with(&mut self, id: &'static str, severity: Severity, place: Place, consequence: String, remedy: &str) {
        self.0.push(LintFinding { id, severity, place, consequence, remedy: remedy.to_owned() });
    }
}

#[cfg(test)]
mod tests;
