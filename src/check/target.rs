//! One scenario made ready to run: secrets resolved, certificates read, addresses parsed. Shared by all checks of a run.
//!
//! Sends nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::base::redact::Redactor;
use crate::check::facts::Facts;
use crate::check::machine::Machine;
use crate::http::{Challenges, ClientCertificate, Credential, Origin, Pace, Route, Shell, Wrong};
use crate::model::effect::Effect;
use crate::model::snapshot::{Against, Snapshot};
use crate::scenario::Scenario;
use crate::scenario::loaded::{Loaded, ScenarioError};
use crate::scenario::lock;
use crate::scenario::lock::Difference;
use crate::scenario::secrets::{self, Secrets};
use crate::zot::api;
use crate::zot::config::RateLimit;

/// What checks get beyond their deadline where logins need one-time codes: four of them log in, a code serves one login,
/// and the next one comes after 30 seconds.
const CODES: Duration = Duration::from_secs(90);

/// One scenario made ready to run.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) loaded: Loaded,
    pub(crate) secrets: Secrets,
    pub(crate) route: Route,
    pub(crate) redactor: Arc<Redactor>,
    /// The most that any check may send.
    pub(crate) effects: Effect,
    /// Tells this run's tags from those of every other.
    pub(crate) run_id: String,
    /// Where programs are.
    pub(crate) machine: Machine,
    /// What its answers are compared with.
    pub(crate) against: Option<Arc<Against>>,
    /// What this run found out about the registry.
    pub(crate) facts: Facts,
}

impl Target {
    /// Makes a scenario ready that was read already.
    pub fn ready(mut loaded: Loaded, effects: Option<Effect>, machine: Machine) -> Result<Target, ScenarioError> {
        let secrets = secrets::resolve(&loaded)?;
        for (name, identity) in &mut loaded.scenario.identities {
            let secret = secrets.identities.get(name);
            identity.api_key = secret.is_some_and(|secret| secret.expose().starts_with(api::PREFIX));
        }
        loaded.scenario.agreed = lock::read(&loaded)?.map(Arc::new);
        let redactor = Arc::new(secrets.redactor(&loaded));
        let mut route = route(&loaded)?;
        route.pace = Arc::new(Pace::new(&rates(&loaded.scenario)));
        route.shell = Arc::new(Shell::of(&loaded.scenario, loaded.folder(), secrets.identities.iter()));
        route.certificate = certificate(&loaded, &secrets)?.map(Arc::new);
        let scratch = loaded.scenario.repositories.scratch.is_some();
        let default = if scratch { Effect::Writes } else { Effect::Oracle };
        Ok(Target {
            loaded,
            secrets,
            route,
            redactor,
            effects: effects.unwrap_or(default),
            run_id: run_id(),
            machine,
            against: None,
            facts: Facts::default(),
        })
    }

    /// The same target for one more run on a later day: with a new run id, and without waivers that have ended.
    #[must_use]
    pub(crate) fn again(&self, today: time::Date) -> Target {
        let mut again = Target { run_id: run_id(), ..self.clone() };
        again.route.challenges = Some(Arc::new(Challenges::default()));
        again.loaded.scenario.waive.retain(|waiver| waiver.until.0 >= today);
        again
    }

    /// The same target, of whose answers a run proves too that none has changed since this snapshot, but for the changes that
    /// are accepted.
    #[must_use]
    pub fn against(mut self, before: Snapshot, accepted: BTreeSet<String>) -> Target {
        self.against = Some(Arc::new(Against { before, accepted }));
        self
    }

    /// The most that any check may send.
    #[must_use]
    pub fn effects(&self) -> Effect {
        self.effects
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.loaded.scenario
    }

    /// What differs between the promises of the scenario and its lock, if it has one.
    pub(crate) fn changes(&self) -> Option<Vec<Difference>> {
        let (agreed, now) = (self.scenario().agreed.as_ref()?, self.facts.promised.get()?);
        Some(lock::compare(agreed, now))
    }

    /// The redactor that knows this scenario's secrets.
    #[must_use]
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::of(&self.scenario().registry.url)
    }

    /// The user name and secret of one of the scenario's identities.
    pub(crate) fn credential(&self, name: &str) -> Option<Credential> {
        let username = self.scenario().identities.get(name)?.username.clone();
        Some(Credential { username, secret: self.secrets.identities.get(name)?.clone() })
    }

    /// The longest that one check may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        let codes = self.scenario().oidc.as_ref().and_then(|oidc| oidc.login.as_ref()?.totp.as_ref());
        // Waiting for a turn is no time of the check: all that a run sends may go before its last request.
        let paced = self.route.pace.time_of(REQUESTS);
        self.scenario().limits.deadline.0 + codes.map_or(Duration::ZERO, |_| CODES) + paced
    }
}

/// As many requests as a run of all checks sends, about.
const REQUESTS: u32 = 1500;

/// The part of zot's own limit that a run takes: client programs and other users ask too.
const SHARE: f64 = 0.8;

