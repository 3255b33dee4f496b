//! A pull, request by request: what a client sends, to which endpoint, and where it goes next when an answer is no.
//!
//! The caller answers each request, so that one code predicts, is held to recordings, and can be asked "what if".

mod containerd;
mod docker;
mod image;
pub(crate) mod words;

use std::collections::BTreeSet;

use serde::Serialize;

use super::containerd::upstream_endpoint;
#[cfg(test)]
use super::model::Kind;
use super::model::{ClientConfig, Endpoint, Family, Names, Route, Scheme, WayOut, When};
use super::reference::Reference;

/// Which part of a pull a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// `GET /v2/`.
    Ping,
    /// `GET /v1/_ping`, which older clients send after a failed ping.
    OldPing,
    /// A token of the realm that the endpoint named.
    Token,
    /// The manifest by the reference of the pull: its tag, or its digest.
    Tag,
    /// The index by its digest.
    Index,
    /// The manifest of one platform by its digest.
    Manifest,
    /// One of the blobs, in any order among them.
    Blob(usize),
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// One of the endpoints, counted from zero.
    Mirror(usize),
    /// The place of the way out.
    WayOut,
}

/// Which credentials go along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sent {
    /// None.
    Nothing,
    /// Basic with an empty user and an empty password.
    EmptyBasic,
    /// The header that the file has for this host.
    Header,
    /// Those of this host, in the file or in the client's logins.
    OfTheHost,
    /// Those of this pull: `--user`, `--creds`, an imagePullSecret.
    OfThePull,
    /// The login of Docker Hub.
    OfTheHub,
    /// A token.
    Bearer,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Request {
    /// The part of the pull.
    pub(crate) stage: Stage,
    /// Who is asked.
    pub(crate) role: Role,
    /// How.
    pub(crate) scheme: Scheme,
    /// The host, with the port where one is written.
    pub(crate) host: String,
    /// `HEAD`, `GET` or `POST`.
    pub(crate) method: &'static str,
    /// The path.
    pub(crate) path: String,
    /// The query, without `?`.
    pub(crate) query: Option<String>,
    /// The media types of `Accept`; none where the header is not sent. dockerd's order changes from request to request.
    pub(crate) accept: Vec<String>,
    /// The start of `User-Agent`.
    pub(crate) agent: &'static str,
    /// Credentials.
    pub(crate) sent: Sent,
}

/// What a request is answered with, as far as clients differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200 with the right content.
    Ok,
    /// 200 on `/v2/` that also has a challenge for a user and a password, as zot's.
    OkAndBasic,
    /// 200 without `Docker-Content-Digest`.
    WithoutDigest,
    /// 200 with a `Docker-Content-Digest` that is no digest.
    BadDigest,
    /// 200 with the digest of something else.
    OtherDigest(String),
    /// 200 with other bytes.
    OtherBytes,
    /// 401 with a challenge for a user and a password.
    Basic,
    /// 401 with a challenge for a token. Live it decides nothing, so only recordings have it.
    #[cfg_attr(not(test), expect(dead_code, reason = "recordings have it"))]
    Bearer(Challenge),
    /// Any other status; a 307 leads to the same place again.
    Status(u16),
    /// The connection ended without an answer, or the time did.
    #[cfg_attr(not(test), expect(dead_code, reason = "recordings have it"))]
    Dropped,
    /// Nobody is there, or does not speak like this.
    Unreachable,
}

/// Where a token is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The path of the realm, on the endpoint's own host.
    pub(crate) path: String,
    /// The service.
    pub(crate) service: String,
    /// The scope that the challenge offers.
    pub(crate) scope: String,
}

/// Something that is fetched by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its digest.
    pub(crate) digest: String,
    /// Its media type.
    pub(crate) media: String,
}

/// What an image consists of. An image without an index has its manifest alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// The index, if it has one.
    pub(crate) index: Option<Content>,
    /// The manifest of the platform.
    pub(crate) manifest: Content,
    /// The configuration and the layers.
    pub(crate) blobs: Vec<Content>,
}

