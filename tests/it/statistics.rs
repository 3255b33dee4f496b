//! How often a run is wrong, how long it takes and how much it sends, as a Markdown table: `make statistics`.
//!
//! Ignored in ordinary runs, since it takes minutes. Without browser and client programs, so that it measures regproof alone.

#![expect(clippy::print_stdout, reason = "it prints its table")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::faults::{Fault, FaultProxy};
use crate::support::http::block_on;
use crate::support::twin::{self, AS_ZOT_IS, Twin};
use crate::support::zot::Zot;
use regproof::check::machine::Machine;
use regproof::lab::{Lab, Weakness};
use regproof::model::outcome::{Outcome, Run, Verdict};
use toml::Table;

/// How often each weakness is met.
const EACH: usize = 5;
/// How many runs there are at once through a poor network.
const POOR_AT_ONCE: usize = 8;

/// What is seen over many runs of one kind.
#[derive(Default)]
struct Seen {
    runs: usize,
    verdicts: usize,
    wrong: Vec<String>,
    wrong_runs: usize,
    /// Whether the network breaks off what it likes: then nothing is decided at times, and only a Fail is wrong.
    poor_network: bool,
    undecided: usize,
    took: Vec<Duration>,
    sent: Vec<usize>,
}

impl Seen {
    /// Counts a run of which exactly these checks may fail.
    fn count(&mut self, run: &Run, took: Duration, may_fail: &BTreeSet<String>) {
        self.runs += 1;
        self.took.push(took);
        self.sent.push(run.outcomes.iter().map(|outcome| outcome.transcript.len()).sum());
        let judged = run.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Skip);
        self.verdicts += judged.clone().count();
        let undecided = judged.clone().filter(|outcome| outcome.verdict == Verdict::Error).count();
        self.undecided += undecided;
        let wrong = judged.filter(|o| match o.verdict {
            Verdict::Error => !self.poor_network,
            verdict => (verdict == Verdict::Fail) != may_fail.contains(&o.id),
        });
        let wrong: Vec<String> = wrong.map(told).collect();
        self.wrong_runs += usize::from(!wrong.is_empty());
        self.wrong.extend(wrong);
    }

    fn row(&mut self, name: &str) {
        self.took.sort();
        self.sent.sort_unstable();
        let at = |percent: usize, all: usize| (all * percent).div_ceil(100).clamp(1, all) - 1;
        let took = |percent| format!("{:.2} s", self.took[at(percent, self.took.len())].as_secs_f64());
        println!(
            "| {name} | {} | {} | {} | {} | {:.2} % | {} | {} | {} | {} |",
            self.runs,
            self.verdicts,
            self.undecided,
            self.wrong_runs,
            100.0 * upper_bound(self.wrong_runs, self.runs),
            took(50),
            took(95),
            took(100),
            self.sent[at(50, self.sent.len())],
        );
        for wrong in &self.wrong {
            println!("<!-- {wrong} -->");
        }
    }
}

fn told(outcome: &Outcome) -> String {
    let actual = outcome.finding.as_ref().map_or("", |finding| &finding.actual);
    format!("{} {:?} {actual}", outcome.id, outcome.verdict)
}

/// The 95 % upper bound of a rate of which `events` were seen in `trials`: Clopper and Pearson's, one-sided, which for none
/// is the rule of three.
fn upper_bound(events: usize, trials: usize) -> f64 {
    let at_most = |rate: f64| {
        let (mut term, mut sum) = ((1.0 - rate).powf(trials as f64), 0.0);
        for event in 0..=events {
            sum += term;
            term *= (trials - event) as f64 / (event + 1) as f64 * rate / (1.0 - rate);
        }
        sum
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at_most(middle) > 0.05 { low = middle } else { high = middle }
    }
    if events >= trials { 1.0 } else { high }
}

#[test]
fn a_rate_that_was_never_seen_is_bounded_by_three_over_the_trials() {
    assert!((upper_bound(0, 200) - 3.0 / 200.0).abs() < 0.0002);
    assert!((upper_bound(1, 100) - 0.0466).abs() < 0.0005);
    assert!(upper_bound(5, 5) >= 1.0);
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let lab = block_on(Lab::healthy()).expect("the lab starts");
    // Several runs at once take turns at the lab's one thread.
    let patiently = |lab: &Lab| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
        let text = std::fs::read_to_string(&file).expect("the scenario was written");
        let text = text.replace("\"60s\"", "\"600s\"").replace("\"10s\"", "\"120s\"");
        std::fs::write(&file, text).expect("the scenario can be written");
        twin::run(&file, &machine())
    };
    let seen = Mutex::new(Seen::default());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let run = patiently(&lab);
                seen.lock().expect("no holder panics").count(&run, Duration::ZERO, &BTreeSet::new());
            });
        }
    });
    let seen = seen.into_inner().expect("no holder panics");
    assert_eq!((seen.runs, seen.wrong), (3, vec![]));
    assert!(seen.verdicts > 3 * 20, "{} verdicts in three runs", seen.verdicts);
}

