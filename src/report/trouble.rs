//! What went wrong, by cause, and what stays on the disk: the part of a report that a message to operators is made of.
//!
//! In: errors, runs and outcomes as the report sees them. Out: one [`Trouble`] for each cause, with a bounded number of
//! named runs, however many failed; the [`Backlog`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bytes::ByteSize;
use crate::error::{Error, Kind};
use crate::flow::{Outcome, RunOutcome, Signal};
use crate::plan::{Backlog, RefusedRun};
use crate::run::{Run, RunId};

/// So many runs are named in all.
pub const NAMED_RUNS: usize = 20;

/// A run that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRun {
    /// Which.
    pub id: RunId,
    /// Its pipeline.
    pub pipeline: Arc<str>,
}

impl From<&Run> for NamedRun {
    fn from(run: &Run) -> Self {
        NamedRun { id: run.id, pipeline: Arc::clone(&run.pipeline) }
    }
}

/// One cause, and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The class.
    pub kind: Kind,
    /// The message of the first error, a fragment that reads after "failed to"; for a signal its name.
    pub message: String,
    /// Runs that failed because of it.
    pub failed: u64,
    /// Runs whose turn did not come because of it.
    pub not_attempted: u64,
    /// The first of them.
    pub named: Vec<NamedRun>,
}

impl Trouble {
    fn new(kind: Kind, message: String) -> Self {
        Trouble { kind, message, failed: 0, not_attempted: 0, named: Vec::new() }
    }

    /// Failed runs, and runs that were not attempted.
    pub fn runs(&self) -> u64 {
        self.failed + self.not_attempted
    }

    fn name(&mut self, runs: impl IntoIterator<Item = NamedRun>) {
        let room = NAMED_RUNS.saturating_sub(self.named.len());
        self.named.extend(runs.into_iter().take(room));
    }
}

/// Collects troubles.
#[derive(Default)]
pub(super) struct Troubles {
    by_kind: BTreeMap<Kind, Trouble>,
    not_attempted: u64,
    not_attempted_named: Vec<NamedRun>,
}

impl Troubles {
    /// An error, and the run that it concerns.
    pub(super) fn add(&mut self, error: &Error, run: Option<&Run>) {
        self.add_row(error, run.map(NamedRun::from));
        if run.is_some()
            && let Some(trouble) = self.by_kind.get_mut(&error.kind)
        {
            trouble.failed += 1;
        }
    }

    /// An error that concerns a row which is not readable as a run.
    pub(super) fn add_row(&mut self, error: &Error, run: Option<NamedRun>) {
        let trouble = self.by_kind.entry(error.kind).or_insert_with(|| Trouble::new(error.kind, error.message()));
        trouble.name(run);
    }

    /// A run whose turn did not come.
    pub(super) fn not_attempted(&mut self, run: &Run) {
        self.not_attempted += 1;
        if self.not_attempted_named.len() < NAMED_RUNS {
            self.not_attempted_named.push(run.into());
        }
    }

    /// One trouble for each cause: first what ended the work, then the others, the most runs first. What the store failed
    /// with is one cause, whatever the number of messages.
    pub(super) fn causes(&self, fatal: Option<Kind>, cause: Option<&Error>, signal: Option<Signal>) -> Vec<Trouble> {
        let mut others = self.by_kind.clone();
        let mut first = match (cause, signal) {
            (Some(cause), _) => Some(Trouble::new(cause.kind, cause.message())),
            (None, Some(signal)) => Some(Trouble::new(Kind::Interrupted, signal_name(signal).to_owned())),
            (None, None) => None,
        };
        let stored: Vec<Kind> = others.keys().copied().filter(|kind| kind.is_storage()).collect();
        if first.is_none() && stored.len() > 1 {
            first = stored
                .iter()
                .filter_map(|kind| others.get(kind))
                .max_by_key(|trouble| trouble.failed)
                .map(|most| Trouble { failed: 0, named: Vec::new(), ..most.clone() });
        }
        if let Some(first) = &mut first {
            let stops = first.kind;
            let merged = others.extract_if(.., |kind, _| *kind == stops || (stops.is_storage() && kind.is_storage()));
            for (_, trouble) in merged.collect::<Vec<_>>() {
                first.failed += trouble.failed;
                first.name(trouble.named);
            }
        }
        let mut rest: Vec<Trouble> = others.into_values().collect();
        rest.sort_by_key(|trouble| (Some(trouble.kind) != fatal, std::cmp::Reverse(trouble.runs())));
        let mut all: Vec<Trouble> = first.into_iter().chain(rest).collect();
        if let Some(first) = all.first_mut() {
            first.not_attempted = self.not_attempted;
            first.name(self.not_attempted_named.iter().cloned());
        }
        all
    }
}

fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Interrupt => "SIGINT",
        Signal::Terminate => "SIGTERM",
    }
}

/// Counts what is left while outcomes come in.
#[derive(Default)]
pub(super) struct Remaining {
    at_first: Backlog,
    refused: Backlog,
    gone: Backlog,
    kept: Backlog,
}

impl Remaining {
    pub(super) fn add_due(&mut self, due: Backlog) {
        self.at_first += due;
    }

    pub(super) fn add_refused(&mut self, refused: &RefusedRun) {
        self.refused += Backlog::of(&refused.run, ByteSize::default());
    }

    pub(super) fn count(&mut self, ended: &RunOutcome) {
        let one = Backlog::of(&ended.planned.run, ended.planned.bytes());
        if matches!(ended.outcome, Outcome::Failed | Outcome::Kept | Outcome::NotAttempted | Outcome::Due) {
            self.kept += one;
        } else {
            self.gone += one;
        }
    }

    pub(super) fn backlog(&self) -> Backlog {
        // While some have not ended, the oldest may be among those.
        let all_seen = self.kept.runs + self.gone.runs >= self.at_first.runs;
        let mut left = Backlog {
            runs: self.at_first.runs.saturating_sub(self.gone.runs),
            bytes: ByteSize(self.at_first.bytes.0.saturating_sub(self.gone.bytes.0)),
            oldest: if all_seen { self.kept.oldest } else { self.at_first.oldest },
        };
        left += self.refused;
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Status;
    use crate::time::Timestamp;

    fn run(number: u8) -> Run {
        let at = Timestamp::from_micros(i64::from(number));
        Run {
            id: [number; 16].into(),
            pipeline: "etl".into(),
            status: Status::Success,
            started_at: at,
            finished_at: None,
            position: 0,
        }
    }

    #[test]
    fn what_the_store_fails_with_is_one_cause_with_all_its_runs() {
        let mut troubles = Troubles::default();
        for number in 0..5 {
            troubles.add(&Error::new(Kind::StorageUnreachable, "upload"), Some(&run(number)));
        }
        troubles.add(&Error::new(Kind::StorageFailing, "upload"), Some(&run(5)));
        troubles.add(&Error::new(Kind::LogMissing, "find"), Some(&run(6)));
        (7..43).for_each(|number| troubles.not_attempted(&run(number)));
        let cause = Error::new(Kind::StorageUnreachable, "upload `x`: refused");
        let causes = troubles.causes(None, Some(&cause), None);
        let counts: Vec<_> = causes.iter().map(|cause| (cause.kind, cause.failed, cause.not_attempted)).collect();
        assert_eq!(counts, [(Kind::StorageUnreachable, 6, 36), (Kind::LogMissing, 1, 0)]);
        assert_eq!(causes[0].message, "upload `x`: refused");
        assert_eq!(causes[0].named.len(), NAMED_RUNS);
        assert_eq!(troubles.causes(None, None, None)[0].failed, 6, "also where nothing stopped");
    }
}
