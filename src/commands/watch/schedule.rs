//! When runs start: at multiples of the interval since the first one, never at the same time, without drift.
//!
//! Knows no clock: the caller tells how much time has passed.

use std::time::Duration;

/// The starts.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    next: u32,
}

impl Schedule {
    /// The first run starts at once. The interval is longer than nothing.
    pub(super) fn new(interval: Duration) -> Schedule {
        Schedule { interval, next: 0 }
    }

    /// When the next run is to start.
    pub(super) fn next(&self) -> Duration {
        self.interval.saturating_mul(self.next)
    }

    /// The run has ended, so long after the first start; answers how many starts it has missed.
    pub(super) fn ended(&mut self, at: Duration) -> u64 {
        let due = at.as_nanos().div_ceil(self.interval.as_nanos().max(1));
        let due = u32::try_from(due).unwrap_or(u32::MAX);
        let following = self.next.saturating_add(1);
        self.next = due.max(following);
        u64::from(self.next - following)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn starts_are_multiples_of_the_interval_however_long_a_run_takes() {
        let mut schedule = Schedule::new(ms(300));
        assert_eq!(schedule.next(), ms(0));
        // When a run ended, when the next one starts, and what was missed between.
        for (ended, next, missed) in
            [(1, 300, 0), (599, 600, 0), (900, 900, 0), (1201, 1500, 1), (1510, 1800, 0), (3601, 3900, 6)]
        {
            assert_eq!(schedule.ended(ms(ended)), missed, "{ended}");
            assert_eq!(schedule.next(), ms(next), "{ended}");
        }
    }

    #[test]
    fn a_run_that_ends_before_its_time_is_not_followed_at_once() {
        let mut schedule = Schedule::new(ms(1000));
        assert_eq!((schedule.ended(ms(0)), schedule.next()), (0, ms(1000)));
        // The clock of a machine under load may be late, and never early.
        assert_eq!((schedule.ended(ms(999)), schedule.next()), (0, ms(2000)));
    }
}
