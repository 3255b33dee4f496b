//! How cells are judged, and that each change of a policy changes exactly the cells that it implies.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::controlled;
use super::*;
use crate::kit::oracle::Subject;
use crate::lab::Lab;
use crate::model::exchange::Exchange;
use crate::model::outcome::{Outcome, Verdict};
use crate::scenario::Promise;
use crate::trial::config::promised;
use crate::trial::{Weakness, run_scenario, vantage};
use crate::zot::config::Config;
use crate::zot::policy::{Who, decide};

fn cell(promised: Option<bool>, random: bool, seen: &[Permission]) -> Cell {
    let mut cell = Cell {
        who: "ci".to_owned(),
        repository: "team/app".to_owned(),
        oracle: Oracle::UpdateTag,
        tag: None,
        client: None,
        promise: Promise { allowed: promised, grounds: String::new(), random },
        seen: vec![],
        note: None,
        unasked: None,
    };
    for permission in seen {
        cell.add(permission.clone(), 0, None);
    }
    cell
}

#[test]
fn one_wrong_answer_breaks_a_cell_and_a_denial_needs_its_control() {
    use Permission::{Allowed, Denied};
    let broken = Permission::Undecided("500".to_owned());
    let (yes, no) = (Some(true), Some(false));
    for (promised, random, seen, controlled, expected) in [
        (yes, false, &[Allowed][..], false, Verdict::Pass),
        (yes, false, &[Denied], true, Verdict::Fail),
        (no, false, &[Denied], true, Verdict::Pass),
        (no, false, &[Denied], false, Verdict::Skip),
        (no, false, &[Allowed], true, Verdict::Fail),
        (no, false, &[broken.clone(), Allowed], true, Verdict::Fail),
        (no, false, &[Denied, broken.clone()], true, Verdict::Error),
        (no, false, &[], true, Verdict::Error),
        (None, false, &[Allowed], true, Verdict::Skip),
        (None, false, &[Allowed, Denied], true, Verdict::Fail),
        (None, true, &[Allowed, Allowed], true, Verdict::Error),
    ] {
        let controlled = if controlled { BTreeSet::from([(Oracle::UpdateTag, None)]) } else { BTreeSet::new() };
        let cell = cell(promised, random, seen);
        assert_eq!(cell.verdict(&controlled), expected, "{promised:?} {seen:?}");
    }
}

#[test]
fn a_yes_that_something_in_front_says_to_every_request_is_none() {
    use Permission::{Allowed, Denied};
    let undecided = || Permission::Undecided("405".to_owned());
    let cells =
        |create: (Permission, u16), upload: (Permission, u16), manifest: (Permission, u16), blob: (Permission, u16)| {
            let of = |oracle, (permission, status)| {
                let mut cell = Cell { oracle, ..cell(Some(false), false, &[]) };
                cell.add(permission, status, None);
                cell
            };
            let mut cells = vec![
                of(Oracle::CreateTag, create),
                of(Oracle::StartUpload, upload),
                of(Oracle::DeleteManifest, manifest),
                of(Oracle::DeleteBlob, blob),
            ];
            suspect(&mut cells);
            cells.iter().map(|cell| cell.has(&Allowed)).collect::<Vec<_>>()
        };
    let proxy = cells((undecided(), 405), (Allowed, 405), (undecided(), 404), (Allowed, 404));
    assert_eq!(proxy, [false, false, false, false]);
    let one_door = cells((Denied, 401), (Allowed, 405), (Denied, 401), (Allowed, 404));
    assert_eq!(one_door, [false, true, false, true], "the registry refuses the one and lets the other through");
    let other = cells((undecided(), 503), (Allowed, 405), (undecided(), 429), (Allowed, 404));
    assert_eq!(other, [false, true, false, true], "a failure of one request says nothing of the other request");
}

#[tokio::test]
async fn what_closes_every_write_in_front_of_the_registry_breaks_no_promise() {
    let outcome = vantage::ends(ID, None, |line| match line.split(' ').next() {
        Some("PUT" | "POST" | "PATCH") => Some("405 Method Not Allowed"),
        Some("DELETE") => Some("404 Not Found"),
        _ => None,
    });
    let outcome = outcome.await;
    assert_eq!(outcome.verdict, Verdict::Error, "{:?}", outcome.finding);
    assert_eq!(cells(&outcome, Some(Verdict::Fail)), BTreeSet::new());
}

