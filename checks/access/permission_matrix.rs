//! Everyone may do what is promised and nothing else, in every repository, request by request.
//!
//! ## Why it matters
//!
//! Each request has its own rule. A longer pattern silently replaces a shorter one. A group may be missing
//! from a login. A file on disk can differ from the policy that runs. Only the live answer counts.
//!
//! ## How it is proven
//!
//! 1. Clients: anonymous, and every identity of the scenario. Repositories: scratch, public and private, and one for each
//!    pattern and each cache of the zot configuration. Up to 12 more come from the catalog, others in each run. Also undeclared
//!    names of one, two and three parts.
//! 2. Each request is valid for authorization and impossible for the handler, as an unknown media type or a random digest. The
//!    answer shows the permission, and nothing is stored, also on production names. A cache is never asked for an image that it
//!    lacks. Only zot answers such requests so. On other registries the check asks for reads. It proves the rest by writes in the
//!    scratch repository, each judged by the state afterwards.
//! 3. Moving a tag is asked about several existing tags: the first, the last, `stable`, one of a release, `latest`.
//! 4. The control: a denial counts only where another client was allowed the same request in this run. A request that is
//!    promised to no client and works is a Fail without a control.
//! 5. The answer is compared with the zot configuration, evaluated independently of zot, or with `[access]`.
//! 6. On the scratch and the first public repository, anonymous clients and CI send each changing request 20 times. Where zot
//!    delays its refusals, they send it 5 times. So random answers and one bad backend show. There, each client also
//!    asks with the User-Agents of docker, containerd, containers/image, oras, Helm and Go. It does so too for reading the first
//!    private repository.
//! 7. Every tag that was asked about, outside of the scratch repository, is read again. Tags that others moved or removed
//!    meanwhile are asked about anew.
//!
//! The verdict says how much was proven, what was not, and which promised rights no identity can show. Where no refusal of a
//! write can be proven, the check is a Skip.
//!
//! ## When it fails
//!
//! The finding names the client, the repository, the request, and the line of the configuration that promises otherwise. If
//! the file is right, restart zot: some changes take effect only then. Both answers, by chance: two patterns of equal length
//! match. Only one tag or one client: a condition of the policy, or a rule of the proxy. A waiver covers the cells that it
//! names, as `cells = ["ci: move a tag in team/app"]`; all others still fail.
//!
//! ## References
//!
//! zot `pkg/api/authz.go`; `pkg/api/routes.go` for the order of decisions. Tried on v2.1.14, v2.1.15, v2.1.18, v2.1.20.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Policy], effect: Effect::Oracle, usual: Duration::from_millis(800) };

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT, rows::TRIAL, rows::MATRIX, rows::WRITTEN];

const NOTHING: Why<'static> = Why {
    claim: "everyone may do what is promised and nothing else",
    cause: "the scenario promises nothing that this check can ask, or this registry cannot be asked",
    remedy: "name repositories and identities in the scenario, and allow --effects writes",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let askers = matrix::askers(cx)?;
    let clearance = cx.clear_oracles().await?;
    let (mut places, catalog) = matrix::places(cx, &askers).await?;
    let mut cells = matrix::ask(cx, &askers, &places, clearance).await;
    let settled = matrix::settle(cx, &askers, &mut places, &mut cells, clearance).await;
    matrix::write(cx, &askers, &mut cells, clearance).await?;
    cx.table(matrix::table(&cells));
    for (question, answer) in matrix::answers(&cells, &places) {
        cx.tell(question, answer);
    }
    let besides: Vec<String> = catalog.line().into_iter().chain(matrix::unproven(cx.scenario())).collect();
    let count = matrix::count(&cells);
    cx.proven(count.line(&besides));
    // A wrong answer stays wrong, even if another client moved a tag meanwhile.
    let worst = graver(matrix::judge(cx, &askers, &cells), settled);
    if worst.is_ok() && count.proven == 0 {
        return Err(NOTHING.undecided("at least one cell that is promised and can be asked", "none", None));
    }
    if worst.is_ok() && clearance.is_not_zot() && count.writes == 0 && count.writes_promised > 0 {
        let instead = match cx.may_write() {
            true => "",
            false => "; with `--effects writes` and [repositories] scratch it is asked there",
        };
        cx.skip(format!("only reading can be proven: this registry might store what it is asked{instead}"));
    } else if worst.is_ok() && count.refusals == 0 && count.refusals_promised > 0 {
        cx.skip(
            "no refusal of a write can be proven: no identity of the scenario is seen to be allowed what others are refused",
        );
    }
    worst
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::lab::Lab;
    use crate::model::outcome::Verdict;
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
