//! Reads ahead: for each planned run its row, its cells, and what the ledger already proves of it.
//!
//! In: the plan's runs. Out: [`Fed`] runs, ready to be sent or proven already; outcomes for those that cannot go on.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::SpooledTempFile;
use tokio::sync::mpsc::Sender;

use super::{Outcome, Outcomes, RunOutcome, Stop};
use crate::archive::{Archiver, Prepared, Proof};
use crate::error::{Error, Kind, Result};
use crate::fastflow::{Record, Store};
use crate::ledger::Ledger;
use crate::plan::PlannedRun;

/// Cells up to here wait in memory, longer ones in an unnamed file.
const CELLS_IN_MEMORY: usize = 256 << 10;

/// A run that is ready.
pub(super) enum Fed {
    /// To be sent.
    ToSend(Box<Prepared>),
    /// Receipts of an earlier invocation prove it.
    Proven(Box<(PlannedRun, Proof)>),
}

impl Fed {
    pub(super) fn into_planned(self) -> PlannedRun {
        match self {
            Fed::ToSend(prepared) => prepared.planned,
            Fed::Proven(proven) => proven.0,
        }
    }
}

/// Reads the runs of a plan, in their order.
pub struct Feeder {
    /// The plan's runs.
    pub due: Vec<PlannedRun>,
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
            if stop.is_set() {
                drop(outcomes.send(RunOutcome::unsent(planned, Outcome::NotAttempted, None)));
                continue;
            }
            match self.prepare(&planned) {
                Ok(Ready::Send(record, cells)) => {
                    let prepared = Prepared { planned, record: *record, cells };
                    drop(fed.blocking_send(Fed::ToSend(Box::new(prepared))));
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
            Some(path) if !self.allow_missing_logs => {
                let message = format!("archive run {id}: its log `{}` is not there", path.display());
                Err(Error::new(Kind::LogMissing, message)
                    .hint("the run is left alone; --allow-missing-logs archives and deletes it with what there is"))
            }
            _ => Ok(Ready::Send(Box::new(record), cells)),
        }
    }
}

enum Ready {
    Send(Box<Record>, SpooledTempFile),
    Proven(Proof),
}
