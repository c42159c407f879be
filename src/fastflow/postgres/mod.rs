//! Fast-Flow's PostgreSQL database beside its live writer.
//!
//! In: the address of the database. Out: the [`Store`]. Never changes the schema, never sets the session's `TimeZone` unless
//! told to, never holds a lock on rows longer than one batch, and reads what columns there are: older databases lack the newest.

mod condition;
mod connection;
mod pass_file;
mod restore;
mod rows;
mod schema;
mod tls;

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use super::names::Names;
use super::record::Record;
use super::store::{Access, AuditEntry, Condition, NEEDED_COLUMNS, Paths, Removal, RowError, Store};
use crate::config::{PostgresAddress, SettingsPage};
use crate::error::{Error, Kind, Result};
use crate::fail_point;
use crate::run::{Run, RunId, Standing};
use connection::is_busy;
pub(crate) use connection::{Connection, SqlError, SqlRow, Values, cause, hint_of};
use rows::{Fate, Tables, Trouble, read_run};
use schema::{Columns, Form, Uuid};

/// Rows per page of the scan.
const PAGE_ROWS: usize = 8192;
/// After this time a batch of removals lets go of its rows: nobody else waits for them, as they are finished runs.
const ROW_LOCKS: Duration = Duration::from_millis(250);
/// "FFAr", the first half of the advisory lock's number; the other half is the table's.
pub(crate) const LOCK_CLASS: i32 = 0x4646_4172;

/// The PostgreSQL implementation of [`Store`].
pub(super) struct PostgresStore {
    connection: Connection,
    tables: Tables,
    is_locked: bool,
}

/// `log_file` and `metrics_file`.
type StoredPaths = (Option<String>, Option<String>);

/// What others see of our sessions: `pg_stat_activity.application_name`.
pub(crate) fn session_note() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("fastflow-archive on {host}, pid {}", std::process::id())
}

impl PostgresStore {
    /// Connects to the database, which must be one of Fast-Flow.
    pub(super) fn open(address: &PostgresAddress, access: Access) -> Result<Self> {
        let connection = Connection::open(address, access, &session_note())?;
        let read = || -> Result<Tables, SqlError> {
            let [runs, cells] = ["pipeline_runs", "run_cell_logs"].map(|table| Columns::of(&connection, table));
            Ok(Tables { runs: runs?, cells: cells? })
        };
        let tables = read().map_err(|error| connection.failed("read the schema", &error))?;
        let store = PostgresStore { connection, tables, is_locked: false };
        store.check_schema()?;
        if access == Access::Write {
            store.check_rights()?;
        }
        Ok(store)
    }

    fn check_schema(&self) -> Result<()> {
        let runs = &self.tables.runs;
        let missing: Vec<_> = NEEDED_COLUMNS.into_iter().filter(|column| runs.get(column).is_none()).collect();
        let is_of = |column: &str, forms: &[Form]| runs.get(column).is_some_and(|found| forms.contains(&found.form));
        let times = [Form::Time, Form::NaiveTime];
        let what = if runs.is_empty() {
            "there is no table `pipeline_runs` (in the schemas of `search_path`)".to_owned()
        } else if !missing.is_empty() {
            format!("`pipeline_runs` lacks {}", missing.join(", "))
        } else if !is_of("id", &[Form::Uuid]) {
            "`id` of `pipeline_runs` is no uuid".to_owned()
        } else if !is_of("started_at", &times) || !is_of("finished_at", &times) {
            "the times of `pipeline_runs` are no timestamps".to_owned()
        } else {
            return Ok(());
        };
        let message = format!("read `{}` as a Fast-Flow database: {what}", self.connection.shown());
        Err(Error::new(Kind::UnknownSchema, message).hint("check --database or DATABASE_URL"))
    }

