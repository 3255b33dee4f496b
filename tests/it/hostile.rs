//! A registry that lies, one lie at a time: nothing passes that it lies about, nothing leaks, nothing hangs, every report
//! stays whole.
//!
//! Runs the checklist through the library, with a lab behind the lies where a lie needs the rest to be true.

mod front;
mod instead;
mod lies;
mod trial;
mod within;

use std::collections::BTreeSet;
use std::time::Duration;

use self::instead::INSTEAD;
use self::lies::{EVERY, Lie};
use self::trial::{Stage, complaints, run};
use self::within::WITHIN;
use futures::StreamExt;
use regproof::outcome::Verdict;

/// Lies whose victim would be a client that does what registries say; the others leave skopeo out, for its time.
const FOR_CLIENTS: [&str; 5] = [
    "bearer_realm_elsewhere",
    "basic_and_bearer_elsewhere",
    "redirect_elsewhere_with_the_body",
    "answers_401_to_everything",
    "echo_in_the_body",
];

async fn tell(lies: &'static [Lie]) {
    let mut names: Vec<&Lie> = lies.iter().collect();
    if let Ok(only) = std::env::var("REGPROOF_LIE") {
        names.retain(|lie| lie.name.starts_with(&only));
    }
    let trial = |lie: &'static Lie| async move {
        let stage = Stage::set(lie.tell, false).await;
        let wrong = complaints(&stage, lie.concerns, FOR_CLIENTS.contains(&lie.name)).await;
        (lie, wrong.into_iter().map(|line| format!("{}: {line}", lie.name)).collect::<Vec<_>>())
    };
    let told: Vec<_> = futures::stream::iter(names).map(trial).buffer_unordered(3).collect().await;
    let mut wrong = vec![];
    for (lie, complaints) in told {
        // Time depends on what else this machine does: what was only late is tried once more, alone.
        let late = !complaints.is_empty() && complaints.iter().all(|line| line.contains(" took "));
        wrong.extend(if late { trial(lie).await.1 } else { complaints });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_stands_in_the_registrys_place_never_passes() {
    tell(INSTEAD).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lie_within_the_truth_never_passes() {
    tell(WITHIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reset_of_every_connection_never_passes() {
    let stage = Stage::set(|around| front::Say::This(around.honest()), true).await;
    let wrong = complaints(&stage, EVERY, false).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_at_least_sixty_lies_each_with_its_own_name() {
    let names: BTreeSet<&str> = INSTEAD.iter().chain(WITHIN).map(|lie| lie.name).collect();
    assert_eq!(names.len(), INSTEAD.len() + WITHIN.len());
    assert!(names.len() >= 60, "{}", names.len());
}

/// Without this, a fault of the server in front of the lab could be what keeps the checks from passing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_server_without_a_lie_passes() {
    let stage = Stage::set(|around| front::Say::This(around.honest()), false).await;
    let text = std::fs::read_to_string(&stage.scenario).expect("the scenario can be read");
    let text = text.replace("\"3s\"", "\"30s\"").replace("\"1s\"", "\"20s\"");
    std::fs::write(&stage.scenario, text).expect("the scenario can be written");
    let (run, _) = run(&stage.scenario, true).await;
    for outcome in &run.outcomes {
        // The registry's external URL is the lab's own, not that of the server in front of it.
        let expected =
            matches!(outcome.verdict, Verdict::Pass | Verdict::Skip) || outcome.id.starts_with("oidc::login");
        assert!(expected, "{}: {:?}", outcome.id, outcome.finding);
    }
    assert!(stage.front.sunk().is_empty());
}

/// One that grants everything and one that refuses everything: whoever passes on both looks at nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_check_passes_on_both_of_two_registries_that_decide_nothing() {
    let passed = |name: &'static str| async move {
        let lie = INSTEAD.iter().find(|lie| lie.name == name).expect("this lie exists");
        let stage = Stage::set(lie.tell, false).await;
        let (run, _) = run(&stage.scenario, true).await;
        let passed = run.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Pass);
        passed.map(|outcome| outcome.id.clone()).collect::<BTreeSet<_>>()
    };
    let nop = passed("answers_200_to_everything").await;
    let wall = passed("answers_401_to_everything").await;
    // It asks the provider, not the registry.
    let both: Vec<_> = nop.intersection(&wall).filter(|id| *id != "oidc::provider_is_discoverable").collect();
    assert!(both.is_empty(), "{both:?}");
    let denials: Vec<_> = nop.union(&wall).filter(|id| id.contains("cannot") || id.contains("refused")).collect();
    assert!(denials.is_empty(), "{denials:?}");
}

/// Run below in a process of its own, so that the memory measured is that of one run.
#[test]
fn one_run_in_a_process_of_its_own() {
    let Some(scenario) = std::env::var_os("REGPROOF_HOSTILE_SCENARIO") else { return };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(regproof::commands::threads()).enable_all().build().expect("a runtime starts");
    let (run, target) = runtime.block_on(run(scenario.as_ref(), false));
    let wrong = trial::bad_reports(&run, &target, &[]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells about this process");
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).expect("Linux tells the peak");
    println!("{peak}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_costs_more_than_64_mib() {
    let greedy = [
        "endless_body",
        "endless_headers",
        "header_flood",
        "gzip_bomb",
        "deep_json",
        "wide_json",
        "wide_manifest",
        "metrics_bomb",
        "a_tag_of_a_megabyte",
        "a_list_over_the_limit",
        "ever_more_tags",
    ];
    for name in greedy {
        let lie = INSTEAD.iter().chain(WITHIN).find(|lie| lie.name == name).expect("this lie exists");
        let stage = Stage::set(lie.tell, false).await;
        let mut child = tokio::process::Command::new(std::env::current_exe().expect("this program has a path"));
        child.args(["--exact", "hostile::one_run_in_a_process_of_its_own", "--nocapture", "--test-threads=1"]);
        child.env("REGPROOF_HOSTILE_SCENARIO", &stage.scenario).kill_on_drop(true);
        let ended = tokio::time::timeout(Duration::from_secs(20), child.output()).await;
        let output = ended.expect("the run ends in time").expect("the run starts");
        let text = String::from_utf8_lossy(&output.stdout);
        let peak =
            text.lines().find_map(|line| line.split_once("VmHWM:")?.1.split_whitespace().next()?.parse::<u64>().ok());
        let peak = peak.unwrap_or_else(|| panic!("{name}: no peak in {text}"));
        println!("{name}: {} MiB", peak >> 10);
        assert!(peak < 64 << 10, "{name}: {peak} KiB");
    }
}
