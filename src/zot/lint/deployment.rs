//! Lints of everything but access rules: listener, sessions, time-outs, metrics, cache, and what zot drops.

use std::time::Duration;

use super::{Findings, Severity};
use crate::zot::config::Config;
use crate::zot::policy::{DOCKER_MUST_LOG_IN, METRICS_ANONYMOUS_POLICY};
use crate::zot::release::Release;

/// From this release cookies are Secure by configuration only.
const SECURE_BY_CONFIG: Release = Release::new(2, 1, 11);
/// From this release there are time-outs, by default too, and conditions of policies.
const TIMEOUTS_AND_CONDITIONS: Release = Release::new(2, 1, 17);

pub(super) fn lint(config: &Config, release: Option<Release>, findings: &mut Findings) {
    let since = |first: Release| release.is_none_or(|release| release >= first);
    listener(config, findings);
    sessions(config, since(SECURE_BY_CONFIG), findings);
    timeouts(config, since(TIMEOUTS_AND_CONDITIONS), findings);
    if !since(TIMEOUTS_AND_CONDITIONS) {
        too_new(config, findings);
    }
    metrics(config, since(METRICS_ANONYMOUS_POLICY), findings);
    docker(config, since(DOCKER_MUST_LOG_IN), findings);
    upstreams(config, findings);
    dropped(config, findings);
}

fn listener(config: &Config, findings: &mut Findings) {
    let address = config.http.listen_address();
    let everywhere = matches!(address, "" | "0.0.0.0" | "::" | "[::]");
    if everywhere && config.http.tls.is_none() {
        let place = config.http.address.as_ref().map_or(config.http.place, |at| at.place);
        let port = config.http.listen_port();
        let consequence = format!("port {port} answers in clear text on every interface, past any proxy");
        findings.add(
            "lint::plain_listener",
            place,
            consequence,
            "bind 127.0.0.1 or the proxy's network, or set `http.tls`",
        );
    }
}

fn sessions(config: &Config, by_config: bool, findings: &mut Findings) {
    let https = config.http.external_url.as_ref().filter(|url| url.value.to_ascii_lowercase().starts_with("https://"));
    if let (Some(url), true, true, false) = (https, by_config, config.auth.accepts_basic(), config.secure_session()) {
        let place = config.auth.secure_session.as_ref().map_or(url.place, |at| at.place);
        let consequence = "behind TLS that a proxy ends, session cookies are set without `Secure`".to_owned();
        findings.add("lint::insecure_session", place, consequence, "set `http.auth.secureSession` to true");
    }
    let Some(openid) = config.auth.openid else {
        return;
    };
    if config.http.external_url.is_none() {
        let (address, port) = (config.http.listen_address(), config.http.listen_port());
        let scheme = if config.http.tls.is_some() { "https" } else { "http" };
        let consequence = format!("the identity provider is told to return to {scheme}://{address}:{port}");
        findings.add("lint::no_external_url", openid, consequence, "set `http.externalUrl` to what users open");
    }
    if let Some(off) = config.auth.api_key.as_ref().filter(|at| !at.value) {
        let consequence = "API keys stay on, because `openid` is configured".to_owned();
        let remedy = "remove the line, or revoke the keys that must not work";
        findings.add("lint::apikey_false_has_no_effect", off.place, consequence, remedy);
    }
}

fn timeouts(config: &Config, defaults: bool, findings: &mut Findings) {
    let set = [("readTimeout", &config.http.read_timeout), ("writeTimeout", &config.http.write_timeout)];
    let mut unset = Vec::new();
    for (name, limit) in set {
        match limit {
            None => unset.push(format!("`http.{name}`")),
            Some(at) => {
                if let Some(short) = at.value.filter(|duration| *duration < Duration::from_secs(1)) {
                    let consequence = format!("`{name}` is {short:?}: no transfer can finish");
                    findings.add("lint::timeout_in_nanoseconds", at.place, consequence, "write a unit, such as `10m`");
                }
            }
        }
    }
    if defaults && !unset.is_empty() {
        let what = unset.join(" and ");
        let consequence = format!("{what} are not set: a push or pull that takes longer than 60 s is cut");
        findings.add(
            "lint::default_timeouts",
            config.http.place,
            consequence,
            "set both to what the largest layer needs",
        );
    }
}

