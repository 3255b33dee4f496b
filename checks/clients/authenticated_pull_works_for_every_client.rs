//! Docker, containerd, podman, skopeo and buildkit can log in and pull with credentials.
//!
//! ## Why it matters
//!
//! A client sends its credentials only when the registry asks for them in a way that this client understands. If the registry
//! never asks, every private image is "not found" for some clients.
//!
//! ## How it is proven
//!
//! On a repository that an identity may read and anonymous clients may not. Without one in the scenario, the check is skipped:
//! elsewhere a pull without the login looks the same.
//!
//! 1. The control: anonymous clients are refused there.
//! 2. Once as each client: the login, and then a pull in that client's manner. Credentials are sent when it would send them.
//!
//! ## When it fails
//!
//! 401 only for docker, on a private repository: zot before v2.1.16 answers its ping with 200. docker then never sends the key.
//! 403 or a page: a rule by User-Agent.
//!
//! ## References
//!
//! zot issue 3868, release v2.1.16, `pkg/api/authn.go`. RFC 9110, section 11.6.

use std::time::Duration;

use anyhow::Context as _;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::AnyIdentity, Need::BehindLogin],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(120),
};

pub(crate) const SENDS: &[Rows] = &[rows::PERSONAS];

const WHY: Why<'static> = Why {
    claim: "every client can log in and pull",
    cause: "the registry sends this client no challenge that it understands (zot before v2.1.16 with docker), or something \
            treats clients differently",
    remedy: "upgrade zot to v2.1.16 or later, and look for rules by User-Agent at the proxy",
};

const NEEDED: Why<'static> = Why {
    claim: "credentials are needed where the login is tried",
    cause: "anonymous clients can read the repository, so a pull does not show whether the login was sent",
    remedy: "look at access::permission_matrix and at bypass::private_blobs_stay_private",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (repository, name) = cx.scenario().behind_a_login().context("no repository is behind a login")?;
    let client = cx.identity(name)?;
    let tag = transfer::some_tag(&client, repository, &WHY).await.map_err(Failure::into_control)?;
    let target = format!("/v2/{repository}/manifests/{tag}");
    let closed = cx.anonymous()?.get(target).header("Accept", transfer::ACCEPT).limit(MANIFEST_LIMIT).send().await?;
    closed.needs_no_token(&NEEDED, "a refusal of the registry")?;
    // Some registries say of what they hide that it does not exist.
    closed.expect_status(&[401, 403, 404], &NEEDED).map_err(Failure::into_control)?;
    cx.proven(format!("as {name}, on {repository}"));
    let mut worst = Ok(());
    for persona in PERSONAS {
        let claim = format!("{} can log in and pull", persona.name);
        let why = Why { claim: &claim, ..WHY };
        let (client, persona, why) = (&client, &persona, &why);
        let pull = |tag: String| async move { persona.pull(cx, client, repository, &tag, why).await };
        let pulled = match persona.log_in(client, why).await {
            Ok(()) => meanwhile::with_a_tag(cx, client, repository, why, pull).await,
            Err(failure) => Err(failure),
        };
        persona::tell(cx, persona, &format!("log in and pull as {name}"), &pulled);
        let proof = pulled.map(|_| ());
        cx.case(persona.name, &proof);
        worst = graver(worst, proof);
    }
    worst
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::lab::{Lab, Options, Release};
    use crate::model::outcome::Verdict;
    use crate::trial::{Setting, Weakness, config, error_when_down, errs, fails, proven, run_on};

    const ID: &str = "clients::authenticated_pull_works_for_every_client";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert_eq!((outcome.cases.len(), outcome.proven.as_deref()), (7, Some("as ci, on private/ledger")));
    }

    #[tokio::test]
    async fn skipped_where_no_repository_needs_a_login() {
        let change = |text: String| text.replace("private = [\"private/ledger\"]", "private = []");
        let outcome = Setting { id: ID, weaknesses: &[], change }.run(None, false).await;
        let reason = outcome.finding.map(|finding| finding.summary).unwrap_or_default();
        assert_eq!((outcome.verdict, reason.contains("whether the login was sent")), (Verdict::Skip, true), "{reason}");
    }

    #[tokio::test]
    async fn undecided_where_anyone_is_let_in() {
        let outcome = errs(ID, Weakness::PrivatePatternMistyped).await;
        let finding = outcome.finding.expect("it is no proof");
        assert!(finding.cause.contains("anonymous clients can read the repository"), "{finding:?}");
    }

    #[tokio::test]
    async fn fails_when_one_client_is_refused() {
        let finding = fails(ID, Weakness::ContainerdRefused).await;
        assert!(format!("{finding:?}").contains("containerd"), "{finding:?}");
    }

    #[tokio::test]
    async fn fails_for_docker_alone_where_its_ping_is_not_challenged() {
        let lab = Lab::start(Options { release: Release::V2_1_15, ..Options::default() }).await.unwrap();
        let outcome = run_on(ID, &lab).await;
        let red = outcome.cases.iter().filter(|case| case.verdict == Verdict::Fail).map(|case| case.name.as_str());
        let red: BTreeSet<&str> = red.collect();
        assert_eq!(red, BTreeSet::from(["docker, classic image store", "docker compose"]));
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }

    #[tokio::test]
    async fn readers_pull_and_users_who_may_only_create_do_not() {
        let outcome = config::run(ID, None, |config| {
            config::ci_may_only_create(config);
            let private = &mut config["http"]["accessControl"]["repositories"]["private/**"];
            private["policies"][0]["actions"] = serde_json::json!(["create"]);
        });
        let outcome = outcome.await;
        assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
        assert_eq!(outcome.proven.as_deref(), Some("as admin, on private/ledger"));
    }
}
