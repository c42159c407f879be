//! Rows of SQLite as values of ours: a run, a whole record, a text.
//!
//! In: rows. Out: [`Run`], [`Record`], or what could not be read. Opens no transaction; the caller does.

use std::io::Write;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::super::names::Names;
use super::super::record::{Cell, Record, RecordBuilder};
use super::super::store::RowError;
use crate::error::{Error, Kind, Result};
use crate::run::{Run, RunId, Standing, Status};
use crate::time::Timestamp;

fn cell_of(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(bytes) => Cell::Text(bytes),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}

/// A text that need not be UTF-8.
fn bytes_of(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) => Some(bytes),
        _ => None,
    }
}

pub(super) fn text_of(value: ValueRef<'_>) -> Option<&str> {
    bytes_of(value).and_then(|bytes| std::str::from_utf8(bytes).ok())
}

pub(super) fn id_of(value: ValueRef<'_>) -> Option<RunId> {
    bytes_of(value).and_then(RunId::from_ascii)
}

fn time_of(value: ValueRef<'_>) -> Option<Timestamp> {
    bytes_of(value).and_then(Timestamp::from_sqlite)
}

/// The form of a value that does not depend on the database: ids with dashes, times in RFC 3339.
fn portable(column: &str, value: ValueRef<'_>) -> Option<String> {
    match column {
        "id" | "run_id" => id_of(value).map(|id| id.to_string()),
        "started_at" | "finished_at" => time_of(value).map(|time| time.to_string()),
        _ => None,
    }
}

/// Reads the six columns of the scan; `None` where the run is readable and not wanted.
pub(super) fn read_run(
    row: &Row<'_>,
    names: &mut Names,
    wanted: &dyn Fn(&Standing) -> bool,
) -> rusqlite::Result<Option<Result<Run, RowError>>> {
    let [id, pipeline, status] = [row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?];
    let [started_at, finished_at] = [row.get_ref(4)?, row.get_ref(5)?];
    let run_id = id_of(id);
    let unreadable = |column: &str, value: ValueRef<'_>| {
        let shown = match value {
            ValueRef::Null => "NULL".to_owned(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(bytes) => format!("`{}`", String::from_utf8_lossy(bytes).escape_debug()),
            ValueRef::Blob(bytes) => format!("{} bytes of binary data", bytes.len()),
        };
        let shown: String = shown.chars().take(80).collect();
        let message = format!(
            "read row {}: `{column}` is {shown}",
            row.get_ref(0).ok().and_then(|id| id.as_i64().ok()).unwrap_or(0)
        );
        let error =
            Error::new(Kind::UnreadableRow, message).hint("the run is left alone; correct the row in the database");
        Ok(Some(Err(RowError { id: run_id, pipeline: text_of(pipeline).map(str::to_owned), error })))
    };
    let Some(run_id) = run_id else { return unreadable("id", id) };
    let Some(pipeline_name) = text_of(pipeline) else { return unreadable("pipeline_name", pipeline) };
    let Some(status_label) = text_of(status) else { return unreadable("status", status) };
    let Some(start) = time_of(started_at) else { return unreadable("started_at", started_at) };
    let end = match finished_at {
        ValueRef::Null => None,
        value => match time_of(value) {
            Some(end) => Some(end),
            None => return unreadable("finished_at", value),
        },
    };
    let standing = Standing { status: Status::from_label(status_label), started_at: start, finished_at: end };
    if !wanted(&standing) {
        return Ok(None);
    }
    let Standing { status, started_at, finished_at } = standing;
    let pipeline = names.shared(pipeline_name);
    Ok(Some(Ok(Run { id: run_id, pipeline, status, started_at, finished_at, position: row.get(0)? })))
}

/// Ids are stored as 32 hex digits without dashes; a hand-made row may have dashes or capitals.
///
/// Statements take one form after the other: for a list of forms, SQLite makes a table each time.
pub(super) fn id_forms(id: &RunId) -> [String; 4] {
    let (simple, dashed) = (id.simple(), id.to_string());
    let (simple_capitals, dashed_capitals) = (simple.to_ascii_uppercase(), dashed.to_ascii_uppercase());
    [simple, dashed, simple_capitals, dashed_capitals]
}

/// Reads the row of a run under whichever form of its id it has; `sql` takes a form.
pub(super) fn find_by_id<T>(
    connection: &Connection,
    sql: &str,
    id: &RunId,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    for form in id_forms(id) {
        if let Some(found) = statement.query_row([form], &mut read).optional()? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads row and cells; the caller chooses the transaction, and knows whether there is a table for cells.
pub(super) fn read_record(
    connection: &Connection,
    id: &RunId,
    has_cells: bool,
    cells: &mut dyn Write,
) -> rusqlite::Result<Option<(Record, Status)>> {
    let mut builder = RecordBuilder::default();
    let sql = "SELECT * FROM pipeline_runs WHERE id = ?1";
    let status = find_by_id(connection, sql, id, |row| read_columns(row, &mut builder))?;
    let Some(status) = status else { return Ok(None) };
    if has_cells {
        let mut of_cells =
            connection.prepare_cached("SELECT * FROM run_cell_logs WHERE run_id = ?1 ORDER BY cell_index")?;
        for form in id_forms(id) {
            let mut rows = of_cells.query([form])?;
            while let Some(row) = rows.next()? {
                read_cell(row, &mut builder, cells)?;
            }
        }
    }
    Ok(Some((builder.finish(), status)))
}

/// Gives all columns of a run's row to the builder; the result is the run's status.
fn read_columns(row: &Row<'_>, builder: &mut RecordBuilder) -> rusqlite::Result<Status> {
    let mut status = Status::Unknown;
    for index in 0..row.as_ref().column_count() {
        let (name, value) = (row.as_ref().column_name(index)?, row.get_ref(index)?);
        if name == "status" {
            status = text_of(value).map_or(Status::Unknown, Status::from_label);
        }
        builder.column(name, cell_of(value), portable(name, value));
    }
    Ok(status)
}

/// Gives a row of `run_cell_logs` to the builder, which writes it into `cells`.
fn read_cell(row: &Row<'_>, builder: &mut RecordBuilder, cells: &mut dyn Write) -> rusqlite::Result<()> {
    let column = |index| rusqlite::Result::Ok((row.as_ref().column_name(index)?, row.get_ref(index)?));
    let columns = (0..row.as_ref().column_count()).map(column).collect::<rusqlite::Result<Vec<_>>>()?;
    let columns = columns.into_iter().map(|(name, value)| (name, cell_of(value), portable(name, value)));
    builder.cell_row(columns, cells).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
