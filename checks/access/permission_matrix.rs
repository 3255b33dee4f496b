//! Everyone may do what is promised and nothing else, in every repository, request by request.
//!
//! ## Why it matters
//!
//! One door closed proves nothing about the next. A longer pattern silently replaces a shorter one, a group may be missing
//! from a login, and a file on disk can differ from the policy that runs: only the live answer counts.
//!
//! ## How it is proven
//!
//! 1. Who: anonymous, and every identity of the scenario. Where: the scratch, public and private repositories, one for each
//!    pattern and each cache of the zot configuration, and a name that nobody declared.
//! 2. Each request is valid for authorization and impossible for the handler (an unknown media type, a random digest, an
//!    upload that does not exist), so the answer tells the permission and nothing is stored, also on production names. A
//!    cache is never asked for what it lacks. On another registry than zot only reading is asked.
//! 3. The control: a denial counts only where somebody was allowed the same request in this run.
//! 4. The answer is compared with the zot configuration, evaluated independently of zot, or with `[access]`.
//! 5. On the scratch and the first public repository, the requests of anonymous and of CI that change anything are asked 20
//!    times (5 times where zot delays its refusals), so that random answers and one bad backend show.
//! 6. Every tag that was asked about, outside of the scratch repository, is read before and after, and has not moved.
//!
//! ## When it fails
//!
//! The finding names who, where, which request, and the line of the configuration that promises otherwise. Restart zot if the
//! file is right, since some changes take effect only then. Both answers, by chance: two patterns of equal length match.
//!
//! ## References
//!
//! zot `pkg/api/authz.go`; `pkg/api/routes.go` for the order of decisions. Tried on v2.1.14, v2.1.15, v2.1.18, v2.1.20.

use std::time::Duration;

use crate::check::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Policy], effect: Effect::Oracle, usual: Duration::from_millis(800) };

const WHY: Why<'static> = Why {
    claim: "everyone may do what is promised and nothing else",
    cause: "the running policy differs from the promise: another pattern matches, a group is missing or holds more, or zot \
            still runs with an older configuration",
    remedy: "compare accessControl for this repository with the promise, and restart zot if the file is right",
};

const CHANCE: Why<'static> = Why {
    claim: "the same request has the same answer each time",
    cause: "random answers: two patterns of equal length match this repository, or one of several backends is bad",
    remedy: "make one of the patterns longer; if there are no such patterns, ask each backend by itself",
};

const STATE: Why<'static> = Why {
    claim: "asking for permissions changes nothing",
    cause: "somebody else moved the tag in the meantime, or the registry stored what it should refuse",
    remedy: "run again; if it happens again, do not run this check on production and report it",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let askers = matrix::askers(cx)?;
    let clearance = cx.clear_oracles().await?;
    let places = matrix::places(cx, &askers).await?;
    let cells = matrix::ask(cx, &askers, &places, clearance).await;
    cx.table(matrix::table(&cells));
    for (question, answer) in matrix::answers(&cells, &places) {
        cx.tell(question, answer);
    }
    let mut state = Ok(());
    for place in places.iter().filter(|place| place.still) {
        state = graver(state, stays(cx, &askers, place).await);
    }
    // What was refused or allowed wrongly was so, whoever moved a tag meanwhile.
    graver(judge(cx, &askers, &cells), state)
}

async fn stays(cx: &Cx, askers: &[matrix::Asker], place: &matrix::Place) -> Proof {
    let (before, after) = (&place.subject, matrix::again(cx.scenario(), askers, place).await?);
    if *before == after {
        return Ok(());
    }
    Err(STATE.undecided(format_args!("{before:?}"), format_args!("{after:?}"), None))
}

