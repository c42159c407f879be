//! The record of what was done: each invocation, each object's receipt, each deletion, in a chain of hashes.
//!
//! In: proofs and outcomes. Out: a SQLite file in the state directory, synced before anything rests on it; receipts of
//! earlier invocations, so that nothing is sent twice; the head of the chain. Entries are only ever added: triggers refuse
//! anything else. Never holds credentials or values of `env_vars`.

mod anchor;
mod chain;
mod checks;
mod entry;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

pub use anchor::{Anchor, FOLDER as ANCHOR_FOLDER};
pub use chain::{Broken, Fault};
pub use checks::{Checks, Order, Selected};
pub use entry::{LogsVolume, What};

use crate::archive::{Receipt, to_hex};
use crate::error::{Error, Kind, Result};
use crate::fail_point;
use crate::fastflow::{Access, Fingerprint, connect_sqlite};
use crate::plan::PlannedRun;
use crate::run::RunId;
use crate::time::Timestamp;
use chain::Walk;
use entry::{ArchivedLine, BEFORE_THE_FIRST, DeletionLine, Line, ReceiptLine, hash_of};

/// The file in the state directory.
pub const FILE_NAME: &str = "fastflow-archive.db";

/// The version of the tables, in `user_version`; 1 was never released.
const SCHEMA: i64 = 2;
/// "FFAr": tells the file from other SQLite files.
const APPLICATION_ID: i64 = 0x4646_4172;

/// One table of lines; what is looked up by is computed from them, so that it cannot say anything else. What operators were
/// told last (`notification_state`, for `notify`) is no evidence and may change. The views are for people with a SQLite shell.
const TABLES: &str = "
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    entry TEXT GENERATED ALWAYS AS (json_extract(body, '$.entry')) VIRTUAL,
    run_id TEXT GENERATED ALWAYS AS (json_extract(body, '$.run_id')) VIRTUAL
) STRICT;
CREATE INDEX entries_of_runs ON entries(run_id, entry) WHERE run_id IS NOT NULL;
CREATE INDEX entries_began ON entries(seq) WHERE entry = 'began';
CREATE INDEX entries_ended ON entries(seq) WHERE entry = 'ended';
CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
    BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
    BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_come_last BEFORE INSERT ON entries
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries)
    BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TABLE notification_state (
    command TEXT NOT NULL, channel TEXT NOT NULL, cause TEXT NOT NULL, since TEXT NOT NULL, sent_at TEXT,
    PRIMARY KEY (command, channel)
) STRICT;
CREATE VIEW receipts AS SELECT
    seq, run_id, json_extract(body, '$.pipeline') AS pipeline, json_extract(body, '$.bucket') AS bucket,
    json_extract(value, '$.name') AS name, json_extract(value, '$.key') AS key, json_extract(value, '$.bytes') AS bytes,
    json_extract(value, '$.sha256') AS sha256, json_extract(value, '$.md5') AS md5,
    json_extract(value, '$.version_id') AS version_id, json_extract(value, '$.level') AS level,
    json_extract(value, '$.method') AS method, json_extract(value, '$.at') AS at
    FROM entries, json_each(body, '$.receipts') WHERE entry = 'archived';
CREATE VIEW deletions AS SELECT
    seq, json_extract(body, '$.at') AS at, run_id, json_extract(body, '$.pipeline') AS pipeline, entry AS phase,
    json_extract(body, '$.rule') AS rule, json_extract(body, '$.files') AS files, json_extract(body, '$.note') AS note
    FROM entries WHERE entry IN ('intended', 'deleted', 'kept', 'truncated', 'log_removed');
";

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
    connection: Connection,
    path: PathBuf,
    id: String,
    invocation: i64,
    /// Entries that go with the next commit.
    unwritten: Vec<What>,
}

impl Ledger {
    /// Opens the ledger in `state_dir`, for writing; makes it where there is none.
    ///
    /// A ledger that was there and is damaged, empty or torn is an error: never a new one.
    pub fn open(state_dir: &Path, host: &str, now: Timestamp) -> Result<Ledger> {
        let path = state_dir.join(FILE_NAME);
        if !path.try_exists().map_err(|error| damaged(&path, error))? {
            create(&path, host, now)?;
        }
        Ledger::connect(path, Access::Write)
    }

