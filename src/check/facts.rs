//! What a run found out about a registry: which one it is, and which oracles may be sent to it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use tokio::sync::OnceCell;

use crate::http::guard::{Cleared, OracleShape, Reasons};
use crate::model::outcome::Fingerprint;
use crate::scenario::lock::Promises;
use crate::zot::expect::Oracle;
use crate::zot::release::Release;

/// The releases of zot on which every shape was tried and nothing was stored.
pub(crate) const TRIED: [Release; 4] =
    [Release::new(2, 1, 14), Release::new(2, 1, 15), Release::new(2, 1, 18), Release::new(2, 1, 20)];

/// What is known of the addresses of a registry in one run.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) front: Address,
    pub(crate) behind: Address,
    /// What the scenario promises now, where a lock is compared with it.
    pub(crate) promised: OnceLock<Promises>,
}

impl Clone for Facts {
    /// What one run found out is not true for another.
    fn clone(&self) -> Facts {
        Facts::default()
    }
}

/// What is known of one address.
#[derive(Debug, Default)]
pub(crate) struct Address {
    pub(crate) print: OnceCell<Fingerprint>,
    pub(crate) clearance: OnceCell<Clearance>,
    pub(crate) cleared: Cleared,
}

/// Which address of the registry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vantage {
    /// `registry.url`.
    Front,
    /// `registry.backend`.
    Behind,
}

/// Why a request is not sent outside of the scratch repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// It cannot be asked on this registry, or by this run.
    Unknown(&'static str),
    /// The registry is zot, and the trial was not answered as zot does: nothing is proven.
    Odd(&'static str),
}

impl Unasked {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Unasked::Unknown(reason) | Unasked::Odd(reason) => reason,
        }
    }
}

/// What may be asked of one address.
#[derive(Clone, Debug)]
pub(crate) struct Clearance {
    pub(crate) dialect: Dialect,
    pub(crate) shapes: BTreeMap<OracleShape, Result<(), Unasked>>,
}

impl Clearance {
    /// Whether this request may be sent outside of the scratch repository; reads always may.
    pub(crate) fn asks(&self, oracle: Oracle) -> Result<(), Unasked> {
        let shape = match oracle {
            Oracle::ReadManifest | Oracle::ReadBlob | Oracle::ListTags => return Ok(()),
            Oracle::CreateTag | Oracle::UpdateTag | Oracle::UpdateLatest => OracleShape::PutManifest,
            Oracle::MoveTagByQuery => OracleShape::PutManifestByQuery,
            Oracle::StartUpload => OracleShape::StartUpload,
            Oracle::ContinueUpload => OracleShape::ContinueUpload,
            Oracle::FinishUpload => OracleShape::FinishUpload,
            Oracle::MountBlob => OracleShape::MountBlob,
            Oracle::DeleteManifest => OracleShape::DeleteManifest,
            Oracle::DeleteBlob => OracleShape::DeleteBlob,
            Oracle::DeleteUpload => OracleShape::DeleteUpload,
        };
        self.sends(shape)
    }

    pub(crate) fn sends(&self, shape: OracleShape) -> Result<(), Unasked> {
        self.shapes.get(&shape).copied().unwrap_or(Err(Unasked::Unknown(UNKNOWN)))
    }

    /// Whether nothing that a registry might store is sent to this one.
    pub(crate) fn is_not_zot(&self) -> bool {
        self.dialect == Dialect::Other
    }

    pub(crate) fn all(dialect: Dialect, result: Result<(), Unasked>) -> Clearance {
        Clearance { dialect, shapes: OracleShape::ALL.map(|shape| (shape, result)).into() }
    }

    pub(crate) fn reasons(&self) -> Reasons {
        self.shapes.iter().map(|(shape, result)| (*shape, result.map_err(Unasked::reason))).collect()
    }
}

pub(crate) const UNKNOWN: &str =
    "the registry is not recognised as zot by two signs, so it may store what an oracle sends";

/// The registry whose order of decisions explains an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// zot, of the release it claims.
    Zot(Option<Release>),
    /// A registry whose order of decisions is not known: only its reads tell a permission.
    Other,
}

impl Dialect {
    pub(crate) fn of(print: &Fingerprint) -> Dialect {
        match print.product.as_deref() {
            Some("zot") => Dialect::Zot(print.release.as_deref().and_then(|release| release.parse().ok())),
            _ => Dialect::Other,
        }
    }
}
