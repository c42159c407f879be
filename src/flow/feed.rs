//! Reads ahead: for each planned run its row, its cells, and what the ledger already proves of it.
//!
//! In: the plan's runs. Out: [`Fed`] runs, ready to be sent or proven already; outcomes for those that cannot go on.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::SpooledTempFile;
use tokio::sync::mpsc::Sender;

use super::{Outcome, Outcomes, RunOutcome, Stop};
use crate::archive::{Archiver, HeadProof, Prepared, Proof, Receipt};
use crate::error::{Error, Kind, Result};
use crate::fastflow::{FileName, LogsDir, PlannedFile, Record, Store};
use crate::ledger::{Ledger, Recorded, RecordedHead};
use crate::plan::{KeptRuns, PlannedRun};
use crate::printable::shortened;

/// Runs that are handed over together at most.
pub(super) const MOST_TOGETHER: usize = 8;
/// Cells up to here wait in memory, longer ones in an unnamed file.
const CELLS_IN_MEMORY: usize = 256 << 10;

/// A run that is ready.
pub(super) enum Fed {
    /// To be sent.
    ToSend(Box<Prepared>),
    /// The head of its log is to be sent.
    ToCut(Box<Prepared>),
    /// Receipts of an earlier invocation prove the head of its log.
    ProvenHead(Box<(PlannedRun, HeadProof)>),
    /// Receipts of an earlier invocation prove it.
    Proven(Box<(PlannedRun, Proof)>),
}

impl Fed {
    pub(super) fn into_planned(self) -> PlannedRun {
        match self {
            Fed::ToSend(prepared) | Fed::ToCut(prepared) => prepared.planned,
            Fed::ProvenHead(proven) => proven.0,
            Fed::Proven(proven) => proven.0,
        }
    }
}

/// Reads the runs of a plan, in their order.
pub struct Feeder {
    /// The plan's runs.
    pub due: KeptRuns,
    /// Where its files are.
    pub logs: Arc<LogsDir>,
    /// The database, for reading.
    pub store: Box<dyn Store>,
    /// The ledger, for reading.
    pub ledger: Ledger,
    /// Knows where objects have to be.
    pub archiver: Arc<Archiver>,
    /// Where long cells wait: a folder as private as the instance itself.
    pub spool_dir: PathBuf,
    /// Whether a run without its log may be archived.
    pub allow_missing_logs: bool,
}

impl Feeder {
    /// Reads until everything is read, or until a stop; what is left then has not been attempted. Hands over at most
    /// `together` runs at a time.
    pub(super) fn feed(mut self, stop: &Stop, together: usize, fed: &Sender<Vec<Fed>>, outcomes: &Outcomes) {
        // The first goes alone, so that sending begins at once.
        let (mut ready, mut enough) = (Vec::new(), 1);
        for planned in std::mem::take(&mut self.due) {
            let planned = match planned {
                Ok(planned) => planned,
                Err(error) => {
                    stop.because(error);
                    break;
                }
            };
            if stop.is_set() {
                drop(outcomes.send(vec![RunOutcome::unsent(planned, Outcome::NotAttempted, None)]));
                continue;
            }
            match self.prepare(&planned) {
                Ok(found) => ready.push(found.with(planned)),
                Err(error) => {
                    if error.kind == Kind::LedgerFailed {
                        stop.because(error.repeated());
                    }
                    drop(outcomes.send(vec![RunOutcome::refused(planned, error)]));
                }
            }
            if ready.len() >= enough {
                drop(fed.blocking_send(std::mem::take(&mut ready)));
                enough = (enough * 2).min(together);
            }
        }
        if !ready.is_empty() {
            drop(fed.blocking_send(ready));
        }
    }

    fn prepare(&mut self, planned: &PlannedRun) -> Result<Ready> {
        let id = planned.run.id;
        let mut cells = tempfile::spooled_tempfile_in(CELLS_IN_MEMORY, &self.spool_dir);
        let Some(record) = self.store.record(&id, &mut cells)? else {
            return Err(Error::new(
                Kind::RunChanged,
                format!("archive run {id}: its row is gone since it was planned"),
            ));
        };
        let (recorded, heads) = self.ledger.history(&id)?;
        let heads = still_apart(planned, heads);
        if let (Some(log), true) = (planned.files.first(), planned.is_cut()) {
            let proven = recorded.and_then(|recorded| self.proven_head(planned, log, &record, recorded));
            return Ok(match proven {
                Some(proof) => Ready::ProvenHead(proof),
                None => Ready::Send { record: Box::new(record), cells, heads },
            });
        }
        if let Some(recorded) = recorded {
            let level = self.archiver.level();
            let proof = self.archiver.with_place(&planned.run, |place| {
                let (now, then) = (record.fingerprint, recorded.fingerprint);
                Proof::from_receipts(id, now, then, recorded.receipts, &planned.files, &place, level)
            });
            if let Some(proof) = proof.filter(|proof| planned.missing_log.is_none() || proof.has_log()) {
                return Ok(Ready::Proven(proof));
            }
        }
        match &planned.missing_log {
            Some(path) if !self.allow_missing_logs && !self.ledger.is_log_removed(&id)? => {
                let path = self.logs.path_of(path);
                let message =
                    format!("archive run {id}: its log `{}` is not there", shortened(&path.to_string_lossy()));
                Err(Error::new(Kind::LogMissing, message)
                    .hint("the run is left alone; --allow-missing-logs archives and deletes it with what there is"))
            }
            _ => Ok(Ready::Send { record: Box::new(record), cells, heads }),
        }
    }

    /// What the ledger proves of the head of a log that is to be cut.
    fn proven_head(
        &self,
        planned: &PlannedRun,
        log: &PlannedFile,
        record: &Record,
        recorded: Recorded,
    ) -> Option<HeadProof> {
        let (now, then, level) = (record.fingerprint, recorded.fingerprint, self.archiver.level());
        self.archiver.with_place(&planned.run, |place| {
            HeadProof::from_receipts(planned.run.id, now, then, recorded.receipts, log, &place, level)
        })
    }
}

/// What was cut off the run's log before, in order. A head that was archived by an invocation that was cut off before it
/// could cut is still in the log, which then is the file that the head was made from.
fn still_apart(planned: &PlannedRun, heads: Vec<RecordedHead>) -> Vec<Receipt> {
    let log = planned.files.iter().find(|file| file.name == FileName::Log).map(|file| &file.identity);
    let is_in_log = |head: &RecordedHead| {
        let source = head.receipt.source.as_ref().map(|source| &source.identity);
        !head.is_cut_off && log.zip(source).is_some_and(|(log, source)| log.is_same_file(source))
    };
    heads.into_iter().filter(|head| !is_in_log(head)).map(|head| head.receipt).collect()
}

enum Ready {
    Send { record: Box<Record>, cells: SpooledTempFile, heads: Vec<Receipt> },
    Proven(Proof),
    ProvenHead(HeadProof),
}

impl Ready {
    fn with(self, planned: PlannedRun) -> Fed {
        match self {
            Ready::Send { record, cells, heads } => {
                let is_cut = planned.is_cut();
                let prepared = Box::new(Prepared { planned, record: *record, cells, heads });
                if is_cut { Fed::ToCut(prepared) } else { Fed::ToSend(prepared) }
            }
            Ready::ProvenHead(proof) => Fed::ProvenHead(Box::new((planned, proof))),
            Ready::Proven(proof) => Fed::Proven(Box::new((planned, proof))),
        }
    }
}
