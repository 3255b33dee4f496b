//! Why a login failed, read from what registry, provider and clocks say. Pure.
//!
//! Decides no verdict: a check has found the failure already, and asks here for its cause in an operator's words.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::model::failure::Why;

/// As much as zot forgives between its clock and the `iat` of a token (`pkg/api/authn.go`, `rp.WithIssuedAtOffset`).
const FORGIVEN: i64 = 5;

/// What is known about a login that failed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clues<'a> {
    /// What the last page said.
    pub(crate) said: &'a str,
    /// By how many seconds the provider's clock is ahead of the registry's.
    pub(crate) ahead: Option<i64>,
    /// The scopes that the registry asks for.
    pub(crate) asked: &'a [String],
    /// The scopes that the provider knows, if it says.
    pub(crate) known: &'a [String],
    /// The name that was typed at the provider.
    pub(crate) typed: &'a str,
    /// The name that the registry took the user for.
    pub(crate) taken: &'a str,
}

/// A cause and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    pub(crate) cause: String,
    pub(crate) remedy: String,
}

impl Diagnosis {
    fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Diagnosis {
        Diagnosis { cause: cause.into(), remedy: remedy.into() }
    }

    /// The same claim with this cause.
    pub(crate) fn of<'a>(&'a self, claim: &'a str) -> Why<'a> {
        Why { claim, cause: &self.cause, remedy: &self.remedy }
    }
}

/// By how many seconds the first `Date` header is ahead of the second (RFC 9110, section 6.6.1).
pub(crate) fn ahead(provider: Option<&str>, registry: Option<&str>) -> Option<i64> {
    let read = |date: Option<&str>| OffsetDateTime::parse(&date?.replace("GMT", "+0000"), &Rfc2822).ok();
    Some((read(provider)? - read(registry)?).whole_seconds())
}

/// Why the callback, or the provider's page before it, refused.
pub(crate) fn refusal(clues: &Clues<'_>) -> Option<Diagnosis> {
    let said = clues.said.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let exchange = any(&["failed to exchange token", "failed to get userinfo"]);
    if exchange && any(&["invalid_client", "unauthorized_client", "client authentication failed"]) {
        return Some(Diagnosis::new(
            "the provider refused the registry's own credentials when it handed in the code: the client secret in zot's \
             credentialsFile is not the one that the provider has for this client id",
            "copy the client secret from the provider into the credentialsFile of zot's openid provider, and restart zot",
        ));
    }
    let clock = any(&["issuedat", "token has expired", "iat:", "expiredsignature", "immaturesignature"]);
    if let Some(ahead) = clues.ahead.filter(|ahead| ahead.abs() > FORGIVEN && (clock || ahead.abs() > 60)) {
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        return Some(Diagnosis::new(
            format!("the provider's clock is {} {side} the registry's; zot forgives {FORGIVEN} seconds", span(ahead)),
            "run NTP on both machines, and compare the Date headers of both again",
        ));
    }
    if clock {
        return Some(Diagnosis::new(
            "the times in the provider's token do not fit the registry's clock",
            "compare the clocks of registry and provider; zot forgives 5 seconds",
        ));
    }
    if any(&["issuer does not match", "invalidissuer"]) {
        return Some(Diagnosis::new(
            "the token names another issuer than zot's configuration",
            "make zot's openid issuer and the provider's own URL the same text, path and last slash too",
        ));
    }
    if any(&["audience is not valid", "audience must contain"]) {
        return Some(Diagnosis::new(
            "the token is not for this client: its audience lacks zot's client id",
            "compare clientid in zot's credentialsFile with the client at the provider, and look at the provider's value \
             of aud",
        ));
    }
    if exchange && any(&["signature", "no key of this id", "could not get keys"]) {
        return Some(Diagnosis::new(
            "the registry does not accept the signature of the provider's token: the signing key was rotated or removed",
            "choose a signing key for this client at the provider, of an algorithm that zot accepts (RS256)",
        ));
    }
    if any(&["missing 'nonce'", "missing nonce", "nonce is required", "missing required parameter: nonce"]) {
        return Some(Diagnosis::new(
            "the provider asks for a nonce, and zot sends none: OpenID Connect needs one only in the implicit flow",
            "switch the requirement off at the provider, for this client at least (canaille: REQUIRE_NONCE)",
        ));
    }
    if any(&["redirect_uri", "redirect uri"]) {
        return Some(Diagnosis::new(
            "the provider does not know the redirect_uri that the registry sends: it is built from http.externalUrl",
            "set http.externalUrl to the public URL (scheme, host and port), and register the transcript's redirect_uri at \
             the provider",
        ));
    }
    if any(&["invalid_client", "unauthorized_client", "client is invalid", "client not found", "client is not known"]) {
        return Some(Diagnosis::new(
            "the provider does not know the client id that the registry sends",
            "compare clientid in zot's credentialsFile with the client id at the provider",
        ));
    }
    if any(&["failed to get state", "state did not match", "named cookie not present"]) {
        return Some(Diagnosis::new(
            "the callback came without the state cookie of the login: http.externalUrl differs from the browser's URL, a proxy \
             drops cookies, or the login took over two minutes",
            "set http.externalUrl to the URL that users open, and let the proxy pass Set-Cookie and Cookie on",
        ));
    }
    None
}

