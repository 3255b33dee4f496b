//! One pattern as a machine that reads a name letter by letter, and answers exactly as [`super::matches`] does.
//!
//! `matches` tries one path through the pattern and goes back where it fails: first to the latest `*`, then to the latest
//! `**/`. This machine follows all those paths at once, in the order in which `matches` would try them. A path that
//! reaches a new `*` or `**/` ends the paths that `matches` would then no longer go back to. At the end of the name the
//! first path alone answers. So the odd cases are the same too, and there are finitely many states.

use std::collections::HashMap;

use super::{Piece, Token, alternatives, matches_nothing, tokens};

/// A state of a [`Machine`].
pub(crate) type StateId = u32;

/// A pattern as a machine. Its states are made when they are first reached.
pub(crate) struct Machine {
    ways: Vec<Way>,
    states: Vec<State>,
    ids: HashMap<State, StateId>,
    /// The next state, by state and number of the letter, once it was asked.
    steps: Vec<Vec<Option<StateId>>>,
    /// The letters that a state tells apart, once it was asked.
    apart: Vec<Option<u64>>,
}

/// The pattern with one choice of its braces.
struct Way {
    tokens: Vec<(usize, Token)>,
    /// By token: whether a name may end before it.
    ends: Vec<bool>,
}

/// The live ways, each with its paths.
type State = Vec<(usize, Paths)>;

/// All paths through one way, those that `matches` tries first at the front.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Paths {
    /// Each group began where the latest `**/` resumed; in it, each path but the first began where the latest `*` resumed.
    groups: Vec<Vec<Path>>,
    /// The latest `**/`, which begins a group behind each slash to come.
    segments: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Path {
    /// Before this token.
    At(usize),
    /// Inside the `*` that is this token.
    Star(usize),
    /// Behind a `**` at the end, which takes everything.
    All,
}

/// What a group does to the groups behind it.
enum Cut {
    Nothing,
    /// A path takes everything that follows.
    Rest,
    /// A path reached this `**/`.
    Segments(usize),
}

/// What one path does with one letter.
#[derive(Default)]
struct Read {
    taken: Option<Path>,
    /// The latest `*` that was passed.
    star: Option<usize>,
    /// The latest `**/` that was passed.
    segments: Option<usize>,
}

impl Machine {
    /// No way is left: no longer name matches.
    pub(crate) const DEAD: StateId = 0;
    /// Every longer name matches.
    pub(crate) const ALL: StateId = 1;

    /// The machine of a pattern.
    pub(crate) fn new(pattern: &str) -> Self {
        // `matches` gives up at the first malformed alternative.
        let ways = alternatives(pattern).into_iter().map_while(|pieces| Way::new(pieces?)).collect();
        let mut machine = Self { ways, states: Vec::new(), ids: HashMap::new(), steps: Vec::new(), apart: Vec::new() };
        machine.id(Vec::new());
        machine.id(vec![(usize::MAX, Paths { groups: vec![vec![Path::All]], segments: None })]);
        machine
    }

    /// A machine that matches every name, as zot takes the empty pattern.
    pub(crate) fn of_everything() -> Self {
        Self::new("**")
    }

    /// The state before the first letter.
    pub(crate) fn start(&mut self) -> StateId {
        let paths = Paths { groups: vec![vec![Path::At(0)]], segments: None };
        let all = (0..self.ways.len()).map(|way| (way, paths.clone())).collect();
        self.id(all)
    }

    /// Which of these letters the state tells apart from the others, none of them a slash; as bits. Letters without a bit
    /// lead to one and the same state.
    pub(crate) fn told_apart(&mut self, state: StateId, letters: &[char]) -> u64 {
        if let Some(Some(known)) = self.apart.get(state as usize) {
            return *known;
        }
        let ways = self.states.get(state as usize).map_or(&[][..], Vec::as_slice);
        let apart = ways.iter().filter_map(|(way, paths)| Some(self.ways.get(*way)?.told_apart(paths, letters)));
        let apart = apart.fold(0, |all, one| all | one);
        if let Some(known) = self.apart.get_mut(state as usize) {
            *known = Some(apart);
        }
        apart
    }

    /// The state behind a letter, of which `number` is the number among all letters that are asked for.
    pub(crate) fn step(&mut self, state: StateId, number: usize, letter: char) -> StateId {
        if state == Self::DEAD || state == Self::ALL {
            return state;
        }
        let index = state as usize;
        if let Some(Some(known)) = self.steps.get(index).and_then(|row| row.get(number)) {
            return *known;
        }
        let next = self.states.get(index).map_or_else(Vec::new, |from| self.after(from, letter));
        let id = self.id(next);
        if let Some(row) = self.steps.get_mut(index) {
            if row.len() <= number {
                row.resize(number + 1, None);
            }
            row[number] = Some(id);
        }
        id
    }

    /// Whether the pattern matches the name that was read.
    pub(crate) fn accepts(&self, state: StateId) -> bool {
        let ways = self.states.get(state as usize).map_or(&[][..], Vec::as_slice);
        ways.iter().any(|(way, paths)| match paths.groups.first().and_then(|group| group.first()) {
            Some(Path::All) => true,
            Some(Path::At(index)) => self.ways.get(*way).is_some_and(|way| way.ends[*index]),
            Some(Path::Star(_)) | None => false,
        })
    }

