//! Requests that go together, as rows of `plan --requests`: what one step of a check may send.
//!
//! `{…}` is filled in from the scenario, `<…>` is known only while a check runs. Data only.

use self::Who::{
    Anonymous, Browser, Creator, Creators, Everyone, Identities, Impostor, Janitor, Login, Mover, OwnKey, Reader,
    Remover, Writer, Writers,
};

/// Who sends it, in the terms of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// No credentials.
    Anonymous,
    /// Nobody where anyone may read, else the first identity.
    Reader,
    /// The identity that pushes.
    Writer,
    /// Each identity that may create.
    Writers,
    /// The identity that may create and nothing more.
    Creator,
    /// Each identity that may create and nothing more.
    Creators,
    /// The identity that moves a tag of ours.
    Mover,
    /// The identity that cleans up.
    Remover,
    /// Who looks at what is left: the identity that cleans up, else the one that pushes, else nobody.
    Janitor,
    /// The identity whose login is tried.
    Login,
    /// Each identity.
    Identities,
    /// Nobody, and each identity.
    Everyone,
    /// Credentials that must not work, made of the scenario's own.
    Impostor,
    /// The browser that logs in.
    Browser,
    /// An API key that this run made.
    OwnKey,
    /// A client program with the writer's credentials.
    Program(&'static str),
}

/// One row: who, by which methods, where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sends {
    pub(crate) who: Who,
    pub(crate) methods: &'static str,
    pub(crate) target: &'static str,
    /// Whether it is the trial of an oracle, which a run that may write sends whatever its check may.
    pub(crate) trial: bool,
}

pub(crate) const fn sends(who: Who, methods: &'static str, target: &'static str) -> Sends {
    Sends { who, methods, target, trial: false }
}

pub(crate) const fn tries(who: Who, methods: &'static str, target: &'static str) -> Sends {
    Sends { who, methods, target, trial: true }
}

/// Requests that go together.
pub(crate) type Rows = &'static [Sends];

