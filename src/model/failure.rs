//! Why a check did not prove its promise: a Fail or an Error, with its finding.
//!
//! `?` makes an Error. Only the `expect_*` functions and [`Why`] make a Fail.

use std::fmt;

use super::outcome::{Finding, Verdict};

pub(crate) type Proof = Result<(), Failure>;

/// The graver of two proofs, and the first of two that are alike: a check of many cases is as good as its worst.
pub(crate) fn graver(first: Proof, second: Proof) -> Proof {
    match (&first, &second) {
        (Ok(()), _) | (Err(Failure::Error(..)), Err(Failure::Fail(_))) => second,
        _ => first,
    }
}

/// Why a check did not prove its promise.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The registry answered, and the promise does not hold. Only `expect_*` helpers and `Why` make one.
    Fail(Box<Finding>),
    /// Nothing was proven. `?` on any other error makes one, so that a fault of the network can never become a refusal.
    Error(anyhow::Error, Option<Box<Finding>>),
}

impl Failure {
    /// The finding of a Fail, or one made of the cause chain of an Error.
    pub(crate) fn finding(&self) -> Finding {
        match self {
            Failure::Fail(finding) | Failure::Error(_, Some(finding)) => (**finding).clone(),
            Failure::Error(error, None) => {
                let actual = format!("{error:#}");
                Finding { summary: actual.clone(), actual, ..Finding::default() }
            }
        }
    }

    /// What failed was a step that only prepares the proof: nothing is proven, nothing is refuted.
    pub(crate) fn into_control(self) -> Failure {
        match self {
            Failure::Fail(finding) => {
                let text = format!("a step before the proof failed: {}", finding.summary);
                Failure::Error(anyhow::anyhow!(text), Some(finding))
            }
            error @ Failure::Error(..) => error,
        }
    }
}

/// The verdict of a proof, and the finding of one that is none.
pub(crate) fn verdict_of(proof: &Proof) -> (Verdict, Option<Finding>) {
    match proof {
        Ok(()) => (Verdict::Pass, None),
        Err(failure @ Failure::Fail(_)) => (Verdict::Fail, Some(failure.finding())),
        Err(failure @ Failure::Error(..)) => (Verdict::Error, Some(failure.finding())),
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        let error = error.into();
        let tokens = error.downcast_ref::<TokensOnly>().map(|tokens| {
            let claim = "the registry can be asked with credentials";
            let why = Why { claim, cause: TOKEN_CAUSE, remedy: TOKEN_REMEDY };
            Box::new(why.finding(&"an answer without a token", tokens, None))
        });
        Failure::Error(error, tokens)
    }
}

/// What happened, in one line: what came, and what was expected.
///
/// Cuts long texts, so secrets have to be taken out before: a redactor does not know a half of one.
pub(crate) fn happened(expected: &str, actual: &str) -> String {
    match (short(actual), short(expected)) {
        (actual, expected) if expected.is_empty() => actual,
        (actual, expected) if actual.is_empty() => format!("not {expected}"),
        (actual, expected) => format!("{actual}, expected {expected}"),
    }
}

/// The first line of a text, of at most `HEADLINE` characters, ended after a word.
fn short(text: &str) -> String {
    const HEADLINE: usize = 120;
    let line = text.trim().lines().next().unwrap_or_default();
    let Some((most, _)) = line.char_indices().nth(HEADLINE) else { return line.to_owned() };
    let end = line[..most].rfind(' ').unwrap_or(most);
    format!("{}…", line[..end].trim_end_matches([',', ';', ':']))
}

/// What should have been true, why it may not be, and what to do: the parts of a finding that a check knows beforehand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Why<'a> {
    /// The sentence that should have been true.
    pub(crate) claim: &'a str,
    /// The likely cause if it is not.
    pub(crate) cause: &'a str,
    /// The setting to look at, and what to do.
    pub(crate) remedy: &'a str,
}

