//! Every tag of the public repositories matches the promised pattern.
//!
//! ## Why it matters
//!
//! A tag that fits no release was pushed by hand, or by a job that should not push there. It is often the first sign of a mistake
//! or of a stolen key.
//!
//! ## How it is proven
//!
//! For each repository in `[repositories] public`, as an identity that may read:
//!
//! 1. The whole list of tags, page by page, following `Link` on the same origin and list only.
//! 2. No page brings a tag twice, and the list ends.
//! 3. Each tag matches `[tags] pattern`. A tag that does not is looked up again, since others push and delete meanwhile.
//!    Left out are the tags by which tools find the referrers of an image. These are cosign's `sha256-….sig`, `.att` and `.sbom`,
//!    and the referrers tag `sha256-…`. A note counts them.
//!
//! ## When it fails
//!
//! The finding names up to ten tags. Remove the tags that do not belong there, or widen the pattern for the others.
//! `latest` must be in the pattern too. A list that repeats itself comes from a cache in front of the registry.
//!
//! ## References
//!
//! OCI distribution spec, sections Listing Tags and Referrers Tag Schema. RFC 8288 (Link). cosign, signature specification.

use std::time::Duration;

use anyhow::Context as _;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::TagPattern, Need::PublicRepository, Need::PublicReader],
    effect: Effect::ReadOnly,
    usual: Duration::from_millis(50),
};

pub(crate) const SENDS: &[Rows] = &[rows::PULL];

const WHY: Why<'static> = Why {
    claim: "every tag matches the promised pattern",
    cause: "a tag that is no release was pushed, or the pattern does not cover a kind of release",
    remedy: "find the user who pushed the tags (zot's log names the user), remove the tags, or widen [tags] pattern",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let pattern = &cx.scenario().tags.as_ref().context("no [tags]")?.pattern;
    let matcher = regex::Regex::new(pattern)?;
    let mut strangers = Vec::new();
    for repository in &cx.scenario().repositories.public {
        let client = cx.reader(repository)?;
        let tags = listing::tags(&client, repository, &WHY).await?;
        cx.note(format!("{repository}: {}", count(tags.len(), "tag")));
        if tags.is_empty() {
            return Err(WHY.undecided("at least one tag", format_args!("{repository} has none"), None));
        }
        let others: Vec<&String> = tags.iter().filter(|tag| !matcher.is_match(tag)).collect();
        let referring = others.iter().filter(|tag| transfer::is_referrers_tag(tag)).count();
        if referring > 0 {
            cx.note(format!("{repository}: {referring} tags of signatures and the like left out, as sha256-….sig"));
        }
        let mut found: Vec<&String> = others.into_iter().filter(|tag| !transfer::is_referrers_tag(tag)).collect();
        if !found.is_empty() {
            let now = listing::tags(&client, repository, &WHY).await?;
            found.retain(|tag| now.contains(tag));
        }
        strangers.extend(found.into_iter().map(|tag| format!("{repository}:{tag}")));
    }
    if strangers.is_empty() {
        return Ok(());
    }
    let more = strangers.len().saturating_sub(10);
    strangers.truncate(10);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(WHY.fail(pattern, format_args!("{}{rest}", strangers.join(", ")), None))
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, config, error_when_down, errs, fails, proven};

    const ID: &str = "tags::match_the_pattern";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        assert!(outcome.notes.iter().any(|note| note.ends_with("3 tags")), "{:?}", outcome.notes);
    }

    #[tokio::test]
    async fn fails_for_a_tag_pushed_by_hand_and_for_a_list_without_end() {
        let finding = fails(ID, Weakness::TagOutsideThePattern).await;
        assert!(finding.actual.contains("navidrome:test"), "{finding:?}");
        let finding = fails(ID, Weakness::TagsListLoops).await;
        assert!(finding.cause.contains("repeats"), "{finding:?}");
    }

    #[tokio::test]
    async fn public_repositories_are_read_without_credentials_where_only_those_who_have_none_may() {
        let outcome = config::run(ID, None, |config| {
            let rules = &mut config["http"]["accessControl"]["repositories"];
            let only_anonymous = serde_json::json!({ "anonymousPolicy": ["read"] });
            rules["blumeops/regproof"] = std::mem::replace(&mut rules["**"], only_anonymous);
            rules["blumeops/regproof"]["anonymousPolicy"] = serde_json::json!([]);
        });
        let outcome = outcome.await;
        assert_eq!(outcome.verdict.word(), "pass", "{:?}", outcome.finding);
        assert!(outcome.transcript.iter().all(|exchange| exchange.who == "anonymous"));
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down_or_busy() {
        errs(ID, Weakness::RateLimited).await;
        error_when_down(ID).await;
    }
}
