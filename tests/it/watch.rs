//! `regproof watch`, as Prometheus and an operator meet it: metrics follow the registry, and nothing old looks new.
//!
//! Runs the real program against labs that change under it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support;
use crate::support::{poll, process};
use crate::watching;
use crate::watching::{Watch, World, metric};
use regproof::lab::Weakness;

/// For whatever has to happen on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

const PULL: &str = r#"regproof_check_verdict{scenario="lab",check="access::anonymous_can_pull",verdict="pass"}"#;
const SCRAPE: &str = r#"regproof_check_verdict{scenario="lab",check="metrics::anonymous_can_scrape",verdict="fail"}"#;

#[test]
fn metrics_follow_a_registry_that_goes_bad_and_down_and_comes_back() {
    let mut world = World::start();
    let watch = Watch::start(&world.scenario, "400ms");
    watch.until(PATIENCE, "all is proven", |text| metric(text, PULL) == Some(1.0) && metric(text, SCRAPE) == Some(0.0));
    assert_eq!(watch.get("/healthz").status, 200);
    // Long ids may break where a line ends.
    let page = watch.get("/report").must_be(200).text().replace("<wbr>", "");
    assert!(page.contains("access::anonymous_can_pull") && !page.contains("This report is stale"), "{page}");
    assert!(watch.get("/").must_be(200).text().contains("href=\"/report\""));
    assert_eq!(watch.get("/elsewhere").status, 404);
    // Another site may neither frame the pages nor run anything in them, and no cache keeps what will be old.
    for path in ["/", "/metrics", "/healthz", "/report"] {
        let answer = watch.get(path);
        let has = |name: &str, value: &str| answer.header(name).is_some_and(|found| found.contains(value));
        assert!(has("cache-control", "no-store") && has("x-content-type-options", "nosniff"), "{path}");
        assert!(has("content-security-policy", "default-src 'none'"), "{path}");
    }

    world.lab(Some(Weakness::MetricsClosed));
    watch.until(PATIENCE, "the broken promise shows", |text| metric(text, SCRAPE) == Some(1.0));
    world.down();
    let not_proven = PULL.replace("pass", "error");
    watch.until(PATIENCE, "a registry that is down is not proven", |text| metric(text, &not_proven) == Some(1.0));
    world.lab(None);
    watch.until(PATIENCE, "it is back", |text| metric(text, PULL) == Some(1.0) && metric(text, SCRAPE) == Some(0.0));

    let all: String = ["/", "/metrics", "/healthz", "/report"].map(|path| watch.get(path).text()).concat();
    for secret in world.secrets() {
        assert!(!all.contains(&secret), "a page holds a secret");
    }
}

#[test]
fn a_run_that_stalls_is_stale_and_its_starts_are_missed_and_counted() {
    let mut world = World::start();
    world.limits("2s", 1);
    let watch = Watch::start(&world.scenario, "300ms");
    watch.until(PATIENCE, "all is proven", |text| metric(text, PULL) == Some(1.0));
    world.stall();
    // Fresh for 2 intervals and a deadline; the run takes a deadline for each of its checks.
    let stale = watch.until(PATIENCE, "it is stale", |text| metric(text, "regproof_watch_fresh{") == Some(0.0));
    assert!(!stale.contains("regproof_check_") && !stale.contains("regproof_run_exit_status"), "{stale}");
    assert!(metric(&stale, "regproof_run_timestamp_seconds{").is_some(), "{stale}");
    let before = metric(&stale, "regproof_watch_missed_intervals_total{").unwrap();
    // A run may end between the questions, and what it then shows is fresh again: only answers between two stale ones count.
    let is_stale = || metric(&watch.metrics(), "regproof_watch_fresh{") == Some(0.0);
    let both = poll(PATIENCE, || {
        let before = is_stale();
        let (page, health) = (watch.get("/report").must_be(200).text(), watch.get("/healthz"));
        (before && is_stale()).then_some((page, health))
    });
    let (page, health) = both.expect("it is stale for longer than two questions take");
    assert_eq!(health.status, 503, "{}", health.text());
    assert!(page.contains("This report is stale"), "{page}");
    world.lab(None);
    world.limits("2s", 8);
    let back = watch.until(PATIENCE, "it is back", |text| metric(text, PULL) == Some(1.0));
    assert!(metric(&back, "regproof_watch_missed_intervals_total{").unwrap() > before, "{back}");
}