    fn id(&mut self, state: State) -> StateId {
        if let Some(id) = self.ids.get(&state) {
            return *id;
        }
        let id = StateId::try_from(self.states.len()).unwrap_or(StateId::MAX);
        self.ids.insert(state.clone(), id);
        self.states.push(state);
        self.steps.push(Vec::new());
        self.apart.push(None);
        id
    }

    fn after(&self, from: &State, letter: char) -> State {
        let mut next = State::new();
        for (index, paths) in from {
            let Some(way) = self.ways.get(*index) else { continue };
            let paths = way.after(paths, letter);
            if paths.groups.first().and_then(|group| group.first()) == Some(&Path::All) {
                return self.states[Self::ALL as usize].clone();
            }
            if paths != Paths::default() {
                next.push((*index, paths));
            }
        }
        next
    }
}

impl Way {
    fn new(pieces: Vec<Piece>) -> Option<Self> {
        let tokens = tokens(&pieces)?;
        let ends = (0..=tokens.len()).map(|index| matches_nothing(&pieces, &tokens, index)).collect();
        Some(Self { tokens, ends })
    }

    fn after(&self, from: &Paths, letter: char) -> Paths {
        let mut next = Paths::default();
        for group in &from.groups {
            let (made, cut) = self.group(group, letter);
            // What an equal group in front of it does, it would do too.
            if !made.is_empty() && !next.groups.contains(&made) {
                next.groups.push(made);
            }
            match cut {
                Cut::Nothing => {}
                Cut::Rest => return next,
                Cut::Segments(segments) => {
                    resume(segments, letter, &mut next);
                    return next;
                }
            }
        }
        if let Some(segments) = from.segments {
            resume(segments, letter, &mut next);
        }
        next
    }

    fn group(&self, group: &[Path], letter: char) -> (Vec<Path>, Cut) {
        let mut made = Vec::new();
        for path in group {
            let index = match path {
                Path::All => {
                    made.push(Path::All);
                    return (made, Cut::Rest);
                }
                Path::Star(star) => {
                    extend(*star, letter, &mut made);
                    continue;
                }
                Path::At(index) => *index,
            };
            let read = self.read(index, letter);
            add(read.taken, &mut made);
            if read.taken == Some(Path::All) {
                return (made, Cut::Rest);
            }
            if let Some(star) = read.star {
                extend(star, letter, &mut made);
            }
            if let Some(segments) = read.segments {
                return (made, Cut::Segments(segments));
            }
            if read.star.is_some() {
                break;
            }
        }
        (made, Cut::Nothing)
    }

    /// As [`Machine::told_apart`]. A `*` in the midst of a segment goes on behind it at the next letter only.
    fn told_apart(&self, paths: &Paths, letters: &[char]) -> u64 {
        let before = paths.groups.iter().flatten().filter_map(|path| match path {
            Path::At(index) => Some(*index),
            Path::Star(_) | Path::All => None,
        });
        let bits = |takes: &dyn Fn(char) -> bool| {
            let bits = letters.iter().enumerate().filter(|(_, letter)| takes(**letter));
            bits.fold(0, |all, (number, _)| all | 1 << number)
        };
        before.fold(0, |all, index| {
            let passed = |token: &&(usize, Token)| matches!(token.1, Token::Star | Token::Segments);
            let next = self.tokens.iter().skip(index).find(|token| !passed(token));
            all | match next.map(|(_, token)| token) {
                Some(Token::Literal(wanted)) => bits(&|letter| letter == *wanted),
                Some(Token::Class(class)) => bits(&|letter| class.holds(letter) != class.negated),
                _ => 0,
            }
        })
    }

    /// What the path before a token does with a letter. `*` and `**/` take nothing at first.
    fn read(&self, mut index: usize, letter: char) -> Read {
        let mut read = Read::default();
        loop {
            let takes = match self.tokens.get(index).map(|token| &token.1) {
                Some(Token::Rest) => return Read { taken: Some(Path::All), ..read },
                Some(Token::Star) => {
                    read.star = Some(index);
                    index += 1;
                    continue;
                }
                Some(Token::Segments) => {
                    (read.star, read.segments) = (None, Some(index));
                    index += 1;
                    continue;
                }
                Some(Token::Literal(wanted)) => *wanted == letter,
                Some(Token::Any) => letter != '/',
                Some(Token::Class(class)) => class.holds(letter),
                None => false,
            };
            read.taken = takes.then_some(Path::At(index + 1));
            return read;
        }
    }
}

/// The `*` takes the letter, if it is no slash, and the path behind it begins once more.
fn extend(star: usize, letter: char, made: &mut Vec<Path>) {
    if letter != '/' {
        add(Some(Path::At(star + 1)), made);
        add(Some(Path::Star(star)), made);
    }
}

/// The `**/` goes on; behind a slash the path behind it begins once more.
fn resume(segments: usize, letter: char, next: &mut Paths) {
    let again = vec![Path::At(segments + 1)];
    if letter == '/' && !next.groups.contains(&again) {
        next.groups.push(again);
    }
    next.segments = Some(segments);
}

/// A path is followed once in a group: a second one would do the same, later.
fn add(path: Option<Path>, made: &mut Vec<Path>) {
    if let Some(path) = path.filter(|path| !made.contains(path)) {
        made.push(path);
    }
}

#[cfg(test)]
mod tests;
