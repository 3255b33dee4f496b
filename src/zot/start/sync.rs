//! Rules of the pull-through cache and of mirrors.

use url::Url;

use super::{Broken, Section, Zot, glob, is_regex};
use crate::zot::tree::{Entry, Value};

pub(super) fn registries(zot: &Zot<'_>) -> Result<(), Broken> {
    for registry in zot.section(&["extensions", "sync"]).each("registries") {
        retries(zot, registry)?;
        if zot.has(19) && registry.text("credentialHelper") == "oauth2" {
            helper(registry)?;
        }
        let compat = zot.section(&["http"]).texts("compat");
        if registry.flag("preserveDigest") == Some(true) && compat.is_empty() {
            return Err((registry.place_of("preserveDigest"), "`preserveDigest` needs `http.compat`".to_owned()));
        }
        registry.each("content").into_iter().try_for_each(content)?;
    }
    Ok(())
}

fn retries(zot: &Zot<'_>, registry: Section<'_>) -> Result<(), Broken> {
    let delay = registry.duration("retryDelay");
    if registry.whole("maxRetries").is_some() && delay.is_none() {
        return Err((registry.place_of("maxRetries"), "`maxRetries` needs `retryDelay`".to_owned()));
    }
    let most = registry.duration("maxRetryDelay").filter(|_| zot.has(19));
    let why = match (most, delay) {
        (Some(_), None) => "`maxRetryDelay` needs `retryDelay`",
        (Some(most), Some(delay)) if most < delay => "`maxRetryDelay` is less than `retryDelay`",
        _ => return Ok(()),
    };
    Err((registry.place_of("maxRetryDelay"), why.to_owned()))
}

fn content(content: Section<'_>) -> Result<(), Broken> {
    let prefix = content.text("prefix");
    if !glob::is_valid(&prefix) {
        return Err((content.place_of("prefix"), format!("the prefix `{prefix}` is malformed")));
    }
    if let Some(tags) = content.get("tags").map(|entry| Section::of(&entry.node)) {
        for key in ["regex", "excludeRegex"] {
            if !is_regex(&tags.text(key)) {
                return Err((tags.place_of(key), format!("`{key}` is not a regular expression")));
            }
        }
    }
    let root = content.text("destination") == "/";
    if content.flag("stripPrefix") == Some(true) && root && !prefix.contains("/*") {
        let why = "`stripPrefix` with the destination `/` needs a prefix with `/*`".to_owned();
        return Err((content.place_of("stripPrefix"), why));
    }
    Ok(())
}

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TEXTS: &[&str] = &[
    "tokenURL",
    "assertionFile",
    "signingFile",
    "grantType",
    "clientID",
    "clientSecretFile",
    "username",
    "audience",
    "subjectTokenType",
    "requestedTokenType",
];

fn helper(registry: Section<'_>) -> Result<(), Broken> {
    let helper = registry.get("oauth2CredentialHelper");
    let helper = helper.filter(|entry| matches!(&entry.node.value, Value::Map(entries) if !entries.is_empty()));
    let Some(entry) = helper else {
        let why = "the credential helper `oauth2` needs `oauth2CredentialHelper`".to_owned();
        return Err((registry.place_of("credentialHelper"), why));
    };
    known(entry)?;
    let helper = Section::of(&entry.node);
    let set = |key: &str| !helper.text(key).trim().is_empty();
    let exchange = helper.text("grantType") == EXCHANGE;
    let absolute = |key: &&str| set(key) && Url::parse(&helper.text(key)).is_err();
    let why = match () {
        () if !set("tokenURL") => "it needs `tokenURL`",
        () if set("assertionFile") == set("signingFile") => "it needs one of `assertionFile` and `signingFile`",
        () if !exchange && ["audience", "subjectTokenType", "requestedTokenType"].into_iter().any(set) => {
            "`audience`, `subjectTokenType` and `requestedTokenType` are for the token-exchange grant alone"
        }
        () if exchange && !set("audience") => "the token-exchange grant needs `audience`",
        () if exchange && ["subjectTokenType", "requestedTokenType"].iter().any(absolute) => {
            "a token type must be an absolute URI"
        }
        () => return Ok(()),
    };
    Err((entry.place, format!("`oauth2CredentialHelper` is not whole: {why}")))
}

/// Its keys are as strict as all others.
fn known(entry: &Entry) -> Result<(), Broken> {
    let Value::Map(entries) = &entry.node.value else { return Ok(()) };
    for inner in entries {
        let text = TEXTS.iter().find(|name| name.eq_ignore_ascii_case(&inner.key));
        let fits = match text {
            Some(name) => matches!(inner.node.value, Value::Null) || inner.node.text(name).is_ok(),
            None if inner.key.eq_ignore_ascii_case("scopes") => inner.node.texts("scopes").is_ok(),
            None => return Err((inner.place, format!("`oauth2CredentialHelper` has no key `{}`", inner.key))),
        };
        if !fits {
            return Err((inner.node.place, format!("`{}` must be text", inner.key)));
        }
    }
    Ok(())
}
