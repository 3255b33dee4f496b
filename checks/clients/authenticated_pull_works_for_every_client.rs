//! Docker, containerd, podman, skopeo and buildkit can log in and pull with credentials.
//!
//! ## Why it matters
//!
//! A client sends its credentials only when the registry asks for them in the way that this client understands. Where
//! anonymous clients may read, a registry that never asks makes every private image "not found" for some clients.
//!
//! ## How it is proven
//!
//! As an identity of the scenario, on the first private repository that it may read, else on a public one, once as each client:
//! the login, and then a pull in that client's manner, in which credentials are sent when it would send them.
//!
//! ## When it fails
//!
//! 401 for docker alone, on a private repository: zot before v2.1.16 answers its ping with 200, and docker then never sends the
//! key. 403 or a page: a rule by user agent.
//!
//! ## References
//!
//! zot issue 3868, release v2.1.16, `pkg/api/authn.go`. RFC 9110, section 11.6.

use std::time::Duration;

use crate::check::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PublicRepository, Need::AnyIdentity],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(120),
};

const WHY: Why<'static> = Why {
    claim: "every client can log in and pull",
    cause: "the registry does not challenge this client so that it sends its credentials (zot before v2.1.16 with docker), or \
            something treats clients differently",
    remedy: "upgrade zot to v2.1.16 or later, and look for rules by user agent at the proxy",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let scenario = cx.scenario();
    let name = scenario.puller().unwrap_or_default();
    let client = cx.identity(name)?;
    let repository = readable(cx, &client).await?;
    let mut tag = transfer::some_tag(&client, &repository, &WHY).await.map_err(Failure::into_control)?;
    cx.note(format!("as {name}, on {repository}"));
    let mut worst = Ok(());
    for persona in PERSONAS {
        let mut pulled = match persona.log_in(&client, &WHY).await {
            Ok(()) => persona.pull(cx, &client, &repository, &tag, &WHY).await,
            Err(failure) => Err(failure),
        };
        // A tag that others deleted meanwhile is no finding.
        if matches!(pulled, Err(Failure::Fail(_))) && meanwhile::gone(&client, &repository, &tag).await {
            tag = transfer::some_tag(&client, &repository, &WHY).await.map_err(Failure::into_control)?;
            pulled = persona.pull(cx, &client, &repository, &tag, &WHY).await;
        }
        persona::tell(cx, &persona, &format!("log in and pull as {name}"), &pulled);
        let proof = pulled.map(|_| ());
        cx.case(persona.name, &proof);
        worst = graver(worst, proof);
    }
    worst
}

/// A private repository that this identity may read proves more: there, credentials are needed.
async fn readable(cx: &Cx, client: &Client) -> anyhow::Result<String> {
    for repository in &cx.scenario().repositories.private {
        if client.get(format!("/v2/{repository}/tags/list")).send().await?.status == 200 {
            return Ok(repository.clone());
        }
    }
    Ok(cx.scenario().repositories.public.first().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::lab::{Lab, Options, Release};
    use crate::outcome::Verdict;
    use crate::trial::{Weakness, config, error_when_down, fails, proven, run_on};

    const ID: &str = "clients::authenticated_pull_works_for_every_client";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert!(outcome.cases.len() == 7 && outcome.notes.iter().any(|note| note.contains("private/ledger")));
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
    async fn whoever_may_read_pulls_and_not_who_may_only_create() {
        let outcome = config::run(ID, None, config::ci_may_only_create).await;
        assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
        assert!(outcome.notes.iter().any(|note| note.starts_with("as admin, on ")), "{:?}", outcome.notes);
    }
}
