//! How a verdict is shown: advice that does not hold is a warning.

use super::level::Level;
use super::outcome::{Case, Outcome, Verdict};

/// How a verdict is shown: JUnit's four words, and a warning where advice does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Pass,
    Skip,
    Warn,
    Error,
    Fail,
}

impl Shown {
    pub(crate) fn of(verdict: Verdict, level: Level) -> Shown {
        match (verdict, level) {
            (Verdict::Fail, Level::Advice) => Shown::Warn,
            (verdict, _) => verdict.into(),
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Shown::Pass => "pass",
            Shown::Skip => "skip",
            Shown::Warn => "warn",
            Shown::Error => "error",
            Shown::Fail => "fail",
        }
    }
}

impl From<Verdict> for Shown {
    fn from(verdict: Verdict) -> Shown {
        match verdict {
            Verdict::Pass => Shown::Pass,
            Verdict::Skip => Shown::Skip,
            Verdict::Error => Shown::Error,
            Verdict::Fail => Shown::Fail,
        }
    }
}

impl Outcome {
    /// How it is shown.
    pub(crate) fn shown(&self) -> Shown {
        Shown::of(self.verdict, self.level)
    }

    /// Whether it is advice that does not hold: a warning, which does not count for the exit status.
    #[must_use]
    pub fn warns(&self) -> bool {
        self.shown() == Shown::Warn
    }
}

impl Case {
    /// How it is shown.
    pub(crate) fn shown(&self) -> Shown {
        Shown::of(self.verdict, self.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_advice_that_does_not_hold_is_shown_as_a_warning() {
        for (verdict, level, word) in [
            (Verdict::Fail, Level::Advice, "warn"),
            (Verdict::Fail, Level::Promise, "fail"),
            (Verdict::Error, Level::Advice, "error"),
            (Verdict::Pass, Level::Advice, "pass"),
            (Verdict::Skip, Level::Promise, "skip"),
        ] {
            assert_eq!(Shown::of(verdict, level).word(), word);
        }
    }
}
