//! The weaknesses: each one deliberate misconfiguration or fault of the lab, and the checks that must notice it.
//!
//! This is the only place of the lab that knows ids of checks.

use super::ids::*;

macro_rules! weaknesses {
    ($($variant:ident = $name:literal, $summary:literal, [$($check:ident),*];)*) => {
        /// One deliberate misconfiguration or fault of the lab.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Weakness {
            $(#[doc = $summary] $variant,)*
        }

        impl Weakness {
            const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, in kebab-case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What an operator did wrong, or what broke.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }

            /// The checks that are undecided under this weakness now and then, by what other checks do in that moment.
            #[must_use]
            pub fn sometimes(self) -> &'static [&'static str] {
                // The keys of all move while each check uses its own.
                if self.name() == "key-lists-are-shared" { &[KEY_EXPIRES] } else { &[] }
            }

            /// The checks that must fail or be undecided under this weakness alone.
            ///
            /// Empty where the promises of the lab's scenario hold nevertheless.
            #[must_use]
            pub const fn breaks(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($check),*],)* }
            }
        }
    };
}

weaknesses! {
    AnonymousCanCreate = "anonymous-can-create",
        "The anonymous policy grants create: anyone can push.",
        [NO_PUSH, METHODS, UPLOADS, MATRIX, BUILDKIT];
    AnonymousCannotRead = "anonymous-cannot-read",
        "There is no anonymous policy: pulls need credentials.",
        [PULL, CACHE, ENCODED, IDENTITY, LISTINGS, MALFORMED, METHODS, PATHS, RAW, UPLOADS, PULLS, MATRIX, PUSH, WARM, CONTENT, TAGS, REGISTRY, MOUNTS, FRESH, ORIGINS, PAGES, ASTRAY, NAMED, BLOBS, PRIVATE, CLOCK];
    AccessControlRemoved = "access-control-removed",
        "The configuration lost its access control: every authenticated user may do everything.",
        [PULL, NO_MOVE, NO_DELETE, METRICS, CACHE, ENCODED, IDENTITY, PAGES, LISTINGS, MALFORMED, METHODS, PATHS, RAW, UPLOADS, PULLS, MATRIX, PUSH, WARM, NO_CACHE_PUSH, CONTENT, TAGS, REGISTRY, MOUNTS, FRESH, LOGIN_GRANTS, ORIGINS, ASTRAY, NAMED, BLOBS, PRIVATE, CLOCK];
    CiCanUpdate = "ci-can-update",
        "The group of CI may update: tags can be moved.",
        [NO_MOVE, MATRIX, LOGIN_GRANTS];
    CiCanDelete = "ci-can-delete",
        "The group of CI may delete.",
        [NO_DELETE, UPLOADS, MATRIX, LOGIN_GRANTS];
    CiCannotCreate = "ci-cannot-create",
        "The group of CI lost create: publishing is broken.",
        [NO_PUSH, PUSH, SKOPEO, IDENTITY, MALFORMED, METHODS, RAW, UPLOADS, MATRIX, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, NO_CACHE_PUSH, DOCKER_TYPE, NO_DELETE, NO_MOVE, UPLOADS_SURVIVE, KEY_LIFE, LOGIN, BLOBS, LARGE, MOUNTS, FRESH, LOGIN_GRANTS];
    DefaultCanCreate = "default-can-create",
        "Every authenticated user may push, whatever the groups.",
        [UPLOADS, MATRIX, NO_CACHE_PUSH];
    AdminsCannotDelete = "admins-cannot-delete",
        "The group of administrators lost delete.",
        [METHODS, UPLOADS, MATRIX, NO_DELETE, FRESH];
    MetricsClosed = "metrics-closed",
        "The metrics are closed to anonymous scrapers.",
        [METRICS, WARM];
    MetricsPre2118Form = "metrics-pre-2.1.18-form",
        "The metrics are opened by an empty user name, which zot ignores from v2.1.18.",
        [METRICS, WARM];
    MetricsExtensionOff = "metrics-extension-off",
        "The metrics extension is off.",
        [METRICS, WARM];
    MetricsOnlyGo = "metrics-only-go",
        "The metrics come from a Go process that is not a registry: no zot series.",
        [METRICS, WARM];
    MetricsLoginPage = "metrics-login-page",
        "A proxy answers the metrics with its login page, status 200.",
        [METRICS, PATHS, WARM];
    MetricsForAdmins = "metrics-for-admins",
        "Only one administrator may read the metrics.",
        [METRICS, WARM];
    OpenidRemoved = "openid-removed",
        "The configuration lost its OpenID provider.",
        [REDIRECT, LOGIN, ASTRAY, CALLBACKS, KEY_LIFE, HOME, COOKIES, LOGIN_GRANTS];
    ClientSecretWrong = "client-secret-wrong",
        "The client secret is wrong: only the callback fails.",
        [LOGIN, KEY_LIFE, HOME, COOKIES, LOGIN_GRANTS];
    ScopeProfileMissing = "scope-profile-missing",
        "The scope profile is not requested: the login works and the groups are lost.",
        [LOGIN, KEY_LIFE];
    ScopeOpenidMissing = "scope-openid-missing",
        "The scope openid is not configured; zot adds it by itself.",
        [];
    ExternalUrlMissing = "external-url-missing",
        "There is no external URL: the login returns to /.",
        [];
    ExternalUrlHttps = "external-url-https",
        "The external URL has the wrong scheme, and with it the redirect URI.",
        [REDIRECT, LOGIN, KEY_LIFE, HOME, COOKIES, LOGIN_GRANTS];
    RedirectUriWrongHost = "redirect-uri-wrong-host",
        "The external URL names another host, and with it the redirect URI.",
        [REDIRECT, LOGIN, KEY_LIFE, HOME, COOKIES, LOGIN_GRANTS];
    WrongClientId = "wrong-client-id",
        "The provider does not know the client id.",
        [REDIRECT, LOGIN, KEY_LIFE, HOME, COOKIES, LOGIN_GRANTS];
    StateNotFresh = "state-not-fresh",
        "Every login has the same state: a login can be forged.",
        [REDIRECT, CALLBACKS];
    LoginWithoutSession = "login-without-session",
        "The callback succeeds and sets no session cookie.",
        [LOGIN, KEY_LIFE, COOKIES, LOGIN_GRANTS];
    LoginMakesAdmin = "login-makes-admin",
        "A rule at the provider puts every user who logs in into the administrators' group.",
        [LOGIN_GRANTS];
    SessionSurvivesLogout = "session-survives-logout",
        "A logout leaves the session usable.",
        [LOGIN];
    IssuerMismatch = "issuer-mismatch",
        "The provider's discovery document names another issuer.",
        [DISCOVERY, LOGIN, REDIRECT, KEY_LIFE, HOME, COOKIES, LOGIN_GRANTS];
    JwksEmpty = "jwks-empty",
        "The provider publishes no signing key.",
        [DISCOVERY, LOGIN, KEY_LIFE, HOME, COOKIES, LOGIN_GRANTS];
    ProviderDown = "provider-down",
        "Nothing listens at the issuer's address.",
        [DISCOVERY, LOGIN, REDIRECT, KEY_LIFE, HOME, COOKIES, LOGIN_GRANTS];
    SyncOff = "sync-off",
        "The pull-through cache is not configured.",
        [CACHE, WARM];
    UpstreamDown = "upstream-down",
        "The upstream of the cache cannot be reached.",
        [CACHE, WARM];
    CacheOutlivesItsUpstream = "cache-outlives-its-upstream",
        "The cache was removed from the configuration: old images are still served, and the upstream has moved its tag since.",
        [CACHE];
    UpstreamServesOtherBytes = "upstream-serves-other-bytes",
        "The upstream serves blobs that do not match their digest.",
        [CACHE, WARM];
    CacheServesWrongDigest = "cache-serves-wrong-digest",
        "The cache serves a manifest that does not match the digest that it names.",
        [CACHE, WARM];
    ApikeyOff = "apikey-off",
        "API keys are switched off together with OpenID, which has no effect.",
        [];
    DockerCompatOn = "docker-compat-on",
        "Docker media types are accepted.",
        [DOCKER_TYPE];
    CorsAnyOrigin = "cors-any-origin",
        "Every origin is allowed by name, which is also the default.",
        [];
    PrivatePatternMistyped = "private-pattern-mistyped",
        "The pattern of the private repositories has a typing error: they are public.",
        [LISTINGS, NAMED, PATHS, BLOBS, RAW, UPLOADS, MATRIX, PRIVATE, LOGINS];
    LatestCanBeMoved = "latest-can-be-moved",
        "Users who may create may move the tag latest, as in zot v2.1.14.",
        [NO_MOVE, MATRIX];
    TagQueryMovesTags = "tag-query-moves-tags",
        "A manifest pushed by digest with ?tag= moves an existing tag, as in zot v2.1.18.",
        [NO_MOVE, MATRIX];
    OverwriteAnswers403ButMoves = "overwrite-answers-403-but-moves",
        "An overwrite is answered with 403 and carried out.",
        [NO_MOVE];
    PushAcceptedButLost = "push-accepted-but-lost",
        "A push is answered with 201 and nothing is stored.",
        [PUSH, SKOPEO, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, NO_DELETE, NO_MOVE, FRESH, LOGIN_GRANTS];
    ManifestPutOpen = "manifest-put-open",
        "Anonymous clients may only put manifests.",
        [NO_PUSH, IDENTITY, MALFORMED, METHODS, RAW, MATRIX];
    MonolithicUploadOpen = "monolithic-upload-open",
        "Anonymous clients may only upload a blob in a single POST.",
        [NO_PUSH];
    MountOpen = "mount-open",
        "Anonymous clients may only mount blobs.",
        [NO_PUSH, MATRIX];
    MountsRefused = "mounts-refused",
        "A proxy refuses the mount of blobs.",
        [MOUNTS, NO_PUSH, MATRIX];
    DeleteByDigestOpen = "delete-by-digest-open",
        "Every user may delete a manifest by its digest, though not by its tag.",
        [NO_DELETE, MATRIX, LOGIN_GRANTS];
    BlobDeleteOpen = "blob-delete-open",
        "Anyone may delete blobs.",
        [NO_DELETE, MATRIX, LOGIN_GRANTS];
    BlobBytesCorrupted = "blob-bytes-corrupted",
        "Blobs are served with bytes that do not match their digest.",
        [PULL, PULLS, LOGINS, PUSH, CACHE, SKOPEO, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, CONTENT, NO_DELETE, UPLOADS_SURVIVE, MATRIX, BLOBS];
    WrongKeyFallsBackToAnonymous = "wrong-key-falls-back-to-anonymous",
        "Wrong credentials are ignored: the request goes on as anonymous.",
        [CREDENTIALS, MALFORMED, KEY_BELONGS, KEY_LIFE];
    ForeignKeyAccepted = "foreign-key-accepted",
        "An API key works with any user name.",
        [CREDENTIALS, KEY_BELONGS];
    EmptyPasswordAccepted = "empty-password-accepted",
        "An empty password logs in as the named user.",
        [CREDENTIALS];
    LoginPageWith200 = "login-page-with-200",
        "A proxy answers every path with its login page, status 200.",
        [REGISTRY, PULL, NO_PUSH, CREDENTIALS, PUSH, NO_MOVE, NO_DELETE, METRICS, REDIRECT, LOGIN, CACHE, SKOPEO, ENCODED, ORIGINS, IDENTITY, PAGES, LISTINGS, ASTRAY, MALFORMED, METHODS, NAMED, PATHS, BLOBS, RAW, UPLOADS, PULLS, LOGINS, MATRIX, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, WARM, NO_CACHE_PUSH, CONTENT, TAGS, DOCKER_TYPE, UPLOADS_SURVIVE, KEY_BELONGS, KEY_EXPIRES, CALLBACKS, KEY_LIFE, HOME, COOKIES, KEY_MINT, PRIVATE, LARGE, MOUNTS, FRESH, LOGIN_GRANTS, CLOCK];
    DenialsFromAProxy = "denials-from-a-proxy",
        "A proxy refuses in the registry's place, with 403 and the proxy's page.",
        [NO_PUSH, CREDENTIALS, NO_MOVE, NO_DELETE, IDENTITY, LISTINGS, MALFORMED, METHODS, PATHS, RAW, UPLOADS, PULLS, LOGINS, MATRIX, BUILDKIT, ORAS, NO_CACHE_PUSH, KEY_BELONGS, KEY_LIFE, CALLBACKS, LOGIN_GRANTS];
    RefusesEverything401 = "refuses-everything-401",
        "Every request is refused with 401, also with the right credentials.",
        [PULL, NO_PUSH, CREDENTIALS, PUSH, NO_MOVE, NO_DELETE, METRICS, REDIRECT, LOGIN, CACHE, SKOPEO, ENCODED, IDENTITY, LISTINGS, ASTRAY, MALFORMED, METHODS, PATHS, BLOBS, RAW, UPLOADS, PULLS, LOGINS, MATRIX, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, WARM, NO_CACHE_PUSH, CONTENT, TAGS, DOCKER_TYPE, UPLOADS_SURVIVE, REGISTRY, KEY_BELONGS, KEY_EXPIRES, CALLBACKS, KEY_LIFE, HOME, COOKIES, KEY_MINT, NAMED, PAGES, PRIVATE, LARGE, MOUNTS, FRESH, LOGIN_GRANTS, ORIGINS, CLOCK];
    Answers200ToEverything = "answers-200-to-everything",
        "Every request is answered with an empty 200.",
        [REGISTRY, PULL, NO_PUSH, CREDENTIALS, PUSH, NO_MOVE, NO_DELETE, METRICS, REDIRECT, LOGIN, CACHE, SKOPEO, ENCODED, ORIGINS, IDENTITY, PAGES, LISTINGS, ASTRAY, MALFORMED, METHODS, NAMED, PATHS, BLOBS, RAW, UPLOADS, PULLS, LOGINS, MATRIX, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, WARM, NO_CACHE_PUSH, CONTENT, TAGS, DOCKER_TYPE, UPLOADS_SURVIVE, KEY_BELONGS, KEY_EXPIRES, CALLBACKS, KEY_LIFE, HOME, COOKIES, KEY_MINT, PRIVATE, LARGE, MOUNTS, FRESH, LOGIN_GRANTS, CLOCK];
    RateLimited = "rate-limited",
        "Every request is answered with 429.",
        [REGISTRY, PULL, NO_PUSH, CREDENTIALS, PUSH, NO_MOVE, NO_DELETE, METRICS, REDIRECT, LOGIN, CACHE, SKOPEO, ENCODED, ORIGINS, IDENTITY, PAGES, LISTINGS, ASTRAY, MALFORMED, METHODS, NAMED, PATHS, BLOBS, RAW, UPLOADS, PULLS, LOGINS, MATRIX, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, WARM, NO_CACHE_PUSH, CONTENT, TAGS, DOCKER_TYPE, UPLOADS_SURVIVE, KEY_BELONGS, KEY_EXPIRES, CALLBACKS, KEY_LIFE, HOME, COOKIES, KEY_MINT, PRIVATE, LARGE, MOUNTS, FRESH, LOGIN_GRANTS, CLOCK];
    ServerErrors = "server-errors",
        "Every request is answered with 500.",
        [REGISTRY, PULL, NO_PUSH, CREDENTIALS, PUSH, NO_MOVE, NO_DELETE, METRICS, REDIRECT, LOGIN, CACHE, SKOPEO, ENCODED, ORIGINS, IDENTITY, PAGES, LISTINGS, ASTRAY, MALFORMED, METHODS, NAMED, PATHS, BLOBS, RAW, UPLOADS, PULLS, LOGINS, MATRIX, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, WARM, NO_CACHE_PUSH, CONTENT, TAGS, DOCKER_TYPE, UPLOADS_SURVIVE, KEY_BELONGS, KEY_EXPIRES, CALLBACKS, KEY_LIFE, HOME, COOKIES, KEY_MINT, PRIVATE, LARGE, MOUNTS, FRESH, LOGIN_GRANTS, CLOCK];
    MethodOverrideHonoured = "method-override-honoured",
        "A framework in front of the registry takes the method from a header, after the decision about rights.",
        [METHODS];
    UncleanPathsServed = "unclean-paths-served",
        "A proxy normalises unclean paths after the decision about rights.",
        [PATHS];
    EncodedPathsDecoded = "encoded-paths-decoded",
        "A proxy decodes paths after the decision about rights.",
        [ENCODED];
    OldProtocolUnchecked = "old-protocol-unchecked",
        "Requests of HTTP/1.0 pass without a check of their rights.",
        [RAW];
    AnySchemeAccepted = "any-scheme-accepted",
        "An Authorization header of any scheme counts as a login.",
        [MALFORMED];
    IdentityHeadersTrusted = "identity-headers-trusted",
        "The registry believes a header that names a user, also from clients.",
        [IDENTITY];
    RedirectUriFromHost = "redirect-uri-from-host",
        "The return address of the login is built from X-Forwarded-Host.",
        [ASTRAY];
    CorsReflectsOrigin = "cors-reflects-origin",
        "Every origin is allowed by name and with credentials.",
        [ORIGINS];
    UploadSessionsOpen = "upload-sessions-open",
        "Rights are checked only at the start of an upload.",
        [UPLOADS, MATRIX];
    RangedGetUnchecked = "ranged-get-unchecked",
        "A range of a blob is served without a check of its rights, as in zot v2.1.17 to v2.1.20.",
        [BLOBS];
    BlobsServedByDigest = "blobs-served-by-digest",
        "A cache in front stores blobs only by digest, and serves them under any repository's name.",
        [PRIVATE, BLOBS, MATRIX, LISTINGS];
    PrivateIndex = "private-index",
        "The tag of the private repository is an index, as that of an image for several platforms.",
        [];
    ProfilingOpen = "profiling-open",
        "The profiles are open to everyone.",
        [PAGES];
    CatalogListsEverything = "catalog-lists-everything",
        "The catalog names repositories that the caller may not read.",
        [LISTINGS];
    MetricsNamePrivateRepositories = "metrics-name-private-repositories",
        "The open metrics name private repositories, as zot's do.",
        [NAMED];
    ContainerdRefused = "containerd-refused",
        "A proxy refuses clients with the User-Agent of containerd.",
        [PULLS, LOGINS, NO_PUSH, MATRIX];
    AnotherRegistry = "another-registry",
        "Another registry answers at this address: no metrics, no login, and none of zot's error texts.",
        [METRICS, REDIRECT, LOGIN, ASTRAY, LOGINS, SKOPEO, BUILDAH, PODMAN, WARM, KEY_BELONGS, KEY_EXPIRES, CALLBACKS, KEY_LIFE, HOME, COOKIES, KEY_MINT, LOGIN_GRANTS, NO_CACHE_PUSH];
    StoresAnyMediaType = "stores-any-media-type",
        "The registry stores every request: a manifest of any media type, and any upload.",
        [MATRIX, NO_CACHE_PUSH, IDENTITY, MALFORMED, METHODS, RAW, UPLOADS, DOCKER_TYPE];
    OneSignOfZot = "one-sign-of-zot",
        "Another registry behind a proxy that was written for zot: one of zot's headers, and every request is stored.",
        [METRICS, REDIRECT, LOGIN, ASTRAY, LOGINS, SKOPEO, BUILDAH, PODMAN, WARM, KEY_BELONGS, KEY_EXPIRES, CALLBACKS, KEY_LIFE, HOME, COOKIES, KEY_MINT, NO_CACHE_PUSH, DOCKER_TYPE, LOGIN_GRANTS];
    CacheBypassed = "cache-bypassed",
        "A proxy answers for the cache from the upstream itself, unseen by the registry.",
        [WARM, NO_CACHE_PUSH];
    CacheNamespaceOpen = "cache-namespace-open",
        "No pattern covers the cache alone: every user who may push may push there too.",
        [NO_CACHE_PUSH];
    StaleAnswers = "stale-answers",
        "A cache in front serves manifests by tag as they were, for ten minutes, to clients without credentials.",
        [FRESH, WARM];
    TagsHang = "tags-hang",
        "The upstream accepts connections and never answers: cached tags hang, cached digests do not.",
        [CACHE, WARM];
    UpstreamRateLimited = "upstream-rate-limited",
        "The image is cached, and the upstream answers 429: each pull by tag asks it, and waits.",
        [CACHE];
    TagOutsideThePattern = "tag-outside-the-pattern",
        "A tag that fits no release was pushed by hand.",
        [TAGS];
    TagsListLoops = "tags-list-loops",
        "The list of tags names the same page again as its next page, without end.",
        [TAGS, CONTENT];
    ClockAhead = "clock-ahead",
        "The registry's clock is ten minutes ahead.",
        [CLOCK];
    ChunksLost = "chunks-lost",
        "A balancer spreads an upload over two registries: its second chunk finds no session.",
        [UPLOADS_SURVIVE];
    UploadLocationElsewhere = "upload-location-elsewhere",
        "The next step of an upload is on an inner host.",
        [NO_PUSH, PUSH, NO_MOVE, NO_DELETE, SKOPEO, BUILDAH, BUILDKIT, CRANE, ORAS, PODMAN, DOCKER_TYPE, UPLOADS_SURVIVE, BLOBS, LARGE, MOUNTS, FRESH, LOGIN_GRANTS];
    ProxyBodyLimit = "proxy-body-limit",
        "A proxy refuses bodies over 1 MiB.",
        [LARGE];
    SlowBodiesCut = "slow-bodies-cut",
        "A proxy gives up on bodies that take longer than a second.",
        [];
    SlowBodiesFail = "slow-bodies-fail",
        "The registry reads a request for at most a second, and answers 500 to a longer one.",
        [];
    ForeignReturnFollowed = "foreign-return-followed",
        "A login returns to any address that its link names, as in zot v2.1.14.",
        [HOME];
    StateNotChecked = "state-not-checked",
        "The callback does not compare the state: an attacker can slip in a login.",
        [CALLBACKS, ASTRAY];
    SessionCookieOpen = "session-cookie-open",
        "Scripts can read the session cookie.",
        [COOKIES];
    ProviderClockAhead = "provider-clock-ahead",
        "The provider's clock is five minutes ahead: its tokens are from the future.",
        [LOGIN, HOME, COOKIES, KEY_LIFE, LOGIN_GRANTS];
    KeysEndSoon = "keys-end-soon",
        "The API keys end within three days.",
        [KEY_EXPIRES];
    KeyAmongOthers = "key-among-others",
        "CI's key ends within three days; CI has a second key, which lives for ninety and was used last.",
        [KEY_EXPIRES];
    KeysNeverEnd = "keys-never-end",
        "The API keys were minted without an end.",
        [KEY_EXPIRES];
    KeyListsAreShared = "key-lists-are-shared",
        "The list of API keys has the keys of all users.",
        [KEY_BELONGS];
    RevokedKeysWork = "revoked-keys-work",
        "The revocation of an API key is answered with 200 and does nothing.",
        [KEY_LIFE];
    GuestsCannotRead = "guests-cannot-read",
        "The default policy was emptied: users without a group may do less than anonymous clients.",
        [MATRIX];
    LayersLost = "layers-lost",
        "A clean-up by hand deleted the layers that an image still needs.",
        [PULL, MATRIX, PULLS, CONTENT];
    LargeLayerLost = "large-layer-lost",
        "A layer of 66 MiB, too large for a check to read, is gone.",
        [PULL, CONTENT];
    UnusualContent = "unusual-content",
        "A tag is an index within an index, with a layer that lies elsewhere and one of SHA-512; a signature has its own tag.",
        [];
    AuthorizationDropped = "authorization-dropped",
        "A proxy removes credentials before it passes requests on.",
        [NO_PUSH, MATRIX, CREDENTIALS, ENCODED, IDENTITY, MALFORMED, METHODS, BLOBS, RAW, UPLOADS, NO_CACHE_PUSH, LOGINS, KEY_BELONGS, KEY_EXPIRES, PUSH, BUILDAH, BUILDKIT, CRANE, DOCKER_TYPE, NO_DELETE, NO_MOVE, ORAS, SKOPEO, UPLOADS_SURVIVE, KEY_LIFE, PODMAN, PRIVATE, LARGE, MOUNTS, FRESH, LOGIN_GRANTS];
    CredentialsLent = "credentials-lent",
        "A proxy adds the credentials of CI to a request that has none.",
        [NO_PUSH, MATRIX, LISTINGS, METHODS, PATHS, BLOBS, RAW, UPLOADS, WARM, METRICS, BUILDKIT, LOGIN, KEY_LIFE, PRIVATE, LOGINS];
    Http2LendsCredentials = "http2-lends-credentials",
        "A proxy adds the credentials of CI to a request over HTTP/2 that has none.",
        [];
    Http2RefusesUploads = "http2-refuses-uploads",
        "A proxy breaks uploads over HTTP/2.",
        [];
    ChallengeLost = "challenge-lost",
        "A proxy removes the header that asks for credentials.",
        [NO_PUSH, CREDENTIALS, LISTINGS, MALFORMED, PATHS, UPLOADS, LOGINS, KEY_BELONGS, BUILDAH, BUILDKIT, ORAS, SKOPEO, KEY_LIFE, PODMAN];
    DigestHeaderLost = "digest-header-lost",
        "A proxy removes the header with the digest of a manifest.",
        [PULLS, LOGINS, BUILDKIT, CRANE];
    WritesBlocked = "writes-blocked",
        "A proxy refuses PUT and PATCH, as it does for web sites.",
        [NO_PUSH, MATRIX, IDENTITY, MALFORMED, METHODS, RAW, UPLOADS, NO_CACHE_PUSH, PUSH, BUILDAH, BUILDKIT, CRANE, DOCKER_TYPE, NO_DELETE, NO_MOVE, ORAS, SKOPEO, UPLOADS_SURVIVE, KEY_LIFE, PODMAN, BLOBS, LARGE, FRESH, LOGIN_GRANTS];
    HeadRefused = "head-refused",
        "A proxy refuses HEAD.",
        [PULLS, LOGINS, BUILDAH, BUILDKIT, CRANE, ORAS, SKOPEO, PODMAN, FRESH];
    KeyLentToDocker = "key-lent-to-docker",
        "A proxy sends the key of CI for docker clients that have none, to avoid docker's 401.",
        [NO_PUSH, MATRIX, LOGINS];
    OneTagCanBeMoved = "one-tag-can-be-moved",
        "A condition lets CI move one tag, and no other.",
        [MATRIX];
    UndeclaredNamesOpen = "undeclared-names-open",
        "A pattern for names with a dash lets everyone create undeclared repositories.",
        [MATRIX];
    PrivateListCached = "private-list-cached",
        "A proxy cached an administrator's answer about a private repository, and serves it to everyone.",
        [MATRIX, LISTINGS, PATHS, RAW];
}

impl Weakness {
    /// Every weakness, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied()
    }
}
