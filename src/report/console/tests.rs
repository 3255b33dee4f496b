//! The console against hostile text, runners and snapshots.

use super::*;
use crate::model::level::Level;
use crate::model::outcome::{Cell, Finding};
use crate::report::sample;
use proptest::prelude::*;
use regex::Regex;

/// What runners look for, in each line: act and Forgejo, GitHub (which trims the line), Azure, TeamCity, GitLab.
fn commands() -> Vec<Regex> {
    [r"^\s*::([^ ]+)( (.+))?::", r"##\[", r"##vso\[", r"##teamcity\[", r"^\s*section_(start|end):", "\r", "\x1b"]
        .iter()
        .map(|pattern| Regex::new(pattern).unwrap())
        .collect()
}

fn assert_no_command(text: &str) {
    for line in text.split('\n') {
        for command in commands() {
            assert!(!command.is_match(line), "{command} in {line:?}");
        }
    }
}

#[test]
fn each_format_looks_as_it_did() {
    let run = sample::run();
    sample::snapshot("pretty", &console(&[&run], Format::Pretty, false));
    sample::snapshot("services", &console(&[&run], Format::Services, false));
    sample::snapshot("github", &annotations(&run, false));
}

#[test]
fn of_several_runs_each_line_names_its_scenario() {
    let (one, mut two) = (sample::run(), sample::run());
    two.scenario = "the other".to_owned();
    two.interrupted = Some("it rains".to_owned());
    let text = console(&[&one, &two], Format::Services, false);
    let lines = |name: &str| text.lines().filter(|line| line.starts_with(&format!("regproof {name} "))).count();
    let early = usize::from(one.interrupted.is_some());
    assert_eq!(lines(&visible(&one.scenario, 60)), one.outcomes.len() + early, "{text}");
    assert_eq!(lines("the other"), two.outcomes.len() + 1, "{text}");
    assert!(text.contains("regproof the other stopped early: it rains\n") && !text.contains("\n\n"), "{text}");
    assert!(console(&[&one, &two], Format::Pretty, false).contains(&format!("\n\n{}", pretty(&two, Look::default()))));
    let told = console(&[&one, &two], Format::Github, false);
    assert!(told.contains("::error title=FAIL the other "), "{told}");
    assert_no_command(&text);
}

#[test]
fn hostile_text_is_no_workflow_command() {
    let run = sample::run();
    for format in [Format::Pretty, Format::Services] {
        assert_no_command(&console(&[&run], format, false));
    }
}

#[test]
fn annotations_are_the_only_commands_of_the_github_format() {
    let run = sample::run();
    let text = console(&[&run], Format::Github, false);
    let expected = run.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass).count();
    let (own, rest): (Vec<&str>, Vec<&str>) = text
        .lines()
        .partition(|l| ["error", "warning", "notice"].iter().any(|word| l.starts_with(&format!("::{word} title="))));
    assert_eq!(own.len(), expected);
    assert_no_command(&rest.join("\n"));
    assert_eq!(data("50%\r\n::x"), "50%25%0D%0A::x");
    assert_eq!(property("a::b, c"), "a%3A%3Ab%2C c");
}

#[test]
fn a_check_of_many_cases_shows_the_first_that_differ_and_how_many_more_there_are() {
    let finding = |summary: &str| Finding { summary: summary.to_owned(), ..Finding::default() };
    let case = |name: &str, verdict, finding| Case {
        name: name.to_owned(),
        verdict,
        finding: Some(finding),
        level: Level::Promise,
    };
    assert_eq!(case_line(&case("a", Verdict::Error, finding("y, expected x"))), "ERROR a: y, expected x");
    let told = |count: usize| {
        let mut outcome = sample::outcome("a::b", "t", Verdict::Fail, 0);
        outcome.cases = (0..count).map(|n| case(&n.to_string(), Verdict::Fail, finding("s"))).collect();
        outcome.cases.push(case("good", Verdict::Pass, finding("s")));
        explained(&outcome, Paint { colour: false, width: None })
    };
    let exact = told(CASES);
    assert!(exact.iter().filter(|line| line.contains("FAIL ")).count() > CASES && !exact.concat().contains("more"));
    assert!(told(CASES + 2).concat().contains("and 2 more"));
}

#[test]
fn only_a_table_in_which_something_differs_is_shown() {
    let cell = |verdict| Cell { text: "t".to_owned(), verdict };
    let table = |verdict| Table {
        title: "rights".to_owned(),
        columns: vec!["c".to_owned()],
        rows: vec![vec![cell(None), cell(verdict)]],
    };
    for (verdict, shown) in [
        (None, false),
        (Some(Verdict::Pass), false),
        (Some(Verdict::Skip), false),
        (Some(Verdict::Fail), true),
        (Some(Verdict::Error), true),
    ] {
        assert_eq!(differs(&table(verdict)), shown, "{verdict:?}");
    }
}

