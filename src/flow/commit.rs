//! Records proven runs in the ledger, then removes them: many runs with one sync each, the same order for every one.
//!
//! In: [`Proven`] runs as they arrive. Out: their outcomes. Should the process die between removing and recording that, the
//! intention, recorded before, tells the next invocation.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{Outcome, Outcomes, RunOutcome, Stop};
use crate::archive::{Archived, Proof};
use crate::bytes::ByteSize;
use crate::cleanup::Remover;
use crate::error::{Error, Result};
use crate::ledger::{Deletion, Ledger};
use crate::plan::PlannedRun;
use crate::time::Clock;

/// Runs of one batch at most.
const BATCH_RUNS: usize = 100;
/// How long a batch waits for more.
const BATCH_WAIT: Duration = Duration::from_millis(50);

/// A run with its proof.
pub(super) struct Proven {
    planned: PlannedRun,
    proof: Proof,
    bytes: ByteSize,
    objects: u64,
}

impl Proven {
    pub(super) fn sent(planned: PlannedRun, archived: Archived) -> Self {
        Proven { planned, proof: archived.proof, bytes: archived.bytes, objects: archived.objects }
    }
}

/// Records, and for `cleanup` removes.
pub struct Committer {
    /// The ledger, for writing.
    pub ledger: Ledger,
    /// The instance.
    pub remover: Remover,
    /// Whether proven runs are removed: `cleanup`, not `backup`.
    pub deletes: bool,
    /// What time it is.
    pub clock: Clock,
}

impl Committer {
    /// Works until the senders are gone.
    pub(super) fn commit_all(mut self, proven: &Receiver<Proven>, stop: &Stop, outcomes: &Outcomes) -> Self {
        while let Some(batch) = next_batch(proven) {
            for outcome in self.commit(batch, stop) {
                drop(outcomes.send(outcome));
            }
        }
        self
    }

    fn commit(&mut self, batch: Vec<Proven>, stop: &Stop) -> Vec<RunOutcome> {
        let recorded: Vec<_> = batch.iter().map(|run| (&run.planned, &run.proof)).collect();
        if let Err(error) = self.ledger.record(&recorded, self.deletes, self.clock.now()) {
            stop.because(error.repeated());
            let fail = |run: Proven| RunOutcome::refused(run.planned, error.repeated());
            return batch.into_iter().map(fail).collect();
        }
        if !self.deletes {
            return batch.into_iter().map(outcome_of_backup).collect();
        }
        let mut proofs = Vec::with_capacity(batch.len());
        let mut rest = Vec::with_capacity(batch.len());
        for run in batch {
            let was_gone = run.proof.is_resumed() && run.planned.missing_log.is_some();
            proofs.push(run.proof);
            rest.push((run.planned, run.bytes, run.objects, was_gone));
        }
        let removed = self.remover.remove(proofs);
        let ended: Vec<_> = rest.into_iter().zip(removed).collect();
        let deletions: Vec<_> = ended.iter().map(|((planned, ..), removed)| deletion(planned, removed)).collect();
        if let Err(error) = self.ledger.record_deletions(&deletions, self.clock.now()) {
            stop.because(error);
        }
        ended.into_iter().map(|(run, removed)| outcome_of_cleanup(run, removed)).collect()
    }
}

fn deletion<'a>(planned: &'a PlannedRun, removed: &Result<()>) -> Deletion<'a> {
    Deletion { planned, kept: removed.as_ref().err().map(Error::message) }
}

fn outcome_of_backup(run: Proven) -> RunOutcome {
    let outcome = if run.proof.is_resumed() { Outcome::AlreadyArchived } else { Outcome::Archived };
    RunOutcome { planned: run.planned, outcome, deleted: false, error: None, bytes: run.bytes, objects: run.objects }
}

fn outcome_of_cleanup(
    (planned, bytes, objects, was_gone): (PlannedRun, ByteSize, u64, bool),
    removed: Result<()>,
) -> RunOutcome {
    match removed {
        Ok(()) => {
            let outcome = if was_gone { Outcome::AlreadyArchived } else { Outcome::Deleted };
            RunOutcome { planned, outcome, deleted: true, error: None, bytes, objects }
        }
        Err(error) => RunOutcome { bytes, objects, ..RunOutcome::refused(planned, error) },
    }
}

/// Everything that arrives within a short time after the first; `None` when nothing will come any more.
fn next_batch(proven: &Receiver<Proven>) -> Option<Vec<Proven>> {
    let mut batch = vec![proven.recv().ok()?];
    let until = Instant::now() + BATCH_WAIT;
    while batch.len() < BATCH_RUNS {
        match proven.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(run) => batch.push(run),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    Some(batch)
}
