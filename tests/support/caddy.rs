//! A real reverse proxy in front of a registry: Caddy on loopback, with TLS from an authority of this process.
//!
//! It knows no check: what a proxy does to requests and answers is written in its own language, the Caddyfile.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde::Deserialize;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::process::Server;
use super::{on_path, tool};

/// How a proxy differs from one that only terminates TLS.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Directives of the site, beside the one that passes requests on.
    pub site: String,
    /// Directives inside the one that passes requests on.
    pub upstream: String,
    /// The certificate that it shows.
    pub certificate: Certificate,
}

/// A certificate that may be wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// The name it is for.
    pub name: String,
    /// For how many days it is valid yet; less than nothing has expired.
    pub days: i64,
    /// Whether an authority signed it that no client trusts.
    pub foreign: bool,
}

impl Default for Certificate {
    fn default() -> Self {
        Self { name: "localhost".to_owned(), days: 60, foreign: false }
    }
}

/// A running proxy.
pub struct Caddy {
    /// The certificate of the authority that clients trust, as PEM.
    pub authority: String,
    server: Server,
    _folder: TempDir,
}

impl Caddy {
    /// The program, where this machine has it.
    pub fn program() -> Option<PathBuf> {
        tool("caddy").or_else(|| on_path("caddy"))
    }

    /// Serves `https://localhost:port` from the registry on `backend`, both on loopback.
    pub fn start(port: u16, backend: u16, rules: &Rules) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let ours = authority();
        let theirs = if rules.certificate.foreign { &authority() } else { &ours };
        let (certificate, key) = sign(theirs, &rules.certificate);
        for (name, text) in [("certificate.pem", certificate), ("key.pem", key)] {
            fs::write(folder.path().join(name), text).expect("a file can be written");
        }
        let file = folder.path().join("Caddyfile");
        fs::write(&file, caddyfile(folder.path(), port, backend, rules)).expect("a file can be written");
        let arguments = ["run", "--adapter", "caddyfile", "--config", file.to_str().expect("the path is text")];
        let program = Self::program().expect("program() was asked before");
        let mut server = Server::spawn(&program, &arguments, &folder.path().join("caddy.log"));
        server
            .wait_until(Duration::from_secs(120), |log| log.contains("serving initial configuration").then_some(()))
            .unwrap_or_else(|error| panic!("caddy did not start: {error:?}"));
        Self { authority: ours.pem(), server, _folder: folder }
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

fn caddyfile(folder: &Path, port: u16, backend: u16, rules: &Rules) -> String {
    let folder = folder.display();
    let (site, upstream) = (&rules.site, &rules.upstream);
    format!(
        "{{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n\tskip_install_trust\n\tstorage file_system {folder}\n\
         \tservers {{\n\t\tprotocols h1 h2\n\t}}\n}}\n\
         https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {folder}/certificate.pem {folder}/key.pem\n\
         {site}\n\treverse_proxy 127.0.0.1:{backend} {{\n{upstream}\n\t}}\n}}\n"
    )
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key can be made");
    CertifiedIssuer::self_signed(params, key).expect("an authority signs itself")
}

fn sign(authority: &CertifiedIssuer<'static, KeyPair>, wanted: &Certificate) -> (String, String) {
    let mut params = CertificateParams::new(vec![wanted.name.clone()]).expect("a name");
    let end = OffsetDateTime::now_utc() + time::Duration::days(wanted.days);
    (params.not_before, params.not_after) = (end - time::Duration::days(90), end);
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.signed_by(&key, authority).expect("the authority signs");
    (certificate.pem(), key.serialize_pem())
}
