//! Readers see a new tag, and a tag that was moved, at once.
//!
//! ## Why it matters
//!
//! A cache in front of the registry may keep tags for ten minutes. It then serves the image of before the release, and after
//! a leak the image that was replaced. Pushes look sound: clients that push are rarely answered from the cache.
//!
//! ## How it is proven
//!
//! In the scratch repository, an identity reads, and anonymous clients read where they may. Each reads by `GET`, by `HEAD` and
//! in the list of tags:
//!
//! 1. A tag that is not there is requested, as clients do before a push: 404.
//! 2. An image is pushed under it, and read: its digest.
//! 3. An identity that may update moves the tag to another image. Without such an identity the tag is deleted and pushed again.
//!    It is read again: the new digest.
//! 4. If an identity may delete, and the registry removes tags by name, the tag is deleted and read again: 404.
//!
//! An old answer is asked for again until 5 seconds have passed.
//!
//! ## When it fails
//!
//! Something in front of the registry caches manifests by tag, or lists of tags, or answers of 404. Only answers to requests by
//! digest may be cached: exclude all other paths below `/v2/`.
//!
//! ## References
//!
//! OCI distribution spec, sections Pulling manifests and Pushing Manifests. RFC 9111, section 4.2.2 (heuristic freshness).

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Scratch, Need::Writer, Need::Mover],
    effect: Effect::Writes,
    usual: Duration::from_millis(150),
};

pub(crate) const SENDS: &[Rows] = &[rows::PUSH, rows::FRESH, rows::CLEAN_UP];

const WHY: Why<'static> = Why {
    claim: "readers see the current digest of a tag",
    cause: "something in front of the registry caches manifests by tag, lists of tags or answers of 404; or several registries \
            answer at this address, and not all of them have the push",
    remedy: "below /v2/, let caches keep only answers to requests by digest; look at the cache rules of the proxy and of the \
             content delivery network; let all registries of one address share their storage",
};

/// The longest that the nodes of one registry may take to give the same answer.
const GRACE: Duration = Duration::from_secs(5);

/// Who reads, and who that is.
struct Reader {
    client: Client,
    who: String,
}

pub(crate) async fn run(cx: &Cx) -> Proof {
    let (writer, scratch) = (cx.writer()?, cx.scratch()?);
    let (first, second) = (Image::tiny("fresh-first"), Image::tiny("fresh-second"));
    let tag = cx.tag("tag");
    let readers = readers(cx, scratch)?;
    for image in [&first, &second] {
        transfer::push_blobs(&writer, scratch, image, &WHY).await.map_err(Failure::into_control)?;
    }
    all_see(&readers, scratch, &tag, None).await?;
    transfer::push_image(cx, &writer, scratch, &tag, &first, &WHY).await.map_err(Failure::into_control)?;
    all_see(&readers, scratch, &tag, Some(&first.digest())).await?;
    if !moves(cx, scratch, &tag, &second).await.map_err(Failure::into_control)? {
        cx.skip("no identity may update, and this registry removes no tag by its name, so this run cannot move a tag");
        return Ok(());
    }
    all_see(&readers, scratch, &tag, Some(&second.digest())).await?;
    let (mut seen, mut besides) = (vec!["new", "moved"], "");
    if let Some(remover) = cx.scenario().remover() {
        let gone = transfer::remove_tag(&cx.identity(remover)?, scratch, &tag, &WHY).await;
        if gone.map_err(Failure::into_control)? {
            all_see(&readers, scratch, &tag, None).await?;
            seen.push("deleted");
        } else {
            besides = "; this registry removes no tag by its name";
        }
    }
    let who: Vec<&str> = readers.iter().map(|reader| reader.who.as_str()).collect();
    cx.proven(format!("a {} tag was seen at once by {}{besides}", seen.join(", "), who.join(", ")));
    Ok(())
}

/// Anonymous clients where they may read, and an identity that may; a cache may know them apart.
fn readers(cx: &Cx, scratch: &str) -> anyhow::Result<Vec<Reader>> {
    let scenario = cx.scenario();
    let may = |who| scenario.promise(who, scratch, Action::Read) == Some(true);
    let mut readers = Vec::new();
    if may(None) {
        readers.push(Reader { client: cx.anonymous()?, who: "anonymous clients".to_owned() });
    }
    if let Some(name) = scenario.identities.keys().find(|name| may(Some(name.as_str()))) {
        readers.push(Reader { client: cx.identity(name)?, who: name.clone() });
    }
    anyhow::ensure!(!readers.is_empty(), "no client is known to be allowed to read {scratch}");
    Ok(readers)
}

