//! What makes remote text safe to show: on a terminal, in a CI log, in XML.
//!
//! A registry chooses its tags, headers and error bodies, so each of them may be a terminal escape, a workflow command or a
//! piece of XML. Nothing here drops visible text: what is not shown as itself is shown as an escape.

use std::time::Duration;

use crate::model::exchange::Exchange;

/// As much text as one element or attribute of a JUnit file or a page holds; viewers load the whole file.
const MOST: usize = 16_000;

/// The text on one line, at most `max` characters long: printable ASCII, and letters and digits of all languages.
///
/// Everything else becomes `\u{…}`: terminal escapes, control characters, bidirectional overrides, zero-width characters, marks
/// that pile up, line separators. A `#` after a `#` does too, because Azure, TeamCity and GitHub runners look for `##vso[`, `##teamcity[` and `##[` anywhere in a line.
#[must_use]
pub fn visible(text: &str, max: usize) -> String {
    const CUT: &str = "...";
    let mut shown = String::new();
    let (mut fits, mut long, mut counted) = (0, 0, 0);
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '#' if before == '#' => shown.push_str("\\u{23}"),
            ' '..='~' => shown.push(c),
            _ if is_letter(c) => shown.push(c),
            _ => shown.extend(c.escape_unicode()),
        }
        before = c;
        long += shown[counted..].chars().count();
        counted = shown.len();
        if long > max {
            shown.truncate(fits);
            shown.push_str(&CUT[..max.min(CUT.len())]);
            return shown;
        }
        if long + CUT.len() <= max {
            fits = shown.len();
        }
    }
    shown
}

/// A letter or digit of any language that stands for itself, and the marks that sentences have.
fn is_letter(c: char) -> bool {
    let mark =
        matches!(c, '«' | '»' | '‘' | '’' | '‚' | '“' | '”' | '„' | '–' | '—' | '…' | '·' | '¿' | '¡' | '、' | '。');
    // Fillers are letters by their class, and show nothing.
    (c.is_alphanumeric() || mark) && !is_invisible(c) && !matches!(c, '\u{ffa0}')
}

/// The text as an XML 1.0 document may hold it, also inside CDATA; its line breaks stay.
///
/// Drops what is not a `Char` (XML 1.0, section 2.2) after removing terminal colours, breaks `]]>`, and caps the length.
#[must_use]
pub fn xml_text(text: &str) -> String {
    // Twice the same bracket cannot hide a third: what is inserted is no bracket.
    capped(text).replace("]]>", "]] >")
}

/// The text with its line breaks and letters, without anything that moves the cursor, hides, or reorders, and not endless.
pub(crate) fn capped(text: &str) -> String {
    let clean = printable(text);
    match clean.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} [cut]", &clean[..end]),
        None => clean,
    }
}

/// The text with its line breaks and letters, without anything that moves the cursor, hides, or reorders.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\u{1b}' | '\u{9b}' => rest = after_colour(c, rest),
            '\r' if rest.starts_with('\n') => {}
            '\r' | '\n' => clean.push('\n'),
            '\t' => clean.push('\t'),
            _ if is_noncharacter(c) || c.is_control() => {}
            _ if is_invisible(c) => clean.extend(c.escape_unicode()),
            _ => clean.push(c),
        }
    }
    clean
}

/// What follows a control sequence (ECMA-48, section 5.4). Other escapes lose their introducer only, so that no text hides in one.
fn after_colour(introducer: char, rest: &str) -> &str {
    let Some(sequence) = (if introducer == '\u{9b}' { Some(rest) } else { rest.strip_prefix('[') }) else {
        return rest;
    };
    let end = sequence.trim_start_matches(|c| matches!(c, '0'..='?')).trim_start_matches(|c| matches!(c, ' '..='/'));
    match end.chars().next() {
        Some('@'..='~') => &end[1..],
        _ => rest,
    }
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Characters that show nothing or change the order of others: soft hyphen, zero-width, bidirectional, tags, line separators.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Seconds as people read them.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 100.0 { format!("{seconds:.2}s") } else { format!("{seconds:.0}s") }
}

