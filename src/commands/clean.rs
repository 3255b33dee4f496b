//! `clean`: removes what runs left behind, which is tags that start with `regproof-` in the scratch repository and in the
//! private one.
//!
//! Nothing else is ever removed. A manifest goes by its digest only where the registry removes no tag, and where no tag that is
//! not a run's points to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::{Terminal, Trouble, prepare, runtime, show};
use crate::base::log;
use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::cli;
use crate::http::guard::Guard;
use crate::http::recorder::Recorder;
use crate::http::{Client, Credential};
use crate::kit::transfer::{ACCEPT, is_digest};
use crate::model::effect::Effect;
use crate::model::outcome::ExitStatus;
use crate::report::visible;
use crate::scenario::{Action, Scenario};

const PREFIX: &str = "regproof-";
/// More pages than any scratch repository has; a registry that never ends its list must not keep us for ever.
const PAGES: usize = 1000;
/// More of ours than any number of runs leaves.
const MOST: usize = 100_000;
/// More tags of others are not looked at one by one.
const MOST_OTHERS: usize = 200;
/// What is not removed by then is a matter for another try.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// `clean`.
pub(crate) fn clean(args: &cli::Clean, terminal: &Terminal) -> Result<ExitStatus, Trouble> {
    let target = Target::open(&args.scenario.clone().unwrap_or_else(prepare::usual), None, Machine::here(true))?;
    log::hide(target.redactor());
    let places = places(target.scenario())?;
    let (mut all, mut left) = (String::new(), false);
    let runtime = runtime()?;
    for (scratch, remover) in places {
        let Some(remover) = remover else {
            all.push_str(&format!("not looked at {scratch}: no identity of the scenario may delete there\n"));
            left = true;
            continue;
        };
        let cleaned = runtime.block_on(async {
            let client = client(&target, scratch, remover)?;
            let work = tokio::time::timeout(LIMIT, work(&client, scratch, args.dry_run));
            work.await.unwrap_or_else(|_| anyhow::bail!("it did not end within {LIMIT:?}"))
        });
        match cleaned {
            Ok((text, remains)) => {
                all.push_str(&text);
                left |= remains;
            }
            Err(error) => {
                // What was removed elsewhere is told all the same.
                show(terminal, &log::clean(&all))?;
                return Err(Trouble::failed(format_args!("cannot clean {scratch}: {error:#}")));
            }
        }
    }
    show(terminal, &log::clean(&all))?;
    Ok(if left { ExitStatus::NotProven } else { ExitStatus::Proven })
}

/// Where runs leave things, and who may delete there, if anybody may.
fn places(scenario: &Scenario) -> Result<Vec<(&str, Option<&str>)>, Trouble> {
    let declared = &scenario.repositories;
    let names = declared.scratch.iter().chain(&declared.private_scratch).map(String::as_str);
    let places: Vec<_> = names.map(|name| (name, scenario.one_who_may(Action::Delete, name))).collect();
    if places.is_empty() {
        return Err(Trouble::usage(
            "nothing to clean: the scenario has neither [repositories] scratch nor private_scratch",
        ));
    }
    if places.iter().all(|(_, remover)| remover.is_none()) {
        return Err(Trouble::usage(
            "no identity of the scenario may delete; add one whose groups have \"delete\" in [access]",
        ));
    }
    Ok(places)
}

fn client(target: &Target, scratch: &str, who: &str) -> anyhow::Result<Client> {
    let identity = target.scenario().identities.get(who).context("the identity is gone")?;
    let secret = target.secrets.identities.get(who).context("the identity has no secret")?.clone();
    let credential = Credential { username: identity.username.clone(), secret };
    let guard = Guard { effect: Effect::Writes, scratch: Some(scratch.to_owned()), ..Guard::read_only() };
    let recorder = Recorder::blind(Arc::clone(target.redactor()));
    Client::new(&target.route, target.origin(), who, Some(credential), Arc::new(guard), recorder)
}