/// Moves the tag as an identity that may; returns whether that can be done on this registry.
async fn moves(cx: &Cx, scratch: &str, tag: &str, to: &Image) -> Result<bool, Failure> {
    let scenario = cx.scenario();
    if let Some(name) = scenario.one_who_may(Action::Update, scratch) {
        let moved = transfer::put_manifest(&cx.identity(name)?, scratch, tag, to).await?;
        moved.expect_status(&[201], &WHY)?;
        return Ok(true);
    }
    let remover = cx.identity(scenario.remover().context("no identity may update or delete")?)?;
    if !transfer::remove_tag(&remover, scratch, tag, &WHY).await? {
        return Ok(false);
    }
    transfer::put_manifest(&cx.writer()?, scratch, tag, to).await?.expect_status(&[201], &WHY)?;
    Ok(true)
}

async fn all_see(readers: &[Reader], scratch: &str, tag: &str, digest: Option<&str>) -> Proof {
    for reader in readers {
        let end = Instant::now() + GRACE;
        let mut pause = Duration::from_millis(100);
        while let Some((expected, actual, index)) = outdated(reader, scratch, tag, digest).await? {
            if Instant::now() >= end {
                return Err(WHY.fail(expected, actual, index));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
    Ok(())
}

/// What is expected and what is seen instead, where it is not the same.
async fn outdated(
    reader: &Reader,
    scratch: &str,
    tag: &str,
    digest: Option<&str>,
) -> Result<Option<(String, String, usize)>, Failure> {
    let (client, who) = (&reader.client, &reader.who);
    let target = format!("/v2/{scratch}/manifests/{tag}");
    for method in [reqwest::Method::GET, reqwest::Method::HEAD] {
        let request = client.request(method.clone(), &target).header("Accept", transfer::ACCEPT).limit(MANIFEST_LIMIT);
        let answer = request.send().await?;
        answer.expect_status(&[200, 404], &WHY).map_err(Failure::into_control)?;
        let seen = match answer.status {
            404 => None,
            _ if method == reqwest::Method::GET => Some(transfer::whole_manifest(&answer, tag, &WHY)?.digest),
            // Not every registry says the digest of a HEAD.
            _ => answer.header("docker-content-digest").map(str::to_owned).or_else(|| digest.map(str::to_owned)),
        };
        if seen.as_deref() != digest {
            let word = |digest: Option<&str>| digest.map_or_else(|| "no such tag".to_owned(), str::to_owned);
            let actual = format!("{} for {who}, {}", word(seen.as_deref()), answer.brief());
            return Ok(Some((word(digest), actual, answer.index)));
        }
    }
    let answer = client.get(format!("/v2/{scratch}/tags/list")).limit(4 << 20).send().await?;
    // A scratch repository that is not there yet has no list. One of very many tags is cut into pages.
    answer.expect_status(&[200, 404], &WHY).map_err(Failure::into_control)?;
    let listed =
        answer.status == 200 && answer.json()?["tags"].as_array().is_some_and(|tags| tags.iter().any(|it| it == tag));
    let whole = answer.header("link").is_none();
    if whole && listed != digest.is_some() {
        let word = |there: bool| if there { "the tag in the list" } else { "the tag not in the list" };
        let actual = format!("{} for {who}, {}", word(listed), answer.brief());
        return Ok(Some((word(digest.is_some()).to_owned(), actual, answer.index)));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, errs, fails, proven};

    const ID: &str = "registry::answers_are_fresh";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        let proven = outcome.proven.unwrap_or_default();
        assert!(proven.starts_with("a new, moved, deleted tag"), "{proven}");
        assert_eq!(outcome.leftovers, []);
    }

    #[tokio::test]
    async fn fails_when_a_cache_serves_what_was() {
        let finding = fails(ID, Weakness::StaleAnswers).await;
        assert!(finding.actual.contains("anonymous clients") && finding.expected.starts_with("sha256:"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_nothing_can_be_pushed_or_the_registry_is_down() {
        errs(ID, Weakness::CiCannotCreate).await;
        error_when_down(ID).await;
    }
}
