//! The users and groups of the lab.

pub(crate) const CI: &str = "zot-ci";

pub(crate) const GUEST: &str = "guest";

pub(crate) const ADMIN: &str = "erich";

/// The user of browser logins. CI has another user: a key has the groups of its owner's last login, so a login that loses
/// groups would take them from CI's key.
pub(crate) const LOGIN: &str = "regproof-login";

/// The group that CI belongs to.
pub(crate) const CI_GROUP: &str = "artifact-workloads";

/// The group that may do everything.
pub(crate) const ADMIN_GROUP: &str = "admins";
