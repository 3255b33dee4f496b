//! Runs a plan: each check under a deadline, panics caught, clean-up always, outcomes in plan order.
//!
//! Decides nothing about promises. A run always ends in a `Run`, also when it is interrupted.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::check::Check;
use crate::check::context::claim::is_like;
use crate::check::context::{CLEAN_UP, Cx};
use crate::check::target::Target;
use crate::checks::CHECKS;
use crate::kit::fingerprint;
use crate::model::effect::Need;
use crate::model::failure::{Failure, Proof, happened, verdict_of};
use crate::model::level::Level;
use crate::model::outcome::{Case, Finding, Fingerprint, Outcome, Run, Verdict};
use crate::run::advice;
use crate::run::plan::{Plan, Step};
use crate::run::promises;
use crate::run::root;
use crate::run::symptom;
use crate::run::symptom::Facts;
use crate::scenario::Waive;

/// What happens while a run goes on; the console's progress is its only consumer.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A check began.
    Started(&'a str),
    /// A check ended.
    Finished(&'a Outcome),
}

/// The state of a run, readable from outside the async runtime, so that even a run that hangs ends in a report.
#[derive(Debug)]
pub struct Board {
    target: Arc<Target>,
    plan: Plan,
    began: (Instant, OffsetDateTime),
    /// How long the run took, and why it ended early if it did. Independent of other runs in the same process.
    ended: OnceLock<(Duration, Option<String>)>,
    slots: Mutex<(Vec<Option<Outcome>>, Fingerprint)>,
}

impl Board {
    /// A board on which nothing is known yet.
    #[must_use]
    pub fn new(target: Arc<Target>, plan: Plan) -> Board {
        let slots = Mutex::new((vec![None; plan.steps.len()], Fingerprint::default()));
        Board { target, plan, began: (Instant::now(), OffsetDateTime::now_utc()), ended: OnceLock::new(), slots }
    }

    fn set(&self, index: usize, outcome: Outcome) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).0[index] = Some(outcome);
    }

    /// The run as far as it is known; a check that has not ended is an Error with the reason given.
    #[must_use]
    pub fn run(&self, interrupted: Option<&str>) -> Run {
        let (duration, interrupted) = match self.ended.get() {
            Some((duration, reason)) => (*duration, reason.as_deref()),
            None => (self.began.0.elapsed(), interrupted),
        };
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = interrupted.unwrap_or("the run ended before this check did");
        let facts = Facts::of(self.target.scenario());
        let zot = slots.1.product.as_deref().is_none_or(|product| product == "zot");
        let outcomes = self.plan.steps.iter().zip(&slots.0).map(|(step, slot)| {
            let mut outcome = slot.clone().unwrap_or_else(|| {
                let finding =
                    Finding { summary: "not run to its end".into(), actual: reason.into(), ..Finding::default() };
                blank(step.check, Verdict::Error, Some(finding))
            });
            advice::fit(&slots.1, &mut outcome);
            if !zot {
                symptom::fit(&mut outcome, &facts, false);
            }
            outcome
        });
        let mut run = Run {
            schema: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: self.target.scenario().name.clone(),
            target: self.target.origin().to_string(),
            registry: slots.1.clone(),
            started: self.began.1,
            duration,
            part: self.plan.share,
            interrupted: interrupted.map(str::to_owned),
            root: None,
            outcomes: outcomes.collect(),
        };
        run.root = root::of(&run, &facts, zot);
        run
    }

    /// The longest that this run can take if everything keeps its deadline.
    #[must_use]
    pub fn budget(&self) -> Duration {
        let at_once = self.target.scenario().limits.concurrency.max(1);
        let last = self.plan.steps.iter().filter(|step| step.last && step.skip.is_none()).count();
        let rounds = (self.plan.runs() - last).div_ceil(at_once) + last.div_ceil(at_once);
        (self.target.deadline() + CLEAN_UP) * u32::try_from(rounds).unwrap_or(u32::MAX).max(1)
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The target.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }
}

fn blank(check: &Check, verdict: Verdict, finding: Option<Finding>) -> Outcome {
    Outcome {
        id: check.id.to_owned(),
        title: check.title(),
        verdict,
        level: Level::Promise,
        finding,
        proven: None,
        waived: None,
        cases: vec![],
        tables: vec![],
        notes: vec![],
        leftovers: vec![],
        transcript: vec![],
        screenshots: vec![],
        measures: vec![],
        told: vec![],
        started: OffsetDateTime::now_utc(),
        duration: Duration::ZERO,
    }
}

/// A signal that ends a run early; its value is the reason.
pub type Stop = watch::Receiver<Option<String>>;

