//! Finishes what an invocation began to delete and could not record: it was killed, or the power went.
//!
//! In: the runs whose deletion the ledger says was begun. Out: their endings in the ledger. Where the row is gone, files that
//! came back (a power cut can undo an unlink that was not yet durable) are removed if they still are what the receipts prove;
//! where the row is still there, it is left to the plan.

use super::remove::unlink;
use crate::archive::ProvenFile;
use crate::error::{Result, Warning};
use crate::fastflow::{LogsDir, Store};
use crate::ledger::{LateEnding, Ledger};
use crate::run::RunId;
use crate::time::Timestamp;

/// Brings each deletion in `open` to its end; says what was left lying because it is not what was archived.
pub fn finish_open_deletions(
    ledger: &mut Ledger,
    store: &mut dyn Store,
    logs: &LogsDir,
    open: &[RunId],
    at: Timestamp,
) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    let mut endings = Vec::with_capacity(open.len());
    let mut removed = Vec::new();
    for run in open {
        if store.has(run)? {
            endings.push((*run, LateEnding::StillThere));
            continue;
        }
        let files = proven_files(ledger, logs, run)?;
        if let Err(error) = unlink(logs, run, &files) {
            let message = format!("run {run} is deleted and archived, but a file of it was left: {}", error.message());
            warnings.push(Warning::new("left_behind", message));
        }
        removed.extend(files);
        endings.push((*run, LateEnding::Done));
    }
    logs.sync_folders(removed.iter().map(|file| &file.path))?;
    ledger.close_deletions(&endings, at)?;
    Ok(warnings)
}

/// The files that the receipts of a run were made from.
fn proven_files(ledger: &Ledger, logs: &LogsDir, run: &RunId) -> Result<Vec<ProvenFile>> {
    let receipts = ledger.recorded(run)?.map(|recorded| recorded.receipts).unwrap_or_default();
    let sources = receipts.into_iter().filter(|receipt| !receipt.is_head()).filter_map(|receipt| receipt.source);
    let file = |path: &str| logs.relative(path);
    Ok(sources.filter_map(|source| Some(ProvenFile { path: file(&source.path)?, identity: source.identity })).collect())
}
