//! Which oracles may leave the scratch repository: those of a registry that is recognised as zot, each tried before it is used.
//!
//! A registry that stores whatever it is sent would be written to in the operator's own repositories. So each shape of request
//! is tried in the scratch repository first, by an identity that may write there, and only what its handler refuses as zot
//! does is sent elsewhere. Where nothing may be written, the releases on which the shapes were tried stand for that.
//! Once in a run, for each address of the registry. The guard holds every request to it.

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::check::context::Cx;
use crate::check::facts::{Address, Clearance, Unasked, Vantage};
use crate::check::facts::{Dialect, TRIED, UNKNOWN};
use crate::http::guard::{MOUNT_ORACLE, NOT_A_KEY, ORACLE_TYPE, OracleShape};
use crate::http::{Answer, Client, is_registry_error};
use crate::kit::fingerprint;
use crate::kit::fingerprint::Asked;
use crate::model::effect::Effect;
use crate::model::image::digest_of;
use crate::model::outcome::Fingerprint;
use crate::scenario::Action;
use crate::zot::release::Release;

const ONLY_READS: &str = "this run sends GET and HEAD only";
const NO_RELEASE: &str = "it could not be tried in the scratch repository, and the registry does not show its release";
const OTHER_RELEASE: &str = "it could not be tried in the scratch repository, and was not tried on this release of zot";
const STORED: &str = "the registry stored it in the scratch repository instead of refusing it";
const ODD: &str = "the registry did not refuse it in the scratch repository as zot does";

/// Whether this is the reason of a request that zot itself, or what is in front of it, did not answer as zot does.
pub(crate) fn is_odd(reason: &str) -> bool {
    [STORED, ODD].contains(&reason)
}

/// Whether this is the reason of a request that is kept from a registry which is not zot.
pub(crate) fn is_unknown(reason: &str) -> bool {
    reason == UNKNOWN
}

impl Cx {
    /// Which registry this is, by what it says; an error if it does not answer.
    pub(crate) async fn recognised(&self) -> anyhow::Result<&Fingerprint> {
        recognise(self, Vantage::Front).await
    }

    /// Which oracles may be sent outside of the scratch repository; an error if the registry does not answer. Until this was
    /// asked, the guard sends none.
    pub(crate) async fn clear_oracles(&self) -> anyhow::Result<&Clearance> {
        clear(self, Vantage::Front).await
    }

    /// The same for the second vantage point, as `Need::Backend` promises.
    pub(crate) async fn clear_oracles_behind(&self) -> anyhow::Result<&Clearance> {
        clear(self, Vantage::Behind).await
    }
}

fn address(cx: &Cx, vantage: Vantage) -> &Address {
    let facts = &cx.target().facts;
    match vantage {
        Vantage::Front => &facts.front,
        Vantage::Behind => &facts.behind,
    }
}

/// Which registry this address is.
///
/// # Errors
///
/// If it does not answer; nothing is kept then.
pub(crate) async fn recognise(cx: &Cx, vantage: Vantage) -> anyhow::Result<&Fingerprint> {
    let found = async {
        let anyone = client(cx, vantage, None)?;
        let name = cx.scenario().anybody();
        let login = name.and_then(|name| client(cx, vantage, Some(name)).ok());
        fingerprint::of(&anyone, login.as_ref(), &Asked::of(cx.scenario())).await
    };
    address(cx, vantage).print.get_or_try_init(|| found).await
}

/// Decides which oracles may be sent to this address, and tells the guard.
///
/// # Errors
///
/// If it does not answer; nothing is cleared then, and the next one who asks tries again.
pub(crate) async fn clear(cx: &Cx, vantage: Vantage) -> anyhow::Result<&Clearance> {
    let address = address(cx, vantage);
    let decided = async {
        let print = recognise(cx, vantage).await?;
        let clearance = decide(cx, vantage, Dialect::of(print)).await?;
        address.cleared.decide(clearance.reasons());
        anyhow::Ok(clearance)
    };
    address.clearance.get_or_try_init(|| decided).await
}