#[test]
fn a_cell_says_what_was_seen_and_shows_what_the_promise_does_not_have() {
    use Permission::{Allowed, Denied};
    let mut one = cell(Some(true), false, &[Allowed, Allowed]);
    assert_eq!(one.actual(), "allowed");
    one.note = Some("a note");
    assert_eq!(one.actual(), "allowed: a note");
    assert_eq!(cell(Some(false), false, &[Denied, Allowed, Denied]).actual(), "denied 2 times, allowed once");
    assert_eq!(cell(None, false, &[Permission::Undecided("500".to_owned())]).actual(), "500");
    let shown = |promised, permissions: &[Permission]| {
        let mut cell = cell(promised, false, &[]);
        for (index, permission) in permissions.iter().enumerate() {
            cell.add(permission.clone(), 200, Some(index + 5));
        }
        cell.exchange()
    };
    assert_eq!(shown(Some(false), &[Denied, Allowed]), Some(6));
    assert_eq!(shown(Some(false), &[Allowed, Denied]), Some(5));
    assert_eq!(shown(Some(true), &[Allowed, Denied]), Some(6));
    assert_eq!(shown(None, &[Allowed, Denied]), Some(6));
    assert_eq!(shown(Some(true), &[Allowed]), Some(5));
    assert_eq!(shown(Some(true), &[]), None);
}

/// A row of the matrix in which every request was answered so.
fn row(repository: &str, promised: Option<bool>, seen: &[Permission]) -> Vec<Cell> {
    let oracles = GROUPS.iter().flat_map(|(_, oracles)| *oracles);
    let of =
        |oracle: &Oracle| Cell { oracle: *oracle, repository: repository.to_owned(), ..cell(promised, false, seen) };
    oracles.map(of).collect()
}

#[test]
fn the_table_has_a_row_for_each_who_and_where_in_one_word_a_cell() {
    use Permission::{Allowed, Denied};
    let mut cells = row("team/app", Some(true), &[Allowed]);
    let count = cells.len();
    let with =
        |cell: &Cell, promised, seen: &[Permission]| Cell { oracle: cell.oracle, ..self::cell(promised, false, seen) };
    cells[0] = with(&cells[0], Some(false), &[Allowed]);
    cells[1] = with(&cells[1], Some(false), &[Denied]);
    cells[2] = with(&cells[2], Some(true), &[Denied]);
    cells[3] = with(&cells[3], Some(true), &[Allowed, Denied]);
    cells[4] = with(&cells[4], Some(true), &[Permission::Undecided("500".to_owned())]);
    cells[5] = with(&cells[5], Some(true), &[]);
    cells[6].unasked = Some("a reason");
    cells[7] = with(&cells[7], None, &[Allowed]);
    // Another who was allowed what this one was denied, and nothing about several tags makes another row.
    cells.extend(row("another", Some(true), &[Allowed]));
    cells.push(Cell { tag: Some("stable".to_owned()), ..with(&cells[8], Some(true), &[Denied]) });
    let shown = table(&cells);
    assert_eq!(shown.columns.len(), count + 2);
    assert_eq!(shown.rows.iter().map(Vec::len).collect::<Vec<_>>(), [count + 2, count + 2]);
    let texts: Vec<&str> = shown.rows[0].iter().map(|cell| cell.text.as_str()).collect();
    let expected = ["yes, promised no", "no", "no, promised yes", "random, promised yes", "?", "-", "-", "yes"];
    assert_eq!(&texts[..10], [&["ci", "team/app"][..], &expected].concat());
    assert_eq!(texts[10], "no, promised yes", "the worst of several tags stands for all");
    let verdicts: Vec<Option<Verdict>> = shown.rows[0].iter().map(|cell| cell.verdict).collect();
    use Verdict::{Error, Fail, Pass};
    let (none, fail, error, pass) = (None, Some(Fail), Some(Error), Some(Pass));
    assert_eq!(verdicts[..11], [none, none, fail, pass, fail, fail, error, error, none, none, fail]);
    assert_eq!(verdicts[11], pass);
    assert_eq!(controlled(&cells[1..2]), BTreeSet::new());
    let as_docker = Cell { client: Some("docker"), ..cell(Some(true), false, &[Allowed]) };
    assert_eq!(controlled(&[as_docker]), BTreeSet::from([(Oracle::UpdateTag, Some("docker"))]));
}

