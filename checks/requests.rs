//! What each check may send: the rows that `regproof plan --requests` prints. A test holds real runs against them.
//!
//! `{…}` is filled in from the scenario, `<…>` is known only while a check runs. The probes of `bypass::` are rows of their
//! own and not repeated here. Decides nothing: what may be sent at all is the guard's to say.

use crate::requests::Who::{
    Anonymous, Browser, Creator, Everyone, Identities, Impostor, OwnKey, Program, Reader, Remover, Writer,
};
use crate::requests::{Sends, sends};

type Rows = &'static [Sends];

const PING: Rows = &[sends(Anonymous, "GET", "/v2/")];
const FINGERPRINT: Rows = &[
    sends(Anonymous, "GET", "/v2/"),
    sends(Anonymous, "GET", "/v2/_zot/ext/mgmt"),
    sends(Anonymous, "GET", "{metrics}"),
];
const METRICS: Rows = &[sends(Anonymous, "GET", "{metrics}")];
const PULL: Rows = &[
    sends(Reader, "GET", "/v2/{public}/tags/list<query>"),
    sends(Reader, "GET", "/v2/{public}/manifests/<reference>"),
    sends(Reader, "GET", "/v2/{public}/blobs/<digest>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
const PULL_CACHED: Rows = &[
    sends(Reader, "GET", "/v2/{cache}/tags/list<query>"),
    sends(Reader, "GET", "/v2/{cache}/manifests/<reference>"),
    sends(Reader, "GET", "/v2/{cache}/blobs/<digest>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
const PUSH: Rows = &[
    sends(Writer, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(Writer, "PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(Writer, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
];
const READ_BACK: Rows = &[
    sends(Reader, "GET", "/v2/{scratch}/manifests/<reference>"),
    sends(Reader, "GET", "/v2/{scratch}/blobs/<digest>"),
    sends(Writer, "GET", "/v2/{scratch}/manifests/<reference>"),
    sends(Writer, "GET", "/v2/{scratch}/blobs/<digest>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
/// Run after the check, for what it booked.
const CLEAN_UP: Rows = &[
    sends(Remover, "DELETE", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Remover, "DELETE", "/v2/{scratch}/blobs/<digest>"),
    sends(Remover, "DELETE", "/v2/{scratch}/blobs/uploads/<session>"),
];
/// What every family of probes reads and asks before it asks the probes.
const FACTS: Rows = &[
    sends(Anonymous, "GET", "/v2/"),
    sends(Reader, "GET", "/v2/{public}/tags/list<query>"),
    sends(Reader, "GET", "/v2/{public}/manifests/<reference>"),
    sends(Identities, "GET", "/v2/{private}/tags/list<query>"),
    sends(Identities, "GET", "/v2/{private}/manifests/<reference>"),
    sends(Identities, "GET", "/v2/"),
    sends(Writer, "PUT", "/v2/{public}/manifests/<own tag or digest>"),
    sends(Remover, "DELETE", "/v2/{public}/manifests/<digest>"),
];
const DISCOVERY: Rows = &[
    sends(Anonymous, "GET", "{issuer}/.well-known/openid-configuration"),
    sends(Anonymous, "GET", "<where the issuer's discovery document points for its keys>"),
];
const LOGIN: Rows = &[sends(Anonymous, "GET", "/zot/auth/login<query>"), sends(Anonymous, "GET", "/v2/")];
const BROWSER: Rows = &[
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
            sends(Writer, "GET", "/v2/"),
            sends(Program($name), "GET", "/v2/"),
            sends(Program($name), "GET, HEAD, PUT", "/v2/{scratch}/manifests/<reference>"),
            sends(Program($name), "GET, HEAD", "/v2/{scratch}/blobs/<digest>"),
            sends(Program($name), "POST", "/v2/{scratch}/blobs/uploads/<query>"),
            sends(Program($name), "GET, PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session><query>"),
            sends(Program($name), "GET", "/v2/{scratch}/referrers/<digest><query>"),
        ]
    };
}

const MATRIX: Rows = &[
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
const REFUSED_PUSH: Rows = &[
    sends(Anonymous, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(Anonymous, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
];
const WRONG_CREDENTIALS: Rows = &[
    sends(Identities, "GET", "/v2/"),
    sends(Identities, "GET", "/v2/{public}/tags/list<query>"),
    sends(Identities, "GET", "/v2/{public}/manifests/<reference>"),
    sends(Impostor, "GET", "/v2/"),
    sends(Impostor, "GET", "/v2/{public}/manifests/<reference>"),
];
const NO_CACHE_PUSH: Rows = &[
    sends(Creator, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Creator, "PUT", "/v2/{cache}/manifests/<own tag or digest>"),
    sends(Creator, "POST", "/v2/{cache}/blobs/uploads/?from=x"),
];
const COLD: Rows =
    &[sends(Reader, "GET", "/v2/{cold}/tags/list<query>"), sends(Reader, "GET", "/v2/{cold}/manifests/<reference>")];
const PERSONAS: Rows = &[
    sends(Everyone, "GET", "/v2/"),
    sends(Everyone, "GET", "/v2/{readable}/tags/list<query>"),
    sends(Everyone, "HEAD, GET", "/v2/{readable}/manifests/<reference>"),
    sends(Everyone, "GET", "/v2/{readable}/blobs/<digest>"),
    sends(Anonymous, "GET", "<where a redirect of a blob leads>"),
];
const KEYS: Rows = &[sends(Identities, "GET", "/zot/auth/apikey")];
const FOREIGN_NAMES: Rows = &[sends(Impostor, "GET", "/v2/")];
const MINTING: Rows = &[sends(Identities, "GET", "/v2/"), sends(Identities, "POST", "/zot/auth/apikey")];
const LIFECYCLE: Rows = &[
    sends(Browser, "POST", "/zot/auth/apikey"),
    sends(Browser, "DELETE", "/zot/auth/apikey?id=<session>"),
    sends(OwnKey, "GET", "/v2/"),
    sends(OwnKey, "DELETE", "/zot/auth/apikey?id=<session>"),
    sends(OwnKey, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(OwnKey, "PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(OwnKey, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(OwnKey, "GET", "/v2/{scratch}/manifests/<reference>"),
];
const CALLBACK: Rows = &[sends(Anonymous, "GET", "/zot/auth/callback/{provider}<query>")];
const SESSION: Rows = &[
    sends(Anonymous, "GET", "/zot/auth/apikey"),
    sends(Browser, "GET", "/zot/auth/apikey"),
    sends(Browser, "POST", "/v2/{scratch}/blobs/uploads/?from=x"),
];
const BUILDKIT: Rows = &[
    sends(Writer, "HEAD", "/v2/{scratch}/blobs/<digest>"),
    sends(Writer, "HEAD", "/v2/{scratch}/manifests/<reference>"),
    sends(Anonymous, "HEAD", "/v2/{scratch}/blobs/<digest>"),
    sends(Anonymous, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
];
const CREATOR_PUSH: Rows = &[
    sends(Creator, "POST", "/v2/{scratch}/blobs/uploads/<query>"),
    sends(Creator, "PATCH, PUT", "/v2/{scratch}/blobs/uploads/<session><query>"),
    sends(Creator, "GET", "/v2/{scratch}/manifests/<reference>"),
    sends(Creator, "GET", "/v2/{scratch}/blobs/<digest>"),
];
const REFUSED_DELETE: Rows = &[
    sends(Creator, "PUT", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Creator, "DELETE", "/v2/{scratch}/manifests/<own tag or digest>"),
    sends(Creator, "DELETE", "/v2/{scratch}/blobs/<digest>"),
];
const REFUSED_MOVE: Rows = &[
    sends(Creator, "PUT", "/v2/{scratch}/manifests/<own tag or digest><query>"),
    // One tag of this name stays from run to run, to be proven on.
    sends(Creator, "PUT", "/v2/{scratch}/manifests/latest"),
];
const STATE_OF_UPLOAD: Rows = &[sends(Writer, "GET", "/v2/{scratch}/blobs/uploads/<session>")];
const WRITER_PING: Rows = &[sends(Writer, "GET", "/v2/")];
const VANTAGE: Rows = &[
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
const LISTED: Rows = &[sends(Anonymous, "GET", "/v2/{public}/tags/list<query>")];

/// The rows of every check, by id, in the order of `CHECKS`.
pub(crate) static REQUESTS: &[(&str, &[Rows])] = &[
    ("access::anonymous_can_pull", &[PULL]),
    ("access::anonymous_cannot_push", &[PUSH, REFUSED_PUSH, READ_BACK, CLEAN_UP]),
    ("access::permission_matrix", &[FINGERPRINT, MATRIX]),
    ("access::wrong_credentials_are_refused", &[WRONG_CREDENTIALS]),
    ("bypass::encoded_paths_do_not_open_doors", &[FACTS]),
    ("bypass::foreign_origins_get_no_credentials", &[FACTS]),
    ("bypass::identity_headers_are_ignored", &[FACTS]),
    ("bypass::internal_pages_are_closed", &[FACTS]),
    ("bypass::listings_hide_private_repositories", &[FACTS]),
    ("bypass::login_cannot_be_led_astray", &[FACTS]),
    ("bypass::malformed_authorization_is_refused", &[FACTS]),
    ("bypass::method_override_is_ignored", &[FACTS]),
    ("bypass::metrics_name_no_private_repository", &[FACTS]),
    ("bypass::path_tricks_do_not_open_doors", &[FACTS]),
    ("bypass::private_blobs_stay_private", &[FACTS, CLEAN_UP]),
    ("bypass::raw_requests_are_judged_alike", &[FACTS]),
    ("bypass::upload_sessions_are_closed", &[FACTS]),
    ("cache::ci_cannot_push_into_the_cache", &[NO_CACHE_PUSH]),
    ("cache::cold_fetch_works", &[COLD]),
    ("cache::pull_through_serves_upstream", &[PULL_CACHED]),
    ("cache::warm_hit_is_served_from_the_registry", &[PULL_CACHED, METRICS]),
    ("clients::anonymous_pull_works_for_every_client", &[PERSONAS]),
    ("clients::authenticated_pull_works_for_every_client", &[PERSONAS]),
    ("content::sampled_images_are_whole", &[PULL]),
    ("keys::belongs_to_its_user", &[KEYS, FOREIGN_NAMES]),
    ("keys::cannot_mint_keys", &[MINTING]),
    ("keys::expires_in_time", &[KEYS]),
    ("keys::lifecycle", &[BROWSER, LIFECYCLE, READ_BACK, CLEAN_UP, DISCOVERY, LOGIN]),
    ("metrics::anonymous_can_scrape", &[METRICS, FINGERPRINT]),
    ("oidc::forged_callbacks_are_refused", &[LOGIN, CALLBACK]),
    ("oidc::login_redirects_to_the_provider", &[LOGIN, DISCOVERY, BROWSER]),
    ("oidc::login_returns_only_home", &[LOGIN, DISCOVERY, BROWSER]),
    ("oidc::login_returns_with_a_session", &[LOGIN, DISCOVERY, BROWSER, SESSION]),
    ("oidc::provider_is_discoverable", &[DISCOVERY]),
    ("oidc::session_cookie_is_protected", &[LOGIN, DISCOVERY, BROWSER]),
    ("publish::api_key_can_push", &[PUSH, READ_BACK, WRITER_PING, BUILDKIT, CLEAN_UP]),
    ("publish::buildah_can_push", &[program!("buildah"), READ_BACK, CLEAN_UP]),
    ("publish::buildkit_sequence_can_push", &[BUILDKIT, PUSH, READ_BACK, CLEAN_UP]),
    ("publish::crane_can_push", &[program!("crane"), READ_BACK, CLEAN_UP]),
    ("publish::dagger_can_push", &[program!("dagger"), READ_BACK, CLEAN_UP]),
    ("publish::docker_can_push", &[program!("docker"), READ_BACK, CLEAN_UP]),
    ("publish::docker_media_type_is_as_promised", &[PUSH, READ_BACK, CLEAN_UP]),
    ("publish::existing_tag_cannot_be_deleted", &[PUSH, CREATOR_PUSH, REFUSED_DELETE, READ_BACK, CLEAN_UP]),
    ("publish::existing_tag_cannot_be_moved", &[PUSH, CREATOR_PUSH, REFUSED_MOVE, READ_BACK, CLEAN_UP, FINGERPRINT]),
    ("publish::large_body_passes_the_proxy", &[PUSH, READ_BACK, CLEAN_UP]),
    ("publish::oras_can_push", &[program!("oras"), READ_BACK, CLEAN_UP]),
    ("publish::podman_can_push", &[program!("podman"), READ_BACK, CLEAN_UP]),
    ("publish::skopeo_can_push", &[program!("skopeo"), READ_BACK, CLEAN_UP]),
    ("publish::slow_upload_survives", &[PUSH, WRITER_PING, STATE_OF_UPLOAD, CLEAN_UP]),
    ("publish::uploads_survive", &[PUSH, STATE_OF_UPLOAD, READ_BACK, CLEAN_UP]),
    ("registry::answers_as_a_registry", &[FINGERPRINT, LISTED]),
    ("registry::both_vantage_points_agree", &[VANTAGE]),
    ("registry::certificate_is_valid_for_days", &[PING]),
    ("registry::clock_is_right", &[PING]),
    ("tags::match_the_pattern", &[PULL]),
];

/// What the run itself asks, for the head of its reports and for `--wait`.
pub(crate) static BY_THE_RUN: Rows = FINGERPRINT;
