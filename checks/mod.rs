//! All checks, one file each, by area. The id of a check is its path.
//!
//! A new check is its file and its line in the list below.

use crate::check::Check;
use crate::kit::probe::Probe;
use crate::kit::rows::Rows;

/// Makes the modules and the lists from the names of the checks. `+ PROBES` marks a check that asks probes.
///
/// `rustfmt` finds no file through a macro: `make lint` names the files of the checks to it.
macro_rules! checks {
    ($($area:ident { $($name:ident $(+ $probes:ident)?),+ $(,)? })+) => {
        $(mod $area {
            $(pub(crate) mod $name;)+
        })+

        /// Every check, by id.
        pub static CHECKS: &[Check] = &[$($(
            Check::new(
                concat!(stringify!($area), "::", stringify!($name)),
                concat!("checks/", stringify!($area), "/", stringify!($name), ".rs"),
                include_str!(concat!(stringify!($area), "/", stringify!($name), ".rs")),
                $area::$name::META,
                |cx| Box::pin($area::$name::run(cx)),
            ),
        )+)+];

        /// What each check may send, by id. The probes of `bypass::` are separate rows and not repeated here.
        pub(crate) static REQUESTS: &[(&str, &[Rows])] = &[$($(
            (concat!(stringify!($area), "::", stringify!($name)), $area::$name::SENDS),
        )+)+];

        /// Every probe, by the check that asks it.
        pub static PROBES: &[(&str, &[Probe])] = &[$($($(
            (concat!(stringify!($area), "::", stringify!($name)), $area::$name::$probes),
        )?)+)+];
    };
}

checks! {
    access {
        anonymous_can_pull,
        anonymous_cannot_push,
        permission_matrix,
        wrong_credentials_are_refused,
    }
    bypass {
        encoded_paths_do_not_open_doors + PROBES,
        foreign_origins_get_no_credentials + PROBES,
        identity_headers_are_ignored + PROBES,
        internal_pages_are_closed + PROBES,
        listings_hide_private_repositories + PROBES,
        login_cannot_be_led_astray + PROBES,
        malformed_authorization_is_refused + PROBES,
        method_override_is_ignored + PROBES,
        metrics_name_no_private_repository + PROBES,
        path_tricks_do_not_open_doors + PROBES,
        private_blobs_stay_private + PROBES,
        private_images_are_served_nowhere_else + PROBES,
        raw_requests_are_judged_alike + PROBES,
        upload_sessions_are_closed + PROBES,
    }
    cache {
        ci_cannot_push_into_the_cache,
        cold_fetch_works,
        pull_through_serves_upstream,
        warm_hit_is_served_from_the_registry,
        warm_pulls_ask_no_upstream,
    }
    clients {
        anonymous_pull_works_for_every_client,
        authenticated_pull_works_for_every_client,
    }
    content {
        sampled_images_are_whole,
    }
    keys {
        belongs_to_its_user,
        cannot_mint_keys,
        expires_in_time,
        lifecycle,
    }
    metrics {
        anonymous_can_scrape,
        strangers_cannot_scrape,
    }
    mirrors {
        every_client_is_served_by_the_cache,
        no_client_goes_to_the_internet_in_silence,
    }
    oidc {
        forged_callbacks_are_refused,
        login_grants_what_is_promised,
        login_redirects_to_the_provider,
        login_returns_only_home,
        login_returns_with_a_session,
        provider_is_discoverable,
        session_cookie_is_protected,
    }
    policy {
        configuration_has_no_known_traps,
        promises_are_as_agreed,
    }
    publish {
        api_key_can_push,
        buildah_can_push,
        buildkit_sequence_can_push,
        crane_can_push,
        dagger_can_push,
        docker_can_push,
        docker_media_type_is_as_promised,
        existing_tag_cannot_be_deleted,
        existing_tag_cannot_be_moved,
        large_body_passes_the_proxy,
        mounts_do_not_break_a_push,
        oras_can_push,
        podman_can_push,
        skopeo_can_push,
        slow_upload_survives,
        uploads_survive,
    }
    registry {
        answers_are_fresh,
        answers_as_a_registry,
        both_vantage_points_agree,
        certificate_is_valid_for_days,
        clock_is_right,
        http2_is_judged_alike,
    }
    tags {
        match_the_pattern,
    }
}

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
