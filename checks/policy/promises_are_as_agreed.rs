//! The promises are the ones that were agreed
//!
//! ## Why it matters
//!
//! The promises may come from the deployed zot configuration. A bad change of that file then changes the promises too. The
//! registry does exactly what is promised, and every other check passes: CI may move tags, and nothing shows it.
//!
//! ## How it is proven
//!
//! 1. `regproof plan --lock` writes `regproof.lock` next to the scenario. The lock has the rights of anonymous clients, any
//!    user, each group and each identity. It has them for each named repository and each pattern. It also has the other
//!    promises, and which checks run. The operator reviews and commits it.
//! 2. Each run derives the promises again and compares. Nothing is sent.
//! 3. Notes name each setting of the configuration that no check proves.
//! 4. The promises do not depend on the programs of this machine, nor on `--only`, `--no-browser` and `--effects`.
//!
//! ## When it fails
//!
//! The finding names the client, the right that it gained or lost, the repository, and the line of the configuration. Undo that
//! change. If it is meant, review it, run `regproof plan --lock` and commit the lock. If the lock names a check that this
//! regproof does not have, the result is an Error.
//!
//! Without a lock, and with promises that come from a configuration, it warns.
//!
//! ## References
//!
//! zot `http.accessControl`; `regproof plan --help`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta { needs: &[Need::LockOrConfig], effect: Effect::ReadOnly, usual: Duration::ZERO };

pub(crate) const SENDS: &[Rows] = &[];

const WHY: Why<'static> = Why {
    claim: "the promises are the ones that were agreed",
    cause: "the configuration or the scenario was changed after the lock was written",
    remedy: "undo the change; if it is meant, review it, run `regproof plan --lock` and commit the lock",
};

const UNKEPT: Why<'static> = Why {
    claim: "the promises that come from the configuration are kept",
    cause: "`regproof plan --lock` was never run, or its file was not committed",
    remedy: "run `regproof plan --lock`, read the lock, and commit it next to the scenario",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    for (key, why) in coverage::unproven(cx.scenario()) {
        cx.note(format!("not proven by any check: {key}: {why}"));
    }
    let mut proof: Proof = Ok(());
    let Some(differences) = cx.target().changes() else {
        // No lock was promised. An operator who derives promises from a deployed file wants to know.
        cx.advises();
        return Err(UNKEPT.fail("a lock next to the scenario", lock::missing(cx.scenario()), None));
    };
    for difference in &differences {
        let cause = format!("by {}; {}", difference.grounds, WHY.cause);
        let why = if difference.grounds.is_empty() { WHY } else { Why { cause: &cause, ..WHY } };
        let failure = match difference.kind {
            lock::Kind::Proven => {
                cx.note(format!("{}, and did not when the promises were agreed", difference.name));
                continue;
            }
            lock::Kind::Unknown => why.undecided(&difference.agreed, &difference.now, None),
            _ => why.fail(&difference.agreed, &difference.now, None),
        };
        let one = Err(failure);
        cx.case(&difference.name, &one);
        proof = graver(proof, one);
    }
    if proof.is_err() {
        cx.note(format!("not as in the lock: {}", count(differences.len(), "promise")));
    }
    proof
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::model::level::Level;
    use crate::model::outcome::{Outcome, Verdict};
    use crate::trial::{lock_scenario, run_scenario};

    const ID: &str = "policy::promises_are_as_agreed";

    /// How it ends where the scenario, the lock, or both were changed after the promises were agreed.
    async fn after(scenario: fn(String) -> String, lock: fn(String) -> String) -> Outcome {
        let lab = Lab::healthy().await.expect("the lab starts");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
        let kept = lock_scenario(&file);
        let edit = |file: &std::path::Path, change: fn(String) -> String| {
            let text = std::fs::read_to_string(file).expect("it was written");
            std::fs::write(file, change(text)).expect("it can be written");
        };
        edit(&file, scenario);
        edit(&kept, lock);
        run_scenario(ID, &file).await
    }

    async fn fails(scenario: fn(String) -> String, lock: fn(String) -> String) -> Vec<String> {
        let outcome = after(scenario, lock).await;
        assert_eq!(outcome.verdict, Verdict::Fail, "{outcome:#?}");
        outcome.cases.into_iter().map(|case| case.name).collect()
    }

    #[tokio::test]
    async fn proven_where_nothing_was_changed_and_nothing_is_sent() {
        let outcome = after(|text| text, |text| text).await;
        assert_eq!(outcome.verdict, Verdict::Pass, "{:#?}", outcome.finding);
        assert!(outcome.transcript.is_empty());
    }

    #[tokio::test]
    async fn fails_where_somebody_gains_or_loses_a_right() {
        let gain = |text: String| text.replace("= [\"read\", \"create\"]\n", "= [\"read\", \"create\", \"update\"]\n");
        let names = fails(gain, |text| text).await;
        assert_eq!(names[0], "group artifact-workloads gains update", "{names:?}");
        for name in ["identity ci gains update", "publish::existing_tag_cannot_be_moved no longer runs"] {
            assert!(names.iter().any(|found| found == name), "no {name} in {names:?}");
        }
        let loss = |text: String| text.replace("anonymous = [\"read\"]", "anonymous = []");
        let names = fails(loss, |text| text).await;
        assert_eq!(names[0], "anonymous loses read", "{names:?}");
    }

    #[tokio::test]
    async fn fails_where_another_promise_changes_or_a_check_no_longer_runs() {
        let moved = |text: String| text.replace("client_id = \"zot\"", "client_id = \"other\"");
        assert_eq!(fails(moved, |text| text).await, ["oidc.client_id changes"]);
        let silent = |text: String| text.replace("docker_media_type = \"refused\"", "");
        let names = fails(silent, |text| text).await;
        assert_eq!(
            names,
            ["content.docker_media_type changes", "publish::docker_media_type_is_as_promised no longer runs"]
        );
    }

    #[tokio::test]
    async fn undecided_where_the_lock_names_a_check_that_is_not_known() {
        let unknown = |text: String| text.replace("[checks]\n", "[checks]\n\"access::of_tomorrow\" = \"runs\"\n");
        let outcome = after(|text| text, unknown).await;
        assert_eq!(outcome.verdict, Verdict::Error, "{outcome:#?}");
    }

    #[tokio::test]
    async fn warns_where_promises_come_from_a_configuration_and_nobody_keeps_them() {
        let outcome = crate::trial::config::run(ID, None, |_| {}).await;
        assert_eq!((outcome.verdict, outcome.level), (Verdict::Fail, Level::Advice), "{outcome:#?}");
        let lab = Lab::healthy().await.expect("the lab starts");
        let outcome = crate::trial::run_on(ID, &lab).await;
        assert_eq!(outcome.verdict, Verdict::Skip, "nothing is derived: {outcome:#?}");
    }

    #[tokio::test]
    async fn a_check_that_runs_now_is_only_told() {
        let fewer = |text: String| {
            text.replace("\"registry::clock_is_right\" = \"runs\"", "\"registry::clock_is_right\" = \"skipped: x\"")
        };
        let outcome = after(|text| text, fewer).await;
        assert_eq!(outcome.verdict, Verdict::Pass, "{outcome:#?}");
        assert!(outcome.notes[0].starts_with("registry::clock_is_right runs now"), "{:?}", outcome.notes);
    }
}
