//! containers/image: skopeo, podman, buildah, CRI-O. It decides once: the endpoint that has the manifest of the reference serves
//! all the rest, or the pull fails (containers/image: docker/docker_image_src.go, docker_client.go).

use super::{Answer, Content, Request, Sent, Stage, Walk, words};
use crate::mirror::model::{Client, Kind, Scheme, Version};

/// How often 429 is asked again, and a redirect followed.
const REPEATS: usize = 5;
const REDIRECTS: usize = 10;

pub(super) fn pull(walk: &mut Walk<'_>) -> Result<(), String> {
    let found = (0..walk.hosts.len()).find_map(|host| {
        let mut source = ping(walk, host)?;
        source.get(Stage::Tag, &source.walk.object()).then_some((source.sent, source.scheme, host))
    });
    let Some((sent, scheme, host)) = found else { return Err("no endpoint has the reference".to_owned()) };
    let image = walk.image.clone();
    let mut source = Source { walk, host, sent, scheme };
    if image.index.is_some() {
        source.must(Stage::Manifest, "manifests", &image.manifest)?;
    }
    image.blobs.iter().enumerate().try_for_each(|(at, blob)| source.must(Stage::Blob(at), "blobs", blob))
}

/// Whether the client asks for the first version of the interface after a failed ping: seen with skopeo 1.9.3, buildah
/// 1.28.2 and podman 4.3.1, and no more with skopeo 1.22.
fn is_old(client: Client) -> bool {
    let until = match client.kind {
        Kind::Skopeo => Version(1, 10, 0),
        Kind::Buildah => Version(1, 29, 0),
        Kind::Podman => Version(4, 4, 0),
        _ => return false,
    };
    client.version.is_some_and(|version| version < until)
}

struct Source<'a, 'b> {
    walk: &'a mut Walk<'b>,
    host: usize,
    sent: Sent,
    scheme: Scheme,
}

/// TLS first, then plain HTTP where `insecure` is set; the scheme that answers is kept.
fn ping<'a, 'b>(walk: &'a mut Walk<'b>, host: usize) -> Option<Source<'a, 'b>> {
    let mut request = walk.request(host, Stage::Ping, "GET", "")?;
    let answer = walk.once(&request);
    request.scheme = walk.steps.last().map_or(request.scheme, |step| step.request.scheme);
    let scheme = request.scheme;
    let logged_in = walk.logins.hosts.contains(&request.host);
    let sent = match answer {
        Answer::Basic | Answer::OkAndBasic if logged_in => Sent::OfTheHost,
        // Without credentials it answers a challenge, also one beside a 200, with an empty user and password.
        Answer::Basic | Answer::OkAndBasic => Sent::EmptyBasic,
        Answer::Bearer(challenge) => {
            let repository = super::mapped(&walk.hosts.get(host)?.1, walk.reference);
            let scopes = vec![format!("repository:{repository}:pull")];
            if walk.token(&request, &challenge, scopes, false) != Answer::Ok {
                return None;
            }
            Sent::Bearer
        }
        Answer::Ok | Answer::Status(401) => Sent::Nothing,
        Answer::Unreachable => return None,
        _ => {
            if is_old(walk.config.client) {
                let old = Request { stage: Stage::OldPing, path: "/v1/_ping".to_owned(), ..request };
                walk.once(&old);
            }
            return None;
        }
    };
    Some(Source { walk, host, sent, scheme })
}

impl Source<'_, '_> {
    fn must(&mut self, stage: Stage, kind: &str, content: &Content) -> Result<(), String> {
        let path = format!("{kind}/{}", content.digest);
        if self.get(stage, &path) { Ok(()) } else { Err(format!("the endpoint with the tag does not serve {path}")) }
    }

    fn get(&mut self, stage: Stage, path: &str) -> bool {
        let Some(mut request) = self.walk.request(self.host, stage, "GET", path) else { return false };
        request.accept = if matches!(stage, Stage::Blob(_)) { vec![] } else { words::image() };
        request.sent = self.sent;
        request.scheme = self.scheme;
        let mut tries = 0;
        let answer = loop {
            let answer = self.walk.once(&request);
            tries += 1;
            match answer {
                Answer::Status(429) if tries < REPEATS => {}
                Answer::Status(307) if tries < REDIRECTS => {}
                _ => break answer,
            }
        };
        // It hashes what comes, and looks at no header.
        let served = matches!(answer, Answer::Ok | Answer::WithoutDigest | Answer::BadDigest | Answer::OtherDigest(_));
        if served && let Some((role, _)) = self.walk.hosts.get(self.host) {
            self.walk.serve(stage, *role);
        }
        served
    }
}
