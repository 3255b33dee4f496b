//! Which registry this is, and which release it claims to be, from what it says to anyone.
//!
//! A release is a claim; only a probe is a proof. Nothing here decides a verdict.

use std::sync::Arc;
use std::time::Duration;

use crate::check::Effect;
use crate::guard::{Guard, KeyUse};
use crate::metrics;
use crate::outcome::Fingerprint;
use crate::target::Target;
use crate::transcript::Recorder;
use crate::wire::{Answer, Client};

/// The fingerprint for the head of a report; empty where the registry does not answer.
pub(crate) async fn of_target(target: &Arc<Target>) -> Fingerprint {
    let guard = Arc::new(Guard { effect: Effect::ReadOnly, scratch: None, ends_sessions: false, key: KeyUse::None });
    let recorder = Recorder::new(Arc::clone(&target.redactor));
    let client = Client::new(&target.route, target.origin(), "anonymous", None, guard, recorder);
    let Ok(client) = client else { return Fingerprint::default() };
    let path = target.scenario().metrics.as_ref().map_or("/metrics", |metrics| metrics.path.as_str());
    let limit = Duration::from_secs(5).min(target.route.timeout);
    tokio::time::timeout(limit, of(&client, path)).await.unwrap_or_default()
}

/// Asks `/v2/`, the management extension and the metrics, as anyone may.
pub(crate) async fn of(client: &Client, metrics_path: &str) -> Fingerprint {
    let (api, management, metrics) = tokio::join!(
        client.get("/v2/").send(),
        client.get("/v2/_zot/ext/mgmt").send(),
        client.get(metrics_path).limit(2 << 20).send()
    );
    let mut print = Fingerprint::default();
    if let Ok(answer) = &api {
        by_api(&mut print, answer);
    }
    if let Ok(answer) = &management {
        by_management(&mut print, answer);
    }
    if let Ok(answer) = &metrics {
        by_metrics(&mut print, answer);
    }
    print
}

fn by_api(print: &mut Fingerprint, answer: &Answer) {
    let header = |name| answer.header(name).unwrap_or_default();
    if header("access-control-allow-headers").contains("X-ZOT-API-CLIENT") {
        print.product = Some("zot".to_owned());
        print.evidence.push("GET /v2/ allows the header X-ZOT-API-CLIENT".to_owned());
    } else if header("www-authenticate").starts_with("basic realm=")
        || (header("www-authenticate") == r#"Basic realm="Authorization Required""#
            && answer.json().is_ok_and(|body| body.get("code").is_some()))
    {
        print.product = Some("zot".to_owned());
        print.evidence.push("GET /v2/ answers with zot's challenge".to_owned());
    } else if header("docker-distribution-api-version") == "registry/2.0" {
        print.product = Some("a registry".to_owned());
        print.evidence.push("GET /v2/ says Docker-Distribution-Api-Version: registry/2.0".to_owned());
    }
}

fn by_management(print: &mut Fingerprint, answer: &Answer) {
    let release = answer.json().ok().and_then(|body| body.get("releaseTag")?.as_str().map(release_of));
    if answer.status == 200
        && let Some(Some(release)) = release
    {
        print.product = Some("zot".to_owned());
        print.release = Some(release);
        print.evidence.push("/v2/_zot/ext/mgmt names the release".to_owned());
    }
}

fn by_metrics(print: &mut Fingerprint, answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.body);
    let Ok(samples) = metrics::parse(&text) else { return };
    let Some(info) = samples.iter().find(|sample| sample.name == "zot_info") else { return };
    print.product = Some("zot".to_owned());
    print.evidence.push("the metrics have zot_info".to_owned());
    // Its label `version` is the distribution spec's; `commit` comes from `git describe` and starts with the release.
    if print.release.is_none() {
        print.release = info.label("commit").and_then(release_of);
    }
}

/// `v2.1.20` from `v2.1.20` or `v2.1.20-0-g3b5796d`.
fn release_of(text: &str) -> Option<String> {
    let tag = text.split('-').next()?;
    let numbers: Vec<&str> = tag.strip_prefix('v')?.split('.').collect();
    let whole = numbers.len() == 3 && numbers.iter().all(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    whole.then(|| tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_read_from_a_tag_or_a_description() {
        assert_eq!(release_of("v2.1.20-0-g3b5796d"), Some("v2.1.20".into()));
        assert_eq!(release_of("v2.1.15"), Some("v2.1.15".into()));
        for other in ["", "3b5796d", "v2", "v2.1.x", "v2.1."] {
            assert_eq!(release_of(other), None, "{other}");
        }
    }
}
