//! Asks the probes of one family: facts, controls, requests, cases, and the check's verdict.
//!
//! What is not asked is noted with its reason; a family of which nothing could be asked is an Error, never a Pass.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;

use super::controls::{Controls, is_promised};
use super::ground::{self, Ground};
use super::judge::{Against, if_moved, judge};
use super::{Expect, Facts, Impact, Probe, Severity};
use crate::check::context::Cx;
use crate::http::guard::{ORACLE_TYPE, Refused};
use crate::http::{Answer, Client, Closed, MANIFEST_LIMIT, Origin, Raw, Request, is_registry_error};
use crate::kit::clearance;
use crate::kit::presence;
use crate::kit::transfer;
use crate::model::effect::Effect;
use crate::model::failure::{Failure, Proof, Why};
use crate::model::image::BLOB_TYPE;
use crate::scenario::Action;

/// Denials may be delayed by the registry (zot's `failDelay`); so many at once keep a family within its deadline.
const AT_ONCE: usize = 4;

/// A request with everything filled in.
struct Filled {
    method: reqwest::Method,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// What is known before the probes of a family are asked.
struct Known {
    facts: Facts,
    controls: Controls,
    /// Where oracles are asked instead, on a registry that is not zot.
    ground: Option<Ground>,
}

impl Known {
    async fn of(cx: &Cx, probes: &[Probe]) -> Result<Known, Failure> {
        // The first control of every family: the scenario's registry answers, so that refusals can be its own.
        let tokens = presence::proven(cx).await?.asks_for_token();
        let dialect = match probes.iter().any(is_oracle) {
            true => Some(cx.clear_oracles().await?.dialect),
            false => None,
        };
        let mut facts = Facts::of(cx, probes).await?;
        facts.tokens = tokens;
        facts.logins(cx, probes).await?;
        let ground = match dialect {
            Some(dialect) => Box::pin(Ground::of(cx, &facts, dialect, probes)).await?,
            None => None,
        };
        if let Some(ground) = &ground {
            ground.facts.logins(cx, probes).await?;
        }
        let controls = Box::pin(Controls::of(cx, &facts, probes)).await?;
        Ok(Known { facts, controls, ground })
    }

    /// Where this probe is asked, if that is not where it says.
    fn ground(&self, probe: &Probe) -> Option<&Ground> {
        self.ground.as_ref().filter(|_| ground::moves(probe))
    }

