//! `demo`: the checklist on a sound lab, then on a weak one, so that both colours are seen before a real registry is.
//!
//! Its own status is about regproof, not about a registry: 0 if the sound lab was proven and the weak one was caught.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::run::{Closing, conduct};
use super::signals::Signals;
use super::{Terminal, Trouble, colour, prepare, runtime, show};
use crate::cli::{self, Selection};
use crate::lab::{Lab, Options, Weakness};
use crate::model::outcome::{ExitStatus, Run, Verdict};

/// `demo`.
pub(crate) fn demo(args: &cli::Demo, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let signals = Signals::listen(terminal)?;
    let weakness = args.weakness;
    let caught: Vec<String> = weakness.breaks().iter().map(|id| format!("`{id}`")).collect();
    let caught = if caught.is_empty() { "nothing".to_owned() } else { caught.join(", ") };
    show(terminal, "1 of 2: a hardened registry in this process. Every promise holds, so every check must pass.\n\n")?;
    let sound = proven(args, None, &signals, terminal)?;
    if let Some(reason) = signals.reason() {
        return Err(Trouble::failed(format_args!("the demo ended early: {reason}")));
    }
    let intro = format!(
        "\n2 of 2: the same registry, weakened on purpose by `{weakness}`: {}\n        What must be caught: {caught}.\n\n",
        weakness.summary()
    );
    show(terminal, &intro)?;
    let weak = proven(args, Some(weakness), &signals, terminal)?;
    let (text, status) = verdict(&sound, &weak, weakness);
    show(terminal, &text)?;
    Ok(status)
}

/// Runs the checklist on a new lab.
fn proven(
    args: &cli::Demo,
    weakness: Option<Weakness>,
    signals: &Signals,
    terminal: &Terminal,
) -> Result<Run, Trouble> {
    let folder = tempfile::tempdir().map_err(|error| Trouble::failed(format_args!("cannot make a folder: {error}")))?;
    let runtime = runtime()?;
    let options = Options { weaknesses: weakness.into_iter().collect(), ..Options::default() };
    let lab = runtime.block_on(Lab::start(options));
    let lab = lab.map_err(|error| Trouble::failed(format_args!("cannot start the lab: {error}")))?;
    let run = checked(args, &lab, folder.path(), signals, terminal);
    runtime.block_on(lab.stop());
    run
}

fn checked(args: &cli::Demo, lab: &Lab, folder: &Path, signals: &Signals, terminal: &Terminal) -> Result<Run, Trouble> {
    let file = lab.write_scenario(folder);
    let file = file.map_err(|error| Trouble::failed(format_args!("cannot write the lab's scenario: {error}")))?;
    let selection =
        Selection { only: vec![], effects: None, no_browser: args.no_browser, partition: None, strict: false };
    let boards = prepare::boards(&[file], &selection, None)?;
    let mut closing = Closing::new(boards, terminal);
    closing.colour = colour(args.look.colour, terminal);
    let (mut runs, _) = conduct(&Arc::new(closing), Duration::ZERO, signals)?;
    runs.pop().ok_or_else(|| Trouble::failed("the lab was not checked"))
}

/// What both runs say about regproof.
fn verdict(sound: &Run, weak: &Run, weakness: Weakness) -> (String, ExitStatus) {
    let ids = |run: &Run, wanted: &[Verdict]| -> BTreeSet<String> {
        let outcomes = run.outcomes.iter().filter(|outcome| wanted.contains(&outcome.verdict) && !outcome.warns());
        outcomes.map(|outcome| outcome.id.clone()).collect()
    };
    let bad = [Verdict::Fail, Verdict::Error];
    let skipped = ids(sound, &[Verdict::Skip]);
    let expected: BTreeSet<String> = weakness.breaks().iter().map(|id| (*id).to_owned()).collect();
    let unseen: BTreeSet<String> = expected.intersection(&skipped).cloned().collect();
    let reachable: BTreeSet<String> = expected.difference(&skipped).cloned().collect();
    let (first, second) = (ids(sound, &bad), ids(weak, &bad));
    let named = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut text = String::from("\n");
    // Writing to a String cannot fail.
    let mut say = |line: String| _ = writeln!(text, "{line}");
    if !skipped.is_empty() {
        say(format!("Skipped on this machine, each with its reason above: {}.", named(&skipped)));
    }
    let status = if sound.exit_status(false) != ExitStatus::Proven {
        say(format!("Not as it should be: the sound registry was not proven ({}).", named(&first)));
        ExitStatus::Broken
    } else if second != reachable {
        say(format!("Not as it should be: expected {}, found {}.", named(&reachable), named(&second)));
        ExitStatus::Broken
    } else if !unseen.is_empty() && second.is_empty() {
        say(format!("Not seen: {} was skipped, so the weakness could not be caught.", named(&unseen)));
        ExitStatus::NotProven
    } else {
        if !unseen.is_empty() {
            say(format!("Not run here, though it would notice the weakness too: {}.", named(&unseen)));
        }
        let passed = sound.summary().pass;
        let by = match second.first() {
            None => "no check noticed the weakness, since it breaks no promise of the scenario.".to_owned(),
            Some(one) => {
                format!("the weakness was caught by {} alone. `regproof explain {one}` tells more.", named(&second))
            }
        };
        say(format!("As it should be: {passed} checks proved the sound registry, and {by}"));
        ExitStatus::Proven
    };
    say("Next: write a scenario for your registry, look at it with `regproof plan`, then `regproof run`.".to_owned());
    (text, status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Outcome;

    const BROKEN: &str = "publish::existing_tag_cannot_be_moved";

    fn run(outcomes: &[(&str, Verdict)]) -> Run {
        let mut run = crate::report::sample::small();
        let one = run.outcomes.remove(0);
        let outcome = |(id, verdict): &(&str, Verdict)| Outcome { id: (*id).into(), verdict: *verdict, ..one.clone() };
        run.outcomes = outcomes.iter().map(outcome).collect();
        run
    }

    #[test]
    fn the_demo_counts_only_if_exactly_the_weakness_was_caught() {
        use Verdict::{Error, Fail, Pass, Skip};
        for (sound, weak, expected) in [
            ([Pass, Pass], [Pass, Fail], ExitStatus::Proven),
            ([Skip, Pass], [Skip, Fail], ExitStatus::Proven),
            ([Pass, Pass], [Pass, Pass], ExitStatus::Broken),
            ([Pass, Pass], [Fail, Fail], ExitStatus::Broken),
            ([Fail, Pass], [Pass, Fail], ExitStatus::Broken),
            ([Error, Pass], [Pass, Fail], ExitStatus::Broken),
            ([Pass, Skip], [Pass, Skip], ExitStatus::NotProven),
        ] {
            let run = |[other, moved]: [Verdict; 2]| run(&[("access::anonymous_can_pull", other), (BROKEN, moved)]);
            let (text, status) = verdict(&run(sound), &run(weak), Weakness::OverwriteAnswers403ButMoves);
            assert_eq!(status, expected, "{sound:?} {weak:?}: {text}");
        }
    }
}
