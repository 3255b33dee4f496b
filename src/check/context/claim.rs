//! What a check says of how much it proved, and of what the operator accepted.

use std::collections::BTreeSet;

use super::Cx;
use crate::model::effect::Effect;

/// What a check says besides its verdict of what that is worth.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    pub(crate) proven: Option<String>,
    /// Why a Pass is a Skip.
    pub(crate) skip: Option<String>,
    /// Whether a waiver covers all that is broken; nothing where the check has no cells.
    pub(crate) covered: Option<bool>,
}

impl Cx {
    /// How much of the promise was proven, in one line that every report shows beside the verdict, whatever that is.
    pub(crate) fn proven(&self, text: impl Into<String>) {
        self.found().claim.proven = Some(text.into());
    }

    /// Whether this run may write in the scratch repository, whatever the check needs.
    pub(crate) fn may_write(&self) -> bool {
        self.target.effects() >= Effect::Writes && self.scratch().is_ok()
    }

    /// Nothing of what was promised can be proven on this registry, and nothing is broken: a Pass becomes a Skip, for this
    /// reason. Where the plan can know it, it is the plan's to say.
    pub(crate) fn skip(&self, reason: impl Into<String>) {
        self.found().claim.skip = Some(reason.into());
    }

    /// Which of these cells a waiver of this check covers. A check that asks this has cells: a waiver covers no others.
    ///
    /// # Errors
    ///
    /// If a waiver names what no cell is called.
    pub(crate) fn waived_cells(&self, names: impl Iterator<Item = String>) -> anyhow::Result<BTreeSet<String>> {
        self.found().claim.covered = Some(false);
        let (names, mut covered): (BTreeSet<String>, _) = (names.collect(), BTreeSet::new());
        let waivers = self.scenario().waive.iter().filter(|waiver| waiver.check == self.check);
        for pattern in waivers.flat_map(|waiver| waiver.cells.iter().flatten()) {
            let before = covered.len();
            covered.extend(names.iter().filter(|name| is_like(pattern, name)).cloned());
            anyhow::ensure!(
                covered.len() > before || names.iter().any(|name| is_like(pattern, name)),
                "the waiver of {} names the cell `{pattern}`, which does not exist; an existing one is {}",
                self.check,
                names.first().map_or("nothing", String::as_str)
            );
        }
        Ok(covered)
    }

    /// All that is broken was accepted by a waiver that names it.
    pub(crate) fn covered_by_waiver(&self) {
        self.found().claim.covered = Some(true);
    }
}

/// Whether a name is as the pattern says, in which `*` stands for any text.
pub(crate) fn is_like(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_stands_for_any_text() {
        let name = "ci: move a tag in team/app";
        for (pattern, expected) in [
            (name, true),
            ("ci: move a tag in team/*", true),
            ("* in team/app", true),
            ("ci: * in *", true),
            ("*", true),
            ("ci: move a tag in team/app*", true),
            ("ci: move a tag", false),
            ("*team", false),
            ("guest*", false),
            ("ci*delete*app", false),
            ("", false),
        ] {
            assert_eq!(is_like(pattern, name), expected, "{pattern}");
        }
        assert!(!is_like("aa*aa", "aaa"), "no text counts twice");
    }
}
