//! What pipelines have more of than is kept.
//!
//! In: all runs, then the finished ones, the oldest first. Out: whether a run is one too many, at once and later.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::order::by_start;
use crate::run::{Run, RunId};
use crate::time::Timestamp;

/// The runs of each pipeline, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Excess(HashMap<Arc<str>, Tally, RandomState>);

/// What is counted of a pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tally {
    /// All its runs.
    runs: u64,
    /// Its finished runs that have been gone through.
    finished: u64,
    /// The last of them that are more than is kept.
    last: Option<(Timestamp, RunId)>,
}

impl Excess {
    /// Counts all runs.
    pub(super) fn count(runs: &[Run]) -> Excess {
        let mut tallies: HashMap<Arc<str>, Tally, RandomState> = HashMap::default();
        for run in runs {
            match tallies.get_mut(&run.pipeline) {
                Some(tally) => tally.runs += 1,
                None => drop(tallies.insert(Arc::clone(&run.pipeline), Tally { runs: 1, ..Tally::default() })),
            }
        }
        Excess(tallies)
    }

    /// Whether a pipeline has any run.
    pub(super) fn knows(&self, pipeline: &str) -> bool {
        self.0.contains_key(pipeline)
    }

    /// Takes the next finished run, the oldest first; whether it is one of those that are more than is kept.
    pub(super) fn takes(&mut self, run: &Run, kept: u64) -> bool {
        let Some(tally) = self.0.get_mut(&run.pipeline) else { return false };
        tally.finished += 1;
        let is_excess = tally.finished <= tally.runs.saturating_sub(kept);
        if is_excess {
            tally.last = Some(by_start(run));
        }
        is_excess
    }

    /// How many runs the pipeline of a finished run has, where it is one of those that are more than is kept.
    pub(super) fn of(&self, run: &Run) -> Option<u64> {
        let tally = self.0.get(&run.pipeline).filter(|tally| tally.last >= Some(by_start(run)))?;
        Some(tally.runs)
    }
}
