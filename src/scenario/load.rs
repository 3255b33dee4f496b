//! Reads a scenario file: parse, then validate, each error with its line and column.
//!
//! Sends nothing, and never repeats a value that might be a secret.

use std::net::SocketAddr;
use std::path::Path;

use url::Url;

use super::Scenario;
use super::loaded::{Loaded, ScenarioError, is_loopback, is_repository_name, place};
use crate::scenario::profile::Profile;
use crate::zot::lint;

/// Reads and validates a scenario file; `known` tells whether a check id exists, `today` is for waivers.
pub fn read(file: &Path, known: impl Fn(&str) -> bool, today: time::Date) -> Result<Loaded, ScenarioError> {
    let text = std::fs::read_to_string(file).map_err(|error| ScenarioError {
        file: file.to_owned(),
        place: None,
        message: format!(
            "cannot read the scenario: {error}. Name one as an argument, in $REGPROOF_SCENARIO, or put it at \
             ./regproof.toml; `regproof init URL` writes one for a live registry"
        ),
    })?;
    parse(file, text, known, today)
}

/// Parses and validates a scenario's text.
pub fn parse(
    file: &Path,
    text: String,
    known: impl Fn(&str) -> bool,
    today: time::Date,
) -> Result<Loaded, ScenarioError> {
    let scenario = toml::from_str::<Scenario>(&text).map_err(|error| ScenarioError {
        file: file.to_owned(),
        place: error.span().map(|span| place(&text, span.start)),
        message: error.message().to_owned(),
    })?;
    let mut loaded = Loaded { scenario, file: file.to_owned(), text };
    loaded.validate(known, today)?;
    super::derive::derive(&mut loaded)?;
    super::mirrors::read(&mut loaded)?;
    loaded.validate_urls()?;
    Ok(loaded)
}

impl Loaded {
    fn validate(&self, known: impl Fn(&str) -> bool, today: time::Date) -> Result<(), ScenarioError> {
        let scenario = &self.scenario;
        if scenario.schema != 1 {
            let message = format!("schema {} is not known to this version; it reads schema 1", scenario.schema);
            return Err(self.error(&["schema"], message));
        }
        if scenario.name.trim().is_empty() {
            return Err(self.error(&["name"], "the name is empty; reports need one"));
        }
        self.validate_urls()?;
        self.validate_certificate()?;
        self.validate_repositories()?;
        self.validate_promises()?;
        if let Some(id) = scenario.levels.keys().find(|id| !known(id) && lint::info(id).is_none()) {
            let message = format!(
                "there is no check and no lint `{id}`; `regproof list` names all checks, `regproof plan` lints"
            );
            return Err(self.error(&["levels", id], message));
        }
        for (index, waiver) in scenario.waive.iter().enumerate() {
            let at = index.to_string();
            if !known(&waiver.check) {
                let message = format!("there is no check `{}` to waive; `regproof list` names all", waiver.check);
                return Err(self.error(&["waive", &at, "check"], message));
            }
            if waiver.reason.trim().is_empty() {
                return Err(self.error(&["waive", &at, "reason"], "a waiver needs a reason"));
            }
            if waiver.until.0 < today {
                let message = format!(
                    "the waiver of `{}` expired on {}; mend the finding, or decide anew and move the date",
                    waiver.check, waiver.until.0
                );
                return Err(self.error(&["waive", &at, "until"], message));
            }
            if let Some(cells) = &waiver.cells {
                let wrong = match cells.iter().position(|cell| cell.trim().is_empty()) {
                    _ if cells.is_empty() => {
                        Some("no cell is named: leave `cells` out to accept all that the check finds")
                    }
                    Some(_) => Some("write the name of a cell as the report of a run shows it"),
                    None => None,
                };
                if let Some(wrong) = wrong {
                    return Err(self.error(&["waive", &at, "cells"], wrong));
                }
            }
            if scenario.waive[..index].iter().any(|other| other.check == waiver.check) {
                return Err(self.error(&["waive", &at, "check"], "this check is waived twice"));
            }
        }
        Ok(())
    }

