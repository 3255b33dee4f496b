//! All repository names, cut into regions: in one region the same patterns of both files decide, and the same allowed
//! patterns match. Each region has one name as its witness, and no region is left out.
//!
//! The machines of all patterns read the same letters at once. Only letters that a name can have are read, and of letters
//! that no pattern tells apart only one. The sets of states that are reached this way are finitely many; each that ends a
//! name belongs to one region. The search goes in the order of length, so that a witness is a shortest name.

use std::collections::{BTreeMap, HashMap};

use super::names::{self, At};
use crate::zot::config::Config;
use crate::zot::glob::{Machine, StateId};
use crate::zot::policy;

/// More sets of states than this are not followed.
const MOST_STATES: usize = 400_000;
/// Nor more states than this in all sets together: they need memory.
const MOST_ENTRIES: usize = 16_000_000;

/// Names for which the same patterns decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Which patterns of the old file decide, by their number there; none where none matches.
    pub old: Vec<usize>,
    /// The same of the new file.
    pub new: Vec<usize>,
    /// Which of the allowed patterns match.
    pub allowed: Vec<usize>,
    /// A name in it.
    pub witness: String,
}

/// Why the names could not be cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The patterns cut the names into too many parts.
    #[error(
        "undecided: the patterns of both files meet in more than {MOST_STATES} ways, and nothing was compared; write fewer \
         patterns that have a `*` before other letters, as `*a*` or `**/a/**`"
    )]
    TooMany,
    /// Two parts of this program disagree.
    #[error("undecided: this is a fault of regproof, please report it with both files: {0}")]
    Fault(String),
}

/// A pattern, with what it stands for.
struct Pattern {
    machine: Machine,
    /// In bytes, as zot counts: the longest that matches decides.
    length: usize,
    old: Vec<usize>,
    new: Vec<usize>,
    allowed: Vec<usize>,
}

/// A set of states: where in a name, and each pattern that still counts with its state.
type Reached = (At, Vec<(u32, StateId)>);

/// Which patterns decide in the old file and in the new one, and which allowed ones match.
type Key = (Vec<usize>, Vec<usize>, Vec<usize>);

/// All regions, those with the shortest witness first.
///
/// # Errors
/// Where there are too many.
pub(super) fn regions(old: &Config, new: &Config, allowed: &[String]) -> Result<Vec<Region>, Undecided> {
    let mut patterns = patterns(old, new, allowed);
    let letters = classes(&patterns);
    let mut search = Search::default();
    let first = patterns.iter_mut().enumerate().map(|(index, pattern)| (index, pattern.machine.start())).collect();
    search.reach(normal(&patterns, At::Start, first), None)?;
    let mut found: BTreeMap<Key, usize> = BTreeMap::new();
    let mut order = Vec::new();
    let mut next = 0;
    while let Some((at, states)) = search.reached.get(next).cloned() {
        if at.ends() {
            let key = key(&patterns, &states);
            if !found.contains_key(&key) {
                found.insert(key.clone(), next);
                order.push((key, search.name(next)));
            }
        }
        for (class, letter) in letters.iter().enumerate() {
            let Some(at) = at.after(*letter) else { continue };
            let mut step = |(index, state): &(u32, StateId)| {
                let index = *index as usize;
                (index, patterns[index].machine.step(*state, class, *letter))
            };
            let after = states.iter().map(&mut step).collect();
            search.reach(normal(&patterns, at, after), Some((next, *letter)))?;
        }
        next += 1;
    }
    order.into_iter().map(|(key, name)| region(old, new, key, name)).collect()
}

/// Each different pattern once.
fn patterns(old: &Config, new: &Config, allowed: &[String]) -> Vec<Pattern> {
    let mut all: Vec<Pattern> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut one = |text: &str| {
        let index = *known.entry(text.to_owned()).or_insert_with(|| {
            let machine = if text.is_empty() { Machine::of_everything() } else { Machine::new(text) };
            all.push(Pattern { machine, length: text.len(), old: vec![], new: vec![], allowed: vec![] });
            all.len() - 1
        });
        index
    };
    let of = |config: &Config| -> Vec<String> {
        let rules = config.access.iter().flat_map(|access| &access.repositories);
        rules.map(|rule| rule.pattern.value.clone()).collect()
    };
    let places = [of(old), of(new), allowed.to_vec()].map(|texts| texts.iter().map(|text| one(text)).collect());
    let [olds, news, alloweds]: [Vec<usize>; 3] = places;
    olds.iter().enumerate().for_each(|(rule, index)| all[*index].old.push(rule));
    news.iter().enumerate().for_each(|(rule, index)| all[*index].new.push(rule));
    alloweds.iter().enumerate().for_each(|(number, index)| all[*index].allowed.push(number));
    all
}