    fn facts(&self, probe: &Probe) -> &Facts {
        self.ground(probe).map_or(&self.facts, |ground| &ground.facts)
    }
}

/// The probes that are not asked, by the reason.
type LeftOut<'a> = BTreeMap<String, Vec<&'a str>>;

/// Proves that every door of a family is closed.
pub(crate) async fn prove(cx: &Cx, probes: &[Probe], why: &Why<'_>) -> Proof {
    // What prepares and what looks afterwards is boxed: in one piece it would be too much for a thread's stack.
    let known = Box::pin(Known::of(cx, probes)).await?;
    let mut left_out = LeftOut::new();
    let mut core = Vec::new();
    let mut asked = Vec::new();
    for probe in probes {
        match ready(cx, &known, probe) {
            Ok((client, filled)) => match refusal(&known.facts, probe, &client, &filled) {
                None => asked.push((probe, client, filled)),
                Some(reason) => {
                    let critical = probe.severity == Severity::Critical && probe.shape.method != "OPTIONS";
                    core.extend((critical || clearance::is_odd(&reason)).then_some(probe.id));
                    left_out.entry(reason).or_default().push(probe.id);
                }
            },
            Err(reason) => left_out.entry(reason).or_default().push(probe.id),
        }
    }
    for (reason, ids) in &left_out {
        cx.note(format!("not asked, {reason}: {}", ids.join(", ")));
    }
    if asked.is_empty() && !skips(cx, &left_out, &core) {
        let reasons: Vec<&str> = left_out.keys().map(String::as_str).collect();
        return Err(
            anyhow::anyhow!("none of the {} probes could be asked: {}", probes.len(), reasons.join("; ")).into()
        );
    }
    // Boxed one by one: a stream of closures that borrow would not be `Send` for every lifetime.
    let mut waiting: Vec<BoxFuture<'_, (&Probe, Proof)>> = Vec::new();
    let moved = asked.iter().any(|(probe, ..)| known.ground(probe).is_some());
    for (probe, client, filled) in asked {
        let known = &known;
        waiting.push(Box::pin(async move { (probe, ask(cx, known, probe, &client, &filled, why).await) }));
    }
    // What one writing probe left could answer for the next.
    let alone = probes.iter().any(|probe| probe.impact == Impact::Scratch);
    let at_once = if alone { 1 } else { AT_ONCE };
    let mut proofs: Vec<(&Probe, Proof)> = futures::stream::iter(waiting).buffered(at_once).collect().await;
    for (probe, proof) in &proofs {
        cx.case(format!("{} ({})", probe.id, probe.severity), proof);
    }
    // The worst door first: a Fail before an Error, a critical one before a low one.
    proofs.sort_by_key(|(probe, proof)| (!matches!(proof, Err(Failure::Fail(_))), proof.is_ok(), probe.severity));
    let mut proof = proofs.into_iter().next().map_or(Ok(()), |(_, proof)| proof);
    if let (Some(ground), Ok(()), true) = (&known.ground, &proof, moved) {
        cx.proven(ground.line());
        proof = Box::pin(ground.unchanged(cx)).await;
    }
    if proof.is_ok() && !core.is_empty() && !skips(cx, &left_out, &core) {
        // What stands for the whole family was not asked: the rest proves something else.
        let actual = format!("not asked: {} ({})", core.join(", "), reasons_of(&left_out, &core).join("; "));
        return Err(why.undecided("an answer to every critical probe", actual, None));
    }
    proof
}

fn reasons_of<'a>(left_out: &'a LeftOut<'_>, core: &[&str]) -> Vec<&'a str> {
    let of_core = left_out.iter().filter(|(_, ids)| ids.iter().any(|id| core.contains(id)));
    of_core.map(|(reason, _)| reason.as_str()).collect()
}

/// Whether a family is left out because the registry is not zot: then a Pass becomes a Skip that says so. Where the operator names
/// a zot configuration, it should have been zot.
fn skips(cx: &Cx, left_out: &LeftOut<'_>, core: &[&str]) -> bool {
    let reasons = reasons_of(left_out, core);
    let unknown = !reasons.is_empty() && reasons.iter().all(|reason| clearance::is_unknown(reason));
    let skips = unknown && cx.scenario().config.is_none();
    if skips {
        let instead = match cx.may_write() {
            true => "",
            false => "; with `--effects writes` and [repositories] scratch they are asked there",
        };
        cx.skip(format!("not asked: {}: {}{instead}", core.join(", "), reasons.join("; ")));
    }
    skips
}

/// Whether it is sent only where its shape was cleared.
pub(super) fn is_oracle(probe: &Probe) -> bool {
    let reads = matches!(probe.shape.method, "GET" | "HEAD");
    !reads
        || probe.shape.target.contains("_method=")
        || probe.shape.headers.iter().any(|(_, value)| ["PUT", "DELETE"].contains(value))
}

/// Why the guard does not let it be sent, if it does not.
fn refusal(facts: &Facts, probe: &Probe, client: &Client, filled: &Filled) -> Option<String> {
    let permitted = match probe.shape.raw {
        None => request(client, filled).permitted(),
        Some(version) => client.permitted_raw(&raw(facts, probe, filled, version)),
    };
    let error = permitted.err()?;
    Some(error.downcast_ref::<Refused>().map_or_else(|| format!("{error:#}"), |refused| refused.rule().to_owned()))
}

/// The client and the request, or why the probe is not asked.
fn ready(cx: &Cx, known: &Known, probe: &Probe) -> Result<(Client, Filled), String> {
    let (facts, ground) = (known.facts(probe), known.ground(probe));
    let opted = &cx.scenario().probes;
    match probe.impact {
        Impact::Litters if !opted.litter => {
            return Err("it may leave data behind, and [probes] litter is not true".to_owned());
        }
        Impact::Strains if !opted.strain => {
            return Err("it loads the registry, and [probes] strain is not true".to_owned());
        }
        Impact::Scratch | Impact::Litters if cx.effect() < Effect::Writes => {
            return Err(format!("this run is allowed `{}`", cx.effect()));
        }
        _ => {}
    }
    is_promised(cx, facts, probe)?;
    match ground {
        Some(ground) => ground.allow(probe)?,
        None => known.controls.allow(probe)?,
    }
    seen_at_all(cx, facts, probe)?;
    let filled = fill(known, probe, probe.shape.target, probe.shape.headers)?;
    Ok((facts.client(cx, probe.who)?, filled))
}

/// Who may not read the scratch repository learns nothing there of what is private elsewhere.
fn seen_at_all(cx: &Cx, facts: &Facts, probe: &Probe) -> Result<(), String> {
    if probe.expect == Expect::Ignored && probe.shape.target.starts_with("/v2/{public}/") {
        let (public, name) = (facts.fill("{public}")?, facts.name(cx, probe.who)?);
        if cx.scenario().promise(name, &public, Action::Read) == Some(false) {
            let who = name.unwrap_or("anonymous clients");
            return Err(format!("{who} may not read {public}, so no plain answer can be compared"));
        }
    }
    if !matches!(probe.shape.method, "GET" | "HEAD") || !probe.shape.target.starts_with("/v2/{scratch}/") {
        return Ok(());
    }
    let (scratch, name) = (facts.fill("{scratch}")?, facts.name(cx, probe.who)?);
    if cx.scenario().promise(name, &scratch, Action::Read) == Some(true) {
        return Ok(());
    }
    let who = name.unwrap_or("anonymous clients");
    Err(format!("{who} may not read {scratch}, so a refusal there shows nothing"))
}

fn fill(known: &Known, probe: &Probe, target: &str, headers: &[(&str, &str)]) -> Result<Filled, String> {
    let facts = known.facts(probe);
    let mut target = facts.fill(target)?;
    let mut filled = Vec::new();
    for (name, value) in headers {
        filled.push(((*name).to_owned(), facts.fill(value)?));
    }
    let overrides = headers.iter().any(|(_, value)| *value == "PUT");
    let writes = probe.shape.method == "PUT" || overrides;
    let body = if let Some(ground) = known.ground(probe) {
        let (complete, body) = ground.complete(probe, target, &mut filled);
        target = complete;
        body
    } else if writes && target.contains("/manifests/") {
        filled.push(("Content-Type".to_owned(), ORACLE_TYPE.to_owned()));
        Bytes::from_static(b"{}")
    } else if probe.shape.method == "PATCH" {
        filled.push(("Content-Range".to_owned(), "5-1".to_owned()));
        filled.push(("Content-Type".to_owned(), BLOB_TYPE.to_owned()));
        Bytes::from_static(b"x")
    } else {
        Bytes::new()
    };
    if probe.shape.method == "GET" && target.contains("/manifests/") {
        filled.push(("Accept".to_owned(), transfer::ACCEPT.to_owned()));
    }
    let method = probe.shape.method.parse().map_err(|_| "its method is not one".to_owned())?;
    Ok(Filled { method, target, headers: filled, body })
}

/// How often a probe is sent again where what it asks for changes meanwhile.
const TRIES: usize = 10;

async fn ask(cx: &Cx, known: &Known, probe: &Probe, client: &Client, filled: &Filled, why: &Why<'_>) -> Proof {
    let facts = known.facts(probe);
    let claim = format!("{}: {}", why.claim, probe.id);
    let (cause, remedy) = probe.because.unwrap_or((why.cause, why.remedy));
    let cause = format!("{} ({}). {cause}", probe.reason.trim_end_matches('.'), probe.reference);
    let why = Why { claim: &claim, cause: &cause, remedy };
    let plain = match probe.expect {
        Expect::Ignored | Expect::SameLogin => Some(without_trick(known, probe, client, &why).await?),
        _ => None,
    };
    let answer = match probe.shape.raw {
        None => send(client, filled).await?,
        Some(version) => match as_written(cx, probe, client, &raw(facts, probe, filled, version)).await? {
            Some(answer) => answer,
            None => {
                cx.tell(format!("probe {}", probe.id), "closed, without an answer");
                return Ok(());
            }
        },
    };
    if book(cx, facts, probe, &answer) {
        // At once, not at the end: what is linked here answers every probe that follows.
        cx.clean_up_but_the_canary().await;
    }
    let origin = cx.target().origin();
    let issuer = cx.scenario().oidc.as_ref().and_then(|oidc| Some(Origin::of(&oidc.issuer.parse().ok()?)));
    let (issuer, secret_names) = (issuer.as_ref(), facts.secret_names(cx));
    let against = Against { why: &why, origin: &origin, issuer, plain: plain.as_ref(), secret_names };
    let hidden = known.ground(probe).is_some() && answer.status == 404 && is_registry_error(&answer);
    // Some registries say of what they refuse that it is not there; what is there afterwards decides.
    let mut proof = if hidden && probe.expect == Expect::Denied { Ok(()) } else { judge(probe, &answer, &against) };
    if let (Ok(()), Some(realm), true) = (&proof, &facts.tokens, filled.target.starts_with("/v2/")) {
        // A client with a token may be shown what is hidden from a client without one.
        let actual =
            format!("{}: the registry asks for tokens of {realm}, which this version does not fetch", answer.brief());
        proof = Err(why.undecided(probe.expect, actual, answer.index));
    }
    if let (Err(Failure::Fail(_)), Expect::Ignored, Some(before)) = (&proof, probe.expect, &plain)
        && before.status == answer.status
    {
        proof = again_if_moved(known, probe, client, filled, &against, before, &answer).await?.unwrap_or(proof);
    }
    match &proof {
        Ok(()) => cx.tell(format!("probe {}", probe.id), format!("closed, {}", answer.status)),
        Err(Failure::Fail(_)) => cx.tell(format!("probe {}", probe.id), format!("open, {}", answer.status)),
        Err(Failure::Error(..)) => {}
    }
    proof
}

/// Others push meanwhile: what is asked for may have changed between the two requests. Then both are sent again.
async fn again_if_moved(
    known: &Known,
    probe: &Probe,
    client: &Client,
    filled: &Filled,
    against: &Against<'_>,
    before: &Answer,
    answer: &Answer,
) -> Result<Option<Proof>, Failure> {
    let now = without_trick(known, probe, client, against.why).await?;
    let mut proof = if_moved(answer, before, &now, against.why);
    let mut before = now;
    for _ in 0..TRIES {
        if !matches!(proof, Some(Err(Failure::Error(..)))) || probe.shape.raw.is_some() {
            break;
        }
        let answer = send(client, filled).await?;
        let now = without_trick(known, probe, client, against.why).await?;
        let plain = Some(&now);
        proof = if_moved(&answer, &before, &now, against.why)
            .or_else(|| Some(judge(probe, &answer, &Against { plain, ..*against })));
        before = now;
    }
    Ok(proof)
}

/// The answer to a request that is sent as it is written. Nothing, where the connection is closed at it, twice, and the registry
/// answers before and after: some servers refuse a malformed request so (zot with its pages does), and nothing was served.
async fn as_written(cx: &Cx, probe: &Probe, client: &Client, raw: &Raw) -> Result<Option<Answer>, Failure> {
    // A refusal in the registry's own words is more than silence.
    let in_words = matches!(probe.expect, Expect::Denied | Expect::Unauthorized);
    for _ in 0..2 {
        match client.send_raw(raw).await {
            Err(error) if !in_words && error.is::<Closed>() => drop(presence::proven(cx).await?),
            other => return Ok(Some(other?)),
        }
    }
    Ok(None)
}

fn raw(facts: &Facts, probe: &Probe, filled: &Filled, version: &'static str) -> Raw {
    let mut headers = filled.headers.clone();
    let hosted = version == "1.0" || headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    if !hosted {
        headers.insert(0, ("Host".to_owned(), facts.fill("{host}").unwrap_or_default()));
    }
    let (method, target) = (probe.shape.method.to_owned(), filled.target.clone());
    Raw { method, target, version, headers, body: String::from_utf8_lossy(&filled.body).into_owned() }
}

fn request<'a>(client: &'a Client, filled: &Filled) -> Request<'a> {
    let request = client.request(filled.method.clone(), &filled.target).limit(MANIFEST_LIMIT);
    filled
        .headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value))
        .content(filled.body.clone())
}

