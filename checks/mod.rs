//! All checks, one file each, by area. The id of a check is its path.
//!
//! Adding one touches its own file, its `mod` line and its line in `CHECKS`; `tests/tidy.rs` compares both with the folder.

use crate::check::Check;

mod access {
    pub(crate) mod anonymous_can_pull;
    pub(crate) mod anonymous_cannot_push;
    pub(crate) mod permission_matrix;
    pub(crate) mod wrong_credentials_are_refused;
}
mod cache {
    pub(crate) mod ci_cannot_push_into_the_cache;
    pub(crate) mod cold_fetch_works;
    pub(crate) mod pull_through_serves_upstream;
    pub(crate) mod warm_hit_is_served_from_the_registry;
}
mod content {
    pub(crate) mod sampled_images_are_whole;
}
mod metrics {
    pub(crate) mod anonymous_can_scrape;
}
mod oidc {
    pub(crate) mod login_redirects_to_the_provider;
    pub(crate) mod login_returns_with_a_session;
    pub(crate) mod provider_is_discoverable;
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
    pub(crate) mod oras_can_push;
    pub(crate) mod podman_can_push;
    pub(crate) mod skopeo_can_push;
    pub(crate) mod slow_upload_survives;
    pub(crate) mod uploads_survive;
}
mod registry {
    pub(crate) mod answers_as_a_registry;
    pub(crate) mod certificate_is_valid_for_days;
    pub(crate) mod clock_is_right;
}
mod tags {
    pub(crate) mod match_the_pattern;
}

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
    check!(cache / ci_cannot_push_into_the_cache),
    check!(cache / cold_fetch_works),
    check!(cache / pull_through_serves_upstream),
    check!(cache / warm_hit_is_served_from_the_registry),
    check!(content / sampled_images_are_whole),
    check!(metrics / anonymous_can_scrape),
    check!(oidc / login_redirects_to_the_provider),
    check!(oidc / login_returns_with_a_session),
    check!(oidc / provider_is_discoverable),
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
    check!(publish / oras_can_push),
    check!(publish / podman_can_push),
    check!(publish / skopeo_can_push),
    check!(publish / slow_upload_survives),
    check!(publish / uploads_survive),
    check!(registry / answers_as_a_registry),
    check!(registry / certificate_is_valid_for_days),
    check!(registry / clock_is_right),
    check!(tags / match_the_pattern),
];

/// The check of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}
