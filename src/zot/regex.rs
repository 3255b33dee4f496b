//! Regular expressions as Go takes them (RE2), told and matched with the `regex` crate, whose language is nearly the same.

use regex::Regex;

/// Whether Go would take it.
pub(crate) fn parses(text: &str) -> bool {
    compile(text).is_some()
}

/// The expression, where Go would take it.
pub(crate) fn compile(text: &str) -> Option<Regex> {
    let text = plain_braces(text)?;
    Regex::new(&text).ok()
}

/// What stood before: something that can be repeated, an operator that repeats it, or one that was made lazy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Atom,
    Operator,
    Lazy,
    /// A parenthesis, behind which `?` opens a group of a kind.
    Open,
}

/// Writes a brace that is no repetition as Go reads it, as itself. Nothing where a repetition is one that Go refuses.
fn plain_braces(text: &str) -> Option<String> {
    let mut plain = String::new();
    let (mut rest, mut before) = (text, Before::Atom);
    while let Some(next) = rest.chars().next() {
        let mut length = next.len_utf8();
        let mut operator = matches!(next, '*' | '+' | '?') && before != Before::Open;
        match next {
            '\\' => length = escape(rest),
            '[' => length = class(rest),
            '{' => match repetition(rest) {
                Some((most, _)) if most > 1000 => return None,
                Some((_, end)) => (length, operator) = (end, true),
                None => plain.push('\\'),
            },
            '}' => plain.push('\\'),
            _ => {}
        }
        before = match (operator, before) {
            (false, _) if next == '(' => Before::Open,
            (false, _) => Before::Atom,
            (true, Before::Operator) if next == '?' => Before::Lazy,
            (true, Before::Operator | Before::Lazy) => return None,
            (true, _) => Before::Operator,
        };
        plain.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Some(plain)
}

/// How long an escape is, with the braces of a property's name or a code point.
fn escape(text: &str) -> usize {
    let pair = text.chars().take(2).map(char::len_utf8).sum();
    let braced = ["\\p{", "\\P{", "\\x{"].iter().any(|start| text.starts_with(start));
    if braced { text.find('}').map_or(pair, |end| end + 1) } else { pair }
}

/// How long a class is; a bracket that closes counts for itself where it comes first.
fn class(text: &str) -> usize {
    let inside = text.strip_prefix("[^").or(text.strip_prefix('[')).unwrap_or(text);
    let mut at = text.len() - inside.len();
    at += usize::from(inside.starts_with(']'));
    while let Some(next) = text[at..].chars().next() {
        match next {
            ']' => return at + 1,
            '\\' => at += escape(&text[at..]),
            '[' if text[at..].starts_with("[:") => at += text[at..].find(":]").map_or(1, |end| end + 2),
            next => at += next.len_utf8(),
        }
    }
    text.len()
}

/// `{2}`, `{2,}` or `{2,3}`: the larger number, and how long it is.
fn repetition(text: &str) -> Option<(u64, usize)> {
    let end = text.find('}')?;
    let inside = &text[1..end];
    let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let least = number(least)?;
    let most = if most.is_empty() { least } else { number(most)? };
    Some((least.max(most), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_takes_is_taken_and_nothing_else() {
        for text in [
            "",
            "v.*",
            r"^v\d+\.\d+$",
            "a{2}",
            "a{2,3}",
            "a{,3}",
            "a{x}",
            "{",
            "}",
            r"\p{Greek}",
            "[{}]",
            "(?i)x",
            "a*?",
            "[]*+]",
            "(a*)*",
        ] {
            assert!(parses(text), "{text}");
        }
        for text in ["(", "[", "*", "a**", "a*??", "a{2}{3}", "(?=x)", r"\1", "a{1001}", r"\", "(?P<n"] {
            assert!(!parses(text), "{text}");
        }
        assert!(compile("a{x}").unwrap().is_match("a{x}"));
    }
}
