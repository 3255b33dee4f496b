//! Every mistake of `tests/mutants/*.toml`, made on a real zot: exactly the checks that its file names must notice it.
//!
//! A few of each kind by default; all with `REGPROOF_MUTANTS=all`, or those whose names start with one of
//! `REGPROOF_MUTANTS=name,name`.

mod file;
mod matrix;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use self::file::{Base, Change, Mutant};
use self::stage::Judged;
use regproof::model::outcome::{Outcome, Verdict};

/// How many worlds there are at once: each is four programs, and its checks are sixteen at a time.
const AT_ONCE: usize = 2;

fn chosen(all: Vec<Mutant>) -> Vec<Mutant> {
    let wanted = env::var("REGPROOF_MUTANTS").unwrap_or_default();
    let by_name: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    all.into_iter()
        .filter(|mutant| match by_name[..] {
            [] => mutant.sample,
            ["all"] => true,
            _ => by_name.iter().any(|name| mutant.name.starts_with(name)),
        })
        .collect()
}

/// Does the work of each item, a few at a time; a panic is a result too.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Result<R, String>> {
    let (next, results) = (Mutex::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let index = {
                        let mut next = next.lock().expect("no panic holds it");
                        *next += 1;
                        *next - 1
                    };
                    let Some(item) = items.get(index) else { return };
                    let result = catch_unwind(AssertUnwindSafe(|| work(item))).map_err(|panic| {
                        let text = panic.downcast_ref::<String>().cloned();
                        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
                    });
                    results.lock().expect("no panic holds it").insert(index, result);
                }
            });
        }
    });
    results.into_inner().expect("no panic holds it").into_values().collect()
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr takes one line");
}

/// The verdict without the waivers of the scenario: what is accepted was found nevertheless.
fn verdict(outcome: &Outcome) -> Verdict {
    if outcome.waived.is_some() { Verdict::Fail } else { outcome.verdict }
}

/// Why it is so, in as few lines as tell.
fn because(outcome: &Outcome) -> String {
    let finding = outcome.finding.clone().unwrap_or_default();
    let cases = outcome.cases.iter().filter(|case| case.verdict != Verdict::Pass).map(|case| case.name.as_str());
    let cases: Vec<&str> = cases.take(6).collect();
    format!("{} | {} | {} | {}", finding.expected, finding.actual, finding.cause, cases.join("; "))
}

/// Those of the base that are not as its file says.
fn false_alarms(base: &Base, judged: &Judged) -> String {
    let mut text = String::new();
    for (id, outcome) in judged {
        let wanted = if base.fails.contains_key(id) { Verdict::Fail } else { Verdict::Pass };
        if verdict(outcome) != wanted && outcome.verdict != Verdict::Skip {
            writeln!(text, "  {id} is {:?}: {}", outcome.verdict, because(outcome)).expect("a string takes it");
        }
    }
    text
}

/// What the verdict may be.
fn wanted(mutant: &Mutant, id: &str, on_base: Verdict) -> Vec<Verdict> {
    let named = |set: &BTreeSet<String>| set.contains(id);
    match on_base {
        // A program that this machine does not have sees nothing.
        Verdict::Skip => vec![Verdict::Skip],
        _ if named(&mutant.fails) => vec![Verdict::Fail],
        _ if named(&mutant.passes) => vec![Verdict::Pass],
        _ if named(&mutant.undecided) => vec![Verdict::Error],
        _ if named(&mutant.by_chance) || mutant.by_chance.contains("*") => vec![on_base, Verdict::Error],
        // What fails on the base without a request fails here too.
        _ if mutant.undecided.contains("*") && on_base == Verdict::Fail => vec![Verdict::Error, Verdict::Fail],
        _ if mutant.undecided.contains("*") => vec![Verdict::Error],
        verdict => vec![verdict],
    }
}