#[test]
fn a_denial_as_one_client_is_not_controlled_by_another() {
    use Permission::Denied;
    let denied = Cell { client: Some("docker"), ..cell(Some(false), false, &[Denied]) };
    assert_eq!(denied.verdict(&BTreeSet::from([(Oracle::UpdateTag, None)])), Verdict::Skip);
    assert_eq!(denied.verdict(&BTreeSet::from([(Oracle::UpdateTag, Some("docker"))])), Verdict::Pass);
    assert!(denied.describe().contains("User-Agent of docker"), "{}", denied.describe());
}

#[test]
fn a_yes_that_means_nothing_breaks_no_promise_and_stays_where_it_breaks_none() {
    use Permission::{Allowed, Denied};
    let taken_back = |promised, seen: &[Permission], dialect| {
        let mut cells = [Cell { oracle: Oracle::MoveTagByQuery, ..cell(promised, false, seen) }];
        doubt(&mut cells, dialect);
        cells[0].unasked.is_some()
    };
    let unknown = Dialect::Zot(None);
    assert!(taken_back(Some(false), &[Allowed], unknown));
    assert!(!taken_back(Some(true), &[Allowed], unknown));
    assert!(!taken_back(None, &[Allowed], unknown));
    assert!(!taken_back(Some(false), &[Denied], unknown));
    assert!(!taken_back(Some(false), &[Allowed], Dialect::Other));
}

#[test]
fn only_what_was_decided_and_stays_is_an_answer() {
    use Permission::{Allowed, Denied};
    let broken = Permission::Undecided("500".to_owned());
    let place = |repository: &str, still| Place {
        repository: repository.to_owned(),
        subject: Subject::default(),
        tags: vec![],
        still,
        critical: false,
        as_clients: false,
        passing: false,
    };
    let places = [place("team/app", true), place("scratch", false)];
    let asked = |oracle, repository: &str, seen: &[Permission]| Cell {
        oracle,
        repository: repository.to_owned(),
        ..cell(None, false, seen)
    };
    let unasked = Cell { unasked: Some("a reason"), ..asked(Oracle::CreateTag, "team/app", &[Allowed]) };
    let cells = [
        asked(Oracle::UpdateTag, "team/app", &[Denied, Denied]),
        asked(Oracle::UpdateTag, "scratch", &[Denied]),
        asked(Oracle::UpdateTag, "unknown", &[Denied]),
        asked(Oracle::CreateTag, "scratch", &[Allowed]),
        asked(Oracle::CreateTag, "team/app", &[Allowed, Denied]),
        asked(Oracle::ListTags, "team/app", &[Allowed, broken.clone()]),
        asked(Oracle::ListTags, "scratch", &[broken]),
        unasked,
    ];
    let question = |oracle: Oracle, repository: &str| format!("ci, {} in {repository}", oracle.describe());
    let expected = [
        (question(Oracle::UpdateTag, "team/app"), "denied"),
        (question(Oracle::CreateTag, "scratch"), "allowed"),
        (question(Oracle::CreateTag, "team/app"), "random"),
    ];
    assert_eq!(answers(&cells, &places), expected);
}

const ID: &str = "access::permission_matrix";

/// How often each write of these was asked of the repository: by whom, with which method and path.
fn times(outcome: &Outcome, repository: &str) -> BTreeMap<(String, String, String), usize> {
    let base = format!("/v2/{repository}/");
    let mut times = BTreeMap::new();
    // The last request that is tried before all others.
    let tried = outcome.transcript.iter().rposition(|exchange| exchange.url.contains("-trial-")).unwrap_or(0);
    // What is asked as other clients is asked once.
    let own = |exchange: &&Exchange| exchange.request_headers.iter().all(|(name, _)| name != "User-Agent");
    for exchange in outcome.transcript.iter().skip(tried + 1).filter(own).filter(|exchange| exchange.method != "GET") {
        let Some((_, path)) = exchange.url.split_once(&base) else { continue };
        // Upload sessions have random names.
        let path = if path.starts_with("blobs/uploads/") && exchange.method != "POST" { "an upload" } else { path };
        *times.entry((exchange.who.clone(), exchange.method.clone(), path.to_owned())).or_default() += 1;
    }
    times
}

