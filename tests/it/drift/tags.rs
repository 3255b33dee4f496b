//! The tags of a snapshot, from a registry that keeps answers back or answers one client otherwise than the next.

use super::*;
use crate::support::bulk::{Bulk, Content, Reply, error};
use crate::support::hardened::write_secret;

/// Two repositories: `cut` with the tags v1 and v2, `whole` with the tag v1.
fn content() -> Content {
    let mut content = Content::default();
    let image = content.image(b"layer");
    for (repository, tag) in [("cut", "v1"), ("cut", "v2"), ("whole", "v1")] {
        content.tag(repository, tag, image);
    }
    content
}

fn tags(content: Content, limits: &str) -> (Snapshot, Bulk) {
    let bulk = Bulk::start(content, true);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("regproof.toml");
    let text = format!(
        "schema = 1\nname = \"bulk\"\n[registry]\nurl = \"{}\"\n[repositories]\npublic = [\"whole\", \"cut\"]\n\
         [access]\nanonymous = [\"read\"]\nauthenticated = [\"read\"]\n\
         [identities.ci]\nusername = \"ci\"\npassword = {{ file = \"secret\" }}\n[limits]\n{limits}\n",
        bulk.url()
    );
    std::fs::write(&file, text).expect("a file can be written");
    write_secret(&folder.path().join("secret"), "not-a-real-secret");
    let target = Target::open(&file, None, Machine::here(true)).expect("the scenario is sound");
    let taken = block_on(async move { take(&target, false, runner::no_stop()).await }).expect("the registry answers");
    (taken, bulk)
}

#[test]
fn what_a_deadline_cuts_off_does_not_look_whole() {
    let (sound, _bulk) = tags(content(), "");
    assert!(sound.tags["cut"].whole && sound.tags["whole"].whole, "{:?}", sound.tags);
    assert_eq!(sound.tags["cut"].digests.len(), 2);

    let mut slow = content();
    slow.hold("/v2/cut/manifests/v2", 0, "/never");
    let (cut, _bulk) = tags(slow, "deadline = \"3s\"\nrequest_timeout = \"30s\"");
    assert!(!cut.tags.contains_key("cut"), "{:?}", cut.tags);
    assert!(cut.gaps.iter().any(|gap| gap.starts_with("snapshot::tags: ") && gap.contains("3s")), "{:?}", cut.gaps);
    // Nothing is called gone that was only not looked at.
    let diff = compare(&sound, &cut, &BTreeSet::new());
    assert!(diff.changes.iter().all(|change| change.kind != Kind::Gone), "{:?}", diff.changes);
}

#[test]
fn a_repository_that_is_hidden_from_the_first_client_is_asked_about_as_the_next() {
    let mut shy = content();
    let first = "/v2/whole/tags/list?n=1";
    shy.answer(first, error(404, "NAME_UNKNOWN"));
    let headers = vec![("content-type", "application/json".to_owned())];
    shy.answer_later(first, Reply { status: 200, headers, body: b"{\"tags\":[\"v1\"]}".to_vec() });
    let (seen, bulk) = tags(shy, "");
    assert_eq!(bulk.seen().iter().filter(|(_, target)| target == first).count(), 2);
    assert!(seen.tags["whole"].whole && seen.tags["whole"].digests.contains_key("v1"), "{:?}", seen.tags);
}
