//! What container clients, configured by their own files, ask of a registry that they use as a mirror.
//!
//! Everything is pure but [`folder`], which reads files below a folder. The readers turn the files of each client into
//! one model, `pull` follows a client request by request, `names` says what zot makes of each request, and `judge`
//! tells what goes wrong and how the file must be written. The facts were recorded from real clients; the recordings
//! are in `tests/recordings/mirrors/`.

pub(crate) mod finding;
pub(crate) mod folder;
pub(crate) mod judge;
pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod pull;
pub(crate) mod reference;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) mod table;

mod address;
pub(crate) mod buildkitd;
pub(crate) mod containerd;
pub(crate) mod dockerd;
mod hosts_toml;
pub(crate) mod k3s;
pub(crate) mod registries_conf;
pub(crate) mod talos;

#[cfg(test)]
mod tests;
