//! The operator's own scenario, as it is shipped, on a real hardened zot with a real provider, browser and upstream.
//!
//! Only addresses and secrets are those of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::hardened::write_secret;
use crate::support::process::run_within;
use crate::support::provider::{ADMIN, CI};
use crate::support::world::{PUBLIC, World};
use regproof::check::machine::Machine;
use regproof::model::outcome::Verdict;

const METRICS: &str = "metrics::anonymous_can_scrape";

/// `scenarios/blumeops.toml` with the addresses and secrets of this world.
fn scenario(world: &World, folder: &Path) -> PathBuf {
    let secret = |name: &str, text: &str| {
        let file = folder.join(name);
        write_secret(&file, text);
        format!("{{ file = \"{}\" }}", file.display())
    };
    let mut text = include_str!("../../scenarios/blumeops.toml").to_owned();
    for (old, new) in [
        ("https://registry.ops.eblu.me", world.zot.url.clone()),
        ("https://authentik.ops.eblu.me/application/o/zot/", world.provider.issuer.clone()),
        ("{ env = \"ZOT_CI_API_KEY\" }", secret("ci.key", &world.keys.ci)),
        ("{ env = \"REGPROOF_LOGIN_USER\" }", secret("login.user", CI.name)),
        ("{ env = \"REGPROOF_LOGIN_PASSWORD\" }", secret("login.password", CI.password)),
        // A busy machine is no finding.
        ("deadline = \"60s\"", "deadline = \"300s\"".to_owned()),
        ("request_timeout = \"10s\"", "request_timeout = \"60s\"".to_owned()),
    ] {
        assert!(text.contains(old), "the scenario no longer says {old}");
        text = text.replace(old, &new);
    }
    let file = folder.join("blumeops.toml");
    std::fs::write(&file, text).expect("the scenario can be written");
    file
}

/// The exit status of the program and what it printed.
fn regproof(scenario: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.arg("run").arg(scenario).args(more).env_remove("RUST_LOG");
    let done = run_within(&mut command, Duration::from_secs(900));
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_shipped_scenario_holds_on_a_hardened_registry_and_notices_closed_metrics() {
    let Some(world) = World::start("the_shipped_scenario_holds_on_a_hardened_registry_and_notices_closed_metrics")
    else {
        return;
    };
    // The operator tags releases alone.
    let latest = format!("/v2/{PUBLIC}/manifests/latest");
    world.request("DELETE", &latest).credentials(world.credentials(&ADMIN)).send().must_be(202);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (status, text) = regproof(&scenario(&world, folder.path()), &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("WARN") && !text.contains("FAIL"), "{text}");
    let (status, text) = regproof(&scenario(&world, folder.path()), &["--strict"]);
    assert_eq!(status, Some(1), "{text}");
    let world = world.reconfigure(|config| {
        config["http"]["accessControl"]["metrics"] = serde_json::json!({ "users": [""] });
    });
    let (status, text) = regproof(&scenario(&world, folder.path()), &[]);
    assert_eq!(status, Some(1), "{text}");
    let run = crate::support::judge::run(&scenario(&world, folder.path()), &[], &Machine::here(false));
    let failed = run.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Fail && !outcome.warns());
    assert_eq!(failed.map(|outcome| outcome.id.as_str()).collect::<Vec<_>>(), [METRICS], "{text}");
}
