//! The ledger in a SQLite file: what [`Storage`] and [`Aside`] ask, in SQL.
//!
//! In: the path of the file. Out: entries. How the file is made and opened: [`super::file`].

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use super::checks::{Order, Selected};
use super::entry::What;
use super::file::{self, damaged};
use super::storage::{Aside, Ends, Link, Storage, chained};
use super::{Head, Told};
use crate::error::{Error, Kind, Result};
use crate::fastflow::Access;
use crate::run::RunId;
use crate::time::Timestamp;

/// The newest record of each run.
const NEWEST: &str = "SELECT max(seq) FROM entries WHERE run_id IS NOT NULL AND entry = 'archived' GROUP BY run_id";

/// A ledger's file, open.
pub(super) struct SqliteLedger {
    connection: Connection,
    path: PathBuf,
    shown: String,
}

impl SqliteLedger {
    /// Opens a file that is there.
    pub(super) fn open(path: PathBuf, access: Access) -> Result<SqliteLedger> {
        let connection = file::open(&path, access)?;
        let shown = path.display().to_string();
        Ok(SqliteLedger { connection, path, shown })
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        failed(&self.path, error)
    }

    /// The first column of each row.
    fn texts(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<String>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            self.connection.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect()
        };
        read().map_err(|error| self.failed(error))
    }

    fn has_checks(&self) -> rusqlite::Result<bool> {
        self.connection.prepare("SELECT 1 FROM sqlite_master WHERE name = 'checks'")?.exists([])
    }
}

impl Storage for SqliteLedger {
    fn shown(&self) -> &str {
        &self.shown
    }

    fn reader(&self) -> Result<Box<dyn Storage>> {
        Ok(Box::new(SqliteLedger::open(self.path.clone(), Access::Read)?))
    }

    fn damaged(&self, why: &str) -> Error {
        damaged(&self.path, anyhow::Error::msg(why.to_owned()))
    }

    fn ends(&self) -> Result<Option<Ends>> {
        let sql = "SELECT (SELECT body FROM entries WHERE seq = 1), body, hash FROM entries ORDER BY seq DESC LIMIT 1";
        let found = self
            .connection
            .query_row(sql, [], |row| Ok(Ends { first: row.get(0)?, last: row.get(1)?, hash: row.get(2)? }));
        found.optional().map_err(|error| damaged(&self.path, error))
    }

    fn head(&self) -> Result<Option<Head>> {
        head_of(&self.connection).map_err(|error| self.failed(error))
    }

    fn append(&mut self, whats: Vec<What>, at: Timestamp) -> Result<()> {
        let path = &self.path;
        let failed = |error| failed(path, error);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let links = chained(head_of(&transaction).map_err(failed)?, whats, at)?;
        insert(&transaction, &links).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    fn of_run(&self, run: &RunId, entry: &str, newest: bool) -> Result<Vec<(i64, String)>> {
        let order = if newest { "DESC LIMIT 1" } else { "" };
        let sql = format!("SELECT seq, body FROM entries WHERE run_id = ? AND entry = ? ORDER BY seq {order}");
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.query_map([run.to_string().as_str(), entry], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        read().map_err(|error| self.failed(error))
    }

    fn last_of_run(&self, run: &RunId, [one, other]: [&str; 2]) -> Result<Option<i64>> {
        let sql = "SELECT max(seq) FROM entries WHERE run_id = ? AND entry IN (?, ?)";
        let read = self.connection.prepare_cached(sql);
        let read =
            read.and_then(|mut statement| statement.query_row(params![run.to_string(), one, other], |row| row.get(0)));
        read.map_err(|error| self.failed(error))
    }

    fn began(&self, count: i64) -> Result<Vec<String>> {
        self.texts("SELECT body FROM entries WHERE entry = 'began' ORDER BY seq DESC LIMIT ?", [count])
    }

    fn ended(&self, succeeded: bool) -> Result<Option<String>> {
        let sql = "SELECT body FROM entries WHERE entry = 'ended' AND json_extract(body, '$.summary.command') IN ('backup', 'cleanup') \
                   AND (NOT ? OR json_extract(body, '$.exit_code') = 0) ORDER BY seq DESC LIMIT 1";
        Ok(self.texts(sql, [succeeded])?.pop())
    }

    fn open_deletions(&self) -> Result<Vec<String>> {
        let sql = "SELECT run_id FROM entries \
                   WHERE seq > (SELECT coalesce(max(seq), 0) FROM entries WHERE entry = 'ended' \
                   AND json_extract(body, '$.summary.command') IN ('backup', 'cleanup')) \
                   AND entry IN ('intended', 'deleted', 'kept') \
                   GROUP BY run_id HAVING max(seq) = max(CASE entry WHEN 'intended' THEN seq END)";
        self.texts(sql, [])
    }

    fn knows(&self, hash: &str) -> Result<bool> {
        let read = || self.connection.prepare("SELECT 1 FROM entries WHERE hash = ?")?.exists([hash]);
        read().map_err(|error| self.failed(error))
    }

    fn each(&self, each: &mut dyn FnMut(i64, &str, &str)) -> Result<()> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare("SELECT seq, body, hash FROM entries ORDER BY seq")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(row.get(0)?, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
            }
            Ok(())
        };
        read().map_err(|error| self.failed(error))
    }

