//! What each check may send: the rows that `regproof plan --requests` prints. A test holds real runs against them.
//!
//! The probes of `bypass::` are rows of their own and not repeated here. Decides nothing: what may be sent at all is the
//! guard's to say.

use crate::requests::rows::{
    BEHIND, BROWSER, BUILDKIT, CALLBACK, CLEAN_UP, COLD, CREATOR_PUSH, DISCOVERY, FACTS, FINGERPRINT, FOREIGN_NAMES,
    KEYS, LIFECYCLE, LISTED, LOGIN, MATRIX, METRICS, MINTING, NO_CACHE_PUSH, PERSONAS, PING, PULL, PULL_CACHED, PUSH,
    READ_BACK, REFUSED_DELETE, REFUSED_MOVE, REFUSED_PUSH, Rows, SESSION, STATE_OF_UPLOAD, TRIAL, VANTAGE, WRITER_PING,
    WRONG_CREDENTIALS, program,
};

/// The rows of every check, by id, in the order of `CHECKS`.
pub(crate) static REQUESTS: &[(&str, &[Rows])] = &[
    ("access::anonymous_can_pull", &[PULL]),
    ("access::anonymous_cannot_push", &[PUSH, REFUSED_PUSH, READ_BACK, CLEAN_UP]),
    ("access::permission_matrix", &[FINGERPRINT, TRIAL, MATRIX]),
    ("access::wrong_credentials_are_refused", &[WRONG_CREDENTIALS]),
    ("bypass::encoded_paths_do_not_open_doors", &[FACTS]),
    ("bypass::foreign_origins_get_no_credentials", &[FINGERPRINT, TRIAL, FACTS]),
    ("bypass::identity_headers_are_ignored", &[FINGERPRINT, TRIAL, FACTS]),
    ("bypass::internal_pages_are_closed", &[FINGERPRINT, TRIAL, FACTS]),
    ("bypass::listings_hide_private_repositories", &[FACTS]),
    ("bypass::login_cannot_be_led_astray", &[FACTS]),
    ("bypass::malformed_authorization_is_refused", &[FINGERPRINT, TRIAL, FACTS]),
    ("bypass::method_override_is_ignored", &[FINGERPRINT, TRIAL, FACTS]),
    ("bypass::metrics_name_no_private_repository", &[FACTS]),
    ("bypass::path_tricks_do_not_open_doors", &[FACTS]),
    ("bypass::private_blobs_stay_private", &[FINGERPRINT, TRIAL, FACTS, CLEAN_UP]),
    ("bypass::raw_requests_are_judged_alike", &[FINGERPRINT, TRIAL, FACTS]),
    ("bypass::upload_sessions_are_closed", &[FINGERPRINT, TRIAL, FACTS]),
    ("cache::ci_cannot_push_into_the_cache", &[FINGERPRINT, TRIAL, NO_CACHE_PUSH]),
    ("cache::cold_fetch_works", &[COLD]),
    ("cache::pull_through_serves_upstream", &[PULL_CACHED]),
    ("cache::warm_hit_is_served_from_the_registry", &[PULL_CACHED, METRICS]),
    ("clients::anonymous_pull_works_for_every_client", &[PERSONAS]),
    ("clients::authenticated_pull_works_for_every_client", &[PERSONAS]),
    ("content::sampled_images_are_whole", &[PULL]),
    ("keys::belongs_to_its_user", &[KEYS, FOREIGN_NAMES]),
    ("keys::cannot_mint_keys", &[FINGERPRINT, TRIAL, MINTING]),
    ("keys::expires_in_time", &[KEYS]),
    ("keys::lifecycle", &[BROWSER, LIFECYCLE, READ_BACK, CLEAN_UP, DISCOVERY, LOGIN]),
    ("metrics::anonymous_can_scrape", &[METRICS, FINGERPRINT]),
    ("oidc::forged_callbacks_are_refused", &[LOGIN, CALLBACK]),
    ("oidc::login_redirects_to_the_provider", &[LOGIN, DISCOVERY, BROWSER]),
    ("oidc::login_returns_only_home", &[LOGIN, DISCOVERY, BROWSER]),
    ("oidc::login_returns_with_a_session", &[LOGIN, DISCOVERY, BROWSER, FINGERPRINT, TRIAL, SESSION]),
    ("oidc::provider_is_discoverable", &[DISCOVERY]),
    ("oidc::session_cookie_is_protected", &[LOGIN, DISCOVERY, BROWSER]),
    ("policy::promises_are_as_agreed", &[]),
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
    ("registry::both_vantage_points_agree", &[FINGERPRINT, TRIAL, BEHIND, VANTAGE]),
    ("registry::certificate_is_valid_for_days", &[PING]),
    ("registry::clock_is_right", &[PING]),
    ("tags::match_the_pattern", &[PULL]),
];

/// What the run itself asks, for the head of its reports and for `--wait`.
pub(crate) static BY_THE_RUN: Rows = FINGERPRINT;
