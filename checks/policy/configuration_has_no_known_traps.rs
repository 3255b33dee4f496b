//! The zot configuration, or `[access]` of the scenario, means what an operator expects.
//!
//! ## Why it matters
//!
//! A configuration may mean something else than it seems to. A pattern drops the grants of another one; a group has no members;
//! access rules are missing. zot starts and serves without a message. A scenario may promise that everyone has access, and the
//! checks then prove it. That makes the registry no safer.
//!
//! ## How it is proven
//!
//! 1. The registry is asked for its release, since some traps exist only in some releases. Without an answer the check is
//!    undecided.
//! 2. Each lint reads the configuration that `[registry] zot_config` names, and compares it with the scenario. Without one, the
//!    check reads `[access]`, and looks whether it lets anonymous clients write.
//!
//! Each finding is a case with its line. It is advice, shown as a warning. `[levels]` makes it a promise, or switches it off with
//! a reason. Example: `"lint::default_timeouts" = { level = "off", reason = "..." }`.
//!
//! ## When it fails
//!
//! `regproof explain lint::...` tells more of each. `regproof plan` prints the same without asking the registry.
//!
//! ## References
//!
//! zot documentation, sections Authorization, Mirroring and Monitoring; zot `pkg/cli/server/root.go`, `pkg/api/authz.go`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::Linted], effect: Effect::ReadOnly, usual: Duration::from_millis(40) };

pub(crate) const SENDS: &[Rows] = &[rows::FINGERPRINT];

const SILENT: Why<'static> = Why {
    claim: "the registry answers, so that its release can be known",
    cause: "nothing listens there, or something in front of the registry answers in its place",
    remedy: "first make `registry::answers_as_a_registry` pass; `regproof plan` prints the lints without asking anything",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let client = cx.anonymous()?;
    // What does not answer has no release: this fails where nothing answers.
    let answer = client.get("/v2/").send().await?;
    answer.expect_status(&[200, 401], &SILENT).map_err(Failure::into_control)?;
    if answer.is_html() {
        return Err(SILENT.undecided("an answer of the registry itself", answer.brief(), answer.index));
    }
    let release = cx.recognised().await?.release.clone();
    if release.is_none() {
        cx.note("the registry does not show its release: the rules of the newest one were used");
    }
    let mut worst = None;
    let traps = traps::of(cx.scenario(), release.as_deref());
    let count = traps.len();
    for trap in traps {
        let why = Why { claim: &trap.consequence, cause: &trap.about, remedy: &trap.remedy };
        // The consequence says it all; what would be expected is its opposite.
        let found = Err(why.fail("", "", None));
        cx.case_at(trap.level, format!("{} {}", trap.place, trap.id), &found);
        if worst.as_ref().is_none_or(|(level, _)| trap.level < *level) {
            worst = Some((trap.level, why.fail("", format_args!("{} at {}", trap.id, trap.place), None)));
        }
    }
    let Some((level, worst)) = worst else { return Ok(()) };
    if level == Level::Advice {
        cx.advises();
    }
    match worst {
        Failure::Fail(mut finding) if count > 1 => {
            finding.summary = format!("{} ({count} in all)", finding.summary);
            Err(Failure::Fail(finding))
        }
        other => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::model::level::Level;
    use crate::model::outcome::{Outcome, Verdict};
    use crate::trial::run_scenario;

    const ID: &str = "policy::configuration_has_no_known_traps";
    const SOUND: &str = r#"{"http":{"address":"127.0.0.1","readTimeout":"30m","writeTimeout":"30m",
        "auth":{"htpasswd":{"path":"/x"}},"accessControl":{"repositories":{"**":{
        "policies":[{"groups":["artifact-workloads","admins"],"actions":["read","create"]}],"defaultPolicy":["read"]}}}}}"#;

    /// The check on a lab whose scenario names this configuration.
    async fn with(config: &str, levels: &str, stopped: bool) -> Outcome {
        let lab = Lab::healthy().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let file = folder.path().join("r.toml");
        let scenario = format!(
            "schema = 1\nname = \"n\"\n[registry]\nurl = \"{}\"\nzot_config = \"config.json\"\n[levels]\n{levels}\n",
            lab.url()
        );
        std::fs::write(&file, scenario).unwrap();
        if stopped {
            lab.stop().await;
        }
        run_scenario(ID, &file).await
    }

    async fn proven(config: &str) {
        let outcome = with(config, "", false).await;
        assert_eq!(outcome.verdict, Verdict::Pass, "{:#?}", outcome.cases);
    }

    async fn fails(config: &str, levels: &str) -> Outcome {
        let outcome = with(config, levels, false).await;
        assert_eq!(outcome.verdict, Verdict::Fail, "{outcome:#?}");
        outcome
    }

    async fn error_when_down(config: &str) {
        let outcome = with(config, "", true).await;
        assert_eq!(outcome.verdict, Verdict::Error, "{outcome:#?}");
    }

    #[tokio::test]
    async fn proven_on_a_configuration_without_traps() {
        proven(SOUND).await;
    }

    #[tokio::test]
    async fn fails_as_advice_with_a_case_for_each_trap_and_its_line() {
        let open = SOUND.replace(
            r#""defaultPolicy":["read"]"#,
            r#""defaultPolicy":["read","delete"],"anonymousPolicy":["create"]"#,
        );
        let outcome = fails(&open, "").await;
        assert!(outcome.warns() && outcome.cases.len() >= 2, "{outcome:#?}");
        let case = outcome.cases.iter().find(|case| case.name.ends_with("lint::default_policy_writes")).unwrap();
        assert!(case.name.contains("config.json:3:") && case.level == Level::Advice, "{case:?}");
    }

    #[tokio::test]
    async fn an_access_that_lets_everybody_write_is_told_where_there_is_no_configuration() {
        let with = async |anonymous: &str| {
            let lab = Lab::healthy().await.unwrap();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("r.toml");
            let text = format!(
                "schema = 1\nname = \"n\"\n[registry]\nurl = \"{}\"\n[access]\nanonymous = [\"read\"]\n\
                 [access.\"team/**\"]\nanonymous = [{anonymous}]\n",
                lab.url()
            );
            std::fs::write(&file, text).unwrap();
            run_scenario(ID, &file).await
        };
        let outcome = with("\"read\", \"create\"").await;
        assert!(outcome.verdict == Verdict::Fail && outcome.warns(), "{outcome:#?}");
        let finding = outcome.finding.unwrap();
        assert!(finding.summary.contains("may create, by [access.\"team/**\"]"), "{finding:?}");
        assert_eq!(with("\"read\"").await.verdict, Verdict::Skip);
    }

    #[tokio::test]
    async fn a_level_makes_one_a_promise_and_takes_another_out() {
        let open = SOUND.replace(
            r#""defaultPolicy":["read"]"#,
            r#""defaultPolicy":["read","delete"],"anonymousPolicy":["create"]"#,
        );
        let levels = "\"lint::anonymous_may_write\" = \"fail\"\n\
                      \"lint::default_policy_writes\" = { level = \"off\", reason = \"a test registry\" }\n";
        let outcome = fails(&open, levels).await;
        assert_eq!(outcome.level, Level::Promise);
        assert!(!outcome.cases.iter().any(|case| case.name.contains("default_policy_writes")), "{:#?}", outcome.cases);
        let levels: Vec<Level> = outcome.cases.iter().map(|case| case.level).collect();
        assert!(levels.contains(&Level::Promise) && levels.contains(&Level::Advice), "{levels:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(SOUND).await;
    }
}