pub(crate) const PING: Rows = &[sends(Anonymous, "GET", "/v2/")];
pub(crate) const IDENTITY_PING: Rows = &[sends(Identities, "GET", "/v2/")];
/// Which registry it is: without credentials, and with those of one identity.
pub(crate) const FINGERPRINT: Rows = &[
    sends(Anonymous, "GET", "/v2/"),
    sends(Anonymous, "GET", "/v2/_zot/ext/mgmt"),
    sends(Anonymous, "GET", "/v2/_oci/ext/discover"),
    sends(Anonymous, "GET", "{metrics}"),
    sends(Anonymous, "GET", "/v2/{unknown}/blobs/<digest>"),
    sends(Login, "GET", "/v2/"),
    sends(Login, "GET", "/v2/_zot/ext/mgmt"),
    sends(Login, "GET", "/v2/_oci/ext/discover"),
    sends(Login, "GET", "{metrics}"),
    sends(Login, "GET", "/v2/{unknown}/blobs/<digest>"),
];
/// Each oracle, tried in the scratch repository before it is sent anywhere else; only by a run that may write.
pub(crate) const TRIAL: Rows = &[
    tries(Writer, "PUT", "/v2/{scratch}/manifests/<own tag or digest><query>"),
    tries(Writer, "POST", "/v2/{scratch}/blobs/uploads/?from=x"),
    tries(Writer, "POST", "/v2/{scratch}/blobs/uploads/?mount=x&mount=y"),
    tries(Writer, "PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session>"),
    tries(Writer, "POST", "/v2/{scratch}/tags/list"),
    tries(Writer, "GET, OPTIONS", "/v2/{scratch}/manifests/<own tag or digest>"),
    tries(Remover, "DELETE", "/v2/{scratch}/manifests/<digest>"),
    tries(Remover, "DELETE", "/v2/{scratch}/blobs/notadigest"),
    tries(Remover, "DELETE", "/v2/{scratch}/blobs/uploads/<session><query>"),
    // What a registry took instead of refusing it is removed when the check ends.
    tries(Remover, "DELETE", "/v2/{scratch}/manifests/<own tag or digest>"),
    tries(Janitor, "GET, HEAD", "/v2/{scratch}/manifests/<reference>"),
    tries(Janitor, "GET", "/v2/{scratch}/tags/list<query>"),
    tries(Janitor, "GET", "/v2/{scratch}/blobs/uploads/<session><query>"),
    tries(Anonymous, "HEAD", "/v2/{scratch}/manifests/<reference>"),
];
pub(crate) const METRICS: Rows = &[sends(Anonymous, "GET", "{metrics}")];
pub(crate) const SCRAPES: Rows = &[sends(Everyone, "GET", "{metrics}"), sends(Everyone, "GET", "{metrics}/")];
pub(crate) const PULL: Rows = &[
    sends(Reader, "GET", "/v2/{public}/tags/list<query>"),
    sends(Reader, "GET", "/v2/{public}/manifests/<reference>"),
    sends(Reader, "GET", "/v2/{public}/blobs/<digest>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
pub(crate) const PULL_CACHED: Rows = &[
    sends(Reader, "GET", "/v2/{cache}/tags/list<query>"),
    sends(Reader, "GET", "/v2/{cache}/manifests/<reference>"),
    sends(Reader, "GET", "/v2/{cache}/blobs/<digest>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
/// What the files of clients make of their images, at this registry.
pub(crate) const MIRRORED: Rows = &[
    sends(Reader, "GET", "/v2/{mirrored_name}/manifests/<reference>"),
    sends(Anonymous, "GET", "{mirror_base}/"),
    sends(Anonymous, "GET", "/v1/_ping"),
    sends(Anonymous, "GET, HEAD", "{mirrored}/manifests/<reference><query>"),
    sends(Anonymous, "GET", "{mirrored}/blobs/<digest><query>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
pub(crate) const UPSTREAM: Rows = &[
    sends(Anonymous, "HEAD", "{upstream}/manifests/<reference>"),
    sends(Anonymous, "GET", "<where the upstream {upstream} sends for a token>"),
];
pub(crate) const PUSH: Rows = &[
    sends(Writer, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(Writer, "PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(Writer, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
];
/// A push, and a look at what came of it, by each identity that is promised to push.
pub(crate) const EACH_PUSH: Rows = &[
    // Whether the registry takes tokens alone is asked before the first credentials are sent.
    sends(Anonymous, "GET", "/v2/"),
    sends(Writers, "GET", "/v2/"),
    sends(Writers, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(Writers, "PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(Writers, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Writers, "HEAD, GET", "/v2/{scratch}/manifests/<reference>"),
    sends(Writers, "HEAD, GET", "/v2/{scratch}/blobs/<digest>"),
];
pub(crate) const READ_BACK: Rows = &[
    sends(Reader, "GET", "/v2/{scratch}/manifests/<reference>"),
    sends(Reader, "GET", "/v2/{scratch}/blobs/<digest>"),
    sends(Writer, "GET", "/v2/{scratch}/manifests/<reference>"),
    sends(Writer, "GET", "/v2/{scratch}/blobs/<digest>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
/// Run after the check, for what it booked: removed, looked at where it is not certain that it is gone, and where it stays,
/// whether others can read it.
pub(crate) const CLEAN_UP: Rows = &[
    sends(Remover, "DELETE", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Remover, "DELETE", "/v2/{scratch}/blobs/<digest>"),
    sends(Remover, "DELETE", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(Janitor, "GET, HEAD", "/v2/{scratch}/manifests/<reference>"),
    sends(Janitor, "HEAD", "/v2/{scratch}/blobs/<digest>"),
    sends(Janitor, "GET", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(Janitor, "GET", "/v2/{scratch}/tags/list<query>"),
    sends(Anonymous, "HEAD", "/v2/{scratch}/manifests/<reference>"),
    sends(Anonymous, "HEAD", "/v2/{scratch}/blobs/<digest>"),
];
pub(crate) const CANARY: Rows = &[
    sends(Writer, "POST", "/v2/{canary}/blobs/uploads/<query>"),
    sends(Writer, "PATCH, PUT", "/v2/{canary}/blobs/uploads/<session><query>"),
    sends(Writer, "PUT", "/v2/{canary}/manifests/<own tag or digest>"),
    sends(Identities, "GET", "/v2/{canary}/blobs/<digest>"),
    sends(Anonymous, "GET", "/v2/{canary}/blobs/<digest>"),
    sends(Identities, "GET", "/v2/{canary}/tags/list<query>"),
    sends(Identities, "GET", "/v2/"),
    sends(Remover, "DELETE", "/v2/{canary}/manifests/<own tag or digest>"),
    sends(Remover, "DELETE", "/v2/{canary}/blobs/uploads/<session>"),
    sends(Remover, "HEAD", "/v2/{canary}/manifests/<reference>"),
    sends(Remover, "GET", "/v2/{canary}/blobs/uploads/<session>"),
    sends(Remover, "GET", "/v2/{canary}/tags/list<query>"),
    sends(Writer, "HEAD", "/v2/{canary}/manifests/<reference>"),
    sends(Anonymous, "HEAD", "/v2/{canary}/manifests/<reference>"),
];
/// What every family of probes reads and asks before it asks the probes.
pub(crate) const FACTS: Rows = &[
    sends(Anonymous, "GET", "/v2/"),
    sends(Reader, "GET", "/v2/{public}/tags/list<query>"),
    sends(Reader, "GET", "/v2/{public}/manifests/<reference>"),
    sends(Identities, "GET", "/v2/{private}/tags/list<query>"),
    sends(Identities, "GET", "/v2/{private}/manifests/<reference>"),
    sends(Identities, "GET", "/v2/"),
    sends(Writer, "PUT", "/v2/{public}/manifests/<own tag or digest>"),
    sends(Remover, "DELETE", "/v2/{public}/manifests/<digest>"),
];
pub(crate) const DISCOVERY: Rows = &[
    sends(Anonymous, "GET", "{issuer}/.well-known/openid-configuration"),
    sends(Anonymous, "GET", "<where the issuer's discovery document points for its keys>"),
];
pub(crate) const LOGIN: Rows = &[sends(Anonymous, "GET", "/zot/auth/login<query>"), sends(Anonymous, "GET", "/v2/")];
pub(crate) const BROWSER: Rows = &[
    sends(Browser, "GET", "/zot/auth/login<query>"),
    sends(Browser, "GET", "/zot/auth/callback/{provider}<query>"),
    sends(Browser, "GET", "<pages of the registry that a login leads to>"),
    sends(Browser, "GET, POST", "<pages of the provider's login>"),
    sends(Browser, "POST", "/zot/auth/logout"),
    sends(Anonymous, "GET", "/v2/"),
];

/// A client program pushes with the writer's credentials; what exactly it asks is its own.
macro_rules! program {
    ($name:literal) => {
        &[
            $crate::kit::rows::sends($crate::kit::rows::Who::Anonymous, "GET", "/v2/"),
            $crate::kit::rows::sends($crate::kit::rows::Who::Writer, "GET", "/v2/"),
            $crate::kit::rows::sends($crate::kit::rows::Who::Program($name), "GET", "/v2/"),
            $crate::kit::rows::sends(
                $crate::kit::rows::Who::Program($name),
                "GET, HEAD, PUT",
                "/v2/{scratch}/manifests/<reference>",
            ),
            $crate::kit::rows::sends(
                $crate::kit::rows::Who::Program($name),
                "GET, HEAD",
                "/v2/{scratch}/blobs/<digest>",
            ),
            $crate::kit::rows::sends(
                $crate::kit::rows::Who::Program($name),
                "POST",
                "/v2/{scratch}/blobs/uploads/<query>",
            ),
            $crate::kit::rows::sends(
                $crate::kit::rows::Who::Program($name),
                "GET, PATCH, PUT",
                "/v2/{scratch}/blobs/uploads/<session><query>",
            ),
            $crate::kit::rows::sends(
                $crate::kit::rows::Who::Program($name),
                "GET",
                "/v2/{scratch}/referrers/<digest><query>",
            ),
        ]
    };
}
pub(crate) use program;

pub(crate) const MATRIX: Rows = &[
    sends(Everyone, "GET", "/v2/_catalog<query>"),
    sends(Everyone, "GET", "/v2/<repository>/tags/list<query>"),
    sends(Everyone, "GET", "/v2/<repository>/manifests/<reference>"),
    sends(Everyone, "GET", "/v2/<repository>/blobs/<digest>"),
    sends(Everyone, "PUT", "/v2/<repository>/manifests/<reference><query>"),
    sends(Everyone, "POST", "/v2/<repository>/blobs/uploads/?from=x"),
    sends(Everyone, "POST", "/v2/<repository>/blobs/uploads/?mount=x&mount=y"),
    sends(Everyone, "PATCH, PUT, DELETE", "/v2/<repository>/blobs/uploads/<session>"),
    sends(Everyone, "DELETE", "/v2/<repository>/manifests/<digest>"),
    sends(Everyone, "DELETE", "/v2/<repository>/blobs/notadigest"),
];
/// What the matrix writes where it cannot ask otherwise: on a registry that is not zot.
pub(crate) const WRITTEN: Rows = &[
    tries(Everyone, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    tries(Everyone, "PATCH, PUT, DELETE", "/v2/{scratch}/blobs/uploads/<session><query>"),
    tries(Everyone, "PUT", "/v2/{scratch}/manifests/<own tag or digest><query>"),
    tries(Everyone, "DELETE", "/v2/{scratch}/manifests/<own tag or digest>"),
    tries(Everyone, "DELETE", "/v2/{scratch}/blobs/<digest>"),
    tries(Everyone, "GET", "/v2/{scratch}/manifests/<reference>"),
    tries(Everyone, "GET", "/v2/{scratch}/blobs/<digest>"),
    tries(Janitor, "HEAD", "/v2/{scratch}/blobs/<digest>"),
    tries(Anonymous, "HEAD", "/v2/{scratch}/blobs/<digest>"),
];
/// What probes ask in the scratch repository, on a registry that is not zot: by requests that would be stored.
pub(crate) const GROUND: Rows = &[
    tries(Everyone, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    tries(Everyone, "PATCH, PUT, DELETE", "/v2/{scratch}/blobs/uploads/<session><query>"),
    tries(Everyone, "PUT, DELETE", "/v2/{scratch}/manifests/<own tag or digest>"),
    tries(Everyone, "GET", "/v2/{scratch}/manifests/<reference>"),
    tries(Everyone, "GET", "/v2/{scratch}/tags/list<query>"),
];
pub(crate) const REFUSED_PUSH: Rows = &[
    sends(Anonymous, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(Anonymous, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
];
pub(crate) const WRONG_CREDENTIALS: Rows = &[
    sends(Identities, "GET", "/v2/"),
    sends(Identities, "GET", "/v2/{public}/tags/list<query>"),
    sends(Identities, "GET", "/v2/{public}/manifests/<reference>"),
    sends(Impostor, "GET", "/v2/"),
    sends(Impostor, "GET", "/v2/{public}/manifests/<reference>"),
];
pub(crate) const NO_CACHE_PUSH: Rows = &[
    sends(Creator, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Creator, "PUT", "/v2/{cache}/manifests/<own tag or digest>"),
    sends(Creator, "POST", "/v2/{cache}/blobs/uploads/?from=x"),
];
pub(crate) const COLD: Rows =
    &[sends(Reader, "GET", "/v2/{cold}/tags/list<query>"), sends(Reader, "GET", "/v2/{cold}/manifests/<reference>")];
pub(crate) const PERSONAS: Rows = &[
    sends(Everyone, "GET", "/v2/"),
    sends(Everyone, "GET", "/v2/{readable}/tags/list<query>"),
    sends(Everyone, "HEAD, GET", "/v2/{readable}/manifests/<reference>"),
    sends(Everyone, "GET", "/v2/{readable}/blobs/<digest>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
pub(crate) const KEYS: Rows = &[sends(Identities, "GET", "/zot/auth/apikey")];
pub(crate) const FOREIGN_NAMES: Rows = &[sends(Impostor, "GET", "/v2/")];
pub(crate) const MINTING: Rows = &[sends(Identities, "GET", "/v2/"), sends(Identities, "POST", "/zot/auth/apikey")];
pub(crate) const LIFECYCLE: Rows = &[
    sends(Browser, "POST", "/zot/auth/apikey"),
    sends(Browser, "DELETE", "/zot/auth/apikey?id=<session>"),
    sends(OwnKey, "GET", "/v2/"),
    sends(OwnKey, "DELETE", "/zot/auth/apikey?id=<session>"),
    sends(OwnKey, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(OwnKey, "PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(OwnKey, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(OwnKey, "GET", "/v2/{scratch}/manifests/<reference>"),
];
pub(crate) const CALLBACK: Rows = &[sends(Anonymous, "GET", "/zot/auth/callback/{provider}<query>")];
pub(crate) const SESSION: Rows = &[
    sends(Anonymous, "GET", "/zot/auth/apikey"),
    sends(Browser, "GET", "/zot/auth/apikey"),
    sends(Browser, "POST", "/v2/{scratch}/blobs/uploads/?from=x"),
];
pub(crate) const GRANTS: Rows = &[
    sends(Browser, "GET", "/zot/auth/apikey"),
    sends(Browser, "POST", "/v2/{scratch}/blobs/uploads/?from=x"),
    sends(Browser, "GET", "/v2/{private}/tags/list"),
    sends(Browser, "PUT", "/v2/{scratch}/manifests/<reference>"),
    sends(Browser, "DELETE", "/v2/{scratch}/manifests/<digest>"),
    sends(Browser, "DELETE", "/v2/{scratch}/blobs/notadigest"),
];
pub(crate) const BUILDKIT: Rows = &[
    sends(Writer, "HEAD", "/v2/{scratch}/blobs/<digest>"),
    sends(Writer, "HEAD", "/v2/{scratch}/manifests/<reference>"),
    sends(Anonymous, "HEAD", "/v2/{scratch}/blobs/<digest>"),
    sends(Anonymous, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
];
pub(crate) const CREATOR_PUSH: Rows = &[
    sends(Creators, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(Creators, "PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(Creators, "GET", "/v2/{scratch}/manifests/<reference>"),
    sends(Creators, "GET", "/v2/{scratch}/blobs/<digest>"),
];
pub(crate) const FRESH: Rows = &[
    sends(Everyone, "GET, HEAD", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Everyone, "GET", "/v2/{scratch}/tags/list<query>"),
    sends(Mover, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
];
pub(crate) const HTTP2: Rows = &[
    sends(Anonymous, "GET", "/v2/"),
    sends(Impostor, "GET", "/v2/"),
    sends(Reader, "GET", "/v2/{public}/tags/list<query>"),
    sends(Reader, "GET", "/v2/{public}/manifests/<reference>"),
    sends(Anonymous, "GET", "/v2/{private}/tags/list<query>"),
    sends(Anonymous, "GET", "/v2/{scratch}/manifests/<own tag or digest>"),
];
pub(crate) const REFUSED_DELETE: Rows = &[
    sends(Creators, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Creators, "DELETE", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Creators, "DELETE", "/v2/{scratch}/blobs/<digest>"),
];
pub(crate) const REFUSED_MOVE: Rows = &[
    sends(Creators, "PUT", "/v2/{scratch}/manifests/<own tag or digest><query>"),
    // One tag of this name stays from run to run, to be proven on.
    sends(Creators, "PUT", "/v2/{scratch}/manifests/latest"),
];
pub(crate) const STATE_OF_UPLOAD: Rows = &[sends(Writer, "GET", "/v2/{scratch}/blobs/uploads/<session><query>")];
pub(crate) const WRITER_PING: Rows = &[sends(Writer, "GET", "/v2/")];
/// The same two at the second vantage point, by every client that is asked for there.
pub(crate) const BEHIND: Rows = &[
    sends(Everyone, "GET", "/v2/_zot/ext/mgmt"),
    sends(Everyone, "GET", "/v2/_oci/ext/discover"),
    sends(Everyone, "GET", "/v2/{unknown}/blobs/<digest>"),
];
pub(crate) const VANTAGE: Rows = &[
    sends(Everyone, "GET", "/v2/"),
    sends(Everyone, "GET", "{metrics}"),
    sends(Everyone, "GET", "/v2/_zot/pprof/"),
    sends(Everyone, "GET", "/v2/{private}/tags/list<query>"),
    sends(Everyone, "GET", "/v2/{public}/tags/list<query>"),
    sends(Everyone, "GET", "/v2/{public}/manifests/<reference>"),
    sends(Everyone, "PUT", "/v2/{public}/manifests/<reference>"),
    sends(Everyone, "POST", "/v2/{public}/blobs/uploads/?from=x"),
    sends(Everyone, "DELETE", "/v2/{public}/blobs/notadigest"),
];
pub(crate) const LISTED: Rows = &[sends(Anonymous, "GET", "/v2/{public}/tags/list<query>")];
