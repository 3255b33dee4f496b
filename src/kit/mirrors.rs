//! A pull as a client makes it, live: each request that the client's files lead to is sent, and its answer decides the next.
//!
//! Only this registry is asked. A host that is not this registry gets no request: an upstream is taken to serve everything, so
//! that a pull which leaves the registry is seen to leave it.

use std::collections::BTreeMap;

use reqwest::Method;

use crate::check::context::Cx;
use crate::http::{Answer as Response, MANIFEST_LIMIT};
use crate::kit::transfer;
use crate::kit::transfer::Descriptor;
use crate::mirror::finding::{Finding, fixes};
pub(crate) use crate::mirror::folder::Found;
use crate::mirror::judge::Outcome;
pub(crate) use crate::mirror::judge::{From, judge};
use crate::mirror::model::{Client, Endpoint, Scheme};
use crate::mirror::pull::{Answer, Content, Image, Logins, Request, Role, Stage, hosts, pull, words};
use crate::mirror::reference::Reference;
use crate::model::failure::{Failure, Why};
use crate::model::image::digest_of;
use crate::scenario::Scenario;

/// No client sends more requests than this for one image: a walk that does is stopped.
const MOST: usize = 64;

/// The media type of an image's configuration (OCI image spec, section Image Configuration).
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";

const KEPT: Why<'static> = Why {
    claim: "the cache has the image under its own name",
    cause: "the cache does not serve this image to anyone, or its upstream does not have it",
    remedy: "first make `cache::pull_through_serves_upstream` pass for this image",
};

/// One pull by one client, with the place of each answer in the transcript.
pub(crate) struct Followed {
    /// The requests and their answers.
    pub(crate) outcome: Outcome,
    /// From where the image came.
    pub(crate) from: From,
    /// The first answer of this registry that did not serve the client: its request, words, and place.
    pub(crate) refusal: Option<(Request, String, Option<usize>)>,
    /// The digest that the client should get for the tag.
    pub(crate) digest: String,
    /// What of a pull that is served here the client's files do not show.
    pub(crate) unknown: Option<&'static str>,
}

/// Follows the pull of an image by a client, as its files say.
///
/// # Errors
/// If the cache does not serve the image under its own name, or a response is undecided.
pub(crate) async fn follow(cx: &Cx, found: &Found, reference: &Reference) -> Result<Followed, Failure> {
    let kept = kept(cx, reference).await?;
    let registry = cx.scenario().mirrored_registry();
    let config = &found.config;
    let hosts = hosts(config, config.route(&reference.host, &reference.repository), reference);
    let mut known: Vec<(Request, Reply)> = Vec::new();
    for _ in 0..MOST {
        let mut next = None;
        let mut ask = |request: &Request| {
            let ours = hosts.iter().any(|(role, endpoint)| *role == request.role && registry.is_at(&endpoint.host));
            if !ours {
                // Of another mirror nothing is known; what comes after it is looked at.
                return if request.role == Role::WayOut { Answer::Ok } else { Answer::Unreachable };
            }
            if !registry.speaks(request.scheme, &request.host) {
                return Answer::Unreachable;
            }
            match known.iter().find(|(asked, _)| asked == request) {
                Some((_, reply)) => reply.answer.clone(),
                None => {
                    next.get_or_insert_with(|| request.clone());
                    Answer::Unreachable
                }
            }
        };
        let walked = pull(config, reference, &kept.image, &Logins::default(), &mut ask);
        let Some(request) = next else {
            let other = known.iter().any(|(_, reply)| matches!(reply.answer, Answer::OtherDigest(_)));
            let wrong = other.then(|| "another image".to_owned());
            let outcome = Outcome { reference: reference.clone(), pull: walked, hosts: hosts.clone(), wrong };
            let from = outcome.from(&registry);
            let refusal = known
                .iter()
                .find(|(_, reply)| !reply.serves())
                .map(|(request, reply)| (request.clone(), reply.words.clone(), reply.index));
            let asked = hosts.iter().filter(|(role, _)| known.iter().any(|(request, _)| request.role == *role));
            let unknown = asked.filter_map(|(_, endpoint)| unknown(cx.scenario(), endpoint)).next();
            return Ok(Followed { outcome, from, refusal, digest: top(&kept.image).digest.clone(), unknown });
        };
        let Some((_, endpoint)) = hosts.iter().find(|(role, _)| *role == request.role) else { break };
        let reply = send(cx, config.client, endpoint, &request, &kept).await?;
        known.push((request, reply));
    }
    Err(anyhow::anyhow!("the pull of {} by {} did not end after {MOST} requests", reference.name(), config.client)
        .into())
}