#[tokio::test]
async fn what_safety_rests_on_is_asked_often_and_all_else_once() {
    let lab = Lab::healthy().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let usual = promised(lab.zot_config(), &lab, folder.path());
    let text = std::fs::read_to_string(folder.path().join("zot.json")).unwrap();
    let mut delayed: serde_json::Value = serde_json::from_str(&text).unwrap();
    delayed["http"]["auth"]["failDelay"] = 1.into();
    for (config, often) in [(text, 20), (delayed.to_string(), 5)] {
        std::fs::write(folder.path().join("zot.json"), config).unwrap();
        let outcome = run_scenario(ID, &usual).await;
        let mut often_asked = BTreeSet::new();
        for repository in ["blumeops/regproof", "blumeops/navidrome", "private/ledger"] {
            for ((who, method, path), times) in times(&outcome, repository) {
                let weak = ["anonymous", "ci"].contains(&who.as_str());
                let writes = match method.as_str() {
                    "PUT" | "DELETE" => path.starts_with("manifests/"),
                    "POST" => path == "blobs/uploads/?from=x",
                    _ => false,
                };
                let critical = weak && writes && repository != "private/ledger";
                // Of several tags, one is asked about often.
                let expected = if critical && times > 1 { often } else { 1 };
                assert_eq!(times, expected, "{who} {method} {repository} {path}");
                if critical && times > 1 {
                    often_asked
                        .insert(format!("{method} {}", path.split_once(['-', ':', '?']).map_or(&*path, |p| p.0)));
                }
            }
        }
        // A new tag, `latest`, another tag, one moved by its digest, a manifest deleted, an upload begun.
        assert_eq!(often_asked.len(), 6, "{often_asked:?}");
    }
}

/// Who, where and which request, as the table names them.
type Key = (String, String, String);

/// The cells of the table that end so.
fn cells(outcome: &Outcome, verdict: Option<Verdict>) -> BTreeSet<Key> {
    let table = outcome.tables.first().expect("the check makes a table");
    let mut found = BTreeSet::new();
    for row in &table.rows {
        for (cell, column) in row.iter().zip(&table.columns).skip(2) {
            if cell.verdict == verdict {
                found.insert((row[0].text.clone(), row[1].text.clone(), column.clone()));
            }
        }
    }
    found
}

/// Whether zot with this configuration lets somebody of the lab do it.
fn allows(config: &Config, (who, repository, request): &Key) -> bool {
    let (name, groups) = match who.as_str() {
        "ci" => ("zot-ci", vec!["artifact-workloads".to_owned()]),
        "admin" => ("erich", vec!["admins".to_owned()]),
        "guest" => ("guest", vec![]),
        _ => ("", vec![]),
    };
    let oracle = Oracle::ALL.into_iter().find(|oracle| oracle.describe() == *request).expect("a column is a request");
    decide(config, &Who { name: name.to_owned(), groups, ..Who::default() }, repository, oracle.action(None))
        .is_allowed()
}

