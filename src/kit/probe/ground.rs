//! Where oracles are asked on a registry whose order of decisions is not known: in the scratch repository, by requests that
//! would be stored if they were let through.
//!
//! Only for a run that may write. Whatever is made has a name of this run, and is booked. What was refused is judged by what
//! is there afterwards, too.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::run::is_oracle;
use super::{Facts, Probe};
use crate::check::context::Cx;
use crate::check::facts::Dialect;
use crate::http::{Answer, Client, is_registry_error};
use crate::kit::transfer;
use crate::model::failure::{Failure, Proof, Why};
use crate::model::image::{BLOB_TYPE, Image, digest_of};
use crate::scenario::Action;

const PREPARED: Why<'static> = Why {
    claim: "an identity that may create can prepare the scratch repository",
    cause: "its key expired or lost its rights, or the registry stores nothing",
    remedy: "first make `publish::api_key_can_push` pass",
};

const STATE: Why<'static> = Why {
    claim: "a refused request changes nothing",
    cause: "the registry answers with a refusal, and carries the request out",
    remedy: "look at the registry's log for these requests",
};

/// What a request does, if it is let through: each kind needs its control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Push,
    StartUpload,
    ContinueUpload,
    FinishUpload,
    EndUpload,
    Delete,
}

fn step_of(probe: &Probe) -> Option<Step> {
    let session = probe.shape.target.contains("/blobs/uploads/{uuid}");
    match probe.shape.method {
        "PUT" if session => Some(Step::FinishUpload),
        "PUT" => Some(Step::Push),
        "POST" => Some(Step::StartUpload),
        "PATCH" => Some(Step::ContinueUpload),
        "DELETE" if session => Some(Step::EndUpload),
        "DELETE" => Some(Step::Delete),
        _ => None,
    }
}

/// The scratch repository, prepared.
pub(crate) struct Ground {
    /// The placeholders, as they are there.
    pub(crate) facts: Facts,
    scratch: String,
    writer: Client,
    reader: Client,
    image: Image,
    /// A tag that is there, for what calls itself a read.
    kept: String,
    /// A tag that nobody made.
    unmade: String,
    /// Another image that is there: to be deleted, or to be moved to.
    victim: Image,
    /// An upload that is open.
    session: Option<String>,
    /// Why a refusal of this proves nothing.
    uncontrolled: BTreeMap<Step, String>,
}

/// Whether this probe is asked there.
pub(crate) fn moves(probe: &Probe) -> bool {
    is_oracle(probe) && probe.shape.target.contains("{public}")
}

impl Ground {
    /// Prepares it, where the registry is not zot and this run may write; nothing where that is not so, or where no identity
    /// may create there.
    pub(crate) async fn of(
        cx: &Cx,
        facts: &Facts,
        dialect: Dialect,
        probes: &[Probe],
    ) -> Result<Option<Ground>, Failure> {
        let asked: Vec<&Probe> = probes.iter().filter(|probe| moves(probe)).collect();
        let (Some(first), Dialect::Other, true) = (asked.first(), dialect, cx.may_write()) else { return Ok(None) };
        let scratch = cx.scratch()?.to_owned();
        let Some(name) = cx.scenario().one_who_may(Action::Create, &scratch) else { return Ok(None) };
        let writer = cx.trier(&cx.identity(name)?);
        let reader = cx.reads_back(Some(name), &scratch)?;
        // Of this family alone: checks run at once, and registries have trouble with one blob brought twice at a time.
        let image = |word: &str| Image::tiny(&cx.flavour(&format!("{word} {}", first.id)));
        let mut ground = Ground {
            facts: facts.clone(),
            scratch,
            writer,
            reader,
            image: image("asked"),
            kept: cx.tag("kept"),
            unmade: cx.tag("unmade"),
            victim: image("victim"),
            session: None,
            uncontrolled: BTreeMap::new(),
        };
        ground.prepare(cx, &asked).await.map_err(Failure::into_control)?;
        Ok(Some(ground))
    }