    /// Nothing should be sent first and refused then.
    fn check_rights(&self) -> Result<()> {
        let sql = "SELECT current_setting('transaction_read_only') = 'on', current_user::text, \
                   has_table_privilege('pipeline_runs', 'DELETE'), has_any_column_privilege('pipeline_runs', 'UPDATE'), \
                   to_regclass('run_cell_logs') IS NULL OR has_table_privilege('run_cell_logs', 'DELETE')";
        let read = || -> Result<(bool, String, [bool; 3]), SqlError> {
            let rows = self.connection.query(sql, &[])?;
            let Some(row) = rows.first() else { return Ok((false, String::new(), [true; 3])) };
            Ok((row.try_get(0)?, row.try_get(1)?, [row.try_get(2)?, row.try_get(3)?, row.try_get(4)?]))
        };
        let (reads_only, role, [deletes, locks, deletes_cells]) =
            read().map_err(|error| self.connection.failed("read what may be done", &error))?;
        let context = format!("open the database `{}` for writing", self.connection.shown());
        if reads_only {
            return Err(Error::new(Kind::DatabaseUnreadable, format!("{context}: it is read-only"))
                .hint("is it a standby, or default_transaction_read_only set? `backup` only reads"));
        }
        let lacking = match (deletes, locks, deletes_cells) {
            (true, true, true) => return Ok(()),
            (false, ..) => "DELETE ON pipeline_runs",
            (_, false, _) => "UPDATE (uv_version) ON pipeline_runs",
            (.., false) => "DELETE ON run_cell_logs",
        };
        let message = format!("{context}: the role `{role}` has no {lacking}");
        Err(Error::new(Kind::DatabaseUnreadable, message)
            .hint(format!("GRANT {lacking} TO \"{role}\"; the README has the rest under \"PostgreSQL\"")))
    }

    fn failed(&self, what: impl std::fmt::Display, error: &SqlError) -> Error {
        self.connection.failed(what, error)
    }

    fn trouble(&self, what: impl std::fmt::Display + Send + Sync + 'static, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Sql(error) => self.failed(what, &error),
            Trouble::Io(error) => Error::caused(Kind::WriteFailed, what, error),
        }
    }

    /// Runs `work` in a transaction, which ends with it: well, or as if it had never been.
    fn transaction<T>(
        &self,
        begin: &str,
        failed: &dyn Fn(&SqlError) -> Error,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.connection.batch(begin).map_err(|error| failed(&error))?;
        let done = work().and_then(|done| {
            self.connection.batch("COMMIT").map_err(|error| failed(&error))?;
            Ok(done)
        });
        if done.is_err() {
            // Where this fails too, the session is over, and with it the transaction.
            drop(self.connection.batch("ROLLBACK"));
        }
        done
    }

    /// Locks the row, deletes cells and row, if the run is still what was archived.
    fn remove_one(&self, run: &Removal) -> Result<()> {
        let id = run.id;
        let failed = |trouble: Trouble| match trouble {
            Trouble::Sql(error) if is_busy(&error) => {
                Error::caused(Kind::DatabaseBusy, format!("delete run {id}"), cause(&error)).hint(hint_of(&error))
            }
            Trouble::Sql(error) => {
                Error::caused(Kind::RemovalFailed, format!("delete run {id}"), cause(&error)).hint(hint_of(&error))
            }
            Trouble::Io(error) => Error::caused(Kind::RemovalFailed, format!("delete run {id}"), error),
        };
        run.check(self.tables.read_record(&self.connection, &id, &mut std::io::sink(), Fate::Go).map_err(failed)?)?;
        fail_point::reached("children-deleted");
        let sql = "DELETE FROM pipeline_runs WHERE id = $1";
        match self.connection.execute(sql, &[&Uuid::from(&id)]).map_err(|error| failed(error.into()))? {
            1 => {
                fail_point::reached("row-deleted");
                Ok(())
            }
            count => Err(Error::new(Kind::RemovalFailed, format!("delete run {id}: {count} rows were deleted"))),
        }
    }

    fn read_paths(&self, runs: &[&Run]) -> Result<HashMap<RunId, StoredPaths>, SqlError> {
        let metrics = if self.tables.runs.get("metrics_file").is_some() { "metrics_file::text" } else { "NULL::text" };
        let sql = format!("SELECT id, log_file::text, {metrics} FROM pipeline_runs WHERE id = ANY($1)");
        let ids: Vec<Uuid> = runs.iter().map(|run| Uuid::from(&run.id)).collect();
        let mut found = HashMap::with_capacity(ids.len());
        for row in self.connection.query(&sql, &[&ids])? {
            let Uuid(id) = row.try_get(0)?;
            found.insert(RunId::from(id), (row.try_get(1)?, row.try_get(2)?));
        }
        Ok(found)
    }

    /// Who holds the advisory lock.
    fn holder(&self) -> Result<Option<String>, SqlError> {
        let sql = "SELECT a.application_name::text FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
                   WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
                   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                   AND l.classid::bigint = $1 AND l.objid = to_regclass('pipeline_runs')::oid";
        let Some(row) = self.connection.first(sql, &[&i64::from(LOCK_CLASS)])? else { return Ok(None) };
        let name = row.try_get::<_, Option<String>>(0)?.unwrap_or_default();
        Ok(Some(if name.is_empty() { "an unknown session".to_owned() } else { name }))
    }

    /// One page of the scan, from `first` on; `None` after the last.
    fn page(
        &self,
        first: u128,
        names: &mut Names,
        wanted: &dyn Fn(&Standing) -> bool,
        each: &mut dyn FnMut(Result<Run, RowError>),
    ) -> Result<(usize, Option<u128>), SqlError> {
        let column = |name: &str| self.tables.runs.get(name);
        let (Some(start), Some(end)) = (column("started_at"), column("finished_at")) else { return Ok((0, None)) };
        let sql = format!(
            "SELECT id, pipeline_name::text, status::text, {}, {}, started_at::text, finished_at::text \
             FROM pipeline_runs WHERE id >= $1 ORDER BY id LIMIT {PAGE_ROWS}",
            start.instant(),
            end.instant()
        );
        let (mut last, mut count) = (None, 0);
        self.connection.each(&sql, &[&Uuid(first.to_be_bytes())], |row| {
            let Uuid(id) = row.try_get(0)?;
            (last, count) = (Some(u128::from_be_bytes(id)), count + 1);
            read_run(row, names, wanted)?.into_iter().for_each(&mut *each);
            Ok(true)
        })?;
        Ok((count, last.filter(|_| count == PAGE_ROWS).and_then(|last| last.checked_add(1))))
    }
}