    /// Opens the ledger in `state_dir` for reading, which changes no byte; `None` where there is none.
    pub fn open_existing(state_dir: &Path) -> Result<Option<Ledger>> {
        let path = state_dir.join(FILE_NAME);
        if path.try_exists().map_err(|error| damaged(&path, error))? {
            Ledger::connect(path, Access::Read).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Another connection to the same ledger, for reading.
    pub fn reader(&self) -> Result<Ledger> {
        Ledger::connect(self.path.clone(), Access::Read)
    }

    fn connect(path: PathBuf, access: Access) -> Result<Ledger> {
        let was_closed = is_whole(&path).map_err(|error| damaged(&path, error))?;
        let open = || -> rusqlite::Result<(Connection, i64, i64)> {
            let connection = connect_sqlite(&path, access)?;
            if access == Access::Write {
                connection.pragma_update(None, "journal_mode", "WAL")?;
                connection.pragma_update(None, "synchronous", "FULL")?;
                if !was_closed {
                    quick_check(&connection)?;
                }
            }
            let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
            let (application, schema) = (number("application_id")?, number("user_version")?);
            Ok((connection, application, schema))
        };
        let (connection, application, schema) = open().map_err(|error| damaged(&path, error))?;
        if application != APPLICATION_ID {
            return Err(damaged(&path, anyhow::Error::msg("it is the database of another program")));
        }
        if schema != SCHEMA {
            let message =
                format!("use the ledger `{}`: its version is {schema}, this program knows {SCHEMA}", path.display());
            return Err(
                Error::new(Kind::LedgerFailed, message).hint("use the fastflow-archive that wrote it, or a newer one")
            );
        }
        let mut ledger = Ledger { connection, path, id: String::new(), invocation: 0, unwritten: Vec::new() };
        ledger.id = ledger.check_ends()?;
        Ok(ledger)
    }

    /// Checks first and last entry; gives the ledger's id.
    fn check_ends(&self) -> Result<String> {
        let read = || -> rusqlite::Result<Option<(String, String, String)>> {
            let sql =
                "SELECT (SELECT body FROM entries WHERE seq = 1), body, hash FROM entries ORDER BY seq DESC LIMIT 1";
            let found = self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            found.optional()
        };
        let ends = read().map_err(|error| damaged(&self.path, error))?;
        let whole = ends.filter(|(_, last, hash)| hash_of(last) == *hash);
        match whole.and_then(|(first, ..)| serde_json::from_str(&first).ok()) {
            Some(Line { what: What::Created { ledger, .. }, .. }) => Ok(ledger),
            _ => Err(damaged(&self.path, anyhow::Error::msg("its first or last entry is missing or was changed"))),
        }
    }

    /// Random id of this ledger, from its first entry.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
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
        head_of(&self.connection).map_err(|error| failed(&self.path, error))
    }

    /// The log directory of the last invocation that used it.
    pub fn last_logs(&self) -> Result<Option<LogsVolume>> {
        let read = || -> rusqlite::Result<Option<String>> {
            let sql = "SELECT body FROM entries WHERE entry = 'began' ORDER BY seq DESC LIMIT 100";
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let body: String = row.get(0)?;
                if body.contains("\"logs\":") {
                    return Ok(Some(body));
                }
            }
            Ok(None)
        };
        let body = read().map_err(|error| failed(&self.path, error))?;
        match body.map(|body| self.parse(&body)).transpose()? {
            Some(What::Began { logs, .. }) => Ok(logs),
            _ => Ok(None),
        }
    }

    /// The newest receipts of a run; `None` where it was never archived completely.
    pub fn recorded(&self, run: &RunId) -> Result<Option<Recorded>> {
        let Some((_, line)) = self.archived(run, "DESC LIMIT 1")?.pop() else { return Ok(None) };
        Ok(Some(Recorded {
            fingerprint: self.readable(line.fingerprint())?,
            receipts: self.readable(line.receipts())?,
        }))
    }

