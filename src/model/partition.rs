//! Parts of a plan that several machines share.

use serde::{Deserialize, Serialize};

use super::effect::Effect;

/// One part of a plan that several machines share, written `hash:1/4` as nextest has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// Which part, from 1.
    pub index: u64,
    /// How many parts there are.
    pub of: u64,
}

impl Part {
    /// The part of one pod of a Kubernetes Job of completion mode Indexed, which counts from 0. The Job tells its pods their
    /// index; how many there are, its manifest must tell them too.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn of_job(variable: impl Fn(&str) -> Option<String>) -> Result<Part, String> {
        let number = |name: &str| {
            let text = variable(name).ok_or_else(|| format!("`auto` needs ${name}, which is not set"))?;
            text.trim().parse::<u64>().map_err(|_| format!("${name} is not a number: {text}"))
        };
        let (index, of) = (number("JOB_COMPLETION_INDEX")?, number("JOB_COMPLETIONS")?);
        if index >= of {
            return Err(format!("$JOB_COMPLETION_INDEX is {index}, and $JOB_COMPLETIONS is only {of}"));
        }
        Ok(Part { index: index + 1, of })
    }

    pub(crate) fn holds(self, id: &str) -> bool {
        // FNV-1a: the same on every machine and in every version of Rust.
        let hash = id
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash % self.of == self.index - 1
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "hash:{}/{}", self.index, self.of)
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        let numbers = text.strip_prefix("hash:").and_then(|rest| rest.split_once('/'));
        let parsed = numbers.and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((index, of)) if index >= 1 && index <= of => Ok(Part { index, of }),
            _ => Err("write hash:PART/PARTS, as hash:1/4".to_owned()),
        }
    }
}

/// One part of a plan, and how much the whole plan has: what a report must tell so that parts can be joined without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which part.
    #[serde(flatten)]
    pub part: Part,
    /// How many checks all parts have together.
    pub planned: usize,
    /// The most that a check was allowed to send.
    pub effects: Effect,
}
