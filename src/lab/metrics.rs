//! The metrics: zot's own series, really counted, in the Prometheus text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::answer::Answer;
use super::config::{Config, Release};
use super::counters::NO_REPOSITORY;
use super::policy::Action;
use super::routes::is_name;
use super::state::{Shared, held};
use super::weakness::Weakness;
use crate::lab::accounts::User;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
/// What zot is built for, and what its `zot_info` calls the version.
const DIST_SPEC: &str = "1.1.1";

/// Whether `user` may scrape.
pub(crate) fn allows(config: &Config, user: Option<&User>) -> bool {
    match user {
        // Up to v2.1.17 anonymous is the user with the empty name.
        None if config.release < Release::V2_1_18 => config.metrics.users.iter().any(String::is_empty),
        None => config.metrics.anonymous,
        Some(user) => config.metrics.users.contains(&user.name),
    }
}

pub(crate) fn answer(shared: &Shared) -> Answer {
    let mut text = String::from(
        "# HELP go_goroutines Number of goroutines that currently exist.\n\
         # TYPE go_goroutines gauge\n\
         go_goroutines 27\n\
         # HELP go_info Information about the Go environment.\n\
         # TYPE go_info gauge\n\
         go_info{version=\"go1.25.7\"} 1\n",
    );
    if !shared.config.has(Weakness::MetricsOnlyGo) {
        registry_series(shared, &mut text);
    }
    Answer::bytes(200, CONTENT_TYPE, text)
}

fn registry_series(shared: &Shared, text: &mut String) {
    let counters = held(&shared.counters);
    let requests: Vec<(String, u64)> = counters
        .requests
        .iter()
        .map(|((status, method), count)| (format!("code=\"{status}\",method=\"{}\"", escape(method)), *count))
        .collect();
    series(text, "zot_http_requests_total", "counter", "Total number of http request in zot", &requests);
    // `version` is that of the distribution specification; the release is in `commit`. The value is 0, also in zot.
    let info = format!(
        "binaryType=\"-metrics-profile-sync\",commit=\"{}\",goVersion=\"\",version=\"{DIST_SPEC}\"",
        shared.config.release.version()
    );
    series(text, "zot_info", "gauge", "Server general information", &[(info, 0)]);
    let shown = |repo: &str| may_be_named(&shared.config, repo);
    let by_repo = |counts: &BTreeMap<String, u64>| -> Vec<(String, u64)> {
        counts
            .iter()
            .filter(|(repo, _)| shown(repo))
            .map(|(repo, count)| (format!("repo=\"{}\"", escape(repo)), *count))
            .collect()
    };
    let (downloads, uploads) = (by_repo(&counters.downloads), by_repo(&counters.uploads));
    series(text, "zot_repo_downloads_total", "counter", "Total number times an image was downloaded", &downloads);
    series(text, "zot_repo_uploads_total", "counter", "Total number times an image was uploaded", &uploads);
    let _ = writeln!(
        text,
        "# HELP zot_http_repo_latency_seconds Latency of serving HTTP requests\n\
         # TYPE zot_http_repo_latency_seconds summary"
    );
    for (labels, count) in by_repo(&counters.repositories) {
        let _ = writeln!(text, "zot_http_repo_latency_seconds_sum{{{labels}}} {}", f64::from(count as u32) * 0.001);
        let _ = writeln!(text, "zot_http_repo_latency_seconds_count{{{labels}}} {count}");
    }
    drop(counters);
    let store = held(&shared.store);
    let sizes: Vec<(String, u64)> = store
        .names()
        .filter(|name| shown(name))
        .map(|name| (format!("repo=\"{}\"", escape(name)), store.size_of(name) as u64))
        .collect();
    series(text, "zot_repo_storage_bytes", "gauge", "Storage used per zot repo", &sizes);
}

/// zot names every repository, and whatever a path had in its place; a hardened registry names what anyone may read.
fn may_be_named(config: &Config, repository: &str) -> bool {
    if config.has(Weakness::MetricsNamePrivateRepositories) || repository == NO_REPOSITORY {
        return true;
    }
    let readable = config.policy.as_ref().is_none_or(|policy| policy.allows(None, Action::Read, repository));
    is_name(repository) && readable
}

fn series(text: &mut String, name: &str, kind: &str, help: &str, samples: &[(String, u64)]) {
    if samples.is_empty() {
        return;
    }
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
