//! A registry that lies, one lie at a time: nothing passes that it lies about, nothing leaks, nothing hangs, every report
//! stays whole.
//!
//! Runs the checklist through the library, with a lab behind the lies where a lie needs the rest to be true.

mod alike;
mod front;
mod instead;
mod lies;
mod trial;
mod within;

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use self::instead::INSTEAD;
use self::lies::{EVERY, Lie};
use self::trial::{Stage, Whom, complaints, run};
use self::within::WITHIN;
use futures::StreamExt;
use regproof::model::outcome::Verdict;

/// Lies whose victim would be a client that does what registries say; the others leave skopeo out, for its time.
const FOR_CLIENTS: [&str; 5] = [
    "bearer_realm_elsewhere",
    "basic_and_bearer_elsewhere",
    "redirect_elsewhere_with_the_body",
    "answers_401_to_everything",
    "echo_in_the_body",
];

/// Lies that never come to an end: only a limit ends what hears them.
const ENDLESS: [&str; 9] = [
    "accepts_and_never_answers",
    "half_closes_and_holds",
    "endless_status_line",
    "endless_headers",
    "interim_answers_without_end",
    "slow_headers",
    "slow_body",
    "endless_body",
    "truncated_body",
];

/// Of the lies about refusals, those that all checks hear: each takes the time of a whole run.
const ABOUT_REFUSALS: [&str; 3] = ["an_open_replica", "a_cache_that_ignores_who_asks", "refusals_as_404"];

/// What refuses everything in a registry's own words may be one, and it lets no other origin read: that promise is kept.
const SPEAKS_AS_A_REGISTRY: [&str; 2] = ["answers_401_to_everything", "echo_in_the_body"];
const NO_HEADER: &str = "bypass::foreign_origins_get_no_credentials passed";