/// Why a login came back as somebody else than the user who typed the name.
pub(crate) fn name(clues: &Clues<'_>) -> Diagnosis {
    if !clues.asked.iter().any(|scope| scope == "profile") {
        return Diagnosis::new(
            "zot does not ask for the scope profile, which carries preferred_username, and falls back to the e-mail address",
            "add profile to http.auth.openid.providers.<name>.scopes",
        );
    }
    Diagnosis::new(
        "claimMapping.username names a claim without this user's name; or that claim is empty, and zot falls back to the \
         e-mail address",
        "compare claimMapping.username in zot with the provider's claims: keys and policies belong to the resulting \
         name",
    )
}

/// Why a login came back without its groups.
pub(crate) fn groups(clues: &Clues<'_>) -> Diagnosis {
    let missing: Vec<&str> = ["profile", "groups"]
        .into_iter()
        .filter(|scope| !clues.asked.iter().any(|asked| asked == scope))
        // A scope that the provider does not have cannot be what is missing; `profile` is OpenID's own.
        .filter(|scope| *scope == "profile" || clues.known.iter().any(|known| known == scope))
        .collect();
    let other = clues.taken != clues.typed && !clues.taken.is_empty();
    let name = if other {
        format!("; the user {} was taken for `{}`, so compare claimMapping.username too", clues.typed, clues.taken)
    } else {
        String::new()
    };
    // One scope that carries the groups is enough.
    if !missing.is_empty() && missing.contains(&"profile") {
        return Diagnosis::new(
            format!("zot does not ask for the scope {}, which carries the groups{name}", missing.join(" or ")),
            format!("add {} to http.auth.openid.providers.<name>.scopes", missing.join(" or ")),
        );
    }
    let besides = if missing.is_empty() { "" } else { " (not for groups, which the provider has)" };
    Diagnosis::new(
        format!(
            "zot asks for the scopes {}{besides}, and the provider gives no groups claim for this user, or under another \
             name{name}",
            clues.asked.join(" ")
        ),
        "look at the provider's mapping of groups to a claim (in Authentik: the scope mapping of profile); look at the \
         groups of the user, and at claimMapping.groups in zot, which is `groups` unless set",
    )
}

fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    match (seconds / 60, seconds % 60) {
        (0, rest) => format!("{rest} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, rest) => format!("{minutes} min {rest} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(said: &str, ahead: Option<i64>) -> String {
        refusal(&Clues { said, ahead, ..Clues::default() }).map_or_else(String::new, |found| found.cause)
    }

    #[test]
    fn every_refusal_that_zot_and_providers_are_known_for_has_its_cause() {
        for (said, ahead, words) in [
            (
                r#"failed to exchange token: oauth2: "invalid_client" "client authentication failed""#,
                Some(0),
                "client secret",
            ),
            ("failed to exchange token: issuedAt of token is in the future: (iat: …)", Some(300), "5 min ahead"),
            ("failed to exchange token: token has expired", Some(-3700), "61 min 40 s behind"),
            ("failed to exchange token: something", Some(302), "5 min 2 s ahead"),
            ("failed to exchange token: issuedAt of token is in the future", None, "the registry's clock"),
            ("failed to exchange token: issuer does not match: Expected: a, got: b", Some(1), "another issuer"),
            ("failed to exchange token: invalid signature", Some(0), "signing key"),
            ("invalid_redirect_uri: the redirect URI is not registered.", None, "externalUrl"),
            ("Invalid parameter: redirect_uri", None, "externalUrl"),
            ("oops! invalid_client client is invalid", None, "client id"),
            ("failed to get state: http: named cookie not present", Some(0), "state cookie"),
            ("failed to exchange token: audience is not valid: Audience must contain client_id", Some(0), "audience"),
            ("invalid_request: Missing 'nonce' in request.", Some(0), "a nonce"),
            ("welcome", Some(4), ""),
        ] {
            let found = cause(said, ahead);
            assert!(found.contains(words) && found.is_empty() == words.is_empty(), "{said} {ahead:?}: {found}");
        }
    }

    #[test]
    fn a_wrong_secret_is_named_although_the_clocks_differ() {
        assert!(cause("failed to exchange token: oauth2: \"invalid_client\"", Some(300)).contains("client secret"));
    }

    #[test]
    fn lost_groups_are_the_scope_where_it_is_missing_and_the_claim_where_it_is_not() {
        let list = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let of = |asked: &str, known: &str, taken: &str| {
            let (asked, known) = (list(asked), list(known));
            groups(&Clues { asked: &asked, known: &known, typed: "ci", taken, ..Clues::default() }).cause
        };
        assert!(of("openid email", "openid profile", "ci").contains("the scope profile,"));
        assert!(of("openid email", "openid profile groups", "ci").contains("the scope profile or groups"));
        let claim = of("openid profile", "openid profile groups", "ci");
        assert!(claim.contains("no groups claim") && !claim.contains("taken for"), "{claim}");
        assert!(of("openid profile", "openid profile", "ci@example.test").contains("taken for `ci@example.test`"));
    }

    #[test]
    fn another_name_is_the_scope_where_it_is_missing_and_the_mapping_where_it_is_not() {
        let of = |asked: &[String]| name(&Clues { asked, ..Clues::default() }).cause;
        assert!(of(&["openid".to_owned()]).contains("the scope profile"));
        assert!(of(&["profile".to_owned()]).contains("claimMapping.username"));
    }

    #[test]
    fn date_headers_are_compared() {
        let (one, two) = ("Sun, 06 Nov 1994 08:54:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(ahead(Some(one), Some(two)), Some(300));
        assert_eq!(ahead(Some(two), Some(one)), Some(-300));
        assert_eq!(ahead(Some("soon"), Some(two)), None);
    }
}
