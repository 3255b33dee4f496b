//! The plan: which checks run, and for each that does not, why. Computed from the scenario and from what this machine has.
//!
//! Pure but for looking at PATH; no network.

mod canary;

use std::time::Duration;

use crate::check::Check;
use crate::check::machine::{DOCKER_SOCKET, Machine, no_browser, no_program};
use crate::model::effect::{Effect, Need};
use crate::model::level::{Level, Setting};
use crate::model::partition::{Part, Share};
use crate::scenario::lock;
use crate::scenario::{Action, LargeBody, Reception, Scenario, Waive};

/// A check, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The check.
    pub check: &'static Check,
    /// Why it is skipped, if it is.
    pub skip: Option<String>,
    /// The waiver that covers it.
    pub waived: Option<Waive>,
    /// What the scenario says of its level; nothing where the check says it.
    pub level: Option<Level>,
    /// Whether it runs when all others have ended.
    pub last: bool,
}

/// All selected checks of one scenario, by id.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// Which part of a larger plan this is, if it is one.
    pub share: Option<Share>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// A selection that selects nothing proves nothing.
    #[error("no check's id starts with `{0}`; `regproof list` names all")]
    Nothing(String),
}

impl Plan {
    /// Decides for each selected check; no selection means all.
    pub fn new(
        checks: &'static [Check],
        scenario: &Scenario,
        machine: &Machine,
        effects: Effect,
        only: &[String],
    ) -> Result<Plan, PlanError> {
        if let Some(prefix) = only.iter().find(|prefix| !checks.iter().any(|c| c.id.starts_with(prefix.as_str()))) {
            return Err(PlanError::Nothing(prefix.clone()));
        }
        let selected =
            |check: &&'static Check| only.is_empty() || only.iter().any(|prefix| check.id.starts_with(prefix.as_str()));
        let step = |check: &'static Check| {
            let unmet = check.meta.needs.iter().find_map(|need| missing(*need, scenario, machine));
            let skip = unmet.or_else(|| {
                let more = check.meta.effect > effects;
                more.then(|| format!("it needs `--effects {}`, this run is allowed `{effects}`", check.meta.effect))
            });
            let waived = scenario.waive.iter().find(|waiver| waiver.check == check.id).cloned();
            let setting = scenario.levels.get(check.id);
            let off = setting.and_then(|setting| match setting {
                Setting::Off { reason } => Some(format!("off in [levels]: {reason}")),
                Setting::Fail | Setting::Warn => None,
            });
            Step { check, skip: off.or(skip), waived, level: setting.and_then(Setting::level), last: false }
        };
        Ok(Plan { steps: checks.iter().filter(selected).map(step).collect(), share: None })
    }

    /// The plan narrowed to one part of several; every check is in exactly one part.
    #[must_use]
    pub fn part(mut self, part: Part, effects: Effect) -> Plan {
        self.share = Some(Share { part, planned: self.steps.len(), effects });
        self.steps.retain(|step| part.holds(step.check.id));
        self
    }

    /// The same plan, in which advice counts as a promise.
    #[must_use]
    pub fn strict(mut self) -> Plan {
        for step in &mut self.steps {
            step.level = Some(Level::Promise);
        }
        self
    }

    /// How many checks will run.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.steps.iter().filter(|step| step.skip.is_none()).count()
    }
}

/// What a check with a slow upload needs besides.
const SLACK: Duration = Duration::from_secs(15);

