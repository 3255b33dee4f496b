//! What happens while an audit runs, or between two: tags that move and go, an audit that is ended and goes on.
//!
//! Knows no damage but a lost blob.

use super::*;

/// Two tags of one image that has lost a blob, and a third. The first is looked at; the second, which relies on that, and the
/// third come while it is; then the first is as `later` says.
fn shared(later: fn(&mut Content, usize)) -> World {
    let manifest = |tag: &str| format!("/v2/{REPOSITORY}/manifests/{tag}");
    let mut content = Content::default();
    let (broken, sound) = (content.image(b"one"), content.image(b"two"));
    for (tag, image) in [("v1", broken), ("v2", broken), ("v3", sound)] {
        content.tag(REPOSITORY, tag, image);
    }
    content.answer(blob(b"one"), error(404, "BLOB_UNKNOWN"));
    content.hold(manifest("v2"), 0, blob(b"one"));
    // With two at once, the third is asked for as soon as the second is through.
    content.hold(manifest("v1"), 1, manifest("v3"));
    later(&mut content, sound);
    world(content)
}

#[test]
fn what_a_tag_left_to_another_that_moved_or_went_is_looked_at_again() {
    type Later = fn(&mut Content, usize);
    let moved: Later = |content, sound| {
        content.answer_later(format!("/v2/{REPOSITORY}/manifests/v1"), content.reply(sound));
    };
    let gone: Later = |content, _| {
        content.answer_later(format!("/v2/{REPOSITORY}/manifests/v1"), error(404, "MANIFEST_UNKNOWN"));
        let list = json!({ "name": REPOSITORY, "tags": ["v2", "v3"] }).to_string();
        content.answer_later(format!("/v2/{REPOSITORY}/tags/list?n=500"), bytes(list.as_bytes()));
    };
    let stays: Later = |_, _| {};
    for (later, tag, tags, vanished) in [(stays, "v1", 3, 0), (moved, "v2", 3, 0), (gone, "v2", 2, 1)] {
        let world = shared(later);
        let (code, report) = world.audit(&["--concurrency", "2"]);
        let findings = report["findings"].as_array().unwrap();
        assert_eq!((code, findings.len()), (1, 1), "{tag} {report:#}");
        assert_eq!((&findings[0]["tag"], &findings[0]["digest"]), (&json!(tag), &json!(digest(b"one"))), "{report:#}");
        assert_eq!((&report["counts"]["tags"], &report["counts"]["vanished"]), (&json!(tags), &json!(vanished)));
    }
}

#[test]
fn an_audit_goes_on_where_it_was_and_forgets_nothing() {
    let mut content = many();
    let one = digest(b"one");
    content.answer(format!("/v2/team/app07/blobs/{one}"), error(404, "BLOB_UNKNOWN"));
    content.answer(format!("/v2/team/app09/blobs/{one}"), error(500, "UNKNOWN"));
    let world = world(content);
    let journal = world.path("journal");
    let resume = ["--resume", journal.to_str().unwrap()];
    let (code, first) = world.audit(&resume);
    assert_eq!((code, &first["counts"]["tags"]), (1, &json!(40)));
    let before = world.seen().len();
    let (code, second) = world.audit(&resume);
    assert_eq!((code, &second["counts"]["tags"], &second["resumed"]), (1, &json!(40), &json!(39)));
    assert_eq!(second["findings"], first["findings"]);
    let again = world.seen().split_off(before);
    assert!(again.iter().all(|(_, target)| target.contains("_catalog") || target.contains("app09")), "{again:?}");
    let (code, message) = world.audit(&["--deep", resume[0], resume[1]]);
    assert_eq!(code, 3);
    assert!(message.as_str().unwrap().contains("journal of another audit"), "{message}");
}

#[test]
fn an_audit_that_is_through_leaves_no_journal() {
    let world = world(many());
    let journal = world.path("journal");
    assert_eq!(world.audit(&["--resume", journal.to_str().unwrap()]).0, 0);
    assert!(!journal.exists());
}

#[test]
fn a_journal_outlives_a_report_that_could_not_be_written() {
    let world = world(many());
    let journal = world.path("journal");
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.arg("audit").arg(world.path("regproof.toml")).arg("--resume").arg(&journal);
    let output = command.arg("--json").arg(world.path("no/such/folder.json")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(journal.exists(), "hours of work");
    let before = world.seen().len();
    let (code, report) = world.audit(&["--resume", journal.to_str().unwrap()]);
    assert_eq!((code, &report["resumed"], &report["counts"]["tags"]), (0, &json!(40), &json!(40)));
    assert!(report["resumed_since"].is_string() && !journal.exists());
    assert!(world.seen().split_off(before).iter().all(|(_, target)| target.contains("_catalog")));
}
