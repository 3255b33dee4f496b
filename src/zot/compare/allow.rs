//! Gains that the reader of a change allows: `PRINCIPAL:ACTION:PATTERN`.

use super::Change;
use super::doors::{Door, LOG_IN, SCRAPE};
use super::people::{Name, Person};
use super::regions::Region;
use crate::zot::glob;
use crate::zot::policy::Action;

/// An allowed gain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Of whom; nothing is everyone.
    pub name: Option<Name>,
    /// An action, `log-in` or `scrape`; nothing is each of them.
    pub action: Option<String>,
    /// In which repositories, or by which door.
    pub pattern: String,
}

/// A text that names no allowed gain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {why}")]
pub struct NotAllowed {
    text: String,
    why: String,
}

impl std::str::FromStr for Allowed {
    type Err = NotAllowed;

    fn from_str(text: &str) -> Result<Self, NotAllowed> {
        let wrong = |why: &str| NotAllowed { text: text.to_owned(), why: why.to_owned() };
        // The client may be `group:NAME`, so the parts are counted from the end.
        let mut parts = text.rsplitn(3, ':');
        let (Some(pattern), Some(action), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("write PRINCIPAL:ACTION:PATTERN, as `group:ci:create:blumeops/**`"));
        };
        if name.is_empty() || pattern.is_empty() {
            return Err(wrong("a part is empty; write PRINCIPAL:ACTION:PATTERN, as `anonymous:read:**`"));
        }
        if !glob::is_valid(pattern) {
            return Err(wrong("the pattern is malformed; write it as in zot's accessControl, as `blumeops/**`"));
        }
        let known = Action::ALL.map(Action::word).into_iter().chain([LOG_IN, SCRAPE, "*"]).any(|word| word == action);
        if !known {
            return Err(wrong("the action is read, create, update, delete, log-in, scrape, or `*` for each"));
        }
        Ok(Self {
            name: (name != "*").then(|| Name::read(name)),
            action: (action != "*").then(|| action.to_owned()),
            pattern: pattern.to_owned(),
        })
    }
}

impl Allowed {
    fn covers(&self, name: &Name, action: &str) -> bool {
        self.name.as_ref().is_none_or(|own| own == name) && self.action.as_ref().is_none_or(|own| own == action)
    }
}

/// Marks what is allowed. A change that follows from one of a group, or of any user, is allowed with it.
pub(super) fn mark(
    changes: &mut [Change],
    doors: &mut [Door],
    people: &[Person],
    regions: &[Region],
    allowed: &[Allowed],
) {
    for change in changes.iter_mut().filter(|change| change.kind.is_gain()) {
        let matching = regions.get(change.region).map_or(&[][..], |region| &region.allowed);
        let names = [Some(change.person), change.follows].into_iter().flatten().filter_map(|number| people.get(number));
        let names: Vec<&Name> = names.map(|person| &person.name).collect();
        change.allowed = matching
            .iter()
            .filter_map(|number| allowed.get(*number))
            .any(|allowed| names.iter().any(|name| allowed.covers(name, change.action.word())));
    }
    for door in doors.iter_mut().filter(|door| door.kind.is_gain()) {
        let fits = |allowed: &&Allowed| allowed.covers(&door.name, door.action) && fits(&allowed.pattern, &door.door);
        door.allowed = allowed.iter().any(|allowed| fits(&allowed));
    }
}

/// Metrics have a path that begins with a slash, which no pattern needs to have.
fn fits(pattern: &str, door: &str) -> bool {
    pattern == door || glob::matches(pattern, door.trim_start_matches('/'))
}
