//! What the checks of the pull-through cache share: a tag that is asked for, where the registry may be waiting for its upstream.
//!
//! zot asks its upstream for every tag, cached or not, and serves what it has when that failed; by digest
//! it serves what it has at once (`pkg/api/routes.go`, getImageManifest). Where the upstream cannot be reached, v2.1.20 takes
//! 3 seconds for the first tag and up to 30 for later ones, unless `retryDelay` and `maxRetryDelay` say less.

use std::time::{Duration, Instant};

use reqwest::Method;
use url::Url;

use crate::check::context::Cx;
use crate::http::{Answer, Client, MANIFEST_LIMIT, Origin};
use crate::kit::transfer;
use crate::kit::transfer::Manifest;
use crate::model::failure::{Failure, Why};
use crate::scenario::Cache;

const WAITS: Why<'static> = Why {
    claim: "a cached image is served by tag",
    cause: "the upstream does not answer the registry's request for the tag, or cannot be reached; zot waits for it before \
            it serves the stored image",
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
        return Err(error.context("by tag; a `digest` in [[cache]] would show more").into());
    };
    let there = transfer::manifest(client, repository, digest, why).await?;
    // One slow request is no proof. A registry that waits for its upstream is slow again: for the next request, or for the one
    // after it where the next one shared the first wait.
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

impl Cache {
    /// The image's repository at its upstream.
    pub(crate) fn upstream_repository(&self) -> Option<String> {
        let path = self.upstream.as_ref()?.path().trim_matches('/').to_owned();
        let name = self.image.rsplit_once(':').map_or(self.image.as_str(), |(name, _)| name);
        // The namespace of a cache is the host that it stands for, as `docker.io`.
        let after = name.split_once('/').map_or(name, |(_, after)| after);
        Some(if path.is_empty() { after.to_owned() } else { path })
    }
}

/// What an upstream has under a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AtUpstream {
    /// The digest, as the upstream says it.
    pub(crate) digest: String,
    /// Whether it is in Docker's format, of which zot makes an OCI image with another digest unless `preserveDigest` is set.
    pub(crate) docker: bool,
}

/// An upstream that is asked about one tag, without credentials, by `HEAD`, which Docker Hub does not count as a pull.
pub(crate) struct Upstream {
    client: Client,
    token: Option<String>,
    target: String,
}

impl Upstream {
    /// The upstream that the scenario names, with its answer and the exchange; nothing where it names none.
    pub(crate) async fn reach(
        cx: &Cx,
        cache: &Cache,
        tag: &str,
    ) -> Result<Option<(Upstream, Answer, Option<usize>)>, Failure> {
        let (Some(url), Some(name)) = (&cache.upstream, cache.upstream_repository()) else { return Ok(None) };
        let target = format!("/v2/{name}/manifests/{tag}");
        // What the upstream limits is not waited for: the registry is not slower than it was.
        let mut upstream = Upstream { client: cx.visitor(Origin::of(url))?.at_once(), token: None, target };
        let mut answer = upstream.ask().await?;
        let mut index = Some(answer.index);
        if answer.status == 401
            && let Some(token) = anonymous_token(cx, &answer, &name).await?
        {
            // The token is a secret to everybody but the upstream: this exchange is not kept.
            upstream.client = cx.unrecorded(Origin::of(url))?.at_once();
            upstream.token = Some(token);
            answer = upstream.ask().await?;
            index = None;
        }
        Ok(Some((upstream, answer, index)))
    }

    /// What it says of the tag now.
    pub(crate) async fn ask(&self) -> anyhow::Result<Answer> {
        let request = self.client.request(Method::HEAD, &self.target).header("Accept", transfer::ACCEPT);
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let request = bearer.iter().fold(request, |request, value| request.header("Authorization", value));
        request.send().await
    }
}

/// How many more pulls an upstream allows, as Docker Hub says it: `98;w=21600`.
pub(crate) fn pulls_left(answer: &Answer) -> Option<u64> {
    answer.header("ratelimit-remaining")?.split(';').next()?.trim().parse().ok()
}

/// Asks the upstream of the scenario for the digest of a tag; nothing where the scenario names no upstream.
pub(crate) async fn at_upstream(cx: &Cx, cache: &Cache, tag: &str) -> Result<Option<AtUpstream>, Failure> {
    let Some((_, answer, index)) = Upstream::reach(cx, cache, tag).await? else { return Ok(None) };
    let digest = answer.header("docker-content-digest").filter(|digest| transfer::is_digest(digest));
    match digest.filter(|_| answer.status == 200) {
        Some(digest) => {
            let docker = answer.media_type().starts_with("application/vnd.docker.");
            Ok(Some(AtUpstream { digest: digest.to_owned(), docker }))
        }
        None => {
            let (cause, remedy) = refused(answer.status);
            let why = Why { claim: "the upstream shows its digest for the tag", cause, remedy };
            Err(why.undecided("200 with a digest by the upstream", answer.brief(), index))
        }
    }
}

