//! doublestar's documented table, as far as repository names can meet it, and properties.

use proptest::prelude::*;

use super::*;

const TABLE: &[(&str, &str, bool)] = &[
    ("", "", true),
    ("*", "", true),
    ("*", "/", false),
    ("/*", "/", true),
    ("/*", "//", false),
    ("abc", "abc", true),
    ("*", "abc", true),
    ("*c", "abc", true),
    ("*/", "a/", true),
    ("a*", "a", true),
    ("a*", "ab/c", false),
    ("a*/b", "abc/b", true),
    ("a*/b", "a/c/b", false),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
    ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
    ("a*b?c*x", "abxbbxdbxebxczzx", true),
    ("a*b?c*x", "abxbbxdbxebxczzy", false),
    ("ab[b-d]", "abc", true),
    ("ab[^c]", "abc", false),
    ("ab[^e-g]", "abc", true),
    ("a\\*b", "ab", false),
    ("a\\*b", "a*b", true),
    ("a?b", "a☺b", true),
    ("a[!a]b", "a☺b", true),
    ("a???b", "a☺b", false),
    ("a?b", "a/b", false),
    ("[\\]a]", "]", true),
    ("[x\\-]", "-", true),
    ("[]a]", "]", false),
    ("[-x]", "-", true),
    ("[x-]", "z", false),
    ("[a-b-d]", "-", true),
    ("[a-b-d]", "c", false),
    ("\\", "a", false),
    ("[^bc", "a", false),
    ("a[", "ab", false),
    ("**", "", true),
    ("**", "a/b/c", true),
    ("a/**", "a", true),
    ("a/**/", "a", true),
    ("a/**", "a/", true),
    ("a/**", "a/b/c", true),
    ("**/c", "c", true),
    ("**/c", "a/b/c", true),
    ("**/c", "a/abc", false),
    ("a/**/b", "a/b", true),
    ("a/**/d", "a/b/c/d", true),
    ("a/\\**", "a/b/c", false),
    ("a/", "a", false),
    ("ab{c,d}", "abc", true),
    ("ab{c,d,*}", "abcde", true),
    ("ab{c,d}[", "abcd", false),
    ("a{,bc}", "a", true),
    ("a/{b/c,c/b}", "a/c/b", true),
    ("{a/{b,c},abc}", "a/c", true),
    ("{a/{b,c},abc}", "a/b/c", false),
    ("abc**", "abc/b", false),
    ("**/{a,b}", "a/b", true),
    ("a/*/*/d", "a/b/c/d", true),
    ("f/\\{a,b\\}/{c,other*}", "f/{a,b}/c", true),
    ("e/{\\*,\\?}", "e/?", true),
    ("*\\}", "}", true),
];

#[test]
fn the_documented_table_holds() {
    for (pattern, name, expected) in TABLE {
        assert_eq!(matches(pattern, name), *expected, "{pattern} on {name}");
    }
}

#[test]
fn malformed_patterns_are_told_from_good_ones() {
    for bad in ["[", "a[", "[]a]", "{a", "a\\", "[^", "{a,[}", "[a-"] {
        assert!(!is_valid(bad), "{bad}");
        assert!(!matches(bad, bad), "{bad}");
    }
    for good in ["", "**", "a/**", "{a,b}", "[a-z]", "a]b", "}"] {
        assert!(is_valid(good), "{good}");
    }
}

#[test]
fn odd_corners_are_as_measured() {
    // Each was asked of doublestar v4.10.0.
    for (pattern, name, expected) in [
        ("a/**/**", "a", false),
        ("a**/", "a", true),
        ("a**/", "ab", false),
        ("a*/", "a", false),
        ("a/{**,b}", "a", false),
        ("a{/**,b}", "a", true),
        ("a{**,b}", "a/b", true),
        ("a**", "a/b", false),
        ("a*/**", "a", false),
        ("a*/**", "ab", true),
        ("***", "a", true),
        ("a***", "a", false),
        ("a[^x]b", "a/b", true),
        ("a[^c]", "a^", true),
        ("a[^c]", "a[", true),
        ("a[!c]", "a!", true),
        ("[a-\\c-e]", "b", true),
        ("[a-\\c-e]", "-", true),
        ("[a-\\c-e]", "d", false),
        ("[{]", "{", true),
        ("[{]a,b}", "{a,b}", true),
        ("[{,]a", "{a", true),
        ("{a\\,b,c}", "a,b", true),
        ("{a\\,b,c}", "b", false),
        ("{a\\}b,c}", "a}b", true),
        ("{a/{b,c},abc}", "abc", true),
        ("{a,{b,c}d}", "cd", true),
        ("{a,{b,c}d}", "c", false),
        ("*/b", "a/c/b", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
    }
}

#[test]
fn a_pattern_of_very_many_alternatives_is_refused() {
    let choices = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let pattern = |count: usize| format!("{{a,b}}{{{}}}", choices(count));
    assert!(is_valid(&pattern(MOST_ALTERNATIVES - 1)));
    assert!(matches(&pattern(MOST_ALTERNATIVES - 1), "b1022"));
    assert!(!is_valid(&pattern(MOST_ALTERNATIVES)));
    assert!(!is_valid(&"{a,b}".repeat(40)));
}

proptest! {
    #[test]
    fn a_plain_name_matches_itself_and_what_contains_it(name in "[a-z0-9]{1,4}(/[a-z0-9]{1,4}){0,3}") {
        prop_assert!(matches(&name, &name));
        prop_assert!(matches("**", &name));
        let tree = format!("{}/**", name);
        prop_assert!(matches(&tree, &name));
        let below = format!("{}/z", name);
        prop_assert!(matches(&tree, &below));
        prop_assert!(!matches(&name, &below));
        prop_assert_eq!(matches("*", &name), !name.contains('/'));
    }

    #[test]
    fn no_pattern_panics_or_hangs(pattern in r"[a-c*?\[\]{},/\\^!-]{0,24}", name in "[a-c/]{0,12}") {
        let matched = matches(&pattern, &name);
        prop_assert!(!matched || !pattern.is_empty() || name.is_empty());
    }
}
