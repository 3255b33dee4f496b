//! `prove`: the user's own proof that this binary notices what it should. Every weakness of the lab, one by one, and by which
//! checks it was caught; exactly those of the weakness's own list must have noticed it.
//!
//! Judges regproof, never a registry.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use futures::StreamExt;

use super::signals::Signals;
use super::{Terminal, Trouble, runtime, show};
use crate::check::Check;
use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::checks::CHECKS;
use crate::cli;
use crate::lab::{Lab, Options, Weakness};
use crate::model::effect::Need;
use crate::model::outcome::{ExitStatus, Verdict};
use crate::run::runner;
use crate::run::runner::{Board, Stop};

/// How many labs are judged at once; fewer where many have browsers.
const AT_ONCE: usize = 5;
const WITH_BROWSERS: usize = 3;

/// What one lab's checklist found.
struct Row {
    noticed: BTreeSet<String>,
    failed: BTreeSet<String>,
    skipped: BTreeSet<String>,
}

/// `prove`.
pub(crate) fn prove(args: &cli::Prove, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let signals = Signals::listen(terminal)?;
    let chosen: Vec<Weakness> =
        if args.weakness.is_empty() { Weakness::all().collect() } else { args.weakness.clone() };
    let runtime = runtime()?;
    let (healthy, rows) = runtime.block_on(async {
        let labs = [None].into_iter().chain(chosen.into_iter().map(Some)).enumerate();
        let rows = futures::stream::iter(labs.map(|(at, weakness)| {
            let stop = signals.stop();
            async move { row(weakness, args, stop).await.map(|row| (at, weakness, row)) }
        }));
        // Not in order: one that waits for a deadline would keep the others from beginning.
        let rows = rows.buffer_unordered(if args.all { WITH_BROWSERS } else { AT_ONCE }).collect::<Vec<_>>().await;
        let mut rows = rows.into_iter().collect::<Result<Vec<_>, Trouble>>()?;
        rows.sort_by_key(|(at, ..)| *at);
        let healthy = rows.remove(0).2;
        let rows = rows.into_iter().filter_map(|(_, weakness, row)| Some((weakness?, row)));
        Ok::<_, Trouble>((healthy, rows.collect::<Vec<_>>()))
    })?;
    if let Some(reason) = signals.reason() {
        return Err(Trouble::failed(format_args!("the proof ended early: {reason}")));
    }
    let (mut text, status) = verdict(&healthy, &rows, args.no_browser);
    if args.quick {
        text.push_str("of the checks that need not notice a weakness, one in ten ran; without `--quick` all run\n");
    }
    show(terminal, &text)?;
    Ok(status)
}

/// Whether a check starts a browser or a client: hundreds of processes, if every weakness had them all.
fn is_slow(check: &Check) -> bool {
    check.meta.needs.iter().any(|need| matches!(need, Need::Browser | Need::Program(_)))
}

/// A slow check runs on the first weakness that it must notice, and one runs where only slow ones do: so each is seen to fail,
/// and each weakness is seen.
fn is_wanted(check: &Check, weakness: Weakness, args: &cli::Prove) -> bool {
    let listed = weakness.breaks().contains(&check.id);
    if args.quick && !listed && !is_of_the_share(check, weakness) {
        return false;
    }
    if !is_slow(check) || args.all && !check.meta.needs.contains(&Need::Browser) {
        return true;
    }
    let slow = |id: &&str| CHECKS.iter().any(|check| check.id == *id && is_slow(check));
    let first = || Weakness::all().find(|weakness| weakness.breaks().contains(&check.id));
    let alone = || weakness.breaks().iter().all(slow) && weakness.breaks().first() == Some(&check.id);
    let asked = !args.weakness.is_empty();
    listed && (args.all || asked || alone() || first() == Some(weakness))
}

/// One in ten of all pairs, the same in each run: each check on a tenth of the weaknesses, each weakness with a tenth of the checks.
fn is_of_the_share(check: &Check, weakness: Weakness) -> bool {
    let of_check = CHECKS.iter().position(|one| one.id == check.id);
    let of_weakness = Weakness::all().position(|one| one == weakness);
    (of_check.unwrap_or(0) + of_weakness.unwrap_or(0)).is_multiple_of(10)
}

async fn row(weakness: Option<Weakness>, args: &cli::Prove, stop: Stop) -> Result<Row, Trouble> {
    let name = weakness.map_or("the sound lab", Weakness::name);
    let failed = |error: &dyn std::fmt::Display| Trouble::failed(format_args!("{name}: {error}"));
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let options = Options { weaknesses: weakness.into_iter().collect(), ..Options::default() };
    let lab = Lab::start(options).await.map_err(|error| failed(&error))?;
    let file = lab.write_scenario(folder.path()).map_err(|error| failed(&error))?;
    // Many labs at once keep a small machine busy; that something is slow there must not look like something noticed.
    let text = std::fs::read_to_string(&file).map_err(|error| failed(&error))?;
    let text = text.replace("deadline = \"60s\"", "deadline = \"600s\"").replace("= \"10s\"", "= \"30s\"");
    std::fs::write(&file, text).map_err(|error| failed(&error))?;
    // Without a check that needs one, those that make use of a browser where there is one start none either.
    let needs = |check: &&Check| check.meta.needs.contains(&Need::Browser);
    let browser = weakness.is_none_or(|weakness| CHECKS.iter().filter(needs).any(|c| is_wanted(c, weakness, args)));
    let target = Target::open(&file, None, Machine::here(args.no_browser || !browser))?;
    crate::base::log::hide(target.redactor());
    let mut plan = target.plan(CHECKS, &[])?;
    if let Some(weakness) = weakness {
        plan.steps.retain(|step| is_wanted(step.check, weakness, args));
    }
    let run = runner::execute(&Board::new(Arc::new(target), plan), stop, |_| ()).await;
    lab.stop().await;
    let ids = |wanted: &[Verdict]| -> BTreeSet<String> {
        let outcomes = run.outcomes.iter().filter(|outcome| wanted.contains(&outcome.verdict));
        outcomes.map(|outcome| outcome.id.clone()).collect()
    };
    let ran = ids(&[Verdict::Pass, Verdict::Fail, Verdict::Error]);
    Ok(Row {
        noticed: ids(&[Verdict::Fail, Verdict::Error]),
        failed: ids(&[Verdict::Fail]),
        skipped: CHECKS.iter().map(|check| check.id.to_owned()).filter(|id| !ran.contains(id)).collect(),
    })
}

