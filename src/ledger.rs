//! The record of what was done: each invocation, each object's receipt, each deletion. Rows are only ever added.
//!
//! In: proofs and outcomes. Out: a SQLite file in the state directory, synced before anything rests on it; receipts of
//! earlier invocations, so that nothing is sent twice. Never holds credentials or values of `env_vars`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use crate::archive::{Digests, Level, Method, Receipt, SourceFile};
use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result};
use crate::fastflow::{Fingerprint, Identity};
use crate::plan::PlannedRun;
use crate::run::RunId;
use crate::time::Timestamp;

/// The file in the state directory.
pub const FILE_NAME: &str = "fastflow-archive.db";

/// The version of the tables, in `user_version`.
const SCHEMA: i64 = 1;
/// "FFAr": tells the file from other SQLite files.
const APPLICATION_ID: i64 = 0x4646_4172;

const TABLES: &str = "
CREATE TABLE invocations (
    id INTEGER PRIMARY KEY, started_at TEXT NOT NULL, command TEXT NOT NULL, version TEXT NOT NULL,
    host TEXT NOT NULL, user TEXT NOT NULL, pid INTEGER NOT NULL
) STRICT;
CREATE TABLE invocation_ends (
    invocation INTEGER PRIMARY KEY REFERENCES invocations(id), finished_at TEXT NOT NULL, exit_code INTEGER NOT NULL,
    summary TEXT NOT NULL
) STRICT;
CREATE TABLE archived_runs (
    id INTEGER PRIMARY KEY, invocation INTEGER NOT NULL REFERENCES invocations(id), at TEXT NOT NULL,
    run_id TEXT NOT NULL, pipeline TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, fingerprint BLOB NOT NULL
) STRICT;
CREATE INDEX archived_runs_run_id ON archived_runs(run_id);
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY, archived_run INTEGER NOT NULL REFERENCES archived_runs(id), at TEXT NOT NULL,
    name TEXT NOT NULL, endpoint TEXT NOT NULL, bucket TEXT NOT NULL, key TEXT NOT NULL, version_id TEXT, etag TEXT,
    bytes INTEGER NOT NULL, md5 BLOB NOT NULL, sha256 BLOB NOT NULL, level TEXT NOT NULL, method TEXT NOT NULL,
    source_path TEXT, source_device INTEGER, source_inode INTEGER, source_size INTEGER, source_modified_ns INTEGER
) STRICT;
CREATE INDEX receipts_archived_run ON receipts(archived_run);
CREATE TABLE deletions (
    id INTEGER PRIMARY KEY, invocation INTEGER NOT NULL REFERENCES invocations(id), at TEXT NOT NULL,
    run_id TEXT NOT NULL, pipeline TEXT NOT NULL, rule TEXT NOT NULL, phase TEXT NOT NULL CHECK (phase IN ('intended', 'done', 'kept', 'truncated', 'log_removed')),
    note TEXT
) STRICT;
CREATE INDEX deletions_run_id ON deletions(run_id);
";

/// Who calls, and for what.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// When it started.
    pub started_at: Timestamp,
    /// The subcommand.
    pub command: &'static str,
    /// Host name.
    pub host: String,
    /// User name and id.
    pub user: String,
}

/// What earlier invocations recorded of a run: the newest complete set of receipts.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What row and cells were.
    pub fingerprint: Fingerprint,
    /// The receipts, the manifest last.
    pub receipts: Vec<Receipt>,
}

/// The columns that [`read_receipt`] reads.
const RECEIPT: &str = "at, name, endpoint, bucket, key, version_id, etag, bytes, md5, sha256, level, method, source_path, \
                       source_device, source_inode, source_size, source_modified_ns";

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

impl Ending {
    fn phase(&self) -> &'static str {
        match self {
            Ending::Done => "done",
            Ending::Kept(_) => "kept",
            Ending::Truncated => "truncated",
            Ending::LogRemoved => "log_removed",
        }
    }
}

/// The ledger, open.
pub struct Ledger {
    connection: Connection,
    path: PathBuf,
    invocation: i64,
}

