//! What a check may send, what it requires, and what it says of itself.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a check may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// GET and HEAD.
    ReadOnly,
    /// Besides, requests that are valid for authorization and invalid for the handler: nothing is stored.
    Oracle,
    /// Besides, tiny images in the scratch repository.
    Writes,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::ReadOnly => "read-only",
            Effect::Oracle => "no-store",
            Effect::Writes => "writes",
        })
    }
}

impl std::str::FromStr for Effect {
    type Err = String;

    fn from_str(text: &str) -> Result<Effect, String> {
        match text {
            "read-only" => Ok(Effect::ReadOnly),
            // The old name.
            "no-store" | "oracle" => Ok(Effect::Oracle),
            "writes" => Ok(Effect::Writes),
            _ => Err("one of read-only, no-store, writes".to_owned()),
        }
    }
}

/// What a check requires of a scenario or of this machine; where it is missing, the check is skipped with that reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `[repositories] scratch`.
    Scratch,
    /// A name in `[repositories] public`.
    PublicRepository,
    /// Somebody who may read each public repository, where rights are promised at all.
    PublicReader,
    /// A name in `[repositories] private`.
    PrivateRepository,
    /// `[repositories] private_scratch`, with an identity that may create there.
    PrivateScratch,
    /// `[access]` or a zot configuration lets anonymous clients read.
    AnonymousReads,
    /// `[access]` or a zot configuration keeps anonymous clients from creating.
    AnonymousCannotCreate,
    /// An identity.
    AnyIdentity,
    /// A repository of the scenario that an identity may read, and anonymous clients may not.
    BehindLogin,
    /// An identity whose secret is an API key of zot.
    ApiKey,
    /// `[keys] lifecycle = true`.
    KeyLifecycle,
    /// An identity that may create in the scratch repository.
    Writer,
    /// An identity that may create in the first public repository, where probes ask.
    PublicWriter,
    /// Somebody who may read the scratch repository, and may be kept out of the private one.
    ForeignReader,
    /// An identity that may move a tag of the scratch repository, or delete it.
    Mover,
    /// An identity that may create, but neither update nor delete.
    Creator,
    /// `regproof.lock`, or a zot configuration, which should have one beside it.
    LockOrConfig,
    /// `[registry] backend`.
    Backend,
    /// `[metrics] anonymous = true`.
    OpenMetrics,
    /// `[metrics] anonymous = false`.
    ClosedMetrics,
    /// `[oidc]`.
    Oidc,
    /// `[oidc] login`.
    Login,
    /// An https address in `[registry]`.
    Https,
    /// A `[[cache]]`.
    CachedImage,
    /// `[[cache]] cold`.
    ColdImage,
    /// `[[cache]] upstream_asked`.
    UpstreamAsked,
    /// A `[[mirror]]`.
    Mirror,
    /// A `[[mirror]]`, and a zot configuration that says what becomes of its requests.
    MirrorAndConfig,
    /// `[tags]`.
    TagPattern,
    /// `[registry] zot_config`, or `[access]` that lets anonymous clients write: something that lints speak of.
    Linted,
    /// `[registry] zot_config` or `[access]`, so that rights are promised at all.
    Policy,
    /// A WebDriver and a browser.
    Browser,
    /// A client program on PATH.
    Program(&'static str),
    /// A Docker daemon.
    Engine,
    /// `[probes] large_body` that is not `false`.
    LargeBody,
    /// `[probes] slow_upload`, and a deadline that leaves time for it.
    SlowUpload,
    /// `[probes] dagger = true`.
    Dagger,
    /// `[content] docker_media_type`.
    DockerMediaTypePromise,
    /// `[content] docker_media_type = "accepted"`.
    DockerMediaType,
}

/// What a check file says of itself besides its text.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// What it requires.
    pub needs: &'static [Need],
    /// What it may send.
    pub effect: Effect,
    /// How long it usually takes; long ones start first, so that a run is as short as its longest check.
    pub usual: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_read_as_it_is_written() {
        for (effect, text) in
            [(Effect::ReadOnly, "read-only"), (Effect::Oracle, "no-store"), (Effect::Writes, "writes")]
        {
            assert_eq!(effect.to_string(), text);
            assert_eq!(text.parse(), Ok(effect));
        }
        assert_eq!("oracle".parse(), Ok(Effect::Oracle));
        assert!("write".parse::<Effect>().is_err());
    }
}
