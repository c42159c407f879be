//! The ledger in PostgreSQL: what [`Storage`] and [`Aside`] ask, in SQL.
//!
//! In: the address of the database. Out: entries. How the schema is made and opened: [`super::schema`]. Reads in pages, with
//! nothing open in between: what is handed over may ask again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checks::{Order, Selected};
use super::entry::What;
use super::storage::{Aside, Ends, Link, Storage, chained};
use super::{Head, Told, schema};
use crate::config::PostgresAddress;
use crate::error::{Error, Result};
use crate::fastflow::Access;
use crate::fastflow::postgres::{Connection, SqlError, SqlRow, Values, session_note};
use crate::run::RunId;
use crate::time::Timestamp;

/// Entries of one page.
const PAGE: i64 = 1000;
/// Telling people does not wait long for a database that may be the trouble.
const SOON: Duration = Duration::from_secs(3);

/// A ledger's schema, open.
pub(super) struct PostgresLedger {
    connection: Connection,
    address: PostgresAddress,
    data_dir: PathBuf,
    shown: String,
}

impl PostgresLedger {
    /// Opens the ledger for writing; makes it where there is none, and `data_dir` holds none from before.
    pub(super) fn open(address: &PostgresAddress, data_dir: &Path, host: &str, now: Timestamp) -> Result<Self> {
        Ok(PostgresLedger::of(schema::open(address, data_dir, host, now)?, address, data_dir))
    }

    /// Opens the ledger for reading; `None` where there is none.
    pub(super) fn open_existing(address: &PostgresAddress, data_dir: &Path) -> Result<Option<Self>> {
        let opened = schema::open_existing(address, data_dir)?;
        Ok(opened.map(|connection| PostgresLedger::of(connection, address, data_dir)))
    }

    fn of(connection: Connection, address: &PostgresAddress, data_dir: &Path) -> PostgresLedger {
        let shown = schema::shown(connection.shown());
        PostgresLedger { connection, address: address.clone(), data_dir: data_dir.to_owned(), shown }
    }

    fn ask<T>(&self, sql: &str, values: Values<'_>, read: impl Fn(&SqlRow) -> Result<T, SqlError>) -> Result<Vec<T>> {
        let rows = self.connection.query(sql, values).and_then(|rows| rows.iter().map(read).collect());
        rows.map_err(|error| schema::failed(&self.connection, "use", &error))
    }

    fn texts(&self, sql: &str, values: Values<'_>) -> Result<Vec<String>> {
        self.ask(sql, values, |row| row.try_get(0))
    }
}

impl Storage for PostgresLedger {
    fn shown(&self) -> &str {
        &self.shown
    }

    fn reader(&self) -> Result<Box<dyn Storage>> {
        let opened = PostgresLedger::open_existing(&self.address, &self.data_dir)?;
        Ok(Box::new(opened.ok_or_else(|| self.damaged("it is gone"))?))
    }

    fn damaged(&self, why: &str) -> Error {
        schema::damaged(self.connection.shown(), why)
    }

    fn ends(&self) -> Result<Option<Ends>> {
        let sql = "SELECT (SELECT body FROM fastflow_archive.entries WHERE seq = 1), body, hash \
                   FROM fastflow_archive.entries ORDER BY seq DESC LIMIT 1";
        let found =
            self.ask(sql, &[], |row| Ok(Ends { first: row.try_get(0)?, last: row.try_get(1)?, hash: row.try_get(2)? }));
        Ok(found?.pop())
    }

    fn head(&self) -> Result<Option<Head>> {
        head_of(&self.connection).map_err(|error| schema::failed(&self.connection, "use", &error))
    }

    fn append(&mut self, whats: Vec<What>, at: Timestamp) -> Result<()> {
        let connection = &self.connection;
        let failed = |error: &SqlError| schema::failed(connection, "use", error);
        schema::alone(connection, &failed, || {
            let links = chained(head_of(connection).map_err(|error| failed(&error))?, whats, at)?;
            insert(connection, links).map_err(|error| failed(&error))
        })
    }

    fn of_run(&self, run: &RunId, entry: &str, newest: bool) -> Result<Vec<(i64, String)>> {
        let order = if newest { "DESC LIMIT 1" } else { "" };
        let sql = format!(
            "SELECT seq, body FROM fastflow_archive.entries WHERE run_id = $1 AND entry = $2 ORDER BY seq {order}"
        );
        self.ask(&sql, &[&run.to_string(), &entry], |row| Ok((row.try_get(0)?, row.try_get(1)?)))
    }

