//! What a check is: an id, a text, needs, an effect, and a function. All that a check file imports comes through `prelude`.
//!
//! Knows no particular check and no particular registry.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::context::Cx;
use crate::outcome::{Finding, Verdict};
use crate::wire::{TOKEN_CAUSE, TOKEN_REMEDY, TokensOnly};

/// All that a check file imports.
pub(crate) mod prelude {
    pub(crate) use super::{Effect, Failure, Meta, Need, Proof, Why, graver};
    pub(crate) use crate::clearance::Unasked;
    pub(crate) use crate::clients::{self, Pushed, Shop};
    pub(crate) use crate::context::Cx;
    pub(crate) use crate::guard::{KeyUse, NOT_A_KEY, OracleShape};
    pub(crate) use crate::image::{BLOB_TYPE, DOCKER_TYPE, INDEX_TYPE, Image, Index, MANIFEST_TYPE, digest_of};
    pub(crate) use crate::level::Level;
    pub(crate) use crate::persona::{self, PERSONAS, Pull};
    pub(crate) use crate::probe::{self, Bad, Expect, Impact, Principal, Probe, Severity, Shape};
    pub(crate) use crate::report::text::count;
    pub(crate) use crate::scenario::load::is_loopback;
    pub(crate) use crate::scenario::secrets::Secret;
    pub(crate) use crate::scenario::{Action, Reception, UpstreamAsked};
    pub(crate) use crate::visit::{Fetched, LoginPage, Visit};
    pub(crate) use crate::wire::{Answer, Client, Credential, MANIFEST_LIMIT, Origin, is_registry_error};
    pub(crate) use crate::{
        apikeys, cached, coverage, diagnosis, discovery, listing, lock, matrix, meanwhile, metrics, oci, oracle,
        presence, transfer, traps, vantage,
    };
}

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

/// What a check may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// GET and HEAD.
    ReadOnly,
    /// Besides, requests that are valid for authorization and invalid for the handler: nothing is stored.
    Oracle,
    /// Besides, tiny images in the scratch repository.
    Writes,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::ReadOnly => "read-only",
            Effect::Oracle => "oracle",
            Effect::Writes => "writes",
        })
    }
}

impl std::str::FromStr for Effect {
    type Err = String;

    fn from_str(text: &str) -> Result<Effect, String> {
        match text {
            "read-only" => Ok(Effect::ReadOnly),
            "oracle" => Ok(Effect::Oracle),
            "writes" => Ok(Effect::Writes),
            _ => Err("one of read-only, oracle, writes".to_owned()),
        }
    }
}

