//! Which registry this is, and which release it claims to be, from what it says.
//!
//! A registry counts as zot only by two signs that do not depend on each other: one header can be anybody's. A release is a
//! claim; only a probe is a proof. Nothing here decides a verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::check::target::Target;
use crate::http::guard::Guard;
use crate::http::recorder::Recorder;
use crate::http::{Answer, Client};
use crate::kit::metrics;
use crate::model::outcome::Fingerprint;
use crate::scenario::Scenario;

/// How many independent signs make a registry zot.
const ENOUGH: usize = 2;

/// What is said where there is one sign.
pub(crate) const ONE_SIGN: &str = "one sign is not enough to recognise zot";

/// No blob has it.
const NO_BLOB: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// What a sign of zot comes from. Two of one kind count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    /// The headers of `/v2/`.
    Headers,
    /// The shape of its error bodies.
    Errors,
    /// What its extensions say of themselves.
    Extensions,
    /// `zot_info` in its metrics.
    Metrics,
    /// The operator named a zot configuration.
    Configuration,
}

/// Where to look for signs.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    metrics: String,
    /// A repository in which a blob is asked for that nobody has.
    pub(crate) repository: String,
    /// The zot configuration that the operator named.
    config: Option<String>,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked {
            metrics: "/metrics".to_owned(),
            repository: "regproof-undeclared/nothing-here".to_owned(),
            config: None,
        }
    }
}

impl Asked {
    pub(crate) fn of(scenario: &Scenario) -> Asked {
        let usual = Asked::default();
        let declared = &scenario.repositories;
        let own = declared.scratch.iter().chain(&declared.public).chain(&declared.private);
        // A cache could ask its upstream for what it does not have.
        let repository = own.into_iter().find(|name| !scenario.is_cached(name)).cloned();
        Asked {
            metrics: scenario.metrics.as_ref().map_or(usual.metrics, |metrics| metrics.path.clone()),
            repository: repository.unwrap_or(usual.repository),
            config: scenario.config.as_ref().map(|config| config.file.clone()),
        }
    }
}

/// The fingerprint for the head of a report; empty where the registry does not answer.
pub(crate) async fn of_target(target: &Arc<Target>) -> Fingerprint {
    let recorder = Recorder::new(Arc::clone(&target.redactor));
    let client = |who, credential| {
        let guard = Arc::new(Guard::read_only());
        Client::new(&target.route, target.origin(), who, credential, guard, recorder.clone())
    };
    let Ok(anyone) = client("anonymous", None) else { return Fingerprint::default() };
    let name = target.scenario().anybody();
    let login = name.and_then(|name| client(name, Some(target.credential(name)?)).ok());
    let limit = Duration::from_secs(5).min(target.route.timeout);
    let asked = Asked::of(target.scenario());
    let print = of(&anyone, login.as_ref(), &asked);
    tokio::time::timeout(limit, print).await.ok().and_then(Result::ok).unwrap_or_default()
}

/// Asks the API, the extensions, the metrics and for a blob that nobody has: without credentials, and with those of `login`
/// where that does not tell enough.
///
/// # Errors
///
/// If `/v2/` is not answered.
pub(crate) async fn of(anyone: &Client, login: Option<&Client>, asked: &Asked) -> anyhow::Result<Fingerprint> {
    let mut signs = Signs::default();
    if let Some(file) = &asked.config {
        signs.add(Sign::Configuration, format!("the operator names a zot configuration, {file}"));
    }
    let api = signs.look(anyone, asked).await?;
    // A registry that asks for tokens gets no password.
    let tokens = !api.token_realms().is_empty();
    if let (Some(login), false) = (login, tokens || signs.are_enough() && signs.release.is_some()) {
        signs.look(login, asked).await?;
    }
    Ok(signs.print(api.header("docker-distribution-api-version") == Some("registry/2.0")))
}

#[derive(Debug, Default)]
struct Signs {
    found: BTreeMap<Sign, String>,
    release: Option<String>,
}

impl Signs {
    fn add(&mut self, sign: Sign, evidence: String) {
        self.found.entry(sign).or_insert(evidence);
    }

    fn are_enough(&self) -> bool {
        self.found.len() >= ENOUGH
    }

