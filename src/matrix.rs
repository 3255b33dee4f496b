//! The permission matrix, live: identities x repositories x requests, each cell asked by an oracle and compared with the
//! promise. Leaves nothing behind.
//!
//! Knows how cells are asked and judged; what the whole means is the check's to say.

mod places;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, StreamExt};

pub(crate) use places::{Place, again, places};
pub(crate) use table::table;

use crate::clearance::{Clearance, Unasked};
use crate::context::Cx;
use crate::oracle::{self, Dialect, Oracle, Permission};
use crate::outcome::Verdict;
use crate::scenario::{Action, Promise};
use crate::wire::Client;
use crate::zot::policy;

/// How many requests are on their way at once.
const AT_ONCE: usize = 8;
/// How often a cell is asked on which the registry's safety rests, so that random answers show.
const CRITICAL: usize = 20;
/// The same where the registry holds back each refusal: such requests wait rather than work.
const DELAYED_AT_ONCE: usize = 32;
const DELAYED_CRITICAL: usize = 5;

/// Whoever asks.
#[derive(Debug)]
pub(crate) struct Asker {
    /// `anonymous`, or the identity's name.
    pub(crate) name: String,
    identity: Option<String>,
    client: Client,
}

impl Asker {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

/// One answer, and how often it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) permission: Permission,
    times: usize,
    /// The status of the first of them; 0 where there was no answer.
    status: u16,
    exchange: Option<usize>,
}

/// One cell, asked.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) who: String,
    pub(crate) repository: String,
    pub(crate) oracle: Oracle,
    pub(crate) promise: Promise,
    /// All different answers, in order; one where the registry is of one mind.
    pub(crate) seen: Vec<Seen>,
    /// What the answer means in this release, where that is special.
    note: Option<&'static str>,
    /// Why there was nothing to ask, or nothing to learn.
    pub(crate) unasked: Option<&'static str>,
}

impl Cell {
    /// How the cell ends. One answer against the promise breaks it, whatever else was answered; a denial that nobody
    /// controls is not a proof, and listed so.
    pub(crate) fn verdict(&self, controlled: &BTreeSet<Oracle>) -> Verdict {
        if self.unasked.is_some() {
            return Verdict::Skip;
        }
        if self.is_random() {
            return Verdict::Fail;
        }
        let undecided = self.seen.iter().any(|seen| matches!(seen.permission, Permission::Undecided(_)));
        match self.promise.allowed {
            // The configuration leaves it to chance, so that no answer is one to rely on.
            None if self.promise.random => Verdict::Error,
            None => Verdict::Skip,
            Some(promised) if self.has(if promised { &Permission::Denied } else { &Permission::Allowed }) => {
                Verdict::Fail
            }
            Some(_) if undecided || self.seen.is_empty() => Verdict::Error,
            Some(false) if !controlled.contains(&self.oracle) => Verdict::Skip,
            Some(_) => Verdict::Pass,
        }
    }

    /// Whether the same request was allowed and denied.
    pub(crate) fn is_random(&self) -> bool {
        self.has(&Permission::Allowed) && self.has(&Permission::Denied)
    }

    fn has(&self, permission: &Permission) -> bool {
        self.seen.iter().any(|seen| seen.permission == *permission)
    }

    /// What was seen, in words.
    pub(crate) fn actual(&self) -> String {
        let word = |seen: &Seen| {
            let times = if self.seen.len() > 1 { format!(" {} times", seen.times) } else { String::new() };
            match &seen.permission {
                Permission::Allowed => format!("allowed{times}"),
                Permission::Denied => format!("denied{times}"),
                Permission::Undecided(why) => format!("{why}{times}"),
            }
        };
        let seen = self.seen.iter().map(word).collect::<Vec<_>>().join(", ");
        self.note.map_or(seen.clone(), |note| format!("{seen}: {note}"))
    }

    /// The exchange that shows what is wrong: of several answers, the one that the promise does not have.
    pub(crate) fn exchange(&self) -> Option<usize> {
        let good = match self.promise.allowed {
            Some(false) => Permission::Denied,
            _ => Permission::Allowed,
        };
        let wrong = self.seen.iter().find(|seen| seen.permission != good).or(self.seen.first());
        wrong.and_then(|seen| seen.exchange)
    }

    fn add(&mut self, permission: Permission, status: u16, exchange: Option<usize>) {
        match self.seen.iter_mut().find(|seen| seen.permission == permission) {
            Some(seen) => seen.times += 1,
            None => self.seen.push(Seen { permission, times: 1, status, exchange }),
        }
    }
}

