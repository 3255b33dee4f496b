//! Durations as zot's reader takes them: Go's text form, or a bare number, which Go counts in nanoseconds.

use std::time::Duration;

/// A time-out; zot takes zero and less for "none".
pub(crate) fn limit(text: &str) -> Option<Option<Duration>> {
    let nanoseconds = nanoseconds(text)?;
    Some(u64::try_from(nanoseconds).ok().filter(|count| *count > 0).map(Duration::from_nanos))
}

/// Go's `time.ParseDuration`, and the plain integers that zot's weakly typed decoder lets through.
fn nanoseconds(text: &str) -> Option<i64> {
    if let Ok(bare) = text.parse::<i64>() {
        return Some(bare);
    }
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
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
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float-to-int cast saturates, and no time-out is centuries long"
    )]
    let nanoseconds = (sign * total).round() as i64;
    Some(nanoseconds)
}

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
        let seconds = |count| Some(Some(Duration::from_secs(count)));
        assert_eq!(limit("60s"), seconds(60));
        assert_eq!(limit("1h30m"), seconds(5400));
        assert_eq!(limit("1.5s"), Some(Some(Duration::from_millis(1500))));
        assert_eq!(limit(".5s"), Some(Some(Duration::from_millis(500))));
        assert_eq!(limit("60"), Some(Some(Duration::from_nanos(60))));
        assert_eq!(limit("0"), Some(None));
        assert_eq!(limit("-1s"), Some(None));
        for bad in ["", "-", "s", "1", "1d", "1 s", ".s", "1s2"] {
            let expected = if bad == "1" { Some(Some(Duration::from_nanos(1))) } else { None };
            assert_eq!(limit(bad), expected, "{bad}");
        }
    }
}
