//! Permissions proven by writes in the scratch repository, for a registry whose order of decisions is not known.
//!
//! Each request is judged by what is there afterwards; its status only tells a refusal from a failure. Everything that is
//! made has a name of this run, and is booked.

use super::Asker;
use super::cell::Cell;
use crate::check::context::Cx;
use crate::check::facts::{Clearance, Unasked};
use crate::http::{Answer, Client, is_registry_error};
use crate::kit::oracle::{Oracle, Permission};
use crate::kit::transfer;
use crate::model::failure::{Failure, Why};
use crate::model::image::{BLOB_TYPE, Image, digest_of};
use crate::scenario::Action;

const NOT_OFFERED: &str = "that this registry does not offer";
const NO_QUERY: &str = "where this registry ignores `?tag=`";
const NO_WRITER: &str = "that need an identity which may create in the scratch repository";

const PREPARED: Why<'static> = Why {
    claim: "an identity that may create can prepare the scratch repository",
    cause: "its key expired or lost its group, or the registry stores nothing",
    remedy: "first make publish::api_key_can_push pass",
};

/// What one request told: a permission, or why there is nothing to learn.
type Told = Result<(Permission, u16, Option<usize>), &'static str>;

/// One of those who ask, at work in the scratch repository.
struct Work<'a> {
    cx: &'a Cx,
    scratch: &'a str,
    asker: &'a Asker,
    client: Client,
    /// Who prepares what is asked about, and reads what became of it.
    writer: Option<&'a Client>,
    image: Image,
    moved: Image,
}

/// Asks by writing what cannot be asked otherwise on this registry. Does nothing where nothing may be written.
pub(crate) async fn write(cx: &Cx, askers: &[Asker], cells: &mut [Cell], clearance: &Clearance) -> anyhow::Result<()> {
    let Ok(scratch) = cx.scratch() else { return Ok(()) };
    let open = |cell: &Cell| {
        let unknown = matches!(clearance.asks(cell.oracle), Err(Unasked::Unknown(_)));
        unknown && cell.repository == scratch && cell.unasked.is_some() && writable(cell.oracle)
    };
    if !cx.may_write() || !cells.iter().any(open) {
        return Ok(());
    }
    let image = Image::tiny("permission-matrix");
    let writer = writer(cx, scratch, &image).await?;
    let moved = Image::tiny("permission-matrix-moved");
    if let Some(writer) = &writer {
        // Where this fails, what needs it is undecided.
        let _ = transfer::push_blobs(writer, scratch, &moved, &PREPARED).await;
    }
    // One after the other: some registries trip over the same blob brought twice at once.
    for asker in askers {
        let (image, moved, client) = (image.clone(), moved.clone(), cx.trier(asker.client()));
        let told = Work { cx, scratch, asker, client, writer: writer.as_ref(), image, moved }.all().await;
        for (oracle, told) in told {
            let wanted = |cell: &&mut Cell| cell.who == asker.name && cell.oracle == oracle && open(cell);
            let Some(cell) = cells.iter_mut().find(wanted) else { continue };
            match told {
                Ok((permission, status, exchange)) => {
                    cell.unasked = None;
                    cell.add(permission, status, exchange);
                }
                Err(reason) => cell.unasked = Some(reason),
            }
        }
    }
    doubt(cells, scratch);
    Ok(())
}

/// The first identity that is promised to create and can.
async fn writer(cx: &Cx, scratch: &str, image: &Image) -> anyhow::Result<Option<Client>> {
    let names = cx.scenario().writer().into_iter().chain(cx.scenario().identities.keys().map(String::as_str));
    for name in names.filter(|name| cx.scenario().promise(Some(name), scratch, Action::Create) == Some(true)) {
        let client = cx.trier(&cx.identity(name)?);
        if transfer::push_blobs(&client, scratch, image, &PREPARED).await.is_ok() {
            return Ok(Some(client));
        }
    }
    Ok(None)
}

