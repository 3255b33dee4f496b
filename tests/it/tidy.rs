//! The project's own conventions, so that no reviewer has to remember them.
//!
//! Reads files of the project, and nothing else.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use regproof::checks::CHECKS;
use regproof::scenario::load;

const HEADINGS: [&str; 4] = ["## Why it matters", "## How it is proven", "## When it fails", "## References"];

pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(file: impl AsRef<Path>) -> String {
    let file = project().join(file);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// All files below a folder that end so, relative to the project, sorted.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(project().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(ending) {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {ending} in {folder}");
    found
}

fn rust() -> Vec<String> {
    ["src", "checks", "tests", "benches"].into_iter().flat_map(|folder| files(folder, ".rs")).collect()
}

#[test]
fn the_list_of_checks_is_the_folder() {
    let listed: Vec<&str> = CHECKS.iter().map(|check| check.file).collect();
    let mut there = files("checks", ".rs");
    there.retain(|file| file != "checks/mod.rs");
    assert_eq!(listed, there, "checks/mod.rs lists the files of checks/, sorted");
    for check in CHECKS {
        let id = check.file.trim_start_matches("checks/").trim_end_matches(".rs").replace('/', "::");
        assert_eq!(check.id, id);
    }
}

#[test]
fn every_check_tells_its_four_things_after_its_title() {
    for check in CHECKS {
        let (title, doc) = (check.title(), check.doc());
        assert!(!title.is_empty() && !title.starts_with('#') && title.len() <= 120, "{}: {title}", check.id);
        assert!(doc.lines().nth(1).is_some_and(str::is_empty), "{}: an empty line after the title", check.id);
        let headings: Vec<&str> = doc.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(headings, HEADINGS, "{}", check.id);
        for section in doc.split("\n## ").skip(1) {
            let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
            assert!(text.trim().len() > 20, "{}: {heading} says nothing", check.id);
        }
    }
}

#[test]
fn every_check_has_its_three_tests() {
    for check in CHECKS {
        let text = read(check.file);
        let (_, tests) = text.split_once("#[cfg(test)]").unwrap_or_else(|| panic!("{} has no tests", check.file));
        // What asks no registry is not undecided where none answers.
        let silent = check.id == "policy::promises_are_as_agreed";
        // What finds a fault and can prove no promise is skipped at best.
        let finder = check.id == "cache::warm_pulls_ask_no_upstream";
        let proven = match (silent, finder) {
            (true, _) => "fn proven_where_",
            (_, true) => "fn skipped_where_",
            _ => "proven(",
        };
        let undecided = if silent { "fn undecided_where_" } else { "error_when_down(" };
        for (kind, helper) in [("proven", proven), ("fails", "fails("), ("undecided", undecided)] {
            assert!(tests.contains(helper), "{} has no test that it is {kind}: {helper}…)", check.file);
        }
    }
}

#[test]
fn a_check_imports_the_prelude_and_nothing_else_of_ours() {
    for check in CHECKS {
        let text = read(check.file);
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().filter(|line| line.starts_with("use crate::") || line.starts_with("use super::"));
        assert_eq!(lines.collect::<Vec<_>>(), ["use crate::kit::prelude::*;"], "{}", check.file);
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for file in rust() {
        let text = read(&file);
        // The list of all checks grows by two lines with each.
        let most = if file.starts_with("checks/") && file != "checks/mod.rs" { 220 } else { 450 };
        let lines = text.lines().count();
        assert!(lines <= most, "{file} has {lines} lines, more than {most}: split it by idea");
        assert!(text.starts_with("//! "), "{file} does not open with what it is for");
    }
}

/// Whether a file is a test module, which the crate includes only for tests.
pub(crate) fn is_test(file: &str) -> bool {
    file.ends_with("tests.rs")
        || file.contains("/tests/")
        || file.ends_with("/sample.rs")
        || file.starts_with("src/trial")
}

/// The part of a file that is in the program.
fn code(file: &str) -> String {
    if is_test(file) { String::new() } else { read(file).split("#[cfg(test)]").next().unwrap().to_owned() }
}

#[test]
fn only_main_prints_or_ends_the_process() {
    for file in files("src", ".rs").into_iter().chain(files("checks", ".rs")) {
        if file == "src/main.rs" {
            continue;
        }
        let code = code(&file);
        for word in ["println", "eprintln", "print", "eprint", "dbg", "todo"] {
            let found =
                code.lines().find(|line| !line.trim_start().starts_with("//") && line.contains(&format!("{word}!(")));
            assert_eq!(found, None, "{file} uses {word}");
        }
        assert!(!code.contains("process::exit"), "{file} ends the process");
    }
}

#[test]
fn unwrap_and_allow_are_not_for_the_program() {
    for file in files("src", ".rs").into_iter().chain(files("checks", ".rs")) {
        assert!(!code(&file).contains(".unwrap()"), "{file} unwraps outside of tests");
        assert!(!read(&file).contains("#[allow("), "{file}: use #[expect(…, reason = …)]");
    }
}

#[test]
fn nothing_tells_of_the_machine_it_was_written_on() {
    let mut all = rust();
    all.extend(["Cargo.toml", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned));
    all.extend(files("scenarios", ""));
    // In two parts, or this file would find itself.
    let words = ["root/", "work/", "home/", "tmp/"].map(|folder| format!("/{folder}"));
    for file in all.iter().filter(|file| project().join(file).exists()) {
        for (at, line) in read(file).lines().enumerate() {
            for word in &words {
                let named = line.match_indices(word.as_str()).any(|(at, _)| {
                    // A path, not the middle of one: a repository or a URL may have such a part.
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|before| !(before.is_alphanumeric() || "-_.}/".contains(before)))
                });
                assert!(!named, "{file}:{} names a path of a machine: {line}", at + 1);
            }
        }
    }
}