#[tokio::test]
async fn each_change_of_the_policy_breaks_exactly_the_cells_that_it_implies() {
    let healthy = Lab::healthy().await.unwrap();
    let before = Config::parse("zot.json", &healthy.zot_config().to_string()).unwrap();
    for weakness in [
        Weakness::AnonymousCanCreate,
        Weakness::AnonymousCannotRead,
        Weakness::CiCanUpdate,
        Weakness::CiCanDelete,
        Weakness::CiCannotCreate,
        Weakness::DefaultCanCreate,
        Weakness::AdminsCannotDelete,
        Weakness::AccessControlRemoved,
        Weakness::PrivatePatternMistyped,
    ] {
        let lab = Lab::with(weakness).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let outcome = run_scenario(ID, &promised(healthy.zot_config(), &lab, folder.path())).await;
        let running = Config::parse("zot.json", &lab.zot_config().to_string()).unwrap();
        let mut all = cells(&outcome, Some(Verdict::Pass));
        all.extend(cells(&outcome, Some(Verdict::Fail)));
        let implied: BTreeSet<Key> =
            all.iter().filter(|key| allows(&before, key) != allows(&running, key)).cloned().collect();
        assert!(!implied.is_empty(), "{} changes nothing", weakness.name());
        assert_eq!(cells(&outcome, Some(Verdict::Fail)), implied, "{}", weakness.name());
        assert_eq!(cells(&outcome, Some(Verdict::Error)), BTreeSet::new(), "{}", weakness.name());
        assert_eq!(outcome.verdict, Verdict::Fail, "{}", weakness.name());
        let finding = outcome.finding.unwrap();
        assert!(finding.cause.contains("zot.json"), "the line of the configuration is named: {}", finding.cause);
    }
}

#[tokio::test]
async fn every_cell_of_the_healthy_lab_is_proven_from_its_configuration() {
    let lab = Lab::healthy().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let before = (lab.digests(), lab.repositories());
    let outcome = run_scenario(ID, &promised(lab.zot_config(), &lab, folder.path())).await;
    assert_eq!(outcome.verdict, Verdict::Pass, "{:#?}", outcome.finding);
    assert_eq!((lab.digests(), lab.repositories()), before);
    let of_blob = |url: &str| url.contains("/v2/blumeops/navidrome/blobs/sha256:");
    assert!(outcome.transcript.iter().any(|exchange| of_blob(&exchange.url) && exchange.status == Some(200)));
    let repositories: BTreeSet<String> =
        cells(&outcome, Some(Verdict::Pass)).into_iter().map(|(_, repository, _)| repository).collect();
    for repository in ["blumeops/regproof", "blumeops/navidrome", "private/ledger", "docker.io/library/alpine"] {
        assert!(repositories.contains(repository), "{repositories:?}");
    }
}

#[tokio::test]
async fn a_repository_of_the_catalog_stands_for_its_pattern() {
    let lab = Lab::healthy().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = promised(lab.zot_config(), &lab, folder.path());
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("private = [\"private/ledger\"]\n", "")).unwrap();
    let outcome = run_scenario(ID, &file).await;
    let asked = cells(&outcome, Some(Verdict::Pass));
    assert!(asked.iter().any(|(_, repository, _)| repository == "private/ledger"), "{asked:?}");
}

#[tokio::test]
async fn what_depends_on_content_is_told_only_where_nobody_changes_it() {
    let lab = Lab::healthy().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_scenario(ID, &promised(lab.zot_config(), &lab, folder.path())).await;
    let told = |oracle: Oracle, repository: &str| {
        let question = format!("ci, {} in {repository}", oracle.describe());
        outcome.told.iter().find(|told| told.question == question).map(|told| told.answer.clone())
    };
    assert_eq!(told(Oracle::ReadManifest, "blumeops/navidrome").as_deref(), Some("allowed"));
    assert_eq!(told(Oracle::ReadManifest, "blumeops/regproof"), None);
    assert_eq!(told(Oracle::ReadManifest, "docker.io/library/alpine"), None);
    assert_eq!(told(Oracle::CreateTag, "blumeops/regproof").as_deref(), Some("allowed"));
}

#[tokio::test]
async fn a_cache_is_not_asked_for_what_it_lacks() {
    let lab = Lab::healthy().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_scenario(ID, &promised(lab.zot_config(), &lab, folder.path())).await;
    assert!(cells(&outcome, Some(Verdict::Pass)).iter().any(|(_, repository, _)| repository.starts_with("docker.io/")));
    let asked = lab.requests();
    let pulled = asked.iter().filter(|seen| seen.path.contains("/docker.io/") && seen.path.contains("/manifests/"));
    let reads: Vec<_> = pulled.filter(|seen| seen.method == "GET").collect();
    assert!(reads.is_empty(), "{reads:?}");
}