/// One case for each identity and group of requests; the whole is as good as its worst cell.
fn judge(cx: &Cx, askers: &[matrix::Asker], cells: &[matrix::Cell]) -> Proof {
    let controlled = matrix::controlled(cells);
    let mut worst: Proof = Ok(());
    let (mut proven, mut alone) = (0, 0);
    for asker in askers {
        for (group, oracles) in matrix::GROUPS {
            let mut proof: Proof = Ok(());
            let mut asked = false;
            for cell in cells.iter().filter(|cell| cell.who == asker.name && oracles.contains(&cell.oracle)) {
                let verdict = cell.verdict(&controlled);
                asked |= cell.unasked.is_none();
                proven += usize::from(verdict == Verdict::Pass);
                alone += usize::from(verdict == Verdict::Skip && cell.unasked.is_none());
                let graver = match verdict {
                    Verdict::Fail => !matches!(proof, Err(Failure::Fail(_))),
                    Verdict::Error => proof.is_ok(),
                    Verdict::Pass | Verdict::Skip => false,
                };
                if graver {
                    proof = Err(failure(cell, verdict));
                }
            }
            if asked {
                cx.case(format!("{}: {group}", asker.name), &proof);
            }
            worst = graver(worst, proof);
        }
    }
    let mut line = format!("{proven} of {} proven", cells.len());
    if alone > 0 {
        line.push_str(&format!(", {alone} without a control or a promise"));
    }
    for (reason, count) in matrix::unasked(cells) {
        line.push_str(&format!(", {count} not asked: {reason}"));
    }
    cx.proven(line);
    if worst.is_ok() && proven == 0 {
        return Err(WHY.undecided("at least one cell that is promised and can be asked", "none", None));
    }
    worst
}

fn failure(cell: &matrix::Cell, verdict: Verdict) -> Failure {
    let what = format!("{} to {} in {}", cell.who, cell.oracle.describe(), cell.repository);
    let grounds = format!("promised by {}; {}", cell.promise.grounds, WHY.cause);
    let why = if cell.is_random() || cell.promise.random { CHANCE } else { Why { cause: &grounds, ..WHY } };
    let expected = match cell.promise.allowed {
        Some(true) => format!("allowed: {what}"),
        Some(false) => format!("denied: {what}"),
        None => format!("always the same: {what}; {}", cell.promise.grounds),
    };
    if verdict == Verdict::Fail {
        why.fail(expected, cell.actual(), cell.exchange())
    } else {
        why.undecided(expected, cell.actual(), cell.exchange())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::lab::Lab;
    use crate::outcome::Verdict;
    use crate::trial::vantage;
    use crate::trial::{Weakness, error_when_down, fails, proven, run_on};

    const ID: &str = "access::permission_matrix";

    #[tokio::test]
    async fn proven_on_the_healthy_lab_and_leaves_nothing() {
        let outcome = proven(ID).await;
        assert!(outcome.leftovers.is_empty());
        assert!(outcome.proven.as_ref().is_some_and(|line| line.contains(" proven")), "{:?}", outcome.proven);
    }

    #[tokio::test]
    async fn fails_with_who_where_and_what() {
        let finding = fails(ID, Weakness::CiCanUpdate).await;
        assert!(finding.expected.contains("denied: ci to update"), "{finding:?}");
    }

    #[tokio::test]
    async fn fails_in_the_cases_that_a_change_implies() {
        for (weakness, cases) in [
            (Weakness::AnonymousCanCreate, &["anonymous: create a tag", "anonymous: upload"][..]),
            (Weakness::MountOpen, &["anonymous: upload"]),
            (Weakness::CiCanDelete, &["ci: delete"]),
        ] {
            let lab = Lab::with(weakness).await.expect("the lab starts");
            let outcome = run_on(ID, &lab).await;
            let broken = outcome.cases.iter().filter(|case| case.verdict == Verdict::Fail);
            assert_eq!(broken.map(|case| case.name.as_str()).collect::<Vec<_>>(), cases, "{}", weakness.name());
        }
    }

    #[tokio::test]
    async fn fails_also_where_tags_cannot_be_read_again() {
        static READ: AtomicUsize = AtomicUsize::new(0);
        let cause = vantage::fails(ID, Some(Weakness::AnonymousCanCreate), |line| {
            let tag = line.starts_with("GET ") && line.contains("/manifests/");
            (tag && READ.fetch_add(1, Ordering::Relaxed) >= 4).then_some("503 Service Unavailable")
        });
        let cause = cause.await;
        assert!(cause.contains("the running policy differs"), "{cause}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