/// The groups of requests that reports show as one.
pub(crate) const GROUPS: [(&str, &[Oracle]); 5] = [
    ("read", &[Oracle::ReadManifest, Oracle::ReadBlob, Oracle::ListTags]),
    ("create a tag", &[Oracle::CreateTag]),
    ("move a tag", &[Oracle::UpdateTag, Oracle::UpdateLatest, Oracle::MoveTagByQuery]),
    ("upload", &[Oracle::StartUpload, Oracle::ContinueUpload, Oracle::FinishUpload, Oracle::MountBlob]),
    ("delete", &[Oracle::DeleteManifest, Oracle::DeleteBlob, Oracle::DeleteUpload]),
];

/// Everybody who can ask: anonymous first, then the identities by name.
pub(crate) fn askers(cx: &Cx) -> anyhow::Result<Vec<Asker>> {
    let anonymous = Asker { name: "anonymous".to_owned(), identity: None, client: cx.anonymous()? };
    let mut askers = vec![anonymous];
    for name in cx.scenario().identities.keys() {
        askers.push(Asker { name: name.clone(), identity: Some(name.clone()), client: cx.identity(name)? });
    }
    Ok(askers)
}

/// Asks every cell. The requests of one cell are spread among those of the others.
pub(crate) async fn ask(cx: &Cx, askers: &[Asker], places: &[Place], clearance: &Clearance) -> Vec<Cell> {
    let dialect = clearance.dialect;
    let delayed = !cx.scenario().fail_delay().is_zero();
    let (at_once, critical) = if delayed { (DELAYED_AT_ONCE, DELAYED_CRITICAL) } else { (AT_ONCE, CRITICAL) };
    let mut cells = Vec::new();
    let mut asked = Vec::new();
    for asker in askers {
        for place in places {
            for oracle in GROUPS.iter().flat_map(|(_, oracles)| *oracles).copied() {
                let cell = blank(cx, asker, place, oracle, clearance);
                let times = match cell.unasked {
                    Some(_) => 0,
                    // Undecided before it is asked.
                    None if !cell.seen.is_empty() => 0,
                    None if is_critical(cx, asker, place, oracle) => critical,
                    None => 1,
                };
                asked.extend((0..times).map(|round| (round, cells.len(), asker, place, oracle)));
                cells.push(cell);
            }
        }
    }
    asked.sort_by_key(|(round, ..)| *round);
    let mut requests = Vec::with_capacity(asked.len());
    for (_, index, asker, place, oracle) in asked {
        requests.push(one(cx, asker, place, oracle, dialect).map(move |answer| (index, answer)).boxed());
    }
    let answers: Vec<_> = futures::stream::iter(requests).buffered(at_once).collect().await;
    for (index, answer) in answers {
        let cell = &mut cells[index];
        match answer {
            Ok((permission, status, exchange)) => cell.add(permission, status, exchange),
            Err(reason) => cell.unasked = Some(reason),
        }
    }
    doubt(&mut cells, dialect);
    suspect(&mut cells);
    cells
}

/// Takes back a yes that looks like the answer to another request, which no registry gives to that one: what is in front of
/// it answers all requests of a method alike, and knows nothing of rights.
fn suspect(cells: &mut [Cell]) {
    let foreign: BTreeSet<(String, String, Oracle, u16)> = cells
        .iter()
        .filter(|cell| matches!(cell.oracle, Oracle::CreateTag | Oracle::DeleteManifest))
        .flat_map(|cell| cell.seen.iter().map(move |seen| (cell, seen)))
        .filter(|(_, seen)| matches!(seen.permission, Permission::Undecided(_)))
        .map(|(cell, seen)| (cell.who.clone(), cell.repository.clone(), cell.oracle, seen.status))
        .collect();
    for cell in cells {
        let twin = match cell.oracle.action(None) {
            policy::Action::Read => continue,
            policy::Action::Delete => Oracle::DeleteManifest,
            policy::Action::Create | policy::Action::Update => Oracle::CreateTag,
        };
        for seen in cell.seen.iter_mut().filter(|seen| seen.permission == Permission::Allowed) {
            let status = seen.status;
            if foreign.contains(&(cell.who.clone(), cell.repository.clone(), twin, status)) {
                let why =
                    format!("{status}, as to another request, to which no registry says that: not its own answer");
                seen.permission = Permission::Undecided(why);
            }
        }
    }
}

