//! An origin: scheme, host and port. What a credential is bound to.
//!
//! A target is joined to it as text, so that no `//host` or absolute URL can lead elsewhere.

use std::fmt;

use anyhow::{Context, ensure};
use url::Url;

/// Scheme, host and port (RFC 6454, section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(Url);

impl Origin {
    pub(crate) fn of(url: &Url) -> Origin {
        let mut origin = url.clone();
        origin.set_path("/");
        origin.set_query(None);
        origin.set_fragment(None);
        Origin(origin)
    }

    /// The URL of a path, and maybe a query, on this origin.
    pub(crate) fn join(&self, target: &str) -> anyhow::Result<Url> {
        ensure!(target.starts_with('/'), "`{target}` is not a path");
        let base = self.0.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{target}")).with_context(|| format!("`{target}` is not a path"))?;
        ensure!(self.owns(&url), "`{target}` leads away from {self}");
        Ok(url)
    }

    /// Whether a URL is on this origin and carries no user name.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        url.scheme() == self.0.scheme()
            && url.host_str() == self.0.host_str()
            && url.port_or_known_default() == self.0.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
    }

    pub(crate) fn is(&self, host: &str, port: u16) -> bool {
        self.0.host_str() == Some(host) && self.0.port_or_known_default() == Some(port)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_away_from_an_origin() {
        let origin = Origin::of(&Url::parse("https://r.example.test:5000/x").unwrap());
        assert_eq!(origin.join("/v2/?a=b").unwrap().as_str(), "https://r.example.test:5000/v2/?a=b");
        assert_eq!(origin.join("//evil/v2/").unwrap().host_str(), Some("r.example.test"));
        for target in ["v2/", "https://evil/", "@evil/", ":80/"] {
            assert!(origin.join(target).is_err(), "{target}");
        }
        for (url, expected) in [
            ("https://r.example.test:5000/a", true),
            ("https://r.example.test/a", false),
            ("http://r.example.test:5000/a", false),
            ("https://u@r.example.test:5000/a", false),
            ("https://r.example.test.evil:5000/a", false),
        ] {
            assert_eq!(origin.owns(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
