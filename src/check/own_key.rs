//! The API key that a run makes for itself.

use crate::scenario::secrets::Secret;
use time::OffsetDateTime;
/// A key that this run mints for itself, from before it exists until it is revoked.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) label: String,
    pub(crate) ends: OffsetDateTime,
    pub(crate) username: String,
    pub(crate) key: Option<(String, Secret)>,
}
