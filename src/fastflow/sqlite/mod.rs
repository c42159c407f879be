//! Fast-Flow's SQLite database beside its live writer.
//!
//! In: the path of `fastflow.db`. Out: the [`Store`]. Never creates a database, never opens it `immutable`, never holds a
//! transaction longer than one batch, and reads what columns there are: older databases lack the newest.

mod condition;
mod paths;
mod restore;
mod rows;
mod scan;

use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::logs::from_here;
use super::record::Record;
use super::store::{Access, AuditEntry, Condition, NEEDED_COLUMNS, Paths, Removal, RowError, Store};
use crate::config::SettingsPage;
use crate::error::{Error, Kind, Result};
use crate::fail_point;
use crate::run::{Run, RunId, Standing};
use rows::{find_by_id, id_forms, read_record};

/// How long we wait for another writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// After this time a batch of removals lets go of the write lock; with the sync at its end that leaves half of the 100 ms
/// that a writer beside us may have to wait.
const WRITE_LOCK: Duration = Duration::from_millis(25);
/// After a transaction the database belongs to its other writers for so many times as long: they poll for the lock, and would
/// otherwise find it taken again and again.
const PAUSE: u32 = 2;

/// The SQLite implementation of [`Store`].
pub(super) struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    has_metrics_file: bool,
    /// Whether there is a table for notebook cells; runs that ended before it came have none.
    has_cells: bool,
    /// Not before this the write lock is asked for again.
    next_at: Instant,
}

impl SqliteStore {
    /// Opens an existing database.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self> {
        let context = || format!("open the database `{}`", path.display());
        let metadata = std::fs::metadata(path).map_err(|error| {
            Error::caused(Kind::DatabaseUnreadable, context(), error)
                .hint(format!("check --data-dir or --database; {}", from_here()))
        })?;
        if !metadata.is_file() {
            return Err(Error::new(Kind::DatabaseUnreadable, format!("{}: it is not a file", context()))
                .hint("check --data-dir or --database"));
        }
        refuse_foreign_owner(path, &metadata)?;
        let opened = connect(path, access).and_then(|connection| Ok((connection.is_readonly("main")?, connection)));
        let (is_readonly, connection) = opened.map_err(|error| {
            let rights = "check that this user may read (and for cleanup write) the file and its folder";
            let hint = damage(&error).unwrap_or(rights);
            Error::caused(Kind::DatabaseUnreadable, context(), error).hint(hint)
        })?;
        // SQLite opens for reading what it may not write; nothing should be sent first and refused then.
        if is_readonly && access == Access::Write {
            return Err(Error::new(Kind::DatabaseUnreadable, format!("{} for writing: it is read-only", context()))
                .hint("rows are to be deleted: are the file or its file system read-only? `backup` only reads"));
        }
        let mut store = SqliteStore {
            connection,
            path: path.to_owned(),
            has_metrics_file: false,
            has_cells: false,
            next_at: Instant::now(),
        };
        store.check_schema()?;
        Ok(store)
    }

    fn check_schema(&mut self) -> Result<()> {
        let columns: HashSet<String> = self.columns_of("pipeline_runs")?.into_iter().collect();
        self.has_metrics_file = columns.contains("metrics_file");
        self.has_cells = !self.columns_of("run_cell_logs")?.is_empty();
        let missing: Vec<_> = NEEDED_COLUMNS.into_iter().filter(|column| !columns.contains(*column)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let what = if columns.is_empty() {
            "there is no table `pipeline_runs`".to_owned()
        } else {
            format!("`pipeline_runs` lacks {}", missing.join(", "))
        };
        Err(Error::new(Kind::UnknownSchema, format!("read `{}` as a Fast-Flow database: {what}", self.path.display()))
            .hint("check --data-dir or --database; has Fast-Flow been started with it yet?"))
    }

    /// The columns of a table; none where there is no such table.
    fn columns_of(&self, table: &str) -> Result<Vec<String>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
            statement.query_map([table], |row| row.get(0))?.collect()
        };
        read().map_err(|error| self.failed("read the schema", error))
    }

    fn failed(&self, what: impl std::fmt::Display, error: rusqlite::Error) -> Error {
        let busy = matches!(
            error.sqlite_error_code(),
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
        );
        let context = format!("{what} in `{}`", self.path.display());
        if busy {
            Error::caused(Kind::DatabaseBusy, context, error)
                .hint("another process holds the database for long: an open SQLite shell, a copy of the file? run again when it has ended")
        } else {
            let hint =
                damage(&error).unwrap_or("check the file and the disk; nothing was deleted that is not archived");
            Error::caused(Kind::DatabaseUnreadable, context, error).hint(hint)
        }
    }
}

