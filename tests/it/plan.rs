//! `plan` on the operator's configuration: rights and surprises, with lines, before anything is sent.

use std::collections::BTreeSet;
use std::process::Command;

use regproof::lab::{Lab, Options, Weakness};

use crate::support::http::block_on;
use crate::support::process::run;

#[test]
fn plan_shows_rights_and_what_an_operator_would_not_expect_with_lines() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = include_str!("../configs/seed.json");
    std::fs::write(folder.path().join("config.json"), config).expect("a file can be written");
    let scenario = folder.path().join("regproof.toml");
    let text = "schema = 1\nname = \"seed\"\n[registry]\nurl = \"https://registry.example.test\"\nzot_config = \"config.json\"\n\
        release = \"v2.1.20\"\n[repositories]\nscratch = \"blumeops/regproof\"\npublic = [\"blumeops/navidrome\"]\n\
        [identities.ci]\nusername = \"zot-ci\"\ngroups = [\"artifact-workloads\"]\npassword = { file = \"key\" }\n\
        [[cache]]\nimage = \"docker.io/library/alpine:3.20\"\n";
    std::fs::write(&scenario, text).expect("a file can be written");
    std::fs::write(folder.path().join("key"), "zak_not_a_real_key\n").expect("a file can be written");
    let output = run(Command::new(env!("CARGO_BIN_EXE_regproof")).arg("plan").arg(&scenario));
    assert!(output.status.success());
    let plan = String::from_utf8(output.stdout).expect("the plan is text");
    for (lint, line) in [
        ("lint::metrics_form", r#""users": [""]"#),
        ("lint::create_in_cache", r#""groups": ["artifact-workloads"]"#),
        ("lint::docker_must_log_in", r#""anonymousPolicy""#),
        ("lint::plain_listener", r#""address": "0.0.0.0""#),
        ("lint::insecure_session", "openid"),
        ("lint::default_timeouts", "http"),
    ] {
        let found = plan.lines().find(|found| found.contains(lint)).unwrap_or_else(|| panic!("no {lint} in\n{plan}"));
        let number: usize = found.split(':').nth(1).and_then(|number| number.parse().ok()).expect("a line number");
        let near: Vec<&str> = config.lines().skip(number.saturating_sub(4)).take(8).collect();
        assert!(near.iter().any(|text| text.contains(line)), "{found} is not near {line}: {near:?}");
    }
    let row = |who: &str, repository: &str| {
        plan.lines().find(|line| line.starts_with(who) && line.contains(repository)).unwrap_or_default().to_owned()
    };
    assert_eq!(row("ci ", "docker.io").matches("yes").count(), 2, "{plan}");
    assert_eq!(row("anonymous", "blumeops/navidrome").matches("yes").count(), 1, "{plan}");
}

/// A lab whose scenario promises by its zot configuration, and what `regproof` says there on a machine without programs.
struct Deployed {
    lab: Lab,
    folder: tempfile::TempDir,
}

impl Deployed {
    /// A lab on which CI may move tags.
    fn new() -> Deployed {
        let options = Options { weaknesses: BTreeSet::from([Weakness::CiCanUpdate]), ..Options::default() };
        let lab = block_on(Lab::start(options)).expect("the lab starts");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = lab.write_scenario(folder.path()).expect("the scenario can be written");
        let text = std::fs::read_to_string(&file).expect("it was written");
        let (before, rest) = text.split_once("[access]").expect("the lab's scenario has rights in short");
        let (_, after) = rest.split_once("\n\n").expect("and more after them");
        let before = before.replacen("[registry]", "[registry]\nzot_config = \"zot.json\"", 1);
        std::fs::write(&file, format!("{before}{after}")).expect("a file can be written");
        Deployed { lab, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Deploys the lab's configuration, with or without the right that CI has there.
    fn deploy(&self, ci_can_update: bool) {
        let mut config = self.lab.zot_config();
        let actions = &mut config["http"]["accessControl"]["repositories"]["**"]["policies"][0]["actions"];
        if !ci_can_update {
            *actions = serde_json::json!(["read", "create"]);
        }
        std::fs::write(self.path("zot.json"), format!("{config:#}")).expect("a file can be written");
    }

    fn regproof(&self, arguments: &[&str]) -> (i32, String) {
        let program = env!("CARGO_BIN_EXE_regproof");
        let output = Command::new(program).args(arguments).env("PATH", "/nowhere").output().expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().expect("it ends by itself"), String::from_utf8(text).expect("its output is text"))
    }

    fn run(&self, more: &[&str]) -> (i32, serde_json::Value) {
        let (scenario, report) = (self.path("regproof.toml"), self.path("report.json"));
        let (status, text) = self.regproof(&[&["run", &scenario, "--json", &report], more].concat());
        let json = std::fs::read_to_string(&report).unwrap_or_else(|error| panic!("{error}: {text}"));
        (status, serde_json::from_str(&json).expect("the report is JSON"))
    }
}

fn ended<'a>(run: &'a serde_json::Value, verdict: &str) -> Vec<&'a serde_json::Value> {
    let outcomes = run["outcomes"].as_array().expect("a run has outcomes");
    outcomes.iter().filter(|outcome| outcome["verdict"] == verdict).collect()
}

/// Promises that do not hold; advice is not among them.
fn broken(run: &serde_json::Value) -> Vec<&serde_json::Value> {
    ended(run, "fail").into_iter().filter(|outcome| outcome["level"] != "advice").collect()
}

const AGREED: &str = "policy::promises_are_as_agreed";

#[test]
fn a_deployed_configuration_that_gives_ci_more_is_one_fail_until_it_is_agreed() {
    let deployed = Deployed::new();
    let scenario = deployed.path("regproof.toml");
    deployed.deploy(false);
    let (status, plan) = deployed.regproof(&["plan", &scenario]);
    assert!(status == 0 && plan.contains("the promises have no lock"), "{plan}");
    let (status, run) = deployed.run(&["--only", "policy::promises"]);
    let warned = ended(&run, "fail");
    assert!(warned.len() == 1 && warned[0]["level"] == "advice", "{status}: {warned:#?}");
    let (status, plan) = deployed.regproof(&["plan", "--lock", &scenario]);
    assert!(status == 0 && plan.contains("regproof.lock is new"), "{plan}");
    let lock = std::fs::read_to_string(deployed.path("regproof.lock")).expect("the lock was written");

    deployed.deploy(true);
    let (status, run) = deployed.run(&[]);
    let fails = broken(&run);
    assert_eq!((status, fails.len()), (1, 1), "{fails:#?}");
    assert_eq!(ended(&run, "error"), Vec::<&serde_json::Value>::new());
    assert_eq!(fails[0]["id"], AGREED);
    let finding = &fails[0]["finding"];
    assert!(finding["actual"].as_str().is_some_and(|text| text.contains("group artifact-workloads: update in")));
    let text = std::fs::read_to_string(deployed.path("zot.json")).expect("it was written");
    let line = text.lines().position(|line| line.contains("\"artifact-workloads\"")).expect("the group is there");
    let cause = finding["cause"].as_str().unwrap_or_default();
    let named = cause.split("zot.json:").nth(1).and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
    assert!(named.is_some_and(|named| named.abs_diff(line + 1) <= 8), "{cause}; the group stands in line {}", line + 1);

    // The part that holds the check says the same; the others say nothing of it; together they are the whole.
    let parts = ["hash:1/2", "hash:2/2"].map(|part| deployed.run(&["--partition", part]));
    let failed = parts.iter().filter(|(status, run)| *status == 1 && broken(run).len() == 1).count();
    assert_eq!(failed, 1, "{parts:#?}");
    assert_eq!(
        std::fs::read_to_string(deployed.path("regproof.lock")).expect("it is there"),
        lock,
        "a run writes no lock"
    );

    let (status, plan) = deployed.regproof(&["plan", &scenario]);
    assert!(status == 0 && plan.contains("group artifact-workloads gains update"), "{plan}");
    let (status, plan) = deployed.regproof(&["plan", "--lock", "--no-browser", "--only", "access::", &scenario]);
    assert!(status == 0 && plan.contains("group artifact-workloads gains update"), "{plan}");
    let (status, run) = deployed.run(&[]);
    assert_eq!((status, broken(&run).len()), (0, 0), "{:#?}", broken(&run));
    let passed = ended(&run, "pass");
    assert!(passed.iter().any(|outcome| outcome["id"] == AGREED), "agreed now");
}

#[test]
fn a_lock_of_another_scenario_or_a_broken_one_ends_with_3_and_is_left_as_it_is() {
    let deployed = Deployed::new();
    let scenario = deployed.path("regproof.toml");
    deployed.deploy(false);
    for text in ["version = 1\nscenario = \"other\"\n", "version = 9\nscenario = \"lab\"\n", "<<<<<<< HEAD\n"] {
        std::fs::write(deployed.path("regproof.lock"), text).expect("a file can be written");
        for arguments in [&["plan", "--lock"][..], &["plan"], &["run"]] {
            let (status, said) = deployed.regproof(&[arguments, &[&scenario]].concat());
            assert!(status == 3 && said.contains("regproof.lock:"), "{arguments:?}: {status}: {said}");
        }
        assert_eq!(std::fs::read_to_string(deployed.path("regproof.lock")).expect("it is there"), text);
    }
    assert!(deployed.lab.requests().is_empty(), "nothing was sent");
}

/// Every scenario that the project shows, with the zot configuration that it names.
fn shown() -> Vec<(String, String, Option<String>)> {
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(project.join(path)).expect("the project has it");
    let files = ["blumeops", "lab", "read-only"].map(|name| format!("scenarios/{name}.toml"));
    let mut all: Vec<_> = files.iter().map(|file| (file.clone(), read(file), None)).collect();
    let page = read("docs/book/src/zot-caddy-authentik.md");
    let block = |kind: &str| {
        let rest = page.split_once(&format!("```{kind}\n")).unwrap_or_else(|| panic!("the page has a {kind}")).1;
        rest.split_once("```").expect("a block ends").0.to_owned()
    };
    all.push(("the book".to_owned(), block("toml"), Some(block("json"))));
    all
}

#[test]
fn every_scenario_that_the_project_shows_has_a_plan_and_a_lock() {
    let variable = regex::Regex::new(r#"env = "([A-Z_]+)""#).expect("the pattern is valid");
    for (name, text, config) in shown() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("regproof.toml");
        std::fs::write(&file, &text).expect("a file can be written");
        if let Some(config) = &config {
            std::fs::write(folder.path().join("config.json"), config).expect("a file can be written");
            assert!(text.contains("[access]"), "{name}: the scenario says the intent, next to the configuration");
        }
        let plan = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_regproof"));
            for found in variable.captures_iter(&text) {
                command.env(&found[1], format!("secret-of-{}", &found[1]));
            }
            let output = command.arg("plan").args(arguments).arg(&file).output().expect("it runs");
            let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("its output is text");
            assert_eq!(output.status.code(), Some(0), "{name}: {said}");
            said
        };
        assert!(plan(&[]).contains("the promises have no lock"), "{name}");
        assert!(plan(&["--lock"]).contains("regproof.lock is new"), "{name}");
        assert!(plan(&["--no-browser"]).contains("the promises are those of"), "{name}");
    }
}
