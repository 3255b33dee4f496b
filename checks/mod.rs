//! All checks, one file each, by area. The id of a check is its path.
//!
//! Adding one touches its own file, its `mod` line and its line in `CHECKS`; `tests/it/tidy.rs` compares both with the folder.

use crate::check::Check;
use crate::probe::Probe;

mod access {
    pub(crate) mod anonymous_can_pull;
    pub(crate) mod anonymous_cannot_push;
    pub(crate) mod permission_matrix;
    pub(crate) mod wrong_credentials_are_refused;
}
mod bypass {
    pub(crate) mod encoded_paths_do_not_open_doors;
    pub(crate) mod foreign_origins_get_no_credentials;
    pub(crate) mod identity_headers_are_ignored;
    pub(crate) mod internal_pages_are_closed;
    pub(crate) mod listings_hide_private_repositories;
    pub(crate) mod login_cannot_be_led_astray;
    pub(crate) mod malformed_authorization_is_refused;
    pub(crate) mod method_override_is_ignored;
    pub(crate) mod metrics_name_no_private_repository;
    pub(crate) mod path_tricks_do_not_open_doors;
    pub(crate) mod private_blobs_stay_private;
    pub(crate) mod private_images_are_served_nowhere_else;
    pub(crate) mod raw_requests_are_judged_alike;
    pub(crate) mod upload_sessions_are_closed;
}
mod cache {
    pub(crate) mod ci_cannot_push_into_the_cache;
    pub(crate) mod cold_fetch_works;
    pub(crate) mod pull_through_serves_upstream;
    pub(crate) mod warm_hit_is_served_from_the_registry;
    pub(crate) mod warm_pulls_ask_no_upstream;
}
mod content {
    pub(crate) mod sampled_images_are_whole;
}
mod clients {
    pub(crate) mod anonymous_pull_works_for_every_client;
    pub(crate) mod authenticated_pull_works_for_every_client;
}
mod keys {
    pub(crate) mod belongs_to_its_user;
    pub(crate) mod cannot_mint_keys;
    pub(crate) mod expires_in_time;
    pub(crate) mod lifecycle;
}
mod metrics {
    pub(crate) mod anonymous_can_scrape;
    pub(crate) mod strangers_cannot_scrape;
}
mod oidc {
    pub(crate) mod forged_callbacks_are_refused;
    pub(crate) mod login_grants_what_is_promised;
    pub(crate) mod login_redirects_to_the_provider;
    pub(crate) mod login_returns_only_home;
    pub(crate) mod login_returns_with_a_session;
    pub(crate) mod provider_is_discoverable;
    pub(crate) mod session_cookie_is_protected;
}
mod policy {
    pub(crate) mod configuration_has_no_known_traps;
    pub(crate) mod promises_are_as_agreed;
}
mod publish {
    pub(crate) mod api_key_can_push;
    pub(crate) mod buildah_can_push;
    pub(crate) mod buildkit_sequence_can_push;
    pub(crate) mod crane_can_push;
    pub(crate) mod dagger_can_push;
    pub(crate) mod docker_can_push;
    pub(crate) mod docker_media_type_is_as_promised;
    pub(crate) mod existing_tag_cannot_be_deleted;
    pub(crate) mod existing_tag_cannot_be_moved;
    pub(crate) mod large_body_passes_the_proxy;
    pub(crate) mod mounts_do_not_break_a_push;
    pub(crate) mod oras_can_push;
    pub(crate) mod podman_can_push;
    pub(crate) mod skopeo_can_push;
    pub(crate) mod slow_upload_survives;
    pub(crate) mod uploads_survive;
}
mod registry {
    pub(crate) mod answers_are_fresh;
    pub(crate) mod answers_as_a_registry;
    pub(crate) mod both_vantage_points_agree;
    pub(crate) mod certificate_is_valid_for_days;
    pub(crate) mod clock_is_right;
    pub(crate) mod http2_is_judged_alike;
}
mod tags {
    pub(crate) mod match_the_pattern;
}

pub(crate) mod requests;

macro_rules! check {
    ($area:ident / $name:ident) => {
        Check::new(
            concat!(stringify!($area), "::", stringify!($name)),
            concat!("checks/", stringify!($area), "/", stringify!($name), ".rs"),
            include_str!(concat!(stringify!($area), "/", stringify!($name), ".rs")),
            $area::$name::META,
            |cx| Box::pin($area::$name::run(cx)),
        )
    };
}