impl Store for PostgresStore {
    fn settings_page(&mut self) -> Result<SettingsPage> {
        let read = || -> Result<SettingsPage, SqlError> {
            let columns = Columns::of(&self.connection, "orchestrator_settings")?;
            if columns.is_empty() {
                return Ok(SettingsPage::default());
            }
            let selected: Vec<_> = columns.0.iter().map(|column| format!("{}::text", column.quoted())).collect();
            let sql = format!("SELECT {} FROM orchestrator_settings WHERE id = 1", selected.join(", "));
            let Some(row) = self.connection.first(&sql, &[])? else { return Ok(SettingsPage::default()) };
            let mut values = Vec::new();
            for (index, column) in columns.0.into_iter().enumerate() {
                if let Some(text) = row.try_get::<_, Option<String>>(index)? {
                    values.push((column.name, text));
                }
            }
            Ok(SettingsPage::from_columns(values))
        };
        read().map_err(|error| self.failed("read the Settings page (`orchestrator_settings`)", &error))
    }

    fn scan(
        &mut self,
        wanted: &(dyn Fn(&Standing) -> bool + Sync),
        each: &mut dyn FnMut(Result<Run, RowError>),
    ) -> Result<usize> {
        let (mut names, mut rows) = (Names::default(), 0);
        // By the primary key: every row exactly once whatever its values are.
        let mut next = Some(0);
        while let Some(first) = next {
            let page = self.page(first, &mut names, wanted, each);
            let (read, after) = page.map_err(|error| self.failed("read the runs", &error))?;
            rows += read;
            next = after;
        }
        Ok(rows)
    }

    fn paths(&mut self, runs: &[&Run]) -> Result<Vec<Result<Option<Paths>>>> {
        let mut stored = self.read_paths(runs).map_err(|error| self.failed("read the paths of runs", &error))?;
        let paths = runs.iter().map(|run| match stored.remove(&run.id) {
            None => Ok(None),
            Some((Some(log), metrics)) => Ok(Some(Paths { log, metrics: metrics.filter(|path| !path.is_empty()) })),
            Some((None, _)) => {
                let message = format!("read `log_file` of run {}: it is not text", run.id);
                Err(Error::new(Kind::UnreadableRow, message)
                    .hint("the run is left alone; correct the row in the database"))
            }
        });
        Ok(paths.collect())
    }

    fn has(&mut self, id: &RunId) -> Result<bool> {
        let read = self.connection.first("SELECT 1 FROM pipeline_runs WHERE id = $1", &[&Uuid::from(id)]);
        Ok(read.map_err(|error| self.failed(format_args!("find run {id}"), &error))?.is_some())
    }

