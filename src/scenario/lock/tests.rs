//! The lock's text, how it is refused, and what is told of a change. Scenarios and configurations by hand.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::checks::CHECKS;
use crate::run::promises::now;
use crate::scenario::{Scenario, load};
use crate::zot::config::Config;

const SCENARIO: &str = r#"schema = 1
name = "n"
[registry]
url = "https://r.example.test"
[repositories]
scratch = "apps/scratch"
public = ["apps/web"]
[identities.ci]
username = "zot-ci"
groups = ["publishers"]
password = { env = "X" }
"#;
const CONFIG: &str = r#"{
 "http": {
  "auth": {"htpasswd": {"path": "/x"}},
  "accessControl": {
   "repositories": {
    "**": {
     "anonymousPolicy": ["read"], "defaultPolicy": ["read"],
     "policies": [
      {"groups": ["publishers"], "actions": ["read", "create"]},
      {"users": ["erich"], "actions": ["read", "delete"]}
     ]
    },
    "private/**": {"defaultPolicy": ["read"]}
   }
  }
 }
}"#;

/// Without a way to log in zot starts with anonymous policies alone.
const ANONYMOUS_ONLY: &str = r#"{"http": {"accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}}}}"#;

fn scenario(config: &str) -> Scenario {
    let mut scenario: Scenario = toml::from_str(SCENARIO).unwrap();
    scenario.config = Some(Arc::new(Config::parse("config.json", config).unwrap()));
    scenario
}

/// What is told after this change of the configuration.
fn told(change: fn(&str) -> String) -> Vec<Difference> {
    let (before, after) = (now(&scenario(CONFIG), CHECKS), now(&scenario(&change(CONFIG)), CHECKS));
    let back: Lock = toml::from_str(&before.lock.text()).unwrap();
    compare(&back, &after)
}

fn names(differences: &[Difference]) -> Vec<&str> {
    differences.iter().map(|difference| difference.name.as_str()).collect()
}