impl Ledger {
    /// Opens or makes the ledger in `state_dir`.
    pub fn open(state_dir: &Path) -> Result<Ledger> {
        let path = state_dir.join(FILE_NAME);
        let open = || -> rusqlite::Result<Connection> {
            let mut connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(30))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if version == 0 {
                transaction.execute_batch(TABLES)?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", SCHEMA)?;
            }
            transaction.commit()?;
            Ok(connection)
        };
        let connection = open().map_err(|error| {
            Error::caused(Kind::LedgerFailed, format!("open the ledger `{}`", path.display()), error).hint(
                "check --state-dir; if the file is damaged, keep it as evidence and start with a new state directory",
            )
        })?;
        let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap_or_default();
        if version != SCHEMA {
            let message =
                format!("use the ledger `{}`: its version is {version}, this program knows {SCHEMA}", path.display());
            return Err(Error::new(Kind::LedgerFailed, message).hint("use the newest fastflow-archive"));
        }
        Ok(Ledger { connection, path, invocation: 0 })
    }

    /// Records that an invocation started; everything recorded from now on belongs to it.
    pub fn begin(&mut self, invocation: &Invocation) -> Result<()> {
        let values = params![
            invocation.started_at.to_string(),
            invocation.command,
            env!("CARGO_PKG_VERSION"),
            invocation.host,
            invocation.user,
            std::process::id(),
        ];
        let sql = "INSERT INTO invocations (started_at, command, version, host, user, pid) VALUES (?, ?, ?, ?, ?, ?)";
        self.connection.execute(sql, values).map_err(|error| failed(&self.path, error))?;
        self.invocation = self.connection.last_insert_rowid();
        Ok(())
    }

    /// The number of the invocation.
    pub fn invocation(&self) -> i64 {
        self.invocation
    }

    /// The newest receipts of a run; `None` where it was never archived completely.
    pub fn recorded(&self, run: &RunId) -> Result<Option<Recorded>> {
        let read = || -> rusqlite::Result<Option<Recorded>> {
            let sql = "SELECT id, fingerprint FROM archived_runs WHERE run_id = ? ORDER BY id DESC LIMIT 1";
            let mut newest = self.connection.prepare_cached(sql)?;
            let found =
                newest.query_row([run.to_string()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)));
            let Some((id, fingerprint)) = found.optional()? else { return Ok(None) };
            let sql = format!("SELECT {RECEIPT} FROM receipts WHERE archived_run = ? ORDER BY id");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let receipts = statement.query_map([id], read_receipt)?.collect::<Result<_, _>>()?;
            Ok(Some(Recorded { fingerprint: Fingerprint(fingerprint), receipts }))
        };
        read().map_err(|error| failed(&self.path, error))
    }

    /// Records what was proven, and which runs are about to be deleted, in one synced commit.
    pub fn record(&mut self, runs: &[Entry<'_>], at: Timestamp) -> Result<()> {
        let invocation = self.invocation;
        self.commit(|transaction| {
            for entry in runs {
                if !entry.receipts.is_empty() {
                    insert_receipts(transaction, invocation, entry, at)?;
                }
                if entry.intends_deletion {
                    insert_deletion(transaction, invocation, entry.planned, "intended", None, at)?;
                }
            }
            Ok(())
        })
    }

    /// Receipts of everything that was ever cut off a run's log, in order.
    pub fn heads(&self, run: &RunId) -> Result<Vec<Receipt>> {
        let read = || -> rusqlite::Result<Vec<Receipt>> {
            let sql = format!(
                "SELECT {RECEIPT} FROM receipts WHERE archived_run IN (SELECT id FROM archived_runs WHERE run_id = ?) \
                 AND name GLOB 'run.log.head-*' ORDER BY id"
            );
            let mut statement = self.connection.prepare_cached(&sql)?;
            let receipts = statement.query_map([run.to_string()], read_receipt)?;
            receipts.collect()
        };
        read().map_err(|error| failed(&self.path, error))
    }

    /// Whether a run's log was archived as a whole and removed, because it could not be cut.
    pub fn is_log_removed(&self, run: &RunId) -> Result<bool> {
        let read = || -> rusqlite::Result<bool> {
            let sql = "SELECT 1 FROM deletions WHERE run_id = ? AND phase = 'log_removed'";
            self.connection.prepare_cached(sql)?.exists([run.to_string()])
        };
        read().map_err(|error| failed(&self.path, error))
    }

    /// Records how deletions ended, in one synced commit.
    pub fn record_endings(&mut self, endings: &[(&PlannedRun, Ending)], at: Timestamp) -> Result<()> {
        let invocation = self.invocation;
        self.commit(|transaction| {
            for (planned, ending) in endings {
                let note = if let Ending::Kept(why) = ending { Some(why.as_str()) } else { None };
                insert_deletion(transaction, invocation, planned, ending.phase(), note, at)?;
            }
            Ok(())
        })
    }

    /// Runs whose deletion was intended and never recorded as ended: an invocation was cut off in between.
    pub fn open_deletions(&self) -> Result<Vec<RunId>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT run_id FROM deletions GROUP BY run_id HAVING max(id) = max(CASE phase WHEN 'intended' THEN id END)";
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        let ids = read().map_err(|error| failed(&self.path, error))?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Records that the deletion of runs, begun by an invocation that was cut off, has in fact been done.
    pub fn close_deletions(&mut self, runs: &[RunId], at: Timestamp) -> Result<()> {
        let invocation = self.invocation;
        self.commit(|transaction| {
            let sql = "INSERT INTO deletions (invocation, at, run_id, pipeline, rule, phase, note) \
                       SELECT ?1, ?2, run_id, pipeline, rule, 'done', 'begun by invocation ' || invocation || ', which was cut off' \
                       FROM deletions WHERE run_id = ?3 ORDER BY id DESC LIMIT 1";
            let mut statement = transaction.prepare_cached(sql)?;
            for run in runs {
                statement.execute(params![invocation, at.to_string(), run.to_string()])?;
            }
            Ok(())
        })
    }

    /// Records that the invocation ended.
    pub fn end(&mut self, exit_code: u8, summary: &serde_json::Value, at: Timestamp) -> Result<()> {
        let values = params![self.invocation, at.to_string(), exit_code, summary.to_string()];
        let sql = "INSERT INTO invocation_ends (invocation, finished_at, exit_code, summary) VALUES (?, ?, ?, ?)";
        self.connection.execute(sql, values).map(drop).map_err(|error| failed(&self.path, error))
    }

    fn commit(&mut self, fill: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<()> {
        let path = &self.path;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failed(path, error))?;
        fill(&transaction).map_err(|error| failed(path, error))?;
        transaction.commit().map_err(|error| failed(path, error))
    }
}

