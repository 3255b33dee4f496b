//! Every recording of a real client is replayed: the model must send the same requests, in the same order, and go on to the
//! same endpoint after each answer.

mod deviations;
mod recording;
mod setups;

use deviations::{Deviation, deviation};
use recording::{Entry, Recording};
use setups::Setup;

use super::model::Scheme;
use super::pull::{Answer, Challenge, Content, Image, Request, Sent, Stage, pull, push_target};

/// Names of registries that the recorder played itself, over TLS and on port 80.
const PUBLIC: &[&str] =
    &["registry-1.docker.io", "index.docker.io", "docker.io", "ghcr.io", "quay.io", "registry.k8s.io"];

/// Who is there, by scheme and host; the role is that of the recording.
fn role(request: &Request, setup: &Setup) -> Option<&'static str> {
    match (request.scheme, request.host.as_str()) {
        (Scheme::Http, "zot.test:5050") => Some("mirror"),
        (Scheme::Http, "mirror2.test:5051") => Some("mirror2"),
        (Scheme::Https, "zot.test:5443") => Some("mirror-tls"),
        // Its certificate has another name.
        (Scheme::Https, "mirror2.test:5443") if setup.unverified => Some("mirror-tls"),
        (Scheme::Https, host) if PUBLIC.contains(&host) => Some("upstream"),
        (Scheme::Http, host) if PUBLIC.contains(&host) => Some("upstream80"),
        _ => None,
    }
}

/// The recorded status as an answer; what a status does not tell is in the case's name.
fn answer(entry: &Entry, case: &str, request: &Request) -> Answer {
    let head = request.stage == Stage::Tag && entry.role != "upstream";
    match entry.status.as_str() {
        "200" if head && case.contains("nodigest") && request.method == "HEAD" => Answer::WithoutDigest,
        "200" if head && case.contains("baddigest") => Answer::BadDigest,
        "200" if head && case.contains("wrongdigest") && request.method == "HEAD" => {
            Answer::OtherDigest("{other}".into())
        }
        "200"
            if case.contains("blobcorrupt") && entry.role != "upstream" && matches!(request.stage, Stage::Blob(_)) =>
        {
            Answer::OtherBytes
        }
        // zot's own answer, which was no part of its log.
        "200" if entry.host == "zot" && request.stage == Stage::Ping => Answer::OkAndBasic,
        "200" => Answer::Ok,
        "401" if case.contains("bearer") => {
            let (path, service, scope) = ("/token".into(), "s".into(), "repository:x:pull".into());
            Answer::Bearer(Challenge { path, service, scope })
        }
        "401" if case.contains("401bare") => Answer::Status(401),
        "401" => Answer::Basic,
        "drop" | "hang" => Answer::Dropped,
        status => Answer::Status(status.parse().unwrap()),
    }
}

fn image() -> Image {
    Image::unknown()
}

/// One case that is replayed.
struct Replay<'a> {
    case: &'a str,
    setup: &'a Setup,
    entries: Vec<Entry>,
    deviation: Option<Deviation>,
    trouble: Vec<String>,
}

