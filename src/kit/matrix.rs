//! The permission matrix, live: identities x repositories x requests, each cell asked by an oracle and compared with the
//! promise. Leaves nothing behind.
//!
//! Knows how cells are asked; what the whole means is the check's to say.

mod cell;
mod claim;
mod judge;
mod places;
mod settle;
mod table;
mod whom;
mod written;

use std::collections::BTreeSet;

use futures::{FutureExt, StreamExt};

pub(crate) use cell::Cell;
pub(crate) use claim::count;
pub(crate) use judge::judge;
pub(crate) use places::{Place, places};
pub(crate) use settle::settle;
pub(crate) use table::table;
pub(crate) use whom::unproven;
pub(crate) use written::write;

use crate::check::context::Cx;
use crate::check::facts::Dialect;
use crate::check::facts::{Clearance, Unasked};
use crate::http::Client;
use crate::kit::oracle;
use crate::kit::oracle::{Oracle, Permission, Subject};
use crate::kit::persona::PUSHERS;
use crate::scenario::Action;
use crate::zot::policy;
use cell::suspect;

/// How many requests are on their way at once.
const AT_ONCE: usize = 8;
/// How often a cell is asked on which the registry's safety rests, so that random answers show.
const CRITICAL: usize = 20;
/// The same where the registry holds back each refusal: such requests wait rather than work.
const DELAYED_AT_ONCE: usize = 32;
const DELAYED_CRITICAL: usize = 5;
const DELAYED_CLIENTS: usize = 2;

/// The client that asks.
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

/// One request to be: in which round, of which cell, by whom, about what.
struct Question<'a> {
    round: usize,
    cell: usize,
    asker: &'a Asker,
    subject: Subject,
}

/// Asks every cell. The requests of one cell are spread among those of the others.
pub(crate) async fn ask(cx: &Cx, askers: &[Asker], places: &[Place], clearance: &Clearance) -> Vec<Cell> {
    let critical = if is_delayed(cx) { DELAYED_CRITICAL } else { CRITICAL };
    let mut cells = Vec::new();
    let mut questions = Vec::new();
    for asker in askers {
        for place in places {
            for oracle in GROUPS.iter().flat_map(|(_, oracles)| *oracles).copied() {
                for (at, subject) in subjects(place, oracle).into_iter().enumerate() {
                    for client in clients(cx, place, oracle, at) {
                        let cell = blank(cx, asker, place, oracle, &subject, client, clearance);
                        let often = at == 0 && client.is_none() && is_critical(cx, asker, place, oracle);
                        let times = match cell.unasked {
                            Some(_) => 0,
                            // Undecided before it is asked.
                            None if !cell.seen.is_empty() => 0,
                            None if often => critical,
                            None => 1,
                        };
                        let question = |round| Question { round, cell: cells.len(), asker, subject: subject.clone() };
                        questions.extend((0..times).map(question));
                        cells.push(cell);
                    }
                }
            }
        }
    }
    questions.sort_by_key(|question| question.round);
    put(cx, questions, &mut cells, clearance.dialect).await;
    cells
}

/// Sends the requests of cells, and writes down what was answered.
async fn put(cx: &Cx, questions: Vec<Question<'_>>, cells: &mut [Cell], dialect: Dialect) {
    let at_once = if is_delayed(cx) { DELAYED_AT_ONCE } else { AT_ONCE };
    let mut requests = Vec::with_capacity(questions.len());
    for question in questions {
        let (index, cell) = (question.cell, &cells[question.cell]);
        let (repository, oracle, client) = (cell.repository.clone(), cell.oracle, cell.client);
        let answer = async move {
            (index, one(cx, question.asker, &repository, &question.subject, oracle, client, dialect).await)
        };
        requests.push(answer.boxed());
    }
    let answers: Vec<_> = futures::stream::iter(requests).buffered(at_once).collect().await;
    for (index, answer) in answers {
        let cell = &mut cells[index];
        match answer {
            Ok((permission, status, exchange)) => cell.add(permission, status, exchange),
            Err(reason) => cell.unasked = Some(reason),
        }
    }
    doubt(cells, dialect);
    suspect(cells);
}

fn is_delayed(cx: &Cx) -> bool {
    !cx.scenario().fail_delay().is_zero()
}

/// What a request is about: each of the tags that exist, where it names one; else the place as it is.
fn subjects(place: &Place, oracle: Oracle) -> Vec<Subject> {
    if !matches!(oracle, Oracle::UpdateTag | Oracle::MoveTagByQuery) || place.tags.is_empty() {
        return vec![place.subject.clone()];
    }
    place.tags.iter().map(|tag| Subject { tag: Some(tag.clone()), ..place.subject.clone() }).collect()
}

