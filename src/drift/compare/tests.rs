//! The comparison alone: no registry, no file but those of the test.

use super::*;
use crate::drift::show;

fn snapshot(answers: &[(&str, &str)], tags: &[(&str, &str)]) -> Snapshot {
    let digests = tags.iter().map(|(tag, digest)| {
        let digest = Some((*digest).to_owned()).filter(|digest| !digest.is_empty());
        ((*tag).to_owned(), digest)
    });
    Snapshot {
        schema: 1,
        regproof: "0".into(),
        scenario: "s".into(),
        target: "t".into(),
        catalog: false,
        answers: answers.iter().map(|(question, answer)| ((*question).into(), (*answer).into())).collect(),
        tags: [("a/b".to_owned(), Tags { whole: true, digests: digests.collect() })].into(),
        gaps: vec![],
        undecided: vec![],
    }
}

fn ids(diff: &Diff) -> Vec<(Kind, &str)> {
    diff.changes.iter().map(|change| (change.kind, change.id.as_str())).collect()
}

fn none() -> BTreeSet<String> {
    BTreeSet::new()
}

#[test]
fn equal_snapshots_differ_in_nothing() {
    let one = snapshot(&[("q", "200")], &[("v1", "d1"), ("v2", "")]);
    let diff = compare(&one, &one, &none());
    assert_eq!((ids(&diff), diff.answers, diff.tags, diff.new_tags), (vec![], 1, 1, 0));
}

#[test]
fn every_kind_of_difference_is_named_with_both_answers() {
    let before = snapshot(&[("q", "200"), ("r", "allowed")], &[("v1", "d1"), ("v2", "d2"), ("v3", "d3")]);
    let after = snapshot(&[("q", "401"), ("s", "denied")], &[("v1", "d9"), ("v3", ""), ("v4", "d4")]);
    let diff = compare(&before, &after, &none());
    let expected = [
        (Kind::Changed, "q: 200 -> 401"),
        (Kind::Moved, "tag a/b:v1: d1 -> d9"),
        (Kind::Gone, "tag a/b:v2: d2 -> gone"),
        (Kind::Lost, "r: allowed -> not answered"),
        (Kind::Lost, "tag a/b:v3: d3 -> not answered"),
        (Kind::New, "s: not known -> denied"),
    ];
    assert_eq!(ids(&diff), expected);
    assert_eq!(diff.new_tags, 1, "a new tag is counted and no change");
}

#[test]
fn the_tags_of_a_repository_that_was_not_looked_at_before_are_new() {
    let (before, mut after) = (snapshot(&[], &[("v1", "d1")]), snapshot(&[], &[("v1", "d1"), ("v2", "d2")]));
    let tags = [("v1", "d1"), ("v2", "d2"), ("v3", "d3")];
    after.tags.insert("c/d".to_owned(), snapshot(&[], &tags).tags.remove("a/b").unwrap());
    assert_eq!(compare(&before, &after, &none()).new_tags, 4);
}

#[test]
fn what_two_snapshots_do_not_have_in_common_is_noted() {
    let one = snapshot(&[], &[]);
    let notes = |change: fn(&mut Snapshot)| {
        let mut other = one.clone();
        change(&mut other);
        compare(&one, &other, &none()).notes
    };
    assert_eq!(notes(|_| ()), Vec::<String>::new());
    assert!(notes(|other| other.regproof = "1".into())[0].contains("releases of regproof: 0 before, 1 after"));
    assert!(notes(|other| other.scenario = "o".into())[0].contains("scenarios: s before, o after"));
    assert!(notes(|other| other.catalog = true)[0].contains("the whole catalog"));
}

#[test]
fn a_list_that_is_not_whole_or_not_there_loses_tags_and_never_removes_them() {
    let before = snapshot(&[("q", "1")], &[("v1", "d1")]);
    let mut after = snapshot(&[("q", "1")], &[]);
    after.tags.get_mut("a/b").unwrap().whole = false;
    assert_eq!(ids(&compare(&before, &after, &none())), [(Kind::Lost, "tag a/b:v1: d1 -> not answered")]);
    after.tags.clear();
    assert_eq!(ids(&compare(&before, &after, &none())), [(Kind::Lost, "tags of a/b: 1 tags -> not answered")]);
}

#[test]
fn an_accepted_change_is_shown_and_does_not_count_until_it_changes_further() {
    let (before, after) = (snapshot(&[("q", "200")], &[]), snapshot(&[("q", "401")], &[]));
    let accepted = BTreeSet::from(["q: 200 -> 401".to_owned()]);
    let diff = compare(&before, &after, &accepted);
    assert!(diff.changes.len() == 1 && diff.open().count() == 0);
    let diff = compare(&before, &snapshot(&[("q", "500")], &[]), &accepted);
    assert_eq!(diff.open().count(), 1);
    assert_eq!(diff.notes, ["accepted, and not there: q: 200 -> 401"]);
}

#[test]
fn a_snapshot_is_read_as_it_was_written_and_nothing_else_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.json");
    let one = snapshot(&[("q", "200")], &[("v1", "d1")]);
    std::fs::write(&file, one.text()).unwrap();
    assert_eq!(Snapshot::read(&file).unwrap(), one);
    let empty = Snapshot { answers: [].into(), ..one.clone() };
    let newer = Snapshot { schema: 2, ..one.clone() };
    for text in [String::new(), "{}".into(), one.text().replace("catalog", "other"), empty.text(), newer.text()] {
        std::fs::write(&file, &text).unwrap();
        assert!(Snapshot::read(&file).is_err(), "{text}");
    }
    assert!(Snapshot::read(folder.path()).is_err());
}

#[test]
fn what_was_not_decided_is_never_unchanged() {
    let known = snapshot(&[("q", "200")], &[]);
    let partly = Snapshot { undecided: vec!["snapshot::pages: asks for tokens".to_owned()], ..known.clone() };
    for (before, after, count) in
        [(&known, &known, 0), (&partly, &known, 1), (&known, &partly, 1), (&partly, &partly, 2)]
    {
        let diff = compare(before, after, &none());
        assert_eq!((diff.changes.len(), diff.undecided.len()), (0, count));
        for text in [show::text(&diff), show::markdown(&diff)] {
            assert_eq!(text.contains("nothing changed"), count == 0, "{text}");
            assert_eq!(text.contains("asks for tokens"), count > 0, "{text}");
        }
    }
    // Snapshots of before have no such list.
    let old = known.text();
    assert!(!old.contains("undecided"));
    assert_eq!(serde_json::from_str::<Snapshot>(&old).unwrap(), known);
}