    fn last_of_run(&self, run: &RunId, entries: [&str; 2]) -> Result<Option<i64>> {
        let sql = "SELECT max(seq) FROM fastflow_archive.entries WHERE run_id = $1 AND entry = ANY($2)";
        let found = self.ask(sql, &[&run.to_string(), &entries.as_slice()], |row| row.try_get(0))?;
        Ok(found.into_iter().next().flatten())
    }

    fn began(&self, count: i64) -> Result<Vec<String>> {
        let sql = "SELECT body FROM fastflow_archive.entries WHERE entry = 'began' ORDER BY seq DESC LIMIT $1";
        self.texts(sql, &[&count])
    }

    fn ended(&self, succeeded: bool) -> Result<Option<String>> {
        let line = line();
        let sql = format!(
            "SELECT body FROM fastflow_archive.entries \
             WHERE entry = 'ended' AND {line} #>> '{{summary,command}}' IN ('backup', 'cleanup') \
             AND (NOT $1 OR {line} ->> 'exit_code' = '0') ORDER BY seq DESC LIMIT 1"
        );
        Ok(self.texts(&sql, &[&succeeded])?.pop())
    }

    fn open_deletions(&self) -> Result<Vec<String>> {
        let line = line();
        let sql = format!(
            "SELECT run_id FROM fastflow_archive.entries WHERE seq > coalesce((SELECT seq FROM fastflow_archive.entries \
             WHERE entry = 'ended' AND {line} #>> '{{summary,command}}' IN ('backup', 'cleanup') ORDER BY seq DESC LIMIT 1), 0) \
             AND entry IN ('intended', 'deleted', 'kept') \
             GROUP BY run_id HAVING max(seq) = max(CASE entry WHEN 'intended' THEN seq END) ORDER BY run_id"
        );
        self.texts(&sql, &[])
    }

    fn knows(&self, hash: &str) -> Result<bool> {
        let found = self.texts("SELECT hash FROM fastflow_archive.entries WHERE hash = $1 LIMIT 1", &[&hash])?;
        Ok(!found.is_empty())
    }

    fn each(&self, each: &mut dyn FnMut(i64, &str, &str)) -> Result<()> {
        let sql =
            format!("SELECT seq, body, hash FROM fastflow_archive.entries WHERE seq > $1 ORDER BY seq LIMIT {PAGE}");
        let mut last = Some(i64::MIN);
        while let Some(after) = last.take() {
            let page = self.ask(&sql, &[&after], |row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))?;
            for (seq, body, hash) in &page {
                let (body, hash): (&String, &String) = (body, hash);
                each(*seq, body, hash);
                last = Some(*seq);
            }
        }
        Ok(())
    }

    fn each_newest(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let sql = format!(
            "SELECT DISTINCT ON (run_id) run_id, body FROM fastflow_archive.entries \
             WHERE run_id > $1 AND entry = 'archived' ORDER BY run_id, seq DESC LIMIT {PAGE}"
        );
        let mut last = Some(String::new());
        while let Some(after) = last.take() {
            let page: Vec<(String, String)> =
                self.ask(&sql, &[&after], |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
            for (run, body) in page {
                each(&body)?;
                last = Some(run);
            }
        }
        Ok(())
    }

    fn each_id(&self, selected: &Selected, order: Order, each: &mut dyn FnMut(&str) -> Result<bool>) -> Result<()> {
        let list = |values: Vec<String>| Some(values).filter(|values| !values.is_empty());
        let pipelines = list(selected.pipelines.clone());
        let runs = list(selected.runs.iter().map(ToString::to_string).collect());
        let before = selected.archived_before.map(|at| at.to_string());
        let (seed, by_chance) = order.seed();
        let by = match (by_chance, selected.limit) {
            (true, _) => {
                "(SELECT read_at FROM fastflow_archive.checks WHERE checks.run_id = newest.run_id) NULLS FIRST, \
                 (seq * $4) % 2147483647"
            }
            (false, None) => "run_id",
            (false, Some(_)) => "seq",
        };
        let limit = selected.limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let line = line();
        let sql = format!(
            "SELECT run_id FROM (SELECT DISTINCT ON (run_id) run_id, seq, body FROM fastflow_archive.entries \
             WHERE run_id IS NOT NULL AND entry = 'archived' ORDER BY run_id, seq DESC) AS newest \
             WHERE ($1::text[] IS NULL OR {line} ->> 'pipeline' = ANY($1)) AND ($2::text[] IS NULL OR run_id = ANY($2)) \
             AND ($3::text IS NULL OR ({line} ->> 'at') COLLATE \"C\" < $3) AND $4::bigint IS NOT NULL ORDER BY {by} LIMIT $5"
        );
        // Sixteen bytes of each run: asking page by page would sort all of them for each page.
        let mut ids: Vec<RunId> = Vec::new();
        let mut unreadable = false;
        let read = self.connection.each(&sql, &[&pipelines, &runs, &before, &seed, &limit], |row| {
            match row.try_get::<_, &str>(0)?.parse() {
                Ok(id) => ids.push(id),
                Err(_) => unreadable = true,
            }
            Ok(true)
        });
        read.map_err(|error| schema::failed(&self.connection, "use", &error))?;
        if unreadable {
            return Err(self.damaged("an entry is not readable"));
        }
        for id in ids {
            if !each(&id.to_string())? {
                break;
            }
        }
        Ok(())
    }
}

