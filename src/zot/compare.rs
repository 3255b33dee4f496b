//! What differs between two configurations, in all repositories and for everyone: who gains what, and who loses what.
//!
//! The patterns of both files cut all repository names into regions (`regions`). In a region the answers are the same for
//! every name, so one answer of the evaluator for each region, client and action is enough. Pure.

mod allow;
mod answers;
mod doors;
mod entries;
mod names;
mod people;
mod regions;
mod same;

use std::collections::{BTreeSet, HashMap};

pub use allow::{Allowed, NotAllowed};
pub use answers::{Answer, Said};
pub use doors::{Door, LOG_IN, SCRAPE, Setting};
pub use entries::{Entry, entries};
pub use names::is_name;
pub use people::{Name, Person};
pub use regions::{Region, Undecided};

use super::config::Config;
use super::policy::{self, Action, Login, Who};
use super::release::Release;

/// More regions times clients than this are not compared: they need memory.
const MOST_CELLS: usize = 8_000_000;

/// What kind of change it is, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It is allowed now, and was not, or not always.
    Gain,
    /// It may be allowed now, and it depends on something new.
    PossibleGain,
    /// It is refused now, and was not, or not always.
    Loss,
    /// It was always allowed, and now it depends.
    PossibleLoss,
}

impl Kind {
    /// Whether more may be allowed than before.
    #[must_use]
    pub fn is_gain(self) -> bool {
        matches!(self, Self::Gain | Self::PossibleGain)
    }
}

/// What differs between two answers.
pub(super) fn kind(old: &Answer, new: &Answer) -> Option<Kind> {
    match (old, new) {
        (Answer::Yes, Answer::Yes) | (Answer::No, Answer::No) => None,
        (Answer::Depends(old), Answer::Depends(new)) if old == new => None,
        (_, Answer::Yes) => Some(Kind::Gain),
        (_, Answer::No) => Some(Kind::Loss),
        (Answer::Yes, Answer::Depends(_)) => Some(Kind::PossibleLoss),
        (_, Answer::Depends(_)) => Some(Kind::PossibleGain),
    }
}

/// One right of one client in one region that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The number of the client.
    pub person: usize,
    /// The number of the region.
    pub region: usize,
    /// The right.
    pub action: Action,
    /// What changed.
    pub kind: Kind,
    /// The number of a client with the same change, from which this one follows: any user, or a group.
    pub follows: Option<usize>,
    /// Whether the reader allows it.
    pub allowed: bool,
}

/// All that differs.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The configuration before.
    pub old: &'a Config,
    /// The configuration after.
    pub new: &'a Config,
    /// Everyone who was compared.
    pub people: Vec<Person>,
    /// All repository names in which the files can differ, in parts.
    pub regions: Vec<Region>,
    /// The rights in repositories that changed.
    pub changes: Vec<Change>,
    /// The other rights that changed.
    pub doors: Vec<Door>,
    /// What changed besides rights.
    pub settings: Vec<Setting>,
    /// What was not compared.
    pub notes: Vec<String>,
}

impl Comparison<'_> {
    /// The patterns that decide in a region: of the old file, and of the new one.
    #[must_use]
    pub fn patterns(&self, region: &Region) -> (Vec<&str>, Vec<&str>) {
        let of = |config, numbers: &[usize]| {
            answers::rules(config, numbers).into_iter().map(|rule| rule.pattern.value.as_str()).collect()
        };
        (of(self.old, &region.old), of(self.new, &region.new))
    }

    /// Whether a client gains, or may gain, what is not allowed.
    #[must_use]
    pub fn gains(&self) -> bool {
        let rights = self.changes.iter().any(|change| change.kind.is_gain() && !change.allowed);
        rights || self.doors.iter().any(|door| door.kind.is_gain() && !door.allowed)
    }
}

/// What one configuration says to a client about one repository, with the line that says so.
#[must_use]
pub fn ask(config: &Config, who: &Who, repository: &str, action: Action) -> Said {
    let rules = config.access.as_ref().map_or(vec![], |access| policy::winning(access, repository));
    answers::said(config, &policy::settled(config, who), &rules, action)
}

/// A user whom a configuration does not name.
#[must_use]
pub fn any_user(config: &Config) -> Who {
    Who { name: people::stranger(&people::users(config).collect()), ..Who::default() }
}

/// Compares two configurations, as a release reads them; without one, as the newest that is known.
///
/// # Errors
/// Where the patterns cut the names into too many parts to compare, also for the number of clients.
pub fn compare<'a>(
    old: &'a Config,
    new: &'a Config,
    release: Option<Release>,
    allowed: &[Allowed],
) -> Result<Comparison<'a>, Undecided> {
    let patterns: Vec<String> = allowed.iter().map(|allowed| allowed.pattern.clone()).collect();
    let regions = regions::regions(old, new, &patterns, regions::LIMITS)?;
    let people = people::people(old, new);
    if regions.len().saturating_mul(people.len()) > MOST_CELLS {
        return Err(Undecided::TooLarge { regions: regions.len(), people: people.len() });
    }
    let mut changes = changes(old, new, &people, &regions);
    follow(&mut changes, &follows(old, new, &people));
    let mut doors = doors::doors(old, new, &people, release);
    allow::mark(&mut changes, &mut doors, &people, &regions, allowed);
    let (settings, notes) = (doors::settings(old, new, release), doors::notes(old, new));
    Ok(Comparison { old, new, people, regions, changes, doors, settings, notes })
}

