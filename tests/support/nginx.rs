//! A real nginx in front of a registry, on loopback, as it comes but for what a test adds.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::http::Request;
use super::on_path;
use super::process::{NotStarted, PING, Server, on_free_port};

/// A running proxy. It ends when it is dropped.
pub struct Nginx {
    /// Its address, without a path.
    pub url: String,
    _server: Server,
    _folder: TempDir,
}

impl Nginx {
    /// The program, where this machine has it.
    pub fn program() -> Option<PathBuf> {
        on_path("nginx").or_else(|| Some(PathBuf::from("/usr/sbin/nginx")).filter(|path| path.is_file()))
    }

    /// Passes requests on to `backend`, an address without a path; `rules` are directives of its one location.
    pub fn start(backend: &str, rules: &str) -> Self {
        let program = Self::program().expect("program() was asked before");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let at = folder.path().display();
        let (url, server) = on_free_port(|port| {
            let file = folder.path().join("nginx.conf");
            let config = format!(
                "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
                 access_log off;\nclient_body_temp_path {at}/body;\nproxy_temp_path {at}/proxy;\nfastcgi_temp_path {at}/f;\n\
                 uwsgi_temp_path {at}/u;\nscgi_temp_path {at}/s;\nproxy_cache_path {at}/cache keys_zone=tags:1m;\n\
                 server {{\nlisten 127.0.0.1:{port};\nlocation / {{\nproxy_pass {backend};\nproxy_http_version 1.1;\n\
                 proxy_set_header Host $http_host;\n{rules}\n}}\n}}\n}}\n"
            );
            fs::write(&file, config).expect("the configuration can be written");
            let file = file.to_str().expect("temporary paths are text");
            let mut server = Server::spawn(&program, &["-c", file], &folder.path().join("nginx.log"));
            let url = format!("http://127.0.0.1:{port}");
            let ping = format!("{url}/v2/");
            server.wait_until(Duration::from_secs(60), |_| {
                Request::new("GET", &ping).within(PING).try_send().ok().filter(|answer| answer.status == 200)
            })?;
            Ok::<_, NotStarted>((url, server))
        })
        .unwrap_or_else(|error| panic!("nginx did not start: {error:?}"));
        Self { url, _server: server, _folder: folder }
    }
}
