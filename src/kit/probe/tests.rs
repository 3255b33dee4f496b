//! Every probe is seen to turn red: on a lab that answers its request as a broken registry would, and nothing else wrongly.

use std::collections::{BTreeMap, BTreeSet};

use super::{Expect, Impact, Principal, Probe};
use crate::checks::{CHECKS, PROBES};
use crate::lab::{Door, Lab};
use crate::model::outcome::{Outcome, Verdict};
use crate::trial::{config, run_scenario};

const PUBLIC: &str = "blumeops/navidrome";
const PRIVATE: &str = "private/ledger";

/// What the lab's content is for a probe's placeholders; what differs from run to run is any text.
fn filled(template: &str, lab: &Lab) -> String {
    let digest = |key: &str| lab.digests().get(key).cloned().unwrap_or_else(|| "*".to_owned());
    let host = lab.url().trim_start_matches("http://").to_owned();
    let values: BTreeMap<&str, String> = [
        ("public", PUBLIC.to_owned()),
        ("tag", "latest".to_owned()),
        ("tag_encoded", "%6Catest".to_owned()),
        ("private", PRIVATE.to_owned()),
        ("private_encoded", "%70rivate/ledger".to_owned()),
        ("private_slash", "private%2Fledger".to_owned()),
        ("private_part", "ledger".to_owned()),
        ("private_tag", "v1.0.0-0123456".to_owned()),
        ("private_digest", digest("private/ledger:v1.0.0-0123456")),
        ("scratch", "blumeops/regproof".to_owned()),
        ("canary", "private/regproof".to_owned()),
        ("metrics", "/metrics".to_owned()),
        ("provider", "oidc".to_owned()),
        ("host", host),
        ("origin", lab.url().to_owned()),
        ("long", "a".repeat(8 << 10)),
        ("other_user", "erich".to_owned()),
        ("user", "zot-ci".to_owned()),
        ("key", lab.api_key("zot-ci").to_owned()),
        ("basic", basic(&format!("zot-ci:{}", lab.api_key("zot-ci")))),
        ("basic_no_colon", basic("zot-ci")),
    ]
    .into();
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), &value);
    }
    for any in ["{uuid}", "{random}", "{private_blob}", "{canary_blob}"] {
        text = text.replace(any, "*");
    }
    text
}

fn basic(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The door that this probe must find open.
fn door(probe: &Probe, lab: &Lab) -> Door {
    let pairs = |headers: &[(&str, &str)]| headers.iter().map(|(n, v)| ((*n).to_owned(), filled(v, lab))).collect();
    let target = filled(probe.shape.target, lab);
    // An absolute target arrives as its path.
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest[rest.find('/').unwrap_or(0)..].to_owned(),
        None => target,
    };
    Door {
        method: probe.shape.method.to_owned(),
        target: path,
        headers: pairs(probe.shape.headers),
        http10: probe.shape.raw == Some("1.0"),
        anonymous: probe.who == Principal::Anonymous,
        status: probe.bad.status,
        answer: pairs(probe.bad.headers),
        body: filled(probe.bad.body, lab),
    }
}

async fn outcome_with(id: &str, door: Option<Door>, lab: &Lab) -> Outcome {
    lab.open(door);
    let folder = tempfile::tempdir().unwrap();
    let file = lab.write_scenario(folder.path()).unwrap();
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("\n[probes]\nlitter = true\nstrain = true\n");
    std::fs::write(&file, text).unwrap();
    run_scenario(id, &file).await
}

fn verdict_of(outcome: &Outcome, probe: &Probe) -> Option<Verdict> {
    let name = format!("{} ({})", probe.id, probe.severity);
    outcome.cases.iter().find(|case| case.name == name).map(|case| case.verdict)
}

/// What is wrong with the probes of one check.
async fn faults(check: &str, probes: &[Probe]) -> Vec<String> {
    let lab = Lab::healthy().await.unwrap();
    let healthy = outcome_with(check, None, &lab).await;
    let mut wrong = Vec::new();
    for probe in probes {
        let good = verdict_of(&healthy, probe);
        let outcome = outcome_with(check, Some(door(probe, &lab)), &lab).await;
        let bad = verdict_of(&outcome, probe);
        if (good, bad) != (Some(Verdict::Pass), Some(Verdict::Fail)) {
            let case = outcome.cases.iter().find(|case| case.name.starts_with(probe.id));
            wrong.push(format!("{}: {good:?} healthy, {bad:?} open: {:?} {case:?}", probe.id, outcome.notes));
        }
    }
    wrong
}

#[tokio::test]
async fn every_probe_passes_on_the_healthy_lab_and_turns_red_behind_its_own_door() {
    let all = PROBES.iter().map(|(check, probes)| faults(check, probes));
    let wrong: Vec<String> = futures::future::join_all(all).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn probes_are_named_once_and_say_why() {
    let mut ids = BTreeSet::new();
    let mut count = 0;
    for (check, probes) in PROBES {
        assert!(CHECKS.iter().any(|known| known.id == *check), "{check}");
        assert!(!probes.is_empty(), "{check}");
        for probe in *probes {
            count += 1;
            assert!(ids.insert(probe.id), "{} is there twice", probe.id);
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(probe.id.chars().all(kebab), "{}", probe.id);
            for text in [probe.reason, probe.reference] {
                assert!(text.len() > 5 && text.is_ascii(), "{}: {text}", probe.id);
            }
            let reads = ["GET", "HEAD", "OPTIONS"].contains(&probe.shape.method);
            assert!(reads || probe.impact != Impact::ReadOnly, "{} is not read-only", probe.id);
            assert!(probe.text().contains(probe.reason));
            assert!(probe.expect != Expect::SameLogin || probe.bad.status == 302, "{}", probe.id);
        }
    }
    assert!(count >= 60, "{count} probes");
}

#[tokio::test]
async fn a_control_is_made_by_who_may_do_so_where_the_probes_ask() {
    const METHODS: &str = "bypass::method_override_is_ignored";
    let by_admins = config::run(METHODS, None, |config| {
        config["http"]["accessControl"]["repositories"][PUBLIC] = serde_json::json!({
            "anonymousPolicy": ["read"],
            "policies": [{ "groups": ["admins"], "actions": ["read", "create", "update", "delete"] }],
        });
    });
    let by_admins = by_admins.await;
    assert_eq!(by_admins.verdict, Verdict::Pass, "{:?}", by_admins.finding);
    let controls = |outcome: &Outcome| {
        let writes = outcome.transcript.iter().filter(|e| matches!(e.method.as_str(), "PUT" | "DELETE"));
        let there = writes.filter(|e| e.url.contains(PUBLIC));
        there.filter(|e| e.who != "anonymous").map(|e| e.who.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!(controls(&by_admins), ["admin".to_owned()].into());
    let by_nobody = config::run(METHODS, None, |config| {
        config["http"]["accessControl"]["repositories"][PUBLIC] = serde_json::json!({ "anonymousPolicy": ["read"] });
    });
    let by_nobody = by_nobody.await;
    assert_eq!(by_nobody.verdict, Verdict::Pass, "{:?}", by_nobody.finding);
    assert_eq!(controls(&by_nobody), BTreeSet::new());
    let left_out = |note: &String| note.contains(&format!("no identity may create in {PUBLIC}"));
    assert!(by_nobody.notes.iter().any(left_out), "{:?}", by_nobody.notes);
}