/// What was done, and whether something is left that should not be.
async fn work(client: &Client, scratch: &str, dry_run: bool) -> anyhow::Result<(String, bool)> {
    let tags = tags(client, scratch, is_ours).await?;
    let mut lines = Vec::new();
    for tag in &tags {
        let what = format!("{scratch}:{tag}");
        if dry_run {
            lines.push(format!("would remove {what}"));
            continue;
        }
        let answer = client.delete(format!("/v2/{scratch}/manifests/{tag}")).send().await?;
        let gone = answer.status == 404 && digest(client, scratch, tag).await?.is_none();
        if gone || matches!(answer.status, 200 | 202 | 204) {
            lines.push(format!("removed {what}"));
        } else if by_digest(client, scratch, tag).await? {
            lines.push(format!("removed {what}, by its digest"));
        } else {
            lines.push(format!("not removed {what}: {}", visible(&log::clean(&answer.brief()), 200)));
        }
    }
    // The status is evidence, the list decides.
    let left = if dry_run || tags.is_empty() { BTreeSet::new() } else { self::tags(client, scratch, is_ours).await? };
    lines.push(match (dry_run, tags.len(), left.len()) {
        (_, 0, _) => format!("nothing of regproof is in {scratch}"),
        (true, count, _) => format!("{count} to remove from {scratch}; nothing was removed"),
        (false, count, 0) => format!("{count} removed from {scratch}"),
        (false, count, left) => format!("{} removed from {scratch}, {left} still there", count.saturating_sub(left)),
    });
    Ok((lines.join("\n") + "\n", !left.is_empty()))
}

/// Removes what a tag points to, where only runs' tags point to it: some registries remove in no other way (OCI distribution
/// spec, section Deleting tags).
async fn by_digest(client: &Client, scratch: &str, tag: &str) -> anyhow::Result<bool> {
    let Some(digest) = digest(client, scratch, tag).await? else { return Ok(false) };
    let others = tags(client, scratch, |tag| !is_ours(tag) && is_tag(tag)).await?;
    if others.len() > MOST_OTHERS {
        return Ok(false);
    }
    for other in others {
        match self::digest(client, scratch, &other).await? {
            Some(its) if its != digest => {}
            // The same, or not known.
            _ => return Ok(false),
        }
    }
    let answer = client.delete(format!("/v2/{scratch}/manifests/{digest}")).send().await?;
    Ok(matches!(answer.status, 200 | 202 | 204))
}

async fn digest(client: &Client, scratch: &str, tag: &str) -> anyhow::Result<Option<String>> {
    let answer = client.head(format!("/v2/{scratch}/manifests/{tag}")).header("Accept", ACCEPT).send().await?;
    let digest = answer.header("docker-content-digest").filter(|digest| answer.status == 200 && is_digest(digest));
    Ok(digest.map(str::to_owned))
}

/// The wanted tags, all pages of the list.
async fn tags(client: &Client, scratch: &str, wanted: fn(&str) -> bool) -> anyhow::Result<BTreeSet<String>> {
    let mut tags = BTreeSet::new();
    let mut query = "?n=500".to_owned();
    for _ in 0..PAGES {
        let answer = client.get(format!("/v2/{scratch}/tags/list{query}")).send().await?;
        if answer.status == 404 && answer.error_code().is_some() {
            return Ok(BTreeSet::new());
        }
        anyhow::ensure!(answer.status == 200, "its tags cannot be listed: {}", answer.brief());
        let body = answer.json()?;
        let page: Vec<&str> = body["tags"].as_array().into_iter().flatten().filter_map(|tag| tag.as_str()).collect();
        tags.extend(page.iter().filter(|tag| wanted(tag)).map(|tag| (*tag).to_owned()));
        anyhow::ensure!(tags.len() <= MOST, "it has more than {MOST} such tags");
        let more = answer.header("link").is_some_and(|link| link.contains("next"));
        match page.last().filter(|last| more && is_tag(last)) {
            Some(last) => {
                let next = format!("?n=500&last={last}");
                anyhow::ensure!(next != query, "the list of its tags repeats itself");
                query = next;
            }
            None => return Ok(tags),
        }
    }
    anyhow::bail!("the list of its tags does not end")
}

fn is_ours(tag: &str) -> bool {
    tag.starts_with(PREFIX) && is_tag(tag)
}

/// A tag as the OCI distribution spec has it (section Pulling manifests): nothing that changes the path of a request.
fn is_tag(tag: &str) -> bool {
    let first = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    first && tag.len() <= 128 && tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_of_a_run_are_ours() {
        for (tag, expected) in [
            ("regproof-0123456789ab-pushed-x", true),
            ("v1.0.0", false),
            ("latest", false),
            ("regproof", false),
            ("regproof-/../../other/manifests/x", false),
            ("regproof-?x", false),
        ] {
            assert_eq!(is_ours(tag), expected, "{tag}");
        }
    }
}