/// Why an upstream shows no digest, and what to do, by its status.
pub(crate) fn refused(status: u16) -> (&'static str, &'static str) {
    match status {
        429 => (
            "the upstream limits the rate of requests: of this machine, and of the registry too if both have one address",
            "wait until the limit is over; let the registry log in to the upstream (`credentialsFile` in extensions.sync), which \
             raises the limit",
        ),
        401 | 403 => (
            "the upstream shows this image to nobody without credentials, and regproof sends it none",
            "remove `upstream` from this [[cache]]; a promised `digest` proves the image too",
        ),
        404 => (
            "the upstream has no such tag, or it is another upstream",
            "compare `image` and `upstream` in [[cache]] with urls and content in extensions.sync",
        ),
        500.. => ("the upstream fails", "ask again when the upstream works"),
        _ => (
            "what answers is no registry, or another one",
            "compare `upstream` in [[cache]] with urls in extensions.sync, and ask it by hand",
        ),
    }
}

/// The same failure with the cause that the upstream's own answer shows, where the registry has no such image and the scenario names
/// the upstream.
pub(crate) async fn by_the_upstream(cx: &Cx, cache: &Cache, tag: &str, failure: Failure) -> Failure {
    let Failure::Fail(mut found) = failure else { return failure };
    if cache.upstream.is_none() || !found.actual.starts_with("404 ") {
        return Failure::Fail(found);
    }
    let (cause, remedy) = match Upstream::reach(cx, cache, tag).await {
        Ok(Some((_, answer, _))) if answer.status == 200 => (
            "the upstream has the image, so the registry did not ask it: sync is off, or prefix and destination do not match; or it \
             may not reach the upstream",
            "look at extensions.sync in zot's configuration (onDemand, urls, content) and in its log for the upstream's answer",
        ),
        Ok(Some((_, answer, _))) => refused(answer.status),
        Ok(None) => return Failure::Fail(found),
        Err(_) => (
            "the upstream cannot be reached from here, and maybe not from the registry",
            "look at the network to the upstream, and at urls in extensions.sync",
        ),
    };
    (found.cause, found.remedy) = (cause.to_owned(), remedy.to_owned());
    Failure::Fail(found)
}

/// The exchange that asked for the tags, which asks no upstream, and the same again if the tag is among them. No repository has
/// no tags.
pub(crate) async fn listed(
    client: &Client,
    repository: &str,
    tag: &str,
    why: &Why<'_>,
) -> Result<(usize, Option<usize>), Failure> {
    let answer = client.get(format!("/v2/{repository}/tags/list")).send().await?;
    answer.expect_status(&[200, 404], why)?;
    if answer.status == 404 {
        return Ok((answer.index, None));
    }
    let body = answer.json()?;
    let tags = body["tags"].as_array().into_iter().flatten();
    let found = tags.filter_map(|listed| listed.as_str()).any(|listed| listed == tag);
    Ok((answer.index, found.then_some(answer.index)))
}

/// What the time of two pulls shows: that one by tag waits for something that one by digest does not.
pub(crate) fn waits(by_tag: Duration, by_digest: Duration) -> Option<String> {
    // A stored digest is served without a question. What a tag takes longer than this is neither chance nor a slow disk.
    let longer = by_tag >= by_digest * 3 && by_tag >= by_digest + Duration::from_millis(200);
    longer.then(|| {
        let (by_tag, by_digest) = (by_tag.as_millis(), by_digest.as_millis());
        format!("by tag in {by_tag} ms, by digest in {by_digest} ms: each pull by tag waits for the upstream")
    })
}

/// One pull by tag and one by digest.
pub(crate) struct Pair {
    pub(crate) by_tag: Duration,
    pub(crate) by_digest: Duration,
    /// Whether the tag was answered within the time of a request.
    pub(crate) answered: bool,
    /// By how much the upstream's counter fell with each.
    pub(crate) counted: Option<[u64; 2]>,
}

/// Whether the registry asks its upstream, by what the pairs show, in words: that the upstream was asked, that it was not, or neither.
pub(crate) fn judge(pairs: &[Pair], upstream: Option<Duration>) -> (Option<bool>, String) {
    // A busy machine makes some pulls slow; the fastest shows what the registry needs.
    let stored = pairs.iter().map(|pair| pair.by_digest).min().unwrap_or_default();
    let waited = |pair: &Pair| !pair.answered || waits(pair.by_tag, stored).is_some();
    let times = |took: fn(&Pair) -> Duration| {
        let times: Vec<String> = pairs.iter().map(|pair| took(pair).as_millis().to_string()).collect();
        times.join(", ")
    };
    let times = format!("by tag in {} ms, by digest in {} ms", times(|pair| pair.by_tag), times(|pair| pair.by_digest));
    if pairs.iter().all(|pair| pair.counted.is_some_and(|[tag, digest]| tag > 0 && digest == 0)) {
        return (Some(true), format!("the upstream counted each of {} pulls by tag, and none by digest", pairs.len()));
    }
    if pairs.iter().all(waited) {
        return (Some(true), times);
    }
    match upstream {
        Some(fastest) if pairs.iter().all(|pair| pair.answered && pair.by_tag < fastest / 2) => {
            (Some(false), format!("{times}; the upstream takes {} ms to answer", fastest.as_millis()))
        }
        Some(fastest) => (None, format!("{times}; the upstream answers in {} ms", fastest.as_millis())),
        None => (None, times),
    }
}

