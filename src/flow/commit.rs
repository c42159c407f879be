//! Records proven runs in the ledger, then removes them: three syncs for many runs, the same order for every one.
//!
//! In: batches of [`Proven`] runs. Out: their outcomes. Should the process die between removing and recording that, the
//! intention, recorded before, tells the next invocation.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::{Outcome, Outcomes, RunOutcome, Stop};
use crate::archive::{Archived, ArchivedHead, Cut, HeadProof, Proof, Receipt};
use crate::bytes::ByteSize;
use crate::cleanup::{Remover, Truncator};
use crate::error::{Error, Result};
use crate::fail_point;
use crate::fastflow::Fingerprint;
use crate::ledger::{Ending, Entry, Ledger};
use crate::plan::PlannedRun;
use crate::time::Clock;

/// Runs of one batch at most.
pub(super) const BATCH_RUNS: usize = 100;
/// How long a batch waits for more: three syncs serve it, however many it has. Nobody waits for a batch but the next call
/// after a crash, which finds this much less recorded.
pub(super) const BATCH_WAIT: Duration = Duration::from_secs(2);

/// A run, and what was sent for it.
struct Sent {
    planned: PlannedRun,
    bytes: ByteSize,
    objects: u64,
}

/// What is proven of a run.
enum Evidence {
    /// All of it.
    Run(Proof),
    /// The head of its log.
    Head(HeadProof),
}

/// A run with its proof.
pub(super) struct Proven {
    sent: Sent,
    evidence: Evidence,
}

impl Proven {
    pub(super) fn run(planned: PlannedRun, archived: Archived) -> Self {
        let sent = Sent { planned, bytes: archived.bytes, objects: archived.objects };
        Proven { sent, evidence: Evidence::Run(archived.proof) }
    }

    pub(super) fn head(planned: PlannedRun, archived: ArchivedHead) -> Self {
        let sent = Sent { planned, bytes: archived.bytes, objects: archived.objects };
        Proven { sent, evidence: Evidence::Head(archived.proof) }
    }

    fn is_resumed(&self) -> bool {
        match &self.evidence {
            Evidence::Run(proof) => proof.is_resumed(),
            Evidence::Head(proof) => proof.is_resumed(),
        }
    }

    fn entry(&self, deletes: bool) -> Entry<'_> {
        let (fingerprint, receipts): (Fingerprint, &[Receipt]) = match &self.evidence {
            Evidence::Run(proof) => (proof.fingerprint(), proof.receipts()),
            Evidence::Head(proof) => (proof.fingerprint(), proof.receipts()),
        };
        let receipts = if self.is_resumed() { &[] } else { receipts };
        let intends_deletion = deletes && matches!(self.evidence, Evidence::Run(_));
        Entry { planned: &self.sent.planned, fingerprint, receipts, intends_deletion }
    }
}

/// Records, and for `cleanup` removes.
pub struct Committer {
    /// The ledger, for writing.
    pub ledger: Ledger,
    /// The instance.
    pub remover: Remover,
    /// Its logs.
    pub truncator: Truncator,
    /// Whether proven runs are removed: `cleanup`, not `backup`.
    pub deletes: bool,
    /// Whether the ledger knows how everything ended; if not, the next invocation finishes it.
    pub is_recorded: bool,
    /// What time it is.
    pub clock: Clock,
}

impl Committer {
    /// Works until the senders are gone.
    pub(super) fn commit_all(mut self, proven: &Receiver<Vec<Proven>>, stop: &Stop, outcomes: &Outcomes) -> Self {
        for batch in proven {
            drop(outcomes.send(self.commit(batch, stop)));
        }
        if let Err(error) = self.ledger.flush(self.clock.now()) {
            self.is_recorded = false;
            stop.because(error);
        }
        fail_point::reached("endings-recorded");
        self
    }

    /// Records what is proven, with the endings of the batch before, and removes it.
    fn commit(&mut self, batch: Vec<Proven>, stop: &Stop) -> Vec<RunOutcome> {
        let entries: Vec<_> = batch.iter().map(|proven| proven.entry(self.deletes)).collect();
        fail_point::reached("run-proven");
        if let Err(error) = self.ledger.record(&entries, self.clock.now()) {
            self.is_recorded = false;
            stop.because(error.repeated());
            let fail = |proven: Proven| RunOutcome::refused(proven.sent.planned, error.repeated());
            return batch.into_iter().map(fail).collect();
        }
        fail_point::reached("receipts-recorded");
        if !self.deletes {
            return batch.into_iter().map(outcome_of_backup).collect();
        }
        let mut ended: Vec<(Sent, Result<Outcome>)> = Vec::with_capacity(batch.len());
        let (mut runs, mut proofs) = (Vec::new(), Vec::new());
        for proven in batch {
            let was_gone = proven.is_resumed() && proven.sent.planned.missing_log.is_some();
            match proven.evidence {
                Evidence::Run(proof) => {
                    runs.push((proven.sent, if was_gone { Outcome::AlreadyArchived } else { Outcome::Deleted }));
                    proofs.push(proof);
                }
                Evidence::Head(proof) => {
                    let cut = self.truncator.truncate(self.remover.store(), proof);
                    ended.push((proven.sent, cut.map(outcome_of_cut)));
                }
            }
        }
        let removed = self.remover.remove(proofs);
        ended.extend(runs.into_iter().zip(removed).map(|((sent, outcome), removed)| (sent, removed.map(|()| outcome))));
        let endings: Vec<_> = ended.iter().map(|(sent, outcome)| (&sent.planned, ending(outcome))).collect();
        match self.remover.sync(endings.iter().map(|(planned, _)| *planned)) {
            Ok(()) => self.ledger.take_endings(endings),
            Err(error) => {
                self.is_recorded = false;
                stop.because(error);
            }
        }
        fail_point::reached("folders-synced");
        ended.into_iter().map(|(sent, outcome)| outcome_of_cleanup(sent, outcome)).collect()
    }
}

fn outcome_of_cut(cut: Cut) -> Outcome {
    match cut {
        Cut::Before(_) => Outcome::Truncated,
        Cut::Whole => Outcome::LogRemoved,
    }
}

fn ending(outcome: &Result<Outcome, Error>) -> Ending {
    match outcome {
        Ok(Outcome::Truncated) => Ending::Truncated,
        Ok(Outcome::LogRemoved) => Ending::LogRemoved,
        Ok(_) => Ending::Done,
        Err(error) => Ending::Kept(error.message()),
    }
}

fn outcome_of_backup(proven: Proven) -> RunOutcome {
    let outcome = if proven.is_resumed() { Outcome::AlreadyArchived } else { Outcome::Archived };
    let Sent { planned, bytes, objects } = proven.sent;
    RunOutcome { planned, outcome, deleted: false, error: None, bytes, objects }
}

fn outcome_of_cleanup(sent: Sent, outcome: Result<Outcome>) -> RunOutcome {
    let Sent { planned, bytes, objects } = sent;
    match outcome {
        Ok(outcome) => {
            let deleted = matches!(outcome, Outcome::Deleted | Outcome::AlreadyArchived);
            RunOutcome { planned, outcome, deleted, error: None, bytes, objects }
        }
        Err(error) => RunOutcome { bytes, objects, ..RunOutcome::refused(planned, error) },
    }
}
