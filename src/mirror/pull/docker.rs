//! dockerd's classic store. It decides for the whole pull: an endpoint that fails anywhere is left, and all is asked again at the
//! next one (moby: distribution/pull.go, pull_v2.go).

use super::{Answer, Content, Request, Role, Sent, Stage, Walk, words};
use crate::mirror::model::Version;

/// From this version a manifest that the digest header does not name ends the attempt.
const BELIEVES_THE_HEADER: Version = Version(29, 0, 0);
/// How often a redirect is followed.
const REDIRECTS: usize = 10;

pub(super) fn pull(walk: &mut Walk<'_>) -> Result<(), String> {
    for host in 0..walk.hosts.len() {
        let Some(sent) = ping(walk, host) else { continue };
        if attempt(&mut Attempt { walk, host, sent }).is_some() {
            return Ok(());
        }
    }
    Err("no endpoint served the whole image".to_owned())
}

/// The credentials for the attempt; nothing where dockerd leaves the endpoint after its ping.
fn ping(walk: &mut Walk<'_>, host: usize) -> Option<Sent> {
    let mut request = walk.request(host, Stage::Ping, "GET", "")?;
    match walk.once(&request) {
        // A mirror gets the login of Docker Hub. A login for the mirror itself is not used.
        Answer::Basic if walk.reference.host == "docker.io" => walk.logins.hub.then_some(Sent::OfTheHub),
        Answer::Basic => walk.logins.hosts.contains(&request.host).then_some(Sent::OfTheHost),
        Answer::Bearer(challenge) => {
            let scopes = vec![format!("repository:{}:pull", walk.reference.repository)];
            request.accept.clear();
            (walk.token(&request, &challenge, scopes, false) == Answer::Ok).then_some(Sent::Bearer)
        }
        Answer::Dropped | Answer::Unreachable | Answer::Status(401) => None,
        // Any other answer is taken for a registry without credentials.
        _ => Some(Sent::Nothing),
    }
}

struct Attempt<'a, 'b> {
    walk: &'a mut Walk<'b>,
    host: usize,
    sent: Sent,
}

fn attempt(attempt: &mut Attempt<'_, '_>) -> Option<()> {
    let image = attempt.walk.image.clone();
    let by_tag = attempt.top(&image.top().digest)?;
    if let Some(index) = &image.index {
        if !by_tag {
            attempt.manifest(Stage::Index, index)?;
        }
        attempt.manifest(Stage::Manifest, &image.manifest)?;
    } else if !by_tag {
        attempt.manifest(Stage::Manifest, &image.manifest)?;
    }
    let blobs = image.blobs.iter().enumerate();
    let got: Vec<_> = blobs
        .map(|(at, blob)| attempt.get(Stage::Blob(at), "GET", &format!("blobs/{}", blob.digest), vec![]))
        .collect();
    got.iter()
        .enumerate()
        .filter(|(_, answer)| **answer == Answer::Ok)
        .for_each(|(at, _)| attempt.serve(Stage::Blob(at)));
    got.iter().all(|answer| *answer == Answer::Ok).then_some(())
}

impl Attempt<'_, '_> {
    /// Asks for the reference; tells whether its manifest came with it, so that it is not asked for again.
    fn top(&mut self, digest: &str) -> Option<bool> {
        let path = self.walk.object();
        let accept = words::docker(self.walk.config.client);
        let by_tag = match self.get(Stage::Tag, "HEAD", &path, accept.clone()) {
            Answer::Ok => {
                self.serve(Stage::Tag);
                return Some(false);
            }
            // What the header names is not there: the tag is asked for its content.
            Answer::OtherDigest(other) if other != digest => {
                let wrong = Content { digest: other, media: String::new() };
                if self.manifest(Stage::Index, &wrong).is_none() && self.walk.config.client.since(BELIEVES_THE_HEADER) {
                    return None;
                }
                true
            }
            Answer::Dropped | Answer::Unreachable => return None,
            // The tag is asked for its digest.
            _ => false,
        };
        let got = self.get(Stage::Tag, "GET", &path, accept);
        matches!(got, Answer::Ok | Answer::WithoutDigest | Answer::BadDigest | Answer::OtherDigest(_)).then(|| {
            self.serve(Stage::Tag);
            by_tag
        })
    }

    fn manifest(&mut self, stage: Stage, content: &Content) -> Option<()> {
        let accept = words::docker(self.walk.config.client);
        let answer = self.get(stage, "GET", &format!("manifests/{}", content.digest), accept);
        matches!(answer, Answer::Ok | Answer::WithoutDigest | Answer::BadDigest | Answer::OtherDigest(_)).then(|| {
            self.serve(stage);
        })
    }

    fn get(&mut self, stage: Stage, method: &'static str, path: &str, accept: Vec<String>) -> Answer {
        let Some(request) = self.walk.request(self.host, stage, method, path) else { return Answer::Unreachable };
        let request = Request { accept, sent: self.sent, ..request };
        let mut answer = self.walk.once(&request);
        for _ in 1..REDIRECTS {
            if answer != Answer::Status(307) {
                break;
            }
            answer = self.walk.once(&request);
        }
        answer
    }

    fn serve(&mut self, stage: Stage) {
        if let Some(role) = self.walk.hosts.get(self.host).map(|(role, _): &(Role, _)| *role) {
            self.walk.serve(stage, role);
        }
    }
}