/// The upstream while the registry is asked.
pub(crate) struct Watched {
    upstream: Option<Upstream>,
    /// How long its fastest answer took.
    pub(crate) fastest: Option<Duration>,
    /// Whether it answered 429.
    pub(crate) limited: bool,
}

impl Watched {
    pub(crate) async fn reach(cx: &Cx, cache: &Cache, tag: &str) -> Result<Watched, Failure> {
        let reached = Upstream::reach(cx, cache, tag).await?;
        let limited = reached.as_ref().is_some_and(|(_, answer, _)| answer.status == 429);
        Ok(Watched { upstream: reached.map(|(upstream, ..)| upstream), fastest: None, limited })
    }

    /// How many pulls it still allows, where it says so. The connection is there already, so its time is that of one answer.
    pub(crate) async fn left(&mut self) -> anyhow::Result<Option<u64>> {
        let Some(upstream) = &self.upstream else { return Ok(None) };
        let began = Instant::now();
        let answer = upstream.ask().await?;
        let took = began.elapsed();
        self.fastest = Some(self.fastest.map_or(took, |fastest| fastest.min(took)));
        self.limited |= answer.status == 429;
        Ok(pulls_left(&answer))
    }
}

/// A token that anyone gets, from where the upstream's challenge says (distribution's token authentication).
async fn anonymous_token(cx: &Cx, answer: &Answer, name: &str) -> anyhow::Result<Option<String>> {
    let Some((realm, service)) = answer.token_service() else { return Ok(None) };
    let mut url = Url::parse(&realm)?;
    transfer::may_lead(&answer.url, &url)?;
    url.query_pairs_mut().append_pair("scope", &format!("repository:{name}:pull"));
    if let Some(service) = service {
        url.query_pairs_mut().append_pair("service", &service);
    }
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let answer = cx.unrecorded(Origin::of(&url))?.get(target).send().await?;
    anyhow::ensure!(answer.status == 200, "the upstream's token service answered {}", answer.brief());
    let body = answer.json()?;
    let token = ["token", "access_token"].iter().find_map(|key| body[*key].as_str());
    Ok(token.map(str::to_owned))
}

const CONVERTED: Why<'static> = Why {
    claim: "an image is served under its upstream's digest",
    cause: "the upstream has it in Docker's format, and zot made an OCI image of it, with another digest; a pull by the \
            upstream's digest, as in Kubernetes manifests, then fails",
    remedy: "set `preserveDigest` in extensions.sync and `http.compat: [\"docker2s2\"]`, or pin the digests that the cache shows",
};

/// What an image is compared with, in the words of a report; a Fail where the upstream has another one.
pub(crate) async fn compare(
    cx: &Cx,
    client: &Client,
    cache: &Cache,
    (repository, tag): (&str, &str),
    served: &Manifest,
) -> Result<String, Failure> {
    const STALE: Why<'static> = Why {
        claim: "the cache serves its upstream's image",
        cause: "the registry serves an old copy: it no longer asks its upstream (sync was removed, or no rule matches), cannot \
                reach it, or is refused; or it has another upstream",
        remedy: "look at extensions.sync in zot's configuration and at its log for the upstream's answer to this tag",
    };
    let Some(there) = at_upstream(cx, cache, tag).await? else {
        return Ok(
            "served by the registry; not compared with its upstream: there is no `upstream` in [[cache]]".to_owned()
        );
    };
    let upstream = cache.upstream.as_ref().map(|url| Origin::of(url).to_string()).unwrap_or_default();
    if there.digest == served.digest {
        return Ok(format!("the upstream {upstream} has the same under the tag"));
    }
    if there.docker && !served.is_docker() {
        // What deployments pin is the upstream's digest.
        let pinned = client.get(format!("/v2/{repository}/manifests/{}", there.digest));
        let answer = pinned.header("Accept", transfer::ACCEPT).limit(MANIFEST_LIMIT).send().await?;
        answer.expect_status(&[200], &CONVERTED)?;
        transfer::whole_manifest(&answer, &there.digest, &CONVERTED)?;
        return Ok(format!(
            "the upstream {upstream} has it in Docker's format as {}, which is served too",
            there.digest
        ));
    }
    // The tag may have been moved between the two questions.
    let again = by_tag(client, cache, repository, tag, &STALE).await?;
    let now = at_upstream(cx, cache, tag).await?.unwrap_or(there);
    if now.digest == again.digest {
        return Ok(format!("the upstream {upstream} has the same under the tag"));
    }
    Err(STALE.fail(format_args!("{}, which {upstream} has", now.digest), &again.digest, again.index))
}