#[test]
fn every_promise_of_security_is_held_by_a_test_that_there_is() {
    let text = read("SECURITY.md");
    let named: Vec<(&str, &str)> = text.split('`').filter_map(|word| word.split_once(".rs::")).collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, test) in named {
        let code = read(format!("{file}.rs"));
        let (before, _) = code.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("no {test} in {file}.rs"));
        let above = before.rsplit('}').next().unwrap_or_default();
        assert!(
            above.contains("#[test]") || above.contains("test]") || above.contains("tokio::test"),
            "{test} is no test"
        );
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let text = read("Cargo.toml");
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside && line.contains('=') {
            let reason = line.rsplit_once(" # ").map_or("", |(_, reason)| reason);
            assert!(reason.trim().len() > 5, "no reason for: {line}");
        }
    }
}

#[test]
fn every_example_is_a_scenario_and_fits_the_schema() {
    let schema = regproof::scenario::Scenario::json_schema();
    let today = time::macros::date!(2026 - 01 - 01);
    let known = |id: &str| regproof::checks::find(id).is_some();
    for file in files("scenarios", ".toml") {
        let text = read(&file);
        load::parse(Path::new(&file), text.clone(), known, today).unwrap_or_else(|error| panic!("{error}"));
        let value = serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap();
        fits(&schema, &schema, &value, &file);
    }
}

#[test]
fn the_schema_refuses_what_the_program_refuses() {
    let schema = regproof::scenario::Scenario::json_schema();
    let refused = |text: &str| {
        let value = serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap();
        std::panic::catch_unwind(|| fits(&schema, &schema, &value, "scenario")).is_err()
    };
    let base = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n";
    assert!(!refused(base));
    assert!(refused(&base.replace("name", "nane")));
    assert!(refused("schema = 1\nname = \"n\"\n"));
    assert!(refused(&format!("{base}[access]\nanonymous = [\"write\"]\n")));
    assert!(refused(&format!("{base}[identities.a]\nusername = \"a\"\npassword = \"secret\"\n")));
}

/// As much of JSON Schema as the scenario's schema uses: references, types, properties, enumerations, alternatives.
fn fits(root: &serde_json::Value, schema: &serde_json::Value, value: &serde_json::Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#'));
        return fits(root, target.unwrap_or_else(|| panic!("{reference} leads nowhere")), value, at);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[key].as_array() {
            let fit = |choice| std::panic::catch_unwind(|| fits(root, choice, value, at)).is_ok();
            assert!(choices.iter().any(fit), "{at}: {value} is none of its alternatives");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{at}: {value} is none of {values:?}");
    }
    assert!(schema.get("const").is_none_or(|only| only == value), "{at}: {value} is not {}", schema["const"]);
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: this test does not know the type {other}"),
    };
    match &schema["type"] {
        serde_json::Value::String(kind) => assert!(is(kind), "{at}: {value} is no {kind}"),
        serde_json::Value::Array(kinds) => {
            assert!(kinds.iter().any(|kind| is(kind.as_str().unwrap())), "{at}: {value}")
        }
        _ => {}
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        assert!(regex::Regex::new(pattern).unwrap().is_match(value.as_str().unwrap_or_default()), "{at}: {value}");
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            fits(root, &schema["items"], item, &format!("{at}[{index}]"));
        }
    }
    let Some(members) = value.as_object().filter(|_| schema["type"] == "object" || schema["properties"].is_object())
    else {
        return;
    };
    let names: BTreeSet<&str> = members.keys().map(String::as_str).collect();
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(names.contains(required.as_str().unwrap()), "{at}: {required} is missing");
    }
    for (name, member) in members {
        let place = format!("{at}.{name}");
        let known = &schema["properties"][name];
        if known.is_object() || known == &serde_json::Value::Bool(true) {
            fits(root, known, member, &place);
        } else if schema["additionalProperties"].is_object() {
            fits(root, &schema["additionalProperties"], member, &place);
        } else {
            assert_ne!(schema["additionalProperties"], false, "{place} is not in the schema");
        }
    }
}

#[test]
fn the_usage_in_the_readme_is_the_help() {
    let file = project().join("README.md");
    if !file.exists() {
        return;
    }
    let text = read(file);
    let help = Command::new(env!("CARGO_BIN_EXE_regproof")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(
        text.contains(help.trim_end()),
        "README.md does not have the output of `regproof --help` as it is:\n{help}"
    );
}
