//! One model for all clients: which endpoints a client asks for an upstream, in which order, and where it goes when all of
//! them fail.

use std::fmt;

use serde::Serialize;

use super::finding::{Finding, without_secrets};
use crate::zot::tree::Place;

/// Which program it is, as far as it decides about requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// containerd through `ctr --hosts-dir`.
    Ctr,
    /// containerd through the kubelet or `crictl`.
    Cri,
    /// k3s.
    K3s,
    /// RKE2.
    Rke2,
    /// Talos.
    Talos,
    /// dockerd with its classic image store.
    DockerdClassic,
    /// dockerd with the containerd image store.
    DockerdContainerd,
    /// buildkitd.
    BuildKit,
    /// skopeo.
    Skopeo,
    /// podman.
    Podman,
    /// buildah.
    Buildah,
    /// CRI-O.
    CriO,
}

/// Whose code makes the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// containerd's resolver.
    Containerd,
    /// dockerd's own client.
    Docker,
    /// containers/image.
    Image,
}

impl Kind {
    pub(crate) fn family(self) -> Family {
        match self {
            Self::DockerdClassic => Family::Docker,
            Self::Skopeo | Self::Podman | Self::Buildah | Self::CriO => Family::Image,
            _ => Family::Containerd,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ctr => "ctr",
            Self::Cri => "containerd",
            Self::K3s => "k3s",
            Self::Rke2 => "rke2",
            Self::Talos => "talos",
            Self::DockerdClassic => "dockerd",
            Self::DockerdContainerd => "dockerd+containerd",
            Self::BuildKit => "buildkitd",
            Self::Skopeo => "skopeo",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
            Self::CriO => "cri-o",
        }
    }

    /// Whether it knows k3s's `rewrite`.
    pub(crate) fn rewrites(self) -> bool {
        matches!(self, Self::K3s | Self::Rke2)
    }
}

/// A program's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// Reads `2.4.2`, `v1.6.20~ds1` and `29`; what is no number ends it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut numbers = text.trim().trim_start_matches('v').splitn(3, '.').map(|part| {
            let end = part.find(|next: char| !next.is_ascii_digit()).unwrap_or(part.len());
            part.get(..end).and_then(|digits| digits.parse::<u32>().ok())
        });
        let major = numbers.next()??;
        let mut next = || numbers.next().flatten().unwrap_or(0);
        Some(Self(major, next(), next()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A program and its version; without one the newest that is known is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Client {
    /// The program.
    pub(crate) kind: Kind,
    /// Its version, where it is known.
    pub(crate) version: Option<Version>,
}

impl Client {
    pub(crate) fn new(kind: Kind, version: Option<Version>) -> Self {
        Self { kind, version }
    }

    /// Whether it is at least of this version.
    pub(crate) fn since(self, version: Version) -> bool {
        self.version.is_none_or(|have| have >= version)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{} {version}", self.kind.word()),
            None => f.write_str(self.kind.word()),
        }
    }
}

/// For which images a route is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Upstream {
    /// Those of one registry.
    Host(String),
    /// Those below a host or a part of its repositories: `docker.io/library`.
    Below(String),
    /// Those of all registries below a domain: `*.io`.
    Domain(String),
    /// Those of every registry without a route.
    Every,
}

impl Upstream {
    /// Whether it is that registry, or a part of it.
    pub(crate) fn names(&self, host: &str) -> bool {
        matches!(self, Self::Host(name) | Self::Below(name) if is_below(name, host))
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) | Self::Below(name) => f.write_str(name),
            Self::Domain(name) => write!(f, "*.{name}"),
            Self::Every => f.write_str("_default"),
        }
    }
}

/// How the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scheme {
    /// Plain HTTP.
    Http,
    /// TLS.
    Https,
    /// TLS first; plain HTTP where that fails.
    HttpsThenHttp,
}

/// How the repository's name changes on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Names {
    /// It does not.
    Same,
    /// k3s's patterns, of which the first that changes the name counts. Their order is random where there are several.
    Rewrites(Vec<Rewrite>),
    /// The part of `host/repository` that is `prefix` becomes `path`.
    Replace {
        /// What is replaced.
        prefix: String,
        /// What comes instead, without the host.
        path: String,
    },
    /// The host is cut off, and `path` comes before the whole repository.
    Below(String),
}

/// One of k3s's patterns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Rewrite {
    /// A regular expression.
    pub(crate) pattern: String,
    /// What it is replaced by; `$1` is the first group.
    pub(crate) replacement: String,
    /// Where it stands.
    #[serde(skip)]
    pub(crate) place: Place,
}

/// What a host may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Capabilities {
    /// Manifests by digest, and blobs.
    pub(crate) pull: bool,
    /// Tags.
    pub(crate) resolve: bool,
    /// Uploads.
    pub(crate) push: bool,
    /// Where the file lists them; nothing where it does not.
    #[serde(skip)]
    pub(crate) place: Option<Place>,
}

impl Capabilities {
    /// What a host has where nothing is listed.
    pub(crate) const ALL: Self = Self { pull: true, resolve: true, push: true, place: None };
    /// What a mirror needs.
    pub(crate) const MIRROR: Self = Self { pull: true, resolve: true, push: false, place: None };
}