impl Replay<'_> {
    fn ask(&mut self, request: &Request) -> Answer {
        let Some(role) = role(request, self.setup) else { return Answer::Unreachable };
        let in_the_log = request.path == "/v2/" || request.path.starts_with("/v2/") && request.stage != Stage::Ping;
        if role == "mirror" && !in_the_log && self.entries.iter().any(Entry::is_of_the_log) {
            return Answer::Status(404);
        }
        let Some(at) = self.find(request, role) else {
            if matches!(self.deviation, Some(Deviation::Known | Deviation::Twice)) && self.may_be_known(request) {
                return Answer::Ok;
            }
            // Which of the blobs comes first is chance, and the first that fails ends the pull.
            let other_blob = matches!(request.stage, Stage::Blob(_)) && self.deviation == Some(Deviation::Siblings);
            if self.deviation == Some(Deviation::Cut) || other_blob || self.trouble.len() > 3 {
                return Answer::Dropped;
            }
            let left: Vec<String> = self.entries.iter().filter(|entry| !entry.used).take(3).map(Entry::line).collect();
            self.trouble.push(format!(
                "predicted {} {} {} {:?}; recorded {left:?}",
                role,
                request.method,
                target(request),
                request.sent
            ));
            return Answer::Dropped;
        };
        let entry = &mut self.entries[at];
        entry.used = true;
        let entry = entry.clone();
        self.compare(request, &entry);
        answer(&entry, self.case, request)
    }

    /// Manifests that dockerd had from an earlier case; by digest it then asks for nothing but blobs.
    fn may_be_known(&self, request: &Request) -> bool {
        matches!(request.stage, Stage::Index | Stage::Manifest) || request.path.ends_with("manifests/{index}")
    }

    /// The next recorded request of this queue, which must be this one; among blobs the order is free.
    fn find(&self, request: &Request, role: &str) -> Option<usize> {
        let same = |entry: &Entry| {
            entry.role == role
                && (entry.host == request.host || entry.host == "zot")
                && entry.method == request.method
                && entry.target == target(request)
        };
        let blob = matches!(request.stage, Stage::Blob(_));
        let open = self.entries.iter().enumerate().filter(|(_, entry)| !entry.used && entry.queue(role));
        for (at, entry) in open {
            if same(entry) {
                return Some(at);
            }
            let passed = entry.target.contains("/blobs/") && (blob || self.deviation == Some(Deviation::Twice));
            let answered_already = self.deviation == Some(Deviation::Known)
                && entry.method == "HEAD"
                && entry.target.ends_with("{manifest}");
            if !passed && !answered_already {
                return None;
            }
        }
        None
    }

    fn compare(&mut self, request: &Request, entry: &Entry) {
        let mut accept: Vec<&str> = request.accept.iter().map(String::as_str).collect();
        accept.sort_unstable();
        let known = self.deviation == Some(Deviation::Known) && request.path.ends_with("{index}");
        if entry.accept.as_ref().is_some_and(|recorded| *recorded != accept) && !known {
            self.trouble.push(format!("Accept of {}: {accept:?}, recorded {:?}", entry.line(), entry.accept));
        }
        let other = self.deviation == Some(Deviation::OtherAgent) || request.stage == Stage::Token;
        if !entry.agent.starts_with(request.agent) && !other {
            self.trouble.push(format!("User-Agent {}, recorded {}", request.agent, entry.agent));
        }
        let basic = matches!(request.sent, Sent::Header | Sent::OfTheHost | Sent::OfThePull | Sent::OfTheHub);
        let right = match entry.auth.as_str() {
            "-" => request.sent == Sent::Nothing,
            "Empty" => request.sent == Sent::EmptyBasic,
            "Bearer" => request.sent == Sent::Bearer,
            "basic?" => basic || request.sent == Sent::EmptyBasic,
            _ => basic,
        };
        if !right {
            self.trouble.push(format!("credentials {:?}, recorded {} in {}", request.sent, entry.auth, entry.line()));
        }
    }

    fn run(&mut self) {
        let setup = self.setup;
        let reference = setup.reference();
        let end = pull(&setup.config, &reference, &image(), &setup.logins, &mut |request| self.ask(request));
        let blob = |entry: &Entry| entry.target.contains("/blobs/");
        let extra = match self.deviation {
            // The other blobs were on their way when one of them ended the pull.
            Some(Deviation::Siblings) => end.failed.is_some(),
            Some(Deviation::Twice) => true,
            _ => false,
        };
        let known = self.deviation == Some(Deviation::Known);
        let left = self.entries.iter().filter(|entry| {
            let passed =
                extra && blob(entry) || known && entry.method == "HEAD" && entry.target.ends_with("{manifest}");
            !entry.used && !passed
        });
        let left: Vec<String> = left.map(Entry::line).collect();
        if !left.is_empty() {
            self.trouble.push(format!("recorded, and not predicted: {left:?} (the pull ended: {:?})", end.failed));
        }
    }
}

fn target(request: &Request) -> String {
    match &request.query {
        Some(query) => format!("{}?{query}", request.path),
        None => request.path.clone(),
    }
}

/// What is wrong with the predicted target of a push, if anything.
fn pushed(setup: &Setup, entries: &[Entry]) -> Option<String> {
    let Some((_, target)) = push_target(&setup.config, &setup.reference()) else { return Some("no target".to_owned()) };
    let same = |entry: &Entry| entry.host == target.host || entry.host == "zot" && target.host == "zot.test:5050";
    let other = entries.iter().find(|entry| !same(entry));
    other.map(|entry| format!("a push to {}, recorded {}", target.host, entry.line()))
}

