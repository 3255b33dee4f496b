//! The parts of a scenario about content, and about probes that run only on request. Data, no logic.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LargeBody, Period};

/// What is promised about content.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Content {
    /// Whether manifests in Docker's media type are taken, as zot does with `http.compat: ["docker2s2"]`.
    pub docker_media_type: Option<Reception>,
}

/// What a registry does with something it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reception {
    /// It takes it.
    Accepted,
    /// It refuses it.
    Refused,
}

/// Probes that run only on request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Probes {
    /// Whether probes may leave something outside of the scratch repository on a registry that is open, as an empty
    /// repository.
    pub litter: bool,
    /// Whether probes may load the registry.
    pub strain: bool,
    /// Pushes with the real dagger, which starts its engine on this machine's Docker daemon.
    pub dagger: bool,
    /// The largest body that is uploaded into the scratch repository, as `"128MiB"`. Left out: just over 1 MiB, where nginx
    /// refuses by default. `true`: just over 1, 10 and 32 MiB. `false`: none.
    #[schemars(extend("default" = "1MiB"))]
    pub large_body: LargeBody,
    /// Trickles one upload for this long, as `"70s"`.
    pub slow_upload: Option<Period>,
}
