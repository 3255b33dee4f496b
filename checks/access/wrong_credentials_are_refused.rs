//! Wrong credentials are refused, and never fall back to anonymous access.
//!
//! ## Why it matters
//!
//! A registry may treat a wrong key as no key. It then looks healthy while CI's key is dead: pulls go on, and only the next
//! push fails. A registry that accepts a right key under another name lets every user act as any other.
//!
//! ## How it is proven
//!
//! On `GET /v2/` and on the manifest of a public repository, with the key of an identity that may read it:
//!
//! 1. The control: each request with the right credentials answers 200.
//! 2. An unknown key with the right user name: 401.
//! 3. The right key with another identity's user name, or with a made-up one: 401.
//! 4. The right user name with an empty password: 401.
//!
//! Every 401 must have the registry's error body.
//!
//! ## When it fails
//!
//! 200: credentials are not checked on reads. Look for a proxy that drops the Authorization header. Look at `http.auth` in zot's
//! configuration, and at an authentication proxy in front of it.
//!
//! ## References
//!
//! RFC 9110, section 11.6.2. zot `pkg/api/authn.go`, `basicAuthn`.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::AnyIdentity], effect: Effect::ReadOnly, usual: Duration::from_millis(40) };

pub(crate) const SENDS: &[Rows] = &[rows::WRONG_CREDENTIALS];

const WHY: Why<'static> = Why {
    claim: "wrong credentials are refused, also where everyone may read",
    cause: "credentials are not checked: a proxy drops them, or the registry falls back to anonymous access",
    remedy: "look at http.auth in zot's configuration and at what the proxy does with the Authorization header",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let scenario = cx.scenario();
    let name = scenario.puller().unwrap_or_default();
    let right = cx.identity(name)?;
    let Some(credential) = right.credential() else { return Err(anyhow::anyhow!("no credential").into()) };
    let other = scenario.identities.values().map(|identity| identity.username.as_str());
    let other = other.clone().find(|username| *username != credential.username).unwrap_or("regproof-nobody");
    let unknown = format!("zak_{}", uuid::Uuid::new_v4().simple());
    let with = |username: &str, secret: &str| Credential {
        username: username.to_owned(),
        secret: Secret::new(secret.to_owned()),
    };
    let wrong = [
        ("an unknown key", with(&credential.username, &unknown)),
        ("another user's name with this key", Credential { username: other.to_owned(), ..credential.clone() }),
        ("an empty password", with(&credential.username, "")),
    ];
    let targets = targets(cx, name, &right).await?;
    let where_else =
        if targets.len() > 1 { " and on a public image" } else { ", with no public image that it may read" };
    for target in targets {
        right.get(&target).header("Accept", transfer::ACCEPT).limit(MANIFEST_LIMIT).send().await?.expect_control(
            &[200],
            name,
            &WHY,
        )?;
        for (who, credential) in &wrong {
            let answer = cx.pretender(who, credential.clone())?.get(&target).send().await?;
            answer.expect_unauthorized(&WHY)?;
        }
    }
    cx.proven(format!("the control was {name}, at /v2/{where_else}"));
    Ok(())
}

/// The API's root, and a public repository that this identity may read: zot's `anonymousPolicy` does not hold for users who
/// log in.
async fn targets(cx: &Cx, name: &str, client: &Client) -> Result<Vec<String>, Failure> {
    let mut targets = vec!["/v2/".to_owned()];
    let may = |repository: &&String| cx.scenario().promise(Some(name), repository, Action::Read) != Some(false);
    if let Some(repository) = cx.scenario().repositories.public.first().filter(may) {
        let tag = transfer::some_tag(client, repository, &WHY).await.map_err(Failure::into_control)?;
        targets.push(format!("/v2/{repository}/manifests/{tag}"));
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, config, error_when_down, fails, proven};

    const ID: &str = "access::wrong_credentials_are_refused";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        proven(ID).await;
    }

    #[tokio::test]
    async fn fails_when_wrong_credentials_get_through() {
        for weakness in
            [Weakness::WrongKeyFallsBackToAnonymous, Weakness::ForeignKeyAccepted, Weakness::EmptyPasswordAccepted]
        {
            let finding = fails(ID, weakness).await;
            assert!(finding.actual.contains("200"), "{weakness:?}: {finding:?}");
        }
    }

    #[tokio::test]
    async fn the_key_is_of_someone_who_may_read_what_is_asked_for() {
        let keys_of = |outcome: crate::model::outcome::Outcome| {
            assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
            let manifests =
                |e: &&crate::model::exchange::Exchange| e.status == Some(200) && e.url.contains("/manifests/");
            outcome.transcript.iter().filter(manifests).map(|e| e.who.clone()).collect::<Vec<_>>()
        };
        let admins = config::run(ID, None, |config| {
            config["http"]["accessControl"]["repositories"]["blumeops/navidrome"] = serde_json::json!({ "anonymousPolicy": ["read"], "policies": [{ "groups": ["admins"], "actions": ["read"] }] });
        });
        assert!(keys_of(admins.await).iter().all(|who| who == "admin"));
        let nobody = config::run(ID, None, |config| {
            config["http"]["accessControl"]["repositories"]["blumeops/navidrome"] =
                serde_json::json!({ "anonymousPolicy": ["read"] });
        });
        assert_eq!(keys_of(nobody.await), [""; 0]);
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
