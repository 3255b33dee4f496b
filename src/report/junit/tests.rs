//! The JUnit file against hostile text, its own reader, and schemas.

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::model::level::Level;
use crate::model::outcome::Case;
use crate::report::sample;

fn names(text: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(text).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    cases.map(|node| node.attribute("name").unwrap().to_owned()).collect()
}

#[test]
fn each_check_or_case_is_one_testcase_with_its_verdict() {
    let text = junit(&[&sample::run()]).unwrap();
    assert_eq!(
        names(&text),
        [
            "access::anonymous_can_pull",
            "access::anonymous_cannot_push",
            "access::permissions_are_as_promised: anonymous: read",
            "access::permissions_are_as_promised: ci: update tag",
            "access::permissions_are_as_promised: ci: delete tag",
            "access::permissions_are_as_promised: guest: delete tag",
            "publish::api_key_can_push",
            "oidc::login_returns_with_a_session",
            "keys::cannot_mint_keys: mint",
            "keys::expire_later",
            "policy::no_traps: config.json:3:5 lint::default_timeouts",
            "policy::no_traps: config.json:9:5 lint::plain_listener",
        ]
    );
    let document = roxmltree::Document::parse(&text).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    for (name, value) in [("name", "example"), ("tests", "12"), ("failures", "2"), ("errors", "2")] {
        assert_eq!(suite.attribute(name), Some(value), "{name}");
    }
    assert_eq!(suite.attribute("package"), Some("regproof 0.1.0 zot v2.1.20"));
    assert_eq!(suite.attribute("hostname"), Some("https://registry.example.net"));
    sample::snapshot("junit", &junit(&[&sample::small()]).unwrap().replace("><", ">\n<"));
}

#[test]
fn a_check_whose_cases_hide_its_verdict_has_a_testcase_of_its_own() {
    let mut run = sample::run();
    run.outcomes[2].verdict = Verdict::Pass;
    run.outcomes[2].cases.retain(|case| case.verdict == Verdict::Fail);
    run.outcomes[2].verdict = Verdict::Error;
    let text = junit(&[&run]).unwrap();
    assert_eq!(names(&text)[2], "access::permissions_are_as_promised");
}

#[test]
fn a_waiver_skips_the_cases_that_are_broken_and_leaves_the_others() {
    let case = |name: &str, verdict| Case { name: name.to_owned(), verdict, finding: None, level: Level::Promise };
    let mut outcome = sample::outcome("a::b", "t", Verdict::Skip, 0);
    outcome.cases = vec![case("good", Verdict::Pass), case("bad", Verdict::Fail), case("open", Verdict::Error)];
    let verdicts = |outcome: &Outcome| rows(outcome).iter().map(|row| counted(row.shown)).collect::<Vec<_>>();
    assert_eq!(verdicts(&outcome), [Verdict::Skip, Verdict::Pass, Verdict::Fail, Verdict::Error]);
    outcome.waived = Some("known".to_owned());
    assert_eq!(verdicts(&outcome), [Verdict::Pass, Verdict::Skip, Verdict::Skip]);
}

#[test]
fn a_warning_is_a_testcase_that_passes_and_says_what_was_found() {
    let run = sample::run();
    let text = junit(&[&run]).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let warned: Vec<_> = document
        .descendants()
        .filter(|node| {
            node.has_tag_name("properties") && node.first_element_child().unwrap().attribute("name") == Some("level")
        })
        .collect();
    assert_eq!(warned.len(), 2);
    for (properties, words) in warned.iter().zip(["longer than 60 s", "stop-commands"]) {
        let case = properties.parent().unwrap();
        let out = case.children().find(|node| node.has_tag_name("system-out")).unwrap().text().unwrap();
        assert!(case.has_tag_name("testcase") && case.first_child() == Some(*properties));
        assert!(out.contains(words) && out.contains("set both"), "{out}");
        let values: Vec<_> = properties.children().map(|node| node.attribute("value").unwrap()).collect();
        assert!(values[0] == "advice" && values[1].contains(words), "{values:?}");
    }
    assert_eq!(document.descendants().filter(|node| node.has_tag_name("failure")).count(), 2);
}

#[test]
fn only_characters_of_xml_are_written() {
    for (c, allowed) in
        [('\0', false), ('\t', true), ('\u{b}', false), ('\u{1f}', false), (' ', true), ('\u{d7ff}', true)]
    {
        assert_eq!(is_xml_char(c), allowed, "{c:?}");
    }
    for (c, allowed) in [('\u{e000}', true), ('\u{fffd}', true), ('\u{fffe}', false), ('\u{10000}', true)] {
        assert_eq!(is_xml_char(c), allowed, "{c:?}");
    }
}

