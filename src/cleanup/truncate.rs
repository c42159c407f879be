//! Cuts a log whose head is proven to be in the archive: what is left begins with a line.

use std::sync::Arc;

use crate::archive::{Cut, HeadProof};
use crate::error::{Error, Kind, Result};
use crate::fastflow::{LogsDir, Store};

/// Cuts logs of the instance.
pub struct Truncator {
    logs: Arc<LogsDir>,
}

impl Truncator {
    /// A truncator for the log directory.
    pub fn new(logs: Arc<LogsDir>) -> Truncator {
        Truncator { logs }
    }

    /// Spends the proof: cuts the log, or removes it where it cannot be cut. The run must be as it was when its head was
    /// archived, which also says that it is finished.
    pub fn truncate(&self, store: &mut dyn Store, proof: HeadProof) -> Result<Cut> {
        let run = proof.run();
        let record = store.record(&run, &mut std::io::sink())?;
        if record.is_none_or(|record| record.fingerprint != proof.fingerprint()) {
            let message = format!("cut the log of run {run}: the row changed while its head was archived");
            return Err(Error::new(Kind::RunChanged, message).hint("nothing is lost; the next call looks at it anew"));
        }
        let log = proof.log();
        match proof.cut() {
            Cut::Before(byte) => self.logs.keep_tail(&log.path, &log.identity, byte)?,
            Cut::Whole => drop(self.logs.remove(&log.path, &log.identity)?),
        }
        Ok(proof.cut())
    }
}
