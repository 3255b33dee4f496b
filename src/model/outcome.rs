//! What checks found: verdict, finding, outcome, run, and the exit status, which is computed here and nowhere else.
//!
//! Pure data. Nothing here talks to a registry, prints, or decides how a report looks.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::model::exchange::Exchange;
use crate::model::level::Level;
use crate::model::partition::Share;

/// JUnit's own four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The promise was proven.
    Pass,
    /// The promise is not applicable or was not asked for; the reason is always given.
    Skip,
    /// Nothing was proven: the network, the machine or regproof itself failed.
    Error,
    /// The registry answered, and the promise does not hold.
    Fail,
}

impl Verdict {
    /// The word as it is printed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Skip => "skip",
            Verdict::Error => "error",
            Verdict::Fail => "fail",
        }
    }
}

/// What a check saw that broke its promise, or that kept it from deciding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What happened, in one line, as `401 to GET /metrics, expected 200`; of a skip, why.
    pub summary: String,
    /// The sentence that should have been true, where it says more than the check's title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub promise: String,
    /// What a good registry answers.
    pub expected: String,
    /// What this one answered.
    pub actual: String,
    /// The likely cause.
    pub cause: String,
    /// The setting to look at, and what to do.
    pub remedy: String,
    /// Which exchange of the transcript shows it.
    pub exchange: Option<usize>,
    /// What `regproof explain` knows it by: a cause, a lint, or the check itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
}

/// What is wrong first: the one thing on which most of what is not proven hangs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// What `regproof explain` knows it by.
    pub code: String,
    /// What is the matter, in one sentence.
    pub summary: String,
    /// What was seen.
    pub actual: String,
    /// Why it may be.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// The check that shows it.
    pub check: String,
    /// Which exchange of that check's transcript shows it.
    pub exchange: Option<usize>,
    /// The checks that are not proven because of it.
    pub hangs: Vec<String>,
}

/// One part of a check that has a separate line in reports, such as one row of the permission matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// What the part is, as in `anonymous: create tag`.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub finding: Option<Finding>,
    /// Whether it was promised.
    #[serde(default)]
    pub level: Level,
}

/// A table that belongs to a check, as the permission matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What the table shows.
    pub title: String,
    /// Names of the columns; the first column names the row.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The text shown.
    pub text: String,
    /// Whether this cell is as promised; nothing for labels and cells not asked.
    pub verdict: Option<Verdict>,
}

/// Something this run left in the registry and could not remove.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leftover {
    /// The check that made it.
    pub check: String,
    /// The repository.
    pub repository: String,
    /// The tag or digest, or the name of what was made.
    pub reference: String,
    /// Why it is still there.
    pub reason: String,
    /// Who else can read it now, if anybody can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readable_by: Option<String>,
}

/// What one check found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The check's id, as in `access::anonymous_can_pull`.
    pub id: String,
    /// The promise, as a sentence.
    pub title: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Whether it was promised: advice that does not hold is a warning.
    #[serde(default)]
    pub level: Level,
    /// Why, unless it passed; the summary alone for a skip.
    pub finding: Option<Finding>,
    /// How much was proven, in one line, as `119 of 168 proven, 24 without such a tag`. Shown beside the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<String>,
    /// The waiver's reason, where a waiver turned a Fail into a Skip.
    pub waived: Option<String>,
    /// Parts with separate verdicts.
    pub cases: Vec<Case>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Facts worth reading although nothing failed.
    pub notes: Vec<String>,
    /// What stayed behind.
    pub leftovers: Vec<Leftover>,
    /// Every exchange, already redacted.
    pub transcript: Vec<Exchange>,
    /// Pictures of the browser, as PNG, named by the step that made them.
    #[serde(skip)]
    pub screenshots: Vec<Screenshot>,
    /// Numbers for machines, as days left on a key.
    pub measures: Vec<Measure>,
    /// What was answered to which question, to be compared with other days; not in reports.
    #[serde(skip)]
    pub told: Vec<Told>,
    /// When the check began.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// How long it took, in seconds.
    #[serde(with = "seconds", rename = "seconds")]
    pub duration: Duration,
}

/// One picture of the browser.
#[derive(Clone, Debug)]
pub struct Screenshot {
    /// The step it belongs to.
    pub name: String,
    /// The PNG.
    pub png: Vec<u8>,
}

/// One number for machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// A Prometheus name without the `regproof_` prefix, with its unit at the end.
    pub name: Cow<'static, str>,
    /// The value of the label `of`, as an identity's name.
    pub of: String,
    /// The value.
    pub value: f64,
}

/// What the registry answered to one question, in words that are the same each time: no times, no random names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// The question, as `anonymous GET /metrics`.
    pub question: String,
    /// The answer, as `200`. A question that was not decided is not here.
    pub answer: String,
}

/// What the registry says it is. A claim, not a proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The product, as `zot`, where its answers show it.
    pub product: Option<String>,
    /// The release it claims, as `v2.1.20`.
    pub release: Option<String>,
    /// How it was recognised.
    pub evidence: Vec<String>,
}

/// All outcomes of one scenario, in plan order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Version of this format.
    pub schema: u32,
    /// Version of regproof.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The registry's URL.
    pub target: String,
    /// What the registry says it is.
    pub registry: Fingerprint,
    /// When the run began.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// How long it took, in seconds.
    #[serde(with = "seconds", rename = "seconds")]
    pub duration: Duration,
    /// Which part of a plan this is, where several machines shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Share>,
    /// Why the run ended before its plan did, if it did.
    pub interrupted: Option<String>,
    /// What is wrong first, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// All outcomes, in plan order.
    pub outcomes: Vec<Outcome>,
}

/// How many of each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Proven.
    pub pass: usize,
    /// Broken promises.
    pub fail: usize,
    /// Advice that does not hold.
    pub warn: usize,
    /// Not proven.
    pub error: usize,
    /// Not asked.
    pub skip: usize,
}

/// The exit status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything that ran passed, and something ran.
    Proven = 0,
    /// At least one Fail.
    Broken = 1,
    /// No Fail, but at least one Error: not proven.
    NotProven = 2,
    /// Bad usage or scenario; nothing was sent.
    Usage = 3,
    /// Nothing to run.
    Nothing = 4,
}

impl ExitStatus {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl Run {
    /// How many of each verdict.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for outcome in &self.outcomes {
            match outcome.verdict {
                Verdict::Pass => summary.pass += 1,
                Verdict::Fail if outcome.warns() => summary.warn += 1,
                Verdict::Fail => summary.fail += 1,
                Verdict::Error => summary.error += 1,
                Verdict::Skip => summary.skip += 1,
            }
        }
        summary
    }

    /// The exit status; with `no_skips`, a skipped check counts as not proven. A warning does not count.
    #[must_use]
    pub fn exit_status(&self, no_skips: bool) -> ExitStatus {
        let summary = self.summary();
        if summary.fail > 0 {
            ExitStatus::Broken
        } else if summary.error > 0 || self.interrupted.is_some() || (no_skips && summary.skip > 0) {
            ExitStatus::NotProven
        } else if summary.pass + summary.warn == 0 {
            ExitStatus::Nothing
        } else {
            ExitStatus::Proven
        }
    }
}

/// Times as JSON has them.
mod seconds {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
