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
use crate::ledger::{Ledger, RecordedHead};
use crate::plan::{KeptRuns, PlannedRun};
use crate::printable::shortened;

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
    /// Reads until everything is read, or until a stop; what is left then has not been attempted.
    pub(super) fn feed(mut self, stop: &Stop, fed: &Sender<Fed>, outcomes: &Outcomes) {
        for planned in std::mem::take(&mut self.due) {
            let planned = match planned {
                Ok(planned) => planned,
                Err(error) => return stop.because(error),
            };
            if stop.is_set() {
                drop(outcomes.send(RunOutcome::unsent(planned, Outcome::NotAttempted, None)));
                continue;
            }
            match self.prepare(&planned) {
                Ok(Ready::Send { record, cells, heads }) => {
                    let is_cut = planned.is_cut();
                    let prepared = Box::new(Prepared { planned, record: *record, cells, heads });
                    drop(fed.blocking_send(if is_cut { Fed::ToCut(prepared) } else { Fed::ToSend(prepared) }));
                }
                Ok(Ready::ProvenHead(proof)) => {
                    drop(fed.blocking_send(Fed::ProvenHead(Box::new((planned, proof)))));
                }
                Ok(Ready::Proven(proof)) => drop(fed.blocking_send(Fed::Proven(Box::new((planned, proof))))),
                Err(error) => {
                    if error.kind == Kind::LedgerFailed {
                        stop.because(error.repeated());
                    }
                    drop(outcomes.send(RunOutcome::refused(planned, error)));
                }
            }
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
        let heads = self.heads(planned)?;
        if let (Some(log), true) = (planned.files.first(), planned.is_cut()) {
            return Ok(match self.proven_head(planned, log, &record)? {
                Some(proof) => Ready::ProvenHead(proof),
                None => Ready::Send { record: Box::new(record), cells, heads },
            });
        }
        if let Some(recorded) = self.ledger.recorded(&id)? {
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

    /// What was cut off the run's log before, in order. A head that was archived by an invocation that was cut off before it
    /// could cut is still in the log, which then is the file that the head was made from.
    fn heads(&self, planned: &PlannedRun) -> Result<Vec<Receipt>> {
        let log = planned.files.iter().find(|file| file.name == FileName::Log).map(|file| &file.identity);
        let is_in_log = |head: &RecordedHead| {
            let source = head.receipt.source.as_ref().map(|source| &source.identity);
            !head.is_cut_off && log.zip(source).is_some_and(|(log, source)| log.is_same_file(source))
        };
        let heads = self.ledger.heads(&planned.run.id)?.into_iter();
        Ok(heads.filter(|head| !is_in_log(head)).map(|head| head.receipt).collect())
    }

    /// What the ledger proves of the head of a log that is to be cut.
    fn proven_head(&self, planned: &PlannedRun, log: &PlannedFile, record: &Record) -> Result<Option<HeadProof>> {
        let Some(recorded) = self.ledger.recorded(&planned.run.id)? else { return Ok(None) };
        let (now, then, level) = (record.fingerprint, recorded.fingerprint, self.archiver.level());
        Ok(self.archiver.with_place(&planned.run, |place| {
            HeadProof::from_receipts(planned.run.id, now, then, recorded.receipts, log, &place, level)
        }))
    }
}

enum Ready {
    Send { record: Box<Record>, cells: SpooledTempFile, heads: Vec<Receipt> },
    Proven(Proof),
    ProvenHead(HeadProof),
}
