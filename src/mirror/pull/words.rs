//! The words that clients send: media types, user agents, escaped queries.

use crate::mirror::model::{Client, Kind, Version};

/// containerd on a tag.
const CONTAINERD: &[&str] = &[
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "*/*",
];
/// dockerd's classic store, from version 29 on without the last two.
const DOCKER: &[&str] = &[
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/json",
];
/// containers/image.
const IMAGE: &[&str] = &[
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
];

/// The version of dockerd that was recorded without schema 1; between it and 20.10 nothing was.
const WITHOUT_SCHEMA_1: Version = Version(29, 0, 0);

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// containerd's `Accept` on a tag.
pub(super) fn containerd_tag() -> Vec<String> {
    owned(CONTAINERD)
}

/// containerd's `Accept` on a digest.
pub(super) fn containerd_digest(media: &str) -> Vec<String> {
    owned(&[media, "*/*"])
}

/// dockerd's `Accept` on manifests.
pub(super) fn docker(client: Client) -> Vec<String> {
    owned(if client.since(WITHOUT_SCHEMA_1) { DOCKER.get(..4).unwrap_or(DOCKER) } else { DOCKER })
}

/// The `Accept` of containers/image on manifests.
pub(super) fn image() -> Vec<String> {
    owned(IMAGE)
}

/// How the user agent starts, by which registries tell clients apart.
pub(super) fn agent(kind: Kind) -> &'static str {
    match kind {
        Kind::DockerdClassic | Kind::DockerdContainerd => "docker/",
        Kind::BuildKit => "buildkit/",
        Kind::Skopeo => "skopeo/",
        Kind::Podman => "containers/",
        Kind::Buildah => "Buildah/",
        Kind::CriO => "cri-o/",
        _ => "containerd/",
    }
}

/// A whole user agent of this client, as it was recorded, with its version where it is known.
pub(crate) fn user_agent(client: Client) -> String {
    let version = |known: &str| client.version.map_or(known.to_owned(), |version| version.to_string());
    match client.kind {
        Kind::DockerdClassic => {
            let version = version("29.7.2");
            format!(
                "docker/{version} go/go1.26 kernel/6.1 os/linux arch/amd64 UpstreamClient(Docker-Client/{version} \\(linux\\))"
            )
        }
        Kind::DockerdContainerd => {
            let version = version("29.7.2");
            format!(
                "docker/{version} go/go1.26 kernel/6.1 os/linux arch/amd64 containerd-client/2.3.3 \
                 storage-driver/overlayfs UpstreamClient(Docker-Client/{version} \\(linux\\))"
            )
        }
        Kind::BuildKit => format!("buildkit/v{}", version("0.32")),
        Kind::Skopeo => format!("skopeo/{}", version("1.22.0")),
        Kind::Podman => "containers/5.23.1 (github.com/containers/image)".to_owned(),
        Kind::Buildah => format!("Buildah/{}", version("1.28.2")),
        Kind::CriO => format!("cri-o/{}", version("1.33.0")),
        Kind::K3s | Kind::Rke2 | Kind::Talos => "containerd/2.4.2".to_owned(),
        Kind::Ctr | Kind::Cri => format!("containerd/{}", version("2.4.2")),
    }
}

/// Text as Go's `url.QueryEscape` writes it.
pub(super) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