/// For which references an endpoint is asked (containers/image's `pull-from-mirror`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    /// For all.
    Always,
    /// For those with a digest.
    Digests,
    /// For those without.
    Tags,
}

/// What the file says about certificates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Default)]
pub(crate) struct Tls {
    /// Certificates are not verified.
    pub(crate) skip_verify: bool,
    /// Files of authorities.
    pub(crate) ca: Vec<String>,
    /// A client certificate is named.
    pub(crate) client: bool,
}

/// One place that a client asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Endpoint {
    /// The URL or location as the file has it, which may hold credentials: reports have it without them.
    #[serde(serialize_with = "shown")]
    pub(crate) written: String,
    /// The file.
    #[serde(skip)]
    pub(crate) file: String,
    /// Where in it.
    #[serde(skip)]
    pub(crate) place: Place,
    /// How it is spoken to.
    pub(crate) scheme: Scheme,
    /// The host, with the port where one is written.
    pub(crate) host: String,
    /// What comes before the repository, such as `/v2` or `/v2/docker.io`.
    pub(crate) base: String,
    /// Whether the file takes the path as it is (`override_path`).
    pub(crate) override_path: bool,
    /// How the repository's name changes.
    pub(crate) names: Names,
    /// What it is asked for.
    pub(crate) capabilities: Capabilities,
    /// For which references.
    pub(crate) when: When,
    /// Certificates.
    pub(crate) tls: Tls,
    /// The names of the headers that are sent with each request; their values are never kept.
    pub(crate) headers: Vec<String>,
    /// Whether the file has credentials for this host that are sent after a challenge.
    pub(crate) credentials: bool,
}

fn shown<S: serde::Serializer>(written: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&without_secrets(written))
}

impl Endpoint {
    pub(crate) fn new(written: &str, file: &str, place: Place, scheme: Scheme, host: &str, base: &str) -> Self {
        // A user and a password before the host are no part of it, and must not be shown.
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        Self {
            written: written.to_owned(),
            file: file.to_owned(),
            place,
            scheme,
            host: host.to_owned(),
            base: base.trim_end_matches('/').to_owned(),
            override_path: false,
            names: Names::Same,
            capabilities: Capabilities::MIRROR,
            when: When::Always,
            tls: Tls::default(),
            headers: Vec::new(),
            credentials: false,
        }
    }

    /// Whether an `Authorization` header is sent with each request.
    pub(crate) fn sends_authorization(&self) -> bool {
        self.headers.iter().any(|name| name.eq_ignore_ascii_case("authorization"))
    }
}

/// Where the client goes when every endpoint failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WayOut {
    /// To the upstream itself.
    Upstream,
    /// To a place that the file names.
    To(Box<Endpoint>),
    /// Nowhere: the pull fails.
    Nowhere,
}

/// What a client asks for the images of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Route {
    /// For which images.
    pub(crate) upstream: Upstream,
    /// The endpoints, in order.
    pub(crate) endpoints: Vec<Endpoint>,
    /// And then.
    pub(crate) way_out: WayOut,
    /// The file.
    #[serde(skip)]
    pub(crate) file: String,
    /// Where in it.
    #[serde(skip)]
    pub(crate) place: Place,
    /// Why every pull of this upstream fails, if it does.
    pub(crate) broken: Option<String>,
}

/// A client as its files configure it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct ClientConfig {
    /// The program.
    #[serde(flatten)]
    pub(crate) client: Client,
    /// The nodes with exactly this configuration.
    pub(crate) nodes: Vec<String>,
    /// The files that were read, by the name of the first node.
    pub(crate) files: Vec<String>,
    /// What is asked for which upstream.
    pub(crate) routes: Vec<Route>,
    /// Why the client does not start with these files, if it does not.
    pub(crate) stops: Option<String>,
    /// What its reader found.
    #[serde(skip)]
    pub(crate) findings: Vec<Finding>,
}

impl ClientConfig {
    pub(crate) fn new(client: Client) -> Self {
        let (nodes, files, routes, findings) = (vec![], vec![], vec![], vec![]);
        Self { client, nodes, files, routes, stops: None, findings }
    }

    /// The route of an image: that of its longest match, or of its host, or the one for all others.
    pub(crate) fn route(&self, host: &str, repository: &str) -> Option<&Route> {
        let name = format!("{host}/{repository}");
        let length = |route: &Route| match &route.upstream {
            Upstream::Host(own) => (own == host).then_some(own.len()),
            Upstream::Below(prefix) => is_below(&name, prefix).then_some(prefix.len()),
            Upstream::Domain(domain) => {
                host.strip_suffix(domain).filter(|rest| rest.ends_with('.')).map(|_| domain.len())
            }
            Upstream::Every => Some(0),
        };
        let matching = self.routes.iter().filter_map(|route| Some((length(route)?, route)));
        // Of two of equal length the first counts.
        matching.rev().max_by_key(|(length, _)| *length).map(|(_, route)| route)
    }
}

/// Whether `name` is `prefix` or below it.
pub(crate) fn is_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', '@']))
}

/// The registry of a host of references: docker.io's is elsewhere.
pub(crate) fn registry_of(host: &str) -> &str {
    if host == "docker.io" { "registry-1.docker.io" } else { host }
}
