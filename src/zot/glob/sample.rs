//! Finds a name that two patterns both match, as the witness of a clash.
//!
//! It tries names built from the words of both patterns. A name that it returns is proven by matching; that it
//! returns none is no proof that there is none.

use super::{Token, alternatives, matches, tokens};

/// Bounds the work on hostile patterns.
const MOST_NAMES: usize = 512;

/// A name that both patterns match.
pub(crate) fn common_name(one: &str, other: &str) -> Option<String> {
    let mut words = vec!["x".to_owned()];
    words.extend(literals(one));
    words.extend(literals(other));
    let names = names(one, &words).into_iter().chain(names(other, &words));
    names.into_iter().take(8 * MOST_NAMES).find(|name| plausible(name) && matches(one, name) && matches(other, name))
}

/// A name that the pattern matches and that is one, as `is_name` has it.
pub(crate) fn some_name(pattern: &str, is_name: impl Fn(&str) -> bool) -> Option<String> {
    let mut words = vec!["x".to_owned()];
    words.extend(literals(pattern));
    names(pattern, &words).into_iter().take(8 * MOST_NAMES).find(|name| is_name(name) && matches(pattern, name))
}

/// A repository name has no empty segment.
fn plausible(name: &str) -> bool {
    !name.is_empty() && name.split('/').all(|segment| !segment.is_empty())
}

fn literals(pattern: &str) -> Vec<String> {
    let words = pattern.split(['*', '?', '[', ']', '{', '}', ',', '/', '\\', '^', '!']);
    words.filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

fn names(pattern: &str, words: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for tokens in alternatives(pattern).iter().flatten().filter_map(|pieces| tokens(pieces)) {
        let mut names = vec![String::new()];
        for (_, token) in &tokens {
            let choices = choices(token, words);
            let grown = names.iter().flat_map(|name| choices.iter().map(move |choice| format!("{name}{choice}")));
            names = grown.take(MOST_NAMES).collect();
        }
        all.extend(names.into_iter().map(|name| name.trim_end_matches('/').to_owned()));
    }
    all
}

fn choices(token: &Token, words: &[String]) -> Vec<String> {
    match token {
        Token::Literal(plain) => vec![plain.to_string()],
        Token::Any => vec!["x".to_owned()],
        Token::Class(class) => {
            let inside = ('a'..='z').chain('0'..='9').find(|next| class.holds(*next));
            vec![inside.map_or_else(String::new, String::from)]
        }
        Token::Star => words.iter().cloned().chain([String::new()]).collect(),
        Token::Segments => words.iter().map(|word| format!("{word}/")).chain([String::new()]).collect(),
        Token::Rest => {
            let pairs = words.iter().flat_map(|word| words.iter().map(move |next| format!("{word}/{next}")));
            words.iter().cloned().chain(pairs).chain([String::new()]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_patterns_have_a_witness() {
        for (one, other) in [
            ("**", "blumeops/**"),
            ("a/*", "*/b"),
            ("team-*", "*-prod"),
            ("docker.io/**", "docker.io/library/*"),
            ("{a,b}/**", "b/[c-d]"),
            ("a/**/z", "a/b/**"),
        ] {
            let name = common_name(one, other).unwrap();
            assert!(matches(one, &name) && matches(other, &name), "{one} {other} {name}");
        }
        for (one, other) in [("a/**", "b/**"), ("a/*", "a/b/*"), ("a", "b")] {
            assert_eq!(common_name(one, other), None);
        }
    }
}
