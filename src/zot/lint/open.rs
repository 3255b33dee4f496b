//! Lints of a configuration without access rules: who may do everything, since nothing says otherwise.

use serde_json::json;

use super::Findings;
use super::fix::Change;
use crate::zot::config::Config;

pub(super) fn lint(config: &Config, findings: &mut Findings) {
    if let Some(at) = &config.auth.partial_bearer {
        let open = if config.can_authenticate() { "it has no effect" } else { "everyone is let in without one" };
        let consequence = format!("`bearer` has no `{}`, so zot asks for no token: {open}", at.value);
        let remedy = "give it `realm`, `service` and the `cert` of the token service, or remove it";
        findings.add("lint::partial_bearer", at.place, consequence, remedy);
    }
    if config.access.is_some() {
        return;
    }
    let place = config.http.place;
    if !config.can_authenticate() {
        let metrics = config.metrics_path().map(|path| format!("; {path} is open to everyone too")).unwrap_or_default();
        let consequence = format!(
            "everyone who reaches the port may push, overwrite and delete every image, without credentials{metrics}"
        );
        let remedy = "configure `http.auth`, and `http.accessControl` with a pattern for every repository";
        findings.add("lint::no_access_control", place, consequence, remedy);
        return;
    }
    // What an empty object takes away is said where it stands. What bearer tokens grant stands in the token.
    let emptied = config
        .vanished
        .iter()
        .any(|at| matches!(at.value.to_ascii_lowercase().as_str(), "http.accesscontrol" | "http"));
    if !emptied && config.auth.bearer.is_none() {
        let consequence = "every user who can log in may push, overwrite and delete every image".to_owned();
        let remedy = "write `http.accessControl`: `read` in `defaultPolicy`, and the rest for the groups that need it";
        findings.add("lint::every_user_may_delete", place, consequence, remedy);
        let rules = json!({"repositories": {"**": {"defaultPolicy": ["read"]}}});
        findings.fix("http", &[Change::add("accessControl", rules)]);
    }
}
