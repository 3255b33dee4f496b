//! Docker, containerd, podman, skopeo and buildkit can pull without credentials.
//!
//! ## Why it matters
//!
//! Clients differ in their first request and in their User-Agent. Registries and proxies answer by these. A test with one
//! client says nothing about the others. From v2.1.16 on, zot challenges docker where it lets curl through.
//!
//! ## How it is proven
//!
//! On a public repository, once as each client, with its User-Agent, its order of requests and its Accept header. The requests
//! are a ping (if this client pings), HEAD of the tag, the manifest by digest, and one blob. Manifest and blob are hashed.
//!
//! ## When it fails
//!
//! Only one client: a rule of the proxy or registry by User-Agent. Docker with its classic image store, stopped by a 401 at
//! `/v2/`: from v2.1.16 on, zot answers so where both anonymous and authenticated policies exist. `docker login` needs that
//! answer. This is a note, and a Fail only where the scenario promises `[clients] anonymous_docker = true`. Pulls after
//! `docker login`, and docker's containerd image store, work.
//!
//! ## References
//!
//! zot issues 3991 and 4173, `pkg/api/authn.go`. OCI distribution spec, section Pull.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::PublicRepository, Need::AnonymousReads],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(100),
};

pub(crate) const SENDS: &[Rows] = &[rows::PERSONAS];

const WHY: Why<'static> = Why {
    claim: "every client can pull without credentials",
    cause: "the registry or its proxy treats clients differently, by User-Agent, by Accept header or by their first request",
    remedy: "look for rules by User-Agent at the proxy; compare the transcript with that of a client that works",
};

const DOCKER: Why<'static> = Why {
    claim: "docker with its classic image store can pull without a login",
    cause: "from v2.1.16 on zot answers 401 at /v2/ to docker where both anonymous and authenticated policies exist, for \
            `docker login`; docker's classic image store gives up there",
    remedy: "let docker hosts log in or use the containerd image store, or set anonymous_docker = false",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let client = cx.anonymous()?;
    let repository = cx.scenario().repositories.public.first().map(String::as_str).unwrap_or_default();
    let promised = cx.scenario().clients.as_ref().is_some_and(|clients| clients.anonymous_docker);
    let mut worst = Ok(());
    for persona in PERSONAS {
        let (client, persona) = (&client, &persona);
        let pull = |tag: String| async move { persona.pull(cx, client, repository, &tag, &WHY).await };
        let pulled = meanwhile::with_a_tag(cx, client, repository, &WHY, pull).await;
        persona::tell(cx, persona, "pull without credentials", &pulled);
        let proof = match pulled {
            Ok(Pull::Done) => Ok(()),
            Ok(Pull::StoppedAtPing(ping)) if promised => {
                Err(DOCKER.fail("200 at /v2/, or a pull that goes on", ping.brief(), ping.index))
            }
            Ok(Pull::StoppedAtPing(_)) => {
                cx.note(format!("{} gives up without a login: {}", persona.name, DOCKER.cause));
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        cx.case(persona.name, &proof);
        worst = graver(worst, proof);
    }
    worst
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::model::outcome::Verdict;
    use crate::trial::{Weakness, error_when_down, fails, proven, run_scenario};

    const ID: &str = "clients::anonymous_pull_works_for_every_client";

    #[tokio::test]
    async fn proven_on_the_healthy_lab_with_a_note_on_docker() {
        let outcome = proven(ID).await;
        assert_eq!(outcome.cases.len(), 7);
        assert!(outcome.notes.iter().any(|note| note.contains("docker, classic image store gives up")));
    }

    #[tokio::test]
    async fn fails_when_one_client_is_refused() {
        let finding = fails(ID, Weakness::ContainerdRefused).await;
        assert!(finding.actual.contains("403"), "{finding:?}");
    }

    #[tokio::test]
    async fn fails_when_docker_is_promised_anonymous_pulls() {
        let lab = Lab::healthy().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = lab.write_scenario(folder.path()).unwrap();
        let text = std::fs::read_to_string(&file).unwrap() + "\n[clients]\nanonymous_docker = true\n";
        std::fs::write(&file, text).unwrap();
        let outcome = run_scenario(ID, &file).await;
        let cause = outcome.finding.map(|finding| finding.cause).unwrap_or_default();
        assert!(outcome.verdict == Verdict::Fail && cause.contains("v2.1.16"), "{cause}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
