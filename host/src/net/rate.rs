//! So much a second, with a second's worth at once where nobody came for a while.
//! Whoever takes of it is told when his turn is, in the order in which they come.
//! What is taken may be more than a second's worth: it is waited for all the same.
//!
//! It is one time, under a lock that is held for an addition. `governor` has no
//! turns, so that all who wait try again at once, and refuses what is larger than
//! its burst, which a piece of a body may be.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const BURST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Rate {
    per_second: u64,
    /// Until when all is taken.
    taken: Mutex<Instant>,
}

impl Rate {
    pub(super) fn new(per_second: u64, now: Instant) -> Self {
        Self {
            per_second: per_second.max(1),
            taken: Mutex::new(before(now)),
        }
    }

    /// Takes `count` that is there already.
    pub(super) fn take(&self, count: u64, now: Instant) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = self.with(*taken, count, now);
    }

    /// Takes `count`, to be used from the time that is returned, which may be past;
    /// nothing where it would be later than `latest`.
    pub(super) fn take_by(&self, count: u64, now: Instant, latest: Instant) -> Option<Instant> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.with(*taken, count, now);
        if next > latest {
            return None;
        }
        *taken = next;
        Some(next)
    }

    /// Until when all is taken; past where something is left.
    pub(super) fn taken(&self) -> Instant {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, taken: Instant, count: u64, now: Instant) -> Instant {
        let nanos = u128::from(count) * 1_000_000_000 / u128::from(self.per_second);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        taken.max(before(now)) + cost
    }
}

fn before(now: Instant) -> Instant {
    now.checked_sub(BURST).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_comes_at_once_and_the_rest_in_turn() {
        let began = Instant::now();
        let rate = Rate::new(10, began);
        let later = |milliseconds| began + Duration::from_millis(milliseconds);
        let take = |latest| rate.take_by(1, began, latest);
        for n in 0..10 {
            assert!(take(later(0)).is_some_and(|turn| turn <= began), "{n}");
        }
        for n in 1..=20 {
            assert_eq!(take(later(2000)), Some(later(n * 100)));
        }
        assert_eq!(take(later(2000)), None);
        // Who was refused took nothing.
        assert_eq!(take(later(2100)), Some(later(2100)));
        // However long nobody came, it is a second's worth.
        let now = later(60_000);
        assert!(rate.take_by(10, now, now).is_some());
        assert_eq!(rate.take_by(1, now, now), None);
    }

    #[test]
    fn what_is_larger_than_a_second_s_worth_is_waited_for_as_well() {
        let began = Instant::now();
        let rate = Rate::new(1 << 30, began);
        rate.take(4 << 30, began);
        assert_eq!(rate.taken() - began, Duration::from_secs(3));
        for _ in 0..1 << 10 {
            rate.take(1 << 20, began);
        }
        let rounded = rate.taken() - began;
        assert!(rounded > Duration::from_millis(3999), "{rounded:?}");
    }
}