fn writable(oracle: Oracle) -> bool {
    !matches!(oracle, Oracle::ReadManifest | Oracle::ReadBlob | Oracle::ListTags | Oracle::UpdateLatest)
}

/// What is not offered to one and works for another is offered: then nothing is known of the one.
fn doubt(cells: &mut [Cell], scratch: &str) {
    let works: Vec<Oracle> =
        cells.iter().filter(|cell| cell.has(&Permission::Allowed)).map(|cell| cell.oracle).collect();
    for cell in cells.iter_mut().filter(|cell| cell.repository == scratch && cell.unasked == Some(NOT_OFFERED)) {
        if works.contains(&cell.oracle) {
            cell.unasked = None;
            let why = "refused as if the registry did not offer it, but others may do it".to_owned();
            cell.add(Permission::Undecided(why), 0, None);
        }
    }
}

/// What an answer and the state after it say together.
fn judged(answer: &Answer, changed: bool, anonymous: bool) -> Told {
    let unsupported = answer.error_code().as_deref() == Some("UNSUPPORTED");
    let permission = match answer.status {
        _ if changed => Permission::Allowed,
        405 | 501 => return Err(NOT_OFFERED),
        400 | 404 if unsupported => return Err(NOT_OFFERED),
        401 if !anonymous => Permission::Undecided(format!(
            "{}: its credentials were refused: the key expired, was revoked, or belongs to another user",
            answer.brief()
        )),
        401 if answer.asks_for_token().is_some() => {
            Permission::Undecided(format!("{}: the registry asks for a token", answer.brief()))
        }
        401 | 403 if is_registry_error(answer) => Permission::Denied,
        401 | 403 => Permission::Undecided(format!("{}: without the registry's own error", answer.brief())),
        200..=299 => Permission::Undecided(format!("{}, and nothing changed", answer.brief())),
        _ => Permission::Undecided(answer.brief()),
    };
    Ok((permission, answer.status, Some(answer.index)))
}

fn failed(error: &anyhow::Error) -> Told {
    Ok((Permission::Undecided(format!("{error:#}")), 0, None))
}

/// A step that only prepares did not work: nothing is known.
fn unprepared(failure: &Failure) -> Told {
    let finding = failure.finding();
    Ok((Permission::Undecided(format!("the preparation failed: {}", finding.actual)), 0, None))
}

