//! The checks as tests of cargo-nextest, in four parts as four machines of a CI matrix would run them.
//!
//! Builds `tests/live.rs` by cargo-nextest itself, as a user does.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support;
use crate::support::http::block_on;
use crate::support::process::run_within;
use regproof::lab::{Lab, Weakness};

/// What needs no client program and no browser, and what fails on this lab.
const FILTER: &str = "test(/^(access|metrics|registry|tags|content)::/)";
const BROKEN: &str = "metrics::anonymous_can_scrape";

/// The names of the tests of one part that passed, and of those that failed.
fn part(nextest: &Path, scenario: &Path, part: usize) -> [BTreeSet<String>; 2] {
    let mut command = Command::new(nextest);
    command.args(["nextest", "run", "--locked", "--test", "live", "--color", "never", "--no-fail-fast"]);
    command.args(["--status-level", "pass", "--final-status-level", "none", "--no-tests", "pass"]);
    command.args(["--partition", &format!("hash:{part}/4"), "-E", FILTER]);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("REGPROOF_SCENARIO", scenario);
    let output = run_within(&mut command, Duration::from_secs(1200));
    let text = String::from_utf8(output.stderr).expect("cargo-nextest writes text");
    let ended = |word: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| line.trim_start().starts_with(word));
        lines.filter_map(|line| line.split_whitespace().last()).map(str::to_owned).collect()
    };
    let [passed, failed] = ["PASS [", "FAIL ["].map(ended);
    assert_eq!(output.status.success(), failed.is_empty(), "{text}");
    [passed, failed]
}

#[test]
fn four_parts_under_nextest_are_the_whole_and_nothing_twice() {
    const TEST: &str = "four_parts_under_nextest_are_the_whole_and_nothing_twice";
    let Some(nextest) = support::tool("cargo-nextest").or_else(|| support::on_path("cargo-nextest")) else {
        support::lacks(TEST, "cargo-nextest");
        return;
    };
    let lab = block_on(Lab::with(Weakness::MetricsClosed)).expect("the lab starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let scenario = lab.write_scenario(folder.path()).expect("the scenario can be written");
    let (mut passed, mut failed) = (BTreeSet::new(), BTreeSet::new());
    let mut parts = 0;
    for number in 1..=4 {
        let [good, bad] = part(&nextest, &scenario, number);
        parts += usize::from(!good.is_empty() || !bad.is_empty());
        for name in good.iter().chain(&bad) {
            assert!(!passed.contains(name) && !failed.contains(name), "{name} is in two parts");
        }
        passed.extend(good);
        failed.extend(bad);
    }
    assert!(parts > 1, "one part had everything");
    assert_eq!(failed, BTreeSet::from([BROKEN.to_owned()]));
    let plan = Command::new(env!("CARGO_BIN_EXE_regproof")).arg("plan").arg(&scenario).output();
    let plan = String::from_utf8(plan.expect("regproof starts").stdout).expect("a plan is text");
    let planned = plan.lines().filter_map(|line| line.strip_prefix("RUN ")?.split_whitespace().next());
    let families = ["access::", "metrics::", "registry::", "tags::", "content::"];
    let planned = planned.filter(|id| families.iter().any(|family| id.starts_with(family)));
    // What the plan leaves out, nextest lists as ignored.
    assert_eq!(passed.union(&failed).map(String::as_str).collect::<Vec<_>>(), planned.collect::<Vec<_>>());
}
