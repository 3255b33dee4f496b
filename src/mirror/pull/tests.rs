//! User agents, names and what follows where a client has no route.

use super::words::user_agent;
use super::*;
use crate::mirror::containerd;
use crate::mirror::model::{Client, Kind, Version};
use crate::mirror::source::Files;

const KINDS: [Kind; 12] = [
    Kind::Ctr,
    Kind::Cri,
    Kind::K3s,
    Kind::Rke2,
    Kind::Talos,
    Kind::DockerdClassic,
    Kind::DockerdContainerd,
    Kind::BuildKit,
    Kind::Skopeo,
    Kind::Podman,
    Kind::Buildah,
    Kind::CriO,
];

#[test]
fn a_user_agent_starts_as_its_client_does() {
    for kind in KINDS {
        let agent = user_agent(Client::new(kind, None));
        assert!(agent.starts_with(words::agent(kind)), "{agent}");
    }
    assert_eq!(user_agent(Client::new(Kind::Cri, Version::read("1.6.20~ds1"))), "containerd/1.6.20");
}

fn image(text: &str) -> Reference {
    Reference::read(Client::new(Kind::Cri, None), text).unwrap()
}

#[test]
fn rewrites_are_unanchored_and_the_first_that_changes_counts() {
    let rewrite = |pattern: &str, replacement: &str| crate::mirror::model::Rewrite {
        pattern: pattern.to_owned(),
        replacement: replacement.to_owned(),
        place: crate::zot::tree::Place::START,
    };
    let mut endpoint = Endpoint::new("http://zot", "", crate::zot::tree::Place::START, Scheme::Http, "zot", "/v2");
    let mut name = |rewrites| {
        endpoint.names = Names::Rewrites(rewrites);
        mapped(&endpoint, &image("docker.io/library/alpine"))
    };
    assert_eq!(name(vec![rewrite("^(.*)$", "docker.io/$1")]), "docker.io/library/alpine");
    assert_eq!(name(vec![rewrite("a", "o")]), "librory/olpine");
    assert_eq!(name(vec![rewrite("^grafana/", "x/"), rewrite("^library/", "y/")]), "y/alpine");
    assert_eq!(name(vec![]), "library/alpine");
}

#[test]
fn without_a_route_the_upstream_is_asked() {
    let config = containerd::read(&Files::default(), None);
    let sent = requests(&config, &image("alpine:3.20"), &Image::unknown(), &Logins::default());
    assert!(sent.iter().all(|request| request.host == "registry-1.docker.io" && request.query.is_none()));
    assert_eq!(sent.len(), 5);
}

#[test]
fn references_are_read_as_each_client_does() {
    let read = |kind, text| Reference::read(Client::new(kind, None), text).map(|one| (one.name(), one.tag));
    let name = |name: &str, tag: &str| Ok((name.to_owned(), tag.to_owned()));
    assert_eq!(read(Kind::Cri, "alpine"), name("docker.io/library/alpine", "latest"));
    assert_eq!(read(Kind::Cri, "index.docker.io/library/alpine:3"), name("docker.io/library/alpine", "3"));
    assert_eq!(read(Kind::Ctr, "index.docker.io/library/alpine:3"), name("index.docker.io/library/alpine", "3"));
    assert!(read(Kind::Ctr, "alpine:3.20").is_err());
    assert_eq!(read(Kind::Cri, "localhost:5000/a/b:1"), name("localhost:5000/a/b", "1"));
    assert_eq!(read(Kind::Cri, "zot:5050/a"), name("zot:5050/a", "latest"));
    assert!(read(Kind::Cri, "docker.io/").is_err());
}
