//! All checks, one file each, by area. The id of a check is its path.
//!
//! Adding one touches its own file, its `mod` line and its line in `CHECKS`; `tests/tidy.rs` compares both with the folder.

use crate::check::Check;

mod access {
    pub(crate) mod anonymous_can_pull;
    pub(crate) mod anonymous_cannot_push;
    pub(crate) mod wrong_credentials_are_refused;
}
mod cache {
    pub(crate) mod pull_through_serves_upstream;
}
mod keys {
    pub(crate) mod belongs_to_its_user;
    pub(crate) mod cannot_mint_keys;
    pub(crate) mod expires_in_time;
    pub(crate) mod lifecycle;
}
mod metrics {
    pub(crate) mod anonymous_can_scrape;
}
mod oidc {
    pub(crate) mod forged_callbacks_are_refused;
    pub(crate) mod login_redirects_to_the_provider;
    pub(crate) mod login_returns_only_home;
    pub(crate) mod login_returns_with_a_session;
    pub(crate) mod provider_is_discoverable;
    pub(crate) mod session_cookie_is_protected;
}
mod publish {
    pub(crate) mod api_key_can_push;
    pub(crate) mod existing_tag_cannot_be_deleted;
    pub(crate) mod existing_tag_cannot_be_moved;
    pub(crate) mod skopeo_can_push;
}
mod registry {
    pub(crate) mod answers_as_a_registry;
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
    check!(access / wrong_credentials_are_refused),
    check!(cache / pull_through_serves_upstream),
    check!(keys / belongs_to_its_user),
    check!(keys / cannot_mint_keys),
    check!(keys / expires_in_time),
    check!(keys / lifecycle),
    check!(metrics / anonymous_can_scrape),
    check!(oidc / forged_callbacks_are_refused),
    check!(oidc / login_redirects_to_the_provider),
    check!(oidc / login_returns_only_home),
    check!(oidc / login_returns_with_a_session),
    check!(oidc / provider_is_discoverable),
    check!(oidc / session_cookie_is_protected),
    check!(publish / api_key_can_push),
    check!(publish / existing_tag_cannot_be_deleted),
    check!(publish / existing_tag_cannot_be_moved),
    check!(publish / skopeo_can_push),
    check!(registry / answers_as_a_registry),
];

/// The check of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}
