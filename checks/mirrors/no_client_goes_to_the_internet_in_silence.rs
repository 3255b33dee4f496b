//! No client goes to the internet in silence where its files name the registry as a mirror.
//!
//! ## Why it matters
//!
//! A client whose mirror does not serve an image asks the next host, and in the end the upstream. The pull works, so nobody
//! sees that the cache is not used: until the upstream limits the rate, or is down.
//!
//! ## How it is proven
//!
//! 1. The files of `[[mirror]]` are read as the client reads them, also where they are wrong.
//! 2. Each request of a pull is worked out, with the name and the rule that zot's configuration has for it.
//! 3. Every mistake by which a pull leaves the registry, or fails, is a finding with its line.
//!
//! Besides a ping of the registry nothing is sent. `mirrors::every_client_is_served_by_the_cache` proves the pulls live.
//!
//! ## When it fails
//!
//! Change the lines that the finding names. `regproof mirrors` prints them for a whole folder of nodes.
//!
//! ## References
//!
//! containerd `docs/hosts.md`; k3s documentation, section Private Registry Configuration; moby `daemon/config`;
//! containers-registries.conf(5).

use std::time::Duration;

use anyhow::Context as _;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::MirrorAndConfig], effect: Effect::ReadOnly, usual: Duration::from_millis(20) };

pub(crate) const SENDS: &[Rows] = &[rows::PING];

const DOWN: Why<'static> = Why {
    claim: "the registry answers, so that its clients can be served",
    cause: "nothing listens there, or something in front of the registry answers in its place",
    remedy: "first make `registry::answers_as_a_registry` pass; `regproof mirrors` judges the files without asking anything",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let answer = cx.anonymous()?.get("/v2/").send().await?;
    answer.expect_status(&[200, 401], &DOWN).map_err(Failure::into_control)?;
    if answer.is_html() {
        return Err(DOWN.undecided("an answer of the registry itself", answer.brief(), answer.index));
    }
    let mut proof: Proof = Ok(());
    let registry = cx.scenario().mirrored_registry();
    for mirror in &cx.scenario().mirror {
        let found = mirror.client().with_context(|| format!("the files of {} were not read", mirror.name))?;
        let judgement = mirrors::judge(&found.config, &registry, &found.texts);
        for finding in &judgement.findings {
            let place = format!("{}:{}", finding.file, finding.place);
            if !finding.fails() {
                cx.note(format!("{}: {place}: {}; {}", mirror.name, finding.what, finding.remedy));
                continue;
            }
            let remedy = format!("{}{}", finding.remedy, mirrors::changed_lines(finding, &found.texts));
            let why = Why { claim: &finding.what, cause: &finding.why, remedy: &remedy };
            let one = Err(why.fail("", format_args!("{} at {place}", finding.code), None));
            cx.case(format!("{}: {place} {}", mirror.name, finding.code), &one);
            proof = graver(proof, one);
        }
    }
    cx.proven(format!("the files of {} judged", count(cx.scenario().mirror.len(), "client")));
    proof
}

#[cfg(test)]
mod tests {
    use crate::model::outcome::{Finding, Outcome, Verdict};
    use crate::trial::config::world;
    use crate::trial::mirrors::{File, K3S, K3S_PLAIN};
    use crate::trial::run_scenario;

    const ID: &str = "mirrors::no_client_goes_to_the_internet_in_silence";

    /// The check on a lab whose scenario names its zot configuration and this client.
    async fn with(client: &File, stopped: bool) -> Outcome {
        let hub = |config: &mut serde_json::Value| {
            config["extensions"]["sync"]["registries"][0]["urls"] = serde_json::json!(["https://registry-1.docker.io"]);
        };
        let (lab, _folder, file) = world(None, hub).await;
        let text = std::fs::read_to_string(&file).expect("the scenario can be read");
        std::fs::write(&file, client.add(text)).expect("the scenario can be written");
        let _vacancy = if stopped { Some(lab.vacate().await.expect("its addresses are free again")) } else { None };
        run_scenario(ID, &file).await
    }

    async fn proven(client: &File) {
        let outcome = with(client, false).await;
        assert_eq!(outcome.verdict, Verdict::Pass, "{:#?}", outcome.finding);
    }

    async fn fails(client: &File) -> Finding {
        let outcome = with(client, false).await;
        assert_eq!(outcome.verdict, Verdict::Fail, "{:#?}", outcome.finding);
        outcome.finding.expect("a Fail has a finding")
    }

    async fn error_when_down(client: &File) {
        assert_eq!(with(client, true).await.verdict, Verdict::Error);
    }

    #[tokio::test]
    async fn proven_where_the_file_leads_to_the_name_of_the_cache() {
        proven(&K3S).await;
    }

    #[tokio::test]
    async fn fails_where_the_file_is_a_plain_mirror() {
        let finding = fails(&K3S_PLAIN).await;
        assert!(finding.summary.contains("internet"), "{finding:#?}");
        assert!(finding.actual.contains("registries.yaml:"), "{finding:#?}");
        assert!(finding.remedy.contains("/v2/docker.io"), "{finding:#?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(&K3S).await;
    }
}
