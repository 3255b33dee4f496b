//! Image references, as each client reads them.

use super::model::{Client, Kind};

/// An image by its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reference {
    /// The host under which a client looks its configuration up: `docker.io`.
    pub(crate) host: String,
    /// `library/alpine`.
    pub(crate) repository: String,
    /// The tag, where it has one and no digest.
    pub(crate) tag: String,
    /// The digest, if it has one. The tag does not count then.
    pub(crate) digest: Option<String>,
}

impl Reference {
    /// Reads a reference as this client does. `ctr` takes it as it is; the others complete it to docker.io and `library/`.
    ///
    /// # Errors
    /// What is wrong with it, as text.
    pub(crate) fn read(client: Client, text: &str) -> Result<Self, String> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let slash = name.rfind('/').map_or(0, |at| at + 1);
        let colon = name.get(slash..).and_then(|last| last.find(':')).map(|at| slash + at);
        let (name, tag) = match colon {
            Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default()),
            None => (name, "latest"),
        };
        let (host, repository) = match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest.to_owned()),
            _ if client.kind == Kind::Ctr => return Err(format!("ctr refuses `{text}`: write it with its registry")),
            _ => ("docker.io", name.to_owned()),
        };
        if repository.is_empty() || tag.is_empty() || repository.contains("//") {
            return Err(format!("`{text}` is not an image: write it as docker.io/library/alpine:3.20"));
        }
        let full = client.kind == Kind::Ctr;
        let host = if host == "index.docker.io" && !full { "docker.io" } else { host };
        let official = host == "docker.io" && !repository.contains('/') && !full;
        let repository = if official { format!("library/{repository}") } else { repository };
        Ok(Self { host: host.to_owned(), repository, tag: tag.to_owned(), digest })
    }

    /// The image without tag and digest.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }
}
