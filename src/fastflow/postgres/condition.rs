//! How it stands with a PostgreSQL database: version, zone of its times, columns, tables that refer to runs.
//!
//! In: a connection, the columns of `pipeline_runs`. Out: [`Condition`]. Changes nothing.

use super::super::store::{Condition, KNOWN_COLUMNS, LastAudit};
use super::connection::{Connection, SqlError};
use super::schema::{Columns, Form, Instant};

/// Reads it.
pub(super) fn read(connection: &Connection, runs: &Columns) -> Result<Condition, SqlError> {
    let setting = |name: &str| -> Result<String, SqlError> {
        let row = connection.first("SELECT current_setting($1)", &[&name])?;
        row.map_or_else(|| Ok(String::new()), |row| row.try_get(0))
    };
    let zone = setting("TimeZone")?;
    let time = |name: &str| match runs.get(name).map(|column| column.form) {
        Some(Form::NaiveTime) => format!("{name} is wall time of {zone}"),
        _ => format!("{name} has a zone"),
    };
    let sql = "SELECT DISTINCT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' \
               AND confrelid = to_regclass('pipeline_runs') \
               AND conrelid IS DISTINCT FROM to_regclass('run_cell_logs')::oid ORDER BY 1";
    let unknown_children = connection.query(sql, &[])?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let missing = KNOWN_COLUMNS.iter().filter(|name| runs.get(name).is_none());
    let unknown = runs.0.iter().filter(|column| !KNOWN_COLUMNS.contains(&column.name.as_str()));
    Ok(Condition {
        engine: format!("PostgreSQL {}", setting("server_version")?),
        time_zone: format!("{}, {}", time("started_at"), time("finished_at")),
        missing_columns: missing.map(|name| (*name).to_owned()).collect(),
        unknown_columns: unknown.map(|column| column.name.clone()).collect(),
        unknown_children,
        last_audit: last_audit(connection)?,
    })
}

/// Hidden where the role may only add to the audit page, as the README grants it.
fn last_audit(connection: &Connection) -> Result<LastAudit, SqlError> {
    let may = "SELECT has_table_privilege(to_regclass('audit_log'), 'SELECT')";
    let row = connection.first(may, &[])?;
    match row.map_or(Ok(None), |row| row.try_get::<_, Option<bool>>(0))? {
        Some(true) => {}
        Some(false) => return Ok(LastAudit::Hidden),
        // There is no such table.
        None => return Ok(LastAudit::Nothing),
    }
    let sql = "SELECT created_at::timestamptz, details::json ->> 'ledger_head' FROM audit_log \
               WHERE action = 'log_archive_cleanup' AND resource_id = 'fastflow-archive' ORDER BY created_at DESC LIMIT 1";
    let Some(row) = connection.first(sql, &[])? else { return Ok(LastAudit::Nothing) };
    let (Instant(at), head): (Instant, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(at.zip(head).into())
}