/// What to do where the file itself is the trouble.
fn damage(error: &rusqlite::Error) -> Option<&'static str> {
    match error.sqlite_error_code()? {
        rusqlite::ErrorCode::NotADatabase => {
            Some("check --data-dir or --database; an encrypted database is not one that can be read here")
        }
        rusqlite::ErrorCode::DatabaseCorrupt => Some(
            "the file is damaged, or only a part of it was copied; put back a whole one first (`PRAGMA integrity_check`)",
        ),
        _ => None,
    }
}

/// Read access changes no byte on disk: without a live WAL the connection is one that takes its side files with it when it
/// closes, with one it is read-only.
pub(crate) fn connect(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let reads_only = access == Access::Read && Path::new(&wal).exists();
    let mode = if reads_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let open = |mode| Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = match open(mode) {
        Err(_) if access == Access::Read => open(OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        opened => opened?,
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Fast-Flow runs with foreign keys off; children are deleted by hand, and a bundled SQLite has them on.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "query_only", access == Access::Read)?;
    // Plans that do not depend on values that are bound: with STAT4 compiled in, each binding would parse the statement anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    // The first read finds out whether this is a database at all.
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    Ok(connection)
}

/// Another user than the owner would leave `-wal` and `-shm` files that Fast-Flow cannot write (conventions.md section 3).
fn refuse_foreign_owner(path: &Path, metadata: &std::fs::Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::geteuid();
    if user.is_root() || user.as_raw() == metadata.uid() {
        return Ok(());
    }
    let message = format!(
        "open the database `{}` as user {}: it belongs to user {}, who could not write the files this would leave beside it",
        path.display(),
        user.as_raw(),
        metadata.uid()
    );
    Err(Error::new(Kind::WrongUser, message)
        .hint(format!("run as user {} (sudo -u '#{0}') or as root", metadata.uid())))
}

impl Store for SqliteStore {
    fn settings_page(&mut self) -> Result<SettingsPage> {
        let columns = self.columns_of("orchestrator_settings")?;
        if columns.is_empty() {
            return Ok(SettingsPage::default());
        }
        let read = || -> rusqlite::Result<SettingsPage> {
            let mut statement = self.connection.prepare("SELECT * FROM orchestrator_settings WHERE id = 1")?;
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut rows = statement.query([])?;
            let Some(row) = rows.next()? else { return Ok(SettingsPage::default()) };
            let mut values = Vec::new();
            for (index, name) in names.into_iter().enumerate() {
                match row.get(index)? {
                    Value::Null => {}
                    Value::Integer(number) => values.push((name, number.to_string())),
                    Value::Real(number) => values.push((name, number.to_string())),
                    Value::Text(text) => values.push((name, text)),
                    Value::Blob(bytes) => values.push((name, String::from_utf8_lossy(&bytes).into_owned())),
                }
            }
            Ok(SettingsPage::from_columns(values))
        };
        read().map_err(|error| self.failed("read the Settings page (`orchestrator_settings`)", error))
    }

    fn scan(
        &mut self,
        wanted: &(dyn Fn(&Standing) -> bool + Sync),
        each: &mut dyn FnMut(Result<Run, RowError>),
    ) -> Result<usize> {
        let another = || connect(&self.path, Access::Read);
        scan::scan(&self.connection, &another, wanted, each).map_err(|error| self.failed("read the runs", error))
    }

    fn paths(&mut self, runs: &[&Run]) -> Result<Vec<Result<Option<Paths>>>> {
        let columns = if self.has_metrics_file { "id, log_file, metrics_file" } else { "id, log_file, NULL" };
        let read = || {
            // One moment, and one lock, for all.
            let snapshot = self.connection.unchecked_transaction()?;
            let found = paths::read(&snapshot, columns, runs)?;
            snapshot.finish()?;
            Ok(found)
        };
        read().map_err(|error| self.failed("read the paths of runs", error))
    }

    fn has(&mut self, id: &RunId) -> Result<bool> {
        let found = find_by_id(&self.connection, "SELECT 1 FROM pipeline_runs WHERE id = ?1", id, |_| Ok(()));
        found.map(|found| found.is_some()).map_err(|error| self.failed(format_args!("find run {id}"), error))
    }

    fn record(&mut self, id: &RunId, cells: &mut dyn Write) -> Result<Option<Record>> {
        let mut read = || -> rusqlite::Result<Option<Record>> {
            // One moment for row and cells.
            let snapshot = self.connection.unchecked_transaction()?;
            let record = read_record(&snapshot, id, self.has_cells, cells)?;
            snapshot.finish()?;
            Ok(record.map(|(record, _)| record))
        };
        read().map_err(|error| self.failed(format_args!("read run {id}"), error))
    }

    fn remove(&mut self, runs: &[Removal], unlink: &mut dyn FnMut(usize) -> Result<()>) -> Result<Vec<Result<()>>> {
        let path = self.path.clone();
        let failed = |error: rusqlite::Error| {
            let busy = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
            let kind = if busy { Kind::DatabaseBusy } else { Kind::RemovalFailed };
            Error::caused(kind, format!("delete runs from `{}`", path.display()), error)
                .hint("what was archived stays archived; the next call goes on from there")
        };
        std::thread::sleep(self.next_at.saturating_duration_since(Instant::now()));
        let began = Instant::now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let locked_at = Instant::now();
        let mut outcomes = Vec::with_capacity(runs.len());
        for (index, run) in runs.iter().enumerate() {
            if index > 0 && locked_at.elapsed() > WRITE_LOCK {
                break;
            }
            let execute = |sql| transaction.prepare_cached(sql)?.execute([]);
            execute("SAVEPOINT run").map_err(failed)?;
            let outcome = remove_one(&transaction, run, self.has_cells).and_then(|()| unlink(index));
            if outcome.is_err() {
                execute("ROLLBACK TO run").map_err(failed)?;
            }
            execute("RELEASE run").map_err(failed)?;
            outcomes.push(outcome);
        }
        fail_point::reached("before-rows-commit");
        transaction.commit().map_err(failed)?;
        self.next_at = Instant::now() + began.elapsed() * PAUSE;
        Ok(outcomes)
    }

    fn restore(
        &mut self,
        id: &RunId,
        columns: &serde_json::Map<String, serde_json::Value>,
        cells: &mut dyn BufRead,
        before_commit: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let tables = [self.columns_of("pipeline_runs")?, self.columns_of("run_cell_logs")?];
        let failed = |error: rusqlite::Error| {
            let busy = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
            let kind = if busy { Kind::DatabaseBusy } else { Kind::WriteFailed };
            Error::caused(kind, format!("put run {id} back into `{}`", self.path.display()), error)
                .hint("nothing was changed in the database")
        };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        restore::insert(&transaction, id, columns, cells, &tables, &failed)?;
        before_commit()?;
        transaction.commit().map_err(failed)
    }

    fn condition(&mut self) -> Result<Condition> {
        let (columns, audit) = (self.columns_of("pipeline_runs")?, self.columns_of("audit_log")?);
        condition::read(&self.connection, &columns, !audit.is_empty())
            .map_err(|error| self.failed("read the schema", error))
    }

    fn try_write(&mut self) -> Result<()> {
        condition::try_write(&mut self.connection).map_err(|error| self.failed("begin to write", error))
    }

    fn keep_others_out(&mut self) -> Result<Option<String>> {
        Ok(None)
    }

    fn kept_out_by(&mut self) -> Result<Option<String>> {
        Ok(None)
    }

    fn audit(&mut self, entry: &AuditEntry) -> Result<bool> {
        let columns = self.columns_of("audit_log")?;
        if columns.is_empty() {
            return Ok(false);
        }
        let id: String = {
            let random = |connection: &Connection| {
                connection.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0))
            };
            random(&self.connection).map_err(|error| self.failed("make an id", error))?
        };
        let details = entry.details.to_string();
        let at = entry.at.to_sqlite();
        let all: [(&str, &str); 7] = [
            ("id", &id),
            ("created_at", &at),
            ("username", "system"),
            ("action", entry.action),
            ("resource_type", "pipeline_run"),
            ("resource_id", "fastflow-archive"),
            ("details", &details),
        ];
        let (names, values): (Vec<_>, Vec<_>) =
            all.into_iter().filter(|(name, _)| columns.iter().any(|column| column == name)).unzip();
        let places = vec!["?"; names.len()].join(", ");
        let sql = format!("INSERT INTO audit_log ({}) VALUES ({places})", names.join(", "));
        self.connection
            .execute(&sql, rusqlite::params_from_iter(values))
            .map_err(|error| self.failed("write the summary into `audit_log`", error))?;
        Ok(true)
    }
}

/// Deletes children and row, if the run is still what was archived.
fn remove_one(connection: &Connection, run: &Removal, has_cells: bool) -> Result<()> {
    let failed = |error| Error::caused(Kind::RemovalFailed, format!("delete run {}", run.id), error);
    let forms = id_forms(&run.id);
    let delete = |sql| -> rusqlite::Result<usize> {
        let mut statement = connection.prepare_cached(sql)?;
        forms.iter().map(|form| statement.execute([form])).sum()
    };
    run.check(read_record(connection, &run.id, has_cells, &mut std::io::sink()).map_err(failed)?)?;
    if has_cells {
        delete("DELETE FROM run_cell_logs WHERE run_id = ?1").map_err(failed)?;
    }
    fail_point::reached("children-deleted");
    match delete("DELETE FROM pipeline_runs WHERE id = ?1").map_err(failed)? {
        1 => {
            fail_point::reached("row-deleted");
            Ok(())
        }
        count => Err(Error::new(Kind::RemovalFailed, format!("delete run {}: {count} rows have this id", run.id))),
    }
}
