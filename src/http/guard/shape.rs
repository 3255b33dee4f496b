//! The shapes of requests that are no plain reads and may yet leave the scratch repository, each for itself: what was tried,
//! and cleared, is one of these.
//!
//! Pure. Knows what a request looks like, not what a registry makes of it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::{Intent, MOUNT_ORACLE, ORACLE_TYPE, is_plain, is_uuid};

/// One shape of request that tells a permission and that its handler refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum OracleShape {
    /// PUT of a manifest of a media type that no registry stores.
    PutManifest,
    /// The same by digest, with `?tag=`.
    PutManifestByQuery,
    /// POST that names a source and nothing to mount.
    StartUpload,
    /// POST that names two digests to mount, neither of them a digest.
    MountBlob,
    /// PATCH of an upload that does not exist.
    ContinueUpload,
    /// PUT of an upload that does not exist, without a digest.
    FinishUpload,
    /// DELETE of a manifest that does not exist.
    DeleteManifest,
    /// DELETE of a blob by what is no digest.
    DeleteBlob,
    /// DELETE of an upload that does not exist.
    DeleteUpload,
    /// POST or DELETE where the distribution spec has no endpoint.
    NoEndpoint,
    /// OPTIONS.
    Options,
    /// A second method, in a header or in the query.
    MethodOverride,
    /// POST of half a JSON object to where zot makes API keys.
    MintKey,
}

impl OracleShape {
    pub(crate) const ALL: [OracleShape; 13] = [
        OracleShape::PutManifest,
        OracleShape::PutManifestByQuery,
        OracleShape::StartUpload,
        OracleShape::MountBlob,
        OracleShape::ContinueUpload,
        OracleShape::FinishUpload,
        OracleShape::DeleteManifest,
        OracleShape::DeleteBlob,
        OracleShape::DeleteUpload,
        OracleShape::NoEndpoint,
        OracleShape::Options,
        OracleShape::MethodOverride,
        OracleShape::MintKey,
    ];

    /// In words.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            OracleShape::PutManifest => "PUT of an impossible manifest",
            OracleShape::PutManifestByQuery => "PUT of an impossible manifest with ?tag=",
            OracleShape::StartUpload => "POST of an impossible upload",
            OracleShape::MountBlob => "POST of an impossible mount",
            OracleShape::ContinueUpload => "PATCH of an unknown upload",
            OracleShape::FinishUpload => "PUT of an unknown upload",
            OracleShape::DeleteManifest => "DELETE of an unknown manifest",
            OracleShape::DeleteBlob => "DELETE of an impossible blob",
            OracleShape::DeleteUpload => "DELETE of an unknown upload",
            OracleShape::NoEndpoint => "POST where no endpoint is",
            OracleShape::Options => "OPTIONS",
            OracleShape::MethodOverride => "a method override",
            OracleShape::MintKey => "POST of half a request for an API key",
        }
    }
}

/// Why a shape is not cleared, if it is not.
pub(crate) type Reasons = BTreeMap<OracleShape, Result<(), &'static str>>;

/// Which shapes may be sent outside of the scratch repository. Empty until it is decided, once, for one address in one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cleared(Arc<OnceLock<Reasons>>);

impl Cleared {
    /// Decides; what was decided before stays.
    pub(crate) fn decide(&self, reasons: Reasons) {
        // The first decision stands: it is the one that requests were already judged by.
        let _ = self.0.set(reasons);
    }

    pub(crate) fn allows(&self, shape: OracleShape) -> Result<(), &'static str> {
        let decided = self.0.get().and_then(|reasons| reasons.get(&shape).copied());
        decided.unwrap_or(Err("it was not tried before on this registry"))
    }

    /// All shapes, for tests of everything else.
    #[cfg(test)]
    pub(crate) fn all() -> Cleared {
        let cleared = Cleared::default();
        cleared.decide(OracleShape::ALL.map(|shape| (shape, Ok(()))).into());
        cleared
    }
}

/// The shape of a write that is valid for authorization and invalid for the handler (zot, by reading `pkg/api/routes.go`
/// and by trying v2.1.14 to v2.1.20); nothing where it is another write.
pub(super) fn of_write(method: &str, intent: &Intent<'_>) -> Option<OracleShape> {
    let (path, query) = intent.target.split_once('?').unwrap_or((intent.target, ""));
    if !is_plain(intent.target) || !path.starts_with("/v2/") {
        return None;
    }
    // From the right: a repository may have a part named `manifests`, a reference has no slash.
    if let Some((_, reference)) = path.rsplit_once("/manifests/").filter(|(_, reference)| !reference.contains('/')) {
        let hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let unknown = reference.strip_prefix("sha256:").is_some_and(hex);
        let impossible = intent.content_type == Some(ORACLE_TYPE) && intent.body == b"{}";
        return match method {
            "PUT" if impossible && query.is_empty() => Some(OracleShape::PutManifest),
            "PUT" if impossible => Some(OracleShape::PutManifestByQuery),
            "DELETE" if unknown && query.is_empty() => Some(OracleShape::DeleteManifest),
            _ => None,
        };
    }
    if let Some((_, session)) = path.rsplit_once("/blobs/uploads/") {
        let unknown = is_uuid(session) && (query.is_empty() || method == "PATCH");
        return match method {
            "POST" if session.is_empty() && intent.body.is_empty() => match query {
                "from=x" => Some(OracleShape::StartUpload),
                MOUNT_ORACLE => Some(OracleShape::MountBlob),
                _ => None,
            },
            "PATCH" if unknown && intent.content_range == Some("5-1") && intent.body.len() <= 1 => {
                Some(OracleShape::ContinueUpload)
            }
            "PUT" if unknown && intent.body.is_empty() => Some(OracleShape::FinishUpload),
            "DELETE" if unknown => Some(OracleShape::DeleteUpload),
            _ => None,
        };
    }
    let blob = method == "DELETE" && query.is_empty() && path.ends_with("/blobs/notadigest") && !path.contains(':');
    blob.then_some(OracleShape::DeleteBlob)
}
