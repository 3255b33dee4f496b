//! Lints of keys and values as they stand: keys that this release lacks, keys written twice, placeholders, secrets.

use super::fix::Change;
use super::{Findings, Severity};
use crate::zot::config::Config;
use crate::zot::release::Release;
use crate::zot::schema::NEWEST;

pub(super) fn lint(config: &Config, release: Option<Release>, findings: &mut Findings) {
    dated(config, release, findings);
    for at in &config.overruled {
        let consequence =
            format!("`{}` is twice in one object, and zot takes the last one: this one does not count", at.value);
        findings.add("lint::key_written_twice", at.place, consequence, "remove one of the two");
    }
    for at in &config.placeholders {
        let consequence = format!("zot does not fill in `{}`: it takes the text as it is", at.value);
        let remedy = "name the file in which the values are filled in";
        findings.add("lint::placeholder", at.place, consequence, remedy);
    }
    secrets(config, findings);
}

fn dated(config: &Config, release: Option<Release>, findings: &mut Findings) {
    let mut told: Vec<&str> = Vec::new();
    for key in &config.dated {
        if told.contains(&key.path.as_str()) {
            continue;
        }
        let newer = key.since.is_none_or(|since| since > NEWEST);
        let lacking = release.is_some_and(|release| key.since.is_some_and(|since| since > release));
        match (lacking, release) {
            // Another lint says how to write it there.
            (true, _) if key.path == "http.accessControl.metrics.anonymousPolicy" => continue,
            (true, Some(release)) => {
                let since = key.since.filter(|since| *since <= NEWEST);
                let since = since.map_or_else(|| format!("after {NEWEST}"), |since| format!("with {since}"));
                let consequence =
                    format!("{release} does not know `{}` and does not start; the key came {since}", key.path);
                findings.add("lint::key_too_new", key.place, consequence, "upgrade zot, or remove the key");
            }
            _ if newer => {
                let consequence = format!(
                    "no release up to {NEWEST} knows `{}`, and none of them starts with it: this zot may be newer",
                    key.path
                );
                let remedy = "name zot's release: `release` in [registry]; the effect of the key is not proven";
                findings.add_with("lint::key_newer_than_known", Severity::Low, key.place, consequence, remedy);
            }
            _ => continue,
        }
        told.push(&key.path);
    }
}

fn secrets(config: &Config, findings: &mut Findings) {
    for at in &config.secrets {
        let consequence =
            format!("`{}` is a secret: everyone who can read this file, or its history, knows it", at.value);
        let client = at.value.to_lowercase().ends_with(".clientsecret");
        let remedy = match client {
            true => {
                "put client id and secret into a file that only zot may read, and name it in `credentialsFile`; then change the secret"
            }
            false => {
                "keep it out of the file, where zot offers a file or the environment for it; then change the secret"
            }
        };
        findings.add("lint::secret_in_the_file", at.place, consequence, remedy);
        if client {
            let section = at.value.rsplit_once('.').map_or("", |(section, _)| section);
            let changes =
                [Change::remove("clientsecret", "…"), Change::add("credentialsFile", "/etc/zot/oidc-credentials.json")];
            findings.fix(section, &changes);
        }
    }
}
