//! How much is due: runs, the weight of their files, the age of the oldest.
//!
//! In: due runs. Out: [`Backlog`], which adds up.

use std::ops::AddAssign;

use crate::bytes::ByteSize;
use crate::run::Run;
use crate::time::Timestamp;

/// What is due, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Runs.
    pub runs: usize,
    /// What their files weigh; those of refused runs are not weighed.
    pub bytes: ByteSize,
    /// When the oldest of them ended; `None` where there is none.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    /// One run, whose files weigh so much.
    pub fn of(run: &Run, bytes: ByteSize) -> Backlog {
        Backlog { runs: 1, bytes, oldest: Some(run.aged_from()) }
    }
}

impl AddAssign for Backlog {
    fn add_assign(&mut self, more: Backlog) {
        self.runs += more.runs;
        self.bytes += more.bytes;
        self.oldest = self.oldest.into_iter().chain(more.oldest).min();
    }
}
