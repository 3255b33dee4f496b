//! Rules of the ways to log in: LDAP, certificates, OpenID, bearer tokens, sessions.

use url::Url;

use super::{Broken, Section, Zot};

/// Whether the key and both certificates are set, so that a client's certificate is asked for.
pub(super) fn certificates_count(zot: &Zot<'_>) -> bool {
    let tls = zot.section(&["http", "tls"]);
    ["key", "cert", "cacert"].iter().all(|key| !tls.text(key).is_empty())
}

/// Whether bearer tokens are asked for.
pub(super) fn tokens_count(zot: &Zot<'_>) -> bool {
    let bearer = zot.section(&["http", "auth", "bearer"]);
    let set = |key: &str| !bearer.text(key).is_empty();
    let keys = set("cert") || bearer.get("awsSecretsManager").is_some();
    let issued = |oidc: &Section<'_>| !oidc.text("issuer").is_empty() && !oidc.texts("audiences").is_empty();
    keys && set("realm") && set("service") || bearer.each("oidc").iter().any(issued)
}

/// Whether zot has users by password, LDAP, OpenID or API key.
pub(super) fn users_count(zot: &Zot<'_>) -> bool {
    let auth = zot.section(&["http", "auth"]);
    let htpasswd = !zot.section(&["http", "auth", "htpasswd"]).text("path").is_empty();
    let openid = zot.at(&["http", "auth", "openid"]).is_some();
    let ldap = zot.at(&["http", "auth", "ldap"]).is_some();
    // OpenID switches API keys on.
    htpasswd || ldap || openid || auth.flag("apikey") == Some(true)
}

pub(super) fn ldap(zot: &Zot<'_>) -> Result<(), Broken> {
    let Some(entry) = zot.at(&["http", "auth", "ldap"]) else { return Ok(()) };
    let ldap = Section::of(&entry.node);
    for key in ["userAttribute", "address", "baseDN"] {
        if ldap.text(key).is_empty() {
            return Err((entry.place, format!("`ldap` needs `{key}`")));
        }
    }
    Ok(())
}

pub(super) fn mutual_tls(zot: &Zot<'_>) -> Result<(), Broken> {
    let Some(entry) = zot.at(&["http", "auth", "mtls"]) else { return Ok(()) };
    if !certificates_count(zot) {
        return Err((entry.place, "`mtls` needs `cert`, `key` and `cacert` in `http.tls`".to_owned()));
    }
    let mtls = Section::of(&entry.node);
    let known = ["commonname", "cn", "subject", "dn", "email", "rfc822name", "uri", "url", "dnsname", "dns"];
    let attributes = mtls.texts("identityAttributes");
    let plain = |text: &str| text.trim().to_lowercase();
    if let Some(at) = attributes.iter().find(|at| !known.contains(&plain(&at.value).as_str())) {
        return Err((at.place, format!("`{}` is no part of a certificate that zot takes for a user's name", at.value)));
    }
    let uri = attributes.iter().any(|at| matches!(plain(&at.value).as_str(), "uri" | "url"));
    for key in ["dnsSanIndex", "emailSanIndex", "uriSanIndex"] {
        if mtls.whole(key).is_some_and(|index| index != 0) && !uri {
            return Err((mtls.place_of(key), format!("`{key}` needs `URI` among the `identityAttributes`")));
        }
    }
    let pattern = mtls.text("uriSanPattern");
    if !pattern.is_empty() && (!uri || !super::is_regex(&pattern)) {
        let why = if uri { "is not a regular expression" } else { "needs `URI` among the `identityAttributes`" };
        return Err((mtls.place_of("uriSanPattern"), format!("`uriSanPattern` {why}")));
    }
    Ok(())
}

pub(super) fn openid(zot: &Zot<'_>) -> Result<(), Broken> {
    for (entry, provider) in zot.section(&["http", "auth", "openid"]).named("providers") {
        let name = entry.key.to_lowercase();
        let issuer = match name.as_str() {
            "oidc" | "google" | "gitlab" => true,
            "github" => false,
            _ => {
                let why = format!("there is no provider `{name}`; there are oidc, google, gitlab and github");
                return Err((entry.place, why));
            }
        };
        // What the file of credentials holds is not read; without one of the two there is no client.
        let client = !provider.text("clientid").is_empty() || !provider.text("credentialsFile").is_empty();
        let missing = [
            (!client, "clientid` or `credentialsFile"),
            (issuer && provider.text("issuer").is_empty(), "issuer"),
            (provider.texts("scopes").is_empty(), "scopes"),
        ];
        if let Some((_, key)) = missing.iter().find(|(missing, _)| *missing) {
            return Err((entry.place, format!("the provider `{name}` needs `{key}`")));
        }
    }
    Ok(())
}

pub(super) fn bearer(zot: &Zot<'_>) -> Result<(), Broken> {
    let Some(entry) = zot.at(&["http", "auth", "bearer"]) else { return Ok(()) };
    let bearer = Section::of(&entry.node);
    let manager = bearer.get("awsSecretsManager");
    if let (Some(manager), false) = (manager, bearer.text("cert").is_empty()) {
        return Err((manager.place, "`bearer` takes `cert` or `awsSecretsManager`, not both".to_owned()));
    }
    if let Some(endpoint) = bearer.get("upstreamTokenEndpoint") {
        token_endpoint(Section::of(&endpoint.node))?;
    }
    let Some(manager) = manager.map(|manager| Section::of(&manager.node)) else { return Ok(()) };
    for key in ["region", "secretName"] {
        if manager.text(key).is_empty() {
            return Err((manager.place(), format!("`awsSecretsManager` needs `{key}`")));
        }
    }
    if manager.duration("refreshInterval").is_some_and(|interval| interval < 0) {
        return Err((manager.place_of("refreshInterval"), "`refreshInterval` is negative".to_owned()));
    }
    Ok(())
}

fn token_endpoint(endpoint: Section<'_>) -> Result<(), Broken> {
    let realm = endpoint.text("realm");
    if realm.is_empty() || endpoint.text("service").is_empty() {
        return Err((endpoint.place(), "`upstreamTokenEndpoint` needs `realm` and `service`".to_owned()));
    }
    let place = endpoint.place_of("realm");
    let scheme = realm.split_once("://").filter(|(_, rest)| !rest.is_empty() && !rest.starts_with('/'));
    let (Some((scheme, _)), Ok(_)) = (scheme, Url::parse(&realm)) else {
        return Err((place, "the `realm` of `upstreamTokenEndpoint` must be a whole URL".to_owned()));
    };
    let scheme = scheme.to_lowercase();
    if scheme == "https" || scheme == "http" && endpoint.flag("allowInsecureHttp") == Some(true) {
        return Ok(());
    }
    Err((place, "the `realm` of `upstreamTokenEndpoint` must start with https://".to_owned()))
}

pub(super) fn sessions(zot: &Zot<'_>) -> Result<(), Broken> {
    let Some(entry) = zot.at(&["http", "auth", "sessionDriver"]) else { return Ok(()) };
    let driver = Section::of(&entry.node);
    // zot compares the value itself: what is no text is no driver.
    let name = super::storage::driver_name(driver);
    if !matches!(name.as_deref(), Some("redis" | "local")) {
        return Err((entry.place, "`sessionDriver` needs the `name` redis or local".to_owned()));
    }
    let auth = zot.section(&["http", "auth"]);
    if name.as_deref() == Some("redis") && !auth.text("sessionKeysFile").is_empty() {
        return Err((entry.place, "sessions in redis take no `sessionKeysFile`".to_owned()));
    }
    Ok(())
}