impl Why<'_> {
    /// The promise is broken.
    pub(crate) fn fail(
        &self,
        expected: impl fmt::Display,
        actual: impl fmt::Display,
        exchange: impl Into<Option<usize>>,
    ) -> Failure {
        Failure::Fail(Box::new(self.finding(&expected, &actual, exchange.into())))
    }

    /// Nothing was proven: what came can't be held against the registry.
    pub(crate) fn undecided(
        &self,
        expected: impl fmt::Display,
        actual: impl fmt::Display,
        exchange: impl Into<Option<usize>>,
    ) -> Failure {
        let finding = self.finding(&expected, &actual, exchange.into());
        Failure::Error(anyhow::anyhow!("{}", finding.actual), Some(Box::new(finding)))
    }

    fn finding(&self, expected: &dyn fmt::Display, actual: &dyn fmt::Display, exchange: Option<usize>) -> Finding {
        let (expected, actual) = (expected.to_string(), actual.to_string());
        // Where nothing else was expected than the claim's opposite, the claim says what is the matter.
        let (summary, promise) = match expected.as_str() {
            "" => (self.claim.to_owned(), String::new()),
            _ => (format!("{actual}, expected {expected}"), self.claim.to_owned()),
        };
        Finding {
            summary,
            promise,
            expected,
            actual,
            cause: self.cause.to_owned(),
            remedy: self.remedy.to_owned(),
            exchange,
            code: String::new(),
        }
    }
}

pub(crate) const TOKEN_CAUSE: &str = "the registry uses token authentication: it tells each client to fetch a token, and only its \
     answer to the token shows the rights";

pub(crate) const TOKEN_REMEDY: &str =
    "the registry needs no change: this version of regproof cannot prove rights that tokens carry";

/// No credentials are sent: the registry wants a token of this server.
#[derive(Debug, thiserror::Error)]
#[error("the registry asks for tokens of {0}, which this version does not fetch; no credentials were sent to it")]
pub(crate) struct TokensOnly(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: Why<'static> = Why { claim: "a claim", cause: "a cause", remedy: "a remedy" };

    fn word(proof: &Proof) -> &'static str {
        match proof {
            Ok(()) => "pass",
            Err(Failure::Error(..)) => "error",
            Err(Failure::Fail(_)) => "fail",
        }
    }

    #[test]
    fn the_graver_of_two_proofs_is_kept_and_the_first_of_two_alike() {
        let proof = |word: &str, actual: &str| match word {
            "pass" => Ok(()),
            "error" => Err(WHY.undecided("expected", actual, None)),
            _ => Err(WHY.fail("expected", actual, None)),
        };
        for (first, second, kept) in [
            ("pass", "pass", "pass"),
            ("pass", "error", "error"),
            ("pass", "fail", "fail"),
            ("error", "pass", "error"),
            ("error", "fail", "fail"),
            ("fail", "pass", "fail"),
            ("fail", "error", "fail"),
        ] {
            assert_eq!(word(&graver(proof(first, "1"), proof(second, "2"))), kept, "{first}, {second}");
        }
        let Err(Failure::Fail(finding)) = graver(proof("fail", "1"), proof("fail", "2")) else { panic!("no fail") };
        assert_eq!(finding.actual, "1");
        let Err(Failure::Error(error, _)) = graver(proof("error", "1"), proof("error", "2")) else { panic!() };
        assert_eq!(error.to_string(), "1");
    }

    #[test]
    fn a_finding_says_all_that_is_known_and_a_failed_control_decides_nothing() {
        let expected = Finding {
            summary: "404, expected 200".to_owned(),
            promise: "a claim".to_owned(),
            expected: "200".to_owned(),
            actual: "404".to_owned(),
            cause: "a cause".to_owned(),
            remedy: "a remedy".to_owned(),
            exchange: Some(3),
            code: String::new(),
        };
        let Failure::Fail(finding) = WHY.fail(200, 404, 3) else { panic!("no fail") };
        assert_eq!(*finding, expected);
        let Failure::Error(error, Some(finding)) = WHY.undecided(200, 404, 3) else { panic!("no error") };
        assert_eq!((error.to_string().as_str(), &*finding), ("404", &expected));
        let Failure::Error(error, Some(finding)) = WHY.fail(200, 404, 3).into_control() else { panic!("no error") };
        assert_eq!(error.to_string(), "a step before the proof failed: 404, expected 200");
        assert_eq!(*finding, expected);
        let Failure::Error(error, None) = Failure::from(anyhow::anyhow!("reset")).into_control() else {
            panic!("decided")
        };
        assert_eq!(error.to_string(), "reset");
    }
}