/// The answers of one configuration, by the rules that decide and by client; each is found once.
struct Table<'a> {
    config: &'a Config,
    who: Vec<Who>,
    any: usize,
    /// Those who do not get the answers of any user where no rule names them.
    apart: Vec<usize>,
    /// By name of a user or a group: the clients who have it.
    named: HashMap<String, Vec<usize>>,
    known: HashMap<&'a [usize], Vec<[Answer; 4]>>,
}

impl<'a> Table<'a> {
    fn new(config: &'a Config, people: &[Person]) -> Self {
        let who: Vec<Who> = people.iter().map(|person| policy::settled(config, &person.who)).collect();
        let any = people.iter().position(|person| person.name == Name::AnyUser).unwrap_or(0);
        let apart = |(number, who): (usize, &Who)| (who.is_anonymous() || who.login == Login::Key).then_some(number);
        let apart = who.iter().enumerate().filter_map(apart).collect();
        let mut named: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, who) in who.iter().enumerate() {
            for name in std::iter::once(&who.name).chain(&who.groups) {
                named.entry(name.clone()).or_default().push(number);
            }
        }
        Self { config, who, any, apart, named, known: HashMap::new() }
    }

    fn of(&mut self, numbers: &'a [usize]) -> &[[Answer; 4]] {
        if !self.known.contains_key(numbers) {
            let answers = self.ask(numbers);
            self.known.insert(numbers, answers);
        }
        self.known.get(numbers).map_or(&[], Vec::as_slice)
    }

    fn ask(&self, numbers: &[usize]) -> Vec<[Answer; 4]> {
        let rules = answers::rules(self.config, numbers);
        let ask = |number: usize| {
            let who = self.who.get(number);
            Action::ALL.map(|action| who.map_or(Answer::No, |who| answers::answer(self.config, who, &rules, action)))
        };
        let mut answers = vec![ask(self.any); self.who.len()];
        let admin = self.config.access.iter().filter_map(|access| access.admin.as_ref());
        let policies = rules.iter().flat_map(|rule| &rule.policies).chain(admin);
        let names = policies.flat_map(|policy| policy.users.iter().chain(&policy.groups));
        let named = names.filter_map(|name| self.named.get(&name.value)).flatten();
        for number in named.chain(&self.apart).copied().collect::<BTreeSet<usize>>() {
            if let Some(answer) = answers.get_mut(number) {
                *answer = ask(number);
            }
        }
        answers
    }
}

fn changes(old: &Config, new: &Config, people: &[Person], regions: &[Region]) -> Vec<Change> {
    let (mut before, mut after) = (Table::new(old, people), Table::new(new, people));
    let mut changes = Vec::new();
    for (region, cut) in regions.iter().enumerate() {
        let (before, after) = (before.of(&cut.old), after.of(&cut.new));
        for (person, (had, has)) in before.iter().zip(after).enumerate() {
            for (action, (had, has)) in Action::ALL.into_iter().zip(had.iter().zip(has)) {
                if let Some(kind) = kind(had, has) {
                    changes.push(Change { person, region, action, kind, follows: None, allowed: false });
                }
            }
        }
    }
    changes
}

/// By client: the clients whose rights it has too, in the file where it has them. A user has those of any user and of
/// its groups.
fn follows(old: &Config, new: &Config, people: &[Person]) -> Vec<[Vec<usize>; 2]> {
    let numbers: HashMap<&Name, usize> =
        people.iter().enumerate().rev().map(|(number, person)| (&person.name, number)).collect();
    let of = |config: &Config, person: &Person| -> Vec<usize> {
        let any = numbers.get(&Name::AnyUser).copied();
        match person.name {
            Name::Anonymous | Name::AnyUser => vec![],
            Name::Group(_) => any.into_iter().collect(),
            Name::User(_) => {
                let groups = policy::settled(config, &person.who).groups.into_iter().map(Name::Group);
                any.into_iter().chain(groups.filter_map(|group| numbers.get(&group).copied())).collect()
            }
        }
    };
    people.iter().map(|person| [of(old, person), of(new, person)]).collect()
}

/// Notes of each change from which other one it follows.
fn follow(changes: &mut [Change], follows: &[[Vec<usize>; 2]]) {
    let known: HashMap<(usize, usize, Action), Kind> =
        changes.iter().map(|change| ((change.region, change.person, change.action), change.kind)).collect();
    for change in changes {
        let side = usize::from(change.kind.is_gain());
        let others = follows.get(change.person).and_then(|both| both.get(side));
        change.follows = others
            .into_iter()
            .flatten()
            .copied()
            .find(|other| known.get(&(change.region, *other, change.action)) == Some(&change.kind));
    }
}

#[cfg(test)]
mod tests;