/// The line as JSON, whatever it holds: PostgreSQL has no text with a NUL.
fn line() -> &'static str {
    r"replace(body, '\u0000', '\ufffd')::json"
}

fn head_of(connection: &Connection) -> Result<Option<Head>, SqlError> {
    let last = connection.first("SELECT seq, hash FROM fastflow_archive.entries ORDER BY seq DESC LIMIT 1", &[])?;
    last.map(|row| Ok(Head { seq: row.try_get(0)?, hash: row.try_get(1)? })).transpose()
}

/// Adds entries that were chained to the last one.
pub(super) fn insert(connection: &Connection, links: Vec<Link>) -> Result<(), SqlError> {
    let sql = "INSERT INTO fastflow_archive.entries (seq, body, hash) \
               SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) AS links (seq, body, hash) ORDER BY seq";
    let (mut numbers, mut bodies, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for Link { seq, body, hash } in links {
        numbers.push(seq);
        bodies.push(body);
        hashes.push(hash);
    }
    connection.execute(sql, &[&numbers, &bodies, &hashes]).map(drop)
}

/// The tables beside the chain.
pub(super) struct PostgresAside {
    connection: Connection,
}

impl PostgresAside {
    /// Opens the schema for writing; makes it where there is none.
    pub(super) fn open(address: &PostgresAddress, data_dir: &Path, host: &str, now: Timestamp) -> Result<Self> {
        let connect_timeout = address.connect_timeout.min(SOON);
        let address = PostgresAddress { connect_timeout, ..address.clone() };
        let connection = schema::open(&address, data_dir, host, now)?;
        Ok(PostgresAside { connection })
    }

    /// Opens a schema that is there, for writing beside the chain.
    pub(super) fn open_existing(address: &PostgresAddress) -> Result<Self> {
        let connection = Connection::open(address, Access::Write, &session_note())?;
        Ok(PostgresAside { connection })
    }

    fn write(&self, sql: &str, values: Values<'_>) -> Result<()> {
        let written = self.connection.execute(sql, values).map(drop);
        written.map_err(|error| schema::failed(&self.connection, "use", &error))
    }
}

impl Aside for PostgresAside {
    fn make_ready(&mut self) -> Result<()> {
        // Of no run, but with the same rights.
        self.remember_read(&[], Timestamp::from_micros(0))
    }

    fn remember_read(&mut self, runs: &[RunId], at: Timestamp) -> Result<()> {
        let sql = "INSERT INTO fastflow_archive.checks (run_id, read_at) SELECT DISTINCT unnest($1::text[]), $2 \
                   ON CONFLICT (run_id) DO UPDATE SET read_at = excluded.read_at";
        let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
        self.write(sql, &[&runs, &at.to_string()])
    }

    fn told(&mut self, command: &str, channel: &str) -> Result<Option<Told>> {
        let sql = "SELECT cause, since, sent_at FROM fastflow_archive.notification_state \
                   WHERE command = $1 AND channel = $2";
        let read = || -> Result<Option<Told>, SqlError> {
            let Some(row) = self.connection.first(sql, &[&command, &channel])? else { return Ok(None) };
            Ok(Some(Told { cause: row.try_get(0)?, since: row.try_get(1)?, sent_at: row.try_get(2)? }))
        };
        read().map_err(|error| schema::failed(&self.connection, "use", &error))
    }

    fn remember_told(&mut self, command: &str, channel: &str, told: &Told) -> Result<()> {
        let sql = "INSERT INTO fastflow_archive.notification_state (command, channel, cause, since, sent_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (command, channel) \
                   DO UPDATE SET cause = excluded.cause, since = excluded.since, sent_at = excluded.sent_at";
        let Told { cause, since, sent_at } = told;
        self.write(sql, &[&command, &channel, cause, since, sent_at])
    }

    fn forget_told(&mut self, command: &str, channel: &str) -> Result<()> {
        let sql = "DELETE FROM fastflow_archive.notification_state WHERE command = $1 AND channel = $2";
        self.write(sql, &[&command, &channel])
    }
}