/// The kill matrix as lines, and what it says about this binary. What was not tried is not proven, unless that was asked for.
fn verdict(healthy: &Row, rows: &[(Weakness, Row)], less: bool) -> (String, ExitStatus) {
    let mut text = String::new();
    let (mut wrong, mut untried) = (0, 0);
    // Writing to a String cannot fail.
    let mut say = |line: String| _ = writeln!(text, "{line}");
    let named = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if !healthy.noticed.is_empty() {
        say(format!("FALSE ALARM  the sound lab: {}", named(&healthy.noticed)));
    }
    let mut killers: BTreeSet<String> = BTreeSet::new();
    for (weakness, row) in rows {
        let expected: BTreeSet<String> = weakness.breaks().iter().map(|id| (*id).to_owned()).collect();
        let reachable: BTreeSet<String> = expected.difference(&row.skipped).cloned().collect();
        let lost: BTreeSet<String> = reachable.difference(&row.noticed).cloned().collect();
        let by_chance = |id: &&String| weakness.sometimes().contains(&id.as_str());
        let more: BTreeSet<String> = row.noticed.difference(&expected).filter(|id| !by_chance(id)).cloned().collect();
        killers.extend(row.failed.iter().cloned());
        let word = match (lost.is_empty() && more.is_empty(), row.noticed.is_empty()) {
            (true, false) => "caught",
            (true, true) if expected.is_empty() => "harmless",
            (true, true) => "not tried",
            (false, true) => "SURVIVED",
            (false, false) => "DIFFERENT",
        };
        wrong += usize::from(word == "SURVIVED" || word == "DIFFERENT");
        untried += usize::from(word == "not tried");
        say(format!("{word:<11}  {}: {}", weakness.name(), named(&row.noticed)));
        for (set, what) in [(&lost, "did not notice"), (&more, "noticed unexpectedly")] {
            if !set.is_empty() {
                say(format!("             {what}: {}", named(set)));
            }
        }
    }
    let ran = CHECKS.iter().filter(|check| !healthy.skipped.contains(check.id));
    let idle: BTreeSet<String> = ran.map(|check| check.id.to_owned()).filter(|id| !killers.contains(id)).collect();
    if !idle.is_empty() && rows.len() == Weakness::all().count() {
        say(format!("\nnever seen to fail here: {}", named(&idle)));
    }
    if !healthy.skipped.is_empty() {
        say(format!("not run here: {}", named(&healthy.skipped)));
    }
    let (all, right) = (rows.len(), rows.len() - wrong - untried);
    let spared = |row: &Row, id: &str| row.skipped.contains(id) && !healthy.skipped.contains(id);
    if rows.iter().any(|(weakness, row)| weakness.breaks().iter().any(|id| spared(row, id))) {
        say("browser and client checks ran once each, and where no other check notices; `--all` runs them on all weaknesses"
            .to_owned());
    }
    say(format!("\n{all} weaknesses: {right} as they should be, {wrong} not, {untried} not tried here"));
    let status = match (wrong, untried) {
        (0, _) if !healthy.noticed.is_empty() => ExitStatus::Broken,
        (0, 1..) if !less => ExitStatus::NotProven,
        (0, _) => ExitStatus::Proven,
        _ => ExitStatus::Broken,
    };
    (text, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(noticed: &[&str], skipped: &[&str]) -> Row {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<String>>();
        Row { noticed: set(noticed), failed: set(noticed), skipped: set(skipped) }
    }

    #[test]
    fn a_survivor_a_difference_and_a_false_alarm_are_each_a_failure() {
        let expected = Weakness::MetricsClosed.breaks();
        for (healthy, seen, skipped, less, status) in [
            (&[][..], expected, &[][..], false, ExitStatus::Proven),
            (&[], &[][..], &[], false, ExitStatus::Broken),
            (&[], &[][..], expected, false, ExitStatus::NotProven),
            (&[], &[][..], expected, true, ExitStatus::Proven),
            (&[], &["access::anonymous_can_pull"], &[], false, ExitStatus::Broken),
            (&["access::anonymous_can_pull"], expected, &[], false, ExitStatus::Broken),
        ] {
            let (text, found) = verdict(&row(healthy, &[]), &[(Weakness::MetricsClosed, row(seen, skipped))], less);
            assert_eq!(found, status, "{text}");
        }
    }

    #[test]
    fn only_what_was_spared_though_it_must_notice_is_told() {
        let expected = Weakness::MetricsClosed.breaks();
        let told = |skipped: &[&str], nowhere: &[&str]| {
            let text = verdict(&row(&[], nowhere), &[(Weakness::MetricsClosed, row(&expected[1..], skipped))], false).0;
            text.contains("--all")
        };
        assert!(told(&expected[..1], &[]));
        assert!(!told(&expected[..1], &expected[..1]));
        assert!(!told(&["oidc::login_returns_with_a_session"], &[]));
    }
}
