//! Promises from the deployed zot configuration: what the scenario does not say is derived, what it says must agree.
//!
//! Reads that one file and never what it points at: credentials, session keys and key files stay closed.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::rights::who;
use super::rights::{OLD, scrapes};
use super::{Action, Identity, Metrics, Period, deployed};
use crate::scenario::loaded::{Loaded, ScenarioError};
use crate::zot::config::{Config, Provider};
use crate::zot::glob;
use crate::zot::policy::{Decision, Who, decide, metrics_decision};
use crate::zot::tree::Place;

/// Reads `registry.zot_config`, if there is one, and completes the scenario by it.
pub(super) fn derive(loaded: &mut Loaded) -> Result<(), ScenarioError> {
    let Some(named) = loaded.scenario.registry.zot_config.clone() else { return whole(loaded) };
    let at = &["registry", "zot_config"][..];
    let file = loaded.folder().join(named.file());
    let failed = |message: String| loaded.error(at, message);
    let text = deployed::text(&file).map_err(failed)?;
    let release = loaded.scenario.registry.release.map(|release| release.0);
    let config = Config::parse_part(&file.display().to_string(), &text, named.key(), release);
    let config = config.map_err(|error| failed(error.to_string()))?;
    Agreement { loaded, config: &config }.check()?;
    complete(loaded, &config);
    loaded.scenario.config = Some(Arc::new(config));
    whole(loaded)
}

/// What the scenario leaves open.
fn complete(loaded: &mut Loaded, config: &Config) {
    let scenario = &mut loaded.scenario;
    if scenario.metrics.is_none()
        && let Some(path) = config.metrics_path()
    {
        // Whichever form the file has, its operator means it: the check tells on which release it no longer counts.
        let anonymous = open_metrics(config).contains(&true);
        scenario.metrics = Some(Metrics { path: path.to_owned(), anonymous, reader: None });
    }
    let scraper = |identity: &Identity| scrapes(config, identity) == Some(true);
    if let Some(metrics) = &mut scenario.metrics
        && metrics.reader.is_none()
    {
        metrics.reader = scenario.identities.iter().find(|(_, it)| scraper(it)).map(|(name, _)| name.clone());
    }
    if let Some(oidc) = &mut scenario.oidc
        && let Some(provider) = provider(config, &oidc.provider)
    {
        if oidc.issuer.is_empty() {
            oidc.issuer = provider.issuer.as_ref().map_or_else(String::new, |issuer| issuer.value.clone());
        }
        if oidc.scopes.is_none() && !provider.scopes.is_empty() {
            oidc.scopes = Some(provider.scopes.iter().map(|scope| scope.value.clone()).collect());
        }
    }
    // zot holds a refusal back for this long: a shorter limit would take it for silence.
    let delayed = Duration::from_secs(config.auth.fail_delay_seconds().into()) + Duration::from_secs(5);
    if config.auth.fail_delay_seconds() > 0 && scenario.limits.request_timeout.0 < delayed {
        scenario.limits.request_timeout = Period(delayed);
    }
}

/// What the scenario may leave to the configuration must be in one of the two.
fn whole(loaded: &Loaded) -> Result<(), ScenarioError> {
    match &loaded.scenario.oidc {
        Some(oidc) if oidc.issuer.is_empty() => {
            let message = "there is no issuer: write `issuer = \"https://...\"`, or name the registry's zot_config";
            Err(loaded.error(&["oidc"], message))
        }
        _ => Ok(()),
    }
}

/// Whether anyone may scrape: by the rules of the newest release, and by those before v2.1.18.
fn open_metrics(config: &Config) -> [bool; 2] {
    [None, Some(OLD)].map(|release| metrics_decision(config, release, &Who::anonymous()).is_allowed())
}

fn provider<'a>(config: &'a Config, id: &str) -> Option<&'a Provider> {
    config.auth.providers.iter().find(|provider| provider.id.value == id)
}

/// Two addresses that lead to the same place, however they are written.
fn same_address(one: &Url, other: &str) -> bool {
    Url::parse(other).is_ok_and(|other| {
        one.origin() == other.origin() && one.path().trim_end_matches('/') == other.path().trim_end_matches('/')
    })
}

/// Each contradiction is an error that names both places.
struct Agreement<'a> {
    loaded: &'a Loaded,
    config: &'a Config,
}

