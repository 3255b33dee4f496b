//! The answers that belong to no repository: the metrics and `/v2/`.

use super::{Decision, Rule, Who, by_token, has, without_access_control};
use crate::zot::config::Config;
use crate::zot::release::Release;

/// From this release `/metrics` asks `metrics.anonymousPolicy` about clients without credentials.
pub const METRICS_ANONYMOUS_POLICY: Release = Release::new(2, 1, 18);

/// Whether `who` may scrape the metrics. Without a known release the newest rules apply.
#[must_use]
pub fn metrics_decision(config: &Config, release: Option<Release>, who: &Who) -> Decision {
    let Some(extension) = &config.extensions.metrics else {
        return Decision::Denied("the metrics extension is off".to_owned());
    };
    if let Some(bearer) = by_token(config) {
        return bearer;
    }
    let nobody = Who::anonymous();
    let who = if config.can_authenticate() { who } else { &nobody };
    let Some(access) = &config.access else {
        return without_access_control(config, who);
    };
    let current = release.is_none_or(|release| release >= METRICS_ANONYMOUS_POLICY);
    let metrics = &access.metrics;
    let open = current && has(&metrics.anonymous, "read");
    if who.is_anonymous() && config.can_authenticate() && !access.lets_anonymous_in() && !open {
        return Decision::Denied("no `anonymousPolicy` lets a client without credentials in".to_owned());
    }
    let (allowed, what) = if who.is_anonymous() && current {
        (open, "metrics.anonymousPolicy")
    } else {
        (has(&metrics.users, &who.name), "metrics.users")
    };
    if allowed {
        let place = metrics.place.unwrap_or(extension.place);
        return Decision::Allowed(Rule { what: what.to_owned(), place });
    }
    let name = if who.is_anonymous() { "anonymous clients" } else { &who.name };
    Decision::Denied(format!("`{what}` does not list {name}"))
}

/// From this release `/v2/` asks Docker for credentials where anonymous and other policies are mixed.
pub const DOCKER_MUST_LOG_IN: Release = Release::new(2, 1, 16);

/// Whether `GET /v2/` is answered with 200 (and not 401); `None` where bearer tokens make it unknown. `docker` tells
/// whether the user agent is Docker's own.
#[must_use]
pub fn ping_answer(config: &Config, release: Option<Release>, who: &Who, docker: bool) -> Option<bool> {
    if config.auth.bearer.is_some() {
        return None;
    }
    if !config.can_authenticate() || !who.is_anonymous() {
        return Some(true);
    }
    let Some(access) = &config.access else {
        return Some(false);
    };
    let current = release.is_none_or(|release| release >= DOCKER_MUST_LOG_IN);
    let asked = docker && current && access.is_mixed() && config.auth.accepts_basic();
    Some(access.lets_anonymous_in() && !asked)
}
