//! All repository names in which two files can differ, cut into regions. In one region the same patterns of both files
//! decide, and the same allowed patterns match. Each region has one name as its witness, and no region is left out.
//!
//! The machines of all patterns read the same letters at once. Only letters that a name can have are read, and of letters
//! that no pattern tells apart only one. The sets of states that are reached this way are finitely many. Each that ends a
//! name belongs to one region. The search goes in the order of length. It stops where all patterns that are left say the
//! same in both files.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::names::{At, MARKS, PLAIN};
use super::{answers, same};
use crate::zot::config::Config;
use crate::zot::glob::{self, Machine, StateId};
use crate::zot::policy;

/// How far the search goes. More sets of states are not followed, nor more states in all sets together: they need time
/// and memory.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) sets: usize,
    pub(super) states: usize,
}

pub(super) const LIMITS: Limits = Limits { sets: 200_000, states: 6_000_000 };

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
        "undecided: the patterns of both files overlap in too many ways (more than {0}), and nothing was compared; use fewer \
         patterns that have a `*` before other letters, as `*a*` or `**/a/**`"
    )]
    TooMany(usize),
    /// There are too many parts for so many clients.
    #[error(
        "undecided: {people} clients in {regions} groups of repositories are too many, and nothing was compared; \
         compare a smaller change"
    )]
    TooLarge {
        /// The parts.
        regions: usize,
        /// The clients.
        people: usize,
    },
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
    /// Whether it says the same in both files.
    same: bool,
}

/// A set of states: where in a name, and each pattern that still counts with its state.
type Reached = (At, Vec<(u32, StateId)>);

/// Which patterns decide in the old file and in the new one, and which allowed ones match.
type Key = (Vec<usize>, Vec<usize>, Vec<usize>);

/// The regions in which the files can differ, those with the shortest witness first.
///
/// # Errors
/// Where there are too many.
pub(super) fn regions(
    old: &Config,
    new: &Config,
    allowed: &[String],
    limits: Limits,
) -> Result<Vec<Region>, Undecided> {
    let mut patterns = patterns(old, new, allowed);
    let everywhere = !same::around(old, new);
    let mut search = Search::within(limits);
    let first = patterns.iter_mut().enumerate().map(|(index, pattern)| (index, pattern.machine.start())).collect();
    search.reach(normal(&patterns, At::Start, first), None)?;
    let (mut found, mut regions) = (BTreeSet::new(), Vec::new());
    let mut next = 0;
    while let Some(reached) = search.reached.get(next).cloned() {
        let (at, states) = &*reached;
        let counts = everywhere || states.iter().any(|(index, _)| !patterns[*index as usize].same);
        if counts && at.ends() {
            let key = key(&patterns, states);
            if !found.contains(&key) {
                found.insert(key.clone());
                regions.push(region(old, new, allowed, key, search.name(next))?);
            }
        }
        if counts {
            for (number, letter) in letters(&mut patterns, states) {
                let Some(at) = at.after(letter) else { continue };
                let after = states.iter().map(|(index, state)| {
                    let index = *index as usize;
                    (index, patterns[index].machine.step(*state, number, letter))
                });
                let after = after.collect();
                search.reach(normal(&patterns, at, after), Some((next, letter)))?;
            }
        }
        next += 1;
    }
    Ok(regions)
}

/// Each letter that leads elsewhere than the others, by its number; of those that do not, one.
fn letters(patterns: &mut [Pattern], states: &[(u32, StateId)]) -> Vec<(usize, char)> {
    let apart = states.iter().fold(0, |all, (index, state)| {
        let machine = &mut patterns[*index as usize].machine;
        all | machine.told_apart(*state, &PLAIN)
    });
    let plain = PLAIN.into_iter().enumerate();
    let other = plain.clone().find(|(number, _)| apart & 1 << number == 0);
    let apart = plain.filter(|(number, _)| apart & 1 << number != 0);
    let marks = MARKS.into_iter().enumerate().map(|(number, mark)| (PLAIN.len() + number, mark));
    other.into_iter().chain(apart).chain(marks).collect()
}

/// Each different pattern once.
fn patterns(old: &Config, new: &Config, allowed: &[String]) -> Vec<Pattern> {
    let mut all: Vec<Pattern> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut one = |text: &str| {
        *known.entry(text.to_owned()).or_insert_with(|| {
            let machine = if text.is_empty() { Machine::of_everything() } else { Machine::new(text) };
            all.push(Pattern { machine, length: text.len(), old: vec![], new: vec![], allowed: vec![], same: false });
            all.len() - 1
        })
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
    for pattern in &mut all {
        pattern.same = same::rules(&answers::rules(old, &pattern.old), &answers::rules(new, &pattern.new));
    }
    all
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

/// The region of a shortest witness, once the evaluator has agreed to it. A name with one more part is easier to read, if
/// it is in the same region.
fn region(old: &Config, new: &Config, allowed: &[String], key: Key, shortest: String) -> Result<Region, Undecided> {
    let agrees = |name: &str| {
        let matching = allowed.iter().enumerate().filter(|(_, pattern)| glob::matches(pattern, name));
        decides(old, &key.0, name)
            && decides(new, &key.1, name)
            && matching.map(|(number, _)| number).eq(key.2.iter().copied())
    };
    if !agrees(&shortest) {
        return Err(Undecided::Fault(format!("other patterns decide about {shortest}")));
    }
    let longer = Some(format!("{shortest}/app")).filter(|longer| agrees(longer));
    let (old, new, allowed) = key;
    Ok(Region { old, new, allowed, witness: longer.unwrap_or(shortest) })
}

/// Whether exactly these rules of a configuration decide about a name.
fn decides(config: &Config, numbers: &[usize], name: &str) -> bool {
    let winning = config.access.as_ref().map_or(vec![], |access| policy::winning(access, name));
    let expected = answers::rules(config, numbers);
    winning.len() == expected.len() && winning.iter().zip(expected).all(|(one, other)| std::ptr::eq(*one, other))
}

/// All that was reached, with the way there.
struct Search {
    limits: Limits,
    reached: Vec<Rc<Reached>>,
    known: HashSet<Rc<Reached>>,
    /// By number: the number before, and the letter between.
    from: Vec<Option<(usize, char)>>,
    entries: usize,
}

impl Search {
    fn within(limits: Limits) -> Self {
        Self { limits, reached: vec![], known: HashSet::new(), from: vec![], entries: 0 }
    }

    fn reach(&mut self, reached: Reached, from: Option<(usize, char)>) -> Result<(), Undecided> {
        if self.known.contains(&reached) {
            return Ok(());
        }
        self.entries += reached.1.len();
        if self.reached.len() >= self.limits.sets || self.entries > self.limits.states {
            return Err(Undecided::TooMany(self.reached.len()));
        }
        let reached = Rc::new(reached);
        self.known.insert(Rc::clone(&reached));
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
