//! Reports of spoilt text: whatever a registry said, it stays text in JUnit, HTML and a runner's log.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{Format, sample};
use crate::report;
use crate::trial::fuzz::{fuzz, spoilt};

#[test]
fn no_report_is_more_than_text_whatever_the_registry_said() {
    const SEEDS: &[&str] = &[sample::HOSTILE, "a", "::error file=a::b", "<testcase/>]]>", "| a | b |\n|---|---|"];
    const TOKENS: &[&str] = &[
        "::",
        "##[",
        "##vso[",
        "##teamcity[",
        "]]>",
        "<",
        ">",
        "&",
        "<!--",
        "</script>",
        "<![CDATA[",
        "\u{1b}[2J",
        "\u{9b}",
        "`",
        "|",
        "section_start:1:x",
        "\u{85}",
        "\u{2028}",
    ];
    let elements = |text: &str| roxmltree::Document::parse(text).map(|document| document.descendants().count());
    let ours = |text: &str| text.lines().filter(|line| line.starts_with("::")).count();
    let markup = |text: &str| text.matches('<').count();
    fuzz(&spoilt(SEEDS, TOKENS), |text| {
        let mut plain = sample::run();
        set(&mut plain, "x");
        let mut run = sample::run();
        set(&mut run, &format!("x{text}"));
        let junit = report::junit(&[&run]).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let calm = report::junit(&[&plain]).map_err(|error| TestCaseError::fail(error.to_string()))?;
        // Text may be one node more or less where lines end; elements may not.
        let count = |text: &str| elements(text).map_err(|error| TestCaseError::fail(error.to_string()));
        prop_assert_eq!(count(&junit)?, count(&calm)?);
        prop_assert_eq!(markup(&report::html(&[&run])), markup(&report::html(&[&plain])));
        let (github, calm) =
            (report::console(&[&run], Format::Github, false), report::console(&[&plain], Format::Github, false));
        prop_assert_eq!(ours(&github), ours(&calm));
        prop_assert!(!["##[", "##vso[", "##teamcity["].iter().any(|command| github.contains(command)), "{}", github);
        Ok(())
    });
}

/// Puts a text wherever a registry could.
fn set(run: &mut crate::model::outcome::Run, text: &str) {
    run.registry.product = Some(text.to_owned());
    for outcome in &mut run.outcomes {
        if let Some(finding) = &mut outcome.finding {
            finding.actual = text.to_owned();
        }
        for note in &mut outcome.notes {
            *note = text.to_owned();
        }
        for exchange in &mut outcome.transcript {
            exchange.response_body = text.to_owned();
        }
    }
}
