//! What a check is: an id, a text, needs, an effect, and a function.
//!
//! Nothing here depends on a single check.

pub(crate) mod context;
pub(crate) mod facts;
pub mod machine;
pub(crate) mod own_key;
pub mod target;

use std::fmt;
use std::pin::Pin;

use context::Cx;

use crate::model::effect::Meta;
use crate::model::failure::Proof;

type RunFn = for<'a> fn(&'a Cx) -> Pin<Box<dyn Future<Output = Proof> + Send + 'a>>;

/// One check.
#[derive(Clone, Copy)]
pub struct Check {
    /// Its path under `checks/`, as `access::anonymous_can_pull`.
    pub id: &'static str,
    /// Its file, relative to the project.
    pub file: &'static str,
    /// The file's text, whose `//!` lines `explain` prints.
    pub(crate) source: &'static str,
    /// What it says of itself.
    pub meta: Meta,
    pub(crate) run: RunFn,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({})", self.id)
    }
}

impl Check {
    pub(crate) const fn new(
        id: &'static str,
        file: &'static str,
        source: &'static str,
        meta: Meta,
        run: RunFn,
    ) -> Check {
        Check { id, file, source, meta, run }
    }

    /// The promise, as a sentence: the first paragraph of the check's text.
    #[must_use]
    pub fn title(&self) -> String {
        self.doc().split("\n\n").next().unwrap_or_default().replace('\n', " ").trim_end_matches('.').to_owned()
    }

    /// The check's text, as `explain` prints it.
    #[must_use]
    pub fn doc(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::effect::Effect;

    #[test]
    fn a_check_is_explained_by_the_text_that_its_file_opens_with() {
        let meta = Meta { needs: &[], effect: Effect::ReadOnly, usual: Duration::ZERO };
        let source = "//! The door\n//! is closed.\n//!\n//! Why: a reason.\nuse x;\n//! not this\n";
        let check = Check::new("area::promise", "checks/area/promise.rs", source, meta, |_| Box::pin(async { Ok(()) }));
        assert_eq!(check.title(), "The door is closed");
        assert_eq!(check.doc(), "The door\nis closed.\n\nWhy: a reason.");
    }
}
