//! The machine of a pattern against `matches`, on all short names and on random patterns.

use proptest::prelude::*;

use super::*;
use crate::zot::glob::matches;

fn read(machine: &mut Machine, name: &str) -> bool {
    let mut state = machine.start();
    for letter in name.chars() {
        state = machine.step(state, letter as usize, letter);
    }
    machine.accepts(state)
}

/// All texts over some letters, up to a length.
fn texts(letters: &str, length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..length {
        last = last.iter().flat_map(|text| letters.chars().map(move |letter| format!("{text}{letter}"))).collect();
        all.extend(last.clone());
    }
    all
}

#[test]
fn odd_patterns_are_read_as_matches_does() {
    let names = texts("ab/", 8);
    for pattern in [
        "**",
        "",
        "a/**",
        "a/**/",
        "**/a",
        "**/a/**",
        "*x**/",
        "*a**/",
        "*/**/",
        "a*/**",
        "a[^x]b",
        "[^x]*",
        "a**/",
        "*[!b]a",
        "**/a*/**/b*",
        "**/*/b",
        "a{/**,b}",
        "{a,b}/**",
        "{*}{**/}b",
        "****/",
        "**/[^b]a/*",
        "a/**/**",
        "**/*a*b/*",
        "**/**/a",
        "*a*b*",
        "**/*[^b]*a",
        "?*/",
        "*?/?**",
        "{a,[}",
        "b{,a}*",
    ] {
        let mut machine = Machine::new(pattern);
        for name in &names {
            assert_eq!(read(&mut machine, name), matches(pattern, name), "{pattern} on {name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_pattern_is_read_as_matches_does(pattern in r"[ab*?/]{0,9}|[a-b*?\[\]{},/\\^!-]{0,12}|(\*\*/|\*|a|b|/|\[\^a\]|\{a,\*\*/\}){0,7}") {
        let mut machine = Machine::new(&pattern);
        for name in texts("ab/", 6) {
            prop_assert_eq!(read(&mut machine, &name), matches(&pattern, &name), "{} on {}", pattern, name);
        }
    }

    #[test]
    fn letters_that_are_not_told_apart_lead_to_one_state(pattern in r"[ab*?/]{0,9}|(\*\*/|\*|a|b|/|\[\^a\]|\[b-d\]|\{a,\*\*/\}){0,7}", name in "[a-f/]{0,6}") {
        let letters: Vec<char> = ('a'..='f').collect();
        let mut machine = Machine::new(&pattern);
        let mut state = machine.start();
        for letter in name.chars() {
            let apart = machine.told_apart(state, &letters);
            let others = letters.iter().enumerate().filter(|(number, _)| apart & 1 << number == 0);
            let others: std::collections::BTreeSet<StateId> =
                others.map(|(_, letter)| machine.step(state, *letter as usize, *letter)).collect();
            prop_assert!(others.len() <= 1, "{} before {}", pattern, letter);
            state = machine.step(state, letter as usize, letter);
        }
    }

    #[test]
    fn long_names_are_read_as_matches_does(pattern in r"(\*\*/|\*|a|b|/|\[\^a\]|\?){0,10}(\*\*)?", name in "[ab/]{0,24}") {
        prop_assert_eq!(read(&mut Machine::new(&pattern), &name), matches(&pattern, &name));
    }
}
