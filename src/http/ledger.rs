//! What a check may have made in the registry: booked before it is sent, settled by what came back.
//!
//! Sends nothing and removes nothing. What was refused, and what never reached the registry, is not listed; what may have
//! arrived before the answer was lost is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::{Answer, NotConnected};
use crate::model::image::digest_of;

/// What became of something that was booked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// The registry refused it, or was never reached.
    Refused,
    /// It was booked, and no request of ours made it: a client program may have.
    Booked,
    /// It may have been made: why nobody knows.
    Maybe(String),
    /// The registry said that it made it.
    Made,
}

/// One thing that may be in the registry now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) repository: String,
    /// Its path below the repository, as `manifests/v1` or `blobs/uploads/<session>`.
    pub(crate) what: String,
    pub(crate) fate: Fate,
    /// The digest of a manifest that was put.
    pub(crate) digest: Option<String>,
    /// Whether that manifest names others, which stay when it goes.
    pub(crate) is_index: bool,
    /// The query by which the registry knows an upload, where it has one (distribution's `_state`).
    pub(crate) query: Option<String>,
}

impl Entry {
    pub(crate) fn new(repository: &str, what: &str, fate: Fate) -> Entry {
        let (repository, what) = (repository.to_owned(), what.to_owned());
        Entry { repository, what, fate, digest: None, is_index: false, query: None }
    }

    /// Where it is, below the origin.
    pub(crate) fn target(&self) -> String {
        let query = self.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        format!("/v2/{}/{}{query}", self.repository, self.what)
    }
}

/// An upload of which the registry never told the name.
pub(crate) const UNNAMED: &str = "blobs/uploads/(an upload that was not named)";

/// The ledger of one check. Cheap to clone; all clones write to the same book.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// What the tags of this run start with; empty where no run books.
    own: Arc<str>,
    /// Elsewhere than there, only what handlers refuse is sent: without an answer, nothing was made.
    scratch: Arc<str>,
    entries: Arc<Mutex<Vec<Entry>>>,
}

/// A request that may make something, on its way.
#[derive(Debug, Default)]
pub(crate) struct Booking {
    /// What it may make, and what was known of each before.
    made: Vec<(String, String, Option<Fate>)>,
    /// Whether it opens an upload if it succeeds, and in which repository.
    opens: Option<String>,
    /// What it ends if it succeeds.
    ends: Option<(String, String)>,
    digest: Option<String>,
    is_index: bool,
}

/// What every index has (OCI image spec, section Image Index).
const INDEX: &[u8] = b"\"manifests\"";
const ON_ITS_WAY: &str = "the check ended while the request was on its way";

impl Ledger {
    pub(crate) fn new(own: &str, scratch: &str) -> Ledger {
        Ledger { own: own.into(), scratch: scratch.into(), entries: Arc::default() }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books something for removal, before it is made: what happens afterwards can't make it forgotten.
    pub(crate) fn book(&self, repository: &str, what: &str) {
        let mut entries = self.entries();
        if !entries.iter().any(|entry| entry.repository == repository && entry.what == what) {
            entries.push(Entry::new(repository, what, Fate::Booked));
        }
    }

    /// Takes it off the books.
    pub(crate) fn strike(&self, repository: &str, what: &str) {
        self.entries().retain(|entry| entry.repository != repository || entry.what != what);
    }

    /// All that is booked, in the order in which it was; the books are empty then.
    pub(crate) fn close(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries())
    }

    /// Puts entries back on the books.
    pub(crate) fn restore(&self, entries: Vec<Entry>) {
        self.entries().extend(entries);
    }