    fn validate_urls(&self) -> Result<(), ScenarioError> {
        let scenario = &self.scenario;
        let has_secret =
            !scenario.identities.is_empty() || scenario.oidc.as_ref().is_some_and(|oidc| oidc.login.is_some());
        let mut urls = vec![(&["registry", "url"][..], scenario.registry.url.clone())];
        if let Some(backend) = &scenario.registry.backend {
            urls.push((&["registry", "backend"], backend.clone()));
        }
        // Without an issuer it is the configuration's, which is looked at once it was read.
        if let Some(oidc) = scenario.oidc.as_ref().filter(|oidc| !oidc.issuer.is_empty()) {
            let path = &["oidc", "issuer"][..];
            let issuer = Url::parse(&oidc.issuer).map_err(|error| self.error(path, format!("not a URL: {error}")))?;
            urls.push((path, issuer));
        }
        for (path, url) in urls {
            if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                return Err(self.error(path, "a URL here starts with https:// or http:// and names a host"));
            }
            if !url.username().is_empty() || url.password().is_some() {
                return Err(self.error(path, "credentials do not belong into a URL; name them under [identities]"));
            }
            if url.query().is_some() || url.fragment().is_some() {
                return Err(self.error(path, "this URL must have no query and no fragment"));
            }
            if path[0] == "registry" && url.path() != "/" {
                return Err(self.error(path, "the registry's URL has no path: the API starts at /v2/ of its host"));
            }
            // A backend in plain text is what a check is there to find; no secret is ever sent to one.
            let sends = has_secret && path[1] != "backend";
            if url.scheme() == "http" && !is_loopback(&url) && sends {
                let message = format!(
                    "{url} is plain http, and this scenario has secrets that would cross the network in clear; \
                     use https (plain http is accepted for loopback only)"
                );
                return Err(self.error(path, message));
            }
        }
        self.validate_connections(has_secret)
    }

    /// Where the connections go that an address does not show: a name that is resolved here, and the browser's driver.
    fn validate_connections(&self, has_secret: bool) -> Result<(), ScenarioError> {
        let scenario = &self.scenario;
        let url = &scenario.registry.url;
        for (name, address) in &scenario.registry.resolve {
            let own = name.rsplit_once(':').is_some_and(|(host, _)| url.host_str() == Some(host));
            let elsewhere = address.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback());
            if url.scheme() == "http" && has_secret && own && elsewhere {
                let message = format!(
                    "{url} is plain http and leads to {address}, another machine: this scenario's secrets would cross the \
                     network in clear; use https"
                );
                return Err(self.error(&["registry", "resolve", name], message));
            }
        }
        let driver =
            Url::parse(&scenario.browser.webdriver).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let types = scenario.oidc.as_ref().is_some_and(|oidc| oidc.login.is_some());
        if let Some(driver) = driver.filter(|driver| types && !is_loopback(driver)) {
            let message = format!(
                "{driver} is on another machine, and the password that the browser types would cross the network in clear; \
                 tunnel it to loopback, as by `ssh -L 4444:127.0.0.1:4444`, and name http://127.0.0.1:4444"
            );
            return Err(self.error(&["browser", "webdriver"], message));
        }
        Ok(())
    }

    /// A certificate is nothing without its key, and a key nothing without its certificate.
    fn validate_certificate(&self) -> Result<(), ScenarioError> {
        let registry = &self.scenario.registry;
        let missing = match (&registry.client_cert, &registry.client_key) {
            (Some(_), None) => {
                Some(("client_cert", "the key of this certificate is missing: add `client_key = \"FILE\"`"))
            }
            (None, Some(_)) => {
                Some(("client_key", "the certificate of this key is missing: add `client_cert = \"FILE\"`"))
            }
            _ => None,
        };
        if let Some((key, message)) = missing {
            return Err(self.error(&["registry", key], message));
        }
        let https =
            [Some(&registry.url), registry.backend.as_ref()].into_iter().flatten().any(|url| url.scheme() == "https");
        if registry.client_cert.is_some() && !https {
            return Err(self.error(&["registry", "client_cert"], "a client certificate needs https"));
        }
        Ok(())
    }

    fn validate_repositories(&self) -> Result<(), ScenarioError> {
        let repositories = &self.scenario.repositories;
        let named = |list: &'static str, names: &[String]| -> Vec<(Vec<String>, String)> {
            let place = |index: usize| vec!["repositories".to_owned(), list.to_owned(), index.to_string()];
            names.iter().enumerate().map(|(index, name)| (place(index), name.clone())).collect()
        };
        let mut all = named("public", &repositories.public);
        all.extend(named("private", &repositories.private));
        if let Some(scratch) = &repositories.scratch {
            if repositories.public.contains(scratch) || repositories.private.contains(scratch) {
                let message = "the scratch repository is written to; it must not be one of the others";
                return Err(self.error(&["repositories", "scratch"], message));
            }
            all.push((vec!["repositories".to_owned(), "scratch".to_owned()], scratch.clone()));
        }
        if let Some(scratch) = &repositories.private_scratch {
            if all.iter().any(|(_, name)| name == scratch) {
                let message = "the private scratch repository is written to; it must not be one of the others";
                return Err(self.error(&["repositories", "private_scratch"], message));
            }
            all.push((vec!["repositories".to_owned(), "private_scratch".to_owned()], scratch.clone()));
        }
        for (path, name) in &all {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if !is_repository_name(name) {
                let message = format!(
                    "`{name}` is not a repository name; they have lower-case letters, digits, `.`, `_`, `-` and \
                     slashes, and no tag (OCI distribution spec, section Pulling manifests)"
                );
                return Err(self.error(&path, message));
            }
        }
        for (index, cache) in self.scenario.cache.iter().enumerate() {
            let at = index.to_string();
            let images = [("image", Some(&cache.image)), ("cold", cache.cold.as_ref())];
            for (key, image) in images.into_iter().filter_map(|(key, image)| Some((key, image?))) {
                let parts = image.rsplit_once(':').filter(|(name, tag)| is_repository_name(name) && !tag.is_empty());
                if parts.is_none() {
                    let message = "a cached image is a repository and a tag, as docker.io/library/alpine:3.20";
                    return Err(self.error(&["cache", &at, key], message));
                }
            }
            if let Some(upstream) = &cache.upstream {
                let plain = upstream.scheme() == "https" || upstream.scheme() == "http" && is_loopback(upstream);
                let bare =
                    upstream.username().is_empty() && upstream.password().is_none() && upstream.query().is_none();
                let path = upstream.path().trim_matches('/');
                if !plain || !bare || upstream.host().is_none() || !(path.is_empty() || is_repository_name(path)) {
                    let message = "an upstream is an https address, and maybe a repository there, as \
                                   https://registry-1.docker.io/library/alpine, without credentials";
                    return Err(self.error(&["cache", &at, "upstream"], message));
                }
            }
            if cache.cold.as_ref() == Some(&cache.image) {
                let message = "the image for the cold fetch must not be one that other checks cache";
                return Err(self.error(&["cache", &at, "cold"], message));
            }
        }
        Ok(())
    }

    fn validate_promises(&self) -> Result<(), ScenarioError> {
        let scenario = &self.scenario;
        for (name, identity) in &scenario.identities {
            if name == "anonymous" {
                let message = "`anonymous` is built in and has no credentials; choose another name";
                return Err(self.error(&["identities", name], message));
            }
            if identity.username.trim().is_empty() || identity.username.contains(':') {
                let message = "a user name is not empty and has no colon (RFC 7617, section 2)";
                return Err(self.error(&["identities", name, "username"], message));
            }
        }
        super::access::validate(self)?;
        if let Some(login) = scenario.oidc.as_ref().and_then(|oidc| oidc.login.as_ref())
            && Profile::named(&login.profile).is_none()
        {
            let message = format!("unknown login profile `{}`; known are {}", login.profile, Profile::names());
            return Err(self.error(&["oidc", "login", "profile"], message));
        }
        if let Some(metrics) = &scenario.metrics
            && !metrics.path.starts_with('/')
        {
            return Err(self.error(&["metrics", "path"], "the path starts with a slash"));
        }
        if let Some(reader) = scenario.metrics.as_ref().and_then(|metrics| metrics.reader.as_ref())
            && !scenario.identities.contains_key(reader)
        {
            let message = format!("there is no identity `{reader}` under [identities]");
            return Err(self.error(&["metrics", "reader"], message));
        }
        if let Some(tags) = &scenario.tags
            && let Err(error) = regex::Regex::new(&tags.pattern)
        {
            return Err(self.error(&["tags", "pattern"], format!("not a regular expression: {error}")));
        }
        if !(1..=64).contains(&scenario.limits.concurrency) {
            return Err(self.error(&["limits", "concurrency"], "between 1 and 64 checks can run at once"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
