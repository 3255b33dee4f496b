//! The controls of probes: which refusals count, since somebody else gets through with the same request, and which are promised.

use super::{Expect, Facts, Probe};
use crate::check::context::Cx;
use crate::http::Answer;
use crate::http::guard::ORACLE_TYPE;
use crate::model::failure::{Failure, Why};
use crate::scenario::{Action, Promise};

/// Which refusals count: those of requests that get through for somebody else.
#[derive(Default)]
pub(super) struct Controls {
    creates: Option<Result<(), String>>,
    deletes: Option<Result<(), String>>,
}

impl Controls {
    pub(super) async fn of(cx: &Cx, facts: &Facts, probes: &[Probe]) -> Result<Controls, Failure> {
        let mut controls = Controls::default();
        let uses =
            |methods: &[&str]| probes.iter().any(|p| p.expect == Expect::Denied && methods.contains(&p.shape.method));
        let Ok(repository) = facts.fill("{public}") else { return Ok(controls) };
        let nobody =
            |what| format!("no identity may {what} in {repository}, so a refusal looks like a broken registry");
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

    pub(super) fn allow(&self, probe: &Probe) -> Result<(), String> {
        let control = match probe.shape.method {
            _ if probe.expect != Expect::Denied => return Ok(()),
            "PUT" | "POST" | "PATCH" => &self.creates,
            "DELETE" => &self.deletes,
            _ => return Ok(()),
        };
        control.clone().unwrap_or_else(|| Err(NO_PUBLIC.to_owned()))
    }
}

const NO_PUBLIC: &str = "no public repository is declared";

/// Whether it is promised that this probe is refused; the error says why it is not.
pub(super) fn is_promised(cx: &Cx, facts: &Facts, probe: &Probe) -> Result<(), String> {
    let action = match probe.shape.method {
        _ if probe.expect != Expect::Denied => return Ok(()),
        "PUT" | "POST" | "PATCH" => Action::Create,
        "DELETE" => Action::Delete,
        _ => return Ok(()),
    };
    if cx.scenario().repositories.public.is_empty() {
        return Err(NO_PUBLIC.to_owned());
    }
    let (name, repository) = (facts.name(cx, probe.who)?, facts.fill("{public}")?);
    match cx.scenario().promise_with_grounds(name, &repository, action) {
        Promise { allowed: Some(false), .. } => Ok(()),
        Promise { allowed: Some(true), grounds, .. } => {
            Err(format!("{} may do that: {grounds}", name.unwrap_or("anonymous clients")))
        }
        Promise { grounds, .. } => Err(grounds),
    }
}

fn failed(name: &str, answer: &Answer) -> Failure {
    const CONTROL: Why<'static> = Why {
        claim: "the control: an identity that may do this gets through",
        cause: "the identity lost its group, or this registry looks at the request before it decides on rights",
        remedy: "first make `publish::api_key_can_push` pass for this identity",
    };
    CONTROL.undecided(format_args!("the handler's own answer for {name}"), answer.brief(), answer.index)
}
