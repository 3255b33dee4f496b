//! The plan: which checks run, and for each that does not, why. Computed from the scenario and from what this machine has.
//!
//! Pure but for looking at PATH; no network.

mod canary;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::check::{Check, Effect, Need};
use crate::level::{Level, Setting};
use crate::lock;
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

/// One part of a plan, and how much the whole plan has: what a report must tell so that parts can be joined without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which part.
    #[serde(flatten)]
    pub part: Part,
    /// How many checks all parts have together.
    pub planned: usize,
    /// The most that a check was allowed to send.
    pub effects: Effect,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// A selection that selects nothing proves nothing.
    #[error("no check's id starts with `{0}`; `regproof list` names all")]
    Nothing(String),
}

/// What this machine has.
#[derive(Clone, Debug)]
pub struct Machine {
    folders: Vec<PathBuf>,
    no_browser: bool,
    /// Whether every program is taken for there.
    everything: bool,
    /// Whether a Docker daemon is to be found where Docker's tools look for one.
    engine: bool,
}

/// Where Docker's daemon listens unless `DOCKER_HOST` says otherwise.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

impl Machine {
    /// The machine as PATH shows it.
    #[must_use]
    pub fn here(no_browser: bool) -> Machine {
        let machine = Machine::with_path(&std::env::var_os("PATH").unwrap_or_default(), no_browser);
        let engine = has_engine(std::env::var_os("DOCKER_HOST").as_deref(), Path::new(DOCKER_SOCKET));
        if engine { machine.with_engine() } else { machine }
    }

    /// A machine whose programs are in these folders, written as PATH is, and that has no Docker daemon.
    #[must_use]
    pub fn with_path(path: &OsStr, no_browser: bool) -> Machine {
        Machine { folders: std::env::split_paths(path).collect(), no_browser, everything: false, engine: false }
    }

    /// A machine that lacks nothing, for what does not depend on the machine.
    pub(crate) fn with_everything() -> Machine {
        Machine { folders: vec![], no_browser: false, everything: true, engine: true }
    }

    /// The same machine with a Docker daemon.
    #[must_use]
    pub fn with_engine(mut self) -> Machine {
        self.engine = true;
        self
    }

    /// A program on PATH, or at the path given.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        if self.everything {
            return Some(PathBuf::from(program));
        }
        if program.contains('/') {
            return Some(PathBuf::from(program)).filter(|path| is_program(path));
        }
        self.folders.iter().map(|folder| folder.join(program)).find(|path| is_program(path))
    }
}

fn has_engine(host: Option<&OsStr>, socket: &Path) -> bool {
    host.is_some() || socket.exists()
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
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

/// One part of a plan that several machines share, written `hash:1/4` as nextest has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// Which part, from 1.
    pub index: u64,
    /// How many parts there are.
    pub of: u64,
}

impl Part {
    /// The part of one pod of a Kubernetes Job of completion mode Indexed, which counts from 0. The Job tells its pods their
    /// index; how many there are, its manifest must tell them too.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn of_job(variable: impl Fn(&str) -> Option<String>) -> Result<Part, String> {
        let number = |name: &str| {
            let text = variable(name).ok_or_else(|| format!("`auto` needs ${name}, which is not set"))?;
            text.trim().parse::<u64>().map_err(|_| format!("${name} is not a number: {text}"))
        };
        let (index, of) = (number("JOB_COMPLETION_INDEX")?, number("JOB_COMPLETIONS")?);
        if index >= of {
            return Err(format!("$JOB_COMPLETION_INDEX is {index}, and $JOB_COMPLETIONS is only {of}"));
        }
        Ok(Part { index: index + 1, of })
    }

    pub(crate) fn holds(self, id: &str) -> bool {
        // FNV-1a: the same on every machine and in every version of Rust.
        let hash = id
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash % self.of == self.index - 1
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "hash:{}/{}", self.index, self.of)
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        let numbers = text.strip_prefix("hash:").and_then(|rest| rest.split_once('/'));
        let parsed = numbers.and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((index, of)) if index >= 1 && index <= of => Ok(Part { index, of }),
            _ => Err("write hash:PART/PARTS, as hash:1/4".to_owned()),
        }
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

/// Why a client program cannot be used, if it cannot.
fn no_program(name: &str, scenario: &Scenario, machine: &Machine) -> Option<String> {
    if machine.find(name).is_none() {
        let hint = match name {
            "crane" => "its releases are at https://github.com/google/go-containerregistry".to_owned(),
            "oras" => "its releases are at https://github.com/oras-project/oras".to_owned(),
            "dagger" => "see https://docs.dagger.io/install".to_owned(),
            _ => format!("Debian: apt-get install {name}"),
        };
        return Some(format!("{name} is not on PATH; install it ({hint})"));
    }
    let led_elsewhere = !scenario.registry.resolve.is_empty();
    scenario.without_certificate(name).or_else(|| {
        led_elsewhere.then(|| format!("{name} connects where DNS says, and [registry] resolve says otherwise"))
    })
}

/// Why there is no browser, if there is none.
pub(crate) fn no_browser(scenario: &Scenario, machine: &Machine) -> Option<String> {
    if machine.no_browser {
        return Some("--no-browser".to_owned());
    }
    if scenario.needs_certificate() {
        return Some("the browser is not given the certificate of [registry] client_cert".to_owned());
    }
    let driver = &scenario.browser.webdriver;
    let remote = driver.starts_with("http://") || driver.starts_with("https://");
    if remote {
        let unmapped = || "the remote browser does not know [registry] resolve".to_owned();
        return (!scenario.registry.resolve.is_empty()).then(unmapped);
    }
    if scenario.registry.ca_file.is_some() {
        let how = "name a WebDriver that does in [browser] webdriver";
        return Some(format!("the browser does not trust [registry] ca_file; {how}"));
    }
    if machine.find(driver).is_none() {
        return Some(format!(
            "{driver} is not on PATH; install it (Debian: apt-get install chromium chromium-driver), or name a running \
             WebDriver in [browser] webdriver"
        ));
    }
    let browsers = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    let none = driver.ends_with("chromedriver") && browsers.iter().all(|name| machine.find(name).is_none());
    none.then(|| "there is no browser on PATH; install one (Debian: apt-get install chromium)".to_owned())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