    /// Hands over every run that was archived, the newest record of each, in the order of run ids; memory does not grow.
    pub fn each_recorded(&self, mut each: impl FnMut(ArchivedRun) -> Result<()>) -> Result<()> {
        let sql = "SELECT body FROM entries WHERE seq IN \
                   (SELECT max(seq) FROM entries WHERE run_id IS NOT NULL AND entry = 'archived' GROUP BY run_id) ORDER BY run_id";
        let failed = |error| failed(&self.path, error);
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let body: String = row.get(0).map_err(failed)?;
            let What::Archived(line) = self.parse(&body)? else { return self.readable(None) };
            let receipts = self.readable(line.receipts())?;
            let run = self.readable(line.run_id.parse().ok())?;
            each(ArchivedRun { run, pipeline: line.pipeline, rule: line.rule, receipts })?;
        }
        Ok(())
    }

    /// Everything that was to be cut off a run's log, in order, since it was last brought back.
    pub fn heads(&self, run: &RunId) -> Result<Vec<RecordedHead>> {
        let mut heads = Vec::new();
        for (seq, line) in self.archived(run, "")? {
            for receipt in self.readable(line.receipts())?.into_iter().filter(Receipt::is_head) {
                heads.push((seq, receipt));
            }
        }
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        let restored = self.last_restored(run)?;
        heads.retain(|(seq, _)| *seq > restored);
        let sql = "SELECT max(seq) FROM entries WHERE run_id = ? AND entry IN ('truncated', 'log_removed')";
        let last_cut: Option<i64> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([run.to_string()], |row| row.get(0)))
            .map_err(|error| failed(&self.path, error))?;
        let is_cut_off = |seq| last_cut.is_some_and(|cut| cut > seq);
        Ok(heads.into_iter().map(|(seq, receipt)| RecordedHead { receipt, is_cut_off: is_cut_off(seq) }).collect())
    }

    /// Entries of what was archived of a run, with their numbers.
    fn archived(&self, run: &RunId, order: &str) -> Result<Vec<(i64, ArchivedLine)>> {
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            let sql =
                format!("SELECT seq, body FROM entries WHERE run_id = ? AND entry = 'archived' ORDER BY seq {order}");
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.query_map([run.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let bodies = read().map_err(|error| failed(&self.path, error))?;
        let parse = |(seq, body): (i64, String)| match self.parse(&body)? {
            What::Archived(line) => Ok((seq, line)),
            _ => self.readable(None),
        };
        bodies.into_iter().map(parse).collect()
    }

    fn parse(&self, body: &str) -> Result<What> {
        self.readable(serde_json::from_str::<Line>(body).ok().map(|line| line.what))
    }

    fn readable<T>(&self, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| damaged(&self.path, anyhow::Error::msg("an entry is not readable")))
    }

    /// Whether a run's log was archived as a whole and removed, because it could not be cut.
    pub fn is_log_removed(&self, run: &RunId) -> Result<bool> {
        let restored = self.last_restored(run)?;
        let read = || -> rusqlite::Result<bool> {
            let sql = "SELECT 1 FROM entries WHERE run_id = ? AND entry = 'log_removed' AND seq > ?";
            self.connection.prepare_cached(sql)?.exists(params![run.to_string(), restored])
        };
        read().map_err(|error| failed(&self.path, error))
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

    /// The last entry that says that the run was brought back: what was cut off its log before is in it again.
    fn last_restored(&self, run: &RunId) -> Result<i64> {
        let sql = "SELECT coalesce(max(seq), 0) FROM entries WHERE run_id = ? AND entry = 'restored'";
        let read = self.connection.prepare_cached(sql);
        let read = read.and_then(|mut statement| statement.query_row([run.to_string()], |row| row.get(0)));
        read.map_err(|error| failed(&self.path, error))
    }

    /// Runs whose deletion was intended and never recorded as ended: an invocation was cut off in between. Each `backup` and
    /// `cleanup` that comes to its end has closed those of the ones before.
    pub fn open_deletions(&self) -> Result<Vec<RunId>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT run_id FROM entries \
                       WHERE seq > (SELECT coalesce(max(seq), 0) FROM entries WHERE entry = 'ended' \
                       AND json_extract(body, '$.summary.command') IN ('backup', 'cleanup')) \
                       AND entry IN ('intended', 'deleted', 'kept') \
                       GROUP BY run_id HAVING max(seq) = max(CASE entry WHEN 'intended' THEN seq END)";
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        let ids = read().map_err(|error| failed(&self.path, error))?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Records how deletions ended that an invocation began which was cut off.
    pub fn close_deletions(&mut self, runs: &[(RunId, LateEnding)], at: Timestamp) -> Result<()> {
        let mut whats = Vec::with_capacity(runs.len());
        for (run, ending) in runs {
            let read = || -> rusqlite::Result<String> {
                let sql = "SELECT body FROM entries WHERE run_id = ? AND entry = 'intended' ORDER BY seq DESC LIMIT 1";
                self.connection.prepare_cached(sql)?.query_row([run.to_string()], |row| row.get(0))
            };
            let body = read().map_err(|error| failed(&self.path, error))?;
            let What::Intended(line) = self.parse(&body)? else { return self.readable(None) };
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
        let path = &self.path;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failed(path, error))?;
        add(&transaction, whats, at).map_err(|error| failed(path, error))?;
        transaction.commit().map_err(|error| failed(path, error))
    }

    /// Walks the whole chain and hands over each fault and each hash; says how many entries there are.
    pub fn verify(&self, mut found: impl FnMut(Fault), mut seen: impl FnMut(&str)) -> Result<u64> {
        let mut walk = Walk::new();
        let mut count = 0;
        self.each(|seq, body, hash| {
            walk.step(seq, body, hash).into_iter().for_each(&mut found);
            seen(hash);
            count += 1;
        })?;
        Ok(count)
    }

    /// Hands over each entry: number, line, hash.
    fn each(&self, mut each: impl FnMut(i64, &str, &str)) -> Result<()> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare("SELECT seq, body, hash FROM entries ORDER BY seq")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(row.get(0)?, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
            }
            Ok(())
        };
        read().map_err(|error| failed(&self.path, error))
    }

    /// Hands over the lines of all entries written at or after `since`.
    pub fn export(&self, since: Option<Timestamp>, mut line: impl FnMut(&str)) -> Result<()> {
        // Entries are in the order of time, but a clock can be set back: each is looked at.
        let is_asked = |body: &str| {
            let at = |body| serde_json::from_str::<Line>(body).ok().and_then(|line| Timestamp::from_rfc3339(&line.at));
            since.is_none_or(|since| at(body).is_none_or(|at| at >= since))
        };
        self.each(|_, body, _| {
            if is_asked(body) {
                line(body);
            }
        })
    }
}

