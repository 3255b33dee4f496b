//! Repository names as the OCI distribution spec has them ("Pulling manifests", the grammar of `<name>`), letter by letter.
//!
//! The spec gives no length. Many clients stop at 255 characters; that is not part of this.

/// The letters and digits of a name. A witness is best read with an `x` in it, so that comes first.
pub(super) const PLAIN: [char; 36] = [
    'x', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
    'w', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
];
/// All else that a name can have.
pub(super) const MARKS: [char; 4] = ['/', '-', '.', '_'];

/// Where in a name one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum At {
    /// Before the first letter of a part.
    Start,
    /// Behind a letter or a digit.
    Word,
    /// Behind a `.`.
    Dot,
    /// Behind one `_`.
    Underscore,
    /// Behind two.
    Underscores,
    /// Behind any number of `-`.
    Dash,
}

impl At {
    /// Behind one more letter; nothing where no name goes on so.
    pub(super) fn after(self, letter: char) -> Option<Self> {
        match (self, letter) {
            (_, 'a'..='z' | '0'..='9') => Some(Self::Word),
            (Self::Word, '/') => Some(Self::Start),
            (Self::Word, '.') => Some(Self::Dot),
            (Self::Word, '_') => Some(Self::Underscore),
            (Self::Underscore, '_') => Some(Self::Underscores),
            (Self::Word | Self::Dash, '-') => Some(Self::Dash),
            _ => None,
        }
    }

    /// Whether a name can end here.
    pub(super) fn ends(self) -> bool {
        self == Self::Word
    }
}

/// Whether a text is a repository name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.try_fold(At::Start, At::after).is_some_and(At::ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The grammar as the spec writes it.
    const SPEC: &str = r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$";

    #[test]
    fn names_are_told_from_other_texts() {
        for name in ["a", "a/b", "docker.io/library/alpine", "a--b", "a__b", "0"] {
            assert!(is_name(name), "{name}");
        }
        for text in ["", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a_-b", "-a", "a.", "a b", "ä", "a:b"] {
            assert!(!is_name(text), "{text}");
        }
        assert!(PLAIN.iter().all(|letter| is_name(&letter.to_string())));
    }

    proptest! {
        #[test]
        fn a_text_is_a_name_where_the_spec_says_so(text in "[a-b0./_-]{0,8}") {
            prop_assert_eq!(is_name(&text), regex::Regex::new(SPEC).unwrap().is_match(&text));
        }
    }
}
