//! Nothing that the registry answers has changed since the snapshot that the operator keeps.
//!
//! ## Why it matters
//!
//! A promise covers what its operator thought of. An upgrade, a proxy or a neighbour's change of the configuration also moves
//! what nobody wrote down: which page answers whom, which client gets through, where a tag points.
//!
//! ## How it is proven
//!
//! `regproof run --against before.json`, and `regproof diff` on two files. After all other checks a new snapshot is taken, with
//! reads and requests that store nothing: the permission matrix, the clients, the bypass probes, the pages for each identity,
//! the tags of the declared repositories. Each answer is compared with the snapshot's. New tags are no change: pushing makes
//! them. What the scratch repository and caches hold is not compared.
//!
//! ## When it fails
//!
//! Each change is named with both answers. If it is meant, put its line on the list of `--accept`, or take the snapshot again.
//! An answer that is only lost, or that the snapshot does not have, is an Error: whether it changed is not known.
//!
//! ## References
//!
//! `regproof snapshot --help`, `regproof diff --help`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::compare::{self, Change, Kind};
use crate::check::Check;
use crate::check::context::Cx;
use crate::model::effect::{Effect, Meta};
use crate::model::failure::{Failure, Proof, Why};
use crate::model::snapshot::Against;
use crate::report::text;
use crate::run::plan::Step;
use crate::run::runner;

/// The check; not of the list, since it needs a snapshot that no scenario names.
pub(crate) static CHECK: Check = Check::new(
    "drift::nothing_changed",
    "src/drift/proof.rs",
    include_str!("proof.rs"),
    Meta { needs: &[], effect: Effect::Oracle, usual: Duration::from_secs(2) },
    |cx| Box::pin(run(cx)),
);

const WHY: Why<'static> = Why {
    claim: "nothing has changed since the snapshot",
    cause: "another release, configuration or proxy; or a tag was moved or removed",
    remedy: "if each change is meant, accept it with --accept or take the snapshot again; else undo it",
};

/// The step of a run's plan, after all others.
pub(crate) fn step(effects: Effect) -> Step {
    let more = CHECK.meta.effect > effects;
    let skip = more.then(|| format!("it needs `--effects {}`, this run is allowed `{effects}`", CHECK.meta.effect));
    Step { check: &CHECK, skip, waived: None, level: None, last: true }
}

async fn run(cx: &Cx) -> Proof {
    let against: Arc<Against> = cx.target().against.clone().context("there is no snapshot to compare with")?;
    let now = super::take(cx.target(), against.before.catalog, runner::no_stop()).await?;
    let diff = compare::compare(&against.before, &now, &against.accepted);
    diff.notes.iter().for_each(|note| cx.note(note));
    cx.note(format!("{} answers and {} tags compared, {} new tags", diff.answers, diff.tags, diff.new_tags));
    let (mut first, mut lost) = (None, None);
    for change in &diff.changes {
        if change.accepted {
            cx.note(format!("accepted: {}", change.id));
            continue;
        }
        // What --accept takes.
        cx.case(&change.id, &Err(failure(change)));
        let seen = if matches!(change.kind, Kind::Lost | Kind::New) { &mut lost } else { &mut first };
        seen.get_or_insert(change);
    }
    let Some(worst) = first.or(lost) else {
        return match diff.undecided.first() {
            None => Ok(()),
            Some(line) => Err(WHY.undecided("an answer to every question, in both snapshots", line, None)),
        };
    };
    let count = diff.open().count();
    cx.note(text::count(count, "change"));
    Err(failure(worst))
}

fn failure(change: &Change) -> Failure {
    let word = |answer: &Option<String>, missing: &str| answer.clone().unwrap_or_else(|| missing.to_owned());
    let expected = format!("{}: {}", change.question, word(&change.before, "not known"));
    match change.kind {
        Kind::Lost => WHY.undecided(expected, "not answered, or not decided", None),
        Kind::New => WHY.undecided(expected, word(&change.after, "gone"), None),
        Kind::Gone => WHY.fail(expected, "gone", None),
        Kind::Changed | Kind::Moved => WHY.fail(expected, word(&change.after, "gone"), None),
    }
}
