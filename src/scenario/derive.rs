//! Promises from the deployed zot configuration: what the scenario does not say is derived, what it says must agree.
//!
//! Reads that one file and never what it points at: credentials, session keys and key files stay closed.

use std::sync::Arc;

use super::load::{Loaded, ScenarioError};
use super::{Action, Metrics};
use crate::zot::config::Config;
use crate::zot::policy::{Decision, Who, decide};

/// As much as a configuration may have.
const LIMIT: u64 = 4 << 20;

/// Reads `registry.zot_config`, if there is one, and completes the scenario by it.
pub(super) fn derive(loaded: &mut Loaded) -> Result<(), ScenarioError> {
    let Some(path) = loaded.scenario.registry.zot_config.clone() else { return Ok(()) };
    let at = &["registry", "zot_config"][..];
    let file = loaded.folder().join(&path);
    let failed = |message: String| loaded.error(at, message);
    let size = std::fs::metadata(&file).map_err(|error| failed(format!("cannot read {}: {error}", file.display())))?;
    if size.len() > LIMIT {
        return Err(failed(format!("{} has more than {LIMIT} bytes: that is no configuration", file.display())));
    }
    let text =
        std::fs::read_to_string(&file).map_err(|error| failed(format!("cannot read {}: {error}", file.display())))?;
    let config = Config::parse(&file.display().to_string(), &text).map_err(|error| failed(error.to_string()))?;
    agree(loaded, &config)?;
    if loaded.scenario.metrics.is_none()
        && let Some(path) = config.metrics_path()
    {
        let anonymous = crate::zot::policy::metrics_decision(&config, None, &Who::anonymous());
        let anonymous = anonymous.is_allowed();
        loaded.scenario.metrics = Some(Metrics { path: path.to_owned(), anonymous });
    }
    loaded.scenario.config = Some(Arc::new(config));
    Ok(())
}

/// Each contradiction is an error that names both places.
fn agree(loaded: &Loaded, config: &Config) -> Result<(), ScenarioError> {
    let scenario = &loaded.scenario;
    let contradiction = |path: &[&str], here: &str, place: crate::zot::tree::Place, there: &str| {
        let message = format!(
            "the scenario says {here}, and {}:{place} says {there}; make them agree, or leave it out here",
            config.file
        );
        loaded.error(path, message)
    };
    let trimmed = |text: &str| text.trim_end_matches('/').to_owned();
    if let Some(external) = &config.http.external_url
        && trimmed(&external.value) != trimmed(scenario.registry.url.as_str())
    {
        let here = trimmed(scenario.registry.url.as_str());
        return Err(contradiction(&["registry", "url"], &here, external.place, &external.value));
    }
    if let Some(metrics) = &scenario.metrics
        && let Some(path) = &config.extensions.metrics
        && path.value != metrics.path
    {
        return Err(contradiction(&["metrics", "path"], &metrics.path, path.place, &path.value));
    }
    if let Some(oidc) = &scenario.oidc
        && let Some(provider) = config.auth.providers.iter().find(|provider| provider.id.value == oidc.provider)
        && let Some(issuer) = &provider.issuer
        && issuer.value != oidc.issuer
    {
        return Err(contradiction(&["oidc", "issuer"], &oidc.issuer, issuer.place, &issuer.value));
    }
    agree_on_access(loaded, config)
}

/// What `[access]` says in short must be what the configuration decides, wherever both say something.
fn agree_on_access(loaded: &Loaded, config: &Config) -> Result<(), ScenarioError> {
    let scenario = &loaded.scenario;
    let Some(access) = &scenario.access else { return Ok(()) };
    let repositories = scenario.repositories.scratch.iter().chain(&scenario.repositories.public);
    for repository in repositories.chain(&scenario.repositories.private) {
        let clients = std::iter::once(None).chain(scenario.identities.keys().map(|name| Some(name.as_str())));
        for client in clients {
            let identity = client.and_then(|name| scenario.identities.get(name));
            let who = identity.map_or_else(Who::anonymous, |identity| Who {
                name: identity.username.clone(),
                groups: identity.groups.iter().cloned().collect(),
            });
            for action in [Action::Read, Action::Create, Action::Update, Action::Delete] {
                let promised = scenario.promise_in_short(access, identity, repository, action);
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
                        "[access] says that {client} {} {action} {repository}, and the configuration that it {}: {by}; \
                         make them agree, or leave [access] out",
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::load;

    const SEED: &str = include_str!("../../tests/configs/seed.json");

    fn loaded(scenario: &str) -> Result<Loaded, ScenarioError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), SEED).unwrap();
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
        assert_eq!(scenario.metrics.unwrap().path, "/metrics");
    }

    #[test]
    fn a_contradiction_names_both_places() {
        for (scenario, words) in [
            ("[metrics]\npath = \"/other\"\nanonymous = true\n", "config.json:"),
            ("[oidc]\nissuer = \"https://other.example.test/\"\nclient_id = \"zot\"\n", "config.json:"),
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