#[test]
#[ignore = "it takes minutes: make statistics"]
fn clean_registries() {
    let runs = std::env::var("REGPROOF_STATISTICS_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    println!(
        "| clean registry | runs | verdicts | undecided | runs with a false alarm | upper bound (95 %) | time, median | 95 % \
         | longest | requests, median |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let only = std::env::var("REGPROOF_STATISTICS_ONLY").unwrap_or_default();
    let row = |name: &str, seen: &dyn Fn() -> Seen| {
        if name.contains(&only) {
            seen().row(name);
        }
    };
    row("lab", &|| clean_labs(runs));
    if let Some(zot) = Zot::find("statistics of a real zot") {
        let twin = Twin::start(&zot, None);
        row("zot", &|| clean_zots(&twin, runs, |_| ()));
        for at_once in [1, 32] {
            let limit = |scenario: &mut Table| scenario["limits"]["concurrency"] = at_once.into();
            row(&format!("zot, {at_once} at once"), &|| clean_zots(&twin, runs, limit));
        }
        row("zot, on a machine that is busy", &|| {
            let _busy = Busy::start();
            clean_zots(&twin, runs, |_| ())
        });
        row("zot, 200 ms away, 1 % of answers reset", &|| poor_networks(&twin, runs));
    }
    println!();
}

fn machine() -> Machine {
    Machine::with_path("".as_ref(), true)
}

fn on(lab: &Lab) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    twin::run(&lab.write_scenario(folder.path()).expect("the scenario can be written"), &machine())
}

/// One lab, run on again and again: what a run leaves behind must not trouble the next.
fn clean_labs(runs: usize) -> Seen {
    let lab = block_on(Lab::healthy()).expect("the lab starts");
    let mut seen = Seen::default();
    for _ in 0..runs {
        let began = Instant::now();
        let run = on(&lab);
        seen.count(&run, began.elapsed(), &BTreeSet::new());
    }
    seen
}

/// A real zot, of which two things are known that the lab does not do.
fn clean_zots(twin: &Twin, runs: usize, change: impl Fn(&mut Table)) -> Seen {
    let mut seen = Seen::default();
    for _ in 0..runs {
        let began = Instant::now();
        let run = twin.run_with(&machine(), &change);
        seen.count(&run, began.elapsed(), &known());
    }
    seen
}

fn known() -> BTreeSet<String> {
    AS_ZOT_IS.iter().flat_map(|weakness| weakness.breaks()).map(ToString::to_string).collect()
}

/// The same through a network that is slow and bad, without the login, whose addresses are those of the registry itself.
/// Some at once, since most of the time is waiting.
fn poor_networks(twin: &Twin, runs: usize) -> Seen {
    let address = twin.zot.url.trim_start_matches("http://").parse().expect("zot has an address");
    let proxy = FaultProxy::start(address, Fault::Poor(Duration::from_millis(200), 100));
    let (left, seen) = (AtomicUsize::new(runs), Mutex::new(Seen { poor_network: true, ..Seen::default() }));
    let one = || {
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let began = Instant::now();
            let run = twin.run_with(&machine(), |scenario| {
                scenario.remove("oidc");
                scenario["registry"]["url"] = proxy.url().into();
            });
            seen.lock().expect("no holder panics").count(&run, began.elapsed(), &known());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..POOR_AT_ONCE {
            scope.spawn(one);
        }
    });
    seen.into_inner().expect("no holder panics")
}

/// Twice as many threads as there are cores, at work until it is dropped.
struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let spin = |stop: Arc<AtomicBool>| {
            move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        };
        let threads = (0..2 * cores).map(|_| std::thread::spawn(spin(Arc::clone(&stop)))).collect();
        Self { stop, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that only counts cannot have panicked.
            let _ = thread.join();
        }
    }
}

/// What one weakness showed over its runs.
struct Broken {
    weakness: Weakness,
    /// Verdicts on what it breaks.
    asked: usize,
    false_passes: Vec<&'static str>,
}

impl Broken {
    fn of(weakness: Weakness) -> Self {
        let mut broken = Self { weakness, asked: 0, false_passes: vec![] };
        for _ in 0..EACH {
            let lab = block_on(Lab::with(weakness)).expect("the lab starts");
            let run = on(&lab);
            for id in weakness.breaks() {
                let outcome = run.outcomes.iter().find(|outcome| outcome.id == *id);
                let verdict = outcome.map_or(Verdict::Skip, |outcome| outcome.verdict);
                broken.asked += usize::from(verdict != Verdict::Skip);
                if verdict == Verdict::Pass {
                    broken.false_passes.push(id);
                }
            }
        }
        broken
    }
}

/// A check that a weakness breaks and that passes nevertheless is a false pass.
#[test]
#[ignore = "it takes minutes: make statistics"]
fn registries_that_are_broken() {
    let left = Mutex::new(Weakness::all().filter(|weakness| !weakness.breaks().is_empty()).collect::<Vec<_>>());
    let found = Mutex::new(vec![]);
    // Time is not measured here, and much of it is waiting.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(weakness) = left.lock().expect("no holder panics").pop() else { return };
                    let broken = Broken::of(weakness);
                    found.lock().expect("no holder panics").push(broken);
                }
            });
        }
    });
    let found = found.into_inner().expect("no holder panics");
    let (seen, unseen): (Vec<&Broken>, Vec<&Broken>) = found.iter().partition(|broken| broken.asked > 0);
    let asked = seen.iter().map(|broken| broken.asked).sum();
    let passes = seen.iter().map(|broken| broken.false_passes.len()).sum();
    println!(
        "| broken registry | weaknesses | runs | verdicts on what is broken | false passes | upper bound (95 %) |"
    );
    println!("|---|---|---|---|---|---|");
    let bound = 100.0 * upper_bound(passes, asked);
    println!("| lab | {} | {} | {asked} | {passes} | {bound:.2} % |", seen.len(), seen.len() * EACH);
    for broken in seen.iter().filter(|broken| !broken.false_passes.is_empty()) {
        println!("<!-- {}: {:?} -->", broken.weakness, broken.false_passes);
    }
    let mut names: Vec<&str> = unseen.iter().map(|broken| broken.weakness.name()).collect();
    names.sort_unstable();
    println!("\nNot among them, since only a browser or a client program shows them: {}.\n", names.join(", "));
}
