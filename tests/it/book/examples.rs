//! What a reader copies, clicks or searches for: scenarios, commands, links, messages, and mdbook's own judgement.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use clap::Parser;
use clap::error::ErrorKind;
use regproof::checks::CHECKS;
use regproof::cli::Cli;
use regproof::scenario::load;

use super::{Block, blocks, book, pages};

const TODAY: time::Date = time::macros::date!(2026 - 01 - 01);

fn known(id: &str) -> bool {
    regproof::checks::find(id).is_some()
}

/// A page that the program wrote.
fn generated(page: &str) -> bool {
    let pages = ["broken-deployments.md", "checks.md", "commands.md", "console.md", "scenario.md"];
    page.starts_with("checks/") || pages.contains(&page)
}

fn place(block: &Block) -> String {
    format!("docs/book/src/{}:{}", block.page, block.line)
}

/// A scenario is loaded beside the JSON of its page; a part of one stands in a minimal one.
#[test]
fn every_scenario_loads() {
    let all = blocks();
    let mut count = 0;
    for block in all.iter().filter(|block| block.info.starts_with("toml")) {
        toml::from_str::<toml::Table>(&block.text).unwrap_or_else(|error| panic!("{}: {error}", place(block)));
        let base = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://registry.example.test\"\n";
        let text = match block.info.as_str() {
            "toml,part" => format!("{base}{}", block.text),
            _ if block.text.starts_with("schema = 1\n") => block.text.clone(),
            _ => continue,
        };
        count += 1;
        let folder = tempfile::tempdir().unwrap();
        for config in all.iter().filter(|other| other.page == block.page && other.info == "json") {
            std::fs::write(folder.path().join("config.json"), &config.text).unwrap();
        }
        let file = folder.path().join("regproof.toml");
        load::parse(&file, text, known, TODAY).unwrap_or_else(|error| panic!("{}: {error}", place(block)));
    }
    assert!(count >= 3, "only {count} scenarios are in the book");
}

#[test]
fn the_set_of_zot_and_authentik_has_no_known_fault() {
    let folder = tempfile::tempdir().unwrap();
    for block in blocks().iter().filter(|block| block.page == "zot-caddy-authentik.md") {
        let name = match block.info.as_str() {
            "json" => "config.json",
            "toml" => "regproof.toml",
            _ => continue,
        };
        std::fs::write(folder.path().join(name), &block.text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
    command.arg("plan").arg(folder.path().join("regproof.toml"));
    for name in ["REGISTRY_CI_KEY", "REGPROOF_LOGIN_USER", "REGPROOF_LOGIN_PASSWORD"] {
        command.env(name, format!("made-up-{name}"));
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lints: Vec<&str> = text.lines().filter(|line| line.contains("  lint::")).collect();
    assert!(lints.iter().all(|line| line.contains("(low)") || line.contains("docker_must_log_in")), "{lints:?}");
}

/// The words of each call of regproof in a line: up to a pipe, a redirection or the end of the command.
fn calls(line: &str) -> Vec<Vec<String>> {
    let words = line.split_whitespace().map(|word| word.trim_matches(['"', '\'', '`', ',', '.']));
    let mut found: Vec<Vec<String>> = Vec::new();
    let (mut open, mut before) = (false, "");
    for word in words {
        if open && (["|", "||", "&&", "#"].contains(&word) || word.starts_with(['>', '<'])) {
            open = false;
        } else if open {
            found.last_mut().unwrap().push(word.to_owned());
        } else if word == "regproof" && (["", "$", "=", "-"].contains(&before) || before.contains('=')) {
            found.push(vec![word.to_owned()]);
            open = true;
        }
        before = word;
    }
    found
}

#[test]
fn every_command_is_understood() {
    let mut count = 0;
    let mut hold = |place: &str, words: &[String]| {
        count += 1;
        if let Err(error) = Cli::try_parse_from(words) {
            let shown = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&error.kind());
            assert!(shown, "{place}: {words:?}: {error}");
        }
        for (word, value) in words.iter().zip(words.iter().skip(1)) {
            match word.as_str() {
                "--only" => {
                    assert!(CHECKS.iter().any(|check| check.id.starts_with(value.as_str())), "{place}: {value}")
                }
                "explain" if value != "ID" => assert!(known(value), "{place}: there is no check {value}"),
                _ => {}
            }
        }
    };
    for block in blocks().iter().filter(|block| !generated(&block.page)) {
        for (at, line) in block.text.lines().enumerate() {
            for words in calls(line) {
                hold(&format!("docs/book/src/{}:{}", block.page, block.line + at + 1), &words);
            }
        }
    }
    for (page, text) in pages().iter().filter(|(page, _)| !generated(page)) {
        for span in text.split('`').skip(1).step_by(2).filter(|span| span.starts_with("regproof ")) {
            for words in calls(&span.replace(" URL", " https://registry.example.test")) {
                hold(page, &words);
            }
        }
    }
    assert!(count > 20, "only {count} commands were found in the book");
}

#[test]
fn every_page_is_in_the_contents_and_every_link_leads_somewhere() {
    let all = pages();
    let mut linked = BTreeSet::new();
    for (page, text) in &all {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") || target.starts_with('#') {
                continue;
            }
            let target = target.split('#').next().unwrap();
            let file = Path::new(page).parent().unwrap().join(target);
            assert!(book().join("src").join(&file).is_file(), "{page} links {target}, which is not there");
            if page == "SUMMARY.md" {
                linked.insert(target.to_owned());
            }
        }
    }
    let there: BTreeSet<String> = all.into_iter().map(|(page, _)| page).filter(|page| page != "SUMMARY.md").collect();
    assert_eq!(linked, there);
}

#[test]
fn hosts_are_neutral() {
    let real = regex::Regex::new(r"https?://([^/\s`)>\x22\\]+)").unwrap();
    for (page, text) in pages().iter().filter(|(page, _)| !generated(page)) {
        for host in real.captures_iter(text).map(|found| found.get(1).unwrap().as_str()) {
            let neutral = host.ends_with("example.test") || host.starts_with("127.0.0.1");
            assert!(neutral, "docs/book/src/{page} names {host}");
        }
    }
}

/// Each heading of the page is a message; what stands between its `…` is in the source, or the message is gone.
#[test]
fn every_message_is_one_of_the_program() {
    let mut source = String::new();
    let mut folders = vec!["src".into(), "checks".into()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                source.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let source = regex::Regex::new(r"\\\n\s*").unwrap().replace_all(&source, "").into_owned();
    let page = std::fs::read_to_string(book().join("src/troubleshooting.md")).unwrap();
    let messages: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(messages.len() > 10, "{messages:?}");
    for message in messages {
        for part in message.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            assert!(source.contains(part), "no message has the words: {part}");
        }
    }
}

#[test]
fn mdbook_builds_it() {
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/mdbook");
    let program = if pinned.is_file() { pinned } else { "mdbook".into() };
    let folder = tempfile::tempdir().unwrap();
    match Command::new(program).arg("build").arg("--dest-dir").arg(folder.path()).arg(book()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !said.contains("WARN"), "{said}");
            let page = std::fs::read_to_string(folder.path().join("checks/access.html")).unwrap();
            assert!(page.contains("access::anonymous_cannot_push"));
        }
        Err(_) => crate::support::lacks("mdbook_builds_it", "mdbook"),
    }
}
