//! API keys as zot lists them, and the one key that a run may mint for itself (zot `pkg/api/routes.go`, `CreateAPIKey`).
//!
//! A listing never holds a secret. What is minted is booked before it is made, short-lived, and revoked whatever happens.

use std::time::Instant;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::base::redact::Redactor;
use crate::check::context::Cx;
use crate::check::own_key::Own;
use crate::http::guard::KeyUse;
use crate::http::{Client, Credential};
use crate::model::failure::{Failure, Why};
use crate::scenario::secrets::Secret;
use crate::zot::api::PATH;

/// As long as a key of this run's own making may live, should nobody be able to revoke it.
pub(crate) const LIFE: Duration = Duration::minutes(15);
/// A key that nobody used for so long is probably forgotten.
const FORGOTTEN: Duration = Duration::days(90);

/// One key of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    pub(crate) uuid: String,
    #[serde(default)]
    pub(crate) label: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expiration_date: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_used: OffsetDateTime,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    api_keys: Option<Vec<Listed>>,
}

impl Listed {
    /// When it ends; `None` where it never does. Go writes a missing time as the first moment of year one.
    pub(crate) fn ends(&self) -> Option<OffsetDateTime> {
        (self.expiration_date.year() > 1).then_some(self.expiration_date)
    }

    /// How a person finds it in zot's list.
    pub(crate) fn name(&self) -> String {
        let label = if self.label.is_empty() { "without a label" } else { &self.label };
        format!("{label} ({})", self.uuid)
    }

    fn is_forgotten(&self, now: OffsetDateTime) -> bool {
        now - self.last_used.max(self.created_at) > FORGOTTEN
    }
}

/// The keys of this client's user, and the listing's place in the transcript.
pub(crate) async fn list(client: &Client, why: &Why<'_>) -> Result<(Vec<Listed>, usize), Failure> {
    let answer = client.get(PATH).header("Accept", "application/json").send().await?;
    answer.expect_status(&[200], why)?;
    let Ok(listing) = serde_json::from_slice::<Listing>(&answer.body) else {
        return Err(why.fail("a list of API keys", answer.brief(), answer.index));
    };
    Ok((listing.api_keys.unwrap_or_default(), answer.index))
}

/// The keys of this client's user, which of them is the client's own, and the last listing's place in the transcript.
///
/// zot writes down the use of a key before it answers (`pkg/api/authn.go`), so the key that asks has moved in each further
/// listing. A key that has not moved in one of them is another one. Keys that others use move too, so it is asked until one is
/// left; where more are left, nothing is known.
pub(crate) async fn own(client: &Client, why: &Why<'_>) -> Result<(Vec<Listed>, Listed, usize), Failure> {
    let (mut before, index) = list(client, why).await?;
    let mut moving: Vec<String> = before.iter().map(|key| key.uuid.clone()).collect();
    if moving.is_empty() {
        return Err(why.fail("a list with the key that asked for it", "an empty one", index));
    }
    let mut seen = index;
    for asked in 1..=MOST_LISTINGS {
        let (now, index) = list(client, why).await?;
        seen = index;
        moving.retain(|uuid| has_moved(uuid, &before, &now));
        before = now;
        // One move may be by chance, of a key that was used at the same moment.
        if moving.is_empty() || (moving.len() == 1 && asked >= 2) {
            break;
        }
    }
    let found = match &moving[..] {
        [uuid] => before.iter().find(|key| key.uuid == *uuid).cloned(),
        _ => None,
    };
    let unknown = Why {
        claim: "the key that asks can be found among the keys of its user",
        cause: "other keys of this user are in use all the time; or the registry does not record the use of a key",
        remedy: "give each client a separate user, or revoke the keys that are not needed, and run again",
    };
    let actual = if moving.is_empty() {
        "no key was used by the requests that listed the keys".to_owned()
    } else {
        let names: Vec<String> = before.iter().filter(|key| moving.contains(&key.uuid)).map(Listed::name).collect();
        format!("each of these was used between any two of {MOST_LISTINGS} requests: {}", names.join(", "))
    };
    let own = found.ok_or_else(|| unknown.undecided("one key that was used by each request", actual, seen))?;
    Ok((before, own, seen))
}

/// As often as keys are listed to tell them apart.
const MOST_LISTINGS: usize = 24;

/// Whether a key was used between two listings.
fn has_moved(uuid: &str, before: &[Listed], now: &[Listed]) -> bool {
    let at = |keys: &[Listed]| keys.iter().find(|key| key.uuid == uuid).map(|key| key.last_used);
    at(now).is_some_and(|now| at(before).is_none_or(|before| now > before))
}