async fn decide(cx: &Cx, vantage: Vantage, dialect: Dialect) -> anyhow::Result<Clearance> {
    let Dialect::Zot(release) = dialect else { return Ok(Clearance::all(dialect, Err(Unasked::Unknown(UNKNOWN)))) };
    let effects = cx.target().effects;
    if effects == Effect::ReadOnly {
        return Ok(Clearance::all(dialect, Err(Unasked::Unknown(ONLY_READS))));
    }
    let mut clearance = Clearance::all(dialect, by_release(release));
    // No key can come of it, and there is no place to try it: it is enough that the registry is zot.
    clearance.shapes.insert(OracleShape::MintKey, Ok(()));
    if effects < Effect::Writes {
        return Ok(clearance);
    }
    let Ok(scratch) = cx.scratch() else { return Ok(clearance) };
    let mut statuses = BTreeMap::new();
    for shape in OracleShape::ALL.into_iter().filter(|shape| *shape != OracleShape::MintKey) {
        if let Some((result, status)) = tried(cx, vantage, scratch, shape).await? {
            clearance.shapes.insert(shape, result);
            statuses.insert(shape, status);
        }
    }
    suspect(&mut clearance, &statuses);
    Ok(clearance)
}

/// Takes back what was answered with the same status as the request of its kind that was not answered as zot does: something
/// in front of the registry answers all of a method alike.
fn suspect(clearance: &mut Clearance, statuses: &BTreeMap<OracleShape, u16>) {
    for twin in [OracleShape::PutManifest, OracleShape::DeleteManifest] {
        let odd = clearance.shapes.get(&twin).is_some_and(|result| matches!(result, Err(Unasked::Odd(_))));
        let Some(status) = statuses.get(&twin).filter(|_| odd) else { continue };
        let alike = statuses.iter().filter(|(shape, other)| *other == status && deletes(**shape) == deletes(twin));
        for (shape, _) in alike {
            clearance.shapes.insert(*shape, Err(Unasked::Odd(ODD)));
        }
    }
}

fn deletes(shape: OracleShape) -> bool {
    matches!(shape, OracleShape::DeleteManifest | OracleShape::DeleteBlob | OracleShape::DeleteUpload)
}

/// What a release stands for where nothing could be tried.
fn by_release(release: Option<Release>) -> Result<(), Unasked> {
    match release {
        Some(release) if TRIED.contains(&release) => Ok(()),
        Some(_) => Err(Unasked::Unknown(OTHER_RELEASE)),
        None => Err(Unasked::Unknown(NO_RELEASE)),
    }
}

/// What became of one shape in the scratch repository, and its status; nothing where nobody could try it.
async fn tried(
    cx: &Cx,
    vantage: Vantage,
    scratch: &str,
    shape: OracleShape,
) -> anyhow::Result<Option<(Result<(), Unasked>, u16)>> {
    let action = if deletes(shape) { Action::Delete } else { Action::Create };
    // A read of what a cache does not have would ask its upstream.
    let cached = shape == OracleShape::MethodOverride && cx.scenario().is_cached(scratch);
    let Some(name) = cx.scenario().one_who_may(action, scratch).filter(|_| !cached) else { return Ok(None) };
    if vantage == Vantage::Behind && cx.backend_in_plain_text()? {
        return Ok(None);
    }
    let client = cx.trier(&client(cx, vantage, Some(name))?);
    let answer = send(cx, &client, scratch, shape).await?;
    // In the registry's own words: this identity may not do it here, so that no handler was asked.
    if matches!(answer.status, 401 | 403) && is_registry_error(&answer) {
        return Ok(None);
    }
    Ok(Some((judge(cx, scratch, shape, &answer), answer.status)))
}

fn judge(cx: &Cx, scratch: &str, shape: OracleShape, answer: &Answer) -> Result<(), Unasked> {
    if refused(shape, answer) {
        return Ok(());
    }
    let about = format!("{} in {scratch}: {}", shape.describe(), answer.brief());
    if answer.status < 300 {
        cx.note(format!("{about}: it was stored, and is sent nowhere else"));
        return Err(Unasked::Odd(STORED));
    }
    cx.note(format!("{about}, which is not how zot refuses it, so it is sent nowhere else"));
    Err(Unasked::Odd(ODD))
}

