//! API keys over HTTP: mint, list, revoke. Any user may, with a session or with a key; nobody anonymous can.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::answer::{Answer, refused};
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;
use crate::lab::accounts::{ApiKey, User};

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    label: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default, rename = "expirationDate")]
    expires: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    created_at: String,
    expiration_date: String,
    is_expired: bool,
    creator_ua: &'a str,
    generated_by: &'static str,
    last_used: String,
    label: &'a str,
    scopes: &'a [String],
    uuid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    api_keys: Vec<Shown<'a>>,
}

fn show(key: &ApiKey, with_secret: bool) -> Shown<'_> {
    Shown {
        created_at: written(Some(key.created)),
        expiration_date: written(key.expires),
        is_expired: key.is_expired(),
        creator_ua: &key.creator,
        generated_by: "manual",
        last_used: written(key.last_used),
        label: &key.label,
        scopes: &key.scopes,
        uuid: &key.uuid,
        api_key: with_secret.then_some(key.secret.as_str()),
    }
}

/// Go writes a missing time as the first moment of year one.
fn written(at: Option<OffsetDateTime>) -> String {
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned())
}

pub(crate) fn answer(shared: &Shared, ask: &Ask, user: Option<&User>) -> Answer {
    let by_key = !ask.header("authorization").is_empty();
    if shared.config.keys_cannot_mint && by_key && ask.method != "GET" {
        return refused(user.is_none(), false);
    }
    match ask.method.as_str() {
        "POST" => create(shared, ask, user),
        "DELETE" => revoke(shared, ask, user),
        _ => list(shared, user),
    }
}

fn create(shared: &Shared, ask: &Ask, user: Option<&User>) -> Answer {
    let Ok(wanted) = serde_json::from_slice::<Wanted>(&ask.body) else {
        return Answer::empty(400);
    };
    let mut expires = None;
    if !wanted.expires.is_empty() {
        match OffsetDateTime::parse(&wanted.expires, &Rfc3339) {
            Ok(at) if at > OffsetDateTime::now_utc() => expires = Some(at),
            _ => return Answer::empty(400),
        }
    }
    // zot notices only in its database that nobody is logged in.
    let Some(user) = user else {
        return Answer::empty(500);
    };
    let mut key = ApiKey::new(&user.name, &wanted.label);
    key.scopes = wanted.scopes;
    key.creator = ask.header("user-agent").to_owned();
    key.expires = expires;
    let answer = Answer::json(201, &show(&key, true));
    if held(&shared.accounts).add(key) { answer } else { Answer::empty(500) }
}

fn list(shared: &Shared, user: Option<&User>) -> Answer {
    let Some(user) = user else {
        return Answer::empty(500);
    };
    let accounts = held(&shared.accounts);
    let of_all = shared.config.has(Weakness::KeyListsAreShared);
    let api_keys = accounts.keys().filter(|key| of_all || key.owner == user.name).map(|key| show(key, false)).collect();
    Answer::json(200, &Listed { api_keys })
}

/// Revoking a key that is not there succeeds.
fn revoke(shared: &Shared, ask: &Ask, user: Option<&User>) -> Answer {
    let ids = ask.values("id");
    let [id] = ids.as_slice() else {
        return Answer::empty(400);
    };
    let Some(user) = user else {
        return Answer::empty(500);
    };
    if !shared.config.has(Weakness::RevokedKeysWork) {
        held(&shared.accounts).revoke(&user.name, id);
    }
    Answer::empty(200)
}
