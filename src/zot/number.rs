//! Numbers as Go's decoder takes them: text counts, and true is one.

use super::tree::{Complaint, Node, Value};

/// A whole number: a fraction is cut, and text is read in the base that its prefix says.
pub(crate) fn whole(node: &Node, what: &str) -> Result<i64, Complaint> {
    let refused = || node.expected(what, "a whole number");
    match &node.value {
        Value::Bool(value) => Ok(i64::from(*value)),
        #[expect(clippy::cast_possible_truncation, reason = "Go's conversion cuts too, and no count is that large")]
        Value::Number(text) => match text.parse::<i64>() {
            Ok(count) => Ok(count),
            Err(_) => text.parse::<f64>().map(|value| value as i64).map_err(|_| refused()),
        },
        Value::Text(text) => parse_int(text).ok_or_else(|| {
            Complaint::new(node.place, format!("`{what}` must be a whole number, not `{}`", short(text)))
        }),
        _ => Err(refused()),
    }
}

/// Any number.
pub(crate) fn any(node: &Node, what: &str) -> Result<f64, Complaint> {
    let refused = || node.expected(what, "a number");
    match &node.value {
        Value::Bool(value) => Ok(f64::from(u8::from(*value))),
        Value::Text(text) if text.is_empty() => Ok(0.0),
        Value::Number(text) | Value::Text(text) => text.parse().map_err(|_| refused()),
        _ => Err(refused()),
    }
}

/// No more of a value in a message than tells which it is: it may be a secret in the wrong place.
fn short(text: &str) -> String {
    if text.chars().count() <= 12 { text.to_owned() } else { "…".to_owned() }
}

/// Go's `strconv.ParseInt(text, 0, 64)`, where an empty text is zero.
fn parse_int(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let (negative, rest) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = rest.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    // An underscore stands between digits, or after the prefix.
    let prefixed = digits.len() < lower.len();
    let misplaced = digits.ends_with('_') || digits.contains("__") || (digits.starts_with('_') && !prefixed);
    if misplaced || digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let digits: String = digits.chars().filter(|next| *next != '_').collect();
    i64::from_str_radix(&format!("{}{digits}", if negative { "-" } else { "" }), radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zot::tree::as_text;

    #[test]
    fn text_is_read_as_go_reads_it() {
        for (text, value) in
            [("", 0), ("12", 12), ("-3", -3), ("+3", 3), ("0x1f", 31), ("010", 8), ("1_000", 1000), ("0_7", 7)]
        {
            assert_eq!(parse_int(text), Some(value), "{text}");
        }
        for text in ["a", "1.5", "1_", "_1", "08", "0x", "--1", " 1", "99999999999999999999"] {
            assert_eq!(parse_int(text), None, "{text}");
        }
        assert_eq!(
            [as_text("5000"), as_text("5e3"), as_text("5000.0"), as_text("1.5")],
            ["5000", "5000", "5000", "1.5"]
        );
    }
}
