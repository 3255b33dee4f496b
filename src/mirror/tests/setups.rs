//! The configuration of each recorded case, as files: the recordings have requests only.

mod docker;
mod image;
mod stock;
mod zot;

use crate::mirror::model::ClientConfig;
use crate::mirror::pull::Logins;
use crate::mirror::reference::Reference;

pub(super) const ZOT: &str = "http://zot.test:5050";
pub(super) const HUB: &str = "https://registry-1.docker.io";

/// How a case was run.
pub(super) struct Setup {
    pub(super) config: ClientConfig,
    pub(super) image: String,
    pub(super) logins: Logins,
    /// Whether the client was told not to verify certificates.
    pub(super) unverified: bool,
}

impl Setup {
    fn new(config: ClientConfig, image: &str) -> Self {
        Self { config, image: image.to_owned(), logins: Logins::default(), unverified: false }
    }

    pub(super) fn reference(&self) -> Reference {
        Reference::read(self.config.client, &self.image).unwrap()
    }
}

pub(super) fn setup(stem: &str, case: &str) -> Option<Setup> {
    match stem.split('-').next()? {
        "ctr" => stock::ctr(if stem.contains("1.6") { "1.6.20" } else { "2.4.2" }, case),
        "cri" => stock::cri(stem, case),
        "buildkit" => stock::buildkit(case),
        "cimage" | "skopeo" => image::setup(stem, case),
        "dockerd" => docker::setup(stem, case),
        "zot" => zot::setup(stem, case),
        _ => None,
    }
}

/// The image of a case, from the words of its name.
pub(super) fn image(case: &str) -> &'static str {
    let has = |word: &str| case.contains(word);
    match () {
        () if has("ref-index.docker.io") => "index.docker.io/library/alpine:3.20",
        () if has("short") => "alpine:3.20",
        () if has("tag-and-digest") => "docker.io/library/alpine:3.20@{index}",
        () if has("docker-digest")
            || has("/digest")
            || has("only-digest")
            || has("by digest")
            || has("mirror-digest") =>
        {
            "docker.io/library/alpine@{index}"
        }
        () if has("quay-tag") => "quay.io/prometheus/busybox:3.20",
        () if has("quay") => "quay.io/a/b:3.20",
        () if has("ghcr") => "ghcr.io/org/app/web:3.20",
        () if has("k8s") => "registry.k8s.io/pause:3.20",
        () if has("user-tag")
            || has("user-image")
            || has("mirror-user")
            || has("user image")
            || has("https mirror on") =>
        {
            "docker.io/grafana/grafana:3.20"
        }
        () => "docker.io/library/alpine:3.20",
    }
}

/// A host table.
pub(super) fn host(url: &str, more: &str) -> String {
    format!("[host.\"{url}\"]\n  capabilities = [\"pull\", \"resolve\"]\n  {more}\n")
}

/// A hosts.toml with one host and the upstream after it.
pub(super) fn hosts(server: &str, url: &str, more: &str) -> String {
    format!("server = \"{server}\"\n\n{}", host(url, more))
}

/// The usual right file.
pub(super) fn right() -> String {
    hosts(HUB, "http://zot.test:5050/v2/docker.io", "override_path = true")
}
