//! How the last invocations that archive ended, and whether a head is one of this ledger.
//!
//! In: the ledger. Out: [`LastEnded`]. Reads only.

use rusqlite::OptionalExtension as _;

use super::{Ledger, failed};
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
        let only = if succeeded { "AND json_extract(body, '$.exit_code') = 0" } else { "" };
        let sql = format!(
            "SELECT json_extract(body, '$.at'), json_extract(body, '$.summary.command'), json_extract(body, '$.exit_code') \
             FROM entries WHERE entry = 'ended' AND json_extract(body, '$.summary.command') IN ('backup', 'cleanup') {only} \
             ORDER BY seq DESC LIMIT 1"
        );
        let read = self
            .connection
            .query_row(&sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, u8>(2)?)));
        let found = read.optional().map_err(|error| failed(&self.path, error))?;
        found
            .map(|(at, command, exit_code)| {
                Ok(LastEnded { at: self.readable(Timestamp::from_rfc3339(&at))?, command, exit_code })
            })
            .transpose()
    }

    /// Whether an entry has this hash: whether the chain once ended there.
    pub fn knows(&self, head: &str) -> Result<bool> {
        let read = || self.connection.prepare("SELECT 1 FROM entries WHERE hash = ?")?.exists([head]);
        read().map_err(|error| failed(&self.path, error))
    }
}