    async fn look(&mut self, client: &Client, asked: &Asked) -> anyhow::Result<Answer> {
        let blob = format!("/v2/{}/blobs/{NO_BLOB}", asked.repository);
        let (api, management, discovery, metrics, blob) = tokio::join!(
            client.get("/v2/").send(),
            client.get("/v2/_zot/ext/mgmt").send(),
            client.get("/v2/_oci/ext/discover").send(),
            client.get(&asked.metrics).limit(2 << 20).send(),
            client.get(&blob).send()
        );
        let api = api?;
        self.by_api(&api);
        for answer in [Some(&api), blob.as_ref().ok()].into_iter().flatten() {
            self.by_error(answer);
        }
        if let Ok(answer) = &management {
            self.by_management(answer);
        }
        if let Ok(answer) = &discovery {
            self.by_discovery(answer);
        }
        if let Ok(answer) = &metrics {
            self.by_metrics(answer);
        }
        Ok(api)
    }

    fn by_api(&mut self, answer: &Answer) {
        let header = |name| answer.header(name).unwrap_or_default();
        if header("access-control-allow-headers").contains("X-ZOT-API-CLIENT") {
            self.add(Sign::Headers, "GET /v2/ allows the header X-ZOT-API-CLIENT".to_owned());
        } else if answer.status == 200 && header("www-authenticate").starts_with("basic realm=") {
            self.add(Sign::Headers, "GET /v2/ answers 200 with zot's challenge".to_owned());
        }
    }

    /// zot puts the description of an error into its detail, where others have it beside the code or not at all (zot
    /// `pkg/api/errors/errors.go`).
    fn by_error(&mut self, answer: &Answer) {
        let Ok(body) = answer.json() else { return };
        let error = body.get("errors").and_then(|errors| errors.get(0)).unwrap_or(&body);
        let text = |of: &serde_json::Value, name: &str| of.get(name)?.as_str().map(str::to_owned);
        let described = error.get("detail").and_then(|detail| text(detail, "description"));
        if let (true, Some(code), Some(_)) = (answer.status >= 400, text(error, "code"), described) {
            let path = answer.url.path();
            self.add(Sign::Errors, format!("GET {path} is answered {} {code} in zot's own shape", answer.status));
        }
    }

    fn by_management(&mut self, answer: &Answer) {
        let Ok(body) = answer.json() else { return };
        let release = body.get("releaseTag").and_then(|tag| release_of(tag.as_str()?));
        let auth = body.get("http").is_some_and(|http| http.get("auth").is_some());
        if answer.status == 200 && (release.is_some() || auth) {
            self.add(Sign::Extensions, "/v2/_zot/ext/mgmt answers".to_owned());
            self.release = self.release.take().or(release);
        }
    }

    fn by_discovery(&mut self, answer: &Answer) {
        let Ok(body) = answer.json() else { return };
        let extensions = body.get("extensions").and_then(|list| list.as_array().cloned()).unwrap_or_default();
        let names = |one: &serde_json::Value| one.get("name").and_then(|name| name.as_str()) == Some("_zot");
        if answer.status == 200 && extensions.iter().any(names) {
            self.add(Sign::Extensions, "/v2/_oci/ext/discover lists the extension _zot".to_owned());
        }
    }

    fn by_metrics(&mut self, answer: &Answer) {
        let text = String::from_utf8_lossy(&answer.body);
        let Ok(samples) = metrics::parse(&text) else { return };
        let Some(info) = samples.iter().find(|sample| sample.name == "zot_info") else { return };
        self.add(Sign::Metrics, "the metrics have zot_info".to_owned());
        // Its label `version` is the distribution spec's; `commit` comes from `git describe` and starts with the release.
        self.release = self.release.take().or_else(|| info.label("commit").and_then(release_of));
    }

    fn print(self, names_the_api: bool) -> Fingerprint {
        let zot = self.are_enough();
        let mut evidence: Vec<String> = self.found.into_values().collect();
        if zot {
            return Fingerprint { product: Some("zot".to_owned()), release: self.release, evidence };
        }
        if !evidence.is_empty() {
            evidence.push(ONE_SIGN.to_owned());
        }
        if names_the_api {
            evidence.push("GET /v2/ says Docker-Distribution-Api-Version: registry/2.0".to_owned());
        }
        Fingerprint { product: names_the_api.then(|| "a registry".to_owned()), release: None, evidence }
    }
}

/// `v2.1.20` from `v2.1.20` or `v2.1.20-0-g3b5796d`.
fn release_of(text: &str) -> Option<String> {
    let tag = text.split('-').next()?;
    let numbers: Vec<&str> = tag.strip_prefix('v')?.split('.').collect();
    let whole = numbers.len() == 3 && numbers.iter().all(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    whole.then(|| tag.to_owned())
}

#[cfg(test)]
mod tests;
