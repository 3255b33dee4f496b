//! What the checks of the pull-through cache share: a tag that is asked for, where the registry may be waiting for its upstream.
//!
//! Knows no upstream. zot asks its upstream for every tag, cached or not, and serves what it has when that failed; by digest
//! it serves what it has at once (`pkg/api/routes.go`, getImageManifest). Where the upstream cannot be reached, v2.1.20 takes
//! 3 seconds for the first tag and up to 30 for later ones, unless `retryDelay` and `maxRetryDelay` say less.

use crate::check::{Failure, Why};
use crate::scenario::Cache;
use crate::transfer::{self, Manifest};
use crate::wire::Client;

const WAITS: Why<'static> = Why {
    claim: "a cached image is served by tag",
    cause: "the upstream does not answer the registry's question for the tag, or cannot be reached, and zot waits for it before \
            it serves what it has",
    remedy: "look at the network between registry and upstream; pull by digest meanwhile; set retryDelay and maxRetryDelay, \
             as \"1s\", or responseHeaderTimeout in extensions.sync: without them zot waits up to 30 s for each tag",
};

/// The manifest of a cached image by tag; where no answer comes in time, more than once, a promised digest tells a registry that waits for
/// its upstream from one that is down.
pub(crate) async fn by_tag(
    client: &Client,
    cache: &Cache,
    repository: &str,
    tag: &str,
    why: &Why<'_>,
) -> Result<Manifest, Failure> {
    let error = match transfer::manifest(client, repository, tag, why).await {
        Err(Failure::Error(error, None)) => error,
        other => return other,
    };
    let Some(digest) = &cache.digest else {
        return Err(error.context("by tag; with its `digest` in [[cache]] more can be said").into());
    };
    let there = transfer::manifest(client, repository, digest, why).await?;
    // One connection that stalls proves nothing. A registry that waits does so again: if not for the next request, which may
    // have joined the wait of the first, then for the one after it.
    let mut waits = false;
    for _ in 0..2 {
        let again = transfer::manifest(client, repository, tag, why).await;
        waits = matches!(again, Err(Failure::Error(_, None)));
        if waits {
            break;
        }
    }
    if !waits {
        return Err(error.context("by tag, and asked again it was answered").into());
    }
    Err(WAITS.fail("the manifest by tag", format_args!("{error:#}; by digest it is served at once"), there.index))
}
