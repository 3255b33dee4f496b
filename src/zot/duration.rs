//! Durations as zot's reader takes them: Go's text form, or a number, which Go counts in nanoseconds.

use std::time::Duration;

use super::number;
use super::tree::{Complaint, Node, Value};

/// Nanoseconds: of text by its units, of a number as it is.
pub(crate) fn of(node: &Node, what: &str) -> Result<i64, Complaint> {
    let Value::Text(text) = &node.value else { return number::whole(node, what) };
    nanoseconds(text).ok_or_else(|| {
        let message = format!("`{text}` is not a duration such as 60s or 10m, which `{what}` needs");
        Complaint::new(node.place, message)
    })
}

/// A time-out; zot takes zero and less for "none".
pub(crate) fn limit(nanoseconds: i64) -> Option<Duration> {
    u64::try_from(nanoseconds).ok().filter(|count| *count > 0).map(Duration::from_nanos)
}

/// Go's `time.ParseDuration`.
fn nanoseconds(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|next: char| !next.is_ascii_digit() && next != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|next: char| next.is_ascii_digit() || next == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        if !number.bytes().any(|next| next.is_ascii_digit()) {
            return None;
        }
        total += number.trim_end_matches('.').parse::<f64>().ok()? * scale(unit)?;
        rest = tail;
    }
    if total > MOST {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a float-to-int cast saturates, and it fits but for rounding")]
    let nanoseconds = (sign * total).round() as i64;
    Some(nanoseconds)
}

/// More nanoseconds than this do not fit into Go's durations: 292 years.
const MOST: f64 = 9.223_372_036_854_775e18;

fn scale(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1.0,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read_as_go_reads_them() {
        let seconds = |count: i64| Some(count * 1_000_000_000);
        assert_eq!(nanoseconds("60s"), seconds(60));
        assert_eq!(nanoseconds("1h30m"), seconds(5400));
        assert_eq!(nanoseconds("1.5s"), Some(1_500_000_000));
        assert_eq!(nanoseconds(".5s"), Some(500_000_000));
        assert_eq!(nanoseconds("0"), Some(0));
        assert_eq!(nanoseconds("-1s"), seconds(-1));
        for bad in ["", "-", "s", "1", "60", "1d", "1 s", ".s", "1s2", "9999999h"] {
            assert_eq!(nanoseconds(bad), None, "{bad}");
        }
        assert_eq!([limit(0), limit(-1), limit(60)], [None, None, Some(Duration::from_nanos(60))]);
    }
}