/// An answer as the client takes it, and as people read it.
struct Reply {
    answer: Answer,
    words: String,
    index: Option<usize>,
}

impl Reply {
    fn serves(&self) -> bool {
        matches!(self.answer, Answer::Ok | Answer::OkAndBasic | Answer::WithoutDigest)
    }
}

/// Why the same request by the client may end otherwise than ours.
fn unknown(scenario: &Scenario, endpoint: &Endpoint) -> Option<&'static str> {
    let (tls, plain) = (&endpoint.tls, endpoint.scheme == Scheme::Http);
    if plain {
        return None;
    }
    if scenario.registry.ca_file.is_some() && tls.ca.is_empty() && !tls.skip_verify {
        return Some("whether the client trusts the authority of [registry] ca_file: its file names no `ca`");
    }
    (scenario.needs_certificate() && !tls.client).then_some("which certificate the client shows: its file names none")
}

/// The image as the cache has it: what every client must get.
struct Kept {
    image: Image,
    /// The one blob that is asked for.
    blob: Option<Descriptor>,
}

async fn kept(cx: &Cx, reference: &Reference) -> Result<Kept, Failure> {
    let Some(name) = cx.scenario().cached_name(reference) else {
        let expected = "a repository in which the cache keeps it";
        let actual = format!("no rule of the configuration and no [[cache]] names {}", reference.name());
        return Err(KEPT.undecided(expected, actual, None));
    };
    let client = cx.reader(&name)?;
    let object = reference.digest.as_ref().unwrap_or(&reference.tag);
    let first = transfer::manifest(&client, &name, object, &KEPT).await.map_err(Failure::into_control)?;
    let content = |digest: &str, media: &str| Content { digest: digest.to_owned(), media: media.to_owned() };
    let top = content(&first.digest, &first.media_type);
    let manifest = transfer::image_of(&client, &name, first, &KEPT).await.map_err(Failure::into_control)?;
    let own = content(&manifest.digest, &manifest.media_type);
    let index = (top.digest != own.digest).then_some(top);
    // One blob shows whether blobs are served; the configuration is the smallest.
    let blob = manifest.content.config;
    let blobs = blob.iter().map(|config| content(&config.digest, CONFIG_TYPE)).collect();
    Ok(Kept { image: Image { index, manifest: own, blobs }, blob })
}

fn top(image: &Image) -> &Content {
    image.index.as_ref().unwrap_or(&image.manifest)
}

/// What the answer to a request must hold.
fn wanted(image: &Image, stage: Stage) -> Option<&str> {
    let content = match stage {
        Stage::Ping | Stage::OldPing | Stage::Token => return None,
        Stage::Tag => top(image),
        Stage::Index => image.index.as_ref()?,
        Stage::Manifest => &image.manifest,
        Stage::Blob(at) => image.blobs.get(at)?,
    };
    Some(&content.digest)
}

/// Sends one request as the client does.
async fn send(cx: &Cx, client: Client, endpoint: &Endpoint, asked: &Request, kept: &Kept) -> Result<Reply, Failure> {
    let method = if asked.method == "HEAD" { Method::HEAD } else { Method::GET };
    let query = asked.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
    let anyone = if cx.scenario().is_behind(endpoint) { cx.at_backend(None)? } else { cx.anonymous()? };
    let target = format!("{}{query}", asked.path);
    let request = anyone.request(method, &target).limit(MANIFEST_LIMIT);
    let request = request.header("User-Agent", &words::user_agent(client));
    let request = if asked.accept.is_empty() { request } else { request.header("Accept", &asked.accept.join(", ")) };
    let response = request.send().await?;
    let why = Why {
        claim: "the registry answers this client",
        cause: "the registry or its proxy limits the rate of requests, or failed",
        remedy: "look at the registry's log for this request, and run again",
    };
    response.undecided(&why, "an answer to this client")?;
    if response.status == 401 && (endpoint.credentials || endpoint.sends_authorization()) {
        let cause = "the client's file has credentials for this host, and regproof does not use them";
        let why = Why { cause, remedy: "prove this client by hand, or let anonymous clients read the cache", ..why };
        return Err(why.undecided("an answer without credentials", response.brief(), response.index));
    }
    let answer = match (&kept.blob, asked.stage) {
        // The registry keeps its blobs in another store: they are read from there.
        (Some(blob), Stage::Blob(_)) if matches!(response.status, 301..=303 | 307 | 308) => {
            match transfer::blob_at(cx, &anyone, &target, blob, &why).await {
                Ok(transfer::Look::Whole) => Answer::Ok,
                Ok(_) | Err(Failure::Fail(_)) => Answer::OtherBytes,
                Err(error) => return Err(error),
            }
        }
        _ => read(&response, asked, wanted(&kept.image, asked.stage)),
    };
    let words = match &answer {
        Answer::OtherDigest(digest) => format!("{digest} in answer to {} {target}", asked.method),
        Answer::OtherBytes => format!("{} with other bytes to {} {target}", response.status, asked.method),
        _ => response.brief(),
    };
    Ok(Reply { answer, words, index: Some(response.index) })
}