#[test]
fn a_broken_scenario_leaves_the_former_one_in_use_and_says_so() {
    let world = World::start();
    let watch = Watch::start(&world.scenario, "400ms");
    watch.until(PATIENCE, "all is proven", |text| metric(text, PULL) == Some(1.0));
    let sound = std::fs::read_to_string(&world.scenario).unwrap();
    std::fs::write(&world.scenario, sound.replace("schema = 1", "schema = 1\nshema = 1")).unwrap();
    let reloaded = "regproof_watch_last_reload_successful{";
    let text = watch.until(PATIENCE, "it says so", |text| metric(text, reloaded) == Some(0.0));
    assert!(metric(&text, "regproof_watch_reload_errors_total{").unwrap() >= 1.0, "{text}");
    let runs = metric(&text, "regproof_watch_runs_total{").unwrap();
    let text =
        watch.until(PATIENCE, "it goes on", |text| metric(text, "regproof_watch_runs_total{") > Some(runs + 1.0));
    assert_eq!(metric(&text, PULL), Some(1.0), "{text}");
    std::fs::write(&world.scenario, sound).unwrap();
    watch.until(PATIENCE, "it is read again", |text| metric(text, reloaded) == Some(1.0));
}

#[test]
fn sigterm_ends_a_run_under_way_cleanly_with_0() {
    let mut world = World::start();
    world.limits("300s", 8);
    let mut watch = Watch::start(&world.scenario, "400ms");
    watch.until(PATIENCE, "all is proven", |text| metric(text, PULL) == Some(1.0));
    world.stall();
    world.wait_for_a_caller();
    watch.signal("TERM");
    assert_eq!(watch.ended(PATIENCE).code(), Some(0), "{}", watch.log());
    assert!(watch.log().contains("interrupted by SIGTERM"), "{}", watch.log());
}

#[test]
fn bad_usage_is_3_before_anything_is_sent() {
    let world = World::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let scenario = world.scenario.to_str().unwrap();
    for arguments in [
        &["watch", "no-such-file.toml"][..],
        &["watch", scenario, "--interval", "1ms"],
        &["watch", scenario, "--listen", "nowhere"],
        &["watch", scenario, "--only", "nothing::"],
        &["watch", scenario, "--listen", &taken],
    ] {
        // The address is taken only while the listener lives, which is until the end of the test.
        let done = process::run(Command::new(env!("CARGO_BIN_EXE_regproof")).args(arguments));
        assert_eq!(done.status.code(), Some(3), "{arguments:?} {}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn prometheus_takes_the_metrics() {
    if support::on_path("promtool").is_none() {
        support::skip("prometheus_takes_the_metrics", "promtool is not on PATH; it is in the package prometheus");
        return;
    }
    let world = World::start();
    let watch = Watch::start(&world.scenario, "1s");
    let text = watch.until(PATIENCE, "all is proven", |text| metric(text, PULL) == Some(1.0));
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    // Days are what an operator plans a key's end in, as the scenario does.
    let lints = said.lines().filter(|line| !line.contains("use base unit \"seconds\" instead of \"days\""));
    assert_eq!(lints.collect::<Vec<_>>(), Vec::<&str>::new(), "{text}");
}

/// `REGPROOF_SOAK_SECONDS` says how long; `make soak` takes an hour.
#[test]
fn nothing_grows_and_nothing_old_looks_new_while_faults_come_and_go() {
    let asked = std::env::var("REGPROOF_SOAK_SECONDS").ok().map(|text| text.parse::<u64>().unwrap());
    let (seconds, interval) = (asked.unwrap_or(8), if asked.is_some() { 5 } else { 1 });
    watching::soak::soak(Duration::from_secs(seconds), Duration::from_secs(interval), asked.is_some());
}
