//! How fast bytes may leave: a schedule that every request body asks before each piece (`--bwlimit`).
//!
//! In: the rate. Out: the instant at which the next piece may go. Nothing waits here, and nothing is saved up: after a pause
//! it does not go faster.

use std::num::NonZeroU64;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Pieces are as long as the rate gives in this time, so that many requests share it evenly.
const PIECE: Duration = Duration::from_millis(50);
const SHORTEST_PIECE: u64 = 1 << 10;
const LONGEST_PIECE: u64 = 256 << 10;

/// The schedule of one bucket.
#[derive(Debug)]
pub(super) struct Throttle {
    bytes_per_second: NonZeroU64,
    next_at: Mutex<Instant>,
}

impl Throttle {
    pub(super) fn new(bytes_per_second: NonZeroU64) -> Throttle {
        Throttle { bytes_per_second, next_at: Mutex::new(Instant::now()) }
    }

    /// How long a piece of a body should be.
    pub(super) fn piece_bytes(&self) -> u64 {
        let piece = self.bytes_per_second.get() * PIECE.as_millis() as u64 / 1000;
        piece.clamp(SHORTEST_PIECE, LONGEST_PIECE)
    }

    /// Takes the next place in the schedule for so many bytes; they may go at the instant that comes back.
    pub(super) fn reserve(&self, bytes: u64, now: Instant) -> Instant {
        let mut next_at = self.next_at.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let at = now.max(*next_at);
        *next_at = at + self.time_for(bytes);
        at
    }

    /// What so many bytes need if nobody else sends.
    pub(super) fn time_for(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes_per_second.get() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_at_the_rate_and_a_pause_saves_nothing_up() {
        let throttle = Throttle::new(NonZeroU64::new(1 << 20).unwrap());
        let start = Instant::now() + Duration::from_secs(1);
        let at: Vec<_> = (0..4).map(|_| throttle.reserve(1 << 19, start) - start).collect();
        assert_eq!(at, [0, 500, 1000, 1500].map(Duration::from_millis));
        let later = start + Duration::from_secs(60);
        assert_eq!(
            [throttle.reserve(1 << 20, later), throttle.reserve(1, later)],
            [later, later + Duration::from_secs(1)]
        );
    }

    #[test]
    fn a_piece_is_a_twentieth_of_a_second() {
        let piece = |rate| Throttle::new(NonZeroU64::new(rate).unwrap()).piece_bytes();
        assert_eq!([1, 1 << 20, 1 << 40].map(piece), [1 << 10, (1 << 20) / 20, 256 << 10]);
    }
}