/// Takes back a yes that would break a promise and means nothing on this registry.
fn doubt(cells: &mut [Cell], dialect: Dialect) {
    for cell in cells.iter_mut().filter(|cell| cell.promise.allowed == Some(false) && cell.has(&Permission::Allowed)) {
        cell.unasked = cell.unasked.or(dialect.doubtful_yes(cell.oracle));
    }
}

fn is_critical(cx: &Cx, asker: &Asker, place: &Place, oracle: Oracle) -> bool {
    let weak = asker.identity.is_none() || cx.scenario().creator() == asker.identity.as_deref();
    let writes = matches!(
        oracle,
        Oracle::CreateTag
            | Oracle::UpdateTag
            | Oracle::UpdateLatest
            | Oracle::MoveTagByQuery
            | Oracle::StartUpload
            | Oracle::DeleteManifest
    );
    place.critical && weak && writes
}

fn blank(cx: &Cx, asker: &Asker, place: &Place, oracle: Oracle, clearance: &Clearance) -> Cell {
    let dialect = clearance.dialect;
    // What the operator means by the policy, which is the rule of the newest release: one that lets `create` move a tag
    // breaks the promise.
    let action = match oracle.action(None) {
        policy::Action::Read => Action::Read,
        policy::Action::Create => Action::Create,
        policy::Action::Update => Action::Update,
        policy::Action::Delete => Action::Delete,
    };
    let release = match dialect {
        Dialect::Zot(release) => release,
        Dialect::Other => None,
    };
    let mut cell = Cell {
        who: asker.name.clone(),
        repository: place.repository.clone(),
        oracle,
        promise: cx.scenario().promise_with_grounds(asker.identity.as_deref(), &place.repository, action),
        seen: vec![],
        unasked: dialect.silent_on(oracle, &place.subject),
        note: oracle.note(release),
    };
    match clearance.asks(oracle) {
        Ok(()) => {}
        Err(Unasked::Unknown(reason)) => cell.unasked = cell.unasked.or(Some(reason)),
        // Proven is nothing where zot, or what is in front of it, does not answer as zot does.
        Err(Unasked::Odd(reason)) => cell.add(Permission::Undecided(reason.to_owned()), 0, None),
    }
    cell
}

/// One request of a cell: what it tells, or why there was nothing to ask.
async fn one(
    cx: &Cx,
    asker: &Asker,
    place: &Place,
    oracle: Oracle,
    dialect: Dialect,
) -> Result<(Permission, u16, Option<usize>), &'static str> {
    let request = oracle::request(oracle, &asker.client, &place.repository, &place.subject, cx.run_id())?;
    Ok(match request.send().await {
        Ok(answer) => {
            let anonymous = asker.identity.is_none();
            let permission = oracle::permission(dialect, oracle, &place.subject, &answer, anonymous);
            (permission, answer.status, Some(answer.index))
        }
        Err(error) => (Permission::Undecided(format!("{error:#}")), 0, None),
    })
}

/// What was decided, as questions and answers that can be compared with those of another day. Not what depends on what a
/// cache or the scratch repository happens to hold today.
pub(crate) fn answers(cells: &[Cell], places: &[Place]) -> Vec<(String, &'static str)> {
    let still = |name: &str| places.iter().any(|place| place.still && place.repository == name);
    let steady = |oracle: Oracle| {
        let by_content = [Oracle::ReadManifest, Oracle::UpdateTag, Oracle::UpdateLatest, Oracle::MoveTagByQuery];
        !by_content.contains(&oracle)
    };
    let decided =
        cells.iter().filter(|cell| cell.unasked.is_none() && (steady(cell.oracle) || still(&cell.repository)));
    let answer = |cell: &Cell| match cell.seen.as_slice() {
        _ if cell.is_random() => Some("random"),
        [one] if one.permission == Permission::Allowed => Some("allowed"),
        [one] if one.permission == Permission::Denied => Some("denied"),
        _ => None,
    };
    let question = |cell: &Cell| format!("{}, {} in {}", cell.who, cell.oracle.describe(), cell.repository);
    decided.filter_map(|cell| Some((question(cell), answer(cell)?))).collect()
}

/// Why cells were not asked, and how many for each reason.
pub(crate) fn unasked(cells: &[Cell]) -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    for reason in cells.iter().filter_map(|cell| cell.unasked) {
        *reasons.entry(reason).or_default() += 1;
    }
    reasons
}

/// The requests that somebody was seen to be allowed: their denials count.
pub(crate) fn controlled(cells: &[Cell]) -> BTreeSet<Oracle> {
    let allowed = cells.iter().filter(|cell| cell.has(&Permission::Allowed));
    allowed.map(|cell| cell.oracle).collect()
}

#[cfg(test)]
mod tests;