impl Image {
    /// An image whose digests are not known yet: `{index}` and its kind stand for them.
    pub(crate) fn unknown() -> Self {
        let content = |digest: &str, media: &str| Content {
            digest: digest.to_owned(),
            media: format!("application/vnd.oci.image.{media}"),
        };
        Self {
            index: Some(content("{index}", "index.v1+json")),
            manifest: content("{manifest}", "manifest.v1+json"),
            blobs: vec![content("{config}", "config.v1+json"), content("{layer}", "layer.v1.tar+gzip")],
        }
    }

    /// What the tag names.
    fn top(&self) -> &Content {
        self.index.as_ref().unwrap_or(&self.manifest)
    }
}

/// Which credentials the client has besides its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Logins {
    /// Those of this pull.
    pub(crate) pull: bool,
    /// The login of Docker Hub.
    pub(crate) hub: bool,
    /// Logins by host.
    pub(crate) hosts: BTreeSet<String>,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The request.
    pub(crate) request: Request,
    /// The answer.
    pub(crate) answer: Answer,
}

/// A pull from its first request to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pull {
    /// What was sent, in order. Blobs are sent at the same time by most clients.
    pub(crate) steps: Vec<Step>,
    /// Who served each stage.
    pub(crate) served: Vec<(Stage, Role)>,
    /// Why the pull failed, if it did.
    pub(crate) failed: Option<String>,
}

impl Pull {
    /// Who served a stage.
    pub(crate) fn source(&self, stage: Stage) -> Option<Role> {
        self.served.iter().rev().find(|(at, _)| *at == stage).map(|(_, role)| *role)
    }
}

/// A pull that goes on: what all families share.
struct Walk<'a> {
    config: &'a ClientConfig,
    reference: &'a Reference,
    image: &'a Image,
    logins: &'a Logins,
    hosts: Vec<(Role, Endpoint)>,
    ask: &'a mut dyn FnMut(&Request) -> Answer,
    steps: Vec<Step>,
    served: Vec<(Stage, Role)>,
}

/// Follows a pull to its end.
pub(crate) fn pull(
    config: &ClientConfig,
    reference: &Reference,
    image: &Image,
    logins: &Logins,
    ask: &mut dyn FnMut(&Request) -> Answer,
) -> Pull {
    let route = config.route(&reference.host, &reference.repository);
    let broken = config.stops.clone().or_else(|| route.and_then(|route| route.broken.clone()));
    if let Some(why) = broken {
        return Pull { steps: vec![], served: vec![], failed: Some(why) };
    }
    let hosts = hosts(config, route, reference);
    let mut walk = Walk { config, reference, image, logins, hosts, ask, steps: vec![], served: vec![] };
    let failed = match config.client.kind.family() {
        Family::Containerd => containerd::pull(&mut walk),
        Family::Docker => docker::pull(&mut walk),
        Family::Image => image::pull(&mut walk),
    };
    Pull { steps: walk.steps, served: walk.served, failed: failed.err() }
}

/// The requests of a pull that goes well, and what follows where its first endpoint serves nothing.
pub(crate) fn requests(config: &ClientConfig, reference: &Reference, image: &Image, logins: &Logins) -> Vec<Request> {
    let pull = pull(config, reference, image, logins, &mut |_| Answer::Ok);
    pull.steps.into_iter().map(|step| step.request).collect()
}

#[cfg(test)]
/// Where a push of this image goes: containerd looks for the first host with `push`, all others go to the upstream.
pub(crate) fn push_target(config: &ClientConfig, reference: &Reference) -> Option<(Role, Endpoint)> {
    let hosts = hosts(config, config.route(&reference.host, &reference.repository), reference);
    let takes = |(role, endpoint): &(Role, Endpoint)| match config.client.kind {
        Kind::DockerdClassic | Kind::DockerdContainerd | Kind::BuildKit => *role == Role::WayOut,
        kind if kind.family() == Family::Image => *role == Role::WayOut,
        _ => endpoint.capabilities.push,
    };
    hosts.into_iter().find(takes)
}

/// The endpoints that this reference is asked of, in order, with the way out as the last.
pub(crate) fn hosts(config: &ClientConfig, route: Option<&Route>, reference: &Reference) -> Vec<(Role, Endpoint)> {
    let wanted = |endpoint: &&Endpoint| match endpoint.when {
        When::Always => true,
        When::Digests => reference.digest.is_some(),
        When::Tags => reference.digest.is_none(),
    };
    let mirrors = route.map_or(&[][..], |route| &route.endpoints).iter().filter(wanted);
    let mut hosts: Vec<_> = mirrors.cloned().enumerate().map(|(at, one)| (Role::Mirror(at), one)).collect();
    match route.map(|route| &route.way_out) {
        Some(WayOut::Nowhere) => {}
        Some(WayOut::To(endpoint)) => hosts.push((Role::WayOut, (**endpoint).clone())),
        Some(WayOut::Upstream) | None => hosts.push((Role::WayOut, upstream(config, reference))),
    }
    hosts
}

