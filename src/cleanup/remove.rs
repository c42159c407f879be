//! Removes row and files of proven runs, in short transactions.

use std::sync::Arc;

use crate::archive::{Proof, ProvenFile};
use crate::error::Result;
use crate::fail_point;
use crate::fastflow::{AuditEntry, HeldBlocks, LogsDir, Removal, Store};
use crate::plan::PlannedRun;
use crate::run::RunId;

/// Removes runs from the instance.
pub struct Remover {
    store: Box<dyn Store>,
    logs: Arc<LogsDir>,
}

impl Remover {
    /// A remover for the instance; `store` must be open for writing.
    pub fn new(store: Box<dyn Store>, logs: Arc<LogsDir>) -> Remover {
        Remover { store, logs }
    }

    /// Makes the removal of these runs' files durable: from then on the ledger may say that they are gone.
    pub fn sync<'a>(&self, removed: impl Iterator<Item = &'a PlannedRun>) -> Result<()> {
        self.logs.sync_folders(removed.flat_map(|run| run.files.iter().map(|file| &file.path)))
    }

    /// Spends the proofs; the outcomes are in their order. A run that changed, or whose files cannot be removed, keeps its
    /// row; what was not reached because the database failed keeps row and files.
    pub fn remove(&mut self, proofs: Vec<Proof>) -> Vec<Result<()>> {
        let removals: Vec<Removal> =
            proofs.iter().map(|proof| Removal { id: proof.run(), fingerprint: proof.fingerprint() }).collect();
        let mut outcomes = Vec::with_capacity(proofs.len());
        let logs = Arc::clone(&self.logs);
        while let Some(rest) = removals.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
            let first = outcomes.len();
            // The blocks of removed files are given back when the lock of the database is.
            let mut held = Vec::new();
            let mut unlink = |index: usize| match proofs.get(first + index) {
                Some(proof) => unlink(&logs, &proof.run(), proof.files()).map(|blocks| held.extend(blocks)),
                None => Ok(()),
            };
            match self.store.remove(rest, &mut unlink) {
                Ok(done) if done.is_empty() => break,
                Ok(done) => {
                    outcomes.extend(done);
                    fail_point::reached("rows-committed");
                }
                Err(error) => outcomes.extend(rest.iter().map(|_| Err(error.repeated()))),
            }
        }
        outcomes
    }

    /// The database.
    pub fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut()
    }

    /// Writes the summary for Fast-Flow's audit page, where it has one.
    pub fn audit(&mut self, entry: &AuditEntry) -> Result<bool> {
        self.store.audit(entry)
    }
}

/// Removes the files of a run, if every one of them still is what was archived; their blocks go when the result is dropped.
pub(super) fn unlink(logs: &LogsDir, run: &RunId, files: &[ProvenFile]) -> Result<Vec<HeldBlocks>> {
    for file in files {
        logs.check_unchanged(&file.path, &file.identity)?;
    }
    let mut held = Vec::with_capacity(files.len());
    for file in files {
        held.extend(logs.remove(&file.path, &file.identity)?);
    }
    logs.remove_route(run)?;
    Ok(held)
}
