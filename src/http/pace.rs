//! How fast requests are sent: not faster than is allowed, and not at all while the registry asks to wait.
//!
//! One for all clients of a run. Sends nothing, and decides no verdict.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a registry may answer 429 to everything, beyond what it asked to wait, before no request waits any more.
const PATIENCE: Duration = Duration::from_secs(6);
/// The pace after the first 429, where no rate is known.
const CAREFUL: Duration = Duration::from_millis(100);
/// The slowest pace that is tried by itself.
const SLOWEST: Duration = Duration::from_secs(1);
/// What is waited for where the answer does not say how long.
const USUAL: Duration = Duration::from_secs(1);

/// The pace of a run.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// By method, and by none for all of them: the time between two requests.
    limits: Vec<(Option<String>, Duration)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next request of each limit may be sent.
    next: Vec<Option<Instant>>,
    /// The time between two requests that was learnt from answers of 429, and when it was learnt.
    learnt: Option<(Duration, Instant)>,
    /// Nothing is sent before.
    held: Option<Instant>,
    /// Since when every answer was 429, and what the longest of them asked to wait.
    since: Option<(Instant, Duration)>,
}

impl Pace {
    /// At most so many requests a second: for all methods together, and for single ones.
    pub(crate) fn new(rates: &[(Option<String>, f64)]) -> Pace {
        let limits = rates.iter().filter(|(_, rate)| rate.is_finite() && *rate > 0.0);
        let limits = limits.map(|(method, rate)| (method.clone(), Duration::from_secs_f64(1.0 / rate))).collect();
        Pace { limits, state: Mutex::default() }
    }

    /// The time that so many requests need at this pace.
    pub(crate) fn time_of(&self, requests: u32) -> Duration {
        self.limits.iter().map(|(_, pause)| *pause).max().unwrap_or_default() * requests
    }

    /// Waits until a request of this method may be sent.
    pub(crate) async fn turn(&self, method: &str) {
        let mut at = self.next(method, Instant::now());
        while let Some(later) = {
            tokio::time::sleep_until(at.into()).await;
            // Another answer may have asked to wait meanwhile.
            self.held_at(Instant::now().max(at))
        } {
            at = later;
        }
    }

    /// Until when nothing is sent, if that is later than now.
    fn held_at(&self, now: Instant) -> Option<Instant> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).held.filter(|held| *held > now)
    }

    /// Takes the next place in the line.
    fn next(&self, method: &str, now: Instant) -> Instant {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let learnt = state.learnt.map(|(pause, _)| pause);
        let fits = |limit: &Option<String>| limit.as_ref().is_none_or(|one| one.eq_ignore_ascii_case(method));
        // The last place is for what was learnt.
        let mut pauses: Vec<Option<Duration>> =
            self.limits.iter().map(|(limit, pause)| fits(limit).then_some(*pause)).collect();
        pauses.push(learnt);
        state.next.resize(pauses.len(), None);
        let taken = pauses.iter().zip(&state.next).filter(|(pause, _)| pause.is_some()).filter_map(|(_, next)| *next);
        let at = taken.chain(state.held).fold(now, Instant::max);
        for (pause, next) in pauses.iter().zip(&mut state.next) {
            if let Some(pause) = pause {
                *next = Some(at + *pause);
            }
        }
        at
    }

    /// An answer that is no 429: the registry takes requests.
    pub(crate) fn went_well(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).since = None;
    }

    /// An answer of 429, with what its `Retry-After` says. Whether it is worth to ask again within this time.
    pub(crate) fn too_fast(&self, retry_after: Option<&str>, left: Duration, now: Instant) -> bool {
        let wait = retry_after.and_then(|text| asked(text, time::OffsetDateTime::now_utc())).unwrap_or(USUAL);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, longest) = state.since.unwrap_or((now, wait));
        let longest = longest.max(wait);
        state.since = Some((since, longest));
        if now.duration_since(since) > PATIENCE + longest * 2 {
            // It takes no request at any pace, and the run need not be slow to say so.
            (state.learnt, state.held) = (None, None);
            return false;
        }
        if wait >= left {
            return false;
        }
        state.held = state.held.max(Some(now + wait));
        let slower = match state.learnt {
            None => Some(CAREFUL),
            // Requests that were under way say the same once more.
            Some((_, at)) if now.duration_since(at) < USUAL => None,
            Some((pause, _)) => Some((pause * 2).min(SLOWEST)),
        };
        if let Some(pause) = slower {
            state.learnt = Some((pause, now));
        }
        true
    }
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3).
fn asked(text: &str, now: time::OffsetDateTime) -> Option<Duration> {
    use time::format_description::well_known::Rfc2822;
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = time::OffsetDateTime::parse(&text.trim().replace("GMT", "+0000"), &Rfc2822).ok()?;
    Some((date - now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// The milliseconds after `from` at which each request goes, where each is sent as soon as it may be.
    fn times(pace: &Pace, from: Instant, methods: &[&str]) -> Vec<u128> {
        let mut now = from;
        let mut send = |method: &&str| {
            now = pace.next(method, now);
            now.duration_since(from).as_millis()
        };
        methods.iter().map(&mut send).collect()
    }

    #[test]
    fn requests_are_as_far_apart_as_the_rate_says_and_each_method_has_its_own() {
        let (pace, began) = (Pace::new(&[(None, 10.0), (Some("PUT".to_owned()), 2.0)]), Instant::now());
        assert_eq!(times(&pace, began, &["GET"; 4]), [0, 100, 200, 300]);
        assert_eq!(times(&pace, began + LONG, &["put", "PUT", "GET", "PUT"]), [0, 500, 600, 1000]);
        assert_eq!(times(&Pace::default(), began, &["GET"; 3]), [0, 0, 0]);
        assert_eq!(pace.time_of(10), Duration::from_secs(5));
    }

    #[test]
    fn what_the_registry_asks_to_wait_is_waited_by_all_and_what_follows_is_slower() {
        let (pace, began) = (Pace::default(), Instant::now());
        assert!(pace.too_fast(Some("3"), LONG, began));
        assert_eq!(pace.held_at(began), Some(began + Duration::from_secs(3)));
        assert_eq!(times(&pace, began, &["GET"; 3]), [3000, 3100, 3200]);
        pace.went_well();
        let later = began + LONG;
        assert!(pace.too_fast(None, LONG, later), "without Retry-After");
        assert_eq!(times(&pace, later, &["GET"; 3]), [1000, 1200, 1400]);
    }

    #[test]
    fn nothing_waits_longer_than_it_has_time_or_for_a_registry_that_never_takes_a_request() {
        let (pace, began) = (Pace::default(), Instant::now());
        assert!(!pace.too_fast(Some("3600"), LONG, began));
        let (pace, mut now) = (Pace::default(), began);
        while pace.too_fast(Some("1"), LONG, now) {
            now = pace.next("GET", now).max(now + Duration::from_millis(1));
        }
        assert!((8..12).contains(&now.duration_since(began).as_secs()), "{:?}", now.duration_since(began));
        let later = now + LONG;
        assert_eq!(times(&pace, later, &["GET"; 3]), [0, 0, 0], "and what is undecided is told at once");
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        let now = time::macros::datetime!(1994-11-06 08:49:30 UTC);
        assert_eq!(asked("7", now), Some(Duration::from_secs(7)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(7)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(asked("soon", now), None);
    }
}