/// Makes a ledger with its first entry, aside, and puts it into its place when it is whole: no moment leaves half of one, and
/// where another process was faster, its ledger stays.
fn create(path: &Path, host: &str, now: Timestamp) -> Result<()> {
    if with_suffix(path, "-wal").exists() {
        return Err(damaged(path, anyhow::Error::msg("it is gone, but its journal (-wal) is there")));
    }
    let make = || -> anyhow::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let aside = tempfile::Builder::new().prefix(".fastflow-archive-").permissions(mode).tempfile_in(folder)?;
        let mut connection = Connection::open(aside.path())?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        let ledger = transaction.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0))?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        add(&transaction, vec![What::Created { ledger, version, host: host.to_owned() }], now)?;
        transaction.commit()?;
        connection.close().map_err(|(_, error)| error)?;
        fail_point::reached("ledger-made-aside");
        match aside.persist_noclobber(path) {
            Err(failed) if failed.error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed.error)?,
            _ => std::fs::File::open(folder)?.sync_all()?,
        }
        Ok(())
    };
    make().map_err(|error| {
        Error::caused(Kind::LedgerFailed, format!("make the ledger `{}`", path.display()), error)
            .hint("check --state-dir: it must be there and writable for this user")
    })?;
    fail_point::reached("ledger-made");
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether the file was closed in order, or has a journal that will make it whole. Without a journal it must be as long as
/// its header says (SQLite file format, section 1.3): SQLite itself reads a torn page as zeros.
fn is_whole(path: &Path) -> anyhow::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    anyhow::ensure!(length > 0, "it is there, but empty");
    if std::fs::metadata(with_suffix(path, "-wal")).is_ok_and(|journal| journal.len() > 0) {
        return Ok(false);
    }
    let mut header = [0; 32];
    file.read_exact(&mut header).map_err(|_| anyhow::Error::msg("it is torn: its header is not whole"))?;
    let [.., s0, s1, _, _, _, _, _, _, _, _, _, _, p0, p1, p2, p3] = header;
    let page_bytes = match u16::from_be_bytes([s0, s1]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let expected = page_bytes * u64::from(u32::from_be_bytes([p0, p1, p2, p3]));
    anyhow::ensure!(length == expected, "it is torn: it has {length} bytes, its header says {expected}");
    Ok(true)
}

/// After a crash: whether the pages hold together.
fn quick_check(connection: &Connection) -> rusqlite::Result<()> {
    match connection.pragma_query_value(None, "quick_check", |row| row.get::<_, String>(0))?.as_str() {
        "ok" => Ok(()),
        found => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(11), Some(found.to_owned()))),
    }
}