impl Agreement<'_> {
    fn contradiction(&self, path: &[&str], here: &str, place: Place, there: &str) -> Result<(), ScenarioError> {
        let file = &self.config.file;
        let message =
            format!("the scenario says {here}, and {file}:{place} says {there}; make them agree, or leave it out here");
        Err(self.loaded.error(path, message))
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let url = &self.loaded.scenario.registry.url;
        if let Some(external) = &self.config.http.external_url
            && !same_address(url, &external.value)
        {
            let here = url.as_str().trim_end_matches('/');
            return self.contradiction(&["registry", "url"], here, external.place, &external.value);
        }
        self.metrics()?;
        self.oidc()?;
        self.caches()?;
        self.repositories()?;
        self.access()
    }

    fn metrics(&self) -> Result<(), ScenarioError> {
        let Some(metrics) = &self.loaded.scenario.metrics else { return Ok(()) };
        let Some(path) = &self.config.extensions.metrics else {
            let there = "nothing of metrics, so that they are off";
            return self.contradiction(&["metrics"], "that there are metrics", Place::START, there);
        };
        if path.value != metrics.path {
            return self.contradiction(&["metrics", "path"], &metrics.path, path.place, &path.value);
        }
        let reader = metrics.reader.as_ref().and_then(|name| self.loaded.scenario.identities.get(name));
        if let Some(reader) = reader
            && scrapes(self.config, reader) == Some(false)
        {
            let access = self.config.access.as_ref();
            let place = access.map(|access| access.metrics.place.unwrap_or(access.place)).unwrap_or(path.place);
            let here = format!("that {} may scrape", reader.username);
            return self.contradiction(&["metrics", "reader"], &here, place, "that it may not");
        }
        // Where it depends on the release, only the live answer tells.
        if open_metrics(self.config).iter().all(|open| *open != metrics.anonymous) {
            let access = self.config.access.as_ref();
            let place = access.map(|access| access.metrics.place.unwrap_or(access.place)).unwrap_or(path.place);
            let word = |open: bool| if open { "that anyone may scrape" } else { "that not everyone may scrape" };
            let (here, there) = (word(metrics.anonymous), word(!metrics.anonymous));
            return self.contradiction(&["metrics", "anonymous"], here, place, there);
        }
        Ok(())
    }

    fn oidc(&self) -> Result<(), ScenarioError> {
        let Some(oidc) = &self.loaded.scenario.oidc else { return Ok(()) };
        let auth = &self.config.auth;
        let Some(provider) = provider(self.config, &oidc.provider) else {
            let here = format!("that the login's provider is `{}`", oidc.provider);
            let names: Vec<&str> = auth.providers.iter().map(|provider| provider.id.value.as_str()).collect();
            let there =
                if names.is_empty() { "nothing of one".to_owned() } else { format!("`{}`", names.join("`, `")) };
            return self.contradiction(&["oidc", "provider"], &here, auth.openid.unwrap_or(Place::START), &there);
        };
        if let Some(issuer) = &provider.issuer
            && !oidc.issuer.is_empty()
            && issuer.value != oidc.issuer
        {
            return self.contradiction(&["oidc", "issuer"], &oidc.issuer, issuer.place, &issuer.value);
        }
        if let Some(client) = &provider.client_id
            && client.value != oidc.client_id
        {
            return self.contradiction(&["oidc", "client_id"], &oidc.client_id, client.place, &client.value);
        }
        let configured = |scope: &String| scope == "openid" || provider.scopes.iter().any(|at| at.value == *scope);
        if let Some(scope) = oidc.scopes.iter().flatten().find(|scope| !configured(scope)) {
            let place = provider.scopes.first().map_or(provider.id.place, |scope| scope.place);
            let here = format!("that the login asks for the scope `{scope}`");
            return self.contradiction(&["oidc", "scopes"], &here, place, "that it does not");
        }
        Ok(())
    }

    fn caches(&self) -> Result<(), ScenarioError> {
        let namespaces = self.config.extensions.cache_namespaces();
        for (index, cache) in self.loaded.scenario.cache.iter().enumerate() {
            let name = cache.image.rsplit_once(':').map_or(cache.image.as_str(), |(name, _)| name);
            if !namespaces.iter().any(|namespace| glob::matches(&namespace.pattern, name)) {
                let patterns: Vec<String> =
                    namespaces.iter().map(|namespace| format!("`{}`", namespace.pattern)).collect();
                let there = match patterns.is_empty() {
                    true => "nothing of an upstream".to_owned(),
                    false => format!("that caches are {}", patterns.join(", ")),
                };
                let place = namespaces.first().map_or(Place::START, |namespace| namespace.place);
                let here = format!("that {name} is a cache");
                return self.contradiction(&["cache", &index.to_string(), "image"], &here, place, &there);
            }
            if let Some((place, there)) = cache.upstream_asked.and_then(|asked| asked.contradicted(&namespaces, name)) {
                let here = "that pulls ask the upstream less often";
                return self.contradiction(&["cache", &index.to_string(), "upstream_asked"], here, place, &there);
            }
        }
        Ok(())
    }

    /// Public is what anyone may read, and private what not everyone may.
    fn repositories(&self) -> Result<(), ScenarioError> {
        let repositories = &self.loaded.scenario.repositories;
        let (public, private) = (repositories.public.iter().enumerate(), repositories.private.iter().enumerate());
        let scratch = repositories.private_scratch.iter();
        let place = |list, index: usize| vec![list, index.to_string()];
        let public = public.map(|(index, name)| (place("public".to_owned(), index), name, true));
        let private = private.map(|(index, name)| (place("private".to_owned(), index), name, false));
        let scratch = scratch.map(|name| (vec!["private_scratch".to_owned()], name, false));
        {
            for (place, name, public) in public.chain(private).chain(scratch) {
                let (may, by) = match decide(self.config, &Who::anonymous(), name, Action::Read.into()) {
                    Decision::Allowed(rule) => (true, format!("{}:{} ({})", self.config.file, rule.place, rule.what)),
                    Decision::Denied(why) => (false, format!("{} ({why})", self.config.file)),
                    Decision::Condition(_) | Decision::Random(_) => continue,
                };
                if may != public {
                    let verb = if may { "may" } else { "may not" };
                    let message = format!(
                        "the scenario says that {name} is {}, and {by} that anonymous {verb} read it; make them agree",
                        if public { "public" } else { "private" }
                    );
                    let path: Vec<&str> =
                        std::iter::once("repositories").chain(place.iter().map(String::as_str)).collect();
                    return Err(self.loaded.error(&path, message));
                }
            }
        }
        Ok(())
    }

    /// What `[access]` says in short must be what the configuration decides, wherever both say something.
    fn access(&self) -> Result<(), ScenarioError> {
        let (loaded, config) = (self.loaded, self.config);
        let scenario = &loaded.scenario;
        let Some(access) = &scenario.access else { return Ok(()) };
        let repositories = scenario.repositories.scratch.iter().chain(&scenario.repositories.public);
        for repository in repositories.chain(&scenario.repositories.private) {
            let clients = std::iter::once(None).chain(scenario.identities.keys().map(|name| Some(name.as_str())));
            // Who besides anonymous clients may not enter a private repository is not said in short.
            let covered = access.pattern_of(repository).is_some();
            let private = scenario.repositories.private.contains(repository) && !covered;
            for client in clients.filter(|client| !private || client.is_none()) {
                let identity = client.and_then(|name| scenario.identities.get(name));
                let who = who(identity);
                for action in Action::ALL {
                    let promised = access.promise(scenario, identity, repository, action);
                    let decided = decide(config, &who, repository, action.into());
                    let (may, by) = match &decided {
                        Decision::Allowed(rule) => (true, format!("{} at {}:{}", rule.what, config.file, rule.place)),
                        Decision::Denied(why) => (false, format!("{} ({why})", config.file)),
                        Decision::Condition(_) | Decision::Random(_) => continue,
                    };
                    if promised.is_some_and(|promised| promised != may) {
                        let client = client.unwrap_or("anonymous");
                        let verb = |may: bool| if may { "may" } else { "may not" };
                        let action = crate::zot::policy::Action::from(action);
                        let message = format!(
                            "{} says that {client} {} {action} {repository}, and the configuration that it {}: {by}; \
                         make them agree, or leave [access] out",
                            access.grounds(repository).trim_end_matches(" of the scenario"),
                            verb(!may),
                            verb(may),
                        );
                        return Err(loaded.error(&["access"], message));
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::load;

    const SEED: &str = include_str!("../../tests/configs/seed.json");

    fn loaded(scenario: &str) -> Result<Loaded, ScenarioError> {
        load_with(SEED, scenario)
    }

    fn load_with(config: &str, scenario: &str) -> Result<Loaded, ScenarioError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let text = format!(
            "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://registry.example.test\"\nzot_config = \"config.json\"\n\
             [repositories]\nscratch = \"blumeops/regproof\"\n{scenario}"
        );
        let today = time::macros::date!(2026 - 01 - 01);
        load::parse(&folder.path().join("r.toml"), text, |_| true, today)
    }

    const CI: &str =
        "[identities.ci]\nusername = \"zot-ci\"\ngroups = [\"artifact-workloads\"]\npassword = { env = \"X\" }\n";

    #[test]
    fn rights_and_metrics_follow_from_the_configuration() {
        let scenario = loaded(CI).unwrap().scenario;
        assert_eq!(scenario.creator(), Some("ci"));
        assert_eq!(scenario.promise(None, "blumeops/regproof", Action::Read), Some(true));
        assert_eq!(scenario.promise(None, "blumeops/regproof", Action::Create), Some(false));
        assert_eq!(scenario.promise(Some("ci"), "docker.io/library/alpine", Action::Create), Some(true));
        let metrics = scenario.metrics.unwrap();
        assert!(
            metrics.path == "/metrics" && metrics.anonymous,
            "the old form opens them on old releases: it is meant"
        );
    }

    #[test]
    fn the_login_is_completed_by_the_configuration() {
        let oidc = loaded("[oidc]\nclient_id = \"zot\"\n").unwrap().scenario.oidc.unwrap();
        assert_eq!(oidc.issuer, "https://idp.example.test/application/o/zot/");
        assert_eq!(oidc.scopes.unwrap(), ["openid", "profile", "email"]);
        let text =
            "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n[oidc]\nclient_id = \"zot\"\n";
        let today = time::macros::date!(2026 - 01 - 01);
        let message = load::parse(Path::new("r.toml"), text.to_owned(), |_| true, today).unwrap_err().to_string();
        assert!(message.contains("r.toml:5:") && message.contains("issuer"), "{message}");
    }

    #[test]
    fn metrics_that_are_open_on_no_release_are_not_promised() {
        let closed = SEED.replace(r#""users": [""]"#, r#""users": ["prometheus"]"#);
        let message = load_with(&closed, "[metrics]\nanonymous = true\n").unwrap_err().to_string();
        assert!(message.contains("config.json:") && message.contains("anyone may scrape"), "{message}");
        let off = load_with(&SEED.replace(r#""metrics": { "enable": true"#, r#""metrics": { "enable": false"#), "");
        assert!(off.unwrap().scenario.metrics.is_none());
    }

    #[test]
    fn a_delayed_refusal_is_waited_for() {
        let slow = SEED.replace(r#""apikey": true"#, r#""apikey": true, "failDelay": 30"#);
        let scenario = load_with(&slow, "").unwrap().scenario;
        assert!(scenario.limits.request_timeout.0 > scenario.fail_delay());
    }

    #[test]
    fn a_contradiction_names_both_places() {
        for (scenario, words) in [
            ("[metrics]\npath = \"/other\"\nanonymous = true\n", "config.json:"),
            ("[oidc]\nissuer = \"https://other.example.test/\"\nclient_id = \"zot\"\n", "config.json:"),
            ("[oidc]\nclient_id = \"zot\"\nprovider = \"github\"\n", "`oidc`"),
            ("[oidc]\nclient_id = \"zot\"\nscopes = [\"groups\"]\n", "does not"),
            ("private = [\"blumeops/secret\"]\n", "anonymous may read it"),
            ("[[cache]]\nimage = \"nowhere.example.test/alpine:3.20\"\n", "`docker.io/**`"),
            (
                "[[cache]]\nimage = \"docker.io/library/alpine:3.20\"\nupstream_asked = \"never\"\n",
                "`onDemand`: a pull by tag asks the upstream each time",
            ),
            ("[access]\nanonymous = [\"read\", \"create\"]\n", "anonymous may create"),
        ] {
            let message = loaded(scenario).unwrap_err().to_string();
            assert!(message.contains("r.toml:") && message.contains(words), "{message}");
        }
        let folder = tempfile::tempdir().unwrap();
        let text =
            "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\nzot_config = \"none.json\"\n";
        let today = time::macros::date!(2026 - 01 - 01);
        let file = folder.path().join("r.toml");
        let message = load::parse(Path::new(&file), text.to_owned(), |_| true, today).unwrap_err().to_string();
        assert!(message.contains("cannot read"), "{message}");
    }
}