/// How many requests a second may be sent: for all methods together, and for single ones.
fn rates(scenario: &Scenario) -> Vec<(Option<String>, f64)> {
    if let Some(rate) = scenario.limits.rate {
        return vec![(None, rate.0)];
    }
    let limits = scenario.config.iter().flat_map(|config| &config.http.rate_limits);
    let share = |limit: &RateLimit| {
        let rate = i32::try_from(limit.rate.value).ok()?;
        Some((limit.method.clone(), f64::from(rate) * SHARE))
    };
    limits.filter_map(share).collect()
}

fn run_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..12].to_owned()
}

/// The certificate that the scenario shows, with its key.
fn certificate(loaded: &Loaded, secrets: &Secrets) -> Result<Option<ClientCertificate>, ScenarioError> {
    let registry = &loaded.scenario.registry;
    let (Some(file), Some(key)) = (&registry.client_cert, &secrets.client_key) else { return Ok(None) };
    let at = |key: &str, message: String| loaded.error(&["registry", key], message);
    let shown = file.display();
    let pem = std::fs::read(loaded.folder().join(file))
        .map_err(|error| at("client_cert", format!("cannot read {shown}: {error}")))?;
    let origins = std::iter::once(&registry.url).chain(&registry.backend).map(Origin::of).collect();
    let user = loaded.scenario.certificate_is_a_user();
    ClientCertificate::new(&pem, key.expose().as_bytes(), origins, user).map(Some).map_err(|wrong| match wrong {
        Wrong::Certificate(why) => at("client_cert", format!("{shown} {why}")),
        Wrong::Key(why) => at("client_key", format!("the key {why}")),
    })
}

fn route(loaded: &Loaded) -> Result<Route, ScenarioError> {
    let registry = &loaded.scenario.registry;
    let challenges = Some(Arc::new(Challenges::default()));
    let mut route = Route { timeout: loaded.scenario.limits.request_timeout.0, challenges, ..Route::default() };
    if let Some(file) = &registry.ca_file {
        let path = &["registry", "ca_file"][..];
        let pem = std::fs::read(loaded.folder().join(file))
            .map_err(|error| loaded.error(path, format!("cannot read {}: {error}", file.display())))?;
        route.ca = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| loaded.error(path, format!("{} holds no certificates: {error}", file.display())))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        route.ca_der = certificates
            .map_err(|error| loaded.error(path, format!("{} holds no certificates: {error}", file.display())))?;
        if route.ca.is_empty() {
            return Err(loaded.error(path, format!("{} holds no certificates", file.display())));
        }
    }
    for (name, address) in &registry.resolve {
        let path = ["registry", "resolve", name];
        let host = name.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse::<u16>().ok()?)));
        let (Some((host, port)), Ok(address)) = (host, address.parse::<std::net::SocketAddr>()) else {
            return Err(loaded.error(&path, "write \"host:port\" = \"address:port\""));
        };
        let explicit = registry.url.host_str() == Some(&host) && registry.url.port() == Some(port);
        if explicit && address.port() != port {
            let message = format!(
                "registry.url names port {port} itself, so the connection goes to that port of {}",
                address.ip()
            );
            return Err(loaded.error(&path, message));
        }
        route.resolve.push((host, port, address));
    }
    Ok(route)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::scenario::load;

    #[test]
    fn the_rate_of_the_zot_configuration_is_kept_unless_the_scenario_names_another() {
        let folder = tempfile::tempdir().unwrap();
        let config = r#"{"distSpecVersion":"1.1.1","storage":{"rootDirectory":"/var/lib/registry"},"http":{"address":"127.0.0.1",
            "port":"5000","ratelimit":{"rate":10,"methods":[{"method":"PUT","rate":5}]}}}"#;
        std::fs::write(folder.path().join("zot.json"), config).unwrap();
        let rates = |more: &str| {
            let text = format!(
                "schema = 1\nname = \"n\"\n[registry]\nurl = \"http://127.0.0.1:1\"\nzot_config = \"zot.json\"\n{more}"
            );
            let file = folder.path().join("r.toml");
            rates(&load::parse(&file, text, |_| true, date!(2026 - 01 - 01)).unwrap().scenario)
        };
        // A method is held to its own rate, and to that of all.
        assert_eq!(rates(""), [(None, 8.0), (Some("PUT".to_owned()), 4.0)]);
        assert_eq!(rates("[limits]\nrate = 50\n"), [(None, 50.0)]);
    }

    #[test]
    fn one_more_run_has_tags_of_its_own_and_no_waiver_that_has_ended() {
        let text = "schema = 1\nname = \"n\"\n[registry]\nurl = \"http://127.0.0.1:1\"\n[[waive]]\n\
                    check = \"access::anonymous_can_pull\"\nreason = \"r\"\nuntil = 2026-01-31\n";
        let loaded = load::parse("r.toml".as_ref(), text.to_owned(), |_| true, date!(2026 - 01 - 01)).unwrap();
        let first = Target::ready(loaded, None, Machine::here(true)).unwrap();
        let (last_day, after) = (first.again(date!(2026 - 01 - 31)), first.again(date!(2026 - 02 - 01)));
        assert_eq!((last_day.scenario().waive.len(), after.scenario().waive.len()), (1, 0));
        assert_ne!(first.run_id, after.run_id);
    }
}