/// Every check, by id.
pub static CHECKS: &[Check] = &[
    check!(access / anonymous_can_pull),
    check!(access / anonymous_cannot_push),
    check!(access / permission_matrix),
    check!(access / wrong_credentials_are_refused),
    check!(bypass / encoded_paths_do_not_open_doors),
    check!(bypass / foreign_origins_get_no_credentials),
    check!(bypass / identity_headers_are_ignored),
    check!(bypass / internal_pages_are_closed),
    check!(bypass / listings_hide_private_repositories),
    check!(bypass / login_cannot_be_led_astray),
    check!(bypass / malformed_authorization_is_refused),
    check!(bypass / method_override_is_ignored),
    check!(bypass / metrics_name_no_private_repository),
    check!(bypass / path_tricks_do_not_open_doors),
    check!(bypass / private_blobs_stay_private),
    check!(bypass / private_images_are_served_nowhere_else),
    check!(bypass / raw_requests_are_judged_alike),
    check!(bypass / upload_sessions_are_closed),
    check!(cache / ci_cannot_push_into_the_cache),
    check!(cache / cold_fetch_works),
    check!(cache / pull_through_serves_upstream),
    check!(cache / warm_hit_is_served_from_the_registry),
    check!(cache / warm_pulls_ask_no_upstream),
    check!(clients / anonymous_pull_works_for_every_client),
    check!(clients / authenticated_pull_works_for_every_client),
    check!(content / sampled_images_are_whole),
    check!(keys / belongs_to_its_user),
    check!(keys / cannot_mint_keys),
    check!(keys / expires_in_time),
    check!(keys / lifecycle),
    check!(metrics / anonymous_can_scrape),
    check!(metrics / strangers_cannot_scrape),
    check!(oidc / forged_callbacks_are_refused),
    check!(oidc / login_grants_what_is_promised),
    check!(oidc / login_redirects_to_the_provider),
    check!(oidc / login_returns_only_home),
    check!(oidc / login_returns_with_a_session),
    check!(oidc / provider_is_discoverable),
    check!(oidc / session_cookie_is_protected),
    check!(policy / configuration_has_no_known_traps),
    check!(policy / promises_are_as_agreed),
    check!(publish / api_key_can_push),
    check!(publish / buildah_can_push),
    check!(publish / buildkit_sequence_can_push),
    check!(publish / crane_can_push),
    check!(publish / dagger_can_push),
    check!(publish / docker_can_push),
    check!(publish / docker_media_type_is_as_promised),
    check!(publish / existing_tag_cannot_be_deleted),
    check!(publish / existing_tag_cannot_be_moved),
    check!(publish / large_body_passes_the_proxy),
    check!(publish / mounts_do_not_break_a_push),
    check!(publish / oras_can_push),
    check!(publish / podman_can_push),
    check!(publish / skopeo_can_push),
    check!(publish / slow_upload_survives),
    check!(publish / uploads_survive),
    check!(registry / answers_are_fresh),
    check!(registry / answers_as_a_registry),
    check!(registry / both_vantage_points_agree),
    check!(registry / certificate_is_valid_for_days),
    check!(registry / clock_is_right),
    check!(registry / http2_is_judged_alike),
    check!(tags / match_the_pattern),
];

/// Every probe, by the check that asks it.
pub static PROBES: &[(&str, &[Probe])] = &[
    ("bypass::encoded_paths_do_not_open_doors", bypass::encoded_paths_do_not_open_doors::PROBES),
    ("bypass::foreign_origins_get_no_credentials", bypass::foreign_origins_get_no_credentials::PROBES),
    ("bypass::identity_headers_are_ignored", bypass::identity_headers_are_ignored::PROBES),
    ("bypass::internal_pages_are_closed", bypass::internal_pages_are_closed::PROBES),
    ("bypass::listings_hide_private_repositories", bypass::listings_hide_private_repositories::PROBES),
    ("bypass::login_cannot_be_led_astray", bypass::login_cannot_be_led_astray::PROBES),
    ("bypass::malformed_authorization_is_refused", bypass::malformed_authorization_is_refused::PROBES),
    ("bypass::method_override_is_ignored", bypass::method_override_is_ignored::PROBES),
    ("bypass::metrics_name_no_private_repository", bypass::metrics_name_no_private_repository::PROBES),
    ("bypass::path_tricks_do_not_open_doors", bypass::path_tricks_do_not_open_doors::PROBES),
    ("bypass::private_blobs_stay_private", bypass::private_blobs_stay_private::PROBES),
    ("bypass::private_images_are_served_nowhere_else", bypass::private_images_are_served_nowhere_else::PROBES),
    ("bypass::raw_requests_are_judged_alike", bypass::raw_requests_are_judged_alike::PROBES),
    ("bypass::upload_sessions_are_closed", bypass::upload_sessions_are_closed::PROBES),
];

/// The probe of that id, and the check that asks it.
#[must_use]
pub fn probe(id: &str) -> Option<(&'static str, &'static Probe)> {
    let mut all = PROBES.iter().flat_map(|(check, probes)| probes.iter().map(move |probe| (*check, probe)));
    all.find(|(_, probe)| probe.id == id)
}

/// The check of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}