/// What a check requires of a scenario or of this machine; where it is missing, the check is skipped with that reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `[repositories] scratch`.
    Scratch,
    /// A name in `[repositories] public`.
    PublicRepository,
    /// Somebody who may read each public repository, where rights are promised at all.
    PublicReader,
    /// A name in `[repositories] private`.
    PrivateRepository,
    /// `[repositories] private_scratch`, with an identity that may create there.
    PrivateScratch,
    /// `[access]` or a zot configuration lets anonymous clients read.
    AnonymousReads,
    /// `[access]` or a zot configuration keeps anonymous clients from creating.
    AnonymousCannotCreate,
    /// An identity.
    AnyIdentity,
    /// A repository of the scenario that an identity may read, and anonymous clients may not.
    BehindLogin,
    /// An identity whose secret is an API key of zot.
    ApiKey,
    /// `[keys] lifecycle = true`.
    KeyLifecycle,
    /// An identity that may create in the scratch repository.
    Writer,
    /// An identity that may create in the first public repository, where probes ask.
    PublicWriter,
    /// Somebody who may read the scratch repository, and may be kept out of the private one.
    ForeignReader,
    /// An identity that may move a tag of the scratch repository, or delete it.
    Mover,
    /// An identity that may create, but neither update nor delete.
    Creator,
    /// `regproof.lock`, or a zot configuration, which should have one beside it.
    LockOrConfig,
    /// `[registry] backend`.
    Backend,
    /// `[metrics] anonymous = true`.
    OpenMetrics,
    /// `[metrics] anonymous = false`.
    ClosedMetrics,
    /// `[oidc]`.
    Oidc,
    /// `[oidc] login`.
    Login,
    /// An https address in `[registry]`.
    Https,
    /// A `[[cache]]`.
    CachedImage,
    /// `[[cache]] upstream_asked`.
    UpstreamAsked,
    /// `[[cache]] cold`.
    ColdImage,
    /// `[tags]`.
    TagPattern,
    /// `[registry] zot_config`, or `[access]` that lets anonymous clients write: something that lints speak of.
    Linted,
    /// `[registry] zot_config` or `[access]`, so that rights are promised at all.
    Policy,
    /// A WebDriver and a browser.
    Browser,
    /// A client program on PATH.
    Program(&'static str),
    /// A Docker daemon.
    Engine,
    /// `[probes] large_body` that is not `false`.
    LargeBody,
    /// `[probes] slow_upload`, and a deadline that leaves time for it.
    SlowUpload,
    /// `[probes] dagger = true`.
    Dagger,
    /// `[content] docker_media_type`.
    DockerMediaTypePromise,
    /// `[content] docker_media_type = "accepted"`.
    DockerMediaType,
}

/// What a check file says of itself besides its text.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// What it requires.
    pub needs: &'static [Need],
    /// What it may send.
    pub effect: Effect,
    /// How long it usually takes; long ones start first, so that a run is as short as its longest check.
    pub usual: Duration,
}

type RunFn = for<'a> fn(&'a Cx) -> Pin<Box<dyn Future<Output = Proof> + Send + 'a>>;

/// One check.
#[derive(Clone, Copy)]
pub struct Check {
    /// Its path under `checks/`, as `access::anonymous_can_pull`.
    pub id: &'static str,
    /// Its file, relative to the project.
    pub file: &'static str,
    /// The file's text, whose `//!` lines `explain` prints.
    pub(crate) source: &'static str,
    /// What it says of itself.
    pub meta: Meta,
    pub(crate) run: RunFn,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({})", self.id)
    }
}

impl Check {
    pub(crate) const fn new(
        id: &'static str,
        file: &'static str,
        source: &'static str,
        meta: Meta,
        run: RunFn,
    ) -> Check {
        Check { id, file, source, meta, run }
    }

    /// The promise, as a sentence: the first paragraph of the check's text.
    #[must_use]
    pub fn title(&self) -> String {
        self.doc().split("\n\n").next().unwrap_or_default().replace('\n', " ").trim_end_matches('.').to_owned()
    }

    /// The check's text, as `explain` prints it.
    #[must_use]
    pub fn doc(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        lines.join("\n")
    }
}

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

    #[test]
    fn an_effect_is_read_as_it_is_written() {
        for (effect, text) in [(Effect::ReadOnly, "read-only"), (Effect::Oracle, "oracle"), (Effect::Writes, "writes")]
        {
            assert_eq!(effect.to_string(), text);
            assert_eq!(text.parse(), Ok(effect));
        }
        assert!("write".parse::<Effect>().is_err());
    }

    #[test]
    fn a_check_is_explained_by_the_text_that_its_file_opens_with() {
        let meta = Meta { needs: &[], effect: Effect::ReadOnly, usual: Duration::ZERO };
        let source = "//! The door\n//! is closed.\n//!\n//! Why: a reason.\nuse x;\n//! not this\n";
        let check = Check::new("area::promise", "checks/area/promise.rs", source, meta, |_| Box::pin(async { Ok(()) }));
        assert_eq!(check.title(), "The door is closed");
        assert_eq!(check.doc(), "The door\nis closed.\n\nWhy: a reason.");
    }
}
