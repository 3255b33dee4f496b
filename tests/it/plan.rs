//! `plan` on the operator's configuration: rights and surprises, with lines, before anything is sent.

use std::process::Command;

#[test]
fn plan_shows_rights_and_what_an_operator_would_not_expect_with_lines() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = include_str!("../configs/seed.json");
    std::fs::write(folder.path().join("config.json"), config).expect("a file can be written");
    let scenario = folder.path().join("regproof.toml");
    let text = "schema = 1\nname = \"seed\"\n[registry]\nurl = \"https://registry.example.test\"\nzot_config = \"config.json\"\n\
        [repositories]\nscratch = \"blumeops/regproof\"\npublic = [\"blumeops/navidrome\"]\n\
        [identities.ci]\nusername = \"zot-ci\"\ngroups = [\"artifact-workloads\"]\npassword = { file = \"key\" }\n\
        [[cache]]\nimage = \"docker.io/library/alpine:3.20\"\n";
    std::fs::write(&scenario, text).expect("a file can be written");
    std::fs::write(folder.path().join("key"), "zak_not_a_real_key\n").expect("a file can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_regproof")).arg("plan").arg(&scenario).output().expect("it runs");
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
