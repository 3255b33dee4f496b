//! What others move or remove while the matrix asks: read again, and asked about again, so that it is no finding.
//!
//! Decides nothing about promises. A tag that the matrix itself had moved would be a finding, and is told as such.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::{Asker, Place, Question, places, put};
use crate::check::context::Cx;
use crate::check::facts::Clearance;
use crate::kit::oracle::Oracle;
use crate::kit::transfer;
use crate::model::failure::{Failure, Proof, Why};
use crate::model::image::digest_of;

/// How often it is asked again before it is given up.
const ROUNDS: usize = 3;
/// How often each request is sent then.
const TIMES: usize = 3;

const REMOVED: &str = "about a tag that others removed meanwhile";
const MOVED: &str = "about a tag that others kept changing";

const STATE: Why<'static> = Why {
    claim: "asking for permissions changes nothing",
    cause: "the registry stored a request that it should refuse: it accepts any media type",
    remedy: "move the tag back, and run with --effects read-only until the registry refuses unknown media types",
};

const AGAIN: Why<'static> = Why {
    claim: "a tag that was asked about can be read again",
    cause: "the registry, or something in front of it, failed in the meantime",
    remedy: "run again",
};

/// Tags and their digests, `latest` among them.
type Tags = BTreeMap<String, String>;

/// Reads the tags of all places again, and asks again about what changed.
pub(crate) async fn settle(
    cx: &Cx,
    askers: &[Asker],
    places: &mut [Place],
    cells: &mut [Cell],
    clearance: &Clearance,
) -> Proof {
    for round in 0..=ROUNDS {
        let mut changed = Vec::new();
        for (index, place) in places.iter_mut().enumerate().filter(|(_, place)| place.still) {
            let before = tags_of(place);
            if before.is_empty() {
                continue;
            }
            let now = again(askers, place, &before).await?;
            if now == before {
                continue;
            }
            let stored = digest_of(b"{}");
            if let Some((tag, _)) = now.iter().find(|(_, digest)| **digest == stored) {
                let actual =
                    format!("{tag} of {} points at {stored}, which is the body of a request", place.repository);
                return Err(STATE.fail("every tag points where it did", actual, None));
            }
            places::look_again(askers, place, &now).await;
            changed.push(index);
        }
        if changed.is_empty() {
            return Ok(());
        }
        let mut questions = Vec::new();
        for (index, cell) in cells.iter_mut().enumerate().filter(|(_, cell)| cell.is_about_content()) {
            let place = changed.iter().map(|at| &places[*at]).find(|place| place.repository == cell.repository);
            let asked = cell.unasked.is_none() && clearance.asks(cell.oracle).is_ok();
            let Some(place) = place.filter(|_| asked) else { continue };
            match subject_of(place, cell) {
                None => cell.unasked = Some(REMOVED),
                // What one kept changing decides nothing; what was only ever answered in one way does.
                Some(_) if round == ROUNDS => {
                    if cell.is_random() || cell.is_unanswered() {
                        cell.unasked = Some(MOVED);
                    }
                }
                Some(subject) => {
                    cell.seen.clear();
                    let asker = askers.iter().find(|asker| asker.name == cell.who);
                    let question = |asker, round| Question { round, cell: index, asker, subject: subject.clone() };
                    questions.extend(
                        asker
                            .into_iter()
                            .flat_map(|asker| (0..TIMES).map(move |at| (asker, at)))
                            .map(|(asker, at)| question(asker, at)),
                    );
                }
            }
        }
        put(cx, questions, cells, clearance.dialect).await;
    }
    Ok(())
}

/// What the cell asks about now, if it is still there.
fn subject_of(place: &Place, cell: &Cell) -> Option<crate::kit::oracle::Subject> {
    let subject = place.subject.clone();
    match (&cell.tag, cell.oracle) {
        (Some(tag), _) => {
            let tag = place.tags.iter().find(|(name, _)| name == tag)?;
            Some(crate::kit::oracle::Subject { tag: Some(tag.clone()), ..subject })
        }
        (None, Oracle::ReadManifest) => (subject.tag.is_some() || subject.latest.is_some()).then_some(subject),
        (None, Oracle::ReadBlob) => subject.blob.is_some().then_some(subject),
        (None, _) => subject.latest.is_some().then_some(subject),
    }
}

fn tags_of(place: &Place) -> Tags {
    let latest = place.subject.latest.iter().map(|digest| ("latest".to_owned(), digest.clone()));
    place.tags.iter().cloned().chain(latest).collect()
}

/// The same tags as they are now, as the first who sees any of them sees them; those that are gone are not there.
async fn again(askers: &[Asker], place: &Place, before: &Tags) -> Result<Tags, Failure> {
    let mut failed = None;
    let mut looked = false;
    for asker in askers {
        let mut now = Tags::new();
        let mut whole = true;
        for tag in before.keys() {
            match transfer::tag_digest(&asker.client, &place.repository, tag, &AGAIN).await {
                Ok(Some(digest)) => {
                    now.insert(tag.clone(), digest);
                }
                Ok(None) => {}
                Err(failure) => {
                    whole = false;
                    failed.get_or_insert(failure);
                }
            }
        }
        if whole && !now.is_empty() {
            return Ok(now);
        }
        looked |= whole;
    }
    match failed {
        // Some were told that nothing is there, and nobody saw anything.
        _ if looked => Ok(Tags::new()),
        Some(failure) => Err(failure.into_control()),
        None => Ok(Tags::new()),
    }
}