impl Work<'_> {
    async fn all(self) -> Vec<(Oracle, Told)> {
        let mut told = self.uploads().await;
        told.push((Oracle::MountBlob, self.mount().await));
        told.push((Oracle::CreateTag, self.create().await));
        for (oracle, by_query) in [(Oracle::UpdateTag, false), (Oracle::MoveTagByQuery, true)] {
            told.push((oracle, self.update(by_query).await));
        }
        told.push((Oracle::DeleteManifest, self.delete_manifest().await));
        told.push((Oracle::DeleteBlob, self.delete_blob().await));
        told.push((Oracle::DeleteUpload, self.delete_upload().await));
        told
    }

    fn is_anonymous(&self) -> bool {
        self.asker.identity.is_none()
    }

    fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.scratch)
    }

    /// A tag that this asker alone asks about.
    fn tag(&self, word: &str) -> String {
        self.cx.tag(&format!("{}-{word}", self.asker.name))
    }

    /// Who sees what became of it.
    fn reader(&self) -> &Client {
        self.writer.unwrap_or(&self.client)
    }

    async fn digest(&self, reference: &str) -> Result<Option<String>, Failure> {
        transfer::tag_digest(self.reader(), self.scratch, reference, &PREPARED).await
    }

    /// Opens an upload; where the asker may not, the writer opens it.
    async fn session(&self, client: &Client) -> anyhow::Result<(Answer, Option<String>)> {
        let answer = client.post(self.path("blobs/uploads/")).send().await?;
        let location = answer.expect_upload_location(self.scratch, &PREPARED).ok().filter(|_| answer.status == 202);
        if let Some(location) = &location {
            self.cx.leaves_upload(location);
        }
        Ok((answer, location))
    }

    /// A session of this client, else one of the writer's.
    async fn some_session(&self) -> anyhow::Result<Option<String>> {
        if let (_, Some(location)) = self.session(&self.client).await? {
            return Ok(Some(location));
        }
        match self.writer {
            Some(writer) => Ok(self.session(writer).await?.1),
            None => Ok(None),
        }
    }

    async fn uploads(&self) -> Vec<(Oracle, Told)> {
        let start = match self.session(&self.client).await {
            Ok((answer, location)) => {
                if let Some(location) = &location {
                    // Ended, so that no session stays open.
                    let _ = self.finish(&self.client, location, &self.image.layer).await;
                }
                judged(&answer, answer.status == 202, self.is_anonymous())
            }
            Err(error) => failed(&error),
        };
        let more = self.continued(false).await;
        let end = self.continued(true).await;
        vec![(Oracle::StartUpload, start), (Oracle::ContinueUpload, more), (Oracle::FinishUpload, end)]
    }

    /// Sends bytes to an upload that was opened, or ends it.
    async fn continued(&self, end: bool) -> Told {
        let location = match self.some_session().await {
            Ok(Some(location)) => location,
            Ok(None) => return Err(NO_WRITER),
            Err(error) => return failed(&error),
        };
        let blob = &self.image.layer;
        let answer = if end {
            self.finish(&self.client, &location, blob).await
        } else {
            let range = format!("0-{}", blob.len() - 1);
            let patch = self.client.patch(&location).header("Content-Range", &range);
            patch.body("application/octet-stream", blob.clone()).send().await
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return failed(&error),
        };
        let worked = answer.status == if end { 201 } else { 202 };
        if !end || !worked {
            let next = answer.expect_upload_location(self.scratch, &PREPARED).ok().filter(|_| worked);
            let owner = self.writer.unwrap_or(&self.client);
            let ended = match next {
                Some(next) => self.client.delete(next).send().await,
                None => owner.delete(&location).send().await,
            };
            if ended.is_ok_and(|answer| matches!(answer.status, 200 | 202 | 204)) {
                self.cx.upload_ended(&location);
            }
        }
        judged(&answer, worked, self.is_anonymous())
    }

    async fn finish(&self, client: &Client, location: &str, blob: &bytes::Bytes) -> anyhow::Result<Answer> {
        let joint = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{joint}digest={}", digest_of(blob));
        let answer = client.put(target).body(BLOB_TYPE, blob.clone()).send().await?;
        if answer.status == 201 {
            self.cx.upload_ended(location);
        }
        Ok(answer)
    }

    async fn mount(&self) -> Told {
        if self.writer.is_none() {
            return Err(NO_WRITER);
        }
        let mount = format!("blobs/uploads/?mount={}&from={}", digest_of(&self.image.layer), self.scratch);
        let answer = match self.client.post(self.path(&mount)).send().await {
            Ok(answer) => answer,
            Err(error) => return failed(&error),
        };
        if let Ok(location) = answer.expect_upload_location(self.scratch, &PREPARED)
            && answer.status == 202
        {
            self.cx.leaves_upload(&location);
            let _ = self.finish(&self.client, &location, &self.image.layer).await;
        }
        judged(&answer, matches!(answer.status, 201 | 202), self.is_anonymous())
    }

    async fn create(&self) -> Told {
        if self.writer.is_none() {
            // Where no writer brings the blobs, the client brings them, if it may push.
            let _ = transfer::push_blobs(&self.client, self.scratch, &self.image, &PREPARED).await;
        }
        let tag = self.tag("new");
        self.put(&tag, &tag, &self.image).await
    }

    /// Puts an image, and looks whether the tag points at it.
    async fn put(&self, reference: &str, tag: &str, image: &Image) -> Told {
        self.cx.leaves(self.scratch, tag);
        let answer = match transfer::put_manifest(&self.client, self.scratch, reference, image).await {
            Ok(answer) => answer,
            Err(error) => return failed(&error),
        };
        match self.digest(tag).await {
            Ok(now) => judged(&answer, now == Some(image.digest()), self.is_anonymous()),
            Err(failure) => unprepared(&failure),
        }
    }

    async fn update(&self, by_query: bool) -> Told {
        let Some(writer) = self.writer else { return Err(NO_WRITER) };
        let tag = self.tag(if by_query { "query" } else { "moves" });
        if let Err(failure) = transfer::push_image(self.cx, writer, self.scratch, &tag, &self.image, &PREPARED).await {
            return unprepared(&failure);
        }
        if !by_query {
            return self.put(&tag, &tag, &self.moved).await;
        }
        let digest = self.moved.digest();
        self.cx.leaves(self.scratch, &digest);
        match self.put(&format!("{digest}?tag={tag}"), &tag, &self.moved).await {
            // It was stored by its digest, and the tag stays where it was.
            Ok((Permission::Undecided(_), 200..=299, _)) => Err(NO_QUERY),
            other => other,
        }
    }

    /// An image of this asker's own, so that nothing else goes with it.
    async fn delete_manifest(&self) -> Told {
        let Some(writer) = self.writer else { return Err(NO_WRITER) };
        let tag = self.tag("delete");
        let image = Image::tiny(&tag);
        if let Err(failure) = transfer::push_image(self.cx, writer, self.scratch, &tag, &image, &PREPARED).await {
            return unprepared(&failure);
        }
        let digest = image.digest();
        let answer = match self.client.delete(self.path(&format!("manifests/{digest}"))).send().await {
            Ok(answer) => answer,
            Err(error) => return failed(&error),
        };
        match self.digest(&digest).await {
            Ok(now) => judged(&answer, now.is_none(), self.is_anonymous()),
            Err(failure) => unprepared(&failure),
        }
    }

    async fn delete_blob(&self) -> Told {
        let Some(writer) = self.writer else { return Err(NO_WRITER) };
        let blob = bytes::Bytes::from(format!("regproof {}", self.tag("blob")));
        let digest = digest_of(&blob);
        self.cx.leaves_blob(self.scratch, &digest);
        if let Err(failure) = transfer::push_blob(writer, self.scratch, &blob, &PREPARED).await {
            return unprepared(&failure);
        }
        let path = self.path(&format!("blobs/{digest}"));
        let sent = async {
            let answer = self.client.delete(&path).send().await?;
            anyhow::Ok((answer, self.reader().get(&path).send().await?))
        };
        match sent.await {
            Ok((answer, now)) if matches!(now.status, 200 | 307 | 404) => {
                judged(&answer, now.status == 404 && is_registry_error(&now), self.is_anonymous())
            }
            Ok((_, now)) => Ok((Permission::Undecided(now.brief()), now.status, Some(now.index))),
            Err(error) => failed(&error),
        }
    }

    async fn delete_upload(&self) -> Told {
        let Some(writer) = self.writer else { return Err(NO_WRITER) };
        let sent = async {
            let (_, location) = self.session(writer).await?;
            let Some(location) = location else { return anyhow::Ok(None) };
            let answer = self.client.delete(&location).send().await?;
            let gone = matches!(answer.status, 200 | 202 | 204);
            let end = if gone { None } else { Some(writer.delete(&location).send().await?) };
            if gone || end.is_some_and(|end| matches!(end.status, 200 | 202 | 204)) {
                self.cx.upload_ended(&location);
            }
            Ok(Some((answer, gone)))
        };
        match sent.await {
            Ok(Some((answer, gone))) => judged(&answer, gone, self.is_anonymous()),
            Ok(None) => Err(NOT_OFFERED),
            Err(error) => failed(&error),
        }
    }
}
