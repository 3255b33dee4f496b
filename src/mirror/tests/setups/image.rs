//! skopeo, buildah and podman.

use super::{Setup, image};
use crate::mirror::model::{Kind, Version};
use crate::mirror::registries_conf::{self, CONF};
use crate::mirror::source::Files;

/// A table for a prefix with one mirror.
fn mirror(prefix: &str, location: &str, more: &str, top: &str) -> String {
    let mirror = format!("[[registry.mirror]]\nlocation = \"{location}\"\n{more}\n");
    format!("[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{prefix}\"\n{top}\n{mirror}")
}

fn text(case: &str) -> String {
    let (zot, insecure) = ("zot.test:5050/docker.io", "insecure = true");
    let has = |word: &str| case.contains(word);
    match case {
        _ if has("zot-noprefix") || has("zot without prefix") => mirror("docker.io", "zot.test:5050", insecure, ""),
        "mirror/ghcr" => mirror("ghcr.io", "zot.test:5050/ghcr.io", insecure, ""),
        "mirror/pull-from-mirror=digest-only-tag" => {
            mirror("docker.io", zot, "insecure = true\npull-from-mirror = \"digest-only\"", "")
        }
        _ if has("by-digest-only") => mirror("docker.io", zot, insecure, "mirror-by-digest-only = true"),
        _ if has("insecure-missing") || has("without insecure") => mirror("docker.io", zot, "", ""),
        "blocked+mirror-404" => mirror("docker.io", zot, insecure, "blocked = true"),
        "name/prefix-index.docker.io" => mirror("index.docker.io", zot, insecure, ""),
        "name/prefix-registry-1.docker.io" => mirror("registry-1.docker.io", zot, insecure, ""),
        "prefix/docker.io-library" => mirror("docker.io/library", "zot.test:5050/docker.io/library", insecure, ""),
        "prefix/wildcard-*.io" => {
            "[[registry]]\nprefix = \"*.io\"\nlocation = \"zot.test:5050/x\"\ninsecure = true\n".to_owned()
        }
        "status/refused" => mirror("docker.io", "zot.test:1/docker.io", insecure, ""),
        "tls/https-mirror" => mirror("docker.io", "zot.test:5443/docker.io", "", ""),
        _ if has("location") => format!("[[registry]]\nprefix = \"docker.io\"\nlocation = \"{zot}\"\n{insecure}\n"),
        _ => mirror("docker.io", zot, insecure, ""),
    }
}

pub(super) fn setup(stem: &str, case: &str) -> Option<Setup> {
    let new = stem.contains("skopeo-new") || case.contains("skopeo-new") || case.contains("1.22");
    let (kind, version) = match () {
        () if new => (Kind::Skopeo, "1.22.0"),
        () if stem.contains("buildah") || case.starts_with("buildah") => (Kind::Buildah, "1.28.2"),
        () if stem.contains("podman") || case.starts_with("podman") => (Kind::Podman, "4.3.1"),
        () => (Kind::Skopeo, "1.9.3"),
    };
    // skopeo 1.9.3 does not look at CONTAINERS_REGISTRIES_CONF, so that it has no file.
    let unread = stem.contains("env-ignored") || case.contains("1.9.3/CONTAINERS_REGISTRIES_CONF");
    let text = if unread { String::new() } else { text(case) };
    let files = Files::from_texts([(CONF, text.as_str())]);
    let mut setup = Setup::new(registries_conf::read(&files, kind, Version::read(version), CONF), image(case));
    setup.logins.pull = case.contains("--creds");
    if case.contains("authfile-mirror-host") {
        setup.logins.hosts.insert("zot.test:5050".to_owned());
    }
    Some(setup)
}
