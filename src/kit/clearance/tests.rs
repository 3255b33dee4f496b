//! Whole runs against labs that store what zot refuses: nothing of it may happen outside of the scratch repository.

use std::sync::Arc;

use super::*;
use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::checks::CHECKS;
use crate::lab::{Lab, Options, Seen, Server, Weakness};
use crate::model::outcome::{Leftover, Run, Verdict};
use crate::run::runner::{Board, execute, no_stop};

/// Both places where checks may write.
const SCRATCH: [&str; 2] = ["/v2/blumeops/regproof/", "/v2/private/regproof/"];
const MATRIX: &str = "access::permission_matrix";

struct World {
    lab: Lab,
    run: Run,
}

impl World {
    /// A run of everything but browsers and client programs.
    async fn of(options: Options, effects: Effect, change: fn(String) -> String) -> World {
        let lab = Lab::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = lab.write_scenario(folder.path()).unwrap();
        let text = change(std::fs::read_to_string(&file).unwrap());
        std::fs::write(&file, text).unwrap();
        let machine = Machine::with_path("".as_ref(), true);
        let target = Target::open(&file, Some(effects), machine).unwrap();
        let plan = target.plan(CHECKS, &[]).unwrap();
        let board = Board::new(Arc::new(target), plan);
        let run = execute(&board, no_stop(), |_| ()).await;
        World { lab, run }
    }

    /// What is no read and not in the scratch repository, but for the end of a session.
    fn writes_elsewhere(&self) -> Vec<Seen> {
        let seen = self.lab.requests().into_iter().filter(|seen| seen.server == Server::Registry);
        let elsewhere = |seen: &Seen| {
            !matches!(seen.method.as_str(), "GET" | "HEAD")
                && !SCRATCH.iter().any(|place| seen.path.starts_with(place))
                && !seen.path.contains("/zot/")
        };
        seen.filter(elsewhere).collect()
    }

    /// What stays, but for the one tag that stays on purpose.
    fn leftovers(&self) -> Vec<&Leftover> {
        let left = self.run.outcomes.iter().flat_map(|outcome| &outcome.leftovers);
        left.filter(|left| !left.reason.contains("for the next runs to prove on")).collect()
    }

    fn verdict(&self, id: &str) -> Verdict {
        self.run.outcomes.iter().find(|outcome| outcome.id == id).unwrap().verdict
    }
}

fn weak(weakness: Weakness) -> Options {
    Options { weaknesses: [weakness].into(), ..Options::default() }
}

fn nobody_deletes(text: String) -> String {
    text.replace(r#"["read", "create", "update", "delete"]"#, r#"["read", "create", "update"]"#)
}

#[tokio::test]
async fn another_registry_is_written_to_in_the_scratch_repository_alone() {
    for weakness in [Weakness::OneSignOfZot, Weakness::AnotherRegistry] {
        for effects in [Effect::ReadOnly, Effect::Oracle, Effect::Writes] {
            let world = World::of(weak(weakness), effects, |text| text).await;
            let elsewhere = world.writes_elsewhere();
            assert!(elsewhere.is_empty(), "{weakness}, {effects}: {elsewhere:#?}");
            assert_eq!(world.leftovers(), Vec::<&Leftover>::new(), "{weakness}, {effects}");
        }
    }
}

#[tokio::test]
async fn what_a_registry_stored_when_it_was_tried_is_sent_nowhere_else_and_removed() {
    let world = World::of(weak(Weakness::StoresAnyMediaType), Effect::Writes, |text| text).await;
    let mut elsewhere = world.writes_elsewhere();
    // What this lab refuses like zot may be sent.
    elsewhere.retain(|seen| match seen.method.as_str() {
        "PUT" => seen.path.contains("/manifests/"),
        "POST" => seen.path.contains("/blobs/uploads/"),
        _ => false,
    });
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    assert_eq!(world.leftovers(), Vec::<&Leftover>::new());
    assert_eq!(world.verdict(MATRIX), Verdict::Error);
}

#[tokio::test]
async fn what_a_trial_left_is_listed_where_nobody_may_remove_it() {
    let world = World::of(weak(Weakness::StoresAnyMediaType), Effect::Writes, nobody_deletes).await;
    let left = world.leftovers();
    let tag = left.iter().find(|left| left.reference.contains("trial")).expect("the stored manifest is listed");
    assert_eq!(tag.readable_by.as_deref(), Some("everyone, without a login"), "{tag:?}");
    assert!(left.iter().any(|left| left.reference.contains("blobs/uploads/")), "{left:#?}");
}

#[tokio::test]
async fn zot_is_asked_everything_after_each_kind_of_request_was_tried() {
    let world = World::of(Options::default(), Effect::Writes, |text| text).await;
    assert_eq!(world.verdict(MATRIX), Verdict::Pass);
    let seen = world.lab.requests();
    let (mut puts, mut tried) = (0, false);
    for seen in seen.iter().filter(|seen| seen.server == Server::Registry && seen.method == "PUT") {
        tried |= seen.path.starts_with(SCRATCH[0]) && seen.path.contains("trial");
        if seen.path.contains("/manifests/") && !SCRATCH.iter().any(|place| seen.path.starts_with(place)) {
            assert!(tried, "{} was sent before it was tried", seen.path);
            puts += 1;
        }
    }
    assert!(puts > 20, "{puts}");
    assert_eq!(world.leftovers(), Vec::<&Leftover>::new());
}

#[tokio::test]
async fn where_nothing_may_be_written_the_release_decides_and_nothing_is_tried() {
    let world = World::of(Options::default(), Effect::Oracle, |text| text).await;
    assert_eq!(world.verdict(MATRIX), Verdict::Pass);
    assert!(!world.lab.requests().iter().any(|seen| seen.path.contains("trial")));
    assert!(!world.writes_elsewhere().is_empty());
}

#[test]
fn only_a_release_that_was_tried_stands_for_a_trial() {
    for release in ["v2.1.14", "v2.1.15", "v2.1.18", "v2.1.20"] {
        assert_eq!(by_release(release.parse().ok()), Ok(()), "{release}");
    }
    for release in ["v2.1.13", "v2.1.16", "v2.1.19", "v2.1.21", "v3.0.0"] {
        assert_eq!(by_release(release.parse().ok()), Err(Unasked::Unknown(OTHER_RELEASE)), "{release}");
    }
    assert_eq!(by_release(None), Err(Unasked::Unknown(NO_RELEASE)));
}

#[tokio::test]
async fn a_registry_that_is_never_reached_has_nothing_left_behind() {
    let lab = Lab::healthy().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = lab.write_scenario(folder.path()).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let no_such_host = text.replace(&format!("url = \"{}\"", lab.url()), "url = \"https://registry.invalid:5000\"");
    lab.stop().await;
    for text in [text, no_such_host] {
        std::fs::write(&file, text).unwrap();
        let target = Target::open(&file, Some(Effect::Writes), Machine::with_path("".as_ref(), true)).unwrap();
        let plan = target.plan(CHECKS, &[]).unwrap();
        let run = execute(&Board::new(Arc::new(target), plan), no_stop(), |_| ()).await;
        let left: Vec<&Leftover> = run.outcomes.iter().flat_map(|outcome| &outcome.leftovers).collect();
        assert_eq!(left, Vec::<&Leftover>::new());
    }
}