#[test]
fn a_lock_is_read_as_it_was_written_and_written_the_same_again() {
    let lock = now(&scenario(CONFIG), CHECKS).lock;
    let back: Lock = toml::from_str(&lock.text()).unwrap();
    assert_eq!(back.text(), lock.text());
    assert_eq!(compare(&back, &now(&scenario(CONFIG), CHECKS)), []);
    let text = lock.text();
    for line in [
        "scenario = \"n\"",
        "[repositories.\"apps/scratch\"]",
        "[patterns.\"private/**\"]",
        "\"group publishers\" = [\"create\", \"read\"]",
        "\"user erich\" = [\"delete\", \"read\"]",
        "\"identity ci\" = [\"create\", \"read\"]",
        "\"any user\" = [\"read\"]",
        "\"access::permission_matrix\" = \"runs\"",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
    assert!(!text.contains("policy::promises_are_as_agreed"), "the lock does not speak of itself");
}

#[test]
fn lines_that_only_move_are_no_change() {
    assert_eq!(told(|text| text.replace("{\"users\"", "\n\n{\"users\"")), []);
}

#[test]
fn who_gained_what_is_told_with_its_line() {
    let differences = told(|text| text.replace("[\"read\", \"create\"]", "[\"read\", \"create\", \"update\"]"));
    let first = &differences[0];
    assert_eq!(first.name, "group publishers gains update");
    assert_eq!(first.now, "promised to group publishers: update in apps/scratch, apps/web, pattern **");
    assert!(first.grounds.contains("config.json:9:"), "{first:?}");
    assert_eq!(differences[1].name, "identity ci gains update");
    assert!(names(&differences).contains(&"publish::existing_tag_cannot_be_moved no longer runs"), "{differences:#?}");
}

#[test]
fn every_kind_of_change_is_told() {
    for (change, expected) in [
        ((|text| text.replace("\"anonymousPolicy\": [\"read\"],", "")) as fn(&str) -> String, "anonymous loses read"),
        (
            |text| text.replace("\"anonymousPolicy\": [\"read\"]", "\"anonymousPolicy\": [\"read\", \"create\"]"),
            "anonymous gains create",
        ),
        (|text| text.replace("\"erich\"", "\"erica\""), "user erica gains delete, read"),
        (|text| text.replace("\"erich\"", "\"erica\""), "user erich loses delete, read"),
        (|text| text.replace("\"private/**\"", "\"privat/**\""), "any user gains read"),
        (
            |text| text.replace("\"defaultPolicy\": [\"read\"],", "\"defaultPolicy\": [\"read\", \"delete\"],"),
            "any user gains delete",
        ),
        (
            |text| {
                text.replace(
                    "\"accessControl\": {",
                    "\"accessControl\": {\"adminPolicy\": {\"groups\": [\"publishers\"], \"actions\": [\"delete\"]},",
                )
            },
            "group publishers gains delete",
        ),
        (|_| ANONYMOUS_ONLY.to_owned(), "any user loses read"),
    ] {
        let differences = told(change);
        if expected == "any user loses read" {
            // Without any way to log in everybody is anonymous, who may read as before.
            assert!(names(&differences).iter().any(|name| name.contains("loses create")), "{differences:#?}");
            continue;
        }
        assert!(names(&differences).contains(&expected), "no {expected} in {differences:#?}");
    }
}

#[test]
fn a_right_that_depends_on_something_is_agreed_with_what_it_depends_on() {
    let when = |text: &str| {
        let policy = "\"actions\": [\"read\", \"create\"]";
        text.replace(policy, &format!("{policy}, \"conditions\": [{{\"expression\": \"req.tag == 'stable'\"}}]"))
    };
    let differences = told(when);
    assert!(names(&differences).iter().any(|name| name.contains("req.tag == 'stable'")), "{differences:#?}");
}

#[test]
fn hostile_names_stay_in_their_line() {
    for name in ["a\"]\nversion = 2", "\u{7f}\u{0}", "\\", "ü € \t"] {
        let lock = Lock {
            version: VERSION,
            scenario: name.to_owned(),
            checks: BTreeMap::from([(name.to_owned(), name.to_owned())]),
            ..Lock::default()
        };
        assert_eq!(toml::from_str::<Lock>(&lock.text()).unwrap(), lock, "{}", lock.text());
    }
}

#[test]
fn a_lock_that_is_not_this_scenarios_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("regproof.lock");
    let today = time::macros::date!(2026 - 01 - 01);
    let loaded = load::parse(&folder.path().join("r.toml"), SCENARIO.to_owned(), |_| true, today).unwrap();
    assert_eq!(read(&loaded).unwrap(), None);
    for (text, words) in [
        ("# x\nversion = 2\nscenario = \"n\"\n[tomorrow]\n", "regproof.lock:2:11: this lock has the format 2"),
        ("version = 1\nscenario = \"other\"\n", "regproof.lock:2:1: this is the lock of the scenario `other`"),
        ("version = 1\nscenario = \"n\"\n<<<<<<< HEAD\n", "regproof.lock:3:9: this is no lock"),
        ("version = 1\nscenario = \"n\"\n[rights]\n", "regproof.lock:3:2: "),
        ("scenario = \"n\"\n", "regproof.lock:1:1: "),
        ("", "regproof.lock:1:1: "),
    ] {
        std::fs::write(&file, text).unwrap();
        let message = read(&loaded).expect_err(text).to_string();
        assert!(message.contains(words), "{message}\nfor\n{text}");
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(read(&loaded).unwrap_err().to_string().contains("cannot read the lock"));
    let named = format!("lock = \"other.lock\"\n{SCENARIO}");
    let named = load::parse(Path::new("/x/r.toml"), named, |_| true, today).unwrap();
    assert_eq!(path(&named), Path::new("/x/other.lock"));
}
