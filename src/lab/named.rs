//! Weaknesses by their names, as the command line has them.

use std::fmt;
use std::str::FromStr;

use super::weakness::Weakness;

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no weakness of this name.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no weakness is called {name:?}; the lab knows {known}")]
pub struct UnknownWeakness {
    name: String,
    known: String,
}

impl FromStr for Weakness {
    type Err = UnknownWeakness;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::all().find(|weakness| weakness.name() == name).ok_or_else(|| UnknownWeakness {
            name: name.to_owned(),
            known: Self::all().map(Self::name).collect::<Vec<_>>().join(", "),
        })
    }
}