/// A signal that never comes.
#[must_use]
pub fn no_stop() -> Stop {
    watch::channel(None).1
}

/// Runs the plan of a board.
pub async fn execute(board: &Board, stop: Stop, event: impl Fn(Event<'_>) + Sync) -> Run {
    let mut order: Vec<usize> = (0..board.plan.steps.len()).collect();
    // The longest first, so that the run is as short as its longest check.
    order.sort_by_key(|index| std::cmp::Reverse(board.plan.steps[*index].check.meta.usual));
    let fingerprint = async {
        if board.plan.runs() > 0 {
            let mut stop = stop.clone();
            tokio::select! {
                found = fingerprint::of_target(&board.target) => {
                    board.slots.lock().unwrap_or_else(PoisonError::into_inner).1 = found;
                }
                _ = stopped(&mut stop) => {}
            }
        }
    };
    let (last, order): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|index| board.plan.steps[*index].last);
    let part = |indices: Vec<usize>| {
        futures::stream::iter(indices)
            .map(|index| {
                let (step, stop, event) = (&board.plan.steps[index], stop.clone(), &event);
                async move {
                    event(Event::Started(step.check.id));
                    let outcome = execute_one(step, &board.target, stop).await;
                    event(Event::Finished(&outcome));
                    board.set(index, outcome);
                }
            })
            .buffer_unordered(board.target.scenario().limits.concurrency.max(1))
            .collect::<Vec<()>>()
    };
    futures::join!(fingerprint, part(order));
    part(last).await;
    let reason = stop.borrow().clone();
    board.ended.get_or_init(|| (board.began.0.elapsed(), reason));
    board.run(None)
}

/// Runs one step of a plan: what both front ends, the binary and `tests/live.rs`, call.
pub async fn execute_one(step: &Step, target: &Arc<Target>, mut stop: Stop) -> Outcome {
    let check = step.check;
    if let Some(reason) = &step.skip {
        let finding = Finding { summary: reason.clone(), ..Finding::default() };
        return blank(check, Verdict::Skip, Some(finding));
    }
    let mut outcome = blank(check, Verdict::Error, None);
    let began = Instant::now();
    if check.meta.needs.contains(&Need::LockOrConfig) {
        target.facts.promised.get_or_init(|| promises::now(target.scenario(), CHECKS));
    }
    let cx = Arc::new(Cx::new(check.id, check.meta.effect, target));
    let proof = if stop.borrow().is_some() {
        Err(Failure::from(anyhow::anyhow!("interrupted before it began")))
    } else {
        guarded(check, &cx, &mut stop).await
    };
    if tokio::time::timeout(CLEAN_UP + Duration::from_secs(1), cx.clean_up()).await.is_err() {
        cx.note("clean-up did not end in time");
    }
    let (verdict, finding) = verdict_of(&proof);
    let mut found = cx.take();
    let (verdict, finding) = match found.claim.skip.take() {
        Some(reason) if verdict == Verdict::Pass => {
            (Verdict::Skip, Some(Finding { summary: reason, ..Finding::default() }))
        }
        _ => (verdict, finding),
    };
    outcome.verdict = verdict;
    outcome.finding = finding.map(|finding| clean(finding, target));
    outcome.proven = found.claim.proven.map(|text| target.redactor.text(&text));
    outcome.cases = found.cases;
    outcome.level = step.level.unwrap_or(found.level);
    for case in &mut outcome.cases {
        case.level = step.level.unwrap_or(case.level.max(found.level));
        case.finding = case.finding.take().map(|finding| clean(finding, target));
    }
    outcome.tables = found.tables;
    outcome.notes = found.notes.iter().map(|note| target.redactor.text(note)).collect();
    outcome.measures = found.measures;
    outcome.told = found.told;
    outcome.screenshots = found.screenshots;
    outcome.leftovers = found.leftovers;
    outcome.transcript = cx.recorder().exchanges();
    outcome.duration = began.elapsed();
    symptom::fit(&mut outcome, &Facts::of(target.scenario()), true);
    if let Some(waiver) = &step.waived {
        waive(&mut outcome, waiver, found.claim.covered);
    }
    outcome
}