async fn send(client: &Client, filled: &Filled) -> anyhow::Result<Answer> {
    request(client, filled).send().await
}

/// The same request without the trick; it must be answered, or there is nothing to compare with.
async fn without_trick(known: &Known, probe: &Probe, client: &Client, why: &Why<'_>) -> Result<Answer, Failure> {
    let target = probe.shape.plain.unwrap_or(probe.shape.target);
    let filled = fill(known, probe, target, &[]).map_err(|reason| anyhow::anyhow!(reason))?;
    let answer = send(client, &filled).await?;
    let expected: &[u16] = if probe.expect == Expect::SameLogin { &[302, 303, 307] } else { &[200] };
    if expected.contains(&answer.status) {
        return Ok(answer);
    }
    let actual = format!("{}: the plain request failed, so the answers cannot be compared", answer.brief());
    Err(why.undecided("the plain answer", actual, answer.index))
}

/// Whether a broken registry linked or started something, which is then booked for removal.
fn book(cx: &Cx, facts: &Facts, probe: &Probe, answer: &Answer) -> bool {
    let (Ok(scratch), true) = (facts.fill("{scratch}"), matches!(answer.status, 200..=299)) else { return false };
    if !matches!(probe.impact, Impact::Scratch | Impact::Litters) {
        return false;
    }
    if answer.status == 202
        && let Some(location) = answer.header("location")
    {
        cx.leaves_upload(location);
    } else if let Some(blob) = facts.fill("{canary_blob}").ok().filter(|blob| transfer::is_digest(blob)) {
        cx.leaves_blob(&scratch, &blob);
    }
    true
}
