//! Each mistake of `tests/mutants` in the configuration: the comparison with the hardened one names what changed, and no more.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::brute::{File, hold, names};
use super::by_hand::told;
use crate::zot::compare::compare;

#[path = "../../../../tests/support/patch.rs"]
#[expect(dead_code, reason = "the tests of the program use all of it")]
mod patch;

/// As much of a mutant as is about the configuration.
#[derive(Deserialize)]
struct Mutant {
    base: String,
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    config: Option<patch::Patch>,
}

#[derive(Deserialize)]
struct Base {
    #[serde(default)]
    config: patch::Patch,
}

fn read(file: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The hardened configuration, as `tests/support/hardened.rs` has it.
fn hardened() -> Value {
    let mut config: Value = serde_json::from_str(&read("configs/seed.json")).unwrap();
    config["http"]["externalUrl"] = "http://127.0.0.1:5050".into();
    let admins = json!([{ "groups": ["admins"], "actions": ["read", "create", "update", "delete"] }]);
    config["http"]["accessControl"]["repositories"]["private/**"] = json!({ "policies": admins });
    config["http"]["accessControl"]["metrics"] = json!({ "anonymousPolicy": ["read"] });
    config["extensions"].as_object_mut().unwrap().retain(|name, _| ["metrics", "sync"].contains(&name.as_str()));
    config
}

/// Every mutant of the configuration with what is told of it.
fn all() -> BTreeMap<String, Vec<String>> {
    let words = |text: &str| text.replace('{', "https://").replace('}', ".invalid");
    let names = names("ab/", 3).into_iter().chain(["blumeops/app", "private/app", "docker.io/a/b"].map(str::to_owned));
    let names: Vec<String> = names.collect();
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutants")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".toml") else { continue };
        let mutant: Mutant = toml::from_str(&read(&format!("mutants/{file}"))).unwrap();
        let Some(change) = mutant.change.config else { continue };
        let base: Base = toml::from_str(&read(&format!("mutants/base/{}.toml", mutant.base))).unwrap();
        let mut old = hardened();
        base.config.apply(&mut old, &words);
        let mut new = old.clone();
        change.apply(&mut new, &words);
        let old = File::read("old.json", &old.to_string()).unwrap();
        let lines = match File::read("new.json", &new.to_string()) {
            None => vec!["zot does not start".to_owned()],
            Some(new) => {
                let comparison = compare(&old.config, &new.config, None, &[]).unwrap();
                hold(&old, &new, &comparison, &[], &names);
                told(&comparison)
            }
        };
        all.insert(name.to_owned(), lines);
    }
    all
}

#[test]
fn each_mistake_is_named_and_nothing_else() {
    let all = all();
    for (name, lines) in &all {
        println!("        (\"{name}\", &[");
        for line in lines {
            println!("            {line:?},");
        }
        println!("        ]),");
    }
}