/// One line of the kill matrix, and what is not as the mutant's file says.
fn compare(mutant: &Mutant, base: &Judged, judged: &Judged) -> (String, String) {
    let ids = |wanted: Verdict| -> Vec<&str> {
        let changed = judged.iter().filter(|(id, o)| verdict(o) == wanted && verdict(&base[*id]) != wanted);
        changed.map(|(id, _)| id.as_str()).collect()
    };
    let (failed, undecided) = (ids(Verdict::Fail), ids(Verdict::Error));
    let mut wrong = String::new();
    for (id, outcome) in judged {
        let wanted = wanted(mutant, id, verdict(&base[id]));
        if !wanted.contains(&verdict(outcome)) {
            writeln!(wrong, "  {id} is {:?}, not {wanted:?}: {}", outcome.verdict, because(outcome))
                .expect("a string takes it");
        }
    }
    let word = match (wrong.is_empty(), failed.is_empty() && undecided.is_empty()) {
        (true, false) => "caught",
        (true, true) => "harmless",
        (false, true) => "SURVIVED",
        (false, false) => "DIFFERENT",
    };
    let line = format!("{word:<9}  {}: {}; undecided: {}", mutant.name, failed.join(", "), undecided.join(", "));
    if !wrong.is_empty() {
        writeln!(wrong, "  fails = {failed:?}\n  undecided = {undecided:?}").expect("a string takes it");
    }
    (line, wrong)
}

#[test]
fn every_file_is_sound_and_every_kind_has_its_sample() {
    let mutants = file::mutants();
    assert!(mutants.len() >= 45, "{} mutants", mutants.len());
    for kind in file::KINDS {
        assert!(mutants.iter().any(|mutant| mutant.sample && mutant.change.kind() == kind), "no sample of {kind}");
    }
    let proxies = mutants.iter().filter(|mutant| mutant.change.kind() == "proxy").count();
    assert!(proxies >= 8, "{proxies} mutants of the proxy");
}

#[test]
fn every_mutant_is_noticed_by_exactly_the_checks_that_its_file_names() {
    let (bases, mutants) = (file::bases(), chosen(file::mutants()));
    assert!(!mutants.is_empty(), "no mutant is called so");
    let needed: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.base.as_str()).collect();
    let needed: Vec<(&str, &Base)> = needed.into_iter().map(|name| (name, &bases[name])).collect();
    let judged = side_by_side(&needed, |(name, base)| {
        let judged = stage::judge(name, base, &Change::default(), None)?;
        Some((false_alarms(base, &judged), judged))
    });
    let mut problems = String::new();
    let mut sound: BTreeMap<&str, Judged> = BTreeMap::new();
    for ((name, _), result) in needed.iter().zip(judged) {
        match result {
            Err(panic) => problems.push_str(&format!("{name}: {panic}\n")),
            Ok(Some((alarms, judged))) => {
                if !alarms.is_empty() {
                    problems.push_str(&format!("FALSE ALARM on {name}:\n{alarms}"));
                }
                sound.insert(name, judged);
            }
            Ok(None) => {}
        }
    }
    let rows = side_by_side(&mutants, |mutant| {
        let base = sound.get(mutant.base.as_str())?;
        let judged = stage::judge(&mutant.name, &bases[&mutant.base], &mutant.change, mutant.refused.as_deref())?;
        let (line, wrong) = compare(mutant, base, &judged);
        say(&line);
        Some(if wrong.is_empty() { String::new() } else { format!("{line}\n{wrong}") })
    });
    let mut ran = 0;
    for (mutant, row) in mutants.iter().zip(rows) {
        ran += usize::from(!matches!(row, Ok(None)));
        match row {
            Err(panic) => problems.push_str(&format!("{}: {panic}\n", mutant.name)),
            Ok(row) => problems.push_str(&row.unwrap_or_default()),
        }
    }
    say(&format!("{ran} of {} mutants ran", mutants.len()));
    assert!(problems.is_empty(), "\n{problems}");
}
