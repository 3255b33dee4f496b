//! How the login page of each identity provider is built.

use serde::Serialize;

/// Selectors that are tried before the meaning of the fields is guessed.
#[derive(Debug, Serialize)]
pub(crate) struct Profile {
    #[serde(skip)]
    name: &'static str,
    user: &'static [&'static str],
    password: &'static [&'static str],
    code: &'static [&'static str],
    submit: &'static [&'static str],
}

impl Profile {
    /// The profile of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// All names.
    pub(crate) fn names() -> String {
        PROFILES.iter().map(|profile| profile.name).collect::<Vec<_>>().join(", ")
    }
}

/// The login pages that are known by name.
static PROFILES: [Profile; 6] = [
    Profile { name: "generic", user: &[], password: &[], code: &[], submit: &[] },
    Profile {
        name: "authentik",
        user: &["input[name=uidField]", "input[name=uid_field]"],
        password: &["input[name=password]"],
        code: &["input[name=code]"],
        submit: &[],
    },
    Profile {
        name: "keycloak",
        user: &["#username"],
        password: &["#password"],
        code: &["#otp"],
        submit: &["#kc-login"],
    },
    Profile {
        name: "dex",
        user: &["#login"],
        password: &["#password"],
        code: &["input[name=totp]"],
        submit: &["#submit-login"],
    },
    Profile {
        name: "zitadel",
        user: &["#username", "#loginName"],
        password: &["#password"],
        code: &["#code"],
        submit: &[],
    },
    Profile {
        name: "oidc-provider",
        user: &["input[name=login]"],
        password: &["input[name=password]"],
        code: &[],
        submit: &[],
    },
];
