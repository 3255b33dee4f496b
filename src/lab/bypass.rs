//! Doors that should be closed: requests that are bent before they are judged, as a proxy or a framework in front of a
//! registry bends them, and answers to single request shapes that a test chooses.
//!
//! Only acts under a weakness or a door of the lab's options. What a bent request may do is decided by its disguise.

use axum::http::Version;

use super::answer::Answer;
use super::door::Door;
use super::pages;
use super::routes::{Route, clean, route};
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;
use crate::lab::accounts::{User, parse_basic};
use crate::lab::people::{ADMIN_GROUP, CI_GROUP};

/// The headers that a door's answer may have.
const ANSWERED: [&str; 6] = [
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "content-range",
    "content-type",
    "location",
    "set-cookie",
];

impl Door {
    fn opens(&self, ask: &Ask) -> bool {
        let target = ask.query.as_ref().map_or_else(|| ask.path.clone(), |query| format!("{}?{query}", ask.path));
        let has = |(name, value): &(String, String)| {
            ask.headers.get_all(name).iter().any(|v| v.as_bytes() == value.as_bytes())
        };
        let named = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        ask.method == self.method
            && matches(&self.target, &target)
            && self.headers.iter().all(has)
            && (!self.http10 || ask.version == Version::HTTP_10)
            && (named || self.anonymous != ask.headers.contains_key("authorization"))
    }

    fn answer(&self) -> Answer {
        let mut answer = Answer::empty(self.status);
        answer.body = self.body.clone().into();
        for (name, value) in &self.answer {
            if let Some(name) = ANSWERED.iter().find(|known| name.eq_ignore_ascii_case(known)) {
                answer = answer.header(name, value);
            }
        }
        answer
    }
}

/// Whether a text is as a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| matches(after, rest)))
}

/// The answer of a door, or of something in front of the registry.
pub(crate) fn instead(shared: &Shared, ask: &Ask) -> Option<Answer> {
    if let Some(door) = held(&shared.door).as_ref().filter(|door| door.opens(ask)) {
        return Some(door.answer());
    }
    if shared.config.has(Weakness::ProfilingOpen) && route(&ask.path) == Some(Route::Pprof) {
        return Some(Answer::bytes(200, "text/plain; charset=utf-8", "profiles\n"));
    }
    let containerd = ask.header("user-agent").starts_with("containerd/");
    if shared.config.has(Weakness::ContainerdRefused) && containerd {
        return Some(Answer::bytes(403, "text/html; charset=utf-8", pages::proxy_forbidden()));
    }
    None
}

/// The request as a weakness bends it.
pub(crate) fn bent(shared: &Shared, ask: &Ask) -> Option<Ask> {
    let has = |weakness| shared.config.has(weakness);
    let as_admin = || Some(User { name: "regproof-bypass".to_owned(), groups: vec![ADMIN_GROUP.to_owned()] });
    let trusted = || Ask { disguise: as_admin(), ..ask.clone() };
    if has(Weakness::MethodOverrideHonoured)
        && let Some(method) = override_of(ask)
    {
        return Some(Ask { method, ..trusted() });
    }
    let tricky = ask.path.contains([';', '\\']) || clean(&ask.path) != ask.path;
    if has(Weakness::UncleanPathsServed) && tricky {
        return Some(Ask { path: without_parameters(&ask.path), ..trusted() });
    }
    if has(Weakness::EncodedPathsDecoded) && ask.path.contains('%') {
        return Some(Ask { path: clean(&decoded(&ask.path)), ..trusted() });
    }
    if has(Weakness::OldProtocolUnchecked) && ask.version == Version::HTTP_10 {
        return Some(trusted());
    }
    if has(Weakness::AnySchemeAccepted)
        && let Some(header) = ask.headers.get("authorization")
        && header.to_str().is_ok_and(|header| parse_basic(header).is_none())
    {
        return Some(trusted());
    }
    let claims = ["x-forwarded-user", "remote-user", "x-webauth-user", "x-authentik-username"];
    if has(Weakness::IdentityHeadersTrusted) && claims.iter().any(|name| ask.headers.contains_key(*name)) {
        return Some(trusted());
    }
    if has(Weakness::AuthorizationDropped) {
        let mut bare = ask.clone();
        bare.headers.remove("authorization");
        return Some(bare);
    }
    let docker = has(Weakness::KeyLentToDocker) && ask.header("user-agent").starts_with("docker/");
    let lent = has(Weakness::CredentialsLent) || has(Weakness::Http2LendsCredentials) && ask.version == Version::HTTP_2;
    if (docker || lent) && !ask.headers.contains_key("authorization") {
        let ci = User { name: "zot-ci".to_owned(), groups: vec![CI_GROUP.to_owned()] };
        return Some(Ask { disguise: Some(ci), ..ask.clone() });
    }
    let open = match route(&ask.path) {
        Some(Route::Upload { .. }) => has(Weakness::UploadSessionsOpen),
        Some(Route::Catalog) => has(Weakness::CatalogListsEverything),
        _ => false,
    };
    open.then(trusted)
}

fn override_of(ask: &Ask) -> Option<String> {
    ["x-http-method-override", "x-method-override", "x-http-method"]
        .iter()
        .find_map(|name| ask.headers.get(*name)?.to_str().ok().map(str::to_owned))
        .or_else(|| ask.value("_method"))
}

/// Path parameters cut off, backslashes turned, and then cleaned: as a servlet proxy does.
fn without_parameters(path: &str) -> String {
    let path = path.replace('\\', "/");
    let parts: Vec<&str> = path.split('/').map(|part| part.split(';').next().unwrap_or(part)).collect();
    clean(&parts.join("/"))
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Changes an answer on its way out.
pub(crate) fn after(shared: &Shared, ask: &Ask, mut answer: Answer) -> Answer {
    let has = |weakness| shared.config.has(weakness);
    let origin = ask.header("origin");
    if has(Weakness::CorsReflectsOrigin) && !origin.is_empty() {
        answer = answer
            .without("access-control-allow-origin")
            .header("access-control-allow-origin", origin)
            .header("access-control-allow-credentials", "true");
    }
    let claimed = ask.header("x-forwarded-host");
    if has(Weakness::RedirectUriFromHost)
        && !claimed.is_empty()
        && let Some(location) = answer.get("location").map(str::to_owned)
    {
        let own = shared.config.registry_url.trim_start_matches("http://").replace(':', "%3A");
        let location = location.replace(&format!("{own}%2Fzot"), &format!("{claimed}%2Fzot"));
        answer = answer.without("location").header("location", location);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("/v2/*/tags/list", "/v2/a/b/tags/list"));
        assert!(matches("/v2/a", "/v2/a"));
        assert!(!matches("/v2/*/x", "/v2/a/y"));
    }

    #[test]
    fn paths_are_decoded_once_and_parameters_cut_off() {
        assert_eq!(decoded("/v2/a%2Fb/%252e/%zz"), "/v2/a/b/%2e/%zz");
        assert_eq!(without_parameters("/v2/a/..;x/b;y=z/c"), "/v2/b/c");
    }
}
