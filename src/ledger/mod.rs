//! The record of what was done: each invocation, each object's receipt, each deletion, in a chain of hashes.
//!
//! In: proofs and outcomes. Out: a SQLite file in the state directory, or a schema of Fast-Flow's PostgreSQL database, synced
//! before anything rests on it; receipts of earlier invocations, so that nothing is sent twice; the head of the chain. Entries are only ever added: triggers refuse
//! anything else. Never holds credentials or values of `env_vars`.

mod anchor;
mod chain;
mod checks;
mod endings;
mod entry;
mod file;
mod lookup;
mod postgres;
mod schema;
mod sqlite;
mod storage;
mod told;

pub use anchor::{Anchor, FOLDER as ANCHOR_FOLDER};
pub use chain::{Broken, Fault};
pub use checks::{Checks, Order, Selected};
pub use endings::LastEnded;
pub use entry::{LogsVolume, What};
pub use told::{Told, ToldBefore};

use crate::archive::Receipt;
use crate::bytes::to_hex;
use crate::config::LedgerPlace;
use crate::error::{Error, Result};
use crate::fastflow::{Access, Fingerprint};
use crate::plan::PlannedRun;
use crate::run::RunId;
use crate::time::Timestamp;
use entry::{ArchivedLine, DeletionLine, Line, ReceiptLine, hash_of};
use file::damaged;
use postgres::PostgresLedger;
use sqlite::SqliteLedger;
use storage::{Ends, Storage};

/// The file in the state directory.
pub const FILE_NAME: &str = "fastflow-archive.db";

/// Who calls, and for what.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The subcommand.
    pub command: &'static str,
    /// Host name.
    pub host: String,
    /// User name and id.
    pub user: String,
    /// The log directory, where runs point into it.
    pub logs: Option<LogsVolume>,
}

/// Where the chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry.
    pub seq: i64,
    /// Its hash, hexadecimal.
    pub hash: String,
}

/// What earlier invocations recorded of a run: the newest complete set of receipts.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What row and cells were.
    pub fingerprint: Fingerprint,
    /// The receipts, the manifest last.
    pub receipts: Vec<Receipt>,
}

/// A run that is in the archive.
#[derive(Debug, Clone)]
pub struct ArchivedRun {
    /// Its id.
    pub run: RunId,
    /// Its pipeline.
    pub pipeline: String,
    /// The rule that it was archived by.
    pub rule: String,
    /// Its receipts, the manifest last.
    pub receipts: Vec<Receipt>,
}

/// A head of a log that was archived to be cut off.
#[derive(Debug)]
pub struct RecordedHead {
    /// Its receipt.
    pub receipt: Receipt,
    /// Whether it is recorded that it was cut off.
    pub is_cut_off: bool,
}

/// Something that was proven.
pub struct Entry<'a> {
    /// The run.
    pub planned: &'a PlannedRun,
    /// What row and cells were.
    pub fingerprint: Fingerprint,
    /// New receipts, the manifest last; empty where an earlier invocation recorded them.
    pub receipts: &'a [Receipt],
    /// Whether row and files are about to be deleted.
    pub intends_deletion: bool,
}

/// How a deletion ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Row and files are gone.
    Done,
    /// They were kept, because of this.
    Kept(String),
    /// The log was cut, the run stays.
    Truncated,
    /// The log could not be cut and is gone, the run stays.
    LogRemoved,
}

/// How a deletion ended that an invocation began which was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateEnding {
    /// The row is gone, and by now the files are.
    Done,
    /// The row is still there.
    StillThere,
}

/// The ledger, open.
pub struct Ledger {
    storage: Box<dyn Storage>,
    id: String,
    invocation: i64,
    /// Entries that go with the next commit.
    unwritten: Vec<What>,
}

