//! How it stands with a SQLite database: version, journal mode, columns, tables that refer to runs.
//!
//! In: a connection. Out: [`Condition`]. Changes no byte of the database.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::super::store::{Condition, KNOWN_COLUMNS};
use super::BUSY_TIMEOUT;
use crate::time::Timestamp;

/// A person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads it; `columns` are those of `pipeline_runs`.
pub(super) fn read(connection: &Connection, columns: &[String], has_audit: bool) -> rusqlite::Result<Condition> {
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let sql = "SELECT DISTINCT m.name FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f \
               WHERE m.type = 'table' AND f.\"table\" = 'pipeline_runs' COLLATE NOCASE AND m.name <> 'run_cell_logs' ORDER BY 1";
    let mut statement = connection.prepare(sql)?;
    let unknown_children = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let is_there = |name: &&str| columns.iter().any(|column| column == name);
    let is_known = |column: &&String| KNOWN_COLUMNS.contains(&column.as_str());
    Ok(Condition {
        engine: format!("SQLite {}, journal mode {journal}", rusqlite::version()),
        time_zone: "UTC text".to_owned(),
        missing_columns: KNOWN_COLUMNS.iter().filter(|name| !is_there(name)).map(|name| (*name).to_owned()).collect(),
        unknown_columns: columns.iter().filter(|column| !is_known(column)).cloned().collect(),
        unknown_children,
        last_audit: if has_audit { last_audit(connection)? } else { None }.into(),
    })
}

fn last_audit(connection: &Connection) -> rusqlite::Result<Option<(Timestamp, String)>> {
    let sql = "SELECT created_at, json_extract(details, '$.ledger_head') FROM audit_log \
               WHERE action = 'log_archive_cleanup' AND resource_id = 'fastflow-archive' AND json_valid(details) \
               ORDER BY created_at DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?));
    let found = connection.query_row(sql, [], read).optional()?;
    Ok(found.and_then(|(at, head)| Some((Timestamp::from_sqlite(&at)?, head?))))
}

/// Takes the write lock and lets go of it.
pub(super) fn try_write(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    let tried = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|lock| lock.rollback());
    connection.busy_timeout(BUSY_TIMEOUT)?;
    tried
}