fn head_of(connection: &Connection) -> rusqlite::Result<Head> {
    let mut statement = connection.prepare_cached("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1")?;
    let head = statement.query_row([], |row| Ok(Head { seq: row.get(0)?, hash: row.get(1)? })).optional()?;
    Ok(head.unwrap_or_else(|| Head { seq: 0, hash: BEFORE_THE_FIRST.to_owned() }))
}

/// Adds entries at the end of the chain.
fn add(connection: &Connection, whats: Vec<What>, at: Timestamp) -> rusqlite::Result<()> {
    let Head { mut seq, mut hash } = head_of(connection)?;
    let mut statement = connection.prepare_cached("INSERT INTO entries (seq, body, hash) VALUES (?, ?, ?)")?;
    for what in whats {
        seq += 1;
        let line = serde_json::to_string(&Line::new(seq, hash, at, what))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        hash = hash_of(&line);
        statement.execute(params![seq, line, hash])?;
    }
    Ok(())
}

fn failed(path: &Path, error: rusqlite::Error) -> Error {
    Error::caused(Kind::LedgerFailed, format!("use the ledger `{}`", path.display()), error)
        .hint("without a record nothing is deleted; check the disk and the rights of the state directory")
}

fn damaged(path: &Path, error: impl Into<anyhow::Error>) -> Error {
    Error::caused(Kind::LedgerFailed, format!("open the ledger `{}`", path.display()), error).hint(
        "check --state-dir and its rights; if the file is damaged, keep it as evidence, bring back a copy, or start with a \
         new state directory",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_786_000_000_000_000);

    /// A ledger with some entries, each commit of a size that needs pages of its own.
    fn ledger(folder: &Path) -> Ledger {
        let mut ledger = Ledger::open(folder, "host", NOW).unwrap();
        for number in 0..20u8 {
            let summary = serde_json::json!({ "text": "x".repeat(900), "number": number });
            ledger.end(number, summary, NOW).unwrap();
        }
        ledger
    }

    fn entries(ledger: &Ledger) -> u64 {
        let mut faults = Vec::new();
        let entries = ledger.verify(|fault| faults.push(fault), |_| {}).unwrap();
        assert_eq!(faults, []);
        entries
    }

    #[test]
    fn a_file_that_was_cut_at_any_byte_of_its_last_page_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(ledger(folder.path()));
        let path = folder.path().join(FILE_NAME);
        let whole = std::fs::read(&path).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        for cut in (1..=4096).chain([whole.len() - 31, whole.len() - 1, whole.len()]) {
            file.set_len((whole.len() - cut) as u64).unwrap();
            for opened in [Ledger::open(folder.path(), "host", NOW).map(Some), Ledger::open_existing(folder.path())] {
                assert_eq!(opened.err().map(|error| error.kind), Some(Kind::LedgerFailed), "{cut} bytes fewer");
            }
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(entries(&Ledger::open(folder.path(), "host", NOW).unwrap()), 21);
    }

    #[test]
    fn a_journal_that_was_cut_at_any_byte_of_its_end_loses_the_last_commits_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let open = ledger(folder.path());
        let names = [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")];
        let [file, journal] = names.each_ref().map(|name| std::fs::read(folder.path().join(name)).unwrap());
        drop(open);
        assert!(journal.len() > 20_000, "the entries are in the journal");
        for cut in (0..64).chain((64..9000).step_by(37)) {
            let copy = tempfile::tempdir().unwrap();
            std::fs::write(copy.path().join(FILE_NAME), &file).unwrap();
            std::fs::write(copy.path().join(&names[1]), &journal[..journal.len() - cut]).unwrap();
            let found = entries(&Ledger::open(copy.path(), "host", NOW).unwrap());
            assert!((17..=21).contains(&found), "{cut} bytes fewer: {found} entries");
            assert_eq!(found == 21, cut == 0, "{cut} bytes fewer: {found} entries");
        }
    }

    #[test]
    fn another_database_is_not_taken_for_a_ledger() {
        let folder = tempfile::tempdir().unwrap();
        Connection::open(folder.path().join(FILE_NAME)).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let error = Ledger::open(folder.path(), "host", NOW).err().unwrap();
        assert!(error.message().contains("the database of another program"), "{error}");
    }
}