#[test]
fn a_report_that_says_something_else_is_refused() {
    let good = "<testsuites><testsuite><testcase/></testsuite></testsuites>";
    assert!(verify(good, [1, 0, 0, 0]).is_ok());
    for (text, expected) in [
        (good, [2, 0, 0, 0]),
        (good, [0, 0, 0, 1]),
        ("<testsuites><testcase></testsuites>", [1, 0, 0, 0]),
        ("<testsuites><testcase name=\"\u{fffe}\"/></testsuites>", [1, 0, 0, 0]),
    ] {
        assert!(matches!(verify(text, expected), Err(ReportError::Malformed(_))), "{text}");
    }
}

/// The junit-4 schema that junit-report ships, where Cargo unpacked the crate: it is MIT, from Jenkins' dtkit, and stays there.
fn schema_of_the_crate() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))?;
    let sources = std::fs::read_dir(home.join("registry/src")).ok()?.flatten();
    let packages = sources.filter_map(|source| std::fs::read_dir(source.path()).ok()).flatten().flatten();
    let ours = packages.filter(|package| package.file_name().to_string_lossy().starts_with("junit-report-"));
    ours.map(|package| package.path().join("tests/JUnit.xsd")).filter(|schema| schema.is_file()).max()
}

fn assert_valid(text: &str, schema: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    std::fs::write(&file, text).unwrap();
    match Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).arg(&file).output() {
        Err(_) => crate::trial::common::lacks("the_file_is_valid_against_our_schema_and_junit_4", "xmllint"),
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn the_file_is_valid_against_our_schema_and_junit_4() {
    let run = sample::run();
    let text = junit(&[&run, &sample::small()]).unwrap();
    assert_valid(&text, Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/xsd/junit.xsd")));
    // Two additions to junit-4, which newer schemas allow and viewers show: a skip says why, a testcase has properties.
    let plain = regex::Regex::new("<skipped [^>]*>").unwrap().replace_all(&text, "<skipped>").into_owned();
    let plain = regex::Regex::new("<properties>.*?</properties>").unwrap().replace_all(&plain, "").into_owned();
    match schema_of_the_crate() {
        Some(schema) => assert_valid(&plain, &schema),
        None => crate::trial::common::skip(
            "the_file_is_valid_against_our_schema_and_junit_4 (its second half)",
            "Cargo keeps no copy of junit-report's sources",
        ),
    }
    if let Some(schema) = std::env::var_os("REGPROOF_JUNIT_XSD") {
        assert_valid(&text, Path::new(&schema));
    }
}

#[test]
fn hostile_text_forges_no_testcase() {
    let mut run = sample::run();
    let expected = names(&junit(&[&run]).unwrap()).len();
    run.scenario = sample::HOSTILE.into();
    run.target = sample::HOSTILE.into();
    for outcome in &mut run.outcomes {
        outcome.id = sample::HOSTILE.into();
        outcome.title = sample::HOSTILE.into();
        outcome.notes = vec![sample::HOSTILE.into()];
    }
    assert_eq!(names(&junit(&[&run]).unwrap()).len(), expected);
}

#[test]
fn how_much_was_proven_is_a_property_of_the_first_testcase_and_in_its_text() {
    let mut run = sample::run();
    for text in ["119 of 168 proven", "a \"b\" <c> & 'd' ]]> </testcase>", sample::HOSTILE] {
        run.outcomes[0].proven = Some(text.into());
        let junit = junit(&[&run]).unwrap();
        let document = roxmltree::Document::parse(&junit).unwrap();
        let case = document.descendants().find(|node| node.has_tag_name("testcase")).unwrap();
        let properties: Vec<_> = case.descendants().filter(|node| node.has_tag_name("property")).collect();
        assert_eq!(properties.len(), 1, "{text}");
        assert_eq!(properties[0].attribute("name"), Some("proven"));
        assert_eq!(properties[0].attribute("value"), Some(attribute(text).as_str()));
        let out = case.children().find(|node| node.has_tag_name("system-out")).unwrap().text().unwrap();
        assert!(out.contains(&format!("proven: {}", xml_text(text))), "{out}");
    }
    run.outcomes.retain(|outcome| !outcome.warns());
    run.outcomes.iter_mut().for_each(|outcome| outcome.proven = None);
    assert!(!junit(&[&run]).unwrap().contains("name=\"proven\""));
}

proptest! {
    #[test]
    fn any_text_makes_a_whole_report(text in "(\\PC|[\u{0}-\u{ff}]|\\]\\]>|<|&|\u{fffe}|\u{ffff}|\u{1b}\\[){0,60}") {
        let mut run = sample::small();
        run.outcomes[1].finding.as_mut().unwrap().summary = text.clone();
        run.outcomes[0].verdict = Verdict::Fail;
        run.outcomes[0].finding = Some(Finding { actual: text.clone(), ..Finding::default() });
        run.scenario = text;
        prop_assert_eq!(names(&junit(&[&run]).unwrap()).len(), 2);
    }
}
