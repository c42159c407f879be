//! What `verify` asks of the ledger: every run with the newest receipt of each of its objects, and when it was last read.
//!
//! In: a selection, an order. Out: runs, one by one. When a run's bytes were last read and hashed is remembered in the table
//! `checks`, which is no evidence and may change.

use std::collections::HashMap;
use std::time::Duration;

use super::entry::{ArchivedLine, ReceiptLine, What};
use super::postgres::PostgresAside;
use super::sqlite::SqliteAside;
use super::storage::Aside;
use super::{ArchivedRun, FILE_NAME, Ledger};
use crate::archive::Receipt;
use crate::config::LedgerPlace;
use crate::error::Result;
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

impl Order {
    /// The seed, and whether there is one.
    pub(super) fn seed(self) -> (i64, bool) {
        match self {
            Order::Id => (0, false),
            Order::LeastRecentlyRead(seed) => (i64::from(seed).max(1), true),
        }
    }
}

impl Ledger {
    /// How many archived runs are selected.
    pub fn count_archived(&self, selected: &Selected) -> Result<u64> {
        let mut count = 0;
        self.storage.each_id(selected, Order::Id, &mut |_| {
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
        let mut each = |id: &str| each(self.newest_receipts(self.readable(id.parse().ok())?)?);
        self.storage.each_id(selected, order, &mut each)
    }

    fn newest_receipts(&self, run: RunId) -> Result<ArchivedRun> {
        let mut newest: HashMap<(String, String, String), usize> = HashMap::new();
        let mut receipts: Vec<Option<Receipt>> = Vec::new();
        let (mut pipeline, mut rule) = (String::new(), String::new());
        for (_, line) in self.archived(&run, false)? {
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
pub struct Checks(Box<dyn Aside>);

impl Checks {
    /// The memory beside the ledger of that place, where this user may write it; the ledger must be there.
    pub fn open(place: &LedgerPlace) -> Result<Checks> {
        let mut aside: Box<dyn Aside> = match place {
            LedgerPlace::Folder(folder) => Box::new(SqliteAside::open(folder.join(FILE_NAME), BUSY)?),
            LedgerPlace::Postgres { address, .. } => Box::new(PostgresAside::open_existing(address)?),
        };
        aside.make_ready()?;
        Ok(Checks(aside))
    }

    /// Remembers that these runs were read and hashed.
    pub fn remember(&mut self, runs: &[RunId], at: Timestamp) -> Result<()> {
        self.0.remember_read(runs, at)
    }
}