    fn record(&mut self, id: &RunId, cells: &mut dyn Write) -> Result<Option<Record>> {
        let what = format!("read run {id}");
        // One moment for row and cells.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        self.transaction(begin, &|error| self.failed(&what, error), || {
            let record = self.tables.read_record(&self.connection, id, cells, Fate::Stay);
            Ok(record.map_err(|trouble| self.trouble(what.clone(), trouble))?.map(|(record, _)| record))
        })
    }

    fn remove(&mut self, runs: &[Removal], unlink: &mut dyn FnMut(usize) -> Result<()>) -> Result<Vec<Result<()>>> {
        let failed = |error: &SqlError| {
            let kind = if is_busy(error) { Kind::DatabaseBusy } else { Kind::RemovalFailed };
            Error::caused(kind, format!("delete runs from `{}`", self.connection.shown()), cause(error))
                .hint("what was archived stays archived; the next call goes on from there")
        };
        // A reference that is only checked at the end would undo rows whose files are gone by then.
        let begin = "BEGIN; SET CONSTRAINTS ALL IMMEDIATE";
        self.transaction(begin, &failed, || {
            let locked_at = Instant::now();
            let mut outcomes = Vec::with_capacity(runs.len());
            for (index, run) in runs.iter().enumerate() {
                if index > 0 && locked_at.elapsed() > ROW_LOCKS {
                    break;
                }
                self.connection.batch("SAVEPOINT run").map_err(|error| failed(&error))?;
                let outcome = self.remove_one(run).and_then(|()| unlink(index));
                let end = if outcome.is_ok() { "RELEASE run" } else { "ROLLBACK TO run; RELEASE run" };
                self.connection.batch(end).map_err(|error| failed(&error))?;
                outcomes.push(outcome);
            }
            fail_point::reached("before-rows-commit");
            Ok(outcomes)
        })
    }

    fn restore(
        &mut self,
        id: &RunId,
        columns: &serde_json::Map<String, serde_json::Value>,
        cells: &mut dyn BufRead,
        before_commit: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let failed = |error: &SqlError| {
            let kind = if is_busy(error) { Kind::DatabaseBusy } else { Kind::WriteFailed };
            let hint = match hint_of(error) {
                hint if error.code() == Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE) => hint,
                _ => "nothing was changed in the database",
            };
            let context = format!("put run {id} back into `{}`", self.connection.shown());
            Error::caused(kind, context, cause(error)).hint(hint)
        };
        let trouble = |trouble: Trouble| match trouble {
            Trouble::Sql(error) => failed(&error),
            Trouble::Io(error) => Error::caused(Kind::WriteFailed, format!("put run {id} back"), error),
        };
        self.transaction("BEGIN; SET CONSTRAINTS ALL IMMEDIATE", &failed, || {
            restore::insert(&self.connection, id, columns, cells, &self.tables, &trouble)?;
            before_commit()
        })
    }

    fn audit(&mut self, entry: &AuditEntry) -> Result<bool> {
        let what = "write the summary into `audit_log`";
        let columns = Columns::of(&self.connection, "audit_log").map_err(|error| self.failed(what, &error))?;
        if columns.is_empty() {
            return Ok(false);
        }
        let (details, at) = (entry.details.to_string(), entry.at.to_string());
        let all: [(&str, &str); 6] = [
            ("created_at", &at),
            ("username", "system"),
            ("action", entry.action),
            ("resource_type", "pipeline_run"),
            ("resource_id", "fastflow-archive"),
            ("details", &details),
        ];
        let there: Vec<_> = all.iter().filter_map(|(name, value)| Some((columns.get(name)?, value))).collect();
        let names: Vec<_> = there.iter().map(|(column, _)| column.quoted()).collect();
        let places: Vec<_> = there.iter().enumerate().map(|(index, (column, _))| column.inserted(index + 1)).collect();
        let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
            there.iter().map(|(_, value)| *value as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
        let (names, places) = (names.join(", "), places.join(", "));
        let sql = format!("INSERT INTO audit_log (id, {names}) VALUES (gen_random_uuid(), {places})");
        self.connection.execute(&sql, &values).map_err(|error| self.failed(what, &error))?;
        Ok(true)
    }

    fn condition(&mut self) -> Result<Condition> {
        condition::read(&self.connection, &self.tables.runs).map_err(|error| self.failed("read the schema", &error))
    }

    fn try_write(&mut self) -> Result<()> {
        self.check_rights()
    }

    fn keep_others_out(&mut self) -> Result<Option<String>> {
        let key = format!("({LOCK_CLASS}::bigint << 32) | to_regclass('pipeline_runs')::oid::bigint");
        let sql = format!("SELECT pg_try_advisory_lock({key})");
        let take = || -> Result<Option<String>, SqlError> {
            let taken = self.connection.first(&sql, &[])?;
            if taken.map_or(Ok(false), |row| row.try_get(0))? {
                return Ok(None);
            }
            Ok(self.holder()?.or_else(|| Some("an unknown session".to_owned())))
        };
        let taken = take().map_err(|error| self.failed("take the lock", &error))?;
        self.is_locked |= taken.is_none();
        Ok(taken)
    }

    fn kept_out_by(&mut self) -> Result<Option<String>> {
        self.holder().map_err(|error| self.failed("look at the lock", &error))
    }
}

/// The next invocation should not have to wait until the server notices that this session is over.
impl Drop for PostgresStore {
    fn drop(&mut self) {
        if self.is_locked {
            drop(self.connection.batch("SELECT pg_advisory_unlock_all()"));
        }
    }
}