/// How many keys of a user lie about, in one sentence.
pub(crate) fn sprawl(username: &str, keys: &[Listed], now: OffsetDateTime) -> String {
    let names = |wanted: &dyn Fn(&Listed) -> bool| -> Vec<String> {
        keys.iter().filter(|key| wanted(key)).map(Listed::name).collect()
    };
    let plural = if keys.len() == 1 { "" } else { "s" };
    let mut text = format!("{username} has {} API key{plural}", keys.len());
    for (what, found) in [
        ("not used for 90 days", names(&|key| key.is_forgotten(now))),
        ("without an end", names(&|key| key.ends().is_none())),
    ] {
        if !found.is_empty() {
            text.push_str(&format!("; {} {what}: {}", found.len(), found.join(", ")));
        }
    }
    text
}

impl Own {
    /// A key that is wanted and not there yet; its label is this run's own.
    pub(crate) fn wanted(label: String, username: &str, now: OffsetDateTime) -> Own {
        // zot keeps whole seconds of what it is given.
        let ends = (now + LIFE).replace_nanosecond(0).unwrap_or(now + LIFE);
        Own { label, ends, username: username.to_owned(), key: None }
    }

    /// What asks zot for it.
    pub(crate) fn request(&self) -> anyhow::Result<String> {
        let ends = self.ends.to_offset(time::UtcOffset::UTC).format(&Rfc3339).context("the end cannot be written")?;
        Ok(json!({ "label": self.label, "scopes": [], "expirationDate": ends }).to_string())
    }

    /// Takes the answer to the request; the only place where the key itself is read.
    pub(crate) fn minted(&mut self, body: &str, redactor: &Redactor) -> anyhow::Result<Listed> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Minted {
            api_key: String,
            #[serde(flatten)]
            listed: Listed,
        }
        // Not the parser's own words: they could quote the key.
        let minted: Minted = serde_json::from_str(body).ok().context("the answer to the minting shows no key")?;
        // Before anybody can send it: what the registry does with it then is evidence.
        redactor.learn(&self.username, &minted.api_key);
        self.key = Some((minted.listed.uuid.clone(), Secret::new(minted.api_key)));
        Ok(minted.listed)
    }

    /// Name and key, once there is one.
    pub(crate) fn credential(&self) -> Option<Credential> {
        let (_, secret) = self.key.as_ref()?;
        Some(Credential { username: self.username.clone(), secret: secret.clone() })
    }

    /// Path and query that revoke it, once it is there.
    pub(crate) fn revocation(&self) -> Option<(String, KeyUse)> {
        self.key.as_ref().map(|(uuid, _)| revocation(uuid))
    }
}

fn revocation(uuid: &str) -> (String, KeyUse) {
    (format!("{PATH}?id={uuid}"), KeyUse::Revoke { uuid: uuid.to_owned() })
}

/// Revokes what was minted; the reason if it may be alive still.
pub(crate) async fn revoke(cx: &Cx, own: &Own, end: Instant) -> Option<String> {
    let left = end.saturating_duration_since(Instant::now());
    let ended = tokio::time::timeout(left, try_revoke(cx, own)).await;
    let reason = match ended {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "clean-up ran out of time".to_owned(),
    };
    Some(format!("{reason}; it ends by itself at {}", own.ends))
}

async fn try_revoke(cx: &Cx, own: &Own) -> anyhow::Result<()> {
    if let (Some(credential), Some((target, key))) = (own.credential(), own.revocation()) {
        let client = cx.key_holder(credential, key)?;
        client.delete(target).send().await?;
        // zot answers 200 whether or not anything was revoked: only the refused use tells.
        let after = client.get("/v2/").send().await?;
        anyhow::ensure!(after.status == 401, "the key still works: {}", after.brief());
        return Ok(());
    }
    // The answer with the key was lost: a client with another key of the same user can find it by its label.
    let Some(other) = cx.key_of(&own.username) else {
        anyhow::bail!("the answer to the minting was lost, and no identity is {}'s", own.username);
    };
    for uuid in labelled(&cx.key_holder(other.clone(), KeyUse::None)?, &own.label).await? {
        let (target, key) = revocation(&uuid);
        cx.key_holder(other.clone(), key)?.delete(target).send().await?;
    }
    let left = labelled(&cx.key_holder(other, KeyUse::None)?, &own.label).await?;
    anyhow::ensure!(left.is_empty(), "it is still listed");
    Ok(())
}

async fn labelled(client: &Client, label: &str) -> anyhow::Result<Vec<String>> {
    let answer = client.get(PATH).send().await?;
    anyhow::ensure!(answer.status == 200, "the keys cannot be listed: {}", answer.brief());
    let listing: Listing = serde_json::from_slice(&answer.body).context("the listing of keys cannot be read")?;
    let keys = listing.api_keys.unwrap_or_default();
    Ok(keys.into_iter().filter(|key| key.label == label).map(|key| key.uuid).collect())
}

#[cfg(test)]
mod tests;