/// A Fail that the operator accepted is a Skip, and stays visible; an Error is not: nothing was found to accept. Of a check
/// that has cells, a waiver covers those that it names.
fn waive(outcome: &mut Outcome, waiver: &Waive, covered: Option<bool>) {
    // What a check judged itself, cell by cell, is not judged again by its cases.
    if let (None, Some(cells)) = (covered, &waiver.cells) {
        return waive_cells(outcome, waiver, cells);
    }
    match outcome.verdict {
        Verdict::Fail if covered.unwrap_or(true) => {
            outcome.verdict = Verdict::Skip;
            outcome.waived = Some(waiver.reason.clone());
        }
        Verdict::Fail if waiver.cells.is_none() => outcome.notes.push(
            "its waiver covers nothing: it names no `cells`, and this check fails by cell, as \
             `cells = [\"ci: move a tag in team/app\"]`"
                .to_owned(),
        ),
        Verdict::Fail => outcome.notes.push("its waiver does not cover these cells".to_owned()),
        Verdict::Pass => outcome.notes.push("its waiver is no longer needed: the promise holds".to_owned()),
        Verdict::Error | Verdict::Skip => {}
    }
}

/// Accepts the cells that a waiver names, and nothing else: another cell that fails keeps the check failing.
fn waive_cells(outcome: &mut Outcome, waiver: &Waive, cells: &[String]) {
    for cell in cells {
        let named = outcome.cases.iter().filter(|case| is_like(cell, &case.name));
        match named.map(|case| case.verdict).max() {
            None => outcome.notes.push(format!("its waiver names the cell `{cell}`, which this run does not have")),
            Some(Verdict::Pass) => outcome.notes.push(format!("its waiver of `{cell}` is no longer needed: it holds")),
            Some(_) => {}
        }
    }
    let waived = |case: &Case| case.verdict == Verdict::Fail && cells.iter().any(|cell| is_like(cell, &case.name));
    let shown: Vec<Finding> =
        outcome.cases.iter().filter(|case| waived(case)).filter_map(|case| case.finding.clone()).collect();
    if shown.is_empty() {
        return;
    }
    let open = outcome.cases.iter().find(|case| case.verdict == Verdict::Fail && !waived(case)).cloned();
    let unsure = outcome.cases.iter().find(|case| case.verdict == Verdict::Error).cloned();
    for case in outcome.cases.iter_mut().filter(|case| waived(case)) {
        case.verdict = Verdict::Skip;
    }
    let accepted = format!("{} (of {}: {})", waiver.reason, shown.len(), cells.join(", "));
    // What the check itself found, and no cell says, is not among what was accepted.
    let covered = outcome.finding.as_ref().is_some_and(|finding| shown.contains(finding));
    if outcome.verdict != Verdict::Fail || !covered {
        outcome.notes.push(format!("waived: {accepted}"));
        return;
    }
    match open.or(unsure) {
        Some(case) => {
            outcome.verdict = case.verdict;
            outcome.finding = case.finding;
            outcome.notes.push(format!("waived: {accepted}"));
        }
        None => {
            outcome.verdict = Verdict::Skip;
            outcome.waived = Some(accepted);
        }
    }
}

async fn guarded(check: &Check, cx: &Arc<Cx>, stop: &mut Stop) -> Proof {
    let (run, inner) = (check.run, Arc::clone(cx));
    let mut task = tokio::spawn(async move { run(&inner).await });
    let limit = cx.target().deadline();
    let ended = tokio::select! {
        result = &mut task => return result.unwrap_or_else(|error| Err(panicked(error))),
        () = tokio::time::sleep(limit) => format!("the check did not end within its deadline of {limit:?}"),
        reason = stopped(stop) => reason,
    };
    task.abort();
    // Dropping the check's future ends its browser and its clients; the wait lets that happen before clean-up.
    let _ = tokio::time::timeout(Duration::from_secs(2), task).await;
    Err(Failure::from(anyhow::anyhow!(ended)))
}

async fn stopped(stop: &mut Stop) -> String {
    loop {
        let reason = stop.borrow_and_update().clone();
        if let Some(reason) = reason {
            return reason;
        }
        if stop.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn panicked(error: tokio::task::JoinError) -> Failure {
    let what = match error.try_into_panic() {
        Ok(payload) => payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "no message".to_owned()),
        Err(_) => "it was cancelled".to_owned(),
    };
    Failure::from(anyhow::anyhow!("the check itself is at fault: it panicked: {what}"))
}

fn clean(finding: Finding, target: &Target) -> Finding {
    let text = |text: String| target.redactor.text(&text);
    // Made of the others, again, now without secrets: it is cut.
    let made = !finding.promise.is_empty() || finding.summary == finding.actual;
    let (expected, actual) = (text(finding.expected), text(finding.actual));
    Finding {
        summary: if made { happened(&expected, &actual) } else { text(finding.summary) },
        promise: text(finding.promise),
        expected,
        actual,
        cause: text(finding.cause),
        remedy: text(finding.remedy),
        exchange: finding.exchange,
        code: finding.code,
    }
}

#[cfg(test)]
mod tests;
