//! What a shell needs to repeat a request: where the password is, which authority to trust, where to connect to.
//!
//! Holds names of variables and files, never what is in them. A secret stands here only to be recognised.

use std::path::Path;

use super::{Client, Credential, Route};
use crate::model::exchange::{command_line, quoted};
use crate::scenario::secrets::Secret;
use crate::scenario::{Scenario, SecretSource};

/// What is known of the files and secrets of a scenario by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shell {
    /// The file of the authorities.
    pub(crate) ca_file: Option<String>,
    /// Each secret, and the words of a shell for it.
    pub(crate) secrets: Vec<(Secret, String)>,
    /// The files of the client's own certificate and key.
    pub(crate) certificate: Option<(String, String)>,
}

impl Shell {
    /// The names that a scenario has for its files and secrets; paths are told as this process reaches them.
    pub(crate) fn of<'a>(
        scenario: &Scenario,
        folder: &Path,
        secrets: impl Iterator<Item = (&'a String, &'a Secret)>,
    ) -> Shell {
        let at = |file: &Path| folder.join(file).display().to_string();
        let words = |source: &SecretSource| match source {
            SecretSource::Env(name) => format!("\"${name}\""),
            SecretSource::File(file) => format!("\"$(cat {})\"", quoted(&at(file))),
            SecretSource::Command(argv) => {
                let arguments: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
                format!("\"$({})\"", command_line(&argv[0], &arguments))
            }
        };
        let named = |(name, secret): (&String, &Secret)| {
            Some((secret.clone(), words(&scenario.identities.get(name)?.password)))
        };
        let registry = &scenario.registry;
        let certificate = match (&registry.client_cert, &registry.client_key) {
            (Some(certificate), Some(key)) => match &key.0 {
                SecretSource::File(key) => Some((at(certificate), at(key))),
                _ => None,
            },
            _ => None,
        };
        Shell {
            ca_file: registry.ca_file.as_deref().map(at),
            secrets: secrets.filter_map(named).collect(),
            certificate,
        }
    }
}

impl Route {
    /// The words of a shell for this secret. What is not the scenario's own was made up to be refused.
    fn words(&self, credential: &Credential) -> String {
        let secret = credential.secret.expose();
        let own = self.shell.secrets.iter().find(|(own, _)| own.expose() == secret).map(|(_, words)| words.clone());
        own.unwrap_or_else(|| if secret.is_empty() { "''".to_owned() } else { "'a-wrong-password'".to_owned() })
    }
}

impl Client {
    /// What curl needs besides the request itself to reach this client's origin.
    pub(super) fn options(&self, with_credential: bool) -> Vec<String> {
        let mut options = Vec::new();
        let url = self.origin.url();
        if url.scheme() == "https" {
            if let Some(file) = &self.route.shell.ca_file {
                options.extend(["--cacert".to_owned(), file.clone()]);
            }
            let shown =
                self.route.certificate.as_deref().is_some_and(|own| own.is_shown(&self.origin, with_credential));
            if let Some((certificate, key)) = self.route.shell.certificate.as_ref().filter(|_| shown) {
                options.extend(["--cert".to_owned(), certificate.clone(), "--key".to_owned(), key.clone()]);
            }
        }
        for (host, port, address) in &self.route.resolve {
            if self.origin.is(host, *port) {
                options
                    .extend(["--connect-to".to_owned(), format!("{host}:{port}:{}:{}", address.ip(), address.port())]);
            }
        }
        options
    }

    /// The words of a shell for the password that is sent.
    pub(super) fn password(&self, credential: &Credential) -> String {
        // A key that the run itself made is gone when it is over.
        if self.who == super::OWN_KEY { "\"$KEY_OF_THE_RUN\"".to_owned() } else { self.route.words(credential) }
    }
}