/// `1 error`, `2 errors`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// One exchange as text of several lines: request, headers, body, answer.
pub(crate) fn exchange(exchange: &Exchange) -> String {
    let mut text = format!("> {} {}  (as {})\n", exchange.method, exchange.url, exchange.who);
    for (name, value) in &exchange.request_headers {
        text.push_str(&format!("> {name}: {value}\n"));
    }
    if !exchange.request_body.is_empty() {
        text.push_str(&format!("\n{}\n", exchange.request_body));
    }
    match (&exchange.status, &exchange.error) {
        (Some(status), _) => text.push_str(&format!("< {status}\n")),
        (None, Some(error)) => text.push_str(&format!("no answer: {error}\n")),
        (None, None) => text.push_str("no answer\n"),
    }
    for (name, value) in &exchange.response_headers {
        text.push_str(&format!("< {name}: {value}\n"));
    }
    if !exchange.response_body.is_empty() {
        text.push_str(&format!("\n{}\n", exchange.response_body));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_and_invisible_characters_become_escapes() {
        assert_eq!(visible("a\u{1b}[31mb\r\n\u{202e}c\u{9b}", 200), "a\\u{1b}[31mb\\r\\n\\u{202e}c\\u{9b}");
        assert_eq!(visible("Ungültiges «Паро́ль» 密碼\u{3164}", 200), "Ungültiges «Паро\\u{301}ль» 密碼\\u{3164}");
        assert_eq!(visible("üüüüüüü", 6), "üüü...");
        assert_eq!(visible("##[error] ##vso[x ###", 200), "#\\u{23}[error] #\\u{23}vso[x #\\u{23}\\u{23}");
    }

    #[test]
    fn a_tab_is_shown_in_a_line_and_stays_in_a_text() {
        assert_eq!(visible("a\tb", 200), "a\\tb");
        assert_eq!(printable("a\tb"), "a\tb");
    }

    #[test]
    fn long_durations_have_no_fractions() {
        let told = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([told(5), told(99_990), told(100_000), told(100_600)], ["0.01s", "99.99s", "100s", "101s"]);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(visible("abcdefgh", 6), "abc...");
        assert_eq!(visible("abcdef", 6), "abcdef");
        assert_eq!(visible("ab\u{202e}cdef", 9), "ab...");
        assert_eq!(visible("abc", 2), "..");
    }

    #[test]
    fn xml_text_keeps_lines_and_loses_colours_and_markup_ends() {
        assert_eq!(xml_text("a\u{1b}[1;31mb\u{1b}[0m\r\nc\u{fffe}\u{0}d ]]> é"), "ab\ncd ]] > é");
        assert_eq!(xml_text("]]]>"), "]]] >");
        assert_eq!(xml_text("\u{1b}]8;;http://evil\u{7}link"), "]8;;http://evillink");
        assert_eq!(xml_text("a\u{202e}b"), "a\\u{202e}b");
        assert!(xml_text(&"x".repeat(MOST + 1)).ends_with("x [cut]"));
    }

    proptest! {
        #[test]
        fn visible_text_is_printable_and_no_longer_than_asked(text in ".*", max in 0usize..300) {
            let shown = visible(&text, max);
            prop_assert!(shown.chars().count() <= max);
            prop_assert!(shown.chars().all(|c| (' '..='~').contains(&c) || is_letter(c)));
            prop_assert!(!shown.chars().any(|c| c.is_control() || c.is_whitespace() && c != ' '));
            prop_assert!(!shown.contains("##"));
        }

        #[test]
        fn xml_text_never_ends_a_cdata_section(text in "[\\]>a\u{1b}\u{0}\u{fffe}\\[0m]*") {
            prop_assert!(!xml_text(&text).contains("]]>"));
        }
    }
}
