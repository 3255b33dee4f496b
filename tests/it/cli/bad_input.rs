//! Scenarios that cannot be used: status 3, one message with its place and a remedy, and nothing sent to anyone.

use std::net::TcpListener;

use super::{regproof, stderr, stdout};

/// A scenario, what its message says, and whether a place in the file is known.
struct Bad {
    text: String,
    says: &'static str,
    placed: bool,
}

fn bad(text: impl Into<String>, says: &'static str) -> Bad {
    Bad { text: text.into(), says, placed: true }
}

fn scenarios(port: u16) -> Vec<Bad> {
    let base = format!("schema = 1\nname = \"n\"\n[registry]\nurl = \"http://127.0.0.1:{port}\"\n");
    let identity =
        |name: &str, password: &str| format!("[identities.{name}]\nusername = \"{name}\"\npassword = {password}\n");
    let with = |more: &str| format!("{base}{more}");
    let waiver = |check: &str, until: &str| {
        with(&format!("[[waive]]\ncheck = \"{check}\"\nreason = \"accepted\"\nuntil = {until}\n"))
    };
    let twins =
        [identity("a", "{ env = \"REGPROOF_TEST_SECRET\" }"), identity("b", "{ env = \"REGPROOF_TEST_SECRET\" }")];
    let plain = base.replace(&format!("127.0.0.1:{port}"), "registry.example.test");
    vec![
        bad("this is no TOML", "expected"),
        bad(with("[registri]\n"), "registri"),
        bad(base.replace("url", "uri"), "uri"),
        bad(base.replace("schema = 1", "schema = 2"), "schema 2"),
        bad(base.replace(&format!("http://127.0.0.1:{port}"), "ftp://127.0.0.1"), "https://"),
        bad(waiver("no::such_check", "2999-01-01"), "regproof list"),
        bad(waiver("access::anonymous_can_pull", "2020-01-01"), "expired on 2020-01-01"),
        bad(with(&identity("a", "{ env = \"REGPROOF_TEST_UNSET\" }")), "REGPROOF_TEST_UNSET is not set"),
        bad(with(&identity("a", "{ env = \"REGPROOF_TEST_EMPTY\" }")), "is empty"),
        bad(with(&identity("a", "{ file = \"no-such-file\" }")), "cannot read"),
        bad(with(&twins.concat()), "have the same secret"),
        bad(with(&identity("a", "\"zak_canary_canary\"")), "this file contains a secret"),
        bad(with(&identity("a", "{ env = 7 }")), "expected a string"),
        bad(plain + &twins[0], "use https"),
        bad(with("[repositories]\nscratch = \"Not A Name\"\n"), "is not a repository name"),
        bad(with("[repositories]\nscratch = \"a/b\"\npublic = [\"a/b\"]\n"), "must not be one of the others"),
        bad(with("[tags]\npattern = \"(\"\n"), "not a regular expression"),
        bad(with("[limits]\ndeadline = \"10\"\n"), "is not a period"),
    ]
}

#[test]
fn every_bad_scenario_ends_with_3_and_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("regproof.toml");
    for Bad { text, says, placed } in scenarios(listener.local_addr().unwrap().port()) {
        std::fs::write(&file, &text).unwrap();
        for command in ["run", "plan"] {
            let mut command = regproof(&[command]);
            let command =
                command.arg(&file).env("REGPROOF_TEST_SECRET", "zak_canary_canary").env("REGPROOF_TEST_EMPTY", "");
            let done = command.env_remove("REGPROOF_TEST_UNSET").assert().code(3);
            let message = stderr(&done);
            let start = format!("error: {}:", file.display());
            assert!(message.starts_with(&start) && message.contains(says), "{says}: {message}");
            let place = message[start.len()..].split(':').next().unwrap_or_default();
            assert!(!placed || place.parse::<usize>().is_ok(), "no line: {message}");
            assert_eq!(message.matches(&start).count(), 1, "{message}");
            assert!(!message.contains("canary"), "{message}");
            assert_eq!(stdout(&done), "", "{text}");
        }
    }
    let connection = listener.accept().map(|(_, from)| from);
    assert_eq!(connection.unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "something was sent");
}

#[test]
fn a_scenario_that_is_not_there_ends_with_3_and_says_where_it_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let done = regproof(&["run"]).current_dir(folder.path()).assert().code(3);
    let message = stderr(&done);
    assert!(message.starts_with("error: regproof.toml: ") && message.contains("$REGPROOF_SCENARIO"), "{message}");
    let done = regproof(&["run"]).env("REGPROOF_SCENARIO", "from-env.toml").current_dir(folder.path()).assert().code(3);
    assert!(stderr(&done).starts_with("error: from-env.toml: "), "{}", stderr(&done));
    let mut command = regproof(&["run", "argument.toml"]);
    let done = command.env("REGPROOF_SCENARIO", "from-env.toml").current_dir(folder.path()).assert().code(3);
    assert!(stderr(&done).starts_with("error: argument.toml: "), "{}", stderr(&done));
    let done = regproof(&["run"]).env("REGPROOF_SCENARIO", "").current_dir(folder.path()).assert().code(3);
    assert!(stderr(&done).starts_with("error: regproof.toml: "), "an empty variable is none: {}", stderr(&done));
}