/// What the client makes of a response.
fn read(response: &Response, asked: &Request, wanted: Option<&str>) -> Answer {
    match response.status {
        200 => {}
        401 if response.wants_a_password() => return Answer::Basic,
        status => return Answer::Status(status),
    }
    let Some(wanted) = wanted else {
        return if response.header("www-authenticate").is_some() { Answer::OkAndBasic } else { Answer::Ok };
    };
    if response.is_html() {
        return Answer::OtherBytes;
    }
    if asked.method == "HEAD" {
        return match response.header("docker-content-digest") {
            None => Answer::WithoutDigest,
            Some(digest) if !transfer::is_digest(digest) => Answer::BadDigest,
            Some(digest) if digest != wanted => Answer::OtherDigest(digest.to_owned()),
            Some(_) => Answer::Ok,
        };
    }
    let digest = digest_of(&response.body);
    match asked.stage {
        _ if digest == wanted => Answer::Ok,
        Stage::Tag => Answer::OtherDigest(digest),
        _ => Answer::OtherBytes,
    }
}

impl Followed {
    /// What the registry answered that did not serve the client.
    pub(crate) fn refusal_words(&self) -> String {
        match &self.refusal {
            Some((_, words, _)) => words.clone(),
            None => "no request of the client reaches this registry".to_owned(),
        }
    }

    /// Where that answer is in the transcript.
    pub(crate) fn refusal_index(&self) -> Option<usize> {
        self.refusal.as_ref().and_then(|(_, _, index)| *index)
    }

    /// What the client does then.
    pub(crate) fn then(&self) -> String {
        match self.from {
            From::Registry => "the client is served".to_owned(),
            From::WrongUpstream => "the client takes another image for it".to_owned(),
            From::TagFromInternet => format!("the client asks {} for the tag", self.outcome.last_host()),
            From::Internet => format!("the client pulls from {} and reports no error", self.outcome.last_host()),
            From::Nowhere => "the pull fails".to_owned(),
        }
    }
}

/// Cause and remedy, as the client's own files show them.
pub(crate) struct Advice {
    pub(crate) cause: String,
    pub(crate) remedy: String,
}

/// What the files of a client say about a pull that the cache does not serve.
pub(crate) fn advice(scenario: &Scenario, found: &Found) -> Advice {
    let judgement = judge(&found.config, &scenario.mirrored_registry(), &found.texts);
    match judgement.findings.iter().find(|finding| finding.fails()) {
        Some(finding) => Advice {
            cause: format!("{} ({}:{})", finding.why, finding.file, finding.place),
            remedy: format!("{}{}", finding.remedy, changed_lines(finding, &found.texts)),
        },
        None => Advice {
            cause: "the client's files are right for this configuration, and the registry answers otherwise".to_owned(),
            remedy: "compare the deployed configuration with the one of the scenario, and look at the registry's log"
                .to_owned(),
        },
    }
}

/// The changed lines of a file in one line, as a remedy has them.
pub(crate) fn changed_lines(finding: &Finding, texts: &BTreeMap<String, String>) -> String {
    let fixes = fixes(std::iter::once(finding), texts);
    let shown = fixes.iter().map(|fix| {
        let lines: Vec<&str> = fix.diff.lines().filter(|line| !line.starts_with("@@")).map(str::trim_end).collect();
        format!(" (in {}: {})", fix.file, lines.join("  "))
    });
    shown.collect()
}

#[cfg(test)]
mod tests;
