//! How the last invocations that archive ended, and whether a head is one of this ledger.
//!
//! In: the ledger. Out: [`LastEnded`]. Reads only.

use super::Ledger;
use super::entry::{Line, What};
use crate::error::Result;
use crate::time::Timestamp;

/// How a `backup` or `cleanup` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEnded {
    /// When.
    pub at: Timestamp,
    /// The subcommand.
    pub command: String,
    /// Its exit code.
    pub exit_code: u8,
}

impl Ledger {
    /// How the last `backup` or `cleanup` ended; with `succeeded` the last one that ended with 0. `None`: there is none.
    pub fn last_ended(&self, succeeded: bool) -> Result<Option<LastEnded>> {
        let Some(body) = self.storage.ended(succeeded)? else { return Ok(None) };
        let Line { at, what, .. } = self.readable(serde_json::from_str(&body).ok())?;
        let What::Ended { exit_code, summary, .. } = what else { return self.readable(None) };
        let command = summary.get("command").and_then(|command| command.as_str()).unwrap_or_default().to_owned();
        Ok(Some(LastEnded { at: self.readable(Timestamp::from_rfc3339(&at))?, command, exit_code }))
    }

    /// Whether an entry has this hash: whether the chain once ended there.
    pub fn knows(&self, head: &str) -> Result<bool> {
        self.storage.knows(head)
    }
}
