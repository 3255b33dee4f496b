//! Paths and prefixes of zot's own interfaces.

/// Where keys are listed, minted and revoked.
pub(crate) const PATH: &str = "/zot/auth/apikey";

/// What every API key of zot starts with (`pkg/api/constants`, `APIKeysPrefix`).
pub(crate) const PREFIX: &str = "zak_";