/// One letter of each class that the patterns or the grammar of names tell apart.
fn classes(patterns: &[Pattern]) -> Vec<char> {
    let mut seen: HashMap<(Option<At>, Vec<bool>), char> = HashMap::new();
    let mut classes = Vec::new();
    for letter in names::letters() {
        let takes = patterns.iter().flat_map(|pattern| pattern.machine.takes(letter)).collect();
        seen.entry((At::Word.after(letter), takes)).or_insert_with(|| {
            classes.push(letter);
            letter
        });
    }
    classes
}

/// The patterns that can still decide. One that matches everything from here on ends the shorter ones of its file.
fn normal(patterns: &[Pattern], at: At, states: Vec<(usize, StateId)>) -> Reached {
    let longest = |of: fn(&Pattern) -> &Vec<usize>| {
        let sure = states.iter().filter(|(_, state)| *state == Machine::ALL).map(|(index, _)| &patterns[*index]);
        sure.filter(|pattern| !of(pattern).is_empty()).map(|pattern| pattern.length).max().unwrap_or(0)
    };
    let (old, new) = (longest(|pattern| &pattern.old), longest(|pattern| &pattern.new));
    let counts = |pattern: &Pattern| {
        (!pattern.old.is_empty() && pattern.length >= old)
            || (!pattern.new.is_empty() && pattern.length >= new)
            || !pattern.allowed.is_empty()
    };
    let kept = states.iter().filter(|(index, state)| *state != Machine::DEAD && counts(&patterns[*index]));
    (at, kept.map(|(index, state)| (u32::try_from(*index).unwrap_or(u32::MAX), *state)).collect())
}

fn key(patterns: &[Pattern], states: &[(u32, StateId)]) -> Key {
    let matching = states.iter().map(|(index, state)| (&patterns[*index as usize], *state));
    let matching: Vec<&Pattern> =
        matching.filter(|(pattern, state)| pattern.machine.accepts(*state)).map(|(pattern, _)| pattern).collect();
    let winners = |of: fn(&Pattern) -> &Vec<usize>| {
        let longest = matching.iter().filter(|pattern| !of(pattern).is_empty()).map(|pattern| pattern.length).max();
        let winning = matching.iter().filter(|pattern| Some(pattern.length) == longest);
        let mut rules: Vec<usize> = winning.flat_map(|pattern| of(pattern).iter().copied()).collect();
        rules.sort_unstable();
        rules
    };
    let mut allowed: Vec<usize> = matching.iter().flat_map(|pattern| pattern.allowed.iter().copied()).collect();
    allowed.sort_unstable();
    (winners(|pattern| &pattern.old), winners(|pattern| &pattern.new), allowed)
}

/// The region of a witness, once the evaluator has agreed to it.
fn region(old: &Config, new: &Config, (olds, news, allowed): Key, witness: String) -> Result<Region, Undecided> {
    for (config, rules) in [(old, &olds), (new, &news)] {
        let Some(access) = &config.access else { continue };
        let winning = policy::winning(access, &witness);
        let same = winning.len() == rules.len()
            && winning.iter().zip(rules).all(|(rule, index)| {
                access.repositories.get(*index).is_some_and(|other| std::ptr::eq(other, *rule))
            });
        if !same {
            return Err(Undecided::Fault(format!("{witness} is decided by other patterns of {}", config.file)));
        }
    }
    Ok(Region { old: olds, new: news, allowed, witness })
}

/// All that was reached, with the way there.
#[derive(Default)]
struct Search {
    reached: Vec<Reached>,
    known: HashMap<Reached, usize>,
    /// By number: the number before, and the letter between.
    from: Vec<Option<(usize, char)>>,
    entries: usize,
}

impl Search {
    fn reach(&mut self, reached: Reached, from: Option<(usize, char)>) -> Result<(), Undecided> {
        if self.known.contains_key(&reached) {
            return Ok(());
        }
        self.entries += reached.1.len();
        if self.reached.len() >= MOST_STATES || self.entries > MOST_ENTRIES {
            return Err(Undecided::TooMany);
        }
        self.known.insert(reached.clone(), self.reached.len());
        self.reached.push(reached);
        self.from.push(from);
        Ok(())
    }

    fn name(&self, mut number: usize) -> String {
        let mut letters = Vec::new();
        while let Some(Some((before, letter))) = self.from.get(number) {
            letters.push(*letter);
            number = *before;
        }
        letters.into_iter().rev().collect()
    }
}
