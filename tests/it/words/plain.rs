//! What makes a text plain: short sentences, and no worn-out phrase. Pure.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Phrases that no text may hold, each with what to write instead.
pub const WORN_OUT: &[(&str, &str)] = &[
    ("whoever", "name the subject: every client, the user who"),
    ("nobody who", "name the subject: no user who"),
    ("of its own", "write: a separate one"),
    ("stands beside", "write: is next to, or name the folder"),
    ("proves nothing", "say what is not proven"),
    ("decides nothing", "say what does not follow"),
    ("is nothing to", "say what cannot be done"),
    ("of one mind", "write: have the same answer"),
    ("is kept out of nothing", "say which access was not tested"),
    ("what is more", "begin a new sentence"),
    ("in the end of", "write: at the end of"),
    ("somebody", "write: a user, another client"),
    ("so long as", "write: while, if"),
];

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

/// Code in backticks, and the place of a value in a format string.
static ONE_WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"`[^`\n]*`|\{[^{}]*\}"));
/// The mark at the end of a sentence; or a new line that is indented, as an item is.
static END: LazyLock<Regex> = LazyLock::new(|| regex(r#"[.;:!?]["”)*]*\s+|\n\s+"#));
static LINK: LazyLock<Regex> = LazyLock::new(|| regex(r"\[([^\]]*)\]\([^)]*\)"));
static ITEM: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:[-*]|\d+\.)\s+"));
static WORN: LazyLock<Regex> = LazyLock::new(|| {
    let phrases: Vec<String> = WORN_OUT.iter().map(|(phrase, _)| phrase.replace(' ', r"\s+")).collect();
    regex(&format!(r"(?i)\b(?:{})\b", phrases.join("|")))
});

/// The sentences of a text. A full stop, a semicolon and a colon end one.
pub fn sentences(text: &str) -> Vec<String> {
    let text = ONE_WORD.replace_all(text, |found: &Captures<'_>| found[0].replace(char::is_whitespace, "_"));
    END.split(&text).map(one_line).filter(|sentence| !sentence.is_empty()).collect()
}

/// How many words a sentence has. Code in backticks is one word, and so is the place of a value.
pub fn words(sentence: &str) -> usize {
    sentence.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}

/// What is not plain in a text: each sentence of more words than `most`, and each worn-out phrase.
pub fn faults(text: &str, most: usize) -> Vec<String> {
    let long = sentences(text).into_iter().filter(|sentence| words(sentence) > most);
    let long = long.map(|sentence| format!("{} words, more than {most}: {sentence}", words(&sentence)));
    let worn = WORN.find_iter(text).map(|found| {
        let phrase = one_line(found.as_str()).to_lowercase();
        let instead = WORN_OUT.iter().find(|known| known.0 == phrase).map_or("", |known| known.1);
        format!("holds \"{phrase}\" ({instead}): {}", one_line(text))
    });
    long.chain(worn).collect()
}

/// The paragraphs, items and headings of a page, each with its first line. Code blocks and tables are left out.
pub fn paragraphs(page: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let (mut fenced, mut open) = (false, false);
    for (at, line) in page.lines().enumerate() {
        let line = line.trim();
        let fence = line.starts_with("```");
        if fence {
            fenced = !fenced;
        }
        if fence || fenced || line.is_empty() || line.starts_with('|') {
            open = false;
            continue;
        }
        let mark = ITEM.find(line).map_or(0, |mark| mark.end());
        let heading = line.starts_with('#');
        let text = LINK.replace_all(line[mark..].trim_start_matches('#').trim_start(), "$1").into_owned();
        let goes_on = open && mark == 0 && !heading;
        match all.last_mut().filter(|_| goes_on) {
            Some((_, paragraph)) => {
                paragraph.push(' ');
                paragraph.push_str(&text);
            }
            None => all.push((at + 1, text)),
        }
        open = !heading;
    }
    all
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_at_its_marks_and_not_inside_code() {
        let text = "first, look: `a: b; c`; then restart zot v2.1.20. It is {name, with: more} (so.) Done";
        let wanted = ["first, look", "`a:_b;_c`", "then restart zot v2.1.20", "It is {name,_with:_more} (so", "Done"];
        assert_eq!(sentences(text), wanted);
        assert_eq!(sentences("a list\n  one\n  two\ngoes on"), ["a list", "one", "two goes on"]);
    }

    #[test]
    fn code_and_the_place_of_a_value_are_one_word_each() {
        let count = |text: &str| sentences(text).iter().map(|sentence| words(sentence)).sum::<usize>();
        assert_eq!(count("set `metrics = [\"read\", \"create\"]` for {user name} – now"), 5);
    }

    #[test]
    fn a_long_sentence_is_found_and_one_of_the_limit_is_not() {
        let twenty = ["word"; 20].join(" ");
        assert_eq!(faults(&format!("{twenty}. {twenty}; {twenty}: {twenty}"), 20), Vec::<String>::new());
        let found = faults(&format!("Short. {twenty} more. Short."), 20);
        assert!(found.len() == 1 && found[0].starts_with("21 words, more than 20: word"), "{found:?}");
    }

    #[test]
    fn a_worn_out_phrase_is_found_in_any_case_and_over_lines() {
        for (phrase, _) in WORN_OUT {
            let text = format!("Here {} is.", phrase.to_uppercase().replace(' ', "\n"));
            let found = faults(&text, 20);
            assert!(found.len() == 1 && found[0].contains(phrase), "{phrase}: {found:?}");
        }
        assert_eq!(faults("login_cannot_be_led_astray, and somebodyelse", 20), Vec::<String>::new());
    }

    #[test]
    fn paragraphs_are_joined_and_code_and_tables_are_left_out() {
        let page =
            "# Title\n\nOne [link](there.md)\ngoes on.\n```\ncode\n```\n- an\n  item\n- two\n\n| a | b |\n1. three\n";
        let wanted = [(1, "Title"), (3, "One link goes on."), (8, "an item"), (10, "two"), (13, "three")];
        assert_eq!(paragraphs(page), wanted.map(|(line, text)| (line, text.to_owned())));
    }
}