    /// Books what this request may make.
    pub(crate) fn begin(&self, method: &str, target: &str, body: &[u8]) -> Booking {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Some(rest) = path.strip_prefix("/v2/").filter(|_| !self.own.is_empty()) else { return Booking::default() };
        let mut booking = Booking::default();
        if let Some((repository, session)) = rest.rsplit_once("/blobs/uploads/") {
            let what = format!("blobs/uploads/{session}");
            match method {
                "POST" if session.is_empty() => {
                    booking.opens = Some(repository.to_owned());
                    self.on_its_way(&mut booking, repository, UNNAMED);
                }
                "PUT" | "DELETE" => booking.ends = Some((repository.to_owned(), what)),
                _ => {}
            }
            // Where a check booked the blob that this request brings.
            let named = |pair: &str| pair.strip_prefix("digest=").or(pair.strip_prefix("mount=")).map(str::to_owned);
            for digest in query.split('&').filter_map(named).filter(|_| matches!(method, "POST" | "PUT")) {
                let blob = format!("blobs/{digest}");
                if self.is_booked(repository, &blob) {
                    self.on_its_way(&mut booking, repository, &blob);
                }
            }
            return booking;
        }
        let Some((repository, reference)) = rest.rsplit_once("/manifests/") else { return booking };
        match method {
            "PUT" => {
                booking.digest = Some(digest_of(body));
                booking.is_index = body.windows(INDEX.len()).any(|part| part == INDEX);
                let tags = query.split('&').filter_map(|pair| pair.strip_prefix("tag="));
                for name in tags.chain([reference]) {
                    let what = format!("manifests/{name}");
                    // A tag that somebody else made is not this run's to remove, whatever was put there.
                    if self.is_booked(repository, &what) || name.starts_with(&*self.own) {
                        self.on_its_way(&mut booking, repository, &what);
                    }
                }
            }
            "DELETE" => booking.ends = Some((repository.to_owned(), format!("manifests/{reference}"))),
            _ => {}
        }
        booking
    }

    fn is_booked(&self, repository: &str, what: &str) -> bool {
        self.entries().iter().any(|entry| entry.repository == repository && entry.what == what)
    }

    fn on_its_way(&self, booking: &mut Booking, repository: &str, what: &str) {
        let mut entries = self.entries();
        let known = entries.iter_mut().find(|entry| entry.repository == repository && entry.what == what);
        let before = known.as_ref().map(|entry| entry.fate.clone());
        let fate = Fate::Maybe(ON_ITS_WAY.to_owned());
        match known {
            Some(entry) => entry.fate = entry.fate.clone().max(fate),
            None => entries.push(Entry::new(repository, what, fate)),
        }
        booking.made.push((repository.to_owned(), what.to_owned(), before));
    }

    /// Settles it by what came back.
    pub(crate) fn settle(&self, booking: Booking, result: &anyhow::Result<Answer>) {
        let fate = match result {
            Ok(answer) if answer.status < 300 => Fate::Made,
            Ok(answer) if answer.status < 500 => Fate::Refused,
            Ok(answer) => Fate::Maybe(format!("it was answered {}", answer.brief())),
            Err(error) if error.is::<NotConnected>() => Fate::Refused,
            Err(error) => Fate::Maybe(format!("{error:#}")),
        };
        let mut entries = self.entries();
        for (repository, what, before) in booking.made {
            let Some(at) = entries.iter().position(|entry| entry.repository == repository && entry.what == what) else {
                continue;
            };
            let fate = if fate != Fate::Made && *repository != *self.scratch { Fate::Refused } else { fate.clone() };
            // A later refusal does not undo what was made before.
            // The same may be asked several times at once, and another one that is on its way says nothing.
            let says_nothing = [Fate::Booked, Fate::Maybe(ON_ITS_WAY.to_owned())];
            let known = before.into_iter().chain([entries[at].fate.clone()]);
            let kept = known.filter(|known| !says_nothing.contains(known)).max();
            entries[at].fate = kept.map_or_else(|| fate.clone(), |before| before.max(fate.clone()));
            if fate == Fate::Made {
                entries[at].digest.clone_from(&booking.digest);
                entries[at].is_index = booking.is_index;
            }
        }
        let Ok(answer) = result else { return };
        let done = answer.status < 300;
        if let Some(repository) = booking.opens {
            // What it is called is known now, or there is none.
            let unknown = |entry: &Entry| entry.repository == repository && entry.what == UNNAMED;
            let location = answer.header("location").filter(|_| answer.status == 202);
            let session = location.and_then(|location| session_of(answer, location, &repository));
            if answer.status < 500 && (answer.status != 202 || session.is_some()) {
                entries.retain(|entry| !unknown(entry));
            }
            if let Some((what, query)) = session {
                entries.push(Entry { query, ..Entry::new(&repository, &what, Fate::Made) });
            }
        }
        let location = answer.header("location").filter(|_| done).and_then(|location| answer.url.join(location).ok());
        for entry in entries.iter_mut().filter(|entry| entry.what.starts_with("blobs/uploads/")) {
            let own = |url: &&url::Url| url.path() == format!("/v2/{}/{}", entry.repository, entry.what);
            if let Some(url) = location.as_ref().filter(own) {
                entry.query = url.query().map(str::to_owned);
            }
        }
        if let Some((repository, what)) = booking.ends.filter(|_| done) {
            let ended = |entry: &Entry| entry.repository == repository && entry.what == what;
            // The tag is gone; what it pointed to may still be there.
            let digest = entries.iter().find(|entry| ended(entry)).and_then(|entry| entry.digest.clone());
            entries.retain(|entry| !ended(entry));
            if let Some(digest) = digest.filter(|digest| what != format!("manifests/{digest}")) {
                let entry = Entry::new(&repository, &format!("manifests/{digest}"), Fate::Made);
                entries.push(Entry { digest: Some(digest), ..entry });
            }
        }
    }
}