    async fn prepare(&mut self, cx: &Cx, asked: &[&Probe]) -> Proof {
        let steps: Vec<Step> = asked.iter().filter_map(|probe| step_of(probe)).collect();
        let does = |wanted: &[Step]| wanted.iter().any(|step| steps.contains(step));
        // The control of a push: the same manifest, under a tag that is not asked about.
        transfer::push_image(cx, &self.writer, &self.scratch, &self.kept, &self.image, &PREPARED).await?;
        if does(&[Step::StartUpload, Step::ContinueUpload, Step::FinishUpload, Step::EndUpload]) {
            let location = self.open(cx).await?;
            let location = self.brought(location).await?;
            self.finish(cx, &location).await?;
            self.session = Some(self.open(cx).await?);
        }
        let remover = cx.scenario().one_who_may(Action::Delete, &self.scratch);
        let remover = remover.map(|name| cx.identity(name)).transpose()?.map(|client| cx.trier(&client));
        for step in [Step::EndUpload, Step::Delete].into_iter().filter(|step| does(&[*step])) {
            let told = match &remover {
                None => Err(format!(
                    "no identity may delete in {}, so a refusal looks like a broken registry",
                    self.scratch
                )),
                Some(remover) if step == Step::Delete => self.deletes(cx, remover).await?,
                Some(remover) => self.ends(cx, remover).await?,
            };
            self.uncontrolled.extend(told.err().map(|reason| (step, reason)));
        }
        transfer::push_image(cx, &self.writer, &self.scratch, &cx.tag("victim"), &self.victim, &PREPARED).await?;
        let uploads = format!("/v2/{}/blobs/uploads/", self.scratch);
        let session = self.session.as_deref().and_then(|location| location.strip_prefix(&uploads));
        self.facts.in_scratch(&self.scratch, session, &self.victim.digest());
        Ok(())
    }

    async fn open(&self, cx: &Cx) -> Result<String, Failure> {
        let start = self.writer.post(format!("/v2/{}/blobs/uploads/", self.scratch)).send().await?;
        let location = start.expect_status(&[202], &PREPARED)?.expect_upload_location(&self.scratch, &PREPARED)?;
        cx.leaves_upload(&location);
        Ok(location)
    }

    /// Sends the first byte; where the upload goes on.
    async fn brought(&self, location: String) -> Result<String, Failure> {
        let patch = self.writer.patch(&location).header("Content-Range", "0-0");
        let answer = patch.body(BLOB_TYPE, self.image.layer.slice(..1)).send().await?;
        answer.expect_status(&[202], &PREPARED)?.expect_upload_location(&self.scratch, &PREPARED)
    }

    /// Brings the rest after the first byte.
    async fn finish(&self, cx: &Cx, location: &str) -> Proof {
        self.end(cx, location, self.image.layer.slice(1..)).await?.expect_status(&[201], &PREPARED)?;
        Ok(())
    }

    async fn end(&self, cx: &Cx, location: &str, bytes: Bytes) -> anyhow::Result<Answer> {
        let target = finishing(location, &self.image.layer);
        let answer = self.writer.put(target).body(BLOB_TYPE, bytes).send().await?;
        if answer.status == 201 {
            cx.upload_ended(location);
        }
        Ok(answer)
    }

    /// The control of a removal.
    async fn deletes(&self, cx: &Cx, remover: &Client) -> Result<Result<(), String>, Failure> {
        let (tag, other) = (cx.tag("removed"), Image::tiny(&cx.tag("removed")));
        transfer::push_image(cx, &self.writer, &self.scratch, &tag, &other, &PREPARED).await?;
        let answer = remover.delete(format!("/v2/{}/manifests/{}", self.scratch, other.digest())).send().await?;
        Ok(removed(&answer, "manifests"))
    }

