//! URLs of endpoints, as Go's `net/url` takes them apart.

use super::model::Scheme;

/// A URL by its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) scheme: Scheme,
    /// Host and port.
    pub(crate) host: String,
    /// The path, as written.
    pub(crate) path: String,
}

impl Address {
    /// Reads `scheme://host:port/path`; `default` is the scheme where none is written.
    pub(crate) fn read(text: &str, default: Scheme) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some((other, _)) => return Err(format!("`{other}` is no scheme of a registry")),
            None => (default, text),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        // A user and a password before the host are no part of it, and must not be shown.
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let port = if host.ends_with(']') { None } else { host.rsplit_once(':').map(|(_, port)| port) };
        if host.is_empty() || host.starts_with(':') {
            return Err("the host is missing".to_owned());
        }
        if host.chars().any(|next| next.is_whitespace() || next.is_control() || "<>\"\\^`{|}".contains(next)) {
            return Err("the host has a character that no host has".to_owned());
        }
        if port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err("the port is no number".to_owned());
        }
        Ok(Self { scheme, host: host.to_owned(), path: path.to_owned() })
    }

    /// Whether the host is this machine, on a port that is not 443.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name == "[::1]" || name.starts_with("127.")
}

/// The port of a host, where one is written.
pub(crate) fn port(host: &str) -> Option<&str> {
    host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'))
}

/// The path as Go's `path.Clean` makes it: no doubled and no last slash, `.` and `..` resolved.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