    fn each_newest(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let failed = |error| self.failed(error);
        let sql = format!("SELECT body FROM entries WHERE seq IN ({NEWEST}) ORDER BY run_id");
        let mut statement = self.connection.prepare(&sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(&row.get::<_, String>(0).map_err(failed)?)?;
        }
        Ok(())
    }

    fn each_id(&self, selected: &Selected, order: Order, each: &mut dyn FnMut(&str) -> Result<bool>) -> Result<()> {
        let list = |values: Vec<String>| (!values.is_empty()).then(|| serde_json::Value::from(values).to_string());
        let pipelines = list(selected.pipelines.clone());
        let runs = list(selected.runs.iter().map(ToString::to_string).collect());
        let before = selected.archived_before.map(|at| at.to_string());
        let (seed, by_chance) = order.seed();
        let failed = |error| self.failed(error);
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
            "SELECT run_id FROM entries WHERE seq IN ({NEWEST}) \
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
}

/// Adds entries that were chained to the last one.
pub(super) fn insert(connection: &Connection, links: &[Link]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("INSERT INTO entries (seq, body, hash) VALUES (?, ?, ?)")?;
    for Link { seq, body, hash } in links {
        statement.execute(params![seq, body, hash])?;
    }
    Ok(())
}

fn head_of(connection: &Connection) -> rusqlite::Result<Option<Head>> {
    let mut statement = connection.prepare_cached("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1")?;
    statement.query_row([], |row| Ok(Head { seq: row.get(0)?, hash: row.get(1)? })).optional()
}

fn failed(path: &Path, error: rusqlite::Error) -> Error {
    Error::caused(Kind::LedgerFailed, format!("use the ledger `{}`", path.display()), error)
        .hint("without a record nothing is deleted; check the disk and the rights of the state directory")
}

/// The tables beside the chain, in a file that is there. Opened for a moment; another writer is waited for as long as given.
pub(super) struct SqliteAside {
    path: PathBuf,
    busy: Duration,
}

impl SqliteAside {
    /// Where this user may write the file: never where that would leave files of a user whom it does not belong to.
    pub(super) fn open(path: PathBuf, busy: Duration) -> Result<SqliteAside> {
        let us = rustix::process::geteuid();
        if !us.is_root() && std::fs::metadata(&path).is_ok_and(|file| file.uid() != us.as_raw()) {
            let message = format!("remember in `{}` what was checked: it belongs to another user", path.display());
            return Err(Error::new(Kind::WrongUser, message).hint("run it as the user that runs cleanup"));
        }
        Ok(SqliteAside { path, busy })
    }

    fn write<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let open = || {
            let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            connection.busy_timeout(self.busy)?;
            Ok(connection)
        };
        open().and_then(|mut connection| work(&mut connection)).map_err(|error| failed(&self.path, error))
    }
}

impl Aside for SqliteAside {
    fn make_ready(&mut self) -> Result<()> {
        let table = "CREATE TABLE IF NOT EXISTS checks (run_id TEXT PRIMARY KEY, read_at TEXT NOT NULL) STRICT";
        self.write(|connection| connection.execute(table, []).map(drop))
    }

    fn remember_read(&mut self, runs: &[RunId], at: Timestamp) -> Result<()> {
        self.write(|connection| {
            let transaction = connection.transaction()?;
            for run in runs {
                let sql = "INSERT OR REPLACE INTO checks (run_id, read_at) VALUES (?, ?)";
                transaction.prepare_cached(sql)?.execute([run.to_string(), at.to_string()])?;
            }
            transaction.commit()
        })
    }

    fn told(&mut self, command: &str, channel: &str) -> Result<Option<Told>> {
        let sql = "SELECT cause, since, sent_at FROM notification_state WHERE command = ? AND channel = ?";
        self.write(|connection| {
            let read = connection.query_row(sql, [command, channel], |row| {
                Ok(Told { cause: row.get(0)?, since: row.get(1)?, sent_at: row.get(2)? })
            });
            read.optional()
        })
    }

    fn remember_told(&mut self, command: &str, channel: &str, told: &Told) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO notification_state (command, channel, cause, since, sent_at) VALUES (?, ?, ?, ?, ?)";
        let Told { cause, since, sent_at } = told;
        self.write(|connection| connection.execute(sql, params![command, channel, cause, since, sent_at]).map(drop))
    }

    fn forget_told(&mut self, command: &str, channel: &str) -> Result<()> {
        let sql = "DELETE FROM notification_state WHERE command = ? AND channel = ?";
        self.write(|connection| connection.execute(sql, [command, channel]).map(drop))
    }
}
