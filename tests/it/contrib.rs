//! What `contrib/` offers fits the program: names of metrics, command lines, and formats that their readers accept.
//!
//! Where a reader's own tool is on this machine, it judges; where not, the skip is said.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use regex::Regex;

use crate::support;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

const RULES: &str = "contrib/prometheus/regproof.rules.yml";
const FIRED: &str = "contrib/prometheus/regproof.test.yml";
const DASHBOARD: &str = "contrib/grafana/regproof.json";
const SERVICE: &str = "contrib/systemd/regproof.service";
const TIMER: &str = "contrib/systemd/regproof.timer";
const PLIST: &str = "contrib/launchd/regproof.plist";
const CRONJOB: &str = "contrib/kubernetes/cronjob.yaml";

/// Every metric that the program can tell, from where it is named.
fn metrics() -> BTreeSet<String> {
    let mut sources = vec![path("src/report/prometheus.rs")];
    for area in std::fs::read_dir(path("checks")).unwrap().map(|entry| entry.unwrap().path()).filter(|it| it.is_dir()) {
        sources.extend(std::fs::read_dir(area).unwrap().map(|entry| entry.unwrap().path()));
    }
    let named = Regex::new(r#"\.(?:add|count|measure)\(\s*"([a-z_]+)""#).unwrap();
    let texts = sources.iter().map(|source| std::fs::read_to_string(source).unwrap());
    let texts: String = texts.collect();
    let names: BTreeSet<String> = named.captures_iter(&texts).map(|found| format!("regproof_{}", &found[1])).collect();
    assert!(names.contains("regproof_check_verdict") && names.contains("regproof_key_days_left"), "{names:?}");
    names
}

#[test]
fn every_metric_of_the_alerts_and_the_dashboard_exists() {
    let known = metrics();
    let name = Regex::new(r"\bregproof_[a-z_]+\b").unwrap();
    for file in [RULES, FIRED, DASHBOARD] {
        let text = read(file);
        let used: BTreeSet<&str> = name.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(used.len() > 4, "{file} uses {used:?}");
        for used in used {
            assert!(known.contains(used), "{file} uses {used}, which is none of {known:?}");
        }
    }
}

#[test]
fn the_alerts_are_rules_and_each_was_seen_to_fire() {
    let rules: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read(RULES)).unwrap();
    let fired = read(FIRED);
    let mut alerts = BTreeSet::new();
    for group in rules["groups"].as_sequence().unwrap() {
        for rule in group["rules"].as_sequence().unwrap() {
            let alert = rule["alert"].as_str().unwrap();
            assert!(alerts.insert(alert.to_owned()), "{alert} is there twice");
            assert!(fired.contains(&format!("alertname=\"{alert}\"")), "{FIRED} does not let {alert} fire");
            assert!(rule["expr"].is_string() && rule["labels"]["severity"].is_string(), "{alert}");
            assert!(rule["annotations"]["summary"].is_string(), "{alert}");
        }
    }
    if support::on_path("promtool").is_none() {
        support::skip(
            "the_alerts_are_rules_and_each_was_seen_to_fire",
            "promtool is not on PATH; it is in the package prometheus",
        );
        return;
    }
    judged(Command::new("promtool").args(["check", "rules"]).arg(path(RULES)));
    judged(Command::new("promtool").args(["test", "rules"]).arg(path(FIRED)));
}

#[test]
fn the_dashboard_asks_through_its_own_variables() {
    let dashboard: serde_json::Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
            assert!(target["expr"].as_str().unwrap().contains("scenario=~\"$scenario\""), "{target}");
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "scenario"]);
}

#[test]
fn systemd_takes_the_units() {
    let service = read(SERVICE);
    let start = service.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/env ")).unwrap();
    understood(start.split(' '));
    // What a user of the moment writes is below a folder that the node exporter cannot enter.
    let set = |key: &str| service.lines().any(|line| line.starts_with(key));
    assert!(set("User=regproof") && !set("DynamicUser="));
    let watch = service.lines().find_map(|line| line.strip_prefix("#   ExecStart=/usr/bin/env ")).unwrap();
    understood(watch.split(' '));
    if support::on_path("systemd-analyze").is_none() {
        support::skip("systemd_takes_the_units", "systemd-analyze is not on PATH");
        return;
    }
    judged(Command::new("systemd-analyze").arg("verify").args([path(SERVICE), path(TIMER)]));
}

#[test]
fn the_property_list_starts_the_program() {
    let text = read(PLIST);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(&text, options).unwrap();
    let dict = document.root_element().first_element_child().unwrap();
    let members: Vec<_> = dict.children().filter(roxmltree::Node::is_element).collect();
    for pair in members.chunks(2) {
        assert!(pair.len() == 2 && pair[0].has_tag_name("key") && !pair[1].has_tag_name("key"), "{pair:?}");
    }
    let arguments = members.chunks(2).find(|pair| pair[0].text() == Some("ProgramArguments")).unwrap()[1];
    understood(arguments.children().filter(roxmltree::Node::is_element).map(|child| child.text().unwrap()));
}

#[test]
fn the_cron_job_runs_the_program_without_rights() {
    let job: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read(CRONJOB)).unwrap();
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let words = |key: &str| container[key].as_sequence().unwrap().iter().map(|word| word.as_str().unwrap());
    understood(words("command").chain(words("args")));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let volumes: BTreeSet<_> = pod["volumes"].as_sequence().unwrap().iter().map(|it| it["name"].as_str()).collect();
    let mounts = container["volumeMounts"].as_sequence().unwrap().iter().map(|it| it["name"].as_str());
    assert_eq!(mounts.collect::<BTreeSet<_>>(), volumes);
}

#[test]
fn nothing_names_a_host() {
    let url = Regex::new(r"https?://([^/\s]+)").unwrap();
    for file in [RULES, FIRED, DASHBOARD, SERVICE, TIMER, PLIST, CRONJOB] {
        for found in url.captures_iter(&read(file)) {
            assert_eq!(&found[1], "www.apple.com", "{file}: only the type of the property list may be a URL");
        }
    }
}

/// The command line is one of this program's.
#[track_caller]
fn understood<'a>(words: impl Iterator<Item = &'a str>) {
    let words: Vec<&str> = words.collect();
    assert!(words[0].ends_with("regproof"), "{words:?}");
    if let Err(error) = regproof::cli::Cli::try_parse_from(&words) {
        panic!("{words:?}: {error}");
    }
}

/// The tool finds nothing to say against it.
#[track_caller]
fn judged(tool: &mut Command) {
    let done = tool.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
}