/// As which clients a request is sent: as regproof, and where much rests on it, as those that push images too. A proxy or a
/// condition may treat them otherwise.
fn clients(cx: &Cx, place: &Place, oracle: Oracle, at: usize) -> Vec<Option<&'static str>> {
    let asked = if place.critical { writes(oracle) } else { matches!(oracle, Oracle::ReadManifest | Oracle::ListTags) };
    let most = match (place.as_clients && asked && at == 0, is_delayed(cx)) {
        (false, _) => 0,
        (true, true) => DELAYED_CLIENTS,
        (true, false) => PUSHERS.len(),
    };
    std::iter::once(None).chain(PUSHERS.iter().take(most).map(|(name, _)| Some(*name))).collect()
}

/// Takes back a yes that would break a promise and means nothing on this registry.
fn doubt(cells: &mut [Cell], dialect: Dialect) {
    for cell in cells.iter_mut().filter(|cell| cell.promise.allowed == Some(false) && cell.has(&Permission::Allowed)) {
        cell.unasked = cell.unasked.or(dialect.doubtful_yes(cell.oracle));
    }
}

fn is_critical(cx: &Cx, asker: &Asker, place: &Place, oracle: Oracle) -> bool {
    let weak = asker.identity.is_none() || cx.scenario().creator() == asker.identity.as_deref();
    place.critical && weak && writes(oracle)
}

/// The requests on which a registry's safety rests.
fn writes(oracle: Oracle) -> bool {
    use Oracle::{CreateTag, DeleteManifest, MoveTagByQuery, StartUpload, UpdateLatest, UpdateTag};
    matches!(oracle, CreateTag | UpdateTag | UpdateLatest | MoveTagByQuery | StartUpload | DeleteManifest)
}

fn blank(
    cx: &Cx,
    asker: &Asker,
    place: &Place,
    oracle: Oracle,
    subject: &Subject,
    client: Option<&'static str>,
    clearance: &Clearance,
) -> Cell {
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
        tag: match oracle {
            Oracle::UpdateTag | Oracle::MoveTagByQuery => subject.tag.as_ref().map(|(tag, _)| tag.clone()),
            _ => None,
        },
        client,
        promise: cx.scenario().promise_with_grounds(asker.identity.as_deref(), &place.repository, action),
        seen: vec![],
        unasked: dialect.silent_on(oracle, subject),
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
    repository: &str,
    subject: &Subject,
    oracle: Oracle,
    client: Option<&'static str>,
    dialect: Dialect,
) -> Result<(Permission, u16, Option<usize>), &'static str> {
    let mut request = oracle::request(oracle, &asker.client, repository, subject, cx.run_id())?;
    if let Some((_, agent)) = PUSHERS.iter().find(|(name, _)| Some(*name) == client) {
        request = request.header("User-Agent", agent);
    }
    Ok(match request.send().await {
        Ok(answer) => {
            let anonymous = asker.identity.is_none();
            let permission = oracle::permission(dialect, oracle, subject, &answer, anonymous);
            (permission, answer.status, Some(answer.index))
        }
        Err(error) => (Permission::Undecided(format!("{error:#}")), 0, None),
    })
}

/// What was decided, as questions and answers that can be compared with those of another day. Not what depends on what a
/// cache or the scratch repository happens to hold today.
pub(crate) fn answers(cells: &[Cell], places: &[Place]) -> Vec<(String, &'static str)> {
    let still = |name: &str| places.iter().any(|place| place.still && place.repository == name);
    let stays = |name: &str| places.iter().all(|place| !place.passing || place.repository != name);
    let steady = |oracle: Oracle| {
        let by_content = [Oracle::ReadManifest, Oracle::UpdateTag, Oracle::UpdateLatest, Oracle::MoveTagByQuery];
        !by_content.contains(&oracle)
    };
    let decided = cells.iter().filter(|cell| {
        let asked = cell.unasked.is_none() && cell.client.is_none() && stays(&cell.repository);
        asked && (steady(cell.oracle) || still(&cell.repository))
    });
    let answer = |cell: &Cell| match cell.seen.as_slice() {
        _ if cell.is_random() => Some("random"),
        [one] if one.permission == Permission::Allowed => Some("allowed"),
        [one] if one.permission == Permission::Denied => Some("denied"),
        _ => None,
    };
    let mut seen = BTreeSet::new();
    // Of several tags, the first speaks for the repository: which others there are changes from day to day.
    let decided = decided.filter(|cell| seen.insert((cell.who.clone(), cell.repository.clone(), cell.oracle)));
    let question = |cell: &Cell| format!("{}, {} in {}", cell.who, cell.oracle.describe(), cell.repository);
    decided.filter_map(|cell| Some((question(cell), answer(cell)?))).collect()
}

#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod tests;