#[test]
fn advice_that_does_not_hold_is_a_warning_and_the_run_is_proven() {
    let mut run = sample::small();
    run.outcomes[0].verdict = Verdict::Fail;
    run.outcomes[0].level = Level::Advice;
    run.outcomes[0].finding = Some(Finding { summary: "said by nobody".to_owned(), ..Finding::default() });
    let text = console(&[&run], Format::Pretty, false);
    assert!(text.contains("  WARN  ") && text.contains("0 passed, 0 failed, 0 errors, 1 warning, 1 skipped"), "{text}");
    assert!(text.contains("exit 0") && text.contains("WARN access::anonymous_can_pull: said by nobody"), "{text}");
    assert!(console(&[&run], Format::Services, false).contains("... WARNING (said by nobody)\n"));
    assert!(console(&[&run], Format::Github, false).starts_with("::warning title=WARN "));
}

#[test]
fn colour_is_used_only_when_asked_for() {
    let run = sample::run();
    assert!(!console(&[&run], Format::Pretty, false).contains('\x1b'));
    assert!(console(&[&run], Format::Pretty, true).contains("\x1b[1;31mFAIL"));
}

#[test]
fn a_run_that_only_skips_can_break_says_what_no_skips_would_do() {
    let text = console(&[&sample::small()], Format::Pretty, false);
    assert!(text.contains("1 passed, 0 failed, 0 errors, 1 skipped in 0.17s   exit 0 (2 with --no-skips)"), "{text}");
}

#[test]
fn lines_are_as_wide_as_the_terminal_and_nothing_is_lost() {
    let run = sample::run();
    let whole = console(&[&run], Format::Pretty, false);
    let words = |text: &str| {
        let words = text.split_whitespace().filter(|word| *word != "│");
        // A heading says in one sentence what the rows below it say one by one.
        words.map(|word| word.trim_end_matches(',').to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    for width in [40, 80, 120] {
        let text = console(&[&run], Format::Pretty, Look { width: Some(width), ..Look::default() });
        assert_no_command(&text);
        let missing: Vec<_> = words(&whole).difference(&words(&text)).cloned().collect();
        assert!(missing.is_empty(), "{width}: {missing:?}\n{text}");
        // A long word, a table and a command to paste stay in one piece.
        let wide = |line: &&str| {
            let words = line.trim_start_matches([' ', '│']).split_whitespace();
            let own = line.chars().count() > width && words.clone().all(|word| word.chars().count() < width / 2);
            own && line.starts_with(BAR) && !line.contains(REPRODUCE) && !line.contains("  ")
        };
        let wide: Vec<&str> = text.lines().filter(wide).collect();
        assert!(wide.is_empty(), "{width}: {wide:#?}");
    }
}

/// The first ten lines are what a person sees of a failure in CI.
#[test]
fn cause_and_fix_begin_within_the_first_ten_lines() {
    let long = |words: usize| vec!["seven77"; words].join(" ");
    // As long as the longest of the checks.
    let finding = Finding {
        summary: format!("{}, expected {}", long(20), long(20)),
        promise: long(8),
        expected: long(20),
        actual: long(20),
        cause: long(28),
        remedy: long(28),
        ..Finding::default()
    };
    let mut run = sample::small();
    let mut outcome = sample::outcome("publish::existing_tag_cannot_be_deleted", "a title", Verdict::Fail, 1);
    outcome.finding = Some(finding);
    run.outcomes = vec![outcome];
    let facts = crate::run::symptom::Facts::default();
    run.root = crate::run::root::of(&run, &facts, true);
    let text = console(&[&run], Format::Pretty, Look { width: Some(80), ..Look::default() });
    let lines: Vec<&str> = text.lines().collect();
    let at = |label: &str| lines.iter().position(|line| line.starts_with(&format!("{BAR}{label} "))).unwrap();
    let places = [CAUSE, FIX, EXPECTED].map(at);
    assert!(places[0] < places[1] && places[1] < 10 && places[1] < places[2], "{places:?}\n{text}");
}

proptest! {
    #[test]
    fn no_remote_text_becomes_a_command_or_a_line(text in "(::|##\\[|##vso\\[|\n|\r|\u{1b}|.){0,40}") {
        let mut run = sample::small();
        let lines = console(&[&run], Format::Pretty, false).lines().count();
        run.outcomes[1].finding.as_mut().unwrap().summary = text.clone();
        run.registry.product = Some(text.clone());
        run.target = text;
        let pretty = console(&[&run], Format::Pretty, false);
        assert_no_command(&pretty);
        prop_assert_eq!(pretty.lines().count(), lines);
        prop_assert!(pretty.chars().all(|c| c == '\n' || c == ' ' || !(c.is_control() || c.is_whitespace())));
    }
}