fn upstream(config: &ClientConfig, reference: &Reference) -> Endpoint {
    let mut endpoint = upstream_endpoint(&reference.host);
    if config.client.kind.family() != Family::Containerd {
        endpoint.scheme = Scheme::Https;
    }
    endpoint
}

/// The repository's name as an endpoint is asked for it.
pub(crate) fn mapped(endpoint: &Endpoint, reference: &Reference) -> String {
    let join = |path: &str, rest: &str| format!("{path}/{rest}").trim_matches('/').to_owned();
    match &endpoint.names {
        Names::Same => reference.repository.clone(),
        Names::Replace { prefix, path } => {
            let name = reference.name();
            name.strip_prefix(prefix.as_str())
                .map_or(reference.repository.clone(), |rest| join(path, rest.trim_start_matches('/')))
        }
        Names::Below(path) => join(path, &reference.repository),
        Names::Rewrites(rewrites) => rewrites
            .iter()
            .filter_map(|rewrite| {
                let pattern = regex::Regex::new(&rewrite.pattern).ok()?;
                let new = pattern.replace_all(&reference.repository, rewrite.replacement.as_str()).into_owned();
                (new != reference.repository).then_some(new)
            })
            .next()
            .unwrap_or_else(|| reference.repository.clone()),
    }
}

impl Walk<'_> {
    /// Sends one request as it is; with [`Scheme::HttpsThenHttp`] a second time in plain where TLS does not work.
    fn once(&mut self, request: &Request) -> Answer {
        if request.scheme == Scheme::HttpsThenHttp {
            let first = Request { scheme: Scheme::Https, ..request.clone() };
            let answer = self.record(first);
            if answer != Answer::Unreachable {
                return answer;
            }
            return self.record(Request { scheme: Scheme::Http, ..request.clone() });
        }
        self.record(request.clone())
    }

    fn record(&mut self, request: Request) -> Answer {
        let answer = (self.ask)(&request);
        self.steps.push(Step { request, answer: answer.clone() });
        answer
    }

    fn serve(&mut self, stage: Stage, role: Role) {
        self.served.push((stage, role));
    }

    /// A request to one of the hosts, for something of the repository.
    fn request(&self, host: usize, stage: Stage, method: &'static str, rest: &str) -> Option<Request> {
        let (role, endpoint) = self.hosts.get(host)?;
        let path = match stage {
            Stage::Ping => format!("{}/", endpoint.base),
            _ => format!("{}/{}/{rest}", endpoint.base, mapped(endpoint, self.reference)),
        };
        Some(Request {
            stage,
            role: *role,
            scheme: endpoint.scheme,
            host: endpoint.host.clone(),
            method,
            path,
            query: None,
            accept: Vec::new(),
            agent: words::agent(self.config.client.kind),
            sent: Sent::Nothing,
        })
    }

    /// `GET` of a token, as text of a query: scopes sorted, then the service.
    fn token(&mut self, request: &Request, challenge: &Challenge, mut scopes: Vec<String>, post: bool) -> Answer {
        scopes.sort();
        scopes.dedup();
        let scopes: Vec<_> = scopes.iter().map(|scope| format!("scope={}", words::escaped(scope))).collect();
        let query = format!("{}&service={}", scopes.join("&"), words::escaped(&challenge.service));
        self.once(&Request {
            stage: Stage::Token,
            method: if post { "POST" } else { "GET" },
            path: challenge.path.clone(),
            query: (!post).then_some(query),
            accept: Vec::new(),
            sent: Sent::Nothing,
            ..request.clone()
        })
    }

    /// What the pull asks for first: the digest, where the reference has one, or else the tag.
    fn object(&self) -> String {
        let object = self.reference.digest.as_ref().unwrap_or(&self.reference.tag);
        format!("manifests/{object}")
    }
}

#[cfg(test)]
mod tests;
