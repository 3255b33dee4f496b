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
//!    pattern of the zot configuration, each cache, and a name that nobody declared.
//! 2. Each request is valid for authorization and impossible for the handler (an unknown media type, a random digest, an
//!    upload that does not exist), so the answer tells the permission and nothing is stored, also on production names.
//! 3. The control: a denial counts only where somebody was allowed the same request in this run.
//! 4. The answer is compared with the zot configuration, evaluated independently of zot, or with `[access]`.
//! 5. On the scratch and the first public repository, the requests of anonymous and of CI that change anything are asked 20
//!    times, so that random answers and one bad backend show.
//! 6. Every tag that was asked about, outside of the scratch repository, is read before and after, and has not moved.
//!
//! ## When it fails
//!
//! The finding names who, where and which request. Compare the line of accessControl with what is promised; restart zot if
//! the file is right, since some changes take effect only then. Both answers, by chance: two patterns of equal length match.
//!
//! ## References
//!
//! zot `pkg/api/authz.go`; `pkg/api/routes.go` for the order of decisions. Tried on v2.1.14, v2.1.15, v2.1.18, v2.1.20.

use std::collections::BTreeMap;
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

const STATE: Why<'static> = Why {
    claim: "asking for permissions changes nothing",
    cause: "somebody else moved the tag in the meantime, or the registry stored what it should refuse",
    remedy: "run again; if it happens again, do not run this check on production and report it",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let askers = matrix::askers(cx)?;
    let print = fingerprint::of(&cx.anonymous()?, "/metrics").await;
    if print.product.as_deref() != Some("zot") {
        let product = print.product.as_deref().unwrap_or("not recognised");
        return Err(WHY.undecided(
            "zot, whose answers tell permissions",
            format_args!("the registry is {product}"),
            None,
        ));
    }
    let release = print.release.and_then(|release| release.parse().ok());
    let mut subjects = BTreeMap::new();
    for repository in matrix::repositories(cx, &askers).await? {
        subjects.insert(repository.clone(), matrix::subject(cx, &askers, &repository).await?);
    }
    let cells = matrix::ask(cx, &askers, &subjects, release).await;
    cx.table(matrix::table(&cells));
    let scratch = cx.scenario().repositories.scratch.as_ref();
    for (repository, before) in subjects.iter().filter(|(repository, _)| Some(*repository) != scratch) {
        let after = matrix::subject(cx, &askers, repository).await?;
        if before.latest != after.latest || before.tag != after.tag {
            return Err(STATE.undecided(format_args!("{before:?}"), format_args!("{after:?}"), None));
        }
    }
    judge(cx, &askers, &cells)
}

/// One case for each identity and group of requests; the whole is as good as its worst cell.
fn judge(cx: &Cx, askers: &[matrix::Asker], cells: &[matrix::Cell]) -> Proof {
    let controlled = matrix::controlled(cells);
    let mut worst: Proof = Ok(());
    let (mut proven, mut alone) = (0, 0);
    for asker in askers {
        for (group, oracles) in matrix::GROUPS {
            let mut proof: Proof = Ok(());
            for cell in cells.iter().filter(|cell| cell.who == asker.name && oracles.contains(&cell.oracle)) {
                let verdict = cell.verdict(&controlled);
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
            cx.case(format!("{}: {group}", asker.name), &proof);
            if matches!((&worst, &proof), (Ok(()), Err(_)) | (Err(Failure::Error(..)), Err(Failure::Fail(_)))) {
                worst = proof;
            }
        }
    }
    cx.note(format!("{proven} of {} cells proven", cells.len()));
    if alone > 0 {
        cx.note(format!(
            "{alone} cells are not proven: nobody of the scenario is allowed the same, or nothing is promised"
        ));
    }
    if worst.is_ok() && proven == 0 {
        return Err(WHY.undecided("at least one cell that is promised and can be asked", "none", None));
    }
    worst
}

fn failure(cell: &matrix::Cell, verdict: Verdict) -> Failure {
    let promised = if cell.promised == Some(true) { "allowed" } else { "denied" };
    let what = format!("{} to {} in {}", cell.who, cell.oracle.describe(), cell.repository);
    let (expected, actual) = (format!("{promised}: {what}"), cell.actual());
    if verdict == Verdict::Fail {
        WHY.fail(expected, actual, cell.exchange)
    } else {
        WHY.undecided(expected, actual, cell.exchange)
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::outcome::{Outcome, Verdict};
    use crate::trial::{Weakness, error_when_down, fails, proven, run_on};

    const ID: &str = "access::permission_matrix";

    #[tokio::test]
    async fn proven_on_the_healthy_lab_and_leaves_nothing() {
        let outcome = proven(ID).await;
        assert!(outcome.leftovers.is_empty());
        assert!(outcome.notes.iter().any(|note| note.contains("cells proven")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_with_who_where_and_what() {
        let finding = fails(ID, Weakness::CiCanUpdate).await;
        assert!(finding.expected.contains("denied: ci to update"), "{finding:?}");
    }

    fn broken(outcome: &Outcome) -> Vec<&str> {
        outcome.cases.iter().filter(|case| case.verdict == Verdict::Fail).map(|case| case.name.as_str()).collect()
    }

    #[tokio::test]
    async fn fails_in_exactly_the_cells_that_a_change_implies() {
        for (weakness, cases) in [
            (Weakness::AnonymousCanCreate, &["anonymous: create a tag", "anonymous: upload"][..]),
            (Weakness::CiCanUpdate, &["ci: move a tag"]),
            (Weakness::CiCanDelete, &["ci: delete"]),
            (Weakness::CiCannotCreate, &["ci: create a tag", "ci: upload"]),
            (Weakness::DefaultCanCreate, &["guest: create a tag", "guest: upload"]),
            (Weakness::AnonymousCannotRead, &["anonymous: read"]),
            (Weakness::AdminsCannotDelete, &["admin: delete"]),
            (
                Weakness::AccessControlRemoved,
                &[
                    "anonymous: read",
                    "ci: move a tag",
                    "ci: delete",
                    "guest: create a tag",
                    "guest: move a tag",
                    "guest: upload",
                    "guest: delete",
                ],
            ),
        ] {
            let lab = Lab::with(weakness).await.expect("the lab starts");
            let outcome = run_on(ID, &lab).await;
            assert_eq!(outcome.verdict, Verdict::Fail, "{}", weakness.name());
            assert_eq!(broken(&outcome), cases, "{}", weakness.name());
        }
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
