//! dockerd with both stores.

use super::{Setup, image, right};
use crate::mirror::dockerd::{self, DAEMON, Store};
use crate::mirror::model::Version;
use crate::mirror::source::Files;

pub(super) fn setup(stem: &str, case: &str) -> Option<Setup> {
    let containerd = stem.contains("ctrd") || case.starts_with("new-ctrd");
    let store = if containerd { Store::Containerd } else { Store::Classic };
    let version = if stem.contains("20.10") { "20.10.24" } else { "29.7.2" };
    let mirrors = match case {
        _ if case.contains("first-refused") => "\"http://zot.test:1\", \"http://zot.test:5050\"",
        _ if case.contains("https") => "\"https://zot.test:5050\"",
        "path/docker.io" | "new-classic/mirror http://zot/docker.io" | "new-ctrd/mirror http://zot/docker.io" => {
            "\"http://zot.test:5050/docker.io\""
        }
        "path/v2" => "\"http://zot.test:5050/v2\"",
        _ if case.contains("v2/docker.io") => "\"http://zot.test:5050/v2/docker.io\"",
        _ if case.starts_with("hosts.toml/") || case.contains("certs.d") => "",
        _ if case.contains("user image") && stem == "zot-v2dest" => "\"http://zot.test:5050/v2/docker.io\"",
        _ => "\"http://zot.test:5050\"",
    };
    let daemon = format!("{{\"registry-mirrors\": [{mirrors}]}}");
    let hosts = right();
    let mut files = vec![(DAEMON, daemon.as_str())];
    if case.contains("hosts.toml") || case.contains("certs.d") {
        files.push(("/etc/docker/certs.d/docker.io/hosts.toml", hosts.as_str()));
    }
    let config = dockerd::read(&Files::from_texts(files), Version::read(version), Some(store));
    let mut setup = Setup::new(config, image(case));
    setup.logins.hub = case.contains("logged-in-both") || case.contains("docker login") || case.contains("hub=");
    if case.contains("logged-in-both") || case.contains("mirror=u:p") || case.contains("mirror=mir") {
        setup.logins.hosts.insert("zot.test:5050".to_owned());
    }
    Some(setup)
}
