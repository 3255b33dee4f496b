//! What is removed, how, and what is listed because it cannot be.

use std::sync::Arc;

use crate::check::machine::Machine;
use crate::check::target::Target;
use crate::checks::CHECKS;
use crate::lab::{Lab, Weakness};
use crate::model::outcome::Outcome;
use crate::run::runner::{execute_one, no_stop};
use crate::trial::proxy;

const ID: &str = "publish::docker_media_type_is_as_promised";
const MOVED: &str = "access::anonymous_cannot_push";

/// One check through a proxy, by a scenario that is not quite the lab's own.
async fn run(id: &str, lab: &Lab, fault: proxy::Fault, change: fn(String) -> String) -> Outcome {
    let front = format!("http://{}", proxy::start(lab.url(), fault).await);
    let folder = tempfile::tempdir().unwrap();
    let file = lab.write_scenario(folder.path()).unwrap();
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace(&format!("url = \"{}\"", lab.url()), &format!("url = \"{front}\""));
    std::fs::write(&file, change(text)).unwrap();
    let target = Arc::new(Target::open(&file, None, Machine::with_path("".as_ref(), true)).unwrap());
    let plan = target.plan(CHECKS, &[id]).unwrap();
    execute_one(&plan.steps[0], &target, no_stop()).await
}

fn nobody_deletes(text: String) -> String {
    text.replace(r#"["read", "create", "update", "delete"]"#, r#"["read", "create", "update"]"#)
}

/// The tags that runs have left in the scratch repository.
fn tags(lab: &Lab) -> Vec<String> {
    lab.digests().into_keys().filter(|name| name.starts_with("blumeops/regproof:regproof-")).collect()
}

fn no_delete_by_tag(line: &str) -> Option<&'static str> {
    let by_tag = line.starts_with("DELETE ") && line.contains("/manifests/regproof-");
    by_tag.then_some("405 Method Not Allowed\n{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"m\"}]}")
}

#[tokio::test]
async fn a_manifest_goes_by_its_digest_where_its_tag_cannot_be_removed() {
    let lab = Lab::healthy().await.unwrap();
    let outcome = run("publish::api_key_can_push", &lab, no_delete_by_tag, |text| text).await;
    assert_eq!(outcome.leftovers, []);
    assert_eq!(tags(&lab), Vec::<String>::new());
}

#[tokio::test]
async fn what_another_run_left_stays_as_it_is() {
    let lab = Lab::healthy().await.unwrap();
    let first = run("publish::api_key_can_push", &lab, |_| None, nobody_deletes).await;
    let there = tags(&lab);
    assert!(!there.is_empty(), "{:?}", first.leftovers);
    assert!(first.leftovers.iter().all(|left| left.readable_by.is_some()), "{:?}", first.leftovers);
    let second = run("publish::api_key_can_push", &lab, no_delete_by_tag, |text| text).await;
    assert_eq!(second.leftovers, []);
    assert_eq!(tags(&lab), there);
}

#[tokio::test]
async fn a_digest_to_which_another_tag_points_is_not_removed() {
    let lab = Lab::healthy().await.unwrap();
    let outcome = run("publish::existing_tag_cannot_be_moved", &lab, no_delete_by_tag, |text| text).await;
    let shared = outcome.leftovers.iter().any(|left| left.reason.contains("tags that others made"));
    assert!(shared, "{:?}", outcome.leftovers);
    assert!(lab.digests().contains_key("blumeops/regproof:latest"));
}

#[tokio::test]
async fn what_a_tag_pointed_to_that_the_check_itself_removed_does_not_stay() {
    let lab = Lab::healthy().await.unwrap();
    let outcome = run("publish::existing_tag_cannot_be_deleted", &lab, |_| None, |text| text).await;
    assert_eq!((outcome.verdict.word(), outcome.leftovers), ("pass", vec![]));
    let gone = |e: &&crate::model::exchange::Exchange| {
        e.method == "DELETE" && e.url.contains("/manifests/sha256:") && e.status == Some(202)
    };
    assert!(outcome.transcript.iter().filter(gone).count() > 0);
}

#[tokio::test]
async fn nothing_that_an_index_named_stays() {
    let lab = Lab::healthy().await.unwrap();
    let outcome = run("publish::buildkit_sequence_can_push", &lab, |_| None, |text| text).await;
    assert_eq!((outcome.verdict.word(), outcome.leftovers), ("pass", vec![]));
    let manifests = outcome.transcript.iter().filter(|e| e.method == "PUT" && e.url.contains("/manifests/sha256:"));
    let removed =
        |url: &str| outcome.transcript.iter().any(|e| e.method == "DELETE" && e.url == url && e.status == Some(202));
    assert!(manifests.clone().count() > 0 && manifests.clone().all(|e| removed(&e.url)));
}

#[tokio::test]
async fn what_was_refused_or_never_made_is_not_listed() {
    let lab = Lab::healthy().await.unwrap();
    for id in [ID, MOVED] {
        let closed = |line: &str| line.starts_with("POST ").then_some("403 Forbidden");
        let outcome = run(id, &lab, closed, nobody_deletes).await;
        assert_eq!(outcome.leftovers, [], "{id}");
    }
}

#[tokio::test]
async fn what_may_have_arrived_before_the_answer_was_lost_is_listed() {
    let lab = Lab::healthy().await.unwrap();
    let lost = |line: &str| (line.starts_with("PUT ") && line.contains("/manifests/")).then_some("502 Bad Gateway");
    let outcome = run("publish::api_key_can_push", &lab, lost, nobody_deletes).await;
    assert_eq!(outcome.leftovers, [], "the registry says that there is no such tag");
    let both = |line: &str| line.contains("/manifests/").then_some("502 Bad Gateway");
    let outcome = run("publish::api_key_can_push", &lab, both, nobody_deletes).await;
    let reasons: Vec<&str> = outcome.leftovers.iter().map(|left| left.reason.as_str()).collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|why| why.contains("may have been made")), "{reasons:?}");
}

#[tokio::test]
async fn what_stays_on_purpose_is_told_with_who_can_read_it() {
    const MOVED_BY_CI: &str = "publish::existing_tag_cannot_be_moved";
    for (weakness, readers) in [(None, "everyone, without a login"), (Some(Weakness::AnonymousCannotRead), "")] {
        let lab = match weakness {
            Some(weakness) => Lab::with(weakness).await.unwrap(),
            None => Lab::healthy().await.unwrap(),
        };
        let outcome = run(MOVED_BY_CI, &lab, |_| None, |text| text).await;
        let kept = outcome.leftovers.iter().find(|left| left.reference == "latest").expect("it stays");
        let told = kept.readable_by.as_deref().unwrap_or_default();
        assert!(told == readers || readers.is_empty() && told == "every user who can log in", "{kept:?}");
    }
}