/// Whether the handler refused it as zot does.
fn refused(shape: OracleShape, answer: &Answer) -> bool {
    let statuses: &[u16] = match shape {
        OracleShape::PutManifest | OracleShape::PutManifestByQuery => &[415],
        OracleShape::StartUpload => &[405],
        OracleShape::MountBlob | OracleShape::FinishUpload => &[400],
        OracleShape::ContinueUpload => &[416],
        OracleShape::DeleteManifest => &[404, 400],
        OracleShape::DeleteBlob | OracleShape::DeleteUpload => &[404],
        OracleShape::NoEndpoint => &[404, 405],
        // It changes nothing by its definition (RFC 9110, section 9.3.7).
        OracleShape::Options => &[200, 204],
        OracleShape::MethodOverride => &[400, 404, 405, 415],
        OracleShape::MintKey => &[],
    };
    statuses.contains(&answer.status) && !answer.is_html()
}

async fn send(cx: &Cx, client: &Client, scratch: &str, shape: OracleShape) -> anyhow::Result<Answer> {
    let base = format!("/v2/{scratch}");
    let (tag, nowhere) = (cx.tag(&format!("trial-{}", shape as u8)), digest_of(cx.run_id().as_bytes()));
    let session = format!("{base}/blobs/uploads/{}", uuid::Uuid::new_v4());
    let manifest = format!("{base}/manifests/{tag}");
    let request = match shape {
        OracleShape::PutManifest => client.put(&manifest).body(ORACLE_TYPE, "{}"),
        OracleShape::PutManifestByQuery => {
            client.put(format!("{base}/manifests/{nowhere}?tag={tag}")).body(ORACLE_TYPE, "{}")
        }
        OracleShape::StartUpload => client.post(format!("{base}/blobs/uploads/?from=x")),
        OracleShape::MountBlob => client.post(format!("{base}/blobs/uploads/?{MOUNT_ORACLE}")),
        OracleShape::ContinueUpload => {
            client.patch(&session).header("Content-Range", "5-1").body("application/octet-stream", "x")
        }
        OracleShape::FinishUpload => client.put(&session),
        OracleShape::DeleteManifest => client.delete(format!("{base}/manifests/{nowhere}")),
        OracleShape::DeleteBlob => client.delete(format!("{base}/blobs/notadigest")),
        OracleShape::DeleteUpload => client.delete(&session),
        OracleShape::NoEndpoint => client.post(format!("{base}/tags/list")),
        OracleShape::Options => client.request(reqwest::Method::OPTIONS, &manifest),
        OracleShape::MethodOverride => {
            let names = ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"];
            let request = client.get(&manifest).body(ORACLE_TYPE, "{}");
            names.iter().fold(request, |request, name| request.header(name, "PUT"))
        }
        OracleShape::MintKey => client.post(crate::zot::api::PATH).body("application/json", NOT_A_KEY),
    };
    // Whatever a registry makes of a push or an upload is in the ledger by itself; of what calls itself a read it is not.
    let hidden = shape == OracleShape::MethodOverride;
    if hidden {
        cx.leaves(scratch, &tag);
    }
    let answer = request.send().await.with_context(|| format!("the trial of {} failed", shape.describe()))?;
    if hidden && (400..500).contains(&answer.status) {
        cx.left_nothing(scratch, &tag);
    }
    Ok(answer)
}

fn client(cx: &Cx, vantage: Vantage, name: Option<&str>) -> anyhow::Result<Client> {
    match (vantage, name) {
        (Vantage::Behind, name) => cx.at_backend(name),
        (Vantage::Front, None) => cx.anonymous(),
        (Vantage::Front, Some(name)) => cx.identity(name),
    }
}

#[cfg(test)]
mod tests;
