//! containerd's resolver, which BuildKit and dockerd's containerd store use too. It decides for each request anew: every
//! manifest and every blob starts at the first host (core/remotes/docker/resolver.go and fetcher.go).

use std::collections::BTreeMap;

use super::{Answer, Content, Role, Sent, Stage, Walk, words};
use crate::mirror::model::{Endpoint, Kind, Version, registry_of};

/// From this version a refused HEAD is repeated as GET for its message, and 429 is sent one time less.
const MESSAGE: Version = Version(2, 0, 0);
/// How often a redirect is followed.
const REDIRECTS: usize = 10;

pub(super) fn pull(walk: &mut Walk<'_>) -> Result<(), String> {
    let mut resolver = Resolver { walk, known: BTreeMap::new() };
    let digest = resolver.resolve()?;
    // The fetcher starts without the resolver's credentials. BuildKit keeps them.
    if resolver.walk.config.client.kind != Kind::BuildKit {
        resolver.known.clear();
    }
    let image = resolver.walk.image.clone();
    if digest != image.top().digest {
        let content = Content { digest, media: image.top().media.clone() };
        return resolver.fetch(Stage::Index, "manifests", &content);
    }
    if let Some(index) = &image.index {
        resolver.fetch(Stage::Index, "manifests", index)?;
    }
    resolver.fetch(Stage::Manifest, "manifests", &image.manifest)?;
    let blobs = image.blobs.iter().enumerate();
    blobs.into_iter().try_for_each(|(at, blob)| resolver.fetch(Stage::Blob(at), "blobs", blob))
}

struct Resolver<'a, 'b> {
    walk: &'a mut Walk<'b>,
    /// What each host got after a challenge.
    known: BTreeMap<usize, Sent>,
}

impl Resolver<'_, '_> {
    /// The digest of the reference, of the first host that knows it.
    fn resolve(&mut self) -> Result<String, String> {
        let by_digest = self.walk.reference.digest.is_some();
        let hosts: Vec<usize> = (0..self.walk.hosts.len()).filter(|at| self.may(*at, by_digest)).collect();
        let mut paths = vec![self.walk.object()];
        if let Some(digest) = &self.walk.reference.digest {
            paths.push(format!("blobs/{digest}"));
        }
        for (path, host) in paths.iter().flat_map(|path| hosts.iter().map(move |host| (path, *host))) {
            if let Some(digest) = self.resolve_at(host, path)? {
                return Ok(digest);
            }
        }
        Err("no host has the reference".to_owned())
    }

    fn may(&self, host: usize, by_digest: bool) -> bool {
        self.walk
            .hosts
            .get(host)
            .is_some_and(|(_, endpoint)| endpoint.capabilities.pull && (by_digest || endpoint.capabilities.resolve))
    }

    fn resolve_at(&mut self, host: usize, path: &str) -> Result<Option<String>, String> {
        let top = self.walk.reference.digest.clone().unwrap_or_else(|| self.walk.image.top().digest.clone());
        let answer = match self.exchange(host, Stage::Tag, "HEAD", path, words::containerd_tag()) {
            Answer::Status(405) => self.exchange(host, Stage::Tag, "GET", path, words::containerd_tag()),
            Answer::Status(403) if self.is_new() => {
                self.exchange(host, Stage::Tag, "GET", path, words::containerd_tag());
                return Ok(None);
            }
            other => other,
        };
        let found = match answer {
            Answer::Ok | Answer::OtherBytes => top,
            Answer::OtherDigest(digest) => digest,
            Answer::BadDigest => return Err("the digest header is malformed".to_owned()),
            Answer::WithoutDigest => match self.exchange(host, Stage::Tag, "GET", path, words::containerd_tag()) {
                Answer::Ok | Answer::WithoutDigest => top,
                _ => return Err("a tag without a digest header cannot be read".to_owned()),
            },
            _ => return Ok(None),
        };
        self.serve(Stage::Tag, host);
        Ok(Some(found))
    }

