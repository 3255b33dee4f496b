//! What the lab's identity provider remembers: accounts, logins on their way, codes and tokens.

use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Somebody who can log in.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) name: &'static str,
    pub(crate) password: String,
    pub(crate) groups: Vec<&'static str>,
}

/// An authorization request, from the login page to the token.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) scope: String,
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) user: usize,
    pub(crate) since: OffsetDateTime,
}

/// What the provider knows and remembers.
pub(crate) struct Provider {
    pub(crate) client_id: &'static str,
    pub(crate) client_secret: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) interactions: BTreeMap<String, Request>,
    pub(crate) codes: BTreeMap<String, Request>,
    pub(crate) tokens: BTreeMap<String, Request>,
}

impl Provider {
    /// A provider with one confidential client and its registered redirect URIs.
    pub(crate) fn new(
        client_id: &'static str,
        client_secret: String,
        redirect_uris: Vec<String>,
        accounts: Vec<Account>,
    ) -> Self {
        let (interactions, codes, tokens) = Default::default();
        Self { client_id, client_secret, redirect_uris, accounts, interactions, codes, tokens }
    }
}