impl Ledger {
    /// Opens the ledger for writing; makes it where there is none.
    ///
    /// A ledger that was there and is damaged, empty or torn is an error: never a new one.
    pub fn open(place: &LedgerPlace, host: &str, now: Timestamp) -> Result<Ledger> {
        match place {
            LedgerPlace::Folder(folder) => {
                let path = folder.join(FILE_NAME);
                if !path.try_exists().map_err(|error| damaged(&path, error))? {
                    file::create(&path, host, now)?;
                }
                Ledger::of(Box::new(SqliteLedger::open(path, Access::Write)?))
            }
            LedgerPlace::Postgres { address, data_dir } => {
                Ledger::of(Box::new(PostgresLedger::open(address, data_dir, host, now)?))
            }
        }
    }

    /// Opens the ledger for reading, which changes nothing; `None` where there is none.
    pub fn open_existing(place: &LedgerPlace) -> Result<Option<Ledger>> {
        match place {
            LedgerPlace::Folder(folder) => {
                let path = folder.join(FILE_NAME);
                if !path.try_exists().map_err(|error| damaged(&path, error))? {
                    return Ok(None);
                }
                Ledger::of(Box::new(SqliteLedger::open(path, Access::Read)?)).map(Some)
            }
            LedgerPlace::Postgres { address, data_dir } => {
                let opened = PostgresLedger::open_existing(address, data_dir)?;
                opened.map(|storage| Ledger::of(Box::new(storage))).transpose()
            }
        }
    }

    /// Whether a ledger in PostgreSQL could be written, and made where there is none; changes nothing.
    pub fn check_rights(place: &LedgerPlace) -> Result<()> {
        match place {
            LedgerPlace::Folder(_) => Ok(()),
            LedgerPlace::Postgres { address, data_dir } => schema::check_writable(address, data_dir),
        }
    }

    /// Another connection to the same ledger, for reading.
    pub fn reader(&self) -> Result<Ledger> {
        Ledger::of(self.storage.reader()?)
    }

    /// Checks first and last entry.
    fn of(storage: Box<dyn Storage>) -> Result<Ledger> {
        let whole = storage.ends()?.filter(|Ends { last, hash, .. }| hash_of(last) == *hash);
        match whole.and_then(|ends| serde_json::from_str(&ends.first?).ok()) {
            Some(Line { what: What::Created { ledger: id, .. }, .. }) => {
                Ok(Ledger { storage, id, invocation: 0, unwritten: Vec::new() })
            }
            _ => Err(storage.damaged("its first or last entry is missing or was changed")),
        }
    }

    /// Random id of this ledger, from its first entry.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is, for messages.
    pub fn shown(&self) -> &str {
        self.storage.shown()
    }

    /// Records that an invocation started; everything recorded from now on belongs to it.
    pub fn begin(&mut self, invocation: Invocation, at: Timestamp) -> Result<()> {
        let began = What::Began {
            command: invocation.command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: invocation.host,
            user: invocation.user,
            pid: std::process::id(),
            logs: invocation.logs,
        };
        self.append(vec![began], at)?;
        self.invocation = self.head()?.seq;
        Ok(())
    }

    /// The number of the invocation.
    pub fn invocation(&self) -> i64 {
        self.invocation
    }

    /// Where the chain ends.
    pub fn head(&self) -> Result<Head> {
        self.storage.head()?.ok_or_else(|| self.storage.damaged("its entries are gone"))
    }