    /// Versions of dockerd and BuildKit that have such a resolver are all new.
    fn is_new(&self) -> bool {
        let client = self.walk.config.client;
        matches!(client.kind, Kind::DockerdContainerd | Kind::BuildKit) || client.since(MESSAGE)
    }

    /// All hosts are asked for content, also those without `pull`.
    fn fetch(&mut self, stage: Stage, kind: &str, content: &Content) -> Result<(), String> {
        let path = format!("{kind}/{}", content.digest);
        for host in 0..self.walk.hosts.len() {
            match self.exchange(host, stage, "GET", &path, words::containerd_digest(&content.media)) {
                Answer::Ok | Answer::WithoutDigest | Answer::BadDigest | Answer::OtherDigest(_) => {
                    self.serve(stage, host);
                    return Ok(());
                }
                Answer::OtherBytes => return Err(format!("{path} has other bytes than its digest says")),
                _ => {}
            }
        }
        Err(format!("no host has {path}"))
    }

    fn serve(&mut self, stage: Stage, host: usize) {
        if let Some((role, _)) = self.walk.hosts.get(host) {
            self.walk.serve(stage, *role);
        }
    }

    /// One request with all that follows at the same host: challenges, repetitions, redirects.
    fn exchange(&mut self, host: usize, stage: Stage, method: &'static str, path: &str, accept: Vec<String>) -> Answer {
        let Some(mut request) = self.walk.request(host, stage, method, path) else { return Answer::Unreachable };
        request.accept = accept;
        request.query = self.namespace(host);
        let repeats = if self.is_new() { 5 } else { 6 };
        let mut tries = 0;
        loop {
            request.sent = self.sent(host);
            let answer = self.walk.once(&request);
            tries += 1;
            match &answer {
                Answer::Status(408 | 429) if tries < repeats => {}
                Answer::Status(307) if tries < REDIRECTS => {}
                Answer::Basic if request.sent == Sent::Nothing && self.credentials(host).is_some() => {
                    self.known.extend(self.credentials(host).map(|sent| (host, sent)));
                }
                Answer::Bearer(challenge) if request.sent == Sent::Nothing => {
                    let repository = &self.walk.reference.repository;
                    let scopes = vec![format!("repository:{repository}:pull"), challenge.scope.clone()];
                    let scopes = scopes.into_iter().filter(|scope| !scope.is_empty()).collect();
                    let post = self.credentials(host) == Some(Sent::OfThePull);
                    if self.walk.token(&request, challenge, scopes, post) != Answer::Ok {
                        return answer;
                    }
                    self.known.insert(host, Sent::Bearer);
                }
                _ => return answer,
            }
        }
    }

    fn endpoint(&self, host: usize) -> Option<&(Role, Endpoint)> {
        self.walk.hosts.get(host)
    }

    fn sent(&self, host: usize) -> Sent {
        if self.endpoint(host).is_some_and(|(_, endpoint)| endpoint.sends_authorization()) {
            return Sent::Header;
        }
        self.known.get(&host).copied().unwrap_or(Sent::Nothing)
    }

    /// The credentials that a host gets after a challenge. dockerd's store sends those of the Hub to no mirror.
    fn credentials(&self, host: usize) -> Option<Sent> {
        let (_, endpoint) = self.endpoint(host)?;
        let kind = self.walk.config.client.kind;
        if endpoint.credentials || kind == Kind::BuildKit && self.walk.logins.hosts.contains(&endpoint.host) {
            return Some(Sent::OfTheHost);
        }
        let pull = self.walk.logins.pull && kind != Kind::BuildKit && kind != Kind::DockerdContainerd;
        pull.then_some(Sent::OfThePull)
    }

    /// `ns=` where the host is not that of the reference.
    fn namespace(&self, host: usize) -> Option<String> {
        let (_, endpoint) = self.endpoint(host)?;
        let own = &self.walk.reference.host;
        let same = endpoint.host == *own || endpoint.host == registry_of(own);
        (!same).then(|| format!("ns={}", words::escaped(own)))
    }
}