fn failed(path: &Path, error: rusqlite::Error) -> Error {
    Error::caused(Kind::LedgerFailed, format!("use the ledger `{}`", path.display()), error)
        .hint("without a record nothing is deleted; check the disk and the rights of the state directory")
}

fn insert_receipts(
    transaction: &Transaction<'_>,
    invocation: i64,
    entry: &Entry<'_>,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let planned = entry.planned;
    let mut run = transaction.prepare_cached(
        "INSERT INTO archived_runs (invocation, at, run_id, pipeline, rule, reason, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    run.execute(params![
        invocation,
        at.to_string(),
        planned.run.id.to_string(),
        &*planned.run.pipeline,
        planned.reason.rule().name(),
        planned.reason.to_string(),
        entry.fingerprint.0,
    ])?;
    let id = transaction.last_insert_rowid();
    let mut statement = transaction.prepare_cached(
        "INSERT INTO receipts (archived_run, at, name, endpoint, bucket, key, version_id, etag, bytes, md5, sha256, level, \
         method, source_path, source_device, source_inode, source_size, source_modified_ns) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for receipt in entry.receipts {
        let source = receipt.source.as_ref();
        statement.execute(params![
            id,
            receipt.at.to_string(),
            receipt.name,
            receipt.endpoint,
            receipt.bucket,
            receipt.key,
            receipt.version_id,
            receipt.etag,
            receipt.bytes.0 as i64,
            receipt.digests.md5,
            receipt.digests.sha256,
            receipt.level.name(),
            receipt.method.name(),
            source.map(|source| &source.path),
            source.map(|source| source.identity.device as i64),
            source.map(|source| source.identity.inode as i64),
            source.map(|source| source.identity.size.0 as i64),
            source.map(|source| source.identity.modified_ns as i64),
        ])?;
    }
    Ok(())
}

fn insert_deletion(
    transaction: &Transaction<'_>,
    invocation: i64,
    planned: &PlannedRun,
    phase: &str,
    note: Option<&str>,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO deletions (invocation, at, run_id, pipeline, rule, phase, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    let run = &planned.run;
    let rule = planned.reason.rule().name();
    statement
        .execute(params![invocation, at.to_string(), run.id.to_string(), &*run.pipeline, rule, phase, note])
        .map(drop)
}

fn read_receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let unknown = |column: usize| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, "unknown value".into())
    };
    let bytes = ByteSize(row.get::<_, i64>(7)? as u64);
    let source = match row.get::<_, Option<String>>(12)? {
        None => None,
        Some(path) => {
            let identity = Identity {
                device: row.get::<_, i64>(13)? as u64,
                inode: row.get::<_, i64>(14)? as u64,
                size: ByteSize(row.get::<_, i64>(15)? as u64),
                modified_ns: i128::from(row.get::<_, i64>(16)?),
            };
            Some(SourceFile { path, identity })
        }
    };
    Ok(Receipt {
        at: Timestamp::from_rfc3339(&row.get::<_, String>(0)?).ok_or_else(|| unknown(0))?,
        name: row.get(1)?,
        endpoint: row.get(2)?,
        bucket: row.get(3)?,
        key: row.get(4)?,
        version_id: row.get(5)?,
        etag: row.get(6)?,
        bytes,
        digests: Digests { md5: row.get(8)?, sha256: row.get(9)? },
        level: Level::from_name(&row.get::<_, String>(10)?).ok_or_else(|| unknown(10))?,
        method: Method::from_name(&row.get::<_, String>(11)?).ok_or_else(|| unknown(11))?,
        source,
    })
}
