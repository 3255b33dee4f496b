//! The words of help, findings, explanations and README: short sentences, no worn-out phrase, lines that fit.
//!
//! Reads sources and the program's own help. Judges form alone: whether a text is true, no test here knows.

mod literals;
mod plain;

use std::process::Command;
use std::sync::LazyLock;

use clap::CommandFactory;
use regex::Regex;
use regproof::checks::CHECKS;
use regproof::cli::Cli;

use crate::tidy::{files, is_test, project, read};
use literals::literals;
use plain::{faults, paragraphs};

/// The most words of a sentence, as CONTRIBUTING.md has it.
const SENTENCE: usize = 20;
/// The most words of the README, as `wc -w` counts.
const README: usize = 900;
/// The most characters of a line of help.
const LINE: usize = 80;
/// The most characters of a test's name.
const NAME: usize = 85;

/// Fails with all places at once.
fn hold(found: &[String]) {
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
}

/// The program's part of a source: all before a module of tests in the same file.
fn program(source: &str) -> &str {
    static TESTS: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\(\w+\))? )?mod \w+ \{";
        Regex::new(pattern).unwrap_or_else(|error| panic!("{error}"))
    });
    TESTS.find(source).map_or(source, |tests| &source[..tests.start()])
}

#[test]
fn the_readme_is_short_and_plain() {
    if !project().join("README.md").exists() {
        return;
    }
    let text = read("README.md");
    let count = text.split_whitespace().count();
    assert!(count <= README, "README.md has {count} words, more than {README}");
    let mut found = Vec::new();
    for (line, paragraph) in paragraphs(&text) {
        found.extend(faults(&paragraph, SENTENCE).into_iter().map(|fault| format!("README.md:{line}: {fault}")));
    }
    hold(&found);
}

/// Every text of the program, not only findings: which of them ends in a report, no reader of the source can be sure of.
#[test]
fn every_text_of_the_program_is_plain() {
    let (mut found, mut count) = (Vec::new(), 0);
    for file in files("src", ".rs").into_iter().chain(files("checks", ".rs")) {
        // The lab says what zot and a provider say, word for word.
        if is_test(&file) || file.starts_with("src/lab/") {
            continue;
        }
        let source = read(&file);
        for literal in literals(program(&source)) {
            // Pages are code.
            if literal.text.starts_with('<') || !literal.text.contains(' ') {
                continue;
            }
            count += 1;
            let place = format!("{file}:{}", literal.line);
            found.extend(faults(&literal.text, SENTENCE).into_iter().map(|fault| format!("{place}: {fault}")));
        }
    }
    assert!(count > 1000, "only {count} texts were found");
    hold(&found);
}

#[test]
fn every_check_explains_itself_in_plain_words() {
    let mut found = Vec::new();
    for check in CHECKS {
        let source = read(check.file);
        let doc: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let all = paragraphs(&doc.join("\n"));
        assert!(all.len() > 4, "{}: {all:?}", check.file);
        for (line, paragraph) in all {
            let place = format!("{}:{line}", check.file);
            found.extend(faults(&paragraph, SENTENCE).into_iter().map(|fault| format!("{place}: {fault}")));
        }
    }
    hold(&found);
}

/// All texts of a command's help, each with the name of what it is about.
fn texts(command: &clap::Command) -> Vec<(String, String)> {
    let name = command.get_name();
    let mut all = Vec::new();
    for text in [command.get_about(), command.get_long_about(), command.get_after_help()].into_iter().flatten() {
        all.push((name.to_owned(), text.to_string()));
    }
    for argument in command.get_arguments() {
        let about = format!("{name} {}", argument.get_id());
        for text in [argument.get_help(), argument.get_long_help()].into_iter().flatten() {
            all.push((about.clone(), text.to_string()));
        }
        for value in argument.get_possible_values() {
            all.extend(value.get_help().map(|text| (format!("{about} {}", value.get_name()), text.to_string())));
        }
    }
    all
}

#[test]
fn help_is_plain_and_begins_with_a_short_line() {
    let mut root = Cli::command();
    root.build();
    let mut all = texts(&root);
    all.extend(root.get_subcommands().flat_map(texts));
    assert!(all.len() > 60, "{all:?}");
    let mut found = Vec::new();
    for (about, text) in all {
        found.extend(faults(&text, SENTENCE).into_iter().map(|fault| format!("{about}: {fault}")));
        let first = text.lines().next().unwrap_or_default();
        if first.chars().count() > LINE {
            found.push(format!("{about}: the first line has more than {LINE} characters: {first}"));
        }
    }
    hold(&found);
}

/// As a pipe gets it, and as a terminal of 80 columns shows it.
#[test]
fn no_printed_line_of_help_is_wider_than_80_columns() {
    let root = Cli::command();
    let names = root.get_subcommands().map(|command| command.get_name());
    let mut found = Vec::new();
    for name in std::iter::once("").chain(names) {
        for flag in ["--help", "-h"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
            command.env_remove("COLUMNS").args(Some(name).filter(|name| !name.is_empty())).arg(flag);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{name} {flag}: {output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            let wide = text.lines().map(str::trim_end).filter(|line| line.chars().count() > LINE);
            found.extend(wide.map(|line| format!("regproof {name} {flag}: {line}")));
        }
    }
    hold(&found);
}

#[test]
fn names_of_tests_are_short() {
    let pattern = r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub )?(?:async )?fn (\w+)";
    let test = Regex::new(pattern).unwrap();
    let (mut found, mut count) = (Vec::new(), 0);
    for file in ["src", "checks", "tests"].into_iter().flat_map(|folder| files(folder, ".rs")) {
        let source = read(&file);
        for name in test.captures_iter(&source).filter_map(|test| test.get(1)) {
            count += 1;
            if name.len() > NAME {
                let line = source[..name.start()].lines().count();
                found.push(format!("{file}:{line}: {} characters, more than {NAME}: {}", name.len(), name.as_str()));
            }
        }
    }
    assert!(count > 500, "only {count} tests were found");
    hold(&found);
}

#[test]
fn only_a_module_of_tests_is_no_part_of_the_program() {
    let source = "#[cfg(test)]\nmod elsewhere;\nlet a = 1;\n#[cfg(test)]\n#[expect(x)]\npub(crate) mod tests {\n}\n";
    assert_eq!(program(source), "#[cfg(test)]\nmod elsewhere;\nlet a = 1;\n");
}
