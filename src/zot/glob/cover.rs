//! Whether one pattern matches all that another one matches.
//!
//! A yes is certain for names of repositories; a no may also mean that it was not found out.

use super::matches;

/// Whether `wide` matches every name that `narrow` matches.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    let wide: Vec<&str> = wide.split('/').collect();
    let narrow: Vec<&str> = narrow.split('/').collect();
    segments(&wide, &narrow)
}

fn segments(wide: &[&str], narrow: &[&str]) -> bool {
    match (wide, narrow) {
        ([], []) => true,
        (["**", rest @ ..], _) => segments(rest, narrow) || (!narrow.is_empty() && segments(wide, &narrow[1..])),
        (_, ["**", ..]) | ([], _) | (_, []) => false,
        ([one, rest @ ..], [other, others @ ..]) => segment(one, other) && segments(rest, others),
    }
}

fn segment(wide: &str, narrow: &str) -> bool {
    let plain = |text: &str| !text.contains(['*', '?', '[', ']', '{', '}', '\\', ',']);
    wide == narrow || wide == "*" || (plain(narrow) && !wide.contains(['{', '}', '\\']) && matches(wide, narrow))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_all_of_its_names_match() {
        for (wide, narrow, expected) in [
            ("**", "*", true),
            ("**", "team/**", true),
            ("team/**", "team/*", true),
            ("team/**", "team", true),
            ("team/**", "team/a/b", true),
            ("a/**/z", "a/*/z", true),
            ("t[a-z]am", "team", true),
            ("team/*", "team/**", false),
            ("team/*", "team", false),
            ("team/**", "teams/**", false),
            ("team-*", "team-?", false),
            ("team/app", "team/*", false),
            ("*", "**", false),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        }
    }
}