/// Replays the named files; tells how many cases and requests were the same.
fn replay(stems: &[&str]) -> (usize, usize) {
    let (mut cases, mut requests, mut trouble) = (0, 0, Vec::new());
    for stem in stems {
        let recording = Recording::read(stem);
        for (case, entries) in recording.cases {
            let deviation = deviation(stem, &case);
            if matches!(deviation, Some(Deviation::NoPull | Deviation::Recorder)) {
                continue;
            }
            let Some(setup) = setups::setup(stem, &case) else {
                trouble.push(format!("{stem}: `{case}` has no configuration"));
                continue;
            };
            if deviation == Some(Deviation::Push) {
                trouble.extend(pushed(&setup, &entries).map(|one| format!("{stem}: `{case}`: {one}")));
                continue;
            }
            requests += entries.len();
            cases += 1;
            let mut replay = Replay { case: &case, setup: &setup, entries, deviation, trouble: vec![] };
            replay.run();
            trouble.extend(replay.trouble.into_iter().map(|one| format!("{stem}: `{case}`: {one}")));
        }
    }
    assert!(trouble.is_empty(), "{} deviations\n{}", trouble.len(), trouble.join("\n"));
    (cases, requests)
}

/// So that neither a file nor a case can get lost.
fn at_least(wanted: (usize, usize), stems: &[&str]) {
    let (cases, requests) = replay(stems);
    assert!(cases >= wanted.0 && requests >= wanted.1, "{cases} cases, {requests} requests");
}

#[test]
fn ctr_asks_as_recorded() {
    let stems =
        ["ctr-1.6-shape", "ctr-2-shape", "ctr-1.6-status", "ctr-2-status", "ctr-1.6-caps-push", "ctr-2-caps-push"];
    at_least((165, 1300), &stems);
}

#[test]
fn cri_asks_as_recorded() {
    at_least((50, 300), &["cri-1.6", "cri-2", "cri-colon-1.6", "cri-colon-2", "cri-default-2"]);
}

#[test]
fn buildkit_asks_as_recorded() {
    at_least((17, 100), &["buildkit"]);
}

#[test]
fn containers_image_asks_as_recorded() {
    let stems = ["cimage-skopeo", "cimage-skopeo-new", "cimage-buildah", "cimage-podman", "skopeo-1.9.3-env-ignored"];
    at_least((120, 650), &stems);
}

#[test]
fn dockerd_asks_as_recorded() {
    let stems =
        ["dockerd-20.10", "dockerd-new-classic", "dockerd-new-ctrd", "dockerd-cred-20.10", "dockerd-cred-new-ctrd"];
    at_least((100, 600), &stems);
}

#[test]
fn clients_in_front_of_zot_ask_as_recorded() {
    let stems = [
        "zot-first",
        "zot-bk",
        "zot-cimg",
        "zot-skopeonew",
        "zot-k3s",
        "zot-multi",
        "zot-scheme",
        "zot-v2dest",
        "zot-dockerd-20.10",
        "zot-dockerd-new-classic",
        "zot-dockerd-new-ctrd",
    ];
    at_least((65, 380), &stems);
}

#[test]
fn every_recording_is_replayed() {
    let folder = recording::folder();
    let text = include_str!("tests.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".txt") else { continue };
        // What a script asked of zot is no client; `names` is held to it.
        let stem = stem.strip_suffix("-zotlog").unwrap_or(stem);
        assert!(stem == "zot-misc" || text.contains(&format!("\"{stem}\"")), "{stem} is not replayed");
    }
}

#[test]
fn a_wrong_prediction_is_noticed() {
    let mut setup = setups::setup("ctr-2-shape", "override/v2-docker.io").unwrap();
    setup.config.routes[0].endpoints[0].base = "/v2/quay.io".to_owned();
    let entries =
        Recording::read("ctr-2-shape").cases.into_iter().find(|(case, _)| case == "override/v2-docker.io").unwrap().1;
    let mut replay = Replay { case: "", setup: &setup, entries, deviation: None, trouble: vec![] };
    replay.run();
    assert!(!replay.trouble.is_empty());
}

#[test]
fn an_image_without_an_index_is_pulled_by_its_manifest() {
    let setup = setups::setup("ctr-2-shape", "plain/docker-official-tag").unwrap();
    let image = Image { index: None, ..Image::unknown() };
    let sent = super::pull::requests(&setup.config, &setup.reference(), &image, &setup.logins);
    let stages: Vec<Stage> = sent.iter().map(|request| request.stage).collect();
    assert_eq!(stages, [Stage::Tag, Stage::Manifest, Stage::Blob(0), Stage::Blob(1)]);
    assert!(Content { digest: String::new(), media: String::new() } != image.manifest);
}
