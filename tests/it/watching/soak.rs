//! A watch that runs for long, while its registry breaks, vanishes, stalls and comes back.
//!
//! Looks at the process from outside, as the system counts.

use std::time::{Duration, Instant, SystemTime};

use regproof::lab::Weakness;

use super::{Watch, World, metric};

/// What a process has.
#[derive(Clone, Copy, Debug)]
struct Sample {
    kib: u64,
    threads: u64,
    files: u64,
}

impl Sample {
    fn of(id: u32) -> Sample {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        let files = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
        Sample { kib: number("VmRSS:"), threads: number("Threads:"), files: files.try_into().unwrap() }
    }
}

/// Memory that an allocator may keep although nothing is held.
const SLACK_KIB: u64 = 4 * 1024;
const DEADLINE: Duration = Duration::from_secs(2);

/// Watches for so long. With `long_run` the machine has nothing else to do: no start may be missed, and nothing may grow. In a
/// few seconds nothing that grows could be told from what comes and goes.
pub fn soak(long: Duration, interval: Duration, long_run: bool) {
    let mut world = World::start();
    world.limits("2s", 16);
    let watch = Watch::start(&world.scenario, &format!("{}s", interval.as_secs()));
    let began = Instant::now();
    let (mut samples, mut change) = (Vec::new(), 0_u32);
    while began.elapsed() < long {
        if began.elapsed() >= 2 * interval * change {
            match change % 5 {
                1 => world.lab(Some(Weakness::MetricsClosed)),
                2 => world.down(),
                3 => world.stall(),
                _ => world.lab(None),
            }
            change += 1;
        }
        nothing_old_looks_new(&watch, interval);
        samples.push(Sample::of(watch.id()));
        std::thread::sleep(Duration::from_millis(100));
    }
    let text = watch.metrics();
    let count = |name: &str| metric(&text, &format!("regproof_watch_{name}{{")).unwrap() as u64;
    let (runs, missed) = (count("runs_total"), count("missed_intervals_total"));
    // A start that is neither run nor missed may be under way; how many there were, a stalled clock does not tell.
    let starts = long.as_secs() / interval.as_secs();
    assert!(runs >= 2, "{runs} runs: {text}");
    assert!(!long_run || runs + missed + 2 >= starts, "{runs} runs and {missed} missed of {starts}: {text}");
    assert!(!long_run || missed == 0, "{missed} starts were missed");

    println!(
        "{starts} intervals of {interval:?}: {runs} runs, {missed} missed, {change} changes, {} scrapes",
        samples.len()
    );
    if !long_run {
        return;
    }
    let quarter = samples.len() / 4;
    assert!(quarter > 0, "too few samples: {samples:?}");
    let (second, last) = (&samples[quarter..2 * quarter], &samples[3 * quarter..]);
    for (what, slack, number) in [
        ("memory", SLACK_KIB, (|sample| sample.kib) as fn(&Sample) -> u64),
        ("threads", 1, |sample| sample.threads),
        ("files", 4, |sample| sample.files),
    ] {
        // What a run needs for a moment comes and goes; what stays is in the least of the last quarter too.
        let (before, after) = (second.iter().map(number).max().unwrap(), last.iter().map(number).min().unwrap());
        let (least, most) = (second.iter().map(number).min().unwrap(), last.iter().map(number).max().unwrap());
        println!("{what}: {least} to {before} in the second quarter, {after} to {most} in the last");
        assert!(after <= before + slack, "{what} grew from {before} to {after}");
    }
}

/// Verdicts are told only of a run that ended recently enough.
fn nothing_old_looks_new(watch: &Watch, interval: Duration) {
    // Before the question: how long the answer is on its way does not count.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let text = watch.metrics();
    if !text.contains("regproof_check_verdict{") {
        return;
    }
    let seconds = |name: &str| metric(&text, &format!("regproof_run_{name}_seconds{{")).unwrap();
    let ended = seconds("timestamp") + seconds("duration");
    // The timestamp is the start of the run, to a second.
    let most = (2 * interval + DEADLINE).as_secs_f64() + 2.0;
    assert!(now - ended <= most, "told {} s after the run ended: {text}", now - ended);
}