async fn tell(lies: &'static [Lie]) {
    let mut names: Vec<(usize, &Lie)> = lies.iter().enumerate().collect();
    if let Ok(only) = std::env::var("REGPROOF_LIE") {
        names.retain(|(_, lie)| lie.name.starts_with(&only));
        let known = |lies: &[Lie]| lies.iter().any(|lie| lie.name.starts_with(&only));
        assert!(known(INSTEAD) || known(WITHIN), "no lie begins with {only}");
    }
    let trial = |(turn, lie): (usize, &'static Lie)| async move {
        let limits = if ENDLESS.contains(&lie.name) { trial::SHORT } else { trial::PATIENT };
        let stage = Stage::set(lie.tell, false, limits).await;
        // What lies about everything is heard by all; what lies about one answer, by the checks that look at it.
        let whom = if FOR_CLIENTS.contains(&lie.name) {
            Whom::AllAndSkopeo
        } else if lie.concerns == EVERY || ABOUT_REFUSALS.contains(&lie.name) {
            Whom::All
        } else {
            Whom::Listed
        };
        let mut wrong = complaints(&stage, lie.concerns, whom, turn).await;
        if SPEAKS_AS_A_REGISTRY.contains(&lie.name) {
            wrong.retain(|line| !line.starts_with(NO_HEADER));
        }
        wrong.into_iter().map(|line| format!("{}: {line}", lie.name)).collect::<Vec<_>>()
    };
    let told: Vec<_> = futures::stream::iter(names).map(trial).buffer_unordered(3).collect().await;
    let wrong: Vec<String> = told.into_iter().flatten().collect();
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
    let stage = Stage::set(|around| front::Say::This(around.honest()), true, trial::PATIENT).await;
    let wrong = complaints(&stage, EVERY, Whom::All, 0).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_at_least_sixty_lies_each_with_its_own_name() {
    let names: BTreeSet<&str> = INSTEAD.iter().chain(WITHIN).map(|lie| lie.name).collect();
    assert_eq!(names.len(), INSTEAD.len() + WITHIN.len());
    assert!(names.len() >= 60, "{}", names.len());
}

/// The checks that say something about another party than the registry: the provider, or the operator's own files.
const NOT_OF_THE_REGISTRY: [&str; 2] = ["oidc::provider_is_discoverable", "policy::"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_check_at_all_passes_on_an_answer_that_is_not_the_registrys() {
    let mut wrong = vec![];
    for lie in alike::ALIKE {
        let stage = Stage::set(lie.tell, false, trial::PATIENT).await;
        let run = alike::run(&stage.scenario).await;
        let decided = run.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Skip).count();
        assert!(decided > 35, "{}: only {decided} checks ran", lie.name);
        // That a registry which asks for tokens is one is true.
        let known = lie.name == "a_registry_that_asks_for_tokens";
        let passed = run.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Pass);
        let passed = passed.filter(|outcome| !NOT_OF_THE_REGISTRY.iter().any(|start| outcome.id.starts_with(start)));
        let passed = passed.filter(|outcome| !(known && outcome.id.starts_with("registry::")));
        wrong.extend(passed.map(|outcome| format!("{}: {} passed: {:?}", lie.name, outcome.id, outcome.notes)));
        let sunk = stage.front.sunk();
        wrong.extend(sunk.into_iter().map(|request| format!("{}: sent elsewhere: {request}", lie.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without this, a fault of the server in front of the lab, or a slow machine, could be what keeps the checks from passing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_server_without_a_lie_passes() {
    let stage = Stage::set(|around| front::Say::This(around.honest()), false, trial::PATIENT).await;
    let (run, target) = run(&stage.scenario, Whom::AllAndSkopeo).await;
    assert!(run.outcomes.len() > trial::alone(&target).len() / 2 && run.outcomes.len() > 25, "{}", run.outcomes.len());
    let mut passed = 0;
    for outcome in &run.outcomes {
        // The registry's external URL is the lab's own, not that of the server in front of it.
        let of_the_url = outcome.id.starts_with("oidc::login") || outcome.id == "bypass::login_cannot_be_led_astray";
        // The server in front understands no requests that HTTP libraries do not make.
        let raw = outcome.id == "bypass::raw_requests_are_judged_alike";
        let expected = matches!(outcome.verdict, Verdict::Pass | Verdict::Skip) || of_the_url || raw;
        assert!(expected, "{}: {:?}", outcome.id, outcome.finding);
        passed += usize::from(outcome.verdict == Verdict::Pass);
    }
    assert!(passed > 25, "only {passed} passed");
    assert!(stage.front.sunk().is_empty());
    assert_eq!(stage.front.told(), 0);
}

/// One that grants everything and one that refuses everything: a check that passes on both looks at nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_check_passes_on_both_of_two_registries_that_decide_nothing() {
    let passed = |name: &'static str| async move {
        let lie = INSTEAD.iter().find(|lie| lie.name == name).expect("this lie exists");
        let stage = Stage::set(lie.tell, false, trial::PATIENT).await;
        let (run, _) = run(&stage.scenario, Whom::AllAndSkopeo).await;
        assert!(stage.front.told() > run.outcomes.len() / 2, "the lie was told {} times", stage.front.told());
        let passed = run.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Pass);
        passed.map(|outcome| outcome.id.clone()).collect::<Vec<_>>()
    };
    // It asks the provider, not the registry.
    let provider = "oidc::provider_is_discoverable";
    assert_eq!(passed("answers_200_to_everything").await, [provider]);
    assert_eq!(passed("answers_401_to_everything").await, [provider]);
}

/// The most memory that one run of the program takes on this stage, in KiB.
async fn peak(stage: &Stage) -> u64 {
    // As many checks at once as where a scenario says nothing: each may hold an answer.
    let text = std::fs::read_to_string(&stage.scenario).expect("the scenario can be read");
    let usual = text.replace("concurrency = 32", "concurrency = 8");
    assert!(usual.contains("concurrency = 8"), "{usual}");
    std::fs::write(&stage.scenario, usual).expect("the scenario can be written");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.arg("run").arg(&stage.scenario).arg("--no-browser").env("PATH", "").env_remove("RUST_LOG");
    if !trial::is_whole() {
        // One check for each way to read an answer: `make prove` lets all read it.
        for area in ["access::", "content::", "metrics::", "registry::answers", "tags::"] {
            command.args(["--only", area]);
        }
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().expect("it starts");
    let file = format!("/proc/{}/status", child.id().expect("it was just started"));
    let (end, mut peak) = (Instant::now() + Duration::from_secs(1200), 0);
    while child.try_wait().expect("a child can be asked").is_none() {
        assert!(Instant::now() < end, "the run does not end");
        // The system keeps the peak itself, so that only what comes at the very end could be missed.
        let status = std::fs::read_to_string(&file).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
        peak = line.and_then(|number| number.parse().ok()).unwrap_or(peak);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(peak > 0, "no peak was seen");
    peak
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_costs_more_than_32_mib() {
    const MOST: u64 = 32 << 10;
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
    let honest = peak(&Stage::set(|around| front::Say::This(around.honest()), false, trial::PATIENT).await).await;
    let trial = |name: &'static str| async move {
        let lie = INSTEAD.iter().chain(WITHIN).find(|lie| lie.name == name).expect("this lie exists");
        let limits = if ENDLESS.contains(&name) { trial::SHORT } else { trial::PATIENT };
        let stage = Stage::set(lie.tell, false, limits).await;
        let peak = peak(&stage).await;
        assert!(stage.front.told() > 0, "{name} was not told");
        (name, peak)
    };
    let peaks: Vec<_> = futures::stream::iter(greedy).map(trial).buffer_unordered(3).collect().await;
    println!("honest: {honest} KiB, {peaks:?}");
    let greedy: Vec<_> = peaks.iter().filter(|(_, peak)| *peak > honest + MOST).collect();
    assert!(greedy.is_empty(), "{greedy:?}, and {honest} KiB where nothing is wrong");
}
