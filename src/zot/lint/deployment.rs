//! Lints of everything but access rules: listener, sessions, time-outs, metrics, cache, and what zot drops.

use std::time::Duration;

use super::fix::Change;
use super::{Findings, Severity};
use crate::zot::config::Config;
use crate::zot::policy::{DOCKER_MUST_LOG_IN, METRICS_ANONYMOUS_POLICY};
use crate::zot::release::Release;

/// From this release cookies are Secure by configuration only.
const SECURE_BY_CONFIG: Release = Release::new(2, 1, 11);
/// From this release there are time-outs, by default too, and conditions of policies.
pub(super) const TIMEOUTS_AND_CONDITIONS: Release = Release::new(2, 1, 17);

pub(super) fn lint(config: &Config, release: Option<Release>, findings: &mut Findings) {
    let since = |first: Release| release.is_none_or(|release| release >= first);
    // A default of zot is reported only where the release is known to have it.
    let surely = |first: Release| release.is_some_and(|release| release >= first);
    listener(config, findings);
    sessions(config, since(SECURE_BY_CONFIG), findings);
    timeouts(config, surely(TIMEOUTS_AND_CONDITIONS), findings);
    metrics(config, since(METRICS_ANONYMOUS_POLICY), findings);
    docker(config, surely(DOCKER_MUST_LOG_IN), findings);
    rate(config, findings);
    upstreams(config, findings);
    dropped(config, findings);
}

fn listener(config: &Config, findings: &mut Findings) {
    let address = config.http.listen_address();
    let everywhere = matches!(address, "" | "0.0.0.0" | "::" | "[::]");
    if everywhere && !config.serves_tls() {
        let place = config.http.address.as_ref().map_or(config.http.place, |at| at.place);
        let port = config.http.listen_port();
        let empty = if config.http.tls.is_some() {
            " (`http.tls` has no certificate and key, so it has no effect)"
        } else {
            ""
        };
        let consequence = format!("port {port} answers in clear text on every interface, past any proxy{empty}");
        let remedy = format!(
            "in a container this address is needed: publish the port on loopback or the proxy's network alone, as \
             `-p 127.0.0.1:{port}:{port}`, or set a network policy; elsewhere bind 127.0.0.1, or set `http.tls`"
        );
        findings.add("lint::plain_listener", place, consequence, &remedy);
        findings.fix("http (not in a container)", &[Change::set("address", address, "127.0.0.1")]);
    }
}

fn sessions(config: &Config, by_config: bool, findings: &mut Findings) {
    let https = config.http.external_url.as_ref().filter(|url| url.value.to_ascii_lowercase().starts_with("https://"));
    if let (Some(url), true, true, false) = (https, by_config, config.auth.accepts_basic(), config.secure_session()) {
        let place = config.auth.secure_session.as_ref().map_or(url.place, |at| at.place);
        let consequence = "behind TLS that a proxy ends, session cookies are set without `Secure`".to_owned();
        findings.add("lint::insecure_session", place, consequence, "set `http.auth.secureSession` to true");
        findings.fix("http.auth", &[Change::add("secureSession", true)]);
    }
    let Some(openid) = config.auth.openid else {
        return;
    };
    if config.http.external_url.is_none() {
        let (address, port) = (config.http.listen_address(), config.http.listen_port());
        let scheme = if config.http.tls.is_some() { "https" } else { "http" };
        let consequence = format!("zot tells the identity provider to return to {scheme}://{address}:{port}");
        findings.add("lint::no_external_url", openid, consequence, "set `http.externalUrl` to what users open");
    }
    if let Some(off) = config.auth.api_key.as_ref().filter(|at| !at.value) {
        let consequence = "API keys stay on, because `openid` is configured".to_owned();
        let remedy = "remove the line, or revoke the keys that must not work";
        findings.add("lint::apikey_false_has_no_effect", off.place, consequence, remedy);
        findings.fix("http.auth", &[Change::remove("apikey", false)]);
    }
    let kept = config.auth.session_keys_file.is_some()
        || config.auth.session_driver.as_ref().is_some_and(|driver| driver.value == "redis")
        || config.keys.iter().any(|key| key.eq_ignore_ascii_case("http.auth.sessionHashKey"));
    if !kept {
        let consequence =
            "zot makes a new session key at each start: a restart ends every login, and a second node knows none";
        let remedy =
            "write `hashKey` and `encryptKey` into a file that only zot may read, and name it in `sessionKeysFile`";
        findings.add("lint::random_session_keys", openid, consequence.to_owned(), remedy);
        findings.fix("http.auth", &[Change::add("sessionKeysFile", "/etc/zot/session-keys.json")]);
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
                    findings.fix("http", &[Change::add(name, "10m")]);
                }
            }
        }
    }
    if defaults && !unset.is_empty() {
        let what = unset.join(" and ");
        let verb = if unset.len() > 1 { "are" } else { "is" };
        let consequence = format!(
            "{what} {verb} not set: from {TIMEOUTS_AND_CONDITIONS} on, a push or pull that takes longer than 60 s is cut"
        );
        let remedy = "set both to what the largest layer needs";
        findings.add("lint::default_timeouts", config.http.place, consequence, remedy);
        let keys = unset.iter().map(|name| name.trim_matches('`').trim_start_matches("http."));
        findings.fix("http", &keys.map(|key| Change::add(key, "30m")).collect::<Vec<_>>());
    }
}

fn rate(config: &Config, findings: &mut Findings) {
    if let Some(limit) = config.http.rate_limits.iter().min_by_key(|limit| limit.rate.value) {
        let rate = &limit.rate;
        let of_method = limit.method.as_ref().map_or(String::new(), |method| format!(" {method}"));
        let consequence = format!(
            "zot answers more than {}{of_method} requests a second, of all clients together, with 429: pulls of images with many \
             layers, or by a dozen nodes at once, may fail",
            rate.value
        );
        let remedy = "set it well above what all clients ask at once; regproof itself asks no faster";
        findings.add("lint::rate_limit", rate.place, consequence, remedy);
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
        if current && !open {
            let changes = [Change::remove("users", vec![""]), Change::add("anonymousPolicy", vec!["read"])];
            findings.fix("http.accessControl.metrics", &changes);
        }
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
            let consequence = format!("anyone between zot and {url} can replace what is cached");
            findings.add(
                "lint::tls_verify_off",
                off.place,
                consequence,
                "remove `tlsVerify`, and give `certDir` the upstream's CA",
            );
            findings.fix("extensions.sync.registries", &[Change::remove("tlsVerify", false)]);
        }
    }
}

fn dropped(config: &Config, findings: &mut Findings) {
    for at in &config.vanished {
        let lower = at.value.to_ascii_lowercase();
        let consequence = if lower == "http.accesscontrol" || lower == "http" && config.access.is_none() {
            "zot reads no `accessControl` at all: every user who can log in may do everything".to_owned()
        } else if let Some(pattern) =
            lower.strip_prefix("http.accesscontrol.repositories.").filter(|rest| !is_inside(rest))
        {
            format!("zot does not see `{pattern}`: shorter patterns that match decide")
        } else if lower == "extensions.metrics" && config.extensions.metrics.is_none() {
            "together with other extensions an empty `metrics` is dropped: there are no metrics".to_owned()
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
