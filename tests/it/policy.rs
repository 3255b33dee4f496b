//! `can` and `policy` as an operator meets them: exit status, words, lines, and what is refused.

use std::path::{Path, PathBuf};

use regproof::zot::compare::{Name, compare};
use regproof::zot::config::Config;
use serde_json::Value;

use crate::cli::regproof;

const OLD: &str = include_str!("../configs/seed.json");

/// A folder with `old.json`, and `new.json` with changes of it.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(changes: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let new = changes.iter().fold(OLD.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "there is no {from}");
            text.replacen(from, to, 1)
        });
        let files = Self { folder };
        files.write("old.json", OLD);
        files.write("new.json", &new);
        files
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file can be written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exit status, stdout and stderr of a call in this folder.
    fn call(&self, arguments: &[&str]) -> (i32, String, String) {
        let done = regproof(arguments).current_dir(self.folder.path()).output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("its output is text");
        (done.status.code().expect("it ends by itself"), text(done.stdout), text(done.stderr))
    }

    fn policy(&self, more: &[&str]) -> (i32, String, String) {
        self.call(&[&["policy", "old.json", "new.json"], more].concat())
    }
}

const CI_UPDATES: (&str, &str) = (r#""actions": ["read", "create"]"#, r#""actions": ["read", "create", "update"]"#);
const ANONYMOUS_CREATES: (&str, &str) = (r#""anonymousPolicy": ["read"]"#, r#""anonymousPolicy": ["read", "create"]"#);

#[test]
fn a_change_without_a_gain_ends_with_0() {
    let files = Files::new(&[]);
    assert_eq!(files.policy(&[]).0, 0);
    let (status, text, _) = files.call(&["policy", "old.json", "old.json"]);
    assert_eq!((status, text.as_str()), (0, "no gain, no loss, from old.json to old.json\n"));
    let fewer = Files::new(&[(r#""anonymousPolicy": ["read"],"#, "")]);
    let (status, text, _) = fewer.policy(&[]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("anonymous loses read"), "{text}");
}

#[test]
fn a_gain_ends_with_1_unless_it_is_allowed() {
    let files = Files::new(&[CI_UPDATES, ANONYMOUS_CREATES]);
    let (status, text, errors) = files.policy(&[]);
    assert_eq!((status, errors.as_str()), (1, ""), "{text}");
    for line in ["anonymous gains create", "group artifact-workloads gains update", "  where   **, for example x/app"] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    for line in ["old.json:27:9", "new.json:29:13", "old.json:38:11", "new.json:38:11"] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let allowed = ["--allow-gain", "group:artifact-workloads:update:**"];
    let (status, text, _) = files.policy(&allowed);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("group artifact-workloads gains update (allowed)"), "{text}");
    let (status, text, _) = files.policy(&[&allowed[..], &["--allow-gain", "anonymous:create:**"]].concat());
    assert_eq!(status, 0, "{text}");
    assert!(text.starts_with("2 gains (2 allowed), no loss"), "{text}");
}

#[test]
fn each_format_tells_the_same_changes() {
    let files = Files::new(&[CI_UPDATES]);
    let (status, json, _) = files.policy(&["--format", "json"]);
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((status, &json["gains"], &json["schema"]), (1, &Value::Bool(true), &Value::from(1)));
    let change = &json["changes"][0];
    assert_eq!(change["who"], "group:artifact-workloads");
    assert_eq!(change["actions"], serde_json::json!(["update"]));
    assert_eq!(change["places"][0]["new"], serde_json::json!(["**"]));
    assert_eq!(change["before"]["answer"], "no");
    assert!(change["after"]["line"].as_str().is_some_and(|line| line.starts_with("new.json:")), "{change}");
    let (status, markdown, _) = files.policy(&["--format", "markdown"]);
    assert_eq!(status, 1);
    assert!(markdown.starts_with("### Access: 1 gain, no loss\n"), "{markdown}");
    assert!(markdown.contains("- ` group artifact-workloads ` gains **update** in ` ** `"), "{markdown}");
}

#[test]
fn what_is_wrong_ends_with_3_and_names_its_place() {
    let files = Files::new(&[]);
    files.write("broken.json", "{\n  \"http\": {\n    \"prot\": 1\n  }\n}\n");
    let (status, text, errors) = files.call(&["policy", "old.json", "broken.json"]);
    assert_eq!((status, text.as_str()), (3, ""));
    assert!(errors.contains("broken.json:3:5: "), "{errors}");
    let cases: [&[&str]; 8] = [
        &["can", "", "read", "team/app", "--zot-config", "old.json"],
        &["policy", "old.json", "none.json"],
        &["policy", "old.json", "."],
        &["policy", "old.json", "new.json", "--allow-gain", "ci:create"],
        &["policy", "old.json", "new.json", "--allow-gain", "ci:push:**"],
        &["can", "anonymous", "read", "Team/App", "--zot-config", "old.json"],
        &["can", "anonymous", "push", "team/app", "--zot-config", "old.json"],
        &["can", "anonymous", "read", "team/app", "--zot-config", "broken.json"],
    ];
    for arguments in cases {
        let (status, text, errors) = files.call(arguments);
        assert_eq!((status, text.as_str()), (3, ""), "{arguments:?}: {errors}");
        assert!(!errors.is_empty(), "{arguments:?}");
    }
}

#[test]
fn can_answers_by_its_exit_status_and_with_the_line() {
    let files = Files::new(&[(
        r#""actions": ["read", "create"]"#,
        r#""actions": ["read", "create"], "conditions": [{"expression": "req.a", "message": "m"}]"#,
    )]);
    let can = |who: &str, action: &str, file: &str, more: &[&str]| {
        files.call(&[&["can", who, action, "team/app", "--zot-config", file], more].concat())
    };
    let (status, text, _) = can("anonymous", "read", "old.json", &[]);
    let said = "yes: anonymous can read team/app\n  because  anonymousPolicy of `**`\n  line     old.json:38:11";
    assert!(status == 0 && text.starts_with(said), "{status} {text}");
    let (status, text, _) = can("anonymous", "create", "old.json", &[]);
    let said = "no: anonymous cannot create in team/app\n  because  no grant in `**`\n  line     old.json:38:11";
    assert!(status == 1 && text.starts_with(said), "{status} {text}");
    assert_eq!(can("group:artifact-workloads", "create", "old.json", &[]).0, 0);
    assert_eq!(can("any-user", "create", "old.json", &[]).0, 1);
    assert_eq!(can("zot-ci", "create", "old.json", &[]).0, 1);
    assert_eq!(can("zot-ci", "create", "old.json", &["--group", "artifact-workloads"]).0, 0);
    let (status, text, _) = can("group:artifact-workloads", "create", "new.json", &[]);
    assert!(status == 2 && text.contains("because  when req.a\n"), "{status} {text}");
    assert!(text.starts_with("it depends: group artifact-workloads can perhaps create in team/app\n"), "{text}");
    assert_eq!(can("anonymous", "read", "old.json", &["--group", "g"]).0, 3);
}

#[test]
fn can_reads_the_configuration_and_the_groups_of_a_scenario() {
    let files = Files::new(&[]);
    let scenario = "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://registry.example.test\"\n";
    let ci = "[identities.ci]\nusername = \"zot-ci\"\ngroups = [\"artifact-workloads\"]\npassword = { env = \"X\" }\n";
    files.write("regproof.toml", &format!("{scenario}zot_config = \"old.json\"\n{ci}"));
    files.write("without.toml", scenario);
    assert_eq!(files.call(&["can", "zot-ci", "create", "team/app"]).0, 0);
    assert_eq!(files.call(&["can", "zot-ci", "delete", "team/app"]).0, 1);
    assert_eq!(files.call(&["can", "other", "create", "team/app", "--scenario", "regproof.toml"]).0, 1);
    let (status, _, errors) = files.call(&["can", "zot-ci", "create", "team/app", "--scenario", "without.toml"]);
    assert!(status == 3 && errors.contains("zot_config"), "{errors}");
}

/// A file of the field, as it is shown and read.
fn field(name: &str) -> Option<Config> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs/field").join(name);
    Config::parse(name, &std::fs::read_to_string(file).expect("the file can be read")).ok()
}

#[test]
fn files_of_the_field_are_compared_with_each_other() {
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs/field"));
    let names = folder.expect("the folder can be read").map(|entry| entry.expect("an entry").file_name());
    let configs: Vec<Config> = names.filter_map(|name| field(&name.into_string().expect("a name is text"))).collect();
    assert!(configs.len() > 8, "{}", configs.len());
    for old in &configs {
        for new in &configs {
            let comparison = compare(old, new, None, &[]).expect("it is decided");
            let anonymous = comparison.people.iter().any(|person| person.name == Name::Anonymous);
            assert!(
                anonymous && (!std::ptr::eq(old, new) || comparison.changes.is_empty()),
                "{} {}",
                old.file,
                new.file
            );
        }
    }
}

#[test]
fn hostile_names_steer_neither_a_terminal_nor_a_page() {
    let files = Files::new(&[(r#""groups": ["artifact-workloads"]"#, r#""groups": ["\u001b[31m`](x)<b>\u202e"]"#)]);
    for format in ["text", "markdown"] {
        let (status, text, _) = files.policy(&["--format", format]);
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("[31m"), "{text}");
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    }
}

#[test]
fn the_example_in_the_book_is_what_the_program_says() {
    let narrower = r#""defaultPolicy": ["read"]
        },
        "blumeops/**": {
          "policies": [
            { "groups": ["admins"], "actions": ["read", "create", "update", "delete"] }
          ]
        }
      },"#;
    let files = Files::new(&[
        CI_UPDATES,
        ("\"defaultPolicy\": [\"read\"]\n        }\n      },", narrower),
        (r#""apikey": true"#, r#""apikey": true, "htpasswd": {"path": "/etc/zot/htpasswd"}"#),
    ]);
    files.write("config.json", OLD);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/book/src/policy.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    let mut count = 0;
    for block in page.split("```console\n").skip(1) {
        let (command, output) = block.split_once('\n').expect("a command, then its output");
        let arguments: Vec<&str> = command.split(' ').skip(2).collect();
        let (_, text, errors) = files.call(&arguments);
        assert_eq!(output.split("```").next(), Some(text.as_str()), "{command}: {errors}");
        count += 1;
    }
    assert_eq!(count, 2);
}
