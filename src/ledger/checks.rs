//! What `verify` asks of the ledger: every run with the newest receipt of each of its objects, and when it was last read.
//!
//! In: a selection, an order. Out: runs, one by one. When a run's bytes were last read and hashed is remembered in the table
//! `checks`, which is no evidence and may change.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::entry::{ArchivedLine, ReceiptLine, What};
use super::{ArchivedRun, FILE_NAME, Ledger, failed};
use crate::archive::Receipt;
use crate::error::{Error, Kind, Result};
use crate::run::RunId;
use crate::time::Timestamp;

/// Another invocation may be writing; what cannot be remembered is checked again.
const BUSY: Duration = Duration::from_secs(5);

/// Which runs.
#[derive(Debug, Clone, Default)]
pub struct Selected {
    /// Of these pipelines; empty: of all.
    pub pipelines: Vec<String>,
    /// These; empty: all.
    pub runs: Vec<RunId>,
    /// Archived before this.
    pub archived_before: Option<Timestamp>,
    /// At most so many: the first in the order, which is that of archiving where it would be by id.
    pub limit: Option<u64>,
}

impl Selected {
    /// Whether some runs may be left out.
    pub fn is_narrowed(&self) -> bool {
        !self.pipelines.is_empty() || !self.runs.is_empty() || self.archived_before.is_some() || self.limit.is_some()
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By id.
    Id,
    /// The least recently read first, and among equals by chance; the seed repeats it.
    LeastRecentlyRead(u32),
}

impl Ledger {
    /// How many archived runs are selected.
    pub fn count_archived(&self, selected: &Selected) -> Result<u64> {
        let mut count = 0;
        self.each_id(selected, Order::Id, |_| {
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    }

    /// Hands over each selected run with the newest receipt of each of its objects, also of those that an earlier state of
    /// the run left behind, until `each` says `false`; memory does not grow.
    pub fn each_archived(
        &self,
        selected: &Selected,
        order: Order,
        mut each: impl FnMut(ArchivedRun) -> Result<bool>,
    ) -> Result<()> {
        self.each_id(selected, order, |id| each(self.newest_receipts(self.readable(id.parse().ok())?)?))
    }

    fn newest_receipts(&self, run: RunId) -> Result<ArchivedRun> {
        let mut newest: HashMap<(String, String, String), usize> = HashMap::new();
        let mut receipts: Vec<Option<Receipt>> = Vec::new();
        let (mut pipeline, mut rule) = (String::new(), String::new());
        for (_, line) in self.archived(&run, "")? {
            for receipt in self.readable(line.receipts())? {
                let place = (receipt.endpoint.clone(), receipt.bucket.clone(), receipt.key.clone());
                // The manifest stays last.
                if let Some(older) = newest.insert(place, receipts.len()).and_then(|at| receipts.get_mut(at)) {
                    *older = None;
                }
                receipts.push(Some(receipt));
            }
            (pipeline, rule) = (line.pipeline, line.rule);
        }
        Ok(ArchivedRun { run, pipeline, rule, receipts: receipts.into_iter().flatten().collect() })
    }

    fn each_id(&self, selected: &Selected, order: Order, mut each: impl FnMut(&str) -> Result<bool>) -> Result<()> {
        let list = |values: Vec<String>| (!values.is_empty()).then(|| serde_json::Value::from(values).to_string());
        let pipelines = list(selected.pipelines.clone());
        let runs = list(selected.runs.iter().map(ToString::to_string).collect());
        let before = selected.archived_before.map(|at| at.to_string());
        let (seed, by_chance) = match order {
            Order::Id => (0, false),
            Order::LeastRecentlyRead(seed) => (i64::from(seed).max(1), true),
        };
        let failed = |error| failed(&self.path, error);
        let last_read = if self.has_checks().map_err(failed)? {
            "(SELECT read_at FROM checks WHERE checks.run_id = entries.run_id)"
        } else {
            "NULL"
        };
        let by = match (by_chance, selected.limit) {
            (true, _) => format!("{last_read}, (seq * ?4) % 2147483647"),
            (false, None) => "run_id".to_owned(),
            (false, Some(_)) => "seq".to_owned(),
        };
        let limit = selected.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT run_id FROM entries WHERE seq IN \
             (SELECT max(seq) FROM entries WHERE run_id IS NOT NULL AND entry = 'archived' GROUP BY run_id) \
             AND (?1 IS NULL OR json_extract(body, '$.pipeline') IN (SELECT value FROM json_each(?1))) \
             AND (?2 IS NULL OR run_id IN (SELECT value FROM json_each(?2))) \
             AND (?3 IS NULL OR json_extract(body, '$.at') < ?3) AND ?4 IS NOT NULL ORDER BY {by} LIMIT ?5"
        );
        let mut statement = self.connection.prepare(&sql).map_err(failed)?;
        let mut rows = statement.query(params![pipelines, runs, before, seed, limit]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let id: String = row.get(0).map_err(failed)?;
            if !each(&id)? {
                break;
            }
        }
        Ok(())
    }

    fn has_checks(&self) -> rusqlite::Result<bool> {
        self.connection.prepare("SELECT 1 FROM sqlite_master WHERE name = 'checks'")?.exists([])
    }

    /// Records receipts that were found in the bucket, in one synced commit. Their fingerprint is that of no row, and they
    /// know no file: nothing is ever deleted on their strength.
    pub fn record_rebuilt(&mut self, runs: &[ArchivedRun], at: Timestamp) -> Result<()> {
        let what = |run: &ArchivedRun| {
            let place = run.receipts.first().map(|receipt| (receipt.endpoint.clone(), receipt.bucket.clone()));
            let (endpoint, bucket) = place.unwrap_or_default();
            What::Archived(ArchivedLine {
                invocation: self.invocation,
                run_id: run.run.to_string(),
                pipeline: run.pipeline.clone(),
                rule: run.rule.clone(),
                reason: "rebuilt from the bucket".to_owned(),
                fingerprint: "0".repeat(64),
                endpoint,
                bucket,
                rebuilt: true,
                receipts: run.receipts.iter().map(ReceiptLine::of).collect(),
            })
        };
        let whats = runs.iter().map(what).collect();
        self.append(whats, at)
    }
}

/// Remembers when runs were read and hashed.
pub struct Checks {
    connection: Connection,
}

impl Checks {
    /// The memory in the ledger of `state_dir`, where this user may write it.
    pub fn open(state_dir: &Path) -> Result<Checks> {
        let path = state_dir.join(FILE_NAME);
        let us = rustix::process::geteuid();
        if !us.is_root() && std::fs::metadata(&path).is_ok_and(|file| file.uid() != us.as_raw()) {
            let message = format!("remember in `{}` what was checked: it belongs to another user", path.display());
            return Err(Error::new(Kind::WrongUser, message).hint("run it as the user that runs cleanup"));
        }
        let open = || {
            let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            connection.busy_timeout(BUSY)?;
            let table = "CREATE TABLE IF NOT EXISTS checks (run_id TEXT PRIMARY KEY, read_at TEXT NOT NULL) STRICT";
            connection.execute(table, [])?;
            Ok(connection)
        };
        Ok(Checks { connection: open().map_err(|error| failed(&path, error))? })
    }

    /// Remembers that these runs were read and hashed.
    pub fn remember(&mut self, runs: &[RunId], at: Timestamp) -> Result<()> {
        let mut write = || {
            let transaction = self.connection.transaction()?;
            for run in runs {
                let sql = "INSERT OR REPLACE INTO checks (run_id, read_at) VALUES (?, ?)";
                transaction.prepare_cached(sql)?.execute([run.to_string(), at.to_string()])?;
            }
            transaction.commit()
        };
        write().map_err(|error| failed(Path::new(FILE_NAME), error))
    }
}
