//! An API key logs in only its own user, and lists only that user's keys.
//!
//! ## Why it matters
//!
//! If a key works under any name, CI's key works under the administrator's name too, with an administrator's rights. If a
//! user sees the keys of others, revoking them is one request away.
//!
//! ## How it is proven
//!
//! 1. The control: each identity's API key, with its own user name, lists that user's keys, and is in the list.
//! 2. The same key with the name of every other user of the scenario, and with an unknown name, at `/v2/`. The answer is 401 with
//!    the registry's own error. Wrong credentials must not fall back to anonymous access.
//! 3. No key is in the lists of two users.
//!
//! ## When it fails
//!
//! Something between client and registry accepts the key in the registry's place, as a proxy that checks only the password.
//! Or the registry's build was changed: zot compares the name with the key's owner.
//!
//! ## References
//!
//! zot `pkg/api/authn.go`, `basicAuthn`; `pkg/api/routes.go`, `GetAPIKeys`. RFC 7617.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta =
    Meta { needs: &[Need::ApiKey], effect: Effect::ReadOnly, usual: Duration::from_millis(60) };

pub(crate) const SENDS: &[Rows] = &[rows::KEYS, rows::FOREIGN_NAMES];

const WHY: Why<'static> = Why {
    claim: "an API key logs in only its own user",
    cause: "the registry or a proxy checks only the key, and does not compare the user name with the key's owner",
    remedy: "look at what the proxy does with the Authorization header; until it is mended, every key works for every user",
};

const LIST: Why<'static> = Why {
    claim: "a user's list of API keys has only the keys of that user",
    cause: "the registry, or a cache in front of it, gives one user's list to another",
    remedy: "exclude /zot/auth/ from every cache in front of the registry",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let scenario = cx.scenario();
    let mut names: BTreeSet<String> = scenario.identities.values().map(|identity| identity.username.clone()).collect();
    names.extend(cx.login().ok().map(|login| login.username.expose().to_owned()));
    names.insert("regproof-nobody".to_owned());
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for name in cx.key_identities() {
        let client = cx.identity(name)?;
        let Some(credential) = client.credential() else { return Err(anyhow::anyhow!("no credential").into()) };
        let (keys, own, index) = api_keys::own(&client, &WHY).await.map_err(Failure::into_control)?;
        cx.note(format!("the key of {name} is {}", own.name()));
        for key in keys {
            let owner = owners.insert(key.uuid.clone(), credential.username.clone());
            if let Some(owner) = owner.filter(|owner| *owner != credential.username) {
                let actual = format!("{} is in the lists of {owner} and {}", key.name(), credential.username);
                return Err(LIST.fail("each key in one user's list", actual, index));
            }
        }
        let others = names.iter().filter(|other| **other != credential.username);
        let attempts = others.map(|other| refused(cx, name, credential, other));
        futures::future::try_join_all(attempts).await?;
    }
    Ok(())
}

async fn refused(cx: &Cx, name: &str, credential: &Credential, other: &str) -> Proof {
    let pretended = Credential { username: other.to_owned(), ..credential.clone() };
    let client = cx.pretender(&format!("{other} with the key of {name}"), pretended)?;
    client.get("/v2/").send().await?.expect_unauthorized(&WHY)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "keys::belongs_to_its_user";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        let refused = outcome.transcript.iter().filter(|exchange| exchange.status == Some(401)).count();
        assert_eq!(refused, 12, "three keys, each with the names of two others, of the login and of nobody");
    }

    #[tokio::test]
    async fn fails_when_a_key_works_with_any_name_or_lists_are_shared() {
        let finding = fails(ID, Weakness::ForeignKeyAccepted).await;
        assert!(finding.actual.starts_with("200"), "{finding:?}");
        let finding = fails(ID, Weakness::KeyListsAreShared).await;
        assert!(finding.actual.contains("in the lists of"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