/// Why a need is not met, in words that say what to add.
fn missing(need: Need, scenario: &Scenario, machine: &Machine) -> Option<String> {
    let promised = |missing: bool, text: &str| missing.then(|| format!("not promised: {text}"));
    let anonymous = scenario.promised(None);
    let by = scenario.config.as_ref().map_or("[access]", |config| config.file.as_str());
    match need {
        Need::Scratch => promised(scenario.repositories.scratch.is_none(), "[repositories] scratch is not set"),
        Need::PublicRepository => promised(scenario.repositories.public.is_empty(), "[repositories] public is empty"),
        Need::PublicReader => {
            let kept = |name: &&String| {
                let may = |who| scenario.promise(who, name, Action::Read) != Some(false);
                scenario.has_policy() && !may(None) && !scenario.identities.keys().any(|who| may(Some(who.as_str())))
            };
            let closed = scenario.repositories.public.iter().find(kept);
            closed.and_then(|name| promised(true, &format!("{by} lets no client of the scenario read {name}")))
        }
        Need::PrivateRepository => {
            promised(scenario.repositories.private.is_empty(), "[repositories] private is empty")
        }
        Need::PrivateScratch => canary::no_private_scratch(scenario, by),
        Need::Policy => promised(!scenario.has_policy(), "there is neither [access] nor registry.zot_config"),
        Need::AnonymousReads => {
            let closed = |name: &&String| scenario.promise(None, name, Action::Read) != Some(true);
            match scenario.repositories.public.iter().find(closed) {
                Some(name) => promised(true, &format!("{by} does not let anonymous clients read {name}")),
                // Whether anonymous clients may read the scratch repository too does not matter for checks of public ones.
                None if !scenario.repositories.public.is_empty() => None,
                None => {
                    promised(!anonymous.contains(&Action::Read), &format!("{by} does not let anonymous clients read"))
                }
            }
        }
        Need::AnonymousCannotCreate => {
            let scratch = scenario.repositories.scratch.as_deref().unwrap_or_default();
            promised(
                scenario.promise(None, scratch, Action::Create) != Some(false),
                &format!("{by} does not refuse anonymous clients the right to create"),
            )
        }
        Need::PublicWriter => {
            let name = scenario.repositories.public.first();
            let none = name.is_some_and(|name| scenario.one_who_may(Action::Create, name).is_none());
            promised(none, &format!("{by} lets no identity create in {}", name.map_or("", String::as_str)))
        }
        Need::ForeignReader => canary::no_foreign_reader(scenario, by),
        Need::BehindLogin => promised(
            scenario.behind_a_login().is_none(),
            &format!(
                "{by} has no repository of [repositories] that only users may read; elsewhere a pull does not show \
                 whether the login was sent"
            ),
        ),
        Need::AnyIdentity => promised(scenario.identities.is_empty(), "there is no [identities.…]"),
        Need::ApiKey => {
            let none = !scenario.identities.values().any(|identity| identity.api_key);
            promised(none, "no identity's secret is an API key of zot (zak_…)")
        }
        Need::KeyLifecycle => {
            promised(!scenario.keys.lifecycle, "[keys] lifecycle = true is not set; it mints a key and revokes it")
        }
        Need::Writer => promised(
            scenario.writer().is_none(),
            &certain("no identity may create, and without one a refusal looks like a broken registry", scenario),
        ),
        Need::Mover => canary::no_mover(scenario, by),
        Need::Creator => promised(
            scenario.creator().is_none(),
            &certain("no identity may create without update and delete", scenario),
        ),
        Need::Linted => promised(
            scenario.config.is_none() && scenario.access.as_ref().is_none_or(|access| access.open().is_empty()),
            "[registry] zot_config is not set",
        ),
        Need::LockOrConfig => lock::not_needed(scenario),
        Need::Backend => promised(scenario.registry.backend.is_none(), "[registry] backend is not set"),
        Need::OpenMetrics => {
            promised(scenario.metrics.as_ref().is_none_or(|m| !m.anonymous), "[metrics] anonymous = true is not set")
        }
        Need::ClosedMetrics => canary::no_closed_metrics(scenario),
        Need::Oidc => promised(scenario.oidc.is_none(), "there is no [oidc]"),
        Need::Login => promised(scenario.oidc.as_ref().is_none_or(|o| o.login.is_none()), "[oidc] has no login"),
        Need::Https => {
            let mut urls = std::iter::once(&scenario.registry.url).chain(&scenario.registry.backend);
            promised(urls.all(|url| url.scheme() != "https"), "no address of the registry is https")
        }
        Need::CachedImage => promised(scenario.cache.is_empty(), "there is no [[cache]]"),
        Need::UpstreamAsked => promised(
            scenario.cache.iter().all(|cache| cache.upstream_asked.is_none()),
            "no [[cache]] has `upstream_asked`",
        ),
        Need::ColdImage => {
            promised(scenario.cache.iter().all(|cache| cache.cold.is_none()), "no [[cache]] has a `cold` image")
        }
        Need::Mirror => promised(scenario.mirror.is_empty(), "there is no [[mirror]]"),
        Need::MirrorAndConfig => match (scenario.mirror.is_empty(), scenario.config.is_none()) {
            (true, _) => promised(true, "there is no [[mirror]]"),
            (false, config) => {
                promised(config, "registry.zot_config is not set; it says what becomes of a client's request")
            }
        },
        Need::TagPattern => promised(scenario.tags.is_none(), "there is no [tags]"),
        Need::Browser => no_browser(scenario, machine),
        Need::Program(name) => no_program(name, scenario, machine),
        Need::Engine => (!machine.engine)
            .then(|| format!("there is no Docker daemon: neither {DOCKER_SOCKET} nor $DOCKER_HOST is there")),
        Need::DockerMediaTypePromise => {
            promised(scenario.content.docker_media_type.is_none(), "[content] docker_media_type is not set")
        }
        Need::DockerMediaType => promised(
            scenario.content.docker_media_type != Some(Reception::Accepted),
            "[content] docker_media_type = \"accepted\" is not set",
        ),
        Need::LargeBody => promised(scenario.probes.large_body == LargeBody::None, "[probes] large_body = false"),
        Need::SlowUpload => match &scenario.probes.slow_upload {
            None => promised(true, "[probes] slow_upload is not set"),
            Some(period) => (period.0 + SLACK > scenario.limits.deadline.0)
                .then(|| "[limits] deadline must be 15 seconds longer than [probes] slow_upload".to_owned()),
        },
        Need::Dagger => promised(!scenario.probes.dagger, "[probes] dagger = true is not set; it starts an engine"),
    }
}

/// That nobody may push, with what it depends on where it is not certain.
fn certain(nobody: &str, scenario: &Scenario) -> String {
    let doubt = scenario.uncertain_writer().map(|doubt| format!("; {doubt}"));
    format!("{nobody}{}", doubt.unwrap_or_default())
}

#[cfg(test)]
mod tests;
