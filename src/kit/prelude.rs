//! All that a check file imports.

pub(crate) use crate::check::context::Cx;
pub(crate) use crate::check::facts::Unasked;
pub(crate) use crate::check::own_key::Own;
pub(crate) use crate::http::guard::{KeyUse, NOT_A_KEY, OracleShape};
pub(crate) use crate::http::{Answer, Client, Credential, MANIFEST_LIMIT, Origin, is_registry_error};
pub(crate) use crate::kit::clients;
pub(crate) use crate::kit::clients::{Pushed, Shop};
pub(crate) use crate::kit::persona;
pub(crate) use crate::kit::persona::{PERSONAS, Pull};
pub(crate) use crate::kit::probe;
pub(crate) use crate::kit::probe::{Bad, Expect, Impact, Principal, Probe, Severity, Shape};
pub(crate) use crate::kit::rows::{self, Rows};
pub(crate) use crate::kit::visit::{Fetched, LoginPage, Visit};
pub(crate) use crate::kit::{
    api_keys, cached, diagnosis, discovery, listing, matrix, meanwhile, metrics, mirrors, oci, oracle, presence,
    transfer, vantage,
};
pub(crate) use crate::model::effect::{Effect, Meta, Need};
pub(crate) use crate::model::failure::{Failure, Proof, Why, graver};
pub(crate) use crate::model::image::{BLOB_TYPE, DOCKER_TYPE, INDEX_TYPE, Image, Index, MANIFEST_TYPE, digest_of};
pub(crate) use crate::model::level::Level;
pub(crate) use crate::report::text::count;
pub(crate) use crate::scenario::loaded::is_loopback;
pub(crate) use crate::scenario::secrets::Secret;
pub(crate) use crate::scenario::{Action, Reception, UpstreamAsked};
pub(crate) use crate::scenario::{coverage, lock, traps};
pub(crate) use crate::zot::api;
