//! Whether what answers at `registry.url` is the scenario's registry at all. What passes on any answer proves nothing.
//!
//! Not for checks that read an image or are let in somewhere: those prove it by that.

use crate::check::context::Cx;
use crate::http::{Answer, Client};
use crate::kit::transfer::TagList;
use crate::model::failure::{Failure, Proof, Why};
use crate::scenario::Action;

const REGISTRY: Why<'static> = Why {
    claim: "the registry itself answers",
    cause: "something else answers: a proxy that fails, a login page, another host",
    remedy: "first make registry::answers_as_a_registry pass",
};

const THIS: Why<'static> = Why {
    claim: "this is the registry that holds the scenario's public repositories",
    cause: "the URL leads to another registry, or to an empty one",
    remedy: "compare registry.url and repositories.public with the deployment",
};

/// An Error unless `/v2/` is answered by a registry, and unless it is the one that has the first public repository. The answer
/// to anonymous clients.
pub(crate) async fn proven(cx: &Cx) -> Result<Answer, Failure> {
    Ok(speaker(cx).await?.1)
}

/// The same, with the client to whom the registry itself answers: anyone, or, where something in front of it asks everybody for
/// a password, an identity that may read.
pub(crate) async fn speaker(cx: &Cx) -> Result<(Client, Answer), Failure> {
    let anyone = cx.anonymous()?;
    let answer = anyone.get("/v2/").send().await?;
    let repository = cx.scenario().repositories.public.first();
    let reader = repository.map(|repository| who_reads(cx, repository)).transpose()?.flatten();
    let spoken = speaks(&answer);
    let client = match &reader {
        Some(reader) if spoken.is_err() && answer.wants_a_password() && reader.credential().is_some() => {
            speaks(&reader.get("/v2/").send().await?)?;
            reader.clone()
        }
        _ => {
            spoken?;
            anyone
        }
    };
    // Without a token nothing can be asked of it; the checks say so where they ask.
    if answer.asks_for_token().is_none()
        && let Some((repository, reader)) = repository.zip(reader)
    {
        lists_its_tags(&reader, repository, &THIS).await.map_err(Failure::into_control)?;
    }
    Ok((client, answer))
}

/// An Error unless this answer to `GET /v2/` is a registry's.
pub(crate) fn speaks(answer: &Answer) -> Proof {
    answer.expect_status(&[200, 401], &REGISTRY).map_err(Failure::into_control)?;
    if answer.speaks_the_api() {
        return Ok(());
    }
    Err(REGISTRY.undecided("an answer of the registry at /v2/", answer.brief(), answer.index))
}

/// Who is promised to read it, if anybody is.
fn who_reads(cx: &Cx, repository: &str) -> anyhow::Result<Option<Client>> {
    let name = cx.scenario().reader(repository);
    let may = cx.scenario().promise(name, repository, Action::Read) == Some(true);
    may.then(|| cx.reader(repository)).transpose()
}

/// The repository lists its tags under its own name.
pub(crate) async fn lists_its_tags(reader: &Client, repository: &str, why: &Why<'_>) -> Proof {
    let answer = reader.get(format!("/v2/{repository}/tags/list")).send().await?;
    answer.expect_status(&[200], why)?;
    let named = answer.json().ok().and_then(|body| body.get("name")?.as_str().map(str::to_owned));
    let tags = serde_json::from_slice::<TagList>(&answer.body).is_ok();
    if named.as_deref() != Some(repository) || !tags {
        return Err(why.fail(format_args!("the tags of {repository}"), answer.brief(), answer.index));
    }
    Ok(())
}