    /// The control of ending an upload.
    async fn ends(&self, cx: &Cx, remover: &Client) -> Result<Result<(), String>, Failure> {
        let location = self.open(cx).await?;
        let answer = remover.delete(&location).send().await?;
        if removed(&answer, "uploads").is_ok() {
            cx.upload_ended(&location);
        } else {
            self.end(cx, &location, self.image.layer.clone()).await?;
        }
        Ok(removed(&answer, "uploads"))
    }

    /// Why a refusal of this probe proves nothing, if it does not.
    pub(crate) fn allow(&self, probe: &Probe) -> Result<(), String> {
        let reason = step_of(probe).and_then(|step| self.uncontrolled.get(&step));
        reason.map_or(Ok(()), |reason| Err(reason.clone()))
    }

    /// What makes the request one that would be stored: target, headers and body.
    pub(crate) fn complete(
        &self,
        probe: &Probe,
        target: String,
        headers: &mut Vec<(String, String)>,
    ) -> (String, Bytes) {
        let overrides = headers.iter().any(|(_, value)| value == "PUT");
        let tag = if matches!(probe.shape.method, "GET" | "HEAD") { &self.kept } else { &self.unmade };
        let target = target.replace("{tag}", tag);
        let typed = |media: &str| ("Content-Type".to_owned(), media.to_owned());
        match step_of(probe) {
            Some(Step::FinishUpload) => {
                headers.push(typed(BLOB_TYPE));
                (finishing(&target, &self.image.layer), self.image.layer.clone())
            }
            Some(Step::ContinueUpload) => {
                headers.push(("Content-Range".to_owned(), "0-0".to_owned()));
                headers.push(typed(BLOB_TYPE));
                (target, self.image.layer.slice(..1))
            }
            step if step == Some(Step::Push) || overrides && target.contains("/manifests/") => {
                headers.push(typed(crate::model::image::MANIFEST_TYPE));
                // What calls itself a read names a tag that is there: another image would move it.
                let image = if step.is_some() { &self.image } else { &self.victim };
                (target, image.manifest.clone())
            }
            _ => (target, Bytes::new()),
        }
    }

    /// What was refused did not happen.
    pub(crate) async fn unchanged(&self, cx: &Cx) -> Proof {
        let tag_is = |tag: &str, digest: Option<String>| {
            let tag = tag.to_owned();
            async move {
                let now = transfer::left_behind(&self.reader, &self.scratch, &tag, &STATE).await?;
                if now == digest {
                    return Ok(());
                }
                let word = |digest: Option<String>| digest.unwrap_or_else(|| "no such tag".to_owned());
                Err(STATE.fail(format_args!("{tag}: {}", word(digest)), word(now), None))
            }
        };
        tag_is(&self.unmade, None).await?;
        tag_is(&self.kept, Some(self.image.digest())).await?;
        tag_is(&self.victim.digest(), Some(self.victim.digest())).await?;
        let Some(session) = &self.session else { return Ok(()) };
        let answer = self.end(cx, session, self.image.layer.clone()).await?;
        if answer.status == 404 && is_registry_error(&answer) {
            return Err(STATE.fail("an upload session that is still open", answer.brief(), answer.index));
        }
        answer.expect_status(&[201], &STATE).map_err(Failure::into_control)?;
        Ok(())
    }

    /// What the verdict's own line says of it.
    pub(crate) fn line(&self) -> String {
        format!("asked only in {}: the registry is not zot, so it may store what it is sent", self.scratch)
    }
}

/// The request that ends an upload of these bytes.
fn finishing(location: &str, bytes: &Bytes) -> String {
    let joint = if location.contains('?') { '&' } else { '?' };
    format!("{location}{joint}digest={}", digest_of(bytes))
}

fn removed(answer: &Answer, what: &str) -> Result<(), String> {
    match answer.status {
        200 | 202 | 204 => Ok(()),
        405 | 501 => Err(format!("this registry removes no {what}")),
        400 | 404 if answer.error_code().as_deref() == Some("UNSUPPORTED") => {
            Err(format!("this registry removes no {what}"))
        }
        _ => Err(format!("the control failed, {}", answer.brief())),
    }
}
