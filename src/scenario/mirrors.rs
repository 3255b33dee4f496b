//! Clients that use the registry as a mirror, by their own files.
//!
//! Opens the files that the scenario names. What a file says wrong is a finding of a check, since each client treats it in its
//! way; only a file that cannot be opened is an error of the scenario.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::Scenario;
use super::loaded::{Loaded, ScenarioError};
use crate::mirror::folder::{Found, read_client};
use crate::mirror::model::{Endpoint, Kind, Version};
use crate::mirror::names::{Registry, address_of};
use crate::mirror::pull::{Role, hosts, mapped};
use crate::mirror::reference::Reference;

/// A client that pulls through the registry's cache, and its files.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// A name for reports, as `k3s nodes`.
    pub name: String,
    /// Which client it is.
    pub kind: MirrorKind,
    /// Its file as it stands on the node: `registries.yaml`, `daemon.json`, `registries.conf`, `buildkitd.toml`, a machine
    /// configuration of Talos; for containerd the folder `certs.d`, or a folder with `certs.d` and `config.toml`.
    pub files: PathBuf,
    /// Its version, where the behaviour depends on it. The default is the newest that is known.
    pub version: Option<String>,
    /// The images that it pulls, as `docker.io/library/alpine:3.20`. The default is the images of `[[cache]]`.
    #[serde(default)]
    pub images: Vec<String>,
    /// The client as its files configure it, once they were read.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) found: Option<Arc<Found>>,
}

/// The clients whose files are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MirrorKind {
    /// containerd, as the kubelet uses it.
    Containerd,
    /// k3s.
    K3s,
    /// RKE2.
    Rke2,
    /// The Docker daemon.
    Dockerd,
    /// `BuildKit`.
    Buildkit,
    /// podman, by `registries.conf`.
    Containers,
    /// buildah, by `registries.conf`.
    Buildah,
    /// skopeo, by `registries.conf`.
    Skopeo,
    /// CRI-O, by `registries.conf`.
    #[serde(rename = "cri-o")]
    CriO,
    /// Talos.
    Talos,
}

impl MirrorKind {
    fn kind(self) -> Kind {
        match self {
            MirrorKind::Containerd => Kind::Cri,
            MirrorKind::K3s => Kind::K3s,
            MirrorKind::Rke2 => Kind::Rke2,
            MirrorKind::Dockerd => Kind::DockerdClassic,
            MirrorKind::Buildkit => Kind::BuildKit,
            MirrorKind::Containers => Kind::Podman,
            MirrorKind::Buildah => Kind::Buildah,
            MirrorKind::Skopeo => Kind::Skopeo,
            MirrorKind::CriO => Kind::CriO,
            MirrorKind::Talos => Kind::Talos,
        }
    }
}

/// Reads the files of all mirrors.
///
/// # Errors
/// If a file cannot be opened, or a version or an image cannot be read: with its place in the scenario.
pub(super) fn read(loaded: &mut Loaded) -> Result<(), ScenarioError> {
    for index in 0..loaded.scenario.mirror.len() {
        let mirror = &loaded.scenario.mirror[index];
        let at = index.to_string();
        let error = |key: &str, message: String| loaded.error(&["mirror", &at, key], message);
        let version = match &mirror.version {
            None => None,
            Some(text) => Some(Version::read(text).ok_or_else(|| {
                error("version", format!("`{text}` is no version: write it as \"1.33\" or \"2.1.4\""))
            })?),
        };
        let path = loaded.folder().join(&mirror.files);
        let found = read_client(mirror.kind.kind(), &path, version)
            .map_err(|why| error("files", format!("cannot read {}: {why}", mirror.files.display())))?;
        for image in &mirror.images {
            Reference::read(found.config.client, image).map_err(|why| error("images", why))?;
        }
        if mirror.images.is_empty() && loaded.scenario.cache.is_empty() {
            return Err(error("name", "there is no image to ask for: name `images`, or a [[cache]]".to_owned()));
        }
        loaded.scenario.mirror[index].found = Some(Arc::new(found));
    }
    Ok(())
}

impl Mirror {
    /// The client as its files configure it.
    pub(crate) fn client(&self) -> Option<&Found> {
        self.found.as_deref()
    }
}

impl Scenario {
    /// What clients know of the registry, and what its configuration makes of their requests.
    pub(crate) fn mirrored_registry(&self) -> Registry<'_> {
        Registry {
            addresses: std::iter::once(&self.registry.url)
                .chain(&self.registry.backend)
                .filter_map(address_of)
                .collect(),
            config: self.config.as_deref(),
            release: self.registry.release.map(|release| release.0),
        }
    }

    /// Whether this endpoint of a client is the second vantage point, and not the registry's own address.
    pub(crate) fn is_behind(&self, endpoint: &Endpoint) -> bool {
        let at = |url: &Url| {
            let addresses = address_of(url).into_iter().collect();
            Registry { addresses, ..Registry::default() }.is_at(&endpoint.host)
        };
        self.registry.backend.as_ref().is_some_and(at) && !at(&self.registry.url)
    }

    /// The images that a mirror is asked for. What is no reference was refused when the scenario was read.
    pub(crate) fn mirrored_images(&self, mirror: &Mirror) -> Vec<Reference> {
        let Some(found) = mirror.client() else { return vec![] };
        let usual = self.cache.iter().map(|cache| &cache.image);
        let images: Vec<&String> =
            if mirror.images.is_empty() { usual.collect() } else { mirror.images.iter().collect() };
        images.into_iter().filter_map(|image| Reference::read(found.config.client, image).ok()).collect()
    }

    /// The repository in which the registry keeps an image of an upstream: by its configuration, or by a `[[cache]]` of that name.
    pub(crate) fn cached_name(&self, reference: &Reference) -> Option<String> {
        let by_config = self.mirrored_registry().local_name(&reference.host, &reference.repository);
        let own = reference.name();
        by_config.or_else(|| self.is_cached(&own).then_some(own))
    }

    /// Every base path and repository path that a client's files make of the images, at this registry.
    pub(crate) fn mirrored_paths(&self) -> Vec<(String, String)> {
        let registry = self.mirrored_registry();
        let mut paths = Vec::new();
        for mirror in &self.mirror {
            let Some(found) = mirror.client() else { continue };
            for reference in self.mirrored_images(mirror) {
                let route = found.config.route(&reference.host, &reference.repository);
                let ours = hosts(&found.config, route, &reference).into_iter();
                let ours = ours.filter(|(role, one)| *role != Role::WayOut && registry.is_at(&one.host));
                paths.extend(
                    ours.map(|(_, one)| (one.base.clone(), format!("{}/{}", one.base, mapped(&one, &reference)))),
                );
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }

    /// The cached repositories that the images of all mirrors are compared with.
    pub(crate) fn mirrored_names(&self) -> Vec<String> {
        let images = self.mirror.iter().flat_map(|mirror| self.mirrored_images(mirror));
        let mut names: Vec<String> = images.filter_map(|image| self.cached_name(&image)).collect();
        names.sort();
        names.dedup();
        names
    }
}
