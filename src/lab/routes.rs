//! From a raw path to a route, as zot's router does it: nothing is decoded, unclean paths are redirected, and a method
//! that a route does not have is answered before anybody is authenticated (zot `pkg/api/routes.go`).

use super::answer::Answer;

/// What a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Health,
    Login,
    Callback,
    Logout,
    ApiKey,
    Metrics,
    Version,
    Catalog,
    Discover,
    Pprof,
    Tags { repo: &'a str },
    Manifest { repo: &'a str, reference: &'a str },
    Referrers { repo: &'a str, digest: &'a str },
    Blob { repo: &'a str, digest: &'a str },
    Uploads { repo: &'a str },
    Upload { repo: &'a str, session: &'a str },
}

impl Route<'_> {
    /// The methods of a route. Empty: every method.
    pub(crate) const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Health | Self::Login | Self::Callback | Self::Pprof => &[],
            Self::Logout => &["POST", "OPTIONS"],
            Self::ApiKey => &["POST", "OPTIONS", "GET", "DELETE"],
            Self::Metrics => &["GET"],
            Self::Version | Self::Catalog | Self::Discover | Self::Tags { .. } | Self::Referrers { .. } => {
                &["GET", "OPTIONS"]
            }
            Self::Manifest { .. } => &["HEAD", "OPTIONS", "GET", "PUT", "DELETE"],
            Self::Blob { .. } => &["HEAD", "GET", "DELETE"],
            Self::Uploads { .. } => &["POST"],
            Self::Upload { .. } => &["GET", "PATCH", "PUT", "DELETE"],
        }
    }
}

/// The redirect for a path with `//`, `/./` or `/../`.
pub(crate) fn redirect_if_unclean(path: &str, query: Option<&str>) -> Option<Answer> {
    let clean = clean(path);
    if clean == path {
        return None;
    }
    let location = query.map_or_else(|| clean.clone(), |query| format!("{clean}?{query}"));
    Some(Answer::empty(301).header("location", location))
}

pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    clean
}

/// The route of a clean path.
pub(crate) fn route(path: &str) -> Option<Route<'_>> {
    match path {
        "/livez" | "/readyz" | "/startupz" => return Some(Route::Health),
        "/zot/auth/login" => return Some(Route::Login),
        "/zot/auth/callback/oidc" => return Some(Route::Callback),
        "/zot/auth/logout" => return Some(Route::Logout),
        "/v2/" => return Some(Route::Version),
        "/v2/_catalog" => return Some(Route::Catalog),
        "/v2/_oci/ext/discover" => return Some(Route::Discover),
        _ => {}
    }
    // These are prefixes in zot, so `/metricsfoo` is the metrics too.
    if path.starts_with("/zot/auth/apikey") {
        return Some(Route::ApiKey);
    }
    if path.starts_with("/metrics") {
        return Some(Route::Metrics);
    }
    if path.starts_with("/v2/_zot/pprof/") {
        return Some(Route::Pprof);
    }
    repository_route(path.strip_prefix("/v2/")?)
}

fn repository_route(rest: &str) -> Option<Route<'_>> {
    if let Some(repo) = rest.strip_suffix("/tags/list") {
        return is_name(repo).then_some(Route::Tags { repo });
    }
    if let Some(repo) = rest.strip_suffix("/blobs/uploads/") {
        return is_name(repo).then_some(Route::Uploads { repo });
    }
    let (before, last) = rest.rsplit_once('/')?;
    if last.is_empty() {
        return None;
    }
    if let Some(repo) = before.strip_suffix("/blobs/uploads") {
        return is_name(repo).then_some(Route::Upload { repo, session: last });
    }
    let (repo, kind) = before.rsplit_once('/')?;
    if !is_name(repo) {
        return None;
    }
    match kind {
        "manifests" => Some(Route::Manifest { repo, reference: last }),
        "referrers" => Some(Route::Referrers { repo, digest: last }),
        "blobs" => Some(Route::Blob { repo, digest: last }),
        _ => None,
    }
}

/// A repository name of distribution-spec: lower-case components, joined by `/`.
pub(crate) fn is_name(name: &str) -> bool {
    name.split('/').all(is_component)
}

fn is_component(component: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !component.starts_with(alphanumeric) || !component.ends_with(alphanumeric) {
        return false;
    }
    component
        .split(alphanumeric)
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

/// A tag of distribution-spec.
pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_specification() {
        for name in ["a", "a/b", "a-b/c__d", "docker.io/library/alpine", "a---b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "a//b", "-a", "a..b", "a%2fb", "a/", "a___b"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn unclean_paths_are_redirected_with_their_query() {
        let answer = redirect_if_unclean("//v2/x/../y/manifests/t", Some("a=b")).unwrap();
        assert_eq!(answer.get("location"), Some("/v2/y/manifests/t?a=b"));
        assert!(redirect_if_unclean("/v2/", None).is_none());
    }

    #[test]
    fn paths_find_their_routes() {
        assert_eq!(route("/v2/a/b/manifests/t"), Some(Route::Manifest { repo: "a/b", reference: "t" }));
        assert_eq!(route("/v2/a/blobs/uploads/x"), Some(Route::Upload { repo: "a", session: "x" }));
        assert_eq!(route("/v2/a/blobs/uploads/"), Some(Route::Uploads { repo: "a" }));
        assert_eq!(route("/v2"), None);
        assert_eq!(route("/v2/A/manifests/t"), None);
        assert_eq!(route("/v2/_zot/ext/mgmt"), None);
    }
}
