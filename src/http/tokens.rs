//! Which registries take tokens alone, of a token server, and no credentials (distribution's token authentication).
//!
//! This version fetches no tokens. So it sends no credentials to such a registry: they are for its token server.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use base64::Engine as _;
use reqwest::header::HeaderValue;

use super::answer::{realms_of, takes_basic};
use super::{Client, Credential, Origin};
use crate::model::failure::TokensOnly;

/// What each origin said of tokens in answer to `GET /v2/`: where to fetch them, or that it takes credentials. One for a run.
#[derive(Debug, Default)]
pub(crate) struct Challenges(Mutex<BTreeMap<String, Option<String>>>);

impl Challenges {
    fn known(&self, origin: &Origin) -> Option<Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&origin.to_string()).cloned()
    }

    fn learn(&self, origin: &Origin, realm: Option<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.to_string(), realm);
    }
}

impl Client {
    /// The credential as a header, for an origin that takes one.
    pub(super) async fn authorization(&self, credential: &Credential) -> anyhow::Result<HeaderValue> {
        self.may_log_in().await?;
        let pair = format!("{}:{}", credential.username, credential.secret.expose());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).context("the credential fits no header")?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// An error where this origin takes tokens alone, or does not answer. An overloaded registry is asked again for the next
    /// request. Requests that come at once ask at once: none waits for another's time-out.
    async fn may_log_in(&self) -> anyhow::Result<()> {
        let Some(challenges) = &self.route.challenges else { return Ok(()) };
        let realm = match challenges.known(&self.origin) {
            Some(realm) => realm,
            None => match self.only_tokens().await {
                Ok(realm) => {
                    challenges.learn(&self.origin, realm.clone());
                    realm
                }
                Err(Unknown::Trouble) => None,
                Err(Unknown::NoAnswer(error)) => return Err(error),
            },
        };
        realm.map_or(Ok(()), |realm| Err(TokensOnly(realm).into()))
    }

    /// Where this origin sends clients for tokens, if it takes nothing else.
    async fn only_tokens(&self) -> Result<Option<String>, Unknown> {
        let url = self.origin.join("/v2/").map_err(Unknown::NoAnswer)?;
        let what = format!("GET {url}");
        self.route.pace.turn("GET").await;
        let began = std::time::Instant::now();
        let sent = tokio::time::timeout(self.timeout, self.http.get(url).send()).await;
        let answer = match sent {
            Err(_) => {
                let took = super::body::passed(began.elapsed());
                return Err(Unknown::NoAnswer(anyhow::anyhow!("{what}: no answer in {took}")));
            }
            Ok(Err(error)) => return Err(Unknown::NoAnswer(super::body::explain(&what, error, began.elapsed()))),
            Ok(Ok(answer)) => answer,
        };
        let status = answer.status().as_u16();
        if status == 429 || status >= 500 {
            return Err(Unknown::Trouble);
        }
        Ok(realms_of(status, answer.headers()).filter(|_| !takes_basic(answer.headers())))
    }
}

enum Unknown {
    Trouble,
    NoAnswer(anyhow::Error),
}
