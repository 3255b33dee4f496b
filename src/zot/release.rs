//! zot's releases: read from a version string and ordered.

use std::fmt;
use std::str::FromStr;

/// A release of zot, such as `v2.1.20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl Release {
    /// A release by its three numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Text that names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a zot release such as v2.1.20")]
pub struct NotARelease(String);

impl FromStr for Release {
    type Err = NotARelease;

    /// Reads `v2.1.20`, `2.1.20`, and the `git describe` forms that a build from source reports
    /// (`v2.1.20-3-gabc1234`). A pre-release (`v2.1.0-rc1`) is refused: it is neither its own release nor the one before.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NotARelease(text.to_owned());
        let bare = text.trim().trim_start_matches('v');
        let (numbers, suffix) =
            bare.split_once(['-', '+']).map_or((bare, None), |(numbers, suffix)| (numbers, Some(suffix)));
        if suffix.is_some_and(|suffix| suffix.starts_with(|next: char| next.is_ascii_alphabetic())) {
            return Err(refused());
        }
        let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) => Ok(Self { major, minor, patch }),
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_ordered_by_number() {
        let release = |text: &str| text.parse::<Release>().unwrap();
        assert_eq!(release("v2.1.20"), Release::new(2, 1, 20));
        assert_eq!(release("2.1.20").to_string(), "v2.1.20");
        assert_eq!(release("v2.1.20-3-gabc1234"), Release::new(2, 1, 20));
        assert!(release("v2.1.9") < release("v2.1.20"));
        for bad in ["", "v2", "v2.1", "2.1.x", "v2.1.0-rc1", "main", "v2.1.3.4", "v+1.1.1"] {
            assert!(bad.parse::<Release>().is_err(), "{bad}");
        }
    }
}