fn too_new(config: &Config, findings: &mut Findings) {
    let limits = [("readTimeout", &config.http.read_timeout), ("writeTimeout", &config.http.write_timeout)];
    let limits = limits.into_iter().filter_map(|(name, limit)| Some((name, limit.as_ref()?.place)));
    let access = config.access.iter();
    let policies =
        access.flat_map(|access| access.repositories.iter().flat_map(|rule| &rule.policies).chain(&access.admin));
    let conditions = policies.flat_map(|policy| &policy.conditions);
    let conditions = conditions.map(|condition| ("conditions", condition.expression.place));
    for (name, place) in limits.chain(conditions) {
        let consequence = format!("releases before {TIMEOUTS_AND_CONDITIONS} do not know `{name}` and do not start");
        findings.add("lint::key_too_new", place, consequence, "upgrade zot, or remove the key");
    }
}

fn metrics(config: &Config, current: bool, findings: &mut Findings) {
    let (Some(access), Some(extension)) = (&config.access, &config.extensions.metrics) else {
        return;
    };
    let metrics = &access.metrics;
    let open = metrics.anonymous.iter().any(|at| at.value == "read");
    let remedy = "set `metrics.anonymousPolicy` to [\"read\"]";
    if let Some(empty) = metrics.users.iter().find(|user| user.value.is_empty()) {
        let (severity, consequence) = match (current, open) {
            (true, false) => {
                (Severity::High, "scraping without credentials is refused with 401 from v2.1.18".to_owned())
            }
            (true, true) => (Severity::Low, "the empty name has no effect from v2.1.18".to_owned()),
            (false, _) => (Severity::Low, "an upgrade to v2.1.18 or later closes the metrics".to_owned()),
        };
        let remedy = if open { "remove the empty name" } else { remedy };
        findings.add_with("lint::metrics_form", severity, empty.place, consequence, remedy);
    }
    let Some(first) = metrics.anonymous.first() else {
        return;
    };
    if !current {
        let consequence = "releases before v2.1.18 do not know `metrics.anonymousPolicy` and do not start".to_owned();
        findings.add("lint::metrics_form", first.place, consequence, "use `metrics.users: [\"\"]`, or upgrade");
    } else if open && metrics.users.iter().all(|user| user.value.is_empty()) {
        let consequence = format!("a scraper of `{}` that sends credentials is refused with 403", extension.value);
        findings.add("lint::metrics_users_missing", first.place, consequence, "list such scrapers in `metrics.users`");
    }
}

fn docker(config: &Config, current: bool, findings: &mut Findings) {
    let Some(access) = config.access.as_ref().filter(|access| access.is_mixed()) else {
        return;
    };
    if current && config.auth.accepts_basic() {
        let place =
            access.repositories.iter().find(|rule| !rule.anonymous.is_empty()).and_then(|rule| rule.anonymous_place);
        let consequence =
            "`GET /v2/` asks Docker for credentials, so `docker pull` without a login may fail".to_owned();
        let remedy = "have Docker users log in or use the containerd image store, and prove it with a real pull";
        findings.add("lint::docker_must_log_in", place.unwrap_or(access.place), consequence, remedy);
    }
}

fn upstreams(config: &Config, findings: &mut Findings) {
    for upstream in &config.extensions.upstreams {
        if let Some(off) = upstream.tls_verify.as_ref().filter(|at| !at.value) {
            let url = upstream.urls.first().map_or("the upstream", |url| &url.value);
            let consequence = format!("whoever stands between zot and {url} decides what is cached");
            findings.add(
                "lint::tls_verify_off",
                off.place,
                consequence,
                "remove `tlsVerify`, and give `certDir` the upstream's CA",
            );
        }
    }
}

fn dropped(config: &Config, findings: &mut Findings) {
    for at in &config.vanished {
        let lower = at.value.to_ascii_lowercase();
        let consequence = if lower == "http.accesscontrol" || lower == "http" && config.access.is_none() {
            "zot reads no `accessControl` at all: whoever logs in may do everything".to_owned()
        } else if let Some(pattern) =
            lower.strip_prefix("http.accesscontrol.repositories.").filter(|rest| !is_inside(rest))
        {
            format!("zot does not see `{pattern}`: shorter patterns that match decide")
        } else if lower == "extensions.metrics" && config.extensions.metrics.is_none() {
            "beside other extensions an empty `metrics` is dropped: there are no metrics".to_owned()
        } else {
            continue;
        };
        let remedy = "write what is meant: `\"anonymousPolicy\": []` for a pattern that grants nothing, `\"enable\": true` for an extension";
        findings.add("lint::empty_object_dropped", at.place, consequence, remedy);
    }
}

/// Whether the path goes on into a pattern's own keys.
fn is_inside(path: &str) -> bool {
    [".policies", ".defaultpolicy", ".anonymouspolicy"].iter().any(|key| path.ends_with(key))
}