/// The upload that a Location names, if it is one of this repository.
fn session_of(answer: &Answer, location: &str, repository: &str) -> Option<(String, Option<String>)> {
    let url = answer.url.join(location).ok()?;
    let session = url.path().strip_prefix(&format!("/v2/{repository}/blobs/uploads/"))?;
    (!session.is_empty()).then(|| (format!("blobs/uploads/{session}"), url.query().map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "regproof-0123456789ab";

    fn answer(status: u16, location: Option<&str>) -> anyhow::Result<Answer> {
        let mut headers = reqwest::header::HeaderMap::new();
        if let Some(location) = location {
            headers.insert("location", location.parse().unwrap());
        }
        Ok(Answer {
            method: "PUT".to_owned(),
            url: "http://r.example.test/v2/".parse().unwrap(),
            status,
            headers,
            body: bytes::Bytes::new(),
            size: 0,
            digest: None,
            certificate: None,
            http2: false,
            index: 0,
        })
    }

    fn not_connected() -> anyhow::Result<Answer> {
        Err(NotConnected("cannot connect".to_owned()).into())
    }

    fn lost() -> anyhow::Result<Answer> {
        Err(anyhow::anyhow!("no complete answer within 10s"))
    }

    /// What is booked after these requests, as text.
    fn after(requests: Vec<(&str, &str, anyhow::Result<Answer>)>) -> Vec<String> {
        let ledger = Ledger::new(OWN, "a");
        for (method, target, result) in requests {
            let target = target.replace("OWN", OWN);
            let booking = ledger.begin(method, &target, b"{}");
            ledger.settle(booking, &result);
        }
        let told = |entry: Entry| {
            let fate = match entry.fate {
                Fate::Made => "made",
                Fate::Maybe(_) => "maybe",
                Fate::Booked => "booked",
                Fate::Refused => "refused",
            };
            format!("{fate} {} {}", entry.repository, entry.what.replace(OWN, "OWN"))
        };
        ledger.close().into_iter().map(told).collect()
    }

    #[test]
    fn what_is_asked_several_times_at_once_is_as_it_was_answered() {
        for (first, second, expected) in [
            (answer(403, None), answer(403, None), Fate::Refused),
            (answer(201, None), answer(403, None), Fate::Made),
            (answer(403, None), answer(201, None), Fate::Made),
        ] {
            let ledger = Ledger::new(OWN, "a");
            let put = || ledger.begin("PUT", &format!("/v2/a/manifests/{OWN}-x"), b"{}");
            let (one, other) = (put(), put());
            ledger.settle(one, &first);
            ledger.settle(other, &second);
            assert_eq!(ledger.close().iter().map(|entry| entry.fate.clone()).collect::<Vec<_>>(), [expected]);
        }
    }

    #[test]
    fn a_tag_of_this_run_is_booked_by_what_came_back() {
        let put = |result| after(vec![("PUT", "/v2/a/manifests/OWN-x", result)]);
        assert_eq!(put(answer(201, None)), ["made a manifests/OWN-x"]);
        assert_eq!(put(answer(403, None)), ["refused a manifests/OWN-x"]);
        assert_eq!(put(answer(502, None)), ["maybe a manifests/OWN-x"]);
        assert_eq!(put(not_connected()), ["refused a manifests/OWN-x"]);
        assert_eq!(put(lost()), ["maybe a manifests/OWN-x"]);
        let elsewhere = |result| after(vec![("PUT", "/v2/a/b/manifests/OWN-x", result)]);
        assert_eq!(elsewhere(lost()), ["refused a/b manifests/OWN-x"], "what was cleared stores nothing");
        assert_eq!(elsewhere(answer(201, None)), ["made a/b manifests/OWN-x"]);
        let by_query = vec![("PUT", "/v2/a/manifests/sha256:00?tag=OWN-y", answer(201, None))];
        assert_eq!(after(by_query), ["made a manifests/OWN-y"]);
    }

    #[test]
    fn a_tag_of_somebody_else_is_not_booked_and_one_that_was_made_stays_so() {
        assert!(after(vec![("PUT", "/v2/a/manifests/latest", answer(201, None))]).is_empty());
        let again = vec![
            ("PUT", "/v2/a/manifests/OWN-x", answer(201, None)),
            ("PUT", "/v2/a/manifests/OWN-x", answer(403, None)),
        ];
        assert_eq!(after(again), ["made a manifests/OWN-x"]);
        let removed = vec![
            ("PUT", "/v2/a/manifests/OWN-x", answer(201, None)),
            ("DELETE", "/v2/a/manifests/OWN-x", answer(202, None)),
        ];
        // What the tag pointed to may stay under its digest.
        assert_eq!(after(removed), [format!("made a manifests/{}", digest_of(b"{}"))]);
        let digest = format!("/v2/a/manifests/{}", digest_of(b"{}"));
        let both = vec![
            ("PUT", "/v2/a/manifests/OWN-x", answer(201, None)),
            ("DELETE", "/v2/a/manifests/OWN-x", answer(202, None)),
            ("DELETE", &digest, answer(202, None)),
        ];
        assert!(after(both).is_empty());
    }

    #[test]
    fn an_upload_is_booked_when_it_is_open_and_struck_when_it_ends() {
        let post = "/v2/a/blobs/uploads/?from=x";
        let session = "/v2/a/blobs/uploads/s1";
        let opened = || ("POST", post, answer(202, Some("/v2/a/blobs/uploads/s1?state=1")));
        assert_eq!(after(vec![opened()]), ["made a blobs/uploads/s1"]);
        assert!(after(vec![opened(), ("PUT", session, answer(201, None))]).is_empty());
        assert!(after(vec![opened(), ("DELETE", session, answer(204, None))]).is_empty());
        assert_eq!(after(vec![opened(), ("PUT", session, answer(400, None))]), ["made a blobs/uploads/s1"]);
        assert!(after(vec![("POST", post, answer(405, None))]).is_empty());
        assert!(after(vec![("POST", post, answer(201, None))]).is_empty());
        let unnamed = format!("made a {UNNAMED}");
        assert_eq!(after(vec![("POST", post, answer(202, Some("https://elsewhere.example.test/x")))]), [unnamed]);
        assert_eq!(after(vec![("POST", post, lost())]), [format!("maybe a {UNNAMED}")]);
        assert_eq!(after(vec![("POST", post, not_connected())]), [format!("refused a {UNNAMED}")]);
    }

    #[test]
    fn an_upload_is_known_by_the_query_of_its_last_answer() {
        let ledger = Ledger::new(OWN, "a");
        for (method, target, location) in [
            ("POST", "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/s1?_state=1"),
            ("PATCH", "/v2/a/blobs/uploads/s1?_state=1", "/v2/a/blobs/uploads/s1?_state=2"),
        ] {
            ledger.settle(ledger.begin(method, target, b""), &answer(202, Some(location)));
        }
        let targets: Vec<String> = ledger.close().iter().map(Entry::target).collect();
        assert_eq!(targets, ["/v2/a/blobs/uploads/s1?_state=2"]);
    }

    #[test]
    fn what_was_on_its_way_when_a_check_ended_may_have_been_made() {
        let ledger = Ledger::new(OWN, "a");
        ledger.book("a", "manifests/v1");
        drop(ledger.begin("PUT", &format!("/v2/a/manifests/{OWN}-x"), b"{}"));
        let fates: Vec<Fate> = ledger.close().into_iter().map(|entry| entry.fate).collect();
        assert_eq!(fates, [Fate::Booked, Fate::Maybe(ON_ITS_WAY.to_owned())]);
        assert!(ledger.close().is_empty());
    }
}