    /// Records what was proven, and which runs are about to be deleted, in one synced commit.
    pub fn record(&mut self, runs: &[Entry<'_>], at: Timestamp) -> Result<()> {
        let mut whats = Vec::with_capacity(runs.len() * 2);
        for entry in runs {
            if !entry.receipts.is_empty() {
                whats.push(What::Archived(self.archived_line(entry)));
            }
            if entry.intends_deletion {
                whats.push(What::Intended(self.deletion_line(entry.planned, None)));
            }
        }
        self.append(whats, at)
    }

    fn archived_line(&self, entry: &Entry<'_>) -> ArchivedLine {
        let (run, reason) = (&entry.planned.run, &entry.planned.reason);
        // All receipts of one upload are of one bucket.
        let place = entry.receipts.first().map(|receipt| (receipt.endpoint.clone(), receipt.bucket.clone()));
        let (endpoint, bucket) = place.unwrap_or_default();
        ArchivedLine {
            invocation: self.invocation,
            run_id: run.id.to_string(),
            pipeline: run.pipeline.to_string(),
            rule: reason.rule().name().to_owned(),
            reason: reason.to_string(),
            fingerprint: to_hex(&entry.fingerprint.0),
            endpoint,
            bucket,
            rebuilt: false,
            receipts: entry.receipts.iter().map(ReceiptLine::of).collect(),
        }
    }

    fn deletion_line(&self, planned: &PlannedRun, note: Option<String>) -> DeletionLine {
        DeletionLine {
            invocation: self.invocation,
            run_id: planned.run.id.to_string(),
            pipeline: planned.run.pipeline.to_string(),
            rule: planned.reason.rule().name().to_owned(),
            files: planned.files.iter().map(|file| file.path.to_string()).collect(),
            note,
        }
    }

    /// Takes how deletions ended; it is written with the next commit. What never is, the next invocation finds out by itself,
    /// from the intention.
    pub fn take_endings(&mut self, endings: Vec<(&PlannedRun, Ending)>) {
        let what = |(planned, ending)| match ending {
            Ending::Done => What::Deleted(self.deletion_line(planned, None)),
            Ending::Kept(why) => What::Kept(self.deletion_line(planned, Some(why))),
            Ending::Truncated => What::Truncated(self.deletion_line(planned, None)),
            Ending::LogRemoved => What::LogRemoved(self.deletion_line(planned, None)),
        };
        let whats: Vec<What> = endings.into_iter().map(what).collect();
        self.unwritten.extend(whats);
    }

    /// Writes what was taken and not yet written.
    pub fn flush(&mut self, at: Timestamp) -> Result<()> {
        if self.unwritten.is_empty() { Ok(()) } else { self.append(Vec::new(), at) }
    }

    /// Records that a run is about to be back in the instance, its files relative to the log directory.
    pub fn record_restored(
        &mut self,
        run: &RunId,
        pipeline: &str,
        rule: &str,
        files: Vec<String>,
        at: Timestamp,
    ) -> Result<()> {
        let line = DeletionLine {
            invocation: self.invocation,
            run_id: run.to_string(),
            pipeline: pipeline.to_owned(),
            rule: rule.to_owned(),
            files,
            note: None,
        };
        self.append(vec![What::Restored(line)], at)
    }

    /// Records how deletions ended that an invocation began which was cut off.
    pub fn close_deletions(&mut self, runs: &[(RunId, LateEnding)], at: Timestamp) -> Result<()> {
        let mut whats = Vec::with_capacity(runs.len());
        for (run, ending) in runs {
            let intended = self.storage.of_run(run, "intended", true)?.pop();
            let What::Intended(line) = self.parse(&self.readable(intended)?.1)? else { return self.readable(None) };
            let begun = format!("begun by invocation {}, which was cut off", line.invocation);
            let line = DeletionLine { invocation: self.invocation, note: Some(begun), ..line };
            whats.push(match ending {
                LateEnding::Done => What::Deleted(line),
                LateEnding::StillThere => What::Kept(line),
            });
        }
        self.append(whats, at)
    }

    /// Records that the invocation ended.
    pub fn end(&mut self, exit_code: u8, summary: serde_json::Value, at: Timestamp) -> Result<()> {
        self.append(vec![What::Ended { invocation: self.invocation, exit_code, summary }], at)
    }

    /// Records that the head could not be put into the bucket.
    pub fn anchor_failed(&mut self, error: &Error, at: Timestamp) -> Result<()> {
        self.append(vec![What::AnchorFailed { invocation: self.invocation, error: error.message() }], at)
    }

    /// Adds entries, behind those that wait, in one synced commit.
    fn append(&mut self, whats: Vec<What>, at: Timestamp) -> Result<()> {
        let whats = std::mem::take(&mut self.unwritten).into_iter().chain(whats).collect();
        self.storage.append(whats, at)
    }
}
