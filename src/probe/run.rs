//! Asks the probes of one family: facts, controls, requests, cases, and the check's verdict.
//!
//! What is not asked is noted with its reason; a family of which nothing could be asked is an Error, never a Pass.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::future::BoxFuture;

use super::judge::{Against, if_moved, judge};
use super::{Expect, Facts, Impact, Probe, Severity};
use crate::check::{Effect, Failure, Proof, Why};
use crate::clearance;
use crate::context::Cx;
use crate::guard::{ORACLE_TYPE, Refused};
use crate::presence;
use crate::scenario::{Action, Promise};
use crate::transfer;
use crate::wire::{Answer, Client, Closed, MANIFEST_LIMIT, Origin, Raw, Request};

/// Denials may be delayed by the registry (zot's `failDelay`); so many at once keep a family within its deadline.
const AT_ONCE: usize = 4;

/// A request with everything filled in.
struct Filled {
    method: reqwest::Method,
    target: String,
    headers: Vec<(String, String)>,
    body: &'static str,
}

/// Proves that every door of a family is closed.
pub(crate) async fn prove(cx: &Cx, probes: &[Probe], why: &Why<'_>) -> Proof {
    // The first control of every family: the scenario's registry answers, so that refusals can be its own.
    let tokens = presence::proven(cx).await?.asks_for_token();
    if probes.iter().any(is_oracle) {
        cx.clear_oracles().await?;
    }
    let mut facts = Facts::of(cx, probes).await?;
    facts.tokens = tokens;
    facts.logins(cx, probes).await?;
    let controls = Controls::of(cx, &facts, probes).await?;
    let mut left_out: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut core = Vec::new();
    let mut asked = Vec::new();
    for probe in probes {
        match ready(cx, &facts, &controls, probe) {
            Ok((client, filled)) => match refusal(&facts, probe, &client, &filled) {
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
    if asked.is_empty() {
        let reasons: Vec<&str> = left_out.keys().map(String::as_str).collect();
        return Err(
            anyhow::anyhow!("none of the {} probes could be asked: {}", probes.len(), reasons.join("; ")).into()
        );
    }
    // Boxed one by one: a stream of closures that borrow would not be `Send` for every lifetime.
    let mut waiting: Vec<BoxFuture<'_, (&Probe, Proof)>> = Vec::new();
    for (probe, client, filled) in asked {
        let facts = &facts;
        waiting.push(Box::pin(async move { (probe, ask(cx, facts, probe, &client, &filled, why).await) }));
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
    let proof = proofs.into_iter().next().map_or(Ok(()), |(_, proof)| proof);
    if proof.is_ok() && !core.is_empty() {
        // What stands for the whole family was not asked: the rest proves something else.
        let reasons: Vec<&str> = left_out
            .iter()
            .filter(|(_, ids)| ids.iter().any(|id| core.contains(id)))
            .map(|(reason, _)| reason.as_str())
            .collect();
        let actual = format!("not asked: {} ({})", core.join(", "), reasons.join("; "));
        return Err(why.undecided("an answer to every critical probe", actual, None));
    }
    proof
}

/// Whether it is sent only where its shape was cleared.
fn is_oracle(probe: &Probe) -> bool {
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

/// Which refusals count: those of requests that get through for somebody else.
#[derive(Default)]
struct Controls {
    creates: Option<Result<(), String>>,
    deletes: Option<Result<(), String>>,
}

impl Controls {
    async fn of(cx: &Cx, facts: &Facts, probes: &[Probe]) -> Result<Controls, Failure> {
        let mut controls = Controls::default();
        let uses =
            |methods: &[&str]| probes.iter().any(|p| p.expect == Expect::Denied && methods.contains(&p.shape.method));
        let Ok(repository) = facts.fill("{public}") else { return Ok(controls) };
        let nobody = |what| {
            format!("no identity may {what} in {repository}, so that no refusal can be told from a broken registry")
        };
        if uses(&["PUT", "POST", "PATCH"]) {
            controls.creates = Some(match cx.scenario().one_who_may(Action::Create, &repository) {
                None => Err(nobody("create")),
                Some(name) => {
                    let target = format!("/v2/{repository}/manifests/{}", cx.tag("control"));
                    let client = cx.identity(name)?;
                    let request = client.put(target).body(ORACLE_TYPE, "{}");
                    match request.permitted() {
                        // Then no probe of this kind is sent either, and each says why.
                        Err(_) => Ok(()),
                        Ok(()) => {
                            let answer = request.send().await?;
                            if answer.status == 415 { Ok(()) } else { return Err(failed(name, &answer)) }
                        }
                    }
                }
            });
        }
        if uses(&["DELETE"]) {
            controls.deletes = Some(match cx.scenario().one_who_may(Action::Delete, &repository) {
                None => Err(nobody("delete")),
                Some(name) => {
                    let target = facts.fill("/v2/{public}/manifests/sha256:{random}").unwrap_or_default();
                    let client = cx.identity(name)?;
                    let request = client.delete(target);
                    match request.permitted() {
                        Err(_) => Ok(()),
                        Ok(()) => {
                            let answer = request.send().await?;
                            if answer.status == 404 { Ok(()) } else { return Err(failed(name, &answer)) }
                        }
                    }
                }
            });
        }
        Ok(controls)
    }

    fn allow(&self, cx: &Cx, facts: &Facts, probe: &Probe) -> Result<(), String> {
        if probe.expect != Expect::Denied {
            return Ok(());
        }
        let (control, action) = match probe.shape.method {
            "PUT" | "POST" | "PATCH" => (&self.creates, Action::Create),
            "DELETE" => (&self.deletes, Action::Delete),
            _ => return Ok(()),
        };
        let Some(public) = cx.scenario().repositories.public.first() else {
            return Err("no public repository is declared".to_owned());
        };
        let name = facts.name(cx, probe.who)?;
        match cx.scenario().promise_with_grounds(name, public, action) {
            Promise { allowed: Some(false), .. } => {}
            Promise { allowed: Some(true), grounds, .. } => {
                return Err(format!("{} may do that: {grounds}", name.unwrap_or("anonymous clients")));
            }
            Promise { grounds, .. } => return Err(grounds),
        }
        control.clone().unwrap_or_else(|| Err("no public repository is declared".to_owned()))
    }
}

fn failed(name: &str, answer: &Answer) -> Failure {
    const CONTROL: Why<'static> = Why {
        claim: "the control: an identity that may do this gets through",
        cause: "the identity lost its group, or this registry does not decide on rights before it looks at the request",
        remedy: "first make `publish::api_key_can_push` pass for this identity",
    };
    CONTROL.undecided(format_args!("the handler's own answer for {name}"), answer.brief(), answer.index)
}

/// The client and the request, or why the probe is not asked.
fn ready(cx: &Cx, facts: &Facts, controls: &Controls, probe: &Probe) -> Result<(Client, Filled), String> {
    let opted = &cx.scenario().probes;
    match probe.impact {
        Impact::Litters if !opted.litter => return Err("it litters, and [probes] litter is not true".to_owned()),
        Impact::Strains if !opted.strain => return Err("it strains, and [probes] strain is not true".to_owned()),
        Impact::Scratch | Impact::Litters if cx.effect() < Effect::Writes => {
            return Err(format!("this run is allowed `{}`", cx.effect()));
        }
        _ => {}
    }
    controls.allow(cx, facts, probe)?;
    seen_at_all(cx, facts, probe)?;
    let filled = fill(facts, probe, probe.shape.target, probe.shape.headers)?;
    Ok((facts.client(cx, probe.who)?, filled))
}

/// Who may not read the scratch repository learns nothing there of what is private elsewhere.
fn seen_at_all(cx: &Cx, facts: &Facts, probe: &Probe) -> Result<(), String> {
    if probe.expect == Expect::Ignored && probe.shape.target.starts_with("/v2/{public}/") {
        let (public, name) = (facts.fill("{public}")?, facts.name(cx, probe.who)?);
        if cx.scenario().promise(name, &public, Action::Read) == Some(false) {
            let who = name.unwrap_or("anonymous clients");
            return Err(format!("{who} may not read {public}, so that there is no plain answer to compare with"));
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
    Err(format!("{who} may not read {scratch}, so that a refusal there says nothing"))
}

fn fill(facts: &Facts, probe: &Probe, target: &str, headers: &[(&str, &str)]) -> Result<Filled, String> {
    let target = facts.fill(target)?;
    let mut filled = Vec::new();
    for (name, value) in headers {
        filled.push(((*name).to_owned(), facts.fill(value)?));
    }
    let overrides = headers.iter().any(|(_, value)| *value == "PUT");
    let writes = probe.shape.method == "PUT" || overrides;
    let body = if writes && target.contains("/manifests/") {
        filled.push(("Content-Type".to_owned(), ORACLE_TYPE.to_owned()));
        "{}"
    } else if probe.shape.method == "PATCH" {
        filled.push(("Content-Range".to_owned(), "5-1".to_owned()));
        filled.push(("Content-Type".to_owned(), "application/octet-stream".to_owned()));
        "x"
    } else {
        ""
    };
    if probe.shape.method == "GET" && target.contains("/manifests/") {
        filled.push(("Accept".to_owned(), transfer::ACCEPT.to_owned()));
    }
    let method = probe.shape.method.parse().map_err(|_| "its method is not one".to_owned())?;
    Ok(Filled { method, target, headers: filled, body })
}

async fn ask(cx: &Cx, facts: &Facts, probe: &Probe, client: &Client, filled: &Filled, why: &Why<'_>) -> Proof {
    let claim = format!("{}: {}", why.claim, probe.id);
    let (cause, remedy) = probe.because.unwrap_or((why.cause, why.remedy));
    let cause = format!("{} ({}). {cause}", probe.reason.trim_end_matches('.'), probe.reference);
    let why = Why { claim: &claim, cause: &cause, remedy };
    let plain = match probe.expect {
        Expect::Ignored | Expect::SameLogin => Some(without_trick(facts, probe, client, &why).await?),
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
    let mut proof = judge(probe, &answer, &against);
    if let (Ok(()), Some(realm), true) = (&proof, &facts.tokens, filled.target.starts_with("/v2/")) {
        // Whoever has a token may be shown what is hidden from those who have none.
        let actual =
            format!("{}: the registry asks for tokens of {realm}, which this version does not fetch", answer.brief());
        proof = Err(why.undecided(probe.expect, actual, answer.index));
    }
    if let (Err(Failure::Fail(_)), Expect::Ignored, Some(before)) = (&proof, probe.expect, &plain)
        && before.status == answer.status
    {
        // Other clients push meanwhile: what is asked for may have changed between the two.
        let now = without_trick(facts, probe, client, &why).await?;
        proof = if_moved(&answer, before, &now, &why).unwrap_or(proof);
    }
    match &proof {
        Ok(()) => cx.tell(format!("probe {}", probe.id), format!("closed, {}", answer.status)),
        Err(Failure::Fail(_)) => cx.tell(format!("probe {}", probe.id), format!("open, {}", answer.status)),
        Err(Failure::Error(..)) => {}
    }
    proof
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
    Raw { method, target, version, headers, body: filled.body.to_owned() }
}

fn request<'a>(client: &'a Client, filled: &Filled) -> Request<'a> {
    let request = client.request(filled.method.clone(), &filled.target).limit(MANIFEST_LIMIT);
    filled.headers.iter().fold(request, |request, (name, value)| request.header(name, value)).content(filled.body)
}

async fn send(client: &Client, filled: &Filled) -> anyhow::Result<Answer> {
    request(client, filled).send().await
}

/// The same request without the trick; it must be answered, or there is nothing to compare with.
async fn without_trick(facts: &Facts, probe: &Probe, client: &Client, why: &Why<'_>) -> Result<Answer, Failure> {
    let target = probe.shape.plain.unwrap_or(probe.shape.target);
    let filled = fill(facts, probe, target, &[]).map_err(|reason| anyhow::anyhow!(reason))?;
    let answer = send(client, &filled).await?;
    let expected: &[u16] = if probe.expect == Expect::SameLogin { &[302, 303, 307] } else { &[200] };
    if expected.contains(&answer.status) {
        return Ok(answer);
    }
    let actual = format!("{}: the plain request failed, so there is nothing to compare with", answer.brief());
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
